/* The row of lists, seen by SQL: the views of a trace give back what was told, whatever the numbers are. */
#include "tests/unit/core_trace/sample.h"

#include <rondo/rng.h>
#include <sqlite3.h>

TestSuite(details, .init = sample_setup, .fini = sample_teardown);

enum { MOST = 2100 /* above 2048: numbers have two digits in the views */, ROUNDS = 24 };

static struct trace_block block[MOST];
static struct trace_task task[MOST];
static struct trace_conflict conflict[MOST];
static int64_t variable[MOST], other[MOST];
static double real[MOST], more[MOST];

/* The next of a sequence that the trial begins, of up to `bits` bits and a sign. */
static int64_t draw(uint64_t trial, int bits)
{
    static uint64_t next;
    return (int64_t)rondo_rng_pair(7, trial, 1, next++).a >> (64 - bits);
}

/* Any double but what is no number: bits at random, and those where something begins or ends. */
static double any_real(uint64_t trial)
{
    static const double edges[] = { 0, -0.0, 0x1p-1074, -0x1p-1074, 0x1p-1022, 0x1.fffffffffffffp-1023, 0x1.fffffffffffffp1023,
                                    (double)INFINITY, -(double)INFINITY, 1, -1, 0.1 };
    uint64_t bits = (uint64_t)draw(trial, 64);
    double value;
    memcpy(&value, &bits, sizeof value);
    return bits % 4 == 0 || isnan(value) ? edges[bits / 4 % (sizeof edges / sizeof *edges)] : value;
}

/* A round whose numbers take as many bits as the trial says, and are all the same in some. */
static struct trace_round make(uint64_t trial)
{
    static const int widths[] = { 8, 16, 32, 52, 9, 31 };
    int bits = widths[trial % 6], small = bits > 32 ? 32 : bits;
    int32_t count = trial == 3 ? MOST : 1 + (int32_t)(trial % 5) * 3;
    int64_t begin_ns = 1000 * (int64_t)trial;
    bool even = trial % 4 == 1;
    for (int32_t i = 0; i < count; i++) {
        variable[i] = draw(trial, bits);
        other[i] = draw(trial, bits);
        real[i] = even ? 0.25 : any_real(trial);
        more[i] = any_real(trial);
        block[i] = (struct trace_block){ i, i % 3, real[i], i % 5 == 4 ? NULL : variable };
        task[i] = (struct trace_task){
            .phase = (int32_t)draw(trial, small), .block = i, .shard = even ? -1 : (int32_t)draw(trial, small),
            .worker = (int32_t)draw(trial, small), .tag = (uint32_t)draw(trial, 32), .work = (enum trace_work)(i % 4),
            .sent_ns = begin_ns + draw(trial, bits), .done_ns = draw(trial, bits), .run_ns = draw(trial, bits),
        };
        conflict[i] = (struct trace_conflict){ variable[i], other[i], real[i], (int64_t)trial - i % 3, i % 2 == 0 };
    }
    return (struct trace_round){ .round = (int64_t)trial + 1, .kind = "sampled", .note = "", .begin_ns = begin_ns,
                                 .blocks = count, .block = block, .tasks = count, .task = task, .conflicts = count,
                                 .conflict = conflict, .draws = count, .draw = variable, .weight = real,
                                 .moves = count, .move = other, .delta = more };
}

static sqlite3 *db;

static sqlite3_stmt *ask(const char *sql, int64_t round)
{
    sqlite3_stmt *row = NULL;
    cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &row, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
    sqlite3_bind_int64(row, 1, round);
    return row;
}

static void expect_real(sqlite3_stmt *row, int column, double want)
{
    double got = sqlite3_column_double(row, column);
    cr_assert_eq(memcmp(&got, &want, sizeof got), 0, "%a is seen as %a", want, got);
}

static void expect_whole(sqlite3_stmt *row, int first, const int64_t *want, int count)
{
    for (int c = 0; c < count; c++)
        cr_assert_eq(sqlite3_column_int64(row, first + c), want[c], "%s: column %d is %lld, not %lld", sqlite3_sql(row), first + c,
                     (long long)sqlite3_column_int64(row, first + c), (long long)want[c]);
}

static void see_blocks(const struct trace_round *round)
{
    sqlite3_stmt *row = ask("SELECT block, count, cost, variables FROM blocks WHERE round = ?", round->round);
    for (int32_t i = 0; i < round->blocks; i++) {
        cr_assert_eq(sqlite3_step(row), SQLITE_ROW);
        expect_whole(row, 0, (const int64_t[]){ block[i].block, block[i].count }, 2);
        expect_real(row, 2, block[i].cost);
        cr_assert_eq(sqlite3_column_type(row, 3), block[i].variables ? SQLITE_BLOB : SQLITE_NULL);
    }
    cr_assert_eq(sqlite3_step(row), SQLITE_DONE);
    sqlite3_finalize(row);
    row = ask("SELECT block, position, variable FROM block_variables WHERE round = ?", round->round);
    for (int32_t i = 0; i < round->blocks; i++)
        for (int64_t k = 0; block[i].variables && k < block[i].count; k++) {
            cr_assert_eq(sqlite3_step(row), SQLITE_ROW);
            expect_whole(row, 0, (const int64_t[]){ i, k, variable[k] }, 3);
        }
    cr_assert_eq(sqlite3_step(row), SQLITE_DONE);
    sqlite3_finalize(row);
}

static void see_tasks(const struct trace_round *round)
{
    sqlite3_stmt *row = ask("SELECT place, phase, tag, work, block, shard, worker, sent_ns, done_ns, run_ns FROM tasks"
                            " WHERE round = ?", round->round);
    for (int32_t i = 0; i < round->tasks; i++) {
        const struct trace_task *t = &task[i];
        cr_assert_eq(sqlite3_step(row), SQLITE_ROW);
        expect_whole(row, 0, (const int64_t[]){ i, t->phase, t->tag, t->work, t->block, t->shard, t->worker, t->sent_ns,
                                                t->done_ns, t->run_ns }, 10);
    }
    cr_assert_eq(sqlite3_step(row), SQLITE_DONE);
    sqlite3_finalize(row);
}

static void see_conflicts(const struct trace_round *round)
{
    sqlite3_stmt *row = ask("SELECT place, candidate, other, other_round, joined, coupling FROM conflicts WHERE round = ?",
                            round->round);
    for (int32_t i = 0; i < round->conflicts; i++) {
        const struct trace_conflict *c = &conflict[i];
        cr_assert_eq(sqlite3_step(row), SQLITE_ROW);
        expect_whole(row, 0, (const int64_t[]){ i, c->candidate, c->other, c->other_round, c->joined }, 5);
        expect_real(row, 5, c->coupling);
    }
    cr_assert_eq(sqlite3_step(row), SQLITE_DONE);
    sqlite3_finalize(row);
}

Test(details, views_give_back_what_was_told)
{
    struct trace_writer *writer = sample_writer(TRACE_ALL, -1);
    for (uint64_t trial = 0; trial < ROUNDS; trial++) {
        const struct trace_round round = make(trial);
        cr_assert_eq(trace_write(writer, &round, NULL), RONDO_OK);
        cr_assert_eq(trace_flush(writer, NULL), RONDO_OK);
        cr_assert_eq(sqlite3_open(sample_file, &db), SQLITE_OK);
        see_blocks(&round);
        see_tasks(&round);
        see_conflicts(&round);
        sqlite3_close(db);
    }
    cr_assert_eq(trace_close(writer, NULL), RONDO_OK);
}

static int count_nan(void *context, int64_t round, const struct trace_conflict *got)
{
    (void)round;
    *(int *)context += isnan(got->coupling);
    return 0;
}

Test(details, what_is_no_number_is_null)
{
    struct trace_writer *writer = sample_writer(TRACE_ALL, -1);
    for (int64_t n = 1; n <= 2; n++) { /* of all conflicts, of one */
        const struct trace_conflict pair[] = { { 1, 2, (double)NAN, n, false }, { 3, 4, n == 1 ? (double)NAN : 0.5, n, false } };
        struct trace_round round = { .round = n, .kind = "sampled", .note = "", .conflict = pair, .conflicts = 2 };
        cr_assert_eq(trace_write(writer, &round, NULL), RONDO_OK);
    }
    cr_assert_eq(trace_close(writer, NULL), RONDO_OK);
    cr_assert_eq(sqlite3_open(sample_file, &db), SQLITE_OK);
    sqlite3_stmt *row = ask("SELECT count(*), count(coupling), max(coupling) FROM conflicts", 0);
    cr_assert_eq(sqlite3_step(row), SQLITE_ROW);
    expect_whole(row, 0, (const int64_t[]){ 4, 1 }, 2);
    expect_real(row, 2, 0.5);
    sqlite3_finalize(row);
    sqlite3_close(db);
    int count = 0;
    struct trace_reader *reader = sample_reader();
    cr_assert_eq(reader_conflicts(reader, sample_all, count_nan, &count, NULL), RONDO_OK);
    cr_assert_eq(count, 3);
    reader_close(reader);
}

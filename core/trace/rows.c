#include "core/trace/rows.h"

#include "core/base/mem.h"

#include <assert.h>
#include <string.h>

enum { BLOB_BYTES = 64 * 1024 };

/* Rows of a table that a round has many of go in by eight, which costs two thirds.  FAIL spares SQLite the
 * means to undo a statement: one that fails is the end of the transaction. */
#define EIGHT(row) row "," row "," row "," row "," row "," row "," row "," row
#define TASK_ROW "(?,?,?,?,?,?,?,?,?,?,?)"
#define CONFLICT_ROW "(?,?,?,?,?,?,?)"

enum { TOGETHER = 8 };

static const char *const insert_sql[ROWS_INSERTS] = {
    [ROWS_ROUND] = "INSERT INTO rounds VALUES"
                   " (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [ROWS_BLOCK] = "INSERT INTO blocks VALUES (?,?,?,?,?)",
    [ROWS_TASK] = "INSERT INTO tasks VALUES " TASK_ROW,
    [ROWS_TASKS] = "INSERT OR FAIL INTO tasks VALUES " EIGHT(TASK_ROW),
    [ROWS_CONFLICT] = "INSERT INTO conflicts VALUES " CONFLICT_ROW,
    [ROWS_CONFLICTS] = "INSERT OR FAIL INTO conflicts VALUES " EIGHT(CONFLICT_ROW),
    [ROWS_DRAWS] = "INSERT INTO draws VALUES (?,?,?,?)",
    [ROWS_MOVES] = "INSERT INTO moves VALUES (?,?,?,?)",
    [ROWS_REPORT] = "REPLACE INTO reports VALUES (?,?,?,?,?)",
    [ROWS_PART] = "REPLACE INTO parts VALUES (?,?,?,?,?,?)",
    [ROWS_CELL] = "REPLACE INTO cells VALUES (?,?,?)",
};

int rows_init(struct rows *rows, sqlite3 *db, enum trace_level level)
{
    int rc = SQLITE_OK;
    *rows = (struct rows){ .level = level };
    if (level >= TRACE_BLOCKS && buf_reserve(&rows->blob, BLOB_BYTES))
        return SQLITE_NOMEM;
    for (int i = 0; i < ROWS_INSERTS && rc == SQLITE_OK; i++)
        rc = sqlite3_prepare_v3(db, insert_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                                &rows->insert[i], NULL);
    return rc;
}

void rows_fini(struct rows *rows)
{
    for (int i = 0; i < ROWS_INSERTS; i++)
        sqlite3_finalize(rows->insert[i]);
    buf_fini(&rows->blob);
    buf_fini(&rows->reals);
    *rows = (struct rows){ 0 };
}

static int run(struct rows *rows, enum rows_insert which)
{
    sqlite3_step(rows->insert[which]);
    rows->count++;
    return sqlite3_reset(rows->insert[which]);
}

/* Binding to a prepared statement cannot fail: no text or blob is copied.  NaN is bound as NULL. */
static int insert_round(struct rows *rows, const struct trace_round *round)
{
    sqlite3_stmt *row = rows->insert[ROWS_ROUND];
    sqlite3_bind_int64(row, 1, round->round);
    sqlite3_bind_text(row, 2, round->kind, -1, SQLITE_STATIC);
    sqlite3_bind_int(row, 3, round->phases);
    sqlite3_bind_int(row, 4, round->blocks);
    sqlite3_bind_int(row, 5, round->staleness);
    sqlite3_bind_int64(row, 6, round->wanted);
    sqlite3_bind_int64(row, 7, round->drawn);
    sqlite3_bind_int64(row, 8, round->refused);
    sqlite3_bind_int64(row, 9, round->taken);
    sqlite3_bind_int64(row, 10, round->joined);
    sqlite3_bind_int64(row, 11, round->updates);
    sqlite3_bind_int64(row, 12, round->pairs_needed);
    sqlite3_bind_int64(row, 13, round->pairs_computed);
    sqlite3_bind_int64(row, 14, round->coupled_pairs);
    sqlite3_bind_double(row, 15, round->weight_sum);
    sqlite3_bind_double(row, 16, round->weight_taken);
    sqlite3_bind_double(row, 17, round->cost_max);
    sqlite3_bind_double(row, 18, round->cost_mean);
    sqlite3_bind_double(row, 19, round->objective);
    sqlite3_bind_int64(row, 20, round->plan_ns);
    sqlite3_bind_int64(row, 21, round->push_ns);
    sqlite3_bind_int64(row, 22, round->commit_ns);
    sqlite3_bind_int64(row, 23, round->run_ns);
    sqlite3_bind_int64(row, 24, round->pull_ns);
    sqlite3_bind_int64(row, 25, round->network_ns);
    sqlite3_bind_int64(row, 26, round->couple_ns);
    sqlite3_bind_int64(row, 27, round->begin_ns);
    sqlite3_bind_int64(row, 28, round->end_ns);
    sqlite3_bind_text(row, 29, round->note, -1, SQLITE_STATIC);
    return run(rows, ROWS_ROUND);
}

/* Little-endian integers of 4 bytes where every one fits in an int32, else of 8, bound to a place. */
static int bind_integers(struct rows *rows, sqlite3_stmt *row, int place, const int64_t *values,
                         int64_t count)
{
    struct rondo_buf *blob = &rows->blob;
    uint64_t all = 0;
    for (int64_t i = 0; i < count; i++)
        all |= (uint64_t)values[i];
    int width = all <= INT32_MAX ? 4 : 8;
    if (buf_reserve(blob, (size_t)count * (size_t)width + 1))
        return SQLITE_NOMEM;
    unsigned char *out = blob->data;
    for (int64_t i = 0; i < count; i++) {
        for (int shift = 0; shift < 8 * width; shift += 8)
            *out++ = (unsigned char)((uint64_t)values[i] >> shift);
    }
    return sqlite3_bind_blob64(row, place, blob->data, (size_t)count * (size_t)width, SQLITE_STATIC);
}

/* Likewise doubles, 8 bytes each. */
static int bind_reals(struct rows *rows, sqlite3_stmt *row, int place, const double *values,
                      int64_t count)
{
    if (buf_reserve(&rows->reals, (size_t)count * 8 + 1))
        return SQLITE_NOMEM;
    unsigned char *out = rows->reals.data;
    for (int64_t i = 0; i < count; i++) {
        uint64_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        for (int shift = 0; shift < 64; shift += 8)
            *out++ = (unsigned char)(bits >> shift);
    }
    return sqlite3_bind_blob64(row, place, rows->reals.data, (size_t)count * 8, SQLITE_STATIC);
}

static int insert_block(struct rows *rows, int64_t round, const struct trace_block *block)
{
    sqlite3_stmt *row = rows->insert[ROWS_BLOCK];
    sqlite3_bind_int64(row, 1, round);
    sqlite3_bind_int(row, 2, block->block);
    sqlite3_bind_int64(row, 3, block->count);
    sqlite3_bind_double(row, 4, block->cost);
    int rc = block->variables ? bind_integers(rows, row, 5, block->variables, block->count)
                              : sqlite3_bind_null(row, 5);
    return rc == SQLITE_OK ? run(rows, ROWS_BLOCK) : rc;
}

/* The place-th of a round; `at`: the parameters before it. */
static int bind_task(sqlite3_stmt *row, int at, int64_t round, int32_t place, const struct trace_task *task)
{
    sqlite3_bind_int64(row, at + 1, round);
    sqlite3_bind_int(row, at + 2, place);
    sqlite3_bind_int(row, at + 3, task->phase);
    sqlite3_bind_int64(row, at + 4, task->tag);
    sqlite3_bind_int(row, at + 5, (int)task->work);
    sqlite3_bind_int(row, at + 6, task->block);
    sqlite3_bind_int(row, at + 7, task->shard);
    sqlite3_bind_int(row, at + 8, task->worker);
    sqlite3_bind_int64(row, at + 9, task->sent_ns);
    sqlite3_bind_int64(row, at + 10, task->done_ns);
    sqlite3_bind_int64(row, at + 11, task->run_ns);
    return at + 11;
}

static int bind_conflict(sqlite3_stmt *row, int at, int64_t round, int32_t place,
                         const struct trace_conflict *conflict)
{
    sqlite3_bind_int64(row, at + 1, round);
    sqlite3_bind_int(row, at + 2, place);
    sqlite3_bind_int64(row, at + 3, conflict->candidate);
    sqlite3_bind_int64(row, at + 4, conflict->other);
    sqlite3_bind_double(row, at + 5, conflict->coupling);
    sqlite3_bind_int64(row, at + 6, conflict->other_round);
    sqlite3_bind_int(row, at + 7, conflict->joined);
    return at + 7;
}

/* How many rows go in next, and by which statement: `one`, or the one behind it. */
static int32_t together(int32_t left, enum rows_insert one, enum rows_insert *which)
{
    *which = left >= TOGETHER ? one + 1 : one;
    return left >= TOGETHER ? TOGETHER : 1;
}

static int insert_tasks(struct rows *rows, const struct trace_round *round)
{
    enum rows_insert which;
    int rc = SQLITE_OK;
    for (int32_t i = 0, end; round->task && i < round->tasks && rc == SQLITE_OK; i = end) {
        end = i + together(round->tasks - i, ROWS_TASK, &which);
        for (int32_t k = i, at = 0; k < end; k++)
            at = bind_task(rows->insert[which], at, round->round, k, &round->task[k]);
        rc = run(rows, which);
        rows->count += end - i - 1;
    }
    return rc;
}

static int insert_conflicts(struct rows *rows, const struct trace_round *round)
{
    enum rows_insert which;
    int rc = SQLITE_OK;
    for (int32_t i = 0, end; round->conflict && i < round->conflicts && rc == SQLITE_OK; i = end) {
        end = i + together(round->conflicts - i, ROWS_CONFLICT, &which);
        for (int32_t k = i, at = 0; k < end; k++)
            at = bind_conflict(rows->insert[which], at, round->round, k, &round->conflict[k]);
        rc = run(rows, which);
        rows->count += end - i - 1;
    }
    return rc;
}

/* Variables and a number for each: what was drawn, what moved. */
static int insert_numbers(struct rows *rows, enum rows_insert which, int64_t round, int64_t count,
                          const int64_t *variables, const double *numbers)
{
    sqlite3_stmt *row = rows->insert[which];
    sqlite3_bind_int64(row, 1, round);
    sqlite3_bind_int64(row, 2, count);
    int rc = bind_integers(rows, row, 3, variables, count);
    if (rc == SQLITE_OK)
        rc = bind_reals(rows, row, 4, numbers, count);
    return rc == SQLITE_OK ? run(rows, which) : rc;
}

/* What TRACE_ALL adds. */
static int insert_why(struct rows *rows, const struct trace_round *round)
{
    int rc = insert_conflicts(rows, round);
    if (rc == SQLITE_OK && round->draws > 0)
        rc = insert_numbers(rows, ROWS_DRAWS, round->round, round->draws, round->draw, round->weight);
    if (rc == SQLITE_OK && round->moves > 0)
        rc = insert_numbers(rows, ROWS_MOVES, round->round, round->moves, round->move, round->delta);
    return rc;
}

int rows_put(struct rows *rows, const struct trace_round *round)
{
    assert(round->kind && round->note);
    int rc = insert_round(rows, round);
    if (rows->level < TRACE_BLOCKS)
        return rc;
    for (int32_t i = 0; round->block && i < round->blocks && rc == SQLITE_OK; i++)
        rc = insert_block(rows, round->round, &round->block[i]);
    if (rc == SQLITE_OK)
        rc = insert_tasks(rows, round);
    return rc == SQLITE_OK && rows->level >= TRACE_ALL ? insert_why(rows, round) : rc;
}

int rows_put_part(struct rows *rows, const struct trace_part *part)
{
    static const char *const kinds[] = { "block", "shard", "chunk" };
    sqlite3_stmt *row = rows->insert[ROWS_PART];
    sqlite3_bind_text(row, 1, kinds[part->kind], -1, SQLITE_STATIC);
    sqlite3_bind_int64(row, 2, part->tag);
    sqlite3_bind_int(row, 3, part->part);
    sqlite3_bind_text(row, 4, part->columns ? "column" : "row", -1, SQLITE_STATIC);
    sqlite3_bind_int64(row, 5, part->count);
    int rc = bind_integers(rows, row, 6, part->members, part->count);
    return rc == SQLITE_OK ? run(rows, ROWS_PART) : rc;
}

int rows_put_cell(struct rows *rows, const struct trace_cell *cell)
{
    sqlite3_stmt *row = rows->insert[ROWS_CELL];
    sqlite3_bind_int(row, 1, cell->block);
    sqlite3_bind_int(row, 2, cell->shard);
    sqlite3_bind_double(row, 3, cell->cost);
    return run(rows, ROWS_CELL);
}

int rows_put_report(struct rows *rows, const struct trace_report *report)
{
    sqlite3_stmt *row = rows->insert[ROWS_REPORT];
    int rc = SQLITE_OK;
    sqlite3_bind_int64(row, 1, report->round);
    sqlite3_bind_int64(row, 3, report->at_ns);
    for (int32_t i = 0; i < report->count && rc == SQLITE_OK; i++) {
        sqlite3_bind_int(row, 2, i);
        sqlite3_bind_text(row, 4, report->key[i], -1, SQLITE_STATIC);
        sqlite3_bind_double(row, 5, report->value[i]);
        rc = run(rows, ROWS_REPORT);
    }
    return rc;
}

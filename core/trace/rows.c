#include "core/trace/rows.h"

#include "core/base/mem.h"
#include "core/trace/details.h"

#include <assert.h>
#include <string.h>

enum {
    FIRST_BYTES = 64 * 1024,
    ROW_BYTES = 512, /* of lists, as dear to commit as a row */
};

static const char *const insert_sql[ROWS_INSERTS] = {
    [ROWS_ROUND] = "INSERT INTO rounds VALUES"
                   " (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [ROWS_DETAILS] = "INSERT INTO details VALUES"
                     " (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [ROWS_REPORT] = "REPLACE INTO reports VALUES (?,?,?,?,?)",
    [ROWS_PART] = "REPLACE INTO parts VALUES (?,?,?,?,?,?)",
    [ROWS_CELL] = "REPLACE INTO cells VALUES (?,?,?)",
};

/* Where the columns of `details` begin. */
enum {
    AT_ROUND = 1, AT_BEGIN, AT_BLOCKS, AT_VARIABLES, AT_TASKS, AT_CONFLICTS, AT_DRAWS, AT_MOVES,
    AT_BLOCK_LISTS,
    AT_BLOCK_COST = AT_BLOCK_LISTS + BLOCK_LISTS, AT_VARIABLE,
    AT_TASK_LISTS,
    AT_CONFLICT_LISTS = AT_TASK_LISTS + TASK_LISTS,
    AT_COUPLING = AT_CONFLICT_LISTS + CONFLICT_LISTS,
    AT_DRAW, AT_WEIGHT, AT_MOVE, AT_DELTA,
};

int rows_init(struct rows *rows, sqlite3 *db, enum trace_level level)
{
    int rc = SQLITE_OK;
    *rows = (struct rows){ .level = level };
    if (level >= TRACE_BLOCKS && buf_reserve(&rows->bytes, FIRST_BYTES))
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
    buf_fini(&rows->lists);
    buf_fini(&rows->bytes);
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

/* ---- lists: packed behind each other in rows->bytes, which has room for a row's, and bound from there --------------- */

/* `even`: numbers that are all the same are bound as one. */
static void bind_list(struct rows *rows, sqlite3_stmt *row, int place, const int64_t *values, int64_t count, bool even)
{
    bool same;
    int width = lists_width(values, count, &same);
    if (same && even) {
        sqlite3_bind_int64(row, place, values[0]);
        return;
    }
    unsigned char *out = rows->bytes.data + rows->bytes.size;
    lists_pack(values, count, width, out);
    rows->bytes.size += (size_t)(count * width);
    sqlite3_bind_blob64(row, place, out, (sqlite3_uint64)(count * width), SQLITE_STATIC);
}

/* Likewise doubles: the same are those of the same bits. */
static void bind_reals(struct rows *rows, sqlite3_stmt *row, int place, const double *values, int64_t count)
{
    unsigned char *out = rows->bytes.data + rows->bytes.size;
    size_t size = (size_t)count * sizeof *values;
    memcpy(out, values, size);
    if (memcmp(out, out + sizeof *values, size - sizeof *values) == 0) {
        sqlite3_bind_double(row, place, values[0]);
        return;
    }
    rows->bytes.size += size;
    sqlite3_bind_blob64(row, place, out, size, SQLITE_STATIC);
}

static int64_t *lists(const struct rows *rows)
{
    return (int64_t *)(void *)rows->lists.data;
}

/* The lists of one kind, `many` of them behind each other; the first is never a number (docs/formats/trace.md). */
static void bind_lists(struct rows *rows, sqlite3_stmt *row, int place, int many, int64_t count)
{
    for (int k = 0; k < many; k++)
        bind_list(rows, row, place + k, lists(rows) + k * count, count, k > 0);
}

/* ---- the details of a round ---------------------------------------------------------------------------------------- */

static void bind_blocks(struct rows *rows, sqlite3_stmt *row, const struct trace_round *round, int64_t variables)
{
    int64_t *list = lists(rows), count = round->blocks, first = 0;
    double *cost = (double *)(list + BLOCK_LISTS * count);
    for (int64_t i = 0; i < count; i++) {
        const struct trace_block *block = &round->block[i];
        list[BLOCK_NUMBER * count + i] = block->block;
        list[BLOCK_COUNT * count + i] = block->count;
        list[BLOCK_FIRST * count + i] = block->variables ? first : -1;
        cost[i] = block->cost;
        first += block->variables ? block->count : 0;
    }
    bind_lists(rows, row, AT_BLOCK_LISTS, BLOCK_LISTS, count);
    bind_reals(rows, row, AT_BLOCK_COST, cost, count);
    sqlite3_bind_int64(row, AT_VARIABLES, variables);
    if (variables == 0)
        return;
    for (int64_t i = 0, at = 0; i < count; i++) {
        const struct trace_block *block = &round->block[i];
        if (block->variables && block->count)
            memcpy(list + at, block->variables, (size_t)block->count * sizeof *list);
        at += block->variables ? block->count : 0;
    }
    bind_list(rows, row, AT_VARIABLE, list, variables, false);
}

static void bind_tasks(struct rows *rows, sqlite3_stmt *row, const struct trace_round *round)
{
    int64_t *list = lists(rows), count = round->tasks;
    for (int64_t i = 0; i < count; i++) {
        const struct trace_task *task = &round->task[i];
        list[TASK_SENT * count + i] = task->sent_ns - round->begin_ns;
        list[TASK_TOOK * count + i] = task->done_ns - task->sent_ns;
        list[TASK_RUN * count + i] = task->run_ns;
        list[TASK_PHASE * count + i] = task->phase;
        list[TASK_TAG * count + i] = task->tag;
        list[TASK_WORK * count + i] = (int64_t)task->work;
        list[TASK_BLOCK * count + i] = task->block;
        list[TASK_SHARD * count + i] = task->shard;
        list[TASK_WORKER * count + i] = task->worker;
    }
    bind_lists(rows, row, AT_TASK_LISTS, TASK_LISTS, count);
}

static void bind_conflicts(struct rows *rows, sqlite3_stmt *row, const struct trace_round *round)
{
    int64_t *list = lists(rows), count = round->conflicts;
    double *coupling = (double *)(list + CONFLICT_LISTS * count);
    for (int64_t i = 0; i < count; i++) {
        const struct trace_conflict *conflict = &round->conflict[i];
        list[CONFLICT_CANDIDATE * count + i] = conflict->candidate;
        list[CONFLICT_OTHER * count + i] = conflict->other;
        list[CONFLICT_BACK * count + i] = round->round - conflict->other_round;
        list[CONFLICT_JOINED * count + i] = conflict->joined;
        coupling[i] = conflict->coupling;
    }
    bind_lists(rows, row, AT_CONFLICT_LISTS, CONFLICT_LISTS, count);
    bind_reals(rows, row, AT_COUPLING, coupling, count);
}

/* What the level keeps of a round's details. */
static struct trace_round kept(const struct trace_round *round, enum trace_level level)
{
    struct trace_round it = *round;
    bool all = level >= TRACE_ALL;
    it.blocks = it.block ? it.blocks : 0;
    it.tasks = it.task ? it.tasks : 0;
    it.conflicts = all && it.conflict ? it.conflicts : 0;
    it.draws = all ? it.draws : 0;
    it.moves = all ? it.moves : 0;
    return it;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Room for all that bind_... put into `lists` and `bytes`. */
static int make_room(struct rows *rows, const struct trace_round *round, int64_t variables)
{
    int64_t of_blocks = (BLOCK_LISTS + 1) * (int64_t)round->blocks, of_tasks = TASK_LISTS * (int64_t)round->tasks;
    int64_t of_conflicts = (CONFLICT_LISTS + 1) * (int64_t)round->conflicts;
    int64_t longest = most(most(of_blocks, variables), most(of_tasks, of_conflicts));
    int64_t all = of_blocks + variables + of_tasks + of_conflicts + 2 * (round->draws + round->moves);
    rows->bytes.size = 0;
    return buf_reserve(&rows->lists, (size_t)longest * 8) || buf_reserve(&rows->bytes, (size_t)all * 8 + 8)
               ? SQLITE_NOMEM
               : SQLITE_OK;
}

static int insert_details(struct rows *rows, const struct trace_round *round)
{
    sqlite3_stmt *row = rows->insert[ROWS_DETAILS];
    int64_t variables = 0;
    for (int32_t i = 0; i < round->blocks; i++)
        variables += round->block[i].variables ? round->block[i].count : 0;
    int rc = make_room(rows, round, variables);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_clear_bindings(row);
    sqlite3_bind_int64(row, AT_ROUND, round->round);
    sqlite3_bind_int64(row, AT_BEGIN, round->begin_ns);
    sqlite3_bind_int(row, AT_BLOCKS, round->blocks);
    sqlite3_bind_int64(row, AT_VARIABLES, variables);
    sqlite3_bind_int(row, AT_TASKS, round->tasks);
    sqlite3_bind_int(row, AT_CONFLICTS, round->conflicts);
    sqlite3_bind_int64(row, AT_DRAWS, round->draws);
    sqlite3_bind_int64(row, AT_MOVES, round->moves);
    if (round->blocks)
        bind_blocks(rows, row, round, variables);
    if (round->tasks)
        bind_tasks(rows, row, round);
    if (round->conflicts)
        bind_conflicts(rows, row, round);
    if (round->draws) {
        bind_list(rows, row, AT_DRAW, round->draw, round->draws, false);
        bind_reals(rows, row, AT_WEIGHT, round->weight, round->draws);
    }
    if (round->moves) {
        bind_list(rows, row, AT_MOVE, round->move, round->moves, false);
        bind_reals(rows, row, AT_DELTA, round->delta, round->moves);
    }
    rows->count += (int64_t)(rows->bytes.size / ROW_BYTES);
    return run(rows, ROWS_DETAILS);
}

int rows_put(struct rows *rows, const struct trace_round *round)
{
    assert(round->kind && round->note);
    int rc = insert_round(rows, round);
    if (rows->level < TRACE_BLOCKS || rc != SQLITE_OK)
        return rc;
    const struct trace_round it = kept(round, rows->level);
    bool some = it.blocks || it.tasks || it.conflicts || it.draws || it.moves;
    return some ? insert_details(rows, &it) : rc;
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
    rows->bytes.size = 0;
    if (buf_reserve(&rows->bytes, (size_t)part->count * 8 + 1))
        return SQLITE_NOMEM;
    if (part->count)
        bind_list(rows, row, 6, part->members, part->count, false);
    else
        sqlite3_bind_zeroblob(row, 6, 0);
    return run(rows, ROWS_PART);
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

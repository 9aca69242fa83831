#include "core/trace/rows.h"

#include "core/base/mem.h"

#include <assert.h>

enum { BLOB_BYTES = 64 * 1024 };

static const char *const insert_sql[ROWS_INSERTS] = {
    [ROWS_ROUND] = "INSERT INTO rounds VALUES"
                     " (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [ROWS_BLOCK] = "INSERT INTO blocks VALUES (?,?,?,?,?)",
    [ROWS_TASK] = "INSERT INTO tasks VALUES (?,?,?,?,?,?,?)",
    [ROWS_CONFLICT] = "INSERT INTO conflicts VALUES (?,?,?,?,?)",
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
    sqlite3_bind_int64(row, 5, round->wanted);
    sqlite3_bind_int64(row, 6, round->drawn);
    sqlite3_bind_int64(row, 7, round->refused);
    sqlite3_bind_int64(row, 8, round->taken);
    sqlite3_bind_int64(row, 9, round->pairs_needed);
    sqlite3_bind_int64(row, 10, round->pairs_computed);
    sqlite3_bind_int64(row, 11, round->coupled_pairs);
    sqlite3_bind_double(row, 12, round->weight_sum);
    sqlite3_bind_double(row, 13, round->weight_taken);
    sqlite3_bind_double(row, 14, round->cost_max);
    sqlite3_bind_double(row, 15, round->cost_mean);
    sqlite3_bind_double(row, 16, round->objective);
    sqlite3_bind_int64(row, 17, round->plan_ns);
    sqlite3_bind_int64(row, 18, round->push_ns);
    sqlite3_bind_int64(row, 19, round->commit_ns);
    sqlite3_bind_int64(row, 20, round->couple_ns);
    sqlite3_bind_int64(row, 21, round->begin_ns);
    sqlite3_bind_int64(row, 22, round->end_ns);
    sqlite3_bind_text(row, 23, round->note, -1, SQLITE_STATIC);
    return run(rows, ROWS_ROUND);
}

/* Little-endian integers of 4 bytes where every one fits in an int32, else of 8. */
static int encode(struct rondo_buf *blob, const int64_t *variables, int64_t count)
{
    uint64_t all = 0;
    for (int64_t i = 0; i < count; i++)
        all |= (uint64_t)variables[i];
    int width = all <= INT32_MAX ? 4 : 8;
    if (buf_reserve(blob, (size_t)count * (size_t)width))
        return RONDO_ENOMEM;
    unsigned char *out = blob->data;
    for (int64_t i = 0; i < count; i++) {
        for (int shift = 0; shift < 8 * width; shift += 8)
            *out++ = (unsigned char)((uint64_t)variables[i] >> shift);
    }
    blob->size = (size_t)count * (size_t)width;
    return RONDO_OK;
}

static int insert_block(struct rows *rows, int64_t round, const struct trace_block *block)
{
    sqlite3_stmt *row = rows->insert[ROWS_BLOCK];
    sqlite3_bind_int64(row, 1, round);
    sqlite3_bind_int(row, 2, block->block);
    sqlite3_bind_int64(row, 3, block->count);
    sqlite3_bind_double(row, 4, block->cost);
    sqlite3_bind_null(row, 5);
    if (block->variables) {
        if (encode(&rows->blob, block->variables, block->count))
            return SQLITE_NOMEM;
        sqlite3_bind_blob64(row, 5, rows->blob.data, rows->blob.size, SQLITE_STATIC);
    }
    return run(rows, ROWS_BLOCK);
}

static int insert_task(struct rows *rows, int64_t round, const struct trace_task *task)
{
    sqlite3_stmt *row = rows->insert[ROWS_TASK];
    sqlite3_bind_int64(row, 1, round);
    sqlite3_bind_int(row, 2, task->phase);
    sqlite3_bind_int(row, 3, task->block);
    sqlite3_bind_int(row, 4, task->shard);
    sqlite3_bind_int(row, 5, task->worker);
    sqlite3_bind_int64(row, 6, task->sent_ns);
    sqlite3_bind_int64(row, 7, task->done_ns);
    return run(rows, ROWS_TASK);
}

static int insert_conflict(struct rows *rows, int64_t round,
                           const struct trace_conflict *conflict)
{
    sqlite3_stmt *row = rows->insert[ROWS_CONFLICT];
    sqlite3_bind_int64(row, 1, round);
    sqlite3_bind_int64(row, 2, conflict->candidate);
    sqlite3_bind_int64(row, 3, conflict->other);
    sqlite3_bind_double(row, 4, conflict->coupling);
    sqlite3_bind_int64(row, 5, conflict->other_round);
    return run(rows, ROWS_CONFLICT);
}

int rows_put(struct rows *rows, const struct trace_round *round)
{
    assert(round->kind && round->note);
    int rc = insert_round(rows, round);
    if (rows->level < TRACE_BLOCKS)
        return rc;
    for (int32_t i = 0; round->block && i < round->blocks && rc == SQLITE_OK; i++)
        rc = insert_block(rows, round->round, &round->block[i]);
    for (int32_t i = 0; round->task && i < round->tasks && rc == SQLITE_OK; i++)
        rc = insert_task(rows, round->round, &round->task[i]);
    if (rows->level < TRACE_ALL)
        return rc;
    for (int32_t i = 0; round->conflict && i < round->conflicts && rc == SQLITE_OK; i++)
        rc = insert_conflict(rows, round->round, &round->conflict[i]);
    return rc;
}

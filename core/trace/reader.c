#include "core/trace/reader.h"

#include "core/base/mem.h"
#include "core/trace/database.h"
#include "core/trace/details.h"
#include "core/trace/rounds.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUSY_MS = 5000, STEPS = 100000 /* of SQLite's machine, some milliseconds */ };

/* ---- opening ------------------------------------------------------------------------------ */

static int find_file(struct trace_reader *reader, const char *path, struct rondo_error *err)
{
    struct stat info;
    int length = snprintf(reader->path, sizeof reader->path, "%s", path);
    bool folder = stat(path, &info) == 0 && S_ISDIR(info.st_mode);
    if (folder)
        length = snprintf(reader->path, sizeof reader->path, "%s/" DATABASE_FILE, path);
    if (length < 0 || (size_t)length >= sizeof reader->path)
        return rondo_error_set(err, RONDO_EINPUT, path, NULL, "the path is too long");
    if (stat(reader->path, &info) != 0 || access(reader->path, R_OK) != 0)
        return rondo_error_set(err, RONDO_EINPUT, reader->path,
                               folder && errno == ENOENT
                                   ? "a job leaves one unless its trace is \"off\""
                                   : NULL,
                               "cannot read: %s", strerror(errno));
    if (!S_ISREG(info.st_mode))
        return rondo_error_set(err, RONDO_EINPUT, reader->path, NULL, "is not a file");
    return RONDO_OK;
}

/* SQLite fills up a last page that was cut; what a -wal beside the file still mends is let pass. */
static int check_size(struct trace_reader *reader, struct rondo_error *err)
{
    struct stat info, wal;
    char path[sizeof reader->path + 8];
    int64_t page = 0;
    int rc = database_integer(reader->db, "PRAGMA page_size", &page);
    if (rc != SQLITE_OK)
        return query_refuse(reader, rc, err);
    snprintf(path, sizeof path, "%s-wal", reader->path);
    bool mended = stat(path, &wal) == 0 && wal.st_size > 0;
    bool cut = page > 0 && stat(reader->path, &info) == 0 && info.st_size % page != 0;
    return cut && !mended ? query_refuse(reader, SQLITE_CORRUPT, err) : RONDO_OK;
}

static int identify(struct trace_reader *reader, struct rondo_error *err)
{
    enum database_kind kind;
    int64_t version = 0;
    int rc = database_identify(reader->db, &kind, &version);
    if (rc != SQLITE_OK)
        return query_refuse(reader, rc, err);
    switch (kind) {
    case DATABASE_OURS: return check_size(reader, err);
    case DATABASE_OTHER_VERSION:
        return rondo_error_set(err, RONDO_EINPUT, reader->path, NULL,
                               "is a trace of version %lld, this program reads version %d",
                               (long long)version, DATABASE_VERSION);
    case DATABASE_EMPTY:
        return rondo_error_set(err, RONDO_EINPUT, reader->path, NULL,
                               "is not a Rondo trace: nothing is in it");
    default:
        return rondo_error_set(err, RONDO_EINPUT, reader->path, NULL,
                               "is not a Rondo trace: an SQLite file of another program");
    }
}

/* A table that is missing is found out before anything is printed. */
static int check_tables(struct trace_reader *reader, struct rondo_error *err)
{
    struct query query;
    const char *sql = "SELECT 1 FROM meta, rounds, reports, details, parts, cells LIMIT 0";
    int code = query_ask(&query, reader, sql, (struct reader_window){ 0 }, err);
    query_done(&query);
    return code;
}

static int read_level(struct trace_reader *reader, struct rondo_error *err)
{
    struct query query;
    const char *sql = "SELECT value FROM meta WHERE key = 'level'";
    int code = query_ask(&query, reader, sql, (struct reader_window){ 0 }, err);
    reader->level = TRACE_ROUNDS;
    if (query_next(&query, &code, err)) {
        const char *level = query_text(&query, 0);
        reader->level = strcmp(level, "all") == 0      ? TRACE_ALL
                        : strcmp(level, "blocks") == 0 ? TRACE_BLOCKS
                                                       : TRACE_ROUNDS;
    }
    query_done(&query);
    return code;
}

static int is_over(void *context)
{
    const struct trace_reader *reader = context;
    return reader->over(reader->context);
}

static int open_database(struct trace_reader *reader, struct rondo_error *err)
{
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
                | (reader->over ? SQLITE_OPEN_NOFOLLOW : 0);
    int rc = sqlite3_open_v2(reader->path, &reader->db, flags, NULL);
    if (!reader->db)
        return query_refuse(reader, SQLITE_NOMEM, err);
    if (rc == SQLITE_OK) {
        if (reader->over)
            sqlite3_progress_handler(reader->db, STEPS, is_over, reader);
        sqlite3_busy_timeout(reader->db, BUSY_MS);
        sqlite3_db_config(reader->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        rc = query_prepare(reader);
    }
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(reader->db, "PRAGMA cell_size_check = ON; BEGIN", NULL, NULL, NULL);
    int code = rc == SQLITE_OK ? identify(reader, err) : query_refuse(reader, rc, err);
    if (!code)
        code = check_tables(reader, err);
    return code ? code : read_level(reader, err);
}

int reader_open(const char *path, struct trace_reader **out, struct rondo_error *err)
{
    return reader_open_watched(path, NULL, NULL, out, err);
}

int reader_open_watched(const char *path, bool (*over)(void *context), void *context,
                        struct trace_reader **out, struct rondo_error *err)
{
    *out = NULL;
    struct trace_reader *reader = mem_calloc(1, sizeof *reader);
    if (!reader)
        return rondo_error_set(err, RONDO_ENOMEM, path, NULL, "out of memory");
    reader->over = over;
    reader->context = context;
    int code = find_file(reader, path, err);
    if (!code)
        code = open_database(reader, err);
    if (code)
        reader_close(reader);
    else
        *out = reader;
    return code;
}

void reader_close(struct trace_reader *reader)
{
    if (!reader)
        return;
    sqlite3_close(reader->db);
    mem_free(reader);
}

const char *reader_path(const struct trace_reader *reader)
{
    return reader->path;
}

enum trace_level reader_level(const struct trace_reader *reader)
{
    return reader->level;
}

/* ---- rows ---------------------------------------------------------------------------------- */

/* The round that `count` rounds in the query's order end with; `fallback` where there are fewer. */
static int find_end(struct trace_reader *reader, const char *sql, int64_t count, int64_t *end,
                    struct rondo_error *err)
{
    struct query query;
    int code = query_ask(&query, reader, sql, (struct reader_window){ 0 }, err);
    if (!code)
        sqlite3_bind_int64(query.row, 1, count - 1);
    if (query_next(&query, &code, err))
        *end = query_whole(&query, 0);
    query_done(&query);
    return code;
}

int reader_first(struct trace_reader *reader, int64_t count, struct reader_window *window,
                 struct rondo_error *err)
{
    *window = (struct reader_window){ 1, INT64_MAX };
    const char *sql = "SELECT round FROM rounds ORDER BY round LIMIT 1 OFFSET ?";
    return count <= 0 ? RONDO_OK : find_end(reader, sql, count, &window->to, err);
}

int reader_last(struct trace_reader *reader, int64_t count, struct reader_window *window,
                struct rondo_error *err)
{
    *window = (struct reader_window){ 1, INT64_MAX };
    const char *sql = "SELECT round FROM rounds ORDER BY round DESC LIMIT 1 OFFSET ?";
    return count <= 0 ? RONDO_OK : find_end(reader, sql, count, &window->from, err);
}

int reader_extent(struct trace_reader *reader, struct reader_window window, struct reader_extent *extent,
                  struct rondo_error *err)
{
    struct query query;
    const char *sql = "SELECT (SELECT min(round) FROM rounds WHERE round BETWEEN ?1 AND ?2),"
                      " (SELECT max(round) FROM rounds WHERE round BETWEEN ?1 AND ?2),"
                      " (SELECT count(*) FROM rounds)";
    int code = query_ask(&query, reader, sql, window, err);
    *extent = (struct reader_extent){ 0 };
    if (query_next(&query, &code, err))
        *extent = (struct reader_extent){ query_whole(&query, 0), query_whole(&query, 1), query_whole(&query, 2) };
    query_done(&query);
    return code;
}

int reader_meta(struct trace_reader *reader,
                int (*each)(void *context, const char *key, const char *value), void *context,
                struct rondo_error *err)
{
    struct query query;
    const char *sql = "SELECT key, value FROM meta ORDER BY key";
    int code = query_ask(&query, reader, sql, (struct reader_window){ 0 }, err);
    while (query_next(&query, &code, err))
        code = each(context, query_text(&query, 0), query_text(&query, 1));
    query_done(&query);
    return code;
}

int reader_rounds(struct trace_reader *reader, struct reader_window window,
                  int (*each)(void *context, const struct trace_round *round), void *context,
                  struct rondo_error *err)
{
    struct rounds rounds;
    int code = rounds_open(&rounds, reader, window, ROUNDS_WHOLE, err);
    while (rounds_next(&rounds, &code, err))
        code = each(context, &rounds.round);
    rounds_close(&rounds);
    return code;
}

/* ---- details ------------------------------------------------------------------------------- */

/* The blocks of rounds, and what cells say of those of plans. */
struct blocks {
    struct rondo_buf cells; /* of struct trace_cell, by block and shard */
    struct rondo_buf list;  /* of struct reader_block: one plan's */
};

static int keep_cell(void *context, const struct trace_cell *cell)
{
    return buf_append(context, cell, sizeof *cell);
}

static int by_cell(const void *a, const void *b)
{
    const struct trace_cell *x = a, *y = b;
    return x->block != y->block ? (x->block > y->block) - (x->block < y->block)
                                : (x->shard > y->shard) - (x->shard < y->shard);
}

static int by_block(const void *a, const void *b)
{
    const struct reader_block *x = a, *y = b;
    return x->block.block != y->block.block ? (x->block.block > y->block.block) - (x->block.block < y->block.block)
                                            : (x->shard > y->shard) - (x->shard < y->shard);
}

/* The blocks of a plan: the pairs that tasks of its first phase visit. */
static int list_plan(struct blocks *blocks, const struct trace_round *round)
{
    int code = RONDO_OK;
    blocks->list.size = 0;
    for (int32_t i = 0; i < round->tasks && !code; i++) {
        const struct trace_task *task = &round->task[i];
        if (task->phase != 0 || (task->work != TRACE_PUSH && task->work != TRACE_FUSED))
            continue;
        const struct trace_cell wanted = { task->block, task->shard, 0 };
        const struct trace_cell *cell = blocks->cells.size == 0
                                            ? NULL
                                            : bsearch(&wanted, blocks->cells.data, blocks->cells.size / sizeof *cell,
                                                      sizeof *cell, by_cell);
        const struct reader_block found = { .round = round->round, .cost_mean = round->cost_mean, .shard = task->shard,
                                            .block = { .block = task->block, .cost = cell ? cell->cost : 0 } };
        code = buf_append(&blocks->list, &found, sizeof found);
    }
    if (blocks->list.size)
        qsort(blocks->list.data, blocks->list.size / sizeof(struct reader_block), sizeof(struct reader_block), by_block);
    return code;
}

static int tell_blocks(struct blocks *blocks, const struct trace_round *round,
                       int (*each)(void *context, const struct reader_block *block), void *context)
{
    int code = RONDO_OK;
    for (int32_t i = 0; round->block && i < round->blocks && !code; i++) {
        const struct reader_block found = { round->round, round->block[i], round->cost_mean, -1 };
        code = each(context, &found);
    }
    const struct reader_block *list = (const void *)blocks->list.data;
    for (size_t i = 0; i < blocks->list.size / sizeof *list && !code; i++)
        code = each(context, &list[i]);
    return code;
}

int reader_blocks(struct trace_reader *reader, struct reader_window window,
                  int (*each)(void *context, const struct reader_block *block), void *context,
                  struct rondo_error *err)
{
    struct details details;
    struct rounds rounds = { 0 };
    struct blocks blocks = { 0 };
    int code = details_open(&details, reader, window, 1 << DETAILS_BLOCKS | 1 << DETAILS_TASKS, err);
    if (!code && reader_cells(reader, keep_cell, &blocks.cells, err))
        code = err && err->code ? err->code : query_refuse(reader, SQLITE_NOMEM, err);
    if (!code)
        code = rounds_open(&rounds, reader, window, ROUNDS_WHOLE, err);
    while (rounds_next(&rounds, &code, err)) {
        struct trace_round round = rounds.round;
        code = details_take(&details, &round, err);
        blocks.list.size = 0;
        if (!code && strcmp(round.kind, "plan") == 0 && list_plan(&blocks, &round))
            code = query_refuse(reader, SQLITE_NOMEM, err);
        if (!code)
            code = tell_blocks(&blocks, &round, each, context);
    }
    rounds_close(&rounds);
    details_close(&details);
    buf_fini(&blocks.cells);
    buf_fini(&blocks.list);
    return code;
}

int reader_tasks(struct trace_reader *reader, struct reader_window window,
                 int (*each)(void *context, int64_t round, const struct trace_task *task),
                 void *context, struct rondo_error *err)
{
    struct details details;
    struct trace_round round;
    int code = details_open(&details, reader, window, 1 << DETAILS_TASKS, err);
    while (details_next(&details, &round, &code, err))
        for (int32_t i = 0; i < round.tasks && !code; i++)
            code = each(context, round.round, &round.task[i]);
    details_close(&details);
    return code;
}

int reader_conflicts(struct trace_reader *reader, struct reader_window window,
                     int (*each)(void *context, int64_t round,
                                 const struct trace_conflict *conflict),
                     void *context, struct rondo_error *err)
{
    struct details details;
    struct trace_round round;
    int code = details_open(&details, reader, window, 1 << DETAILS_CONFLICTS, err);
    while (details_next(&details, &round, &code, err))
        for (int32_t i = 0; i < round.conflicts && !code; i++)
            code = each(context, round.round, &round.conflict[i]);
    details_close(&details);
    return code;
}

/* writer.c - rounds become rows.
 *
 * The file is in WAL mode while the job runs: readers neither wait nor are waited for, and after a
 * kill what was committed is there to be read.  It is not synced on the way (only a power loss
 * could tell), and leaves WAL mode at the end, so that a finished trace is one file.  A round's
 * rows are committed together or not at all.
 */
#include "core/trace/trace.h"

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/trace/rows.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    COMMIT_ROWS = 4096,
    COMMIT_NS = 1000000000,
    BUSY_MS = 2000, /* somebody else writes to the file, or reads it where there is no WAL */
};

struct trace_writer {
    sqlite3 *db;
    sqlite3_stmt *begin;
    struct rows rows; /* its count: since the last commit */
    enum trace_level level;
    bool begun;   /* a transaction is open */
    bool held;    /* it stays so */
    int64_t last; /* the last round written */
    int64_t committed_ns;
    struct rondo_error failure; /* the first; later calls repeat it */
    char path[4096];
};

/* ---- failure ------------------------------------------------------------------------------ */

static int repeat(const struct trace_writer *writer, struct rondo_error *err)
{
    const struct rondo_error *failure = &writer->failure;
    if (!failure->code)
        return RONDO_OK;
    return rondo_error_set(err, failure->code, failure->where, NULL, "%s", failure->what);
}

/* Keeps the connection's last error, rc, as the writer's and gives up what was not committed. */
static int failed(struct trace_writer *writer, int rc, const char *doing, struct rondo_error *err)
{
    char words[DATABASE_WORDS] = "out of memory";
    bool memory = (rc & 0xff) == SQLITE_NOMEM;
    if (!memory)
        database_reason(writer->db, words);
    rondo_error_set(&writer->failure, memory ? RONDO_ENOMEM : RONDO_EIO, writer->path, NULL,
                    "cannot %s the trace: %s", doing, words);
    if (writer->begun)
        sqlite3_exec(writer->db, "ROLLBACK", NULL, NULL, NULL);
    writer->begun = false;
    return repeat(writer, err);
}

/* ---- making and taking up ------------------------------------------------------------------ */

static int exec(struct trace_writer *writer, const char *sql)
{
    return sqlite3_exec(writer->db, sql, NULL, NULL, NULL);
}

/* Removes an old trace with what SQLite may have left beside it. */
static int remove_old(const struct trace_writer *writer, struct rondo_error *err)
{
    static const char *const ends[] = { "-wal", "-shm", "-journal", "" };
    char path[sizeof writer->path + 16];
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        snprintf(path, sizeof path, "%s%s", writer->path, ends[i]);
        if (unlink(path) != 0 && errno != ENOENT)
            return rondo_error_set(err, RONDO_EIO, path, NULL, "cannot remove the old trace: %s",
                                   strerror(errno));
    }
    return RONDO_OK;
}

/* Opens or makes the file and refuses one that is not ours. */
static int open_file(struct trace_writer *writer, enum database_kind *kind, struct rondo_error *err)
{
    int64_t version = 0;
    int rc = sqlite3_open_v2(writer->path, &writer->db,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                                 SQLITE_OPEN_EXRESCODE,
                             NULL);
    if (!writer->db)
        return failed(writer, SQLITE_NOMEM, "open", err);
    sqlite3_busy_timeout(writer->db, BUSY_MS);
    if (rc == SQLITE_OK)
        rc = database_identify(writer->db, kind, &version);
    if (rc == SQLITE_OK && (*kind == DATABASE_OURS || *kind == DATABASE_EMPTY))
        return RONDO_OK;
    static const char hint[] = "move it away to begin a new trace";
    if (rc == SQLITE_OK && *kind == DATABASE_OTHER_VERSION)
        return rondo_error_set(err, RONDO_ESTATE, writer->path, hint,
                               "is a trace of version %lld, this program writes version %d",
                               (long long)version, DATABASE_VERSION);
    if (rc == SQLITE_OK || (rc & 0xff) == SQLITE_NOTADB)
        return rondo_error_set(err, RONDO_ESTATE, writer->path, hint, "is not a Rondo trace");
    if ((rc & 0xff) == SQLITE_CORRUPT)
        return rondo_error_set(err, RONDO_ESTATE, writer->path, hint,
                               "is a truncated or damaged trace");
    return failed(writer, rc, "open", err);
}

/* Deletes the rounds from `first` on. */
static int drop_rounds(struct trace_writer *writer, int64_t first)
{
    char sql[96];
    int rc = SQLITE_OK;
    for (const char *const *table = database_round_tables; *table && rc == SQLITE_OK; table++) {
        snprintf(sql, sizeof sql, "DELETE FROM %s WHERE round >= %lld", *table, (long long)first);
        rc = exec(writer, sql);
    }
    return rc;
}

static int put_meta(struct trace_writer *writer, const char *const *meta)
{
    static const char *const levels[] = { "off", "rounds", "blocks", "all" };
    const char *const level[] = { "level", levels[writer->level], NULL };
    const char *const *const lists[] = { level, meta };
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(writer->db, "REPLACE INTO meta VALUES (?,?)", -1, &statement, NULL);
    for (int i = 0; i < 2 && rc == SQLITE_OK; i++) {
        for (const char *const *pair = lists[i]; pair && *pair && rc == SQLITE_OK; pair += 2) {
            sqlite3_bind_text(statement, 1, pair[0], -1, SQLITE_STATIC);
            sqlite3_bind_text(statement, 2, pair[1], -1, SQLITE_STATIC);
            sqlite3_step(statement);
            rc = sqlite3_reset(statement);
        }
    }
    sqlite3_finalize(statement);
    return rc;
}

/* Pages that hold some ten rows of lists, or SQLite's own where there are none; and a -wal that is copied by the first
 * commit behind a megabyte, while it is still in the cache.  The size of pages is the file's for life. */
static int set_pages(struct trace_writer *writer)
{
    return exec(writer, writer->level >= TRACE_BLOCKS ? "PRAGMA page_size = 16384; PRAGMA wal_autocheckpoint = 64"
                                                      : "PRAGMA page_size = 4096; PRAGMA wal_autocheckpoint = 256");
}

static int set_up(struct trace_writer *writer, enum database_kind kind, int64_t after,
                  const char *const *meta)
{
    int rc = set_pages(writer);
    if (rc == SQLITE_OK)
        rc = exec(writer, "PRAGMA synchronous = OFF; PRAGMA journal_mode = WAL;");
    if (rc == SQLITE_OK)
        rc = exec(writer, "BEGIN IMMEDIATE");
    if (rc != SQLITE_OK)
        return rc;
    writer->begun = true;
    rc = kind == DATABASE_EMPTY ? exec(writer, database_schema) : drop_rounds(writer, after + 1);
    if (rc == SQLITE_OK)
        rc = put_meta(writer, meta);
    if (rc == SQLITE_OK)
        rc = exec(writer, "COMMIT");
    writer->begun = rc != SQLITE_OK;
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v3(writer->db, "BEGIN IMMEDIATE", -1, SQLITE_PREPARE_PERSISTENT,
                                &writer->begin, NULL);
    return rc == SQLITE_OK ? rows_init(&writer->rows, writer->db, writer->level) : rc;
}

static void destroy(struct trace_writer *writer)
{
    rows_fini(&writer->rows);
    sqlite3_finalize(writer->begin);
    sqlite3_close(writer->db);
    mem_free(writer);
}

/* What can fail once the writer itself is there. */
static int take_up(struct trace_writer *writer, const char *dir, int64_t after,
                   const char *const *meta, struct rondo_error *err)
{
    enum database_kind kind;
    int length = snprintf(writer->path, sizeof writer->path, "%s/" DATABASE_FILE, dir);
    if (length < 0 || (size_t)length >= sizeof writer->path)
        return rondo_error_set(err, RONDO_EIO, dir, NULL, "the path is too long");
    int code = after < 0 ? remove_old(writer, err) : RONDO_OK;
    if (!code)
        code = open_file(writer, &kind, err);
    int rc = code ? SQLITE_OK : set_up(writer, kind, after, meta);
    return rc == SQLITE_OK ? code : failed(writer, rc, "write", err);
}

int trace_create(const char *dir, enum trace_level level, int64_t after, const char *const *meta,
                 struct trace_writer **out, struct rondo_error *err)
{
    *out = NULL;
    if (level == TRACE_OFF)
        return RONDO_OK;
    struct trace_writer *writer = mem_calloc(1, sizeof *writer);
    if (!writer)
        return rondo_error_set(err, RONDO_ENOMEM, dir, NULL,
                               "cannot open the trace: out of memory");
    writer->level = level;
    writer->last = after < 0 ? INT64_MIN : after;
    writer->committed_ns = clock_now_ns();
    int code = take_up(writer, dir, after, meta, err);
    if (code)
        destroy(writer);
    else
        *out = writer;
    return code;
}

/* ---- transactions -------------------------------------------------------------------------- */

/* SQLITE_BUSY leaves the transaction open, to be committed later. */
static int commit(struct trace_writer *writer)
{
    if (!writer->begun)
        return SQLITE_OK;
    int rc = exec(writer, "COMMIT");
    if (rc == SQLITE_OK) {
        writer->begun = false;
        writer->rows.count = 0;
    }
    writer->committed_ns = clock_now_ns();
    return rc;
}

static int open_transaction(struct trace_writer *writer)
{
    if (writer->begun)
        return SQLITE_OK;
    sqlite3_step(writer->begin);
    int rc = sqlite3_reset(writer->begin);
    writer->begun = rc == SQLITE_OK;
    return rc;
}

/* A round that was written before has been rolled back since: what stands from it on goes. */
static int begin(struct trace_writer *writer, int64_t round)
{
    int rc = open_transaction(writer);
    if (rc == SQLITE_OK && round <= writer->last)
        rc = drop_rounds(writer, round);
    writer->last = round;
    return rc;
}

/* Whether it is time for a commit. */
static bool is_due(const struct trace_writer *writer)
{
    return writer->rows.count >= COMMIT_ROWS || clock_now_ns() - writer->committed_ns >= COMMIT_NS;
}

void trace_hold(struct trace_writer *writer, bool hold)
{
    if (writer)
        writer->held = hold;
}

bool trace_flows(const struct trace_writer *writer)
{
    return !writer || (writer->begun && !is_due(writer));
}

/* What was put is committed where it is time; keeps the first failure. */
static int settle(struct trace_writer *writer, int rc, struct rondo_error *err)
{
    if (rc == SQLITE_OK && !writer->held && is_due(writer)) {
        rc = commit(writer);
        if ((rc & 0xff) == SQLITE_BUSY)
            rc = SQLITE_OK;
    }
    return rc == SQLITE_OK ? RONDO_OK : failed(writer, rc, "write", err);
}

int trace_write(struct trace_writer *writer, const struct trace_round *round,
                struct rondo_error *err)
{
    if (!writer || writer->failure.code)
        return writer ? repeat(writer, err) : RONDO_OK;
    int rc = begin(writer, round->round);
    if (rc == SQLITE_OK)
        rc = rows_put(&writer->rows, round);
    return settle(writer, rc, err);
}

int trace_part(struct trace_writer *writer, const struct trace_part *part, struct rondo_error *err)
{
    if (!writer || writer->failure.code)
        return writer ? repeat(writer, err) : RONDO_OK;
    int rc = open_transaction(writer);
    if (rc == SQLITE_OK && writer->level >= TRACE_BLOCKS)
        rc = rows_put_part(&writer->rows, part);
    return settle(writer, rc, err);
}

int trace_cells(struct trace_writer *writer, const struct trace_cell *cell, int64_t count,
                struct rondo_error *err)
{
    if (!writer || writer->failure.code)
        return writer ? repeat(writer, err) : RONDO_OK;
    int rc = open_transaction(writer);
    for (int64_t i = 0; i < count && rc == SQLITE_OK && writer->level >= TRACE_BLOCKS; i++)
        rc = rows_put_cell(&writer->rows, &cell[i]);
    return settle(writer, rc, err);
}

int trace_report(struct trace_writer *writer, const struct trace_report *report,
                 struct rondo_error *err)
{
    if (!writer || writer->failure.code)
        return writer ? repeat(writer, err) : RONDO_OK;
    int rc = open_transaction(writer);
    if (rc == SQLITE_OK)
        rc = rows_put_report(&writer->rows, report);
    return settle(writer, rc, err);
}

int trace_cut(struct trace_writer *writer, int64_t last, struct rondo_error *err)
{
    if (!writer || writer->failure.code)
        return writer ? repeat(writer, err) : RONDO_OK;
    int rc = open_transaction(writer);
    if (rc == SQLITE_OK)
        rc = drop_rounds(writer, last + 1);
    writer->last = last;
    return settle(writer, rc, err);
}

int trace_flush(struct trace_writer *writer, struct rondo_error *err)
{
    if (!writer)
        return RONDO_OK;
    if (writer->failure.code)
        return repeat(writer, err);
    int rc = commit(writer);
    return rc == SQLITE_OK ? RONDO_OK : failed(writer, rc, "write", err);
}

int trace_meta(struct trace_writer *writer, const char *const *meta, struct rondo_error *err)
{
    int code = trace_flush(writer, err);
    if (!writer || code)
        return code;
    int rc = exec(writer, "BEGIN");
    writer->begun = rc == SQLITE_OK;
    if (rc == SQLITE_OK)
        rc = put_meta(writer, meta);
    return rc == SQLITE_OK ? RONDO_OK : failed(writer, rc, "write", err);
}

int64_t trace_meta_number(struct trace_writer *writer, const char *key)
{
    sqlite3_stmt *statement = NULL;
    int64_t value = -1;
    if (!writer
        || sqlite3_prepare_v2(writer->db, "SELECT CAST(value AS INTEGER) FROM meta WHERE key = ?", -1,
                              &statement, NULL) != SQLITE_OK)
        return value;
    sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
    if (sqlite3_step(statement) == SQLITE_ROW)
        value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return value < 0 ? -1 : value;
}

/* One file again, and synced then, once: what leaves WAL mode writes the first page alone, so that its journal can be in
 * memory.  Where a reader holds the file, its -wal stays beside it and is read too. */
static int settle_file(struct trace_writer *writer, struct rondo_error *err)
{
    rows_fini(&writer->rows);
    sqlite3_busy_timeout(writer->db, 0);
    int rc = exec(writer, "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA synchronous = NORMAL; PRAGMA journal_mode = MEMORY;");
    if (rc == SQLITE_OK || (rc & 0xff) == SQLITE_BUSY)
        return RONDO_OK;
    return failed(writer, rc, "write", err);
}

int trace_close(struct trace_writer *writer, struct rondo_error *err)
{
    if (!writer)
        return RONDO_OK;
    int code = trace_flush(writer, err);
    if (!code)
        code = settle_file(writer, err);
    destroy(writer);
    return code;
}

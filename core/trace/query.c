#include "core/trace/query.h"

#include "core/base/mem.h"
#include "core/trace/database.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

int query_refuse(const struct trace_reader *reader, int rc, struct rondo_error *err)
{
    char words[DATABASE_WORDS];
    const char *path = reader->path;
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        return rondo_error_set(err, RONDO_ENOMEM, path, NULL, "out of memory");
    case SQLITE_NOTADB:
        return rondo_error_set(err, RONDO_EINPUT, path, NULL,
                               "is not a Rondo trace: not an SQLite file");
    case SQLITE_CORRUPT:
        return rondo_error_set(err, RONDO_EINPUT, path, NULL, "is truncated or damaged");
    case SQLITE_CANTOPEN:
        database_reason(reader->db, words);
        return rondo_error_set(err, RONDO_EINPUT, path,
                               "the trace of a job that was killed needs a folder that may be "
                               "written; copy its trace.db and trace.db-wal to one",
                               "cannot read: %s", words);
    default:
        database_reason(reader->db, words);
        return rondo_error_set(err, RONDO_EINPUT, path, NULL, "cannot read: %s", words);
    }
}

int query_ask(struct query *query, struct trace_reader *reader, const char *sql,
              struct reader_window window, struct rondo_error *err)
{
    *query = (struct query){ .reader = reader };
    int rc = sqlite3_prepare_v2(reader->db, sql, -1, &query->row, NULL);
    if (rc != SQLITE_OK)
        return query_refuse(reader, rc, err);
    if (sqlite3_bind_parameter_count(query->row) == 2) {
        sqlite3_bind_int64(query->row, 1, window.from);
        sqlite3_bind_int64(query->row, 2, window.to);
    }
    return RONDO_OK;
}

bool query_next(struct query *query, int *code, struct rondo_error *err)
{
    if (*code)
        return false;
    int rc = sqlite3_step(query->row);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        *code = query_refuse(query->reader, rc, err);
    return rc == SQLITE_ROW;
}

void query_done(struct query *query)
{
    sqlite3_finalize(query->row);
}

int query_has(struct trace_reader *reader, const char *table, bool *has, struct rondo_error *err)
{
    struct query query;
    char sql[80];
    snprintf(sql, sizeof sql, "SELECT 1 FROM %s LIMIT 1", table);
    int code = query_ask(&query, reader, sql, (struct reader_window){ 0 }, err);
    bool all = strcmp(table, "conflicts") == 0; /* the others are filled from TRACE_BLOCKS on */
    *has = query_next(&query, &code, err) || reader->level >= (all ? TRACE_ALL : TRACE_BLOCKS);
    query_done(&query);
    return code;
}

int64_t query_whole(const struct query *query, int column)
{
    return sqlite3_column_int64(query->row, column);
}

int32_t query_small(const struct query *query, int column)
{
    int64_t value = sqlite3_column_int64(query->row, column);
    return value > INT32_MAX ? INT32_MAX : value < INT32_MIN ? INT32_MIN : (int32_t)value;
}

int64_t query_ns(const struct query *query, int column)
{
    const int64_t most = (int64_t)1 << 53;
    int64_t value = sqlite3_column_int64(query->row, column);
    return value > most ? most : value < -most ? -most : value;
}

double query_real(const struct query *query, int column)
{
    return sqlite3_column_type(query->row, column) == SQLITE_NULL
               ? (double)NAN
               : sqlite3_column_double(query->row, column);
}

const char *query_text(const struct query *query, int column)
{
    const unsigned char *found = sqlite3_column_text(query->row, column);
    return found ? (const char *)found : "";
}

bool query_is_null(const struct query *query, int column)
{
    return sqlite3_column_type(query->row, column) == SQLITE_NULL;
}

static uint64_t little(const unsigned char *in, int64_t width)
{
    uint64_t value = 0;
    for (int64_t at = 0; at < width; at++)
        value |= (uint64_t)in[at] << (8 * at);
    return value;
}

/* Room for `count` values of 8 bytes behind what is in `out`; NULL: none. */
static unsigned char *room(struct rondo_buf *out, int64_t count)
{
    size_t bytes = (size_t)count * 8;
    if (buf_reserve(out, out->size + bytes + 1))
        return NULL;
    unsigned char *at = (unsigned char *)out->data + out->size;
    out->size += bytes;
    return at;
}

int query_integers(const struct query *query, int column, int64_t count, struct rondo_buf *out,
                   struct rondo_error *err)
{
    const unsigned char *in = sqlite3_column_blob(query->row, column);
    int64_t bytes = sqlite3_column_bytes(query->row, column);
    int64_t width = count > 0 ? bytes / count : 4;
    if (count < 0 || (width != 4 && width != 8) || bytes != count * width)
        return query_refuse(query->reader, SQLITE_CORRUPT, err);
    unsigned char *to = room(out, count);
    if (!to)
        return query_refuse(query->reader, SQLITE_NOMEM, err);
    for (int64_t i = 0; i < count; i++) {
        int64_t value = (int64_t)little(in + i * width, width);
        memcpy(to + i * 8, &value, 8);
    }
    return RONDO_OK;
}

int query_reals(const struct query *query, int column, int64_t count, struct rondo_buf *out,
                struct rondo_error *err)
{
    const unsigned char *in = sqlite3_column_blob(query->row, column);
    if (count < 0 || sqlite3_column_bytes(query->row, column) != count * 8)
        return query_refuse(query->reader, SQLITE_CORRUPT, err);
    unsigned char *to = room(out, count);
    if (!to)
        return query_refuse(query->reader, SQLITE_NOMEM, err);
    for (int64_t i = 0; i < count; i++) {
        uint64_t bits = little(in + i * 8, 8);
        memcpy(to + i * 8, &bits, 8);
    }
    return RONDO_OK;
}

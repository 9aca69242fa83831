#include "core/trace/query.h"

#include "core/base/mem.h"
#include "core/trace/database.h"
#include "core/trace/lists.h"

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

int query_has(struct trace_reader *reader, enum trace_level level, bool *has, struct rondo_error *err)
{
    struct query query;
    *has = reader->level >= level;
    if (*has)
        return RONDO_OK;
    int code = query_ask(&query, reader,
                         level == TRACE_ALL ? "SELECT 1 FROM details WHERE conflicts + draws + moves > 0 LIMIT 1"
                                            : "SELECT 1 FROM details LIMIT 1",
                         (struct reader_window){ 0 }, err);
    *has = query_next(&query, &code, err);
    query_done(&query);
    return code;
}

int64_t query_whole(const struct query *query, int column)
{
    return sqlite3_column_int64(query->row, column);
}

int32_t query_int32(int64_t value)
{
    return value > INT32_MAX ? INT32_MAX : value < INT32_MIN ? INT32_MIN : (int32_t)value;
}

int64_t query_bound_ns(int64_t ns)
{
    const int64_t most = (int64_t)1 << 53;
    return ns > most ? most : ns < -most ? -most : ns;
}

int32_t query_small(const struct query *query, int column)
{
    return query_int32(sqlite3_column_int64(query->row, column));
}

int64_t query_ns(const struct query *query, int column)
{
    return query_bound_ns(sqlite3_column_int64(query->row, column));
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

static int damaged(const struct query *query, struct rondo_error *err)
{
    return query_refuse(query->reader, SQLITE_CORRUPT, err);
}

int query_list(const struct query *query, int column, int64_t count, bool even, int64_t *out,
               struct rondo_error *err)
{
    int type = sqlite3_column_type(query->row, column);
    if (type == SQLITE_INTEGER && even) {
        int64_t value = sqlite3_column_int64(query->row, column);
        for (int64_t i = 0; out && i < count; i++)
            out[i] = value;
        return RONDO_OK;
    }
    const void *in = type == SQLITE_BLOB ? sqlite3_column_blob(query->row, column) : NULL;
    int width = in ? lists_width_of(count, sqlite3_column_bytes(query->row, column)) : 0;
    if (!width)
        return damaged(query, err);
    if (out)
        lists_unpack(in, count, width, out);
    return RONDO_OK;
}

int query_list_reals(const struct query *query, int column, int64_t count, double *out, struct rondo_error *err)
{
    int type = sqlite3_column_type(query->row, column);
    if (type != SQLITE_BLOB && type != SQLITE_TEXT) {
        double value = query_real(query, column);
        for (int64_t i = 0; i < count; i++)
            out[i] = value;
        return RONDO_OK;
    }
    const void *in = type == SQLITE_BLOB ? sqlite3_column_blob(query->row, column) : NULL;
    if (!in || sqlite3_column_bytes(query->row, column) != count * 8)
        return damaged(query, err);
    memcpy(out, in, (size_t)count * 8);
    return RONDO_OK;
}

int query_integers(const struct query *query, int column, int64_t count, struct rondo_buf *out,
                   struct rondo_error *err)
{
    int code = count == 0 ? RONDO_OK : query_list(query, column, count, false, NULL, err);
    if (code || count == 0)
        return code;
    if (buf_reserve(out, (size_t)count * sizeof(int64_t)))
        return query_refuse(query->reader, SQLITE_NOMEM, err);
    return query_list(query, column, count, false, (int64_t *)(void *)out->data, err);
}

#include "core/trace/query.h"

#include "core/base/mem.h"
#include "core/trace/database.h"
#include "core/trace/lists.h"

#include <assert.h>
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

/* ---- asking ------------------------------------------------------------------------------------------ */

int query_ask(struct query *query, struct trace_reader *reader, const char *sql,
              struct reader_window window, struct rondo_error *err)
{
    *query = (struct query){ .reader = reader };
    int rc = sqlite3_prepare_v2(reader->db, sql, -1, &query->row, NULL);
    if (rc != SQLITE_OK)
        return query_refuse(reader, rc, err);
    if (sqlite3_bind_parameter_count(query->row) >= 2) {
        sqlite3_bind_int64(query->row, 1, window.from);
        sqlite3_bind_int64(query->row, 2, window.to);
    }
    return RONDO_OK;
}

/* The SQL function of query_ask_taken: its arguments are the columns.  The SQL of a file may not call it. */
static void take_row(sqlite3_context *sql, int count, sqlite3_value **value)
{
    const struct trace_reader *reader = sqlite3_user_data(sql);
    struct query *query = reader->stepped;
    (void)count;
    query->taken++;
    if (!query->refused)
        query->refused = query->take(query->context, value);
}

int query_prepare(struct trace_reader *reader)
{
    return sqlite3_create_function(reader->db, "take", -1, SQLITE_UTF8 | SQLITE_DIRECTONLY, reader, take_row, NULL, NULL);
}

int query_ask_taken(struct query *query, struct trace_reader *reader, const char *columns, const char *table,
                    struct reader_window window, int (*take)(void *context, sqlite3_value **value), void *context,
                    struct rondo_error *err)
{
    char sql[1024];
    const int length = snprintf(sql, sizeof sql, "SELECT take(%s) FROM %s WHERE round BETWEEN ?1 AND ?2 ORDER BY round",
                                columns, table);
    assert(length > 0 && (size_t)length < sizeof sql);
    const int code = query_ask(query, reader, sql, window, err);
    query->take = take;
    query->context = context;
    return code;
}

/* A file whose rounds are no key has its rows taken before they are sorted: that is no trace. */
static int check_taken(struct query *query)
{
    const int rc = query->refused ? query->refused : query->taken == 1 ? SQLITE_OK : SQLITE_CORRUPT;
    query->taken = query->refused = 0;
    return rc;
}

bool query_next(struct query *query, int *code, struct rondo_error *err)
{
    if (*code)
        return false;
    query->reader->stepped = query;
    int rc = sqlite3_step(query->row);
    if (rc == SQLITE_ROW && query->take) {
        const int taken = check_taken(query);
        rc = taken == SQLITE_OK ? rc : taken;
    }
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

/* ---- numbers and texts ----------------------------------------------------------------------------------- */

int64_t query_whole(const struct query *query, int column)
{
    return sqlite3_column_int64(query->row, column);
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

int32_t value_small(sqlite3_value *value)
{
    return query_int32(sqlite3_value_int64(value));
}

int64_t value_ns(sqlite3_value *value)
{
    return query_bound_ns(sqlite3_value_int64(value));
}

double value_real(sqlite3_value *value)
{
    return sqlite3_value_type(value) == SQLITE_NULL ? (double)NAN : sqlite3_value_double(value);
}

/* ---- lists ----------------------------------------------------------------------------------------------- */

int value_list(sqlite3_value *value, int64_t count, bool even, int64_t *out)
{
    const int type = sqlite3_value_type(value);
    if (type == SQLITE_INTEGER && even) {
        const int64_t whole = sqlite3_value_int64(value);
        for (int64_t i = 0; out && i < count; i++)
            out[i] = whole;
        return SQLITE_OK;
    }
    const void *in = type == SQLITE_BLOB ? sqlite3_value_blob(value) : NULL;
    const int width = in ? lists_width_of(count, sqlite3_value_bytes(value)) : 0;
    if (!width)
        return SQLITE_CORRUPT;
    if (out)
        lists_unpack(in, count, width, out);
    return SQLITE_OK;
}

int value_list_reals(sqlite3_value *value, int64_t count, double *out)
{
    const int type = sqlite3_value_type(value);
    if (type != SQLITE_BLOB && type != SQLITE_TEXT) {
        const double real = value_real(value);
        for (int64_t i = 0; i < count; i++)
            out[i] = real;
        return SQLITE_OK;
    }
    const void *in = type == SQLITE_BLOB ? sqlite3_value_blob(value) : NULL;
    if (!in || sqlite3_value_bytes(value) != count * 8)
        return SQLITE_CORRUPT;
    memcpy(out, in, (size_t)count * 8);
    return SQLITE_OK;
}

int query_integers(const struct query *query, int column, int64_t count, struct rondo_buf *out,
                   struct rondo_error *err)
{
    sqlite3_value *value = sqlite3_column_value(query->row, column);
    int rc = count == 0 ? SQLITE_OK : value_list(value, count, false, NULL);
    if (rc == SQLITE_OK && count > 0)
        rc = buf_reserve(out, (size_t)count * sizeof(int64_t))
                 ? SQLITE_NOMEM : value_list(value, count, false, (int64_t *)(void *)out->data);
    return rc == SQLITE_OK ? RONDO_OK : query_refuse(query->reader, rc, err);
}

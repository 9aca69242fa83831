/* export_csv.c - one table as it stands, in the form of RFC 4180. */
#include "core/trace/export.h"

#include "core/base/mem.h"
#include "core/trace/query.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

const char export_csv_tables[] = "rounds, reports, blocks, tasks, conflicts, draws, moves, parts, cells, meta";

static const struct csv_table {
    const char *name, *sql;
    enum trace_level needs;
} tables[] = {
    { "rounds", "SELECT * FROM rounds ORDER BY round", TRACE_ROUNDS },
    { "reports", "SELECT * FROM reports ORDER BY round, place", TRACE_ROUNDS },
    { "blocks", "SELECT * FROM blocks ORDER BY round, block", TRACE_BLOCKS },
    { "tasks", "SELECT * FROM tasks ORDER BY round, place", TRACE_BLOCKS },
    { "conflicts", "SELECT * FROM conflicts ORDER BY round, place", TRACE_ALL },
    { "draws", "SELECT * FROM draws ORDER BY round", TRACE_ALL },
    { "moves", "SELECT * FROM moves ORDER BY round", TRACE_ALL },
    { "parts", "SELECT * FROM parts ORDER BY kind, tag, part", TRACE_BLOCKS },
    { "cells", "SELECT * FROM cells ORDER BY block, shard", TRACE_BLOCKS },
    { "meta", "SELECT * FROM meta ORDER BY key", TRACE_ROUNDS },
};

/* Text that holds a comma, a quote or an end of line stands in quotes, its quotes doubled. */
static void put_text(FILE *out, const char *text)
{
    if (!text[strcspn(text, ",\"\r\n")]) {
        fputs(text, out);
        return;
    }
    putc('"', out);
    for (; *text; text++) {
        if (*text == '"')
            putc('"', out);
        putc(*text, out);
    }
    putc('"', out);
}

static bool has_reals(const char *column)
{
    return strcmp(column, "weights") == 0 || strcmp(column, "deltas") == 0;
}

/* A number, or a list of reals that are all the same. */
static void put_real(FILE *out, const struct query *query, int column, int64_t count)
{
    bool list = has_reals(sqlite3_column_name(query->row, column));
    for (int64_t i = 0; i < (list ? count : 1); i++)
        fprintf(out, "%s%.17g", i ? " " : "", query_real(query, column));
}

/* A list, its numbers apart by blanks. */
static int put_list(FILE *out, const struct query *query, int column, int64_t count, struct rondo_buf *list,
                    struct rondo_error *err)
{
    bool real = has_reals(sqlite3_column_name(query->row, column));
    list->size = 0;
    int code = real ? query_reals(query, column, count, list, err) : query_integers(query, column, count, list, err);
    for (int64_t i = 0; i < count && !code; i++)
        if (real)
            fprintf(out, "%s%.17g", i ? " " : "", ((const double *)(const void *)list->data)[i]);
        else
            fprintf(out, "%s%" PRId64, i ? " " : "", ((const int64_t *)(const void *)list->data)[i]);
    return code;
}

static int put_row(FILE *out, const struct query *query, struct rondo_buf *list, struct rondo_error *err)
{
    int code = RONDO_OK;
    int64_t count = 0; /* of the lists: every table that has some has it before them */
    for (int c = 0; c < sqlite3_column_count(query->row) && !code; c++) {
        if (c)
            putc(',', out);
        switch (sqlite3_column_type(query->row, c)) {
        case SQLITE_NULL:
            break;
        case SQLITE_INTEGER:
            if (strcmp(sqlite3_column_name(query->row, c), "count") == 0)
                count = query_whole(query, c);
            fprintf(out, "%" PRId64, query_whole(query, c));
            break;
        case SQLITE_FLOAT:
            put_real(out, query, c, count);
            break;
        case SQLITE_BLOB:
            code = put_list(out, query, c, count, list, err);
            break;
        default:
            put_text(out, query_text(query, c));
        }
    }
    fputs("\r\n", out);
    return code;
}

static int put_table(struct trace_reader *reader, const struct csv_table *table, FILE *out, struct rondo_error *err)
{
    const struct reader_window all = { INT64_MIN, INT64_MAX };
    struct query query;
    struct rondo_buf list = { 0 };
    int code = query_ask(&query, reader, table->sql, all, err);
    for (int c = 0; !code && c < sqlite3_column_count(query.row); c++)
        fprintf(out, "%s%s", c ? "," : "", sqlite3_column_name(query.row, c));
    if (!code)
        fputs("\r\n", out);
    while (query_next(&query, &code, err))
        if ((code = put_row(out, &query, &list, err)) || ferror(out))
            break;
    query_done(&query);
    buf_fini(&list);
    return code;
}

int export_csv(struct trace_reader *reader, const char *name, FILE *out, struct rondo_error *err)
{
    const struct csv_table *table = NULL;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (strcmp(tables[i].name, name) == 0)
            table = &tables[i];
    if (!table)
        return rondo_error_set(err, RONDO_EINPUT, "trace", NULL, "\"%s\" is none of %s", name, export_csv_tables);
    if (reader_level(reader) < table->needs)
        return rondo_error_set(err, RONDO_EINPUT, reader_path(reader),
                               table->needs == TRACE_ALL ? "run the job with --trace all"
                                                         : "run the job with --trace blocks",
                               "this trace was kept without %s", name);
    int code = put_table(reader, table, out, err);
    if (!code && ferror(out))
        code = rondo_error_set(err, RONDO_EIO, NULL, NULL, "cannot write: %s", strerror(errno));
    return code;
}

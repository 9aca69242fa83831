/* query.h - one question to a trace: ask, next ... next, done.
 *
 * Place:   core/trace only, used by what reads.
 * Threads: one.
 * Memory:  a query is embedded; texts are borrowed until the next row.
 */
#ifndef QUERY_H
#define QUERY_H

#include "core/trace/reader.h"

#include <sqlite3.h>

struct trace_reader {
    sqlite3 *db;
    enum trace_level level;
    bool (*over)(void *context); /* NULL: nobody watches */
    void *context;
    struct rondo_buf variables; /* one block's, decoded */
    char path[4096];
};

struct query {
    struct trace_reader *reader;
    sqlite3_stmt *row;
};

/* Says why SQLite's code rc ended the reading; returns RONDO_EINPUT or RONDO_ENOMEM. */
int query_refuse(const struct trace_reader *reader, int rc, struct rondo_error *err);

/* The window's ends are the parameters ?1 and ?2, where the text has two.  Failed or not, the query
 * wants query_done. */
int query_ask(struct query *query, struct trace_reader *reader, const char *sql,
              struct reader_window window, struct rondo_error *err) RONDO_MUST_CHECK;
/* Whether there is another row; false too where *code is set, or is set here: reading failed. */
bool query_next(struct query *query, int *code, struct rondo_error *err);
void query_done(struct query *query);

/* Whether the level of the trace, now or in an earlier run, fills that table: it has rows, or would have. */
int query_has(struct trace_reader *reader, const char *table, bool *has, struct rondo_error *err) RONDO_MUST_CHECK;

/* A column of the row, counted from 0.  NULL reads as 0, NAN and "". */
int64_t query_whole(const struct query *query, int column);
int32_t query_small(const struct query *query, int column); /* cut to the range of int32 */
int64_t query_ns(const struct query *query, int column);    /* likewise to 104 days, so that differences are numbers */
double query_real(const struct query *query, int column);
const char *query_text(const struct query *query, int column);
bool query_is_null(const struct query *query, int column);

/* A blob of `count` integers of 4 or 8 bytes, or of doubles, appended to `out` as int64 or double; one of
 * another size is damage. */
int query_integers(const struct query *query, int column, int64_t count, struct rondo_buf *out,
                   struct rondo_error *err) RONDO_MUST_CHECK;
int query_reals(const struct query *query, int column, int64_t count, struct rondo_buf *out,
                struct rondo_error *err) RONDO_MUST_CHECK;

/* The question for a window's rounds, ascending, and its row; texts are borrowed until the next. */
extern const char *const query_rounds;
struct trace_round query_round(const struct query *query);
/* Rows whose columns are those of walks over the tables (scan.c), the round first. */
extern const char *const query_tasks;
struct trace_task query_task(const struct query *query);
struct trace_conflict query_conflict(const struct query *query);

#endif

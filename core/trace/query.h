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
    struct query *stepped;       /* the one that SQLite was last asked to step */
    char path[4096];
};

struct query {
    struct trace_reader *reader;
    sqlite3_stmt *row;
    int (*take)(void *context, sqlite3_value **value); /* NULL: rows are asked for column by column */
    void *context;
    int taken, refused; /* of one step: rows, and the code of a `take` that failed */
};

/* Says why SQLite's code rc ended the reading; returns RONDO_EINPUT or RONDO_ENOMEM. */
int query_refuse(const struct trace_reader *reader, int rc, struct rondo_error *err);

/* The window's ends are the parameters ?1 and ?2, where the text has two or more.  Failed or not, the query
 * wants query_done. */
int query_ask(struct query *query, struct trace_reader *reader, const char *sql,
              struct reader_window window, struct rondo_error *err) RONDO_MUST_CHECK;
/* The window's rows of a table by round.  Each, its columns in their order, is given to `take` where SQLite has it, in the
 * middle of a step: that costs half of asking for them one by one.  `take` answers SQLITE_OK or why it cannot be read; the
 * query must not be moved. */
int query_ask_taken(struct query *query, struct trace_reader *reader, const char *columns, const char *table,
                    struct reader_window window, int (*take)(void *context, sqlite3_value **value), void *context,
                    struct rondo_error *err) RONDO_MUST_CHECK;
/* So that its database can be asked so.  SQLite's code. */
int query_prepare(struct trace_reader *reader);
/* Whether there is another row; false too where *code is set, or is set here: reading failed. */
bool query_next(struct query *query, int *code, struct rondo_error *err);
void query_done(struct query *query);

/* Whether the trace was kept at that level or above, now or in an earlier run of which details are there. */
int query_has(struct trace_reader *reader, enum trace_level level, bool *has, struct rondo_error *err) RONDO_MUST_CHECK;

/* A column of the row, counted from 0.  NULL reads as 0, NAN and "". */
int64_t query_whole(const struct query *query, int column);
int32_t query_small(const struct query *query, int column); /* cut to the range of int32 */
int64_t query_ns(const struct query *query, int column);    /* likewise to 104 days, so that differences are numbers */
double query_real(const struct query *query, int column);
const char *query_text(const struct query *query, int column);
bool query_is_null(const struct query *query, int column);

/* The same of a value. */
int32_t value_small(sqlite3_value *value);
int64_t value_ns(sqlite3_value *value);
double value_real(sqlite3_value *value);

/* A sum that stays where it is when no number could hold it: only damage comes to so much. */
static inline void query_add(int64_t *sum, int64_t value)
{
    if (__builtin_add_overflow(*sum, value, sum))
        *sum = value > 0 ? INT64_MAX : INT64_MIN;
}

/* What these do to a number. */
static inline int32_t query_int32(int64_t value)
{
    return value > INT32_MAX ? INT32_MAX : value < INT32_MIN ? INT32_MIN : (int32_t)value;
}

static inline int64_t query_bound_ns(int64_t ns)
{
    const int64_t most = (int64_t)1 << 53;
    return ns > most ? most : ns < -most ? -most : ns;
}

/* A list of `count` > 0 numbers (lists.h) into out, which has room for them or is NULL: then it is looked at alone.
 * `even`: a plain number may stand for it, as for one of reals it always may, and NULL for what are no numbers.  All else
 * is SQLITE_CORRUPT. */
int value_list(sqlite3_value *value, int64_t count, bool even, int64_t *out) RONDO_MUST_CHECK;
int value_list_reals(sqlite3_value *value, int64_t count, double *out) RONDO_MUST_CHECK;
/* Likewise of a column `count` >= 0 whole numbers of a blob, for which `out` is grown. */
int query_integers(const struct query *query, int column, int64_t count, struct rondo_buf *out,
                   struct rondo_error *err) RONDO_MUST_CHECK;

#endif

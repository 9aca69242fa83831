/* rows.h - one round becomes rows, by one prepared statement for each table.
 *
 * Place:   core/trace only, used by the writer.
 * Threads: one.
 * Memory:  embedded; two buffers that grow to the largest list.  Records are borrowed.
 */
#ifndef ROWS_H
#define ROWS_H

#include "core/trace/database.h"
#include "core/trace/trace.h"

enum rows_insert {
    ROWS_ROUND, ROWS_BLOCK, ROWS_TASK, ROWS_TASKS, ROWS_CONFLICT, ROWS_CONFLICTS, ROWS_DRAWS, ROWS_MOVES,
    ROWS_REPORT, ROWS_PART, ROWS_CELL,
    ROWS_INSERTS,
};

struct rows {
    enum trace_level level;
    sqlite3_stmt *insert[ROWS_INSERTS];
    int64_t count;         /* rows put; the owner resets it */
    struct rondo_buf blob;  /* one list of variables as it is stored */
    struct rondo_buf reals; /* and of numbers */
};

/* Both give an SQLite code: SQLITE_NOMEM too where our own buffer cannot grow. */
int rows_init(struct rows *rows, sqlite3 *db, enum trace_level level) RONDO_MUST_CHECK;
/* To be called before the connection is closed; harmless on zeroes and a second time. */
void rows_fini(struct rows *rows);
/* A round and what the level keeps of its details, within the caller's transaction. */
int rows_put(struct rows *rows, const struct trace_round *round) RONDO_MUST_CHECK;
int rows_put_part(struct rows *rows, const struct trace_part *part) RONDO_MUST_CHECK;
int rows_put_cell(struct rows *rows, const struct trace_cell *cell) RONDO_MUST_CHECK;
int rows_put_report(struct rows *rows, const struct trace_report *report) RONDO_MUST_CHECK;

#endif

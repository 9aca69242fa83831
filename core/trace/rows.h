/* rows.h - one round becomes two rows, by one prepared statement for each table.
 *
 * Place:   core/trace only, used by the writer.
 * Threads: one.
 * Memory:  embedded; two buffers that grow to the largest round.  Records are borrowed.
 */
#ifndef ROWS_H
#define ROWS_H

#include "core/trace/database.h"
#include "core/trace/trace.h"

enum rows_insert {
    ROWS_ROUND, ROWS_DETAILS, ROWS_REPORT, ROWS_PART, ROWS_CELL,
    ROWS_INSERTS,
};

struct rows {
    enum trace_level level;
    sqlite3_stmt *insert[ROWS_INSERTS];
    int64_t count;          /* rows put, and 512 bytes of lists as one; the owner resets it */
    struct rondo_buf lists; /* of one kind of detail, as they were told, one after another */
    struct rondo_buf bytes; /* of one row, as they are stored */
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

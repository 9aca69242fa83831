/* jobfile.h - jobs.db as a file: its lock, its marks and table, a row read.
 *
 * Place:   service, floor 4, inside; it shows SQLite, so jobs.c and batch.c alone include it.
 * Threads: pure functions on a connection that belongs to one thread at a time.
 * Memory:  a row's texts are owned by the row.
 */
#ifndef JOBFILE_H
#define JOBFILE_H

#include "service/jobs.h"

#include <sqlite3.h>

enum {
    JOBFILE_ID = 0x526E6453, /* application_id: "RndS" */
    JOBFILE_VERSION = 1,     /* user_version: the schema's */
    JOBFILE_PATH = 4096,
};

/* The columns of a row, in the order that jobfile_row reads. */
#define JOBFILE_COLUMNS                                                                            \
    "id, state, priority, name, app, why, submitted, started, ended, starts, cancel_asked"
#define JOBFILE_COLUMNS_SPEC JOBFILE_COLUMNS ", spec"

/* Takes DIR/jobs.lock, until *lock is closed or the process ends.  RONDO_EINPUT where another has
 * it. */
int jobfile_lock(const char *dir, int *lock, struct rondo_error *err) RONDO_MUST_CHECK;

/* A connection that may write; the file and its table are made where they are missing. */
int jobfile_writer(const char *path, sqlite3 **db, struct rondo_error *err) RONDO_MUST_CHECK;
/* A connection that only reads. */
int jobfile_reader(const char *path, sqlite3 **db, struct rondo_error *err) RONDO_MUST_CHECK;

/* Copies the row that a statement stands on.  RONDO_ENOMEM leaves *row empty. */
int jobfile_row(sqlite3_stmt *statement, struct jobs_row *row) RONDO_MUST_CHECK;

/* Says why SQLite refused, with the system's own reason: RONDO_ENOMEM or RONDO_EIO. */
int jobfile_failed(sqlite3 *db, int rc, const char *doing, struct rondo_error *err);

#endif

/* database.h - what writer and reader must agree on: the file's name, marks and tables.
 *
 * Place:   core/trace only; it shows SQLite, so no other folder includes it.
 * Threads: pure functions on a connection that belongs to one thread.
 * Memory:  none of ours.
 *
 * The tables and views are the format docs/formats/trace.md describes; change both together, and
 * DATABASE_VERSION with them.
 */
#ifndef DATABASE_H
#define DATABASE_H

#include <rondo/types.h>

#include <sqlite3.h>

#define DATABASE_FILE "trace.db"

enum {
    DATABASE_ID = 0x526E6454, /* application_id: "RndT" */
    DATABASE_VERSION = 4,     /* user_version */
    DATABASE_WORDS = 256,     /* room for a reason */
};

enum database_kind {
    DATABASE_EMPTY,         /* no table, no mark: just made, or killed while it was made */
    DATABASE_OURS,
    DATABASE_OTHER_VERSION, /* a Rondo trace of another version */
    DATABASE_FOREIGN,       /* an SQLite file of somebody else */
};

/* Marks, tables, indices and views, to be run within one transaction on an empty file. */
extern const char *const database_schema;

/* The tables that have a column `round`; ends with NULL. */
extern const char *const database_round_tables[];

/* The integer in the first column of the first row; 0 where there is none.  An SQLite code. */
int database_integer(sqlite3 *db, const char *sql, int64_t *value) RONDO_MUST_CHECK;

/* Whose file it is; `version` is its user_version.  An SQLite code. */
int database_identify(sqlite3 *db, enum database_kind *kind, int64_t *version) RONDO_MUST_CHECK;

/* The last failure in words, with the system's own reason where there is one. */
void database_reason(sqlite3 *db, char words[DATABASE_WORDS]);

#endif

#include "service/jobfile.h"

#include "core/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { BUSY_MS = 5000 }; /* somebody looks into the file with a shell */

/* The spec is the last column, so that a list does not read it. */
static const char schema[] =
    "BEGIN IMMEDIATE;"
    "PRAGMA application_id = 1382966355;" /* JOBFILE_ID */
    "PRAGMA user_version = 1;"            /* JOBFILE_VERSION */
    "CREATE TABLE jobs("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, state INTEGER NOT NULL, priority INTEGER NOT NULL,"
    " name TEXT NOT NULL, app TEXT NOT NULL, why TEXT NOT NULL, submitted REAL NOT NULL,"
    " started REAL NOT NULL, ended REAL NOT NULL, starts INTEGER NOT NULL,"
    " cancel_asked INTEGER NOT NULL, spec TEXT NOT NULL);"
    "CREATE INDEX jobs_state ON jobs(state);"
    "CREATE INDEX jobs_queue ON jobs(priority DESC, id) WHERE state = 0;"
    "COMMIT;";

_Static_assert(JOBFILE_ID == 1382966355 && JOBFILE_VERSION == 1 && JOBS_QUEUED == 0,
               "the numbers in the schema's text");

int jobfile_lock(const char *dir, int *lock, struct rondo_error *err)
{
    char path[JOBFILE_PATH];
    int length = snprintf(path, sizeof path, "%s/jobs.lock", dir);
    if (length < 0 || (size_t)length + 8 > sizeof path)
        return rondo_error_set(err, RONDO_EINPUT, dir, NULL, "the path is too long");
    *lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (*lock < 0)
        return rondo_error_set(err, RONDO_EINPUT, path, NULL, "cannot write: %s", strerror(errno));
    if (flock(*lock, LOCK_EX | LOCK_NB) == 0)
        return RONDO_OK;
    int reason = errno;
    close(*lock);
    *lock = -1;
    if (reason == EWOULDBLOCK)
        return rondo_error_set(err, RONDO_EINPUT, dir, "end it, or give this one another --state",
                               "another coordinator has this directory");
    return rondo_error_set(err, RONDO_EINPUT, path, NULL, "cannot lock: %s", strerror(reason));
}

int jobfile_failed(sqlite3 *db, int rc, const char *doing, struct rondo_error *err)
{
    int kind = rc & 0xff;
    const char *path = sqlite3_db_filename(db, "main");
    if (kind == SQLITE_NOMEM)
        return rondo_error_set(err, RONDO_ENOMEM, path, NULL, "no memory to %s", doing);
    bool system = kind == SQLITE_IOERR || kind == SQLITE_CANTOPEN || kind == SQLITE_FULL;
    int reason = system ? sqlite3_system_errno(db) : 0;
    return rondo_error_set(err, RONDO_EIO, path, NULL, "cannot %s: %s%s%s", doing,
                           sqlite3_errstr(rc), reason ? ": " : "", reason ? strerror(reason) : "");
}

/* ---- opening ------------------------------------------------------------------------------- */

static int connect(const char *path, int flags, const char *settings, sqlite3 **db,
                   struct rondo_error *err)
{
    int rc = sqlite3_open_v2(path, db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_busy_timeout(*db, BUSY_MS);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(*db, settings, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        return RONDO_OK;
    int code = *db ? jobfile_failed(*db, rc, "open the job store", err) : RONDO_ENOMEM;
    sqlite3_close(*db);
    *db = NULL;
    return code;
}

/* The integer in the first column of the first row; 0 where there is none.  An SQLite code. */
static int integer(sqlite3 *db, const char *sql, int64_t *value)
{
    sqlite3_stmt *statement = NULL;
    *value = 0;
    int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (rc != SQLITE_OK)
        return rc;
    if (sqlite3_step(statement) == SQLITE_ROW)
        *value = sqlite3_column_int64(statement, 0);
    return sqlite3_finalize(statement);
}

/* Whose file is it?  An empty one becomes ours. */
static int identify(sqlite3 *db, const char *path, struct rondo_error *err)
{
    int64_t id = 0, version = 0, objects = 0;
    int rc = integer(db, "PRAGMA application_id", &id);
    rc = rc ? rc : integer(db, "PRAGMA user_version", &version);
    rc = rc ? rc : integer(db, "SELECT count(*) FROM sqlite_master", &objects);
    if (!rc && id == JOBFILE_ID && version == JOBFILE_VERSION)
        return RONDO_OK;
    if (!rc && id == 0 && objects == 0)
        rc = sqlite3_exec(db, schema, NULL, NULL, NULL);
    else if (!rc)
        return rondo_error_set(err, RONDO_EINPUT, path, NULL, id == JOBFILE_ID
                               ? "the job store is of another version of Rondo"
                               : "the file is not a job store");
    return rc ? jobfile_failed(db, rc, "read the job store", err) : RONDO_OK;
}

int jobfile_writer(const char *path, sqlite3 **db, struct rondo_error *err)
{
    static const char settings[] = "PRAGMA trusted_schema = OFF;"
                                   "PRAGMA synchronous = FULL;"
                                   "PRAGMA journal_size_limit = 16777216;";
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    int code = connect(path, flags, settings, db, err);
    code = code ? code : identify(*db, path, err);
    if (code)
        return code;
    int rc = sqlite3_exec(*db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
    return rc ? jobfile_failed(*db, rc, "open the job store", err) : RONDO_OK;
}

int jobfile_reader(const char *path, sqlite3 **db, struct rondo_error *err)
{
    static const char settings[] = "PRAGMA trusted_schema = OFF;"
                                   "PRAGMA query_only = ON;";
    return connect(path, SQLITE_OPEN_READWRITE, settings, db, err);
}

/* ---- a row --------------------------------------------------------------------------------- */

static char *copied(sqlite3_stmt *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement, column);
    return text ? mem_strdup((const char *)text) : NULL;
}

int jobfile_row(sqlite3_stmt *statement, struct jobs_row *row)
{
    bool spec = sqlite3_column_count(statement) > 11;
    *row = (struct jobs_row){
        .id = sqlite3_column_int64(statement, 0),
        .state = (enum jobs_state)sqlite3_column_int(statement, 1),
        .priority = sqlite3_column_int(statement, 2),
        .name = copied(statement, 3),
        .app = copied(statement, 4),
        .why = copied(statement, 5),
        .submitted = sqlite3_column_double(statement, 6),
        .started = sqlite3_column_double(statement, 7),
        .ended = sqlite3_column_double(statement, 8),
        .starts = sqlite3_column_int(statement, 9),
        .cancel_asked = sqlite3_column_int(statement, 10) != 0,
        .spec = spec ? copied(statement, 11) : NULL,
    };
    if (row->name && row->app && row->why && (row->spec || !spec))
        return RONDO_OK;
    jobs_row_fini(row);
    return RONDO_ENOMEM;
}

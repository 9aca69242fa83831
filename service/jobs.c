#include "service/jobs.h"

#include "core/base/file.h"
#include "core/base/mem.h"
#include "service/batch.h"
#include "service/jobfile.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { READERS = 4 };

/* Changes go through the batch.  Readers have connections of their own: in WAL mode they see the last
 * commit and wait for no sync. */
struct jobs {
    int lock;
    struct batch *batch;
    pthread_mutex_t mutex;
    pthread_cond_t returned;
    sqlite3 *reader[READERS]; /* guarded by mutex: which are in use */
    bool lent[READERS];       /* guarded by mutex */
    char path[JOBFILE_PATH];
};

static const char *const state_names[] = { "queued", "running", "completed", "failed",
                                           "cancelled" };

const char *jobs_state_name(enum jobs_state state)
{
    return state_names[state];
}

void jobs_row_fini(struct jobs_row *row)
{
    mem_free(row->name);
    mem_free(row->app);
    mem_free(row->spec);
    mem_free(row->why);
    *row = (struct jobs_row){ 0 };
}

/* ---- opening -------------------------------------------------------------------------------- */

/* So that the file's name outlives a loss of power. */
static void sync_folder(const char *dir)
{
    int folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return;
    fsync(folder);
    close(folder);
}

static int open_all(struct jobs *jobs, const char *dir, struct rondo_error *err)
{
    int code = file_make_dir(dir, err);
    code = code ? code : jobfile_lock(dir, &jobs->lock, err);
    if (code)
        return code;
    snprintf(jobs->path, sizeof jobs->path, "%.4080s/jobs.db", dir);
    code = batch_open(jobs->path, &jobs->batch, err);
    for (int i = 0; i < READERS && !code; i++)
        code = jobfile_reader(jobs->path, &jobs->reader[i], err);
    if (!code)
        sync_folder(dir);
    return code;
}

int jobs_open(const char *dir, struct jobs **jobs, struct rondo_error *err)
{
    struct jobs *made = mem_calloc(1, sizeof *made);
    struct rondo_error reason = { 0 };
    *jobs = NULL;
    if (!made)
        return rondo_error_set(err, RONDO_ENOMEM, dir, NULL, "no memory for the job store");
    made->lock = -1;
    pthread_mutex_init(&made->mutex, NULL);
    pthread_cond_init(&made->returned, NULL);
    int code = open_all(made, dir, &reason);
    if (!code) {
        *jobs = made;
        return RONDO_OK;
    }
    jobs_close(made);
    code = code == RONDO_ENOMEM ? code : RONDO_EINPUT; /* the directory cannot be used */
    return rondo_error_set(err, code, reason.where, reason.hint, "%s", reason.what);
}

void jobs_close(struct jobs *jobs)
{
    if (!jobs)
        return;
    for (int i = 0; i < READERS; i++)
        sqlite3_close(jobs->reader[i]);
    batch_close(jobs->batch); /* the last connection: the WAL goes into the file */
    if (jobs->lock >= 0)
        close(jobs->lock);
    pthread_cond_destroy(&jobs->returned);
    pthread_mutex_destroy(&jobs->mutex);
    mem_free(jobs);
}

/* ---- changes -------------------------------------------------------------------------------- */

int jobs_submit(struct jobs *jobs, const char *name, const char *app, int32_t priority,
                const char *spec, int64_t *id, struct rondo_error *err)
{
    struct batch_item item = { .kind = BATCH_SUBMIT, .name = name, .app = app, .spec = spec,
                               .priority = priority, .err = err };
    int code = batch_do(jobs->batch, &item);
    *id = code ? 0 : item.id;
    return code;
}

int jobs_take(struct jobs *jobs, struct jobs_row *row, struct rondo_error *err)
{
    *row = (struct jobs_row){ 0 };
    struct batch_item item = { .kind = BATCH_TAKE, .row = row, .err = err };
    int code = batch_do(jobs->batch, &item);
    return code ? code : item.found;
}

int jobs_end(struct jobs *jobs, int64_t id, enum jobs_state state, const char *why,
             struct rondo_error *err)
{
    struct batch_item item = { .kind = BATCH_END, .id = id, .state = state, .why = why ? why : "",
                               .err = err };
    return batch_do(jobs->batch, &item);
}

int jobs_cancel(struct jobs *jobs, int64_t id, enum jobs_state *state, struct rondo_error *err)
{
    struct batch_item item = { .kind = BATCH_CANCEL, .id = id, .err = err };
    int code = batch_do(jobs->batch, &item);
    *state = item.state;
    return code ? code : item.found;
}

int64_t jobs_waiting(struct jobs *jobs)
{
    struct batch_tally tally = batch_tally(jobs->batch);
    return tally.count[JOBS_QUEUED] + tally.left;
}

int jobs_count(struct jobs *jobs, int64_t count[JOBS_CANCELLED + 1], struct rondo_error *err)
{
    (void)err; /* nothing can go wrong */
    struct batch_tally tally = batch_tally(jobs->batch);
    memcpy(count, tally.count, sizeof tally.count);
    return RONDO_OK;
}

struct jobs_totals jobs_totals(struct jobs *jobs)
{
    return batch_tally(jobs->batch).totals;
}

int64_t jobs_changes(struct jobs *jobs)
{
    return batch_tally(jobs->batch).changes;
}

int jobs_changed(struct jobs *jobs, int64_t since, int64_t until, int64_t id[JOBS_REMEMBERED])
{
    return batch_changed(jobs->batch, since, until, id);
}

/* ---- reading -------------------------------------------------------------------------------- */

static int borrow(struct jobs *jobs)
{
    pthread_mutex_lock(&jobs->mutex);
    for (;;) {
        for (int i = 0; i < READERS; i++)
            if (!jobs->lent[i]) {
                jobs->lent[i] = true;
                pthread_mutex_unlock(&jobs->mutex);
                return i;
            }
        pthread_cond_wait(&jobs->returned, &jobs->mutex);
    }
}

static void give_back(struct jobs *jobs, int reader)
{
    pthread_mutex_lock(&jobs->mutex);
    jobs->lent[reader] = false;
    pthread_cond_signal(&jobs->returned);
    pthread_mutex_unlock(&jobs->mutex);
}

/* What a question binds, and who hears the rows: a nonzero answer ends it.  Or one row is kept. */
struct question {
    const char *sql;
    int64_t bound[3];
    int (*each)(void *context, const struct jobs_row *row);
    void *context;
    struct jobs_row *kept;
};

static int hear(sqlite3_stmt *statement, const struct question *question)
{
    struct jobs_row row;
    if (question->kept)
        return jobfile_row(statement, question->kept);
    int code = jobfile_row(statement, &row);
    if (code)
        return code;
    code = question->each(question->context, &row);
    jobs_row_fini(&row);
    return code;
}

static int pose(struct jobs *jobs, const struct question *question, struct rondo_error *err)
{
    int reader = borrow(jobs), code = RONDO_OK;
    sqlite3 *db = jobs->reader[reader];
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db, question->sql, -1, &statement, NULL);
    for (int i = 0; !rc && i < sqlite3_bind_parameter_count(statement); i++)
        rc = sqlite3_bind_int64(statement, i + 1, question->bound[i]);
    while (!rc && !code && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        code = hear(statement, question);
        rc = SQLITE_OK;
    }
    if (rc && rc != SQLITE_DONE)
        code = jobfile_failed(db, rc, "read the jobs", err);
    sqlite3_finalize(statement);
    give_back(jobs, reader);
    return code;
}

int jobs_get(struct jobs *jobs, int64_t id, struct jobs_row *row, struct rondo_error *err)
{
    struct question question = { "SELECT " JOBFILE_COLUMNS_SPEC " FROM jobs WHERE id = ?1",
                                 { id }, NULL, NULL, row };
    *row = (struct jobs_row){ 0 };
    int code = pose(jobs, &question, err);
    return code ? code : row->id != 0;
}

int jobs_peek(struct jobs *jobs, int64_t id, int (*each)(void *context, const struct jobs_row *row),
              void *context, struct rondo_error *err)
{
    struct question question = { "SELECT " JOBFILE_COLUMNS " FROM jobs WHERE id = ?1", { id }, each,
                                 context, NULL };
    return pose(jobs, &question, err);
}

int jobs_list(struct jobs *jobs, int state, int64_t before, int64_t limit,
              int (*each)(void *context, const struct jobs_row *row), void *context,
              struct rondo_error *err)
{
    static const char all[] = "SELECT " JOBFILE_COLUMNS
                              " FROM jobs WHERE id < ?1 ORDER BY id DESC LIMIT ?2";
    static const char some[] = "SELECT " JOBFILE_COLUMNS
                               " FROM jobs WHERE id < ?1 AND state = ?3 ORDER BY id DESC LIMIT ?2";
    struct question question = { state < 0 ? all : some,
                                 { before > 0 ? before : INT64_MAX, limit, state }, each, context,
                                 NULL };
    return pose(jobs, &question, err);
}

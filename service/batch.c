/* batch.c - group commit.
 *
 * A batch is one transaction: all of it is on the disk before any of its callers returns, or none of
 * it.  Where SQLite refuses (a full disk) all are told so, the transaction is rolled back, and the
 * next batch begins anew: there may be room by then.
 */
#include "service/batch.h"

#include "core/base/mem.h"

#include <inttypes.h>
#include <pthread.h>
#include <time.h>

enum statement {
    BEGIN, COMMIT, ROLLBACK, INSERT, LEFT, QUEUED, FETCH, START, STATE_OF, FINISH, ASK, STATEMENTS
};

static const char *const texts[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [INSERT] = "INSERT INTO jobs(state, priority, name, app, why, submitted, started, ended,"
               " starts, cancel_asked, spec) VALUES(0, ?1, ?2, ?3, '', ?4, 0, 0, 0, 0, ?5)",
    [LEFT] = "SELECT id FROM jobs WHERE state = 1 AND id > ?1 ORDER BY id LIMIT 1",
    [QUEUED] = "SELECT id FROM jobs WHERE state = 0 ORDER BY priority DESC, id LIMIT 1",
    [FETCH] = "SELECT " JOBFILE_COLUMNS_SPEC " FROM jobs WHERE id = ?1",
    [START] = "UPDATE jobs SET state = 1, starts = starts + 1,"
              " started = CASE WHEN started = 0 THEN ?2 ELSE started END WHERE id = ?1",
    [STATE_OF] = "SELECT state FROM jobs WHERE id = ?1",
    [FINISH] = "UPDATE jobs SET state = ?2, why = ?3, ended = ?4 WHERE id = ?1",
    [ASK] = "UPDATE jobs SET cancel_asked = 1 WHERE id = ?1",
};

_Static_assert(JOBS_QUEUED == 0 && JOBS_RUNNING == 1, "the states in the statements' texts");

struct batch {
    sqlite3 *db;                         /* the leader's */
    sqlite3_stmt *statement[STATEMENTS]; /* the leader's */
    struct batch_tally next;             /* the leader's: as it will be when this batch is done */
    pthread_mutex_t mutex;
    pthread_cond_t done;
    bool busy;                        /* somebody leads; guarded by mutex */
    struct batch_item *first, *last;  /* who wait; guarded by mutex */
    struct batch_tally tally;         /* guarded by mutex */
    int64_t changed[JOBS_REMEMBERED]; /* the job of the k-th change, at k modulo that; guarded by mutex */
};

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* ---- statements ----------------------------------------------------------------------------- */

/* Runs one that gives no row. */
static int run(struct batch *batch, enum statement which)
{
    int rc = sqlite3_step(batch->statement[which]);
    int reset = sqlite3_reset(batch->statement[which]);
    sqlite3_clear_bindings(batch->statement[which]);
    return rc == SQLITE_DONE ? SQLITE_OK : reset ? reset : rc;
}

/* The integer of the only row; *found says whether there is one. */
static int ask(struct batch *batch, enum statement which, int64_t bound, int64_t *value,
               bool *found)
{
    sqlite3_stmt *statement = batch->statement[which];
    if (sqlite3_bind_parameter_count(statement) > 0)
        sqlite3_bind_int64(statement, 1, bound);
    *found = sqlite3_step(statement) == SQLITE_ROW;
    *value = *found ? sqlite3_column_int64(statement, 0) : 0;
    return sqlite3_reset(statement);
}

static void move(struct batch *batch, enum jobs_state from, enum jobs_state to)
{
    batch->next.count[from]--;
    batch->next.count[to]++;
}

/* ---- the four changes; each returns an SQLite code, and its own failure in item->code --------- */

static int submit(struct batch *batch, struct batch_item *item)
{
    sqlite3_stmt *insert = batch->statement[INSERT];
    int rc = sqlite3_bind_int(insert, 1, item->priority);
    rc = rc ? rc : sqlite3_bind_text(insert, 2, item->name, -1, SQLITE_STATIC);
    rc = rc ? rc : sqlite3_bind_text(insert, 3, item->app, -1, SQLITE_STATIC);
    rc = rc ? rc : sqlite3_bind_double(insert, 4, now_s());
    rc = rc ? rc : sqlite3_bind_text(insert, 5, item->spec, -1, SQLITE_STATIC);
    rc = rc ? rc : run(batch, INSERT);
    item->id = sqlite3_last_insert_rowid(batch->db);
    batch->next.count[JOBS_QUEUED]++;
    batch->next.totals.submitted++;
    return rc;
}

/* Of a running job: it is left from before, and not given out yet. */
static bool is_left(const struct batch *batch, int64_t id)
{
    return batch->next.left > 0 && id > batch->next.given_to;
}

/* Those left running go first, in the order of their ids: no queued one is given out before, so all
 * that run above given_to are left from before. */
static int next_id(struct batch *batch, int64_t *id, bool *found)
{
    if (batch->next.left > 0) {
        int rc = ask(batch, LEFT, batch->next.given_to, id, found);
        if (rc || *found)
            return rc;
        batch->next.left = 0;
    }
    return ask(batch, QUEUED, 0, id, found);
}

static int fetch(struct batch *batch, int64_t id, struct batch_item *item)
{
    sqlite3_stmt *statement = batch->statement[FETCH];
    sqlite3_bind_int64(statement, 1, id);
    if (sqlite3_step(statement) == SQLITE_ROW)
        item->code = jobfile_row(statement, item->row);
    return sqlite3_reset(statement);
}

static int start(struct batch *batch, struct batch_item *item)
{
    struct jobs_row *row = item->row;
    sqlite3_stmt *statement = batch->statement[START];
    if (row->state == JOBS_QUEUED)
        move(batch, JOBS_QUEUED, JOBS_RUNNING);
    else
        batch->next.left--, batch->next.given_to = row->id;
    row->state = JOBS_RUNNING;
    row->starts++;
    row->started = row->started > 0 ? row->started : now_s();
    sqlite3_bind_int64(statement, 1, row->id);
    sqlite3_bind_double(statement, 2, row->started);
    return run(batch, START);
}

static int take(struct batch *batch, struct batch_item *item)
{
    int64_t id;
    int rc = next_id(batch, &id, &item->found);
    if (rc || !item->found)
        return rc;
    rc = fetch(batch, id, item);
    return rc || item->code ? rc : start(batch, item);
}

static int finish(struct batch *batch, int64_t id, enum jobs_state state, const char *why)
{
    sqlite3_stmt *statement = batch->statement[FINISH];
    sqlite3_bind_int64(statement, 1, id);
    sqlite3_bind_int(statement, 2, (int)state);
    int rc = sqlite3_bind_text(statement, 3, why, -1, SQLITE_STATIC);
    sqlite3_bind_double(statement, 4, now_s());
    batch->next.totals.ended[state]++;
    return rc ? rc : run(batch, FINISH);
}

static int end(struct batch *batch, struct batch_item *item)
{
    int64_t state;
    bool found;
    int rc = ask(batch, STATE_OF, item->id, &state, &found);
    if (rc)
        return rc;
    if (!found || state != JOBS_RUNNING) {
        item->code = rondo_error_set(item->err, RONDO_ESTATE, NULL, NULL,
                                     "job %" PRId64 " is not running", item->id);
        return SQLITE_OK;
    }
    if (is_left(batch, item->id))
        batch->next.left--;
    move(batch, JOBS_RUNNING, item->state);
    return finish(batch, item->id, item->state, item->why);
}

static int cancel(struct batch *batch, struct batch_item *item)
{
    int64_t state;
    int rc = ask(batch, STATE_OF, item->id, &state, &item->found);
    if (rc || !item->found)
        return rc;
    item->state = (enum jobs_state)state;
    if (state > JOBS_RUNNING)
        return SQLITE_OK;
    sqlite3_bind_int64(batch->statement[ASK], 1, item->id);
    rc = run(batch, ASK);
    if (rc || (state == JOBS_RUNNING && !is_left(batch, item->id)))
        return rc;
    if (state == JOBS_RUNNING) /* nobody runs it, and without workers nobody will */
        batch->next.left--;
    move(batch, item->state, JOBS_CANCELLED);
    return finish(batch, item->id, JOBS_CANCELLED, "cancelled");
}

static const struct {
    int (*apply)(struct batch *batch, struct batch_item *item);
    const char *words;
} changes[] = {
    [BATCH_SUBMIT] = { submit, "keep the job" },
    [BATCH_TAKE] = { take, "mark the job as running" },
    [BATCH_END] = { end, "keep the job's end" },
    [BATCH_CANCEL] = { cancel, "keep that the job is cancelled" },
};

/* ---- a batch -------------------------------------------------------------------------------- */

/* Nothing of the batch was kept: each caller hears why. */
static void refuse(struct batch *batch, int rc, struct batch_item *first)
{
    for (struct batch_item *item = first; item; item = item->next) {
        if (item->kind == BATCH_TAKE)
            jobs_row_fini(item->row);
        if (!item->code)
            item->code = jobfile_failed(batch->db, rc, changes[item->kind].words, item->err);
    }
    if (!sqlite3_get_autocommit(batch->db) && run(batch, ROLLBACK) != SQLITE_OK)
        sqlite3_exec(batch->db, "ROLLBACK", NULL, NULL, NULL);
}

static bool commit(struct batch *batch, struct batch_item *first)
{
    int rc = run(batch, BEGIN);
    for (struct batch_item *item = first; item && !rc; item = item->next)
        rc = changes[item->kind].apply(batch, item);
    rc = rc ? rc : run(batch, COMMIT);
    if (rc)
        refuse(batch, rc, first);
    return rc == SQLITE_OK;
}

/* Of a change that is kept: what it did is seen from now on. */
static void remember(struct batch *batch, const struct batch_item *item)
{
    bool taken = item->kind == BATCH_TAKE, late = item->state > JOBS_RUNNING; /* to be cancelled */
    if (item->code || (taken && !item->found)
        || (item->kind == BATCH_CANCEL && (!item->found || late)))
        return;
    batch->changed[batch->tally.changes++ % JOBS_REMEMBERED] = taken ? item->row->id : item->id;
}

/* Takes all that wait and does them; the mutex is held but for the work itself. */
static void lead(struct batch *batch)
{
    struct batch_item *first = batch->first;
    batch->first = batch->last = NULL;
    batch->busy = true;
    batch->next = batch->tally;
    pthread_mutex_unlock(&batch->mutex);
    bool kept = commit(batch, first);
    pthread_mutex_lock(&batch->mutex);
    if (kept) {
        batch->tally = batch->next;
        batch->tally.commits++;
    }
    for (struct batch_item *item = first; item; item = item->next) {
        if (kept)
            remember(batch, item);
        item->done = true;
    }
    batch->busy = false;
    pthread_cond_broadcast(&batch->done);
}

int batch_do(struct batch *batch, struct batch_item *item)
{
    pthread_mutex_lock(&batch->mutex);
    if (batch->last)
        batch->last->next = item;
    else
        batch->first = item;
    batch->last = item;
    while (!item->done) {
        if (batch->busy)
            pthread_cond_wait(&batch->done, &batch->mutex);
        else
            lead(batch);
    }
    pthread_mutex_unlock(&batch->mutex);
    return item->code;
}

struct batch_tally batch_tally(struct batch *batch)
{
    pthread_mutex_lock(&batch->mutex);
    struct batch_tally tally = batch->tally;
    pthread_mutex_unlock(&batch->mutex);
    return tally;
}

int batch_changed(struct batch *batch, int64_t since, int64_t until, int64_t id[JOBS_REMEMBERED])
{
    pthread_mutex_lock(&batch->mutex);
    int64_t now = batch->tally.changes;
    bool kept = since >= 0 && until <= now && now - since <= JOBS_REMEMBERED;
    int count = 0;
    for (int64_t k = since; kept && k < until; k++)
        id[count++] = batch->changed[k % JOBS_REMEMBERED];
    pthread_mutex_unlock(&batch->mutex);
    return kept ? count : -1;
}

/* ---- opening -------------------------------------------------------------------------------- */

static int count_all(struct batch *batch)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(batch->db, "SELECT state, count(*) FROM jobs GROUP BY state", -1,
                                &statement, NULL);
    while (rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
        int state = sqlite3_column_int(statement, 0);
        if (state >= JOBS_QUEUED && state <= JOBS_CANCELLED)
            batch->tally.count[state] = sqlite3_column_int64(statement, 1);
    }
    batch->tally.left = batch->tally.count[JOBS_RUNNING];
    int last = sqlite3_finalize(statement);
    return rc ? rc : last;
}

int batch_open(const char *path, struct batch **batch, struct rondo_error *err)
{
    struct batch *made = mem_calloc(1, sizeof *made);
    *batch = NULL;
    if (!made)
        return rondo_error_set(err, RONDO_ENOMEM, path, NULL, "no memory for the job store");
    pthread_mutex_init(&made->mutex, NULL);
    pthread_cond_init(&made->done, NULL);
    int code = jobfile_writer(path, &made->db, err);
    int rc = SQLITE_OK;
    for (int i = 0; i < STATEMENTS && !code && !rc; i++)
        rc = sqlite3_prepare_v3(made->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                &made->statement[i], NULL);
    rc = rc || code ? rc : count_all(made);
    if (rc)
        code = jobfile_failed(made->db, rc, "read the job store", err);
    if (code)
        batch_close(made);
    else
        *batch = made;
    return code;
}

void batch_close(struct batch *batch)
{
    if (!batch)
        return;
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(batch->statement[i]);
    sqlite3_close(batch->db);
    pthread_cond_destroy(&batch->done);
    pthread_mutex_destroy(&batch->mutex);
    mem_free(batch);
}

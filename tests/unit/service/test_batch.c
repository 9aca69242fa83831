/* Changes that come together share a transaction; who only reads does not wait for it. */
#include "tests/unit/service/place.h"

#include "core/base/clock.h"
#include "service/batch.h"

#include <poll.h>
#include <pthread.h>

TestSuite(batch, .init = place_setup, .fini = place_teardown, .timeout = 600);

enum { THREADS = 8 };

static _Atomic int coming; /* so many are about to wait */

/* Somebody else's connection that holds the file against writers. */
static sqlite3 *held(void)
{
    sqlite3 *db;
    cr_assert_eq(sqlite3_open(place_path("jobs.db"), &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    return db;
}

static void let_go(sqlite3 *db)
{
    cr_assert_eq(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void *submit_one(void *batch)
{
    struct batch_item item = { .kind = BATCH_SUBMIT, .name = "", .app = "a", .spec = "{}" };
    coming++;
    cr_assert_eq(batch_do(batch, &item), 0);
    return NULL;
}

/* How many commits it took for all threads, of which one leads after so many milliseconds and the rest wait. */
static int commits_of(struct batch *batch, int milliseconds)
{
    pthread_t thread[THREADS];
    struct batch_tally before = batch_tally(batch);
    sqlite3 *other = held();
    coming = 0;
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&thread[i], NULL, submit_one, batch), 0);
    while (coming < THREADS)
        poll(NULL, 0, 1);
    poll(NULL, 0, milliseconds);
    let_go(other);
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    struct batch_tally tally = batch_tally(batch);
    cr_expect_eq(tally.count[JOBS_QUEUED] - before.count[JOBS_QUEUED], THREADS);
    return (int)(tally.commits - before.commits);
}

Test(batch, those_who_wait_for_one_commit_are_done_by_the_next)
{
    struct batch *batch;
    int commits = THREADS;
    cr_assert_eq(batch_open(place_path("jobs.db"), &batch, NULL), 0);
    for (int i = 0; i < 20 && commits > 3; i++) /* the machine may keep one back on the last step */
        commits = commits_of(batch, 500);
    cr_expect(commits <= 3, "%d commits", commits);
    batch_close(batch);
}

static void *submit_to_store(void *jobs)
{
    int64_t id;
    cr_assert_eq(jobs_submit(jobs, "", "a", 0, "{}", &id, NULL), 0);
    return NULL;
}

Test(batch, a_reader_does_not_wait_for_a_writer)
{
    struct jobs *jobs;
    struct jobs_row row;
    pthread_t thread;
    cr_assert_eq(jobs_open(place_dir, &jobs, NULL), 0);
    submit_to_store(jobs);
    sqlite3 *other = held();
    cr_assert_eq(pthread_create(&thread, NULL, submit_to_store, jobs), 0);
    poll(NULL, 0, 200); /* it waits for the file */
    cr_expect_eq(jobs_get(jobs, 1, &row, NULL), 1); /* it does not: nobody lets go before */
    cr_expect_eq(jobs_waiting(jobs), 1);
    jobs_row_fini(&row);
    let_go(other);
    pthread_join(thread, NULL);
    cr_expect_eq(jobs_waiting(jobs), 2);
    jobs_close(jobs);
}

Test(batch, of_a_batch_that_fails_nothing_stays)
{
    struct batch *batch;
    struct rondo_error err = { 0 };
    struct jobs_row row = { 0 };
    cr_assert_eq(batch_open(place_path("jobs.db"), &batch, NULL), 0);
    submit_one(batch);
    sqlite3 *other;
    cr_assert_eq(sqlite3_open(place_path("jobs.db"), &other), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(other, "CREATE TRIGGER no BEFORE UPDATE ON jobs BEGIN"
                                     " SELECT raise(FAIL, 'no'); END", NULL, NULL, NULL), SQLITE_OK);
    struct batch_item item = { .kind = BATCH_TAKE, .row = &row, .err = &err };
    cr_expect_eq(batch_do(batch, &item), RONDO_EIO);
    cr_expect_null(row.spec);
    cr_expect(strstr(err.what, "cannot mark the job as running: ") == err.what, "%s", err.what);
    struct batch_tally tally = batch_tally(batch);
    cr_expect(tally.count[JOBS_QUEUED] == 1 && tally.count[JOBS_RUNNING] == 0);
    cr_assert_eq(sqlite3_exec(other, "DROP TRIGGER no", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    item = (struct batch_item){ .kind = BATCH_TAKE, .row = &row, .err = &err };
    cr_expect(batch_do(batch, &item) == 0 && item.found && row.id == 1);
    jobs_row_fini(&row);
    batch_close(batch);
}

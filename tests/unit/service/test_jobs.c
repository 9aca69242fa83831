/* The job store: what was accepted stays, whatever happens, and no job is given out twice. */
#include "tests/unit/service/place.h"

#include "core/base/mem.h"
#include "service/jobs.h"
#include "tests/support/disk.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

TestSuite(jobs, .init = place_setup, .fini = place_teardown);

static struct jobs *opened(void)
{
    struct jobs *jobs;
    struct rondo_error err = { 0 };
    cr_assert_eq(jobs_open(place_dir, &jobs, &err), 0, "%s: %s", err.where, err.what);
    return jobs;
}

static int64_t submitted(struct jobs *jobs, const char *name, int priority)
{
    int64_t id;
    struct rondo_error err = { 0 };
    int code = jobs_submit(jobs, name, "lasso", priority, "{\"app\":\"lasso\"}", &id, &err);
    cr_assert_eq(code, 0, "%s: %s", err.where, err.what);
    return id;
}

/* The id that is given out next, 0 where there is none. */
static int64_t taken(struct jobs *jobs)
{
    struct jobs_row row;
    struct rondo_error err = { 0 };
    int found = jobs_take(jobs, &row, &err);
    cr_assert(found >= 0, "%s: %s", err.where, err.what);
    int64_t id = row.id;
    jobs_row_fini(&row);
    return found ? id : 0;
}

static void ended(struct jobs *jobs, int64_t id, enum jobs_state state, const char *why)
{
    struct rondo_error err = { 0 };
    cr_assert_eq(jobs_end(jobs, id, state, why, &err), 0, "%s: %s", err.where, err.what);
}

static struct jobs_row got(struct jobs *jobs, int64_t id)
{
    struct jobs_row row;
    struct rondo_error err = { 0 };
    cr_assert_eq(jobs_get(jobs, id, &row, &err), 1, "%s: %s", err.where, err.what);
    return row;
}

static enum jobs_state state_of(struct jobs *jobs, int64_t id)
{
    struct jobs_row row = got(jobs, id);
    enum jobs_state state = row.state;
    jobs_row_fini(&row);
    return state;
}

Test(jobs, a_job_goes_from_queued_over_running_to_its_end)
{
    struct jobs *jobs = opened();
    int64_t id = submitted(jobs, "first", 7);
    struct jobs_row row = got(jobs, id);
    cr_expect_eq(row.id, 1);
    cr_expect_eq(row.state, JOBS_QUEUED);
    cr_expect_eq(row.priority, 7);
    cr_expect_str_eq(row.name, "first");
    cr_expect_str_eq(row.app, "lasso");
    cr_expect_str_eq(row.spec, "{\"app\":\"lasso\"}");
    cr_expect_str_eq(row.why, "");
    cr_expect(row.submitted > 1.7e9 && row.started == 0 && row.ended == 0);
    cr_expect(row.starts == 0 && !row.cancel_asked);
    jobs_row_fini(&row);
    cr_expect_eq(jobs_waiting(jobs), 1);
    struct rondo_error err = { 0 };
    cr_assert_eq(jobs_take(jobs, &row, &err), 1);
    cr_expect(row.id == id && row.state == JOBS_RUNNING && row.starts == 1 && row.started > 1.7e9);
    cr_expect_str_eq(row.spec, "{\"app\":\"lasso\"}");
    jobs_row_fini(&row);
    cr_expect_eq(jobs_waiting(jobs), 0);
    ended(jobs, id, JOBS_COMPLETED, "gap");
    row = got(jobs, id);
    cr_expect(row.state == JOBS_COMPLETED && row.ended >= row.started);
    cr_expect_str_eq(row.why, "gap");
    jobs_row_fini(&row);
    cr_expect_eq(jobs_end(jobs, id, JOBS_FAILED, "", &err), RONDO_ESTATE);
    cr_expect_eq(jobs_get(jobs, 99, &row, &err), 0);
    jobs_close(jobs);
}

Test(jobs, the_last_changes_are_remembered_by_their_jobs)
{
    struct jobs *jobs = opened();
    enum jobs_state was;
    int64_t id[JOBS_REMEMBERED] = { 0 };
    cr_expect_eq(jobs_changes(jobs), 0);
    submitted(jobs, "one", 0);
    submitted(jobs, "two", 1);
    cr_expect_eq(taken(jobs), 2);
    ended(jobs, 2, JOBS_FAILED, "no");
    cr_assert_eq(jobs_cancel(jobs, 1, &was, NULL), 1);
    cr_assert_eq(jobs_cancel(jobs, 1, &was, NULL), 1); /* it is already */
    cr_expect_eq(taken(jobs), 0);
    cr_expect(jobs_end(jobs, 1, JOBS_FAILED, "no", NULL) != 0);
    cr_assert_eq(jobs_changes(jobs), 5);
    cr_assert_eq(jobs_changed(jobs, 0, 5, id), 5);
    cr_expect(id[0] == 1 && id[1] == 2 && id[2] == 2 && id[3] == 2 && id[4] == 1);
    cr_expect_eq(jobs_changed(jobs, 4, 5, id), 1);
    cr_expect_eq(jobs_changed(jobs, 5, 5, id), 0);
    cr_expect_eq(jobs_changed(jobs, 4, 6, id), -1);
    struct jobs_totals totals = jobs_totals(jobs);
    cr_expect(totals.submitted == 2 && totals.ended[JOBS_FAILED] == 1 && totals.ended[JOBS_CANCELLED] == 1);
    for (int i = 0; i < JOBS_REMEMBERED; i++)
        submitted(jobs, "more", 0);
    cr_expect_eq(jobs_changed(jobs, 4, 6, id), -1, "it is too long ago");
    cr_expect_eq(jobs_changed(jobs, 5, 5 + JOBS_REMEMBERED, id), JOBS_REMEMBERED);
    cr_expect_eq(id[0], 3);
    jobs_close(jobs);
}

Test(jobs, higher_ones_go_first_and_equals_in_the_order_of_arrival)
{
    struct jobs *jobs = opened();
    int64_t plain = submitted(jobs, "", 0), low = submitted(jobs, "", -5);
    int64_t high = submitted(jobs, "", 9), second = submitted(jobs, "", 9);
    int64_t late = submitted(jobs, "", 0);
    const int64_t order[] = { high, second, plain, late, low, 0 };
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        cr_expect_eq(taken(jobs), order[i]);
    jobs_close(jobs);
}

Test(jobs, a_job_left_running_is_given_out_again_once_and_first)
{
    struct jobs *jobs = opened();
    int64_t a = submitted(jobs, "", 0), b = submitted(jobs, "", 0), c = submitted(jobs, "", 50);
    cr_expect_eq(taken(jobs), c);
    cr_expect_eq(taken(jobs), a);
    jobs_close(jobs);
    jobs = opened();
    cr_expect_eq(jobs_waiting(jobs), 3);
    int64_t urgent = submitted(jobs, "", 100);
    const int64_t order[] = { a, c, urgent, b, 0, 0 };
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        cr_expect_eq(taken(jobs), order[i]);
    cr_expect_eq(jobs_waiting(jobs), 0);
    struct jobs_row row = got(jobs, a);
    cr_expect_eq(row.starts, 2);
    jobs_row_fini(&row);
    jobs_close(jobs);
}

Test(jobs, a_queued_job_is_cancelled_at_once_and_of_a_running_one_it_is_noted)
{
    struct jobs *jobs = opened();
    struct rondo_error err = { 0 };
    enum jobs_state was;
    int64_t a = submitted(jobs, "", 0), b = submitted(jobs, "", 0);
    cr_expect_eq(taken(jobs), a);
    cr_expect_eq(jobs_cancel(jobs, b, &was, &err), 1);
    cr_expect(was == JOBS_QUEUED && state_of(jobs, b) == JOBS_CANCELLED);
    cr_expect_eq(taken(jobs), 0);
    cr_expect_eq(jobs_cancel(jobs, a, &was, &err), 1);
    struct jobs_row row = got(jobs, a);
    cr_expect(was == JOBS_RUNNING && row.state == JOBS_RUNNING && row.cancel_asked);
    jobs_row_fini(&row);
    ended(jobs, a, JOBS_CANCELLED, "cancelled");
    cr_expect_eq(jobs_cancel(jobs, a, &was, &err), 1);
    cr_expect_eq(was, JOBS_CANCELLED);
    cr_expect_eq(jobs_cancel(jobs, 77, &was, &err), 0);
    int64_t count[JOBS_CANCELLED + 1];
    cr_expect_eq(jobs_count(jobs, count, &err), 0);
    cr_expect(count[JOBS_CANCELLED] == 2 && count[JOBS_QUEUED] == 0 && count[JOBS_RUNNING] == 0);
    jobs_close(jobs);
}

struct listing {
    int64_t id[100];
    int count;
};

static int note(void *context, const struct jobs_row *row)
{
    struct listing *listing = context;
    cr_assert_null(row->spec);
    listing->id[listing->count++] = row->id;
    return 0;
}

Test(jobs, lists_come_newest_first_by_state_and_in_pages)
{
    struct jobs *jobs = opened();
    struct rondo_error err = { 0 };
    for (int i = 0; i < 20; i++)
        submitted(jobs, "", 0);
    for (int i = 0; i < 5; i++)
        taken(jobs);
    struct listing all = { .count = 0 }, page = { .count = 0 }, running = { .count = 0 };
    cr_expect_eq(jobs_list(jobs, -1, 0, 100, note, &all, &err), 0);
    cr_expect(all.count == 20 && all.id[0] == 20 && all.id[19] == 1);
    cr_expect_eq(jobs_list(jobs, -1, 11, 4, note, &page, &err), 0);
    cr_expect(page.count == 4 && page.id[0] == 10 && page.id[3] == 7);
    cr_expect_eq(jobs_list(jobs, JOBS_RUNNING, 0, 100, note, &running, &err), 0);
    cr_expect(running.count == 5 && running.id[0] == 5 && running.id[4] == 1);
    jobs_close(jobs);
}

Test(jobs, a_second_coordinator_is_told_that_the_directory_is_taken)
{
    struct jobs *jobs = opened(), *second;
    struct rondo_error err = { 0 };
    cr_expect_eq(jobs_open(place_dir, &second, &err), RONDO_EINPUT);
    cr_expect_null(second);
    cr_expect_str_eq(err.where, place_dir);
    cr_expect_str_eq(err.what, "another coordinator has this directory");
    jobs_close(jobs);
    jobs_close(opened());
}

Test(jobs, what_is_no_job_store_is_refused)
{
    struct jobs *jobs;
    struct rondo_error err = { 0 }, other = { 0 };
    place_write("jobs.db", "this is a text, and long enough to be looked at as a database, perhaps");
    cr_expect_eq(jobs_open(place_dir, &jobs, &err), RONDO_EINPUT);
    cr_expect(strstr(err.where, "jobs.db") && *err.what, "%s: %s", err.where, err.what);
    cr_expect_eq(jobs_open("/proc/nowhere", &jobs, &other), RONDO_EINPUT);
}

/* ---- many at once --------------------------------------------------------------------------- */

enum { THREADS = 8, EACH = 40 };

struct crowd {
    struct jobs *jobs;
    int64_t id[EACH * 2];
    int count;
};

static void *submit_many(void *context)
{
    struct crowd *crowd = context;
    for (int i = 0; i < EACH; i++)
        crowd->id[crowd->count++] = submitted(crowd->jobs, "one of many", i % 3);
    return NULL;
}

static void *take_many(void *context)
{
    struct crowd *crowd = context;
    for (int64_t id; crowd->count < EACH * 2 && (id = taken(crowd->jobs)) != 0;)
        crowd->id[crowd->count++] = id;
    return NULL;
}

/* Runs `work` in THREADS threads and asserts that every id from 1 to THREADS * EACH came up once. */
static void each_id_once(struct jobs *jobs, void *(*work)(void *))
{
    static struct crowd crowd[THREADS];
    pthread_t thread[THREADS];
    int seen[THREADS * EACH + 1] = { 0 };
    for (int i = 0; i < THREADS; i++) {
        crowd[i] = (struct crowd){ .jobs = jobs };
        cr_assert_eq(pthread_create(&thread[i], NULL, work, &crowd[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    for (int i = 0; i < THREADS; i++)
        for (int k = 0; k < crowd[i].count; k++)
            seen[crowd[i].id[k]]++;
    for (int id = 1; id <= THREADS * EACH; id++)
        cr_assert_eq(seen[id], 1, "job %d: %d times", id, seen[id]);
}

Test(jobs, submits_that_come_together_all_stay_and_takers_never_share_one)
{
    struct jobs *jobs = opened();
    each_id_once(jobs, submit_many);
    each_id_once(jobs, take_many);
    cr_expect_eq(taken(jobs), 0);
    jobs_close(jobs);
}

/* ---- a coordinator that is killed ------------------------------------------------------------ */

/* Submits and takes until it is killed, and says each id behind its return. */
static void child(int pipe)
{
    struct jobs *jobs;
    struct jobs_row row;
    if (jobs_open(place_dir, &jobs, NULL))
        _exit(1);
    for (int64_t id;;) {
        if (jobs_submit(jobs, "doomed", "lasso", 0, "{}", &id, NULL) ||
            write(pipe, &id, sizeof id) != sizeof id)
            _exit(1);
        if (id % 5)
            continue;
        if (jobs_take(jobs, &row, NULL) != 1)
            _exit(1);
        id = -row.id;
        jobs_row_fini(&row);
        if (write(pipe, &id, sizeof id) != sizeof id)
            _exit(1);
    }
}

static void killed_after(int count, int64_t *top, int64_t *top_taken)
{
    int ends[2], status;
    int64_t id;
    cr_assert_eq(pipe(ends), 0);
    pid_t pid = fork();
    cr_assert(pid >= 0);
    if (pid == 0)
        child(ends[1]);
    close(ends[1]);
    for (int i = 0; read(ends[0], &id, sizeof id) == sizeof id; i++) {
        if (id > 0)
            *top = id;
        else
            *top_taken = -id;
        if (i == count)
            kill(pid, SIGKILL);
    }
    close(ends[0]);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

Test(jobs, after_a_kill_every_acknowledged_job_is_there_and_taken_ones_are_running)
{
    for (int life = 0; life < 5; life++) {
        int64_t top = 0, top_taken = 0;
        killed_after(20 + 13 * life, &top, &top_taken);
        struct jobs *jobs = opened();
        for (int64_t id = 1; id <= top; id++) {
            struct jobs_row row = got(jobs, id);
            cr_assert_eq(row.id, id);
            jobs_row_fini(&row);
        }
        cr_assert_eq(state_of(jobs, top_taken), JOBS_RUNNING);
        jobs_close(jobs);
    }
}

/* ---- a full disk ---------------------------------------------------------------------------- */

Test(jobs, a_full_disk_refuses_with_the_reason_and_goes_on_when_there_is_room)
{
    struct jobs *jobs = opened();
    struct rondo_error err = { 0 };
    static char spec[20000];
    int64_t id, last = submitted(jobs, "", 0);
    snprintf(spec, sizeof spec, "{\"name\":\"%0*d\"}", (int)sizeof spec - 20, 0);
    disk_limit(256 * 1024);
    int code = 0;
    for (int i = 0; i < 100 && !code; i++) {
        code = jobs_submit(jobs, "large", "lasso", 0, spec, &id, &err);
        last = code ? last : id;
    }
    cr_expect_eq(code, RONDO_EIO);
    cr_expect(strstr(err.where, "/jobs.db"), "%s", err.where);
    cr_expect(strstr(err.what, "cannot keep the job: ") == err.what, "%s", err.what);
    cr_expect_eq(id, 0);
    cr_expect_eq(jobs_waiting(jobs), last);
    struct jobs_row row = got(jobs, last);
    cr_expect_eq(row.state, JOBS_QUEUED);
    jobs_row_fini(&row);
    disk_limit(RLIM_INFINITY);
    cr_expect_eq(submitted(jobs, "again", 0), last + 1);
    cr_expect_eq(taken(jobs), 1);
    jobs_close(jobs);
    jobs = opened();
    cr_expect_eq(jobs_waiting(jobs), last + 1);
    jobs_close(jobs);
}

Test(jobs, any_allocation_may_fail)
{
    int failures = 0;
    for (uint64_t k = 1;; k++, failures++) {
        int64_t live = mem_live(), id = 0;
        struct jobs *jobs = NULL;
        struct jobs_row row = { 0 };
        mem_fail_at(k);
        int code = jobs_open(place_dir, &jobs, NULL);
        code = code ? code : jobs_submit(jobs, "n", "a", 0, "{}", &id, NULL);
        code = code < 0 ? code : jobs_take(jobs, &row, NULL);
        jobs_row_fini(&row);
        code = code < 0 ? code : jobs_get(jobs, id, &row, NULL);
        jobs_row_fini(&row);
        mem_fail_at(0);
        jobs_close(jobs);
        cr_assert_eq(mem_live(), live, "leaked when allocation %d failed", (int)k);
        if (code >= 0)
            break;
        cr_assert_eq(code, RONDO_ENOMEM);
    }
    cr_expect(failures >= 8, "%d", failures);
}

#include "apps/registry.h"
#include "coordinator/recorder.h"
#include "core/base/mem.h"
#include "core/trace/reader.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char folder[64];
static struct rondo_job *job;
static struct store *store;

static void setup(void)
{
    static const char text[] = "{\"version\":1,\"app\":\"lasso\",\"data\":{\"x\":\"x.npy\",\"y\":\"y.npy\"}}";
    struct rondo_bytes saved;
    struct rondo_error err = { 0 };
    strcpy(folder, "/tmp/rondo-recorder-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(job_parse(text, strlen(text), "job.json", "/", NULL, 0, &registry_apps, &job, &err), RONDO_OK,
                 "%s", err.what);
    const struct store_options options = { .job = job, .dir = folder };
    cr_assert_eq(store_open(&options, &store, &saved, &err), RONDO_OK, "%s", err.what);
    cr_assert_eq(store_begin(store, &err), RONDO_OK, "%s", err.what);
}

static void teardown(void)
{
    char path[400];
    store_close(store);
    job_free(job);
    DIR *dir = opendir(folder);
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        unlink(path);
    }
    closedir(dir);
    rmdir(folder);
}

TestSuite(recorder, .init = setup, .fini = teardown);

static struct recorder *created(enum trace_level level, int64_t pipeline)
{
    const struct recorder_options options = { .store = store, .job = job, .level = level, .pipeline = pipeline,
                                              .variables = 7, .ground = { "x86-64-v2", 0xbeef } };
    struct recorder *recorder = NULL;
    cr_assert_eq(recorder_create(&options, &recorder, NULL), RONDO_OK);
    recorder_start(recorder, 0);
    return recorder;
}

static void tell(struct recorder *recorder, enum engine_what what, int64_t round)
{
    struct engine_observer observer = recorder_observer(recorder);
    observer.moment(observer.context, &(struct engine_moment){ .what = what, .round = round });
}

static int64_t next_ticket;

/* A task that was sent and came back at once, having computed for so long. */
static void do_task(struct recorder *recorder, int64_t round, int32_t worker, enum engine_work work, int64_t run_ns)
{
    struct engine_observer observer = recorder_observer(recorder);
    struct engine_moment moment = { .what = ENGINE_TASK_SENT, .round = round, .ticket = ++next_ticket,
                                    .worker = worker, .work = work, .shard = -1, .tag = 5 };
    observer.moment(observer.context, &moment);
    moment.what = ENGINE_TASK_DONE;
    moment.run_ns = run_ns;
    observer.moment(observer.context, &moment);
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){ 0, ms * 1000000 }, NULL);
}

static void commit(struct recorder *recorder, int64_t round)
{
    struct engine_observer observer = recorder_observer(recorder);
    const struct rondo_report report = { .objective = 10.0 / (double)round, .count = 1,
                                         .metric = { { "gap", 0.5, false } } };
    const struct engine_round told = {
        .round = round, .kind = RONDO_SWEEP, .phases = 1, .blocks = 2, .updates = 11 * round, .own_updates = 11,
        .staleness = (int32_t)(round > 1), .note = "full", .report = &report, .progress = round == 2,
    };
    observer.round(observer.context, &told);
}

static void plan(struct recorder *recorder, int64_t round)
{
    tell(recorder, ENGINE_PLAN_BEGIN, round);
    do_task(recorder, round, 0, ENGINE_COUPLE, 900000000); /* couplings are no part of a round's computing */
    pause_ms(3);
    tell(recorder, ENGINE_PLAN_END, round);
}

static void push(struct recorder *recorder, int64_t round)
{
    tell(recorder, ENGINE_PUSH_BEGIN, round);
    do_task(recorder, round, 0, ENGINE_PUSH, 1000000);
    do_task(recorder, round, 1, ENGINE_FUSED, 1500000);
    do_task(recorder, round, 0, ENGINE_PULL, 600000);
    pause_ms(4);
    tell(recorder, ENGINE_PUSH_END, round);
}

/* Two rounds, the second planned while the first is under way. */
static void play(struct recorder *recorder)
{
    plan(recorder, 1);
    plan(recorder, 2);
    push(recorder, 1);
    commit(recorder, 1);
    push(recorder, 2);
    commit(recorder, 2);
}

static int check_round(void *context, const struct trace_round *round)
{
    const enum trace_level level = *(enum trace_level *)context;
    cr_assert_eq(round->updates, 11);
    cr_assert_eq(round->staleness, round->round > 1);
    cr_assert_eq(round->run_ns, 1000000); /* worker 0 computed 1.6 ms, worker 1 1.5 */
    cr_assert_eq(round->pull_ns, 600000);
    cr_assert_geq(round->push_ns, 4000000);
    cr_assert_eq(round->network_ns, round->push_ns - 1600000);
    cr_assert_geq(round->plan_ns, 3000000);
    cr_assert_geq(round->end_ns - round->begin_ns, round->plan_ns + round->push_ns);
    cr_assert_eq(round->tasks, level < TRACE_BLOCKS ? 0 : 4); /* of its own planning, and its own pushes */
    for (int32_t i = 0; i < round->tasks; i++) {
        cr_assert_eq(round->task[i].work, i == 0 ? TRACE_COUPLE : i == 1 ? TRACE_PUSH : i == 2 ? TRACE_FUSED : TRACE_PULL);
        cr_assert_eq(round->task[i].tag, 5);
        cr_assert(round->task[i].sent_ns >= round->begin_ns && round->task[i].done_ns <= round->end_ns);
    }
    return 0;
}

struct words {
    char state[32], spec[2048], spec_dir[256], variables[32], pipeline[32], gap[32], app[32], data[32];
};

static int keep_word(void *context, const char *key, const char *value)
{
    struct words *words = context;
    const struct { const char *key; char *to; size_t size; } table[] = {
        { "state", words->state, 32 }, { "spec", words->spec, 2048 }, { "spec_dir", words->spec_dir, 256 },
        { "variables", words->variables, 32 }, { "pipeline", words->pipeline, 32 }, { "gap", words->gap, 32 },
        { "app", words->app, 32 }, { "data", words->data, 32 },
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].key, key) == 0)
            snprintf(table[i].to, table[i].size, "%s", value);
    return 0;
}

static int check_report(void *context, const struct trace_report *report)
{
    ++*(int *)context;
    cr_assert_eq(report->round, 2);
    cr_assert_eq(report->count, 2);
    cr_assert_str_eq(report->key[0], "objective");
    cr_assert_eq(report->value[0], 5);
    cr_assert_str_eq(report->key[1], "gap");
    return 0;
}

static void check_trace(enum trace_level level, const char *state)
{
    const struct reader_window all = { INT64_MIN, INT64_MAX };
    struct trace_reader *reader = NULL;
    struct reader_summary summary;
    struct words words = { 0 };
    int reports = 0;
    cr_assert_eq(reader_open(folder, &reader, NULL), RONDO_OK);
    cr_assert_eq(reader_summary(reader, all, &summary, NULL), RONDO_OK);
    cr_assert_eq(summary.rounds, 2);
    cr_assert_eq(reader_scan(reader, all, check_round, &level, NULL), RONDO_OK);
    cr_assert_eq(reader_reports(reader, all, check_report, &reports, NULL), RONDO_OK);
    cr_assert_eq(reports, 1);
    cr_assert_eq(reader_meta(reader, keep_word, &words, NULL), RONDO_OK);
    reader_close(reader);
    cr_assert_str_eq(words.state, state);
    cr_assert_str_eq(words.app, "lasso");
    cr_assert_str_eq(words.data, "000000000000beef");
    cr_assert_str_eq(words.variables, "7");
    cr_assert_str_eq(words.pipeline, "2");
    cr_assert(strstr(words.spec, "\"x\":\"/x.npy\""), "%s", words.spec);
    cr_assert_eq(words.spec_dir[0], '/');
    cr_assert_str_eq(words.gap, "0.5");
}

Test(recorder, a_round_has_its_own_times_and_tasks_and_those_of_the_worker_that_computed_longest)
{
    const struct rondo_report report = { .objective = 5, .count = 1, .metric = { { "gap", 0.5, false } } };
    for (enum trace_level level = TRACE_ROUNDS; level <= TRACE_ALL; level++) {
        struct recorder *recorder = created(level, 2);
        play(recorder);
        recorder_tell(recorder, "cancelled", &report, 2, 22);
        cr_assert_eq(recorder_close(recorder, NULL), RONDO_OK);
        check_trace(level, "cancelled");
    }
}

Test(recorder, a_round_that_begins_anew_forgets_what_was_given_up)
{
    enum trace_level level = TRACE_BLOCKS;
    struct recorder *recorder = created(level, 2);
    plan(recorder, 1);
    do_task(recorder, 1, 3, ENGINE_PUSH, 77000000);
    play(recorder);
    cr_assert_eq(recorder_close(recorder, NULL), RONDO_OK);
    struct trace_reader *reader = NULL;
    cr_assert_eq(reader_open(folder, &reader, NULL), RONDO_OK);
    cr_assert_eq(reader_scan(reader, (struct reader_window){ 1, 2 }, check_round, &level, NULL), RONDO_OK);
    reader_close(reader);
}

static int check_task(void *context, int64_t number, const struct trace_task *task)
{
    ++*(int *)context;
    cr_assert_eq(number, 1);
    cr_assert_geq(task->done_ns, task->sent_ns);
    cr_assert_eq(task->worker, 1);
    return 0;
}

static int count_tasks(void)
{
    struct trace_reader *reader = NULL;
    int tasks = 0;
    cr_assert_eq(reader_open(folder, &reader, NULL), RONDO_OK);
    cr_assert_eq(reader_tasks(reader, (struct reader_window){ 1, 1 }, check_task, &tasks, NULL), RONDO_OK);
    reader_close(reader);
    return tasks;
}

Test(recorder, a_task_that_was_lost_with_its_worker_is_told_as_it_was_done)
{
    struct recorder *recorder = created(TRACE_BLOCKS, 1);
    struct engine_observer observer = recorder_observer(recorder);
    struct engine_moment moment = { .what = ENGINE_TASK_SENT, .round = 1, .ticket = ++next_ticket, .worker = 0 };
    tell(recorder, ENGINE_PLAN_BEGIN, 1);
    tell(recorder, ENGINE_PUSH_BEGIN, 1);
    observer.moment(observer.context, &moment);
    moment.worker = 1;
    observer.moment(observer.context, &moment);
    moment.what = ENGINE_TASK_DONE;
    observer.moment(observer.context, &moment);
    do_task(recorder, 1, 1, ENGINE_PULL, 0);
    commit(recorder, 1);
    cr_assert_eq(recorder_close(recorder, NULL), RONDO_OK);
    cr_assert_eq(count_tasks(), 2);
}

static int count_round(void *context, const struct trace_round *round)
{
    *(int64_t *)context += round->round;
    return 0;
}

/* All workers are lost, the job goes back to its last cut and waits there, and is cancelled, or fails on the way from
 * there; what a checkpoint stands on is kept. */
Test(recorder, a_job_that_ends_at_an_earlier_cut_has_no_round_behind_it)
{
    const struct rondo_report report = { .objective = 5 };
    const struct { int64_t rounds; const char *state; int64_t checkpoint, sum; } table[] = {
        { 2, "cancelled", 0, 3 }, { 1, "cancelled", 0, 1 }, { 1, "failed", 0, 1 }, { 0, "failed", 1, 1 },
        { 0, "failed", 2, 3 }, { 2, "failed", 1, 3 }, { 0, "interrupted", 0, 0 },
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct recorder *recorder = created(TRACE_ALL, 2);
        struct trace_reader *reader = NULL;
        int64_t sum = 0;
        struct engine_observer observer = recorder_observer(recorder);
        play(recorder);
        if (table[i].checkpoint)
            observer.checkpoint(observer.context, table[i].checkpoint, NULL, (struct rondo_bytes){ "cut", 3 });
        recorder_tell(recorder, table[i].state, &report, table[i].rounds, 11 * table[i].rounds);
        cr_assert_eq(recorder_close(recorder, NULL), RONDO_OK);
        cr_assert_eq(reader_open(folder, &reader, NULL), RONDO_OK);
        cr_assert_eq(reader_rounds(reader, (struct reader_window){ 0, 9 }, count_round, &sum, NULL), RONDO_OK);
        reader_close(reader);
        cr_assert_eq(sum, table[i].sum, "%s at %d", table[i].state, (int)table[i].rounds);
    }
}

static int check_claims(void *context, const struct trace_round *round)
{
    (void)context;
    cr_assert_eq(round->run_ns, round->push_ns);
    cr_assert_eq(round->pull_ns, 0);
    cr_assert_eq(round->network_ns, 0);
    for (int32_t i = 0; i < round->tasks; i++)
        cr_assert_leq(round->task[i].run_ns, round->end_ns - round->begin_ns);
    return 0;
}

Test(recorder, a_worker_that_says_it_computed_for_centuries_is_not_believed)
{
    struct recorder *recorder = created(TRACE_BLOCKS, 1);
    struct trace_reader *reader = NULL;
    tell(recorder, ENGINE_PLAN_BEGIN, 1);
    tell(recorder, ENGINE_PUSH_BEGIN, 1);
    do_task(recorder, 1, 1, ENGINE_PUSH, INT64_MAX);
    do_task(recorder, 1, 1, ENGINE_PUSH, INT64_MAX);
    do_task(recorder, 1, 1, ENGINE_PULL, INT64_MAX);
    tell(recorder, ENGINE_PUSH_END, 1);
    commit(recorder, 1);
    cr_assert_eq(recorder_close(recorder, NULL), RONDO_OK);
    cr_assert_eq(reader_open(folder, &reader, NULL), RONDO_OK);
    cr_assert_eq(reader_scan(reader, (struct reader_window){ 1, 1 }, check_claims, NULL, NULL), RONDO_OK);
    reader_close(reader);
}

Test(recorder, a_digest_is_told_of_a_job_without_a_trace)
{
    struct digest *digest = NULL;
    struct recorder *recorder = NULL;
    cr_assert_eq(digest_create(&digest, NULL), RONDO_OK);
    const struct recorder_options options = { .store = store, .job = job, .level = TRACE_OFF, .pipeline = 1,
                                              .digest = digest, .ground = { .isa = "" } };
    cr_assert_eq(recorder_create(&options, &recorder, NULL), RONDO_OK);
    play(recorder);
    cr_assert_eq(recorder_close(recorder, NULL), RONDO_OK);
    cr_assert_eq(digest_glance(digest).rounds, 2);
    cr_assert_eq(digest_glance(digest).updates, 22);
    digest_destroy(digest);
    struct trace_reader *reader = NULL;
    cr_assert_eq(reader_open(folder, &reader, NULL), RONDO_EINPUT); /* there is no file */
}

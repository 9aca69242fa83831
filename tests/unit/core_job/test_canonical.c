/* The job as text again, and two jobs compared. */
#include "fixture.h"

#include <stdio.h>

static const char spec[] =
    "{ \"seed\": 12, \"version\": 1, \"app\": \"lasso\", \"name\": \"a \\\"b\\\" \\u00e9\\n\\u0001\",\n"
    "  \"data\": { \"x\": \"x.svm\" },\n"
    "  \"params\": { \"lambda\": 0.1, \"path\": { \"min_ratio\": 1e-3, \"count\": 3 } },\n"
    "  \"schedule\": { \"priority\": { \"eta\": -0.0 } }, \"workers\": { \"count\": 2 } }";

Test(canonical, is_sorted_and_has_every_default)
{
    struct rondo_job *job = fixture_job(FIXTURE_SPEC, NULL);
    char *text = job_canonical(job);
    cr_assert_str_eq(
        text,
        "{\"app\":\"lasso\",\"checkpoint\":{\"seconds\":30,\"snapshot_rounds\":1000},"
        "\"data\":{\"index_base\":1,\"x\":\"/data/here/x.svm\"},\"limits\":{\"memory\":\"1GiB\"},"
        "\"output\":{\"dir\":\"/data/here/out\"},"
        "\"params\":{\"intercept\":true,\"label\":\"a \\\"word\\\"\",\"lambda_ratio\":0.01,"
        "\"loss\":\"squared\",\"tiny\":3},\"queue\":{\"priority\":0},"
        "\"schedule\":{\"block_size\":1024,\"blocks\":8,"
        "\"candidates\":4096,\"dependency\":{\"check\":\"correlation\",\"coupled\":\"solve\","
        "\"threshold\":0.1},\"pipeline\":1,\"priority\":{\"eta\":0,\"rule\":\"gradient\"},\"staleness\":0,"
        "\"sync\":\"bsp\"},\"seed\":1,\"stop\":{\"gap\":1e-06,\"rounds\":1000000},"
        "\"trace\":\"rounds\",\"version\":1,\"workers\":{\"device\":\"cpu\",\"isa\":\"auto\","
        "\"threads\":1}}");
    mem_free(text);
    job_free(job);
}

Test(canonical, parsed_again_gives_the_same_job)
{
    struct rondo_job *job = fixture_job(spec, NULL), *again;
    struct rondo_error err = { 0 };
    char *text = job_canonical(job);
    cr_assert(job_parse(text, strlen(text), "c", "/else", NULL, 0, &fixture_apps, &again, &err) == 0,
              "%s: %s", err.where, err.what);
    char *second = job_canonical(again);
    cr_expect_str_eq(text, second);
    cr_expect_str_eq(job_text(again, "name"), "a \"b\" \xc3\xa9\n\x01");
    cr_expect(signbit(job_real(again, "schedule.priority.eta")) != 0);
    cr_expect_eq(job_resumable(job, again, &err), 0, "%s", err.what);
    mem_free(text);
    mem_free(second);
    job_free(job);
    job_free(again);
}

Test(canonical, numbers_keep_their_bits)
{
    static const double values[] = { 0.1, 1.0 / 3, 5e-324, 1.7976931348623157e308, 1e23, 123456789 };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char set[64];
        snprintf(set, sizeof set, "params.lambda=%.17g", values[i]);
        const char *const sets[] = { set, NULL };
        struct rondo_job *job = fixture_job(FIXTURE_SPEC, sets);
        char *text = job_canonical(job);
        struct rondo_job *again = fixture_job(text, NULL);
        cr_expect(job_real(again, "params.lambda") == values[i], "%s", set);
        mem_free(text);
        job_free(job);
        job_free(again);
    }
}

Test(canonical, a_failed_allocation_gives_null_and_leaks_nothing)
{
    struct rondo_job *job = fixture_job(spec, NULL);
    int64_t live = mem_live();
    char *text = NULL;
    for (uint64_t k = 1; !text && k < 1000; k++) {
        mem_fail_at(k);
        text = job_canonical(job);
        mem_fail_at(0);
        cr_assert_eq(mem_live(), live + (text != NULL));
    }
    cr_expect_not_null(text);
    mem_free(text);
    job_free(job);
}

/* What --resume says to a job that differs by this override; "" where it agrees. */
static void resumes(const char *set, const char *where, const char *what)
{
    const char *const sets[] = { set, NULL };
    struct rondo_job *saved = fixture_job(spec, NULL), *now = fixture_job(spec, sets);
    struct rondo_error err = { 0 };
    int code = job_resumable(saved, now, &err);
    cr_expect_eq(code, *what ? RONDO_EINPUT : RONDO_OK, "%s", set);
    cr_expect_str_eq(err.where, where);
    cr_expect_str_eq(err.what, what);
    job_free(saved);
    job_free(now);
}

Test(canonical, a_job_goes_on_with_other_limits_workers_trace_and_checkpoints)
{
    static const char *const sets[] = { "stop.gap=1e-9", "stop.seconds=3", "workers.count=4",
                                        "trace=all", "checkpoint.seconds=1", "output.dir=/o",
                                        "limits.memory=1024 MiB", "queue.priority=-7",
                                        "limits.resident=2GiB", "schedule.blocks=8" };
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++)
        resumes(sets[i], "", "");
}

Test(canonical, a_job_does_not_go_on_as_another)
{
    resumes("params.lambda=0.2", "--set params.lambda",
            "params.lambda was 0.1 when the job began and is 0.2 now");
    resumes("schedule.blocks=9", "--set schedule.blocks",
            "schedule.blocks was 8 when the job began and is 9 now");
    resumes("params.lambda=null", "/params/lambda (job.json)",
            "params.lambda was 0.1 when the job began and is absent now");
    resumes("data.x=other.svm", "--set data.x",
            "the data file data.x was \"/data/here/x.svm\" when the job began and is "
            "\"/data/here/other.svm\" now");
    resumes("data.y=y.npy", "--set data.y",
            "the data file data.y was absent when the job began and is \"/data/here/y.npy\" now");
    resumes("limits.memory=2GiB", "--set limits.memory",
            "limits.memory was \"1GiB\" when the job began and is \"2GiB\" now");
    resumes("params.intercept=false", "--set params.intercept",
            "params.intercept was true when the job began and is false now");
}

Test(canonical, a_job_does_not_go_on_with_another_app)
{
    struct rondo_job *saved = fixture_job(FIXTURE_SPEC, NULL);
    struct rondo_job *now = fixture_job("{\"version\":1,\"app\":\"plain\",\"data\":{}}", NULL);
    struct rondo_error err = { 0 };
    cr_expect_eq(job_resumable(saved, now, &err), RONDO_EINPUT);
    cr_expect_str_eq(err.where, "/app (job.json:1:20)");
    cr_expect_str_eq(err.what, "app was \"lasso\" when the job began and is \"plain\" now");
    job_free(saved);
    job_free(now);
}

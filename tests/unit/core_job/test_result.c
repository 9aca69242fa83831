/* result.json and progress.jsonl. */
#include "fixture.h"

#include "core/base/file.h"
#include "core/job/result.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct job_result sample(const struct rondo_job *job)
{
    struct job_result result = {
        .job = "j-1", .state = "completed", .stop_reason = "gap", .spec = job,
        .rounds = 7, .updates = 1234567890123, .pair_dots = 5,
        .load_seconds = 0.25, .solve_seconds = 0.1, .total_seconds = 0.5,
        .peak_rss_bytes = 4096, .workers = 2, .isa = "x86-64-v3",
    };
    result.report = (struct rondo_report){
        .objective = 1.0 / 3, .goal = "gap", .count = 5,
        .metric = { { "gap", 1e-7, false }, { "nnz", 12, true }, { "inner_steps", 99, true },
                    { "pair_dots", 6, true }, { "lost", NAN, true } },
    };
    return result;
}

static json_t *written(const struct job_result *result)
{
    char dir[] = "/tmp/rondo_result_XXXXXX", path[64];
    struct rondo_error err = { 0 };
    cr_assert_not_null(mkdtemp(dir));
    cr_assert_eq(result_write(dir, result, &err), 0, "%s", err.what);
    snprintf(path, sizeof path, "%s/result.json", dir);
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(root);
    unlink(path);
    cr_assert_eq(rmdir(dir), 0, "something else was left there");
    return root;
}

static const char *word(const json_t *root, const char *key)
{
    return json_string_value(json_object_get(root, key));
}

static int64_t number(const json_t *root, const char *key)
{
    cr_assert(json_is_integer(json_object_get(root, key)), "%s", key);
    return json_integer_value(json_object_get(root, key));
}

Test(result, has_what_the_contract_names)
{
    struct rondo_job *job = fixture_job(FIXTURE_HEAD ", \"name\": \"n\", \"seed\": 3 }", NULL);
    struct job_result result = sample(job);
    const char *notes[] = { "17 columns are constant", "bad \xff byte", NULL };
    result.notes = notes;
    snprintf(result.model_sha256, sizeof result.model_sha256, "abc");
    json_t *root = written(&result);
    cr_expect_str_eq(word(root, "job"), "j-1");
    cr_expect_str_eq(word(root, "name"), "n");
    cr_expect_str_eq(word(root, "app"), "lasso");
    cr_expect_str_eq(word(root, "state"), "completed");
    cr_expect_str_eq(word(root, "stop_reason"), "gap");
    cr_expect_null(json_object_get(root, "error"));
    cr_expect_eq(json_real_value(json_object_get(root, "objective")), 1.0 / 3);
    cr_expect_eq(number(root, "rounds"), 7);
    cr_expect_eq(number(root, "updates"), 1234567890123);
    cr_expect_eq(number(root, "peak_rss_bytes"), 4096);
    cr_expect_eq(number(root, "workers"), 2);
    cr_expect_eq(number(root, "seed"), 3);
    cr_expect_str_eq(word(root, "isa"), "x86-64-v3");
    cr_expect_str_eq(word(root, "model_sha256"), "abc");
    cr_expect_not_null(word(root, "version"));
    cr_expect_not_null(word(root, "host"));
    const json_t *seconds = json_object_get(root, "seconds");
    cr_expect_eq(json_number_value(json_object_get(seconds, "load")), 0.25);
    cr_expect_eq(json_number_value(json_object_get(seconds, "solve")), 0.1);
    cr_expect_eq(json_number_value(json_object_get(seconds, "total")), 0.5);
    const json_t *said = json_object_get(root, "notes");
    cr_assert_eq(json_array_size(said), 2);
    cr_expect_str_eq(json_string_value(json_array_get(said, 1)), "bad \xef\xbf\xbd byte");
    const json_t *data = json_object_get(json_object_get(root, "spec"), "data");
    cr_expect_str_eq(word(data, "x"), "/data/here/x.svm");
    json_decref(root);
    job_free(job);
}

Test(result, whole_metrics_stand_at_the_top_too_unless_the_name_is_taken)
{
    struct rondo_job *job = fixture_job(FIXTURE_SPEC, NULL);
    struct job_result result = sample(job);
    json_t *root = written(&result);
    const json_t *metrics = json_object_get(root, "metrics");
    cr_expect_eq(number(root, "inner_steps"), 99);
    cr_expect_eq(number(root, "nnz"), 12);
    cr_expect_eq(number(root, "pair_dots"), 5);
    cr_expect_eq(number(metrics, "pair_dots"), 6);
    cr_expect_eq(number(metrics, "nnz"), 12);
    cr_expect_eq(json_real_value(json_object_get(metrics, "gap")), 1e-7);
    cr_expect_null(json_object_get(root, "gap"));
    json_decref(root);
    job_free(job);
}

Test(result, what_is_not_a_number_is_null)
{
    struct rondo_job *job = fixture_job(FIXTURE_SPEC, NULL);
    struct job_result result = sample(job);
    result.report.objective = INFINITY;
    json_t *root = written(&result);
    cr_expect(json_is_null(json_object_get(root, "objective")));
    cr_expect(json_is_null(json_object_get(root, "lost")));
    cr_expect(json_is_null(json_object_get(root, "model_sha256")));
    json_decref(root);
    job_free(job);
}

Test(result, a_failure_says_why)
{
    struct rondo_job *job = fixture_job(FIXTURE_SPEC, NULL);
    struct job_result result = sample(job);
    result.state = "failed";
    result.stop_reason = "error";
    result.error = "the app failed";
    json_t *root = written(&result);
    cr_expect_str_eq(word(root, "state"), "failed");
    cr_expect_str_eq(word(root, "error"), "the app failed");
    json_decref(root);
    job_free(job);
}

Test(result, a_folder_that_is_not_there_is_an_error)
{
    struct rondo_job *job = fixture_job(FIXTURE_SPEC, NULL);
    struct job_result result = sample(job);
    struct rondo_error err = { 0 };
    cr_expect_eq(result_write("/no/such/folder", &result, &err), RONDO_EIO);
    job_free(job);
}

Test(result, progress_is_one_line_a_report)
{
    struct rondo_buf out = { 0 };
    struct rondo_report report = { .objective = NAN, .count = 2,
                                   .metric = { { "gap", 0.5, false }, { "nnz", 3, true } } };
    cr_assert_eq(result_progress(&out, 0.25, 3, 40, &report), 0);
    report.objective = 2;
    cr_assert_eq(result_progress(&out, 1, 4, 50, &report), 0);
    static const char wanted[] =
        "{\"t\": 0.25, \"round\": 3, \"updates\": 40, \"objective\": null, \"gap\": 0.5, "
        "\"nnz\": 3}\n{\"t\": 1, \"round\": 4, \"updates\": 50, \"objective\": 2, \"gap\": 0.5, \"nnz\": 3}\n";
    cr_assert_eq(out.size, sizeof wanted - 1);
    cr_expect_eq(memcmp(out.data, wanted, out.size), 0, "%.*s", (int)out.size,
                 (const char *)out.data);
    buf_fini(&out);
}

Test(result, a_failed_allocation_writes_no_file_and_no_half_line)
{
    struct rondo_job *job = fixture_job(FIXTURE_SPEC, NULL);
    struct job_result result = sample(job);
    char dir[] = "/tmp/rondo_result_XXXXXX", path[64];
    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/result.json", dir);
    int64_t live = mem_live();
    int code = RONDO_ENOMEM;
    for (uint64_t k = 1; code && k < 1000; k++) {
        struct rondo_error err = { 0 };
        mem_fail_at(k);
        code = result_write(dir, &result, &err);
        mem_fail_at(0);
        cr_assert(code == 0 || code == RONDO_ENOMEM);
        cr_assert_eq(access(path, F_OK) == 0, code == 0);
        cr_assert_eq(mem_live(), live);
    }
    cr_expect_eq(code, 0);
    struct rondo_buf out = { 0 };
    mem_fail_at(1);
    cr_expect_eq(result_progress(&out, 1, 1, 1, &result.report), RONDO_ENOMEM);
    cr_expect_eq(out.size, 0);
    mem_fail_at(0);
    buf_fini(&out);
    unlink(path);
    rmdir(dir);
    job_free(job);
}

/* A role that shares its key with a whole number: the spec has a file there, or the number. */
#include "fixture.h"

#include <jansson.h>
#include <stdio.h>

static const struct rondo_param params[] = {
    { "cv.folds", RONDO_INTEGER, NULL, 2, NAN, false, NULL, "folds", "so many folds, or a file" },
    { "cv.rule", RONDO_CHOICE, "\"min\"", NAN, NAN, false, "min|1se", "", "which is chosen" },
    { "depth", RONDO_INTEGER, "3", 1, 9, false, NULL, "", "a number that no role shares" },
    { .key = NULL },
};

static const struct rondo_role roles[] = {
    { "x", RONDO_ROLE_MATRIX, true, NULL, "the design" },
    { "params.cv.folds", RONDO_ROLE_VECTOR, false, NULL, "the fold of each row" },
    { "params.weights", RONDO_ROLE_VECTOR, false, NULL, "a weight for each row" },
    { .key = NULL },
};

static const struct rondo_app app = { .abi = RONDO_APP_ABI, .size = sizeof(struct rondo_app), .name = "shares",
                                      .summary = "an app with a shared key", .params = params, .roles = roles };

static void begin(void)
{
    fixture_own = &app;
}

TestSuite(shared_key, .init = begin);

/* cv: what stands under /params/cv/folds; NULL: nothing does. */
static int try(const char *cv, const char *set, struct rondo_job **job, struct rondo_error *err)
{
    char text[512];
    snprintf(text, sizeof text, "{\"version\": 1, \"app\": \"shares\", \"data\": {\"x\": \"x.npy\"}%s%s%s}",
             cv ? ", \"params\": {\"cv\": {\"folds\": " : "", cv ? cv : "", cv ? "}}" : "");
    *err = (struct rondo_error){ 0 };
    *job = NULL;
    return job_parse(text, strlen(text), "job.json", "/here", set ? &set : NULL, set ? 1 : 0, &fixture_apps, job, err);
}

static struct rondo_job *job_of(const char *cv, const char *set)
{
    struct rondo_job *job;
    struct rondo_error err;
    int code = try(cv, set, &job, &err);
    cr_assert_eq(code, RONDO_OK, "%s: %s", err.where, err.what);
    return job;
}

static int files(const struct rondo_job *job)
{
    struct job_file file;
    int count = 0;
    while (job_file_at(job, count, &file))
        count++;
    return count;
}

static void is_number(struct rondo_job *job, int64_t number)
{
    cr_expect(job_given(job, "params.cv.folds"));
    cr_expect(!job_is_file(job, "params.cv.folds"));
    cr_expect_eq(job_integer(job, "params.cv.folds"), number);
    cr_expect_eq(files(job), 1);
    job_free(job);
}

static void is_file(struct rondo_job *job, const char *path)
{
    struct job_file file;
    cr_expect(job_given(job, "params.cv.folds"));
    cr_expect(job_is_file(job, "params.cv.folds"));
    cr_expect_eq(job_integer(job, "params.cv.folds"), 0);
    cr_expect_str_eq(job_text(job, "params.cv.folds"), path);
    cr_assert_eq(files(job), 2);
    bool found = false;
    for (int i = 0; job_file_at(job, i, &file); i++)
        found = found || (strcmp(file.key, "params.cv.folds") == 0 && strcmp(file.path, path) == 0);
    cr_expect(found);
    job_free(job);
}

Test(shared_key, a_number_is_one_and_a_text_is_a_path)
{
    is_number(job_of("2", NULL), 2);
    is_number(job_of("10", NULL), 10);
    is_file(job_of("\"sub/f.npy\"", NULL), "/here/sub/f.npy");
    is_file(job_of("\"/f.npy\"", NULL), "/f.npy");
    is_file(job_of("\"7\"", NULL), "/here/7"); /* a text, whatever it says */
}

Test(shared_key, absent_it_is_neither)
{
    struct rondo_job *job = job_of(NULL, NULL);
    cr_expect(!job_given(job, "params.cv.folds"));
    cr_expect(!job_is_file(job, "params.cv.folds"));
    cr_expect_eq(job_integer(job, "params.cv.folds"), 0);
    cr_expect_eq(files(job), 1);
    cr_expect_eq(job_integer(job, "params.depth"), 3);
    job_free(job);
}

Test(shared_key, an_override_makes_one_of_the_other)
{
    is_number(job_of("\"f.npy\"", "params.cv.folds=5"), 5);
    is_file(job_of("5", "params.cv.folds=/g.npy"), "/g.npy");
    is_number(job_of(NULL, "params.cv.folds=4"), 4);
    is_file(job_of(NULL, "params.cv.folds=/g.npy"), "/g.npy");
    struct rondo_job *job = job_of("5", "params.cv.folds=null");
    cr_expect(!job_given(job, "params.cv.folds"));
    job_free(job);
}

static void refused(const char *cv, const char *what)
{
    struct rondo_job *job;
    struct rondo_error err;
    cr_expect_eq(try(cv, NULL, &job, &err), RONDO_EINPUT, "%s", cv);
    cr_expect_null(job);
    cr_expect_not_null(strstr(err.where, "/params/cv/folds"), "%s: %s", cv, err.where);
    cr_expect_not_null(strstr(err.what, what), "%s: %s", cv, err.what);
}

Test(shared_key, what_is_neither_is_refused)
{
    refused("1", "at least 2");
    refused("-3", "at least 2");
    refused("2.5", "whole number");
    refused("1e300", "");
    refused("true", "");
    refused("[3]", "");
    refused("{}", "");
    refused("\"\"", "");
}

Test(shared_key, its_canonical_text_says_the_same)
{
    static const char *const both[] = { "6", "\"f.npy\"" };
    for (int i = 0; i < 2; i++) {
        struct rondo_job *job = job_of(both[i], NULL), *again;
        struct rondo_error err = { 0 };
        char *text = job_canonical(job);
        cr_assert_eq(job_parse(text, strlen(text), "c", "/else", NULL, 0, &fixture_apps, &again, &err), 0, "%s", err.what);
        char *second = job_canonical(again);
        cr_expect_str_eq(text, second);
        cr_expect_not_null(strstr(text, i ? "\"folds\":\"/here/f.npy\"" : "\"folds\":6"), "%s", text);
        cr_expect_eq(job_resumable(job, again, &err), 0, "%s", err.what);
        job_free(job);
        i ? is_file(again, "/here/f.npy") : is_number(again, 6);
        mem_free(text);
        mem_free(second);
    }
}

Test(shared_key, a_job_goes_on_with_the_same_alone)
{
    static const char *const other[] = { "params.cv.folds=7", "params.cv.folds=/g.npy", "params.cv.folds=null" };
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < 3; i++) {
            const char *cv = k ? "\"/f.npy\"" : "6";
            struct rondo_job *saved = job_of(cv, NULL), *now = job_of(cv, other[i]);
            struct rondo_error err = { 0 };
            cr_expect_eq(job_resumable(saved, now, &err), RONDO_EINPUT, "%s to %s", cv, other[i]);
            cr_expect_not_null(strstr(err.what, "params.cv.folds"), "%s", err.what);
            job_free(saved);
            job_free(now);
        }
}

Test(shared_key, the_schema_has_both_types)
{
    char *text = job_schema_text(&fixture_apps);
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(root);
    const json_t *params_of = json_object_get(json_object_get(json_object_get(
        json_array_get(json_object_get(root, "allOf"), 0), "then"), "properties"), "params");
    const json_t *folds = json_object_get(json_object_get(json_object_get(json_object_get(
        json_object_get(params_of, "properties"), "cv"), "properties"), "folds"), "type");
    cr_assert_eq(json_array_size(folds), 2);
    cr_expect_str_eq(json_string_value(json_array_get(folds, 0)), "string");
    cr_expect_str_eq(json_string_value(json_array_get(folds, 1)), "integer");
    json_decref(root);
    mem_free(text);
}

Test(shared_key, every_failed_allocation_is_told)
{
    int64_t live = mem_live();
    bool done = false;
    for (uint64_t k = 1; !done && k < 10000; k++) {
        struct rondo_job *job;
        struct rondo_error err;
        mem_fail_at(k);
        int code = try("\"f.npy\"", "params.cv.folds=5", &job, &err);
        mem_fail_at(0);
        done = code == RONDO_OK;
        cr_assert(done || code == RONDO_ENOMEM, "%d: %s", code, err.what);
        if (done)
            job_free(job);
        cr_assert_eq(mem_live(), live);
    }
    cr_expect(done);
}

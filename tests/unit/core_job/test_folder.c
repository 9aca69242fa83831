/* Roles that are files of a directory: the spec names it once, under the key before their slash. */
#include "fixture.h"
#include "tests/unit/core_data/scratch.h"

#include <jansson.h>
#include <sys/stat.h>

static const struct rondo_param params[] = {
    { "rank", RONDO_INTEGER, "3", 1, 9, false, NULL, "", "a number" },
    { .key = NULL },
};

static const struct rondo_role roles[] = {
    { "x", RONDO_ROLE_MATRIX, true, NULL, "the design" },
    { "params.start/users.txt", RONDO_ROLE_WORDS, true, NULL, "an earlier job's output" },
    { "params.start/a.npz/user", RONDO_ROLE_VECTOR, false, NULL, "biases" },
    { "params.start/a.npz/item", RONDO_ROLE_VECTOR, false, NULL, "biases" },
    { "params.start/u.npy", RONDO_ROLE_MATRIX, true, NULL, "factors" },
    { .key = NULL },
};

static const struct rondo_app app = { .abi = RONDO_APP_ABI, .size = sizeof(struct rondo_app), .name = "starts",
                                      .summary = "an app with a directory", .params = params, .roles = roles };

static void begin(void)
{
    fixture_own = &app;
    scratch_begin();
    cr_assert_eq(mkdir(scratch_path(".old"), 0700), 0);
    scratch_text(".old/a.npz", "x");
}

static void end(void)
{
    unlink(scratch_path(".old/a.npz"));
    rmdir(scratch_path(".old"));
    scratch_end();
}

TestSuite(folder, .init = begin, .fini = end);

static int try(const char *start, const char *set, struct rondo_job **job, struct rondo_error *err)
{
    char text[512];
    snprintf(text, sizeof text, "{\"version\": 1, \"app\": \"starts\", \"data\": {\"x\": \"x.npy\"},\n"
             "\"params\": {\"rank\": 2%s%s}}", start ? ", \"start\": " : "", start ? start : "");
    *err = (struct rondo_error){ 0 };
    *job = NULL;
    return job_parse(text, strlen(text), "job.json", scratch_dir, set ? &set : NULL, set ? 1 : 0, &fixture_apps, job, err);
}

static struct rondo_job *job_of(const char *start, const char *set)
{
    struct rondo_job *job;
    struct rondo_error err;
    int code = try(start, set, &job, &err);
    cr_assert_eq(code, RONDO_OK, "%s: %s", err.where, err.what);
    return job;
}

/* The next file of a job is this one, in its folder. */
static void next_is(const struct rondo_job *job, int index, const char *key, const char *path)
{
    struct job_file file;
    cr_assert(job_file_at(job, index, &file), "%s", key);
    cr_expect_str_eq(file.key, key);
    cr_expect_str_eq(file.path, path);
    cr_expect(file.inside && file.relative);
}

Test(folder, each_file_in_it_is_a_data_file)
{
    struct rondo_job *job = job_of("\".old\"", NULL);
    struct job_file file;
    char where[256];
    cr_expect_str_eq(job_text(job, "params.start"), scratch_path(".old"));
    cr_expect(job_given(job, "params.start") && !job_is_file(job, "params.start"));
    cr_expect_str_eq(job_text(job, "params.start/users.txt"), scratch_path(".old/users.txt"));
    cr_expect_str_eq(job_text(job, "params.start/a.npz/user"), scratch_path(".old/a.npz/user"));
    cr_expect(job_is_file(job, "params.start/u.npy") && job_is_file(job, "params.start/a.npz/item"));
    next_is(job, 1, "params.start/a.npz/item", scratch_path(".old/a.npz"));
    next_is(job, 2, "params.start/u.npy", scratch_path(".old/u.npy"));
    next_is(job, 3, "params.start/users.txt", scratch_path(".old/users.txt"));
    cr_expect(!job_file_at(job, 4, &file), "the archive once");
    job_where(job, "params.start/users.txt", where, sizeof where);
    cr_expect_str_eq(where, "/params/start (job.json:2:32)");
    job_free(job);
}

Test(folder, what_is_optional_in_it_may_be_missing)
{
    unlink(scratch_path(".old/a.npz"));
    struct rondo_job *job = job_of(NULL, "params.start=.old");
    char where[256];
    cr_expect(!job_is_file(job, "params.start/a.npz/user") && !job_given(job, "params.start/a.npz/user"));
    cr_expect(job_is_file(job, "params.start/users.txt"), "it must be there, who reads it will say so");
    job_where(job, "params.start/users.txt", where, sizeof where);
    cr_expect_str_eq(where, "--set params.start");
    job_free(job);
    job = job_of(NULL, NULL);
    cr_expect(!job_given(job, "params.start") && !job_is_file(job, "params.start/users.txt"));
    job_free(job);
}

Test(folder, its_key_stands_once)
{
    struct rondo_job *job = job_of("\".old\"", NULL), *again;
    struct rondo_error err = { 0 };
    char *text = job_canonical(job);
    cr_assert(strstr(text, "\"start\":") && !strstr(text, "users.txt") && !strstr(text, "npz"), "%s", text);
    cr_assert_eq(job_parse(text, strlen(text), "job.json", "/", NULL, 0, &fixture_apps, &again, &err), RONDO_OK);
    cr_expect_eq(job_resumable(job, again, &err), RONDO_OK, "%s", err.what);
    mem_free(text);
    job_free(again);
    again = job_of("\"other\"", NULL);
    cr_expect_eq(job_resumable(job, again, &err), RONDO_EINPUT);
    cr_expect(strstr(err.what, "params.start was"), "%s", err.what);
    job_free(again);
    job_free(job);
    text = job_schema_text(&fixture_apps);
    const char *first = strstr(text, "\"start\"");
    cr_assert(first && !strstr(first + 1, "\"start\"") && !strstr(text, "users.txt"), "%s", text);
    cr_expect_not_null(strstr(first, "an earlier job's output"));
    mem_free(text);
}

static void refuses(const char *start, const char *set, const char *what)
{
    struct rondo_job *job;
    struct rondo_error err;
    cr_assert_eq(try(start, set, &job, &err), RONDO_EINPUT);
    cr_expect(strstr(err.what, what), "%s", err.what);
}

Test(folder, its_files_are_no_keys)
{
    refuses("3", NULL, "expected a text");
    refuses("\"\"", NULL, "the path is empty");
    refuses("{\"users\": \"x\"}", NULL, "expected a text");
    refuses("\".old\", \"start/users\": {\"txt\": \"x\"}", NULL, "unknown key \"start/users\"");
    refuses("\".old\", \"start/a\": 1", NULL, "unknown key");
    refuses(NULL, "params.start/users.txt=x", "unknown key");
}

Test(folder, a_file_elsewhere_is_an_override)
{
    struct rondo_job *job = job_of("\".old\"", NULL);
    char set[256];
    job_file_set(job, "params.start/users.txt", "/cache/1/users.txt", set, sizeof set);
    cr_expect_str_eq(set, "params.start=/cache/1");
    job_file_set(job, "data.x", "/cache/2/x.npy", set, sizeof set);
    cr_expect_str_eq(set, "data.x=/cache/2/x.npy");
    job_free(job);
    job = job_of("\".old\"", "data.x=m.npz/two");
    struct job_file file;
    cr_assert(job_file_at(job, 0, &file) && !file.inside);
    cr_expect_str_eq(file.path, scratch_path("m.npz"));
    job_file_set(job, "data.x", "/cache/2/m.npz", set, sizeof set);
    cr_expect_str_eq(set, "data.x=/cache/2/m.npz/two");
    job_free(job);
}

Test(folder, any_allocation_may_fail)
{
    int64_t live = mem_live();
    int code = RONDO_ENOMEM;
    for (uint64_t k = 1; code; k++) {
        struct rondo_job *job;
        struct rondo_error err;
        mem_fail_at(k);
        code = try("\".old\"", NULL, &job, &err);
        mem_fail_at(0);
        cr_assert(code == 0 || code == RONDO_ENOMEM, "%s", err.what);
        job_free(job);
        cr_assert_eq(mem_live(), live);
    }
}

/* Defaults that follow from other keys of a spec: the host's, and those that an app answers. */
#include "fixture.h"
#include "tests/support/brutal.h"

#include <stddef.h>
#include <stdio.h>

static const struct rondo_param params[] = {
    { "rate", RONDO_REAL, NULL, 0, 1, true, NULL, "", "half of what power says" },
    { "steps", RONDO_INTEGER, NULL, 1, 9, false, NULL, "", "as power says" },
    { "fast", RONDO_BOOL, NULL, NAN, NAN, false, NULL, "", "where there are two steps" },
    { "method", RONDO_CHOICE, NULL, NAN, NAN, false, "plain|fine", "", "fine where there are weights" },
    { "label", RONDO_TEXT, NULL, NAN, NAN, false, NULL, "", "any text" },
    { "loose", RONDO_REAL, NULL, NAN, NAN, false, NULL, "", "what nothing settles" },
    { "power", RONDO_INTEGER, "1", 0, 99, false, NULL, "", "what others follow from" },
    { "stop.gap", RONDO_REAL, NULL, 0, NAN, false, NULL, "", "a bound" },
    { "folds", RONDO_INTEGER, NULL, 2, NAN, false, NULL, "", "or a file" },
    { .key = NULL },
};

static const struct rondo_role roles[] = {
    { "x", RONDO_ROLE_MATRIX, true, NULL, "the design" },
    { "params.weights", RONDO_ROLE_VECTOR, false, NULL, "a weight for each row" },
    { "params.folds", RONDO_ROLE_VECTOR, false, NULL, "the fold of each row" },
    { .key = NULL },
};

static char asked[256];
static double a_rate;
static const char *a_label;

static void assume(const struct rondo_host *host, const struct rondo_job *job, const char *key,
                   struct rondo_value *value)
{
    int64_t power = host->integer(job, "params.power");
    size_t used = strlen(asked);
    snprintf(asked + used, sizeof asked - used, "%s ", key);
    cr_assert(!value->given && value->real == 0 && value->integer == 0 && !value->text);
    value->given = strcmp(key, "params.loose") != 0;
    if (strcmp(key, "params.rate") == 0)
        value->real = power == 1 ? a_rate : 1 / (2.0 * (double)power);
    else if (strcmp(key, "params.steps") == 0)
        value->integer = power;
    else if (strcmp(key, "params.fast") == 0)
        value->integer = power == 2;
    else if (strcmp(key, "params.method") == 0)
        value->text = host->given(job, "params.weights") ? "fine" : "plain";
    else if (strcmp(key, "params.label") == 0)
        value->text = a_label;
    else if (strcmp(key, "stop.gap") == 0)
        value->real = host->real(job, "params.power") / 8;
}

static struct rondo_app app;

static void begin(void)
{
    fixture_own = &app;
    asked[0] = 0;
    a_rate = 0.5;
    a_label = "a \"word\"";
    app = (struct rondo_app){ .abi = RONDO_APP_ABI, .size = sizeof app, .name = "follows", .summary = "it follows",
                              .params = params, .roles = roles, .assume = assume };
}

TestSuite(assume, .init = begin);

static int try(const char *more, struct rondo_job **job, struct rondo_error *err)
{
    char text[512];
    snprintf(text, sizeof text, "{\"version\": 1, \"app\": \"follows\", \"data\": {\"x\": \"x.npy\"}%s%s}",
             *more ? ", " : "", more);
    *err = (struct rondo_error){ 0 };
    *job = NULL;
    return job_parse(text, strlen(text), "job.json", "/", NULL, 0, &fixture_apps, job, err);
}

static struct rondo_job *job_of(const char *more)
{
    struct rondo_job *job;
    struct rondo_error err;
    int code = try(more, &job, &err);
    cr_assert_eq(code, RONDO_OK, "%s: %s", err.where, err.what);
    return job;
}

static bool says(const struct rondo_job *job, const char *what)
{
    char *text = job_canonical(job);
    bool found = strstr(text, what) != NULL;
    if (!found)
        cr_log_warn("%s is not in %s", what, text);
    mem_free(text);
    return found;
}

Test(assume, what_a_spec_leaves_out_follows_from_its_other_keys)
{
    struct rondo_job *job = job_of("\"params\": {\"power\": 2, \"weights\": \"w.npy\"}");
    cr_expect(says(job, "\"params\":{\"fast\":true,\"label\":\"a \\\"word\\\"\",\"method\":\"fine\",\"power\":2,"
                        "\"rate\":0.25,\"steps\":2,\"weights\":\"/w.npy\"}"));
    cr_expect(says(job, "\"stop\":{\"gap\":0.25,"));
    cr_expect(job_given(job, "params.rate") && job_real(job, "params.rate") == 0.25);
    cr_expect(job_given(job, "params.fast") && job_flag(job, "params.fast"));
    cr_expect_str_eq(job_text(job, "params.method"), "fine");
    cr_expect(!job_given(job, "params.loose") && !job_given(job, "params.folds"));
    job_free(job);
    job = job_of("");
    cr_expect(says(job, "\"fast\":false,\"label\":\"a \\\"word\\\"\",\"method\":\"plain\",\"power\":1,\"rate\":0.5,"
                        "\"steps\":1}"));
    job_free(job);
}

Test(assume, an_app_is_asked_once_for_each_absent_key_without_a_fallback_that_is_no_files)
{
    job_free(job_of("\"params\": {\"steps\": 4}"));
    cr_expect_str_eq(asked, "params.rate params.fast params.method params.label params.loose stop.gap ");
}

Test(assume, what_is_spelled_out_and_what_is_left_out_are_the_same_job)
{
    struct rondo_error err = { 0 };
    struct rondo_job *open = job_of("\"params\": {\"power\": 4}"), *again;
    struct rondo_job *full = job_of("\"params\": {\"power\": 4, \"rate\": 0.125, \"steps\": 4, \"fast\": false, "
                                    "\"method\": \"plain\", \"label\": \"a \\\"word\\\"\"}, \"stop\": {\"gap\": 0.5}, "
                                    "\"schedule\": {\"priority\": {\"eta\": 0}}");
    char *text = job_canonical(open), *other = job_canonical(full);
    cr_expect_str_eq(text, other);
    cr_expect_eq(job_resumable(open, full, &err), RONDO_OK, "%s", err.what);
    cr_assert_eq(job_parse(text, strlen(text), "c", "/else", NULL, 0, &fixture_apps, &again, &err), RONDO_OK, "%s", err.what);
    char *third = job_canonical(again);
    cr_expect_str_eq(text, third);
    mem_free(text);
    mem_free(other);
    mem_free(third);
    job_free(open);
    job_free(full);
    job_free(again);
}

/* What a version without assume saved, read by this one. */
Test(assume, what_was_saved_without_it_goes_on)
{
    struct rondo_error err = { 0 };
    app.assume = NULL;
    struct rondo_job *old = job_of("\"params\": {\"power\": 4}");
    char *text = job_canonical(old);
    cr_expect(!strstr(text, "rate"), "%s", text);
    app.assume = assume;
    struct rondo_job *saved, *now = job_of("\"params\": {\"power\": 4}");
    struct rondo_job *other = job_of("\"params\": {\"power\": 4, \"rate\": 0.5}");
    cr_assert_eq(job_parse(text, strlen(text), "c", "/", NULL, 0, &fixture_apps, &saved, &err), RONDO_OK, "%s", err.what);
    cr_expect_eq(job_resumable(saved, now, &err), RONDO_OK, "%s", err.what);
    cr_expect_eq(job_resumable(saved, other, &err), RONDO_EINPUT);
    cr_expect_str_eq(err.what, "params.rate was 0.125 when the job began and is 0.5 now");
    mem_free(text);
    job_free(old);
    job_free(saved);
    job_free(now);
    job_free(other);
}

Test(assume, an_app_that_ends_before_it_is_not_asked)
{
    app.size = offsetof(struct rondo_app, assume);
    struct rondo_job *job = job_of("");
    cr_expect_str_eq(asked, "");
    cr_expect(!job_given(job, "params.rate"));
    job_free(job);
}

Test(assume, the_hosts_eta_follows_from_the_rule)
{
    static const struct {
        const char *priority;
        double eta;
    } rows[] = {
        { "", 0 }, { "\"rule\": \"gradient\"", 0 }, { "\"rule\": \"delta\"", 1e-6 }, { "\"rule\": \"cyclic\"", 0 },
        { "\"rule\": \"delta\", \"eta\": 0", 0 }, { "\"eta\": 0.5", 0.5 },
    };
    app.assume = NULL;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char more[120];
        snprintf(more, sizeof more, "\"schedule\": {\"priority\": {%s}}", rows[i].priority);
        struct rondo_job *job = job_of(more);
        cr_expect(job_given(job, "schedule.priority.eta"));
        cr_expect(job_real(job, "schedule.priority.eta") == rows[i].eta, "%s", more);
        job_free(job);
    }
}

/* What follows stands before it, or in its group. */
Test(assume, what_differs_is_what_was_said_rather_than_what_follows)
{
    static const char *const rows[][2] = {
        { "\"schedule\": {\"priority\": {\"rule\": \"delta\"}}",
          "schedule.priority.rule was \"gradient\" when the job began and is \"delta\" now" },
        { "\"schedule\": {\"priority\": {\"eta\": 0.5}}", "schedule.priority.eta was 0 when the job began and is 0.5 now" },
        { "\"params\": {\"power\": 2}", "params.power was 1 when the job began and is 2 now" },
        { "\"params\": {\"rate\": 0.25}", "params.rate was 0.5 when the job began and is 0.25 now" },
    };
    struct rondo_job *saved = job_of("");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rondo_error err = { 0 };
        struct rondo_job *now = job_of(rows[i][0]);
        cr_expect_eq(job_resumable(saved, now, &err), RONDO_EINPUT);
        cr_expect_str_eq(err.what, rows[i][1]);
        job_free(now);
    }
    a_rate = 0.25; /* as by another version: nothing that was said differs */
    struct rondo_error err = { 0 };
    struct rondo_job *now = job_of("");
    cr_expect_eq(job_resumable(saved, now, &err), RONDO_EINPUT);
    cr_expect_str_eq(err.what, "params.rate was 0.5 when the job began and is 0.25 now");
    job_free(now);
    job_free(saved);
}

static void wrong(const char *more, const char *where, const char *what)
{
    struct rondo_job *job;
    struct rondo_error err;
    int64_t live = mem_live();
    cr_expect_eq(try(more, &job, &err), RONDO_EAPP);
    cr_expect_null(job);
    cr_expect_str_eq(err.where, where);
    cr_expect_str_eq(err.what, what);
    cr_expect_eq(mem_live(), live);
}

Test(assume, a_value_that_breaks_its_own_rule_is_the_apps_mistake)
{
    wrong("\"params\": {\"power\": 10}", "params.steps",
          "the app \"follows\" assumes a wrong value: 10 is out of range: expected 1 to 9");
    a_rate = NAN;
    wrong("", "params.rate", "the app \"follows\" assumes a wrong value: expected a number, found null");
    a_rate = 0.5;
    a_label = "\xff";
    wrong("", "params.label", "the app \"follows\" assumes a wrong value: expected a text, found null");
    a_label = NULL;
    wrong("", "params.label", "the app \"follows\" assumes a wrong value: expected a text, found null");
}

static int parse_once(void *context RONDO_UNUSED)
{
    struct rondo_job *job;
    struct rondo_error err;
    int code = try("", &job, &err);
    asked[0] = 0;
    job_free(job);
    return code;
}

Test(assume, a_failed_allocation_is_said_and_leaks_nothing)
{
    cr_expect_gt(brutal_run(parse_once, NULL), 0);
}

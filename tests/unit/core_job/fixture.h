/* fixture.h - two made-up apps, or one of the test's own, and a way to parse a text, for the tests of core/job.
 *
 * Place: tests/unit/core_job, included once by each test.   Threads: one.
 * Memory: a parsed job is owned by the test.
 */
#ifndef FIXTURE_H
#define FIXTURE_H

#include "core/base/mem.h"
#include "core/job/job.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static const struct rondo_param fixture_params[] = {
    { "loss", RONDO_CHOICE, "squared", NAN, NAN, false, "squared|logistic", "", "the loss" },
    { "lambda", RONDO_REAL, NULL, 0, NAN, true, NULL, "", "the penalty" },
    { "lambda_ratio", RONDO_REAL, "0.01", 0, 1, true, NULL, "", "the same, of lambda_max" },
    { "path.count", RONDO_INTEGER, NULL, 1, 10000, false, NULL, "", "points of a path" },
    { "path.min_ratio", RONDO_REAL, NULL, 0, 1, true, NULL, "", "where a path ends" },
    { "intercept", RONDO_BOOL, "true", NAN, NAN, false, NULL, "", "fit an intercept" },
    { "label", RONDO_TEXT, "\"a \\\"word\\\"\"", NAN, NAN, false, NULL, "", "any text" },
    { "tiny", RONDO_INTEGER, "3", NAN, NAN, false, NULL, "", "any whole number" },
    { "stop.gap", RONDO_REAL, "1e-6", 0, NAN, true, NULL, "", "stop at this gap" },
    { NULL, RONDO_REAL, NULL, 0, 0, false, NULL, NULL, NULL },
};

static const struct rondo_role fixture_roles[] = {
    { "x", RONDO_ROLE_MATRIX, true, NULL, "the design matrix" },
    { "y", RONDO_ROLE_VECTOR, true, "x", "the response" },
    { "params.weights", RONDO_ROLE_VECTOR, false, NULL, "a weight for each row" },
    { NULL, RONDO_ROLE_MATRIX, false, NULL, NULL },
};

static const struct rondo_app fixture_lasso = { .abi = RONDO_APP_ABI,
                                                .size = sizeof(struct rondo_app),
                                                .name = "lasso",
                                                .summary = "sparse regression",
                                                .params = fixture_params,
                                                .roles = fixture_roles };

static const struct rondo_app fixture_plain = { .abi = RONDO_APP_ABI,
                                                .size = sizeof(struct rondo_app),
                                                .name = "plain",
                                                .summary = "an app without a parameter" };

static const struct rondo_app *fixture_own; /* NULL: the two */

static const struct rondo_app *fixture_at(int index)
{
    if (fixture_own)
        return index == 0 ? fixture_own : NULL;
    return index == 0 ? &fixture_lasso : index == 1 ? &fixture_plain : NULL;
}

static const struct rondo_app *fixture_find(const char *name)
{
    for (int i = 0; fixture_at(i); i++)
        if (strcmp(fixture_at(i)->name, name) == 0)
            return fixture_at(i);
    return NULL;
}

static const struct job_apps fixture_apps = { fixture_find, fixture_at, NULL };

/* Parses text as "job.json" in /data/here; sets ends with NULL, or is NULL. */
RONDO_UNUSED static int fixture_try(const char *text, const char *const *sets,
                                    struct rondo_job **job, struct rondo_error *err)
{
    int count = 0;
    while (sets && sets[count])
        count++;
    *err = (struct rondo_error){ 0 };
    return job_parse(text, strlen(text), "job.json", "/data/here", sets, count, &fixture_apps, job,
                     err);
}

RONDO_UNUSED static struct rondo_job *fixture_job(const char *text, const char *const *sets)
{
    struct rondo_job *job;
    struct rondo_error err;
    int code = fixture_try(text, sets, &job, &err);
    cr_assert(code == 0, "%s: %s", err.where, err.what);
    return job;
}

/* Asserts that the text is refused with these words, and that nothing is left behind. */
RONDO_UNUSED static void fixture_refused(const char *text, const char *const *sets,
                                         const char *where, const char *what, const char *hint)
{
    struct rondo_job *job;
    struct rondo_error err;
    int64_t live = mem_live();
    int code = fixture_try(text, sets, &job, &err);
    cr_expect(code == RONDO_EINPUT, "%s: code %d", text, code);
    cr_expect(job == NULL);
    cr_expect_str_eq(err.where, where, "where: %s, not %s", err.where, where);
    cr_expect_str_eq(err.what, what, "what: %s, not %s", err.what, what);
    cr_expect_str_eq(err.hint, hint, "hint: %s, not %s", err.hint, hint);
    cr_expect(mem_live() == live);
}

#define FIXTURE_HEAD "{ \"version\": 1, \"app\": \"lasso\", \"data\": { \"x\": \"x.svm\" }"
#define FIXTURE_SPEC FIXTURE_HEAD " }"

#endif

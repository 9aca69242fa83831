/* A finished job's directory, opened and asked with memory that ends at every allocation. */
#include "apps/model.h"

#include "apps/registry.h"
#include "tests/support/brutal.h"
#include "tests/unit/core_data/scratch.h"

static void begin(void)
{
    registry_load();
    scratch_begin();
    scratch_text("result.json", "{\"state\": \"completed\", \"model_sha256\": null, \"spec\": {"
                                "\"version\": 1, \"app\": \"lasso\", \"data\": {\"x\": \"x.svm\"}}}");
    scratch_text("coef.mtx", "%%MatrixMarket matrix coordinate real general\n3 2 3\n1 1 2\n3 1 -1\n"
                             "2 2 0.5\n");
    scratch_text("path.json", "[{\"lambda\": 1, \"intercept\": 10}, {\"lambda\": 0.5, "
                              "\"intercept\": -10}]");
    scratch_text("new.svm", "7 1:1 3:4\n8 2:2\n");
}

TestSuite(model, .init = begin, .fini = scratch_end);

static const double expected[] = { 8, -10, 10, -9 };

static int ask(struct rondo_model *model, struct data_set *set, const volatile sig_atomic_t *stop,
               struct rondo_report *report, struct rondo_error *err)
{
    struct rowfile out;
    const struct model_question question = { .data = set, .data_name = "new.svm", .out = &out,
                                             .y = set->labels.dense, .stop = stop };
    int code = rowfile_open(&out, scratch_path("p.npy"), err);
    if (!code)
        code = model_predict(model, &question, report, err);
    if (!code)
        code = rowfile_commit(&out, err);
    rowfile_abandon(&out);
    return code;
}

static int trial(void *what)
{
    static const volatile sig_atomic_t never = 0;
    struct rondo_report *report = what;
    struct rondo_error err = { 0 };
    struct rondo_model *model = NULL;
    struct data_set *set = NULL;
    int code = model_open(scratch_dir, &registry_apps, &model, &err);
    if (!code)
        code = model_option(model, "lambda", "all", &err);
    if (!code)
        code = data_load(scratch_path("new.svm"), &scratch_one, &set, &err);
    if (!code)
        code = ask(model, set, &never, report, &err);
    data_free(set);
    model_close(model);
    return code;
}

static int list(void *what)
{
    struct model_coefficient *found = what;
    struct rondo_buf rows = { 0 };
    struct rondo_error err = { 0 };
    struct rondo_report report = { 0 };
    struct rondo_model *model = NULL;
    int code = model_open(scratch_dir, &registry_apps, &model, &err);
    if (!code)
        code = model_option(model, "lambda", "1", &err);
    if (!code)
        code = model_coefficients(model, &rows, &report, &err);
    if (!code) {
        cr_expect(report.count == 3 && report.metric[0].value == 1 && report.metric[1].value == 10
                  && report.metric[2].value == 3);
        cr_assert_eq(rows.size, 2 * sizeof *found);
        memcpy(found, rows.data, rows.size);
    }
    buf_fini(&rows);
    model_close(model);
    return code;
}

Test(model, lists_its_coefficients_and_every_allocation_may_fail)
{
    struct model_coefficient found[2] = { { 9, 9 }, { 9, 9 } };
    cr_expect_gt(brutal_run(list, found), 50);
    cr_expect(found[0].index == 0 && found[0].value == 2 && found[1].index == 2 && found[1].value == -1);
}

Test(model, predicts_and_every_allocation_may_fail)
{
    struct rondo_report report = { 0 };
    cr_expect_gt(brutal_run(trial, &report), 50);
    struct data_set *set = scratch_load(scratch_path("p.npy"), &scratch_one);
    cr_assert(set->x.rows == 2 && set->x.cols == 2);
    for (int i = 0; i < 4; i++)
        cr_expect_eq(scratch_at(&set->x, i / 2, i % 2), expected[i]);
    data_free(set);
    cr_assert_eq(report.count, 2);
    cr_expect_eq(report.metric[0].value, 2.5); /* ((7 - 8)^2 + (8 - 10)^2) / 2 */
}

Test(model, who_is_interrupted_leaves_no_file)
{
    static const volatile sig_atomic_t now = 1;
    struct rondo_report report;
    struct rondo_error err = { 0 };
    struct rondo_model *model;
    cr_assert_eq(model_open(scratch_dir, &registry_apps, &model, &err), RONDO_OK, "%s", err.what);
    struct data_set *set = scratch_load(scratch_path("new.svm"), &scratch_one);
    cr_expect_eq(ask(model, set, &now, &report, &err), RONDO_ECANCELED);
    cr_expect_eq(access(scratch_path("p.npy"), F_OK), -1);
    data_free(set);
    model_close(model);
}

Test(model, a_slash_behind_the_directory_is_no_part_of_it)
{
    char dir[600];
    struct rondo_error err = { 0 };
    struct rondo_model *model;
    snprintf(dir, sizeof dir, "%s///", scratch_dir);
    scratch_text("path.json", "{}");
    cr_assert_eq(model_open(dir, &registry_apps, &model, &err), RONDO_OK, "%s", err.what);
    struct data_set *set = scratch_load(scratch_path("new.svm"), &scratch_one);
    static const volatile sig_atomic_t never = 0;
    struct rondo_report report;
    cr_expect_eq(ask(model, set, &never, &report, &err), RONDO_EINPUT);
    cr_expect_str_eq(err.where, scratch_path("path.json"));
    data_free(set);
    model_close(model);
}

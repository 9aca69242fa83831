/* The model of an app of ratings: who its rows are, and answers with words in them. */
#include "apps/model.h"

#include "tests/apps/apps.h"
#include "tests/support/brutal.h"
#include "tests/unit/core_data/scratch.h"

static const char *const id_files[] = { "users.txt", "items.txt" };
static const struct rondo_role roles[] = {
    { "ratings", RONDO_ROLE_RATINGS, true, NULL, "who rated what" }, { 0 },
};
static struct rondo_app app;
static double put_user; /* what predict puts beside a line's item */
static int64_t words_column;

/* A row of item and user number for each line. */
static int predict(const struct rondo_host *host, const struct rondo_predict *what,
                   struct rondo_report *report RONDO_UNUSED, struct rondo_error *err)
{
    cr_assert(what->ids && what->lines);
    const struct rondo_lines *lines = what->lines;
    int code = host->put_words(what->model, words_column, &what->ids->item, err);
    for (int64_t i = 0; i < lines->count && !code; i++) {
        double row[] = { (double)lines->item[i], put_user };
        code = host->put(what->model, row, 1, 2, err);
    }
    return code;
}

static const struct rondo_app *at(int index)
{
    return index ? NULL : &app;
}

static const struct rondo_app *find(const char *name)
{
    return strcmp(name, app.name) ? NULL : &app;
}

static const struct job_apps apps = { find, at, NULL };

static void begin(void)
{
    scratch_begin();
    put_user = 0.5;
    words_column = 0;
    app = app_empty;
    app.roles = roles;
    app.predict = predict;
    app.model_ids = id_files;
    scratch_text("result.json", "{\"state\": \"completed\", \"spec\": {\"version\": 1, \"app\": \"empty\", "
                                "\"data\": {\"ratings\": \"r.txt\"}}}");
    scratch_text("users.txt", "ann\nbob\n");
    scratch_text("items.txt", "tea\npie\njam\n");
    scratch_text("pairs.txt", "bob pie 3\ncat fig 1\nann tea 2\n");
}

TestSuite(model_ids, .init = begin, .fini = scratch_end);

static int ask(const char *to, struct rondo_error *err)
{
    static const volatile sig_atomic_t never = 0;
    struct rondo_model *model = NULL;
    struct data_set *set = NULL;
    struct rowfile out = { .failed = false };
    struct rondo_report report;
    const struct rondo_ids *known = NULL;
    int code = model_open(scratch_dir, &apps, &model, err);
    if (!code)
        code = model_ids(model, &known, err);
    const struct data_options options = { .index_base = 1, .ratings = true, .pairs = true, .known = known };
    if (!code)
        code = data_load(scratch_path("pairs.txt"), &options, &set, err);
    if (!code)
        code = rowfile_open(&out, scratch_path(to), err);
    const struct model_question question = { .data = set, .data_name = "pairs.txt", .out = &out, .stop = &never };
    if (!code)
        code = model_predict(model, &question, &report, err);
    if (!code)
        code = rowfile_commit(&out, err);
    rowfile_abandon(&out);
    data_free(set);
    model_close(model);
    return code;
}

static void reads(const char *name, const char *wanted)
{
    char text[128] = "";
    FILE *file = fopen(scratch_path(name), "r");
    cr_assert_not_null(file);
    cr_expect_gt(fread(text, 1, sizeof text - 1, file), 0);
    fclose(file);
    cr_expect_str_eq(text, wanted);
}

Test(model_ids, lines_keep_their_order_and_new_ids_come_behind)
{
    struct rondo_error err = { 0 };
    cr_assert_eq(ask("p.tsv", &err), RONDO_OK, "%s: %s", err.where, err.what);
    reads("p.tsv", "pie\t0.5\nfig\t0.5\ntea\t0.5\n");
    cr_assert_eq(ask("p.npy", &err), RONDO_OK, "%s: %s", err.where, err.what);
    struct data_set *set = scratch_load(scratch_path("p.npy"), &scratch_one);
    cr_expect(scratch_at(&set->x, 0, 0) == 1 && scratch_at(&set->x, 1, 0) == 3 && scratch_at(&set->x, 2, 0) == 0);
    data_free(set);
}

static void fails(int wanted, const char *words)
{
    struct rondo_error err = { 0 };
    cr_expect_eq(ask("p.tsv", &err), wanted);
    cr_expect(strstr(err.what, words), "%s", err.what);
    cr_expect_eq(access(scratch_path("p.tsv"), F_OK), -1);
}

Test(model_ids, an_app_that_puts_what_is_no_word_has_failed)
{
    words_column = 1;
    fails(RONDO_EAPP, "put 0.5 in a column of words");
    put_user = -1;
    fails(RONDO_EAPP, "put -1 in a column of words");
    put_user = 4;
    fails(RONDO_EAPP, "put 4 in a column of words");
    words_column = -1;
    fails(RONDO_EAPP, "words in column -1");
    words_column = 8;
    fails(RONDO_EAPP, "words in column 8");
}

Test(model_ids, a_model_without_its_ids_is_none)
{
    remove(scratch_path("items.txt"));
    fails(RONDO_EINPUT, "cannot read");
    scratch_text("items.txt", "tea\n\n");
    fails(RONDO_EINPUT, "the line is empty");
}

static int trial(void *to)
{
    struct rondo_error err = { 0 };
    return ask(to, &err);
}

Test(model_ids, every_allocation_may_fail)
{
    cr_expect_gt(brutal_run(trial, (void *)(uintptr_t)"p.txt"), 20);
}

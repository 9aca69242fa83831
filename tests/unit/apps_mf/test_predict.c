/* Predictions from a model's files, against loops; fold-in against its normal equations in long double. */
#include "apps/mf/predict.h"

#include "tests/support/brutal.h"
#include "tests/unit/apps_mf/small.h"

enum { RANK = 6, NEW_USERS = 4, NEW_ITEMS = 3, LINES_MOST = 4096 };

/* A finished job and what was put; struct rondo_model is the tests' own here. */
struct rondo_model {
    struct rondo_matrix file[4]; /* users, items, and their biases */
    double lambda, alpha, mean, flag[4];
    int64_t top;
    double *out;
    int64_t rows, width, calls, cancel_at;
    const struct rondo_words *words[2];
    struct rondo_value value;
    bool several; /* "lambda" is a list */
};

static int load(struct rondo_model *model, const char *name, const struct rondo_matrix **matrix,
                struct rondo_error *err RONDO_UNUSED)
{
    static const char *const names[] = { "user_factors.npy", "item_factors.npy", "biases.npz/user", "biases.npz/item" };
    int i = 0;
    while (strcmp(names[i], name))
        cr_assert(++i < 4, "%s", name);
    *matrix = &model->file[i];
    return RONDO_OK;
}

static int numbers(struct rondo_model *model, const char *name, const char *key, const double **values,
                   int64_t *count, struct rondo_error *err RONDO_UNUSED)
{
    static const char *const keys[] = { "lambda", "alpha", "mean", "biases", "implicit", "nonnegative", "weighted" };
    const double *const at[] = { &model->lambda, &model->alpha, &model->mean, &model->flag[0], &model->flag[1],
                                 &model->flag[2], &model->flag[3] };
    int i = 0;
    cr_assert_str_eq(name, "model.json");
    while (strcmp(keys[i], key))
        cr_assert(++i < 7, "%s", key);
    *values = at[i];
    *count = model->several && i == 0 ? 2 : 1;
    return RONDO_OK;
}

static const struct rondo_value *option(const struct rondo_model *model, const char *key)
{
    cr_assert_str_eq(key, "top");
    return &model->value;
}

static int put(struct rondo_model *model, const double *rows, int64_t count, int64_t width, struct rondo_error *err)
{
    if (model->cancel_at && ++model->calls == model->cancel_at)
        return rondo_error_set(err, RONDO_ECANCELED, NULL, NULL, "interrupted");
    cr_assert(model->width == 0 || model->width == width);
    model->width = width;
    for (int64_t i = 0; i < count * width; i++)
        cr_assert(isfinite(rows[i]));
    memcpy(model->out + model->rows * width, rows, (size_t)(count * width) * sizeof *rows);
    model->rows += count;
    return RONDO_OK;
}

static int put_words(struct rondo_model *model, int64_t column, const struct rondo_words *words,
                     struct rondo_error *err RONDO_UNUSED)
{
    cr_assert(column < 2 && model->rows == 0);
    model->words[column] = words;
    return RONDO_OK;
}

static struct rondo_matrix by_columns(struct small *small, const float *from, int64_t rows, int64_t cols)
{
    const int64_t ld = rows + 3;
    double *to = small_keep(small, (size_t)(ld * cols), sizeof *to);
    for (int64_t i = 0; from && i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
            to[i + j * ld] = (double)from[i * cols + j];
    return (struct rondo_matrix){ .rows = rows, .cols = cols, .nnz = rows * cols, .ld = ld, .dense = to };
}

/* The model, and a file of no lines whose ids are the model's and some more. */
struct fixture {
    struct small small;
    struct rondo_model model;
    struct rondo_ids ids;
    struct rondo_lines lines;
    uint32_t *user, *item; /* [LINES_MOST] of lines */
    float *rating;
};

static void make(struct fixture *f, bool biases, bool implicit, bool weighted)
{
    struct small *small = &f->small;
    small_make(small, RANK, biases, implicit, weighted);
    small->host.load = load;
    small->host.numbers = numbers;
    small->host.option = option;
    small->host.put = put;
    small->host.put_words = put_words;
    small->host.each = NULL; /* not from predict */
    f->model = (struct rondo_model){
        .file = { by_columns(small, small->factors.user, SMALL_USERS, RANK),
                  by_columns(small, small->factors.item, SMALL_ITEMS, RANK) },
        .lambda = small->problem.lambda, .alpha = small->problem.alpha, .mean = small->problem.mean,
        .flag = { biases, implicit, false, weighted },
    };
    if (biases) {
        f->model.file[2] = by_columns(small, small->factors.user_bias, SMALL_USERS, 1);
        f->model.file[3] = by_columns(small, small->factors.item_bias, SMALL_ITEMS, 1);
    }
    f->model.out = small_keep(small, (size_t)LINES_MOST * 30, sizeof *f->model.out);
    f->ids = (struct rondo_ids){ .user.count = SMALL_USERS + NEW_USERS, .item.count = SMALL_ITEMS + NEW_ITEMS,
                                 .known_users = SMALL_USERS, .known_items = SMALL_ITEMS };
    f->user = small_keep(small, LINES_MOST, sizeof *f->user);
    f->item = small_keep(small, LINES_MOST, sizeof *f->item);
    f->rating = small_keep(small, LINES_MOST, sizeof *f->rating);
    f->lines = (struct rondo_lines){ 0, f->user, f->item, f->rating };
}

static void line(struct fixture *f, int64_t user, int64_t item, double rating)
{
    cr_assert(f->lines.count < LINES_MOST);
    f->user[f->lines.count] = (uint32_t)user;
    f->item[f->lines.count] = (uint32_t)item;
    f->rating[f->lines.count++] = (float)rating;
}

static int predict(struct fixture *f, int64_t top, struct rondo_report *report, struct rondo_error *err)
{
    const struct rondo_predict what = { .size = sizeof what, .model = &f->model, .lines = &f->lines,
                                        .data_name = "new.txt", .ids = &f->ids };
    f->model.rows = f->model.width = f->model.calls = 0;
    f->model.value = (struct rondo_value){ .given = top > 0, .integer = top, .text = "" };
    *report = (struct rondo_report){ 0 };
    return mf_predict(&f->small.host, &what, report, err);
}

static double metric(const struct rondo_report *report, const char *name)
{
    for (int32_t i = 0; i < report->count; i++)
        if (strcmp(report->metric[i].name, name) == 0)
            return report->metric[i].value;
    return (double)NAN;
}

/* ---- pairs ------------------------------------------------------------------------------------------------- */

static double foretold(const struct fixture *f, int64_t user, int64_t item)
{
    const struct factors *m = &f->small.factors;
    const bool has_user = user < SMALL_USERS, has_item = item < SMALL_ITEMS;
    if (has_user && has_item)
        return small_score(&f->small, user, item);
    if (f->small.problem.implicit)
        return 0;
    return 3.25 + (m->user_bias && has_user ? (double)m->user_bias[user] : 0)
           + (m->item_bias && has_item ? (double)m->item_bias[item] : 0);
}

static void random_lines(struct fixture *f, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        line(f, (int64_t)(small_unit(20, i) * (SMALL_USERS + NEW_USERS)),
             (int64_t)(small_unit(21, i) * (SMALL_ITEMS + NEW_ITEMS)), floor(1 + 5 * small_unit(22, i)));
    line(f, SMALL_USERS, 3, 2);
    line(f, SMALL_USERS + 1, SMALL_ITEMS + 2, 5);
    line(f, 3, SMALL_ITEMS, 1);
}

Test(predict, a_pair_has_its_score_and_a_stranger_what_is_known_of_it)
{
    for (int bits = 0; bits < 3; bits++) {
        const bool biases = bits == 1, implicit = bits == 2;
        struct fixture f;
        struct rondo_report report;
        double all = 0, known = 0, count = 0;
        make(&f, biases, implicit, true);
        random_lines(&f, LINES_MOST - 3);
        cr_assert_eq(predict(&f, 0, &report, NULL), RONDO_OK);
        cr_assert(f.model.rows == f.lines.count && f.model.width == 1);
        for (int64_t i = 0; i < f.lines.count; i++) {
            const double wanted = foretold(&f, (int64_t)f.user[i], (int64_t)f.item[i]), error = wanted - (double)f.rating[i];
            cr_assert_float_eq(f.model.out[i], wanted, 1e-12);
            all += error * error;
            if (f.user[i] < SMALL_USERS && f.item[i] < SMALL_ITEMS)
                known += error * error, count++;
        }
        if (implicit) {
            cr_expect(isnan(metric(&report, "rmse")));
        } else {
            cr_expect_float_eq(metric(&report, "rmse"), sqrt(all / (double)f.lines.count), 1e-12);
            cr_expect_float_eq(metric(&report, "known_rmse"), sqrt(known / count), 1e-12);
            cr_expect_eq(metric(&report, "known_pairs"), count);
        }
        cr_expect_eq(metric(&report, "unknown_users"), NEW_USERS);
        cr_expect_eq(metric(&report, "unknown_items"), NEW_ITEMS);
        small_fini(&f.small);
    }
}

Test(predict, pairs_without_ratings_have_no_rmse)
{
    struct fixture f;
    struct rondo_report report;
    make(&f, true, false, true);
    random_lines(&f, 50);
    f.lines.rating = NULL;
    cr_assert_eq(predict(&f, 0, &report, NULL), RONDO_OK);
    cr_expect_eq(f.model.rows, 53);
    cr_expect(isnan(metric(&report, "rmse")));
    f.lines.count = 0;
    cr_assert_eq(predict(&f, 0, &report, NULL), RONDO_OK);
    cr_expect_eq(f.model.rows, 0);
    small_fini(&f.small);
}

/* ---- the best ---------------------------------------------------------------------------------------------------- */

/* The last rating that the file has of each item of the model; NAN: none. */
static void rated(const struct fixture *f, int64_t user, double *out)
{
    for (int64_t j = 0; j < SMALL_ITEMS; j++)
        out[j] = (double)NAN;
    for (int64_t i = 0; i < f->lines.count; i++)
        if ((int64_t)f->user[i] == user && f->item[i] < SMALL_ITEMS)
            out[(int64_t)f->item[i]] = f->lines.rating ? (double)f->rating[i] : 1;
}

/* The minimum over a new user's row by Gauss elimination on its normal equations. */
static int fold(const struct fixture *f, const double *rating, double *p)
{
    const struct problem *problem = &f->small.problem;
    const struct factors *m = &f->small.factors;
    const int width = RANK + problem->biases;
    long double a[RANK + 1][RANK + 2] = { { 0 } };
    int64_t count = 0;
    for (int64_t j = 0; j < SMALL_ITEMS; j++) {
        if (isnan(rating[j]) && !problem->implicit)
            continue;
        const long double r = isnan(rating[j]) ? 0 : rating[j], c = problem->implicit ? 1 + problem->alpha * r : 1,
                          x = problem->implicit ? r > 0 : r - (problem->biases ? 3.25L + m->item_bias[j] : 0);
        long double q[RANK + 1];
        count += !isnan(rating[j]);
        for (int k = 0; k < width; k++)
            q[k] = k < RANK ? m->item[j * RANK + k] : 1;
        for (int k = 0; k < width; k++) {
            for (int l = 0; l < width; l++)
                a[k][l] += c * q[k] * q[l];
            a[k][width] += c * q[k] * x;
        }
    }
    for (int k = 0; k < width; k++)
        a[k][k] += problem->lambda * (problem->weighted ? (double)count : 1);
    for (int k = 0; k < width && count; k++)
        for (int i = 0; i < width; i++)
            for (int l = width; i != k && l >= k; l--)
                a[i][l] -= a[i][k] / a[k][k] * a[k][l];
    for (int k = 0; k < width; k++)
        p[k] = count ? (double)(a[k][width] / a[k][k]) : 0;
    return count > 0;
}

static double score_of(const struct fixture *f, int64_t user, int64_t item, const double *p, bool told)
{
    const struct factors *m = &f->small.factors;
    if (user < SMALL_USERS)
        return small_score(&f->small, user, item);
    double sum = m->user_bias ? m->mean + p[RANK] + (double)m->item_bias[item]
                 : told || f->small.problem.implicit ? 0 : 3.25;
    for (int k = 0; k < RANK; k++)
        sum += p[k] * (double)m->item[item * RANK + k];
    return sum;
}

/* The rows of one user, from `at` on: in order, unseen, and nothing better is left out. */
static int64_t expect_user(const struct fixture *f, int64_t user, int64_t at, int64_t most)
{
    double rating[SMALL_ITEMS], p[RANK + 1] = { 0 }, score[SMALL_ITEMS], last = INFINITY;
    bool taken[SMALL_ITEMS] = { false };
    int64_t unseen = 0, n = 0;
    rated(f, user, rating);
    bool told = user >= SMALL_USERS && (f->lines.rating || f->small.problem.implicit) && fold(f, rating, p);
    for (int64_t j = 0; j < SMALL_ITEMS; j++) {
        score[j] = score_of(f, user, j, p, told);
        unseen += isnan(rating[j]);
    }
    for (; at + n < f->model.rows && (int64_t)f->model.out[3 * (at + n)] == user; n++) {
        const double *row = f->model.out + 3 * (at + n);
        const int64_t item = (int64_t)row[1];
        cr_assert(item < SMALL_ITEMS && isnan(rating[item]) && !taken[item]);
        cr_assert_float_eq(row[2], score[item], 2e-5, "user %d item %d: %.9g, not %.9g", (int)user, (int)item, row[2], score[item]);
        cr_assert_leq(row[2], last);
        taken[item] = true;
        last = row[2];
    }
    cr_assert_eq(n, unseen < most ? unseen : most);
    for (int64_t j = 0; j < SMALL_ITEMS && n == most; j++)
        cr_assert(taken[j] || !isnan(rating[j]) || score[j] <= last + 2e-5);
    return at + n;
}

static void expect_best(struct fixture *f, int64_t most)
{
    bool done[SMALL_USERS + NEW_USERS] = { false };
    struct rondo_report report;
    struct rondo_error err = { 0 };
    int64_t at = 0, users = 0;
    cr_assert_eq(predict(f, most, &report, &err), RONDO_OK, "%s", err.what);
    for (int64_t i = 0; i < f->lines.count; i++) {
        const int64_t user = (int64_t)f->user[i];
        if (done[user])
            continue;
        done[user] = true;
        users++;
        at = expect_user(f, user, at, most);
    }
    cr_assert_eq(at, f->model.rows);
    cr_expect_eq(metric(&report, "users"), (double)users);
    cr_expect_eq(metric(&report, "recommendations"), (double)at);
    cr_expect(f->model.words[0] == &f->ids.user && f->model.words[1] == &f->ids.item);
}

/* New users have some ratings, one twice; the last of them only one of an item that nobody knows. */
static void some_lines(struct fixture *f)
{
    for (int64_t i = 0; i < 300; i++) {
        const int64_t n = (int64_t)(small_unit(30, i) * 40);
        line(f, n < NEW_USERS - 1 ? SMALL_USERS + n : n * 13 % SMALL_USERS,
             (int64_t)(small_unit(31, i) * (SMALL_ITEMS + NEW_ITEMS)), floor(1 + 5 * small_unit(32, i)));
    }
    line(f, SMALL_USERS, 7, 1);
    line(f, SMALL_USERS, 9, 5);
    line(f, SMALL_USERS, 7, 5);
    line(f, SMALL_USERS + NEW_USERS - 1, SMALL_ITEMS + 1, 4);
    for (int64_t j = 0; j < SMALL_ITEMS; j++)
        line(f, 500, j, 3); /* nothing is left for this one */
}

Test(predict, the_best_are_those_of_all_scores_and_new_users_are_folded_in)
{
    for (int bits = 0; bits < 6; bits++) {
        struct fixture f;
        make(&f, bits % 3 == 1, bits % 3 == 2, bits >= 3);
        some_lines(&f);
        expect_best(&f, 1);
        expect_best(&f, 10);
        f.lines.rating = NULL;
        expect_best(&f, 10);
        small_fini(&f.small);
    }
}

Test(predict, whom_everything_is_recommended_gets_every_unseen_item)
{
    struct fixture f;
    make(&f, true, false, true);
    line(&f, 11, 3, 1);
    line(&f, SMALL_USERS + 2, 3, 1);
    line(&f, 11, 4, 1);
    expect_best(&f, 100000);
    cr_expect_eq(f.model.rows, 2 * SMALL_ITEMS - 3);
    small_fini(&f.small);
}

Test(predict, a_user_does_not_depend_on_who_else_is_in_the_file)
{
    struct fixture f;
    struct rondo_report report;
    double alone[30], *found = NULL;
    make(&f, true, false, true);
    line(&f, SMALL_USERS + 1, 8, 4);
    line(&f, SMALL_USERS + 1, 5, 2);
    cr_assert_eq(predict(&f, 10, &report, NULL), RONDO_OK);
    memcpy(alone, f.model.out, sizeof alone);
    f.lines.count = 0;
    some_lines(&f);
    for (int64_t i = 0; i < f.lines.count; i++)
        if ((int64_t)f.user[i] == SMALL_USERS + 1)
            f.user[i] = 17;
    line(&f, SMALL_USERS + 1, 5, 2);
    line(&f, SMALL_USERS + 1, 8, 4);
    cr_assert_eq(predict(&f, 10, &report, NULL), RONDO_OK);
    for (int64_t i = 0; i < f.model.rows && !found; i++)
        found = (int64_t)f.model.out[3 * i] == SMALL_USERS + 1 ? f.model.out + 3 * i : NULL;
    cr_assert(found);
    cr_expect_eq(memcmp(found, alone, sizeof alone), 0);
    small_fini(&f.small);
}

/* ---- what goes wrong ------------------------------------------------------------------------------------------ */

static void refused(struct fixture *f, const char *where, const char *what)
{
    struct rondo_report report;
    struct rondo_error err = { 0 };
    const int64_t live = mem_live();
    cr_expect_eq(predict(f, 0, &report, &err), RONDO_EINPUT, "%s", what);
    cr_expect_str_eq(err.where, where);
    cr_expect(strstr(err.what, what), "%s", err.what);
    cr_expect_eq(f->model.rows, 0);
    cr_expect_eq(mem_live(), live);
}

Test(predict, files_that_do_not_fit_are_refused)
{
    struct fixture f;
    make(&f, true, false, true);
    line(&f, 1, 1, 1);
    const struct rondo_model good = f.model;
    f.model.file[0].rows--;
    refused(&f, "user_factors.npy", "does not fit");
    f.model = good;
    f.model.file[1].cols--;
    refused(&f, "item_factors.npy", "does not fit");
    f.model = good;
    f.model.file[3].rows++;
    refused(&f, "biases.npz/item", "does not fit");
    f.model = good;
    f.model.file[1].dense = NULL;
    refused(&f, "item_factors.npy", "does not fit");
    f.model = good;
    f.model.several = true;
    refused(&f, "model.json", "not one number");
    small_fini(&f.small);
}

Test(predict, an_interruption_is_passed_on)
{
    for (int top = 0; top < 2; top++) {
        struct fixture f;
        struct rondo_report report;
        struct rondo_error err = { 0 };
        make(&f, true, false, true);
        some_lines(&f);
        f.model.cancel_at = 1 + 2 * top;
        cr_expect_eq(predict(&f, top * 5, &report, &err), RONDO_ECANCELED);
        small_fini(&f.small);
    }
}

static int trial(void *what)
{
    struct rondo_report report;
    struct rondo_error err = { 0 };
    int code = predict(what, 0, &report, &err);
    return code ? code : predict(what, 5, &report, &err);
}

Test(predict, an_allocation_that_fails_is_said)
{
    for (int implicit = 0; implicit < 2; implicit++) {
        struct fixture f;
        make(&f, !implicit, implicit, true);
        some_lines(&f);
        cr_expect_gt(brutal_run(trial, &f), 10);
        small_fini(&f.small);
    }
}

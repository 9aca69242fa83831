/* Predictions against sums in long double, for every form of the model and of the data. */
#include "apps/lasso/foretell.h"

#include "apps/host.h"
#include "core/base/mem.h"
#include "tests/support/brutal.h"
#include "tests/support/lasso_drive.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { N = 40, P = 9, L = 4 };

/* A model and what is asked of it; struct rondo_model is the tests' own here. */
struct rondo_model {
    struct rondo_matrix coef;
    int64_t colptr[L + 1];
    int32_t rowidx[P * L];
    double values[P * L], dense[P * L];
    double lambda[L], intercept[L];
    int64_t points, intercepts;
    const char *loss, *asked_lambda, *asked_type, *asked_unseen;
    double cv[3]; /* chosen, min, 1se; 0: there is no such file */
    double labels[2];
    bool labelled;

    double *out;
    int64_t rows, width, calls, cancel_at;
    char said[256];
};

static struct rondo_model *asked; /* by upcalls that are not told which model */

static const char *text(const struct rondo_job *job RONDO_UNUSED, const char *key)
{
    cr_assert_str_eq(key, "params.loss");
    return asked->loss;
}

static void say(const struct rondo_job *job RONDO_UNUSED, const char *words)
{
    snprintf(asked->said, sizeof asked->said, "%s", words);
}

static const struct rondo_value *option(const struct rondo_model *model, const char *key)
{
    static struct rondo_value value;
    const char *is = strcmp(key, "lambda") == 0 ? model->asked_lambda
                     : strcmp(key, "type") == 0 ? model->asked_type
                                                : model->asked_unseen;
    value = (struct rondo_value){ .given = is != NULL, .text = is ? is : "" };
    return &value;
}

static bool has_file(const struct rondo_model *model, const char *name)
{
    return strcmp(name, "cv.json") == 0 ? model->cv[0] != 0 : model->labelled;
}

static int load(struct rondo_model *model, const char *name, const struct rondo_matrix **matrix,
                struct rondo_error *err RONDO_UNUSED)
{
    cr_assert_str_eq(name, "coef.mtx");
    *matrix = &model->coef;
    return RONDO_OK;
}

static int numbers(struct rondo_model *model, const char *name, const char *key,
                   const double **values, int64_t *count, struct rondo_error *err)
{
    static const char *const cv[] = { "chosen", "lambda_min", "lambda_1se" };
    *count = 1;
    for (int i = 0; i < 3; i++)
        if (strcmp(key, cv[i]) == 0) {
            *values = &model->cv[i];
            return RONDO_OK;
        }
    if (strcmp(key, "labels") == 0) {
        *values = model->labels;
        *count = 2;
        return RONDO_OK;
    }
    bool intercept = strcmp(key, "intercept") == 0;
    if (intercept && model->intercepts < 0)
        return rondo_error_set(err, RONDO_EINPUT, name, NULL, "element 0 has no number");
    *values = intercept ? model->intercept : model->lambda;
    *count = intercept ? model->intercepts : model->points;
    return RONDO_OK;
}

static int put(struct rondo_model *model, const double *rows, int64_t count, int64_t width,
               struct rondo_error *err)
{
    if (model->cancel_at && ++model->calls == model->cancel_at)
        return rondo_error_set(err, RONDO_ECANCELED, NULL, NULL, "interrupted");
    cr_assert(model->width == 0 || model->width == width);
    model->width = width;
    memcpy(model->out + model->rows * width, rows, (size_t)(count * width) * sizeof *rows);
    model->rows += count;
    return RONDO_OK;
}

static void make_model(struct rondo_model *model, struct dice *dice)
{
    *model = (struct rondo_model){ .loss = "squared", .asked_unseen = "refuse", .points = L,
                                   .intercepts = L };
    int64_t nnz = 0;
    for (int l = 0; l < L; l++) {
        model->lambda[l] = pow(0.5, l);
        model->intercept[l] = dice_normal(dice);
        for (int j = 0; j < P; j++) {
            if (dice_unit(dice) < 0.5)
                continue;
            model->rowidx[nnz] = j;
            model->values[nnz] = model->dense[j + l * P] = dice_normal(dice);
            nnz++;
        }
        model->colptr[l + 1] = nnz;
    }
    model->coef = (struct rondo_matrix){ .rows = P, .cols = L, .nnz = nnz, .sparse = true,
                                         .colptr = model->colptr, .rowidx = model->rowidx,
                                         .values = model->values };
}

static const struct rondo_matrix *none_beside(const struct rondo_job *job RONDO_UNUSED,
                                              const char *role RONDO_UNUSED)
{
    return NULL;
}

static int predict(struct rondo_model *model, const struct rondo_matrix *data, const double *y,
                   bool open, struct rondo_report *report, struct rondo_error *err)
{
    static const struct host_upcalls none = { NULL, NULL, NULL, NULL, NULL };
    struct rondo_host host;
    host_init(&host, &none);
    host.text = text;
    host.matrix = none_beside;
    host.say = say;
    host.option = option;
    host.has_file = has_file;
    host.load = load;
    host.numbers = numbers;
    host.put = put;
    const struct rondo_predict what = { .size = sizeof what, .cols_open = open, .model = model,
                                        .data = data, .data_name = "new.svm", .y = y };
    asked = model;
    model->rows = model->width = model->calls = 0;
    model->said[0] = 0;
    *report = (struct rondo_report){ 0 };
    return lasso_predict(&host, &what, report, err);
}

/* As predict, which must be done and have put a row for each of the data's. */
static struct rondo_report done(struct rondo_model *model, const struct design *design,
                                const double *y)
{
    struct rondo_report report;
    struct rondo_error err = { 0 };
    cr_assert_eq(predict(model, &design->matrix, y, false, &report, &err), RONDO_OK, "%s: %s",
                 err.where, err.what);
    cr_assert_eq(model->rows, design->n);
    return report;
}

static void refused(struct rondo_model *model, const struct rondo_matrix *data, bool open,
                    const char *where, const char *what)
{
    struct rondo_report report;
    struct rondo_error err = { 0 };
    int64_t live = mem_live();
    cr_assert_eq(predict(model, data, NULL, open, &report, &err), RONDO_EINPUT, "%s", what);
    cr_expect_str_eq(err.where, where);
    cr_expect(strstr(err.what, what), "%s", err.what);
    cr_expect_eq(model->rows, 0);
    cr_expect_eq(mem_live(), live);
}

static double truth(const struct rondo_model *model, const struct design *design, int64_t i, int64_t l)
{
    long double sum = model->intercept[l];
    for (int64_t j = 0; j < design->p; j++)
        sum += (long double)design->x[i + j * design->n] * model->dense[j + l * P];
    return (double)sum;
}

/* A model, and data of so many rows. */
static void begin_as(struct rondo_model *model, struct design *design, uint64_t seed,
                     const struct design_options *options)
{
    struct dice dice = { .seed = seed };
    int64_t n = options->n;
    design_make(design, &dice, options);
    make_model(model, &dice);
    model->out = mem_alloc((size_t)(n * L) * sizeof *model->out);
}

static void begin(struct rondo_model *model, struct design *design, uint64_t seed, int64_t n,
                  bool sparse)
{
    const struct design_options options = { .n = n, .p = P, .rho = 0.5, .noise = 1,
                                            .zeros = sparse ? 0.6 : 0, .sparse = sparse };
    begin_as(model, design, seed, &options);
}

static void end(struct rondo_model *model, struct design *design)
{
    mem_free(model->out);
    design_fini(design);
    cr_expect_eq(mem_live(), 0);
}

Test(foretell, a_path_gives_a_column_for_each_lambda)
{
    for (int sparse = 0; sparse < 2; sparse++) {
        struct rondo_model model;
        struct design design;
        begin(&model, &design, 1, N, sparse);
        done(&model, &design, NULL);
        cr_assert_eq(model.width, L);
        for (int64_t i = 0; i < N; i++)
            for (int64_t l = 0; l < L; l++)
                cr_expect_float_eq(model.out[i * L + l], truth(&model, &design, i, l), 1e-12);
        end(&model, &design);
    }
}

Test(foretell, a_missing_genotype_counts_as_the_mean_of_its_column)
{
    for (int missing = 0; missing < 2; missing++) {
        struct rondo_model model;
        struct design design;
        const struct design_options options = { .n = N - 1, .p = P, .noise = 1, .packed = true,
                                                .kind = DESIGN_GENOTYPE, .missing = 0.2 * missing };
        begin_as(&model, &design, 11, &options);
        done(&model, &design, NULL);
        cr_expect_eq(strstr(model.said, "genotypes are missing") != NULL, missing);
        for (int64_t i = 0; i < N - 1; i++)
            for (int64_t l = 0; l < L; l++)
                cr_expect_float_eq(model.out[i * L + l], truth(&model, &design, i, l), 1e-12);
        end(&model, &design);
    }
}

Test(foretell, rows_beyond_one_block_have_the_same_bits)
{
    for (int sparse = 0; sparse < 2; sparse++) {
        struct rondo_model model;
        struct design design;
        begin(&model, &design, 2, 40000, sparse); /* 16384 rows of four are a block */
        done(&model, &design, NULL);
        double *all = mem_alloc(40000 * L * sizeof *all);
        memcpy(all, model.out, 40000 * L * sizeof *all);
        for (int l = 0; l < L; l++) { /* blocks of 65536 rows */
            char words[32];
            snprintf(words, sizeof words, "%.17g", model.lambda[l]);
            model.asked_lambda = words;
            done(&model, &design, NULL);
            cr_assert_eq(model.width, 1);
            for (int64_t i = 0; i < 40000; i++)
                cr_assert_eq(model.out[i], all[i * L + l]);
        }
        mem_free(all);
        end(&model, &design);
    }
}

Test(foretell, a_lambda_is_taken_by_number_by_cross_validation_or_nearest)
{
    static const struct { const char *asked; double chosen; int64_t column; bool said; } rows[] = {
        { "0.5", 0, 1, false }, { "0.49999999999", 0, 1, false }, { "0.4", 0, 1, true },
        { "0.3", 0, 2, true },  { "1", 0, 0, false },             { "0.125", 0, 3, false },
        { NULL, 0.25, 2, false }, { "min", 0.25, 3, false }, { "1se", 0.25, 1, false },
    };
    struct rondo_model model;
    struct design design;
    begin(&model, &design, 3, N, false);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        model.asked_lambda = rows[i].asked;
        model.cv[0] = rows[i].chosen;
        model.cv[1] = 0.125;
        model.cv[2] = 0.5;
        struct rondo_report report = done(&model, &design, NULL);
        cr_assert_eq(model.width, 1);
        cr_expect_float_eq(model.out[7], truth(&model, &design, 7, rows[i].column), 1e-12);
        cr_expect_eq(model.said[0] != 0, rows[i].said, "%s", model.said);
        cr_assert_eq(report.count, 1);
        cr_expect_eq(report.metric[0].value, model.lambda[rows[i].column]);
    }
    model.asked_lambda = "all";
    done(&model, &design, NULL);
    cr_expect_eq(model.width, L);
    end(&model, &design);
}

Test(foretell, bad_options_and_files_are_refused)
{
    struct rondo_model model;
    struct design design;
    begin(&model, &design, 4, N, false);
    static const char *const lambdas[] = { "2", "0.1", "-1", "0", "x", "", "nan", "inf" };
    for (size_t i = 0; i < sizeof lambdas / sizeof *lambdas; i++) {
        model.asked_lambda = lambdas[i];
        refused(&model, &design.matrix, false, "--lambda", i < 2 ? "outside" : "no number");
    }
    model.asked_lambda = "min";
    refused(&model, &design.matrix, false, "--lambda", "no cv.json");
    model.cv[0] = model.cv[1] = 0.7;
    refused(&model, &design.matrix, false, "cv.json", "none of the path");
    model.asked_lambda = NULL;
    model.cv[0] = 0;
    model.asked_type = "class";
    refused(&model, &design.matrix, false, "--type", "logistic");
    model.asked_type = NULL;
    model.intercepts = -1;
    refused(&model, &design.matrix, false, "path.json", "no number");
    model.intercepts = L;
    model.points = L - 1;
    refused(&model, &design.matrix, false, "path.json", "not an intercept for each");
    model.intercepts = L - 1;
    refused(&model, &design.matrix, false, "path.json", "3 points, coef.mtx has 4 columns");
    model.points = model.intercepts = L;
    model.coef.sparse = false;
    refused(&model, &design.matrix, false, "coef.mtx", "coordinates");
    end(&model, &design);
}

Test(foretell, other_columns_are_for_svmlight_alone)
{
    struct rondo_model model;
    struct design design;
    struct rondo_report report;
    struct rondo_error err = { 0 };
    begin(&model, &design, 5, N, true);
    struct rondo_matrix data = design.matrix;
    data.cols = P - 2;
    data.nnz = data.colptr[P - 2];
    refused(&model, &data, false, "new.svm", "has 7 columns, the model has 9");
    cr_assert_eq(predict(&model, &data, NULL, true, &report, &err), RONDO_OK);
    double few = model.out[5 * L];
    cr_expect_float_eq(few + design.x[5 + 7 * N] * model.dense[7] + design.x[5 + 8 * N] * model.dense[8],
                       truth(&model, &design, 5, 0), 1e-12);

    model.coef.rows = P - 2; /* the data have more than the model */
    int64_t kept = 0;
    for (int l = 0; l < L; l++) {
        int64_t from = model.colptr[l];
        model.colptr[l] = kept;
        for (int64_t e = from; e < model.colptr[l + 1]; e++)
            if (model.rowidx[e] < P - 2) {
                model.rowidx[kept] = model.rowidx[e];
                model.values[kept++] = model.values[e];
            }
    }
    model.colptr[L] = model.coef.nnz = kept;
    refused(&model, &design.matrix, false, "new.svm", "has 9 columns, the model has 7");
    refused(&model, &design.matrix, true, "new.svm", "values stand beyond these");
    model.asked_unseen = "ignore";
    cr_assert_eq(predict(&model, &design.matrix, NULL, true, &report, &err), RONDO_OK);
    cr_expect_eq(model.out[5 * L], few);
    cr_expect(strstr(model.said, "left out"));
    model.asked_unseen = "refuse";
    for (int64_t e = design.colptr[P - 2]; e < design.colptr[P]; e++)
        design.values[e] = 0;
    cr_assert_eq(predict(&model, &design.matrix, NULL, true, &report, &err), RONDO_OK);
    cr_expect_eq(model.out[5 * L], few);
    end(&model, &design);
}

Test(foretell, the_error_is_that_of_the_best_column)
{
    struct rondo_model model;
    struct design design;
    begin(&model, &design, 6, N, false);
    double y[N];
    for (int i = 0; i < N; i++)
        y[i] = truth(&model, &design, i, 2) + (i % 2 ? 0.5 : -0.5);
    struct rondo_report report = done(&model, &design, y);
    cr_assert_eq(report.count, 2);
    cr_expect_str_eq(report.metric[0].name, "mean_squared_error");
    cr_expect_float_eq(report.metric[0].value, 0.25, 1e-12);
    cr_expect_eq(report.metric[1].value, model.lambda[2]);
    end(&model, &design);
}

/* Log loss and accuracy of column l by their definitions, in long double. */
static void judge(const struct rondo_model *model, const struct design *design, const double *y,
                  double positive, int64_t l, double out[2])
{
    long double loss = 0, right = 0;
    for (int64_t i = 0; i < N; i++) {
        long double p = 1 / (1 + expl(-(long double)truth(model, design, i, l)));
        loss -= logl(y[i] == positive ? p : 1 - p);
        right += (p > 0.5L) == (y[i] == positive);
    }
    out[0] = (double)(loss / N);
    out[1] = (double)(right / N);
}

Test(foretell, a_logistic_model_gives_link_probability_and_class)
{
    struct rondo_model model;
    struct design design;
    begin(&model, &design, 7, N, true);
    model.loss = "logistic";
    model.asked_lambda = "0.5";
    double y[N];
    for (int i = 0; i < N; i++)
        y[i] = i % 3 ? 1 : 0;
    for (int form = 0; form < 4; form++) {
        model.asked_type = (const char *[]){ "link", "response", NULL, "class" }[form];
        model.labelled = form == 3;
        model.labels[0] = 3;
        model.labels[1] = 8;
        struct rondo_report report = done(&model, &design, form == 3 ? NULL : y);
        for (int i = 0; i < N; i++) {
            double z = truth(&model, &design, i, 1);
            double is = form == 0 ? z : form == 3 ? (z > 0 ? 8 : 3) : 1 / (1 + exp(-z));
            cr_expect_float_eq(model.out[i], is, 1e-12);
        }
        if (form == 3)
            continue;
        double expected[2];
        judge(&model, &design, y, 1, 1, expected);
        cr_assert_eq(report.count, 3);
        cr_expect_str_eq(report.metric[0].name, "log_loss");
        cr_expect_float_eq(report.metric[0].value, expected[0], 1e-12);
        cr_expect_float_eq(report.metric[1].value, expected[1], 1e-12);
    }
    y[4] = 7; /* no class */
    model.labelled = false;
    cr_expect_eq(done(&model, &design, y).count, 1);
    cr_expect(strstr(model.said, "the label 7 in row 5"));
    cr_expect(model.out[0] == 1 || model.out[0] == -1);
    end(&model, &design);
}

Test(foretell, large_margins_neither_overflow_nor_vanish)
{
    struct rondo_model model;
    struct design design;
    begin(&model, &design, 8, N, false);
    model.loss = "logistic";
    double y[N];
    for (int i = 0; i < N; i++)
        y[i] = 1;
    for (int l = 0; l < L; l++)
        model.intercept[l] = -800;
    struct rondo_report report = done(&model, &design, y);
    for (int64_t i = 0; i < N * L; i++)
        cr_expect(model.out[i] >= 0 && model.out[i] < 1e-300);
    cr_expect(report.metric[0].value > 700 && report.metric[0].value < 900);
    end(&model, &design);
}

Test(foretell, who_stops_waiting_is_heard)
{
    struct rondo_model model;
    struct design design;
    struct rondo_report report;
    struct rondo_error err = { 0 };
    begin(&model, &design, 9, 40000, true);
    model.cancel_at = 2;
    cr_expect_eq(predict(&model, &design.matrix, NULL, false, &report, &err), RONDO_ECANCELED);
    cr_expect_eq(model.calls, 2);
    end(&model, &design);
}

struct fixture {
    struct rondo_model *model;
    struct design *design;
};

static int trial(void *what)
{
    const struct fixture *fixture = what;
    struct rondo_report report;
    return predict(fixture->model, &fixture->design->matrix, fixture->design->y, false, &report, NULL);
}

Test(foretell, every_allocation_may_fail)
{
    struct rondo_model model;
    struct design design;
    begin(&model, &design, 10, N, true);
    cr_expect_geq(brutal_run(trial, &(struct fixture){ &model, &design }), 9);
    end(&model, &design);
}

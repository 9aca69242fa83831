/* foretell.c - predictions for new rows, from coef.mtx and path.json.
 *
 *     z_il = sum_j x_ij b_jl + b0_l          link
 *     1 / (1 + exp(-z)), exp(z), z           response of the logistic, the Poisson and other losses
 *     z > 0: the positive label              class
 *
 * X comes by columns, predictions go by rows: a block of rows at a time, with a finger on each column
 * at the first entry that no block has had.  A sum runs over the columns in their order, whatever the
 * block, so its bits depend on the row alone; but a genotype that is missing is the mean of those of its
 * column that are known, among the rows at hand.
 */
#include "foretell.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 65536 /* numbers of a block of rows */ };

enum form { LINK, RESPONSE, CLASS };

static const double NEAR = 1e-9; /* relative: the same lambda, typed with fewer digits */

const struct rondo_param lasso_predict_options[] = {
    { "lambda", RONDO_TEXT, NULL, NAN, NAN, false, NULL, "",
      "which column of a path: a number (the nearest), min, 1se (of cv.json) or all" },
    { "type", RONDO_CHOICE, NULL, NAN, NAN, false, "link|response|class", "",
      "response is the default: logistic loss, a probability; Poisson, a count; others, as link" },
    { "unseen", RONDO_CHOICE, "\"refuse\"", NAN, NAN, false, "refuse|ignore", "",
      "svmlight: values in columns that the model does not have" },
    { .key = NULL },
};

/* What is asked, and the model as far as that needs it. */
struct foretell {
    const struct rondo_host *host;
    const struct rondo_predict *what;
    struct rondo_error *err;
    bool logistic, poisson;
    double delta;                     /* of the Huber loss; 0: another */
    enum form form;
    int64_t p, points;                /* coef.mtx is (p + covariates) x points */
    const struct rondo_matrix *side;  /* the covariates of these rows; NULL: the model has none */
    const double *lambda, *intercept; /* [points] */
    int64_t first, width;             /* the points asked for */
    double label[2];                  /* of the classes: negative, positive */
    bool labelled;                    /* the model has kept them */

    int64_t support;                  /* columns of X with a coefficient that is not 0, in order: */
    int64_t *column, *ptr, *finger;   /* [support], [support + 1], [support] */
    int32_t *point;                   /* [ptr[support]] from 0 at `first` */
    double *b;                        /* [ptr[support]] */
    double *imputed;                  /* [support] of packed data: what is missing is taken to be */

    int64_t tall;                     /* rows of a block */
    double *z;                        /* [tall x width] */
    double *loss, *also;              /* [width] sums over rows: of the loss, of rows told right or of
                                       * squares (Huber) */
    bool judged;                      /* y is known, and means something */
};

static int refuse(struct foretell *f, const char *where, const char *hint, const char *what)
{
    return rondo_error_set(f->err, RONDO_EINPUT, where, hint, "%s", what);
}

static int no_memory(struct foretell *f)
{
    return rondo_error_set(f->err, RONDO_ENOMEM, NULL, NULL, "no memory for predictions");
}

/* ---- which column of the path ------------------------------------------------------------------- */

static bool same(double a, double b)
{
    return fabs(a - b) <= NEAR * fmax(fabs(a), fabs(b));
}

static int choose_nearest(struct foretell *f, double lambda, const char *where)
{
    double least = HUGE_VAL, most = 0, nearest = HUGE_VAL;
    char words[192];
    for (int64_t l = 0; l < f->points; l++) {
        double apart = fabs(log(f->lambda[l]) - log(lambda));
        least = fmin(least, f->lambda[l]);
        most = fmax(most, f->lambda[l]);
        if (apart < nearest) {
            nearest = apart;
            f->first = l;
        }
    }
    if ((lambda < least && !same(lambda, least)) || (lambda > most && !same(lambda, most)))
        return rondo_error_set(f->err, RONDO_EINPUT, where, NULL,
                               "%g is outside of the model's path, %.9g to %.9g", lambda, least,
                               most);
    f->width = 1;
    if (same(lambda, f->lambda[f->first]))
        return RONDO_OK;
    snprintf(words, sizeof words, "the path has no lambda %g; the nearest is taken, %.17g", lambda,
             f->lambda[f->first]);
    f->host->say(f->what->job, words);
    return RONDO_OK;
}

/* A lambda that cross-validation has chosen is one of the path's. */
static int choose_by_cv(struct foretell *f, const char *key)
{
    const double *value;
    int64_t count;
    if (!f->host->has_file(f->what->model, "cv.json"))
        return refuse(f, "--lambda", "min and 1se are for a cross-validation that came to its end",
                      "the model has no cv.json");
    int code = f->host->numbers(f->what->model, "cv.json", key, &value, &count, f->err);
    for (int64_t l = 0; !code && count == 1 && l < f->points; l++)
        if (same(*value, f->lambda[l])) {
            f->first = l;
            f->width = 1;
            return RONDO_OK;
        }
    char words[128];
    snprintf(words, sizeof words, "\"%s\" is none of the path's lambdas", key);
    return code ? code : refuse(f, "cv.json", "path.json has them", words);
}

static int choose_lambda(struct foretell *f)
{
    const struct rondo_value *asked = f->host->option(f->what->model, "lambda");
    f->first = 0;
    f->width = f->points;
    if (!asked->given && f->host->has_file(f->what->model, "cv.json"))
        return choose_by_cv(f, "chosen");
    if (!asked->given || strcmp(asked->text, "all") == 0)
        return RONDO_OK;
    if (strcmp(asked->text, "min") == 0)
        return choose_by_cv(f, "lambda_min");
    if (strcmp(asked->text, "1se") == 0)
        return choose_by_cv(f, "lambda_1se");
    char *end;
    double lambda = strtod(asked->text, &end);
    if (end == asked->text || *end || !(lambda > 0) || !isfinite(lambda))
        return rondo_error_set(f->err, RONDO_EINPUT, "--lambda", NULL,
                               "\"%.60s\" is no number above 0, nor min, 1se or all", asked->text);
    return choose_nearest(f, lambda, "--lambda");
}

static int choose_form(struct foretell *f)
{
    const struct rondo_value *asked = f->host->option(f->what->model, "type");
    f->logistic = strcmp(f->host->text(f->what->job, "params.loss"), "logistic") == 0;
    f->poisson = strcmp(f->host->text(f->what->job, "params.loss"), "poisson") == 0;
    if (strcmp(f->host->text(f->what->job, "params.loss"), "huber") == 0)
        f->delta = f->host->real(f->what->job, "params.huber_delta");
    const char *type = asked->given ? asked->text : "response";
    f->form = strcmp(type, "link") == 0 ? LINK : strcmp(type, "response") == 0 ? RESPONSE : CLASS;
    if (f->form == CLASS && !f->logistic)
        return refuse(f, "--type", "response, which is the default, or link",
                      "class is for the logistic loss, and this is a model of another");
    if (!f->logistic && !f->poisson)
        f->form = LINK; /* the response is z itself */
    return RONDO_OK;
}

/* ---- the model's files -------------------------------------------------------------------------- */

static int read_labels(struct foretell *f)
{
    const double *label;
    int64_t count;
    f->label[0] = -1;
    f->label[1] = 1;
    f->labelled = f->logistic && f->host->has_file(f->what->model, "classes.json");
    if (!f->labelled)
        return RONDO_OK;
    int code = f->host->numbers(f->what->model, "classes.json", "labels", &label, &count, f->err);
    if (!code && count != 2)
        return refuse(f, "classes.json", NULL, "\"labels\" are not two numbers");
    for (int i = 0; i < 2 && !code; i++)
        f->label[i] = label[i];
    return code;
}

static int read_path(struct foretell *f)
{
    int64_t intercepts;
    int code = f->host->numbers(f->what->model, "path.json", "lambda", &f->lambda, &f->points,
                                f->err);
    if (!code)
        code = f->host->numbers(f->what->model, "path.json", "intercept", &f->intercept,
                                &intercepts, f->err);
    if (!code && intercepts != f->points)
        code = refuse(f, "path.json", NULL, "it has not an intercept for each lambda");
    for (int64_t l = 0; l < f->points && !code; l++)
        if (!(f->lambda[l] >= 0))
            code = refuse(f, "path.json", NULL, "a lambda is below 0");
    return code;
}

/* The chosen points of the coefficients, by columns of X and then of the covariates. */
static int read_coefficients(struct foretell *f, const struct rondo_matrix *coef)
{
    const struct rondo_host *host = f->host;
    int64_t from = coef->colptr[f->first], to = coef->colptr[f->first + f->width];
    int64_t *at = host->zalloc((size_t)coef->rows + 1, sizeof *at), support = 0, sum = 0;
    if (!at)
        return no_memory(f);
    for (int64_t e = from; e < to; e++)
        at[coef->rowidx[e]]++;
    for (int64_t j = 0; j < coef->rows; j++)
        support += at[j] > 0;
    f->column = host->alloc((size_t)(support + 1) * sizeof *f->column);
    f->finger = host->zalloc((size_t)support + 1, sizeof *f->finger);
    f->ptr = host->zalloc((size_t)support + 1, sizeof *f->ptr);
    f->point = host->alloc((size_t)(to - from + 1) * sizeof *f->point);
    f->b = host->alloc((size_t)(to - from + 1) * sizeof *f->b);
    bool all = f->column && f->finger && f->ptr && f->point && f->b;
    for (int64_t j = 0; all && j < coef->rows; j++) {
        int64_t entries = at[j];
        at[j] = sum;
        sum += entries;
        if (!entries)
            continue;
        f->column[f->support++] = j;
        f->ptr[f->support] = sum;
    }
    for (int64_t l = f->first; all && l < f->first + f->width; l++)
        for (int64_t e = coef->colptr[l]; e < coef->colptr[l + 1]; e++) {
            int64_t to_be = at[coef->rowidx[e]]++;
            f->point[to_be] = (int32_t)(l - f->first);
            f->b[to_be] = coef->values[e];
        }
    host->free(at);
    return all ? RONDO_OK : no_memory(f);
}

static int read_model(struct foretell *f)
{
    const struct rondo_matrix *coef = NULL;
    int code = f->host->load(f->what->model, "coef.mtx", &coef, f->err);
    if (!code && !coef->sparse)
        code = refuse(f, "coef.mtx", NULL, "is not a matrix of coordinates");
    if (!code)
        code = read_path(f);
    if (!code && coef->cols != f->points)
        code = rondo_error_set(f->err, RONDO_EINPUT, "path.json", NULL,
                               "has %" PRId64 " points, coef.mtx has %" PRId64 " columns", f->points,
                               coef->cols);
    if (!code)
        code = choose_form(f);
    if (!code)
        code = read_labels(f);
    if (!code)
        code = choose_lambda(f);
    if (code)
        return code;
    code = read_coefficients(f, coef);
    f->side = f->host->matrix(f->what->job, "covariates");
    f->p = coef->rows - (f->side ? f->side->cols : 0);
    return code;
}

/* ---- the data ------------------------------------------------------------------------------------ */

/* Values that are not 0 in columns that the model does not have. */
static int64_t count_unseen(const struct foretell *f)
{
    const struct rondo_matrix *x = f->what->data;
    int64_t count = 0;
    for (int64_t e = x->colptr[f->p]; e < x->nnz; e++)
        count += x->values[e] != 0;
    return count;
}

/* A row of an svmlight file ends where it has nothing more to say.  A column that the job never saw
 * would have the coefficient 0, so that to leave it out is exact; but it is also what a wrong file
 * looks like. */
static int check_columns(struct foretell *f)
{
    const struct rondo_matrix *x = f->what->data;
    bool open = f->what->cols_open && x->sparse;
    if (f->side && !f->side->dense)
        return refuse(f, "--covariates", NULL, "covariates are a table or a dense matrix");
    if (f->side && x->cols != f->p)
        return rondo_error_set(f->err, RONDO_EINPUT, f->what->data_name, NULL,
                               "has %" PRId64 " columns and %" PRId64 " covariates, the model has %" PRId64
                               " together", x->cols, f->side->cols, f->p + f->side->cols);
    if (x->cols == f->p || (open && x->cols < f->p))
        return RONDO_OK;
    if (!open)
        return rondo_error_set(f->err, RONDO_EINPUT, f->what->data_name, NULL,
                               "has %" PRId64 " columns, the model has %" PRId64, x->cols, f->p);
    int64_t unseen = count_unseen(f);
    if (!unseen)
        return RONDO_OK;
    if (strcmp(f->host->option(f->what->model, "unseen")->text, "ignore") != 0)
        return rondo_error_set(f->err, RONDO_EINPUT, f->what->data_name,
                               "--unseen ignore leaves them out",
                               "has %" PRId64 " columns, the model has %" PRId64 ", and %" PRId64
                               " values stand beyond these", x->cols, f->p, unseen);
    char words[128];
    snprintf(words, sizeof words, "%" PRId64 " values in columns beyond the model's %" PRId64
                                  " are left out", unseen, f->p);
    f->host->say(f->what->job, words);
    return RONDO_OK;
}

/* 0 or 1 for the classes; -1: neither. */
static int class_of(const struct foretell *f, double y)
{
    if (y == f->label[1])
        return 1;
    return y == f->label[0] || (!f->labelled && y == 0) ? 0 : -1;
}

/* What a missing genotype is, and that there are some. */
static int impute(struct foretell *f)
{
    const struct rondo_matrix *x = f->what->data;
    int64_t lost = 0;
    char words[128];
    if (!x->packed)
        return RONDO_OK;
    f->imputed = f->host->alloc((size_t)(f->support + 1) * sizeof *f->imputed);
    if (!f->imputed)
        return no_memory(f);
    for (int64_t k = 0; k < f->support && f->column[k] < x->cols; k++) {
        int64_t count[4] = { 0 };
        for (int64_t i = 0; i < x->rows; i++)
            count[rondo_genotype_at(x->packed + f->column[k] * x->stride, i)]++;
        int64_t known = x->rows - count[RONDO_MISSING];
        int64_t alleles = 2 * count[RONDO_HOM_A1] + count[RONDO_HET];
        f->imputed[k] = known ? (double)alleles / (double)known : 0;
        lost += count[RONDO_MISSING];
    }
    snprintf(words, sizeof words,
             "%" PRId64 " genotypes are missing; each counts as the mean of its column in these data",
             lost);
    if (lost)
        f->host->say(f->what->job, words);
    return RONDO_OK;
}

static void check_y(struct foretell *f)
{
    char words[160];
    const double *y = f->what->y;
    f->judged = y != NULL;
    for (int64_t i = 0; f->judged && i < f->what->data->rows; i++)
        if (f->logistic ? class_of(f, y[i]) < 0 : f->poisson && y[i] < 0) {
            snprintf(words, sizeof words, "%s %g in row %" PRId64 " is no %s: the predictions are not compared with y",
                     f->logistic ? "the label" : "y =", y[i], i + 1, f->logistic ? "class of the model" : "count");
            f->host->say(f->what->job, words);
            f->judged = false;
        }
}

/* ---- the sums ------------------------------------------------------------------------------------ */

static void add(struct foretell *f, int64_t k, int64_t row, double x)
{
    double *z = f->z + row * f->width;
    for (int64_t e = f->ptr[k]; e < f->ptr[k + 1]; e++)
        z[f->point[e]] += x * f->b[e];
}

static void add_packed(struct foretell *f, int64_t k, int64_t lo, int64_t hi)
{
    const struct rondo_matrix *x = f->what->data;
    const double table[4] = { [RONDO_HOM_A1] = 2, [RONDO_MISSING] = f->imputed[k], [RONDO_HET] = 1 };
    for (int64_t i = lo; i < hi; i++)
        add(f, k, i - lo, table[rondo_genotype_at(x->packed + f->column[k] * x->stride, i)]);
}

/* z = X b + b0 for the rows [lo, hi). */
static void multiply(struct foretell *f, int64_t lo, int64_t hi)
{
    const struct rondo_matrix *x = f->what->data;
    memset(f->z, 0, (size_t)((hi - lo) * f->width) * sizeof *f->z);
    for (int64_t k = 0; k < f->support && f->column[k] < x->cols; k++) {
        int64_t j = f->column[k];
        if (x->packed)
            add_packed(f, k, lo, hi);
        for (int64_t i = lo; x->dense && i < hi; i++)
            add(f, k, i - lo, x->dense[i + j * x->ld]);
        if (!x->sparse)
            continue;
        int64_t e = lo == 0 ? x->colptr[j] : f->finger[k];
        for (; e < x->colptr[j + 1] && x->rowidx[e] < hi; e++)
            add(f, k, x->rowidx[e] - lo, x->values[e]);
        f->finger[k] = e;
    }
    for (int64_t k = 0; k < f->support && f->side; k++) {
        int64_t c = f->column[k] - f->p;
        for (int64_t i = lo; c >= 0 && i < hi; i++)
            add(f, k, i - lo, f->side->dense[i + c * f->side->ld]);
    }
    for (int64_t i = 0; i < hi - lo; i++)
        for (int64_t l = 0; l < f->width; l++)
            f->z[i * f->width + l] += f->intercept[f->first + l];
}

/* log(1 + exp(-m)) where neither side overflows. */
static double log_loss(double margin)
{
    return margin > 0 ? log1p(exp(-margin)) : log1p(exp(margin)) - margin;
}

static double huber(double e, double delta)
{
    return fabs(e) <= delta ? 0.5 * e * e : delta * (fabs(e) - 0.5 * delta);
}

static void judge(struct foretell *f, int64_t lo, int64_t hi)
{
    for (int64_t i = lo; i < hi; i++) {
        double y = f->what->y[i];
        const double *z = f->z + (i - lo) * f->width;
        int class = f->logistic ? class_of(f, y) : 0;
        for (int64_t l = 0; l < f->width; l++) {
            double e = y - z[l];
            f->loss[l] += f->logistic    ? log_loss(class ? z[l] : -z[l])
                          : f->poisson   ? 2 * (exp(z[l]) - y * z[l] - (y > 0 ? y - y * log(y) : 0))
                          : f->delta > 0 ? huber(e, f->delta)
                                         : e * e;
            f->also[l] += f->delta > 0 ? e * e : (z[l] > 0) == (class != 0);
        }
    }
}

static void shape(struct foretell *f, int64_t count)
{
    for (int64_t i = 0; i < count && f->form != LINK; i++) {
        double z = f->z[i], small = exp(-fabs(z));
        f->z[i] = f->poisson         ? exp(z)
                  : f->form == CLASS ? f->label[z > 0]
                                     : (z > 0 ? 1 : small) / (1 + small);
    }
}

static int go(struct foretell *f)
{
    int64_t n = f->what->data->rows;
    f->tall = BLOCK / f->width > 1 ? BLOCK / f->width : 1;
    f->tall = f->tall < n ? f->tall : n;
    f->z = f->host->alloc((size_t)(f->tall * f->width) * sizeof *f->z);
    f->loss = f->host->zalloc((size_t)f->width, sizeof *f->loss);
    f->also = f->host->zalloc((size_t)f->width, sizeof *f->also);
    if (!f->z || !f->loss || !f->also)
        return no_memory(f);
    int code = RONDO_OK;
    for (int64_t lo = 0; lo < n && !code; lo += f->tall) {
        int64_t hi = lo + f->tall < n ? lo + f->tall : n;
        multiply(f, lo, hi);
        if (f->judged)
            judge(f, lo, hi);
        shape(f, (hi - lo) * f->width);
        code = f->host->put(f->what->model, f->z, hi - lo, f->width, f->err);
    }
    return code;
}

/* Of the point that comes nearest to y. */
static void tell(const struct foretell *f, struct rondo_report *report)
{
    double n = (double)f->what->data->rows;
    int64_t best = 0;
    for (int64_t l = 1; l < f->width; l++)
        best = f->loss[l] < f->loss[best] ? l : best;
    struct rondo_metric *to = report->metric;
    if (f->judged)
        *to++ = (struct rondo_metric){ f->logistic    ? "log_loss"
                                       : f->poisson   ? "mean_deviance"
                                       : f->delta > 0 ? "huber_loss"
                                                      : "mean_squared_error",
                                       f->loss[best] / n, false };
    if (f->judged && (f->logistic || f->delta > 0))
        *to++ = (struct rondo_metric){ f->logistic ? "accuracy" : "mean_squared_error", f->also[best] / n,
                                       false };
    if (f->judged || f->width == 1)
        *to++ = (struct rondo_metric){ "lambda", f->lambda[f->first + best], false };
    report->count = (int32_t)(to - report->metric);
}

static void release(struct foretell *f)
{
    void *owned[] = { f->column, f->ptr, f->finger, f->point, f->b, f->imputed, f->z, f->loss, f->also };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        f->host->free(owned[i]);
}

int lasso_predict(const struct rondo_host *host, const struct rondo_predict *what,
                  struct rondo_report *report, struct rondo_error *err)
{
    struct foretell f = { .host = host, .what = what, .err = err };
    int code = read_model(&f);
    if (!code)
        code = check_columns(&f);
    if (!code)
        code = impute(&f);
    if (!code) {
        check_y(&f);
        code = go(&f);
    }
    if (!code)
        tell(&f, report);
    release(&f);
    return code;
}

/* ---- the coefficients themselves ------------------------------------------------------------------- */

static int need_one(struct foretell *f)
{
    char words[160];
    if (f->width == 1)
        return RONDO_OK;
    snprintf(words, sizeof words, "the model has %" PRId64 " lambdas, %.6g to %.6g, and none is chosen",
             f->points, f->lambda[f->points - 1], f->lambda[0]);
    return refuse(f, "--lambda", "a number takes the nearest", words);
}

int lasso_list(const struct rondo_host *host, const struct rondo_predict *what,
               struct rondo_report *report, struct rondo_error *err)
{
    struct foretell f = { .host = host, .what = what, .err = err };
    int code = read_model(&f);
    if (!code)
        code = need_one(&f);
    for (int64_t k = 0; k < f.support && !code; k++) {
        const double row[2] = { (double)f.column[k], f.b[f.ptr[k]] };
        code = host->put(what->model, row, 1, 2, err);
    }
    *report = (struct rondo_report){ .count = 3 };
    if (!code) {
        report->metric[0] = (struct rondo_metric){ "lambda", f.lambda[f.first], false };
        report->metric[1] = (struct rondo_metric){ "intercept", f.intercept[f.first], false };
        report->metric[2] = (struct rondo_metric){ "columns", (double)f.p, true }; /* covariates among them */
    }
    release(&f);
    return code;
}

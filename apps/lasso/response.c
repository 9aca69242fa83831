/* response.c - y as the loss wants it, and what the rows and columns weigh: weights, penalty factors, folds. */
#include "lasso.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int no_memory(struct rondo_error *err)
{
    return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for y");
}

/* A file of so many numbers; *values NULL where the job names none. */
static int read_vector(const struct lasso *lasso, const char *key, int64_t count, const char *of,
                       const double **values, struct rondo_error *err)
{
    char words[160];
    const struct rondo_matrix *file = lasso->host->matrix(lasso->job, key);
    *values = file ? file->dense : NULL;
    if (!file || file->rows == count)
        return RONDO_OK;
    snprintf(words, sizeof words, "the file has %lld numbers and x has %lld %s", (long long)file->rows,
             (long long)count, of);
    return lasso_refuse(lasso, err, key, words, NULL);
}

/* None may be below 0, and not all of them 0. */
static int check_factors(const struct lasso *lasso, const char *key, const double *values, int64_t count,
                         struct rondo_error *err)
{
    char words[160];
    bool any = false;
    for (int64_t i = 0; i < count; i++) {
        any = any || values[i] > 0;
        if (values[i] >= 0 && values[i] <= LASSO_LARGEST)
            continue;
        snprintf(words, sizeof words, "number %lld of the file is %g: %s", (long long)i + 1, values[i],
                 values[i] < 0 ? "none may be below 0" : "it is too large");
        return lasso_refuse(lasso, err, key, words, NULL);
    }
    return any ? RONDO_OK : lasso_refuse(lasso, err, key, "all numbers of the file are 0", NULL);
}

/* ---- columns -------------------------------------------------------------------------------------- */

static int read_factors(struct lasso *lasso, struct rondo_error *err)
{
    const struct rondo_host *host = lasso->host;
    const double *factor;
    int64_t free = 0;
    int64_t own = lasso->p - lasso->sides;
    int code = read_vector(lasso, "params.penalty_factor", own, "columns", &factor, err);
    if (!code && factor)
        code = check_factors(lasso, "params.penalty_factor", factor, own, err);
    if (code || (!factor && !lasso->standardize && !lasso->sides))
        return code;
    lasso->l1_factor = host->alloc((size_t)lasso->p * sizeof(double));
    lasso->l2_factor = host->alloc((size_t)lasso->p * sizeof(double));
    if (!lasso->l1_factor || !lasso->l2_factor)
        return no_memory(err);
    for (int64_t j = 0; j < lasso->p; j++) {
        lasso->l1_factor[j] = lasso->l2_factor[j] = j >= own ? 0 : factor ? factor[j] : 1;
        free += lasso->l1_factor[j] <= 0;
    }
    if (free >= LASSO_FRAME_MOST)
        return lasso_refuse(lasso, err, factor ? "params.penalty_factor" : "data.covariates",
                            "more than 512 columns have no penalty",
                            factor ? "give some of them small factors" : "name fewer by data.covariate_names");
    lasso->frees = free;
    return RONDO_OK;
}

/* ---- rows ----------------------------------------------------------------------------------------- */

static int read_weights(struct lasso *lasso, struct rondo_error *err)
{
    const double *weight;
    double sum = 0, most = 0;
    int code = read_vector(lasso, "params.weights", lasso->n, "rows", &weight, err);
    if (!code && weight)
        code = check_factors(lasso, "params.weights", weight, lasso->n, err);
    if (code || !weight)
        return code;
    lasso->weight = lasso->host->alloc((size_t)lasso->n * sizeof(double));
    if (!lasso->weight)
        return no_memory(err);
    for (int64_t i = 0; i < lasso->n; i++)
        most = fmax(most, weight[i]);
    for (int64_t i = 0; i < lasso->n; i++)
        sum += weight[i] / most; /* however small they are */
    for (int64_t i = 0; i < lasso->n; i++)
        lasso->weight[i] = weight[i] / most * ((double)lasso->n / sum);
    return RONDO_OK;
}

/* Two values: the smaller is -1, the larger 1. */
static int read_labels(struct lasso *lasso, const double *y, struct rondo_error *err)
{
    double seen[3];
    int64_t count = 0;
    char words[200];
    for (int64_t i = 0; i < lasso->n && count < 3; i++) {
        bool known = false;
        for (int64_t k = 0; k < count; k++)
            known = known || (y[i] >= seen[k] && y[i] <= seen[k]);
        if (!known)
            seen[count++] = y[i];
    }
    if (count == 1)
        snprintf(words, sizeof words, "the logistic loss needs two labels, and y is %g in every row", seen[0]);
    else if (count == 3)
        snprintf(words, sizeof words, "the logistic loss needs two labels, and y has %g, %g, %g and maybe more",
                 seen[0], seen[1], seen[2]);
    if (count != 2)
        return lasso_refuse(lasso, err, "data.y", words, NULL);
    lasso->label[0] = fmin(seen[0], seen[1]);
    lasso->label[1] = fmax(seen[0], seen[1]);
    for (int64_t i = 0; i < lasso->n; i++)
        lasso->target[i] = y[i] > lasso->label[0] ? 1 : -1;
    return RONDO_OK;
}

static int check_counts(struct lasso *lasso, struct rondo_error *err)
{
    char words[120];
    for (int64_t i = 0; i < lasso->n; i++)
        if (!(lasso->target[i] >= 0 && lasso->target[i] <= 1e15)) {
            snprintf(words, sizeof words, "y is %g in row %lld: the Poisson loss is of counts",
                     lasso->target[i], (long long)i + 1);
            return lasso_refuse(lasso, err, "data.y", words, NULL);
        }
    return RONDO_OK;
}

/* With the rows of one fold left out something of each kind must be left. */
static int check_left(const struct lasso *lasso, int64_t stage, struct rondo_error *err)
{
    double low = 0, high = 0;
    bool logistic = strcmp(lasso->loss->name, "logistic") == 0;
    bool poisson = strcmp(lasso->loss->name, "poisson") == 0;
    char words[160], of[64] = "";
    for (int64_t i = 0; i < lasso->n; i++) {
        if (stage && lasso->fold[i] == stage - 1)
            continue;
        *(lasso->target[i] > 0 ? &high : &low) += lasso->rows.v[i];
    }
    if (stage)
        snprintf(of, sizeof of, " without fold %lld", (long long)stage);
    bool none = !(low + high > 0), one = logistic && !(low > 0 && high > 0), no_count = poisson && !(high > 0);
    snprintf(words, sizeof words, "%s%s", none ? "no row has a weight"
             : one ? "all rows that have a weight are of one class" : "y is 0 in every row that has a weight",
             of);
    return none || one || no_count ? lasso_refuse(lasso, err, stage ? "params.cv.folds" : "data.y", words, NULL)
                                   : RONDO_OK;
}

/* ---- folds ---------------------------------------------------------------------------------------- */

enum { FOLD_STREAM = 256 }; /* of random numbers */

/* i mod folds, shuffled by the job's seed (Fisher and Yates). */
static void deal_rows(struct lasso *lasso)
{
    uint64_t seed = (uint64_t)lasso->host->integer(lasso->job, "seed");
    for (int64_t i = 0; i < lasso->n; i++)
        lasso->fold[i] = (int32_t)(i % lasso->folds);
    for (int64_t i = lasso->n - 1; i > 0; i--) {
        int64_t k = (int64_t)(rondo_rng_unit(seed, 0, FOLD_STREAM, (uint64_t)i) * (double)(i + 1));
        int32_t swap = lasso->fold[i];
        lasso->fold[i] = lasso->fold[k];
        lasso->fold[k] = swap;
    }
}

/* Elsewhere -1 leaves a row out of all folds: what is meant here would be another model. */
static int refuse_fold_id(const struct lasso *lasso, int64_t row, double id, struct rondo_error *err)
{
    char words[120];
    snprintf(words, sizeof words, "number %lld of the file is %g: folds are whole numbers from 0 on",
             (long long)row + 1, id);
    return lasso_refuse(lasso, err, "params.cv.folds", words,
                        id < 0 ? "each row is in a fold; params.weights can leave one out" : NULL);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* A number is a name, so that folds are those that rows have; fold 0 here is that of the least. */
static int read_fold_ids(struct lasso *lasso, const double *id, struct rondo_error *err)
{
    double *sorted = lasso->host->alloc((size_t)lasso->n * sizeof *sorted);
    int64_t count = 0;
    if (!sorted)
        return no_memory(err);
    memcpy(sorted, id, (size_t)lasso->n * sizeof *sorted);
    qsort(sorted, (size_t)lasso->n, sizeof *sorted, by_value);
    for (int64_t i = 0; i < lasso->n; i++)
        if (i == 0 || sorted[i] > sorted[count - 1])
            sorted[count++] = sorted[i];
    int code = RONDO_OK;
    for (int64_t i = 0; i < lasso->n && !code; i++) {
        const double *at = bsearch(&id[i], sorted, (size_t)count, sizeof *sorted, by_value);
        lasso->fold[i] = (int32_t)(at - sorted);
        if (!(id[i] >= 0 && rint(id[i]) == id[i]))
            code = refuse_fold_id(lasso, i, id[i], err);
    }
    lasso->host->free(sorted);
    lasso->folds = (int32_t)count;
    return code || count >= 2 ? code
                              : lasso_refuse(lasso, err, "params.cv.folds", "all rows are in one fold", NULL);
}

/* The fold of each row. */
static int read_folds(struct lasso *lasso, struct rondo_error *err)
{
    const char *key = "params.cv.folds";
    const double *id;
    int code = read_vector(lasso, key, lasso->n, "rows", &id, err);
    if (code || (!id && !lasso->folds))
        return code;
    lasso->fold = lasso->host->alloc((size_t)lasso->n * sizeof *lasso->fold);
    if (!lasso->fold)
        return no_memory(err);
    if (!id && lasso->folds > lasso->n)
        return lasso_refuse(lasso, err, key, "there are more folds than rows", NULL);
    if (id)
        return read_fold_ids(lasso, id, err);
    deal_rows(lasso);
    return RONDO_OK;
}

/* What each fold weighs, and whether the rest can be fitted without it. */
static int weigh_folds(struct lasso *lasso, struct rondo_error *err)
{
    const char *key = "params.cv.folds";
    int code = RONDO_OK;
    if (!lasso->folds)
        return RONDO_OK;
    lasso->held = lasso->host->zalloc((size_t)lasso->folds, sizeof *lasso->held);
    if (!lasso->held)
        return no_memory(err);
    for (int64_t i = 0; i < lasso->n; i++)
        lasso->held[lasso->fold[i]] += lasso->rows.v[i];
    for (int64_t f = 1; f <= lasso->folds && !code; f++)
        code = lasso->held[f - 1] > 0 ? check_left(lasso, f, err)
                                      : lasso_refuse(lasso, err, key, "a fold has no row with a weight", NULL);
    return code;
}

static const struct loss *loss_of(const struct lasso *lasso)
{
    static const struct loss *const losses[3][4] = {
        { &lasso_squared_v2, &lasso_logistic_v2, &lasso_huber_v2, &lasso_poisson_v2 },
        { &lasso_squared_v3, &lasso_logistic_v3, &lasso_huber_v3, &lasso_poisson_v3 },
        { &lasso_squared_v4, &lasso_logistic_v4, &lasso_huber_v4, &lasso_poisson_v4 },
    };
    const char *name = lasso->host->text(lasso->job, "params.loss");
    const struct loss *const *level = losses[lasso->level];
    int k = 0;
    while (strcmp(level[k]->name, name) != 0)
        k++;
    return level[k];
}

int lasso_read_vectors(struct lasso *lasso, struct rondo_error *err)
{
    int code = read_factors(lasso, err);
    if (!code)
        code = read_weights(lasso, err);
    if (!code)
        code = read_folds(lasso, err);
    const struct loss *loss = loss_of(lasso);
    if (!code && (lasso->weight || lasso->frees || lasso->folds || strcmp(loss->name, "squared") != 0))
        lasso->loss = loss;
    return code;
}

/* ---- views ---------------------------------------------------------------------------------------- */

static const double NEVER = 1e300; /* a factor that keeps a column out */

/* A chunk's columns in each view: their penalties are those of the rows that are left. */
static int standardise_views(void *context, int64_t chunk)
{
    struct lasso *lasso = context;
    const struct rondo_matrix *factor = lasso->host->matrix(lasso->job, "params.penalty_factor");
    for (int32_t f = 1; f <= lasso->folds; f++)
        for (int64_t j = lasso->chunk[chunk]; j < lasso->chunk[chunk + 1]; j++) {
            struct lasso *view = &lasso->view[f];
            double own = j >= lasso->p - lasso->sides ? 0 : factor ? factor->dense[j] : 1;
            double variance = lasso->scale[j] > 0 ? lasso_variance(view, j) : 0;
            bool says = variance > 1e-20 * lasso->scale[j] * lasso->scale[j] / (double)lasso->n;
            view->l1_factor[j] = says ? own * sqrt(variance) : own > 0 ? NEVER : 0;
            view->l2_factor[j] = says ? own * variance : own > 0 ? NEVER : 0;
        }
    return RONDO_OK;
}

enum { ROW_BYTES = 32, COLUMN_BYTES = 120 }; /* of a fold: its view, its shard and its head */

int lasso_check_memory(const struct lasso *lasso, struct rondo_error *err)
{
    char words[160];
    double each = ROW_BYTES * (double)lasso->n + COLUMN_BYTES * (double)lasso->p;
    double need = (double)lasso->folds * each;
    if (need <= (double)lasso->host->memory(lasso->job))
        return RONDO_OK;
    snprintf(words, sizeof words, "%lld folds need %.0f MiB beside the data, more than limits.memory",
             (long long)lasso->folds, ceil(need / 1048576));
    return lasso_refuse(lasso, err, "params.cv.folds", words, "fewer folds, or a larger limits.memory");
}

int lasso_make_views(struct lasso *lasso, struct rondo_error *err)
{
    const struct rondo_host *host = lasso->host;
    if (!lasso->folds)
        return RONDO_OK;
    int code = lasso_check_memory(lasso, err);
    if (code)
        return code;
    struct lasso *view = host->alloc((size_t)(lasso->folds + 1) * sizeof *view);
    if (!view)
        return no_memory(err);
    for (int32_t f = 0; f <= lasso->folds; f++) {
        view[f] = *lasso;
        view[f].stage = f;
        view[f].rows.v = f ? NULL : lasso->rows.v;
        if (f && lasso->standardize)
            view[f].l1_factor = view[f].l2_factor = NULL;
    }
    lasso->view = view;
    for (int32_t f = 1; f <= lasso->folds; f++) {
        double *v = host->alloc((size_t)lasso->n * sizeof *v);
        double scale = (double)lasso->n / ((double)lasso->n - lasso->held[f - 1]);
        view[f].rows.v = v;
        for (int64_t i = 0; v && i < lasso->n; i++)
            v[i] = lasso->fold[i] == f - 1 ? 0 : lasso->rows.v[i] * scale;
        if (lasso->standardize) {
            view[f].l1_factor = host->alloc((size_t)lasso->p * sizeof(double));
            view[f].l2_factor = host->alloc((size_t)lasso->p * sizeof(double));
        }
        if (!v || (lasso->standardize && (!view[f].l1_factor || !view[f].l2_factor)))
            return no_memory(err);
    }
    if (lasso->standardize)
        host->each(lasso->job, lasso->chunks, standardise_views, lasso);
    return RONDO_OK;
}

void lasso_free_views(struct lasso *lasso)
{
    const struct rondo_host *host = lasso->host;
    for (int32_t f = 1; lasso->view && f <= lasso->folds; f++) {
        union { const double *read; double *own; } v = { .read = lasso->view[f].rows.v };
        host->free(v.own);
        if (lasso->standardize) {
            host->free(lasso->view[f].l1_factor);
            host->free(lasso->view[f].l2_factor);
        }
    }
    host->free(lasso->view);
}

/* ---- y -------------------------------------------------------------------------------------------- */

/* Equal weights and a squared loss without free columns: y centred. */
static void centre(struct lasso *lasso, const double *y, double least, double most, double sum)
{
    double square = 0;
    /* Where all values are equal their mean is known without rounding. */
    lasso->y_mean = !lasso->intercept ? 0 : most <= least ? least : sum / (double)lasso->n;
    for (int64_t i = 0; i < lasso->n; i++) {
        lasso->y[i] = y[i] - lasso->y_mean;
        square += lasso->y[i] * lasso->y[i];
        lasso->y_sum += lasso->y[i];
    }
    lasso->null_objective = square / (2 * (double)lasso->n);
}

static int read_rows(struct lasso *lasso, const double *y, struct rondo_error *err)
{
    size_t bytes = (size_t)lasso->n * sizeof(double);
    const struct rondo_host *host = lasso->host;
    lasso->target = host->alloc(bytes);
    lasso->offset = host->zalloc(1, bytes);
    lasso->eta = host->alloc(bytes);
    if (!lasso->weight)
        lasso->ones = host->alloc(bytes);
    if (!lasso->target || !lasso->offset || !lasso->eta || (!lasso->weight && !lasso->ones))
        return no_memory(err);
    memcpy(lasso->target, y, bytes);
    memset(lasso->y, 0, bytes);
    for (int64_t i = 0; !lasso->weight && i < lasso->n; i++)
        lasso->ones[i] = 1;
    lasso->rows = (struct loss_rows){ .n = lasso->n, .y = lasso->target, .offset = lasso->offset,
                                      .v = lasso->weight ? lasso->weight : lasso->ones,
                                      .delta = host->real(lasso->job, "params.huber_delta") };
    int code = RONDO_OK;
    if (strcmp(lasso->loss->name, "logistic") == 0)
        code = read_labels(lasso, y, err);
    else if (strcmp(lasso->loss->name, "poisson") == 0)
        code = check_counts(lasso, err);
    if (!code)
        code = check_left(lasso, 0, err);
    return code ? code : weigh_folds(lasso, err);
}

int lasso_read_response(struct lasso *lasso, struct rondo_error *err)
{
    const struct rondo_matrix *y = lasso->host->matrix(lasso->job, "y");
    char words[120];
    if (!y)
        return lasso_refuse(lasso, err, "data.x", "there is no y, and x's file bears none",
                            "name one under /data/y");
    if (y->rows != lasso->n) {
        snprintf(words, sizeof words, "y has %lld rows and x has %lld", (long long)y->rows,
                 (long long)lasso->n);
        return lasso_refuse(lasso, err, "data.y", words, NULL);
    }
    lasso->y = lasso->host->alloc((size_t)lasso->n * sizeof(double));
    if (!lasso->y)
        return no_memory(err);
    double sum = 0, least = HUGE_VAL, most = -HUGE_VAL, square = 0;
    for (int64_t i = 0; i < lasso->n; i++) {
        sum += y->dense[i];
        least = fmin(least, y->dense[i]);
        most = fmax(most, y->dense[i]);
    }
    double mean = sum / (double)lasso->n;
    for (int64_t i = 0; i < lasso->n; i++)
        square += (y->dense[i] - mean) * (y->dense[i] - mean);
    if (!lasso->intercept)
        square += (double)lasso->n * mean * mean;
    bool idle = lasso->intercept ? most <= least : most <= 0 && least >= 0;
    if (!idle && !lasso_in_range(least, most, square / (double)lasso->n))
        return lasso_refuse(lasso, err, "data.y",
                            "y is too large or varies too little for 64-bit numbers", "scale y");
    if (lasso->loss)
        return read_rows(lasso, y->dense, err);
    centre(lasso, y->dense, least, most, sum);
    return RONDO_OK;
}

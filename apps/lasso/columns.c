/* columns.c - what the columns are like: one pass over them when a job opens, in parallel.
 *
 * Mean, deviation and x_j'y of every column come out of the same pass, so lambda_max is known before
 * the first round and the gradient at b = 0 need not be computed.
 */
#include "lasso.h"

#include <math.h>
#include <stdio.h>

enum {
    CHUNK_ENTRIES = 65536, /* stored entries in one part of a sweep */
    CHUNKS_MOST = 256,
};

static const double MEAN_MOST = 1e8; /* of a column, in its deviations */
static const double ROUNDING = 1e-12; /* of the rows' weight: what a sum of all may leave */

bool lasso_in_range(double least, double most, double variance)
{
    return least >= -LASSO_LARGEST && most <= LASSO_LARGEST
           && variance >= 1 / (LASSO_LARGEST * LASSO_LARGEST);
}

/* One column, in a pass and a pass over what the first has left in the cache. */
struct column {
    double sum, dot, square; /* of x, x y, (x - mean)^2 */
    double spread;           /* that around the mean, even where mean is 0 as there is no intercept */
    double least, most, mean;
};

static struct column read_sparse(const struct lasso *lasso, int64_t j)
{
    const struct rondo_matrix *x = lasso->x;
    const double *value = x->values + x->colptr[j];
    int64_t count = x->colptr[j + 1] - x->colptr[j];
    double absent = (double)(lasso->n - count);
    struct column column = { 0 };
    if (count > 0) {
        struct entries has = lasso->kernel->survey(value, x->rowidx + x->colptr[j], count, lasso->y);
        column = (struct column){ .sum = has.sum, .dot = has.dot, .square = has.squares,
                                  .least = has.least, .most = has.most };
    }
    if (absent > 0) {
        column.least = column.least < 0 ? column.least : 0;
        column.most = column.most > 0 ? column.most : 0;
    }
    if (lasso->intercept || lasso->standardize) {
        double mean = column.sum / (double)lasso->n;
        column.spread = absent * mean * mean + lasso->kernel->squares(value, count, mean);
    }
    if (lasso->intercept) {
        column.mean = column.sum / (double)lasso->n;
        column.square = column.spread;
    }
    return column;
}

/* The next column of the chunk is brought near meanwhile. */
static struct column read_dense(const struct lasso *lasso, int64_t j, bool last)
{
    const double *value = lasso_dense(lasso, j);
    const double *next = last ? NULL : lasso_dense(lasso, j + 1);
    struct shadow_moments moments;
    double n = (double)lasso->n;
    lasso->shadows->moments(value, lasso->y, lasso->n, next, &moments);
    if (lasso->code)
        lasso->shadows->quantise(value, lasso->n, &moments, next, lasso->code + j * lasso->stride,
                                 &lasso->shadow[j]);
    struct column column = { .sum = moments.mean * n, .dot = moments.dot, .least = moments.least,
                             .most = moments.most, .mean = lasso->intercept ? moments.mean : 0,
                             .square = moments.square, .spread = moments.square };
    if (!lasso->intercept)
        column.square += n * moments.mean * moments.mean;
    return column;
}

static struct column read_column(const struct lasso *lasso, int64_t j, bool last)
{
    return lasso->x->sparse ? read_sparse(lasso, j) : read_dense(lasso, j, last);
}

/* A column that says nothing. */
static bool idle(const struct lasso *lasso, const struct column *column)
{
    return lasso->intercept ? column->most <= column->least
                            : column->most <= 0 && column->least >= 0;
}

/* Columns are centred implicitly: a mean far above the deviation would cost the gap its digits. */
static bool fits(const struct lasso *lasso, const struct column *column)
{
    double variance = column->square / (double)lasso->n;
    return idle(lasso, column)
           || (lasso_in_range(column->least, column->most, variance)
               && column->mean * column->mean <= MEAN_MOST * MEAN_MOST * variance);
}

/* sum of v (x - mean)^2 / n around the mean that v gives; v sums to n.  0, without rounding, where what has a
 * weight is constant. */
double lasso_variance(const struct lasso *lasso, int64_t j)
{
    const struct rondo_matrix *x = lasso->x;
    if (lasso_is_packed(lasso, j))
        return lasso_packed_variance(lasso, j);
    const double *v = lasso->rows.v;
    int64_t begin = x->sparse ? x->colptr[j] : 0, count = x->sparse ? x->colptr[j + 1] - begin : lasso->n;
    const double *value = x->sparse ? x->values + begin : lasso_dense(lasso, j);
    double mean = 0, square = 0, n = (double)x->rows, rest = n, least = HUGE_VAL, most = -HUGE_VAL;
    for (int64_t i = 0; i < count; i++) {
        double weight = v[x->sparse ? x->rowidx[begin + i] : i];
        mean += weight * value[i];
        rest -= weight;
        least = weight > 0 && value[i] < least ? value[i] : least;
        most = weight > 0 && value[i] > most ? value[i] : most;
    }
    if (most <= least && (rest <= ROUNDING * n || (most <= 0 && least >= 0)))
        return 0;
    mean /= n;
    for (int64_t i = 0; i < count; i++)
        square += v[x->sparse ? x->rowidx[begin + i] : i] * (value[i] - mean) * (value[i] - mean);
    return (square + (rest > 0 ? rest * mean * mean : 0)) / n;
}

/* The penalty of b_j times a deviation is that of the column divided by it.  What does not vary is left
 * out. */
static void standardise(struct lasso *lasso, int64_t j, const struct column *column)
{
    double variance = column->spread / (double)lasso->n;
    if (column->most <= column->least)
        variance = 0;
    else if (lasso->weight)
        variance = lasso_variance(lasso, j);
    lasso_standardise(lasso, j, variance);
}

void lasso_standardise(struct lasso *lasso, int64_t j, double variance)
{
    if (!(variance > 0) || lasso->scale[j] == 0) {
        lasso->scale[j] = lasso->slope[j] = lasso->mean[j] = 0;
        return;
    }
    lasso->l1_factor[j] *= sqrt(variance);
    lasso->l2_factor[j] *= variance;
}

static void touch_columns(const struct lasso *lasso, int64_t from, int64_t to)
{
    const struct rondo_matrix *x = lasso->x;
    if (x->dense)
        lasso_touch(lasso, x->dense + from * x->ld, (to - from) * x->ld * (int64_t)sizeof(double));
}

static int read_chunk(void *context, int64_t chunk)
{
    struct lasso *lasso = context;
    if (lasso_is_packed(lasso, lasso->chunk[chunk])) {
        lasso_packed_read(lasso, lasso->chunk[chunk], lasso->chunk[chunk + 1]);
        return RONDO_OK;
    }
    int64_t piece = LASSO_TOUCHED / (lasso->n * (int64_t)sizeof(double)) + 1;
    for (int64_t j = lasso->chunk[chunk]; j < lasso->chunk[chunk + 1]; j++) {
        if ((j - lasso->chunk[chunk]) % piece == 0)
            touch_columns(lasso, j, j + piece < lasso->chunk[chunk + 1] ? j + piece : lasso->chunk[chunk + 1]);
        struct column column = read_column(lasso, j, j + 1 == lasso->chunk[chunk + 1]);
        bool says = !idle(lasso, &column);
        lasso->mean[j] = says ? column.mean : 0;
        lasso->scale[j] = says ? sqrt(column.square) : 0;
        lasso->slope[j] = says ? column.dot - column.mean * lasso->y_sum : 0;
        if (!fits(lasso, &column))
            return RONDO_EINPUT;
        if (lasso->standardize)
            standardise(lasso, j, &column);
    }
    return RONDO_OK;
}

/* Cuts the columns into parts of about CHUNK_ENTRIES stored entries. */
static int cut_chunks(struct lasso *lasso)
{
    const struct rondo_matrix *x = lasso->x;
    int64_t chunks = x->nnz / CHUNK_ENTRIES + 1, part = 0;
    chunks = chunks > CHUNKS_MOST ? CHUNKS_MOST : chunks;
    chunks = chunks > lasso->p ? lasso->p : chunks;
    lasso->chunk = lasso->host->alloc((size_t)(chunks + 2) * sizeof *lasso->chunk);
    if (!lasso->chunk)
        return RONDO_ENOMEM;
    double done = 0, total = (double)x->nnz + (double)lasso->p;
    lasso->chunk[0] = 0;
    for (int64_t j = 0; j < lasso->p; j++) {
        lasso->cost[j] = 1 + (double)(x->sparse ? x->colptr[j + 1] - x->colptr[j] : x->rows);
        done += lasso->cost[j];
        bool edge = lasso->sides && j + 1 == lasso->p - lasso->sides; /* covariates have a chunk of their own */
        if ((done * (double)chunks >= (double)(part + 1) * total && part + 1 < chunks) || edge)
            lasso->chunk[++part] = j + 1;
    }
    lasso->chunk[++part] = lasso->p;
    lasso->chunks = (int32_t)part;
    return RONDO_OK;
}

static int refuse_column(const struct lasso *lasso, struct rondo_error *err)
{
    int64_t first = lasso->sides ? lasso->p - lasso->sides : 0, j = first; /* packed ones are never refused */
    char where[256];
    struct column column = read_column(lasso, j, true);
    while (j + 1 < lasso->p && fits(lasso, &column)) /* again, to name the first */
        column = read_column(lasso, ++j, true);
    lasso->host->where(lasso->job, lasso->sides ? "data.covariates" : "data.x", where, sizeof where);
    return rondo_error_set(err, RONDO_EINPUT, where, "scale it, or subtract a constant",
                           "column %lld of %s is too large or varies too little for 64-bit numbers",
                           (long long)(j - first) + 1, lasso->sides ? "the covariates" : "x");
}

static void tell_idle(const struct lasso *lasso)
{
    char text[128];
    int64_t idle = 0;
    for (int64_t j = 0; j < lasso->p; j++)
        idle += lasso->scale[j] == 0;
    if (!idle)
        return;
    snprintf(text, sizeof text, "%lld of %lld columns are %s; their coefficient is 0", (long long)idle,
             (long long)lasso->p,
             lasso->x->packed ? "constant or all missing" : "constant or empty");
    lasso->host->say(lasso->job, text);
}

int64_t lasso_shadow_values = 2097152; /* 16 MiB: less stays in a cache, where shadows save nothing */

/* Shadows, where the columns are dense, and too many for a cache, and the budget has room for them; packed
 * columns are their own. */
static int make_bounds(struct lasso *lasso)
{
    const struct rondo_host *host = lasso->host;
    int64_t budget = host->memory(lasso->job) / 2;
    lasso->stride = shadow_padded(lasso->n);
    lasso->bounds = lasso->x->packed;
    if (lasso->x->packed)
        return lasso_packed_create(lasso);
    if (lasso->x->sparse || lasso->shards || lasso->x->nnz < lasso_shadow_values
        || lasso->stride > budget / lasso->p)
        return RONDO_OK;
    lasso->bounds = true;
    lasso->code = host->alloc((size_t)lasso->stride * (size_t)lasso->p);
    lasso->shadow = host->alloc((size_t)lasso->p * sizeof *lasso->shadow);
    return lasso->code && lasso->shadow ? RONDO_OK : RONDO_ENOMEM;
}

int lasso_read_columns(struct lasso *lasso, struct rondo_error *err)
{
    const struct rondo_host *host = lasso->host;
    size_t p = (size_t)lasso->p;
    lasso->mean = host->alloc(p * sizeof(double));
    lasso->scale = host->alloc(p * sizeof(double));
    lasso->slope = host->alloc(p * sizeof(double));
    lasso->cost = host->alloc(p * sizeof(double));
    bool all = lasso->mean && lasso->scale && lasso->slope && lasso->cost;
    if (!all || cut_chunks(lasso) || make_bounds(lasso))
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for the columns' norms");
    if (host->each(lasso->job, lasso->chunks, read_chunk, lasso))
        return refuse_column(lasso, err);
    tell_idle(lasso);
    return RONDO_OK;
}

static int read_slopes(void *context, int64_t chunk)
{
    struct lasso *lasso = context;
    const struct lasso_slice all = { .hi = lasso->n, .r = lasso->y, .sums = { lasso->y_sum } };
    for (int64_t j = lasso->chunk[chunk]; j < lasso->chunk[chunk + 1]; j++)
        lasso->slope[j] = lasso->scale[j] > 0 ? lasso_gradient(lasso, &all, j) : 0;
    return RONDO_OK;
}

void lasso_read_slopes(struct lasso *lasso, bool again)
{
    if (again)
        lasso->host->each(lasso->job, lasso->chunks, read_slopes, lasso);
    lasso->scale_most = lasso->slope_most = 0;
    for (int64_t j = 0; j < lasso->p; j++) {
        double factor = lasso->l1_factor ? lasso->l1_factor[j] : 1;
        if (factor > 0 && lasso->scale[j] > 0) {
            double scale = lasso->scale[j] / factor, slope = fabs(lasso->slope[j]) / factor;
            lasso->scale_most = scale > lasso->scale_most ? scale : lasso->scale_most;
            lasso->slope_most = slope > lasso->slope_most ? slope : lasso->slope_most;
        }
    }
}

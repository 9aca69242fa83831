/* products.c - inner products of columns under a model's weights, kept: those of a fold's rows are wanted
 * again from lambda to lambda.
 *
 *     R_jk = sum_i w_i x_ij x_ik   over the rows that the fold does not leave out
 *
 * An entry has the bits of its pair, whatever is kept beside it: it does not matter when it was made, nor
 * by whom.  Where rows weigh the same, one of two columns stands without those left out, and the other as
 * it is: a product with 0 or 1 has no rounding.  Else both stand times the root of w, and are kept.
 */
#include "lasso.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    TOGETHER = 64, /* columns that come in together */
};

/* Of one stage: columns in the order in which they came. */
struct products {
    int64_t count;
    int32_t *place;          /* [p] from 1 on; 0: it is not there */
    struct rondo_buf column; /* [count x n] times the root of w; empty where X stands for it */
    struct rondo_buf who;    /* [count] int64, variables */
    struct rondo_buf value;  /* [count (count + 1) / 2] by rows, to the diagonal */
};

/* Columns are copied: X has them not as they are needed. */
static bool copies(const struct lasso *lasso)
{
    return lasso->x->packed || lasso->weight;
}

int64_t lasso_products_most(const struct lasso *lasso)
{
    if (!lasso->loss || !lasso->loss->quadratic || lasso->x->sparse)
        return 0;
    double shadows = lasso->code ? (double)lasso->p * (double)lasso->stride : 0;
    double budget = (double)lasso->host->memory(lasso->job) / 2 - shadows;
    double numbers = fmax(budget, 0) / (8.0 * (lasso->folds + 1)), half = 0.5;
    half += copies(lasso) ? (double)lasso->n : 0; /* most^2 / 2 + half most = numbers */
    double most = sqrt(half * half + 2 * numbers) - half;
    return most < (double)lasso->p ? (int64_t)most : lasso->p;
}

void lasso_products_free(const struct lasso *lasso, struct products *all)
{
    for (int32_t s = 0; all && s <= lasso->folds; s++) {
        lasso->host->free(all[s].place);
        lasso->host->free(all[s].column.data);
        lasso->host->free(all[s].who.data);
        lasso->host->free(all[s].value.data);
    }
    lasso->host->free(all);
}

static void forget(const struct lasso *lasso, struct products *kept)
{
    memset(kept->place, 0, (size_t)lasso->p * sizeof *kept->place);
    kept->column.size = kept->who.size = kept->value.size = 0;
    kept->count = 0;
}

/* This stage's; NULL: no memory. */
static struct products *products_of(const struct lasso *lasso, struct lasso_scratch *scratch)
{
    if (!scratch->products)
        scratch->products = lasso->host->zalloc((size_t)lasso->folds + 1, sizeof *scratch->products);
    struct products *kept = scratch->products ? &scratch->products[lasso->stage] : NULL;
    if (kept && !kept->place)
        kept->place = lasso->host->zalloc((size_t)lasso->p, sizeof *kept->place);
    return kept && kept->place ? kept : NULL;
}

static const double *column_at(const struct lasso *lasso, const struct products *kept, int64_t k)
{
    int64_t j = ((const int64_t *)(const void *)kept->who.data)[k];
    if (copies(lasso))
        return (const double *)(const void *)kept->column.data + k * lasso->n;
    const double *column = lasso->x->dense + j * lasso->x->ld;
    lasso_touch(lasso, column, lasso->n * (int64_t)sizeof *column);
    return column;
}

/* Column j without the rows that are left out, the others times the root of their weight. */
static void copy_column(const struct lasso *lasso, int64_t j, double *to)
{
    lasso_column(lasso, j, to);
    for (int64_t i = 0; lasso->weight && i < lasso->n; i++)
        to[i] *= sqrt(lasso->weight[i]);
    for (int64_t i = 0; lasso->stage && i < lasso->n; i++)
        to[i] = lasso->fold[i] == lasso->stage - 1 ? 0 : to[i];
}

/* Rows for some more columns: they against all that are there, and among themselves. */
static int append(const struct lasso *lasso, struct lasso_scratch *scratch, struct products *kept,
                  const int64_t *variable, int64_t more)
{
    const struct rondo_host *host = lasso->host;
    int64_t was = kept->count, all = was + more, n = lasso->n;
    size_t fresh = (size_t)(more * n) * sizeof(double);
    int code = lasso_append(lasso, &kept->who, variable, (size_t)more * sizeof *variable);
    if (!code)
        code = host->reserve(&scratch->list, (size_t)(more * all) * sizeof(double) + fresh
                                                 + (size_t)(more + all) * sizeof(double *));
    if (!code && copies(lasso))
        code = host->reserve(&kept->column, kept->column.size + fresh);
    if (code)
        return code;
    double *product = (double *)(void *)scratch->list.data, *copy = product + more * all;
    const double **a = (const double **)(void *)(copy + more * n), **b = a + more;
    if (copies(lasso)) {
        copy = (double *)(void *)(kept->column.data + kept->column.size);
        kept->column.size += fresh;
    }
    for (int64_t k = 0; k < more; k++) {
        copy_column(lasso, variable[k], copy + k * n);
        a[k] = copy + k * n;
    }
    for (int64_t k = 0; k < all; k++)
        b[k] = column_at(lasso, kept, k);
    lasso->panel->products(a, more, b, all, n, product, all);
    for (int64_t k = 0; k < more && !code; k++)
        code = lasso_append(lasso, &kept->value, product + k * all, (size_t)(was + k + 1) * sizeof *product);
    for (int64_t k = 0; k < more && !code; k++)
        kept->place[variable[k]] = (int32_t)(++kept->count);
    return code;
}

/* Has all of the listed among what is kept. */
static int admit(const struct lasso *lasso, struct lasso_scratch *scratch, struct products *kept,
                 const int64_t *variable, int64_t count)
{
    int64_t list[TOGETHER], news = 0, some = 0;
    for (int64_t k = 0; k < count; k++)
        news += kept->place[variable[k]] == 0;
    if (kept->count + news > lasso_products_most(lasso))
        forget(lasso, kept);
    int code = RONDO_OK;
    for (int64_t k = 0; k < count && !code; k++) {
        if (kept->place[variable[k]] == 0)
            list[some++] = variable[k];
        if (some == TOGETHER || (some > 0 && k == count - 1)) {
            code = append(lasso, scratch, kept, list, some);
            some = 0;
        }
    }
    if (code)
        forget(lasso, kept);
    return code;
}

/* One of the listed, in the order of their places. */
struct seat {
    double sum, unit;
    int32_t place, at;
};

static int by_place(const void *a, const void *b)
{
    return ((const struct seat *)a)->place - ((const struct seat *)b)->place;
}

/* What stands at (i, k) or at (k, i), whichever came later, to the other. */
static void mirror(const int32_t *place, int64_t count, double *out)
{
    enum { SIDE = 32 };
    for (int64_t from = 0; from < count; from += SIDE)
        for (int64_t left = 0; left <= from; left += SIDE)
            for (int64_t i = from; i < count && i < from + SIDE; i++)
                for (int64_t k = left; k < i && k < left + SIDE; k++) {
                    double *lower = &out[i * count + k], *upper = &out[k * count + i];
                    double a = *lower, b = *upper, known = place[i] > place[k] ? a : b; /* no branch */
                    *lower = *upper = known;
                }
}

int lasso_products(const struct lasso *lasso, struct lasso_scratch *scratch, int64_t count,
                   const int64_t *variable, const double *sum, const double *unit, double *out)
{
    struct products *kept = products_of(lasso, scratch);
    int code = kept ? admit(lasso, scratch, kept, variable, count) : RONDO_ENOMEM;
    if (!code)
        code = lasso->host->reserve(&scratch->list, (size_t)count * (sizeof(struct seat) + sizeof(int32_t)));
    if (code || count == 0) /* of a fold in which no column varies */
        return code;
    struct seat *seat = (struct seat *)(void *)scratch->list.data;
    int32_t *place = (int32_t *)(seat + count);
    for (int64_t k = 0; k < count; k++) {
        place[k] = kept->place[variable[k]];
        seat[k] = (struct seat){ sum[k], unit[k], place[k] - 1, (int32_t)k };
    }
    qsort(seat, (size_t)count, sizeof *seat, by_place);
    double factor = lasso->stage ? (double)lasso->n / ((double)lasso->n - lasso->held[lasso->stage - 1]) : 1;
    for (const struct seat *a = seat; a < seat + count; a++) {
        int64_t row = a->place;
        const double *value = (const double *)(const void *)kept->value.data + row * (row + 1) / 2;
        double *to = out + a->at * count;
        for (const struct seat *b = seat; b <= a; b++)
            to[b->at] = (factor * value[b->place] - a->sum * b->sum) * (a->unit * b->unit);
    }
    mirror(place, count, out);
    return RONDO_OK;
}

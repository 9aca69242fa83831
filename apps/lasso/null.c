/* null.c - the null model: the intercept and the columns that no penalty holds, fitted alone.
 *
 *     minimise over a   1/n sum_i v_i f(y_i, (Z a)_i),   Z = (1, columns)
 *
 * by Newton steps, a <- a + (Z'HZ)^-1 Z'r, halved until f falls.  What comes after is told from there: eta
 * is Z a and more, and y becomes r, so that b = 0 is the null model and lambda_max its largest slope.
 */
#include "lasso.h"

#include <math.h>
#include <string.h>

enum { TURNS_MOST = 100, HALVINGS = 40 };

static const double PIVOT_LEAST = 1e-10; /* of a column's part that no other explains, squared */
static const double FLAT = 1e-20;        /* of F: the decrease that a Newton step promises at the end */
static const double FITTED = 1e-10;      /* of the loss at 0: below it the null model explains all */

void lasso_column(const struct lasso *lasso, int64_t j, double *to)
{
    const struct rondo_matrix *x = lasso->x;
    if (!x->sparse && !x->packed) {
        lasso_touch(lasso, x->dense + j * x->ld, lasso->n * (int64_t)sizeof *to);
        memcpy(to, x->dense + j * x->ld, (size_t)lasso->n * sizeof *to);
        return;
    }
    memset(to, 0, (size_t)lasso->n * sizeof *to);
    if (x->packed)
        lasso_packed_add(lasso, 1, j, to);
    else
        lasso->kernel->scatter(1, x->values + x->colptr[j], x->rowidx + x->colptr[j],
                               x->colptr[j + 1] - x->colptr[j], to);
}

/* ---- Z -------------------------------------------------------------------------------------------- */

/* Gram [k x k] = Z'HZ by its lower half, and its factor by rows; a pivot that is none is left out.  False
 * where there was one. */
static bool factor(const struct lasso *lasso, const double *h, double *gram)
{
    const struct lasso_frame *frame = &lasso->frame;
    int64_t k = frame->count, n = lasso->n;
    bool whole = true;
    for (int64_t a = 0; a < k; a++)
        for (int64_t b = 0; b <= a; b++) {
            double sum = 0;
            for (int64_t i = 0; i < n; i++)
                sum += frame->z[a * n + i] * h[i] * frame->z[b * n + i];
            gram[a * k + b] = sum;
        }
    for (int64_t a = 0; a < k; a++) {
        double diagonal = gram[a * k + a];
        for (int64_t b = 0; b <= a; b++) {
            double sum = gram[a * k + b];
            for (int64_t c = 0; c < b; c++)
                sum -= gram[a * k + c] * gram[b * k + c];
            if (b < a)
                gram[a * k + b] = gram[b * k + b] > 0 ? sum / gram[b * k + b] : 0;
            else
                gram[a * k + a] = sum > PIVOT_LEAST * diagonal && sum > 0 ? sqrt(sum) : 0;
        }
        whole = whole && gram[a * k + a] > 0;
    }
    return whole;
}

/* x = (Z'HZ)^-1 x, 0 where there is no pivot. */
static void solve(const double *gram, int64_t k, double *x)
{
    for (int64_t a = 0; a < k; a++) {
        for (int64_t c = 0; c < a; c++)
            x[a] -= gram[a * k + c] * x[c];
        x[a] = gram[a * k + a] > 0 ? x[a] / gram[a * k + a] : 0;
    }
    for (int64_t a = k; a-- > 0;) {
        for (int64_t c = a + 1; c < k; c++)
            x[a] -= gram[c * k + a] * x[c];
        x[a] = gram[a * k + a] > 0 ? x[a] / gram[a * k + a] : 0;
    }
}

static void multiply_back(const struct lasso *lasso, const double *r, double *to)
{
    for (int64_t a = 0; a < lasso->frame.count; a++)
        to[a] = lasso->kernel->dot(lasso->frame.z + a * lasso->n, r, lasso->n);
}

bool lasso_project(const struct lasso *lasso, const double *h, double *r, double *room)
{
    const struct lasso_frame *frame = &lasso->frame;
    int64_t k = frame->count, n = lasso->n;
    double *x = room + k * k;
    if (k == 0)
        return true;
    bool whole = factor(lasso, h, room);
    for (int turn = 0; turn < 2; turn++) { /* the second for the rounding of the first */
        multiply_back(lasso, r, x);
        solve(room, k, x);
        for (int64_t a = 0; a < k; a++)
            for (int64_t i = 0; i < n; i++)
                r[i] -= x[a] * h[i] * frame->z[a * n + i];
    }
    return whole;
}

/* The centred column at unit mean square. */
static void fill_column(struct lasso *lasso, int64_t a)
{
    struct lasso_frame *frame = &lasso->frame;
    double *z = frame->z + a * lasso->n, n = (double)lasso->n;
    int64_t j = frame->column[a];
    if (j < 0) {
        for (int64_t i = 0; i < lasso->n; i++)
            z[i] = 1;
        frame->unit[a] = 1;
        return;
    }
    lasso_column(lasso, j, z);
    frame->unit[a] = lasso->scale[j] > 0 ? sqrt(n) / lasso->scale[j] : 0;
    for (int64_t i = 0; i < lasso->n; i++)
        z[i] = (z[i] - lasso->mean[j]) * frame->unit[a];
}

/* Room for the intercept and the columns that no penalty holds. */
static int make_frame(struct lasso *lasso)
{
    const struct rondo_host *host = lasso->host;
    struct lasso_frame *frame = &lasso->frame;
    int64_t free = 0, at = 0;
    for (int64_t j = 0; lasso->l1_factor && j < lasso->p; j++)
        free += lasso->l1_factor[j] <= 0 && lasso->scale[j] > 0;
    size_t count = (size_t)(free + lasso->intercept);
    frame->column = host->alloc((count + 1) * sizeof *frame->column);
    frame->z = host->alloc((count * (size_t)lasso->n + 1) * sizeof(double));
    frame->b = host->zalloc(count + 1, sizeof(double));
    frame->unit = host->alloc((count + 1) * sizeof(double));
    if (!frame->column || !frame->z || !frame->b || !frame->unit)
        return RONDO_ENOMEM;
    frame->count = (int64_t)count;
    if (lasso->intercept)
        frame->column[at++] = -1;
    for (int64_t j = 0; lasso->l1_factor && j < lasso->p; j++)
        if (lasso->l1_factor[j] <= 0 && lasso->scale[j] > 0)
            frame->column[at++] = j;
    for (int64_t a = 0; a < frame->count; a++)
        fill_column(lasso, a);
    return RONDO_OK;
}

/* ---- the fit -------------------------------------------------------------------------------------- */

struct fit {
    double *eta, *h, *u, *room; /* [n], [n], [n], [k (k + 2)] */
    double loss;
};

/* A Newton step; false where there is none that f falls along. */
static bool step(struct lasso *lasso, struct fit *fit)
{
    struct lasso_frame *frame = &lasso->frame;
    int64_t k = frame->count, n = lasso->n;
    double *x = fit->room + k * k, *g = x + k, promised = 0, t = 1;
    lasso->loss->derive(&lasso->rows, fit->eta, true, lasso->y, fit->h);
    factor(lasso, fit->h, fit->room);
    multiply_back(lasso, lasso->y, x);
    memcpy(g, x, (size_t)k * sizeof *g);
    solve(fit->room, k, x);
    for (int64_t a = 0; a < k; a++)
        promised += g[a] * x[a];
    if (!(promised > FLAT * fit->loss) || !isfinite(promised))
        return false;
    memset(fit->u, 0, (size_t)n * sizeof *fit->u);
    for (int64_t a = 0; a < k; a++)
        lasso->kernel->axpy(x[a], frame->z + a * n, fit->u, n);
    for (int i = 0; i < HALVINGS; i++, t *= 0.5) {
        double change = lasso->loss->change(&lasso->rows, fit->eta, fit->u, t);
        if (!(change < 0))
            continue;
        lasso->kernel->axpy(t, fit->u, fit->eta, n);
        for (int64_t a = 0; a < k; a++)
            frame->b[a] += t * x[a];
        fit->loss += change;
        return true;
    }
    return false;
}

/* From coefficients of Z to those of X's columns as they are. */
static void unscale(struct lasso *lasso)
{
    struct lasso_frame *frame = &lasso->frame;
    for (int64_t a = 0; a < frame->count; a++) {
        int64_t j = frame->column[a];
        frame->b[a] *= frame->unit[a];
        if (j >= 0 && lasso->intercept)
            frame->b[0] -= frame->b[a] * lasso->mean[j];
    }
}

static int refuse_null(const struct lasso *lasso, struct rondo_error *err)
{
    char where[256];
    lasso->host->where(lasso->job, "data.y", where, sizeof where);
    return rondo_error_set(err, RONDO_EINPUT, where, "give them penalties",
                           "the columns without a penalty explain y wholly: nothing is left to fit");
}

int lasso_fit_null(struct lasso *lasso, struct rondo_error *err)
{
    const struct rondo_host *host = lasso->host;
    size_t bytes = (size_t)lasso->n * sizeof(double);
    if (make_frame(lasso))
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for the null model");
    size_t k = (size_t)lasso->frame.count;
    struct fit fit = { host->zalloc(1, bytes), host->alloc(bytes), host->alloc(bytes),
                       host->alloc((k * (k + 2) + 1) * sizeof(double)), 0 };
    int code = fit.eta && fit.h && fit.u && fit.room ? RONDO_OK : RONDO_ENOMEM;
    if (!code) {
        int turn = 0;
        double zero = fit.loss = lasso->loss->derive(&lasso->rows, fit.eta, false, NULL, NULL);
        while (turn < TURNS_MOST && step(lasso, &fit))
            turn++;
        memcpy(lasso->offset, fit.eta, bytes);
        fit.loss = lasso->loss->derive(&lasso->rows, fit.eta, false, lasso->y, fit.h);
        lasso_project(lasso, fit.h, lasso->y, fit.room);
        lasso->null_objective = fit.loss / (double)lasso->n;
        lasso->y_sum = 0;
        for (int64_t i = 0; i < lasso->n; i++)
            lasso->y_sum += lasso->y[i];
        unscale(lasso);
        if (k > (size_t)lasso->intercept && (turn == TURNS_MOST || fit.loss < FITTED * zero))
            code = RONDO_EINPUT;
    }
    host->free(fit.eta);
    host->free(fit.h);
    host->free(fit.u);
    host->free(fit.room);
    return code == RONDO_EINPUT ? refuse_null(lasso, err)
           : code ? rondo_error_set(err, code, NULL, NULL, "no memory for the null model") : RONDO_OK;
}

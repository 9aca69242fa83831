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

enum { TURNS_MOST = 500, HALVINGS = 80, PASSES_MOST = 20000, PANEL = 32, FEW = 4 /* columns */ };

static const double PIVOT_LEAST = 1e-10; /* of a column's part that no other explains, squared */
static const double OWN = 1e-10;         /* of a scaled column: what others must leave of it */
static const double FLAT = 1e-20;        /* of F: the decrease that a Newton step promises at the end */
static const double ORTHOGONAL = 1e-11;  /* of |r|_1: what z'r may be and is 0 */
static const double FITTED = 1e-10;      /* of the loss at 0: below it the null model explains all */

void lasso_column(const struct lasso *lasso, int64_t j, double *to)
{
    const struct rondo_matrix *x = lasso->x;
    if (!x->sparse && !lasso_is_packed(lasso, j)) {
        lasso_touch(lasso, lasso_dense(lasso, j), lasso->n * (int64_t)sizeof *to);
        memcpy(to, lasso_dense(lasso, j), (size_t)lasso->n * sizeof *to);
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

static void multiply_few(const struct lasso *lasso, const double *h, double *gram)
{
    const struct lasso_frame *frame = &lasso->frame;
    int64_t k = frame->count, n = lasso->n;
    for (int64_t a = 0; a < k; a++)
        for (int64_t b = 0; b <= a; b++) {
            double sum = 0;
            for (int64_t i = 0; i < n; i++)
                sum += frame->z[a * n + i] * h[i] * frame->z[b * n + i];
            gram[a * k + b] = sum;
        }
}

/* Z'HZ of the rows [lo, hi) alone, into out; scaled: [LASSO_FRAME_ROWS x k] for H^1/2 Z. */
static void multiply_part(const struct lasso *lasso, const double *h, int64_t lo, int64_t hi, double *scaled,
                          double *out)
{
    const double *column[LASSO_FRAME_MOST];
    double root[LASSO_FRAME_ROWS];
    int64_t k = lasso->frame.count, rows = hi - lo;
    for (int64_t i = 0; i < rows; i++)
        root[i] = sqrt(h[lo + i]);
    for (int64_t a = 0; a < k; a++) {
        double *to = scaled + a * LASSO_FRAME_ROWS;
        lasso->panel->scaled(lasso->frame.z + a * lasso->n + lo, root, rows, to);
        column[a] = to;
    }
    for (int64_t a = 0; a < k; a += PANEL) {
        int64_t width = k - a < PANEL ? k - a : PANEL;
        lasso->panel->products(column + a, width, column, a + width, rows, out + a * k, k);
    }
}

/* Z'HZ, its lower half [k x k] by rows, at the front of a room [LASSO_FRAME_ROOM(k)] in which the 3 k behind it
 * stay.  Rows go by parts that fit in a cache.  n k^2 operations. */
static void multiply(const struct lasso *lasso, const double *h, double *room)
{
    int64_t k = lasso->frame.count, n = lasso->n;
    double *part = room + k * (k + 3), *scaled = part + k * k;
    if (k <= FEW) {
        multiply_few(lasso, h, room);
        return;
    }
    for (int64_t lo = 0; lo < n; lo += LASSO_FRAME_ROWS) {
        int64_t hi = n - lo < LASSO_FRAME_ROWS ? n : lo + LASSO_FRAME_ROWS;
        multiply_part(lasso, h, lo, hi, scaled, lo ? part : room);
        for (int64_t i = 0; i < k * k && lo; i++)
            room[i] += part[i];
    }
}

/* Its factor, in place, of the columns that are used; a pivot that is none leaves its column out. */
static void factor(const struct lasso *lasso, const double *used, double *gram)
{
    int64_t k = lasso->frame.count;
    for (int64_t a = 0; a < k; a++) {
        double diagonal = used[a] > 0 ? gram[a * k + a] : 0;
        for (int64_t b = 0; b <= a; b++) {
            double sum = gram[a * k + b] - lasso->kernel->dot(gram + a * k, gram + b * k, b);
            if (b < a)
                gram[a * k + b] = gram[b * k + b] > 0 ? sum / gram[b * k + b] : 0;
            else
                gram[a * k + a] = sum > PIVOT_LEAST * diagonal && sum > 0 && diagonal > 0 ? sqrt(sum) : 0;
        }
    }
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

/* Whether z_a'r must be 0; where b >= 0 what is below 0 may stay, but for the intercept. */
static bool binds(const struct lasso *lasso, int64_t a, double dot, double least)
{
    bool bounded = lasso->nonnegative && lasso->frame.column[a] >= 0;
    return (bounded ? dot : fabs(dot)) > least;
}

/* With the columns that bind, and those that come to when these are off. */
bool lasso_project(const struct lasso *lasso, const double *h, double *r, double *room)
{
    const struct lasso_frame *frame = &lasso->frame;
    int64_t k = frame->count, n = lasso->n;
    double *x = room + k * k, *used = x + k, size = 0;
    if (k == 0)
        return true;
    for (int64_t i = 0; i < n; i++)
        size += fabs(r[i]);
    for (int64_t a = 0; a < k; a++)
        used[a] = lasso->nonnegative && frame->column[a] >= 0 ? 0 : 1;
    for (int64_t turn = 0; turn < k + 3; turn++) { /* the second for the rounding of the first */
        bool more = false, others = turn == 0;
        multiply_back(lasso, r, x);
        for (int64_t a = 0; a < k; a++) {
            more = more || binds(lasso, a, x[a], ORTHOGONAL * size);
            if (used[a] > 0 || !binds(lasso, a, x[a], 0))
                continue;
            used[a] = 1;
            others = true;
        }
        if (turn > 1 && !more)
            return true;
        if (others) {
            multiply(lasso, h, room);
            factor(lasso, used, room);
        }
        for (int64_t a = 0; a < k; a++)
            x[a] = used[a] > 0 ? x[a] : 0;
        solve(room, k, x);
        for (int64_t a = 0; a < k; a++)
            for (int64_t i = 0; i < n && x[a] != 0; i++)
                r[i] -= x[a] * h[i] * frame->z[a * n + i];
    }
    return false;
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

/* Gram and Schmidt, twice where others take up half of a column or more: what depends on them but for its last
 * digits is told apart (Giraud, Langou and Rozloznik, Comput. Math. Appl. 50 (2005)). */
static void make_orthogonal(struct lasso *lasso)
{
    struct lasso_frame *frame = &lasso->frame;
    int64_t k = frame->count, n = lasso->n;
    for (int64_t a = 0; a < k; a++) {
        double *z = frame->z + a * n, square = lasso->kernel->dot(z, z, n), before = HUGE_VAL;
        for (int64_t turn = 0; turn < 2 && square < 0.5 * before; turn++) {
            before = square;
            for (int64_t c = 0; c < a && !lasso->nonnegative; c++) {
                const double *q = frame->z + c * n;
                double part = lasso->kernel->dot(q, z, n) / (double)n;
                lasso->kernel->axpy(-part, q, z, n);
                frame->r[c * k + a] += part;
            }
            square = lasso->kernel->dot(z, z, n);
        }
        double size = sqrt(square / (double)n);
        bool own = size > OWN;
        frame->r[a * k + a] = own ? size : 0;
        for (int64_t i = 0; i < n; i++)
            z[i] = own ? z[i] / size : 0;
    }
}

/* From coefficients of z to those of the scaled columns, in place. */
static void triangle_solve(const struct lasso_frame *frame, double *x)
{
    int64_t k = frame->count;
    for (int64_t a = k; a-- > 0;) {
        for (int64_t c = a + 1; c < k; c++)
            x[a] -= frame->r[a * k + c] * x[c];
        x[a] = frame->r[a * k + a] > 0 ? x[a] / frame->r[a * k + a] : 0;
    }
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
    frame->start = host->zalloc(count + 1, sizeof(double));
    frame->unit = host->alloc((count + 1) * sizeof(double));
    frame->r = host->zalloc(count * count + 1, sizeof(double));
    if (!frame->column || !frame->z || !frame->b || !frame->start || !frame->unit || !frame->r)
        return RONDO_ENOMEM;
    frame->count = (int64_t)count;
    if (lasso->intercept)
        frame->column[at++] = -1;
    for (int64_t j = 0; lasso->l1_factor && j < lasso->p; j++)
        if (lasso->l1_factor[j] <= 0 && lasso->scale[j] > 0)
            frame->column[at++] = j;
    for (int64_t a = 0; a < frame->count; a++)
        fill_column(lasso, a);
    make_orthogonal(lasso);
    return RONDO_OK;
}

/* ---- the fit -------------------------------------------------------------------------------------- */

struct fit {
    double *eta, *h, *u, *room; /* [n], [n], [n], [k (k + 2)] */
    double loss;
};

double lasso_frame_step(const struct lasso *lasso, const double *h, const double *r, double *room,
                        double *u)
{
    int64_t k = lasso->frame.count, n = lasso->n;
    double *x = room + k * k, *g = x + k, *used = g + k, promised = 0;
    for (int64_t a = 0; a < k; a++)
        used[a] = 1;
    multiply(lasso, h, room);
    factor(lasso, used, room);
    multiply_back(lasso, r, x);
    memcpy(g, x, (size_t)k * sizeof *g);
    solve(room, k, x);
    memset(u, 0, (size_t)n * sizeof *u);
    for (int64_t a = 0; a < k; a++) {
        promised += g[a] * x[a];
        lasso->kernel->axpy(x[a], lasso->frame.z + a * n, u, n);
    }
    triangle_solve(&lasso->frame, x);
    return promised;
}

/* minimise over x   x'Gx/2 - g'x,   b + x >= 0 but for the intercept: coordinate descent.  x: also what is
 * left of g. */
static void solve_bounded(const struct lasso *lasso, const double *gram, const double *g, double *x)
{
    const struct lasso_frame *frame = &lasso->frame;
    int64_t k = frame->count;
    memset(x, 0, (size_t)k * sizeof *x);
    for (int pass = 0; pass < PASSES_MOST; pass++) {
        double moved = 0;
        for (int64_t a = 0; a < k; a++) {
            double left = g[a], diagonal = gram[a * k + a], old = x[a];
            for (int64_t c = 0; c < k; c++)
                left -= (c <= a ? gram[a * k + c] : gram[c * k + a]) * x[c];
            if (!(diagonal > 0))
                continue;
            x[a] += left / diagonal;
            if (frame->column[a] >= 0 && x[a] < -frame->b[a])
                x[a] = -frame->b[a];
            moved = fmax(moved, (x[a] - old) * (x[a] - old) * diagonal);
        }
        if (moved <= FLAT * lasso->null_objective)
            return;
    }
}

/* A Newton step, or one of the majorant; false where there is none that f falls along. */
static bool step(struct lasso *lasso, struct fit *fit, bool major)
{
    struct lasso_frame *frame = &lasso->frame;
    int64_t k = frame->count, n = lasso->n;
    double *x = fit->room + k * k, *g = x + k, *used = g + k, promised = 0, t = 1;
    lasso->loss->derive(&lasso->rows, fit->eta, major, lasso->y, fit->h);
    multiply(lasso, fit->h, fit->room);
    multiply_back(lasso, lasso->y, x);
    memcpy(g, x, (size_t)k * sizeof *g);
    for (int64_t a = 0; a < k; a++)
        used[a] = 1;
    if (lasso->nonnegative && k > lasso->intercept) {
        solve_bounded(lasso, fit->room, g, x);
    } else {
        factor(lasso, used, fit->room);
        solve(fit->room, k, x);
    }
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
    triangle_solve(frame, frame->b);
    for (int64_t a = 0; a < frame->count; a++) {
        int64_t j = frame->column[a];
        frame->b[a] *= frame->unit[a];
        if (j >= 0 && lasso->nonnegative) {
            frame->start[a] = frame->b[a];
            frame->b[a] = 0;
        } else if (j >= 0 && lasso->intercept) {
            frame->b[0] -= frame->b[a] * lasso->mean[j];
        }
    }
}

int lasso_fit_null(struct lasso *lasso, struct rondo_error *err)
{
    const struct rondo_host *host = lasso->host;
    size_t bytes = (size_t)lasso->n * sizeof(double);
    if (make_frame(lasso))
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for the null model");
    size_t k = (size_t)lasso->frame.count;
    struct fit fit = { host->zalloc(1, bytes), host->alloc(bytes), host->alloc(bytes),
                       host->alloc(LASSO_FRAME_ROOM(k) * sizeof(double)), 0 };
    int code = fit.eta && fit.h && fit.u && fit.room ? RONDO_OK : RONDO_ENOMEM;
    if (!code) {
        int turn = 0;
        double zero = fit.loss = lasso->loss->derive(&lasso->rows, fit.eta, false, NULL, NULL);
        lasso->null_objective = zero;
        while (turn < TURNS_MOST
               && (step(lasso, &fit, false) || (lasso->loss->majorised && step(lasso, &fit, true))))
            turn++;
        memcpy(lasso->eta, fit.eta, bytes);
        for (int64_t i = 0; i < lasso->n; i++)
            lasso->offset[i] = !lasso->nonnegative ? fit.eta[i] : lasso->intercept ? lasso->frame.b[0] : 0;
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
    return code == RONDO_EINPUT
               ? lasso_refuse(lasso, err, "data.y",
                              "the columns without a penalty explain y wholly: nothing is left to fit",
                              "give them penalties")
           : code ? rondo_error_set(err, code, NULL, NULL, "no memory for the null model") : RONDO_OK;
}

/* newton.c - where the signs stand still a subproblem is a quadratic: Newton steps on the support.
 *
 *     H = C_AA + l2 + ridge,   g_j = q_j + l1_j sign(w_j) + l2_j w_j,   H x = -g_A
 *     w_A(t) = w_A + t x, but for what has come to 0, which stays there;   the best t in (0, 1]
 *
 * Along that way the objective is a quadratic from stop to stop.  What has stopped leaves A.  H's factor
 * is kept from step to step: what has left A is taken out of it by rotations, or where that costs less its
 * rows are made anew from there on; what has come is added at the end, where what leaves soon costs
 * little.  A ridge keeps steps short while A has about as many columns as there are rows.
 *
 * Where H is singular the objective is linear along a direction that changes nothing but the penalty; it
 * is followed downhill until a variable is 0, so A ends with independent columns (Osborne, Presnell and
 * Turlach, IMA J. Numer. Anal. 20 (2000), who add and drop one at a time).
 */
#include "lasso.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    SUPPORT_MOST = 4096, /* variables in a factor */
    TURNS_MOST = 40,     /* steps that are cut short, in a row */
    RIDGE_TURNS = 16,    /* with a ridge */
    ROTATION = 7,        /* operations of a factor that take as long as one of a rotation */
};

static const double PIVOT_LEAST = 1e-12; /* of a column's part that no other explains, squared */
static const double ROUNDING = 0x1p-50;  /* of a change, in the terms it is the sum of */
static const double RIDGE = 1e-2;        /* beside a diagonal of 1 */
static const double CROWDED = 0.9;       /* of the rows: with more variables A has a ridge */

/* Where on the way of a step a variable comes to 0. */
struct stop {
    double t;
    int64_t i;
};

/* A and its factor. */
struct active {
    const struct lasso *lasso;
    struct lasso_block *block;
    int64_t m, ld;
    int64_t kept;      /* rows of the factor that are not made anew */
    double ridge;
    int64_t *list;     /* [ld] A, in the order of the factor's rows */
    int64_t *old;      /* [ld + count] a list that was */
    const int64_t *first; /* [block->first] what was not 0 when the block came */
    double *a;         /* [ld x ld] the factor of H */
    double *x, *row;   /* [ld] a step; a row of H */
    double *g, *v, *d; /* [ld] on the way: slopes, H d, what still moves */
    double *there;     /* [ld] slopes at its best point */
    double *room;      /* [2 ld] */
    struct stop *stop; /* [ld] */
    int64_t stops;
    double *e, *ce;    /* [count] a displacement of the block, and C e */
    double *w0, *q0;   /* [count] where the block stood; q is kept up on A alone until all is done */
};

static double slope_of(const struct lasso_block *block, int64_t j)
{
    return block->q[j] + copysign(block->l1[j], block->w[j]) + block->l2[j] * block->w[j];
}

/* ---- displacements --------------------------------------------------------------------------------------- */

/* Rows [from, to) of ce = C e. */
static void product_piece(void *context, int64_t from, int64_t to)
{
    const struct active *at = context;
    const struct lasso_block *block = at->block;
    memset(at->ce + from, 0, (size_t)(to - from) * sizeof *at->ce);
    for (int64_t j = 0; j < block->count; j++)
        if (at->e[j] != 0)
            at->lasso->kernel->axpy(at->e[j], block->couplings + j * block->count + from, at->ce + from,
                                    to - from);
}

/* ce = C e, for e that is 0 but on A. */
static void product(struct active *at)
{
    double moved = 0;
    for (int64_t j = 0; j < at->block->count; j++)
        moved += at->e[j] != 0;
    lasso_share(at->lasso, moved * (double)at->block->count, at->block->count, product_piece, at);
}

/* The change of the block's objective along e, of which product() was taken. */
static double change_along(const struct active *at)
{
    const struct lasso_block *block = at->block;
    double change = 0;
    for (int64_t j = 0; j < block->count; j++) {
        double w = block->w[j], e = at->e[j];
        if (e == 0)
            continue;
        change += e * (block->q[j] + 0.5 * at->ce[j] + block->l2[j] * (w + 0.5 * e));
        /* Where the sign stays no digits cancel. */
        change += block->l1[j] * (w * (w + e) > 0 ? copysign(1, w) * e : fabs(w + e) - fabs(w));
    }
    return change;
}

/* Of the sizes of what change_along adds up, the larger part. */
static double rounding_along(const struct active *at)
{
    const struct lasso_block *block = at->block;
    double sum = 0;
    for (int64_t j = 0; j < block->count; j++)
        if (at->e[j] != 0)
            sum += fabs(at->e[j]) * (fabs(block->q[j]) + block->l1[j]);
    return ROUNDING * sum;
}

static void displace(struct active *at)
{
    struct lasso_block *block = at->block;
    for (int64_t j = 0; j < block->count; j++) {
        double old = block->w[j], new = old + at->e[j];
        block->w[j] = old * new < 0 ? 0 : new; /* rounding may take it past 0 */
        block->q[j] += at->ce[j];
    }
}

/* ---- the factor ------------------------------------------------------------------------------------------ */

static void row_of(const struct active *at, int64_t i, double *row)
{
    const double *c = at->block->couplings + at->list[i] * at->block->count;
    for (int64_t k = 0; k <= i; k++)
        row[k] = c[at->list[k]];
    row[i] += at->block->l2[at->list[i]] + at->ridge;
}

static void leave(struct active *at, int64_t i)
{
    memmove(at->list + i, at->list + i + 1, (size_t)(at->m - i - 1) * sizeof *at->list);
    at->m--;
}

/* Variable i depends on those before it, by x[0 .. i): along w_i + t, w_k - t x_k the quadratic stands
 * still.  Goes downhill until one of them is 0 and returns it, or i where there is no end. */
static int64_t slide(struct active *at, int64_t i)
{
    const struct lasso_block *block = at->block;
    double slope = slope_of(block, at->list[i]);
    for (int64_t k = 0; k < i; k++)
        slope -= at->x[k] * slope_of(block, at->list[k]);
    at->x[i] = -1;
    double way = slope > 0 ? 1 : -1, reach = HUGE_VAL; /* e = way x t */
    int64_t first = i;
    for (int64_t k = 0; k <= i; k++) {
        double w = block->w[at->list[k]] + at->e[at->list[k]], d = way * at->x[k];
        if (w * d < 0 && -w / d < reach) {
            reach = -w / d;
            first = k;
        }
    }
    if (!(reach < HUGE_VAL))
        return i;
    for (int64_t k = 0; k <= i; k++)
        at->e[at->list[k]] += way * at->x[k] * reach;
    at->e[at->list[first]] = -block->w[at->list[first]];
    return first;
}

/* Row by row from i on, where the factor by blocks met a pivot that is none. */
static void shed_dependent(struct active *at, int64_t i)
{
    const struct factor *factor = at->lasso->factor;
    memset(at->e, 0, (size_t)at->block->count * sizeof *at->e);
    while (i < at->m) {
        row_of(at, i, at->row);
        if (factor->append(at->a, i, at->ld, at->row, PIVOT_LEAST) > i) {
            i++;
            continue;
        }
        memcpy(at->x, at->row, (size_t)i * sizeof *at->x);
        factor->forward(at->a, i, at->ld, at->x);
        factor->backward(at->a, i, at->ld, at->x);
        int64_t gone = slide(at, i);
        if (gone < i)
            factor->remove(at->a, i--, at->ld, gone, at->room);
        leave(at, gone);
    }
    /* Columns that are the same are worth the same: what has left A must be 0 there too. */
    product(at);
    if (change_along(at) <= rounding_along(at))
        displace(at);
}

static void rows_piece(void *context, int64_t from, int64_t to)
{
    const struct active *at = context;
    for (int64_t i = at->kept + from; i < at->kept + to; i++)
        row_of(at, i, at->a + i * at->ld);
}

/* The factor's rows from `from` on anew. */
static void factor_from(struct active *at, int64_t from)
{
    union { const struct lasso *read; void *any; } lasso = { .read = at->lasso };
    struct factor_helpers helpers = { lasso_on_the_idle, lasso.any };
    at->kept = from - from % FACTOR_SIDE;
    int64_t rows = at->m - at->kept;
    lasso_share(at->lasso, (double)rows * (double)at->m, rows, rows_piece, at);
    int64_t done = at->lasso->factor->extend(&helpers, at->a, at->kept, at->m, at->ld, PIVOT_LEAST);
    if (done < at->m)
        shed_dependent(at, done);
}

/* Before which row those that have left A are to be taken out by rotations: for any row f
 *
 *     sum over k < f of 3 (f - k)^2  +  (m^3 - f^3) / 3
 *
 * operations, the first of which take longer. */
static int64_t rotate_before(const struct active *at)
{
    int64_t gone = 0, best = at->m, *k = at->old;
    for (int64_t i = 0; i < at->m; i++)
        if (at->block->w[at->list[i]] == 0)
            k[gone++] = i;
    double least = HUGE_VAL, m = (double)(at->m - gone);
    for (int64_t c = 0; c <= gone; c++) {
        int64_t f = c < gone ? k[c] : at->m;
        double rows = (double)(f - c), cost = (m * m * m - rows * rows * rows) / 3;
        for (int64_t i = 0; i < c && cost < least; i++)
            cost += ROTATION * 3.0 * (double)(f - k[i]) * (double)(f - k[i]);
        if (cost < least) {
            least = cost;
            best = f;
        }
    }
    return best;
}

/* Appends to A what is listed and not 0, and marks it. */
static void enlist(struct active *at, const int64_t *list, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        int64_t j = list ? list[i] : i;
        if (at->block->w[j] == 0 || at->e[j] != 0)
            continue;
        at->list[at->m++] = j;
        at->e[j] = 1;
    }
}

/* Brings A to the support of w, and the factor to A, with such a ridge. */
static void renew(struct active *at, double ridge)
{
    int64_t was = at->m, f = ridge == at->ridge ? rotate_before(at) : 0;
    memcpy(at->old, at->list, (size_t)was * sizeof *at->old);
    memset(at->e, 0, (size_t)at->block->count * sizeof *at->e);
    at->ridge = ridge;
    at->m = f;
    for (int64_t i = f; i-- > 0;)
        if (at->block->w[at->list[i]] == 0) {
            at->lasso->factor->remove(at->a, at->m, at->ld, i, at->room);
            leave(at, i);
        }
    int64_t kept = at->m;
    for (int64_t i = 0; i < kept; i++)
        at->e[at->list[i]] = 1;
    if (was == 0)
        enlist(at, at->first, at->block->first);
    enlist(at, at->old + f, was - f);
    enlist(at, NULL, at->block->count);
    if (at->m > kept)
        factor_from(at, kept);
}

/* ---- the way of a step ----------------------------------------------------------------------------------- */

/* The first stop first; of two at once the earlier in A. */
static int sooner(const void *a_, const void *b_)
{
    const struct stop *a = a_, *b = b_;
    if (a->t != b->t)
        return a->t < b->t ? -1 : 1;
    return (a->i > b->i) - (a->i < b->i);
}

static void set_out(struct active *at)
{
    at->stops = 0;
    for (int64_t i = 0; i < at->m; i++) {
        double w = at->block->w[at->list[i]], x = at->x[i];
        at->d[i] = x;
        at->v[i] = -at->g[i] - at->ridge * x;
        if (w * x < 0 && fabs(w) <= fabs(x))
            at->stop[at->stops++] = (struct stop){ -w / x, i };
    }
    qsort(at->stop, (size_t)at->stops, sizeof *at->stop, sooner);
}

static void halt(struct active *at, int64_t i)
{
    const struct lasso_block *block = at->block;
    const double *c = block->couplings + at->list[i] * block->count;
    double d = at->d[i];
    for (int64_t k = 0; k < at->m; k++)
        at->v[k] -= d * c[at->list[k]];
    at->v[i] -= d * block->l2[at->list[i]];
    at->d[i] = 0;
}

/* Goes on by t: g += t v. */
static void advance(const struct active *at, double t, double *to)
{
    for (int64_t i = 0; i < at->m; i++)
        to[i] = at->g[i] + t * at->v[i];
}

/* The best t, and how many have stopped by then; no further than where the objective is again what it
 * was. */
static double search(struct active *at, int64_t *stopped)
{
    double t = 0, change = 0, least = 0, best = 0;
    set_out(at);
    for (int64_t s = 0; s <= at->stops && change <= 0; s++) {
        double way = (s < at->stops ? at->stop[s].t : 1) - t, slope = 0, curve = 0, to = 0;
        for (int64_t i = 0; i < at->m; i++) {
            slope += at->d[i] * at->g[i];
            curve += at->d[i] * at->v[i];
        }
        if (slope < 0)
            to = -slope < curve * way ? -slope / curve : way;
        if (change + to * (slope + 0.5 * curve * to) < least) {
            least = change + to * (slope + 0.5 * curve * to);
            best = t + to;
            *stopped = s + (to == way && s < at->stops);
            advance(at, to, at->there);
        }
        change += way * (slope + 0.5 * curve * way);
        t += way;
        advance(at, way, at->g);
        if (s < at->stops)
            halt(at, at->stop[s].i);
    }
    return best;
}

/* One step.  Returns how many stop; -1: no descent. */
static int64_t step(struct active *at)
{
    const struct factor *factor = at->lasso->factor;
    struct lasso_block *block = at->block;
    int64_t stopped = 0;
    for (int64_t i = 0; i < at->m; i++) {
        at->g[i] = slope_of(block, at->list[i]);
        at->x[i] = -at->g[i];
    }
    factor->forward(at->a, at->m, at->ld, at->x);
    factor->backward(at->a, at->m, at->ld, at->x);
    for (int64_t i = 0; i < at->m; i++)
        if (!isfinite(at->x[i]))
            return -1;
    double t = search(at, &stopped);
    if (!(t > 0))
        return -1;
    for (int64_t s = 0; s < stopped; s++)
        block->w[at->list[at->stop[s].i]] = 0;
    for (int64_t i = 0; i < at->m; i++) {
        int64_t j = at->list[i];
        double old = block->w[j], new = old + t * at->x[i];
        if (old == 0)
            continue;
        block->q[j] += at->there[i] - slope_of(block, j) - block->l2[j] * (new - old);
        if (old * new > 0)
            block->w[j] = new;
        else /* rounding took it past 0 */
            stopped += block->w[j] != 0, block->w[j] = 0;
    }
    return stopped;
}

/* ---- all of them ------------------------------------------------------------------------------------------- */

static int make_room(struct active *at, struct rondo_buf *room, int64_t m)
{
    struct lasso_block *block = at->block;
    size_t count = (size_t)block->count;
    if (m > block->ld)
        block->kept = 0;
    if (block->kept == 0)
        block->ld = (m + 7) / 8 * 8;
    size_t ld = (size_t)block->ld;
    size_t bytes = (ld * ld + 8 * ld + 4 * count) * sizeof(double)
                   + (2 * ld + 3 * count) * sizeof(int64_t) + ld * sizeof(struct stop);
    int code = at->lasso->host->reserve(room, bytes);
    if (code)
        return code;
    at->ld = block->ld;
    at->m = block->kept;
    at->ridge = block->ridge;
    at->first = (int64_t *)(void *)room->data;
    at->list = (int64_t *)(void *)room->data + 2 * count; /* between them solve.c's */
    at->old = at->list + ld;
    at->stop = (struct stop *)(void *)(at->old + ld + count);
    double **part[] = { &at->x, &at->row, &at->g, &at->v, &at->d, &at->there };
    double *next = (double *)(void *)(at->stop + ld);
    for (size_t i = 0; i < sizeof part / sizeof *part; i++, next += ld)
        *part[i] = next;
    at->room = next;
    at->e = at->room + 2 * ld;
    at->ce = at->e + count;
    at->w0 = at->ce + count;
    at->q0 = at->w0 + count;
    at->a = at->q0 + count;
    return RONDO_OK;
}

static int64_t support_of(const struct lasso_block *block)
{
    int64_t m = 0;
    for (int64_t j = 0; j < block->count; j++)
        m += block->w[j] != 0;
    return m;
}

/* q = q0 + C (w - w0), or back to where the block stood if that is not above. */
static void settle(struct active *at)
{
    struct lasso_block *block = at->block;
    size_t bytes = (size_t)block->count * sizeof(double);
    for (int64_t j = 0; j < block->count; j++) {
        at->e[j] = block->w[j] - at->w0[j];
        double w = block->w[j];
        block->w[j] = at->w0[j];
        at->w0[j] = w;
    }
    memcpy(block->q, at->q0, bytes);
    product(at);
    if (!(change_along(at) <= rounding_along(at)))
        return;
    memcpy(block->w, at->w0, bytes);
    for (int64_t j = 0; j < block->count; j++)
        block->q[j] += at->ce[j];
}

int lasso_newton(const struct lasso *lasso, struct lasso_block *block, struct rondo_buf *room,
                 int64_t *steps)
{
    struct active at = { .lasso = lasso, .block = block };
    int64_t m = support_of(block);
    if (m == 0 || m > SUPPORT_MOST)
        return RONDO_OK;
    int code = make_room(&at, room, m);
    if (code)
        return code;
    memcpy(at.w0, block->w, (size_t)block->count * sizeof *at.w0);
    memcpy(at.q0, block->q, (size_t)block->count * sizeof *at.q0);
    double crowd = block->kept == 0 && lasso->n > 0 ? CROWDED * (double)lasso->n : HUGE_VAL;
    for (int turn = 0; turn < TURNS_MOST; turn++) {
        if (turn == RIDGE_TURNS || (double)support_of(block) <= crowd)
            crowd = HUGE_VAL;
        renew(&at, crowd < HUGE_VAL ? RIDGE : 0);
        int64_t cut = at.m > 0 ? step(&at) : -1;
        *steps += at.m;
        if (cut <= 0 && at.ridge == 0)
            break;
        if (cut <= 0)
            crowd = HUGE_VAL;
    }
    settle(&at);
    block->kept = at.m;
    block->ridge = at.ridge;
    return RONDO_OK;
}

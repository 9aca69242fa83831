/* outer.c - a block under a loss: quadratic models one after the other, each solved by coordinate descent,
 * and a step along what that gives as far as F falls (Yuan, Ho and Lin, "newGLMNET", JMLR 13 (2012)).
 *
 *     model at (b, b0)   -r'u/n + u'Hu/2n + penalty(b + d),   u = X d + a
 *     one variable       c_j = (x_j'Hx_j - (x_j'h)^2 / sum h) / n,
 *                        b_j <- S(c_j b_j + x_j'e / n, l1) / (c_j + l2)
 *     its residual       e = r - H u,   kept as e + z h, as the intercept a follows each variable at once
 *
 * a is not a variable: at its best sum e = 0 always, and z is all that a change of it needs.
 *
 * A squared loss is its own model: of dense columns it is solved once, on couplings that are kept
 * (products.c).  A loss that is flat in places has models between f'' and a quadratic above it (relax).
 */
#include "lasso.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    OUTER_MOST = 60,      /* models */
    PASSES_MOST = 1000,   /* over a model's variables */
    PASSES_LEAST = 8,     /* before couplings, which cost as much as entries ... */
    PASSES_FEW = 2,       /* and where a loss is flat in places: its models are that of few rows */
    PRODUCTS = 32,        /* ... of so many products in registers */
    TOGETHER = 64,        /* columns that are multiplied by those before them */
    GRAM_MOST = 1 << 25,  /* numbers in the columns that couplings are made of */
    HALVINGS = 40,
};

static const double INNER = 0.3;     /* of a model's violation: how far it is solved */
static const double LESS = 0.1, MORE = 4, CUT = 0.25, EXCESS_LEAST = 1e-6; /* see adjust */
static const double ARMIJO = 0.01;    /* of the model's decrease, which a step must bring */
static const double HELD = 1e-9;      /* of c_j, beside it where no penalty holds b_j: of columns that depend on
                                       * each other couplings, as rounded, may curve downwards */
static const double FLOOR = 1e-9;     /* of |x_j|^2 mean h: the least c_j */

struct outer {
    const struct lasso *lasso;
    const struct lasso_slice *slice;
    struct lasso_scratch *scratch;
    const struct rondo_task *task;
    struct loss_rows rows;
    const struct lasso_brief *brief;
    int64_t count;
    double *b, *was;        /* [count] at the model's end, at its beginning */
    double *g;              /* [count] x_j'r / n at the model's beginning */
    double *unit, *mean, *l1, *l2, *w; /* [count] for struct descent: w = b / unit */
    double *violation;      /* [count] before the first model, and */
    double *gradient;       /* [count] the gradient, in the block's coordinates */
    double *column;         /* [n] a column that is packed */
    int32_t *list;          /* [active] what is not 0 or violates at the model's beginning: it moves */
    int64_t active;
    double *weighed;        /* [entries] */
    int64_t *start;         /* [count + 1] */
    double shift, moved;    /* of b0: of the model under way, of all */
    bool major;             /* the loss has a quadratic of its own for steps */
    bool whole;             /* it is a quadratic, whose couplings are kept: one model, of all variables */
    double change;          /* of the model, penalty aside; whole only */
    double excess;         /* of such a quadratic over f'': the share that a model has */
    double sum_h, sum_r, loss; /* sum_r: of what scratch->r has while a model is solved; dense only */
    int64_t steps, reads;
    struct descent descent;
};

static double *cut(double **from, int64_t count)
{
    double *at = *from;
    *from += count;
    return at;
}

static int lay_out(struct outer *at)
{
    const struct lasso *lasso = at->lasso;
    const struct rondo_matrix *x = lasso->x;
    int64_t k = at->count, entries = 0;
    for (int64_t i = 0; x->sparse && i < k; i++)
        entries += x->colptr[at->task->variables[i] + 1] - x->colptr[at->task->variables[i]];
    int64_t numbers = 10 * k + entries + (x->packed ? lasso->n : 0) + (k + 1) + (k + 1) / 2 + 1;
    int code = lasso->host->reserve(&at->scratch->room, (size_t)numbers * sizeof(double));
    if (code)
        return code;
    double *from = (double *)(void *)at->scratch->room.data;
    double **arrays[] = { &at->b, &at->was, &at->g, &at->unit, &at->mean, &at->l1, &at->l2, &at->w,
                          &at->violation, &at->gradient };
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        *arrays[i] = cut(&from, k);
    at->weighed = cut(&from, entries);
    at->column = cut(&from, x->packed ? lasso->n : 0);
    at->start = (int64_t *)(void *)cut(&from, k + 1);
    at->list = (int32_t *)(void *)from;
    return RONDO_OK;
}

/* ---- columns -------------------------------------------------------------------------------------- */

/* A dense column, or a packed one spread out; *mean is what is to be taken off. */
static const double *dense(struct outer *at, int64_t j, double *mean)
{
    const struct lasso *lasso = at->lasso;
    *mean = lasso->mean[j];
    if (!lasso_is_packed(lasso, j)) {
        lasso_touch(lasso, lasso_dense(lasso, j), lasso->n * (int64_t)sizeof(double));
        return lasso_dense(lasso, j);
    }
    lasso_column(lasso, j, at->column);
    return at->column;
}

/* x_j'h, x_j'hx_j, x_j'r of the i-th variable. */
static void weigh(struct outer *at, int64_t i, double sums[3])
{
    const struct lasso *lasso = at->lasso;
    const struct rondo_matrix *x = lasso->x;
    int64_t j = at->task->variables[i];
    double mean;
    if (x->sparse) {
        int64_t begin = x->colptr[j], count = x->colptr[j + 1] - begin;
        lasso->kernel->weigh(x->values + begin, x->rowidx + begin, count, at->scratch->h, at->scratch->r,
                             at->weighed + at->start[i], sums);
        return;
    }
    const double *value = dense(at, j, &mean);
    lasso->kernel->weigh_dense(value, mean, at->scratch->h, at->scratch->r, lasso->n, sums);
}

/* ---- a model -------------------------------------------------------------------------------------- */

static double sum_of(const double *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    return sum;
}

/* h = f'' + excess (h - f''): under a quadratic that lies nowhere below f steps are safe and far too short
 * where most rows are flat; under f'' alone they are Newton's, of the rows that bend (semismooth: Qi and Sun,
 * Math. Program. 58 (1993)). */
static void relax(struct outer *at)
{
    struct lasso_scratch *scratch = at->scratch;
    at->lasso->loss->derive(&at->rows, scratch->eta, false, scratch->r, scratch->u);
    for (int64_t i = 0; i < at->lasso->n; i++)
        scratch->h[i] = scratch->u[i] + at->excess * (scratch->h[i] - scratch->u[i]);
}

/* A step that went all the way asks for less excess, one that was cut short for more (Levenberg); with all
 * of it the model lies above F, and where that does not descend nothing does. */
static void adjust(struct outer *at, double t)
{
    if (t == 0)
        at->excess = 1;
    else if (at->major)
        at->excess = t == 1 ? fmax(at->excess * LESS, EXCESS_LEAST) : t < CUT ? fmin(at->excess * MORE, 1)
                                                                              : at->excess;
}

/* Gradients, curvatures and units; the largest violation, in the block's coordinates. */
static double begin_model(struct outer *at, bool first)
{
    const struct lasso *lasso = at->lasso;
    double n = (double)lasso->n, root = sqrt(n), worst = 0;
    struct lasso_scratch *scratch = at->scratch;
    at->loss = lasso->loss->derive(&at->rows, scratch->eta, at->major, scratch->r, scratch->h);
    if (at->major)
        relax(at);
    memcpy(scratch->v, scratch->r, (size_t)lasso->n * sizeof *scratch->v);
    at->sum_h = sum_of(scratch->h, lasso->n);
    double a = lasso->intercept && at->sum_h > 0 ? sum_of(scratch->r, lasso->n) / at->sum_h : 0;
    at->shift = a;
    for (int64_t i = 0; lasso->intercept && i < lasso->n; i++)
        scratch->r[i] -= a * scratch->h[i];
    worst = fabs(a) * sqrt(at->sum_h / n);
    at->reads += at->count;
    at->active = 0;
    for (int64_t i = 0; i < at->count; i++) {
        int64_t j = at->task->variables[i];
        double sums[3], scale = lasso->scale[j], block = scale > 0 ? root / scale : 0;
        weigh(at, i, sums);
        double c = sums[1] - (lasso->intercept && at->sum_h > 0 ? sums[0] * (sums[0] / at->sum_h) : 0);
        c = fmax(c, FLOOR * scale * scale * at->sum_h / n) / n;
        double l1 = lasso_l1(lasso, at->brief->l1, j), l2 = lasso_l2(lasso, at->brief->l2, j);
        bool says = scale > 0 && c > 0;
        at->g[i] = sums[2] / n;
        at->unit[i] = says ? 1 / sqrt(c) : 0;
        at->mean[i] = lasso->intercept ? -sums[0] : 0;
        at->l1[i] = says ? l1 * at->unit[i] : HUGE_VAL;
        at->l2[i] = l2 * at->unit[i] * at->unit[i];
        at->w[i] = says ? at->b[i] / at->unit[i] : 0;
        at->was[i] = at->b[i];
        double v = lasso_violation(at->b[i], -at->g[i], l1, l2, lasso->nonnegative) * block;
        worst = fmax(worst, v);
        if (says && (at->whole || v > 0 || at->b[i] != 0))
            at->list[at->active++] = (int32_t)i;
        if (first) {
            at->violation[i] = v;
            at->gradient[i] = -at->g[i] * block;
        }
    }
    return worst;
}

/* One pass over dense or packed columns: kernel->descend's algebra. */
static double pass_dense(struct outer *at, const int32_t *list, int64_t many)
{
    const struct lasso *lasso = at->lasso;
    struct descent *d = &at->descent;
    double worst = 0, mean;
    for (int64_t k = 0; k < many; k++) {
        int64_t i = list ? list[k] : k;
        if (at->unit[i] == 0)
            continue;
        const double *x = dense(at, d->column[i], &mean);
        double dot = lasso->kernel->dot(x, d->r, lasso->n) - mean * at->sum_r;
        double q = -(dot - at->mean[i] * d->sum) * (at->unit[i] / (double)lasso->n), w = at->w[i];
        worst = fmax(worst, lasso_violation(w, q, at->l1[i], at->l2[i], lasso->nonnegative));
        double to = lasso_shrink(w - q, at->l1[i]) / (1 + at->l2[i]);
        to = lasso->nonnegative && to < 0 ? 0 : to;
        if (to == w)
            continue;
        double change = (to - w) * at->unit[i];
        at->w[i] = to;
        lasso->kernel->axpy_weighed(-change, x, mean, at->scratch->h, d->r, lasso->n);
        at->sum_r += change * at->mean[i]; /* -x'h; without an intercept columns are not centred */
        d->sum -= change * at->mean[i] * d->gain;
        d->steps++;
    }
    return worst;
}

static double pass(struct outer *at, const int32_t *list, int64_t many)
{
    at->reads += 2 * many;
    return at->lasso->x->sparse ? at->lasso->kernel->descend(&at->descent, list, many)
                                : pass_dense(at, list, many);
}

/* Where passes have cost as much as couplings would, these are better. */
static bool affords_couplings(const struct outer *at, int passes)
{
    double m = (double)at->active, n = (double)at->lasso->n, entries = 0;
    for (int64_t k = 0; k < at->active; k++)
        entries += at->lasso->cost[at->task->variables[at->list[k]]];
    return passes >= (at->major ? PASSES_FEW : PASSES_LEAST) && m * n <= GRAM_MOST && (double)passes * PRODUCTS * entries >= m * m * n;
}

/* x_j'e in the units of w, at the residual as it is. */
static double gradient(struct outer *at, int64_t i)
{
    const struct lasso *lasso = at->lasso;
    const struct rondo_matrix *x = lasso->x;
    int64_t j = at->task->variables[i];
    double mean = 0, dot;
    if (x->sparse) {
        int64_t begin = x->colptr[j];
        dot = lasso->kernel->gather(x->values + begin, x->rowidx + begin, x->colptr[j + 1] - begin,
                                    at->scratch->r);
    } else {
        const double *value = dense(at, j, &mean);
        dot = lasso->kernel->dot(value, at->scratch->r, lasso->n) - mean * at->sum_r;
    }
    return -(dot - at->mean[i] * at->descent.sum) * (at->unit[i] / (double)lasso->n);
}

/* The column of variable i that couplings are products of: centred under h, times its root and unit. */
static void weigh_column(struct outer *at, int64_t i, const double *root, double *to)
{
    const struct lasso *lasso = at->lasso;
    int64_t j = at->task->variables[i];
    double mean = lasso->x->sparse ? 0 : lasso->mean[j], scale = at->unit[i] / sqrt((double)lasso->n);
    double shift = mean - at->mean[i] * at->descent.gain;
    lasso_column(lasso, j, to);
    for (int64_t k = 0; k < lasso->n; k++)
        to[k] = (to[k] - shift) * scale;
    lasso->panel->scaled(to, root, lasso->n, to);
}

/* c[active x active]: the couplings under H, from columns laid out in the room. */
static void multiply_columns(struct outer *at, double *c, double *room)
{
    const struct lasso *lasso = at->lasso;
    int64_t m = at->active, n = lasso->n;
    double *root = room + m * n;
    const double **list = (const double **)(void *)(root + n);
    for (int64_t i = 0; i < n; i++)
        root[i] = sqrt(at->scratch->h[i]);
    for (int64_t k = 0; k < m; k++) {
        weigh_column(at, at->list[k], root, room + k * n);
        list[k] = room + k * n;
    }
    for (int64_t k = 0; k < m; k += TOGETHER) {
        int64_t some = m - k < TOGETHER ? m - k : TOGETHER;
        lasso->panel->products(list + k, some, list, k + some, n, c + k * m, m);
    }
    for (int64_t k = 0; k < m; k++)
        for (int64_t i = k + 1; i < m; i++)
            c[k * m + i] = c[i * m + k];
}

/* The same from what is kept: x_j'Hx_k - x_j'h x_k'h / sum h.  RONDO_ENOMEM. */
static int recall_products(struct outer *at, double *c, double *room)
{
    const struct lasso *lasso = at->lasso;
    int64_t m = at->active, *variable = (int64_t *)(void *)room;
    double *unit = room + m, *sum = unit + m, root = 1 / sqrt((double)lasso->n);
    for (int64_t k = 0; k < m; k++) {
        int64_t i = at->list[k], j = at->task->variables[i];
        double xh = lasso->mean[j] * at->sum_h - at->mean[i];
        variable[k] = j;
        unit[k] = at->unit[i] * root;
        sum[k] = lasso->intercept ? xh * sqrt(at->descent.gain) : 0;
    }
    return lasso_products(lasso, at->scratch, m, variable, sum, unit, c);
}

/* The model on its couplings, by Newton steps: for columns that are so dependent that passes do not end.
 * RONDO_ENOMEM. */
static int solve_on_couplings(struct outer *at, double tolerance)
{
    const struct lasso *lasso = at->lasso;
    int64_t m = at->active, n = lasso->n, beside = at->whole ? 3 * m : m * n + n + m;
    struct rondo_buf *gram = &at->scratch->gram;
    int code = lasso->host->reserve(gram, (size_t)(m * m + 5 * m + beside) * sizeof(double));
    if (code)
        return code;
    double *c = (double *)(void *)gram->data, *w = c + m * m, *q = w + m, *l1 = q + m, *l2 = l1 + m;
    if (at->whole)
        code = recall_products(at, c, l2 + m);
    else
        multiply_columns(at, c, l2 + m);
    if (code)
        return code;
    for (int64_t k = 0; k < m; k++) {
        int64_t i = at->list[k];
        w[k] = at->w[i];
        q[k] = at->whole ? -at->g[i] * at->unit[i] : gradient(at, i);
        l1[k] = at->l1[i];
        l2[k] = at->l2[i];
        c[k * m + k] = l1[k] + l2[k] > 0 ? 1 : 1 + HELD;
    }
    struct lasso_block block = { .count = m, .couplings = c, .w = w, .q = q, .l1 = l1, .l2 = l2,
                                 .tolerance = tolerance, .mode = LASSO_SOLVE,
                                 .nonnegative = lasso->nonnegative };
    int64_t steps = lasso_solve(lasso, &block, &at->scratch->list);
    at->change = 0;
    for (int64_t k = 0; k < m; k++) {
        int64_t i = at->list[k];
        at->change += 0.5 * (w[k] - at->w[i]) * (q[k] - at->g[i] * at->unit[i]);
        at->w[i] = w[k];
    }
    at->steps += steps > 0 ? steps : 0;
    at->reads += m;
    return steps < 0 ? (int)steps : RONDO_OK;
}

/* Coordinate descent.  What comes to violate meanwhile is found when the next model begins. */
static int solve_model(struct outer *at, double tolerance)
{
    const struct lasso *lasso = at->lasso;
    at->sum_r = sum_of(at->scratch->r, lasso->n);
    at->descent = (struct descent){
        .ptr = lasso->x->colptr, .value = lasso->x->values, .index = lasso->x->rowidx,
        .column = at->task->variables, .unit = at->unit, .mean = at->mean, .l1 = at->l1, .l2 = at->l2,
        .w = at->w, .r = at->scratch->r, .n = (double)lasso->n,
        .gain = at->sum_h > 0 ? 1 / at->sum_h : 0, .weighed = at->weighed, .start = at->start,
        .nonnegative = lasso->nonnegative,
    };
    int code = RONDO_OK;
    if (at->whole)
        code = solve_on_couplings(at, tolerance);
    for (int passes = 0; passes < PASSES_MOST && !at->whole && !code; passes++) {
        if (pass(at, at->list, at->active) <= tolerance)
            break;
        if (!affords_couplings(at, passes))
            continue;
        code = solve_on_couplings(at, tolerance);
        break;
    }
    at->steps += at->descent.steps;
    for (int64_t i = 0; i < at->count; i++)
        at->b[i] = at->w[i] == (at->unit[i] > 0 ? at->was[i] / at->unit[i] : 0) ? at->was[i]
                                                                              : at->w[i] * at->unit[i];
    /* a goes with each variable: a = a0 - sum d_j x_j'h / sum h */
    for (int64_t i = 0; lasso->intercept && i < at->count; i++)
        at->shift += (at->b[i] - at->was[i]) * at->mean[i] * at->descent.gain;
    return code;
}

/* ---- the step ------------------------------------------------------------------------------------- */

/* u = X d + a; sparse columns as they are, others centred, as their x'h was. */
static void direction(struct outer *at, double *u)
{
    const struct lasso *lasso = at->lasso;
    double shift = at->shift;
    memset(u, 0, (size_t)lasso->n * sizeof *u);
    for (int64_t i = 0; i < at->count; i++) {
        double d = at->b[i] - at->was[i];
        if (d == 0)
            continue;
        at->reads++;
        lasso_add_column(lasso, at->slice, d, at->task->variables[i], u);
        shift -= lasso->x->sparse ? 0 : d * lasso->mean[at->task->variables[i]];
    }
    for (int64_t i = 0; i < lasso->n; i++)
        u[i] += shift;
}

/* penalty(b + t (b' - b)) - penalty(b) */
static double penalty_change(const struct outer *at, double t)
{
    double sum = 0;
    for (int64_t i = 0; i < at->count; i++) {
        double b = at->was[i], d = t * (at->b[i] - b);
        if (d == 0)
            continue;
        double l1 = lasso_l1(at->lasso, at->brief->l1, at->task->variables[i]);
        double l2 = lasso_l2(at->lasso, at->brief->l2, at->task->variables[i]);
        sum += l1 * (b * (b + d) > 0 ? copysign(1, b) * d : fabs(b + d) - fabs(b));
        sum += l2 * d * (b + 0.5 * d);
    }
    return sum;
}

/* How far along u F falls enough, and of a model that may lie below F as far as halving gains; 0: it does
 * not. */
static double length_of(const struct outer *at, double slope)
{
    const struct lasso *lasso = at->lasso;
    double n = (double)lasso->n, t = 1, best = 0, least = 0;
    for (int i = 0; i < HALVINGS && slope < 0; i++, t *= 0.5) {
        double change = lasso->loss->change(&at->rows, at->scratch->eta, at->scratch->u, t) / n
                        + penalty_change(at, t);
        if (change <= ARMIJO * t * slope && change < least) {
            best = t;
            least = change;
        } else if (best > 0) {
            break;
        }
        if (best > 0 && !at->major)
            break;
    }
    return best;
}

/* Goes along the model's solution; false: F does not fall. */
static bool step(struct outer *at)
{
    const struct lasso *lasso = at->lasso;
    struct lasso_scratch *scratch = at->scratch;
    double slope = penalty_change(at, 1);
    direction(at, scratch->u);
    /* v: r as the model found it */
    slope -= lasso->kernel->dot(scratch->v, scratch->u, lasso->n) / (double)lasso->n;
    double t = length_of(at, slope);
    adjust(at, t);
    if (t > 0) {
        lasso->kernel->axpy(t, scratch->u, scratch->eta, lasso->n);
        for (int64_t k = 0; t < 1 && k < at->count; k++)
            at->b[k] = at->was[k] + t * (at->b[k] - at->was[k]);
        /* The model's own columns are centred. */
        for (int64_t k = 0; k < at->count && lasso->x->sparse; k++)
            at->moved += (at->b[k] - at->was[k]) * lasso->mean[at->task->variables[k]];
        at->moved += t * at->shift;
        return true;
    }
    memcpy(at->b, at->was, (size_t)at->count * sizeof *at->b);
    return false;
}

/* A model that is F itself: its solution is where to go.  The intercept's own part is a^2 sum h / 2n. */
static double go_there(struct outer *at, double a)
{
    double descent = 0.5 * a * a * at->sum_h / (double)at->lasso->n - at->change - penalty_change(at, 1);
    if (descent > 0)
        at->moved += at->shift;
    else
        memcpy(at->b, at->was, (size_t)at->count * sizeof *at->b);
    return fmax(descent, 0);
}

/* Columns without a penalty may depend on each other so much that moving one by one ends far from where they
 * are best: before each model all of them take a Newton step together. */
static void step_frame(struct outer *at)
{
    const struct lasso *lasso = at->lasso;
    const struct lasso_frame *frame = &lasso->frame;
    struct lasso_scratch *scratch = at->scratch;
    double *room = at->slice->room, *x = room + frame->count * frame->count, t = 1;
    for (int64_t a = 0; a < frame->count; a++)
        if (frame->column[a] >= 0
            && !bsearch(&frame->column[a], at->task->variables, (size_t)at->count, sizeof(int64_t),
                        lasso_by_number))
            return; /* a block of one */
    lasso->loss->derive(&at->rows, scratch->eta, at->major, scratch->r, scratch->h);
    double promised = lasso_frame_step(lasso, scratch->h, scratch->r, room, scratch->u);
    for (int i = 0; i < HALVINGS && promised > 0; i++, t *= 0.5) {
        if (!(lasso->loss->change(&at->rows, scratch->eta, scratch->u, t) <= -ARMIJO * t * promised))
            continue;
        lasso->kernel->axpy(t, scratch->u, scratch->eta, lasso->n);
        for (int64_t a = 0; a < frame->count; a++) {
            const int64_t *place = frame->column[a] < 0
                                       ? NULL
                                       : bsearch(&frame->column[a], at->task->variables, (size_t)at->count,
                                                 sizeof(int64_t), lasso_by_number);
            *(place ? &at->b[place - at->task->variables] : &at->moved) += t * x[a] * frame->unit[a];
        }
        return;
    }
}

/* F at the start less F at the end, up to the digits of the sums. */
static double descent_of(const struct outer *at, const double *old, double loss)
{
    double change = 0;
    for (int64_t i = 0; i < at->count; i++) {
        double l1 = lasso_l1(at->lasso, at->brief->l1, at->task->variables[i]);
        double l2 = lasso_l2(at->lasso, at->brief->l2, at->task->variables[i]);
        change += l1 * (fabs(at->b[i]) - fabs(old[i])) + 0.5 * l2 * (at->b[i] * at->b[i] - old[i] * old[i]);
    }
    return (loss - at->loss) / (double)at->lasso->n - change;
}

/* ---- pull ------------------------------------------------------------------------------------------- */

static int prepare(struct outer *at)
{
    const struct lasso *lasso = at->lasso;
    const struct rondo_matrix *x = lasso->x;
    at->brief = at->task->brief.data;
    if (at->task->brief.size != sizeof *at->brief + (size_t)at->count * sizeof(double))
        return RONDO_EAPP;
    int code = lay_out(at);
    if (code)
        return code;
    memcpy(at->b, at->brief + 1, (size_t)at->count * sizeof *at->b);
    memcpy(at->scratch->eta, at->slice->eta, (size_t)lasso->n * sizeof(double));
    at->rows = lasso->rows;
    at->major = lasso->loss->majorised;
    at->excess = 1;
    at->whole = at->count <= lasso_products_most(lasso);
    at->start[0] = 0;
    for (int64_t i = 0; i < at->count; i++) {
        int64_t j = at->task->variables[i];
        at->start[i + 1] = at->start[i] + (x->sparse ? x->colptr[j + 1] - x->colptr[j] : 0);
    }
    return RONDO_OK;
}

int lasso_outer_pull(const struct lasso *lasso, const struct lasso_slice *slice,
                     struct lasso_scratch *scratch, const struct rondo_task *task,
                     struct rondo_buf *result)
{
    struct outer at = { .lasso = lasso, .slice = slice, .scratch = scratch, .task = task,
                        .count = task->count };
    int code = prepare(&at);
    size_t each = (size_t)task->count * sizeof(double);
    if (!code)
        code = lasso->host->reserve(result, sizeof(struct lasso_answer) + 3 * each);
    if (code)
        return code;
    const double *old = (const double *)(at.brief + 1);
    bool exact = lasso->loss->quadratic;
    double loss = 0, worst = 0, descent = 0;
    for (int model = 0; model < OUTER_MOST; model++) {
        if (lasso->frees > 0 && !lasso->nonnegative)
            step_frame(&at);
        worst = begin_model(&at, model == 0);
        loss = model == 0 ? at.loss : loss;
        if (worst <= at.brief->tolerance)
            break;
        double a = at.shift, excess = at.excess;
        code = solve_model(&at, exact ? at.brief->tolerance : fmax(INNER * worst, 0.3 * at.brief->tolerance));
        if (code)
            return code;
        if (at.whole)
            descent = go_there(&at, a);
        if (at.whole || (!step(&at) && excess == 1))
            break;
    }
    result->size = sizeof(struct lasso_answer) + 3 * each;
    struct lasso_answer *answer = (struct lasso_answer *)(void *)result->data;
    double *b = (double *)(answer + 1);
    *answer = (struct lasso_answer){ .descent = at.whole ? descent : descent_of(&at, old, loss),
                                     .steps = at.steps,
                                     .shift = at.moved, .reads = at.reads };
    memcpy(b, at.b, each);
    memcpy(b + task->count, at.violation, each);
    memcpy(b + 2 * task->count, at.gradient, each);
    return RONDO_OK;
}

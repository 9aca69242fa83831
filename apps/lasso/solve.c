/* solve.c - a block's subproblem: coordinate descent on its couplings, and where that is slow a
 * Newton step on the support.
 *
 *     w_j <- S(w_j - q_j, l1_j) / (1 + l2_j),   q <- q + C_.j (change of w_j)
 *     S(a, l) = sign(a) max(|a| - l, 0)
 *
 * The step is exact for one variable because C_jj = 1 (Friedman, Hastie, Tibshirani 2010, eq. 5).
 */
#include "lasso.h"

#include <math.h>
#include <string.h>

enum {
    PASSES_MOST = 1000,  /* over the active variables, in all */
    PASSES_PATIENCE = 12,  /* before a Newton step is tried */
    NEWTON_MOST = 2048,    /* variables in one */
    NEWTON_TURNS = 4,     /* in a row */
};

static double shrink(double a, double l)
{
    return a > l ? a - l : a < -l ? a + l : 0;
}

double lasso_violation(double w, double q, double l1, double l2)
{
    double g = q + l2 * w;
    return w != 0 ? fabs(g + copysign(l1, w)) : fmax(fabs(g) - l1, 0);
}

/* One coordinate; returns its change. */
static double move(struct lasso_block *block, int64_t j)
{
    double old = block->w[j];
    double new = shrink(old - block->q[j], block->l1[j]) / (1 + block->l2[j]);
    if (new == old)
        return 0;
    block->w[j] = new;
    return new - old;
}

static void spread(const struct lasso *lasso, struct lasso_block *block, int64_t j, double change)
{
    lasso->kernel->axpy(change, block->couplings + j * block->count, block->q, block->count);
}

/* One pass over the listed variables; the largest violation met on the way. */
static double pass(const struct lasso *lasso, struct lasso_block *block, const int64_t *list,
                   int64_t count, int64_t *steps)
{
    double worst = 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t j = list ? list[i] : i;
        double violation = lasso_violation(block->w[j], block->q[j], block->l1[j], block->l2[j]);
        if (violation > worst)
            worst = violation;
        double change = move(block, j);
        if (change != 0) {
            spread(lasso, block, j, change);
            ++*steps;
        }
    }
    return worst;
}

/* a: [m x m], lower triangle in, L out with a = L L'.  False where a is not positive definite. */
static bool cholesky(const struct lasso *lasso, double *a, int64_t m)
{
    for (int64_t i = 0; i < m; i++) {
        double *row = a + i * m;
        for (int64_t k = 0; k <= i; k++) {
            double rest = row[k] - lasso->kernel->dot(row, a + k * m, k);
            if (k < i)
                row[k] = rest / a[k * m + k];
            else if (rest > 1e-11)
                row[i] = sqrt(rest);
            else
                return false;
        }
    }
    return true;
}

/* Solves L L' x = x in place. */
static void substitute(const struct lasso *lasso, const double *a, int64_t m, double *x)
{
    for (int64_t i = 0; i < m; i++)
        x[i] = (x[i] - lasso->kernel->dot(a + i * m, x, i)) / a[i * m + i];
    for (int64_t i = m - 1; i >= 0; i--) {
        x[i] /= a[i * m + i];
        for (int64_t k = 0; k < i; k++)
            x[k] -= a[i * m + k] * x[i];
    }
}

/* The change of the block's objective if the listed variables moved by e; ce: room for C e. */
static double change_of(const struct lasso *lasso, const struct lasso_block *block,
                        const int64_t *list, int64_t m, const double *e, double *ce)
{
    double change = 0;
    memset(ce, 0, (size_t)block->count * sizeof *ce);
    for (int64_t i = 0; i < m; i++)
        if (e[i] != 0)
            lasso->kernel->axpy(e[i], block->couplings + list[i] * block->count, ce, block->count);
    for (int64_t i = 0; i < m; i++) {
        int64_t j = list[i];
        double w = block->w[j];
        change += e[i] * (block->q[j] + 0.5 * ce[j] + block->l2[j] * (w + 0.5 * e[i]));
        change += block->l1[j] * (fabs(w + e[i]) - fabs(w));
    }
    return change;
}

/* x: the Newton step.  Cuts it where variables would change their sign: they stop at 0.  Where that
 * does not descend, the whole step ends at the first of them.  Returns how many were cut. */
static int64_t cut_step(const struct lasso *lasso, const struct lasso_block *block,
                        const int64_t *list, int64_t m, double *x, double *e, double *ce)
{
    int64_t cut = 0, first = -1;
    double reach = 1;
    for (int64_t i = 0; i < m; i++) {
        double w = block->w[list[i]];
        bool crosses = w * (w + x[i]) < 0;
        e[i] = crosses ? -w : x[i];
        cut += crosses;
        if (crosses && -w / x[i] < reach) {
            reach = -w / x[i];
            first = i;
        }
    }
    if (cut == 0 || change_of(lasso, block, list, m, e, ce) < 0)
        return cut;
    for (int64_t i = 0; i < m; i++)
        e[i] = i == first ? -block->w[list[i]] : reach * x[i];
    return 1;
}

/* a = C over the support + l2, factored. */
static bool factor(const struct lasso *lasso, const struct lasso_block *block,
                   const int64_t *support, int64_t m, double *a)
{
    for (int64_t i = 0; i < m; i++) {
        int64_t j = support[i];
        for (int64_t k = 0; k <= i; k++)
            a[i * m + k] = block->couplings[j * block->count + support[k]];
        a[i * m + i] += block->l2[j];
    }
    return cholesky(lasso, a, m);
}

/* Moves the support towards the minimiser of its orthant's quadratic.  1: the whole way; 0: cut
 * short; -1: not possible, columns depend on each other. */
static int newton(const struct lasso *lasso, struct lasso_block *block, const int64_t *support,
                  int64_t m, double *room, int64_t *steps)
{
    double *a = room, *x = room + m * m, *e = x + m, *ce = e + m;
    for (int64_t i = 0; i < m; i++) {
        int64_t j = support[i];
        x[i] = -(block->q[j] + copysign(block->l1[j], block->w[j]) + block->l2[j] * block->w[j]);
    }
    if (!factor(lasso, block, support, m, a))
        return -1;
    substitute(lasso, a, m, x);
    for (int64_t i = 0; i < m; i++)
        if (!isfinite(x[i]))
            return -1;
    int64_t cut = cut_step(lasso, block, support, m, x, e, ce);
    for (int64_t i = 0; i < m; i++) {
        int64_t j = support[i];
        double old = block->w[j], new = old + e[i];
        block->w[j] = old * new < 0 ? 0 : new; /* rounding may take it past 0 */
        if (block->w[j] != old)
            spread(lasso, block, j, block->w[j] - old);
    }
    *steps += m;
    return cut == 0;
}

static int64_t list_support(const struct lasso_block *block, int64_t *list)
{
    int64_t m = 0;
    for (int64_t j = 0; j < block->count; j++)
        if (block->w[j] != 0)
            list[m++] = j;
    return m;
}

/* Newton steps until one goes the whole way; false where none is possible. */
static bool finish(const struct lasso *lasso, struct lasso_block *block, int64_t *list,
                   struct rondo_buf *room, int64_t *steps, int *code)
{
    for (int64_t turn = 0; turn < NEWTON_TURNS; turn++) {
        int64_t m = list_support(block, list);
        if (m == 0 || m > NEWTON_MOST)
            return false;
        size_t bytes = (size_t)(m * m + 2 * m + block->count) * sizeof(double);
        size_t head = (size_t)block->count * sizeof *list;
        *code = lasso->host->reserve(room, head + bytes + 64);
        if (*code)
            return false;
        list = (int64_t *)(void *)room->data;
        int done = newton(lasso, block, list, m,
                          (double *)(void *)(room->data + (head + 63) / 64 * 64), steps);
        if (done)
            return done > 0;
    }
    return true;
}

static int64_t solve(const struct lasso *lasso, struct lasso_block *block, struct rondo_buf *room)
{
    int64_t steps = 0;
    size_t bytes = (size_t)block->count * sizeof(int64_t);
    int code = lasso->host->reserve(room, bytes);
    room->size = bytes;
    if (code)
        return code;
    bool definite = block->count <= NEWTON_MOST;
    for (int passes = 0; passes < PASSES_MOST; passes++) {
        if (pass(lasso, block, NULL, block->count, &steps) <= block->tolerance)
            break;
        int64_t *list = (int64_t *)(void *)room->data;
        int64_t active = list_support(block, list);
        double worst = HUGE_VAL;
        for (int i = 0; i < PASSES_PATIENCE && worst > block->tolerance; i++, passes++)
            worst = pass(lasso, block, list, active, &steps);
        if (worst > block->tolerance && definite) {
            definite = finish(lasso, block, list, room, &steps, &code);
            if (code)
                return code;
        }
    }
    return steps;
}

static int64_t each_alone(struct lasso_block *block)
{
    int64_t steps = 0;
    for (int64_t j = 0; j < block->count; j++)
        steps += move(block, j) != 0;
    return steps;
}

int64_t lasso_solve(const struct lasso *lasso, struct lasso_block *block, struct rondo_buf *room)
{
    int64_t steps = 0;
    if (!block->couplings || block->mode == LASSO_ALONE)
        return each_alone(block);
    if (block->mode == LASSO_SOLVE)
        return solve(lasso, block, room);
    pass(lasso, block, NULL, block->count, &steps);
    return steps;
}

/* ---- pull: partials -> the block's solution ----------------------------------------------------- */

struct pulled {
    double *q, *w, *q0, *w0, *l1, *l2; /* [count] each, in the room */
};

static int lay_out(const struct lasso *lasso, struct rondo_buf *room, int64_t count,
                   struct pulled *at)
{
    size_t each = ((size_t)count * sizeof(double) + 63) / 64 * 64;
    int code = lasso->host->reserve(room, 6 * each);
    double *base = (double *)(void *)room->data;
    size_t stride = each / sizeof(double);
    *at = (struct pulled){ base, base + stride, base + 2 * stride, base + 3 * stride,
                           base + 4 * stride, base + 5 * stride };
    return code;
}

/* q = -(sum of partials) / n in the block's coordinates; the partials are x_j'r. */
static int load_block(const struct lasso *lasso, const struct rondo_task *task,
                      const struct rondo_bytes *partials, int32_t count, struct pulled *at)
{
    const struct lasso_brief *brief = task->brief.data;
    const double *b = (const double *)(brief + 1);
    double root = sqrt((double)lasso->n);
    if (task->brief.size != sizeof *brief + (size_t)task->count * sizeof *b)
        return RONDO_EAPP;
    for (int64_t i = 0; i < task->count; i++) {
        int64_t j = task->variables[i];
        double sum = 0;
        for (int32_t s = 0; s < count; s++)
            sum += ((const double *)partials[s].data)[i];
        double unit = lasso->scale[j] > 0 ? root / lasso->scale[j] : 0;
        at->q[i] = at->q0[i] = -sum / (double)lasso->n * unit;
        at->w[i] = at->w0[i] = unit > 0 ? b[i] / unit : 0;
        at->l1[i] = unit > 0 ? brief->l1 * unit : HUGE_VAL;
        at->l2[i] = brief->l2 * unit * unit;
    }
    return RONDO_OK;
}

/* -(q0'e + 1/2 e'(q - q0) + penalty change), e = w - w0; alone: each variable by itself. */
static double promised(const struct lasso_block *block, const struct pulled *at, bool on_rows)
{
    bool joint = block->couplings && block->mode != LASSO_ALONE;
    double sum = on_rows ? block->change : 0;
    for (int64_t i = 0; i < block->count; i++) {
        double e = at->w[i] - at->w0[i];
        if (e == 0)
            continue;
        if (!on_rows)
            sum += at->q0[i] * e + 0.5 * e * (joint ? at->q[i] - at->q0[i] : e);
        sum += at->l1[i] * (fabs(at->w[i]) - fabs(at->w0[i]));
        sum += 0.5 * at->l2[i] * e * (at->w[i] + at->w0[i]);
    }
    return -sum;
}

int lasso_pull(const void *problem, const void *common, void *scratch_,
               const struct rondo_task *task, const struct rondo_bytes *partials, int32_t count,
               struct rondo_buf *result)
{
    const struct lasso *lasso = problem;
    struct lasso_scratch *scratch = scratch_;
    if (task->tag == LASSO_GRADIENT)
        return lasso_scan_pull(lasso, &scratch->room, task, partials, count, result);
    struct pulled at;
    size_t bytes = sizeof(struct lasso_answer) + 3 * (size_t)task->count * sizeof(double);
    int code = lay_out(lasso, &scratch->room, task->count, &at);
    if (!code)
        code = load_block(lasso, task, partials, count, &at);
    if (!code)
        code = lasso->host->reserve(result, bytes);
    if (code)
        return code;
    const struct lasso_brief *brief = task->brief.data;
    struct lasso_block block = {
        .count = task->count, .couplings = task->couplings, .w = at.w, .q = at.q, .l1 = at.l1,
        .l2 = at.l2, .tolerance = brief->tolerance, .mode = (enum lasso_mode)brief->mode,
    };
    result->size = bytes;
    struct lasso_answer *answer = (struct lasso_answer *)(void *)result->data;
    double *b = (double *)(answer + 1), *violation = b + task->count;
    for (int64_t i = 0; i < task->count; i++)
        violation[i] = lasso_violation(at.w[i], at.q[i], at.l1[i], at.l2[i]);
    memcpy(violation + task->count, at.q0, (size_t)task->count * sizeof *at.q0);
    bool on_rows = !task->couplings && block.mode == LASSO_SOLVE && scratch->r;
    answer->steps = on_rows ? lasso_solve_on_rows(lasso, common, scratch->r, task->variables, &block)
                            : lasso_solve(lasso, &block, &scratch->list);
    if (answer->steps < 0)
        return (int)answer->steps;
    answer->descent = promised(&block, &at, on_rows);
    const double *old = (const double *)(brief + 1);
    double root = sqrt((double)lasso->n);
    for (int64_t i = 0; i < task->count; i++) {
        int64_t j = task->variables[i];
        b[i] = at.w[i] == at.w0[i] ? old[i] : at.w[i] * (root / lasso->scale[j]);
    }
    return RONDO_OK;
}

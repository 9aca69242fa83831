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
    PASSES_MOST = 2000, /* over the active variables, in all */
    NEWTON_SHARE = 32,
    WARM = 2,           /* a block with at most so many variables for one that is not 0 */
};

static const double QUIET = 0.1; /* of the tolerance: what violates less stays as it is */

double lasso_unit(const struct lasso *lasso, int64_t j)
{
    return lasso->scale[j] > 0 ? sqrt((double)lasso->n) / lasso->scale[j] : 0;
}

double lasso_violation(double w, double q, double l1, double l2, bool nonnegative)
{
    double g = q + l2 * w;
    return w != 0 ? fabs(g + copysign(l1, w)) : fmax((nonnegative ? -g : fabs(g)) - l1, 0);
}

/* One coordinate; returns its change. */
static double move(struct lasso_block *block, int64_t j)
{
    double old = block->w[j];
    double new = lasso_shrink(old - block->q[j], block->l1[j]) / (1 + block->l2[j]);
    if (block->nonnegative && new < 0)
        new = 0;
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
        double violation = lasso_violation(block->w[j], block->q[j], block->l1[j], block->l2[j],
                                           block->nonnegative);
        if (violation > worst)
            worst = violation;
        double change = violation > QUIET * block->tolerance ? move(block, j) : 0;
        if (change != 0) {
            spread(lasso, block, j, change);
            ++*steps;
        }
    }
    return worst;
}

/* Newton steps cost a third of the cube of the support, at about the rate of its pairs: as much as some
 * passes over it.  A support that was solved before and has got a few more needs no passes first. */
static bool worth_it(int64_t support, int64_t steps, int64_t count)
{
    return steps * count >= support * support / NEWTON_SHARE * support;
}

static int64_t list_support(const struct lasso_block *block, int64_t *list)
{
    int64_t active = 0;
    for (int64_t j = 0; j < block->count; j++)
        if (block->w[j] != 0)
            list[active++] = j;
    return active;
}

/* In front of the room a list: for newton.c what was not 0 at first, for passes what is not 0 now. */
static int64_t solve(const struct lasso *lasso, struct lasso_block *block, struct rondo_buf *room)
{
    int64_t steps = 0;
    int code = lasso->host->reserve(room, 2 * (size_t)block->count * sizeof(int64_t));
    if (code)
        return code;
    room->size = (size_t)block->count * sizeof(int64_t);
    block->first = list_support(block, (int64_t *)(void *)room->data);
    bool warm = WARM * block->first >= block->count;
    for (int passes = 0; passes < PASSES_MOST; passes++) {
        if (pass(lasso, block, NULL, block->count, &steps) <= block->tolerance)
            break;
        int64_t *list = (int64_t *)(void *)room->data + block->count;
        int64_t active = list_support(block, list), before = steps;
        double worst = HUGE_VAL;
        while (!warm && worst > block->tolerance && passes++ < PASSES_MOST
               && !worth_it(active, steps - before, block->count))
            worst = pass(lasso, block, list, active, &steps);
        if (worst > block->tolerance)
            code = lasso_newton(lasso, block, room, &steps);
        if (code)
            return code;
        warm = block->kept > 0;
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
        at->l1[i] = unit > 0 ? lasso_l1(lasso, brief->l1, j) * unit : HUGE_VAL;
        at->l2[i] = lasso_l2(lasso, brief->l2, j) * unit * unit;
    }
    return RONDO_OK;
}

/* -(q0'e + 1/2 e'(q - q0) + penalty change), e = w - w0; alone: each variable by itself. */
static double promised(const struct lasso_block *block, const struct pulled *at, double worth,
                       bool on_rows)
{
    bool joint = block->couplings && block->mode != LASSO_ALONE;
    double sum = on_rows ? block->change : 0;
    for (int64_t i = 0; i < block->count; i++) {
        double e = at->w[i] - at->w0[i];
        if (e == 0)
            continue;
        if (!on_rows)
            sum += at->q0[i] * e + 0.5 * e * (joint ? at->q[i] - at->q0[i] : e);
        sum += worth * at->l1[i] * (fabs(at->w[i]) - fabs(at->w0[i]));
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
    if (lasso->loss)
        return lasso_outer_pull(lasso, common, scratch, task, result);
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
        .nonnegative = lasso->nonnegative,
    };
    result->size = bytes;
    struct lasso_answer *answer = (struct lasso_answer *)(void *)result->data;
    *answer = (struct lasso_answer){ 0 };
    double *b = (double *)(answer + 1), *violation = b + task->count;
    for (int64_t i = 0; i < task->count; i++)
        violation[i] = lasso_violation(at.w[i], at.q[i], at.l1[i], at.l2[i], lasso->nonnegative);
    memcpy(violation + task->count, at.q0, (size_t)task->count * sizeof *at.q0);
    bool on_rows = !task->couplings && block.mode == LASSO_SOLVE && scratch->r;
    answer->steps = on_rows ? lasso_solve_on_rows(lasso, common, scratch, task->variables, &block)
                            : lasso_solve(lasso, &block, &scratch->list);
    if (answer->steps < 0)
        return (int)answer->steps;
    double worth = brief->worth == brief->l1 ? 1 : brief->worth / brief->l1;
    answer->descent = promised(&block, &at, worth, on_rows);
    const double *old = (const double *)(brief + 1);
    double root = sqrt((double)lasso->n);
    for (int64_t i = 0; i < task->count; i++) {
        int64_t j = task->variables[i];
        b[i] = at.w[i] == at.w0[i] ? old[i] : at.w[i] * (root / lasso->scale[j]);
    }
    return RONDO_OK;
}

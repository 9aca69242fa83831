/* rows.c - a block's subproblem solved on the residual: for blocks whose couplings would cost more
 * than the columns themselves.
 *
 *     q_j = -(x_j - m_j)'r / n,   w_j <- S(w_j - q_j, l1_j) / (1 + l2_j),   r <- r - (change of b_j) x_j
 *
 * in the block's coordinates (lasso.h).  Columns are centred implicitly: r is short of a constant,
 * which no centred column sees, so only sum r must be kept.
 */
#include "lasso.h"

#include <math.h>
#include <string.h>

enum {
    PASSES_MOST = 2000,   /* over the active variables, in all */
    ACTIVE_PASSES = 50,   /* over the active variables between two over all */
};

/* One coordinate: its violation before; r and w move. */
static double visit(const struct lasso *lasso, struct lasso_slice *at,
                    const int64_t *variables, struct lasso_block *block, int64_t i, int64_t *steps)
{
    int64_t j = variables[i];
    double unit = lasso_unit(lasso, j);
    double q = -lasso_gradient(lasso, at, j) / (double)lasso->n * unit, old = block->w[i];
    double violation = lasso_violation(old, q, block->l1[i], block->l2[i], block->nonnegative);
    double new = lasso_shrink(old - q, block->l1[i]) / (1 + block->l2[i]);
    if (block->nonnegative && new < 0)
        new = 0;
    if (new == old)
        return violation;
    double change = (new - old) * unit;
    block->w[i] = new;
    lasso_add_column(lasso, at, -change, j, at->r);
    at->sums[0] -= change * lasso->mean[j] * (double)lasso->n;
    ++*steps;
    return violation;
}

static double pass(const struct lasso *lasso, struct lasso_slice *slice,
                   const int64_t *variables, struct lasso_block *block, bool active, int64_t *steps)
{
    double worst = 0;
    for (int64_t i = 0; i < block->count; i++)
        if (!active || block->w[i] != 0)
            worst = fmax(worst, visit(lasso, slice, variables, block, i, steps));
    return worst;
}

/* Passes until the tolerance holds; columns one by one, wherever they are stored. */
static int64_t descend(const struct lasso *lasso, struct lasso_slice *slice, const int64_t *variables,
                       struct lasso_block *block)
{
    int64_t steps = 0;
    for (int passes = 0; passes < PASSES_MOST; passes++) {
        if (pass(lasso, slice, variables, block, false, &steps) <= block->tolerance)
            break;
        double worst = HUGE_VAL;
        for (int i = 0; i < ACTIVE_PASSES && worst > block->tolerance; i++, passes++)
            worst = pass(lasso, slice, variables, block, true, &steps);
    }
    return steps;
}

/* The same for sparse columns, by the kernel; room: [count] of each. */
static int64_t descend_sparse(const struct lasso *lasso, struct lasso_slice *slice,
                              const int64_t *variables, struct lasso_block *block, double *room)
{
    double *unit = room, *mean = unit + block->count;
    int32_t *list = (int32_t *)(mean + block->count);
    struct descent at = {
        .ptr = lasso->x->colptr, .value = lasso->x->values, .index = lasso->x->rowidx,
        .column = variables, .unit = unit, .mean = mean, .l1 = block->l1, .l2 = block->l2,
        .w = block->w, .r = slice->r, .sum = slice->sums[0], .n = (double)lasso->n,
        .gain = (double)lasso->n, .nonnegative = block->nonnegative,
    };
    for (int64_t i = 0; i < block->count; i++) {
        unit[i] = lasso_unit(lasso, variables[i]);
        mean[i] = lasso->mean[variables[i]];
    }
    for (int passes = 0; passes < PASSES_MOST; passes++) {
        if (lasso->kernel->descend(&at, NULL, block->count) <= block->tolerance)
            break;
        int64_t active = 0;
        for (int64_t i = 0; i < block->count; i++)
            if (block->w[i] != 0)
                list[active++] = (int32_t)i;
        double worst = HUGE_VAL;
        for (int i = 0; i < ACTIVE_PASSES && worst > block->tolerance; i++, passes++)
            worst = lasso->kernel->descend(&at, list, active);
    }
    return at.steps;
}

/* The quadratic's change along what was moved, from u = r before - r now. */
static double change_of(const struct lasso *lasso, const struct lasso_slice *slice, const double *r)
{
    double shift = 0, uu = 0, ur = 0, n = (double)lasso->n;
    for (int64_t i = 0; i < slice->hi - slice->lo; i++)
        shift += slice->r[i] - r[i];
    shift = lasso->intercept ? shift / n : 0;
    for (int64_t i = 0; i < slice->hi - slice->lo; i++) {
        double u = slice->r[i] - r[i] - shift;
        uu += u * u;
        ur += u * slice->r[i];
    }
    return (0.5 * uu - ur) / n;
}

int64_t lasso_solve_on_rows(const struct lasso *lasso, const struct lasso_slice *slice,
                            struct lasso_scratch *scratch, const int64_t *variables,
                            struct lasso_block *block)
{
    struct lasso_slice own = *slice;
    int code = lasso->host->reserve(&scratch->list, (size_t)block->count * 3 * sizeof(double) + 1);
    if (code)
        return code;
    own.r = scratch->r;
    memcpy(own.r, slice->r, (size_t)(slice->hi - slice->lo) * sizeof *own.r);
    double *room = (double *)(void *)scratch->list.data;
    int64_t steps = lasso->x->sparse ? descend_sparse(lasso, &own, variables, block, room)
                                     : descend(lasso, &own, variables, block);
    block->change = change_of(lasso, slice, own.r);
    return steps;
}

/* glm.c - slices under a loss: eta is what they keep, r what they make of it.
 *
 *     eta = offset + b0 + (X - 1 m') b,   r = -v f'(eta), made orthogonal to the unpenalised columns
 *
 * Orthogonal by the curvature, r - H Z (Z'HZ)^-1 Z'r, which is what a Newton step of the unpenalised
 * coefficients would leave: r is a dual point as it stands, whatever the penalty is, and near the solution
 * it is the pull.
 */
#include "lasso.h"

#include <math.h>
#include <string.h>

void lasso_glm_measure(const struct lasso *lasso, struct lasso_slice *slice)
{
    slice->loss = lasso->loss->derive(&lasso->rows, slice->eta, false, slice->r, slice->h);
    slice->feasible = lasso_project(lasso, slice->h, slice->r, slice->room);
    lasso->kernel->step(0, lasso->y, slice->r, lasso->y, lasso->n, slice->sums);
    lasso_write_digits(lasso, slice);
}

void lasso_glm_fresh(const struct lasso *lasso, struct lasso_slice *slice, struct lasso_scratch *scratch,
                     const struct lasso_commit *commit, const double *u)
{
    for (int64_t i = 0; i < lasso->n; i++)
        slice->eta[i] = lasso->offset[i] + (commit->b0 + u[i]);
    memcpy(scratch->r, slice->r, (size_t)lasso->n * sizeof *scratch->r);
    lasso_glm_measure(lasso, slice);
    double moved = 0;
    for (int64_t i = 0; i < lasso->n; i++)
        moved += (slice->r[i] - scratch->r[i]) * (slice->r[i] - scratch->r[i]);
    slice->moved = lasso_moved(slice->moved, moved, commit->phase);
}

/* u = (X - 1 m')d, with the shift; out: the change of the loss's sum, |change of r|^2 at eta + t u. */
static void attempt(const struct lasso *lasso, const struct lasso_slice *slice,
                    struct lasso_scratch *scratch, const struct lasso_trial *trial, double *u,
                    double out[2])
{
    for (int64_t i = 0; i < lasso->n; i++) {
        u[i] += trial->shift;
        scratch->eta[i] = slice->eta[i] + trial->t * u[i];
    }
    out[0] = lasso->loss->change(&lasso->rows, slice->eta, u, trial->t);
    lasso->loss->derive(&lasso->rows, scratch->eta, false, scratch->r, scratch->h);
    lasso_project(lasso, scratch->h, scratch->r, slice->room);
    out[1] = 0;
    for (int64_t i = 0; i < lasso->n; i++)
        out[1] += (scratch->r[i] - slice->r[i]) * (scratch->r[i] - slice->r[i]);
}

/* Of the rows that are held out: the sum of v times the deviance. */
static double score(const struct lasso *lasso, const struct lasso_slice *slice,
                    struct lasso_scratch *scratch)
{
    struct loss_rows rows = lasso->rows;
    for (int64_t i = 0; i < lasso->n; i++)
        scratch->v[i] = lasso->fold[i] != lasso->stage - 1 ? 0 : lasso->weight ? lasso->weight[i] : 1;
    rows.v = scratch->v;
    return 2 * lasso->loss->derive(&rows, slice->eta, false, NULL, NULL);
}

int lasso_glm_push(const struct lasso *lasso, const struct lasso_slice *slice,
                   struct lasso_scratch *scratch, const struct rondo_task *task,
                   struct rondo_buf *partial)
{
    const struct lasso_trial *trial = task->brief.data;
    size_t bytes = sizeof *trial + (task->tag == LASSO_STEP ? (size_t)task->count * sizeof(double) : 0);
    int code = lasso->host->reserve(partial, 2 * sizeof(double));
    if (code || task->brief.size != bytes)
        return code ? code : RONDO_EAPP;
    partial->size = 2 * sizeof(double);
    double *out = (double *)(void *)partial->data, sums[2];
    out[0] = out[1] = 0;
    if (task->tag == LASSO_DUAL) {
        out[0] = slice->feasible ? lasso->loss->dual(&lasso->rows, slice->r, trial->t) : -HUGE_VAL;
    } else if (task->tag == LASSO_SCORE) {
        out[0] = score(lasso, slice, scratch);
    } else {
        const double *d = (const double *)(trial + 1);
        lasso_product(lasso, slice, task->count, task->variables, d, scratch->u, sums);
        attempt(lasso, slice, scratch, trial, scratch->u, out);
    }
    return RONDO_OK;
}

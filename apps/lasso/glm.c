/* glm.c - slices under a loss: eta is what they keep, r what they make of it.
 *
 *     eta = offset + b0 + (X - 1 m') b,   r = -v f'(eta), made orthogonal to the unpenalised columns
 *
 * Orthogonal by the curvature, r - H Z (Z'HZ)^-1 Z'r, which is what a Newton step of the unpenalised
 * coefficients would leave: r is a dual point as it stands, whatever the penalty is, and near the solution
 * it is the pull.
 */
#include "lasso.h"

#include <string.h>

static struct loss_rows rows_of(const struct lasso *lasso, const struct lasso_slice *slice)
{
    struct loss_rows rows = lasso->rows;
    rows.v = slice->v;
    return rows;
}

void lasso_glm_measure(const struct lasso *lasso, struct lasso_slice *slice)
{
    struct loss_rows rows = rows_of(lasso, slice);
    slice->loss = lasso->loss->derive(&rows, slice->eta, false, slice->r, slice->h);
    lasso_project(lasso, slice->h, slice->r, slice->room);
    lasso->kernel->step(0, lasso->y, slice->r, lasso->y, lasso->n, slice->sums);
    lasso_write_digits(lasso, slice);
}

/* The weights of the rows that are left sum to n. */
void lasso_glm_stage(const struct lasso *lasso, struct lasso_slice *slice, int64_t stage)
{
    slice->stage = stage;
    memcpy(slice->v, lasso->rows.v, (size_t)lasso->n * sizeof *slice->v);
    if (stage == 0)
        return;
    double n = (double)lasso->n, scale = n / (n - lasso->held[stage - 1]);
    for (int64_t i = 0; i < lasso->n; i++)
        slice->v[i] = lasso->fold[i] == stage - 1 ? 0 : slice->v[i] * scale;
}

void lasso_glm_fresh(const struct lasso *lasso, struct lasso_slice *slice, struct lasso_scratch *scratch,
                     const struct lasso_commit *commit, const double *u)
{
    if (commit->stage != slice->stage)
        lasso_glm_stage(lasso, slice, commit->stage);
    for (int64_t i = 0; i < lasso->n; i++)
        slice->eta[i] = lasso->offset[i] + (commit->b0 + u[i]);
    memcpy(scratch->r, slice->r, (size_t)lasso->n * sizeof *scratch->r);
    lasso_glm_measure(lasso, slice);
    slice->moved = 0;
    for (int64_t i = 0; i < lasso->n; i++)
        slice->moved += (slice->r[i] - scratch->r[i]) * (slice->r[i] - scratch->r[i]);
}

void lasso_glm_try(const struct lasso *lasso, const struct lasso_slice *slice,
                   struct lasso_scratch *scratch, const struct lasso_trial *trial, double *u,
                   double out[2])
{
    struct loss_rows rows = rows_of(lasso, slice);
    for (int64_t i = 0; i < lasso->n; i++) {
        u[i] += trial->shift;
        scratch->eta[i] = slice->eta[i] + trial->t * u[i];
    }
    out[0] = lasso->loss->change(&rows, slice->eta, u, trial->t);
    lasso->loss->derive(&rows, scratch->eta, false, scratch->r, scratch->h);
    lasso_project(lasso, scratch->h, scratch->r, slice->room);
    out[1] = 0;
    for (int64_t i = 0; i < lasso->n; i++)
        out[1] += (scratch->r[i] - slice->r[i]) * (scratch->r[i] - slice->r[i]);
}

double lasso_glm_score(const struct lasso *lasso, const struct lasso_slice *slice,
                       struct lasso_scratch *scratch)
{
    struct loss_rows rows = lasso->rows;
    for (int64_t i = 0; i < lasso->n; i++)
        scratch->v[i] = lasso->fold[i] == slice->stage - 1 ? lasso->rows.v[i] : 0;
    rows.v = scratch->v;
    return 2 * lasso->loss->derive(&rows, slice->eta, false, NULL, NULL);
}

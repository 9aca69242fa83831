/* cells.h - the ratings of a job: which train, which are held out, and both by rows.
 *
 * Place:   apps/mf, private to it; mf.c reads, the solvers' open look.
 * Threads: open's.
 * Memory:  first is the problem's; columns and values are host->alloc's, given back by cells_free.
 */
#ifndef MF_CELLS_H
#define MF_CELLS_H

#include "mf.h"

/* Is entry e of data.train held out?  A pure function of the seed and e. */
static inline bool cells_held(const struct problem *problem, int64_t e)
{
    return problem->holdout > 0
           && rondo_rng_unit(problem->seed, 0, MF_STREAM_HOLDOUT, (uint64_t)e) < problem->holdout;
}

/* Reads data.train and data.test: counts, mean, deviation, test cells, and by_user and by_item where the solver
 * asks for them.  RONDO_EINPUT with the place: no training rating, a rating below 0 where nonnegative or implicit. */
int cells_read(struct problem *problem, struct rondo_error *err);
/* Training ratings by user, and any cells turned: RONDO_ENOMEM.  cells_free gives columns and values back, of
 * zeroed ones too; first is the problem's. */
int cells_by_user(const struct problem *problem, struct cells *out);
int cells_transpose(struct problem *problem, const struct cells *in, struct cells *out);
void cells_free(const struct problem *problem, struct cells *cells);

#endif

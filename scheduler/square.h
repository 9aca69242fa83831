/* square.h - the couplings of a block as a square, out of the cache's triangle.
 *
 * Place:   scheduler, floor 2; used by scheduler.c.
 * Threads: one; a large block is filled by its team.
 * Memory:  none.
 */
#ifndef SQUARE_H
#define SQUARE_H

#include "core/base/team.h"
#include "scheduler/coupled.h"

/* out [count x count], symmetric, unit diagonal, in the order in which the line-up was given; all pairs
 * known.  O(pairs). */
void square_fill(struct team *team, const struct cache *cache, const struct lineup *block, double *out);

#endif

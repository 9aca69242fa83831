/* objective.h - the lasso's objective by its definition: see replay.h.
 *
 * Place:   oracle, floor 3; used by replay.c.
 * Threads: one.
 * Memory:  none.
 */
#ifndef OBJECTIVE_H
#define OBJECTIVE_H

#include "oracle/replay.h"

/* F at b and eta; profiled: with the b0 that makes it least.  Cost: a pass over the rows, profiled some 60. */
double objective_of(const struct replay *replay);
/* F at b and eta + b0. */
double objective_at(const struct replay *replay, double b0);

#endif

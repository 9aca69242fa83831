/* start.h - the rows that a job begins with: drawn, or an earlier job's.
 *
 * Place:   apps/mf, private to it; mf.c reads it, mf_init_row (mf.h) gives it out.
 * Threads: open's; then immutable.
 * Memory:  of the problem.
 */
#ifndef MF_START_H
#define MF_START_H

#include "mf.h"

/* params.warm_start, where it is given, into problem->start: rows by their ids.  Biases where both
 * have them.  RONDO_EINPUT: another rank. */
int start_read(struct problem *problem, struct rondo_error *err);

/* The earlier job's row of a user or an item into out [rank], 0 for what is below it where the model is to be
 * nonnegative; false: it had none, or there is no such job. */
bool start_row(const struct problem *problem, bool users, int64_t row, float *out);

#endif

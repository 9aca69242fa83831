/* output.h - the model's files: user_factors.npy, item_factors.npy, biases.npz, users.txt, items.txt.
 *
 * Place:   apps/mf, private to it; called by head.c.
 * Threads: the coordinator's.
 * Memory:  a few kilobytes.
 */
#ifndef MF_OUTPUT_H
#define MF_OUTPUT_H

#include "mf.h"

/* RONDO_EIO and what host->create says.  A number that is not finite: RONDO_EAPP. */
int factors_save(const struct problem *problem, const struct factors *factors, struct rondo_output *output,
                struct rondo_error *err);

#endif

/* output.h - the model's files: user_factors.npy, item_factors.npy, biases.npz, users.txt, items.txt, model.json.
 *
 * Place:   apps/mf, private to it; called by head.c.
 * Threads: the coordinator's.
 * Memory:  a few kilobytes.
 *
 * Arrays are '<f4' in C order, a row for each line of users.txt or items.txt; `mean` of biases.npz is one '<f8'.
 * The same model makes the same bytes.  model.json is what predict needs beside them: flags are 0 or 1, and
 * `mean` is what is foretold where nothing else is known, mu or, without biases, the mean of the training ratings.
 */
#ifndef MF_OUTPUT_H
#define MF_OUTPUT_H

#include "mf.h"

/* What has no training rating is left out, and `factors` has fewer rows thereafter: predictions of it are those of
 * what was never seen.  RONDO_EIO and what host->create says.  A number that is not finite: RONDO_EAPP, and no file is begun. */
int factors_save(const struct problem *problem, struct factors *factors, struct rondo_output *output,
                 struct rondo_error *err);

#endif

/* recommend.h - the best items that users have not rated, and rows for users whom the model does not have.
 *
 * Place:   apps/mf, private to it; predict.c has it for --top N.
 * Threads: one.
 * Memory:  4 bytes a line of the file and 16 an id; 16 x N scores; for new users the items' rows once more.
 *
 * A new user's row is the minimum of F over it, the items fixed, of the ratings that the file has of it (fold-in;
 * normal.h); with ratings of no item that the model has, the mean and the items' biases are all that is known.
 */
#ifndef MF_RECOMMEND_H
#define MF_RECOMMEND_H

#include "saved.h"

/* Puts rows {user, item, score}, users in the file's order, items best first.  Of two lines of one pair the later
 * counts.  report: metrics.  RONDO_ENOMEM and what host->put says. */
int recommend(const struct saved *saved, const struct rondo_predict *what, int64_t most, struct rondo_report *report,
              struct rondo_error *err);

#endif

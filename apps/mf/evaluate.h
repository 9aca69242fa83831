/* evaluate.h - how good a whole model is, from its factors alone.
 *
 * Place:   apps/mf, private to it; head.c at the end, als.c while it runs.
 * Threads: host->each over users, in parts that the data fix; sums in the order of parts.
 * Memory:  by host->alloc, freed before return: a few numbers a part; of implicit feedback 8 bytes a user and 64 a
 *          coordinate for each thread.
 */
#ifndef MF_EVALUATE_H
#define MF_EVALUATE_H

#include "mf.h"

/* F and the training RMSE, exactly, from by_user or by_item, whichever is there: figures->objective and rmse.
 * Of implicit feedback the sum over all cells is that over the ratings and sum_ui s_ui^2 = <P'P, Q'Q>, in double;
 * rmse is then NAN.  Cost: 2 rank a rating; implicit (users + items) rank^2 beside it.  RONDO_ENOMEM. */
int evaluate_train(const struct problem *problem, const struct factors *factors, struct figures *figures);

/* Over problem->test: the RMSE, and of implicit feedback instead of it recall@k and NDCG@k, means over users
 * with a test item (a rating above 0): the items of training excluded, ties by the lower number,
 *
 *     recall@k = hits / min(k, test items)      NDCG@k = sum_hits 1/log2(1 + rank) / sum_{j <= min(k, test items)} 1/log2(1 + j)
 *
 * What there is nothing to compute of is NAN.  Implicit: by_user is there.  RONDO_ENOMEM. */
int evaluate_test(const struct problem *problem, const struct factors *factors, struct figures *figures);

#endif

/* evaluate.h - how good a whole model is, from its factors alone.
 *
 * Place:   apps/mf, private to it; head.c at the end, als.c while it runs.
 * Threads: host->each over users, in parts that the data fix; sums in the order of parts.
 * Memory:  by host->alloc, freed before return.
 */
#ifndef MF_EVALUATE_H
#define MF_EVALUATE_H

#include "mf.h"

/* F and the training RMSE, exactly, from by_user or by_item, whichever is there: figures->objective and rmse. */
int evaluate_train(const struct problem *problem, const struct factors *factors, struct figures *figures);

/* Over problem->test: the RMSE, and of implicit feedback instead of it recall@k and NDCG@k, means over users
 * with a test item: the items of training excluded, ties by the lower number,
 *
 *     recall@k = hits / min(k, test items)      NDCG@k = sum_hits 1/log2(1 + rank) / sum_{j <= min(k, test items)} 1/log2(1 + j)
 */
int evaluate_test(const struct problem *problem, const struct factors *factors, struct figures *figures);

/* The `top` best of all items for a user's row, not those in `seen` [seens], ascending; out [top] items, best
 * first, score [top]; returns how many.  scores: room for [items]. */
int32_t evaluate_top(const struct factors *factors, const float *user, float bias, const int32_t *seen, int64_t seens,
                     int32_t top, int32_t *out, float *score, float *scores);

#endif

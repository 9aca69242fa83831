/* balance.h - clusters into blocks: longest processing time first, with a limit on their sizes.
 *
 * Place:   scheduler, floor 2; used in its own folder alone.
 * Threads: one.
 * Memory:  about 56 bytes an item and 16 a block, from init to fini.
 *
 * Source: R. L. Graham, "Bounds on multiprocessing timing anomalies", SIAM J. Appl. Math. 17 (1969):
 * the costliest first, each to the block with the least load (at most 4/3 of the best possible, where
 * no block is full).  Ties: the earlier item, the lower block.
 */
#ifndef BALANCE_H
#define BALANCE_H

#include "scheduler/radix.h"

struct balance {
    int32_t blocks, block_size;
    double *load;                      /* [blocks] */
    int32_t *room;                     /* [blocks] */
    int32_t *heap;                     /* [blocks] by (load, block) */
    struct radix_item *order, *scratch; /* [items] */
};

/* Items 0 .. count-1 in clusters: cluster c holds member[start[c]] .. member[start[c+1] - 1]. */
struct balance_clusters {
    int32_t count;
    const int32_t *start, *member;
};

size_t balance_bytes(int64_t items, int64_t blocks);
int balance_init(struct balance *balance, int64_t items, int32_t blocks,
                 int32_t block_size) RONDO_MUST_CHECK;
void balance_fini(struct balance *balance);

/* Single items, at most blocks x block_size of them.  cost[i] >= 0, NULL: 1 each.  block_of[i] is
 * set.  O(n log blocks). */
void balance_units(struct balance *balance, int64_t count, const double *cost, int32_t *block_of);

/* Whole clusters.  False: some cluster found no block with room; block_of is then unfinished.
 * split: such a cluster is cut where it must be, and all fit.  O(n + clusters x blocks). */
bool balance_pack(struct balance *balance, const struct balance_clusters *clusters,
                  const double *cost, bool split, int32_t *block_of);

/* By size alone, first fit decreasing; true whenever balance_fits was.  Same cost. */
bool balance_first_fit(struct balance *balance, const struct balance_clusters *clusters,
                       int32_t *block_of);
/* Do of_size[z] clusters of each size z in 2 .. largest fit, first fit decreasing?  Single items fill
 * what is left and need no test. */
bool balance_fits(struct balance *balance, const int32_t *of_size, int32_t largest);

#endif

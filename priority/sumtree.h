/* sumtree.h - the sums of M weights, kept so that one can be drawn in proportion, in O(log M).
 *
 * Place:   priority, floor 1; used by sampler.c and by tests.
 * Threads: one.
 * Memory:  one block of about 9/7 M doubles, from sumtree_init to sumtree_fini; none in between.
 *
 * A wide tree: level 0 holds the weights, an entry of level l + 1 is the sum of eight entries of
 * level l, and eight entries fill one line of the cache.  An inner entry is always recomputed from its
 * children, in one fixed order, and never adjusted by a difference: the tree is a function of its
 * leaves, whatever the order of the updates, and no rounding error gathers.
 *
 * Source: weighted sampling by a tree of partial sums, C. K. Wong and M. C. Easton, "An efficient
 * method for weighted sampling without replacement", SIAM J. Comput. 9 (1980).
 */
#ifndef SUMTREE_H
#define SUMTREE_H

#include <rondo/types.h>

enum { SUMTREE_FAN = 8, SUMTREE_LEVELS_MAX = 21 };

struct sumtree {
    int64_t count;
    int32_t levels;
    double *level[SUMTREE_LEVELS_MAX];  /* level[l]: [width[l]], whole nodes, padded by zeros */
    int64_t width[SUMTREE_LEVELS_MAX];
    double total;
};

/* All weights 0.  RONDO_ENOMEM. */
int sumtree_init(struct sumtree *tree, int64_t count) RONDO_MUST_CHECK;
void sumtree_fini(struct sumtree *tree);

/* weight: finite and >= 0, small enough that the sum of all stays finite.  O(log M). */
void sumtree_set(struct sumtree *tree, int64_t leaf, double weight);

/* After a change of these leaves, in any order, numbers outside passed over;
 * ascending ones share their sums.  O(leaves log M). */
void sumtree_update(struct sumtree *tree, int64_t count, const int64_t *leaves);

/* The weights themselves, [count], for a change in bulk; sumtree_rebuild must follow.  O(M). */
double *sumtree_leaves(struct sumtree *tree);
void sumtree_rebuild(struct sumtree *tree);

/* The leaf at u in [0, 1) of the sum; -1 where the sum is 0.  Never a leaf of weight 0.  O(log M). */
int64_t sumtree_find(const struct sumtree *tree, double u);

/* The leaves that have a weight, ascending, where they are at most so many; else more than that is
 * returned, and leaf has some of them.  O(leaves listed log M). */
int64_t sumtree_list(const struct sumtree *tree, int64_t most, int64_t *leaf);

#endif

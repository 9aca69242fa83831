/* cut.h - coupled variables into clusters that fit in a block, cut at their weakest couplings.
 *
 * Place:   scheduler, floor 2; used by policy_solve.c and policy_group.c.
 * Threads: one.
 * Memory:  component.h's, and 8 bytes an item, 12 more where forests are cut, from init to fini.
 *
 * A component that fits stays whole.  A larger one: Kruskal over its maximum spanning tree, from the
 * strongest edge on, an edge left out where the union would exceed the limit.  Source: J. B. Kruskal,
 * Proc. AMS 7 (1956); single-linkage clusters by the spanning tree, J. C. Gower and G. J. S. Ross,
 * Appl. Statist. 18 (1969).
 */
#ifndef CUT_H
#define CUT_H

#include "dependency/component.h"
#include "dependency/spanning.h"
#include "scheduler/balance.h"

struct cut {
    struct component component; /* over the items; clusters are its sets */
    int32_t *start, *member;    /* [items + 1], [items] */
    struct spanning_edge *edge; /* [items]; NULL where no forest is cut */
};

int cut_init(struct cut *cut, int64_t items, bool forests) RONDO_MUST_CHECK;
void cut_fini(struct cut *cut);

/* Sets of at most `limit` items each from the edges of a forest.  Those that were cut leave cut->edge;
 * returns how many stay.  order, scratch: as long as the items.  O(n log n). */
int64_t cut_forest(struct cut *cut, int64_t items, int64_t edges, int32_t limit,
                   struct radix_item *order, struct radix_item *scratch);
/* order[].value: the edges' places, the strongest first. */
void cut_order(const struct cut *cut, int64_t edges, struct radix_item *order, struct radix_item *scratch);
/* The sets as lists, in the order of their first items. */
struct balance_clusters cut_clusters(struct cut *cut, int64_t items);

#endif

/* component.h - which variables hang together: disjoint sets over 0 .. n-1 with their sizes.
 *
 * Place:   dependency, floor 1; used by scheduler/ and by spanning.c.
 * Threads: one.
 * Memory:  8 bytes an element, from init to fini.
 *
 * Source: union by size with path halving, R. E. Tarjan and J. van Leeuwen, J. ACM 31 (1984);
 * O(alpha(n)) an operation.  Of two roots of one size the smaller number stays a root.
 */
#ifndef COMPONENT_H
#define COMPONENT_H

#include <rondo/types.h>

struct component {
    int32_t *parent, *size; /* size: of a root */
};

int component_init(struct component *component, int64_t count) RONDO_MUST_CHECK;
void component_fini(struct component *component);
/* Makes element i a set of its own. */
void component_single(struct component *component, int32_t i);
int32_t component_root(struct component *component, int32_t i);
/* Joins the sets of two roots; the root of the union. */
int32_t component_join(struct component *component, int32_t a, int32_t b);

#endif

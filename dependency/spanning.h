/* spanning.h - the strongest couplings that hold a graph together: a maximum spanning forest.
 *
 * Place:   dependency, floor 1; used by scheduler/cut.c.
 * Threads: one.
 * Memory:  4 bytes a pair of nodes and 16 a node, from init to fini; pages are touched as used.
 *
 * Source: R. C. Prim, "Shortest connection networks", Bell System Tech. J. 36 (1957); the dense form,
 * O(n^2).  Ties go to the smaller node.
 */
#ifndef SPANNING_H
#define SPANNING_H

#include <rondo/types.h>

struct spanning {
    int64_t nodes_max;
    float *strength; /* [n (n - 1) / 2] lower triangle by rows; 0: not coupled, > 0: how strongly */
    float *best;     /* [nodes_max] strength of the edge by which a node would join */
    int32_t *to;     /* [nodes_max] the other end of it */
    int32_t *left;   /* [nodes_max] nodes that have not joined */
};

struct spanning_edge {
    int32_t a, b;
    float strength; /* > 0 */
};

size_t spanning_bytes(int64_t nodes);
int spanning_init(struct spanning *spanning, int64_t nodes) RONDO_MUST_CHECK;
void spanning_fini(struct spanning *spanning);

/* Row i of the triangle, [i], to be filled by the caller. */
static inline float *spanning_row(const struct spanning *spanning, int64_t i)
{
    return spanning->strength + i * (i - 1) / 2;
}

/* Strength as it is compared: 0 where |coupling| <= threshold; what is no number is strongest. */
static inline float spanning_strength(double coupling, double threshold)
{
    double size = coupling < 0 ? -coupling : coupling;
    float strength = size < 1 ? (float)size : 1.0f;
    strength = strength > 0x1p-120f ? strength : 0x1p-120f;
    return size <= threshold ? 0.0f : strength;
}

/* At most nodes - 1 edges, in the order in which they were found; their number. */
int64_t spanning_forest(struct spanning *spanning, int64_t nodes, struct spanning_edge *edges);

#endif

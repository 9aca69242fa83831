#include "dependency/spanning.h"

#include "core/base/mem.h"

#include <rondo/err.h>

size_t spanning_bytes(int64_t nodes)
{
    size_t n = (size_t)nodes;
    return (n ? n * (n - 1) / 2 : 0) * sizeof(float) +
           n * (sizeof(float) + 2 * sizeof(int32_t) + sizeof(struct spanning_edge));
}

int spanning_init(struct spanning *spanning, int64_t nodes)
{
    size_t n = (size_t)nodes;
    *spanning = (struct spanning){ .nodes_max = nodes };
    spanning->strength = mem_alloc((n ? n * (n - 1) / 2 : 0) * sizeof *spanning->strength);
    spanning->best = mem_alloc(n * sizeof *spanning->best);
    spanning->to = mem_alloc(n * sizeof *spanning->to);
    spanning->left = mem_alloc(n * sizeof *spanning->left);
    if (!spanning->strength || !spanning->best || !spanning->to || !spanning->left) {
        spanning_fini(spanning);
        return RONDO_ENOMEM;
    }
    return RONDO_OK;
}

void spanning_fini(struct spanning *spanning)
{
    mem_free(spanning->strength);
    mem_free(spanning->best);
    mem_free(spanning->to);
    mem_free(spanning->left);
    *spanning = (struct spanning){ 0 };
}

/* `node` has joined: better edges to those left, and the strongest of all; its place in left. */
static int64_t relax(struct spanning *spanning, int32_t node, int64_t left_count)
{
    const float *row = spanning_row(spanning, node);
    float *best = spanning->best;
    float strongest = -1;
    int64_t place = 0;
    for (int64_t i = 0; i < left_count; i++) {
        int32_t other = spanning->left[i];
        float strength = other < node ? row[other] : spanning_row(spanning, other)[node];
        bool better = strength > best[other];
        float now = better ? strength : best[other];
        best[other] = now;
        spanning->to[other] = better ? node : spanning->to[other];
        if (now > strongest || (!(now < strongest) && other < spanning->left[place])) {
            strongest = now;
            place = i;
        }
    }
    return place;
}

int64_t spanning_forest(struct spanning *spanning, int64_t nodes, struct spanning_edge *edges)
{
    if (nodes == 0)
        return 0;
    int64_t left_count = nodes - 1, count = 0;
    for (int32_t i = 1; i < nodes; i++) {
        spanning->left[i - 1] = i;
        spanning->best[i] = 0;
        spanning->to[i] = 0;
    }
    int32_t node = 0;
    while (left_count > 0) {
        int64_t place = relax(spanning, node, left_count);
        node = spanning->left[place];
        spanning->left[place] = spanning->left[--left_count];
        if (spanning->best[node] > 0)
            edges[count++] = (struct spanning_edge){ node, spanning->to[node],
                                                     spanning->best[node] };
    }
    return count;
}

#include "scheduler/cut.h"

#include "core/base/mem.h"

#include <rondo/err.h>

int cut_init(struct cut *cut, int64_t items, bool forests)
{
    *cut = (struct cut){ 0 };
    int rc = component_init(&cut->component, items);
    cut->start = mem_alloc(((size_t)items + 1) * sizeof *cut->start);
    cut->member = mem_alloc((size_t)items * sizeof *cut->member);
    if (forests)
        cut->edge = mem_alloc((size_t)items * sizeof *cut->edge);
    if (rc || !cut->start || !cut->member || (forests && !cut->edge)) {
        cut_fini(cut);
        return RONDO_ENOMEM;
    }
    return RONDO_OK;
}

void cut_fini(struct cut *cut)
{
    component_fini(&cut->component);
    mem_free(cut->start);
    mem_free(cut->member);
    mem_free(cut->edge);
    *cut = (struct cut){ 0 };
}

void cut_order(const struct cut *cut, int64_t edges, struct radix_item *order, struct radix_item *scratch)
{
    for (int64_t e = 0; e < edges; e++)
        order[e] =
            (struct radix_item){ radix_greatest_first((double)cut->edge[e].strength), e };
    radix_sort(order, scratch, edges);
}

/* Of a forest's edges those are cut whose ends are in two clusters. */
static int64_t drop_cut(struct cut *cut, int64_t edges)
{
    int64_t kept = 0;
    for (int64_t e = 0; e < edges; e++) {
        struct spanning_edge edge = cut->edge[e];
        if (component_root(&cut->component, edge.a) == component_root(&cut->component, edge.b))
            cut->edge[kept++] = edge;
    }
    return kept;
}

int64_t cut_forest(struct cut *cut, int64_t items, int64_t edges, int32_t limit,
                   struct radix_item *order, struct radix_item *scratch)
{
    struct component *component = &cut->component;
    for (int32_t i = 0; i < items; i++)
        component_single(component, i);
    cut_order(cut, edges, order, scratch);
    for (int64_t e = 0; e < edges; e++) {
        const struct spanning_edge *edge = &cut->edge[order[e].value];
        int32_t a = component_root(component, edge->a), b = component_root(component, edge->b);
        if (component->size[a] <= limit - component->size[b])
            component_join(component, a, b);
    }
    return drop_cut(cut, edges);
}

struct balance_clusters cut_clusters(struct cut *cut, int64_t items)
{
    struct component *component = &cut->component;
    int32_t count = 0, at = 0;
    for (int32_t i = 0; i < items; i++)
        cut->member[i] = -1;
    /* A cluster is numbered where its first item is met; member[root] holds the number, start[c]
     * the next free place of its list. */
    for (int32_t i = 0; i < items; i++) {
        int32_t root = component_root(component, i);
        if (cut->member[root] < 0) {
            cut->member[root] = count;
            cut->start[count++] = at;
            at += component->size[root];
        }
    }
    cut->start[count] = at;
    for (int32_t i = 0; i < items; i++) /* parents become cluster numbers; the sets are done with */
        component->size[i] = cut->member[component_root(component, i)];
    for (int32_t i = 0; i < items; i++)
        cut->member[cut->start[component->size[i]]++] = i;
    for (int32_t c = count; c > 0; c--)
        cut->start[c] = cut->start[c - 1];
    cut->start[0] = 0;
    return (struct balance_clusters){ .count = count, .start = cut->start, .member = cut->member };
}

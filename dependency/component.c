#include "dependency/component.h"

#include "core/base/mem.h"

#include <rondo/err.h>

int component_init(struct component *component, int64_t count)
{
    component->parent = mem_alloc((size_t)count * sizeof *component->parent);
    component->size = mem_alloc((size_t)count * sizeof *component->size);
    if (!component->parent || !component->size) {
        component_fini(component);
        return RONDO_ENOMEM;
    }
    return RONDO_OK;
}

void component_fini(struct component *component)
{
    mem_free(component->parent);
    mem_free(component->size);
    *component = (struct component){ 0 };
}

void component_single(struct component *component, int32_t i)
{
    component->parent[i] = i;
    component->size[i] = 1;
}

int32_t component_root(struct component *component, int32_t i)
{
    int32_t *parent = component->parent;
    while (parent[i] != i) {
        parent[i] = parent[parent[i]];
        i = parent[i];
    }
    return i;
}

int32_t component_join(struct component *component, int32_t a, int32_t b)
{
    if (a == b)
        return a;
    int32_t *size = component->size;
    if (size[a] < size[b] || (size[a] == size[b] && b < a)) {
        int32_t smaller = a;
        a = b;
        b = smaller;
    }
    component->parent[b] = a;
    size[a] += size[b];
    return a;
}

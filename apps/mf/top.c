/* top.c - users' seats, and which kernel. */
#include "top.h"

#include <string.h>

extern const struct top_kernel top_kernel_v2, top_kernel_v3, top_kernel_v4;

bool top_open(struct top *top, const struct rondo_host *host, const struct factors *factors, int64_t most)
{
    *top = (struct top){ .factors = factors, .most = (int32_t)(most < factors->items ? most : factors->items) };
    top->panel = host->zalloc((size_t)factors->rank, TOP_USERS * sizeof *top->panel);
    top->best = host->alloc((size_t)top->most * TOP_USERS * sizeof *top->best);
    if (top->panel && top->best)
        return true;
    top_close(top, host);
    return false;
}

void top_close(struct top *top, const struct rondo_host *host)
{
    host->free(top->panel);
    host->free(top->best);
    *top = (struct top){ 0 };
}

int32_t top_seat(struct top *top, const float *row, double base, const int32_t *seen, int64_t seens)
{
    const int32_t seat = top->users++;
    for (int32_t f = 0; f < top->factors->rank; f++)
        top->panel[f * TOP_USERS + seat] = row[f];
    top->base[seat] = (float)base;
    top->seen[seat] = seen;
    top->seens[seat] = seens;
    return seat;
}

const struct top_kernel *top_kernel_for(const char *isa)
{
    static const struct top_kernel *const all[] = { &top_kernel_v2, &top_kernel_v3, &top_kernel_v4 };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i]->isa, isa) == 0)
            return all[i];
    return NULL;
}

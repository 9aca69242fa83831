/* kernel.c - which kernel. */
#include "kernel.h"

#include <string.h>

extern const struct sgd_kernel mf_sgd_v2, mf_sgd_v3, mf_sgd_v4;

const struct sgd_kernel *sgd_kernel_for(const char *isa)
{
    static const struct sgd_kernel *const all[] = { &mf_sgd_v2, &mf_sgd_v3, &mf_sgd_v4 };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i]->isa, isa) == 0)
            return all[i];
    return NULL;
}

/* normal.c - which kernel, how much room. */
#include "normal.h"

#include <string.h>

extern const struct normal_kernel normal_kernel_v2, normal_kernel_v3, normal_kernel_v4;

size_t normal_workspace_bytes(const struct normal *normal)
{
    /* Eight vectors; the upper half of A by tiles of up to 16 x 16; and one more tile for each row of them, or the
     * whole of A (normal_solve.c). */
    size_t row = ((size_t)normal->width + 15) / 16 * 16, blocks = row / 16;
    size_t numbers = 8 * row + 128 * blocks * (blocks + 1);
    numbers += normal->nonnegative ? row * row : 256 * blocks;
    return numbers * sizeof(float);
}

const struct normal_kernel *normal_kernel_for(const char *isa)
{
    static const struct normal_kernel *const all[] = { &normal_kernel_v2, &normal_kernel_v3, &normal_kernel_v4 };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i]->isa, isa) == 0)
            return all[i];
    return NULL;
}

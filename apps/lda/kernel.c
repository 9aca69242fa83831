/* kernel.c - which kernel, how much scratch, rows or lists. */
#include "kernel.h"

#include <string.h>

extern const struct lda_kernel lda_kernel_v2, lda_kernel_v3, lda_kernel_v4;

size_t lda_scratch_bytes(int32_t topics, int32_t row)
{
    (void)topics;
    /* Ten numbers of four bytes for a topic, each array rounded up to whole lines, and the rest; and behind
     * the second, q, wherever it begins, room for any topic of 16 bits (draw_lists.c). */
    return 10 * (4 * (size_t)row + 256) + (size_t)row / 4 + 4 * 65536;
}

bool lda_rows_for_documents(int32_t topics, double tokens_per_document)
{
    return topics <= 128 || topics <= 2 * tokens_per_document;
}

const struct lda_kernel *lda_kernel_for(const char *isa)
{
    static const struct lda_kernel *const all[] = { &lda_kernel_v2, &lda_kernel_v3, &lda_kernel_v4 };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i]->isa, isa) == 0)
            return all[i];
    return NULL;
}

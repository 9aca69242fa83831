/* draw.c - the table of a level, compiled once for each (cmake/kernels.cmake). */
#include "draw.h"

static int exact(const struct visit *visit)
{
    return visit->rows ? PASTE(lda_draw_rows_, KERNEL_ISA)(visit) : PASTE(lda_draw_lists_, KERNEL_ISA)(visit);
}

extern const struct lda_kernel PASTE(lda_kernel_, KERNEL_ISA);
const struct lda_kernel PASTE(lda_kernel_, KERNEL_ISA) = {
    .isa = "x86-64-" TEXT(KERNEL_ISA),
    .exact = exact,
    .mh = PASTE(lda_mh_, KERNEL_ISA),
};

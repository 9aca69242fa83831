/* mh.c - compiled once for each level (cmake/kernels.cmake). */
#include "draw.h"

int PASTE(lda_mh_, KERNEL_ISA)(const struct visit *visit)
{
    return visit->rows ? PASTE(lda_draw_rows_, KERNEL_ISA)(visit) : PASTE(lda_draw_lists_, KERNEL_ISA)(visit);
}

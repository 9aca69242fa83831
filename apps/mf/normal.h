/* normal.h - one user's or item's row, the others fixed: the exact minimum of F, or a few steps towards it.
 *
 * Place:   apps/mf, private to it; used by als.c and predict.c (fold-in).
 * Threads: pure functions, each call with its own workspace.
 * Memory:  the workspace is the caller's.
 *
 *     p = argmin  sum_j (r_j - q_j'p)^2 + lambda w |p|^2            j over the row's ratings
 *     implicit    p' Y'Y p + sum_j ((c_j - 1) (q_j'p)^2 - 2 c_j q_j'p) + lambda w |p|^2
 *
 * With biases the last of `width` = rank + 1 coordinates is the row's own bias and every q_j has 1 there.
 */
#ifndef MF_NORMAL_H
#define MF_NORMAL_H

#include "mf.h"

struct normal {
    int32_t width;        /* coordinates of p */
    int32_t stride;       /* floats from one row of `other` to the next, width up to a multiple of 16, zeros behind */
    const float *other;   /* rows q, aligned to 64 bytes */
    const float *gram;    /* implicit: Y'Y, [width x stride]; NULL: explicit */
    double alpha;         /* implicit */
    bool nonnegative;     /* coordinates >= 0, but the bias (bias: the last one) */
    bool bias;
    bool cg;              /* `steps` steps of conjugate gradient from the p that is there */
    int32_t steps;
};

size_t normal_workspace_bytes(const struct normal *normal); /* to be aligned to 64 */

struct normal_kernel {
    const char *isa;
    /* p [stride], in: where cg and nonnegative begin, out: the answer.  `value` are r_j (less what the other
     * side's biases and the mean say).  ridge: lambda w.  Returns the row's part of F at the answer: the sums
     * over its ratings (implicit: over all cells) and its own penalty.  A row without ratings: p = 0.
     * Never NAN: a system that is not positive definite in float is solved with a larger ridge. */
    double (*solve)(const struct normal *normal, const int32_t *col, const float *value, int64_t count, double ridge,
                    float *p, void *workspace);
    /* gram [width x stride] += rows' products; the upper and the lower half both. */
    void (*gram)(const float *rows, int64_t count, int32_t width, int32_t stride, float *gram);
};

const struct normal_kernel *normal_kernel_for(const char *isa);

#endif

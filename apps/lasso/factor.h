/* factor.h - Cholesky factors, A = L L', once for each instruction set.
 *
 * Place:   apps/lasso, private to it.
 * Threads: pure functions, but for the helpers'.
 * Memory:  none; FACTOR_STACK_BYTES of the caller's stack, and a helper's, and room where it is said.
 *
 * A matrix is its lower triangle, row-major: entry (i, k), k <= i, stands at a[i * ld + k], ld >= m;
 * what stands above the diagonal is neither read nor written.  Each row of a factor depends on its
 * own row of A and those above, so its bits do not depend on how many follow.
 *
 * What adds a row returns how many rows are a factor now: all of them, or the index of the first
 * whose pivot, L_ii^2 before the root, is not above `least` (or is no number).  The rows before it
 * are the factor of the leading block; those from it on hold nothing of use.
 */
#ifndef FACTOR_H
#define FACTOR_H

#include <stdint.h>

enum { FACTOR_STACK_BYTES = 320 * 1024, FACTOR_SIDE = 64 };

/* Who helps: each(context, parts, part, of_part) has part(of_part, 0 .. parts-1) done, each once, by any
 * threads, and returns when all are.  NULL: nobody.  Who does what changes no bit. */
struct factor_helpers {
    int (*each)(void *context, int64_t parts, int (*part)(void *context, int64_t index), void *of_part);
    void *context;
};

struct factor {
    const char *isa;
    /* A -> L in place; m^3/3 operations. */
    int64_t (*cholesky)(const struct factor_helpers *helpers, double *a, int64_t m, int64_t ld,
                        double least);
    /* The same where the rows before `from` are a factor already; from: a multiple of FACTOR_SIDE. */
    int64_t (*extend)(const struct factor_helpers *helpers, double *a, int64_t from, int64_t m, int64_t ld,
                      double least);
    /* L z = x, in place; m^2 operations. */
    void (*forward)(const double *a, int64_t m, int64_t ld, double *x);
    /* L'z = x, in place; m^2 operations. */
    void (*backward)(const double *a, int64_t m, int64_t ld, double *x);
    /* Row m of a factor of m rows; c[m + 1] is that row of A, and may stand there already.  m^2
     * operations. */
    int64_t (*append)(double *a, int64_t m, int64_t ld, const double *c, double least);
    /* From the factor of A, of m rows, that of A without row and column k, of m - 1, by Givens
     * rotations, which cannot fail; 3 (m - k)^2 operations.  room: [2 * (m - k)]. */
    void (*remove)(double *a, int64_t m, int64_t ld, int64_t k, double *room);
};

extern const struct factor lasso_factor_v2, lasso_factor_v3, lasso_factor_v4;

#endif

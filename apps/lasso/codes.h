/* codes.h - couplings of columns that are their shadows (shadow.h), in whole numbers, once for each
 * instruction set.
 *
 * A column on equidistant values is x_i = mean + scale (c_i - T/n), c_i its codes and T their sum, so
 *
 *     x_j'x_k = n mean_j mean_k + scale_j scale_k / n (n S - T_j T_k),    S = sum over i of c_ij c_ik,
 *
 * and all but a few roundings are exact: 64 products an instruction, of an eighth of the bytes.
 *
 * Place:   apps/lasso, private to it.
 * Threads: pure functions.
 * Memory:  none; CODES_STACK_BYTES of the caller's stack.
 *
 * The bits of an entry depend on its two columns alone, and on multiply-add being one rounding; (k, j)
 * has those of (j, k).
 */
#ifndef CODES_H
#define CODES_H

#include <stdint.h>

enum {
    CODES_STACK_BYTES = 136 * 1024,
    CODES_ROWS_MOST = 1 << 23, /* with more, n S would not fit */
};

/* Columns of a product: codes 0 .. 254, [n] and zeros to a multiple of SHADOW_LINE. */
struct codes_side {
    const uint8_t *const *code;
    const int64_t *sum; /* T */
    const double *unit; /* scale / sqrt(n), over what the coupling is divided by for this column */
    const double *mean; /* mean sqrt(n), over the same; 0 where columns are centred */
};

struct codes_kernel {
    const char *isa;
    /* T of one column. */
    int64_t (*sum)(const uint8_t *code, int64_t n);
    /* out[i * ld + j] = (n S - T_i T_j) unit_i unit_j + mean_i mean_j for columns i of a, j of b; n at most
     * CODES_ROWS_MOST, ld >= kb.  b is laid out anew, a few columns at a time, and is best the smaller. */
    void (*couplings)(const struct codes_side *a, int64_t ka, const struct codes_side *b, int64_t kb, int64_t n,
                      double *out, int64_t ld);
    /* The same as it is where a machine has no instruction for sums of products of bytes. */
    void (*couplings_widened)(const struct codes_side *a, int64_t ka, const struct codes_side *b, int64_t kb,
                              int64_t n, double *out, int64_t ld);
};

extern const struct codes_kernel lasso_codes_v2, lasso_codes_v3, lasso_codes_v4;

#endif

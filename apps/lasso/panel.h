/* panel.h - inner products of two panels of dense columns, once for each instruction set.
 *
 *     out = A'B,   A = (a_0 ... a_ka-1),  B = (b_0 ... b_kb-1),  n rows
 *
 * Place:   apps/lasso, private to it.
 * Threads: pure functions.
 * Memory:  none; PANEL_STACK_BYTES of the caller's stack.
 *
 * The bits of an entry depend on its two columns and the instruction set alone: not on the widths of
 * the panels, on where in them the columns stand, or on what is beside them; and a'b has the bits of
 * b'a.  Among instruction sets bits differ.
 */
#ifndef PANEL_H
#define PANEL_H

#include <stdint.h>

enum { PANEL_STACK_BYTES = 144 * 1024 };

struct panel {
    const char *isa;
    /* out[i * ld + j] = a_i'b_j; ka, kb, n >= 0, ld >= kb.  Columns are aligned as doubles are; a
     * column may stand in both panels, and more than once.  2 n ka kb operations. */
    void (*products)(const double *const *a, int64_t ka, const double *const *b, int64_t kb, int64_t n,
                     double *out, int64_t ld);
    /* out[i] = root[i] x[i], root the square roots of weights: products of such columns are weighted
     * ones, as symmetric to the bit as others.  out may be x. */
    void (*scaled)(const double *x, const double *root, int64_t n, double *out);
};

extern const struct panel lasso_panel_v2, lasso_panel_v3, lasso_panel_v4;

#endif

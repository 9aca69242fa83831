/* wide.h - the loops over dense columns in which a check spends its time, as wide as the machine is.
 *
 * Place:   oracle, floor 3; used by design.c.
 * Threads: pure functions.
 * Memory:  the caller's.
 *
 * Of any width the same operations in the same order, so the same bits: no product is contracted with its sum.
 */
#ifndef WIDE_H
#define WIDE_H

#include <rondo/types.h>

struct wide {
    /* (a - ma)'(b - mb) */
    double (*product)(const double *a, double ma, const double *b, double mb, int64_t n);
    /* a'b, of half the bytes */
    float (*rough)(const float *a, const float *b, int64_t n);
    /* to[n] += c (x - m) */
    void (*add)(double c, const double *x, double m, double *to, int64_t n);
};

/* The widest that this machine has. */
const struct wide *wide_best(void);
/* The same for every machine: what the others are held against. */
const struct wide *wide_plain(void);

#endif

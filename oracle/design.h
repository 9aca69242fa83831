/* design.h - the columns of the lasso as its model sees them, by the definition and in plain loops.
 *
 * Place:   oracle, floor 3; nothing of apps/lasso is used.
 * Threads: one.
 * Memory:  3 numbers a column, 2 a row, a cache of couplings of DESIGN_CACHE entries, and of short dense columns up
 *          to DESIGN_UNITS bytes of units.
 *
 *     x_j - m_j 1,  m_j = mean of x_j where there is an intercept, else 0
 *     scale_j  = |x_j - m_j 1|
 *     coupling = (x_j - m_j 1)'(x_k - m_k 1) / (scale_j scale_k),  0 where a scale is 0
 *
 * A missing genotype is the mean of its column's others.  Columns further apart than params.ld_window, of
 * genotypes, have the coupling 0 by that definition.  Covariates are the last columns.
 */
#ifndef DESIGN_H
#define DESIGN_H

#include "oracle/subject.h"
#include "oracle/wide.h"

enum { DESIGN_CACHE = 1 << 20, DESIGN_SHORT = 1024, DESIGN_UNITS = 64 << 20 };

struct design_pair {
    uint64_t key; /* 1 + j p + k, j < k; 0: none */
    double coupling;
};

struct design {
    const struct rondo_matrix *x, *side;
    int64_t n, p, sides;
    double *mean, *scale;  /* [p] */
    double *imputed;       /* [p] packed: what a missing entry is; else NULL */
    double *row;           /* [n] the column that is laid out, x_j - m_j 1; of sparse x zeros but for x_j */
    int64_t laid;          /* that column; -1: none */
    double window;
    const struct wide *wide;
    float *unit;           /* [n x p] (x_j - m_j 1) / scale_j; NULL: they are no short dense columns, or too many */
    struct design_pair *cache;
    int64_t computed;      /* couplings */
};

/* RONDO_EINPUT: there is no x; RONDO_ENOMEM.  Cost: two passes over x. */
int design_open(struct design *design, const struct subject *subject, struct rondo_error *err) RONDO_MUST_CHECK;
void design_close(struct design *design); /* of a zeroed one too */

/* Two different columns. */
double design_coupling(struct design *design, int64_t j, int64_t k);
/* Whether |coupling| <= bound for certain; false: it is to be computed.  That is seen for less. */
bool design_apart(const struct design *design, int64_t j, int64_t k, double bound);
/* to[n] += a (x_j - m_j 1) */
void design_add(const struct design *design, double a, int64_t j, double *to);

#endif

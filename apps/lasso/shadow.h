/* shadow.h - eight-bit copies of dense columns, which bound x'r at an eighth of its traffic.
 *
 * Place:   apps/lasso, private to it.
 * Threads: pure functions.
 * Memory:  none; codes and digits lie where the caller says.
 *
 * A shadow is affine: x_i ~ X_i = centre + low + scale code_i, a code being 0 .. 254.  The vector r
 * is written in whole numbers, r_i ~ R_i = unit v_i, |v_i| <= 32639, and v_i = 256 hi_i + lo_i in
 * two signed bytes.  With the exact integers S = sum code_i v_i and T = sum v_i,
 *
 *     (X - centre)'R = unit (low T + scale S),
 *     (x - centre)'r - (X - centre)'R = (x - X)'r + (X - centre)'(r - R),
 *
 * so by Cauchy and Schwarz the left is at most
 *
 *     |x - X| |r| + |X - centre| |r - R|,
 *
 * |.| the Euclidean norm.  All four norms are kept as upper bounds, taken from the differences
 * themselves and rounded up.  centre is the column's mean, which makes |X - centre| as small as it
 * can be: a column of two or of three equidistant values (a genotype) has x = X to rounding, so the
 * digits of r alone decide how near its bound is.  x'r = (x - centre)'r + centre sum r.
 *
 * A shadow decides nothing that is reported: who is shown to lie below a threshold is left out, and
 * all others are computed from the doubles.
 *
 * Values: finite, and no larger than 1e150 in size.  A bound is an upper bound at every scale;
 * where the span of a column is below 1e-280 it is wide.
 */
#ifndef SHADOW_H
#define SHADOW_H

#include <float.h>
#include <math.h>
#include <stdint.h>

enum { SHADOW_LINE = 64 }; /* bytes: codes and digits are padded with zeros to a multiple of it */

static inline int64_t shadow_padded(int64_t n)
{
    return (n + SHADOW_LINE - 1) / SHADOW_LINE * SHADOW_LINE;
}

struct shadow_moments {
    double least, most; /* exact */
    double mean;        /* within [least, most] */
    double square;      /* sum of (x - mean)^2, from sums shifted by x[0]; a constant column: 0 */
    double slack;       /* square is off by at most this: about n roundings of sum (x - x[0])^2 */
    double dot;         /* x'y, with the bits of kernel.h's dot */
};

struct shadow_column {
    double centre, low, scale;
    double error; /* >= |x - X| */
    double norm;  /* >= |X - centre| */
};

struct shadow_vector {
    double unit;
    double error;          /* >= |r - R| */
    double norm;           /* >= |r| */
    double sum, sum_error; /* sum r is within sum +- sum_error */
    int64_t digits;        /* T */
};

struct shadow_kernel {
    const char *isa;
    /* One pass over x and y, n >= 1.  The order of sums depends on n alone.  next, or NULL: n
     * doubles that the caller reads soon, the next column most often; moments brings the first half
     * of them near meanwhile, and quantise the second, unless the columns are too long for that. */
    void (*moments)(const double *x, const double *y, int64_t n, const double *next,
                    struct shadow_moments *out);
    /* code: [shadow_padded(n)]; aligned to SHADOW_LINE it is written past the caches, and another thread sees
     * it behind the next locked instruction of this one (each_part ends in some). */
    void (*quantise)(const double *x, int64_t n, const struct shadow_moments *moments,
                     const double *next, uint8_t *code, struct shadow_column *out);
    /* hi, lo: [shadow_padded(n)], of any alignment */
    void (*quantise_vector)(const double *r, int64_t n, int8_t *hi, int8_t *lo,
                            struct shadow_vector *out);
    /* out[j] = sum over i of code_ij (256 hi_i + lo_i): exact, hence the same on all levels, for
     * digits of quantise_vector and n below 2^39.  Columns lie stride bytes apart, a multiple of
     * SHADOW_LINE that is at least shadow_padded(n). */
    void (*dots)(const uint8_t *code, int64_t stride, int64_t columns, const int8_t *hi,
                 const int8_t *lo, int64_t n, int64_t *out);
    /* The same of the columns in column[count], in any order. */
    void (*dots_of)(const uint8_t *code, int64_t stride, const int64_t *column, int64_t count,
                    const int8_t *hi, const int8_t *lo, int64_t n, int64_t *out);
    /* dots as it is where a machine has no instruction for sums of products of bytes. */
    void (*dots_widened)(const uint8_t *code, int64_t stride, int64_t columns, const int8_t *hi,
                         const int8_t *lo, int64_t n, int64_t *out);
};

extern const struct shadow_kernel lasso_shadow_v2, lasso_shadow_v3, lasso_shadow_v4;

/* The truth lies within value +- bound. */
struct shadow_dot {
    double value, bound;
};

/* (x - centre)'r of a column whose sum S is codes.
 *
 * In doubles the value takes at most four roundings of unit (|low T| + |scale S|); eight are
 * granted, which covers T and S becoming doubles.  The bound is rounded up by 2^-48 of itself, and
 * DBL_MIN stands for what vanishes. */
static inline struct shadow_dot shadow_dot_centred(const struct shadow_column *x,
                                                   const struct shadow_vector *r, int64_t codes)
{
    double a = x->low * (double)r->digits, b = x->scale * (double)codes;
    double rounding = 0x1p-50 * r->unit * (fabs(a) + fabs(b));
    double bound = x->error * r->norm + x->norm * r->error + rounding;
    return (struct shadow_dot){ (a + b) * r->unit, bound * (1 + 0x1p-48) + DBL_MIN };
}

/* x'r */
static inline struct shadow_dot shadow_dot(const struct shadow_column *x,
                                           const struct shadow_vector *r, int64_t codes)
{
    struct shadow_dot centred = shadow_dot_centred(x, r, codes);
    double rest = x->centre * r->sum;
    double rounding = 0x1p-51 * (fabs(rest) + fabs(centred.value)) + fabs(x->centre) * r->sum_error;
    return (struct shadow_dot){ centred.value + rest,
                                (centred.bound + rounding) * (1 + 0x1p-48) + DBL_MIN };
}

#endif

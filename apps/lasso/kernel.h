/* kernel.h - the inner loops of lasso, once for each instruction set.
 *
 * Place:   apps/lasso, private to it.
 * Threads: pure functions.
 * Memory:  none.
 *
 * Each sum is taken in one fixed order that depends on the length alone, so the bits of a result do
 * not depend on which other columns are computed beside it.  Among instruction sets bits differ.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <stdbool.h>
#include <stdint.h>

/* Coordinate descent on the residual of sparse columns: what rows.c and outer.c know of a block. */
struct descent {
    const int64_t *ptr;    /* of the matrix, by column */
    const double *value;
    const int32_t *index;
    const int64_t *column; /* [count] */
    const double *unit, *mean, *l1, *l2; /* [count] of each variable, in the block's coordinates */
    double *w;             /* [count] */
    double *r, sum;        /* residual, and the sum of it as it would be with implicit means taken off */
    double n, gain;        /* sum falls by mean x gain x the change of b; n for that of the residual */
    const double *weighed; /* what a change is scattered by, its entries of variable i from start[i]; */
    const int64_t *start;  /* NULL: by the column */
    bool nonnegative;      /* w >= 0 */
    int64_t steps;         /* moves made, added to */
};

/* Of a sparse column's entries: value'y[index], their sum, that of their squares, least and greatest. */
struct entries {
    double dot, sum, squares, least, most;
};

struct kernel {
    const char *isa;
    /* Visits variable list[0], ... list[many - 1] of the block, or all where list is NULL, in order;
     * returns the largest violation met. */
    double (*descend)(struct descent *at, const int32_t *list, int64_t many);
    /* x'y over n rows. */
    double (*dot)(const double *x, const double *y, int64_t n);
    /* out[i] = x_j'y for the listed columns j, or for 0 .. columns-1 where list is NULL; columns are
     * ld apart, and out[i] has the bits of dot(x_j, y). */
    void (*dots)(const double *x, int64_t ld, const int32_t *list, int64_t columns, const double *y,
                 int64_t n, double *out);
    /* y += a x */
    void (*axpy)(double a, const double *x, double *y, int64_t n);
    /* sum of value[i] y[index[i]] */
    double (*gather)(const double *value, const int32_t *index, int64_t count, const double *y);
    /* out[i] = gather of the listed columns, or of 0 .. columns-1 where list is NULL, of a matrix whose
     * column j is entries ptr[j] .. ptr[j+1]-1. */
    void (*gathers)(const int64_t *ptr, const double *value, const int32_t *index, const int32_t *list,
                    int64_t columns, const double *y, double *out);
    /* gather, and what else one look at the entries says; count >= 1. */
    struct entries (*survey)(const double *value, const int32_t *index, int64_t count, const double *y);
    /* sum of (value[i] - mean)^2 */
    double (*squares)(const double *value, int64_t count, double mean);
    /* y[index[i]] += a value[i] */
    void (*scatter)(double a, const double *value, const int32_t *index, int64_t count, double *y);
    /* x'y of two sparse columns, rows ascending. */
    double (*merge)(const double *x, const int32_t *xi, int64_t nx, const double *y,
                    const int32_t *yi, int64_t ny);
    /* The same bits, by bisection in y, which is far the longer. */
    double (*seek)(const double *x, const int32_t *xi, int64_t nx, const double *y,
                   const int32_t *yi, int64_t ny);
    /* sum of value[i] y[index[i]], one by one.  Where y is a column laid out among zeros, the bits of
     * merge: what is not in both adds a zero. */
    double (*follow)(const double *value, const int32_t *index, int64_t count, const double *y);
    /* follow for two columns at once, each with its own bits. */
    void (*follow2)(const double *const value[2], const int32_t *const index[2],
                    const int64_t count[2], const double *y, double out[2]);
    /* to[column[e]] += value_i held[e] for every entry i of a column and first <= e < last of its row in
     * what is held by rows, no column twice in one: follow's bits for each pair. */
    void (*meet)(const double *value, const int32_t *index, int64_t count, const int32_t *first,
                 const int32_t *last, const int32_t *column, const double *held, double *to);
    /* Weights h: h x of a sparse column's entries to `weighed`; sums: x'h, x'hx, x'r. */
    void (*weigh)(const double *value, const int32_t *index, int64_t count, const double *h,
                  const double *r, double *weighed, double sums[3]);
    /* The same of a dense column x - mean; nothing is kept. */
    void (*weigh_dense)(const double *x, double mean, const double *h, const double *r, int64_t n,
                        double sums[3]);
    /* y += a h (x - mean) */
    void (*axpy_weighed)(double a, const double *x, double mean, const double *h, double *y, int64_t n);
    /* y -= a x; returns in sums: sum y, y'y, y'z of the new y. */
    void (*step)(double a, const double *x, double *y, const double *z, int64_t n, double sums[3]);
    /* x -= shift; returns in sums: x'x, x'y. */
    void (*shift)(double shift, double *x, const double *y, int64_t n, double sums[2]);
};

extern const struct kernel lasso_kernel_v2, lasso_kernel_v3, lasso_kernel_v4;

#endif

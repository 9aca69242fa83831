/* kernel_ccd.h - the two passes of CCD++ over one user's ratings, once for each instruction set.
 *
 * Place:   apps/mf, private to it; kernel_ccd.c implements it (compiled once a level), ccd.c calls it.
 * Threads: pure functions of their arguments.
 * Memory:  borrowed; both tables are [items] and are to stay in the second cache.
 *
 * Between two passes a residual r_ui is without one column, the one that is being solved:
 * r = value - sum over the other columns of u v.  What one item has of two columns is one load of eight bytes.
 */
#ifndef MF_KERNEL_CCD_H
#define MF_KERNEL_CCD_H

#include <rondo/types.h>

/* An item's numbers: of the column solved last, to be taken out of the residuals, and of the next, to be put
 * back. */
struct ccd_pair {
    float last, next;
};

/* An item's sums over users, r u and u u: v = num / (lambda w + den). */
struct ccd_ratio {
    float num, den;
};

struct ccd_sums {
    double num, den, squares; /* r v, v v and r r with the new r, v being `next` */
};

struct ccd_kernel {
    const char *isa;
    /* r[j] += next v.next - last v.last, v = item[col[j]]; col [count], distinct.  Sums of sixteen lanes and
     * fewer, in double from a thousand ratings to the next. */
    void (*carry)(float *r, const int32_t *col, int64_t count, const struct ccd_pair *item, float last, float next,
                  struct ccd_sums *sums);
    /* item[col[j]] += (r[j] u, u u). */
    void (*spread)(const float *r, const int32_t *col, int64_t count, float u, struct ccd_ratio *item);
};

/* "x86-64-v2", "-v3" or "-v4". */
const struct ccd_kernel *ccd_kernel_for(const char *isa);

#endif

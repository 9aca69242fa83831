/* kernel.h - stochastic gradient descent over one tile of the grid: the inner loop, once for each instruction
 * set.
 *
 * Place:   apps/mf, private to it; kernel_sgd.c implements it (compiled once a level), sgd.c calls it.
 * Threads: a call owns the rows and the columns of its tile.
 * Memory:  borrowed.
 *
 * A tile's ratings come in runs: one row's, all of it, then the next row's.  A row is a user's or an item's, of whichever
 * side has more (the longer side), and stays in registers over its run; columns are of the other side, few
 * enough to stay in the second cache.  At each rating, with e = r - s,
 *
 *     p += eta_p e q      q += eta_q (e p - lambda q)      b += eta_b (e - lambda_bias b), of either side
 *
 * and of p_0 as of q.  What lambda takes of the rest of p it takes as the run of n ratings begins, in one implicit
 * step, p /= 1 + n eta_p lambda: a multiplication less at each rating, and fewer epochs.
 *
 * eta is the row's own, the rate over the root of a sum that grows by squared gradients (AdaGrad: Duchi, Hazan,
 * Singer, JMLR 2011; one sum for many coordinates: Chin, Zhuang, Juan, Lin, PAKDD 2015).  A row has three,
 *
 *     slow += e^2 q_0^2      fast += e^2 mean(q_1^2 .. q_15^2)      bias_sum += e^2
 *
 * for coordinate 0, for all others (the first fifteen speak for them), and for the bias.  Coordinate 0 may carry
 * what a row is on the whole, and its large gradients are not to slow the others.  q's sums grow likewise by p,
 * but fast by p as its run began.
 */
#ifndef MF_KERNEL_H
#define MF_KERNEL_H

#include <rondo/types.h>

struct entry {
    int32_t col;
    float value;
};

struct run {
    int32_t row;
    int32_t count; /* entries, at least 1 */
};

struct tile {
    int64_t runs, entries;
    const struct run *run;     /* [runs] */
    const struct entry *entry; /* [entries] run by run */
};

/* What goes with a row beside its numbers, one load.  Sums begin at 1 where ratings are scaled to deviation 1. */
struct pace {
    float slow, fast;      /* sums of squared gradients: of coordinate 0; of the others */
    float bias_sum, bias;  /* of the bias; the bias */
};

/* A side's rows, or a part of them. */
struct side {
    float *row;         /* [n x stride], aligned to 64 bytes; behind rank zeros, which stay zeros */
    struct pace *pace;  /* [n] */
};

struct sgd_rule {
    int32_t rank, stride; /* stride: rank up to a multiple of 16 */
    float rate;           /* of this epoch */
    float lambda, lambda_bias;
    float mean;           /* mu; 0 without biases */
    bool biases, nonnegative;
};

struct sgd_kernel {
    const char *isa;
    /* Visits every rating once: two runs at a time, a rating of each in turn, and where one ends the next run
     * begins.  Returns the sum of e^2 before each step: not finite or huge where it diverges, and then the rows
     * are worth nothing. */
    double (*visit)(const struct sgd_rule *rule, const struct tile *tile, const struct side *rows,
                    const struct side *cols);
    /* The sum of e^2, nothing changes. */
    double (*squares)(const struct sgd_rule *rule, const struct tile *tile, const struct side *rows,
                      const struct side *cols);
    /* sum_i weight_i (lambda |row_i|^2 + lambda_bias b_i^2); weight [count]. */
    double (*penalty)(const struct sgd_rule *rule, const struct side *side, const float *weight, int64_t count);
};

/* "x86-64-v2", "-v3" or "-v4". */
const struct sgd_kernel *sgd_kernel_for(const char *isa);

#endif

/* genotype.h - the inner loops on packed genotypes (rondo/matrix.h), once for each instruction set.
 *
 * Place:   apps/lasso, private to it.
 * Threads: pure functions.
 * Memory:  none.  A column is read to its (n + 3) / 4 bytes and no further, at any alignment; what its
 *          last byte holds behind row n - 1 changes nothing.
 *
 * Codes are those of enum rondo_genotype; a table [4] gives each code its value, a missing one's being
 * what the caller imputes.  Sums of doubles are taken in one fixed order that depends on n alone, and
 * have other bits among instruction sets.  All else is integers: exact, with the same result on all.
 *
 * Fixed point: v_i = step q_i + e_i, |e_i| <= step / 2, q_i cut into signed digits of 8 bits.  Three
 * digits: step is max|v| 2^-22 or less, so that x'v is off by less than max|v| 2^-22 sum_i x_i / 2.
 */
#ifndef GENOTYPE_H
#define GENOTYPE_H

#include <rondo/matrix.h>

enum { GENOTYPE_VECTORS = 4, GENOTYPE_DIGITS = 4, GENOTYPE_BLOCK = 256 };

/* Sums of q over a column: of q times the number of A1 alleles, and of q where it is missing. */
struct genotype_total {
    int64_t dosage, missing;
};

/* In how many rows a has the first code and b the second.  The fourth code, whose value is 0, is left out. */
struct genotype_joint {
    int32_t count[3][3];
};

struct genotype_kernel {
    const char *isa;
    /* How many rows have each code; of the rows in a set (bit i % 64 of rows[i / 64]), or all: NULL. */
    void (*count)(const uint8_t *x, int64_t n, const uint64_t *rows, int64_t counts[4]);
    /* out[k] = sum of table[code_i] v_i over v = v_k, which is ld behind v_(k-1); 1 to
     * GENOTYPE_VECTORS of them, each with the bits that it has alone. */
    void (*dots)(const uint8_t *x, int64_t n, const double table[4], const double *v, int64_t ld,
                 int vectors, double *out);
    /* out[j] = what dots gives for x[j], tables[j] and the one v, to the bit; v is read once for four
     * columns, which counts where it does not fit in a cache. */
    void (*columns)(const uint8_t *const *x, int columns, int64_t n, const double (*tables)[4],
                    const double *v, double *out);
    /* sums[code] = sum of v_i over the rows of that code, for the codes 0, 1 and 2. */
    void (*sums)(const uint8_t *x, int64_t n, const double *v, double sums[3]);
    /* to_i += table[code_i] */
    void (*axpy)(const double table[4], const uint8_t *x, int64_t n, double *to);
    /* v in fixed point of 1 to GENOTYPE_DIGITS digits, to out [genotype_fixed_bytes(n, digits)],
     * aligned to 64; returns step, 0 where v is 0.  v must be finite. */
    double (*fix)(const double *v, int64_t n, int digits, int8_t *out);
    /* out[j] = sums over column x[j].  missing: false promises that none is in any of these columns,
     * which takes half the time; out[j].missing is then 0. */
    void (*fixed)(const uint8_t *const *x, int columns, int64_t n, const int8_t *v, int digits,
                  bool missing, struct genotype_total *out);
    /* A column as sets of rows: bit i % 64 of out[code * words + i / 64] for the codes 0, 1 and 2,
     * words = genotype_words(n); zeros behind row n - 1.  out: aligned to 64.  And count's counts. */
    void (*planes)(const uint8_t *x, int64_t n, uint64_t *out, int64_t counts[4]);
    /* out[i * columns_b + j]: the joint counts of a[i] and b[j], which planes made.  missing: as above. */
    void (*pairs)(const uint64_t *const *a, int columns_a, const uint64_t *const *b, int columns_b,
                  int64_t words, bool missing, struct genotype_joint *out);
};

extern const struct genotype_kernel lasso_genotype_v2, lasso_genotype_v3, lasso_genotype_v4;

/* Of one plane, in 64-bit words; a column has 3 of them. */
static inline int64_t genotype_words(int64_t n)
{
    return (n + 511) / 512 * 8;
}

static inline size_t genotype_fixed_bytes(int64_t n, int digits)
{
    return (size_t)(n + GENOTYPE_BLOCK - 1) / GENOTYPE_BLOCK * GENOTYPE_BLOCK * (size_t)digits;
}

/* a'b from joint counts, a missing entry being its column's mean: three integers, and a rounding or two
 * for what is missing.  The same bits for b'a, where a compiler fuses nothing. */
static inline double genotype_inner(const struct genotype_joint *joint, double mean_a, double mean_b)
{
    const int32_t(*both)[3] = joint->count;
    const int gone = RONDO_MISSING, two = RONDO_HOM_A1, one = RONDO_HET;
    int64_t known = INT64_C(4) * both[two][two] + both[one][one]
                    + INT64_C(2) * ((int64_t)both[two][one] + both[one][two]);
    int64_t no_a = INT64_C(2) * both[gone][two] + both[gone][one];
    int64_t no_b = INT64_C(2) * both[two][gone] + both[one][gone];
    double lone = mean_a * (double)no_a + mean_b * (double)no_b;
    return (double)known + lone + mean_a * mean_b * (double)both[gone][gone];
}

#endif

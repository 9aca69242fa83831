/* haplotype.h - made genotypes with linkage disequilibrium, a variant at a time.
 *
 * Place:   core/data, floor 1; used by generate.c.
 * Threads: one.
 * Memory:  9 bytes an individual and 16 KiB, whatever the number of variants; haplotypes_fini frees it.
 *
 * Two haplotypes for each individual, each along a block of variants a Gaussian AR(1) cut at the
 * allele's frequency.  A Gaussian is one of 4096 quantiles, chosen by 12 bits: ten to a draw.
 */
#ifndef HAPLOTYPE_H
#define HAPLOTYPE_H

#include "core/data/data.h"

struct haplotypes {
    const struct data_recipe *recipe; /* borrowed */
    int64_t next;                     /* the variant that comes next */
    int64_t left, block;              /* variants left in this block; blocks so far */
    float correlation;
    float *quantile;                  /* [4096] */
    float *latent;                    /* [2 rows], one haplotype behind the other */
    uint8_t *column;                  /* [(rows + 3) / 4]: the last variant made, packed */
    uint8_t *code;                    /* [rows + 3] */
};

int haplotypes_init(struct haplotypes *h, const struct data_recipe *recipe,
                    struct rondo_error *err) RONDO_MUST_CHECK;
void haplotypes_fini(struct haplotypes *h);
/* Makes the next variant, in h->column; none is missing. */
void haplotypes_step(struct haplotypes *h);
/* Makes the recipe's share of it missing. */
void haplotypes_lose(struct haplotypes *h);
/* Standard deviation of its values, by 1/n. */
double haplotypes_deviation(const struct haplotypes *h);
/* to_i += coefficient x_i */
void haplotypes_add(const struct haplotypes *h, double coefficient, double *to);

#endif

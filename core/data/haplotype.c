#include "core/data/haplotype.h"

#include "core/base/mem.h"

#include <rondo/rng.h>

#include <math.h>
#include <string.h>

/* Streams of rng.h; data have 100 to 110: generate.c. */
enum { VALUES = 100, BLOCKS = 104, FREQUENCIES = 105, GAPS = 106 };

/* Blocks of linkage disequilibrium, and what their latent correlation and the frequencies of alleles
 * are drawn from. */
enum { LD_LEAST = 20, LD_MOST = 80, QUANTILE_BITS = 12, QUANTILES = 1 << QUANTILE_BITS, DRAWS = 5 };
static const double latent_least = 0.5, latent_most = 0.98, allele_least = 0.05, allele_most = 0.5;

static double uniform(uint64_t seed, int64_t round, uint32_t stream, int64_t item, double least,
                      double most)
{
    return least + (most - least) * rondo_rng_unit(seed, (uint64_t)round, stream, (uint64_t)item);
}

/* z with Phi(z) = f, by bisection. */
static double quantile(double f)
{
    double low = -10, high = 10;
    for (int i = 0; i < 64; i++) {
        double middle = (low + high) / 2;
        if (erfc(-middle * 0x1.6a09e667f3bcdp-1) / 2 < f)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* The middles of 4096 parts of equal probability, scaled to variance 1. */
static void fill_quantiles(float *table)
{
    double square = 0;
    for (int k = 0; k < QUANTILES; k++) {
        double z = quantile((k + 0.5) / QUANTILES);
        square += z * z;
    }
    double scale = 1 / sqrt(square / QUANTILES);
    for (int k = 0; k < QUANTILES; k++)
        table[k] = (float)(scale * quantile((k + 0.5) / QUANTILES));
}

int haplotypes_init(struct haplotypes *h, const struct data_recipe *recipe, struct rondo_error *err)
{
    size_t rows = (size_t)recipe->rows;
    *h = (struct haplotypes){ .recipe = recipe,
                              .quantile = mem_alloc(QUANTILES * sizeof *h->quantile),
                              .latent = mem_calloc(2 * rows, sizeof *h->latent),
                              .column = mem_alloc((rows + 3) / 4),
                              .code = mem_calloc(rows + 3, 1) };
    if (h->quantile && h->latent && h->column && h->code) {
        fill_quantiles(h->quantile);
        return RONDO_OK;
    }
    haplotypes_fini(h);
    return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "out of memory");
}

void haplotypes_fini(struct haplotypes *h)
{
    mem_free(h->quantile);
    mem_free(h->latent);
    mem_free(h->column);
    mem_free(h->code);
    *h = (struct haplotypes){ 0 };
}

/* latent <- keep latent + fresh z; an A1 where it is below the cut. */
static void move_on(struct haplotypes *h, float keep, float cut)
{
    const float fresh = sqrtf(1 - keep * keep), *table = h->quantile;
    int64_t n = h->recipe->rows;
    float *first = h->latent, *second = h->latent + n;
    for (int64_t i = 0; i < n; i += DRAWS) {
        struct rondo_rng_pair bits =
            rondo_rng_pair(h->recipe->seed, (uint64_t)h->next, VALUES, (uint64_t)(i / DRAWS));
        int64_t end = i + DRAWS < n ? i + DRAWS : n;
        for (int64_t k = i; k < end; k++) {
            first[k] = keep * first[k] + fresh * table[bits.a % QUANTILES];
            second[k] = keep * second[k] + fresh * table[bits.b % QUANTILES];
            bits.a >>= QUANTILE_BITS;
            bits.b >>= QUANTILE_BITS;
        }
    }
    /* 2: 00, 1: 10, 0: 11 */
    for (int64_t i = 0; i < n; i++) {
        bool one = first[i] < cut, other = second[i] < cut;
        h->code[i] = (uint8_t)((!(one & other)) << 1 | !(one | other));
    }
}

void haplotypes_step(struct haplotypes *h)
{
    const struct data_recipe *r = h->recipe;
    float keep = h->correlation;
    if (h->left == 0) {
        double share = rondo_rng_unit(r->seed, (uint64_t)h->block, BLOCKS, 0);
        h->left = LD_LEAST + (int64_t)(share * (LD_MOST - LD_LEAST + 1));
        h->correlation = (float)uniform(r->seed, h->block++, BLOCKS, 1, latent_least, latent_most);
        keep = 0;
    }
    double frequency = uniform(r->seed, h->next, FREQUENCIES, 0, allele_least, allele_most);
    move_on(h, keep, (float)quantile(frequency));
    const uint8_t *code = h->code; /* [rows], zeros behind */
    for (int64_t i = 0; i < r->rows; i += 4)
        h->column[i / 4] = (uint8_t)(code[i] | code[i + 1] << 2 | code[i + 2] << 4
                                     | code[i + 3] << 6);
    h->next++;
    h->left--;
}

/* From one to the next it is a geometric gap. */
void haplotypes_lose(struct haplotypes *h)
{
    const struct data_recipe *r = h->recipe;
    int64_t j = h->next - 1, row = -1;
    for (int64_t k = 0; r->missing > 0; k++) {
        double u = rondo_rng_unit(r->seed, (uint64_t)j, GAPS, (uint64_t)k);
        double gap = floor(log1p(-u) / log1p(-r->missing));
        if (gap >= (double)(r->rows - row - 1))
            break;
        row += 1 + (int64_t)gap;
        uint8_t *byte = &h->column[row / 4];
        *byte = (uint8_t)((*byte & ~(3 << row % 4 * 2)) | RONDO_MISSING << row % 4 * 2);
    }
}

static const double value_of[4] = { [RONDO_HOM_A1] = 2, [RONDO_HET] = 1 };

double haplotypes_deviation(const struct haplotypes *h)
{
    double n = (double)h->recipe->rows, sum = 0, square = 0;
    for (int64_t i = 0; i < h->recipe->rows; i++) {
        double value = value_of[rondo_genotype_at(h->column, i)];
        sum += value;
        square += value * value;
    }
    return sqrt(fmax(square / n - sum / n * (sum / n), 0)); /* of whole numbers: 0 where all agree */
}

void haplotypes_add(const struct haplotypes *h, double coefficient, double *to)
{
    for (int64_t i = 0; i < h->recipe->rows; i++)
        to[i] += coefficient * value_of[rondo_genotype_at(h->column, i)];
}

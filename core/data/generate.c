/* generate.c - made data: X, y = X b + noise, and b, each number a pure function of the recipe.
 *
 * A draw is named by (seed, column, stream, item), so that no order of work can change it. */
#include "core/base/bitset.h"
#include "core/base/mem.h"
#include "core/data/matrix.h"
#include "core/data/readers.h"

#include <rondo/rng.h>

#include <math.h>
#include <string.h>

/* Streams of rng.h; data have 100 to 110. */
enum { VALUES = 100, CAUSES, EFFECTS, NOISE, BLOCKS, FREQUENCIES, GAPS };

/* Genotypes: blocks of linkage disequilibrium, and what their latent correlation and the
 * frequencies of alleles are drawn from. */
enum { LD_LEAST = 20, LD_MOST = 80 };
static const double latent_least = 0.5, latent_most = 0.98, allele_least = 0.05, allele_most = 0.5;

struct making {
    const struct data_recipe *recipe;
    struct data_set *set;
    double *truth;    /* [cols] */
    double *y;        /* [rows]: first X b, then the noise on top */
    uint64_t *causes; /* bitset of columns */
};

struct normals {
    double a, b;
};

/* Two standard normals (Box and Muller, 1958). */
static struct normals normals(uint64_t seed, int64_t column, uint32_t stream, int64_t item)
{
    struct rondo_rng_pair bits = rondo_rng_pair(seed, (uint64_t)column, stream, (uint64_t)item);
    double radius = sqrt(-2 * log((double)((bits.a >> 11) + 1) * 0x1.0p-53));
    double angle = 0x1.921fb54442d18p+2 * ((double)(bits.b >> 11) * 0x1.0p-53);
    return (struct normals){ radius * cos(angle), radius * sin(angle) };
}

static double uniform(uint64_t seed, int64_t round, uint32_t stream, int64_t item, double least,
                      double most)
{
    return least + (most - least) * rondo_rng_unit(seed, (uint64_t)round, stream, (uint64_t)item);
}

/* A whole number in [0, n). */
static int64_t below(uint64_t bits, int64_t n)
{
    __extension__ typedef unsigned __int128 u128;
    return (int64_t)(uint64_t)((u128)bits * (uint64_t)n >> 64);
}

/* Draws `causes` of the columns without replacement (Floyd; Bentley, CACM 30(9), 1987). */
static void draw_causes(struct making *m)
{
    const struct data_recipe *r = m->recipe;
    for (int64_t last = r->cols - r->causes; last < r->cols; last++) {
        uint64_t bits = rondo_rng_u64(r->seed, 0, CAUSES, (uint64_t)last);
        int64_t column = below(bits, last + 1);
        bitset_add(m->causes, bitset_has(m->causes, column) ? last : column);
    }
    for (int64_t j = 0; j < r->cols; j++) {
        struct rondo_rng_pair bits = rondo_rng_pair(r->seed, (uint64_t)j, EFFECTS, 0);
        m->truth[j] = !bitset_has(m->causes, j) ? 0
                      : r->design == DATA_DESIGN_GENOTYPE ? normals(r->seed, j, EFFECTS, 0).a
                      : bits.a >> 63                      ? -r->amplitude
                                                          : r->amplitude;
    }
}

static void add_noise(struct making *m, double deviation)
{
    for (int64_t i = 0; i < m->recipe->rows; i++)
        m->y[i] += deviation * normals(m->recipe->seed, 0, NOISE, i).a;
}

static void add_column(struct making *m, const double *column, double coefficient)
{
    for (int64_t i = 0; coefficient != 0 && i < m->recipe->rows; i++)
        m->y[i] += coefficient * column[i];
}

/* ---- ar: x_j = rho x_{j-1} + sqrt(1 - rho^2) z_j within a block ------------------------------ */

static void ar_column(const struct data_recipe *r, int64_t j, const double *before, double *x)
{
    double keep = before ? r->rho : 0, fresh = sqrt(1 - keep * keep);
    for (int64_t i = 0; i < r->rows; i += 2) {
        struct normals z = normals(r->seed, j, VALUES, i / 2);
        x[i] = fresh * z.a + (before ? keep * before[i] : 0);
        if (i + 1 < r->rows)
            x[i + 1] = fresh * z.b + (before ? keep * before[i + 1] : 0);
    }
}

static int make_ar(struct making *m, struct rondo_error *err)
{
    const struct data_recipe *r = m->recipe;
    double *dense;
    int code = matrix_dense(&m->set->x, r->rows, r->cols, &dense, "", err);
    if (code)
        return code;
    int64_t ld = m->set->x.ld;
    for (int64_t j = 0; j < r->cols; j++) {
        double *x = dense + j * ld;
        ar_column(r, j, j % r->block ? x - ld : NULL, x);
        add_column(m, x, m->truth[j]);
    }
    add_noise(m, r->noise);
    return RONDO_OK;
}

/* ---- genotype: two haplotypes, each a latent AR(1) cut at the allele's frequency ------------- */

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

/* latent: [2 rows], both haplotypes of each individual, moved on by one SNP. */
static void genotype_column(const struct data_recipe *r, int64_t j, double keep, double *latent,
                            double *x)
{
    double fresh = sqrt(1 - keep * keep);
    double cut = quantile(uniform(r->seed, j, FREQUENCIES, 0, allele_least, allele_most));
    for (int64_t i = 0; i < r->rows; i++) {
        struct normals z = normals(r->seed, j, VALUES, i);
        latent[2 * i] = keep * latent[2 * i] + fresh * z.a;
        latent[2 * i + 1] = keep * latent[2 * i + 1] + fresh * z.b;
        x[i] = (latent[2 * i] < cut) + (latent[2 * i + 1] < cut);
    }
}

static double deviation(const double *x, int64_t n)
{
    double mean = 0, squares = 0;
    for (int64_t i = 0; i < n; i++)
        mean += x[i];
    mean /= (double)n;
    for (int64_t i = 0; i < n; i++)
        squares += (x[i] - mean) * (x[i] - mean);
    return sqrt(squares / (double)n);
}

static void genotype_columns(struct making *m, double *latent, double *dense)
{
    const struct data_recipe *r = m->recipe;
    int64_t left = 0, block = 0;
    double correlation = 0;
    for (int64_t j = 0; j < r->cols; j++, left--) {
        double *x = dense + j * m->set->x.ld, keep = correlation;
        if (left == 0) {
            struct rondo_rng_pair bits = rondo_rng_pair(r->seed, (uint64_t)block, BLOCKS, 0);
            left = LD_LEAST + below(bits.a, LD_MOST - LD_LEAST + 1);
            correlation = uniform(r->seed, block++, BLOCKS, 1, latent_least, latent_most);
            keep = 0;
        }
        genotype_column(r, j, keep, latent, x);
        if (m->truth[j] == 0)
            continue;
        /* an effect is drawn for the standardised genotype, told for the genotype as it stands */
        double spread = deviation(x, r->rows);
        m->truth[j] = spread > 0 ? m->truth[j] / spread : 0;
        add_column(m, x, m->truth[j]);
    }
}

static int make_genotype(struct making *m, struct rondo_error *err)
{
    const struct data_recipe *r = m->recipe;
    double *dense;
    int code = matrix_dense(&m->set->x, r->rows, r->cols, &dense, "", err);
    if (code)
        return code;
    double *latent = mem_calloc(2 * (size_t)r->rows, sizeof *latent);
    if (!latent)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "out of memory");
    genotype_columns(m, latent, dense);
    mem_free(latent);
    /* h2 = var(g) / (var(g) + noise^2); without causes there is noise alone */
    double h2 = r->heritability, genetic = deviation(m->y, r->rows);
    add_noise(m, genetic > 0 ? genetic * sqrt((1 - h2) / h2) : 1);
    return RONDO_OK;
}

/* ---- sparse: each place is filled with probability `density` --------------------------------- */

/* The next filled row of column j behind `row`, its k-th; the gaps are geometric. */
static int64_t next_row(const struct data_recipe *r, int64_t j, int64_t k, int64_t row)
{
    if (r->density >= 1)
        return row + 1;
    double u = rondo_rng_unit(r->seed, (uint64_t)j, GAPS, (uint64_t)k);
    double gap = floor(log1p(-u) / log1p(-r->density));
    return gap < (double)(r->rows - row) ? row + 1 + (int64_t)gap : r->rows;
}

static int count_sparse(const struct data_recipe *r, struct matrix_counts *counts)
{
    int code = matrix_counts_init(counts);
    counts->settled = true; /* a recipe is no claim */
    for (int64_t j = 0; !code && j < r->cols; j++) {
        int64_t row = -1;
        for (int64_t k = 0; !code && (row = next_row(r, j, k, row)) < r->rows; k++)
            code = matrix_count(counts, j);
    }
    return code;
}

static void fill_sparse(struct making *m, struct matrix_sparse *x)
{
    const struct data_recipe *r = m->recipe;
    for (int64_t j = 0; j < r->cols; j++) {
        int64_t row = -1;
        for (int64_t k = 0; (row = next_row(r, j, k, row)) < r->rows; k++) {
            double value = normals(r->seed, j, VALUES, k).a;
            matrix_put(x, row, j, value);
            m->y[row] += m->truth[j] * value;
        }
    }
}

static int make_sparse(struct making *m, struct rondo_error *err)
{
    const struct data_recipe *r = m->recipe;
    struct matrix_counts counts = { 0 };
    struct matrix_sparse x = { 0 };
    int code = count_sparse(r, &counts);
    if (code)
        rondo_error_set(err, code, NULL, NULL, "out of memory");
    else
        code = matrix_counts_settle(&counts, r->cols, "", err);
    if (!code)
        code = matrix_sparse_begin(&x, &counts, r->rows, r->cols, "", err);
    if (!code) {
        fill_sparse(m, &x);
        add_noise(m, r->noise);
        code = matrix_sparse_end(&x, &m->set->x, "", err);
    }
    matrix_counts_fini(&counts);
    matrix_sparse_fini(&x);
    return code;
}

/* ---- the door ------------------------------------------------------------------------------ */

static int check(const struct data_recipe *r, struct rondo_error *err)
{
    bool ar = r->design == DATA_DESIGN_AR, sparse = r->design == DATA_DESIGN_SPARSE;
    const struct {
        const char *name, *range;
        bool good;
    } rules[] = {
        { "rows", "from 1 to 2147483647", r->rows >= 1 && r->rows <= MATRIX_ROWS_MAX },
        { "cols", "from 1 to 2147483647", r->cols >= 1 && r->cols <= MATRIX_ROWS_MAX },
        { "causes", "from 0 to cols", r->causes >= 0 && r->causes <= r->cols },
        { "rho", "between -1 and 1", !ar || (r->rho > -1 && r->rho < 1) },
        { "block", "at least 1", !ar || r->block >= 1 },
        { "density", "above 0, at most 1", !sparse || (r->density > 0 && r->density <= 1) },
        { "amplitude", "finite", isfinite(r->amplitude) },
        { "noise", "finite, at least 0", isfinite(r->noise) && r->noise >= 0 },
        { "heritability", "above 0, at most 1",
          ar || sparse || (r->heritability > 0 && r->heritability <= 1) },
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (!rules[i].good)
            return rondo_error_set(err, RONDO_EINPUT, rules[i].name, NULL, "must be %s",
                                   rules[i].range);
    double values = (double)r->rows * (double)r->cols * (sparse ? r->density * 1.5 : 1);
    double bytes = (values + (double)r->rows + 2 * (double)r->cols) * sizeof(double);
    return matrix_enough_memory(bytes < 0x1p62 ? (size_t)bytes : SIZE_MAX, "", err);
}

int data_generate(const struct data_recipe *recipe, struct data_set **set, double **truth,
                  struct rondo_error *err)
{
    static int (*const designs[])(struct making *, struct rondo_error *) = {
        [DATA_DESIGN_AR] = make_ar,
        [DATA_DESIGN_GENOTYPE] = make_genotype,
        [DATA_DESIGN_SPARSE] = make_sparse,
    };
    int code = check(recipe, err);
    if (code)
        return code;
    struct making m = { .recipe = recipe, .set = mem_calloc(1, sizeof *m.set) };
    m.truth = mem_alloc((size_t)recipe->cols * sizeof *m.truth);
    m.causes = mem_calloc(bitset_words(recipe->cols), sizeof *m.causes);
    if (!m.set || !m.truth || !m.causes) {
        code = rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "out of memory");
        goto out;
    }
    code = matrix_dense(&m.set->labels, recipe->rows, 1, &m.y, "", err);
    if (code)
        goto out;
    memset(m.y, 0, (size_t)recipe->rows * sizeof *m.y);
    draw_causes(&m);
    code = designs[recipe->design](&m, err);
    if (code)
        goto out;
    m.set->info.compression = stream_coding_name(STREAM_PLAIN);
    data_describe(m.set);
    *set = m.set;
    *truth = m.truth;
    m.set = NULL;
    m.truth = NULL;
out:
    data_free(m.set);
    mem_free(m.truth);
    mem_free(m.causes);
    return code;
}

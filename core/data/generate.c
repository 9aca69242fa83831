/* generate.c - made data: X, y = X b + noise, and b, each number a pure function of the recipe.
 *
 * A draw is named by (seed, column, stream, item), so that no order of work can change it. */
#include "core/base/bitset.h"
#include "core/base/mem.h"
#include "core/data/bedfile.h"
#include "core/data/haplotype.h"
#include "core/data/matrix.h"
#include "core/data/normals.h"
#include "core/data/readers.h"

#include <string.h>

/* Streams of rng.h; data have 100 to 110; haplotype.c has 104 to 106 for genotypes, documents.c
 * 107 to 110. */
enum { VALUES = 100, CAUSES, EFFECTS, NOISE, GAPS = 106 };

enum { CHROMOSOMES = 22, SPACING = 3000 };

struct making {
    const struct data_recipe *recipe;
    struct data_set *set;
    double *truth;    /* [cols] */
    double *y;        /* [rows]: first X b, then the noise on top */
    uint64_t *causes; /* bitset of columns */
};

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
                      : r->design == DATA_DESIGN_GENOTYPE ? normals_at(r->seed, j, EFFECTS, 0).a
                      : bits.a >> 63                      ? -r->amplitude
                                                          : r->amplitude;
    }
}

static void add_noise(struct making *m, double deviation)
{
    for (int64_t i = 0; i < m->recipe->rows; i++)
        m->y[i] += deviation * normals_at(m->recipe->seed, 0, NOISE, i).a;
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
        struct normals z = normals_at(r->seed, j, VALUES, i / 2);
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

/* ---- genotype: haplotype.c ------------------------------------------------------------------- */

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

/* The next variant, and what it adds to y.  An effect is drawn for the standardised genotype, told for
 * the genotype as it stands. */
static void make_variant(struct making *m, struct haplotypes *h)
{
    double *effect = &m->truth[h->next];
    haplotypes_step(h);
    if (*effect == 0)
        return;
    double spread = haplotypes_deviation(h);
    *effect = spread > 0 ? *effect / spread : 0;
    haplotypes_add(h, *effect, m->y);
}

/* h2 = var(g) / (var(g) + noise^2); without causes there is noise alone. */
static void add_environment(struct making *m)
{
    double h2 = m->recipe->heritability, genetic = deviation(m->y, m->recipe->rows);
    add_noise(m, genetic > 0 ? genetic * sqrt((1 - h2) / h2) : 1);
}

static int make_genotype(struct making *m, struct rondo_error *err)
{
    const struct data_recipe *r = m->recipe;
    struct haplotypes h;
    double *dense;
    int code = matrix_dense(&m->set->x, r->rows, r->cols, &dense, "", err);
    if (!code)
        code = haplotypes_init(&h, r, err);
    if (code)
        return code;
    memset(dense, 0, m->set->x.bytes);
    for (int64_t j = 0; j < r->cols; j++) {
        make_variant(m, &h);
        haplotypes_add(&h, 1, dense + j * m->set->x.ld);
    }
    haplotypes_fini(&h);
    add_environment(m);
    return RONDO_OK;
}

/* Chromosomes of equal length, a variant every 3000 bases. */
static void write_variants(struct making *m, struct haplotypes *h, struct bedfile *file)
{
    const struct data_recipe *r = m->recipe;
    int64_t position = 0;
    for (int64_t j = 0, before = 0; j < r->cols; j++) {
        int64_t chromosome = 1 + j * CHROMOSOMES / r->cols;
        position = chromosome == before ? position + SPACING : SPACING;
        before = chromosome;
        make_variant(m, h);
        haplotypes_lose(h);
        bedfile_put(file, h->column, (int)chromosome, position);
    }
    add_environment(m);
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
            double value = normals_at(r->seed, j, VALUES, k).a;
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

static int check(const struct data_recipe *r, bool bed, struct rondo_error *err)
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
        { "missing", "0, or above it and below 1 in a .bed",
          bed ? r->missing >= 0 && r->missing < 1 : r->missing == 0 },
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (!rules[i].good)
            return rondo_error_set(err, RONDO_EINPUT, rules[i].name, NULL, "must be %s",
                                   rules[i].range);
    double values = (double)r->rows * (double)r->cols * (sparse ? r->density * 1.5 : bed ? 0 : 1);
    double bytes = (values + (double)r->rows + 2 * (double)r->cols) * sizeof(double);
    return matrix_enough_memory(bytes < 0x1p62 ? (size_t)bytes : SIZE_MAX, "", err);
}

static void forget(struct making *m)
{
    data_free(m->set);
    mem_free(m->truth);
    mem_free(m->causes);
}

/* What all designs have: y, still 0, and the true coefficients. */
static int begin(struct making *m, const struct data_recipe *recipe, bool bed,
                 struct rondo_error *err)
{
    *m = (struct making){ .recipe = recipe };
    int code = check(recipe, bed, err);
    if (code)
        return code;
    m->set = mem_calloc(1, sizeof *m->set);
    m->truth = mem_alloc((size_t)recipe->cols * sizeof *m->truth);
    m->causes = mem_calloc(bitset_words(recipe->cols), sizeof *m->causes);
    if (!m->set || !m->truth || !m->causes)
        code = rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "out of memory");
    else
        code = matrix_dense(&m->set->labels, recipe->rows, 1, &m->y, "", err);
    if (code) {
        forget(m);
        return code;
    }
    memset(m->y, 0, (size_t)recipe->rows * sizeof *m->y);
    draw_causes(m);
    return RONDO_OK;
}

int data_generate(const struct data_recipe *recipe, struct data_set **set, double **truth,
                  struct rondo_error *err)
{
    static int (*const designs[])(struct making *, struct rondo_error *) = {
        [DATA_DESIGN_AR] = make_ar,
        [DATA_DESIGN_GENOTYPE] = make_genotype,
        [DATA_DESIGN_SPARSE] = make_sparse,
    };
    struct making m;
    int code = begin(&m, recipe, false, err);
    if (code)
        return code;
    code = designs[recipe->design](&m, err);
    if (!code) {
        m.set->info.compression = stream_coding_name(STREAM_PLAIN);
        data_describe(m.set);
        *set = m.set;
        *truth = m.truth;
        m.set = NULL;
        m.truth = NULL;
    }
    forget(&m);
    return code;
}

int data_generate_bed(const struct data_recipe *recipe, const char *path, double **truth,
                      struct rondo_error *err)
{
    struct making m;
    struct haplotypes h;
    int code = begin(&m, recipe, true, err);
    if (code)
        return code;
    struct bedfile *file = mem_alloc(sizeof *file);
    code = file ? haplotypes_init(&h, recipe, err)
                : rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "out of memory");
    if (!code) {
        code = bedfile_begin(file, path, recipe->rows, err);
        if (!code) {
            write_variants(&m, &h, file);
            code = bedfile_end(file, m.y, RONDO_OK, err);
        }
        haplotypes_fini(&h);
    }
    if (!code) {
        *truth = m.truth;
        m.truth = NULL;
    }
    mem_free(file);
    forget(&m);
    return code;
}

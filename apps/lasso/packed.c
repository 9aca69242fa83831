/* packed.c - what workers do with packed genotypes (genotype.h): entries that are 0, 1 or 2, or missing.
 *
 * A missing entry is the mean g_j of those that are known, so that it is 0 in a centred column:
 *
 *     x_ij = table[code_ij],  table = {2, g_j, 1, 0},  sum_i x_ij = n g_j
 *
 * A sweep has r in fixed point, r_i = step q_i + e_i, |e_i| <= step / 2.  With the exact integers D, the
 * sum of x_ij q_i over the rows that are known, and M, the sum of q_i over the others,
 *
 *     |x_j'r - step (D + g_j M)| <= sum_i x_ij |e_i| <= n g_j step / 2,        as x_ij >= 0.
 *
 * Products of columns come from joint counts, which are exact.
 */
#include "lasso.h"

#include <float.h>
#include <math.h>

enum {
    BATCH = 16,           /* columns at once; a multiple of GENOTYPE_VECTORS */
    DIGITS = 3,           /* of r in a sweep */
    HELD_BYTES = 4 << 20, /* of sets of rows: of the columns that stay ... */
    HELD_MOST = 256,
    SLAB_BYTES = 1 << 18, /* ... and of those that pass by */
    SLAB_MOST = 32,
    LINE = 64,            /* sets of rows are aligned to it */
};

static const uint8_t *column_of(const struct lasso *lasso, int64_t j)
{
    const uint8_t *column = lasso->x->packed + j * lasso->x->stride;
    lasso_touch(lasso, column, lasso->x->stride);
    return column;
}

static void fill_table(double table[4], double a, double mean)
{
    table[RONDO_HOM_A1] = 2 * a;
    table[RONDO_MISSING] = mean * a;
    table[RONDO_HET] = a;
    table[RONDO_HOM_A2] = 0;
}

/* ---- what the columns are like --------------------------------------------------------------------- */

int lasso_packed_create(struct lasso *lasso)
{
    size_t p = (size_t)lasso->p;
    lasso->imputed = lasso->host->alloc(p * sizeof *lasso->imputed);
    lasso->lacks = lasso->host->alloc(p * sizeof *lasso->lacks);
    return lasso->imputed && lasso->lacks ? RONDO_OK : RONDO_ENOMEM;
}

/* sum of (x - mean)^2 */
static double spread(const int64_t counts[4], double imputed, double mean)
{
    double sum = 0, table[4];
    fill_table(table, 1, imputed);
    for (int code = 0; code < 4; code++)
        sum += (double)counts[code] * (table[code] - mean) * (table[code] - mean);
    return sum;
}

/* Whatever the values, sums of their squares and the mean in deviations are harmless. */
static void read_counts(struct lasso *lasso, int64_t j)
{
    int64_t counts[4];
    lasso->genotypes->count(column_of(lasso, j), lasso->n, NULL, counts);
    int64_t known = lasso->n - counts[RONDO_MISSING];
    int64_t alleles = 2 * counts[RONDO_HOM_A1] + counts[RONDO_HET];
    double imputed = known ? (double)alleles / (double)known : 0;
    double mean = lasso->intercept ? imputed : 0, square = spread(counts, imputed, mean);
    lasso->imputed[j] = imputed;
    lasso->lacks[j] = counts[RONDO_MISSING] > 0;
    lasso->scale[j] = sqrt(square); /* 0 where all that are known are the same: the mean is exact */
    lasso->mean[j] = square > 0 ? mean : 0;
}

/* Around the mean, whether there is an intercept or not. */
double lasso_packed_variance(const struct lasso *lasso, int64_t j)
{
    double n = (double)lasso->n, mean = lasso->imputed[j], table[4], square;
    const uint8_t *x = column_of(lasso, j);
    int64_t counts[4];
    if (!lasso->weight && !lasso->stage) {
        lasso->genotypes->count(x, lasso->n, NULL, counts);
        return spread(counts, mean, mean) / n;
    }
    fill_table(table, 1, lasso->imputed[j]);
    lasso->genotypes->dots(x, lasso->n, table, lasso->rows.v, lasso->n, 1, &mean);
    mean /= n;
    for (int code = 0; code < 4; code++)
        table[code] = (table[code] - mean) * (table[code] - mean);
    lasso->genotypes->dots(x, lasso->n, table, lasso->rows.v, lasso->n, 1, &square);
    return square > 1e-12 * n ? square / n : 0; /* below it: rounding */
}

void lasso_packed_read(struct lasso *lasso, int64_t from, int64_t to)
{
    for (int64_t j = from; j < to; j++)
        read_counts(lasso, j);
    lasso_packed_dots(lasso, lasso->y, from, NULL, to - from, lasso->slope + from);
    for (int64_t j = from; j < to; j++)
        lasso->slope[j] = lasso->scale[j] > 0 ? lasso->slope[j] - lasso->mean[j] * lasso->y_sum : 0;
    for (int64_t j = from; lasso->standardize && j < to; j++)
        lasso_standardise(lasso, j, lasso_packed_variance(lasso, j));
}

/* ---- one column, or a list ------------------------------------------------------------------------- */

double lasso_packed_dot(const struct lasso *lasso, const double *r, int64_t j)
{
    double table[4], dot;
    fill_table(table, 1, lasso->imputed[j]);
    lasso->genotypes->dots(column_of(lasso, j), lasso->n, table, r, lasso->n, 1, &dot);
    return dot;
}

void lasso_packed_add(const struct lasso *lasso, double a, int64_t j, double *to)
{
    double table[4];
    fill_table(table, a, lasso->imputed[j]);
    lasso->genotypes->axpy(table, column_of(lasso, j), lasso->n, to);
}

void lasso_packed_dots(const struct lasso *lasso, const double *r, int64_t from,
                       const int32_t *offset, int64_t count, double *out)
{
    const uint8_t *x[BATCH];
    double tables[BATCH][4];
    for (int64_t i = 0; i < count; i += BATCH) {
        int some = (int)(count - i < BATCH ? count - i : BATCH);
        for (int c = 0; c < some; c++) {
            int64_t j = from + (offset ? offset[i + c] : i + c);
            x[c] = column_of(lasso, j);
            fill_table(tables[c], 1, lasso->imputed[j]);
        }
        lasso->genotypes->columns(x, some, lasso->n, (const double (*)[4])tables, r, out + i);
    }
}

/* ---- r in fixed point --------------------------------------------------------------------------------- */

size_t lasso_packed_digits(const struct lasso *lasso)
{
    return genotype_fixed_bytes(lasso->n, DIGITS);
}

double lasso_packed_fix(const struct lasso *lasso, const double *r, int8_t *digits)
{
    return lasso->genotypes->fix(r, lasso->n, DIGITS, digits);
}

/* Beside what r's digits leave out: rounding in sum r, n roundings of sum |r| <= sqrt(n r'r), and
 * those of the three terms, which are four each at the most and of which eight are granted. */
static double bound_of(const struct lasso *lasso, const struct lasso_slice *slice, int64_t j,
                       const struct genotype_total *total, double *value)
{
    double n = (double)lasso->n, imputed = lasso->imputed[j], mean = lasso->mean[j];
    double known = slice->step * (double)total->dosage;
    double filled = slice->step * (imputed * (double)total->missing);
    double shift = mean * slice->sums[0];
    *value = known + filled - shift;
    double bound = 0.5 * slice->step * n * imputed + 0x1p-52 * n * mean * sqrt(n * slice->sums[1])
                   + 0x1p-50 * (fabs(known) + fabs(filled) + fabs(shift));
    return bound * (1 + 0x1p-40) + DBL_MIN;
}

void lasso_packed_bounds(const struct lasso *lasso, const struct lasso_slice *slice, int64_t from,
                         const int32_t *offset, int64_t count, double *value, double *bound)
{
    const uint8_t *x[BATCH];
    struct genotype_total total[BATCH];
    int64_t column[BATCH];
    for (int64_t i = 0; i < count; i += BATCH) {
        int some = (int)(count - i < BATCH ? count - i : BATCH);
        bool missing = false;
        for (int c = 0; c < some; c++) {
            column[c] = from + (offset ? offset[i + c] : i + c);
            x[c] = column_of(lasso, column[c]);
            missing = missing || lasso->lacks[column[c]];
        }
        lasso->genotypes->fixed(x, some, lasso->n, slice->digits_of_r, DIGITS, missing, total);
        for (int c = 0; c < some; c++)
            bound[i + c] = bound_of(lasso, slice, column[c], &total[c], &value[i + c]);
    }
}

/* ---- products of columns ------------------------------------------------------------------------------ */

/* Columns as sets of rows. */
struct sets {
    int64_t most;          /* columns */
    uint64_t *word;        /* [most][3 words] */
    const uint64_t **at;   /* [most] */
    bool missing;          /* some are */
};

struct product {
    const struct lasso *lasso;
    int64_t words;
    struct sets held, slab;
    struct genotype_joint *joint; /* [held.most x slab.most] */
};

static int64_t most_of(int64_t bytes, int64_t columns, int64_t most, int64_t each)
{
    int64_t fit = bytes / each;
    fit = fit < most ? fit : most;
    fit = fit < columns ? fit : columns;
    return fit > 1 ? fit : 1;
}

static void lay_out(const struct product *product, struct sets *sets, const int64_t *column,
                    int64_t count)
{
    const struct lasso *lasso = product->lasso;
    int64_t counts[4];
    sets->missing = false;
    for (int64_t c = 0; c < count; c++) {
        uint64_t *to = sets->word + c * 3 * product->words;
        lasso->genotypes->planes(column_of(lasso, column[c]), lasso->n, to, counts);
        sets->at[c] = to;
        sets->missing = sets->missing || lasso->lacks[column[c]];
    }
}

/* The columns held against those of a slab; value[c * ld + u]. */
static void multiply(const struct product *product, const int64_t *column, int64_t columns,
                     const int64_t *row, int64_t rows, double *value, int64_t ld)
{
    const struct lasso *lasso = product->lasso;
    lasso->genotypes->pairs(product->held.at, (int)columns, product->slab.at, (int)rows,
                            product->words, product->held.missing || product->slab.missing,
                            product->joint);
    for (int64_t c = 0; c < columns; c++)
        for (int64_t u = 0; u < rows; u++)
            value[c * ld + u] = genotype_inner(&product->joint[c * rows + u],
                                               lasso->imputed[column[c]], lasso->imputed[row[u]]);
}

/* The room is cut into the values and what a product needs; each part begins at a line. */
static int make_room(struct product *product, struct rondo_buf *room, int64_t columns, int64_t rows,
                     double **value)
{
    const struct lasso *lasso = product->lasso;
    struct sets *held = &product->held, *slab = &product->slab;
    product->words = genotype_words(lasso->n);
    int64_t each = 3 * product->words * (int64_t)sizeof(uint64_t);
    held->most = most_of(HELD_BYTES, columns, HELD_MOST, each);
    slab->most = most_of(SLAB_BYTES, rows, SLAB_MOST, each);
    const size_t part[] = {
        (size_t)(held->most * each), (size_t)(slab->most * each),
        (size_t)(columns * rows) * sizeof(double), (size_t)held->most * sizeof *held->at,
        (size_t)slab->most * sizeof *slab->at,
        (size_t)(held->most * slab->most) * sizeof *product->joint,
    };
    enum { PARTS = sizeof part / sizeof *part };
    size_t total = LINE, at[PARTS];
    for (int i = 0; i < PARTS; i++) {
        at[i] = total;
        total += (part[i] + LINE - 1) / LINE * LINE;
    }
    int code = lasso->host->reserve(room, total);
    if (code)
        return code;
    unsigned char *begin = room->data - (uintptr_t)room->data % LINE;
    held->word = (uint64_t *)(void *)(begin + at[0]);
    slab->word = (uint64_t *)(void *)(begin + at[1]);
    *value = (double *)(void *)(begin + at[2]);
    held->at = (const uint64_t **)(void *)(begin + at[3]);
    slab->at = (const uint64_t **)(void *)(begin + at[4]);
    product->joint = (struct genotype_joint *)(void *)(begin + at[5]);
    return RONDO_OK;
}

int lasso_packed_products(const struct lasso *lasso, struct rondo_buf *room, const int64_t *column,
                          int64_t columns, const int64_t *row, int64_t rows, double **value)
{
    struct product product = { .lasso = lasso };
    int code = make_room(&product, room, columns, rows, value);
    for (int64_t c = 0; c < columns && !code; c += product.held.most) {
        int64_t held = columns - c < product.held.most ? columns - c : product.held.most;
        lay_out(&product, &product.held, column + c, held);
        for (int64_t u = 0; u < rows; u += product.slab.most) {
            int64_t some = rows - u < product.slab.most ? rows - u : product.slab.most;
            lay_out(&product, &product.slab, row + u, some);
            multiply(&product, column + c, held, row + u, some, *value + c * rows + u, rows);
        }
    }
    return code;
}

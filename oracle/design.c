#include "oracle/design.h"

#include "core/base/mem.h"

#include <math.h>

/* ---- one column --------------------------------------------------------------------------------------- */

static const double *dense_column(const struct design *design, int64_t j)
{
    const int64_t first = design->p - design->sides;
    if (j >= first)
        return design->side->dense + (j - first) * design->side->ld;
    return design->x->dense ? design->x->dense + j * design->x->ld : NULL;
}

static bool is_packed(const struct design *design, int64_t j)
{
    return design->x->packed && j < design->p - design->sides;
}

/* Of a packed column, what its codes stand for, less m. */
static void values_of(const struct design *design, int64_t j, double m, double value[4])
{
    value[RONDO_HOM_A1] = 2 - m;
    value[RONDO_MISSING] = design->imputed[j] - m;
    value[RONDO_HET] = 1 - m;
    value[RONDO_HOM_A2] = 0 - m;
}

void design_add(const struct design *design, double a, int64_t j, double *to)
{
    const double m = design->mean[j], *x = dense_column(design, j);
    if (is_packed(design, j)) {
        double value[4];
        const uint8_t *packed = design->x->packed + j * design->x->stride;
        values_of(design, j, m, value);
        for (int64_t i = 0; i < design->n; i++)
            to[i] += a * value[rondo_genotype_at(packed, i)];
    } else if (x) {
        design->wide->add(a, x, m, to, design->n);
    } else {
        for (int64_t e = design->x->colptr[j]; e < design->x->colptr[j + 1]; e++)
            to[design->x->rowidx[e]] += a * design->x->values[e];
        for (int64_t i = 0; m != 0 && i < design->n; i++)
            to[i] -= a * m;
    }
}

/* sum of x, and with m of (x - m)^2 */
static double total(const struct design *design, int64_t j)
{
    const double *x = dense_column(design, j);
    double sum = 0;
    if (x)
        for (int64_t i = 0; i < design->n; i++)
            sum += x[i];
    else
        for (int64_t e = design->x->colptr[j]; e < design->x->colptr[j + 1]; e++)
            sum += design->x->values[e];
    return sum;
}

static double squares(const struct design *design, int64_t j, double m)
{
    const double *x = dense_column(design, j);
    double sum = 0;
    if (x) {
        for (int64_t i = 0; i < design->n; i++)
            sum += (x[i] - m) * (x[i] - m);
        return sum;
    }
    const int64_t begin = design->x->colptr[j], end = design->x->colptr[j + 1];
    for (int64_t e = begin; e < end; e++)
        sum += (design->x->values[e] - m) * (design->x->values[e] - m);
    return sum + (double)(design->n - (end - begin)) * m * m;
}

static void measure_packed(struct design *design, int64_t j, bool centred)
{
    const uint8_t *packed = design->x->packed + j * design->x->stride;
    int64_t count[4] = { 0 };
    double value[4], sum = 0;
    for (int64_t i = 0; i < design->n; i++)
        count[rondo_genotype_at(packed, i)]++;
    const int64_t known = design->n - count[RONDO_MISSING];
    design->imputed[j] = known ? (double)(2 * count[RONDO_HOM_A1] + count[RONDO_HET]) / (double)known : 0;
    design->mean[j] = centred ? design->imputed[j] : 0;
    values_of(design, j, design->mean[j], value);
    for (int code = 0; code < 4; code++)
        sum += (double)count[code] * value[code] * value[code];
    design->scale[j] = sqrt(sum);
}

/* What varies by rounding alone does not vary. */
static bool is_constant(const struct design *design, int64_t j)
{
    const double *x = dense_column(design, j);
    const int64_t begin = x ? 0 : design->x->colptr[j], end = x ? design->n : design->x->colptr[j + 1];
    const double *value = x ? x : design->x->values;
    const double first = end - begin == design->n && design->n ? value[begin] : 0;
    for (int64_t e = begin; e < end; e++)
        if (value[e] < first || value[e] > first)
            return false;
    return true;
}

static void measure(struct design *design, int64_t j, bool centred)
{
    if (is_packed(design, j)) {
        measure_packed(design, j, centred);
        return;
    }
    design->mean[j] = centred ? total(design, j) / (double)design->n : 0;
    design->scale[j] = centred && is_constant(design, j) ? 0 : sqrt(squares(design, j, design->mean[j]));
}

/* ---- two columns -------------------------------------------------------------------------------------- */

static void lay_out(struct design *design, int64_t j)
{
    if (design->laid == j)
        return;
    if (design->x->sparse && design->laid >= 0)
        for (int64_t e = design->x->colptr[design->laid]; e < design->x->colptr[design->laid + 1]; e++)
            design->row[design->x->rowidx[e]] = 0;
    design->laid = j;
    if (design->x->sparse) {
        for (int64_t e = design->x->colptr[j]; e < design->x->colptr[j + 1]; e++)
            design->row[design->x->rowidx[e]] = design->x->values[e];
        return;
    }
    for (int64_t i = 0; i < design->n; i++)
        design->row[i] = 0;
    design_add(design, 1, j, design->row);
}

/* (x_j - m_j)'(x_k - m_k), x_j being laid out: of sparse x the same as x_j'x_k - n m_j m_k. */
static double product(const struct design *design, int64_t j, int64_t k)
{
    const double m = design->mean[k], *x = dense_column(design, k), *row = design->row;
    double sum = 0;
    if (is_packed(design, k)) {
        double value[4];
        const uint8_t *packed = design->x->packed + k * design->x->stride;
        values_of(design, k, m, value);
        for (int64_t i = 0; i < design->n; i++)
            sum += row[i] * value[rondo_genotype_at(packed, i)];
        return sum;
    }
    if (x)
        return design->wide->product(row, 0, x, m, design->n);
    for (int64_t e = design->x->colptr[k]; e < design->x->colptr[k + 1]; e++)
        sum += row[design->x->rowidx[e]] * design->x->values[e];
    return sum - (double)design->n * design->mean[j] * m;
}

/* Nothing beyond the window; covariates have no place. */
static bool is_near(const struct design *design, int64_t j, int64_t k)
{
    if (!(design->window > 0) || !design->x->position || !is_packed(design, j) || !is_packed(design, k))
        return true;
    const int64_t apart = design->x->position[j] - design->x->position[k];
    return (double)(apart < 0 ? -apart : apart) <= design->window;
}

static double compute(struct design *design, int64_t j, int64_t k)
{
    const double scale = design->scale[j] * design->scale[k];
    design->computed++;
    if (!(scale > 0) || !is_near(design, j, k))
        return 0;
    int64_t lay = design->laid == k ? k : j, other = lay == j ? k : j;
    lay_out(design, lay);
    return product(design, lay, other) / scale;
}

/* Short columns of numbers: done sooner than found again. */
static const double *short_column(const struct design *design, int64_t j)
{
    return design->n > DESIGN_SHORT || is_packed(design, j) ? NULL : dense_column(design, j);
}

double design_coupling(struct design *design, int64_t j, int64_t k)
{
    const double *a = short_column(design, j), *b = short_column(design, k);
    if (a && b) {
        const double scale = design->scale[j] * design->scale[k];
        return scale > 0 ? design->wide->product(a, design->mean[j], b, design->mean[k], design->n) / scale : 0;
    }
    const int64_t low = j < k ? j : k, high = j < k ? k : j;
    const uint64_t key = 1 + (uint64_t)low * (uint64_t)design->p + (uint64_t)high;
    struct design_pair *pair = &design->cache[(key * UINT64_C(0x9E3779B97F4A7C15)) >> 44];
    if (pair->key != key)
        *pair = (struct design_pair){ key, compute(design, j, k) };
    return pair->coupling;
}

/* Of unit vectors a and b, rounded to u = 2^-24, is |fl(a'b) - a'b| <= (n + 2) u |a|'|b| <= (n + 2) u, to first order:
 * 6.2e-5 of the longest. */
static const double ROUGH = 1e-4;

bool design_apart(const struct design *design, int64_t j, int64_t k, double bound)
{
    const float *unit = design->unit;
    return unit && fabs((double)design->wide->rough(unit + j * design->n, unit + k * design->n, design->n)) <= bound - ROUGH;
}

/* ---- opening ------------------------------------------------------------------------------------------ */

static int make_units(struct design *design)
{
    const int64_t n = design->n, p = design->p;
    for (int64_t j = 0; j < p; j++)
        if (!short_column(design, j))
            return RONDO_OK;
    if (n == 0 || p > DESIGN_UNITS / (int64_t)sizeof(float) / n)
        return RONDO_OK;
    design->unit = mem_calloc((size_t)(n * p) + 1, sizeof *design->unit);
    for (int64_t j = 0; design->unit && j < p; j++)
        for (int64_t i = 0; design->scale[j] > 0 && i < n; i++)
            design->unit[i + j * n] = (float)((dense_column(design, j)[i] - design->mean[j]) / design->scale[j]);
    return design->unit ? RONDO_OK : RONDO_ENOMEM;
}

_Static_assert(DESIGN_CACHE == 1 << (64 - 44), "the digits of a hash");

int design_open(struct design *design, const struct subject *subject, struct rondo_error *err)
{
    const struct rondo_host *host = &subject->host;
    *design = (struct design){ .x = host->matrix(subject->job, "x"), .side = host->matrix(subject->job, "covariates"),
                               .window = host->real(subject->job, "params.ld_window"), .laid = -1, .wide = wide_best() };
    if (!design->x)
        return rondo_error_set(err, RONDO_EINPUT, "/data/x", NULL, "there is no x");
    design->n = design->x->rows;
    design->sides = design->side ? design->side->cols : 0;
    design->p = design->x->cols + design->sides;
    const size_t p = (size_t)design->p + 1, n = (size_t)design->n + 1;
    design->mean = mem_calloc(p, sizeof(double));
    design->scale = mem_calloc(p, sizeof(double));
    design->imputed = mem_calloc(p, sizeof(double));
    design->row = mem_calloc(n, sizeof(double));
    design->cache = mem_calloc(DESIGN_CACHE, sizeof *design->cache);
    if (!design->mean || !design->scale || !design->imputed || !design->row || !design->cache)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for the columns");
    const bool centred = host->flag(subject->job, "params.intercept");
    for (int64_t j = 0; j < design->p; j++)
        measure(design, j, centred);
    return make_units(design) ? rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for the columns") : RONDO_OK;
}

void design_close(struct design *design)
{
    mem_free(design->mean);
    mem_free(design->scale);
    mem_free(design->imputed);
    mem_free(design->row);
    mem_free(design->cache);
    mem_free(design->unit);
}

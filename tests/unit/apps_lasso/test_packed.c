/* The app on packed genotypes against the dense matrix of the same values, and against sums in long
 * double, for each instruction set of this machine, with and without missing ones. */
#include "tests/support/lasso_drive.h"

#include "core/base/mem.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { P = 45 };

struct fixture {
    struct design design;
    struct lasso_spec spec;
    struct lasso *lasso;
    struct lasso_slice *slice;
};

static const char *const levels[] = { "x86-64-v2", "x86-64-v3", "x86-64-v4" };

static int count_levels(void)
{
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")
        || !__builtin_cpu_supports("bmi2"))
        return 1;
    return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")
                   && __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512vl")
               ? 3 : 2;
}

/* One column in seven is constant, and one loses all of its entries. */
static void setup(struct fixture *f, int64_t n, bool missing, bool intercept, const char *isa)
{
    struct dice dice = { .seed = (uint64_t)n * 2 + missing };
    struct rondo_error err;
    void *state;
    const struct design_options options = { .n = n, .p = P, .kind = DESIGN_GENOTYPE, .rho = 0.7,
                                            .noise = 1, .constants = 0.15, .packed = true,
                                            .missing = missing ? 0.1 : 0 };
    *f = (struct fixture){ .lasso = NULL };
    design_make(&f->design, &dice, &options);
    if (missing) {
        memset(f->design.packed + 5 * f->design.matrix.stride, 0x55, (size_t)(n + 3) / 4);
        memset(f->design.x + 5 * n, 0, (size_t)n * sizeof(double));
    }
    f->spec = lasso_spec_plain(&f->design);
    f->spec.intercept = intercept;
    f->spec.isa = isa;
    f->lasso = lasso_drive_open(&f->spec, &err);
    cr_assert_not_null(f->lasso, "%s", err.what);
    cr_assert_eq(lasso_common_create(f->lasso, 0, &state, &err), RONDO_OK);
    f->slice = state;
}

static void teardown(struct fixture *f)
{
    lasso_slice_destroy(f->lasso, f->slice);
    lasso_app.close(f->lasso);
    design_fini(&f->design);
}

static void each(void (*check)(struct fixture *f))
{
    static const int64_t sizes[] = { 2, 3, 37, 128, 403, 1030 };
    for (int level = 0; level < count_levels(); level++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            for (int kind = 0; kind < 4; kind++) {
                struct fixture f;
                setup(&f, sizes[s], kind & 1, kind & 2, levels[level]);
                check(&f);
                teardown(&f);
            }
}

static long double centred(const struct fixture *f, int64_t j, int64_t i)
{
    return f->design.x[j * f->design.n + i] - (long double)f->lasso->mean[j];
}

/* ---- columns ------------------------------------------------------------------------------------- */

static void check_columns(struct fixture *f)
{
    const struct lasso *packed = f->lasso;
    struct design dense = f->design;
    struct lasso_spec spec = f->spec;
    struct rondo_error err;
    design_bind(&dense, false);
    spec.design = &dense;
    struct lasso *lasso = lasso_drive_open(&spec, &err);
    cr_assert_not_null(lasso, "%s", err.what);
    double size = sqrt((double)packed->n);
    for (int64_t j = 0; j < P; j++) {
        cr_assert_float_eq(packed->mean[j], lasso->mean[j], 1e-13);
        cr_assert_float_eq(packed->scale[j], lasso->scale[j], 1e-13 * size);
        cr_assert_eq(packed->scale[j] == 0, lasso->scale[j] == 0);
        cr_assert_float_eq(packed->slope[j], lasso->slope[j], 1e-12 * size * size);
        cr_assert_eq(packed->cost[j], lasso->cost[j]);
    }
    cr_assert_float_eq(packed->slope_most, lasso->slope_most, 1e-12 * size * size);
    lasso_app.close(lasso);
    mem_free(dense.padded);
}

Test(packed, columns_are_as_those_of_the_dense_matrix)
{
    each(check_columns);
}

Test(packed, a_column_without_a_known_entry_says_nothing)
{
    for (int intercept = 0; intercept < 2; intercept++) {
        struct fixture f;
        setup(&f, 37, true, intercept, levels[0]);
        cr_expect_eq(f.lasso->scale[5], 0);
        cr_expect_eq(f.lasso->slope[5], 0);
        cr_expect_eq(f.lasso->imputed[5], 0);
        teardown(&f);
    }
}

/* Without an intercept a constant column has a length, and no deviation that could be rounding. */
Test(packed, what_is_constant_has_no_deviation)
{
    struct dice dice = { .seed = 5 };
    struct design design;
    design_init(&design, 5, 2);
    for (int i = 0; i < 5; i++) {
        design.x[i] = 1;
        design.x[5 + i] = i % 3;
        design.y[i] = i * i;
    }
    for (int packed = 0; packed < 2; packed++) {
        packed ? design_bind_packed(&design, &dice, 0) : design_bind(&design, true);
        struct lasso_spec spec = lasso_spec_plain(&design);
        struct rondo_error err;
        spec.standardize = true;
        for (spec.intercept = false;; spec.intercept = true) {
            struct lasso *lasso = lasso_drive_open(&spec, &err);
            cr_assert_not_null(lasso, "%s", err.what);
            cr_expect_eq(lasso->scale[0], 0);
            cr_expect_float_eq(lasso->l2_factor[1], 0.56, 1e-15, "%g", lasso->l2_factor[1]);
            lasso_app.close(lasso);
            if (spec.intercept)
                break;
        }
    }
    design_fini(&design);
}

/* A deviation far below the mean is not the difference of two squares. */
Test(packed, a_deviation_keeps_its_digits_without_an_intercept)
{
    struct design design;
    design_init(&design, 4, 1);
    for (int i = 0; i < 4; i++) {
        design.x[i] = 1e9 + i % 2;
        design.y[i] = i;
    }
    for (int sparse = 0; sparse < 2; sparse++) {
        design_bind(&design, sparse);
        struct lasso_spec spec = lasso_spec_plain(&design);
        struct rondo_error err;
        spec.standardize = true;
        spec.intercept = false;
        struct lasso *lasso = lasso_drive_open(&spec, &err);
        cr_assert_not_null(lasso, "%s", err.what);
        cr_expect_float_eq(lasso->l1_factor[0], 0.5, 1e-12, "%g", lasso->l1_factor[0]);
        lasso_app.close(lasso);
        mem_free(design.padded);
        design.padded = NULL;
    }
    design_fini(&design);
}

Test(packed, rows_are_not_cut_into_shards)
{
    struct fixture f;
    struct rondo_error err;
    setup(&f, 37, false, true, levels[0]);
    f.spec.row_shards = 3;
    cr_assert_null(lasso_drive_open(&f.spec, &err));
    cr_expect_str_eq(err.where, "params.row_shards");
    teardown(&f);
}

/* ---- products with r -------------------------------------------------------------------------------- */

static void check_dots(struct fixture *f)
{
    static const int32_t offset[] = { 0, 3, 4, 5, 9, 17, 30, 31, 32, 40 };
    enum { LISTED = sizeof offset / sizeof *offset };
    double all[P], some[LISTED], value[P], bound[P], listed[LISTED], off[LISTED];
    double n = (double)f->design.n, most = 0;
    lasso_packed_dots(f->lasso, f->slice->r, 0, NULL, P, all);
    lasso_packed_dots(f->lasso, f->slice->r, 2, offset, LISTED, some);
    lasso_packed_bounds(f->lasso, f->slice, 0, NULL, P, value, bound);
    lasso_packed_bounds(f->lasso, f->slice, 2, offset, LISTED, listed, off);
    for (int64_t i = 0; i < f->design.n; i++)
        most = fmax(most, fabs(f->slice->r[i]));
    for (int64_t j = 0; j < P; j++) {
        long double dot = 0;
        for (int64_t i = 0; i < f->design.n; i++)
            dot += centred(f, j, i) * f->slice->r[i];
        double gradient = lasso_gradient(f->lasso, f->slice, j);
        cr_assert_float_eq(gradient, (double)dot, 1e-14 * n * (most + 1));
        cr_assert_eq(all[j] - f->lasso->mean[j] * f->slice->sums[0], gradient);
        cr_assert_eq(lasso_packed_dot(f->lasso, f->slice->r, j), all[j]);
        cr_assert(fabsl(value[j] - dot) <= bound[j]);
        cr_assert(bound[j] <= most * n * 0x1p-21 + DBL_MIN);
    }
    for (int k = 0; k < LISTED; k++) {
        cr_assert_eq(some[k], all[2 + offset[k]]);
        cr_assert(listed[k] == value[2 + offset[k]] && off[k] == bound[2 + offset[k]]);
    }
}

Test(packed, products_with_the_residual_and_their_bounds)
{
    each(check_dots);
}

static void check_add(struct fixture *f)
{
    int64_t n = f->design.n;
    double *to = mem_calloc((size_t)n, sizeof *to);
    for (int64_t j = 0; j < P; j++)
        lasso_packed_add(f->lasso, 0.3 * (double)(j - 20), j, to);
    for (int64_t i = 0; i < n; i++) {
        long double sum = 0;
        for (int64_t j = 0; j < P; j++)
            sum += 0.3L * (long double)(j - 20) * f->design.x[j * n + i];
        cr_assert_float_eq(to[i], (double)sum, 1e-11);
    }
    mem_free(to);
}

Test(packed, columns_are_added)
{
    each(check_add);
}

/* ---- products of columns ------------------------------------------------------------------------------ */

static void check_products(struct fixture *f)
{
    int64_t column[P], n = f->design.n;
    struct rondo_buf room = { 0 }, alone = { 0 };
    double *value, *one;
    for (int64_t j = 0; j < P; j++)
        column[j] = (7 * j + 3) % P;
    cr_assert_eq(lasso_packed_products(f->lasso, &room, column, P, column, P, &value), RONDO_OK);
    for (int64_t c = 0; c < P; c++)
        for (int64_t u = 0; u < P; u++) {
            const double *x = f->design.x + column[c] * n, *y = f->design.x + column[u] * n;
            long double sum = 0;
            for (int64_t i = 0; i < n && (n < 2000 || (c % 9 == 0 && u % 7 == 0)); i++)
                sum += (long double)x[i] * y[i];
            if (sum > 0)
                cr_assert_float_eq(value[c * P + u], (double)sum, 1e-15 * (double)sum + 1e-15);
            cr_assert_eq(value[c * P + u], value[u * P + c]);
        }
    for (int64_t c = 0; c < P; c += 11) { /* whatever it is computed with */
        cr_assert_eq(lasso_packed_products(f->lasso, &alone, column + 4, 5, column + c, 1, &one),
                     RONDO_OK);
        for (int64_t u = 0; u < 5; u++)
            cr_assert_eq(one[u], value[c * P + u + 4]);
    }
    buf_fini(&room);
    buf_fini(&alone);
}

Test(packed, products_of_columns)
{
    each(check_products);
}

Test(packed, products_of_columns_too_long_to_be_held_at_once)
{
    struct fixture f;
    setup(&f, 300001, true, true, levels[count_levels() - 1]);
    check_products(&f);
    teardown(&f);
}

/* ---- a job -------------------------------------------------------------------------------------------- */

Test(packed, a_job_ends_where_that_on_the_dense_matrix_does)
{
    static struct lasso_outcome packed, dense;
    static const double ratios[] = { 0.5, 0.05, 0.01 };
    for (int kind = 0; kind < 12; kind++) {
        struct dice dice = { .seed = 900 + (uint64_t)kind };
        const struct design_options options = { .n = 90 + kind, .p = 230, .kind = DESIGN_GENOTYPE,
                                                .rho = 0.9, .noise = 1, .packed = true,
                                                .missing = kind & 1 ? 0.1 : 0 };
        struct design design, other;
        design_make(&design, &dice, &options);
        other = design;
        design_bind(&other, false);
        struct lasso_spec spec = lasso_spec_plain(&design);
        spec.intercept = kind & 2;
        spec.lambda_ratio = ratios[kind % 3];
        spec.blocks = 8;
        spec.l1_ratio = kind & 4 ? 0.7 : 1;
        lasso_drive_run(&spec, NULL, NULL, &packed);
        cr_assert_eq(packed.code, RONDO_OK, "%s", packed.err.what);
        struct truth truth = truth_of(&spec, packed.lambda, packed.b);
        spec.design = &other;
        lasso_drive_run(&spec, NULL, NULL, &dense);
        double null = (double)truth_objective(&spec, packed.lambda, (const double[230]){ 0 });
        cr_expect_float_eq(packed.lambda, dense.lambda, 1e-12 * dense.lambda);
        cr_expect_float_eq(packed.objective, (double)truth.objective, 1e-11 * null);
        cr_expect((double)(truth.objective - truth.dual) <= 1.001 * spec.gap * null + 1e-12 * null);
        cr_expect_float_eq(packed.objective, dense.objective, spec.gap * null);
        mem_free(other.padded);
        design_fini(&design);
    }
}

/* Expected figures come from the designs' closed forms: variances, correlations, binomial counts. */
#include "tests/unit/core_data/scratch.h"

#include <math.h>

static struct data_set *make(struct data_recipe recipe, double **truth)
{
    struct data_set *set;
    struct rondo_error err = { 0 };
    cr_assert_eq(data_generate(&recipe, &set, truth, &err), RONDO_OK, "%s %s", err.where, err.what);
    return set;
}

static const struct data_recipe ar = { .design = DATA_DESIGN_AR, .rows = 4000, .cols = 60,
                                       .rho = 0.8, .block = 20, .causes = 7, .amplitude = 3,
                                       .noise = 0.5, .seed = 11 };
static const struct data_recipe genotype = { .design = DATA_DESIGN_GENOTYPE, .rows = 4000,
                                             .cols = 200, .causes = 20, .heritability = 0.3,
                                             .seed = 12 };
static const struct data_recipe sparse = { .design = DATA_DESIGN_SPARSE, .rows = 2000, .cols = 500,
                                           .density = 0.03, .causes = 10, .amplitude = 2,
                                           .noise = 0.1, .seed = 13 };

/* mean of a[i] b[i], less the product of the means */
static double covariance(const double *a, const double *b, int64_t n)
{
    double ab = 0, sum_a = 0, sum_b = 0;
    for (int64_t i = 0; i < n; i++) {
        ab += a[i] * b[i];
        sum_a += a[i];
        sum_b += b[i];
    }
    return (ab - sum_a * sum_b / (double)n) / (double)n;
}

/* Turns y into y - X b, and X b into `fit`. */
static void residual(const struct data_set *set, const double *truth, double *rest, double *fit)
{
    for (int64_t i = 0; i < set->x.rows; i++) {
        fit[i] = 0;
        for (int64_t j = 0; j < set->x.cols; j++)
            fit[i] += truth[j] != 0 ? truth[j] * scratch_at(&set->x, i, j) : 0;
        rest[i] = set->labels.dense[i] - fit[i];
    }
}

static int causes(const double *truth, int64_t cols)
{
    int count = 0;
    for (int64_t j = 0; j < cols; j++)
        count += truth[j] != 0;
    return count;
}

Test(generate, ar_columns_are_standard_normal_and_correlated_within_blocks_alone)
{
    double *truth;
    struct data_set *set = make(ar, &truth);
    const double *x = set->x.dense;
    for (int64_t j = 0; j + 1 < 60; j++) {
        const double *a = x + j * set->x.ld, *b = a + set->x.ld;
        double between = covariance(a, b, 4000);
        cr_expect_float_eq(covariance(a, a, 4000), 1, 0.12);
        cr_expect_float_eq(between, (j + 1) % 20 ? 0.8 : 0, 0.1, "columns %d and %d: %g", (int)j,
                           (int)j + 1, between);
    }
    data_free(set);
    mem_free(truth);
    cr_expect_eq(mem_live(), 0);
}

Test(generate, ar_has_the_causes_the_amplitude_and_the_noise_asked_for)
{
    static double rest[4000], fit[4000];
    double *truth;
    struct data_set *set = make(ar, &truth);
    cr_expect_eq(causes(truth, 60), 7);
    for (int j = 0; j < 60; j++)
        cr_expect(truth[j] == 0 || fabs(truth[j]) == 3);
    residual(set, truth, rest, fit);
    cr_expect_float_eq(covariance(rest, rest, 4000), 0.25, 0.03);
    data_free(set);
    mem_free(truth);
}

Test(generate, genotypes_are_counts_of_alleles_with_the_heritability_asked_for)
{
    static double rest[4000], fit[4000];
    double *truth;
    struct data_set *set = make(genotype, &truth);
    double near = 0, far = 0;
    for (int64_t j = 0; j < 200; j++) {
        const double *x = set->x.dense + j * set->x.ld;
        double mean = 0;
        for (int i = 0; i < 4000; i++) {
            cr_assert(x[i] == 0 || x[i] == 1 || x[i] == 2);
            mean += x[i] / 4000;
        }
        cr_expect(mean > 2 * 0.05 - 0.03 && mean < 2 * 0.5 + 0.07, "mean %g", mean);
        if (j + 100 < 200) {
            const double *b = x + set->x.ld, *c = x + 100 * set->x.ld;
            double size = covariance(x, x, 4000);
            near += fabs(covariance(x, b, 4000)) / sqrt(size * covariance(b, b, 4000)) / 100;
            far += fabs(covariance(x, c, 4000)) / sqrt(size * covariance(c, c, 4000)) / 100;
        }
    }
    cr_expect(near > 0.25 && far < 0.05, "near %g far %g", near, far);
    cr_expect_eq(causes(truth, 200), 20);
    residual(set, truth, rest, fit);
    double genetic = covariance(fit, fit, 4000), noise = covariance(rest, rest, 4000);
    cr_expect_float_eq(genetic / (genetic + noise), 0.3, 0.03);
    data_free(set);
    mem_free(truth);
}

Test(generate, sparse_columns_have_binomial_counts_and_normal_values)
{
    static double rest[2000], fit[2000];
    double *truth, mean = 0, squares = 0;
    struct data_set *set = make(sparse, &truth);
    cr_assert(set->x.sparse);
    for (int j = 0; j < 500; j++) {
        double count = (double)(set->x.colptr[j + 1] - set->x.colptr[j]);
        mean += count / 500;
        squares += count * count / 500;
    }
    cr_expect_float_eq(mean, 60, 2);
    cr_expect_float_eq(squares - mean * mean, 2000 * 0.03 * 0.97, 15);
    cr_expect_float_eq(covariance(set->x.values, set->x.values, set->x.nnz), 1, 0.05);
    residual(set, truth, rest, fit);
    cr_expect_eq(causes(truth, 500), 10);
    cr_expect_float_eq(covariance(rest, rest, 2000), 0.01, 0.001);
    data_free(set);
    mem_free(truth);
}

Test(generate, the_same_recipe_gives_the_same_bits_and_another_seed_does_not)
{
    const struct data_recipe *const recipes[] = { &ar, &genotype, &sparse };
    for (int k = 0; k < 3; k++) {
        double *t1, *t2, *t3;
        struct data_recipe other = *recipes[k];
        other.seed++;
        struct data_set *a = make(*recipes[k], &t1), *b = make(*recipes[k], &t2);
        struct data_set *c = make(other, &t3);
        size_t rows = (size_t)a->x.rows * 8, cols = (size_t)a->x.cols * 8;
        cr_expect(memcmp(t1, t2, cols) == 0 && memcmp(t1, t3, cols) != 0);
        cr_expect(memcmp(a->labels.dense, b->labels.dense, rows) == 0);
        cr_expect(memcmp(a->labels.dense, c->labels.dense, rows) != 0);
        cr_expect(a->x.nnz == b->x.nnz);
        if (a->x.sparse)
            cr_expect(memcmp(a->x.values, b->x.values, (size_t)a->x.nnz * 8) == 0);
        else
            cr_expect(memcmp(a->x.dense, b->x.dense, a->x.bytes) == 0);
        data_free(a);
        data_free(b);
        data_free(c);
        mem_free(t1);
        mem_free(t2);
        mem_free(t3);
    }
}

Test(generate, more_columns_leave_the_first_as_they_were)
{
    double *t1, *t2;
    struct data_recipe wide = ar;
    wide.cols = 80;
    struct data_set *a = make(ar, &t1), *b = make(wide, &t2);
    cr_expect(memcmp(a->x.dense, b->x.dense, a->x.bytes) == 0);
    data_free(a);
    data_free(b);
    mem_free(t1);
    mem_free(t2);
}

Test(generate, full_density_and_all_causes_are_possible)
{
    double *truth;
    struct data_recipe full = sparse;
    full.density = 1;
    full.causes = full.cols;
    struct data_set *set = make(full, &truth);
    cr_expect_eq(set->x.nnz, full.rows * full.cols);
    cr_expect_eq(causes(truth, full.cols), 500);
    data_free(set);
    mem_free(truth);
}

static void refuses(struct data_recipe recipe, const char *name)
{
    struct data_set *set = NULL;
    double *truth = NULL;
    struct rondo_error err = { 0 };
    cr_expect_eq(data_generate(&recipe, &set, &truth, &err), RONDO_EINPUT, "%s", name);
    cr_expect_str_eq(err.where, name);
    cr_expect_eq(mem_live(), 0);
}

Test(generate, a_recipe_out_of_range_names_its_member)
{
    struct data_recipe r;
    refuses((r = ar, r.rows = 0, r), "rows");
    refuses((r = ar, r.cols = INT64_C(1) << 31, r), "cols");
    refuses((r = ar, r.causes = 61, r), "causes");
    refuses((r = ar, r.rho = 1, r), "rho");
    refuses((r = ar, r.block = 0, r), "block");
    refuses((r = ar, r.noise = -1, r), "noise");
    refuses((r = ar, r.amplitude = (double)NAN, r), "amplitude");
    refuses((r = sparse, r.density = 0, r), "density");
    refuses((r = genotype, r.heritability = 0, r), "heritability");
}

Test(generate, more_than_the_machine_has_is_refused_before_it_is_asked_for)
{
    struct data_recipe huge = ar;
    struct data_set *set;
    double *truth;
    struct rondo_error err = { 0 };
    huge.rows = huge.cols = huge.block = INT32_MAX;
    cr_expect_eq(data_generate(&huge, &set, &truth, &err), RONDO_ENOMEM);
    cr_expect(strstr(err.what, "this machine has") != NULL, "%s", err.what);
}

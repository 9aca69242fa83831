/* Rows of normal.h on each level of this machine against Gaussian elimination in doubles, which knows nothing of
 * tiles, and against what the minimum has to fulfil. */
#include "apps/mf/normal.h"
#include "tests/support/lasso_drive.h"
#include "tests/support/levels.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const ISA[] = { "x86-64-v2", "x86-64-v3", "x86-64-v4" };
static const int32_t RANKS[] = { 1, 7, 16, 33, 128, 500 };
enum { RANK_COUNT = sizeof RANKS / sizeof *RANKS, OTHERS = 700 };

struct instance {
    const struct normal_kernel *kernel;
    struct normal normal;
    int64_t count;
    int32_t col[OTHERS];
    float value[OTHERS];
    double ridge;
    float *other, *gram, *p;
    void *workspace;
};

static void *room(size_t bytes)
{
    size_t whole = (bytes + 127) / 64 * 64;
    void *at = aligned_alloc(64, whole);
    cr_assert_not_null(at);
    return memset(at, 0, whole);
}

/* The ratings are those of the first `count` of OTHERS rows. */
static struct instance *made(const struct normal_kernel *kernel, int32_t rank, int64_t count, bool implicit, bool bias,
                             double ridge, struct dice *dice)
{
    struct instance *x = room(sizeof *x);
    int32_t width = rank + bias, stride = (width + 15) / 16 * 16;
    x->other = room((size_t)OTHERS * (size_t)stride * sizeof(float));
    x->gram = room((size_t)width * (size_t)stride * sizeof(float));
    x->p = room((size_t)stride * sizeof(float));
    x->kernel = kernel;
    x->normal = (struct normal){ .width = width, .stride = stride, .other = x->other, .alpha = 3, .bias = bias,
                                 .gram = implicit ? x->gram : NULL };
    x->count = count;
    x->ridge = ridge;
    for (int64_t i = 0; i < OTHERS; i++)
        for (int32_t k = 0; k < width; k++)
            x->other[i * stride + k] = k == rank ? 1 : (float)(2 * dice_unit(dice) - 0.7) / sqrtf((float)rank);
    for (int64_t j = 0; j < count; j++) {
        x->col[j] = (int32_t)((j * 37) % OTHERS);
        x->value[j] = implicit ? (float)(1 + j % 3) : (float)(4 * dice_unit(dice) - (bias ? 2 : 0));
    }
    if (implicit)
        kernel->gram(x->other, OTHERS, width, stride, x->gram);
    return x;
}

static double solved(struct instance *x)
{
    x->workspace = room(normal_workspace_bytes(&x->normal));
    return x->kernel->solve(&x->normal, x->col, x->value, x->count, x->ridge, x->p, x->workspace);
}

static void unmade(struct instance *x)
{
    free(x->workspace);
    free(x->other);
    free(x->gram);
    free(x->p);
    free(x);
}

static const float *row_of(const struct instance *x, int64_t i)
{
    return x->other + i * x->normal.stride;
}

/* A p = b of the header's formula. */
static void equations(const struct instance *x, double *a, double *b)
{
    int32_t w = x->normal.width;
    memset(a, 0, (size_t)w * (size_t)w * sizeof *a);
    memset(b, 0, (size_t)w * sizeof *b);
    for (int64_t i = 0; i < OTHERS && x->normal.gram; i++)
        for (int32_t k = 0; k < w; k++)
            for (int32_t l = 0; l < w; l++)
                a[k * w + l] += (double)row_of(x, i)[k] * (double)row_of(x, i)[l];
    for (int64_t j = 0; j < x->count; j++) {
        const float *q = row_of(x, x->col[j]);
        double r = (double)x->value[j];
        double weight = x->normal.gram ? x->normal.alpha * r : 1, right = x->normal.gram ? 1 + weight : r;
        for (int32_t k = 0; k < w; k++) {
            b[k] += right * (double)q[k];
            for (int32_t l = 0; l < w; l++)
                a[k * w + l] += weight * (double)q[k] * (double)q[l];
        }
    }
    for (int32_t k = 0; k < w; k++)
        a[k * w + k] += x->ridge;
}

/* b = A^-1 b, rows exchanged for the largest pivot. */
static void eliminate(double *a, double *b, int32_t n)
{
    for (int32_t k = 0; k < n; k++) {
        int32_t best = k;
        for (int32_t i = k + 1; i < n; i++)
            best = fabs(a[i * n + k]) > fabs(a[best * n + k]) ? i : best;
        for (int32_t j = 0; j < n && best != k; j++) {
            double t = a[k * n + j];
            a[k * n + j] = a[best * n + j];
            a[best * n + j] = t;
        }
        double t = b[k];
        b[k] = b[best];
        b[best] = best == k ? b[k] : t;
        for (int32_t i = k + 1; i < n; i++) {
            double by = a[i * n + k] / a[k * n + k];
            for (int32_t j = k; j < n && by != 0; j++)
                a[i * n + j] -= by * a[k * n + j];
            b[i] -= by * b[k];
        }
    }
    for (int32_t k = n - 1; k >= 0; k--) {
        for (int32_t j = k + 1; j < n; j++)
            b[k] -= a[k * n + j] * b[j];
        b[k] /= a[k * n + k];
    }
}

/* The row's part of F at p, from the definition: the cells one by one. */
static double objective(const struct instance *x)
{
    double sum = 0, rated[OTHERS] = { 0 };
    bool has[OTHERS] = { false };
    for (int64_t j = 0; j < x->count; j++) {
        rated[x->col[j]] = (double)x->value[j];
        has[x->col[j]] = true;
    }
    for (int64_t i = 0; i < OTHERS; i++) {
        double s = 0, c = 1 + x->normal.alpha * rated[i];
        for (int32_t k = 0; k < x->normal.width; k++)
            s += (double)row_of(x, i)[k] * (double)x->p[k];
        if (x->normal.gram)
            sum += c * (has[i] - s) * (has[i] - s);
        else if (has[i])
            sum += (rated[i] - s) * (rated[i] - s);
    }
    for (int32_t k = 0; k < x->normal.width; k++)
        sum += x->ridge * (double)x->p[k] * (double)x->p[k];
    return sum;
}

static void check_exact(struct instance *x, double bound, const char *what)
{
    int32_t w = x->normal.width;
    double *a = room((size_t)w * (size_t)w * sizeof *a), *b = room((size_t)w * sizeof *b), most = 0, off = 0;
    double told = solved(x), truth = objective(x);
    equations(x, a, b);
    eliminate(a, b, w);
    for (int32_t k = 0; k < w; k++) {
        most = fmax(most, fabs(b[k]));
        off = fmax(off, fabs(b[k] - (double)x->p[k]));
    }
    cr_assert(off <= bound * most, "%s, %s, width %d, %d ratings: off by %g of %g", x->kernel->isa, what, w,
              (int)x->count, off, most);
    cr_assert(fabs(told - truth) <= 1e-5 * truth, "%s, %s, width %d: F %.9g, told %.9g", x->kernel->isa, what, w, truth,
              told);
    for (int32_t k = w; k < x->normal.stride; k++)
        cr_assert_eq(x->p[k], 0);
    free(a);
    free(b);
}

/* ---- the exact row ------------------------------------------------------------------------------------------ */

static void each_shape(bool implicit, bool bias, bool cg, double bound, const char *what)
{
    static const int64_t counts[] = { 1, 5, 64, 333 };
    for (int level = 0; level < levels(); level++)
        for (int r = 0; r < RANK_COUNT; r++)
            for (int c = 0; c < 4; c++) {
                struct dice dice = { .seed = 3 + (uint64_t)c };
                if (RANKS[r] == 500 && c < 3)
                    continue; /* elimination takes its time */
                struct instance *x = made(normal_kernel_for(ISA[level]), RANKS[r], counts[c], implicit, bias,
                                          0.05 * (double)counts[c], &dice);
                x->normal.cg = cg;
                x->normal.steps = 4 * x->normal.width + 20;
                check_exact(x, bound, what);
                unmade(x);
            }
}

Test(normal, explicit_rows_are_the_exact_minimum)
{
    each_shape(false, false, false, 1e-5, "explicit");
}

Test(normal, a_bias_is_one_more_coordinate)
{
    each_shape(false, true, false, 1e-5, "bias");
}

Test(normal, implicit_rows_are_the_exact_minimum)
{
    each_shape(true, false, false, 2e-5, "implicit");
}

/* Sums of c s^2 - 2 c s + c would lose what is small beside c. */
Test(normal, confident_ratings_leave_f_its_digits)
{
    for (int level = 0; level < levels(); level++)
        for (int cg = 0; cg < 2; cg++) {
            struct dice dice = { .seed = 8 };
            struct instance *x = made(normal_kernel_for(ISA[level]), 16, 5, true, false, 0.05, &dice);
            x->normal.alpha = 1e5;
            x->normal.cg = cg;
            x->normal.steps = 100;
            double told = solved(x), truth = objective(x);
            cr_expect(fabs(told - truth) <= 1e-4 * truth, "%s: F %.9g, told %.9g", x->kernel->isa, truth, told);
            unmade(x);
        }
}

Test(normal, conjugate_gradient_comes_to_the_same_rows)
{
    each_shape(false, false, true, 1e-4, "cg");
    each_shape(true, false, true, 1e-4, "implicit cg");
}

Test(normal, a_few_steps_of_conjugate_gradient_descend_from_what_is_there)
{
    for (int level = 0; level < levels(); level++) {
        struct dice dice = { .seed = 5 };
        struct instance *x = made(normal_kernel_for(ISA[level]), 33, 200, true, false, 2, &dice);
        double before = objective(x);
        x->normal.cg = true;
        for (int32_t steps = 1; steps <= 3; steps++) {
            x->normal.steps = steps;
            double now = solved(x);
            cr_assert_lt(now, before, "%d steps: %.9g after %.9g", steps, now, before);
            before = now;
            free(x->workspace);
        }
        x->workspace = NULL;
        unmade(x);
    }
}

/* All rows within five of rank 33: what is left in the end is rounding, and the curvature along it is too. */
Test(normal, conjugate_gradient_raises_nothing_where_equations_are_singular)
{
    for (int level = 0; level < levels(); level++)
        for (int implicit = 0; implicit < 2; implicit++) {
            struct dice dice = { .seed = 5 };
            struct instance *x = made(normal_kernel_for(ISA[level]), 33, 40, implicit, false, 0, &dice);
            for (int64_t i = 5; i < OTHERS; i++)
                memcpy(x->other + i * x->normal.stride, row_of(x, i % 5), (size_t)x->normal.stride * sizeof *x->p);
            memset(x->gram, 0, 33 * (size_t)x->normal.stride * sizeof *x->gram);
            if (implicit)
                x->kernel->gram(x->other, OTHERS, 33, x->normal.stride, x->gram);
            x->normal.alpha = 1000;
            x->normal.cg = true;
            x->normal.steps = 20;
            double before = INFINITY;
            for (int time = 0; time < 40; time++) {
                double now = solved(x), truth = objective(x);
                cr_assert(now <= before * (1 + 1e-6), "%s, %d: F %.9g after %.9g", x->kernel->isa, time, now, before);
                cr_assert(fabs(now - truth) <= 1e-4 * truth, "%s, %d: F %.9g, told %.9g", x->kernel->isa, time, truth, now);
                before = now;
                free(x->workspace);
            }
            x->workspace = NULL;
            unmade(x);
        }
}

/* ---- not below 0 --------------------------------------------------------------------------------------------- */

/* With g = b - A p: g_k = 0 where p_k > 0, g_k <= 0 where p_k = 0; the bias is free.  How many are 0? */
static int32_t check_conditions(struct instance *x)
{
    int32_t w = x->normal.width, zeros = 0;
    double *a = room((size_t)w * (size_t)w * sizeof *a), *b = room((size_t)w * sizeof *b), most = 0;
    double told = solved(x);
    equations(x, a, b);
    for (int32_t k = 0; k < w; k++)
        most = fmax(most, fabs(b[k]));
    for (int32_t k = 0; k < w; k++) {
        bool free_one = x->normal.bias && k == w - 1;
        double g = b[k];
        for (int32_t l = 0; l < w; l++)
            g -= a[k * w + l] * (double)x->p[l];
        cr_assert(free_one || x->p[k] >= 0);
        zeros += x->p[k] <= 0;
        cr_assert(x->p[k] > 0 || free_one ? fabs(g) <= 1e-4 * most : g <= 1e-4 * most, "%s, width %d, %d: p %g, g %g of %g",
                  x->kernel->isa, w, k, (double)x->p[k], g, most);
    }
    cr_assert_float_eq(told, objective(x), 1e-5 * told);
    free(a);
    free(b);
    return zeros;
}

Test(normal, nonnegative_rows_fulfil_the_conditions_of_a_minimum)
{
    int32_t zeros[3] = { 0 };
    for (int level = 0; level < levels(); level++)
        for (int r = 0; r < RANK_COUNT - 1; r++)
            for (int kind = 0; kind < 3; kind++) {
                struct dice dice = { .seed = 11 + (uint64_t)r };
                struct instance *x = made(normal_kernel_for(ISA[level]), RANKS[r], 200, kind == 1, kind == 2, 4, &dice);
                x->normal.nonnegative = true;
                zeros[kind] += check_conditions(x);
                unmade(x);
            }
    cr_assert(zeros[0] > 0 && zeros[1] > 0 && zeros[2] > 0, "a bound that nothing meets proves nothing");
}

/* ---- what is extreme ------------------------------------------------------------------------------------------ */

static void check_finite(const struct instance *x, double told)
{
    cr_assert(isfinite(told));
    for (int32_t k = 0; k < x->normal.stride; k++)
        cr_assert(isfinite(x->p[k]));
}

Test(normal, without_a_ridge_fewer_ratings_than_coordinates_are_met)
{
    for (int level = 0; level < levels(); level++)
        for (int way = 0; way < 3; way++) {
            struct dice dice = { .seed = 2 };
            struct instance *x = made(normal_kernel_for(ISA[level]), 33, 5, false, false, 0, &dice);
            double squares = 0;
            x->normal.cg = way == 1;
            x->normal.nonnegative = way == 2;
            x->normal.steps = 50;
            double told = solved(x);
            for (int64_t j = 0; j < x->count; j++)
                squares += (double)x->value[j] * (double)x->value[j];
            check_finite(x, told);
            cr_assert_leq(told, 1e-4 * squares, "%s, way %d: %g of %g", x->kernel->isa, way, told, squares);
            unmade(x);
        }
}

Test(normal, zeros_and_no_ratings_give_zeros)
{
    for (int level = 0; level < levels(); level++)
        for (int64_t count = 0; count < 4; count += 3)
            for (int way = 0; way < 3; way++) {
                struct dice dice = { .seed = 2 };
                struct instance *x = made(normal_kernel_for(ISA[level]), 20, count, false, false, 0, &dice);
                if (count)
                    memset(x->other, 0, (size_t)OTHERS * (size_t)x->normal.stride * sizeof(float));
                x->normal.cg = way == 1;
                x->normal.nonnegative = way == 2;
                x->normal.steps = 3;
                double told = solved(x);
                check_finite(x, told);
                cr_assert_float_eq(told, objective(x), 1e-6);
                for (int32_t k = 0; k < x->normal.stride; k++)
                    cr_assert_eq(x->p[k], 0);
                unmade(x);
            }
}

Test(normal, a_gram_is_the_sum_of_products_in_both_halves)
{
    for (int level = 0; level < levels(); level++)
        for (int r = 0; r < RANK_COUNT - 1; r++) {
            struct dice dice = { .seed = 9 };
            struct instance *x = made(normal_kernel_for(ISA[level]), RANKS[r], 1, true, false, 1, &dice);
            for (int32_t k = 0; k < x->normal.width; k++)
                for (int32_t l = 0; l < x->normal.stride; l++) {
                    double sum = 0;
                    for (int64_t i = 0; i < OTHERS; i++)
                        sum += (double)row_of(x, i)[k] * (double)row_of(x, i)[l];
                    cr_assert_float_eq((double)x->gram[k * x->normal.stride + l], sum, 1e-3 / RANKS[r],
                                       "%s, rank %d", x->kernel->isa, RANKS[r]);
                }
            unmade(x);
        }
}

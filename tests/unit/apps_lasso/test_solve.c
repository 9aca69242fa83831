/* A block's subproblem against coordinate descent in long double, written here. */
#include "tests/support/lasso_drive.h"

#include "core/base/mem.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST = 40, TRIES = 400 };

struct subproblem {
    int64_t m, rank;
    double c[MOST * MOST], w0[MOST], q0[MOST], l1[MOST], l2[MOST];
    double w[MOST], q[MOST];
    struct lasso_block block;
};

static struct lasso lasso; /* host and kernel are all that a solution needs */

static void make(struct subproblem *it, struct dice *dice)
{
    static double x[MOST][2 * MOST];
    *it = (struct subproblem){ .m = 1 + dice_below(dice, MOST) };
    it->rank = dice_unit(dice) < 0.4 ? 1 + dice_below(dice, it->m) : 2 * MOST; /* rows of x */
    double rho = dice_unit(dice) < 0.5 ? 0 : 0.98, l2 = dice_unit(dice) < 0.3 ? dice_unit(dice) : 0;
    double twins = dice_unit(dice) < 0.3 ? 0.4 : 0;
    for (int64_t j = 0; j < it->m; j++) {
        int64_t other = j && dice_unit(dice) < twins ? dice_below(dice, j) : -1;
        double square = 0;
        for (int64_t i = 0; i < it->rank; i++) {
            double fresh = dice_normal(dice);
            x[j][i] = other >= 0 ? x[other][i] : j ? rho * x[j - 1][i] + 0.3 * fresh : fresh;
            square += x[j][i] * x[j][i];
        }
        for (int64_t i = 0; i < it->rank; i++)
            x[j][i] /= sqrt(square);
    }
    for (int64_t j = 0; j < it->m; j++) {
        it->w[j] = it->w0[j] = dice_unit(dice) < 0.6 ? 0 : dice_normal(dice);
        it->l1[j] = 0.1 + dice_unit(dice);
        it->l2[j] = l2;
        for (int64_t k = 0; k < it->m; k++)
            for (int64_t i = 0; i < it->rank; i++)
                it->c[j * it->m + k] += x[j][i] * x[k][i];
        it->c[j * it->m + j] = 1;
        for (int64_t i = 0; i < it->rank; i++) /* in the range of C, as a gradient is */
            it->q0[j] += 3 * x[j][i] * sin((double)(3 * i + it->m));
        it->q[j] = it->q0[j];
    }
    it->block = (struct lasso_block){ .count = it->m, .couplings = it->c, .w = it->w, .q = it->q,
                                      .l1 = it->l1, .l2 = it->l2, .tolerance = 1e-10 };
}

/* q0'(w - w0) + 1/2 (w - w0)'C(w - w0) + sum of l1 |w| + l2/2 w^2, alone: with C = 1. */
static long double objective(const struct subproblem *it, const double *w, bool alone)
{
    long double sum = 0;
    for (int64_t j = 0; j < it->m; j++) {
        long double e = (long double)w[j] - it->w0[j];
        sum += it->q0[j] * e + it->l1[j] * fabsl((long double)w[j])
               + 0.5L * it->l2[j] * w[j] * w[j];
        for (int64_t k = 0; k < it->m; k++)
            sum += 0.5L * e * it->c[j * it->m + k] * ((long double)w[k] - it->w0[k])
                   * (alone && j != k ? 0 : 1);
    }
    return sum;
}

/* Coordinate descent in long double; the minimum of the objective. */
static long double reference(const struct subproblem *it)
{
    long double w[MOST], q[MOST];
    double back[MOST];
    for (int64_t j = 0; j < it->m; j++) {
        w[j] = it->w0[j];
        q[j] = it->q0[j];
    }
    for (int pass = 0; pass < 200000; pass++) {
        long double most = 0;
        for (int64_t j = 0; j < it->m; j++) {
            long double a = w[j] - q[j], l = it->l1[j];
            long double to = (a > l ? a - l : a < -l ? a + l : 0) / (1 + it->l2[j]);
            long double change = to - w[j];
            w[j] = to;
            for (int64_t k = 0; k < it->m && change != 0; k++)
                q[k] += it->c[j * it->m + k] * change;
            most = fmaxl(most, fabsl(change));
        }
        if (most < 1e-15L)
            break;
    }
    for (int64_t j = 0; j < it->m; j++)
        back[j] = (double)w[j];
    return objective(it, back, false);
}

/* The largest distance of 0 from the subdifferential, and of q from q0 + C (w - w0). */
static void conditions(const struct subproblem *it, long double *violation, long double *drift)
{
    *violation = *drift = 0;
    for (int64_t j = 0; j < it->m; j++) {
        long double q = it->q0[j], w = it->w[j];
        for (int64_t k = 0; k < it->m; k++)
            q += it->c[j * it->m + k] * ((long double)it->w[k] - it->w0[k]);
        *drift = fmaxl(*drift, fabsl(q - it->q[j]));
        long double g = q + it->l2[j] * w;
        long double far = w > 0   ? fabsl(g + it->l1[j])
                          : w < 0 ? fabsl(g - it->l1[j])
                                  : fmaxl(fabsl(g) - it->l1[j], 0);
        *violation = fmaxl(*violation, far);
    }
}

static void begin(void)
{
    lasso.host = lasso_drive_host();
    lasso.kernel = &lasso_kernel_v2;
    lasso.factor = &lasso_factor_v2;
}

TestSuite(solve, .init = begin);

/* Where C is singular the work is bounded, and a few blocks end a little above the minimum. */
Test(solve, a_block_reaches_its_minimum)
{
    int64_t short_of = 0;
    struct dice dice = { .seed = 61 };
    struct rondo_buf room = { 0 };
    static struct subproblem it;
    for (int i = 0; i < TRIES; i++) {
        long double violation, drift;
        make(&it, &dice);
        it.block.mode = LASSO_SOLVE;
        cr_assert_geq(lasso_solve(&lasso, &it.block, &room), 0);
        long double found = objective(&it, it.w, false), best = reference(&it);
        conditions(&it, &violation, &drift);
        cr_assert(found <= objective(&it, it.w0, false) + 1e-14L);
        /* The last pass moves on: each of its m steps is at most the tolerance. */
        bool done = violation <= (double)(it.m + 1) * it.block.tolerance;
        bool singular = it.rank < it.m && it.l2[0] == 0;
        short_of += !done;
        cr_assert(done || singular, "try %d: m %lld: violation %Lg", i, (long long)it.m, violation);
        cr_assert(found <= best + (done ? 1e-8L : 1e-2L), "try %d: m %lld rank %lld: %Lg above", i,
                  (long long)it.m, (long long)it.rank, found - best);
        cr_assert(drift <= 1e-11L, "try %d: q is off by %Lg", i, drift);
    }
    fprintf(stderr, "%lld of %d blocks stopped short of their tolerance\n", (long long)short_of, TRIES);
    cr_assert_leq(short_of, TRIES / 20);
    buf_fini(&room);
}

/* All sign patterns, each by its own linear system: for tiny blocks the exact minimum. */
static bool pattern(const struct subproblem *it, int64_t code, double *w)
{
    long double a[6][7];
    int64_t list[6], m = 0;
    int sign[6];
    for (int64_t j = 0; j < it->m; j++, code /= 3) {
        w[j] = 0;
        if (code % 3) {
            sign[m] = code % 3 == 1 ? 1 : -1;
            list[m++] = j;
        }
    }
    for (int64_t r = 0; r < m; r++) {
        int64_t j = list[r];
        a[r][m] = -it->q0[j] - sign[r] * (long double)it->l1[j];
        for (int64_t k = 0; k < it->m; k++)
            a[r][m] += it->c[j * it->m + k] * (long double)it->w0[k];
        for (int64_t s = 0; s < m; s++)
            a[r][s] = it->c[j * it->m + list[s]] + (r == s ? it->l2[j] : 0);
    }
    for (int64_t r = 0; r < m; r++) {
        if (fabsl(a[r][r]) < 1e-9L)
            return false;
        for (int64_t s = 0; s < m; s++) {
            long double factor = s == r ? 0 : a[s][r] / a[r][r];
            for (int64_t k = r; k <= m && s != r; k++)
                a[s][k] -= factor * a[r][k];
        }
    }
    for (int64_t r = 0; r < m; r++)
        w[list[r]] = (double)(a[r][m] / a[r][r]);
    return true;
}

Test(solve, no_sign_pattern_is_better)
{
    struct dice dice = { .seed = 62 };
    struct rondo_buf room = { 0 };
    static struct subproblem it;
    for (int i = 0; i < TRIES; i++) {
        double w[MOST];
        do
            make(&it, &dice);
        while (it.m > 6);
        it.block.mode = LASSO_SOLVE;
        cr_assert_geq(lasso_solve(&lasso, &it.block, &room), 0);
        long double found = objective(&it, it.w, false), best = found;
        int64_t codes = (int64_t)(pow(3, (double)it.m) + 0.5);
        for (int64_t code = 0; code < codes; code++)
            if (pattern(&it, code, w))
                best = fminl(best, objective(&it, w, false));
        cr_assert(found <= best + 1e-9L, "try %d: %Lg above", i, found - best);
    }
    buf_fini(&room);
}

Test(solve, once_in_order_never_rises)
{
    struct dice dice = { .seed = 63 };
    struct rondo_buf room = { 0 };
    static struct subproblem it;
    for (int i = 0; i < TRIES; i++) {
        long double violation, drift;
        make(&it, &dice);
        it.block.mode = LASSO_GROUP;
        cr_assert_geq(lasso_solve(&lasso, &it.block, &room), 0);
        cr_assert(objective(&it, it.w, false) <= objective(&it, it.w0, false) + 1e-14L);
        conditions(&it, &violation, &drift);
        cr_assert(drift <= 1e-12L);
    }
    buf_fini(&room);
}

Test(solve, alone_each_is_at_its_own_minimum)
{
    struct dice dice = { .seed = 64 };
    static struct subproblem it;
    for (int i = 0; i < TRIES; i++) {
        make(&it, &dice);
        it.block.mode = LASSO_ALONE;
        it.block.couplings = i % 2 ? it.c : NULL;
        int64_t steps = lasso_solve(&lasso, &it.block, NULL), moved = 0;
        for (int64_t j = 0; j < it.m; j++) {
            double w = it.w[j], q = it.q0[j] + (w - it.w0[j]);
            moved += w != it.w0[j];
            cr_assert_float_eq(lasso_violation(w, q, it.l1[j], it.l2[j], false), 0, 1e-14);
        }
        cr_assert_eq(steps, moved);
        cr_assert(objective(&it, it.w, true) <= objective(&it, it.w0, true) + 1e-14L);
    }
}

Test(solve, the_violation_is_the_distance_from_the_subdifferential)
{
    cr_assert_float_eq(lasso_violation(0, 0.3, 0.5, 0, false), 0, 0);
    cr_assert_float_eq(lasso_violation(0, -0.7, 0.5, 0, false), 0.2, 1e-16);
    cr_assert_float_eq(lasso_violation(2, -0.5, 0.5, 0, false), 0, 0);
    cr_assert_float_eq(lasso_violation(-2, 0.25, 0.5, 0, false), 0.25, 1e-16);
    cr_assert_float_eq(lasso_violation(2, -1.5, 0.5, 0.5, false), 0, 0);
}

/* ---- pull: what a block answers ---------------------------------------------------------------------- */

Test(solve, the_promised_descent_is_the_one_that_comes)
{
    struct dice dice = { .seed = 65 };
    for (int i = 0; i < 200; i++) {
        struct design_options options = { .n = 20, .p = 8, .rho = 0.9, .decades = i % 2 ? 4 : 0,
                                          .constants = 0.1, .duplicates = 0.2, .noise = 1 };
        struct design design;
        struct rondo_error err;
        design_make(&design, &dice, &options);
        struct lasso_spec spec = lasso_spec_plain(&design);
        spec.l1_ratio = i % 3 ? 1 : 0.5;
        struct lasso *problem = lasso_drive_open(&spec, &err);
        double c[64], r[20], g[8], old[8] = { 0 }, moved[8];
        struct { struct lasso_brief head; double b[8]; } brief = {
            .head = { 0.01, spec.l1_ratio < 1 ? 0.02 : 0, 1e-9, i % 4 ? LASSO_SOLVE : LASSO_GROUP }
        };
        for (int j = 0; j < 8; j++)
            brief.b[j] = old[j] = problem->scale[j] > 0 && j % 2 ? dice_normal(&dice) /
                                                                   problem->scale[j] : 0;
        for (int k = 0; k < 20; k++)
            r[k] = problem->y[k];
        for (int j = 0; j < 8; j++)
            for (int k = 0; k < 20; k++)
                r[k] -= old[j] * (design.x[j * 20 + k] - problem->mean[j]);
        for (int j = 0; j < 8; j++) {
            g[j] = 0;
            for (int k = 0; k < 20; k++)
                g[j] += (design.x[j * 20 + k] - problem->mean[j]) * r[k];
            for (int l = 0; l < 8; l++) {
                double dot = 0, scales = problem->scale[j] * problem->scale[l];
                for (int k = 0; k < 20; k++)
                    dot += (design.x[j * 20 + k] - problem->mean[j]) *
                           (design.x[l * 20 + k] - problem->mean[l]);
                c[j * 8 + l] = j == l ? 1 : scales > 0 ? dot / scales : 0;
            }
        }
        const int64_t variables[] = { 0, 1, 2, 3, 4, 5, 6, 7 };
        struct rondo_task task = { .tag = LASSO_BLOCK, .count = 8, .variables = variables,
                                   .couplings = c, .brief = { &brief, sizeof brief } };
        struct rondo_bytes partial = { g, sizeof g };
        struct rondo_buf result = { 0 };
        void *scratch;
        cr_assert_eq(lasso_scratch_create(problem, &scratch, &err), RONDO_OK);
        cr_assert_eq(lasso_pull(problem, NULL, scratch, &task, &partial, 1, &result), RONDO_OK);
        const struct lasso_answer *answer = (const struct lasso_answer *)(const void *)result.data;
        memcpy(moved, answer + 1, sizeof moved);
        /* F with this penalty: lambda l1_ratio = l1. */
        spec.l1_ratio = brief.head.l1 / (brief.head.l1 + brief.head.l2);
        double lambda = brief.head.l1 + brief.head.l2;
        long double before = truth_objective(&spec, lambda, old);
        long double after = truth_objective(&spec, lambda, moved);
        cr_assert(fabsl(before - after - answer->descent) <= 1e-12L * before, "try %d: %Lg, not %g",
                  i, before - after, answer->descent);
        cr_assert(answer->descent >= 0);
        for (int j = 0; j < 8; j++)
            cr_assert(problem->scale[j] > 0 || moved[j] == 0);
        buf_fini(&result);
        lasso_scratch_free(problem, scratch);
        lasso_app.close(problem);
        design_fini(&design);
    }
}

/* Newton steps on singular couplings, against coordinate descent in long double, written here. */
#include "tests/support/lasso_drive.h"

#include "core/base/mem.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST = 16, TRIES = 60 };

struct problem {
    int64_t m, rank;
    double c[MOST * MOST], w0[MOST], q0[MOST], l1[MOST], l2[MOST];
    double w[MOST], q[MOST];
    struct lasso_block block;
};

static struct lasso lasso; /* host and kernels are all that a step needs */

/* m variables of which no more than `rank` are independent; twins: and some are twice there, or with the
 * other sign. */
static void make(struct problem *it, struct dice *dice, double twins, double l2)
{
    static double x[MOST][MOST];
    *it = (struct problem){ .m = 3 + dice_below(dice, MOST - 2) };
    it->rank = 1 + dice_below(dice, it->m - 1);
    for (int64_t j = 0; j < it->m; j++) {
        int64_t other = j && dice_unit(dice) < twins ? dice_below(dice, j) : -1;
        double square = 0, sign = dice_unit(dice) < 0.5 ? -1 : 1;
        for (int64_t i = 0; i < it->rank; i++) {
            x[j][i] = other >= 0 ? sign * x[other][i] : dice_normal(dice);
            square += x[j][i] * x[j][i];
        }
        for (int64_t i = 0; i < it->rank; i++)
            x[j][i] /= sqrt(square);
    }
    for (int64_t j = 0; j < it->m; j++) {
        it->w[j] = it->w0[j] = dice_normal(dice);
        it->l1[j] = 0.1 + dice_unit(dice);
        it->l2[j] = l2;
        for (int64_t k = 0; k < it->m; k++)
            for (int64_t i = 0; i < it->rank; i++)
                it->c[j * it->m + k] += x[j][i] * x[k][i];
        it->c[j * it->m + j] = 1;
        for (int64_t i = 0; i < it->rank; i++) /* in the range of C, as a gradient is */
            it->q0[j] += 3 * x[j][i] * sin((double)(5 * i + it->m));
        it->q[j] = it->q0[j];
    }
    it->block = (struct lasso_block){ .count = it->m, .couplings = it->c, .w = it->w, .q = it->q,
                                      .l1 = it->l1, .l2 = it->l2, .mode = LASSO_SOLVE };
}

/* q0'(w - w0) + 1/2 (w - w0)'C(w - w0) + sum of l1 |w| + l2/2 w^2 */
static long double objective(const struct problem *it, const long double *w)
{
    long double sum = 0;
    for (int64_t j = 0; j < it->m; j++) {
        long double e = w[j] - it->w0[j];
        sum += it->q0[j] * e + it->l1[j] * fabsl(w[j]) + 0.5L * it->l2[j] * w[j] * w[j];
        for (int64_t k = 0; k < it->m; k++)
            sum += 0.5L * e * it->c[j * it->m + k] * (w[k] - it->w0[k]);
    }
    return sum;
}

static long double objective_now(const struct problem *it)
{
    long double w[MOST];
    for (int64_t j = 0; j < it->m; j++)
        w[j] = it->w[j];
    return objective(it, w);
}

static void gradient(const struct problem *it, const long double *w, long double *q)
{
    for (int64_t j = 0; j < it->m; j++) {
        q[j] = it->q0[j];
        for (int64_t k = 0; k < it->m; k++)
            q[j] += it->c[j * it->m + k] * (w[k] - it->w0[k]);
    }
}

/* One pass of coordinate descent; the largest change. */
static long double pass(const struct problem *it, long double *w, long double *q)
{
    long double most = 0;
    for (int64_t j = 0; j < it->m; j++) {
        long double a = w[j] - q[j], l = it->l1[j];
        long double to = (a > l ? a - l : a < -l ? a + l : 0) / (1 + it->l2[j]), change = to - w[j];
        w[j] = to;
        for (int64_t k = 0; k < it->m && change != 0; k++)
            q[k] += it->c[j * it->m + k] * change;
        most = fmaxl(most, fabsl(change));
    }
    return most;
}

static long double minimum(const struct problem *it, long double *w)
{
    long double q[MOST];
    for (int64_t j = 0; j < it->m; j++)
        w[j] = it->w0[j];
    gradient(it, w, q);
    for (int passes = 0; passes < 100000 && pass(it, w, q) >= 1e-17L; passes++)
        if (passes % 1000 == 999)
            gradient(it, w, q);
    return objective(it, w);
}

/* Support, and how far q is from q0 + C (w - w0). */
static int64_t support(const struct problem *it, long double *drift)
{
    long double w[MOST], q[MOST];
    int64_t count = 0;
    for (int64_t j = 0; j < it->m; j++)
        w[j] = it->w[j];
    gradient(it, w, q);
    *drift = 0;
    for (int64_t j = 0; j < it->m; j++) {
        *drift = fmaxl(*drift, fabsl(q[j] - it->q[j]));
        count += it->w[j] != 0;
    }
    return count;
}

/* One pass, as the head's own solver would take it between two of them. */
static void relax(struct problem *it)
{
    long double w[MOST], q[MOST];
    for (int64_t j = 0; j < it->m; j++)
        w[j] = it->w[j];
    gradient(it, w, q);
    pass(it, w, q);
    for (int64_t j = 0; j < it->m; j++)
        w[j] = it->w[j] = (double)w[j];
    gradient(it, w, q);
    for (int64_t j = 0; j < it->m; j++)
        it->q[j] = (double)q[j];
}

static void begin(void)
{
    lasso.host = lasso_drive_host();
    lasso.kernel = &lasso_kernel_v2;
    lasso.factor = &lasso_factor_v2;
}

TestSuite(newton, .init = begin);

/* From a point where nothing is 0, and more variables than can be independent. */
Test(newton, dependent_columns_go_and_the_minimum_is_reached)
{
    struct rondo_buf room = { 0 };
    static struct problem it;
    struct dice dice = { .seed = 611 };
    int64_t shed = 0;
    for (int try = 0; try < TRIES; try++) {
        long double best_w[MOST], drift;
        double l2 = try % 3 == 2 ? 0.01 : 0;
        make(&it, &dice, try % 2 ? 0.4 : 0, l2);
        long double best = minimum(&it, best_w), last = objective_now(&it), first = last;
        int turn = 0;
        for (; turn < 40 && last > best + 1e-12L * (1 + fabsl(first)); turn++) {
            int64_t steps = 0, before = support(&it, &drift);
            cr_assert_eq(lasso_newton(&lasso, &it.block, &room, &steps), RONDO_OK);
            long double now = objective_now(&it);
            int64_t after = support(&it, &drift);
            cr_assert_leq(now, last + 1e-13L * (1 + fabsl(first)), "try %d rises by %Lg", try,
                          now - last);
            cr_assert_leq(drift, 1e-11L, "try %d: q is off by %Lg", try, drift);
            cr_assert(l2 > 0 || after <= it.rank, "try %d: %lld of rank %lld are left", try,
                      (long long)after, (long long)it.rank);
            shed += before > it.rank && after <= it.rank;
            relax(&it);
            last = objective_now(&it);
        }
        cr_assert_lt(turn, 40, "try %d: m %lld rank %lld: %Lg above the minimum", try,
                     (long long)it.m, (long long)it.rank, last - best);
    }
    cr_assert_gt(shed, TRIES / 3, "%lld", (long long)shed);
    buf_fini(&room);
}

/* Distinct columns among those that are not 0; any `rank` of them are independent. */
static int64_t distinct(const struct problem *it, const double *w)
{
    int64_t count = 0;
    for (int64_t j = 0; j < it->m; j++) {
        bool seen = w[j] == 0;
        for (int64_t k = 0; k < j; k++)
            seen = seen || (w[k] != 0 && fabs(it->c[j * it->m + k]) > 1 - 1e-12);
        count += !seen;
    }
    return count;
}

/* Where the signs are the minimum's, one call goes all the way, however its weight is spread over
 * columns that are the same. */
Test(newton, with_the_signs_of_the_minimum_one_call_ends_there)
{
    struct rondo_buf room = { 0 };
    static struct problem it;
    struct dice dice = { .seed = 612 };
    int64_t spread = 0, tried = 0;
    for (int try = 0; try < 2 * TRIES; try++) {
        long double w[MOST];
        make(&it, &dice, 0.5, try % 2 ? 0.01 : 0);
        for (int64_t j = 0; j < it.m; j++)
            it.l1[j] = 0.3;
        long double best = minimum(&it, w);
        for (int64_t j = 0; j < it.m; j++) {
            bool nil = fabsl(w[j]) < 1e-9L;
            it.w[j] = nil ? 0 : (double)w[j] * (0.7 + 0.6 * dice_unit(&dice));
        }
        for (int64_t j = 0; j < it.m; j++) /* half of a weight goes to what is the same */
            for (int64_t k = 0; k < it.m; k++)
                if (k != j && it.w[j] != 0 && it.w[k] == 0 && fabs(it.c[j * it.m + k]) > 1 - 1e-12) {
                    it.w[j] *= 0.5;
                    it.w[k] = copysign(it.w[j], it.w[j] * it.c[j * it.m + k]);
                    spread++;
                }
        for (int64_t j = 0; j < it.m; j++)
            w[j] = it.w[j];
        long double q[MOST];
        gradient(&it, w, q);
        for (int64_t j = 0; j < it.m; j++)
            it.q[j] = (double)q[j];
        int64_t steps = 0;
        int64_t columns = distinct(&it, it.w);
        if (columns == 0 || columns > it.rank)
            continue; /* nothing to do; more than one minimum */
        tried++;
        cr_assert_eq(lasso_newton(&lasso, &it.block, &room, &steps), RONDO_OK);
        cr_assert_leq(objective_now(&it), best + 1e-12L * (1 + fabsl(best)),
                      "try %d: m %lld rank %lld: %Lg above", try, (long long)it.m,
                      (long long)it.rank, objective_now(&it) - best);
        cr_assert_gt(steps, 0);
    }
    cr_assert(spread > TRIES && tried > TRIES, "%lld %lld", (long long)spread, (long long)tried);
    buf_fini(&room);
}

Test(newton, nothing_moves_where_there_is_nothing_or_no_memory)
{
    struct rondo_buf room = { 0 };
    static struct problem it, before;
    struct dice dice = { .seed = 613 };
    int64_t steps = 0;
    make(&it, &dice, 0, 0);
    memset(it.w, 0, sizeof it.w);
    before = it;
    cr_assert_eq(lasso_newton(&lasso, &it.block, &room, &steps), RONDO_OK);
    cr_assert_arr_eq(it.w, before.w, sizeof it.w);
    cr_assert_eq(steps, 0);
    it.w[0] = before.w[0] = 1;
    mem_fail_at(1);
    cr_assert_eq(lasso_newton(&lasso, &it.block, &room, &steps), RONDO_ENOMEM);
    mem_fail_at(0);
    cr_assert_arr_eq(it.w, before.w, sizeof it.w);
    cr_assert_arr_eq(it.q, before.q, sizeof it.q);
    buf_fini(&room);
}

/* ---- more variables than rows ------------------------------------------------------------------ */

enum { MANY = 320, ROWS = 150 };

struct crowd {
    double x[MANY][ROWS], c[MANY * MANY];
    double w[MANY], q[MANY], l1[MANY], l2[MANY], y[ROWS];
    struct lasso_block block;
};

/* Neighbours are alike; y is noise, so that near the end there are about as many as rows. */
static void crowd_make(struct crowd *it, struct dice *dice)
{
    for (int64_t j = 0; j < MANY; j++) {
        double square = 0;
        for (int64_t i = 0; i < ROWS; i++) {
            it->x[j][i] = dice_normal(dice) + (j ? 1.5 * it->x[j - 1][i] : 0);
            square += it->x[j][i] * it->x[j][i];
        }
        for (int64_t i = 0; i < ROWS; i++)
            it->x[j][i] /= sqrt(square);
    }
    for (int64_t i = 0; i < ROWS; i++)
        it->y[i] = 3 * dice_normal(dice);
    for (int64_t j = 0; j < MANY; j++) {
        it->w[j] = it->l2[j] = it->q[j] = 0;
        for (int64_t i = 0; i < ROWS; i++)
            it->q[j] -= it->x[j][i] * it->y[i];
        for (int64_t k = 0; k < MANY; k++) {
            double sum = 0;
            for (int64_t i = 0; i < ROWS; i++)
                sum += it->x[j][i] * it->x[k][i];
            it->c[j * MANY + k] = j == k ? 1 : sum;
        }
    }
    it->block = (struct lasso_block){ .count = MANY, .couplings = it->c, .w = it->w, .q = it->q,
                                      .l1 = it->l1, .l2 = it->l2, .mode = LASSO_SOLVE };
}

/* The worst violation, of the gradient in long double from y itself. */
static double crowd_violation(const struct crowd *it, int64_t *support)
{
    double worst = 0;
    *support = 0;
    long double r[ROWS];
    for (int64_t i = 0; i < ROWS; i++) {
        r[i] = it->y[i];
        for (int64_t j = 0; j < MANY; j++)
            r[i] -= (long double)it->x[j][i] * it->w[j];
    }
    for (int64_t j = 0; j < MANY; j++) {
        long double q = 0;
        for (int64_t i = 0; i < ROWS; i++)
            q -= it->x[j][i] * r[i];
        worst = fmax(worst, lasso_violation(it->w[j], (double)q, it->l1[j], it->l2[j], false));
        *support += it->w[j] != 0;
    }
    return worst;
}

/* From nothing, and then with less and less penalty from the solution before. */
Test(newton, a_support_near_the_rows_is_solved_cold_and_warm)
{
    static struct crowd it;
    struct rondo_buf room = { 0 };
    struct dice dice = { .seed = 615 };
    lasso.n = ROWS;
    for (int try = 0; try < 6; try++) {
        int64_t support = 0;
        crowd_make(&it, &dice);
        for (double l1 = 0.3; l1 > 1e-3; l1 *= try % 2 ? 0.3 : 0.05) {
            for (int64_t j = 0; j < MANY; j++)
                it.l1[j] = l1;
            it.block.tolerance = 1e-9;
            it.block.kept = 0;
            int64_t steps = lasso_solve(&lasso, &it.block, &room);
            cr_assert_geq(steps, 0);
            double worst = crowd_violation(&it, &support);
            cr_assert_leq(worst, 2e-9, "try %d, l1 %g: %g after %lld", try, l1, worst,
                          (long long)steps);
            cr_assert_leq(support, ROWS);
        }
        cr_assert_gt(support, ROWS * 3 / 4, "%lld", (long long)support);
    }
    lasso.n = 0;
    buf_fini(&room);
}

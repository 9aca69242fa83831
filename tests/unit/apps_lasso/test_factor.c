/* Cholesky factors of each instruction set of this machine, held to their definition in long double,
 * and rows added and removed, beside the factor made at once. */
#include "apps/lasso/factor.h"
#include "core/base/each.h"
#include "tests/support/lasso_drive.h"
#include "tests/support/levels.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <string.h>

enum { MOST = 250, LD = MOST + 3, MARK = 77 };

static const struct factor *const list[] = { &lasso_factor_v2, &lasso_factor_v3, &lasso_factor_v4 };
static const int64_t sizes[] = { 0, 1, 2, 3, 4, 5, 7, 31, 63, 64, 65, 100, 128, 160, 161, 250 };
enum { SIZES = sizeof sizes / sizeof *sizes };

struct fixture {
    struct dice dice;
    const struct factor *factor;
    int64_t m;
    double a[MOST * LD], l[MOST * LD]; /* what is factored, lower triangle; its copy */
};

/* A = G G'/m + 0.1 I, G of normal numbers; above the diagonal and beyond, MARK. */
static void make(struct fixture *f, const struct factor *factor, int64_t m)
{
    static double g[MOST * MOST];
    f->dice = (struct dice){ .seed = (uint64_t)m };
    f->factor = factor;
    f->m = m;
    for (int64_t i = 0; i < m * m; i++)
        g[i] = dice_normal(&f->dice);
    for (int64_t i = 0; i < MOST * LD; i++)
        f->a[i] = MARK;
    for (int64_t i = 0; i < m; i++)
        for (int64_t k = 0; k <= i; k++) {
            double sum = i == k ? 0.1 : 0;
            for (int64_t r = 0; r < m; r++)
                sum += g[i * m + r] * g[k * m + r] / (double)m;
            f->a[i * LD + k] = sum;
        }
    memcpy(f->l, f->a, sizeof f->l);
}

typedef void (*check)(struct fixture *fixture);

static void each(check one)
{
    static struct fixture fixture;
    for (int k = 0; k < levels(); k++)
        for (int i = 0; i < SIZES; i++) {
            make(&fixture, list[k], sizes[i]);
            one(&fixture);
        }
}

/* L L' = A over the leading m rows, to 1e-12 of the diagonal. */
static void check_definition(const struct fixture *f, int64_t m)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t k = 0; k <= i; k++) {
            long double sum = 0;
            for (int64_t r = 0; r <= k; r++)
                sum += (long double)f->l[i * LD + r] * f->l[k * LD + r];
            long double size = sqrtl((long double)f->a[i * LD + i] * f->a[k * LD + k]);
            cr_assert(fabsl(sum - f->a[i * LD + k]) <= 1e-12L * size, "%s, m %lld: (%lld, %lld)",
                      f->factor->isa, (long long)f->m, (long long)i, (long long)k);
        }
}

static void check_cholesky(struct fixture *f)
{
    cr_assert_eq(f->factor->cholesky(NULL, f->l, f->m, LD, 0), f->m);
    check_definition(f, f->m);
    for (int64_t i = 0; i < MOST; i++)
        for (int64_t k = i < f->m ? i + 1 : 0; k < LD; k++)
            cr_assert_eq(f->l[i * LD + k], MARK, "written above the diagonal or beyond");
}

Test(factor, cholesky_is_as_defined)
{
    each(check_cholesky);
}

static void check_leading(struct fixture *f)
{
    static double part[MOST * LD];
    memcpy(part, f->a, sizeof part);
    int64_t m = f->m - f->m / 3;
    f->factor->cholesky(NULL, f->l, f->m, LD, 0);
    f->factor->cholesky(NULL, part, m, LD, 0);
    for (int64_t i = 0; i < m; i++)
        cr_assert_eq(memcmp(part + i * LD, f->l + i * LD, (size_t)(i + 1) * sizeof *part), 0);
}

Test(factor, a_row_has_its_bits_whatever_follows)
{
    each(check_leading);
}

/* The rows before one that are a factor already stay, and the others get the bits that they would have. */
static void check_extend(struct fixture *f)
{
    static double part[MOST * LD];
    f->factor->cholesky(NULL, f->l, f->m, LD, 0);
    for (int64_t from = 0; from <= f->m; from += FACTOR_SIDE) {
        memcpy(part, f->a, sizeof part);
        for (int64_t i = 0; i < from; i++)
            memcpy(part + i * LD, f->l + i * LD, (size_t)(i + 1) * sizeof *part);
        cr_assert_eq(f->factor->extend(NULL, part, from, f->m, LD, 0), f->m);
        for (int64_t i = 0; i < f->m; i++)
            cr_assert_eq(memcmp(part + i * LD, f->l + i * LD, (size_t)(i + 1) * sizeof *part), 0,
                         "%s, m %lld from %lld: row %lld", f->factor->isa, (long long)f->m,
                         (long long)from, (long long)i);
    }
}

Test(factor, rows_are_added_with_the_bits_of_all_at_once)
{
    each(check_extend);
}

static int by_threads(void *context, int64_t parts, int (*part)(void *context, int64_t index),
                      void *of_part)
{
    int32_t *shares = context;
    ++*shares;
    return each_part(3, parts, part, of_part);
}

/* Nor does it show who made the strips; of a bad pivot neither. */
static void check_shared(struct fixture *f)
{
    static double part[MOST * LD];
    int32_t shares = 0;
    struct factor_helpers helpers = { by_threads, &shares };
    for (int64_t bad = f->m; bad >= 0; bad = bad > 0 ? bad * 3 / 4 : -1) {
        memcpy(f->l, f->a, sizeof f->l);
        if (bad < f->m)
            f->l[bad * LD + bad] = -1;
        memcpy(part, f->l, sizeof part);
        cr_assert_eq(f->factor->cholesky(NULL, f->l, f->m, LD, 0), bad);
        cr_assert_eq(f->factor->cholesky(&helpers, part, f->m, LD, 0), bad);
        for (int64_t i = 0; i < bad; i++)
            cr_assert_eq(memcmp(part + i * LD, f->l + i * LD, (size_t)(i + 1) * sizeof *part), 0,
                         "%s, m %lld: row %lld", f->factor->isa, (long long)f->m, (long long)i);
    }
    cr_assert(f->m < MOST || shares > 0, "the largest is worth sharing");
}

Test(factor, shared_it_has_the_same_bits)
{
    each(check_shared);
}

/* A row that is another one: its pivot is 0 but for rounding. */
static void check_pivots(struct fixture *f)
{
    for (int64_t bad = 1; bad < f->m; bad += 1 + f->m / 7) {
        int64_t twin = bad / 2;
        memcpy(f->l, f->a, sizeof f->l);
        for (int64_t i = 0; i < f->m; i++) {
            double other = f->a[i >= twin ? i * LD + twin : twin * LD + i];
            if (i != bad)
                f->l[i > bad ? i * LD + bad : bad * LD + i] = other;
        }
        f->l[bad * LD + bad] = f->a[twin * LD + twin];
        cr_assert_eq(f->factor->cholesky(NULL, f->l, f->m, LD, 1e-10), bad);
        check_definition(f, bad);
        memcpy(f->l, f->a, sizeof f->l);
        f->l[bad * LD + bad] = NAN;
        cr_assert_eq(f->factor->cholesky(NULL, f->l, f->m, LD, 1e-10), bad);
        check_definition(f, bad);
    }
}

Test(factor, the_first_pivot_that_is_not_above_the_least_is_named)
{
    each(check_pivots);
}

/* Each entry of L z - x, and of L'z - x, is a rounding of the sum of its parts. */
static void check_solves(struct fixture *f)
{
    double x[MOST], z[MOST];
    f->factor->cholesky(NULL, f->l, f->m, LD, 0);
    for (int transposed = 0; transposed < 2; transposed++) {
        for (int64_t i = 0; i < f->m; i++)
            x[i] = z[i] = dice_normal(&f->dice);
        (transposed ? f->factor->backward : f->factor->forward)(f->l, f->m, LD, z);
        for (int64_t i = 0; i < f->m; i++) {
            long double rest = x[i], size = fabs(x[i]);
            for (int64_t k = 0; k < f->m; k++) {
                bool lower = transposed ? k >= i : k <= i;
                long double part = lower ? (long double)f->l[transposed ? k * LD + i : i * LD + k] * z[k] : 0;
                rest -= part;
                size += fabsl(part);
            }
            cr_assert(fabsl(rest) <= (long double)(f->m + 8) * DBL_EPSILON * size, "%s, m %lld: %lld",
                      f->factor->isa, (long long)f->m, (long long)i);
        }
    }
}

Test(factor, forward_and_backward_solve)
{
    each(check_solves);
}

static void near(const struct fixture *f, const double *l, const double *truth, int64_t m)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t k = 0; k <= i; k++)
            cr_assert(fabs(l[i * LD + k] - truth[i * LD + k]) <= 1e-10, "%s, m %lld: (%lld, %lld)",
                      f->factor->isa, (long long)f->m, (long long)i, (long long)k);
}

static void check_append(struct fixture *f)
{
    static double grown[MOST * LD];
    cr_assert_eq(f->factor->cholesky(NULL, f->l, f->m, LD, 0), f->m);
    for (int64_t i = 0; i < MOST * LD; i++)
        grown[i] = MARK;
    for (int64_t i = 0; i < f->m; i++) {
        bool there = i % 2;
        if (there)
            memcpy(grown + i * LD, f->a + i * LD, (size_t)(i + 1) * sizeof *grown);
        cr_assert_eq(f->factor->append(grown, i, LD, (there ? grown : f->a) + i * LD, 0), i + 1);
        cr_assert_eq(grown[i * LD + i + 1], MARK);
    }
    near(f, grown, f->l, f->m);
    if (f->m > 1) { /* the row above once more: no pivot is left */
        double c[MOST];
        memcpy(c, f->a + (f->m - 2) * LD, (size_t)(f->m - 1) * sizeof *c);
        c[f->m - 1] = c[f->m - 2];
        cr_assert_eq(f->factor->append(grown, f->m - 1, LD, c, 1e-10), f->m - 1);
        near(f, grown, f->l, f->m - 1);
    }
}

Test(factor, rows_appended_one_by_one_make_the_same_factor)
{
    each(check_append);
}

static void check_remove(struct fixture *f)
{
    static double fresh[MOST * LD], l[MOST * LD];
    double room[2 * MOST];
    f->factor->cholesky(NULL, f->l, f->m, LD, 0);
    for (int64_t k = 0; k < f->m; k += 1 + f->m / 9) {
        for (int64_t i = 0; i < f->m - 1; i++)
            for (int64_t c = 0; c <= i; c++)
                fresh[i * LD + c] = f->a[(i + (i >= k)) * LD + c + (c >= k)];
        cr_assert_eq(f->factor->cholesky(NULL, fresh, f->m - 1, LD, 0), f->m - 1);
        memcpy(l, f->l, sizeof l);
        f->factor->remove(l, f->m, LD, k, room);
        near(f, l, fresh, f->m - 1);
    }
}

Test(factor, a_row_removed_leaves_the_factor_of_the_rest)
{
    each(check_remove);
}

/* Products of panels of each instruction set of this machine, against sums in long double, and bit
 * for bit against themselves in other company. */
#include "apps/lasso/panel.h"
#include "tests/support/lasso_drive.h"
#include "tests/support/levels.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <string.h>

enum { ROWS = 1500, WIDEST = 45, ROOM = (ROWS + 8) * WIDEST, MARK = 77 };

static const struct panel *const list[] = { &lasso_panel_v2, &lasso_panel_v3, &lasso_panel_v4 };

struct fixture {
    struct dice dice;
    const struct panel *panel;
    int64_t n;
    double values[ROOM];
    const double *column[WIDEST]; /* of n rows, at no alignment in particular */
    double all[WIDEST * WIDEST];  /* the products of all pairs, of each pair alone */
};

static void make(struct fixture *f, const struct panel *panel, int64_t n)
{
    f->dice = (struct dice){ .seed = (uint64_t)n };
    f->panel = panel;
    f->n = n;
    for (int64_t i = 0; i < ROOM; i++)
        f->values[i] = dice_normal(&f->dice);
    for (int64_t j = 0; j < WIDEST; j++)
        f->column[j] = f->values + j * (ROWS + 8) + dice_below(&f->dice, 8);
    for (int64_t i = 0; i < WIDEST; i++)
        for (int64_t j = 0; j < WIDEST; j++)
            panel->products(&f->column[i], 1, &f->column[j], 1, n, &f->all[i * WIDEST + j], 1);
}

typedef void (*check)(struct fixture *fixture);

static void each(check one)
{
    static const int64_t lengths[] = { 0, 1, 7, 8, 9, 511, 512, 513, 1024, 1500 };
    static struct fixture fixture;
    for (int k = 0; k < levels(); k++)
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            make(&fixture, list[k], lengths[i]);
            one(&fixture);
        }
}

static bool same(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

/* A sum of n products may be off by n roundings of the sum of their sizes. */
static void check_truth(struct fixture *f)
{
    for (int64_t i = 0; i < 9; i++)
        for (int64_t j = 0; j < 9; j++) {
            long double sum = 0, size = 0;
            for (int64_t r = 0; r < f->n; r++) {
                sum += (long double)f->column[i][r] * f->column[j][r];
                size += fabsl((long double)f->column[i][r] * f->column[j][r]);
            }
            cr_assert(fabsl(f->all[i * WIDEST + j] - sum) <=
                          (long double)(f->n + 4) * (DBL_EPSILON / 2) * size,
                      "%s, n %lld: %.17g, not %.17Lg", f->panel->isa, (long long)f->n,
                      f->all[i * WIDEST + j], sum);
        }
}

Test(panel, is_the_product)
{
    each(check_truth);
}

static void check_symmetry(struct fixture *f)
{
    for (int64_t i = 0; i < WIDEST; i++)
        for (int64_t j = 0; j < i; j++)
            cr_assert(same(f->all[i * WIDEST + j], f->all[j * WIDEST + i]));
}

Test(panel, is_symmetric_to_the_bit)
{
    each(check_symmetry);
}

/* ka and kb columns drawn at random, each entry as of its pair alone; nothing beside them written. */
static void compare(struct fixture *f, int64_t ka, int64_t kb)
{
    static double out[WIDEST * (WIDEST + 3)];
    int64_t of_a[WIDEST], of_b[WIDEST], ld = kb + dice_below(&f->dice, 4);
    const double *a[WIDEST], *b[WIDEST];
    for (int64_t i = 0; i < ka; i++)
        a[i] = f->column[of_a[i] = dice_below(&f->dice, WIDEST)];
    for (int64_t j = 0; j < kb; j++)
        b[j] = f->column[of_b[j] = dice_below(&f->dice, WIDEST)];
    for (int64_t i = 0; i < ka * ld; i++)
        out[i] = MARK;
    f->panel->products(a, ka, b, kb, f->n, out, ld);
    for (int64_t i = 0; i < ka; i++)
        for (int64_t j = 0; j < ld; j++) {
            double expected = j < kb ? f->all[of_a[i] * WIDEST + of_b[j]] : MARK;
            cr_assert(same(out[i * ld + j], expected),
                      "%s: (%lld, %lld) of %lld x %lld, n %lld: %.17g, not %.17g", f->panel->isa,
                      (long long)i, (long long)j, (long long)ka, (long long)kb, (long long)f->n,
                      out[i * ld + j], expected);
        }
}

static void check_small_panels(struct fixture *f)
{
    for (int64_t ka = 0; ka <= 9; ka++)
        for (int64_t kb = 0; kb <= 9; kb++)
            compare(f, ka, kb);
}

Test(panel, has_the_bits_of_each_pair_alone)
{
    each(check_small_panels);
}

static void check_wide_panels(struct fixture *f)
{
    static const int64_t widths[][2] = { { 45, 45 }, { 2, 45 }, { 45, 3 }, { 32, 33 }, { 34, 37 } };
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
        compare(f, widths[i][0], widths[i][1]);
}

Test(panel, has_the_same_bits_across_the_packed_chunks)
{
    each(check_wide_panels);
}

/* More columns of a than stay in the cache together. */
Test(panel, has_the_same_bits_across_groups)
{
    enum { MANY = 600, FEW = 40, LENGTH = 520 };
    static struct fixture f;
    static const double *a[MANY];
    static double out[MANY * FEW];
    for (int k = 0; k < levels(); k++) {
        make(&f, list[k], LENGTH);
        for (int64_t i = 0; i < MANY; i++)
            a[i] = f.column[i % WIDEST];
        f.panel->products(a, MANY, f.column, FEW, LENGTH, out, FEW);
        for (int64_t i = 0; i < MANY; i++)
            for (int64_t j = 0; j < FEW; j++)
                cr_assert(same(out[i * FEW + j], f.all[i % WIDEST * WIDEST + j]));
    }
}

static void check_scaled(struct fixture *f)
{
    static double out[ROWS];
    const double *x = f->column[0], *root = f->column[1];
    f->panel->scaled(x, root, f->n, out);
    for (int64_t i = 0; i < f->n; i++)
        cr_assert(same(out[i], root[i] * x[i]));
}

Test(panel, scales_by_roots_of_weights)
{
    each(check_scaled);
}

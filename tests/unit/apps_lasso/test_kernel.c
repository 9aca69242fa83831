/* Every inner loop of each instruction set of this machine, against sums in long double. */
#include "apps/lasso/kernel.h"
#include "tests/support/lasso_drive.h"
#include "tests/support/levels.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <string.h>

enum { LARGEST = 200, ROOM = LARGEST + 9, COLUMNS = 11, TRIES = 600 };

struct fixture {
    struct dice dice;
    const struct kernel *kernel;
    int64_t n, at_x, at_y; /* length and offsets: no alignment is promised */
    double x[ROOM * COLUMNS], y[ROOM], z[ROOM];
};

typedef void (*check)(struct fixture *fixture);

static void each(check one)
{
    static struct fixture fixture;
    const struct kernel *list[] = { &lasso_kernel_v2, &lasso_kernel_v3, &lasso_kernel_v4 };
    int count = levels();
    for (int k = 0; k < count; k++) {
        fixture.kernel = list[k];
        fixture.dice = (struct dice){ .seed = 41 };
        for (int i = 0; i < TRIES; i++) {
            fixture.n = i <= LARGEST ? i : dice_below(&fixture.dice, LARGEST + 1);
            fixture.at_x = dice_below(&fixture.dice, 8);
            fixture.at_y = dice_below(&fixture.dice, 8);
            for (int j = 0; j < ROOM * COLUMNS; j++)
                fixture.x[j] = dice_normal(&fixture.dice);
            for (int j = 0; j < ROOM; j++) {
                fixture.y[j] = dice_normal(&fixture.dice);
                fixture.z[j] = dice_normal(&fixture.dice);
            }
            one(&fixture);
        }
    }
}

/* A sum of n products may be off by n roundings of the sum of their sizes. */
static void near(const struct fixture *f, double value, long double truth, long double size)
{
    long double slack = (long double)(f->n + 4) * (DBL_EPSILON / 2) * size;
    cr_assert(fabsl(value - truth) <= slack, "%s, n %lld: %.17g, not %.17Lg", f->kernel->isa,
              (long long)f->n, value, truth);
}

static void near_dot(const struct fixture *f, double value, const double *x, const double *y)
{
    long double sum = 0, size = 0;
    for (int64_t i = 0; i < f->n; i++) {
        sum += (long double)x[i] * y[i];
        size += fabsl((long double)x[i] * y[i]);
    }
    near(f, value, sum, size);
}

static void check_dot(struct fixture *f)
{
    const double *x = f->x + f->at_x, *y = f->y + f->at_y;
    double value = f->kernel->dot(x, y, f->n), back = f->kernel->dot(y, x, f->n);
    near_dot(f, value, x, y);
    cr_assert_eq(memcmp(&value, &back, sizeof value), 0, "dot is not symmetric");
}

Test(kernel, dot)
{
    each(check_dot);
}

static void check_dots(struct fixture *f)
{
    double out[COLUMNS + 1];
    const double *x = f->x + f->at_x, *y = f->y + f->at_y;
    int64_t columns = dice_below(&f->dice, COLUMNS), ld = f->n + dice_below(&f->dice, 8);
    out[columns] = 77;
    f->kernel->dots(x, ld, NULL, columns, y, f->n, out);
    cr_assert_eq(out[columns], 77);
    for (int64_t j = 0; j < columns; j++) {
        double alone = f->kernel->dot(x + j * ld, y, f->n);
        cr_assert_eq(memcmp(&alone, &out[j], sizeof alone), 0,
                     "%s: column %lld of %lld, n %lld: %.17g beside %.17g", f->kernel->isa,
                     (long long)j, (long long)columns, (long long)f->n, out[j], alone);
    }
}

Test(kernel, dots_have_the_bits_of_dot)
{
    each(check_dots);
}

static void check_axpy(struct fixture *f)
{
    double old[ROOM], a = dice_normal(&f->dice);
    const double *x = f->x + f->at_x;
    memcpy(old, f->y, sizeof old);
    f->kernel->axpy(a, x, f->y + f->at_y, f->n);
    for (int64_t i = 0; i < ROOM; i++) {
        int64_t k = i - f->at_y;
        bool inside = k >= 0 && k < f->n;
        long double truth = old[i] + (inside ? (long double)a * x[k] : 0);
        long double size = fabs(old[i]) + (inside ? fabsl((long double)a * x[k]) : 0);
        cr_assert(fabsl(f->y[i] - truth) <= (inside ? DBL_EPSILON * size : 0));
    }
}

Test(kernel, axpy)
{
    each(check_axpy);
}

/* Ascending rows, some left out. */
static int64_t some_rows(struct fixture *f, int32_t *index)
{
    int64_t count = 0;
    double share = dice_unit(&f->dice);
    for (int32_t i = 0; i < f->n; i++)
        if (dice_unit(&f->dice) < share)
            index[count++] = i;
    return count;
}

static void check_gather_and_scatter(struct fixture *f)
{
    int32_t index[LARGEST];
    double full[LARGEST] = { 0 }, old[ROOM], a = dice_normal(&f->dice);
    double *y = f->y + f->at_y;
    const double *x = f->x + f->at_x;
    int64_t count = some_rows(f, index);
    for (int64_t i = 0; i < count; i++)
        full[index[i]] = x[i];
    near_dot(f, f->kernel->gather(x, index, count, y), full, y);
    memcpy(old, f->y, sizeof old);
    f->kernel->scatter(a, x, index, count, y);
    for (int64_t i = 0; i < f->n; i++) {
        long double part = (long double)a * full[i], before = old[f->at_y + i];
        cr_assert(fabsl(y[i] - (before + part)) <=
                  (full[i] == 0 ? 0 : DBL_EPSILON * (fabsl(part) + fabsl(before))));
    }
}

static void check_survey(struct fixture *f)
{
    int32_t index[LARGEST];
    const double *x = f->x + f->at_x, *y = f->y + f->at_y;
    int64_t count = some_rows(f, index);
    double full[LARGEST] = { 0 }, ones[LARGEST], least = HUGE_VAL, most = -HUGE_VAL;
    double mean = dice_normal(&f->dice), away[LARGEST] = { 0 };
    if (count == 0)
        return;
    for (int64_t i = 0; i < f->n; i++)
        ones[i] = 1;
    for (int64_t i = 0; i < count; i++) {
        full[index[i]] = x[i];
        away[index[i]] = x[i] - mean;
        least = fmin(least, x[i]);
        most = fmax(most, x[i]);
    }
    struct entries has = f->kernel->survey(x, index, count, y);
    near_dot(f, has.dot, full, y);
    near_dot(f, has.sum, full, ones);
    near_dot(f, has.squares, full, full);
    near_dot(f, f->kernel->squares(x, count, mean), away, away);
    cr_assert(has.least == least && has.most == most);
}

Test(kernel, survey_and_squares)
{
    each(check_survey);
}

Test(kernel, gather_and_scatter)
{
    each(check_gather_and_scatter);
}

static void check_merge(struct fixture *f)
{
    int32_t xi[LARGEST], yi[LARGEST];
    double x[LARGEST] = { 0 }, y[LARGEST] = { 0 };
    int64_t nx = some_rows(f, xi), ny = some_rows(f, yi);
    for (int64_t i = 0; i < nx; i++)
        x[xi[i]] = f->x[i];
    for (int64_t i = 0; i < ny; i++)
        y[yi[i]] = f->y[i];
    double value = f->kernel->merge(f->x, xi, nx, f->y, yi, ny);
    double back = f->kernel->merge(f->y, yi, ny, f->x, xi, nx);
    near_dot(f, value, x, y);
    cr_assert_eq(memcmp(&value, &back, sizeof value), 0, "merge is not symmetric");
    /* Each way to the same product has its bits: a cache may ask for either. */
    double ways[] = { f->kernel->seek(f->x, xi, nx, f->y, yi, ny),
                      f->kernel->seek(f->y, yi, ny, f->x, xi, nx),
                      f->kernel->follow(f->x, xi, nx, y), f->kernel->follow(f->y, yi, ny, x) };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        cr_assert(ways[i] == value, "way %zu: other bits", i);
}

Test(kernel, merge)
{
    each(check_merge);
}

static void check_step(struct fixture *f)
{
    double old[ROOM], sums[3], a = dice_unit(&f->dice) < 0.2 ? 0 : dice_normal(&f->dice);
    double *y = f->y + f->at_y;
    const double *x = f->x + f->at_x, *z = f->z;
    long double sum = 0, size = 0;
    memcpy(old, f->y, sizeof old);
    f->kernel->step(a, x, y, z, f->n, sums);
    for (int64_t i = 0; i < f->n; i++) {
        long double before = old[f->at_y + i], truth = before - (long double)a * x[i];
        cr_assert(fabsl(y[i] - truth) <=
                  (a == 0 ? 0 : DBL_EPSILON * (fabsl(before) + fabsl(a * (long double)x[i]))));
        sum += y[i];
        size += fabs(y[i]);
    }
    cr_assert_eq(f->y[f->at_y + f->n], old[f->at_y + f->n], "step wrote past its end");
    near(f, sums[0], sum, size);
    near_dot(f, sums[1], y, y);
    near_dot(f, sums[2], y, z);
}

Test(kernel, step)
{
    each(check_step);
}

static void check_shift(struct fixture *f)
{
    double old[ROOM], sums[2], by = dice_normal(&f->dice);
    double *x = f->x + f->at_x;
    memcpy(old, f->x, sizeof old);
    f->kernel->shift(by, x, f->y, f->n, sums);
    for (int64_t i = 0; i < f->n; i++)
        cr_assert_eq(x[i], old[f->at_x + i] - by);
    cr_assert_eq(f->x[f->at_x + f->n], old[f->at_x + f->n], "shift wrote past its end");
    near_dot(f, sums[0], x, x);
    near_dot(f, sums[1], x, f->y);
}

Test(kernel, shift)
{
    each(check_shift);
}

/* Shadows on each instruction set of this machine: sums against long double and plain integers, and
 * the bound against x'r in long double.  Seeds are fixed. */
#include "apps/lasso/kernel.h"
#include "apps/lasso/shadow.h"
#include "tests/support/lasso_drive.h"
#include "tests/support/scale.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST = 3000, COLUMNS = 11, SHORT = 300 };

struct level {
    const struct kernel *kernel;
    const struct shadow_kernel *shadow;
};

static int levels(struct level *list)
{
    int count = 0;
    __builtin_cpu_init();
    list[count++] = (struct level){ &lasso_kernel_v2, &lasso_shadow_v2 };
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        list[count++] = (struct level){ &lasso_kernel_v3, &lasso_shadow_v3 };
    if (count == 2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        list[count++] = (struct level){ &lasso_kernel_v4, &lasso_shadow_v4 };
    return count;
}

/* ---- data --------------------------------------------------------------------------------------------- */

enum kind { NORMAL, HEAVY, CONSTANT, TWO, THREE, FAR, SPIKE, ZERO, KINDS };

/* A constant kind draws its value first, so that all n have it. */
static void draw(struct dice *dice, enum kind kind, double *x, int64_t n)
{
    double size = pow(10, 20 * dice_unit(dice) - 10), rare = dice_unit(dice);
    if (dice_below(dice, 4) == 0)
        size = pow(10, 280 * dice_unit(dice) - 140);
    double at = size * dice_normal(dice), step = size * dice_unit(dice);
    for (int64_t i = 0; i < n; i++) {
        double z = dice_normal(dice), u = dice_unit(dice), v = dice_unit(dice);
        double copies = (u < rare) + (v < rare);
        x[i] = kind == NORMAL     ? size * z
               : kind == HEAVY    ? size * z / (1e-9 + u * u)
               : kind == CONSTANT ? at
               : kind == TWO      ? at + (u < rare ? step : 0)
               : kind == THREE    ? at + step * copies
               : kind == FAR      ? 1e6 * size + size * z
               : kind == SPIKE    ? (i == 0 ? 1e5 * size : size * z)
                                  : 0;
    }
}

static int64_t draw_length(struct dice *dice, int64_t run)
{
    return run < SHORT ? run + 1 : 1 + dice_below(dice, LARGEST);
}

struct fixture {
    struct level level;
    struct dice dice;
    int64_t n;
    double room_x[LARGEST + 8], room_r[LARGEST + 8];
    double *x, *r; /* within their rooms: no alignment is promised */
    uint8_t *code; /* [shadow_padded(LARGEST)], aligned to SHADOW_LINE or not */
    int8_t hi[LARGEST + 128], lo[LARGEST + 128];
};

/* Each length up to SHORT and longer ones, every kind of x beside every kind of r. */
static void each(void (*check)(struct fixture *f))
{
    static struct fixture f;
    struct level list[3];
    int count = levels(list);
    uint8_t *room = aligned_alloc(SHADOW_LINE, (size_t)shadow_padded(LARGEST) + SHADOW_LINE);
    cr_assert_not_null(room);
    for (int k = 0; k < count; k++) {
        f.level = list[k];
        f.dice = (struct dice){ .seed = 43 };
        for (int64_t run = 0; run < scale_runs(1500); run++) {
            f.n = draw_length(&f.dice, run);
            f.x = f.room_x + dice_below(&f.dice, 8);
            f.r = f.room_r + dice_below(&f.dice, 8);
            f.code = room + (dice_below(&f.dice, 2) ? dice_below(&f.dice, SHADOW_LINE) : 0);
            draw(&f.dice, (enum kind)dice_below(&f.dice, KINDS), f.x, f.n);
            draw(&f.dice, (enum kind)dice_below(&f.dice, KINDS), f.r, f.n);
            check(&f);
        }
    }
    free(room);
}

/* ---- moments ------------------------------------------------------------------------------------------ */

static void check_moments(struct fixture *f)
{
    struct shadow_moments m;
    f->level.shadow->moments(f->x, f->r, f->n, dice_below(&f->dice, 2) ? f->r : NULL, &m);
    double least = f->x[0], most = f->x[0], dot = f->level.kernel->dot(f->x, f->r, f->n);
    long double sum = 0, square = 0, size = 0;
    for (int64_t i = 0; i < f->n; i++) {
        least = fmin(least, f->x[i]);
        most = fmax(most, f->x[i]);
        sum += (long double)f->x[i] - f->x[0];
        size += fabsl((long double)f->x[i] - f->x[0]);
    }
    long double mean = f->x[0] + sum / (long double)f->n;
    for (int64_t i = 0; i < f->n; i++)
        square += (f->x[i] - mean) * (f->x[i] - mean);
    cr_assert_eq(m.least, least);
    cr_assert_eq(m.most, most);
    cr_assert(m.mean >= least && m.mean <= most);
    cr_assert(fabsl(m.mean - mean) <= DBL_EPSILON * (fabsl(mean) + 2 * size));
    cr_assert(fabsl(m.square - square) <= m.slack, "%s, n %lld: %.17g, not %.17Lg +- %g",
              f->level.shadow->isa, (long long)f->n, m.square, square, m.slack);
    cr_assert_eq(memcmp(&m.dot, &dot, sizeof dot), 0, "other bits than dot");
    if (least == most) {
        cr_assert_eq(m.mean, least);
        cr_assert_eq(m.square, 0);
    }
}

Test(shadow, moments_are_those_of_long_double)
{
    each(check_moments);
}

/* The square of a column of standard deviation 1 beside a mean of 1e8 has its digits. */
Test(shadow, a_large_mean_loses_no_digits)
{
    struct level list[3];
    double x[1000], y[1000] = { 0 };
    int count = levels(list);
    for (int i = 0; i < 1000; i++)
        x[i] = 1e8 + (i % 2 ? 1 : -1);
    for (int k = 0; k < count; k++) {
        struct shadow_moments m;
        list[k].shadow->moments(x, y, 1000, NULL, &m);
        cr_assert_eq(m.mean, 1e8);
        cr_assert(fabs(m.square - 1000) <= 1e-10);
        cr_assert(m.slack <= 1e-9);
    }
}

/* ---- codes --------------------------------------------------------------------------------------------- */

static void shade(struct fixture *f, struct shadow_column *column)
{
    struct shadow_moments m;
    memset(f->code, 77, (size_t)shadow_padded(LARGEST));
    f->level.shadow->moments(f->x, f->r, f->n, NULL, &m);
    f->level.shadow->quantise(f->x, f->n, &m, dice_below(&f->dice, 2) ? f->r : NULL, f->code,
                              column);
    for (int64_t i = f->n; i < shadow_padded(LARGEST); i++)
        cr_assert_eq(f->code[i], i < shadow_padded(f->n) ? 0 : 77);
}

static void check_codes(struct fixture *f)
{
    struct shadow_column c;
    long double rest = 0, norm = 0;
    shade(f, &c);
    for (int64_t i = 0; i < f->n; i++) {
        long double part = c.low + (long double)c.scale * f->code[i];
        long double off = ((long double)f->x[i] - c.centre) - part;
        cr_assert(fabsl(off) <= 0.5000001L * c.scale || c.scale == 0);
        rest += off * off;
        norm += part * part;
    }
    cr_assert(sqrtl(rest) <= c.error, "%s, n %lld: error %.17Lg, bound %.17g",
              f->level.shadow->isa, (long long)f->n, sqrtl(rest), c.error);
    cr_assert(sqrtl(norm) <= c.norm, "%s, n %lld: norm %.17Lg, bound %.17g", f->level.shadow->isa,
              (long long)f->n, sqrtl(norm), c.norm);
    /* And neither is far above. */
    cr_assert(c.error <= 1.0001L * sqrtl(rest) +
                             1e-12L * c.scale * sqrtl((long double)f->n) + 2 * (long double)DBL_MIN);
}

Test(shadow, errors_and_norms_of_columns_are_upper_bounds)
{
    each(check_codes);
}

Test(shadow, genotypes_and_indicators_are_exact_up_to_rounding)
{
    struct level list[3];
    static _Alignas(SHADOW_LINE) uint8_t code[128];
    double x[100], y[100] = { 0 };
    int count = levels(list);
    for (int values = 2; values <= 3; values++)
        for (int k = 0; k < count; k++) {
            struct shadow_moments m;
            struct shadow_column c;
            for (int i = 0; i < 100; i++)
                x[i] = (i % values - 0.3) / 0.7;
            list[k].shadow->moments(x, y, 100, NULL, &m);
            list[k].shadow->quantise(x, 100, &m, NULL, code, &c);
            for (int i = 0; i < 100; i++)
                cr_assert_eq(code[i], 254 / (values - 1) * (i % values));
            cr_assert(c.error <= 1e-13 * sqrt(m.square));
            cr_assert(c.norm <= (1 + 1e-12) * sqrt(m.square));
        }
}

/* ---- the vector ----------------------------------------------------------------------------------------- */

static int64_t digits_at(const struct fixture *f, int64_t i)
{
    return 256 * f->hi[i] + f->lo[i];
}

static void check_vector(struct fixture *f)
{
    struct shadow_vector v;
    long double rest = 0, norm = 0, sum = 0;
    int64_t digits = 0, padded = shadow_padded(f->n);
    memset(f->hi, 77, sizeof f->hi);
    memset(f->lo, 77, sizeof f->lo);
    f->level.shadow->quantise_vector(f->r, f->n, f->hi, f->lo, &v);
    for (int64_t i = 0; i < f->n; i++) {
        long double off = f->r[i] - (long double)v.unit * (long double)digits_at(f, i);
        cr_assert(llabs(digits_at(f, i)) <= 32639);
        digits += digits_at(f, i);
        rest += off * off;
        norm += (long double)f->r[i] * f->r[i];
        sum += f->r[i];
    }
    for (int64_t i = f->n; i < (int64_t)sizeof f->hi; i++) {
        cr_assert_eq(f->hi[i], i < padded ? 0 : 77);
        cr_assert_eq(f->lo[i], i < padded ? 0 : 77);
    }
    cr_assert_eq(v.digits, digits);
    cr_assert(sqrtl(rest) <= v.error, "%s, n %lld: error %.17Lg, bound %.17g",
              f->level.shadow->isa, (long long)f->n, sqrtl(rest), v.error);
    cr_assert(sqrtl(norm) <= v.norm);
    cr_assert(fabsl(sum - v.sum) <= v.sum_error);
    cr_assert(v.error <= 2e-5 * v.norm * sqrt((double)f->n) + 2 * DBL_MIN);
    cr_assert(v.norm <= 1.0001L * sqrtl(norm) + 2 * (long double)DBL_MIN);
}

Test(shadow, errors_and_norms_of_vectors_are_upper_bounds)
{
    each(check_vector);
}

/* ---- exact sums ------------------------------------------------------------------------------------------ */

static int64_t plain(const uint8_t *code, const int8_t *hi, const int8_t *lo, int64_t n)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (int64_t)code[i] * (256 * hi[i] + lo[i]);
    return sum;
}

struct codes {
    uint8_t *code;
    int8_t *hi, *lo;
    int64_t n, stride, columns;
};

static void codes_make(struct codes *c, int64_t n, int64_t columns, int64_t gap)
{
    *c = (struct codes){ .n = n, .columns = columns, .stride = shadow_padded(n) + gap * SHADOW_LINE };
    c->code = aligned_alloc(SHADOW_LINE, (size_t)(c->stride * columns));
    c->hi = calloc((size_t)shadow_padded(n) + 1, 1);
    c->lo = calloc((size_t)shadow_padded(n) + 1, 1);
    cr_assert(c->code && c->hi && c->lo);
    memset(c->code, 0, (size_t)(c->stride * columns));
}

static void codes_fini(struct codes *c)
{
    free(c->code);
    free(c->hi);
    free(c->lo);
}

/* All levels, all ways; digits begin at an odd address. */
static void check_dots(const struct codes *c, struct dice *dice)
{
    struct level list[3];
    int count = levels(list);
    int64_t truth[COLUMNS], out[COLUMNS + 1], column[COLUMNS];
    for (int64_t j = 0; j < c->columns; j++) {
        truth[j] = plain(c->code + j * c->stride, c->hi + 1, c->lo + 1, c->n);
        column[j] = dice_below(dice, c->columns);
    }
    for (int k = 0; k < count; k++) {
        const struct shadow_kernel *s = list[k].shadow;
        out[c->columns] = 77;
        s->dots(c->code, c->stride, c->columns, c->hi + 1, c->lo + 1, c->n, out);
        for (int64_t j = 0; j < c->columns; j++)
            cr_assert_eq(out[j], truth[j], "%s: column %lld, n %lld", s->isa, (long long)j,
                         (long long)c->n);
        s->dots_widened(c->code, c->stride, c->columns, c->hi + 1, c->lo + 1, c->n, out);
        for (int64_t j = 0; j < c->columns; j++)
            cr_assert_eq(out[j], truth[j], "%s, widened: column %lld, n %lld", s->isa,
                         (long long)j, (long long)c->n);
        s->dots_of(c->code, c->stride, column, c->columns, c->hi + 1, c->lo + 1, c->n, out);
        for (int64_t j = 0; j < c->columns; j++)
            cr_assert_eq(out[j], truth[column[j]], "%s, listed: column %lld, n %lld", s->isa,
                         (long long)column[j], (long long)c->n);
        cr_assert_eq(out[c->columns], 77);
    }
}

Test(shadow, sums_are_exact_and_the_same_on_all_levels)
{
    struct dice dice = { .seed = 47 };
    for (int64_t run = 0; run < scale_runs(600); run++) {
        struct codes c;
        codes_make(&c, run % 40 == 39 ? 1 + dice_below(&dice, 20000) : draw_length(&dice, run),
                   1 + dice_below(&dice, COLUMNS), dice_below(&dice, 2));
        for (int64_t j = 0; j < c.columns; j++)
            for (int64_t i = 0; i < c.n; i++)
                c.code[j * c.stride + i] = (uint8_t)dice_below(&dice, 256);
        for (int64_t i = 0; i < c.n; i++) {
            c.hi[1 + i] = (int8_t)(dice_below(&dice, 255) - 127);
            c.lo[1 + i] = (int8_t)(dice_below(&dice, 256) - 128);
        }
        check_dots(&c, &dice);
        codes_fini(&c);
    }
}

/* The largest digits of either sign in every row: sums far beyond 32 bits, in each way that they
 * are taken. */
Test(shadow, the_largest_sums_do_not_overflow)
{
    static const struct {
        int8_t hi, lo;
    } digits[] = { { 127, 127 }, { -127, -127 }, { 0, -128 }, { -127, 0 } };
    struct dice dice = { .seed = 53 };
    for (size_t d = 0; d < sizeof digits / sizeof *digits; d++) {
        struct codes c;
        codes_make(&c, 1200007, 5, 0);
        for (int64_t j = 0; j < c.columns; j++)
            memset(c.code + j * c.stride, 255, (size_t)c.n);
        memset(c.hi + 1, digits[d].hi, (size_t)c.n);
        memset(c.lo + 1, digits[d].lo, (size_t)c.n);
        check_dots(&c, &dice);
        codes_fini(&c);
    }
}

Test(shadow, no_columns_are_no_sums)
{
    struct level list[3];
    int8_t zeros[SHADOW_LINE] = { 0 };
    int64_t out = 77;
    for (int k = levels(list) - 1; k >= 0; k--) {
        list[k].shadow->dots(NULL, SHADOW_LINE, 0, zeros, zeros, 9, &out);
        list[k].shadow->dots_of(NULL, SHADOW_LINE, NULL, 0, zeros, zeros, 9, &out);
    }
    cr_assert_eq(out, 77);
}

/* ---- the bound -------------------------------------------------------------------------------------------- */

static void check_bound(struct fixture *f)
{
    struct shadow_column c;
    struct shadow_vector v;
    int64_t sum;
    shade(f, &c);
    f->level.shadow->quantise_vector(f->r, f->n, f->hi, f->lo, &v);
    f->level.shadow->dots(f->code, shadow_padded(f->n), 1, f->hi, f->lo, f->n, &sum);
    struct shadow_dot all = shadow_dot(&c, &v, sum), centred = shadow_dot_centred(&c, &v, sum);
    long double dot = 0, centred_dot = 0;
    for (int64_t i = 0; i < f->n; i++) {
        dot += (long double)f->x[i] * f->r[i];
        centred_dot += ((long double)f->x[i] - c.centre) * f->r[i];
    }
    cr_assert(fabsl(centred.value - centred_dot) <= centred.bound,
              "%s, n %lld: centred %.17g, not %.17Lg +- %g", f->level.shadow->isa, (long long)f->n,
              centred.value, centred_dot, centred.bound);
    cr_assert(fabsl(all.value - dot) <= all.bound, "%s, n %lld: %.17g, not %.17Lg +- %g",
              f->level.shadow->isa, (long long)f->n, all.value, dot, all.bound);
}

Test(shadow, the_bound_holds)
{
    each(check_bound);
}

/* What the bound is worth: beside |x - centre| |r| it is below 1e-4 for a genotype, and below 2e-2
 * for a normal column. */
static void check_worth(struct fixture *f)
{
    struct shadow_column c;
    struct shadow_vector v;
    int64_t sum;
    bool genotype = dice_below(&f->dice, 2);
    for (int64_t i = 0; i < f->n; i++) {
        double u = dice_unit(&f->dice), w = dice_unit(&f->dice);
        f->x[i] = genotype ? (double)((u < 0.3) + (w < 0.3)) : dice_normal(&f->dice);
        f->r[i] = dice_normal(&f->dice);
    }
    shade(f, &c);
    f->level.shadow->quantise_vector(f->r, f->n, f->hi, f->lo, &v);
    f->level.shadow->dots(f->code, shadow_padded(f->n), 1, f->hi, f->lo, f->n, &sum);
    struct shadow_dot centred = shadow_dot_centred(&c, &v, sum);
    cr_assert(centred.bound <= (genotype ? 1e-4 : 2e-2) * c.norm * v.norm + 4 * DBL_MIN);
}

Test(shadow, the_bound_is_narrow)
{
    each(check_worth);
}

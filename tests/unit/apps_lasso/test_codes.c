/* Couplings of codes on each instruction set of this machine, against plain whole numbers, and bit for bit
 * against themselves in other company.  Seeds are fixed. */
#include "apps/lasso/codes.h"
#include "apps/lasso/shadow.h"
#include "tests/support/lasso_drive.h"
#include "tests/support/levels.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 9000, STRIDE = 9024, COLUMNS = 45, MARK = 77 };

static const struct codes_kernel *const list[] = { &lasso_codes_v2, &lasso_codes_v3, &lasso_codes_v4 };

struct fixture {
    struct dice dice;
    const struct codes_kernel *kernel;
    int64_t n;
    uint8_t *code;                    /* [COLUMNS x STRIDE] */
    const uint8_t *at[COLUMNS];
    int64_t sum[COLUMNS];
    double unit[COLUMNS], mean[COLUMNS];
    int64_t exact[COLUMNS * COLUMNS]; /* n S - T T, by plain sums */
    double all[COLUMNS * COLUMNS];    /* of each pair alone */
};

/* Columns of all codes, of three, and of the largest alone, where sums are largest. */
static void draw(struct fixture *f, int64_t j)
{
    for (int64_t i = 0; i < f->n; i++)
        f->code[j * STRIDE + i] = (uint8_t)(j % 3 == 0   ? dice_below(&f->dice, 255)
                                            : j % 3 == 1 ? 127 * dice_below(&f->dice, 3)
                                                         : 254);
}

static struct codes_side side_of(const struct fixture *f, int64_t j)
{
    return (struct codes_side){ f->at + j, f->sum + j, f->unit + j, f->mean + j };
}

static void make(struct fixture *f, const struct codes_kernel *kernel, int64_t n)
{
    f->dice = (struct dice){ .seed = (uint64_t)n };
    f->kernel = kernel;
    f->n = n;
    memset(f->code, 0, (size_t)COLUMNS * STRIDE);
    for (int64_t j = 0; j < COLUMNS; j++) {
        draw(f, j);
        f->at[j] = f->code + j * STRIDE;
        f->sum[j] = 0;
        for (int64_t i = 0; i < n; i++)
            f->sum[j] += f->at[j][i];
        cr_assert_eq(kernel->sum(f->at[j], n), f->sum[j]);
        f->unit[j] = dice_unit(&f->dice);
        f->mean[j] = dice_normal(&f->dice);
    }
    for (int64_t i = 0; i < COLUMNS; i++)
        for (int64_t j = 0; j < COLUMNS; j++) {
            struct codes_side a = side_of(f, i), b = side_of(f, j);
            int64_t sum = 0;
            for (int64_t r = 0; r < n; r++)
                sum += (int64_t)f->at[i][r] * f->at[j][r];
            f->exact[i * COLUMNS + j] = n * sum - f->sum[i] * f->sum[j];
            kernel->couplings(&a, 1, &b, 1, n, &f->all[i * COLUMNS + j], 1);
        }
}

typedef void (*check)(struct fixture *fixture);

static void each(check one)
{
    static const int64_t lengths[] = { 1, 2, 63, 64, 65, 1000, 2047, 2049, 4096, 4097, ROWS };
    struct fixture *f = calloc(1, sizeof *f);
    f->code = aligned_alloc(SHADOW_LINE, (size_t)COLUMNS * STRIDE);
    for (int k = 0; k < levels(); k++)
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            make(f, list[k], lengths[i]);
            one(f);
        }
    free(f->code);
    free(f);
}

static bool same(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

/* Two roundings of the first term and two of the second at the most. */
static void check_truth(struct fixture *f)
{
    for (int64_t i = 0; i < COLUMNS; i++)
        for (int64_t j = 0; j < COLUMNS; j++) {
            long double first = (long double)f->exact[i * COLUMNS + j] * f->unit[i] * f->unit[j];
            long double second = (long double)f->mean[i] * f->mean[j];
            double got = f->all[i * COLUMNS + j];
            cr_assert(fabsl(got - first - second) <= 0x1p-51L * (fabsl(first) + fabsl(second)),
                      "%s, n %lld, (%lld, %lld): %.17g, not %.17Lg", f->kernel->isa, (long long)f->n,
                      (long long)i, (long long)j, got, first + second);
            cr_assert(same(got, f->all[j * COLUMNS + i]));
        }
}

Test(codes, are_the_couplings_and_symmetric_to_the_bit)
{
    each(check_truth);
}

/* Columns i.. of the one side, j.. of the other, where units and means leave nothing but whole numbers. */
static void compare(struct fixture *f, bool wide, bool plain)
{
    static double out[COLUMNS * (COLUMNS + 3)];
    static const double ones[COLUMNS] = { [0 ... COLUMNS - 1] = 1 }, zeros[COLUMNS];
    int64_t i = dice_below(&f->dice, COLUMNS), j = dice_below(&f->dice, COLUMNS);
    int64_t ka = 1 + dice_below(&f->dice, COLUMNS - i), kb = 1 + dice_below(&f->dice, COLUMNS - j);
    int64_t ld = kb + dice_below(&f->dice, 4);
    struct codes_side a = side_of(f, i), b = side_of(f, j);
    if (plain) {
        a.unit = b.unit = ones;
        a.mean = b.mean = zeros;
    }
    for (int64_t e = 0; e < ka * ld; e++)
        out[e] = MARK;
    (wide ? f->kernel->couplings_widened : f->kernel->couplings)(&a, ka, &b, kb, f->n, out, ld);
    for (int64_t r = 0; r < ka; r++)
        for (int64_t c = 0; c < ld; c++) {
            int64_t at = (i + r) * COLUMNS + j + c;
            double expected = c >= kb ? MARK : plain ? (double)f->exact[at] : f->all[at];
            cr_assert(same(out[r * ld + c], expected),
                      "%s: (%lld, %lld) of %lld x %lld, n %lld: %.17g, not %.17g", f->kernel->isa,
                      (long long)r, (long long)c, (long long)ka, (long long)kb, (long long)f->n,
                      out[r * ld + c], expected);
        }
}

static void check_company(struct fixture *f)
{
    for (int run = 0; run < 40; run++)
        compare(f, run % 2, run % 4 < 2);
}

Test(codes, are_exact_and_have_their_bits_in_any_company)
{
    each(check_company);
}

/* The longest columns: what they add up to still fits. */
Test(codes, of_the_longest_columns_do_not_overflow)
{
    int64_t n = CODES_ROWS_MOST;
    uint8_t *code = aligned_alloc(SHADOW_LINE, 2 * (size_t)n);
    memset(code, 254, (size_t)n);
    for (int64_t i = 0; i < n; i++)
        code[n + i] = i < n / 2 ? 254 : 0;
    const uint8_t *at[] = { code, code + n };
    double one[] = { 1, 1 }, zero[] = { 0, 0 }, out[4];
    for (int k = 0; k < levels(); k++) {
        int64_t sum[] = { list[k]->sum(code, n), list[k]->sum(code + n, n) };
        struct codes_side both = { at, sum, one, zero };
        list[k]->couplings(&both, 2, &both, 2, n, out, 2);
        cr_assert_eq(sum[0], 254 * n);
        cr_assert(out[0] == 0 && out[1] == 0 && out[2] == 0);
        cr_assert(out[3] == 254.0 * 254.0 * (double)n * (double)n / 4, "%.17g", out[3]);
    }
    free(code);
}

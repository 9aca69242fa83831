/* The loops over dense columns: of any width the same bits, and the sums that they say. */
#include "oracle/wide.h"

#include <rondo/rng.h>

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { LONGEST = 131 };

static double real(uint64_t stream, int64_t i)
{
    return (double)(int64_t)rondo_rng_pair(3, stream, 0, (uint64_t)i).a / 0x1p60;
}

Test(wide, every_width_gives_the_same_bits)
{
    double a[LONGEST], b[LONGEST], to[2][LONGEST];
    for (int64_t n = 0; n <= LONGEST; n++) {
        long double sum = 0, size = 0;
        for (int64_t i = 0; i < n; i++) {
            a[i] = real(1, i);
            b[i] = real(2, i);
            to[0][i] = to[1][i] = real(3, i);
            sum += ((long double)a[i] - 0.25L) * ((long double)b[i] + 0.5L);
            size += fabsl(((long double)a[i] - 0.25L) * ((long double)b[i] + 0.5L));
        }
        const double plain = wide_plain()->product(a, 0.25, b, -0.5, n), best = wide_best()->product(a, 0.25, b, -0.5, n);
        cr_assert_eq(memcmp(&plain, &best, sizeof plain), 0, "%d rows: %a and %a", (int)n, plain, best);
        float c[LONGEST], d[LONGEST];
        long double rough = 0;
        for (int64_t i = 0; i < n; i++) {
            c[i] = (float)a[i];
            d[i] = (float)b[i];
            rough += (long double)c[i] * (long double)d[i];
        }
        const float halves[] = { wide_plain()->rough(c, d, n), wide_best()->rough(c, d, n) };
        cr_assert_eq(memcmp(&halves[0], &halves[1], sizeof *halves), 0, "%d rows", (int)n);
        cr_assert(fabsl((long double)halves[0] - rough) <= 1e-5L * size + 1e-5L, "%d rows", (int)n);
        cr_assert(fabsl((long double)plain - sum) <= 1e-14L * size, "%d rows", (int)n);
        wide_plain()->add(0.1, a, 0.25, to[0], n);
        wide_best()->add(0.1, a, 0.25, to[1], n);
        cr_assert_eq(memcmp(to[0], to[1], (size_t)n * sizeof **to), 0, "%d rows", (int)n);
        for (int64_t i = 0; i < n; i++)
            cr_assert_float_eq(to[0][i], real(3, i) + 0.1 * (a[i] - 0.25), 1e-14);
    }
}

#include "core/base/scribe.h"

#include <criterion/criterion.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct scribe scribe;

/* What waits in it, as text. */
static const char *said(void)
{
    scribe.bytes[scribe.used] = 0;
    scribe.used = 0;
    return scribe.bytes;
}

static void expect_real(double value, int digits)
{
    char wanted[64];
    snprintf(wanted, sizeof wanted, "%.*g", digits, value);
    scribe_real(&scribe, value, digits);
    cr_assert_str_eq(said(), wanted, "%a with %d digits", value, digits);
}

static uint64_t next(uint64_t *state) /* splitmix64 */
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static double real_of(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

Test(scribe, whole_numbers_are_those_of_printf)
{
    uint64_t state = 1;
    for (int i = 0; i < 50000; i++) {
        const int64_t ends[] = { 0, -1, INT64_MAX, INT64_MIN, 9, 10, 99, 100, -100 };
        int64_t value = i < 9 ? ends[i] : (int64_t)next(&state) >> (i % 64);
        char wanted[32];
        snprintf(wanted, sizeof wanted, "%" PRId64, value);
        scribe_whole(&scribe, value);
        cr_assert_str_eq(said(), wanted);
    }
}

/* Of all bits every size comes, and of those the scribe writes itself one in ten; so those are asked for too. */
Test(scribe, reals_are_those_of_printf)
{
    uint64_t state = 2;
    for (int i = 0; i < 50000; i++) {
        uint64_t bits = next(&state);
        double any = real_of(bits), near = real_of((bits & ~(UINT64_C(0x7ff) << 52)) | (900 + bits % 180) << 52);
        expect_real(any, 17);
        expect_real(near, 17);
        expect_real(near, 1 + i % 17);
        cr_assert(isnan(any) || strtod((scribe_real(&scribe, any, 17), said()), NULL) == any || isinf(any));
    }
}

/* Decimals, ties and powers of ten, and their neighbours: where rounding and the exponent turn. */
Test(scribe, reals_that_are_hard_are_those_of_printf)
{
    const double odd[] = { 0.0, -0.0, INFINITY, -INFINITY, NAN, DBL_MAX, DBL_MIN, DBL_TRUE_MIN, 0.5, 1.5, 2.5, 0.1,
                           1e15, 9999999999999998.0, 99999999999999984.0, 1e16, 1e17, 0.0001, 0.00001, 123456.5 };
    for (int digits = 1; digits <= 17; digits++) {
        for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
            expect_real(odd[i], digits);
        for (int x = -320; x < 309; x++) {
            char text[16];
            snprintf(text, sizeof text, "1e%d", x);
            double ten = strtod(text, NULL);
            expect_real(ten, digits);
            expect_real(nextafter(ten, 0.0), digits);
            expect_real(nextafter(ten, INFINITY), digits);
            expect_real(9.5 * ten, digits);
            expect_real(-ldexp(1.0, x), digits);
        }
        for (int i = 0; i < 4000; i++)
            expect_real(i / 8.0, digits); /* 0.125, ...: ties */
    }
}

Test(scribe, text_of_any_length_comes_out_in_order)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    char long_one[SCRIBE_BYTES + 100];
    memset(long_one, 'x', sizeof long_one);
    scribe_init(&scribe, out);
    scribe_text(&scribe, "a");
    scribe_bytes(&scribe, long_one, sizeof long_one);
    for (int i = 0; i < 40000; i++) {
        scribe_whole(&scribe, i % 10);
        scribe_real(&scribe, 0.5, 17);
        scribe_char(&scribe, '\n');
    }
    scribe_flush(&scribe);
    fclose(out);
    cr_assert_eq(size, 1 + sizeof long_one + 40000 * 5);
    cr_expect(text[0] == 'a' && text[size - 1] == '\n');
    for (int i = 0; i < 40000; i++) {
        const char row[] = { (char)('0' + i % 10), '0', '.', '5', '\n' };
        cr_assert_arr_eq(text + 1 + sizeof long_one + 5 * i, row, sizeof row);
    }
    free(text);
}

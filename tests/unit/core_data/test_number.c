/* The oracle is the C library's strtod, which is correctly rounded. */
#include "core/data/number.h"

#include <rondo/rng.h>

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void agrees(const char *text)
{
    char *end;
    double expected = strtod(text, &end), value = -1;
    const char *mine = number_real(text, &value);
    cr_assert(mine == end, "\"%s\" ends elsewhere", text);
    cr_assert(memcmp(&value, &expected, sizeof value) == 0, "\"%s\" is %a, read as %a", text,
              expected, value);
}

static uint64_t draw(int i, uint64_t item)
{
    return rondo_rng_u64(7, (uint64_t)i, 300, item);
}

Test(number, agrees_with_strtod_on_the_doubles_of_random_bits)
{
    for (int i = 0; i < 60000; i++) {
        char text[400];
        uint64_t bits = draw(i, 0);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        int digits = i % 3 ? 15 + i % 4 : i % 30;
        snprintf(text, sizeof text, "%.*g", digits, value);
        agrees(text);
        snprintf(text, sizeof text, "%.*E", digits, value);
        agrees(text);
    }
}

Test(number, agrees_with_strtod_on_decimals_near_one)
{
    for (int i = 0; i < 60000; i++) {
        char text[64];
        double value = (double)(draw(i, 1) >> 11) * 0x1p-53 * pow(10, (double)(draw(i, 2) % 12) - 4);
        snprintf(text, sizeof text, "%.*g", (int)(draw(i, 3) % 19) + 1, value);
        agrees(text);
    }
}

Test(number, agrees_with_strtod_on_random_digits_points_and_exponents)
{
    for (int i = 0; i < 100000; i++) {
        char text[96];
        int size = 0, digits = 1 + (int)(draw(i, 0) % 24), point = (int)(draw(i, 1) % 26);
        if (draw(i, 2) % 4 == 0)
            text[size++] = draw(i, 3) % 2 ? '-' : '+';
        for (int k = 0; k < digits; k++) {
            if (k == point)
                text[size++] = '.';
            text[size++] = (char)('0' + (draw(i, 4) % 3 ? draw(i, (uint64_t)k + 10) % 10 : 0));
        }
        text[size] = 0;
        if (draw(i, 5) % 2)
            snprintf(text + size, 16, "e%d", (int)(draw(i, 6) % 80) - 40);
        agrees(text);
    }
}

Test(number, agrees_with_strtod_on_halfway_cases)
{
    for (int i = 0; i < 20000; i++) {
        /* an odd multiple of half a unit in the last place: exactly between two doubles */
        uint64_t half = (draw(i, 0) >> 10 | UINT64_C(1) << 53 | 1);
        char text[64];
        snprintf(text, sizeof text, "%llu", (unsigned long long)half);
        agrees(text);
        snprintf(text, sizeof text, "%llue%d", (unsigned long long)half, (int)(draw(i, 1) % 50) - 25);
        agrees(text);
    }
}

Test(number, agrees_with_strtod_on_the_corners)
{
    static const char *const texts[] = {
        "0", "-0", "0.0", "-0e5", "1", "00001.5", ".5", "5.", "1e", "1e+", "1e-x", "1.5e3x", "1e400",
        "-1e400", "1e-400", "4.9406564584124654e-324", "2.4703282292062327e-324",
        "2.2250738585072011e-308", "1.7976931348623157e308", "1.7976931348623159e308",
        "9007199254740993", "9007199254740992.5", "18446744073709551615", "18446744073709551616",
        "9999999999999999999", "99999999999999999999", "1e22", "1e23", "1e27", "1e28", "1e-27",
        "0.000000000000000000000000000000000000000001234567890123456789",
        "123456789012345678901234567890", "1e99999999999999999999", "0e99999999999999999999",
        "7.2057594037927933e16", "inf", "-inf", "Infinity", "NAN" };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        agrees(texts[i]);
}

Test(number, refuses_what_is_no_number)
{
    static const char *const texts[] = { "", "abc", "-", "+", ".", "-.", "e5", ".e5", " 1", "-abc",
                                         "--1" };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        double value;
        cr_expect(number_real(texts[i], &value) == NULL, "\"%s\" was read", texts[i]);
    }
}

Test(number, reads_decimal_only_never_hexadecimal)
{
    double value;
    const char *text = "0x10";
    cr_expect(number_real(text, &value) == text + 1 && value == 0);
}

Test(number, prints_what_reads_back_as_the_same_bits)
{
    for (int i = 0; i < 50000; i++) {
        uint64_t bits = draw(i, 9);
        double value, back;
        char text[32];
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        int size = number_print(text, value);
        cr_assert(size > 0 && size < 32);
        cr_assert(number_real(text, &back) == text + size);
        cr_assert(memcmp(&value, &back, sizeof value) == 0);
    }
}

Test(number, an_index_too_large_becomes_the_largest)
{
    int64_t value;
    cr_expect(number_index("123:", &value) && value == 123);
    cr_expect(number_index("9223372036854775807", &value) && value == INT64_MAX);
    cr_expect(number_index("9223372036854775805", &value) && value == INT64_MAX - 2);
    cr_expect(number_index("9223372036854775808", &value) && value == INT64_MAX);
    cr_expect(number_index("99999999999999999999999", &value) && value == INT64_MAX);
    cr_expect(number_index("-1", &value) == NULL);
}

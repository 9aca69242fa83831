#include "core/data/number.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { DIGITS = 19, SMALL = 22, WIDE = 27, EXPONENT_LIMIT = 100000 };

/* 10^k, exact in binary64. */
static const double ten[SMALL + 1] = {
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8,
    1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
    1e18, 1e19, 1e20, 1e21, 1e22
};

/* 5^k, exact in 64 bits. */
static const uint64_t five[WIDE + 1] = {
    UINT64_C(1), UINT64_C(5), UINT64_C(25), UINT64_C(125), UINT64_C(625), UINT64_C(3125),
    UINT64_C(15625), UINT64_C(78125), UINT64_C(390625), UINT64_C(1953125), UINT64_C(9765625),
    UINT64_C(48828125), UINT64_C(244140625), UINT64_C(1220703125), UINT64_C(6103515625),
    UINT64_C(30517578125), UINT64_C(152587890625), UINT64_C(762939453125), UINT64_C(3814697265625),
    UINT64_C(19073486328125), UINT64_C(95367431640625), UINT64_C(476837158203125),
    UINT64_C(2384185791015625), UINT64_C(11920928955078125), UINT64_C(59604644775390625),
    UINT64_C(298023223876953125), UINT64_C(1490116119384765625), UINT64_C(7450580596923828125),
};

static bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

static double power_of_two(int exponent)
{
    uint64_t bits = (uint64_t)(exponent + 1023) << 52;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* w * 10^k, rounded once: 128-bit integers hold the product, or the quotient and whether anything
 * remains; the lowest bit then says "inexact" and the conversion to double rounds to nearest even.
 * w > 0, |k| <= WIDE. */
static double wide(uint64_t w, int k)
{
    __extension__ typedef unsigned __int128 u128;
    if (k >= 0) {
        u128 product = (u128)w * five[k];
        uint64_t high = (uint64_t)(product >> 64);
        if (high == 0)
            return (double)(uint64_t)product * power_of_two(k);
        int shift = 64 - __builtin_clzll(high);
        uint64_t top = (uint64_t)(product >> shift);
        bool rest = ((u128)top << shift) != product;
        return (double)(top | rest) * power_of_two(shift + k);
    }
    /* w / 5^-k with both normalised to [2^63, 2^64): the quotient has 63 or 64 bits */
    uint64_t divisor = five[-k];
    int up = __builtin_clzll(w), down = __builtin_clzll(divisor);
    divisor <<= down;
    u128 dividend = (u128)(w << up) << 63;
    uint64_t quotient = (uint64_t)(dividend / divisor);
    bool rest = (u128)quotient * divisor != dividend;
    return (double)(quotient | rest) * power_of_two(down - up - 63 + k);
}

/* The C library's own, whatever the locale says about the decimal point. */
static double slow(const char *text)
{
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    locale_t kept = uselocale(plain);
    double value = strtod(text, NULL);
    uselocale(kept);
    if (plain)
        freelocale(plain);
    return value;
}

static double exact(uint64_t w, int exponent, const char *text)
{
    if (w == 0)
        return 0;
    if (w <= UINT64_C(1) << 53 && exponent >= -SMALL && exponent <= SMALL)
        return exponent < 0 ? (double)w / ten[-exponent] : (double)w * ten[exponent];
    if (exponent >= -WIDE && exponent <= WIDE)
        return wide(w, exponent);
    return slow(text);
}

/* "nan", "inf", "infinity", in any case. */
static const char *word(const char *at, double *value)
{
    static const struct {
        const char *name;
        size_t length;
        double value;
    } words[] = { { "infinity", 8, HUGE_VAL }, { "inf", 3, HUGE_VAL }, { "nan", 3, (double)NAN } };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strncasecmp(at, words[i].name, words[i].length) == 0) {
            *value = words[i].value;
            return at + words[i].length;
        }
    return NULL;
}

/* The exponent behind a mantissa, where there is one. */
static const char *tail(const char *at, int *exponent)
{
    if (*at != 'e' && *at != 'E')
        return at;
    const char *digit = at + 1;
    bool negative = *digit == '-';
    digit += *digit == '-' || *digit == '+';
    if (!is_digit(*digit))
        return at;
    int value = 0;
    for (; is_digit(*digit); digit++)
        value = value < EXPONENT_LIMIT ? value * 10 + (*digit - '0') : value;
    *exponent += negative ? -value : value;
    return digit;
}

/* More than DIGITS digits once the zeros in front are gone. */
static bool too_many(const char *at, const char *end)
{
    int64_t count = 0;
    for (; at < end; at++)
        count += is_digit(*at) && (count > 0 || *at != '0');
    return count > DIGITS;
}

const char *number_real(const char *text, double *value)
{
    const char *at = text;
    bool negative = *at == '-';
    at += *at == '-' || *at == '+';
    const char *first = at;
    uint64_t w = 0;
    int exponent = 0;
    for (; is_digit(*at); at++)
        w = w * 10 + (uint64_t)(*at - '0');
    int64_t digits = at - first;
    if (*at == '.') {
        const char *fraction = ++at;
        for (; is_digit(*at); at++)
            w = w * 10 + (uint64_t)(*at - '0');
        exponent = (int)(fraction - at);
        digits -= exponent;
    }
    if (digits == 0) {
        const char *end = at == first ? word(at, value) : NULL;
        if (end && negative)
            *value = -*value;
        return end;
    }
    const char *end = tail(at, &exponent);
    bool many = digits > DIGITS && too_many(first, at);
    double size = many ? slow(first) : exact(w, exponent, first);
    *value = negative ? -size : size;
    return end;
}

const char *number_index(const char *at, int64_t *value)
{
    const char *first = at;
    int64_t sum = 0;
    for (; is_digit(*at); at++) {
        int digit = *at - '0';
        sum = sum > (INT64_MAX - digit) / 10 ? INT64_MAX : sum * 10 + digit;
    }
    *value = sum;
    return at == first ? NULL : at;
}

int number_print(char *out, double value)
{
    int size = 0;
    for (int digits = 15; digits <= 17; digits++) {
        double back;
        size = snprintf(out, 32, "%.*g", digits, value);
        if (number_real(out, &back) && back == value)
            break;
    }
    return size;
}

#include "core/base/scribe.h"

#include <assert.h>
#include <math.h>
#include <string.h>

__extension__ typedef unsigned __int128 u128;

enum { DIGITS_MOST = 17, NUMBER_BYTES = 32 /* "-1.2345678901234567e-308" */ };

void scribe_init(struct scribe *scribe, FILE *out)
{
    scribe->out = out;
    scribe->used = 0;
}

void scribe_flush(struct scribe *scribe)
{
    if (scribe->used)
        fwrite(scribe->bytes, 1, scribe->used, scribe->out);
    scribe->used = 0;
}

/* Where so many bytes may be written. */
static char *room(struct scribe *scribe, size_t size)
{
    if (SCRIBE_BYTES - scribe->used < size)
        scribe_flush(scribe);
    return scribe->bytes + scribe->used;
}

void scribe_bytes(struct scribe *scribe, const char *bytes, size_t size)
{
    while (size > 0) {
        char *at = room(scribe, 1);
        size_t fits = SCRIBE_BYTES - scribe->used, some = size < fits ? size : fits;
        memcpy(at, bytes, some);
        scribe->used += some;
        bytes += some;
        size -= some;
    }
}

void scribe_text(struct scribe *scribe, const char *text)
{
    scribe_bytes(scribe, text, strlen(text));
}

void scribe_char(struct scribe *scribe, char c)
{
    *room(scribe, 1) = c;
    scribe->used++;
}

/* ---- numbers ------------------------------------------------------------------------------- */

static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
                            "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
                            "8081828384858687888990919293949596979899";

/* The digits of a value, ending before `end`; their first. */
static char *digits_before(char *end, uint64_t value)
{
    for (; value >= 100; value /= 100)
        memcpy(end -= 2, &pairs[2 * (value % 100)], 2);
    if (value < 10)
        *--end = (char)('0' + value);
    else
        memcpy(end -= 2, &pairs[2 * value], 2);
    return end;
}

void scribe_whole(struct scribe *scribe, int64_t value)
{
    char text[NUMBER_BYTES], *end = text + sizeof text;
    char *first = digits_before(end, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
    if (value < 0)
        *--first = '-';
    size_t size = (size_t)(end - first);
    memcpy(room(scribe, NUMBER_BYTES), first, size);
    scribe->used += size;
}

enum { POWER_MOST = 55 }; /* 5^55 < 2^128 */

static u128 power_of_five(int exponent)
{
    static const uint64_t low[28] = { /* 5^0 .. 5^27 fit in 64 bits */
        1, 5, 25, 125, 625, 3125, 15625, 78125, 390625, 1953125, 9765625, 48828125, 244140625, 1220703125,
        6103515625, 30517578125, 152587890625, 762939453125, 3814697265625, 19073486328125, 95367431640625,
        476837158203125, 2384185791015625, 11920928955078125, 59604644775390625, 298023223876953125,
        1490116119384765625, 7450580596923828125 };
    if (exponent < 28)
        return low[exponent];
    return exponent < POWER_MOST ? (u128)low[27] * low[exponent - 27] : (u128)low[27] * low[27] * 5;
}

/* m 2^e 10^k to the nearest whole number, of two as near the even one; m < 2^53, 0 <= k <= POWER_MOST, e + k < 0, the
 * result < 2^63.
 * Exact: m 5^k has 181 bits at most, and what is left is a shift by -(e + k). */
static uint64_t scaled(uint64_t m, int e, int k)
{
    u128 five = power_of_five(k), low = (u128)m * (uint64_t)five;
    u128 high = (u128)m * (uint64_t)(five >> 64) + (low >> 64);
    uint64_t bottom = (uint64_t)low; /* m 5^k = high 2^64 + bottom */
    int shift = -(e + k);
    const uint64_t half = UINT64_C(1) << 63;
    uint64_t whole, rest; /* the rest's highest 64 bits, and whether there is more below */
    bool more = false;
    if (shift <= 64) {
        whole = shift == 64 ? (uint64_t)high : (uint64_t)(high << (64 - shift)) | bottom >> shift;
        rest = shift == 64 ? bottom : bottom << (64 - shift);
    } else {
        u128 part = high << (192 - shift); /* what is below 2^(shift - 64), moved to the top */
        whole = (uint64_t)(high >> (shift - 64));
        rest = (uint64_t)(part >> 64);
        more = (uint64_t)part || bottom;
    }
    return whole + (rest > half || (rest == half && (more || (whole & 1))));
}

/* value = n 10^(exponent + 1 - digits), n of that many digits, rounded; 0: not by numbers of that size. */
static uint64_t significant(double value, int digits, int *exponent)
{
    static const uint64_t ten[] = { 1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000,
                                    10000000000, 100000000000, 1000000000000, 10000000000000, 100000000000000,
                                    1000000000000000, 10000000000000000, 100000000000000000 };
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    int e = (int)(bits >> 52 & 0x7ff) - 1075;
    uint64_t m = (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52;
    int x = (int)floor((e + 52) * 0.30102999566398120); /* of 2^(e + 52) <= value: right, or one too small */
    int k = digits - 1 - x;
    if (k < 1 || k > POWER_MOST || e + k >= 0)
        return 0;
    uint64_t n = scaled(m, e, k);
    if (n >= ten[digits])
        n = scaled(m, e, digits - 1 - ++x);
    *exponent = x;
    return n;
}

/* The digits of n, the point and the exponent where %g has them. */
static char *lay_out(char *at, uint64_t n, int digits, int x)
{
    char text[DIGITS_MOST + 1];
    digits_before(text + digits, n);
    int kept = digits;
    while (kept > 1 && text[kept - 1] == '0')
        kept--;
    bool fixed = x >= -4 && x < digits;
    int before = !fixed ? 1 : x < 0 ? 0 : x + 1; /* digits before the point */
    if (before == 0) {
        memcpy(at, "0.000", 5);
        at += 1 - x;
    }
    for (int i = 0; i < kept || i < before; i++) {
        if (i == before && i > 0)
            *at++ = '.';
        *at++ = text[i]; /* zeros that were cut stand before the point */
    }
    if (fixed)
        return at;
    *at++ = 'e';
    *at++ = x < 0 ? '-' : '+';
    memcpy(at, &pairs[2 * (x < 0 ? -x : x)], 2); /* it has two digits: POWER_MOST */
    return at + 2;
}

void scribe_real(struct scribe *scribe, double value, int digits)
{
    assert(digits >= 1 && digits <= DIGITS_MOST);
    char *at = room(scribe, NUMBER_BYTES), *const first = at;
    int exponent = 0;
    uint64_t n = value != 0.0 && isfinite(value) ? significant(fabs(value), digits, &exponent) : 0;
    if (n > 0) {
        if (value < 0.0)
            *at++ = '-';
        at = lay_out(at, n, digits, exponent);
    } else {
        at += snprintf(at, NUMBER_BYTES, "%.*g", digits, value);
    }
    scribe->used += (size_t)(at - first);
}

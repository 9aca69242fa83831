/* rising.c - log Gamma(a + n) - log Gamma(a), psi(a + n) - psi(a); a group in one pass, as its counts ascend. */
#include "rising.h"

#include "histogram.h"

#include <math.h>

/* From here on the series below are exact to 1e-15 and better. */
#define ASYMPTOTIC 16

/* Shorter sums are summed. */
enum { SHORT = 6 };

/* log Gamma(x) - ((x - 1/2) log x - x + log(2 pi) / 2) */
static long double log_rest(long double x)
{
    long double y = 1 / x, z = y * y;
    return y * (1 / 12.0L - z * (1 / 360.0L - z * (1 / 1260.0L - z * (1 / 1680.0L - z / 1188))));
}

/* psi(x) - log x */
static double psi_rest(double x)
{
    double y = 1 / x, z = y * y;
    return -y / 2 - z * (1 / 12.0 - z * (1 / 120.0 - z * (1 / 252.0 - z * (1 / 240.0 - z / 132))));
}

long double rising_log(long double a, uint64_t from, uint64_t to)
{
    long double sum = 0, x = a + from;
    for (; from < to && (x < ASYMPTOTIC || to - from <= SHORT); x = a + ++from)
        sum += logl(x);
    if (from == to)
        return sum;
    const long double n = to - from, y = x + n;
    return sum + (x - 0.5L) * log1pl(n / x) + n * logl(y) - n + log_rest(y) - log_rest(x);
}

double rising_psi(double a, uint64_t from, uint64_t to)
{
    double sum = 0, x = a + (double)from;
    for (; from < to && (x < ASYMPTOTIC || to - from <= 8 * SHORT); x = a + (double)++from)
        sum += 1 / x;
    if (from == to)
        return sum;
    const double n = (double)(to - from);
    return sum + (double)log1pl(n / x) + psi_rest(x + n) - psi_rest(x);
}

long double rising_log_sum(long double a, struct rondo_bytes group)
{
    long double sum = 0, rising = 0;
    uint64_t before = 0;
    for (size_t i = 0; i < tally_count(group); i++) {
        struct tally tally = tally_at(group, i);
        rising += rising_log(a, before, tally_n(tally));
        sum += tally.number * rising;
        before = tally_n(tally);
    }
    return sum;
}

double rising_psi_sum(double a, struct rondo_bytes group)
{
    double sum = 0, rising = 0;
    uint64_t before = 0;
    for (size_t i = 0; i < tally_count(group); i++) {
        struct tally tally = tally_at(group, i);
        rising += rising_psi(a, before, tally_n(tally));
        sum += (double)tally.number * rising;
        before = tally_n(tally);
    }
    return sum;
}

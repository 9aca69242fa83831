/* elementary.h - exp and logarithms whose bits are those of the level that they are compiled for, and
 * which loops can take by registers: a library's own choose by the machine.
 *
 * Place:   apps/lasso, private to the losses.
 * Threads: pure functions.
 * Memory:  none.
 */
#ifndef ELEMENTARY_H
#define ELEMENTARY_H

#include "lanes.h"

#define LN2_HIGH 0x1.62e42fefa3800p-1 /* its last bits are 0, so that a product with k is exact */
#define LN2_LOW 0x1.ef35793c76730p-45

/* e^x = 2^k e^r, |r| <= ln 2 / 2, and of e^r the Taylor series; below -708 that of -708, above 709 that
 * of 709.  Within 2 units of the last place. */
static inline double exp_of(double x)
{
    const double rounder = 0x1.8p52; /* what is added and taken off again leaves a whole number */
    x = x < -708 ? -708 : x > 709 ? 709 : x;
    double shifted = x * 0x1.71547652b82fep0 + rounder, k = shifted - rounder;
    double r = multiply_add(-k, LN2_LOW, multiply_add(-k, LN2_HIGH, x));
    double sum = 1.0 / 6227020800;
    sum = multiply_add(sum, r, 1.0 / 479001600);
    sum = multiply_add(sum, r, 1.0 / 39916800);
    sum = multiply_add(sum, r, 1.0 / 3628800);
    sum = multiply_add(sum, r, 1.0 / 362880);
    sum = multiply_add(sum, r, 1.0 / 40320);
    sum = multiply_add(sum, r, 1.0 / 5040);
    sum = multiply_add(sum, r, 1.0 / 720);
    sum = multiply_add(sum, r, 1.0 / 120);
    sum = multiply_add(sum, r, 1.0 / 24);
    sum = multiply_add(sum, r, 1.0 / 6);
    sum = multiply_add(sum, r, 0.5);
    sum = multiply_add(sum * r, r, r) + 1;
    int64_t bits, whole;
    double scale;
    memcpy(&whole, &shifted, sizeof whole);
    bits = (int64_t)((uint64_t)(whole + 1023) << 52); /* the low bits of shifted are k */
    memcpy(&scale, &bits, sizeof scale);
    return sum * scale;
}

/* 2 atanh(w) = 2 (w + w^3/3 + ...) for |w| <= 1/3. */
static inline double twice_atanh(double w)
{
    double square = w * w, sum = 1.0 / 33;
    sum = multiply_add(sum, square, 1.0 / 31);
    sum = multiply_add(sum, square, 1.0 / 29);
    sum = multiply_add(sum, square, 1.0 / 27);
    sum = multiply_add(sum, square, 1.0 / 25);
    sum = multiply_add(sum, square, 1.0 / 23);
    sum = multiply_add(sum, square, 1.0 / 21);
    sum = multiply_add(sum, square, 1.0 / 19);
    sum = multiply_add(sum, square, 1.0 / 17);
    sum = multiply_add(sum, square, 1.0 / 15);
    sum = multiply_add(sum, square, 1.0 / 13);
    sum = multiply_add(sum, square, 1.0 / 11);
    sum = multiply_add(sum, square, 1.0 / 9);
    sum = multiply_add(sum, square, 1.0 / 7);
    sum = multiply_add(sum, square, 1.0 / 5);
    sum = multiply_add(sum, square, 1.0 / 3);
    return 2 * multiply_add(sum * square, w, w);
}

/* log(1 + z) for z in [0, 1]. */
static inline double log1p_of(double z)
{
    return twice_atanh(z / (2 + z));
}

/* log(x), x positive and normal: x = 2^k m, m in [sqrt(1/2), sqrt(2)]. */
static inline double log_of(double x)
{
    int64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int64_t k = (bits - 0x3fe6a09e667f3bcd) >> 52;
    bits -= (int64_t)((uint64_t)k << 52);
    double m;
    memcpy(&m, &bits, sizeof m);
    return multiply_add((double)k, LN2_HIGH, multiply_add((double)k, LN2_LOW, twice_atanh((m - 1) / (m + 1))));
}

/* x log(x), 0 at 0. */
static inline double x_log_x(double x)
{
    return x > 0x1p-1000 ? x * log_of(x) : 0;
}

#endif

/* lanes.h - what the files of inner loops share: eight doubles side by side, and their sum.
 *
 * Place:   apps/lasso; included by the files that are compiled once for each instruction set.
 * Threads: pure functions.
 * Memory:  none.
 */
#ifndef LANES_H
#define LANES_H

typedef double lanes __attribute__((vector_size(64), aligned(8), may_alias));

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#define TEXT_(a) #a
#define TEXT(a) TEXT_(a)

static inline lanes load(const double *x)
{
    return *(const lanes *)x;
}

static inline double fold(lanes a)
{
    return ((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7]));
}

/* c + a b, said outright where a level has it in one rounding: a compiler may else choose for each
 * loop by itself, and a column would not have the same bits alone and beside others. */
static inline double multiply_add(double a, double b, double c)
{
#ifdef __FMA__
    return __builtin_fma(a, b, c);
#else
    return c + a * b;
#endif
}

#endif

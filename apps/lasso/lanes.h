/* lanes.h - eight doubles at a time, as many as a register holds, and multiply-add said outright.
 *
 * Place:   apps/lasso, private to it; what cmake/kernels.cmake compiles once for each level.
 * Threads: pure functions.
 * Memory:  none.
 */
#ifndef LANES_H
#define LANES_H

#include <stdint.h>
#include <string.h>

#ifdef __FMA__
#include <immintrin.h>
#endif

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#define TEXT_(a) #a
#define TEXT(a) TEXT_(a)

#if defined(__AVX512F__)
#define WIDTH 8
#elif defined(__AVX__)
#define WIDTH 4
#else
#define WIDTH 2
#endif

enum { LANES = 8 };

typedef double lanes __attribute__((vector_size(64), aligned(8), may_alias));
typedef double vector __attribute__((vector_size(8 * WIDTH), aligned(8), may_alias));

static inline lanes load(const double *x)
{
    return *(const lanes *)x;
}

static inline void store(double *x, lanes a)
{
    memcpy(x, &a, sizeof a);
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

/* The same for a register; intrinsics, because no vector extension says it. */
static inline vector fused(vector a, vector b, vector c)
{
#if WIDTH == 8
    return _mm512_fmadd_pd(a, b, c);
#elif defined(__FMA__)
    return _mm256_fmadd_pd(a, b, c);
#else
    return c + a * b;
#endif
}

static inline vector load_vector(const double *x)
{
    return *(const vector *)x;
}

static inline void store_vector(double *x, vector a)
{
    memcpy(x, &a, sizeof a);
}

#endif

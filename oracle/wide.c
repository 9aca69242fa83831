#include "oracle/wide.h"

#define INLINED static inline __attribute__((always_inline))

/* In eight sums, so that no addition waits for the one before. */
INLINED double product(const double *a, double ma, const double *b, double mb, int64_t n)
{
    const int64_t even = n - n % 8;
    double sum[8] = { 0 };
    for (int64_t i = 0; i < even; i += 8)
        for (int k = 0; k < 8; k++)
            sum[k] += (a[i + k] - ma) * (b[i + k] - mb);
    for (int64_t i = even; i < n; i++)
        sum[0] += (a[i] - ma) * (b[i] - mb);
    return (sum[0] + sum[1]) + (sum[2] + sum[3]) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

INLINED float rough(const float *a, const float *b, int64_t n)
{
    const int64_t even = n - n % 16;
    float sum[16] = { 0 };
    for (int64_t i = 0; i < even; i += 16)
        for (int k = 0; k < 16; k++)
            sum[k] += a[i + k] * b[i + k];
    for (int64_t i = even; i < n; i++)
        sum[i - even] += a[i] * b[i];
    for (int half = 8; half; half /= 2)
        for (int k = 0; k < half; k++)
            sum[k] += sum[k + half];
    return sum[0];
}

INLINED void add(double c, const double *restrict x, double m, double *restrict to, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        to[i] += c * (x[i] - m);
}

#define AS_WIDE_AS(name, how)                                                                                   \
    how static double product_##name(const double *a, double ma, const double *b, double mb, int64_t n)         \
    {                                                                                                           \
        return product(a, ma, b, mb, n);                                                                        \
    }                                                                                                           \
    how static float rough_##name(const float *a, const float *b, int64_t n)                                    \
    {                                                                                                           \
        return rough(a, b, n);                                                                                  \
    }                                                                                                           \
    how static void add_##name(double c, const double *x, double m, double *to, int64_t n)                      \
    {                                                                                                           \
        add(c, x, m, to, n);                                                                                    \
    }                                                                                                           \
    static const struct wide name = { product_##name, rough_##name, add_##name };

AS_WIDE_AS(plain, )
AS_WIDE_AS(avx2, __attribute__((target("avx2"))))
AS_WIDE_AS(avx512, __attribute__((target("avx512f"))))

const struct wide *wide_best(void)
{
    return __builtin_cpu_supports("avx512f") ? &avx512 : __builtin_cpu_supports("avx2") ? &avx2 : &plain;
}

const struct wide *wide_plain(void)
{
    return &plain;
}

/* kernel_ccd.c - four ratings at a time: pairs are loaded one by one and turned into columns in registers.
 *
 * Wider registers gain nothing (512 bits measured the same): loads and stores of eight bytes are what it costs, and
 * a gather or scatter instruction is the same loads and stores.
 */
#include "kernel_ccd.h"

#include <immintrin.h>

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#define TEXT_(a) #a
#define TEXT(a) TEXT_(a)
#define INLINE static inline __attribute__((always_inline))

enum { SEGMENT = 1024 }; /* ratings between two sums in double */

/* {*a, *b} */
INLINE __m128 two(const void *a, const void *b)
{
    return _mm_castpd_ps(_mm_loadh_pd(_mm_load_sd(a), b));
}

INLINE void put_two(__m128 x, void *a, void *b)
{
    _mm_storel_pd(a, _mm_castps_pd(x));
    _mm_storeh_pd(b, _mm_castps_pd(x));
}

INLINE float sum(__m128 a, __m128 b, float rest)
{
    __m128 x = a + b;
    return ((x[0] + x[2]) + (x[1] + x[3])) + rest;
}

struct lanes {
    __m128 num, den, squares;
};

INLINE void carry_four(float *r, const int32_t *c, const struct ccd_pair *item, __m128 last, __m128 next,
                       struct lanes *sums)
{
    __m128 x = two(item + c[0], item + c[1]), y = two(item + c[2], item + c[3]);
    __m128 from = _mm_shuffle_ps(x, y, _MM_SHUFFLE(2, 0, 2, 0));
    __m128 v = _mm_shuffle_ps(x, y, _MM_SHUFFLE(3, 1, 3, 1));
    __m128 e = _mm_loadu_ps(r) - last * from + next * v;
    _mm_storeu_ps(r, e);
    sums->num += e * v;
    sums->den += v * v;
    sums->squares += e * e;
}

/* At most SEGMENT ratings; adds to sums. */
INLINE void carry_segment(float *r, const int32_t *col, int64_t count, const struct ccd_pair *item, float last,
                          float next, struct ccd_sums *sums)
{
    struct lanes even = { 0 }, odd = { 0 };
    __m128 lasts = _mm_set1_ps(last), nexts = _mm_set1_ps(next);
    int64_t j = 0;
    for (; j + 8 <= count; j += 8) {
        carry_four(r + j, col + j, item, lasts, nexts, &even);
        carry_four(r + j + 4, col + j + 4, item, lasts, nexts, &odd);
    }
    if (j + 4 <= count) {
        carry_four(r + j, col + j, item, lasts, nexts, &even);
        j += 4;
    }
    float num = 0, den = 0, squares = 0;
    for (; j < count; j++) {
        struct ccd_pair v = item[col[j]];
        float e = r[j] - last * v.last + next * v.next;
        r[j] = e;
        num += e * v.next;
        den += v.next * v.next;
        squares += e * e;
    }
    sums->num += (double)sum(even.num, odd.num, num);
    sums->den += (double)sum(even.den, odd.den, den);
    sums->squares += (double)sum(even.squares, odd.squares, squares);
}

static void carry(float *r, const int32_t *col, int64_t count, const struct ccd_pair *item, float last, float next,
                  struct ccd_sums *sums)
{
    *sums = (struct ccd_sums){ 0 };
    for (int64_t j = 0; j < count; j += SEGMENT)
        carry_segment(r + j, col + j, count - j < SEGMENT ? count - j : SEGMENT, item, last, next, sums);
}

static void spread(const float *r, const int32_t *col, int64_t count, float u, struct ccd_ratio *item)
{
    __m128 lanes = _mm_set1_ps(u), square = lanes * lanes;
    int64_t j = 0;
    for (; j + 4 <= count; j += 4) {
        const int32_t *c = col + j;
        __m128 product = _mm_loadu_ps(r + j) * lanes;
        put_two(two(item + c[0], item + c[1]) + _mm_unpacklo_ps(product, square), item + c[0], item + c[1]);
        put_two(two(item + c[2], item + c[3]) + _mm_unpackhi_ps(product, square), item + c[2], item + c[3]);
    }
    for (; j < count; j++) {
        item[col[j]].num += r[j] * u;
        item[col[j]].den += u * u;
    }
}

extern const struct ccd_kernel PASTE(ccd_kernel_, KERNEL_ISA);
const struct ccd_kernel PASTE(ccd_kernel_, KERNEL_ISA) = {
    .isa = "x86-64-" TEXT(KERNEL_ISA),
    .carry = carry,
    .spread = spread,
};

/* kernel_ccd.c - four ratings at a time: pairs are loaded one by one and turned into columns in registers.
 *
 * Wider registers gain nothing (measured: 512 bits 1.14 ns a rating and column, 128 bits the same): loads and
 * stores of eight bytes are what it costs, and a gather or scatter instruction is the same loads and stores.
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

/* At most SEGMENT ratings; adds to sums. */
INLINE void carry_segment(float *r, const int32_t *col, int64_t count, const struct ccd_pair *item, float last,
                          float next, struct ccd_sums *sums)
{
    __m128 num[2] = { 0 }, den[2] = { 0 }, squares[2] = { 0 };
    float tail_num = 0, tail_den = 0, tail_squares = 0;
    int64_t j = 0;
    for (; j + 8 <= count; j += 8)
        for (int h = 0; h < 2; h++) {
            const int32_t *c = col + j + 4 * h;
            __m128 x = two(item + c[0], item + c[1]), y = two(item + c[2], item + c[3]);
            __m128 from = _mm_shuffle_ps(x, y, _MM_SHUFFLE(2, 0, 2, 0));
            __m128 v = _mm_shuffle_ps(x, y, _MM_SHUFFLE(3, 1, 3, 1));
            __m128 e = _mm_loadu_ps(r + j + 4 * h) - _mm_set1_ps(last) * from + _mm_set1_ps(next) * v;
            _mm_storeu_ps(r + j + 4 * h, e);
            num[h] += e * v;
            den[h] += v * v;
            squares[h] += e * e;
        }
    for (; j < count; j++) {
        struct ccd_pair v = item[col[j]];
        float e = r[j] - last * v.last + next * v.next;
        r[j] = e;
        tail_num += e * v.next;
        tail_den += v.next * v.next;
        tail_squares += e * e;
    }
    sums->num += (double)sum(num[0], num[1], tail_num);
    sums->den += (double)sum(den[0], den[1], tail_den);
    sums->squares += (double)sum(squares[0], squares[1], tail_squares);
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

/* sixteen.h - sixteen topics at a time: what the samplers need of vectors, on every level the same sums.
 *
 * Place:   apps/lda, private to it; what cmake/kernels.cmake compiles once for each level.
 * Threads: pure functions.
 * Memory:  none.
 *
 * Why a draw never falls on a topic of probability 0: a running sum by pairs (1, 2, 4, 8 apart) adds each
 * term to one sum that its neighbour before has too, so rounding keeps it from ever falling, and where the
 * term is 0 it stands still.  So the first sum above u belongs to a term above 0, if u is below the last.
 */
#ifndef LDA_SIXTEEN_H
#define LDA_SIXTEEN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <immintrin.h>

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#define TEXT_(a) #a
#define TEXT(a) TEXT_(a)
#define INLINE static inline __attribute__((always_inline))

enum { SIXTEEN = 16 };

typedef float reals __attribute__((vector_size(64)));
typedef int32_t whole __attribute__((vector_size(64)));
typedef uint16_t halves __attribute__((vector_size(32), aligned(2), may_alias));
typedef uint32_t words16 __attribute__((vector_size(64), aligned(4), may_alias));
typedef float reals_in_memory __attribute__((vector_size(64), aligned(4), may_alias));

INLINE reals load_reals(const float *x)
{
    return *(const reals_in_memory *)x;
}

INLINE void store_reals(float *x, reals a)
{
    *(reals_in_memory *)x = a;
}

INLINE reals all(float x)
{
    return (reals){ x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x };
}

INLINE whole all_whole(int32_t x)
{
    return (whole){ x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x };
}

/* Counts as numbers; below 2^31. */
INLINE reals from_halves(const uint16_t *n)
{
    return __builtin_convertvector(__builtin_convertvector(*(const halves *)n, whole), reals);
}

INLINE reals from_words(const uint32_t *n)
{
    return __builtin_convertvector((whole) * (const words16 *)n, reals);
}

/* The numbers of 16 topics from `first` on, less k: 0 in the lane of topic k. */
INLINE whole less_topic(int32_t first, int32_t k)
{
    return (whole){ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 } + (first - k);
}

/* x, but value where `less` is 0. */
INLINE reals put(reals x, whole less, reals value)
{
#ifdef __AVX512F__
    return (reals)_mm512_mask_mov_ps((__m512)x, _mm512_testn_epi32_mask((__m512i)less, (__m512i)less),
                                     (__m512)value);
#else
    whole here = less == 0;
    return (reals)((here & (whole)value) | (~here & (whole)x));
#endif
}

/* Bit l: x_l <= u_l. */
INLINE uint32_t at_most(reals x, reals u)
{
#ifdef __AVX512F__
    return _mm512_cmp_ps_mask((__m512)x, (__m512)u, _CMP_LE_OQ);
#else
    union { reals all; __m128 quarter[4]; } a = { x }, b = { u };
    uint32_t mask = 0;
    for (int i = 0; i < 4; i++)
        mask |= (uint32_t)_mm_movemask_ps(_mm_cmple_ps(a.quarter[i], b.quarter[i])) << 4 * i;
    return mask;
#endif
}

/* Running sums over the lanes. */
INLINE reals running(reals x)
{
#ifdef __AVX512F__
    __m512 p = (__m512)x;
    p = _mm512_mask_add_ps(p, 0xaaaa, p, _mm512_permute_ps(p, 0xa0));
    p = _mm512_mask_add_ps(p, 0xcccc, p, _mm512_permute_ps(p, 0x55));
    p = _mm512_mask_add_ps(p, 0xf0f0, p, _mm512_permutexvar_ps(
        _mm512_setr_epi32(3, 3, 3, 3, 3, 3, 3, 3, 11, 11, 11, 11, 11, 11, 11, 11), p));
    p = _mm512_mask_add_ps(p, 0xff00, p, _mm512_permutexvar_ps(_mm512_set1_epi32(7), p));
    return (reals)p;
#else
    float p[SIXTEEN];
    memcpy(p, &x, sizeof p);
    for (int step = 1; step < SIXTEEN; step *= 2)
        for (int l = 0; l < SIXTEEN; l++)
            if (l & step)
                p[l] += p[(l & ~(2 * step - 1)) | (step - 1)];
    memcpy(&x, p, sizeof p);
    return x;
#endif
}

/* x_l in all lanes; 0 <= l < 16. */
INLINE reals lane(reals x, uint32_t l)
{
#ifdef __AVX512F__
    return (reals)_mm512_permutexvar_ps(_mm512_set1_epi32((int)l), (__m512)x);
#else
    float a[SIXTEEN];
    memcpy(a, &x, sizeof a);
    return all(a[l & 15]);
#endif
}

/* Lane l: that of l - 1; lane 0: 0. */
INLINE reals shifted(reals x)
{
#ifdef __AVX512F__
    return (reals)_mm512_maskz_permutexvar_ps(
        0xfffe, _mm512_setr_epi32(0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14), (__m512)x);
#else
    reals zero = { 0 };
    return __builtin_shufflevector(zero, x, 0, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30);
#endif
}

/* The lesser of a and what is just below b > 0.  Where b is 0: not to be used. */
INLINE reals below(reals a, reals b)
{
    reals least = (reals)((whole)b - 1);
#ifdef __AVX512F__
    return (reals)_mm512_min_ps((__m512)a, (__m512)least);
#else
    whole less = a < least;
    return (reals)((less & (whole)a) | (~less & (whole)least));
#endif
}

/* Of 16 running sums along `count` vectors, sum[16 i + l] the i-th of lane l and x the last: the first
 * place i, l, lane by lane, where u of the whole, 0 <= u < 1, is passed, as 16 i + l; -1 where all is 0. */
INLINE int32_t pick(const float *sum, int32_t count, reals x, float u)
{
    reals p = running(x), cut = lane(p, 15) * all(u);
    uint32_t l = (uint32_t)__builtin_popcount(at_most(p, cut));
    if (l >= SIXTEEN)
        return -1;
    float before[2 * SIXTEEN] = { 0 };
    store_reals(before + 1, p);
    reals rest = below(cut - all(before[l]), lane(x, l));
    int32_t i = 0;
    float level = rest[0];
    for (int32_t k = 0; k + 1 < count; k++)
        i += sum[SIXTEEN * k + (int32_t)l] <= level;
    return SIXTEEN * i + (int32_t)l;
}

#endif

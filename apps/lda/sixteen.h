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
#ifdef __AVX512F__
    return (reals)_mm512_cvtepi32_ps(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i_u *)n)));
#else
    return __builtin_convertvector(__builtin_convertvector(*(const halves *)n, whole), reals);
#endif
}

INLINE reals from_words(const uint32_t *n)
{
    return __builtin_convertvector((whole) * (const words16 *)n, reals);
}

/* All ones in lane l, else zeros: a window on a row of zeros with one -1 in the middle. */
INLINE whole only(uint32_t l)
{
    static const int32_t window[2 * SIXTEEN - 1] __attribute__((aligned(64))) = { [SIXTEEN - 1] = -1 };
    return (whole) * (const words16 *)(window + (SIXTEEN - 1) - l);
}

/* Sets x[k], or adds 1 or -1 to it, by all sixteen around it, x aligned to 64 bytes: what is read soon
 * after as a vector is to be written as one, or the reader waits until the store has left the core. */
INLINE void put(float *x, uint32_t k, float value)
{
    float *at = x + k / SIXTEEN * SIXTEEN;
    whole here = only(k % SIXTEEN);
    store_reals(at, (reals)((here & (whole)all(value)) | (~here & (whole)load_reals(at))));
}

INLINE void bump_word(uint32_t *x, uint32_t k, int32_t by)
{
    words16 *at = (words16 *)(x + k / SIXTEEN * SIXTEEN);
    whole one = only(k % SIXTEEN);
    *at = by < 0 ? *at + (words16)one : *at - (words16)one;
}

INLINE void bump_half(uint16_t *x, uint32_t k, int32_t by)
{
    static const uint16_t window[2 * SIXTEEN - 1] __attribute__((aligned(64))) = { [SIXTEEN - 1] = 1 };
    halves *at = (halves *)(x + k / SIXTEEN * SIXTEEN);
    halves one = *(const halves *)(window + (SIXTEEN - 1) - k % SIXTEEN);
    *at = by < 0 ? *at - one : *at + one;
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

/* Bit l: x_l is 0. */
INLINE uint32_t zeros(whole x)
{
#ifdef __AVX512F__
    return _mm512_testn_epi32_mask((__m512i)x, (__m512i)x);
#else
    union { whole all; __m128i quarter[4]; } a = { x };
    uint32_t mask = 0;
    for (int i = 0; i < 4; i++)
        mask |= (uint32_t)_mm_movemask_ps(_mm_castsi128_ps(
            _mm_cmpeq_epi32(a.quarter[i], _mm_setzero_si128()))) << 4 * i;
    return mask;
#endif
}

/* Running sums over the lanes; *sum: the last, in all lanes. */
INLINE reals running(reals x, reals *sum)
{
#ifdef __AVX512F__
    const __m512i one = _mm512_broadcast_i32x4(_mm_setr_epi8(-1, -1, -1, -1, 0, 1, 2, 3, -1, -1, -1, -1, 8, 9, 10, 11));
    const __m512i two = _mm512_broadcast_i32x4(_mm_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, 4, 5, 6, 7, 4, 5, 6, 7));
    const __m512i four = _mm512_setr_epi32(16, 16, 16, 16, 3, 3, 3, 3, 16, 16, 16, 16, 11, 11, 11, 11);
    const __m512i eight = _mm512_setr_epi32(16, 16, 16, 16, 16, 16, 16, 16, 7, 7, 7, 7, 7, 7, 7, 7);
    __m512 p = (__m512)x, zero = _mm512_setzero_ps();
    p = _mm512_add_ps(p, (__m512)_mm512_shuffle_epi8((__m512i)p, one));
    p = _mm512_add_ps(p, (__m512)_mm512_shuffle_epi8((__m512i)p, two));
    p = _mm512_add_ps(p, _mm512_permutex2var_ps(p, four, zero));
    *sum = (reals)_mm512_add_ps(_mm512_permutexvar_ps(_mm512_set1_epi32(15), p),
                                _mm512_permutexvar_ps(_mm512_set1_epi32(7), p));
    return (reals)_mm512_add_ps(p, _mm512_permutex2var_ps(p, eight, zero));
#else
    float p[SIXTEEN];
    memcpy(p, &x, sizeof p);
    for (int step = 1; step < SIXTEEN; step *= 2)
        for (int l = 0; l < SIXTEEN; l++)
            if (l & step)
                p[l] += p[(l & ~(2 * step - 1)) | (step - 1)];
    memcpy(&x, p, sizeof p);
    *sum = all(p[SIXTEEN - 1]);
    return x;
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

/* Of 16 running sums along `count` vectors, sum[16 i + l] the i-th of lane l and x the last, p = running(x):
 * the first place i, l, lane by lane, where `cut` >= 0 of p_15 is passed, as 16 i + l; -1 where all is 0. */
INLINE int32_t pick(const float *sum, int32_t count, reals x, reals p, float cut)
{
    float most = p[SIXTEEN - 1];
    if (!(most > 0))
        return -1;
    reals u = below(all(cut), all(most));
    uint32_t l = (uint32_t)__builtin_popcount(at_most(p, u));
    float rest[SIXTEEN];
    store_reals(rest, below(u - shifted(p), x));
    int32_t i = 0;
    for (int32_t k = 0; k + 1 < count; k++)
        i += sum[SIXTEEN * k + (int32_t)l] <= rest[l];
    return SIXTEEN * i + (int32_t)l;
}

/* Takes 1 off the count of topic k, if it is there and above 0; bit l: there it was. */
INLINE uint32_t take(whole topic, whole *count, int32_t k)
{
#ifdef __AVX512F__
    __mmask16 here = _mm512_mask_cmpeq_epi32_mask(_mm512_test_epi32_mask((__m512i)*count, (__m512i)*count),
                                                  (__m512i)topic, _mm512_set1_epi32(k));
    *count = (whole)_mm512_mask_sub_epi32((__m512i)*count, here, (__m512i)*count, _mm512_set1_epi32(1));
    return here;
#else
    whole here = (topic == k) & (*count != 0);
    *count += here;
    return ~zeros(here) & 0xffff;
#endif
}

#endif

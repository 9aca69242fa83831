/* lists.h - a document's list, slot by slot and sixteen slots at a time.
 *
 * Place:   apps/lda, private to it; what cmake/kernels.cmake compiles once for each level.
 * Threads: who holds a task holds its lists.
 * Memory:  the visit's; nothing behind slot `length` is read.
 *
 * The lists are those of counts.h.  `wide` is a constant at every call.
 */
#ifndef LDA_LISTS_H
#define LDA_LISTS_H

#include "draw.h"

struct list {
    void *slots; /* uint32_t; wide: uint64_t */
    int32_t length, room;
};

/* Topics and counts of slots i .. i + 15, 0 and 0 from `length` on. */
INLINE void list_load(const struct list *list, const bool wide, int32_t i, whole *topic, whole *count)
{
    int32_t left = list->length - i;
    if (!wide) {
        const uint32_t *slots = (const uint32_t *)list->slots + i;
#ifdef __AVX512F__
        __mmask16 here = (__mmask16)(left >= SIXTEEN ? 0xffff : (1u << left) - 1);
        __m512i s = _mm512_maskz_loadu_epi32(here, slots);
        *topic = (whole)_mm512_srli_epi32(s, 16);
        *count = (whole)_mm512_and_epi32(s, _mm512_set1_epi32(0xffff));
#else
        uint32_t s[SIXTEEN] = { 0 };
        words16 all;
        memcpy(s, slots, 4 * (size_t)(left < SIXTEEN ? left : SIXTEEN));
        memcpy(&all, s, sizeof all);
        *topic = (whole)(all >> 16);
        *count = (whole)(all & 0xffff);
#endif
        return;
    }
    const uint64_t *slots = (const uint64_t *)list->slots + i;
#ifdef __AVX512F__
    uint32_t here = left >= SIXTEEN ? 0xffff : (1u << left) - 1;
    __m512i low = _mm512_maskz_loadu_epi64((__mmask8)here, slots);
    __m512i high = _mm512_maskz_loadu_epi64((__mmask8)(here >> 8), slots + 8);
    __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    *count = (whole)_mm512_permutex2var_epi32(low, even, high);
    *topic = (whole)_mm512_permutex2var_epi32(low, _mm512_add_epi32(even, _mm512_set1_epi32(1)), high);
#else
    int32_t t[SIXTEEN] = { 0 }, c[SIXTEEN] = { 0 };
    for (int32_t l = 0; l < SIXTEEN && l < left; l++) {
        t[l] = (int32_t)(slots[l] >> 32);
        c[l] = (int32_t)(uint32_t)slots[l];
    }
    memcpy(topic, t, sizeof t);
    memcpy(count, c, sizeof c);
#endif
}

INLINE reals gather(const float *x, whole index)
{
#ifdef __AVX512F__
    return (reals)_mm512_i32gather_ps((__m512i)index, x, 4);
#else
    float out[SIXTEEN];
    for (int l = 0; l < SIXTEEN; l++)
        out[l] = x[index[l]];
    return load_reals(out);
#endif
}

INLINE whole gather_whole(const uint32_t *x, whole index)
{
#ifdef __AVX512F__
    return (whole)_mm512_i32gather_epi32((__m512i)index, x, 4);
#else
    int32_t out[SIXTEEN];
    for (int l = 0; l < SIXTEEN; l++)
        out[l] = (int32_t)x[index[l]];
    whole all;
    memcpy(&all, out, sizeof all);
    return all;
#endif
}

/* Where the document has topic k; below 0: nowhere. */
INLINE int32_t list_find(const struct list *list, const bool wide, uint32_t k)
{
    for (int32_t i = 0; i < list->length; i += SIXTEEN) {
        whole topic, count;
        list_load(list, wide, i, &topic, &count);
        uint32_t here = zeros(topic - all_whole((int32_t)k));
        if (list->length - i < SIXTEEN)
            here &= (1u << (list->length - i)) - 1;
        if (here)
            return i + __builtin_ctz(here);
    }
    return -1;
}

INLINE uint32_t list_topic(const struct list *list, const bool wide, int32_t i)
{
    return wide ? (uint32_t)(((const uint64_t *)list->slots)[i] >> 32) : ((const uint32_t *)list->slots)[i] >> 16;
}

INLINE uint32_t list_count(const struct list *list, const bool wide, int32_t i)
{
    return wide ? (uint32_t)((const uint64_t *)list->slots)[i] : ((const uint32_t *)list->slots)[i] & 0xffff;
}

/* Slot i counts one more, or one less. */
INLINE void list_more(struct list *list, const bool wide, int32_t i)
{
    if (wide)
        ((uint64_t *)list->slots)[i]++;
    else
        ((uint32_t *)list->slots)[i]++;
}

/* Slot i counts one less; does it count none now? */
INLINE bool list_less(struct list *list, const bool wide, int32_t i)
{
    if (wide)
        return (uint32_t)--((uint64_t *)list->slots)[i] == 0;
    return (--((uint32_t *)list->slots)[i] & 0xffff) == 0;
}

/* Slot i is topic k's, and counts one. */
INLINE void list_set(struct list *list, const bool wide, int32_t i, uint32_t k)
{
    if (wide)
        ((uint64_t *)list->slots)[i] = (uint64_t)k << 32 | 1;
    else
        ((uint32_t *)list->slots)[i] = k << 16 | 1;
}

/* Where slot i is empty the last takes its place; whether it is, is not to be foreseen: no branch. */
INLINE void list_close(struct list *list, const bool wide, int32_t i, bool empty)
{
    int32_t from = empty ? list->length - 1 : i;
    if (wide)
        ((uint64_t *)list->slots)[i] = ((uint64_t *)list->slots)[from];
    else
        ((uint32_t *)list->slots)[i] = ((uint32_t *)list->slots)[from];
    list->length -= empty;
}

INLINE int list_add(struct list *list, const bool wide, uint32_t k)
{
    int32_t i = list_find(list, wide, k);
    if (i >= 0) {
        list_more(list, wide, i);
        return 0;
    }
    if (list->length >= list->room)
        return 1;
    list_set(list, wide, list->length++, k);
    return 0;
}

INLINE struct list list_of(const struct visit *visit, const bool wide, uint32_t document)
{
    const int64_t *at = visit->documents.at + document;
    return (struct list){ .slots = visit->documents.cells + at[0],
                          .length = visit->documents.length[document],
                          .room = (int32_t)((at[1] - at[0]) >> wide) };
}

INLINE void prefetch_list(const struct visit *visit, uint32_t document)
{
    const uint32_t *slots = visit->documents.cells + visit->documents.at[document];
    __builtin_prefetch(visit->documents.length + document, 1);
    __builtin_prefetch(slots, 1);
    __builtin_prefetch(slots + SIXTEEN, 1);
    __builtin_prefetch(slots + 2 * SIXTEEN, 1);
}

#endif

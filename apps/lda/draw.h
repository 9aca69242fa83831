/* draw.h - what the exact samplers share: a word's counts laid open, random numbers by the dozen.
 *
 * Place:   apps/lda, private to it; what cmake/kernels.cmake compiles once for each level.
 * Threads: pure functions of a visit.
 * Memory:  the visit's scratch.
 */
#ifndef LDA_DRAW_H
#define LDA_DRAW_H

#include "kernel.h"
#include "sixteen.h"

#include <rondo/rng.h>

/* Documents with rows; with lists. */
int PASTE(lda_draw_rows_, KERNEL_ISA)(const struct visit *visit);
int PASTE(lda_draw_lists_, KERNEL_ISA)(const struct visit *visit);
int PASTE(lda_mh_, KERNEL_ISA)(const struct visit *visit);

/* Where the counts of the i-th word of a visit lie. */
struct owner {
    uint32_t *cells;
    int32_t *length, room; /* slots of a list; of a row not to be used */
    bool row;
};

INLINE struct owner owner_of(const struct visit *visit, int32_t i)
{
    int32_t word = visit->word[i];
    bool heavy = word < 0;
    const struct counts *counts = heavy ? &visit->heavy : &visit->own;
    int32_t w = heavy ? ~word : word;
    return (struct owner){
        .cells = counts->cells + counts->at[w],
        .length = heavy ? NULL : counts->length + w,
        .room = (int32_t)((counts->at[w + 1] - counts->at[w]) >> visit->wide_words),
        .row = heavy || counts->at[w + 1] - counts->at[w] >= visit->row,
    };
}

INLINE void prefetch_owner(const struct visit *visit, int32_t i)
{
    struct owner owner = owner_of(visit, i);
    for (int l = 0; l < (owner.row ? 8 : 2); l++)
        __builtin_prefetch(owner.cells + 16 * l, 1);
    if (!owner.row)
        __builtin_prefetch(owner.length, 1);
}

/* A word's counts as a row: its own, or `spare`, which is all zeros, with the list poured out. */
INLINE uint32_t *row_open(const struct visit *visit, const struct owner *owner, uint32_t *spare)
{
    if (owner->row)
        return owner->cells;
    for (int32_t i = 0; i < *owner->length; i++) {
        uint32_t topic, count;
        slot_get(owner->cells, i, visit->wide_words, &topic, &count);
        if (topic < (uint32_t)visit->topics)
            spare[topic] = count;
    }
    return spare;
}

INLINE uint32_t topic_of(const struct visit *visit, bool wide, size_t token)
{
    (void)visit;
    return wide ? ((const uint32_t *)visit->z)[token] : ((const uint16_t *)visit->z)[token];
}

INLINE void topic_put(const struct visit *visit, bool wide, size_t token, uint32_t topic)
{
    if (wide)
        ((uint32_t *)visit->z)[token] = topic;
    else
        ((uint16_t *)visit->z)[token] = (uint16_t)topic;
}

INLINE float inverse_of(const struct visit *visit, int64_t total)
{
    return 1 / ((float)total + visit->beta_sum);
}

#endif

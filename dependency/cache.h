/* cache.h - the couplings computed so far, of the variables that were looked at last.
 * READ THIS FIRST.
 *
 * Place:   dependency, floor 1; used by request.c and by scheduler/.
 * Threads: one.
 * Memory:  cache_bytes(slots) and four bytes a variable, from init to fini; pages are touched only
 *          when a slot is first used.
 *
 * A variable that is looked at gets a slot.  Over slots stand a lower triangle of couplings and two
 * squares of bits.  The coupling of slots a and b is known where both bits (a,b) and (b,a) of `known`
 * are set: a slot that changes hands clears its own row alone, so that bit (a,b) says "computed since a
 * was last given away", and both together that the value is of the present two.  Of known pairs `above`
 * says whether they are coupled.  A round asks for thousands of pairs, most of them known and few of
 * them coupled: it goes over the bits, 64 at a time, and leaves the triangle alone.
 *
 * Slots are taken in the order in which variables are looked at, so that those in use lie together;
 * when all are, one is given away by a clock (second chance), never one pinned since cache_turn.  What
 * is in the cache decides what is computed anew, and nothing else: a coupling has the same bits always.
 */
#ifndef CACHE_H
#define CACHE_H

#include "core/base/bitset.h"

#include <rondo/types.h>

struct cache {
    int64_t variables;
    int32_t slots, used, hand;
    int32_t *slot_of;    /* [variables] -1: none */
    int64_t *owner;      /* [slots] the variable */
    uint64_t *pinned;    /* [slots] the turn it is pinned in */
    uint64_t turn;
    uint8_t *recent;     /* [slots] looked at since the hand passed */
    double *value;       /* [slots (slots - 1) / 2] lower triangle by rows, no diagonal */
    uint64_t *known;     /* [slots x row_words] */
    uint64_t *above;     /* [slots x row_words] */
    size_t row_words;
    uint64_t *among;     /* [row_words] the slots that a walk is about, and */
    int32_t *word;       /* [words] of them that are not 0, in the order in which they came to be so */
    int32_t words;
    double threshold;
    bool evicted;        /* ever; until then one bit tells */
};

/* Bytes that so many slots take; SIZE_MAX where that is beyond counting. */
size_t cache_bytes(int64_t slots);
/* The most slots, at most `most`, that fit in so many bytes. */
int64_t cache_slots_in(size_t bytes, int64_t most);

/* Pairs are coupled above the threshold.  RONDO_ENOMEM. */
int cache_init(struct cache *cache, int64_t variables, int64_t slots, double threshold) RONDO_MUST_CHECK;
void cache_fini(struct cache *cache);

/* Unpins all. */
void cache_turn(struct cache *cache);
/* The variable's slot, pinned; another's is taken where it has none.  At most `slots` may be pinned.
 * O(1) on a hit, else O(slots / 64) and the clock's steps. */
int32_t cache_enter(struct cache *cache, int64_t variable);
void cache_unpin(struct cache *cache, int32_t slot);

/* From here on a walk is about these, ascending, and one more. */
void cache_gather(struct cache *cache, const int32_t *slots, int64_t count);
void cache_gather_one(struct cache *cache, int32_t slot);
/* Lists the variables gathered whose coupling with slot a is missing, by their slots; how many.
 * O(words) and what is listed; where slots were given away a look at each. */
int64_t cache_missing(const struct cache *cache, int32_t a, int64_t *variables);

/* What is no number is coupled. */
static inline bool cache_above(double coupling, double threshold)
{
    return !(coupling <= threshold && coupling >= -threshold);
}

/* -1 where the variable has none. */
static inline int32_t cache_slot(const struct cache *cache, int64_t variable)
{
    return cache->slot_of[variable];
}

/* Couplings of slot a to the slots below it, [a]. */
static inline const double *cache_row(const struct cache *cache, int32_t a)
{
    return cache->value + (size_t)a * (size_t)(a > 0 ? a - 1 : 0) / 2;
}

static inline double *cache_at(const struct cache *cache, int32_t a, int32_t b)
{
    size_t row = (size_t)(a > b ? a : b), column = (size_t)(a > b ? b : a);
    return &cache->value[row * (row - 1) / 2 + column];
}

/* a != b; both must be in use. */
static inline bool cache_knows(const struct cache *cache, int32_t a, int32_t b)
{
    if (!bitset_has(cache->known + (size_t)a * cache->row_words, b))
        return false;
    return !cache->evicted || bitset_has(cache->known + (size_t)b * cache->row_words, a);
}

static inline void cache_put(struct cache *cache, int32_t a, int32_t b, double coupling)
{
    size_t row_a = (size_t)a * cache->row_words, row_b = (size_t)b * cache->row_words;
    *cache_at(cache, a, b) = coupling;
    bitset_add(cache->known + row_a, b);
    bitset_add(cache->known + row_b, a);
    if (cache_above(coupling, cache->threshold)) {
        bitset_add(cache->above + row_a, b);
        bitset_add(cache->above + row_b, a);
    } else {
        bitset_remove(cache->above + row_a, b);
        bitset_remove(cache->above + row_b, a);
    }
}

#endif

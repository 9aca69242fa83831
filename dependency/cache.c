#include "dependency/cache.h"

#include "core/base/mem.h"

#include <rondo/err.h>

#include <assert.h>
#include <string.h>

enum { SLOTS_MAX = 1 << 30 };

size_t cache_bytes(int64_t slots)
{
    if (slots > SLOTS_MAX)
        return SIZE_MAX;
    size_t n = (size_t)slots;
    size_t each = sizeof(int64_t) + sizeof(uint64_t) + sizeof(uint8_t);
    return (n ? n * (n - 1) / 2 : 0) * sizeof(double) +
           (2 * n + 1) * bitset_words(slots) * sizeof(uint64_t) +
           bitset_words(slots) * sizeof(int32_t) + n * each;
}

int64_t cache_slots_in(size_t bytes, int64_t most)
{
    int64_t low = 0, high = most < SLOTS_MAX ? most : SLOTS_MAX;
    while (low < high) {
        int64_t middle = low + (high - low + 1) / 2;
        if (cache_bytes(middle) <= bytes)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

int cache_init(struct cache *cache, int64_t variables, int64_t slots, double threshold)
{
    *cache = (struct cache){
        .variables = variables,
        .slots = (int32_t)slots,
        .turn = 1,
        .row_words = bitset_words(slots),
        .threshold = threshold,
    };
    size_t n = (size_t)slots;
    cache->slot_of = mem_alloc((size_t)variables * sizeof *cache->slot_of);
    cache->owner = mem_alloc(n * sizeof *cache->owner);
    cache->pinned = mem_alloc(n * sizeof *cache->pinned);
    cache->recent = mem_alloc(n * sizeof *cache->recent);
    cache->value = mem_alloc((n ? n * (n - 1) / 2 : 0) * sizeof *cache->value);
    cache->known = mem_alloc(n * cache->row_words * sizeof *cache->known);
    cache->above = mem_alloc(n * cache->row_words * sizeof *cache->above);
    cache->among = mem_calloc(cache->row_words, sizeof *cache->among);
    cache->word = mem_alloc(cache->row_words * sizeof *cache->word);
    if (!cache->slot_of || !cache->owner || !cache->pinned || !cache->recent || !cache->value ||
        !cache->known || !cache->above || !cache->among || !cache->word) {
        cache_fini(cache);
        return RONDO_ENOMEM;
    }
    for (int64_t j = 0; j < variables; j++)
        cache->slot_of[j] = -1;
    return RONDO_OK;
}

void cache_fini(struct cache *cache)
{
    mem_free(cache->slot_of);
    mem_free(cache->owner);
    mem_free(cache->pinned);
    mem_free(cache->recent);
    mem_free(cache->value);
    mem_free(cache->known);
    mem_free(cache->above);
    mem_free(cache->among);
    mem_free(cache->word);
    *cache = (struct cache){ 0 };
}

void cache_turn(struct cache *cache)
{
    cache->turn++;
}

/* Second chance: the hand passes over pinned slots and, once, over those used since its last visit. */
static int32_t give_away(struct cache *cache)
{
    for (int64_t step = 0; step <= 2 * (int64_t)cache->slots; step++) {
        int32_t slot = cache->hand;
        cache->hand = slot + 1 < cache->slots ? slot + 1 : 0;
        if (cache->pinned[slot] == cache->turn)
            continue;
        if (!cache->recent[slot])
            return slot;
        cache->recent[slot] = 0;
    }
    return -1;
}

static int32_t new_slot(struct cache *cache)
{
    if (cache->used < cache->slots)
        return cache->used++;
    int32_t slot = give_away(cache);
    assert(slot >= 0);
    cache->slot_of[cache->owner[slot]] = -1;
    cache->evicted = true;
    return slot;
}

int32_t cache_enter(struct cache *cache, int64_t variable)
{
    int32_t slot = cache->slot_of[variable];
    if (slot < 0) {
        slot = new_slot(cache);
        cache->owner[slot] = variable;
        cache->slot_of[variable] = slot;
        size_t row = (size_t)slot * cache->row_words, bytes = cache->row_words * sizeof(uint64_t);
        memset(cache->known + row, 0, bytes);
        memset(cache->above + row, 0, bytes);
    }
    cache->recent[slot] = 1;
    cache->pinned[slot] = cache->turn;
    return slot;
}

void cache_unpin(struct cache *cache, int32_t slot)
{
    cache->pinned[slot] = 0;
}

void cache_gather(struct cache *cache, const int32_t *slots, int64_t count)
{
    while (cache->words > 0)
        cache->among[cache->word[--cache->words]] = 0;
    for (int64_t i = 0; i < count; i++)
        cache_gather_one(cache, slots[i]);
}

void cache_gather_one(struct cache *cache, int32_t slot)
{
    if (cache->among[slot >> 6] == 0)
        cache->word[cache->words++] = slot >> 6;
    bitset_add(cache->among, slot);
}

/* Those of a word's slots whose owner came after the coupling that row a knows of. */
static uint64_t outdated(const struct cache *cache, int32_t a, int64_t word, uint64_t known)
{
    uint64_t found = 0;
    for (; known; known &= known - 1) {
        int64_t slot = word * 64 + __builtin_ctzll(known);
        if (!bitset_has(cache->known + (size_t)slot * cache->row_words, a))
            found |= known & -known;
    }
    return found;
}

int64_t cache_missing(const struct cache *cache, int32_t a, int64_t *variables)
{
    const uint64_t *known = cache->known + (size_t)a * cache->row_words;
    int64_t count = 0;
    for (int32_t i = 0; i < cache->words; i++) {
        int32_t w = cache->word[i];
        uint64_t missing = cache->among[w] & ~known[w];
        if (cache->evicted)
            missing |= outdated(cache, a, w, cache->among[w] & known[w]);
        for (; missing; missing &= missing - 1)
            variables[count++] = cache->owner[(int64_t)w * 64 + __builtin_ctzll(missing)];
    }
    return count;
}

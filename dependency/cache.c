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
           n * bitset_words(slots) * sizeof(uint64_t) + n * each;
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

int cache_init(struct cache *cache, int64_t variables, int64_t slots)
{
    *cache = (struct cache){
        .variables = variables,
        .slots = (int32_t)slots,
        .turn = 1,
        .row_words = bitset_words(slots),
    };
    size_t n = (size_t)slots;
    cache->slot_of = mem_alloc((size_t)variables * sizeof *cache->slot_of);
    cache->owner = mem_alloc(n * sizeof *cache->owner);
    cache->pinned = mem_alloc(n * sizeof *cache->pinned);
    cache->recent = mem_alloc(n * sizeof *cache->recent);
    cache->value = mem_alloc((n ? n * (n - 1) / 2 : 0) * sizeof *cache->value);
    cache->known = mem_alloc(n * cache->row_words * sizeof *cache->known);
    if (!cache->slot_of || !cache->owner || !cache->pinned || !cache->recent || !cache->value ||
        !cache->known) {
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
        memset(cache->known + (size_t)slot * cache->row_words, 0,
               cache->row_words * sizeof *cache->known);
    }
    cache->recent[slot] = 1;
    cache->pinned[slot] = cache->turn;
    return slot;
}

void cache_unpin(struct cache *cache, int32_t slot)
{
    cache->pinned[slot] = 0;
}

#include "scheduler/coupled.h"

#include "core/base/mem.h"

#include <rondo/err.h>

#include <string.h>

size_t lineup_bytes(int64_t count)
{
    return (size_t)count * (sizeof(struct radix_item) + sizeof(int32_t));
}

int lineup_init(struct lineup *lineup, int64_t count)
{
    *lineup = (struct lineup){ 0 };
    lineup->item = mem_alloc((size_t)count * sizeof *lineup->item);
    lineup->slot = mem_alloc((size_t)count * sizeof *lineup->slot);
    if (!lineup->item || !lineup->slot) {
        lineup_fini(lineup);
        return RONDO_ENOMEM;
    }
    return RONDO_OK;
}

void lineup_fini(struct lineup *lineup)
{
    mem_free(lineup->item);
    mem_free(lineup->slot);
    *lineup = (struct lineup){ 0 };
}

void lineup_sort(struct lineup *lineup, const int32_t *slots, int64_t count,
                 struct radix_item *scratch)
{
    for (int64_t i = 0; i < count; i++)
        lineup->item[i] = (struct radix_item){ (uint64_t)slots[i], i };
    radix_sort(lineup->item, scratch, count);
    for (int64_t i = 0; i < count; i++)
        lineup->slot[i] = (int32_t)lineup->item[i].key;
    lineup->count = count;
}

size_t coupled_bytes(int64_t near, int64_t batch)
{
    int64_t longer = near > batch ? near : batch;
    return lineup_bytes(near) + lineup_bytes(batch) + (size_t)longer * sizeof(struct radix_item) +
           (size_t)batch * (bitset_words(near) + bitset_words(batch)) * sizeof(uint64_t);
}

int coupled_init(struct coupled *coupled, int64_t near, int64_t batch)
{
    size_t longer = (size_t)(near > batch ? near : batch);
    *coupled = (struct coupled){ 0 };
    coupled->near_words = bitset_words(near);
    coupled->batch_words = bitset_words(batch);
    int rc = lineup_init(&coupled->near, near) | lineup_init(&coupled->batch, batch);
    coupled->scratch = mem_alloc(longer * sizeof *coupled->scratch);
    coupled->to_near = mem_alloc((size_t)batch * coupled->near_words * sizeof *coupled->to_near);
    coupled->to_batch = mem_alloc((size_t)batch * coupled->batch_words * sizeof *coupled->to_batch);
    if (rc || !coupled->scratch || !coupled->to_near || !coupled->to_batch) {
        coupled_fini(coupled);
        return RONDO_ENOMEM;
    }
    return RONDO_OK;
}

void coupled_fini(struct coupled *coupled)
{
    lineup_fini(&coupled->near);
    lineup_fini(&coupled->batch);
    mem_free(coupled->scratch);
    mem_free(coupled->to_near);
    mem_free(coupled->to_batch);
    *coupled = (struct coupled){ 0 };
}

/* The first place in the line-up, from `at` on, of a slot that is not below `slot`. */
static int64_t seek(const struct lineup *lineup, int64_t at, int64_t slot)
{
    int64_t low = at, high = lineup->count;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (lineup->slot[middle] < slot)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* out: who of the line-up, which is gathered in the cache, is coupled to a slot. */
static void read_row(const struct cache *cache, int32_t slot, const struct lineup *lineup, uint64_t *out)
{
    const uint64_t *above = cache->above + (size_t)slot * cache->row_words;
    int64_t at = 0;
    for (int32_t i = 0; i < cache->words; i++) {
        int64_t w = cache->word[i];
        uint64_t found = above[w] & cache->among[w];
        if (found)
            at = seek(lineup, at, w * 64);
        for (; found; found &= found - 1) {
            while (lineup->slot[at] < w * 64 + __builtin_ctzll(found))
                at++;
            bitset_add(out, lineup->item[at].value);
        }
    }
}

/* Rows of the batch, at the places of its candidates. */
static void read_rows(struct coupled *coupled, struct cache *cache, const struct lineup *with,
                      uint64_t *to, size_t words)
{
    const struct lineup *batch = &coupled->batch;
    memset(to, 0, (size_t)batch->count * words * sizeof *to);
    cache_gather(cache, with->slot, with->count);
    for (int64_t c = 0; c < batch->count; c++)
        read_row(cache, batch->slot[c], with, to + (size_t)batch->item[c].value * words);
}

void coupled_read_near(struct coupled *coupled, struct cache *cache)
{
    read_rows(coupled, cache, &coupled->near, coupled->to_near, coupled->near_words);
}

void coupled_read_batch(struct coupled *coupled, struct cache *cache)
{
    read_rows(coupled, cache, &coupled->batch, coupled->to_batch, coupled->batch_words);
}

int64_t coupled_next(const uint64_t *words, const uint64_t *mask, int64_t from, int64_t to)
{
    while (from < to) {
        int64_t at = from >> 6;
        uint64_t bits = words[at] & (mask ? mask[at] : ~UINT64_C(0)) & ~UINT64_C(0) << (from & 63);
        if (bits) {
            int64_t found = at * 64 + __builtin_ctzll(bits);
            return found < to ? found : -1;
        }
        from = (at + 1) * 64;
    }
    return -1;
}

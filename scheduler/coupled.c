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

static inline void mark(uint64_t *words, int64_t bit, bool yes)
{
    words[bit >> 6] |= (uint64_t)yes << (bit & 63);
}

/* Rows of candidates: columns are the near ones of lower slots. */
static void read_candidates(struct coupled *coupled, const struct cache *cache, double threshold)
{
    const struct lineup *near = &coupled->near, *batch = &coupled->batch;
    int64_t below = 0;
    for (int64_t c = 0; c < batch->count; c++) {
        while (below < near->count && near->slot[below] < batch->slot[c])
            below++;
        const double *row = cache_row(cache, batch->slot[c]);
        uint64_t *words = coupled->to_near + (size_t)batch->item[c].value * coupled->near_words;
        for (int64_t n = 0; n < below; n++)
            mark(words, near->item[n].value, coupled_above(row[near->slot[n]], threshold));
    }
}

/* Rows of near ones: columns are the candidates of lower slots. */
static void read_nears(struct coupled *coupled, const struct cache *cache, double threshold)
{
    const struct lineup *near = &coupled->near, *batch = &coupled->batch;
    int64_t below = 0;
    for (int64_t n = 0; n < near->count; n++) {
        while (below < batch->count && batch->slot[below] < near->slot[n])
            below++;
        const double *row = cache_row(cache, near->slot[n]);
        int64_t bit = near->item[n].value;
        for (int64_t c = 0; c < below; c++) {
            size_t i = (size_t)batch->item[c].value;
            mark(coupled->to_near + i * coupled->near_words, bit,
                 coupled_above(row[batch->slot[c]], threshold));
        }
    }
}

void coupled_read_near(struct coupled *coupled, const struct cache *cache, double threshold)
{
    memset(coupled->to_near, 0,
           (size_t)coupled->batch.count * coupled->near_words * sizeof *coupled->to_near);
    read_candidates(coupled, cache, threshold);
    read_nears(coupled, cache, threshold);
}

void coupled_read_batch(struct coupled *coupled, const struct cache *cache, double threshold)
{
    const struct lineup *batch = &coupled->batch;
    size_t words = coupled->batch_words;
    memset(coupled->to_batch, 0, (size_t)batch->count * words * sizeof *coupled->to_batch);
    for (int64_t c = 0; c < batch->count; c++) {
        const double *row = cache_row(cache, batch->slot[c]);
        int64_t i = batch->item[c].value;
        for (int64_t d = 0; d < c; d++) {
            int64_t j = batch->item[d].value;
            bool yes = coupled_above(row[batch->slot[d]], threshold);
            mark(coupled->to_batch + (size_t)i * words, j, yes);
            mark(coupled->to_batch + (size_t)j * words, i, yes);
        }
    }
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

/* coupled.h - who is coupled to whom, as bits: candidates against what is near and among themselves.
 *
 * Place:   scheduler, floor 2; used by scheduler.c and the policies.
 * Threads: one.
 * Memory:  coupled_bytes(near, batch), from init to fini.
 *
 * The cache has them by slot, and policies ask again and again by place: a batch's rows are read once,
 * from the cache's bits.  O(slots / 64) a candidate and what is coupled to it, O(1) a question.
 */
#ifndef COUPLED_H
#define COUPLED_H

#include "core/base/bitset.h"
#include "dependency/cache.h"
#include "scheduler/radix.h"

/* A list of slots, sorted; item[k].value is the place in the list as it was given. */
struct lineup {
    int64_t count;
    struct radix_item *item;
    int32_t *slot; /* [count] ascending */
};

struct coupled {
    struct lineup near, batch;
    struct radix_item *scratch;
    size_t near_words, batch_words;
    uint64_t *to_near;  /* [batch x near_words] */
    uint64_t *to_batch; /* [batch x batch_words] symmetric */
};

size_t lineup_bytes(int64_t count);
int lineup_init(struct lineup *lineup, int64_t count) RONDO_MUST_CHECK;
void lineup_fini(struct lineup *lineup);
void lineup_sort(struct lineup *lineup, const int32_t *slots, int64_t count,
                 struct radix_item *scratch);

size_t coupled_bytes(int64_t near, int64_t batch);
int coupled_init(struct coupled *coupled, int64_t near, int64_t batch) RONDO_MUST_CHECK;
void coupled_fini(struct coupled *coupled);

/* Reads the pairs of the two line-ups, and of the batch; all must be known. */
void coupled_read_near(struct coupled *coupled, struct cache *cache);
void coupled_read_batch(struct coupled *coupled, struct cache *cache);

/* The bits of candidate i. */
static inline const uint64_t *coupled_to_near(const struct coupled *coupled, int64_t i)
{
    return coupled->to_near + (size_t)i * coupled->near_words;
}

static inline const uint64_t *coupled_to_batch(const struct coupled *coupled, int64_t i)
{
    return coupled->to_batch + (size_t)i * coupled->batch_words;
}

/* The first bit in [from, to) of words, and of `mask` where there is one; -1: none. */
int64_t coupled_next(const uint64_t *words, const uint64_t *mask, int64_t from, int64_t to);

#endif

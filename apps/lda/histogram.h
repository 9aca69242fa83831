/* histogram.h - how many (document, topic) pairs have the count n, and how many (word, topic) pairs: all that
 * the likelihood and the hyper-parameters need of the counts.
 *
 * Place:   apps/lda, private to it.
 * Threads: pure functions; a task has scratch of its own.
 * Memory:  a histogram is bytes in the caller's rondo_buf; scratch is the caller's.
 *
 * A histogram is a list of tallies, keys strictly ascending, no count and no number 0.  Its parts, the
 * groups, are lists too: HISTOGRAM_WORDS is all topics', the documents' are of one topic each where alpha
 * differs from topic to topic (HISTOGRAM_DOCUMENTS + topic), else of all topics together
 * (HISTOGRAM_DOCUMENTS).  Bytes are this machine's and need no alignment.
 */
#ifndef LDA_HISTOGRAM_H
#define LDA_HISTOGRAM_H

#include "lda.h"

#include <string.h>

struct tally {
    uint64_t key;    /* group << TALLY_BITS | count */
    uint64_t number; /* so many pairs have it */
};

enum { TALLY_BITS = 40, HISTOGRAM_WORDS = 0, HISTOGRAM_DOCUMENTS = 1 };

/* What is counted; each may be NULL. */
struct histogram_source {
    const struct problem *problem;
    const struct shard *shard;
    const struct block *block;
    int32_t shard_index, block_index;
    const uint32_t *heavy; /* [heavy x row] */
};

/* Working memory of histogram_append; its content does not matter. */
size_t histogram_scratch_bytes(const struct problem *problem);

/* Appends the source's histogram to `out`, whose size is a multiple of 8.  RONDO_ENOMEM, and `out` is as it
 * was. */
int histogram_append(const struct histogram_source *source, void *scratch, struct rondo_buf *out);

/* The documents by their tokens, as a group, appended likewise: for the whole corpus once.  RONDO_ENOMEM;
 * RONDO_EINPUT: one has 2^40 tokens or more. */
int histogram_lengths(const struct problem *problem, struct rondo_buf *out);

/* Adds `more` to the histogram that stands in `sum` from byte `at` to its end.  RONDO_ENOMEM; RONDO_ESTATE:
 * `more` is no histogram of this problem, or numbers would pass 2^63.  On errors `sum` is as it was. */
int histogram_merge(const struct problem *problem, struct rondo_buf *sum, size_t at, struct rondo_bytes more);

/* 0, or RONDO_ESTATE: no histogram of this problem. */
int histogram_check(const struct problem *problem, struct rondo_bytes bytes);

/* The tallies of one group. */
struct rondo_bytes histogram_group(struct rondo_bytes histogram, uint32_t group);

/* ---- a list of tallies ---------------------------------------------------------------------------------- */

static inline size_t tally_count(struct rondo_bytes list)
{
    return list.size / sizeof(struct tally);
}

static inline struct tally tally_at(struct rondo_bytes list, size_t i)
{
    struct tally tally;
    memcpy(&tally, (const unsigned char *)list.data + i * sizeof tally, sizeof tally);
    return tally;
}

static inline uint64_t tally_n(struct tally tally)
{
    return tally.key & ((UINT64_C(1) << TALLY_BITS) - 1);
}

static inline uint32_t tally_group(struct tally tally)
{
    return (uint32_t)(tally.key >> TALLY_BITS);
}

#endif

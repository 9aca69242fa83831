/* lda_counts.h - a problem whose counts are given: two shards of two tiles each, two blocks, heavy words.
 *
 * Place:   tests/support, for tests of apps/lda.
 * Threads: one.
 * Memory:  all by malloc; lda_counts_free.  The counts given are borrowed.
 */
#ifndef TESTS_LDA_COUNTS_H
#define TESTS_LDA_COUNTS_H

#include "apps/lda/histogram.h"
#include "apps/lda/likelihood.h"

enum { LDA_COUNTS_PARTS = 2 };

struct lda_counts_form {
    bool rows;       /* documents have rows */
    bool wide;       /* every second tile is wide */
    bool wide_words; /* lists of words are */
    bool uniform;
    int32_t heavy;   /* the first words are heavy */
};

struct lda_counts {
    struct rondo_host host;
    struct problem problem;
    struct tile tile[2 * LDA_COUNTS_PARTS];
    struct shard shard[LDA_COUNTS_PARTS];
    struct block block[LDA_COUNTS_PARTS];
    const struct shard *shards[LDA_COUNTS_PARTS];
    const struct block *blocks[LDA_COUNTS_PARTS];
    int64_t *total;  /* [row] */
    uint32_t *heavy; /* [heavy x row] */
    struct rondo_buf histogram, lengths;
};

/* n_dk: [documents x topics], n_kw: [words x topics]; counts below 65,536 but in the second halves of the
 * shards where those tiles are wide, and of words where their lists are wide or long.  alpha: [topics]. */
void lda_counts_make(struct lda_counts *counts, const struct lda_counts_form *form, int64_t documents,
                     int64_t words, int32_t topics, const int32_t *n_dk, const int32_t *n_kw,
                     const double *alpha, double beta);
void lda_counts_free(struct lda_counts *counts);

/* From the histograms of the parts, merged, and the heavy words'; borrowed from counts. */
struct statistics lda_counts_statistics(struct lda_counts *counts);
struct view lda_counts_view(const struct lda_counts *counts);

#endif

/* lda_drive.h - apps/lda on a small corpus in one thread: its rounds as the engine has them, tasks in any order.
 *
 * Place:   tests/support, for tests of apps/lda.
 * Threads: one.
 * Memory:  a lda_drive is owned by its maker until lda_drive_fini; the corpus is copied.
 */
#ifndef TESTS_LDA_DRIVE_H
#define TESTS_LDA_DRIVE_H

#include "apps/lda/lda.h"

struct lda_corpus {
    int64_t documents, words;
    const int32_t *times; /* [documents x words] */
};

struct lda_form {
    int32_t topics;
    const double *alpha;  /* [topics]; NULL: 0.3 of each */
    double beta;
    bool mh, optimise, uniform, random_start;
    int32_t parts;        /* at most; fewer where there are fewer documents, words or tokens */
    uint64_t seed;
    const char *isa;
};

struct lda_drive {
    struct problem problem;
    struct rondo_matrix matrix; /* the corpus, as the app is given it; all of it owned */
    int64_t *colptr;
    int32_t *rowidx;
    double *values;
    void *head, *scratch;
    struct common *common;
    struct shard **shard; /* [P] */
    struct block **block; /* [P] */
    int64_t round;        /* committed */
    double objective;     /* as reported last; NAN: not yet */
};

/* The problem alone; the answer is lda_cut's. */
int lda_drive_cut(struct lda_drive *drive, const struct lda_corpus *corpus, const struct lda_form *form);
/* The problem and all states. */
void lda_drive_init(struct lda_drive *drive, const struct lda_corpus *corpus, const struct lda_form *form);
void lda_drive_fini(struct lda_drive *drive);

/* One round: its tasks are done in an order drawn by `order` (0: the plan's) and merged in the plan's; the
 * answer is the first that is not 0. */
int lda_drive_round(struct lda_drive *drive, uint64_t order);
/* Rounds to the end of the next sweep. */
int lda_drive_sweep(struct lda_drive *drive, uint64_t order);
/* Every state is packed, and a new one unpacked from its bytes takes its place. */
void lda_drive_move(struct lda_drive *drive);
/* All states' bytes, behind what `out` has. */
void lda_drive_pack(const struct lda_drive *drive, struct rondo_buf *out);

/* What is wrong with the counts, or NULL: all are counted again from the tokens' topics. */
const char *lda_drive_wrong(const struct lda_drive *drive);

/* Every pair in the order of visits, with where its topics stand. */
struct lda_place {
    int32_t tile, entry, block, shard;
    int64_t document, word; /* their numbers in the corpus */
    int64_t token;          /* in the tile */
    int32_t count;
};
/* Returns false behind the last; begins with place->tile = -1. */
bool lda_drive_next(const struct problem *problem, struct lda_place *place, int64_t *pair);
/* The topic of a token of a tile; -1: none yet. */
int64_t lda_drive_topic(const struct lda_drive *drive, const struct lda_place *place, int32_t i);
struct view lda_drive_view(const struct lda_drive *drive);

#endif

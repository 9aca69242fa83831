/* lda.h - latent Dirichlet allocation by collapsed Gibbs sampling: what the files of this folder share.
 *
 * Place:   apps/lda, private to it.
 * Threads: the problem is immutable; a task owns its shard and its block; the head is the coordinator's.
 * Memory:  by host->alloc; each struct says who frees it.
 *
 * Documents are cut in P shards and words in P blocks, by tokens; a round is P tasks (block, shard), no
 * block and no shard twice; P rounds are a sweep, in which every token is drawn once.  In a task all counts
 * are exact but the topics' totals, which are those of the round before and the task's own moves, and the
 * counts of heavy words (more than 1/P of all tokens), which are treated as the totals are.
 */
#ifndef LDA_H
#define LDA_H

#include "counts.h"
#include "kernel.h"

#include <rondo/app.h>

enum {
    LDA_NARROW_MOST = 65535,  /* topics, and tokens of a document, that 16 bits hold */
    LDA_ROUND_LEAST = 30000,  /* round_least of a job */
};

/* Streams of rng.h. */
enum { LDA_STREAM_DRAW = 256 };

struct kept;

/* Documents whose counts fit the second cache together, and the words in them, block by block. */
struct tile {
    int32_t documents;
    const int32_t *document; /* [documents] their numbers in the corpus, ascending */
    bool wide;               /* documents of more than LDA_NARROW_MOST tokens, or so many topics */
    int64_t tokens_before;   /* in the tiles before it */
    int32_t words;           /* entries: distinct words of the tile */
    const int32_t *first;    /* [P + 1] where a block's entries begin */
    const int32_t *word;     /* [words] in its block, or ~h of heavy word h; ascending */
    const uint32_t *pair, *token; /* [words + 1] */
    const struct pair *pairs;
    const int64_t *at;       /* [documents + 1] of their counts, in cells */
    int32_t most;            /* room of the longest list */
};

struct problem {
    const struct rondo_host *host;
    const struct rondo_job *job;
    const struct lda_kernel *kernel;
    bool touches;                    /* the host wants to know what is visited next */
    const struct rondo_words *vocabulary;
    const struct rondo_matrix *test; /* NULL: none */

    int64_t documents, words, tokens;
    const int64_t *document_tokens;  /* [documents] */
    const int64_t *word_tokens;      /* [words] */

    int32_t topics, row;
    bool mh, rows;                   /* rows: documents have rows, else lists */
    bool wide_words;
    int32_t steps;
    bool random_start;               /* the first sweep draws without regard to counts */
    double alpha_given;              /* of each topic, where no file has them */
    const double *alpha;             /* [topics] to begin with */
    bool uniform;                    /* alpha is one number for all topics, and stays so */
    double beta;
    bool optimise;                   /* fit the priors */
    bool pyldavis;                   /* save what pyLDAvis reads */
    int32_t top_words;               /* words of a topic in topics.tsv */
    int64_t interval;                /* sweeps between two fits */
    int64_t evaluate_every;          /* sweeps between two evaluations of perplexity and coherence */
    int64_t iterations;              /* sweeps until the job is done */
    uint64_t seed;

    int64_t round_least;             /* tokens of a sweep for each of its rounds, at least: tasks are worth a message */
    int32_t parts;                   /* P */
    int64_t first_rounds;            /* of the first sweep */
    const int64_t *shard_first;      /* [P + 1] documents */
    const int32_t *tile_first;       /* [P + 1] */
    const struct tile *tiles;
    const int64_t *block_first;      /* [P + 1] in `order` */
    const int32_t *order;            /* [words - heavy] words, block by block, ascending in each */
    const int32_t *place;            /* [words] in `order`; ~h: heavy word h */
    const int64_t *const *block_at;  /* [P] of a block's counts, in cells */
    int32_t heavy;
    const int32_t *heavy_word;       /* [heavy] ascending */
    const int64_t *heavy_at;         /* [heavy + 1] */
    const int64_t *task_tokens;      /* [P x P] of block b and shard s at b P + s */

    struct rondo_buf lengths;        /* histogram_lengths */
    struct kept *kept;
};

/* Zeroed memory, aligned to 64 bytes, that lives as long as the problem; NULL: none. */
void *lda_keep(struct problem *problem, size_t count, size_t size);
void lda_release(struct problem *problem); /* frees all of it */

/* So many bytes of the corpus or of states are visited next (host->touch): what is not visited then may lie
 * on the disk. */
static inline void lda_touch(const struct problem *problem, int64_t bytes)
{
    if (problem->touches)
        problem->host->touch(problem->job, NULL, (size_t)bytes);
}

/* Cuts the corpus, counts of words in documents (rows documents, columns words), into shards, blocks and
 * tiles: fills in what lda.h has from `documents` on, but for topics, priors and round_least, which must be
 * there.  Cost: two passes over the pairs.  RONDO_EINPUT: no tokens, or more than can be counted. */
int lda_cut(struct problem *problem, const struct rondo_matrix *docs, int64_t parts, struct rondo_error *err);

/* What all tasks read; a replica for every worker. */
struct common {
    double *alpha; /* [topics] */
    double beta;
    int64_t *total;   /* [row] */
    uint32_t *heavy;  /* [heavy x row] */
};

struct shard {
    int32_t index;
    void **z;              /* of each tile: [its tokens] */
    struct counts *counts; /* of each tile */
    unsigned char *memory; /* where all of them lie, tile by tile */
};

struct block {
    int32_t index;
    struct counts counts;
};

/* ---- the whole model, read only: of all blocks, and in save of all shards ----------------------------- */

struct view {
    const struct problem *problem;
    const struct block *const *block; /* [P] */
    const struct shard *const *shard; /* [P]; NULL: not to be seen now */
    const uint32_t *heavy;            /* [heavy x row] */
    const int64_t *total;             /* [topics] */
    const double *alpha;              /* [topics] */
    double beta;
};

/* The topics that a word, or a document, has and how often, topics ascending; returns how many.  Room for
 * min(topics, its tokens) each. */
int32_t view_word(const struct view *view, int64_t word, int32_t *topic, int32_t *count);
int32_t view_document(const struct view *view, int64_t document, int32_t *topic, int32_t *count);

#endif

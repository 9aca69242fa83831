/* kernel.h - the inner loops of the samplers, once for each instruction set.
 *
 * Place:   apps/lda, private to it.
 * Threads: pure functions of the visit; many at once, each with a visit of its own.
 * Memory:  none; working memory is the caller's.
 *
 * Collapsed Gibbs sampling (Griffiths, Steyvers, PNAS 101, 2004): a token of word w in document d gets
 * topic k with probability in proportion to
 *
 *     (n_dk + alpha_k) (n_kw + beta) / (n_k + V beta)
 *
 * where the counts are without the token itself.  A visit goes through the words of a block that occur in
 * a tile of documents, word by word, so that one word's counts stay in the first cache and the tile's
 * documents in the second.
 */
#ifndef LDA_KERNEL_H
#define LDA_KERNEL_H

#include "counts.h"

#include <stdbool.h>
#include <stddef.h>

struct visit {
    /* The model as the task sees it. */
    int32_t topics, row;  /* row: topics rounded up to a multiple of 32 */
    const float *alpha;   /* [row], 0 from topics on */
    bool uniform;         /* alpha is the same for all topics */
    float beta, beta_sum; /* beta_sum = V beta */
    float alpha_mean;     /* mh: of the topics' alpha, above 0 */
    float inverse_mean;   /* mh: about that of `inverse`: topics / (tokens of the corpus + topics V beta) */
    int64_t *total;       /* [row] n_k: those of the round before and this task's own moves */
    float *inverse;       /* [row] 1 / (n_k + beta_sum), kept with `total`; 0 from topics on */

    /* The words, in order of visit: word[i] >= 0 is a word of the block, counts in `own`; below, heavy
     * word ~word[i], counts in `heavy`.  Its pairs are pairs[pair[i]] .. pairs[pair[i + 1] - 1], and their
     * topics z[token[i]] .. z[token[i + 1] - 1], those of one pair together. */
    int32_t words;
    const int32_t *word;
    const uint32_t *pair, *token; /* [words + 1] */
    const struct pair *pairs;
    void *z;                      /* uint16_t; wide: uint32_t */
    struct counts own, heavy;     /* heavy: rows */
    bool wide_words;              /* lists of words are wide */

    struct counts documents;      /* all rows or all lists */
    int32_t most;                 /* the longest list of a document has room for so many */
    bool rows;                    /* documents have rows */
    bool wide;                    /* z and the documents' counts are 32 bits wide */

    bool first;                   /* the tokens have no topic yet: z is written, not read */
    int32_t steps;                /* mh: proposals for a token */
    /* Random numbers: rng.h's (seed, round, stream, item), item counting up from here; nothing else in the
     * job draws from that stream items item .. item + tokens - 1 of that round. */
    uint64_t seed, round, item;
    uint32_t stream;

    void *scratch;                /* [lda_scratch_bytes], aligned to 64; content does not matter */
};

struct lda_kernel {
    const char *isa;
    /* Draws every token of the visit anew, one after the other; 0, or not 0 where the counts do not fit the
     * topics (a count would fall below 0), and then everything is undefined. */
    int (*exact)(const struct visit *visit);
    int (*mh)(const struct visit *visit);
};

/* What a visit with so many topics needs as scratch, for both samplers; words have at most so many pairs. */
size_t lda_scratch_bytes(int32_t topics, int32_t row);

/* Rows for documents, or lists?  By topics and the mean number of tokens in a document alone. */
bool lda_rows_for_documents(int32_t topics, double tokens_per_document);

/* isa: "x86-64-v2", "-v3", "-v4". */
const struct lda_kernel *lda_kernel_for(const char *isa);

#endif

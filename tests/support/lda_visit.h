/* lda_visit.h - a small corpus as one visit of the samplers of apps/lda, and what is true of its counts.
 *
 * Place:   tests/support; used by the tests of apps/lda's kernels.
 * Threads: one.
 * Memory:  a lda_small is owned by its maker until lda_small_fini.
 */
#ifndef LDA_VISIT_H
#define LDA_VISIT_H

#include "apps/lda/kernel.h"

enum lda_words { LDA_WORD_LISTS, LDA_WORD_ROWS, LDA_WORD_HEAVY, LDA_WORD_KINDS };

struct lda_entry {
    int32_t word, document, count; /* at most 65,535 */
};

struct lda_options {
    int32_t topics;
    int64_t documents, words;
    const struct lda_entry *entries; /* [count], word by word */
    int32_t count;
    enum lda_words kind;             /* of the first word; the others have lists */
    bool rows, wide, wide_words;
    const float *alpha;              /* [topics] */
    bool uniform;
    float beta;
};

struct lda_small {
    struct lda_options options;
    struct visit visit;
    int64_t tokens;
    int32_t *word_at;       /* [entries + 1] */
    uint32_t *cells[3];     /* of own, heavy, documents; cell_count numbers each */
    int64_t cell_count[3];
    void *block[24];        /* all that was allotted */
    int blocks;
};

/* No token has a topic; visit.first is set.  Random numbers are those of seed 1, round 0, stream 256. */
void lda_small_init(struct lda_small *small, const struct lda_options *options);
void lda_small_fini(struct lda_small *small);

/* The topic of a token, by its place in z; and how often a document, a word (by its number) has a topic. */
uint32_t lda_small_z(const struct lda_small *small, int64_t token);
void lda_small_z_put(struct lda_small *small, int64_t token, uint32_t topic);
uint32_t lda_small_document(const struct lda_small *small, int64_t document, int32_t topic);
uint32_t lda_small_word(const struct lda_small *small, int64_t word, int32_t topic);

/* Counts n more tokens of that topic: in the document, in the word; `total` and `inverse` alone are
 * changed by the third. */
void lda_small_document_add(struct lda_small *small, int64_t document, int32_t topic, uint32_t n);
void lda_small_word_add(struct lda_small *small, int64_t word, int32_t topic, uint32_t n);
void lda_small_total_add(struct lda_small *small, int32_t topic, int64_t n);

/* Do all counts equal those of z, lists have no topic twice, rows no count beyond the topics, and is
 * `inverse` that of `total`?  Says what is wrong, or NULL. */
const char *lda_small_wrong(const struct lda_small *small);

/* How unlikely, in standard deviations of a normal, counts of `draws` are under probabilities that sum
 * to 1: Pearson's chi-square of the cells, those that expect fewer than 5 taken together (Wilson and
 * Hilferty's cube root).  Something drawn where p = 0: 1000. */
double lda_chi_square(const double *p, const int64_t *drawn, int64_t cells, int64_t draws);

/* A chain of `draws` states, every eighth sweep one, against the posterior of all states by enumeration, in
 * deviations of lda_chi_square: for 2 topics and entries of LDA_TINY tokens at the most, in the order of z.  The
 * sampler must succeed; -1: it did not.  Probabilities are Griffiths and Steyvers', (2) and (3). */
enum { LDA_TINY = 12 };
double lda_tiny_off(const struct lda_options *options, int (*sampler)(const struct visit *), int32_t steps,
                    int draws);

#endif

/* corpus.h - small corpora by hand: documents, their topics, and both as the app's files see them.
 *
 * Place:   tests/unit/apps_lda, header only.
 * Threads: one, but for `each`, which takes as many as `threads` says.
 * Memory:  owned by the corpus until corpus_fini.
 */
#ifndef CORPUS_H
#define CORPUS_H

#include "apps/host.h"
#include "apps/lda/lda.h"
#include "core/base/each.h"
#include "core/base/mem.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { PARTS = 2, TILES = 4 };

struct corpus {
    int64_t documents, words;
    int32_t topics, row;
    int32_t *times;  /* [documents x words] */
    int32_t *has;    /* [words x topics] */
    int64_t *total;  /* [row] */
    double *alpha;
    struct rondo_host host;
    struct problem problem;
    struct tile tile[TILES];
    struct block block[PARTS];
    const struct block *blocks[PARTS];
    const int64_t *block_at[PARTS];
    uint32_t *heavy;
    struct view view;
    void *owned[64];
    int count;
};

static int32_t threads = 1; /* of each; 0: the parts in reverse */

static inline int corpus_each(const struct rondo_job *job RONDO_UNUSED, int64_t parts,
                              int (*part)(void *context, int64_t index), void *context)
{
    if (threads)
        return each_part(threads, parts, part, context);
    int code = 0;
    while (parts--)
        code = part(context, parts) ? -1 : code;
    return code;
}

static inline void corpus_where(const struct rondo_job *job RONDO_UNUSED, const char *key, char *out, size_t size)
{
    snprintf(out, size, "/%s", key);
}

static inline void *corpus_keep(struct corpus *corpus, size_t count, size_t size)
{
    void *block = mem_calloc(count + 1, size);
    cr_assert(block && corpus->count < 64);
    corpus->owned[corpus->count++] = block;
    return block;
}

/* Uniform below `limit`, numbered by what it is for and by `item`. */
static inline int64_t corpus_draw(uint32_t use, int64_t item, int64_t limit)
{
    return (int64_t)(rondo_rng_unit(5, use, 999, (uint64_t)item) * (double)limit);
}

/* Words 0 (heavy) and then every other in block 0 and 1; ascending in each. */
static inline void corpus_cut_words(struct corpus *corpus)
{
    struct problem *problem = &corpus->problem;
    int32_t *order = corpus_keep(corpus, (size_t)corpus->words, sizeof *order);
    int32_t *place = corpus_keep(corpus, (size_t)corpus->words, sizeof *place);
    int32_t *heavy_word = corpus_keep(corpus, 1, sizeof *heavy_word);
    int64_t *first = corpus_keep(corpus, PARTS + 1, sizeof *first), n = 0;
    int64_t *heavy_at = corpus_keep(corpus, 2, sizeof *heavy_at);
    heavy_at[1] = corpus->row;
    place[0] = ~0;
    corpus->heavy = corpus_keep(corpus, (size_t)corpus->row, sizeof *corpus->heavy);
    for (int32_t k = 0; k < corpus->topics; k++)
        corpus->heavy[k] = (uint32_t)corpus->has[k];
    for (int b = 0; b < PARTS; b++) {
        first[b] = n;
        for (int64_t w = 1 + b; w < corpus->words; w += PARTS) {
            place[w] = (int32_t)n;
            order[n++] = (int32_t)w;
        }
        first[b + 1] = n;
        int64_t size = n - first[b], *at = corpus_keep(corpus, (size_t)size + 1, sizeof *at);
        struct counts *counts = &corpus->block[b].counts;
        counts->cells = corpus_keep(corpus, (size_t)(size * corpus->row), sizeof *counts->cells);
        counts->length = corpus_keep(corpus, (size_t)size, sizeof *counts->length);
        counts->at = at;
        for (int64_t i = 0; i < size; i++) {
            at[i + 1] = at[i] + corpus->row;
            for (int32_t k = 0; k < corpus->topics; k++)
                counts->cells[at[i] + k] = (uint32_t)corpus->has[order[first[b] + i] * corpus->topics + k];
        }
        corpus->block_at[b] = at;
        corpus->blocks[b] = &corpus->block[b];
    }
    problem->order = order;
    problem->place = place;
    problem->block_first = first;
    problem->block_at = corpus->block_at;
    problem->heavy = 1;
    problem->heavy_word = heavy_word;
    problem->heavy_at = heavy_at;
}

/* Document d is in tile d % TILES. */
static inline void corpus_cut_documents(struct corpus *corpus)
{
    int32_t *tile_first = corpus_keep(corpus, PARTS + 1, sizeof *tile_first);
    for (int p = 0; p <= PARTS; p++)
        tile_first[p] = p * TILES / PARTS;
    for (int t = 0; t < TILES; t++) {
        size_t most = (size_t)(corpus->documents * corpus->words);
        int32_t *document = corpus_keep(corpus, (size_t)corpus->documents, sizeof *document);
        int32_t *first = corpus_keep(corpus, PARTS + 1, sizeof *first);
        int32_t *word = corpus_keep(corpus, PARTS * (size_t)corpus->words, sizeof *word);
        uint32_t *pair = corpus_keep(corpus, PARTS * (size_t)corpus->words, sizeof *pair);
        struct pair *pairs = corpus_keep(corpus, 2 * most, sizeof *pairs);
        int32_t documents = 0, words = 0;
        uint32_t n = 0;
        for (int64_t d = t; d < corpus->documents; d += TILES)
            document[documents++] = (int32_t)d;
        for (int b = 0; b < PARTS; b++) {
            first[b] = words;
            for (int64_t w = b ? 2 : 0; w < corpus->words; w += w == 0 ? 1 : PARTS) { /* heavy 0 in block 0's */
                uint32_t begin = n;
                for (int32_t i = 0; i < documents; i++) {
                    int32_t times = corpus->times[document[i] * corpus->words + w];
                    if (times > 1) /* in two pairs, as a count above 65,535 would be */
                        pairs[n++] = (struct pair){ (uint16_t)i, 1 };
                    if (times)
                        pairs[n++] = (struct pair){ (uint16_t)i, (uint16_t)(times > 1 ? times - 1 : 1) };
                }
                if (n == begin)
                    continue;
                word[words] = w ? (int32_t)(corpus->problem.place[w] - corpus->problem.block_first[b]) : ~0;
                pair[words++] = begin;
            }
        }
        first[PARTS] = words;
        pair[words] = n;
        corpus->tile[t] = (struct tile){ .documents = documents, .document = document, .words = words,
                                         .first = first, .word = word, .pair = pair, .pairs = pairs };
    }
    corpus->problem.tile_first = tile_first;
    corpus->problem.tiles = corpus->tile;
}

/* Documents 3 and 4 are empty and have one token; word words - 1 never occurs; topic topics - 1 has no
 * token.  Word w likes topic w % topics. */
static inline void corpus_make(struct corpus *corpus, int64_t documents, int64_t words, int32_t topics)
{
    static const struct host_upcalls none;
    *corpus = (struct corpus){ .documents = documents, .words = words, .topics = topics,
                               .row = (topics + 31) / 32 * 32 };
    host_init(&corpus->host, &none);
    corpus->host.each = corpus_each;
    corpus->host.where = corpus_where;
    corpus->times = corpus_keep(corpus, (size_t)(documents * words), sizeof *corpus->times);
    corpus->has = corpus_keep(corpus, (size_t)words * (size_t)topics, sizeof *corpus->has);
    corpus->total = corpus_keep(corpus, (size_t)corpus->row, sizeof *corpus->total);
    corpus->alpha = corpus_keep(corpus, (size_t)topics, sizeof *corpus->alpha);
    int64_t *word_tokens = corpus_keep(corpus, (size_t)words, sizeof *word_tokens);
    int64_t *document_tokens = corpus_keep(corpus, (size_t)documents, sizeof *document_tokens);
    for (int64_t d = 0; d < documents; d++) {
        int64_t tokens = d == 3 ? 0 : d == 4 ? 1 : 1 + corpus_draw(1, d, 40), liked = corpus_draw(2, d, topics);
        for (int64_t t = 0; t < tokens; t++) {
            int64_t item = d * 64 + t, w = corpus_draw(3, item, words - 1);
            if (corpus_draw(4, item, 2) && liked < topics - 1)
                w = w / topics * topics + liked < words - 1 ? w / topics * topics + liked : w;
            int64_t k = corpus_draw(5, item, 3) ? w % topics : corpus_draw(6, item, topics);
            corpus->times[d * words + w]++;
            if (topics > 1 && k == topics - 1)
                k = 0;
            corpus->has[w * topics + k]++;
            corpus->total[k]++;
            word_tokens[w]++;
            document_tokens[d]++;
            corpus->problem.tokens++;
        }
    }
    for (int32_t k = 0; k < topics; k++)
        corpus->alpha[k] = 0.05 + 0.4 / (k + 1);
    struct problem *problem = &corpus->problem;
    problem->host = &corpus->host;
    problem->documents = documents;
    problem->words = words;
    problem->topics = topics;
    problem->row = corpus->row;
    problem->parts = PARTS;
    problem->word_tokens = word_tokens;
    problem->document_tokens = document_tokens;
    problem->alpha = corpus->alpha;
    problem->beta = 0.03;
    corpus_cut_words(corpus);
    corpus_cut_documents(corpus);
    corpus->view = (struct view){ .problem = problem, .block = corpus->blocks, .heavy = corpus->heavy,
                                  .total = corpus->total, .alpha = corpus->alpha, .beta = problem->beta };
}

static inline void corpus_fini(struct corpus *corpus)
{
    while (corpus->count)
        mem_free(corpus->owned[--corpus->count]);
    cr_expect_eq(mem_live(), 0);
}

/* Counts [rows x cols] row-major as a matrix, with an explicit 0 here and there. */
static inline struct rondo_matrix corpus_matrix(struct corpus *corpus, const int32_t *times, int64_t rows,
                                                int64_t cols)
{
    double *values = corpus_keep(corpus, (size_t)(rows * cols), sizeof *values);
    int64_t *colptr = corpus_keep(corpus, (size_t)cols + 1, sizeof *colptr), n = 0;
    int32_t *rowidx = corpus_keep(corpus, (size_t)(rows * cols), sizeof *rowidx);
    for (int64_t j = 0; j < cols; j++) {
        for (int64_t i = 0; i < rows; i++)
            if (times[i * cols + j] || (i + j) % 7 == 0) {
                rowidx[n] = (int32_t)i;
                values[n++] = times[i * cols + j];
            }
        colptr[j + 1] = n;
    }
    return (struct rondo_matrix){ .rows = rows, .cols = cols, .nnz = n, .sparse = true, .colptr = colptr,
                                  .rowidx = rowidx, .values = values };
}

/* phi_kw by its definition. */
static inline double corpus_phi(const struct corpus *corpus, int32_t k, int64_t w)
{
    double total = 0, beta = corpus->view.beta;
    for (int64_t v = 0; v < corpus->words; v++)
        total += corpus->has[v * corpus->topics + k];
    return (corpus->has[w * corpus->topics + k] + beta) / (total + (double)corpus->words * beta);
}

enum { TOPICS_MOST = 16, WORDS_MOST = 64 };

/* The topics of a document by dense expectation maximisation from another start, run to the end. */
static inline void corpus_truth(const struct corpus *corpus, const int32_t *times, double *theta)
{
    int32_t topics = corpus->topics;
    long double t[TOPICS_MOST], n[TOPICS_MOST], sum = 0, tokens = 0, phi[WORDS_MOST][TOPICS_MOST];
    cr_assert(topics <= TOPICS_MOST && corpus->words <= WORDS_MOST);
    for (int32_t k = 0; k < topics; k++) {
        sum += corpus->alpha[k];
        t[k] = 1.0L / topics;
        for (int64_t w = 0; w < corpus->words; w++)
            phi[w][k] = corpus_phi(corpus, k, w);
    }
    for (int64_t w = 0; w < corpus->words; w++)
        tokens += times[w];
    for (int i = 0; i < 5000; i++) {
        memset(n, 0, sizeof n);
        for (int64_t w = 0; w < corpus->words; w++) {
            long double p = 0;
            for (int32_t k = 0; k < topics && times[w]; k++)
                p += t[k] * phi[w][k];
            for (int32_t k = 0; k < topics && times[w]; k++)
                n[k] += times[w] * t[k] * phi[w][k] / p;
        }
        for (int32_t k = 0; k < topics; k++)
            t[k] = (n[k] + corpus->alpha[k]) / (tokens + sum);
    }
    for (int32_t k = 0; k < topics; k++)
        theta[k] = (double)t[k];
}

/* Perplexity by completion of documents of which `words` of the corpus's words are known, times [documents x
 * corpus->words], as heldout.h defines it. */
static inline double corpus_perplexity(const struct corpus *corpus, const int32_t *times, int64_t documents,
                                       int64_t words)
{
    double sum = 0, tokens = 0;
    for (int64_t d = 0; d < documents; d++) {
        int32_t half[2][WORDS_MOST] = { { 0 } };
        double theta[TOPICS_MOST];
        int token = 0;
        for (int64_t w = 0; w < words; w++)
            for (int32_t t = 0; t < times[d * corpus->words + w]; t++)
                half[token++ % 2][w]++;
        corpus_truth(corpus, half[0], theta);
        for (int64_t w = 0; w < words; w++) {
            double p = 0;
            for (int32_t k = 0; k < corpus->topics; k++)
                p += theta[k] * corpus_phi(corpus, k, w);
            sum += half[1][w] * log(p);
            tokens += half[1][w];
        }
    }
    return exp(-sum / tokens);
}

/* L(theta) of fold.h. */
static inline double corpus_level(const struct corpus *corpus, const int32_t *times, const double *theta)
{
    double sum = 0;
    for (int64_t w = 0; w < corpus->words; w++) {
        double p = 0;
        for (int32_t k = 0; k < corpus->topics && times[w]; k++)
            p += theta[k] * corpus_phi(corpus, k, w);
        sum += times[w] ? times[w] * log(p) : 0;
    }
    for (int32_t k = 0; k < corpus->topics; k++)
        sum += corpus->alpha[k] * log(theta[k]);
    return sum;
}

#endif

/* lda_counts.c - plain counts, laid out as apps/lda has them. */
#include "tests/support/lda_counts.h"

#include "apps/host.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void *zeroed(size_t count, size_t size)
{
    void *block = aligned_alloc(64, (count * size + 127) / 64 * 64);
    memset(block, 0, (count * size + 127) / 64 * 64);
    return block;
}

/* One owner's counts as a list; returns its length. */
static int32_t put_list(uint32_t *cells, bool wide, const int32_t *n, int32_t topics)
{
    int32_t length = 0;
    for (int32_t k = topics - 1; k >= 0; k--) { /* in any order: this one is not ascending */
        uint64_t slot = (uint64_t)k << 32 | (uint32_t)n[k];
        if (n[k] && wide)
            memcpy(cells + 2 * (size_t)length++, &slot, sizeof slot);
        else if (n[k])
            cells[length++] = (uint32_t)k << 16 | (uint32_t)n[k];
    }
    return length;
}

static int64_t sum_of(const int32_t *n, int32_t topics)
{
    int64_t sum = 0;
    for (int32_t k = 0; k < topics; k++)
        sum += n[k];
    return sum;
}

static int64_t line(int64_t cells)
{
    return (cells + 15) / 16 * 16;
}

/* ---- documents --------------------------------------------------------------------------------------------- */

static void make_tile(struct lda_counts *c, int32_t number, int64_t first, int64_t end, const int32_t *n_dk)
{
    const struct problem *p = &c->problem;
    struct tile *tile = c->tile + number;
    struct counts *counts = c->shard[number / 2].counts + number % 2;
    const bool wide = tile->wide;
    const size_t documents = (size_t)(end - first);
    int32_t *document = zeroed(documents, sizeof *document);
    int64_t *at = zeroed(documents + 1, sizeof *at);
    for (size_t i = 0; i < documents; i++) {
        int64_t tokens = sum_of(n_dk + (first + (int64_t)i) * p->topics, p->topics);
        int64_t list = (tokens < p->topics ? tokens : p->topics) * (wide ? 2 : 1);
        document[i] = (int32_t)(first + (int64_t)i);
        at[i + 1] = at[i] + (!p->rows ? list + list % 2 : wide ? p->row : p->row / 2);
    }
    tile->documents = (int32_t)documents;
    tile->document = document;
    tile->at = counts->at = at;
    counts->length = zeroed(documents, sizeof *counts->length);
    counts->cells = zeroed((size_t)at[documents], sizeof *counts->cells);
    for (size_t i = 0; i < documents; i++) {
        const int32_t *n = n_dk + (first + (int64_t)i) * p->topics;
        uint32_t *cells = counts->cells + at[i];
        if (!p->rows)
            counts->length[i] = put_list(cells, wide, n, p->topics);
        for (int32_t k = 0; k < p->topics && p->rows; k++)
            if (wide)
                cells[k] = (uint32_t)n[k];
            else
                ((uint16_t *)(void *)cells)[k] = (uint16_t)n[k];
    }
}

static void make_documents(struct lda_counts *c, bool wide, const int32_t *n_dk)
{
    struct problem *p = &c->problem;
    int64_t *first = zeroed(LDA_COUNTS_PARTS + 1, sizeof *first), *tokens = zeroed((size_t)p->documents, sizeof *tokens);
    int32_t *tile_first = zeroed(LDA_COUNTS_PARTS + 1, sizeof *tile_first);
    p->shard_first = first;
    p->tile_first = tile_first;
    p->document_tokens = tokens;
    p->tiles = c->tile;
    for (int64_t d = 0; d < p->documents; d++)
        p->tokens += tokens[d] = sum_of(n_dk + d * p->topics, p->topics);
    for (int32_t s = 0; s < LDA_COUNTS_PARTS; s++) {
        int64_t end = p->documents * (s + 1) / LDA_COUNTS_PARTS, middle = (first[s] + end) / 2;
        c->shard[s] = (struct shard){ .counts = zeroed(2, sizeof *c->shard[s].counts) };
        c->shards[s] = c->shard + s;
        c->tile[2 * s + 1].wide = wide;
        make_tile(c, 2 * s, first[s], middle, n_dk);
        make_tile(c, 2 * s + 1, middle, end, n_dk);
        first[s + 1] = end;
        tile_first[s + 1] = 2 * (s + 1);
    }
}

/* ---- words ------------------------------------------------------------------------------------------------- */

static const int64_t *make_block(struct lda_counts *c, int32_t b, const int32_t *n_kw)
{
    const struct problem *p = &c->problem;
    const size_t words = (size_t)(p->block_first[b + 1] - p->block_first[b]);
    const int32_t *word = p->order + p->block_first[b];
    struct counts *counts = &c->block[b].counts;
    int64_t *at = zeroed(words + 1, sizeof *at);
    c->blocks[b] = c->block + b;
    for (size_t i = 0; i < words; i++) {
        int64_t tokens = p->word_tokens[word[i]];
        int64_t list = (tokens < p->topics ? tokens : p->topics) * (p->wide_words ? 2 : 1);
        at[i + 1] = at[i] + (list < p->row && tokens < 65536 ? list + list % 2 : p->row);
        if (at[i + 1] - at[i] >= p->row) { /* rows begin at lines */
            at[i] = line(at[i]);
            at[i + 1] = at[i] + p->row;
        }
    }
    *counts = (struct counts){ at, zeroed(words, sizeof *counts->length),
                               zeroed((size_t)at[words], sizeof *counts->cells) };
    for (size_t i = 0; i < words; i++) {
        const int32_t *n = n_kw + (int64_t)word[i] * p->topics;
        if (at[i + 1] - at[i] >= p->row)
            memcpy(counts->cells + at[i], n, (size_t)p->topics * sizeof *n);
        else
            counts->length[i] = put_list(counts->cells + at[i], p->wide_words, n, p->topics);
    }
    return at;
}

static void make_words(struct lda_counts *c, const int32_t *n_kw)
{
    struct problem *p = &c->problem;
    const int64_t own = p->words - p->heavy;
    int64_t *first = zeroed(LDA_COUNTS_PARTS + 1, sizeof *first), *tokens = zeroed((size_t)p->words, sizeof *tokens);
    int32_t *order = zeroed((size_t)own, sizeof *order), *place = zeroed((size_t)p->words, sizeof *place);
    const int64_t **at = zeroed(LDA_COUNTS_PARTS, sizeof *at);
    p->block_first = first;
    p->order = order;
    p->place = place;
    p->word_tokens = tokens;
    p->block_at = at;
    for (int64_t w = 0; w < p->words; w++) {
        const int32_t *n = n_kw + w * p->topics;
        tokens[w] = sum_of(n, p->topics);
        place[w] = (int32_t)(w < p->heavy ? ~w : w - p->heavy);
        for (int32_t k = 0; k < p->topics; k++) {
            c->total[k] += n[k];
            if (w < p->heavy)
                c->heavy[w * p->row + k] = (uint32_t)n[k];
        }
    }
    for (int64_t i = 0; i < own; i++)
        order[i] = (int32_t)(i + p->heavy);
    for (int32_t b = 0; b < LDA_COUNTS_PARTS; b++) {
        first[b + 1] = own * (b + 1) / LDA_COUNTS_PARTS;
        at[b] = make_block(c, b, n_kw);
    }
}

/* ---- all --------------------------------------------------------------------------------------------------- */

void lda_counts_make(struct lda_counts *c, const struct lda_counts_form *form, int64_t documents, int64_t words,
                     int32_t topics, const int32_t *n_dk, const int32_t *n_kw, const double *alpha, double beta)
{
    memset(c, 0, sizeof *c);
    host_init(&c->host, &(struct host_upcalls){ .feed = NULL });
    c->problem = (struct problem){ .host = &c->host, .documents = documents, .words = words, .topics = topics,
                                   .row = (topics + 31) / 32 * 32, .rows = form->rows, .alpha = alpha,
                                   .wide_words = form->wide_words, .uniform = form->uniform, .beta = beta,
                                   .parts = LDA_COUNTS_PARTS, .heavy = form->heavy };
    c->total = zeroed((size_t)c->problem.row, sizeof *c->total);
    c->heavy = zeroed((size_t)(form->heavy * c->problem.row), sizeof *c->heavy);
    make_documents(c, form->wide, n_dk);
    make_words(c, n_kw);
}

void lda_counts_free(struct lda_counts *c)
{
    struct problem *p = &c->problem;
    void *list[] = { (void *)(uintptr_t)p->document_tokens, (void *)(uintptr_t)p->word_tokens,
                     (void *)(uintptr_t)p->shard_first, (void *)(uintptr_t)p->tile_first,
                     (void *)(uintptr_t)p->block_first, (void *)(uintptr_t)p->order, (void *)(uintptr_t)p->place,
                     (void *)(uintptr_t)p->block_at, c->total, c->heavy };
    for (int32_t t = 0; t < 2 * LDA_COUNTS_PARTS; t++) {
        struct counts *counts = c->shard[t / 2].counts + t % 2;
        free((void *)(uintptr_t)c->tile[t].document);
        free((void *)(uintptr_t)counts->at);
        free(counts->length);
        free(counts->cells);
    }
    for (int32_t b = 0; b < LDA_COUNTS_PARTS; b++) {
        free(c->shard[b].counts);
        free((void *)(uintptr_t)c->block[b].counts.at);
        free(c->block[b].counts.length);
        free(c->block[b].counts.cells);
    }
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        free(list[i]);
    c->host.free(c->histogram.data);
    c->host.free(c->lengths.data);
}

struct statistics lda_counts_statistics(struct lda_counts *c)
{
    const struct problem *p = &c->problem;
    void *scratch = malloc(histogram_scratch_bytes(p));
    struct rondo_buf part = { .data = NULL };
    c->histogram.size = c->lengths.size = 0;
    for (int32_t i = 0; i <= LDA_COUNTS_PARTS; i++) { /* the last are the heavy words */
        struct histogram_source source = { .problem = p, .heavy = c->heavy };
        if (i < LDA_COUNTS_PARTS)
            source = (struct histogram_source){ .problem = p, .shard = c->shards[i], .block = c->blocks[i],
                                                .shard_index = i, .block_index = i };
        part.size = 0;
        cr_assert_eq(histogram_append(&source, scratch, &part), RONDO_OK);
        cr_assert_eq(histogram_merge(p, &c->histogram, 0, (struct rondo_bytes){ part.data, part.size }), RONDO_OK);
    }
    cr_assert_eq(histogram_lengths(p, &c->lengths), RONDO_OK);
    c->host.free(part.data);
    free(scratch);
    return (struct statistics){ .topics = p->topics, .words = p->words, .by_topic = !p->uniform, .total = c->total,
                                .histogram = { c->histogram.data, c->histogram.size },
                                .lengths = { c->lengths.data, c->lengths.size } };
}

struct view lda_counts_view(const struct lda_counts *c)
{
    return (struct view){ .problem = &c->problem, .block = c->blocks, .shard = c->shards, .heavy = c->heavy,
                          .total = c->total, .alpha = c->problem.alpha, .beta = c->problem.beta };
}

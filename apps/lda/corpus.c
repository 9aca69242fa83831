/* corpus.c - the cut: documents in shards and tiles, words in blocks, and the pairs of each tile in the
 * order in which they are visited.  It follows from the data and the spec alone. */
#include "lda.h"

#include <stdlib.h>
#include <string.h>

enum {
    /* Counts of a tile's documents.  Lists: about the second cache, larger tiles cost more misses than visits
     * save.  Rows: as many documents as a shard of a common corpus has, so that the first sweep, which gets
     * further on larger tiles, is the same for any number of shards. */
    TILE_ROWS = 640 * 1024,
    TILE_LISTS = 2048 * 1024,
    TILE_DOCUMENTS = 65536,
    PAIR_MOST = 65535,
    SPREAD = 64,             /* bytes that an entry may bring while tiles are filled, of many at once */
};

struct kept {
    struct kept *next;
};

void *lda_keep(struct problem *problem, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - 64)
        return NULL;
    unsigned char *memory = problem->host->zalloc(1, bytes + 64);
    if (!memory)
        return NULL;
    struct kept *kept = (struct kept *)(void *)memory;
    kept->next = problem->kept;
    problem->kept = kept;
    return memory + 64;
}

void lda_release(struct problem *problem)
{
    while (problem->kept) {
        struct kept *next = problem->kept->next;
        problem->host->free(problem->kept);
        problem->kept = next;
    }
}

/* What the cut has while it is made. */
struct cutting {
    struct problem *problem;
    const struct rondo_matrix *docs;
    int64_t *document_tokens, *word_tokens, *task_tokens;
    int32_t *place, *block_of;  /* [words] */
    int32_t *tile_of, *seat;    /* [documents]: its tile, and where in it */
    struct tile *tiles;
    int32_t tile_count;
    /* Of each tile while it is filled. */
    struct filling {
        int32_t open;           /* the visit whose entry was begun last; -1: none */
        int32_t *first, *word;
        uint32_t *pair, *token;
        struct pair *pairs;
        int64_t entries, pair_count, tokens;
    } *filling;
    bool fill;                  /* the second pass */
};

static int no_memory(struct rondo_error *err)
{
    return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for the corpus");
}

/* ---- how many ---------------------------------------------------------------------------------------- */

static int count_fits(const int64_t *tokens, int64_t count, const char *what, struct rondo_error *err)
{
    for (int64_t i = 0; i < count; i++)
        if (tokens[i] > INT32_MAX)
            return rondo_error_set(err, RONDO_EINPUT, "/data/docs", NULL, "%s %lld has more than %d tokens", what,
                                   (long long)i + 1, INT32_MAX);
    return RONDO_OK;
}

static int count_tokens(struct cutting *cut, struct rondo_error *err)
{
    struct problem *p = cut->problem;
    const struct rondo_matrix *docs = cut->docs;
    p->documents = docs->rows;
    p->words = docs->cols;
    cut->document_tokens = lda_keep(p, (size_t)p->documents, sizeof(int64_t));
    cut->word_tokens = lda_keep(p, (size_t)p->words, sizeof(int64_t));
    if (!cut->document_tokens || !cut->word_tokens)
        return no_memory(err);
    for (int64_t w = 0; w < p->words; w++) {
        lda_touch(p, 12 * (docs->colptr[w + 1] - docs->colptr[w]));
        for (int64_t e = docs->colptr[w]; e < docs->colptr[w + 1]; e++) {
            int64_t count = (int64_t)docs->values[e];
            cut->word_tokens[w] += count;
            cut->document_tokens[docs->rowidx[e]] += count;
            p->tokens += count;
        }
    }
    p->document_tokens = cut->document_tokens;
    p->word_tokens = cut->word_tokens;
    int code = count_fits(p->document_tokens, p->documents, "document", err);
    code = code ? code : count_fits(p->word_tokens, p->words, "word", err);
    if (code)
        return code;
    return p->tokens > 0 ? RONDO_OK
                         : rondo_error_set(err, RONDO_EINPUT, "/data/docs", NULL, "there are no tokens");
}

/* As many parts as the spec's rounds have blocks, fewer where tasks would be too small to be worth a message. */
static int32_t parts_of(const struct problem *p, int64_t asked)
{
    int64_t most = p->tokens / p->round_least;
    most = most < p->documents ? most : p->documents;
    most = most < p->words ? most : p->words;
    most = most < asked ? most : asked;
    return (int32_t)(most > 1 ? most : 1);
}

/* ---- words in blocks --------------------------------------------------------------------------------- */

struct weight {
    int64_t tokens;
    int32_t word;
};

static int heavier_first(const void *a, const void *b)
{
    const struct weight *x = a, *y = b;
    return x->tokens != y->tokens ? (x->tokens < y->tokens ? 1 : -1) : x->word < y->word ? -1 : 1;
}


/* A word of more than 1/P of all tokens is heavy; the others go, the heaviest first, each to the block that
 * has the fewest tokens. */
static int deal_words(struct cutting *cut, struct rondo_error *err)
{
    struct problem *p = cut->problem;
    const struct rondo_host *host = p->host;
    size_t words = (size_t)p->words;
    struct weight *by_weight = host->alloc((words ? words : 1) * sizeof *by_weight);
    int64_t *load = host->zalloc((size_t)p->parts, sizeof *load);
    int32_t *heavy = lda_keep(p, (size_t)p->parts, sizeof *heavy);
    cut->place = lda_keep(p, words, sizeof *cut->place);
    cut->block_of = lda_keep(p, words, sizeof *cut->block_of);
    int code = by_weight && load && heavy && cut->place && cut->block_of ? RONDO_OK : no_memory(err);
    for (int64_t w = 0; w < p->words && !code; w++) {
        by_weight[w] = (struct weight){ p->word_tokens[w], (int32_t)w };
        if (p->parts > 1 && p->word_tokens[w] > p->tokens / p->parts) {
            cut->place[w] = ~p->heavy;
            heavy[p->heavy++] = (int32_t)w;
        }
    }
    if (!code)
        qsort(by_weight, words, sizeof *by_weight, heavier_first);
    for (int64_t i = p->heavy; i < p->words && !code; i++) {
        int32_t lightest = 0;
        for (int32_t b = 1; b < p->parts; b++)
            lightest = load[b] < load[lightest] ? b : lightest;
        load[lightest] += by_weight[i].tokens;
        cut->block_of[by_weight[i].word] = lightest;
    }
    host->free(by_weight);
    host->free(load);
    p->heavy_word = heavy;
    return code;
}

/* A row where a list could be as long, or a count too large for a narrow slot.  16: what aligning the next
 * row may add to a list. */
static bool has_row(const struct problem *p, int64_t tokens, int64_t room)
{
    return room >= p->row - 16 || (!p->wide_words && tokens > LDA_NARROW_MOST);
}

/* The words block by block, and where the counts of each lie. */
static int order_words(struct cutting *cut, struct rondo_error *err)
{
    struct problem *p = cut->problem;
    int32_t *order = lda_keep(p, (size_t)(p->words - p->heavy), sizeof *order);
    int64_t *first = lda_keep(p, (size_t)p->parts + 1, sizeof *first);
    int64_t **at = lda_keep(p, (size_t)p->parts, sizeof *at);
    int64_t *heavy_at = lda_keep(p, (size_t)p->heavy + 1, sizeof *heavy_at);
    if (!order || !first || !at || !heavy_at)
        return no_memory(err);
    for (int64_t w = 0; w < p->words; w++)
        if (cut->place[w] >= 0)
            first[cut->block_of[w] + 1]++;
    for (int32_t b = 0; b < p->parts; b++) {
        at[b] = lda_keep(p, (size_t)first[b + 1] + 1, sizeof **at);
        first[b + 1] += first[b];
        if (!at[b])
            return no_memory(err);
    }
    int64_t *next = p->host->alloc((size_t)p->parts * sizeof *next);
    if (!next)
        return no_memory(err);
    memcpy(next, first, (size_t)p->parts * sizeof *next);
    for (int64_t w = 0; w < p->words; w++) {
        if (cut->place[w] < 0)
            continue;
        int32_t b = cut->block_of[w];
        cut->place[w] = (int32_t)next[b]++;
        order[cut->place[w]] = (int32_t)w;
        int64_t *begin = &at[b][cut->place[w] - first[b]], tokens = p->word_tokens[w];
        int64_t room = (tokens < p->topics ? tokens : p->topics) * (p->wide_words ? 2 : 1);
        if (has_row(p, tokens, room)) {
            *begin = (*begin + 15) / 16 * 16;
            room = p->row;
        }
        begin[1] = *begin + room;
    }
    p->host->free(next);
    for (int32_t h = 0; h <= p->heavy; h++)
        heavy_at[h] = (int64_t)h * p->row;
    p->order = order;
    p->place = cut->place;
    p->block_first = first;
    p->block_at = (const int64_t *const *)at;
    p->heavy_at = heavy_at;
    return RONDO_OK;
}

/* ---- documents in shards and tiles ------------------------------------------------------------------- */

/* Contiguous runs of documents, each the first to reach its share of the tokens, none empty. */
static int cut_shards(struct cutting *cut, struct rondo_error *err)
{
    struct problem *p = cut->problem;
    int64_t *first = lda_keep(p, (size_t)p->parts + 1, sizeof *first);
    if (!first)
        return no_memory(err);
    int64_t d = 0, before = 0;
    for (int32_t s = 1; s < p->parts; s++) {
        int64_t share = (int64_t)((__int128)p->tokens * s / p->parts);
        for (; d < p->documents - (p->parts - s) && (d <= first[s - 1] || before < share); d++)
            before += p->document_tokens[d];
        first[s] = d;
    }
    first[p->parts] = p->documents;
    p->shard_first = first;
    return RONDO_OK;
}

static bool is_wide(const struct problem *p, int64_t document)
{
    return p->topics > LDA_NARROW_MOST || p->document_tokens[document] > LDA_NARROW_MOST;
}

/* Cells that a document's counts take. */
static int64_t room_of(const struct problem *p, int64_t document)
{
    int64_t tokens = p->document_tokens[document];
    if (p->rows)
        return is_wide(p, document) ? p->row : p->row / 2;
    return (tokens < p->topics ? tokens : p->topics) * (is_wide(p, document) ? 2 : 1);
}

/* Deals a shard's documents that are wide, or are not, to tiles of about the same size, in order. */
static void deal_documents(struct cutting *cut, int64_t first, int64_t last, bool wide)
{
    struct problem *p = cut->problem;
    int64_t all = 0, cells = 0, tokens = 0, documents = 0;
    for (int64_t d = first; d < last; d++)
        all += is_wide(p, d) == wide ? room_of(p, d) : 0;
    int64_t tiles = all / ((p->rows ? TILE_ROWS : TILE_LISTS) / 4) + 1, share = all / tiles + 1;
    for (int64_t d = first; d < last; d++) {
        if (is_wide(p, d) != wide)
            continue;
        if (documents && (cells >= share || documents == TILE_DOCUMENTS
                          || tokens + p->document_tokens[d] > INT32_MAX)) {
            cut->tile_count++;
            cells = tokens = documents = 0;
        }
        cut->tile_of[d] = cut->tile_count;
        cut->seat[d] = (int32_t)documents++;
        cells += room_of(p, d);
        tokens += p->document_tokens[d];
    }
    cut->tile_count += documents > 0;
}

static int seat_documents(struct cutting *cut, struct tile *tile, const int32_t *document, struct rondo_error *err)
{
    struct problem *p = cut->problem;
    int64_t *at = lda_keep(p, (size_t)tile->documents + 1, sizeof *at);
    if (!at)
        return no_memory(err);
    for (int32_t i = 0; i < tile->documents; i++) {
        int64_t tokens = p->document_tokens[document[i]];
        int32_t longest = (int32_t)(tokens < p->topics ? tokens : p->topics);
        at[i + 1] = at[i] + room_of(p, document[i]);
        tile->most = tile->most > longest ? tile->most : longest;
    }
    tile->wide = is_wide(p, document[0]);
    tile->document = document;
    tile->at = at;
    return RONDO_OK;
}

static int cut_tiles(struct cutting *cut, struct rondo_error *err)
{
    struct problem *p = cut->problem;
    size_t documents = (size_t)p->documents;
    int32_t *first = lda_keep(p, (size_t)p->parts + 1, sizeof *first);
    int32_t *order = lda_keep(p, documents, sizeof *order);
    cut->tile_of = p->host->alloc(documents * sizeof *cut->tile_of);
    cut->seat = p->host->alloc(documents * sizeof *cut->seat);
    if (!first || !order || !cut->tile_of || !cut->seat)
        return no_memory(err);
    for (int32_t s = 0; s < p->parts; s++) {
        deal_documents(cut, p->shard_first[s], p->shard_first[s + 1], false);
        deal_documents(cut, p->shard_first[s], p->shard_first[s + 1], true);
        first[s + 1] = cut->tile_count;
    }
    cut->tiles = lda_keep(p, (size_t)cut->tile_count, sizeof *cut->tiles);
    cut->filling = p->host->zalloc((size_t)cut->tile_count, sizeof *cut->filling);
    if (!cut->tiles || !cut->filling)
        return no_memory(err);
    for (size_t d = 0; d < documents; d++) {
        cut->tiles[cut->tile_of[d]].documents++;
        cut->tiles[cut->tile_of[d]].tokens_before += p->document_tokens[d]; /* its own, as yet */
    }
    int64_t seats = 0, tokens = 0;
    int code = RONDO_OK;
    for (int32_t t = 0; t < cut->tile_count; t++) { /* `document` is where its list begins, as yet */
        int64_t own = cut->tiles[t].tokens_before;
        cut->tiles[t].document = order + seats;
        cut->tiles[t].tokens_before = tokens;
        seats += cut->tiles[t].documents;
        tokens += own;
    }
    for (size_t d = 0; d < documents; d++)
        order[cut->tiles[cut->tile_of[d]].document - order + cut->seat[d]] = (int32_t)d;
    for (int32_t t = 0; t < cut->tile_count && !code; t++)
        code = seat_documents(cut, &cut->tiles[t], cut->tiles[t].document, err);
    p->tile_first = first;
    p->tiles = cut->tiles;
    return code;
}

/* ---- pairs, in the order of visits ------------------------------------------------------------------- */

static void put(struct cutting *cut, int32_t visit, int32_t word, int64_t document, int64_t count)
{
    struct filling *f = &cut->filling[cut->tile_of[document]];
    if (f->open != visit) {
        f->open = visit;
        if (cut->fill) {
            f->word[f->entries] = word;
            f->pair[f->entries] = (uint32_t)f->pair_count;
            f->token[f->entries] = (uint32_t)f->tokens;
        }
        f->entries++;
    }
    f->tokens += count;
    for (; count > 0; count -= PAIR_MOST) {
        if (cut->fill)
            f->pairs[f->pair_count] = (struct pair){ (uint16_t)cut->seat[document],
                                                     (uint16_t)(count < PAIR_MOST ? count : PAIR_MOST) };
        f->pair_count++;
    }
}

/* A word's first entry that is not before that document. */
static int64_t entry_from(const struct rondo_matrix *docs, int64_t w, int64_t document)
{
    int64_t low = docs->colptr[w], high = docs->colptr[w + 1];
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        *(docs->rowidx[middle] < document ? &low : &high) = docs->rowidx[middle] < document ? middle + 1 : middle;
    }
    return low;
}

/* A word's entries, in all shards or only in one. */
static void put_word(struct cutting *cut, int32_t visit, int64_t w, int32_t word, int32_t block, int32_t only)
{
    const struct problem *p = cut->problem;
    const struct rondo_matrix *docs = cut->docs;
    int32_t shard = only < 0 ? 0 : only;
    for (int64_t e = entry_from(docs, w, p->shard_first[shard]); e < docs->colptr[w + 1]; e++) {
        int64_t d = docs->rowidx[e], count = (int64_t)docs->values[e];
        while (d >= p->shard_first[shard + 1] && only < 0)
            shard++;
        if (d >= p->shard_first[shard + 1])
            break;
        if (!count)
            continue;
        cut->task_tokens[(int64_t)block * p->parts + shard] += cut->fill ? count : 0;
        put(cut, visit, word, d, count);
    }
}

/* Block by block; heavy word h of shard s goes with block (s + h) mod P, so that it is everybody's. */
static void put_all(struct cutting *cut)
{
    const struct problem *p = cut->problem;
    int32_t visit = 0;
    for (int32_t t = 0; t < cut->tile_count; t++)
        cut->filling[t].open = -1;
    for (int32_t b = 0; b < p->parts; b++) {
        for (int64_t i = p->block_first[b]; i < p->block_first[b + 1]; i++) {
            lda_touch(p, SPREAD * (cut->docs->colptr[p->order[i] + 1] - cut->docs->colptr[p->order[i]]));
            put_word(cut, visit++, p->order[i], (int32_t)(i - p->block_first[b]), b, -1);
        }
        for (int32_t h = 0; h < p->heavy; h++)
            put_word(cut, visit++, p->heavy_word[h], ~h, b, (b - h + p->parts) % p->parts);
        for (int32_t t = 0; t < cut->tile_count && cut->fill; t++)
            cut->filling[t].first[b + 1] = (int32_t)cut->filling[t].entries;
    }
}

/* One piece of memory for all tiles, in the order of shards, tiles and blocks: what a task visits of a tile is
 * a run in each. */
static int make_room(struct cutting *cut, struct rondo_error *err)
{
    struct problem *p = cut->problem;
    size_t tiles = (size_t)cut->tile_count, entries = 0, pairs = 0;
    for (size_t t = 0; t < tiles; t++) {
        entries += (size_t)cut->filling[t].entries;
        pairs += (size_t)cut->filling[t].pair_count;
    }
    struct filling next = {
        .first = lda_keep(p, tiles * ((size_t)p->parts + 1), sizeof *next.first),
        .word = lda_keep(p, entries, sizeof *next.word), .pair = lda_keep(p, entries + tiles, sizeof *next.pair),
        .token = lda_keep(p, entries + tiles, sizeof *next.token), .pairs = lda_keep(p, pairs, sizeof *next.pairs),
    };
    if (!next.first || !next.word || !next.pair || !next.token || !next.pairs)
        return no_memory(err);
    for (size_t t = 0; t < tiles; t++) {
        struct filling *f = &cut->filling[t], counted = *f;
        struct tile *tile = &cut->tiles[t];
        *f = next;
        f->pair[counted.entries] = (uint32_t)counted.pair_count;
        f->token[counted.entries] = (uint32_t)counted.tokens;
        tile->words = (int32_t)counted.entries;
        tile->first = f->first;
        tile->word = f->word;
        tile->pair = f->pair;
        tile->token = f->token;
        tile->pairs = f->pairs;
        next.first += p->parts + 1;
        next.word += counted.entries;
        next.pair += counted.entries + 1;
        next.token += counted.entries + 1;
        next.pairs += counted.pair_count;
    }
    return RONDO_OK;
}

static int fill_tiles(struct cutting *cut, struct rondo_error *err)
{
    struct problem *p = cut->problem;
    cut->task_tokens = lda_keep(p, (size_t)p->parts * (size_t)p->parts, sizeof *cut->task_tokens);
    if (!cut->task_tokens)
        return no_memory(err);
    put_all(cut);
    int code = make_room(cut, err);
    cut->fill = true;
    if (!code)
        put_all(cut);
    p->task_tokens = cut->task_tokens;
    return code;
}

int lda_cut(struct problem *problem, const struct rondo_matrix *docs, int64_t parts, struct rondo_error *err)
{
    struct cutting cut = { .problem = problem, .docs = docs };
    int code = count_tokens(&cut, err);
    problem->parts = parts_of(problem, parts);
    problem->first_rounds = 2 * (int64_t)problem->parts - 1;
    problem->rows = !problem->mh && lda_rows_for_documents(problem->topics, problem->documents
        ? (double)problem->tokens / (double)problem->documents : 0);
    int (*const steps[])(struct cutting *, struct rondo_error *) = { deal_words, order_words, cut_shards,
                                                                     cut_tiles, fill_tiles };
    for (size_t i = 0; i < sizeof steps / sizeof *steps && !code; i++)
        code = steps[i](&cut, err);
    problem->host->free(cut.tile_of);
    problem->host->free(cut.seat);
    problem->host->free(cut.filling);
    return code;
}

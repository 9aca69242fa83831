/* The cut: every token is drawn once in a sweep, nothing is where it does not fit, and all follows from the
 * corpus and the spec. */
#include "apps/lda/lda.h"
#include "core/base/mem.h"
#include "tests/support/lda_drive.h"

#include <criterion/criterion.h>
#include <rondo/rng.h>
#include <string.h>

extern const struct rondo_app lda_app;

enum { CASES = 40 };

struct made {
    struct lda_corpus corpus;
    int32_t *times;
};

static int32_t below(uint64_t seed, uint64_t item, int32_t limit)
{
    return (int32_t)(rondo_rng_unit(seed, item, 995, 0) * limit);
}

/* Now and then a heavy word, empty documents, a document of more tokens than 16 bits hold. */
static struct made make(uint64_t seed)
{
    int64_t documents = 1 + below(seed, 1, 40), words = 1 + below(seed, 2, 30);
    int32_t *times = mem_calloc((size_t)(documents * words), sizeof *times), most = 1 + below(seed, 3, 6);
    for (int64_t i = 0; i < documents * words; i++)
        times[i] = below(seed, 100 + (uint64_t)i, 3) ? 0 : below(seed, 5000 + (uint64_t)i, most + 1);
    for (int64_t d = 0; d < documents && seed % 3 == 0; d++)
        times[d * words] += 50;
    if (seed % 4 == 0)
        memset(times + documents / 2 * words, 0, (size_t)words * sizeof *times);
    times[(documents - 1) * words + words - 1] = seed % 5 ? 1 : 200000;
    return (struct made){ { documents, words, times }, times };
}

static struct lda_form form_of(uint64_t seed)
{
    static const int32_t topics[] = { 1, 2, 31, 33, 100, 128, 300, 1000, 66000 };
    return (struct lda_form){ .topics = topics[seed % 9], .beta = 0.1, .parts = 1 + below(seed, 9, 8), .seed = 1,
                              .mh = seed % 2 };
}

static void each(void (*check)(const struct lda_drive *drive, const struct lda_corpus *corpus))
{
    for (uint64_t seed = 1; seed <= CASES; seed++) {
        struct made made = make(seed);
        struct lda_form form = form_of(seed);
        struct lda_drive drive;
        cr_assert_eq(lda_drive_cut(&drive, &made.corpus, &form), RONDO_OK);
        check(&drive, &made.corpus);
        lda_drive_fini(&drive);
        mem_free(made.times);
    }
}

static void every_token_once(const struct lda_drive *drive, const struct lda_corpus *corpus)
{
    const struct problem *p = &drive->problem;
    int32_t *left = mem_calloc((size_t)(corpus->documents * corpus->words), sizeof *left);
    int64_t *task = mem_calloc((size_t)(p->parts * p->parts), sizeof *task), pair = 0, tokens = 0, tile_tokens = 0;
    memcpy(left, corpus->times, (size_t)(corpus->documents * corpus->words) * sizeof *left);
    for (struct lda_place at = { .tile = -1 }; lda_drive_next(p, &at, &pair);) {
        cr_assert_gt(at.count, 0);
        cr_assert(at.document >= p->shard_first[at.shard] && at.document < p->shard_first[at.shard + 1]);
        left[at.document * corpus->words + at.word] -= at.count;
        task[at.block * p->parts + at.shard] += at.count;
        tokens += at.count;
    }
    for (int64_t i = 0; i < corpus->documents * corpus->words; i++)
        cr_assert_eq(left[i], 0);
    cr_assert_eq(tokens, p->tokens);
    cr_assert_eq(memcmp(task, p->task_tokens, (size_t)(p->parts * p->parts) * sizeof *task), 0);
    for (int32_t t = 0; t < p->tile_first[p->parts]; t++) {
        cr_assert_eq(p->tiles[t].tokens_before, tile_tokens);
        tile_tokens += p->tiles[t].token[p->tiles[t].words];
    }
    mem_free(left);
    mem_free(task);
}

Test(corpus, has_every_token_once_in_one_tile_and_block)
{
    each(every_token_once);
}

static void documents_run_on(const struct lda_drive *drive, const struct lda_corpus *corpus)
{
    const struct problem *p = &drive->problem;
    int32_t *seen = mem_calloc((size_t)corpus->documents, sizeof *seen);
    cr_assert_leq(p->parts, corpus->documents);
    cr_assert_leq(p->parts, corpus->words);
    cr_assert_eq(p->first_rounds, 2 * p->parts - 1);
    cr_assert_eq(p->shard_first[0], 0);
    cr_assert_eq(p->shard_first[p->parts], corpus->documents);
    for (int32_t s = 0; s < p->parts; s++) {
        cr_assert_lt(p->shard_first[s], p->shard_first[s + 1]);
        for (int32_t t = p->tile_first[s]; t < p->tile_first[s + 1]; t++) {
            const struct tile *tile = &p->tiles[t];
            cr_assert(tile->documents > 0 && tile->documents <= 65536);
            for (int32_t i = 0; i < tile->documents; i++) {
                int64_t d = tile->document[i];
                cr_assert(d >= p->shard_first[s] && d < p->shard_first[s + 1]);
                cr_assert(!i || tile->document[i - 1] < d);
                cr_assert_eq(tile->wide, p->document_tokens[d] > 65535 || p->topics > 65535);
                seen[d]++;
            }
        }
    }
    for (int64_t d = 0; d < corpus->documents; d++)
        cr_assert_eq(seen[d], 1);
    mem_free(seen);
}

Test(corpus, has_every_document_in_a_tile_of_its_shard_wide_where_it_must_be)
{
    each(documents_run_on);
}

/* As counts.h says: a list never overflows, rows begin at lines, no count is too large for its slot. */
static void counts_have_room(const struct lda_drive *drive, const struct lda_corpus *corpus)
{
    const struct problem *p = &drive->problem;
    (void)corpus;
    for (int32_t b = 0; b < p->parts; b++)
        for (int64_t i = 0; i < p->block_first[b + 1] - p->block_first[b]; i++) {
            int64_t word = p->order[p->block_first[b] + i], tokens = p->word_tokens[word];
            int64_t at = p->block_at[b][i], room = p->block_at[b][i + 1] - at;
            int64_t slots = tokens < p->topics ? tokens : p->topics;
            cr_assert_eq(p->place[word], p->block_first[b] + i);
            if (room >= p->row)
                cr_assert_eq(at % 16, 0);
            else
                cr_assert(room >= slots * (p->wide_words ? 2 : 1) && (p->wide_words || tokens <= 65535),
                          "%lld tokens of %d topics have a list", (long long)tokens, p->topics);
        }
    for (int32_t t = 0; t < p->tile_first[p->parts]; t++)
        for (int32_t i = 0; i < p->tiles[t].documents; i++) {
            const struct tile *tile = &p->tiles[t];
            int64_t tokens = p->document_tokens[tile->document[i]], room = tile->at[i + 1] - tile->at[i];
            int64_t slots = tokens < p->topics ? tokens : p->topics;
            cr_assert_geq(tile->most, p->rows ? 0 : slots);
            cr_assert_eq(room, p->rows ? p->row / (tile->wide ? 1 : 2) : slots * (tile->wide ? 2 : 1));
        }
}

Test(corpus, gives_every_count_its_room)
{
    each(counts_have_room);
}

/* A word of more than 1/P of all tokens is no block's, and goes to another in every shard. */
static void heavy_words_go_round(const struct lda_drive *drive, const struct lda_corpus *corpus)
{
    const struct problem *p = &drive->problem;
    int64_t pair = 0, heavy = 0;
    int32_t *block = mem_calloc((size_t)(p->heavy + 1) * (size_t)p->parts, sizeof *block);
    for (int64_t w = 0; w < corpus->words; w++) {
        bool is = p->parts > 1 && p->word_tokens[w] > p->tokens / p->parts;
        cr_assert_eq(is, p->place[w] < 0);
        cr_assert(!is || p->heavy_word[~p->place[w]] == w);
        heavy += is;
    }
    cr_assert_eq(heavy, p->heavy);
    for (struct lda_place at = { .tile = -1 }; lda_drive_next(p, &at, &pair);) {
        if (p->place[at.word] >= 0)
            continue;
        int32_t *its = &block[~p->place[at.word] * p->parts + at.shard];
        cr_assert(*its == 0 || *its == at.block + 1, "in two blocks of a shard");
        *its = at.block + 1;
        for (int32_t s = 0; s < p->parts; s++)
            cr_assert(s == at.shard || block[~p->place[at.word] * p->parts + s] != at.block + 1);
    }
    mem_free(block);
}

Test(corpus, spreads_heavy_words_over_all_blocks)
{
    each(heavy_words_go_round);
}

/* ---- who owns what ------------------------------------------------------------------------------------------ */

enum { SIDE = 64 };

struct owners {
    int32_t shard[SIDE], block[SIDE]; /* of a document, of a word; -1: none */
    int32_t told;
};

static int note_part(void *context, const struct rondo_part *part)
{
    struct owners *owners = context;
    int32_t *of = part->columns ? owners->block : owners->shard;
    cr_assert_eq(part->kind, part->columns ? RONDO_PART_BLOCK : RONDO_PART_SHARD);
    cr_assert_eq(part->tag, -1);
    for (int64_t i = 0; i < part->count; i++) {
        cr_assert_eq(of[part->members[i]], -1, "a member of two");
        of[part->members[i]] = part->part;
    }
    owners->told++;
    return RONDO_OK;
}

static int refuse_part(void *context, const struct rondo_part *part RONDO_UNUSED)
{
    return ++*(int *)context == 2 ? RONDO_ESTATE : RONDO_OK;
}

/* Every document is in a shard and every word but the heavy in a block, and the corpus's own numbers give
 * each pair the tokens that the layout counts. */
static void parts_are_the_cut(const struct lda_drive *drive, const struct lda_corpus *corpus)
{
    const struct problem *p = &drive->problem;
    struct owners owners;
    int64_t *tokens = mem_calloc((size_t)p->parts * (size_t)p->parts, sizeof *tokens);
    int calls = 0;
    memset(&owners, 0xff, sizeof owners);
    owners.told = 0;
    cr_assert_eq(lda_app.parts(p, note_part, &owners), RONDO_OK);
    cr_expect_eq(owners.told, 2 * p->parts);
    cr_expect_eq(lda_app.parts(p, refuse_part, &calls), p->parts > 0 ? RONDO_ESTATE : RONDO_OK);
    cr_expect_eq(calls, 2);
    for (int64_t w = 0; w < corpus->words; w++)
        cr_expect_eq(owners.block[w] < 0, p->place[w] < 0, "word %lld", (long long)w);
    for (int64_t d = 0; d < corpus->documents; d++) {
        int32_t shard = owners.shard[d];
        cr_assert_geq(shard, 0);
        for (int64_t w = 0; w < corpus->words; w++) {
            int32_t block = owners.block[w] < 0 ? (shard + ~p->place[w]) % p->parts : owners.block[w];
            tokens[block * p->parts + shard] += corpus->times[d * corpus->words + w];
        }
    }
    for (int32_t i = 0; i < p->parts * p->parts; i++)
        cr_expect_eq(tokens[i], p->task_tokens[i], "pair %d of %d parts", i, p->parts);
    mem_free(tokens);
}

Test(corpus, tells_the_documents_and_words_of_its_parts)
{
    each(parts_are_the_cut);
}

Test(corpus, has_as_many_parts_as_are_worth_a_round)
{
    enum { DOCUMENTS = 50, WORDS = 20 };
    static int32_t times[DOCUMENTS * WORDS];
    for (int i = 0; i < DOCUMENTS * WORDS; i++)
        times[i] = 120;
    struct lda_corpus corpus = { DOCUMENTS, WORDS, times };
    struct lda_form form = { .topics = 10, .beta = 0.1, .seed = 1 };
    for (int32_t asked = 1; asked < 30; asked++) {
        struct lda_drive drive;
        form.parts = asked;
        cr_assert_eq(lda_drive_cut(&drive, &corpus, &form), RONDO_OK);
        cr_expect_eq(drive.problem.parts, asked < WORDS ? asked : WORDS);
        int64_t parts = drive.problem.parts, share = drive.problem.tokens / parts;
        for (int64_t i = 0; i < parts * parts; i++) /* all words weigh the same: blocks differ by one */
            cr_expect_leq(drive.problem.task_tokens[i], (share / (120 * WORDS) + 2) * 120 * (WORDS / parts + 1));
        lda_drive_fini(&drive);
    }
}

Test(corpus, with_no_tokens_or_too_many_is_refused)
{
    static const int32_t none[6], many[6] = { INT32_MAX, 0, 1, 0, 0, 0 };
    static const int32_t word[6] = { INT32_MAX, 0, INT32_MAX, 0, INT32_MAX, 0 };
    struct lda_form form = { .topics = 2, .beta = 0.1, .parts = 2, .seed = 1 };
    const struct { const char *what; struct lda_corpus corpus; } cases[] = {
        { "no tokens", { 3, 2, none } }, { "of a document", { 2, 3, many } }, { "of a word", { 3, 2, word } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lda_drive drive;
        cr_expect_eq(lda_drive_cut(&drive, &cases[i].corpus, &form), RONDO_EINPUT, "%s", cases[i].what);
        lda_drive_fini(&drive);
    }
}

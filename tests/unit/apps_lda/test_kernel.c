/* The exact samplers of each instruction set of this machine, against the formula in doubles. */
#include "apps/lda/kernel.h"
#include "tests/support/lasso_drive.h"
#include "tests/support/lda_visit.h"
#include "tests/support/levels.h"
#include "tests/support/scale.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const ISA[] = { "x86-64-v2", "x86-64-v3", "x86-64-v4" };

enum { TOPICS_MOST = 1100 };

/* Every way that counts may be laid out; `one` is called for each level of this machine. */
struct layout {
    enum lda_words kind;
    bool rows, wide, wide_words, uniform;
};

typedef void (*check)(const struct lda_kernel *kernel, const struct layout *layout, int32_t topics,
                      struct dice *dice);

static void each(check one, const int32_t *topics, int many)
{
    for (int level = 0; level < levels(); level++)
        for (int bits = 0; bits < 48; bits++)
            for (int t = 0; t < many; t++) {
                struct layout layout = { .kind = (enum lda_words)(bits / 16), .rows = bits & 1, .wide = bits & 2,
                                         .wide_words = bits & 4, .uniform = bits & 8 };
                struct dice dice = { .seed = 7 + (uint64_t)bits };
                one(lda_kernel_for(ISA[level]), &layout, topics[t], &dice);
            }
}

static const char *say(const struct lda_kernel *kernel, const struct layout *layout, int32_t topics)
{
    static char text[200];
    static const char *const kind[] = { "lists", "rows", "heavy rows" };
    snprintf(text, sizeof text, "%s, %d topics, documents' %s%s, words' %s%s, alpha %s", kernel->isa, topics,
             layout->rows ? "rows" : "lists", layout->wide ? " wide" : "", kind[layout->kind],
             layout->wide_words ? " wide" : "", layout->uniform ? "uniform" : "of each topic");
    return text;
}

static void alphas(const struct layout *layout, int32_t topics, struct dice *dice, float *alpha)
{
    for (int32_t k = 0; k < topics; k++)
        alpha[k] = layout->uniform ? 0.3f : 0.02f + (float)dice_unit(dice);
}

static struct lda_options options_of(const struct layout *layout, int32_t topics, const float *alpha)
{
    return (struct lda_options){ .topics = topics, .kind = layout->kind, .rows = layout->rows,
                                 .wide = layout->wide, .wide_words = layout->wide_words, .alpha = alpha,
                                 .uniform = layout->uniform, .beta = 0.1f };
}

/* ---- one conditional distribution --------------------------------------------------------------------- */

/* Counts that have nothing to do with one another: of document 1, of word 1, and in all. */
static void some_counts(struct lda_small *small, struct dice *dice)
{
    int32_t topics = small->options.topics;
    for (int32_t k = 0; k < topics; k++) {
        uint32_t word = dice_unit(dice) < 0.3 ? (uint32_t)dice_below(dice, 40) + 1 : 0;
        uint32_t document = dice_unit(dice) < 0.3 ? (uint32_t)dice_below(dice, 9) + 1 : 0;
        if (word > 0)
            lda_small_word_add(small, 1, k, word);
        if (document > 0)
            lda_small_document_add(small, 1, k, document);
        lda_small_total_add(small, k, (int64_t)word + dice_below(dice, 300));
    }
}

/* The conditional of a token of word 1 in a document that is not counted. */
static void conditional(const struct lda_small *small, int64_t document, double *p)
{
    double sum = 0, beta = (double)small->options.beta, mass = beta * (double)small->options.words;
    for (int32_t k = 0; k < small->options.topics; k++) {
        p[k] = ((double)lda_small_document(small, document, k) + (double)small->options.alpha[k]) *
               ((double)lda_small_word(small, 1, k) + beta) / ((double)small->visit.total[k] + mass);
        sum += p[k];
    }
    for (int32_t k = 0; k < small->options.topics; k++)
        p[k] /= sum;
}

/* What a visit may change, kept. */
struct kept {
    void *part[8];
    size_t bytes[8];
    void *at[8];
};

static void keep(struct kept *kept, struct lda_small *small)
{
    struct visit *v = &small->visit;
    size_t row = (size_t)v->row;
    void *at[8] = { v->own.cells, v->own.length, v->heavy.cells, v->documents.cells, v->documents.length,
                    v->total, v->inverse, v->z };
    size_t bytes[8] = { 4 * (size_t)small->cell_count[0], 4 * (size_t)small->options.words,
                        4 * (size_t)small->cell_count[1], 4 * (size_t)small->cell_count[2],
                        4 * (size_t)small->options.documents, 8 * row, 4 * row,
                        (size_t)small->tokens * (small->options.wide ? 4 : 2) };
    for (int i = 0; i < 8; i++) {
        kept->at[i] = at[i];
        kept->bytes[i] = bytes[i];
        kept->part[i] = memcpy(malloc(bytes[i] + 1), at[i], bytes[i]);
    }
}

static void restore(const struct kept *kept)
{
    for (int i = 0; i < 8; i++)
        memcpy(kept->at[i], kept->part[i], kept->bytes[i]);
}

static void kept_free(struct kept *kept)
{
    for (int i = 0; i < 8; i++)
        free(kept->part[i]);
}

static void check_conditional(const struct lda_kernel *kernel, const struct layout *layout, int32_t topics,
                              struct dice *dice)
{
    static float alpha[TOPICS_MOST];
    static double p[TOPICS_MOST];
    static int64_t drawn[TOPICS_MOST];
    alphas(layout, topics, dice, alpha);
    struct lda_options options = options_of(layout, topics, alpha);
    struct lda_entry entry = { 1, 1, 1 };
    options.documents = options.words = 3;
    options.entries = &entry;
    options.count = 1;
    struct lda_small small;
    lda_small_init(&small, &options);
    some_counts(&small, dice);
    conditional(&small, 1, p);
    bool counted = dice_unit(dice) < 0.7;
    if (counted) {
        int32_t old = (int32_t)dice_below(dice, topics);
        lda_small_document_add(&small, 1, old, 1);
        lda_small_word_add(&small, 1, old, 1);
        lda_small_total_add(&small, old, 1);
        lda_small_z_put(&small, 0, (uint32_t)old);
    }
    small.visit.first = !counted;
    struct kept kept;
    keep(&kept, &small);
    memset(drawn, 0, sizeof drawn);
    int draws = 200 + 20 * (topics < 100 ? topics : 100);
    for (int i = 0; i < draws; i++) {
        small.visit.item = (uint64_t)i;
        cr_assert_eq(kernel->exact(&small.visit), 0);
        uint32_t k = lda_small_z(&small, 0);
        cr_assert_lt(k, (uint32_t)topics, "%s", say(kernel, layout, topics));
        drawn[k]++;
        restore(&kept);
    }
    double off = lda_chi_square(p, drawn, topics, draws);
    cr_assert_lt(off, 4, "%s: %g standard deviations", say(kernel, layout, topics), off);
    kept_free(&kept);
    lda_small_fini(&small);
}

Test(kernel, draws_from_the_conditional)
{
    static const int32_t topics[] = { 1, 2, 33, 100, 128, 600 };
    each(check_conditional, topics, 6);
}

static void count_token(struct lda_small *small, int64_t document, int32_t topic)
{
    lda_small_document_add(small, document, topic, 1);
    lda_small_word_add(small, 1, topic, 1);
    lda_small_total_add(small, topic, 1);
}

/* Two tokens of word 1, the second in document `other`, drawn for the first time or anew: the second knows
 * of the first. */
static void check_joint(const struct lda_kernel *kernel, const struct layout *layout, int32_t topics,
                        struct dice *dice, int32_t other, bool first)
{
    static float alpha[TOPICS_MOST];
    static double p[200], joint[200 * 200];
    static int64_t drawn[200 * 200];
    alphas(layout, topics, dice, alpha);
    struct lda_options options = options_of(layout, topics, alpha);
    struct lda_entry entry[] = { { 1, 1, other == 1 ? 2 : 1 }, { 1, other, 1 } };
    options.documents = options.words = 3;
    options.entries = entry;
    options.count = other == 1 ? 1 : 2;
    struct lda_small small;
    lda_small_init(&small, &options);
    lda_small_total_add(&small, 1, 3);
    struct kept kept;
    keep(&kept, &small);
    for (int32_t k = 0; k < topics; k++) {
        count_token(&small, 1, k);
        conditional(&small, other, joint + topics * k);
        restore(&kept);
    }
    kept_free(&kept);
    if (!first)
        count_token(&small, other, 1);
    conditional(&small, 1, p);
    for (int32_t i = 0; i < topics * topics; i++)
        joint[i] *= p[i / topics];
    if (!first) {
        count_token(&small, 1, 0);
        lda_small_z_put(&small, 0, 0);
        lda_small_z_put(&small, 1, 1);
    }
    small.visit.first = first;
    keep(&kept, &small);
    memset(drawn, 0, sizeof drawn);
    const int draws = (int)scale_runs(3000);
    for (int i = 0; i < draws; i++) {
        small.visit.item = (uint64_t)i;
        cr_assert_eq(kernel->exact(&small.visit), 0);
        drawn[topics * (int32_t)lda_small_z(&small, 0) + (int32_t)lda_small_z(&small, 1)]++;
        restore(&kept);
    }
    double same[2] = { 1, 0 }, off = lda_chi_square(joint, drawn, topics * topics, draws);
    int64_t drawn_same[2] = { draws, 0 };
    for (int32_t k = 0; k < topics; k++) { /* of many topics no pair is drawn often */
        same[1] += joint[topics * k + k];
        drawn_same[1] += drawn[topics * k + k];
    }
    same[0] -= same[1];
    drawn_same[0] -= drawn_same[1];
    off = fmax(off, lda_chi_square(same, drawn_same, 2, draws));
    cr_assert(off < 4 || !scale_whole(), "%s, second in %d: %g standard deviations", say(kernel, layout, topics), other, off);
    kept_free(&kept);
    lda_small_fini(&small);
}

static void check_pair(const struct lda_kernel *kernel, const struct layout *layout, int32_t topics,
                       struct dice *dice)
{
    check_joint(kernel, layout, topics, dice, 1, true);
    check_joint(kernel, layout, topics, dice, 1, false);
}

Test(kernel, draws_the_tokens_of_a_pair_one_after_the_other)
{
    static const int32_t topics[] = { 2, 5, 20 };
    each(check_pair, topics, 3);
}

static void check_documents(const struct lda_kernel *kernel, const struct layout *layout, int32_t topics,
                            struct dice *dice)
{
    check_joint(kernel, layout, topics, dice, 2, true);
    check_joint(kernel, layout, topics, dice, 2, false);
}

Test(kernel, draws_the_tokens_of_two_documents_one_after_the_other)
{
    static const int32_t topics[] = { 2, 20, 130 };
    each(check_documents, topics, 3);
}

/* ---- counts ------------------------------------------------------------------------------------------- */

enum { DOCUMENTS = 30, WORDS = 20, ENTRIES = DOCUMENTS * WORDS };

static int32_t corpus_make(struct lda_entry *entry, struct dice *dice)
{
    int32_t count = 0;
    for (int32_t w = 0; w < WORDS; w++)
        for (int32_t d = 0; d < DOCUMENTS; d++)
            if (w == 0 || dice_unit(dice) < 0.3)
                entry[count++] = (struct lda_entry){ w, d, 1 + (int32_t)(dice_unit(dice) * dice_unit(dice) * 6) };
    return count;
}

static void check_counts(const struct lda_kernel *kernel, const struct layout *layout, int32_t topics,
                         struct dice *dice)
{
    static float alpha[TOPICS_MOST];
    static struct lda_entry entry[ENTRIES];
    alphas(layout, topics, dice, alpha);
    struct lda_options options = options_of(layout, topics, alpha);
    options.documents = DOCUMENTS;
    options.words = WORDS;
    options.entries = entry;
    options.count = corpus_make(entry, dice);
    struct lda_small small;
    lda_small_init(&small, &options);
    for (int sweep = 0; sweep < 4; sweep++) {
        small.visit.round = (uint64_t)sweep;
        cr_assert_eq(kernel->exact(&small.visit), 0);
        const char *wrong = lda_small_wrong(&small);
        cr_assert_null(wrong, "%s, sweep %d: %s", say(kernel, layout, topics), sweep, wrong);
        small.visit.first = false;
    }
    lda_small_fini(&small);
}

Test(kernel, keeps_counts_those_of_the_topics)
{
    static const int32_t topics[] = { 1, 2, 31, 100, 128, 129, 700 };
    each(check_counts, topics, 7);
}

static void check_refusal(const struct lda_kernel *kernel, const struct layout *layout, int32_t topics,
                          struct dice *dice)
{
    static float alpha[TOPICS_MOST];
    alphas(layout, topics, dice, alpha);
    struct lda_options options = options_of(layout, topics, alpha);
    struct lda_entry entry[] = { { 1, 1, 3 }, { 1, 2, 1 } };
    options.documents = options.words = 3;
    options.entries = entry;
    options.count = 2;
    for (int what = 0; what < 4; what++) {
        struct lda_small small;
        lda_small_init(&small, &options);
        small.visit.first = false;
        lda_small_total_add(&small, 0, 4);
        if (what != 0)
            lda_small_word_add(&small, 1, 0, 4);
        if (what != 1)
            lda_small_document_add(&small, 1, 0, 3);
        lda_small_document_add(&small, 2, 0, 1);
        if (what == 2)
            lda_small_z_put(&small, 0, (uint32_t)topics);
        if (what == 3)
            lda_small_z_put(&small, 3, UINT16_MAX);
        cr_assert_neq(kernel->exact(&small.visit), 0, "%s: %d", say(kernel, layout, topics), what);
        lda_small_fini(&small);
    }
}

Test(kernel, refuses_counts_that_do_not_fit_the_topics)
{
    static const int32_t topics[] = { 2, 100, 300 };
    each(check_refusal, topics, 3);
}

/* ---- the ends of the unit interval -------------------------------------------------------------------- */

/* Items of (seed 1, round 0, stream 256) whose number is all zeros, or all ones, in the bits that count. */
static const uint64_t ENDS[] = { 829829, 12727468, 140602342 };

/* A draw falls on no topic beyond the last, whatever rounding does: there the weights are 0. */
static void check_ends(const struct lda_kernel *kernel, const struct layout *layout, int32_t topics,
                       struct dice *dice)
{
    static float alpha[TOPICS_MOST];
    alphas(layout, topics, dice, alpha);
    struct lda_options options = options_of(layout, topics, alpha);
    struct lda_entry entry = { 1, 1, 1 };
    options.documents = options.words = 3;
    options.entries = &entry;
    options.count = 1;
    for (int i = 0; i < 40; i++) {
        struct lda_small small;
        lda_small_init(&small, &options);
        some_counts(&small, dice);
        struct kept kept;
        keep(&kept, &small);
        for (int e = 0; e < 3; e++) {
            small.visit.item = ENDS[e];
            cr_assert_eq(kernel->exact(&small.visit), 0);
            cr_assert_lt(lda_small_z(&small, 0), (uint32_t)topics, "%s", say(kernel, layout, topics));
            for (int32_t k = topics; k < small.visit.row; k++)
                cr_assert(small.visit.total[k] == 0 && small.visit.inverse[k] == 0);
            restore(&kept);
        }
        kept_free(&kept);
        lda_small_fini(&small);
    }
}

Test(kernel, draws_no_topic_beyond_the_last)
{
    static const int32_t topics[] = { 1, 3, 33, 97, 100, 113, 140, 1000 };
    each(check_ends, topics, 8);
}

/* ---- the posterior ------------------------------------------------------------------------------------ */

static const struct lda_entry TINY[] = { { 0, 0, 2 }, { 0, 1, 1 }, { 0, 2, 1 }, { 1, 0, 1 }, { 1, 2, 2 },
                                         { 2, 1, 2 }, { 3, 1, 1 }, { 3, 2, 1 } };
enum { TINY_ENTRIES = sizeof TINY / sizeof *TINY };

static void check_posterior(const struct lda_kernel *kernel, const struct layout *layout, int32_t topics,
                            struct dice *dice)
{
    (void)dice;
    if (layout->wide || layout->wide_words)
        return;
    float alpha[2] = { 0.7f, layout->uniform ? 0.7f : 0.4f };
    struct lda_options options = options_of(layout, topics, alpha);
    options.documents = 3;
    options.words = 4;
    options.beta = 0.5f;
    options.entries = TINY;
    options.count = TINY_ENTRIES;
    double off = lda_tiny_off(&options, kernel->exact, 0, (int)scale_runs(20000));
    cr_assert_neq(off, -1);
    cr_assert(off < 4 || !scale_whole(), "%s: %g standard deviations", say(kernel, layout, topics), off);
}

Test(kernel, has_the_enumerated_posterior)
{
    static const int32_t topics[] = { 2 };
    each(check_posterior, topics, 1);
}

/* ---- size --------------------------------------------------------------------------------------------- */

Test(kernel, takes_a_document_of_a_million_tokens)
{
    enum { PAIRS = 16 };
    struct lda_entry entry[PAIRS + 1];
    float alpha[40];
    for (int i = 0; i < PAIRS; i++)
        entry[i] = (struct lda_entry){ 0, 0, 65535 };
    entry[PAIRS] = (struct lda_entry){ 1, 0, 1 };
    for (int k = 0; k < 40; k++)
        alpha[k] = 0.1f;
    for (int rows = 0; rows < 2; rows++) {
        struct layout layout = { .kind = LDA_WORD_ROWS, .rows = rows, .wide = true, .uniform = true };
        struct lda_options options = options_of(&layout, 40, alpha);
        options.documents = 1;
        options.words = 2;
        options.entries = entry;
        options.count = PAIRS + 1;
        struct lda_small small;
        lda_small_init(&small, &options);
        const struct lda_kernel *kernel = lda_kernel_for(ISA[levels() - 1]);
        for (int sweep = 0; sweep < 2; sweep++) {
            cr_assert_eq(kernel->exact(&small.visit), 0);
            small.visit.first = false;
        }
        cr_assert_null(lda_small_wrong(&small));
        lda_small_fini(&small);
    }
}

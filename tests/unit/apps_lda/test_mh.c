/* The sampler for many topics, of each instruction set of this machine, against the formula in doubles. */
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

enum { TOPICS_MOST = 20000 };

/* Every way that counts may be laid out; `one` is called for each level of this machine. */
struct layout {
    const struct lda_kernel *kernel;
    struct lda_options options;
    struct dice dice;
    char says[120];
};

typedef void (*check)(struct layout *layout);

static void each(check one, int32_t topics, float beta)
{
    static const char *const kind[] = { "lists", "rows", "heavy rows" };
    static float alpha[TOPICS_MOST];
    static struct layout layout;
    for (int level = 0; level < levels(); level++)
        for (int bits = 0; bits < 24; bits++) {
            struct lda_options options = { .topics = topics, .documents = 3, .words = 4, .alpha = alpha,
                                           .kind = (enum lda_words)(bits / 8), .wide = bits & 1,
                                           .wide_words = bits & 2, .uniform = bits & 4, .beta = beta };
            layout = (struct layout){ lda_kernel_for(ISA[level]), options, { .seed = 5 + (uint64_t)bits }, "" };
            for (int32_t k = 0; k < topics; k++)
                alpha[k] = options.uniform ? 0.3f : 0.02f + (float)dice_unit(&layout.dice);
            snprintf(layout.says, sizeof layout.says, "%s, %d topics, documents%s, words' %s%s, alpha %s",
                     ISA[level], topics, options.wide ? " wide" : "", kind[options.kind], options.wide_words ? " wide" : "",
                     options.uniform ? "uniform" : "of each topic");
            one(&layout);
        }
}

/* ---- one conditional distribution --------------------------------------------------------------------- */

/* Counts of document 1 and of word 1, in about a hundred topics at most, and totals, none of them so small
 * that a chain would seldom find its topic. */
static void some_counts(struct lda_small *small, struct dice *dice)
{
    int32_t topics = small->options.topics;
    float mean = 0;
    double part = topics < 400 ? 0.25 : 100.0 / topics;
    for (int32_t k = 0; k < topics; k++) {
        uint32_t word = dice_unit(dice) < part ? (uint32_t)dice_below(dice, 40) + 1 : 0;
        uint32_t document = dice_unit(dice) < part ? (uint32_t)dice_below(dice, 9) + 1 : 0;
        if (word > 0)
            lda_small_word_add(small, 1, k, word);
        if (document > 0)
            lda_small_document_add(small, 1, k, document);
        lda_small_total_add(small, k, (int64_t)word + 50 + dice_below(dice, 300));
        mean += small->visit.inverse[k] / (float)topics;
    }
    small->visit.inverse_mean = mean;
}

/* The conditional of a token of word 1 in document 1 that is not counted yet. */
static void conditional(const struct lda_small *small, double *p)
{
    double sum = 0, beta = (double)small->options.beta, mass = beta * (double)small->options.words;
    for (int32_t k = 0; k < small->options.topics; k++) {
        p[k] = ((double)lda_small_document(small, 1, k) + (double)small->options.alpha[k]) *
               ((double)lda_small_word(small, 1, k) + beta) / ((double)small->visit.total[k] + mass);
        sum += p[k];
    }
    for (int32_t k = 0; k < small->options.topics; k++)
        p[k] /= sum;
}

/* The frequencies of one token's topics are the conditional. */
static void check_conditional(struct layout *layout)
{
    static double p[TOPICS_MOST];
    static int64_t drawn[TOPICS_MOST];
    struct lda_entry entry = { 1, 1, 1 };
    struct lda_options *options = &layout->options;
    options->entries = &entry;
    options->count = 1;
    struct lda_small small;
    lda_small_init(&small, options);
    some_counts(&small, &layout->dice);
    conditional(&small, p);
    memset(drawn, 0, sizeof drawn);
    enum { THINNED = 4 };
    const int draws = (int)scale_runs(3000);
    small.visit.steps = 12;
    for (int i = 0; i < draws; i++) {
        for (int j = 0; j < THINNED; j++, small.visit.item++) {
            cr_assert_eq(layout->kernel->mh(&small.visit), 0, "%s", layout->says);
            small.visit.first = false;
        }
        cr_assert_lt(lda_small_z(&small, 0), (uint32_t)options->topics, "%s", layout->says);
        drawn[lda_small_z(&small, 0)]++;
    }
    double off = lda_chi_square(p, drawn, options->topics, draws);
    cr_assert(off < 4 || !scale_whole(), "%s: %g standard deviations", layout->says, off);
    lda_small_fini(&small);
}

Test(mh, draws_from_the_conditional)
{
    each(check_conditional, 1, 0.1f);
    each(check_conditional, 5, 0.1f);
    each(check_conditional, 150, 0.1f);
}

Test(mh, draws_from_the_conditional_of_many_topics)
{
    each(check_conditional, TOPICS_MOST, 0.01f);
}

/* ---- the posterior ------------------------------------------------------------------------------------ */

/* Document 0 before the others: words 0 and 1 are visited twice, each time with a rest elsewhere. */
static const struct lda_entry TINY[] = { { 0, 0, 2 }, { 1, 0, 1 }, { 0, 1, 1 }, { 0, 2, 1 }, { 1, 2, 2 },
                                         { 2, 1, 2 }, { 3, 1, 1 }, { 3, 2, 1 } };
enum { TINY_ENTRIES = sizeof TINY / sizeof *TINY };

/* One proposal a token: what is kept is kept by each step alone. */
static void check_posterior(struct layout *layout)
{
    struct lda_options *options = &layout->options;
    if (options->wide != options->wide_words)
        return;
    options->entries = TINY;
    options->count = TINY_ENTRIES;
    double off = lda_tiny_off(options, layout->kernel->mh, 1, (int)scale_runs(20000));
    cr_assert_neq(off, -1, "%s", layout->says);
    cr_assert(off < 4 || !scale_whole(), "%s: %g standard deviations", layout->says, off);
}

Test(mh, has_the_enumerated_posterior)
{
    each(check_posterior, 2, 0.5f);
}

/* ---- counts ------------------------------------------------------------------------------------------- */

enum { DOCUMENTS = 24, WORDS = 15, ENTRIES = DOCUMENTS * WORDS };

/* Two tiles, one behind the other; word 0 in every document. */
static int32_t corpus_make(struct lda_entry *entry, struct dice *dice)
{
    int32_t count = 0;
    for (int32_t tile = 0; tile < 2; tile++)
        for (int32_t w = 0; w < WORDS; w++)
            for (int32_t d = tile * DOCUMENTS / 2; d < (tile + 1) * DOCUMENTS / 2; d++)
                if (w == 0 || dice_unit(dice) < 0.3)
                    entry[count++] = (struct lda_entry){ w, d, 1 + (int32_t)dice_below(dice, 4) };
    return count;
}

/* Three sweeps; the scratch's bytes before are `scratch`. */
static void sweep(const struct layout *layout, struct lda_small *small, int scratch)
{
    lda_small_init(small, &layout->options);
    for (int round = 0; round < 3; round++) {
        memset(small->visit.scratch, scratch, lda_scratch_bytes(small->visit.topics, small->visit.row));
        small->visit.round = (uint64_t)round;
        cr_assert_eq(layout->kernel->mh(&small->visit), 0, "%s", layout->says);
        const char *wrong = lda_small_wrong(small);
        cr_assert_null(wrong, "%s, sweep %d: %s", layout->says, round, wrong);
        small->visit.first = false;
    }
}

static void check_counts(struct layout *layout)
{
    static struct lda_entry entry[ENTRIES];
    layout->options.documents = DOCUMENTS;
    layout->options.words = WORDS;
    layout->options.entries = entry;
    layout->options.count = corpus_make(entry, &layout->dice);
    struct lda_small one, other;
    sweep(layout, &one, 0);
    sweep(layout, &other, 0x01);
    for (int64_t t = 0; t < one.tokens; t++)
        cr_assert_eq(lda_small_z(&one, t), lda_small_z(&other, t), "%s: token %lld", layout->says, (long long)t);
    lda_small_fini(&one);
    lda_small_fini(&other);
}

Test(mh, keeps_counts_those_of_the_topics_whatever_its_scratch_held)
{
    static const int32_t topics[] = { 1, 2, 31, 700 };
    for (int i = 0; i < 4; i++)
        each(check_counts, topics[i], 0.1f);
}

static void check_refusal(struct layout *layout)
{
    struct lda_entry entry[] = { { 1, 1, 3 }, { 1, 2, 1 } };
    layout->options.entries = entry;
    layout->options.count = 2;
    for (int what = 0; what < 7; what++) {
        struct lda_small small;
        lda_small_init(&small, &layout->options);
        small.visit.first = false;
        if (what != 0)
            lda_small_total_add(&small, 0, 4);
        if (what != 1)
            lda_small_word_add(&small, 1, 0, 4);
        if (what != 2)
            lda_small_document_add(&small, 1, 0, 3);
        lda_small_document_add(&small, 2, 0, 1);
        if (what == 3)
            lda_small_z_put(&small, 0, (uint32_t)layout->options.topics);
        if (what == 4)
            lda_small_z_put(&small, 3, UINT16_MAX);
        if (what == 5)
            small.visit.documents.length[1] = layout->options.topics + 1;
        if (what == 6)
            lda_small_document_add(&small, 1, layout->options.topics, 1);
        cr_assert_neq(layout->kernel->mh(&small.visit), 0, "%s: %d", layout->says, what);
        lda_small_fini(&small);
    }
}

Test(mh, refuses_counts_that_do_not_fit_the_topics)
{
    each(check_refusal, 2, 0.1f);
    each(check_refusal, 300, 0.1f);
}

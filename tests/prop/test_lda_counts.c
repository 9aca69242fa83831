/* Whatever the corpus, the topics, the cut and the sampler: behind every round all counts are those of the
 * tokens' topics, and the bits depend neither on the order in which tasks are done nor on states going
 * through their bytes.  A failure names its instance; RONDO_PROP_SEED draws others. */
#include "core/base/mem.h"
#include "tests/support/lasso_drive.h"
#include "tests/support/lda_drive.h"
#include "tests/support/levels.h"
#include "tests/support/scale.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { INSTANCES = 250, DOCUMENTS_MOST = 40, WORDS_MOST = 30 };

static const char *const isas[] = { "x86-64-v2", "x86-64-v3", "x86-64-v4" };

struct instance {
    struct lda_corpus corpus;
    struct lda_form form;
    int32_t times[DOCUMENTS_MOST * WORDS_MOST];
    double alpha[70000];
    bool huge;
};

static void draw_corpus(struct dice *dice, struct instance *made)
{
    int64_t documents = 1 + dice_below(dice, DOCUMENTS_MOST), words = 1 + dice_below(dice, WORDS_MOST);
    double dense = dice_unit(dice), heavy = dice_unit(dice) < 0.4 ? 1 + 20 * dice_unit(dice) : 1;
    int64_t most = 1 + dice_below(dice, 8);
    memset(made->times, 0, sizeof made->times);
    for (int64_t i = 0; i < documents * words; i++)
        if (dice_unit(dice) < dense)
            made->times[i] = (int32_t)((double)dice_below(dice, most + 1) * (i % words == words / 2 ? heavy : 1));
    made->huge = dice_unit(dice) < 0.05;
    int64_t cell = dice_below(dice, documents * words);
    made->times[cell] += made->huge ? 70000 : 1;
    made->corpus = (struct lda_corpus){ documents, words, made->times };
}

static void draw_form(struct dice *dice, struct instance *made)
{
    static const int32_t topics[] = { 1, 2, 5, 31, 32, 33, 100, 128, 129, 300, 1000, 70000 };
    int32_t K = topics[dice_below(dice, dice_unit(dice) < 0.1 ? 12 : 11)];
    for (int32_t k = 0; k < K; k++)
        made->alpha[k] = dice_unit(dice) < 0.1 ? 1e-3 : 2 * dice_unit(dice) + 1e-6;
    made->form = (struct lda_form){
        .topics = K, .beta = pow(10, -3 * dice_unit(dice)), .mh = dice_unit(dice) < 0.4,
        .uniform = dice_unit(dice) < 0.5, .optimise = dice_unit(dice) < 0.3,
        .random_start = dice_unit(dice) < 0.3,
        .parts = 1 + (int32_t)dice_below(dice, 7), .seed = (uint64_t)dice_below(dice, 1 << 30),
        .isa = isas[dice_below(dice, levels())],
    };
    if (!made->form.uniform)
        made->form.alpha = made->alpha;
}

static bool same(struct lda_drive *one, struct lda_drive *other)
{
    struct rondo_buf a = { 0 }, b = { 0 };
    lda_drive_pack(one, &a);
    lda_drive_pack(other, &b);
    bool same = a.size == b.size && memcmp(a.data, b.data, a.size) == 0
                && memcmp(&one->objective, &other->objective, sizeof one->objective) == 0;
    mem_free(a.data);
    mem_free(b.data);
    return same;
}

static const char *totals_are_those_drawn(const struct lda_drive *drive, const struct lda_drive *before)
{
    (void)before;
    int64_t sum = 0;
    for (int32_t k = 0; k < drive->problem.topics; k++) {
        if (drive->common->total[k] < 0)
            return "a total below 0";
        sum += drive->common->total[k];
    }
    return drive->round < drive->problem.first_rounds || sum == drive->problem.tokens ? NULL : "the sum of totals";
}

static const char *play(struct dice *dice, const struct instance *made)
{
    struct lda_drive plan, other;
    const char *wrong = NULL;
    lda_drive_init(&plan, &made->corpus, &made->form);
    lda_drive_init(&other, &made->corpus, &made->form);
    int64_t rounds = plan.problem.first_rounds + (made->form.topics > 1000 || made->huge ? 1 : 3) * plan.problem.parts;
    for (int64_t round = 0; round < rounds && !wrong; round++) {
        int code = lda_drive_round(&plan, 0);
        code = code ? code : lda_drive_round(&other, 1 + (uint64_t)dice_below(dice, 1 << 30));
        if (dice_unit(dice) < 0.3)
            lda_drive_move(&other);
        wrong = code ? "a round failed" : lda_drive_wrong(&plan);
        wrong = wrong ? wrong : totals_are_those_drawn(&plan, &other);
        wrong = wrong || same(&plan, &other) ? wrong : "another order, other bits";
    }
    lda_drive_fini(&plan);
    lda_drive_fini(&other);
    return wrong;
}

Test(lda_counts, are_those_of_the_topics_in_every_round_whatever_the_order_of_tasks)
{
    static struct instance made;
    uint64_t seed = dice_seed(20261129);
    int64_t count = scale_runs(INSTANCES);
    for (int64_t i = 0; i < count; i++) {
        struct dice dice = { .seed = seed + (uint64_t)i };
        draw_corpus(&dice, &made);
        draw_form(&dice, &made);
        const char *wrong = play(&dice, &made);
        cr_expect_null(wrong, "instance %lld: %s: %lld documents, %lld words, %d topics, at most %d parts, %s, %s",
                       (long long)i, wrong, (long long)made.corpus.documents, (long long)made.corpus.words,
                       made.form.topics, made.form.parts, made.form.mh ? "mh" : "exact", made.form.isa);
    }
}

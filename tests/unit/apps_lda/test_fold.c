/* Fold-in against dense expectation maximisation in long double, from another start and run to the end. */
#include "apps/lda/fold.h"

#include "tests/support/brutal.h"
#include "tests/unit/apps_lda/corpus.h"

enum { D = 40, V = 37, K = 6 };

/* All words of the corpus as the words that are asked for. */
static void open_all(struct fold_model *model, struct corpus *corpus)
{
    int32_t *word = corpus_keep(corpus, (size_t)corpus->words, sizeof *word);
    for (int64_t w = 0; w < corpus->words; w++)
        word[w] = (int32_t)w;
    cr_assert_eq(fold_open(model, &corpus->problem, word, corpus->words, NULL), RONDO_OK);
    cr_assert_eq(fold_read(model, &corpus->view), RONDO_OK);
}

/* Folds in times [words], all words, those that do not occur with a count of 0. */
static double fold_row(const struct fold_model *model, const int32_t *times, double *theta)
{
    int32_t word[WORDS_MOST];
    double room[2 * TOPICS_MOST];
    for (int32_t w = 0; w < model->words; w++)
        word[w] = w;
    return fold_in(model, word, times, model->words, theta, room);
}

Test(fold, a_document_gets_the_topics_that_explain_it_best)
{
    struct corpus corpus;
    struct fold_model model;
    double far = 0;
    corpus_make(&corpus, D, V, K);
    open_all(&model, &corpus);
    for (int64_t d = 0; d < D; d++) {
        const int32_t *times = corpus.times + d * V;
        double theta[K], truth[K], sum = 0, tokens = (double)corpus.problem.document_tokens[d];
        double gap = fold_row(&model, times, theta);
        corpus_truth(&corpus, times, truth);
        for (int k = 0; k < K; k++) {
            far = fmax(far, fabs(theta[k] - truth[k]));
            sum += theta[k];
        }
        cr_expect_float_eq(sum, 1, 1e-12);
        cr_expect_leq(gap, FOLD_GAP);
        double short_of = corpus_level(&corpus, times, truth) - corpus_level(&corpus, times, theta);
        cr_expect_leq(short_of, gap * tokens + 1e-9, "document %d: %g nats short, the gap says %g", (int)d,
                      short_of, gap * tokens);
        cr_expect_geq(short_of, -1e-9);
    }
    cr_expect_leq(far, 2e-4, "%g", far);
    fold_close(&model);
    corpus_fini(&corpus);
}

Test(fold, no_tokens_say_the_prior)
{
    struct corpus corpus;
    struct fold_model model;
    int32_t none[V] = { 0 };
    double theta[K];
    corpus_make(&corpus, D, V, K);
    open_all(&model, &corpus);
    cr_expect_eq(fold_row(&model, none, theta), 0);
    for (int k = 0; k < K; k++)
        cr_expect_eq(theta[k], corpus.alpha[k] / model.alpha_sum);
    fold_close(&model);
    corpus_fini(&corpus);
}

/* V - 1 was never seen; with one topic there is nothing to choose; a large count is no trouble. */
Test(fold, unseen_words_one_topic_and_large_counts_have_finite_answers)
{
    for (int32_t topics = 1; topics <= K; topics += K - 1) {
        struct corpus corpus;
        struct fold_model model;
        int32_t times[V] = { [V - 1] = 3, [2] = INT32_MAX };
        double theta[K], truth[K], room[K];
        corpus_make(&corpus, D, V, topics);
        open_all(&model, &corpus);
        for (int trial = 0; trial < 2; trial++, times[2] = 0) {
            fold_row(&model, times, theta);
            corpus_truth(&corpus, times, truth);
            for (int k = 0; k < topics; k++)
                cr_expect_float_eq(theta[k], truth[k], 2e-4, "%g and not %g", theta[k], truth[k]);
            const int32_t word[2] = { 2, V - 1 }, count[2] = { times[2], 3 };
            cr_expect(isfinite(fold_log_likelihood(&model, theta, word, count, 2, room)));
        }
        fold_close(&model);
        corpus_fini(&corpus);
    }
}

Test(fold, a_topic_without_prior_or_tokens_is_no_trouble)
{
    struct corpus corpus;
    struct fold_model model;
    double theta[K];
    corpus_make(&corpus, D, V, K);
    cr_assert_eq(corpus.total[K - 1], 0);
    corpus.alpha[1] = corpus.alpha[K - 1] = 0;
    open_all(&model, &corpus);
    for (int64_t d = 0; d < D; d++) {
        fold_row(&model, corpus.times + d * V, theta);
        for (int k = 0; k < K; k++)
            cr_expect(theta[k] >= 0 && theta[k] <= 1);
        cr_expect_eq(theta[1], 0);
    }
    fold_close(&model);
    corpus_fini(&corpus);
}

Test(fold, a_likelihood_is_that_of_its_definition)
{
    struct corpus corpus;
    struct fold_model model;
    double theta[K] = { 0.5, 0.2, 0.1, 0.1, 0.05, 0.05 }, room[K], sum = 0;
    const int32_t word[3] = { 0, 5, V - 1 }, count[3] = { 2, 0, 7 };
    corpus_make(&corpus, D, V, K);
    open_all(&model, &corpus);
    for (int i = 0; i < 3; i++) {
        double p = 0;
        for (int k = 0; k < K; k++)
            p += theta[k] * corpus_phi(&corpus, k, word[i]);
        sum += count[i] * log(p);
    }
    cr_expect_float_eq(fold_log_likelihood(&model, theta, word, count, 3, room), sum, 1e-12);
    fold_close(&model);
    corpus_fini(&corpus);
}

Test(fold, words_asked_for_are_numbered_as_they_are_asked_for)
{
    struct corpus corpus;
    struct fold_model all, some;
    const int32_t asked[3] = { 0, 7, 30 }, its[3] = { 0, 1, 2 }, count[3] = { 3, 1, 2 };
    double theta[K], few[K], room[2 * K];
    corpus_make(&corpus, D, V, K);
    open_all(&all, &corpus);
    cr_assert_eq(fold_open(&some, &corpus.problem, asked, 3, NULL), RONDO_OK);
    cr_assert_eq(fold_read(&some, &corpus.view), RONDO_OK);
    fold_in(&all, asked, count, 3, theta, room);
    fold_in(&some, its, count, 3, few, room);
    cr_expect_eq(memcmp(theta, few, sizeof theta), 0);
    fold_close(&all);
    fold_close(&some);
    corpus_fini(&corpus);
}

static int trial(void *what)
{
    struct corpus *corpus = what;
    struct fold_model model;
    const int32_t asked[2] = { 1, 4 };
    int code = fold_open(&model, &corpus->problem, asked, 2, NULL);
    fold_close(&model);
    return code;
}

Test(fold, every_allocation_may_fail)
{
    struct corpus corpus;
    corpus_make(&corpus, D, V, K);
    cr_expect_geq(brutal_run(trial, &corpus), 6);
    corpus_fini(&corpus);
}

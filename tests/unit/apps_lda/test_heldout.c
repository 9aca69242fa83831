/* Perplexity by its definition: tokens in a row, every other one evaluated, topics from the others. */
#include "apps/lda/heldout.h"

#include "tests/support/brutal.h"
#include "tests/unit/apps_lda/corpus.h"

enum { D = 40, V = 37, K = 6 };

/* Relative: fold-in ends FOLD_GAP nats before the maximum. */
static const double NEAR = 1e-6;

/* Other documents, with more words than the model has seen, and empty ones. */
static int32_t *test_documents(struct corpus *corpus)
{
    int32_t *times = corpus_keep(corpus, D * V, sizeof *times);
    for (int64_t d = 2; d < D; d++)
        for (int64_t t = 0; t < d; t++)
            times[d * V + corpus_draw(7, d * 64 + t, V)]++;
    return times;
}

static double perplexity(const struct corpus *corpus)
{
    struct heldout *heldout;
    double value, again;
    cr_assert_eq(heldout_create(&corpus->problem, &heldout, NULL), RONDO_OK);
    uint64_t asked = mem_count();
    cr_assert_eq(heldout_perplexity(heldout, &corpus->view, &value), RONDO_OK);
    cr_assert_eq(heldout_perplexity(heldout, &corpus->view, &again), RONDO_OK);
    cr_expect_eq(mem_count(), asked, "it allocates while a job runs");
    cr_expect_eq(value, again);
    heldout_destroy(heldout);
    return value;
}

Test(heldout, perplexity_is_that_of_its_definition_on_any_threads)
{
    struct corpus corpus;
    double value[3];
    corpus_make(&corpus, D, V, K);
    int32_t *times = test_documents(&corpus);
    struct rondo_matrix test = corpus_matrix(&corpus, times, D, V);
    corpus.problem.test = &test;
    cr_assert_eq(heldout_check(&corpus.host, NULL, &test, V, NULL), RONDO_OK);
    for (threads = 0; threads < 3; threads++)
        value[threads] = perplexity(&corpus);
    threads = 1;
    cr_expect(value[0] == value[1] && value[1] == value[2]);
    double is = corpus_perplexity(&corpus, times, D, V);
    cr_expect_float_eq(value[0] / is, 1, NEAR, "%.12g and not %.12g", value[0], is);
    corpus_fini(&corpus);
}

Test(heldout, every_other_token_is_evaluated)
{
    const int32_t count[6] = { 1, 1, 3, 2, 0, 4 };
    int32_t observed[6], evaluated[6];
    cr_expect_eq(heldout_split(count, 6, observed, evaluated), 5);
    cr_expect_eq(memcmp(observed, (int32_t[]){ 1, 0, 2, 1, 0, 2 }, sizeof observed), 0);
    cr_expect_eq(memcmp(evaluated, (int32_t[]){ 0, 1, 1, 1, 0, 2 }, sizeof evaluated), 0);
    cr_expect_eq(heldout_split((int32_t[]){ 1 }, 1, observed, evaluated), 0);
}

/* A uniform model, all counts 0 in a corpus of no tokens, is as perplexed as it has words. */
Test(heldout, a_model_that_knows_nothing_is_perplexed_by_all_words)
{
    struct corpus corpus;
    corpus_make(&corpus, D, V, K);
    memset(corpus.total, 0, (size_t)K * sizeof *corpus.total);
    memset(corpus.heavy, 0, (size_t)K * sizeof *corpus.heavy);
    for (int b = 0; b < PARTS; b++)
        memset(corpus.block[b].counts.cells, 0, (size_t)((V - 1) / PARTS * corpus.row) * 4);
    struct rondo_matrix test = corpus_matrix(&corpus, corpus.times, D, V);
    corpus.problem.test = &test;
    cr_expect_float_eq(perplexity(&corpus), V, 1e-9);
    corpus_fini(&corpus);
}

static void refused(const struct corpus *corpus, const struct rondo_matrix *test, const char *what)
{
    struct rondo_error err = { 0 };
    cr_expect_eq(heldout_check(&corpus->host, NULL, test, V, &err), RONDO_EINPUT, "%s", what);
    cr_expect_str_eq(err.where, "/data.test");
    cr_expect(strstr(err.what, what), "%s", err.what);
}

Test(heldout, bad_documents_are_refused)
{
    struct corpus corpus;
    corpus_make(&corpus, D, V, K);
    int32_t *times = corpus_keep(&corpus, D * V, sizeof *times);
    for (int64_t d = 0; d < D; d++)
        times[d * V + d % V] = 1;
    struct rondo_matrix test = corpus_matrix(&corpus, times, D, V - 1);
    refused(&corpus, &test, "has 36 words, the documents have 37");
    test = corpus_matrix(&corpus, times, D, V);
    refused(&corpus, &test, "no document has two tokens");
    for (int word = 7; word < 9; word++) { /* twice the same, or another one */
        times[7 * V + 7] = times[7 * V + 8] = 1;
        times[7 * V + word]++;
        times[7 * V + 8]--;
        test = corpus_matrix(&corpus, times, D, V);
        cr_expect_eq(heldout_check(&corpus.host, NULL, &test, V, NULL), RONDO_OK);
    }
    corpus_fini(&corpus);
}

Test(heldout, without_test_documents_there_is_none)
{
    struct corpus corpus;
    struct heldout *heldout;
    corpus_make(&corpus, D, V, K);
    cr_expect_eq(heldout_create(&corpus.problem, &heldout, NULL), RONDO_OK);
    cr_expect_null(heldout);
    heldout_destroy(heldout);
    corpus_fini(&corpus);
}

static int trial(void *what)
{
    struct corpus *corpus = what;
    struct heldout *heldout;
    int code = heldout_check(&corpus->host, NULL, corpus->problem.test, V, NULL);
    if (!code)
        code = heldout_create(&corpus->problem, &heldout, NULL);
    if (!code)
        heldout_destroy(heldout);
    return code;
}

Test(heldout, every_allocation_may_fail)
{
    struct corpus corpus;
    corpus_make(&corpus, D, V, K);
    struct rondo_matrix test = corpus_matrix(&corpus, corpus.times, D, V);
    corpus.problem.test = &test;
    cr_expect_geq(brutal_run(trial, &corpus), 16);
    corpus_fini(&corpus);
}

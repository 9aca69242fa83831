/* Top words and NPMI, from the documents themselves. */
#include "apps/lda/coherence.h"

#include "tests/support/brutal.h"
#include "tests/unit/apps_lda/corpus.h"

enum { D = 60, V = 37, K = 6, N = COHERENCE_WORDS };

static double documents_with(const struct corpus *corpus, int64_t i, int64_t j)
{
    double count = 0;
    for (int64_t d = 0; d < corpus->documents; d++)
        count += corpus->times[d * corpus->words + i] && corpus->times[d * corpus->words + j];
    return count;
}

/* The mean over pairs of a topic's words; 0 for fewer than two. */
static double truth(const struct corpus *corpus, const int32_t *top, int32_t n)
{
    double sum = 0, pairs = 0, all = (double)corpus->documents;
    for (int i = 0; i < n && top[i] >= 0; i++)
        for (int j = i + 1; j < n && top[j] >= 0; j++) {
            double a = documents_with(corpus, top[i], top[i]) / all, b = documents_with(corpus, top[j], top[j]) / all;
            double both = documents_with(corpus, top[i], top[j]) / all;
            sum += both == 0 ? -1 : both == 1 ? 1 : log(both / (a * b)) / -log(both);
            pairs++;
        }
    return pairs > 0 ? sum / pairs : 0;
}

Test(coherence, top_words_come_by_count_and_then_by_number)
{
    struct corpus corpus;
    int32_t top[K * V];
    corpus_make(&corpus, D, V, K);
    cr_assert_eq(top_words(&corpus.view, V, top, NULL), RONDO_OK);
    for (int k = 0; k < K; k++) {
        int has = 0, listed = 0;
        for (int64_t w = 0; w < V; w++)
            has += corpus.has[w * K + k] > 0;
        for (int i = 0; i < V && top[k * V + i] >= 0; i++, listed++) {
            int32_t w = top[k * V + i], before = i ? top[k * V + i - 1] : -1;
            cr_expect_gt(corpus.has[w * K + k], 0);
            if (i)
                cr_expect(corpus.has[before * K + k] > corpus.has[w * K + k]
                          || (corpus.has[before * K + k] == corpus.has[w * K + k] && before < w));
        }
        cr_expect_eq(listed, has);
        for (int i = listed; i < V; i++)
            cr_expect_eq(top[k * V + i], -1);
    }
    int32_t few[K * 3]; /* the first of the same order */
    cr_assert_eq(top_words(&corpus.view, 3, few, NULL), RONDO_OK);
    for (int i = 0; i < K * 3; i++)
        cr_expect_eq(few[i], top[i / 3 * V + i % 3]);
    corpus_fini(&corpus);
}

Test(coherence, it_is_the_mean_npmi_of_pairs_on_any_threads)
{
    for (int32_t n = 1; n <= COHERENCE_MOST; n += 3) {
        struct corpus corpus;
        int32_t top[K * COHERENCE_MOST];
        double of_topic[K], mean[3], sum = 0, judged = 0;
        corpus_make(&corpus, D, V, K);
        cr_assert_eq(top_words(&corpus.view, n, top, NULL), RONDO_OK);
        for (threads = 0; threads < 3; threads++)
            cr_assert_eq(coherence(&corpus.view, top, n, threads ? of_topic : NULL, mean + threads, NULL), RONDO_OK);
        threads = 1;
        for (int k = 0; k < K; k++) {
            cr_expect_float_eq(of_topic[k], truth(&corpus, top + k * n, n), 1e-12);
            sum += of_topic[k];
            judged += n > 1 && top[k * n + 1] >= 0;
        }
        cr_expect(n == 1 || judged == K - 1); /* the last topic has no words */
        cr_expect_float_eq(mean[0], judged > 0 ? sum / judged : 0, 1e-12);
        cr_expect(mean[0] == mean[1] && mean[1] == mean[2]);
        corpus_fini(&corpus);
    }
}

/* Words 1 and 2 in every document, 3 and 4 never together. */
Test(coherence, always_is_1_and_never_is_minus_1)
{
    struct corpus corpus;
    int32_t top[4] = { 1, 2, 3, 4 };
    double of_topic[2], mean;
    corpus_make(&corpus, D, V, 2);
    memset(corpus.times, 0, D * V * sizeof *corpus.times);
    for (int64_t d = 0; d < D; d++) {
        corpus.times[d * V + 1] = 1;
        corpus.times[d * V + 2] = 3;
        corpus.times[d * V + 3 + d % 2] = 2;
    }
    corpus_cut_documents(&corpus);
    cr_assert_eq(coherence(&corpus.view, top, 2, of_topic, &mean, NULL), RONDO_OK);
    cr_expect_eq(of_topic[0], 1);
    cr_expect_eq(of_topic[1], -1);
    cr_expect_eq(mean, 0);
    corpus_fini(&corpus);
}

static int trial(void *what)
{
    struct corpus *corpus = what;
    int32_t top[K * N];
    double mean;
    int code = top_words(&corpus->view, N, top, NULL);
    return code ? code : coherence(&corpus->view, top, N, NULL, &mean, NULL);
}

Test(coherence, every_allocation_may_fail)
{
    struct corpus corpus;
    corpus_make(&corpus, D, V, K);
    cr_expect_geq(brutal_run(trial, &corpus), 8);
    corpus_fini(&corpus);
}

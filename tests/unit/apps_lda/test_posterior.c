/* The whole app on 3 documents of 4 words and 12 tokens, 2 topics, against the posterior by enumeration of all
 * 4096 states: exact with one block in flight; with three, where totals are those of the round before, near. */
#include "tests/support/lda_drive.h"
#include "tests/support/lda_visit.h"
#include "tests/support/scale.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

enum { DOCUMENTS = 3, WORDS = 4, TOPICS = 2, TOKENS = 12, STATES = 1 << TOKENS, THIN = 5, BURN = 200 };

static const int32_t times[DOCUMENTS * WORDS] = { 2, 1, 0, 1, 0, 2, 1, 1, 1, 0, 2, 1 };
static const double alpha[TOPICS] = { 0.4, 0.9 }, beta = 0.3;

/* A state's bits are the tokens' topics, in the order of documents, words. */
static int first_token(int64_t document, int64_t word)
{
    int before = 0;
    for (int64_t i = 0; i < document * WORDS + word; i++)
        before += times[i];
    return before;
}

/* log p(z, w) but for a constant: with exact counts alone, no code of the app. */
static double joint(int state)
{
    int n_dk[DOCUMENTS][TOPICS] = { { 0 } }, n_kw[TOPICS][WORDS] = { { 0 } }, n_k[TOPICS] = { 0 }, token = 0;
    double sum = 0;
    for (int i = 0; i < DOCUMENTS * WORDS; i++)
        for (int j = 0; j < times[i]; j++, token++) {
            int k = state >> token & 1;
            n_dk[i / WORDS][k]++;
            n_kw[k][i % WORDS]++;
            n_k[k]++;
        }
    for (int k = 0; k < TOPICS; k++) {
        for (int d = 0; d < DOCUMENTS; d++)
            sum += lgamma(n_dk[d][k] + alpha[k]);
        for (int w = 0; w < WORDS; w++)
            sum += lgamma(n_kw[k][w] + beta);
        sum -= lgamma(n_k[k] + WORDS * beta);
    }
    return sum;
}

static void posterior(double *p)
{
    double all = 0;
    for (int i = 0; i < STATES; i++)
        all += p[i] = exp(joint(i));
    for (int i = 0; i < STATES; i++)
        p[i] /= all;
}

static int state_of(const struct lda_drive *drive)
{
    int used[DOCUMENTS * WORDS] = { 0 }, state = 0;
    int64_t pair = 0;
    for (struct lda_place at = { .tile = -1 }; lda_drive_next(&drive->problem, &at, &pair);) {
        int64_t cell = at.document * WORDS + at.word;
        for (int32_t i = 0; i < at.count; i++)
            state |= (int)lda_drive_topic(drive, &at, i) << (first_token(at.document, at.word) + used[cell]++);
    }
    return state;
}

static void chain(int32_t parts, bool mh, int64_t draws, int64_t *drawn)
{
    struct lda_corpus corpus = { DOCUMENTS, WORDS, times };
    struct lda_form form = { .topics = TOPICS, .alpha = alpha, .beta = beta, .parts = parts, .mh = mh, .seed = 17 };
    struct lda_drive drive;
    lda_drive_init(&drive, &corpus, &form);
    cr_assert_eq(drive.problem.parts, parts);
    cr_assert_eq(drive.problem.tokens, TOKENS);
    for (int64_t sweep = 0; sweep < BURN + draws * THIN; sweep++) {
        cr_assert_eq(lda_drive_sweep(&drive, 0), RONDO_OK);
        if (sweep >= BURN && sweep % THIN == 0)
            drawn[state_of(&drive)]++;
    }
    lda_drive_fini(&drive);
}

/* Half the sum of the differences: of all states, and of how many tokens have the first topic. */
static double distance(const double *p, const int64_t *drawn, int64_t draws, bool by_count)
{
    double off[TOKENS + 1] = { 0 }, all = 0;
    for (int i = 0; i < STATES; i++) {
        double one = (double)drawn[i] / (double)draws - p[i];
        all += fabs(one);
        off[__builtin_popcount((unsigned)i)] += one;
    }
    for (int n = 0; n <= TOKENS && by_count; n++)
        all = (n ? all : 0) + fabs(off[n]);
    return all / 2;
}

static double p[STATES];
static int64_t drawn[STATES];

Test(posterior, is_that_of_the_chain_with_one_block_in_flight)
{
    int64_t draws = scale_runs(100000);
    posterior(p);
    for (int mh = 0; mh < 2; mh++) {
        memset(drawn, 0, sizeof drawn);
        chain(1, mh, draws, drawn);
        double off = lda_chi_square(p, drawn, STATES, draws);
        fprintf(stderr, "%s, one block: chi-square %.2f deviations off, distance %.5f of states, %.5f of counts\n",
                mh ? "mh" : "exact", off, distance(p, drawn, draws, false), distance(p, drawn, draws, true));
        cr_expect_lt(off, 4);
    }
}

Test(posterior, is_near_with_three_blocks_in_flight)
{
    int64_t draws = scale_runs(100000);
    posterior(p);
    for (int mh = 0; mh < 2; mh++) {
        memset(drawn, 0, sizeof drawn);
        chain(3, mh, draws, drawn);
        double states = distance(p, drawn, draws, false), counts = distance(p, drawn, draws, true);
        fprintf(stderr, "%s, three blocks: chi-square %.2f deviations off, distance %.5f of states, %.5f of counts\n",
                mh ? "mh" : "exact", lda_chi_square(p, drawn, STATES, draws), states, counts);
        cr_expect(counts > 0 && counts < 0.1, "%g", counts);
        cr_expect(states > 0 && states < 0.2, "%g", states);
    }
}

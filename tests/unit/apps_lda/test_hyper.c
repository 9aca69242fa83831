/* Hyper-parameters, found again in counts that were drawn with them. */
#include "apps/lda/hyper.h"
#include "tests/support/lda_counts.h"

#include <criterion/criterion.h>
#include <math.h>
#include <rondo/rng.h>
#include <stdlib.h>

enum { DOCUMENTS = 1500, TOPICS = 33, WORDS = 300 };

struct fixture {
    double alpha[TOPICS], beta;
    int32_t n_dk[DOCUMENTS * TOPICS], n_kw[WORDS * TOPICS];
    struct lda_counts counts;
};

/* Tokens of one owner from Dirichlet(weight), that integrated out: each as those before it and the weight say
 * (Polya's urn), which needs no gamma variate. */
static void draw(int32_t *n, int64_t stride, const double *weight, int64_t kinds, int64_t tokens, uint64_t seed,
                 uint64_t owner)
{
    double sum = 0;
    for (int64_t k = 0; k < kinds; k++)
        sum += weight[k];
    for (int64_t i = 0; i < tokens; i++) {
        double u = rondo_rng_unit(seed, owner, 300, (uint64_t)i) * (sum + (double)i);
        int64_t k = 0;
        while (k < kinds - 1 && (u -= n[k * stride] + weight[k]) >= 0)
            k++;
        n[k * stride]++;
    }
}

static struct statistics bind(struct fixture *f, bool uniform)
{
    lda_counts_make(&f->counts, &(struct lda_counts_form){ .rows = true, .uniform = uniform }, DOCUMENTS, WORDS,
                    TOPICS, f->n_dk, f->n_kw, f->alpha, f->beta);
    return lda_counts_statistics(&f->counts);
}

/* Documents of 20 to 140 tokens; topics of 400. */
static struct statistics make(struct fixture *f, uint64_t seed, bool uniform)
{
    double beta[WORDS];
    memset(f, 0, sizeof *f);
    for (int k = 0; k < TOPICS; k++)
        f->alpha[k] = uniform ? 0.2 : 0.03 * (1 + k % 11);
    f->beta = 0.05;
    for (int w = 0; w < WORDS; w++)
        beta[w] = f->beta;
    for (int d = 0; d < DOCUMENTS; d++)
        draw(f->n_dk + d * TOPICS, 1, f->alpha, TOPICS, 20 + d % 121, seed, (uint64_t)d);
    for (int k = 0; k < TOPICS; k++)
        draw(f->n_kw + k, TOPICS, beta, WORDS, 400, seed + 1, (uint64_t)k);
    return bind(f, uniform);
}

/* The likelihood's slope in log x is that of the fixed point if it falls on both sides; its curvature says how
 * far x may be from the true one by chance: five standard errors. */
static double five_errors(long double below, long double at, long double above, double step)
{
    cr_assert(at > below && at > above, "no maximum: %.17Lg, %.17Lg, %.17Lg", below, at, above);
    const long double slope = (above - below) / (2 * step), curvature = (2 * at - above - below) / (step * step);
    cr_assert(fabsl(slope) < 1e-4L * curvature, "%Lg from the maximum", slope / curvature);
    return 5 / sqrt((double)curvature);
}

static double log_at(const struct statistics *s, const double *alpha, int topic, double by, double beta)
{
    double moved[TOPICS];
    for (int k = 0; k < TOPICS; k++)
        moved[k] = alpha[k] * (topic < 0 || topic == k ? exp(by) : 1);
    return likelihood(s, moved, beta);
}

Test(hyper, one_alpha_for_all_is_found_again)
{
    struct fixture *f = calloc(1, sizeof *f);
    static const double starts[] = { 0.2, 5, 1e-4 };
    for (int i = 0; i < 3; i++) {
        const struct statistics s = make(f, 11, true);
        double alpha[TOPICS];
        for (int k = 0; k < TOPICS; k++)
            alpha[k] = starts[i];
        const int iterations = hyper_alpha(&s, alpha);
        cr_assert(iterations > 1 && iterations < 300, "%d iterations", iterations);
        for (int k = 1; k < TOPICS; k++)
            cr_assert_eq(alpha[k], alpha[0]);
        const double error = five_errors(log_at(&s, alpha, -1, -1e-3, 1), log_at(&s, alpha, -1, 0, 1),
                                         log_at(&s, alpha, -1, 1e-3, 1), 1e-3);
        cr_assert(error < 0.1 && fabs(log(alpha[0] / 0.2)) < error, "%g, not 0.2", alpha[0]);
        lda_counts_free(&f->counts);
    }
    free(f);
}

Test(hyper, an_alpha_for_each_topic_is_found_again)
{
    struct fixture *f = calloc(1, sizeof *f);
    const struct statistics s = make(f, 12, false);
    double alpha[TOPICS];
    for (int k = 0; k < TOPICS; k++)
        alpha[k] = 50.0 / TOPICS;
    const int iterations = hyper_alpha(&s, alpha);
    cr_assert(iterations < 300, "%d iterations", iterations);
    for (int k = 0; k < TOPICS; k++) {
        const double error = five_errors(log_at(&s, alpha, k, -1e-2, 1), log_at(&s, alpha, k, 0, 1),
                                         log_at(&s, alpha, k, 1e-2, 1), 1e-2);
        cr_assert(error < 0.7 && fabs(log(alpha[k] / f->alpha[k])) < error, "topic %d: %g, not %g", k, alpha[k],
                  f->alpha[k]);
    }
    lda_counts_free(&f->counts);
    free(f);
}

Test(hyper, beta_is_found_again)
{
    struct fixture *f = calloc(1, sizeof *f);
    static const double starts[] = { 0.05, 3, 1e-5 };
    for (int i = 0; i < 3; i++) {
        const struct statistics s = make(f, 13, true);
        double beta = starts[i];
        cr_assert(hyper_beta(&s, &beta) < 300);
        const double error = five_errors(likelihood(&s, f->alpha, beta * exp(-1e-3)), likelihood(&s, f->alpha, beta),
                                         likelihood(&s, f->alpha, beta * exp(1e-3)), 1e-3);
        cr_assert(error < 0.2 && fabs(log(beta / 0.05)) < error, "%g, not 0.05", beta);
        lda_counts_free(&f->counts);
    }
    free(f);
}

Test(hyper, no_step_lowers_the_likelihood)
{
    struct fixture *f = calloc(1, sizeof *f);
    const struct statistics s = make(f, 14, false);
    double alpha[TOPICS], beta = 2;
    for (int k = 0; k < TOPICS; k++)
        alpha[k] = 1e-3 * (k + 1);
    const double before = likelihood(&s, alpha, beta);
    hyper_alpha(&s, alpha);
    const double between = likelihood(&s, alpha, beta);
    hyper_beta(&s, &beta);
    cr_assert(before < between && between < likelihood(&s, alpha, beta));
    lda_counts_free(&f->counts);
    free(f);
}

/* ---- where there is no maximum ---------------------------------------------------------------------------------- */

static void expect_within(const double *value, int count)
{
    for (int k = 0; k < count; k++)
        cr_assert(value[k] >= HYPER_LEAST && value[k] <= HYPER_MOST, "%g", value[k]);
}

static void check_bounds(struct fixture *f, double start, double *alpha, double *beta)
{
    for (int uniform = 0; uniform < 2; uniform++) {
        const struct statistics s = bind(f, uniform);
        for (int k = 0; k < TOPICS; k++)
            alpha[k] = start;
        *beta = start;
        hyper_alpha(&s, alpha);
        hyper_beta(&s, beta);
        expect_within(alpha, TOPICS);
        expect_within(beta, 1);
        lda_counts_free(&f->counts);
    }
}

Test(hyper, topics_without_tokens_keep_the_least)
{
    struct fixture *f = calloc(1, sizeof *f);
    double alpha[TOPICS], beta;
    for (int d = 0; d < DOCUMENTS; d++)
        for (int k = 1; k < 5; k++)
            f->n_dk[d * TOPICS + k] = (d + k) % 4;
    check_bounds(f, 0.5, alpha, &beta);
    const struct statistics s = bind(f, false);
    hyper_alpha(&s, alpha);
    cr_assert_eq(alpha[0], HYPER_LEAST);
    cr_assert_eq(alpha[20], HYPER_LEAST);
    cr_assert(alpha[2] > 0.1);
    lda_counts_free(&f->counts);
    free(f);
}

Test(hyper, owners_all_alike_or_of_one_kind_stay_within_bounds)
{
    struct fixture *f = calloc(1, sizeof *f);
    double alpha[TOPICS], beta;
    for (int i = 0; i < DOCUMENTS * TOPICS; i++) /* alpha would be infinite */
        f->n_dk[i] = 50;
    for (int i = 0; i < WORDS * TOPICS; i++)
        f->n_kw[i] = 50;
    check_bounds(f, 9000, alpha, &beta);
    cr_assert(alpha[0] > 9000 && beta > 9000);
    memset(f->n_dk, 0, sizeof f->n_dk);
    memset(f->n_kw, 0, sizeof f->n_kw);
    for (int d = 0; d < DOCUMENTS; d++) /* alpha would be 0 */
        f->n_dk[d * TOPICS + d % TOPICS] = 5;
    for (int k = 0; k < TOPICS; k++)
        f->n_kw[k * TOPICS + k] = 1000;
    check_bounds(f, 0.5, alpha, &beta);
    cr_assert(alpha[0] < 0.01 && beta < 0.01);
    check_bounds(f, HYPER_LEAST / 2, alpha, &beta);
    cr_assert_eq(alpha[0], HYPER_LEAST);
    cr_assert_eq(beta, HYPER_LEAST);
    free(f);
}

Test(hyper, without_tokens_nothing_changes)
{
    struct fixture *f = calloc(1, sizeof *f);
    double alpha[TOPICS], beta;
    check_bounds(f, 0.5, alpha, &beta);
    cr_assert_eq(alpha[0], 0.5);
    cr_assert_eq(beta, 0.5);
    free(f);
}

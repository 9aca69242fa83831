/* The joint log-likelihood, against lgammal of the C library, and against the chain rule: the tokens drawn one
 * after the other, each with its predictive probability, no gamma function in it. */
#include "apps/lda/likelihood.h"
#include "apps/lda/rising.h"
#include "tests/support/lda_counts.h"

#include <criterion/criterion.h>
#include <math.h>
#include <rondo/rng.h>
#include <stdlib.h>

enum { DOCUMENTS = 60, WORDS = 41, TOPICS = 35, MEAN = 90 };

struct fixture {
    double alpha[TOPICS], beta;
    int32_t n_dk[DOCUMENTS * TOPICS], n_kw[WORDS * TOPICS];
    int64_t n_d[DOCUMENTS], n_k[TOPICS];
    long double chain; /* log p(w, z) by the chain rule */
    struct lda_counts counts;
};

/* Tokens with any topics: the likelihood is that of any state. */
static void make(struct fixture *f, uint64_t seed, bool uniform, double scale)
{
    long double alpha_sum = 0;
    memset(f, 0, sizeof *f);
    for (int k = 0; k < TOPICS; k++)
        alpha_sum += f->alpha[k] = scale * (uniform ? 1 : 0.1 + rondo_rng_unit(seed, 0, 300, (uint64_t)k));
    f->beta = scale / 10;
    for (int d = 1; d < DOCUMENTS; d++) /* the first is empty */
        for (int i = 0; i < MEAN * (d % 7); i++) {
            double u = rondo_rng_unit(seed, (uint64_t)d, 301, (uint64_t)i);
            double v = rondo_rng_unit(seed, (uint64_t)d, 302, (uint64_t)i);
            int k = (int)((TOPICS - 1) * u * u * u), w = (int)(WORDS * v * v);
            f->chain += logl((f->n_dk[d * TOPICS + k]++ + (long double)f->alpha[k]) / (f->n_d[d]++ + alpha_sum));
            f->chain += logl((f->n_kw[w * TOPICS + k]++ + (long double)f->beta) /
                             (f->n_k[k]++ + WORDS * (long double)f->beta));
        }
    const struct lda_counts_form form = { .uniform = uniform, .rows = seed % 2, .heavy = 1 };
    lda_counts_make(&f->counts, &form, DOCUMENTS, WORDS, TOPICS, f->n_dk, f->n_kw, f->alpha, f->beta);
}

static long double log_gamma(long double x)
{
    int sign;
    return lgammal_r(x, &sign);
}

/* The formula of likelihood.h, term by term. */
static long double plain(const struct fixture *f)
{
    long double sum = 0, alpha_sum = 0, beta_sum = WORDS * (long double)f->beta;
    for (int k = 0; k < TOPICS; k++)
        alpha_sum += f->alpha[k];
    for (int d = 0; d < DOCUMENTS; d++) {
        sum += log_gamma(alpha_sum) - log_gamma(alpha_sum + f->n_d[d]);
        for (int k = 0; k < TOPICS; k++)
            sum += log_gamma(f->n_dk[d * TOPICS + k] + (long double)f->alpha[k]) - log_gamma(f->alpha[k]);
    }
    for (int k = 0; k < TOPICS; k++) {
        sum += log_gamma(beta_sum) - log_gamma(f->n_k[k] + beta_sum);
        for (int w = 0; w < WORDS; w++)
            sum += log_gamma(f->n_kw[w * TOPICS + k] + (long double)f->beta) - log_gamma(f->beta);
    }
    return sum;
}

Test(likelihood, it_is_the_formula_and_the_chain_rule)
{
    static const double scales[] = { 1e-6, 0.01, 0.5, 3, 400 };
    struct fixture *f = calloc(1, sizeof *f);
    for (int i = 0; i < 10; i++) {
        make(f, (uint64_t)i, i % 2, scales[i / 2]);
        const struct statistics s = lda_counts_statistics(&f->counts);
        const long double got = likelihood(&s, f->alpha, f->beta);
        cr_assert(f->chain < -1000);
        cr_assert(fabsl(got - f->chain) <= 1e-12L * -f->chain, "%.17Lg, by the chain rule %.17Lg", got, f->chain);
        cr_assert(fabsl(got - plain(f)) <= 1e-12L * -f->chain, "%.17Lg, term by term %.17Lg", got, plain(f));
        lda_counts_free(&f->counts);
    }
    free(f);
}

Test(likelihood, without_tokens_it_is_certain)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->beta = 0.1;
    for (int k = 0; k < TOPICS; k++)
        f->alpha[k] = 0.5;
    lda_counts_make(&f->counts, &(struct lda_counts_form){ .uniform = true }, DOCUMENTS, WORDS, TOPICS, f->n_dk,
                    f->n_kw, f->alpha, f->beta);
    const struct statistics s = lda_counts_statistics(&f->counts);
    cr_assert_eq(likelihood(&s, f->alpha, f->beta), 0);
    lda_counts_free(&f->counts);
    free(f);
}

/* ---- rising factorials ---------------------------------------------------------------------------------------- */

static const double starts[] = { 1e-8, 1e-3, 0.1, 0.5, 1, 7.3, 15.999, 16, 290.14, 1e4, 3e6 };
static const uint64_t lengths[] = { 0, 1, 2, 5, 6, 7, 16, 17, 48, 49, 100, 1000, 100000, 3000000 };

Test(rising, logarithms_are_those_of_the_library)
{
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        for (size_t j = 0; j < sizeof lengths / sizeof *lengths; j++)
            for (uint64_t from = 0; from < 40; from += 13) {
                const long double a = starts[i], n = lengths[j], got = rising_log(a, from, from + lengths[j]);
                const long double wanted = log_gamma(a + from + n) - log_gamma(a + from);
                /* The library's difference cancels too. */
                const long double error = 1e-15L * fmaxl(fabsl(wanted), n) + 1e-18L * log_gamma(a + from + n);
                cr_assert(fabsl(got - wanted) <= error, "a %Lg, %llu + %Lg: %.20Lg, not %.20Lg", a,
                          (unsigned long long)from, n, got, wanted);
            }
}

Test(rising, derivatives_are_the_sums_that_they_stand_for)
{
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        for (size_t j = 0; j < sizeof lengths / sizeof *lengths; j++) {
            long double sum = 0;
            for (uint64_t k = lengths[j]; k--;)
                sum += 1 / ((long double)starts[i] + k);
            const double got = rising_psi(starts[i], 0, lengths[j]);
            cr_assert(fabsl(got - sum) <= 1e-13L * sum, "a %g, n %llu: %.17g, not %.17Lg", starts[i],
                      (unsigned long long)lengths[j], got, sum);
        }
}

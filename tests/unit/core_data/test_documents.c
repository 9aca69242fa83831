/* Expected figures come from the recipe's closed forms: Poisson lengths, Dirichlet means and variances. */
#include "core/data/documents.h"

#include "tests/support/brutal.h"
#include "tests/unit/core_data/scratch.h"

#include <math.h>

static const struct documents_recipe bars = { .design = DOCUMENTS_BARS, .documents = 3000, .words = 25, .tokens = 40,
                                           .alpha = 0.5, .seed = 4 };
static const struct documents_recipe zipf = { .design = DOCUMENTS_ZIPF, .documents = 2000, .words = 400, .topics = 30,
                                           .tokens = 60, .alpha = 0.1, .beta = 0.05, .seed = 5 };

static struct data_set *make(struct documents_recipe recipe, double **topics)
{
    struct data_set *set;
    struct rondo_error err = { 0 };
    cr_assert_eq(documents_generate(&recipe, &set, topics, &err), RONDO_OK, "%s %s", err.where, err.what);
    cr_assert(set->x.sparse && set->x.rows == recipe.documents && set->x.cols == recipe.words);
    return set;
}

Test(documents, a_bar_is_a_row_or_a_column_of_the_square)
{
    double *topics;
    struct data_set *set = make(bars, &topics);
    char name[DOCUMENTS_NAME];
    cr_assert_eq(documents_topics(&bars), 10);
    for (int k = 0; k < 10; k++)
        for (int w = 0; w < 25; w++)
            cr_expect_eq(topics[k + 10 * w], (k < 5 ? w / 5 == k : w % 5 == k - 5) ? 0.2 : 0);
    documents_name(&bars, 13, name);
    cr_expect_str_eq(name, "r2c3");
    mem_free(topics);
    data_free(set);
}

/* Poisson(m): mean m, variance m; of n documents the mean is off by sqrt(m / n), and the variance by
 * about sqrt(2 / n) of it. */
static void lengths_are_poisson(const struct documents_recipe *recipe, const struct rondo_matrix *x)
{
    double *length = mem_calloc((size_t)x->rows, sizeof *length), sum = 0, squares = 0;
    for (int64_t at = 0; at < x->nnz; at++) {
        cr_assert(x->values[at] >= 1 && x->values[at] == floor(x->values[at]));
        length[x->rowidx[at]] += x->values[at];
    }
    double n = (double)x->rows, m = recipe->tokens;
    for (int64_t i = 0; i < x->rows; i++) {
        sum += length[i];
        squares += (length[i] - m) * (length[i] - m);
    }
    cr_expect_float_eq(sum / n, m, 4 * sqrt(m / n));
    cr_expect_float_eq(squares / n, m, 5 * m * sqrt(2 / n));
    mem_free(length);
}

/* The share of each word among all tokens is the mean of phi over the topics, each as frequent as any. */
Test(documents, documents_are_of_their_topics_and_of_poisson_lengths)
{
    const struct documents_recipe *const recipes[] = { &bars, &zipf };
    for (int i = 0; i < 2; i++) {
        double *topics, tokens = 0, off = 0;
        int64_t many = documents_topics(recipes[i]);
        struct data_set *set = make(*recipes[i], &topics);
        const struct rondo_matrix *x = &set->x;
        lengths_are_poisson(recipes[i], x);
        for (int64_t at = 0; at < x->nnz; at++)
            tokens += x->values[at];
        for (int64_t w = 0; w < x->cols; w++) {
            double mean = 0, had = 0;
            for (int64_t k = 0; k < many; k++)
                mean += topics[k + many * w] / (double)many;
            for (int64_t at = x->colptr[w]; at < x->colptr[w + 1]; at++)
                had += x->values[at];
            off += fabs(had / tokens - mean) / 2;
        }
        cr_expect_lt(off, 0.04, "design %d: distance %g", i, off);
        mem_free(topics);
        data_free(set);
    }
}

/* phi_kw ~ Dirichlet with shapes a_w of sum A: mean a_w / A. */
Test(documents, zipfs_topics_are_shares_whose_means_fall_as_the_rank)
{
    enum { TOPICS = 3000, WORDS = 50 };
    struct documents_recipe recipe = zipf;
    recipe.documents = 1;
    recipe.topics = TOPICS;
    recipe.words = WORDS;
    double *topics, harmonic = 0;
    struct data_set *set = make(recipe, &topics);
    for (int w = 0; w < WORDS; w++)
        harmonic += 1.0 / (w + 1);
    for (int k = 0; k < TOPICS; k++) {
        double sum = 0;
        for (int w = 0; w < WORDS; w++) {
            cr_assert(topics[k + TOPICS * w] >= 0);
            sum += topics[k + TOPICS * w];
        }
        cr_assert_float_eq(sum, 1, 1e-12);
    }
    for (int w = 0; w < WORDS; w++) {
        double mean = 0, wanted = 1 / (harmonic * (w + 1)), total = recipe.beta * WORDS;
        for (int k = 0; k < TOPICS; k++)
            mean += topics[k + TOPICS * w] / TOPICS;
        cr_expect_float_eq(mean, wanted, 4.5 * sqrt(wanted * (1 - wanted) / (total + 1) / TOPICS), "word %d", w);
    }
    char name[DOCUMENTS_NAME];
    documents_name(&recipe, 123, name);
    cr_expect_str_eq(name, "w000123");
    mem_free(topics);
    data_free(set);
}

Test(documents, the_smallest_shapes_make_no_number_that_is_none)
{
    struct documents_recipe recipe = zipf;
    recipe.alpha = 1e-9;
    recipe.beta = 1e-9;
    recipe.documents = 50;
    double *topics;
    struct data_set *set = make(recipe, &topics);
    for (int64_t i = 0; i < recipe.topics * recipe.words; i++)
        cr_assert(isfinite(topics[i]));
    cr_expect_leq(set->x.nnz, 50, "a document has one word");
    mem_free(topics);
    data_free(set);
}

Test(documents, a_recipe_makes_the_same_and_another_seed_something_else)
{
    double *one, *two, *three;
    struct documents_recipe other = zipf;
    other.seed++;
    struct data_set *a = make(zipf, &one), *b = make(zipf, &two), *c = make(other, &three);
    size_t bytes = (size_t)(zipf.topics * zipf.words) * sizeof *one;
    cr_assert_eq(a->x.nnz, b->x.nnz);
    cr_expect(memcmp(a->x.rowidx, b->x.rowidx, (size_t)a->x.nnz * sizeof(int32_t)) == 0);
    cr_expect(memcmp(a->x.values, b->x.values, (size_t)a->x.nnz * sizeof(double)) == 0);
    cr_expect(memcmp(one, two, bytes) == 0);
    cr_expect(memcmp(one, three, bytes) != 0 && a->x.nnz != c->x.nnz);
    mem_free(one);
    mem_free(two);
    mem_free(three);
    data_free(a);
    data_free(b);
    data_free(c);
}

/* Documents are keyed by their number: more of them change none. */
Test(documents, more_documents_leave_the_first_as_they_are)
{
    double *one, *two;
    struct documents_recipe fewer = bars;
    fewer.documents = 100;
    struct data_set *all = make(bars, &one), *some = make(fewer, &two);
    for (int64_t w = 0; w < 25; w++)
        for (int64_t i = 0; i < 100; i += 7)
            cr_expect_eq(scratch_at(&all->x, i, w), scratch_at(&some->x, i, w));
    mem_free(one);
    mem_free(two);
    data_free(all);
    data_free(some);
}

Test(documents, a_recipe_that_cannot_be_is_named)
{
    struct rondo_error err = { 0 };
    struct data_set *set = NULL;
    double *topics;
    struct documents_recipe bad[7] = { bars, bars, bars, zipf, zipf, zipf, zipf };
    static const char *const names[] = { "words", "tokens", "documents", "topics", "alpha", "beta", "words" };
    bad[0].words = 26;
    bad[1].tokens = 0;
    bad[2].documents = 0;
    bad[3].topics = 0;
    bad[4].alpha = NAN;
    bad[5].beta = -1;
    bad[6].words = 1 << 25;
    for (int i = 0; i < 7; i++, err = (struct rondo_error){ 0 }) {
        cr_expect_eq(documents_generate(&bad[i], &set, &topics, &err), RONDO_EINPUT);
        cr_expect_str_eq(err.where, names[i]);
    }
}

static int trial(void *what)
{
    double *topics = NULL;
    struct data_set *set = NULL;
    struct rondo_error err = { 0 };
    int code = documents_generate(what, &set, &topics, &err);
    mem_free(topics);
    data_free(set);
    return code;
}

Test(documents, any_allocation_may_fail)
{
    struct documents_recipe recipe = bars;
    recipe.documents = 3;
    cr_expect_geq(brutal_run(trial, &recipe), 8);
}

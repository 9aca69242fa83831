/* Expected figures come from the recipe's closed forms: normal moments, Zipf shares, a binomial split. */
#include "core/data/ratings_made.h"

#include "core/base/mem.h"
#include "tests/support/brutal.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static const struct ratings_recipe stars = {
    .users = 1500, .items = 900, .ratings = 90000, .rank = 6, .mean = 3.5, .user_bias = 0.35, .item_bias = 0.4,
    .spread = 0.5, .noise = 0.8, .user_zipf = 0.7, .user_shift = 20, .item_zipf = 0.9, .item_shift = 30,
    .test = 0.1, .seed = 3 };
static const struct ratings_recipe planted = { .users = 300, .items = 200, .ratings = 20000, .rank = 3, .spread = 1,
                                               .test = 0.25, .seed = 4 };

static struct ratings_made *make(struct ratings_recipe recipe)
{
    struct ratings_made *made;
    struct rondo_error err = { 0 };
    cr_assert_eq(ratings_made_create(&recipe, &made, &err), RONDO_OK, "%s %s", err.where, err.what);
    return made;
}

static double score(const struct ratings_made *made, int64_t user, int64_t item)
{
    double sum = 0;
    for (int64_t f = 0; f < made->recipe.rank; f++)
        sum += made->user[user * made->recipe.rank + f] * made->item[item * made->recipe.rank + f];
    return sum;
}

/* Mean and deviation of n numbers. */
static void moments(double sum, double squares, double n, double mean, double deviation, const char *what)
{
    double had = sqrt(squares / n - sum / n * sum / n);
    cr_expect_float_eq(sum / n, mean, 4.5 * deviation / sqrt(n) + 1e-9, "%s: mean %g", what, sum / n);
    cr_expect_float_eq(had, deviation, 4.5 * deviation / sqrt(2 * n) + 1e-9, "%s: deviation %g", what, had);
}

static void moments_of(const double *x, int64_t n, double deviation, const char *what)
{
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += x[i];
        squares += x[i] * x[i];
    }
    moments(sum, squares, (double)n, 0, deviation, what);
}

Test(ratings_made, ratings_are_mean_biases_factors_and_noise_on_distinct_cells)
{
    struct ratings_made *made = make(stars);
    struct rating_made *row = mem_calloc((size_t)stars.items, sizeof *row);
    double sum = 0, squares = 0, held = 0, n = (double)stars.ratings;
    int64_t total = 0;
    for (int64_t u = 0; u < stars.users; u++) {
        int64_t count = ratings_made_row(made, u, row);
        cr_assert_eq(count, made->count[u]);
        total += count;
        for (int64_t k = 0; k < count; k++) {
            int64_t i = row[k].item;
            cr_assert(i >= 0 && i < stars.items && (k == 0 || i > row[k - 1].item), "items ascend");
            double noise = row[k].value - 3.5 - made->user_bias[u] - made->item_bias[i] - score(made, u, i);
            sum += noise;
            squares += noise * noise;
            held += row[k].test;
            cr_assert_float_eq(row[k].value * 1e4, round(row[k].value * 1e4), 1e-6, "four decimals");
        }
    }
    cr_expect_eq(total, stars.ratings);
    moments(sum, squares, n, 0, 0.8, "noise");
    moments_of(made->user_bias, stars.users, 0.35, "users' biases");
    moments_of(made->item_bias, stars.items, 0.4, "items' biases");
    double size = sqrt(0.5 / sqrt(6));
    moments_of(made->user, stars.users * stars.rank, size, "users' factors");
    moments_of(made->item, stars.items * stars.rank, size, "items' factors");
    cr_expect_float_eq(held / n, 0.1, 4.5 * sqrt(0.09 / n));
    mem_free(row);
    ratings_made_destroy(made);
}

static int falling(const void *one, const void *two)
{
    int32_t a = *(const int32_t *)one, b = *(const int32_t *)two;
    return (a < b) - (a > b);
}

/* Each user's number is its share of all to less than one, where no share is more than the items. */
Test(ratings_made, users_have_the_shares_of_their_ranks_in_an_order_at_random)
{
    struct ratings_made *made = make(stars);
    double sum = 0;
    for (int64_t k = 1; k <= stars.users; k++)
        sum += pow((double)k + 20, -0.7);
    int64_t falls = 0;
    for (int64_t u = 1; u < stars.users; u++)
        falls += made->count[u] <= made->count[u - 1];
    cr_expect(falls > stars.users / 3 && falls < stars.users * 2 / 3, "users stand by their numbers");
    qsort(made->count, (size_t)stars.users, sizeof *made->count, falling);
    for (int64_t k = 1; k <= stars.users; k++)
        cr_assert_float_eq(made->count[k - 1], (double)stars.ratings * pow((double)k + 20, -0.7) / sum, 1.001);
    ratings_made_destroy(made);
}

/* One each: by its share of the popularity exactly. */
Test(ratings_made, items_are_drawn_by_their_popularity)
{
    struct ratings_recipe recipe = stars;
    recipe.users = recipe.ratings = 200000;
    recipe.user_zipf = 0;
    recipe.items = 40;
    recipe.rank = 1;
    recipe.item_shift = 2;
    struct ratings_made *made = make(recipe);
    struct rating_made row[40];
    int32_t times[40] = { 0 };
    double sum = 0;
    for (int64_t u = 0; u < recipe.users; u++) {
        cr_assert_eq(ratings_made_row(made, u, row), 1);
        times[row[0].item]++;
    }
    qsort(times, 40, sizeof *times, falling);
    for (int k = 1; k <= 40; k++)
        sum += pow(k + 2, -0.9);
    for (int k = 1; k <= 40; k++) {
        double wanted = 200000 * pow(k + 2, -0.9) / sum;
        cr_expect_float_eq(times[k - 1], wanted, 4.5 * sqrt(wanted), "item %d", k);
    }
    ratings_made_destroy(made);
}

/* The pair {a, b} is drawn without replacement with probability w_a w_b (1 / (1 - w_a) + 1 / (1 - w_b)).  At zipf
 * 10 the commonest item fills nearly all tries, so that the second comes by its wait. */
static void pairs_are_drawn(double zipf)
{
    struct ratings_recipe recipe = { .users = 60000, .items = 3, .ratings = 120000, .rank = 1, .item_zipf = zipf };
    double w[3], sum = 0;
    for (int k = 0; k < 3; k++)
        sum += w[k] = pow(k + 1, -zipf);
    struct ratings_made *made = make(recipe);
    struct rating_made row[3];
    int32_t missed[3] = { 0 };
    for (int64_t u = 0; u < recipe.users; u++) {
        cr_assert_eq(ratings_made_row(made, u, row), 2);
        missed[3 - row[0].item - row[1].item]++;
    }
    qsort(missed, 3, sizeof *missed, falling);
    for (int k = 0; k < 3; k++) { /* the k-th most often missed is the k-th rarest */
        double a = w[(3 - k) % 3] / sum, b = w[(4 - k) % 3] / sum;
        double wanted = 60000 * a * b * (1 / (1 - a) + 1 / (1 - b));
        cr_expect_float_eq(missed[k], wanted, 4.5 * sqrt(wanted) + 1e-2, "zipf %g, %d: %d for %g", zipf, k, missed[k],
                           wanted);
    }
    ratings_made_destroy(made);
}

Test(ratings_made, items_are_drawn_one_after_the_other_without_replacement)
{
    pairs_are_drawn(3);
    pairs_are_drawn(10);
}

Test(ratings_made, planted_ratings_are_the_factors_products_as_floats)
{
    struct ratings_recipe recipes[2] = { planted, planted };
    recipes[1].nonnegative = true;
    recipes[1].users = recipes[1].items = 600;
    recipes[1].rank = 40;
    for (int j = 0; j < 2; j++) {
        struct ratings_made *made = make(recipes[j]);
        struct rating_made row[600];
        double sum = 0, squares = 0, n = (double)(recipes[j].users * recipes[j].items), deviation;
        for (int64_t u = 0; u < recipes[j].users; u++) {
            for (int64_t k = ratings_made_row(made, u, row); k-- > 0;)
                cr_assert_eq(row[k].value, (double)(float)score(made, u, row[k].item));
            for (int64_t i = 0; i < recipes[j].items; i++) {
                double s = score(made, u, i);
                cr_assert(j == 0 || s >= 0);
                sum += s;
                squares += s * s;
            }
        }
        deviation = sqrt(squares / n - sum / n * sum / n);
        cr_expect_float_eq(deviation, 1, 0.1, "the spread of %d is %g", j, deviation);
        ratings_made_destroy(made);
    }
}

/* Among items equally popular the mean of 1 / (1 + e^-s) over what is seen is E f^2 / E f, over all E f. */
Test(ratings_made, implicit_ratings_are_ones_where_the_taste_is)
{
    struct ratings_recipe recipe = planted;
    recipe.implicit = true;
    recipe.spread = 3;
    recipe.items = 2000;
    struct ratings_made *made = make(recipe);
    struct rating_made *row = mem_calloc(2000, sizeof *row);
    double seen = 0, n = 0, all = 0, squares = 0, cells = 300 * 2000;
    for (int64_t u = 0; u < recipe.users; u++) {
        for (int64_t k = ratings_made_row(made, u, row); k-- > 0; n++) {
            cr_assert_eq(row[k].value, 1);
            seen += 1 / (1 + exp(-score(made, u, row[k].item)));
        }
        for (int64_t i = 0; i < recipe.items; i++) {
            double f = 1 / (1 + exp(-score(made, u, i)));
            all += f;
            squares += f * f;
        }
    }
    cr_expect_float_eq(seen / n, squares / all, 0.02, "%g of %g", seen / n, squares / all);
    cr_expect_gt(squares / all - all / cells, 0.15);
    mem_free(row);
    ratings_made_destroy(made);
}

/* Up to the full matrix, which leaves nothing to draw. */
Test(ratings_made, the_number_of_ratings_is_exact_however_steep_and_full)
{
    static const double steep[] = { 0, 1e-17, 0.7, 10 };
    struct ratings_recipe recipe = planted;
    struct rating_made row[200];
    for (int s = 0; s < 4; s++)
        for (int64_t left = 0; left < 60000; left = left * 7 + 1) {
            recipe.user_zipf = recipe.item_zipf = steep[s];
            recipe.ratings = 60000 - left;
            struct ratings_made *made = make(recipe);
            int64_t total = 0;
            for (int64_t u = 0; u < recipe.users; u++)
                total += ratings_made_row(made, u, row);
            cr_expect_eq(total, recipe.ratings, "zipf %g: %lld", steep[s], (long long)total);
            ratings_made_destroy(made);
        }
}

Test(ratings_made, a_row_is_the_same_whoever_was_asked_for_before_and_another_seed_something_else)
{
    struct ratings_recipe other = stars;
    other.seed++;
    struct ratings_made *a = make(stars), *b = make(stars), *c = make(other);
    struct rating_made *one = mem_calloc(900, sizeof *one), *two = mem_calloc(900, sizeof *two);
    for (int64_t u = 1499; u >= 0; u -= 7)
        (void)ratings_made_row(a, u, two);
    for (int64_t u = 0; u < stars.users; u++) {
        cr_assert_eq(ratings_made_row(a, u, one), ratings_made_row(b, u, two));
        for (int64_t k = 0; k < a->count[u]; k++)
            cr_assert(one[k].item == two[k].item && one[k].value == two[k].value && one[k].test == two[k].test);
    }
    size_t bytes = (size_t)(stars.users * stars.rank) * sizeof(double);
    cr_expect(memcmp(a->user, b->user, bytes) == 0 && memcmp(a->user, c->user, bytes) != 0);
    mem_free(one);
    mem_free(two);
    ratings_made_destroy(a);
    ratings_made_destroy(b);
    ratings_made_destroy(c);
}

Test(ratings_made, a_recipe_that_cannot_be_is_named)
{
    struct rondo_error err = { 0 };
    struct ratings_made *made;
    enum { BAD = 9 };
    struct ratings_recipe bad[BAD];
    static const char *const names[BAD] = { "ratings", "ratings", "rank",      "rank", "test",
                                            "noise",   "users",   "item-zipf", "mean" };
    for (int i = 0; i < BAD; i++)
        bad[i] = stars;
    bad[0].ratings = stars.users * stars.items + 1;
    bad[1].ratings = 0;
    bad[2].rank = 0;
    bad[3].rank = 4097;
    bad[4].test = 1;
    bad[5].noise = NAN;
    bad[6].users = 0;
    bad[7].item_zipf = 11;
    bad[8].mean = INFINITY;
    for (int i = 0; i < BAD; i++, err = (struct rondo_error){ 0 }) {
        cr_expect_eq(ratings_made_create(&bad[i], &made, &err), RONDO_EINPUT);
        cr_expect_str_eq(err.where, names[i]);
    }
}

static int trial(void *what)
{
    struct ratings_made *made = NULL;
    struct rondo_error err = { 0 };
    int code = ratings_made_create(what, &made, &err);
    ratings_made_destroy(made);
    return code;
}

Test(ratings_made, any_allocation_may_fail)
{
    struct ratings_recipe recipe = planted;
    cr_expect_gt(brutal_run(trial, &recipe), 10);
}

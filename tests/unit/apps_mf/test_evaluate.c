/* What a model comes to, against loops over all cells by the definitions in evaluate.h. */
#include "apps/mf/evaluate.h"

#include "apps/mf/top.h"
#include "tests/support/brutal.h"
#include "tests/support/levels.h"
#include "tests/unit/apps_mf/small.h"

#include <rondo/flat.h>

static const char *const level[] = { "x86-64-v2", "x86-64-v3", "x86-64-v4" };

/* ---- training ------------------------------------------------------------------------------------------------ */

static long double squares(const float *row, int32_t rank)
{
    long double sum = 0;
    for (int32_t f = 0; f < rank; f++)
        sum += (long double)row[f] * row[f];
    return sum;
}

static double objective(const struct small *small, double *rmse)
{
    const struct problem *p = &small->problem;
    const struct factors *f = &small->factors;
    long double sum = 0, penalty = 0;
    int64_t user_has[SMALL_USERS] = { 0 }, item_has[SMALL_ITEMS] = { 0 }, count = 0;
    for (int64_t u = 0; u < p->users; u++)
        for (int64_t i = 0; i < p->items; i++) {
            const float r = small->rating[u * p->items + i];
            const double s = small_score(small, u, i), x = r > 0;
            if (p->implicit)
                sum += (1 + p->alpha * (isnan(r) ? 0 : (double)r)) * (x - s) * (x - s);
            if (isnan(r))
                continue;
            user_has[u]++, item_has[i]++, count++;
            if (!p->implicit)
                sum += ((double)r - s) * ((double)r - s);
        }
    *rmse = p->implicit ? (double)NAN : (double)sqrtl(sum / count);
    for (int64_t u = 0; u < p->users; u++)
        penalty += (p->weighted ? user_has[u] : 1) * (squares(f->user + u * f->rank, f->rank)
                                                      + (p->biases ? squares(f->user_bias + u, 1) : 0));
    for (int64_t i = 0; i < p->items; i++)
        penalty += (p->weighted ? item_has[i] : 1) * (squares(f->item + i * f->rank, f->rank)
                                                      + (p->biases ? squares(f->item_bias + i, 1) : 0));
    return (double)(sum + p->lambda * penalty);
}

static void expect_train(int32_t rank, bool biases, bool implicit, bool weighted)
{
    struct small small;
    double rmse, F;
    small_make(&small, rank, biases, implicit, weighted);
    F = objective(&small, &rmse);
    const struct cells by_user = small.problem.by_user;
    for (int turned = 0; turned < 2; turned++) {
        struct figures figures = { .epochs = 7 };
        if (turned)
            small.problem.by_user.col = NULL, small.problem.by_user.value = NULL;
        cr_assert_eq(evaluate_train(&small.problem, &small.factors, &figures), RONDO_OK);
        cr_expect_float_eq(figures.objective / F, 1, 1e-12, "rank %d: %.17g, not %.17g", rank, figures.objective, F);
        if (implicit)
            cr_expect(isnan(figures.rmse));
        else
            cr_expect_float_eq(figures.rmse, rmse, 1e-12);
        cr_expect_eq(figures.epochs, 7);
    }
    small.problem.by_user = by_user;
    small_fini(&small);
}

Test(evaluate, the_objective_is_that_of_its_definition)
{
    static const int32_t rank[] = { 1, 7, 8, 33 };
    for (size_t i = 0; i < sizeof rank / sizeof *rank; i++)
        for (int bits = 0; bits < 8; bits++)
            expect_train(rank[i], bits & 1, bits & 2, bits & 4);
}

/* ---- ratings held out ------------------------------------------------------------------------------------------ */

Test(evaluate, the_test_rmse_is_that_of_its_definition)
{
    for (int biases = 0; biases < 2; biases++) {
        struct small small;
        struct figures figures = { 0 };
        long double sum = 0;
        small_make(&small, 19, biases, false, true);
        for (int64_t i = 0; i < SMALL_USERS * SMALL_ITEMS; i++)
            if (!isnan(small.test[i])) {
                const double s = small_score(&small, i / SMALL_ITEMS, i % SMALL_ITEMS);
                sum += ((double)small.test[i] - s) * ((double)small.test[i] - s);
            }
        cr_assert_eq(evaluate_test(&small.problem, &small.factors, &figures), RONDO_OK);
        cr_expect_float_eq(figures.test_rmse, (double)sqrtl(sum / small.problem.test.count), 1e-12);
        cr_expect(isnan(figures.recall) && isnan(figures.ndcg));
        small_fini(&small);
    }
}

Test(evaluate, without_test_ratings_nothing_is_said)
{
    for (int implicit = 0; implicit < 2; implicit++) {
        struct small small;
        struct figures figures = { 0 };
        small_make(&small, 3, false, implicit, true);
        small.problem.test.count = 0;
        memset(small.test, 0xff, SMALL_USERS * SMALL_ITEMS * sizeof *small.test); /* NAN */
        small.problem.test = small_cells(&small, small.test, false);
        cr_assert_eq(evaluate_test(&small.problem, &small.factors, &figures), RONDO_OK);
        cr_expect(isnan(figures.test_rmse) && isnan(figures.recall) && isnan(figures.ndcg));
        small_fini(&small);
    }
}

/* ---- ranking ---------------------------------------------------------------------------------------------------- */

/* How many unseen items are better than this one: its rank less 1; scores as the kernel has them. */
static int64_t ahead(const struct small *small, const float *score, int64_t user, int64_t item)
{
    int64_t n = 0;
    for (int64_t i = 0; i < SMALL_ITEMS; i++)
        if (isnan(small->rating[user * SMALL_ITEMS + i]))
            n += score[i] > score[item] || (score[i] == score[item] && i < item);
    return n;
}

/* Factors of few halves, whose sums are exact in any order and have many ties. */
static void make_ties(struct small *small)
{
    struct factors *f = &small->factors;
    for (int64_t i = 0; i < f->users * f->rank; i++)
        f->user[i] = 0.5F * (float)(int)(3 * small_unit(8, i));
    for (int64_t i = 0; i < f->items * f->rank; i++)
        f->item[i] = 0.5F * (float)(int)(3 * small_unit(9, i));
    for (int64_t i = 0; i < f->users && f->user_bias; i++)
        f->user_bias[i] = 0.25F * (float)(int)(3 * small_unit(10, i));
    for (int64_t i = 0; i < f->items && f->item_bias; i++)
        f->item_bias[i] = 0.25F * (float)(int)(3 * small_unit(11, i));
}

static void truth(const struct small *small, int32_t k, double *recall, double *ndcg)
{
    double users = 0;
    *recall = *ndcg = 0;
    for (int64_t u = 0; u < SMALL_USERS; u++) {
        float score[SMALL_ITEMS];
        double hits = 0, gain = 0, ideal = 0;
        int64_t liked = 0;
        for (int64_t i = 0; i < SMALL_ITEMS; i++)
            score[i] = (float)small_score(small, u, i);
        for (int64_t i = 0; i < SMALL_ITEMS; i++) {
            if (!(small->test[u * SMALL_ITEMS + i] > 0))
                continue;
            const int64_t n = ahead(small, score, u, i);
            liked++;
            if (liked <= k)
                ideal += 1 / log2(1 + (double)liked);
            if (n < k && isnan(small->rating[u * SMALL_ITEMS + i]))
                hits++, gain += 1 / log2(2 + (double)n);
        }
        if (!liked)
            continue;
        users++;
        *recall += hits / (double)(liked < k ? liked : k);
        *ndcg += gain / ideal;
    }
    *recall /= users;
    *ndcg /= users;
}

Test(evaluate, recall_and_ndcg_are_those_of_their_definitions_on_every_level)
{
    static const int32_t at[] = { 1, 10, 40, 1000 };
    for (int biases = 0; biases < 2; biases++)
        for (size_t k = 0; k < sizeof at / sizeof *at; k++)
            for (int l = 0; l < levels(); l++) {
                struct small small;
                struct figures figures = { 0 };
                double recall, ndcg;
                small_level = level[l];
                small_make(&small, 5, biases, true, false);
                make_ties(&small);
                small.problem.recall_at = at[k];
                truth(&small, at[k], &recall, &ndcg);
                cr_assert_eq(evaluate_test(&small.problem, &small.factors, &figures), RONDO_OK);
                cr_expect_float_eq(figures.recall, recall, 1e-12, "%s: %g, not %g", level[l], figures.recall, recall);
                cr_expect_float_eq(figures.ndcg, ndcg, 1e-12, "%s: %g, not %g", level[l], figures.ndcg, ndcg);
                cr_expect(isnan(figures.test_rmse));
                small_fini(&small);
            }
}

/* ---- top -------------------------------------------------------------------------------------------------------- */

static void expect_top(const struct small *small, const struct top *top, int32_t seat, int64_t user)
{
    const struct best *best = top->best + (int64_t)seat * top->most;
    int64_t unseen = 0;
    for (int64_t i = 0; i < SMALL_ITEMS; i++)
        unseen += isnan(small->rating[user * SMALL_ITEMS + i]);
    cr_assert_eq(top->found[seat], unseen < top->most ? unseen : top->most);
    float score[SMALL_ITEMS];
    for (int64_t i = 0; i < SMALL_ITEMS; i++)
        score[i] = (float)small_score(small, user, i);
    for (int32_t j = 0; j < top->found[seat]; j++) {
        cr_assert(isnan(small->rating[user * SMALL_ITEMS + best[j].item]));
        cr_assert_eq(best[j].score, score[best[j].item]);
        cr_assert_eq(ahead(small, score, user, best[j].item), j);
    }
}

Test(top, every_level_finds_the_best_in_order)
{
    static const int64_t most[] = { 1, 2, 17, SMALL_ITEMS, 5000 };
    for (int l = 0; l < levels(); l++)
        for (size_t m = 0; m < sizeof most / sizeof *most; m++) {
            struct small small;
            struct top top;
            small_make(&small, 6, m & 1, true, false);
            make_ties(&small);
            const struct cells *seen = &small.problem.by_user;
            cr_assert(top_open(&top, &small.host, &small.factors, most[m]));
            for (int64_t first = 0; first < 80; first += TOP_USERS) {
                top.users = 0;
                for (int64_t u = first; u < first + TOP_USERS && u < 71; u++) /* the last seats stay empty */
                    top_seat(&top, small.factors.user + u * 6,
                             small.factors.mean + (small.factors.user_bias ? (double)small.factors.user_bias[u] : 0),
                             seen->col + seen->first[u], seen->first[u + 1] - seen->first[u]);
                top_kernel_for(level[l])->find(&top);
                for (int32_t seat = 0; seat < top.users; seat++)
                    expect_top(&small, &top, seat, first + seat);
            }
            top_close(&top, &small.host);
            small_fini(&small);
        }
}

/* ---- threads and memory ------------------------------------------------------------------------------------------ */

Test(evaluate, the_order_of_parts_changes_no_bit)
{
    for (int implicit = 0; implicit < 2; implicit++) {
        struct small small;
        struct figures a = { 0 }, b = { 0 };
        small_make(&small, 20, true, implicit, true);
        cr_assert_eq(evaluate_train(&small.problem, &small.factors, &a), RONDO_OK);
        cr_assert_eq(evaluate_test(&small.problem, &small.factors, &a), RONDO_OK);
        small_backwards = true;
        cr_assert_eq(evaluate_train(&small.problem, &small.factors, &b), RONDO_OK);
        cr_assert_eq(evaluate_test(&small.problem, &small.factors, &b), RONDO_OK);
        small_backwards = false;
        cr_expect_eq(memcmp(&a, &b, sizeof a), 0);
        small_fini(&small);
    }
}

static int trial(void *what)
{
    const struct small *small = what;
    struct figures figures = { 0 };
    int code = evaluate_train(&small->problem, &small->factors, &figures);
    return code ? code : evaluate_test(&small->problem, &small->factors, &figures);
}

Test(evaluate, an_allocation_that_fails_is_said)
{
    for (int implicit = 0; implicit < 2; implicit++) {
        struct small small;
        small_make(&small, 4, true, implicit, true);
        cr_expect_gt(brutal_run(trial, &small), 2);
        small_fini(&small);
    }
}

/* ---- factors ----------------------------------------------------------------------------------------------------- */

Test(factors, a_score_is_the_sum_of_its_terms)
{
    for (int32_t rank = 1; rank < 40; rank++) {
        struct small small;
        small_make(&small, rank, rank & 1, false, false);
        for (int64_t u = 0; u < 20; u++)
            cr_assert_float_eq(factors_score(&small.factors, u, 3 * u), small_score(&small, u, 3 * u), 1e-14 * rank);
        small_fini(&small);
    }
}

static int alloc_trial(void *host)
{
    struct factors factors;
    if (!factors_alloc(host, &factors, 5, 0, 3, true))
        return RONDO_ENOMEM;
    cr_assert_eq(factors.user[14], 0);
    factors_free(host, &factors);
    factors_free(host, &factors); /* zeroed */
    return RONDO_OK;
}

Test(factors, come_whole_or_not_at_all)
{
    static const struct host_upcalls none;
    struct rondo_host host;
    host_init(&host, &none);
    cr_expect_eq(brutal_run(alloc_trial, &host), 4);
}

Test(factors, bytes_come_back_as_they_went)
{
    static const struct host_upcalls none;
    struct rondo_host host;
    struct rondo_buf buf = { 0 };
    int64_t a = 5, b;
    char text[300] = "text", back[300];
    host_init(&host, &none);
    cr_assert_eq(rondo_append(&host, &buf, &a, sizeof a), RONDO_OK);
    cr_assert_eq(rondo_append(&host, &buf, text, sizeof text), RONDO_OK);
    cr_assert_eq(rondo_append(&host, &buf, NULL, 0), RONDO_OK);
    cr_assert_eq(buf.size, sizeof a + sizeof text);
    struct rondo_bytes in = { buf.data, buf.size };
    cr_expect_eq(rondo_take(&in, &b, sizeof b), RONDO_OK);
    cr_expect_eq(rondo_take(&in, back, sizeof back), RONDO_OK);
    cr_expect(a == b && memcmp(text, back, sizeof text) == 0 && in.size == 0);
    cr_expect_eq(rondo_take(&in, &b, 1), RONDO_ESTATE);
    host.free(buf.data);
}

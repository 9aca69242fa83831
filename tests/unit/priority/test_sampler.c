#include "core/base/mem.h"
#include "priority/sampler.h"

#include <rondo/err.h>

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static const enum priority_rule all_rules[] = { RULE_GRADIENT, RULE_DELTA, RULE_UNIFORM,
                                                RULE_CYCLIC };

static struct sampler make(enum priority_rule rule, double eta, int64_t count)
{
    struct sampler sampler;
    cr_assert_eq(sampler_init(&sampler, rule, eta, count, 7), RONDO_OK);
    return sampler;
}

Test(sampler, draws_each_variable_once_until_none_is_left)
{
    for (size_t r = 0; r < 4; r++) {
        for (int64_t count = 0; count < 200; count += 13) {
            struct sampler sampler = make(all_rules[r], 1e-6, count);
            bool drawn[200] = { false };
            sampler_open(&sampler, 1);
            for (int64_t i = 0; i < count; i++) {
                int64_t j = sampler_draw(&sampler);
                cr_assert(j >= 0 && j < count && !drawn[j]);
                drawn[j] = true;
            }
            cr_assert_eq(sampler_draw(&sampler), -1);
            cr_assert_eq(sampler_sum(&sampler), 0);
            sampler_fini(&sampler);
        }
    }
}

Test(sampler, draws_all_at_once_what_draws_would_take_one_by_one)
{
    enum { M = 700 };
    int64_t all[M], few[3] = { 5, 600, 601 };
    double weight[3] = { 1e200, 2, 1e-200 };
    for (int64_t most = 2; most <= 4; most++) {
        struct sampler sampler = make(RULE_GRADIENT, 0, M);
        double zeros[M] = { 0 };
        sampler_feed_all(&sampler, zeros);
        sampler_feed(&sampler, 3, few, NULL, weight);
        sampler_open(&sampler, 1);
        int64_t count = sampler_draw_all(&sampler, most, all);
        cr_assert_eq(count, most < 3 ? -1 : 3);
        for (int64_t i = 0; i < count; i++)
            cr_assert_eq(all[i], few[i]);
        for (int64_t i = 0; i < 3 && count < 0; i++) /* nothing was taken */
            cr_assert(sampler_draw(&sampler) >= 0);
        cr_assert_eq(sampler_draw(&sampler), -1);
        cr_assert_eq(sampler_sum(&sampler), 0);
        sampler_release(&sampler, 3, few);
        cr_assert_gt(sampler_sum(&sampler), 0);
        sampler_fini(&sampler);
    }
    struct sampler uniform = make(RULE_UNIFORM, 0, M);
    cr_assert_eq(sampler_draw_all(&uniform, M, all), -1);
    sampler_fini(&uniform);
}

/* Chi-square of first draws against p(j) = (w_j + eta) / sum; 30 degrees of freedom, the 0.1 % point
 * is 59.7 (tables of the distribution). */
static double chi_square(enum priority_rule rule, const double *violation)
{
    enum { M = 31, ROUNDS = 60000 };
    struct sampler sampler = make(rule, 0.05, M);
    int64_t hits[M] = { 0 };
    double total = 0, chi = 0;
    sampler_feed_all(&sampler, violation);
    for (int64_t round = 1; round <= ROUNDS; round++) {
        sampler_open(&sampler, round);
        int64_t j = sampler_draw(&sampler);
        hits[j]++;
        sampler_release(&sampler, 1, &j);
    }
    for (int64_t j = 0; j < M; j++)
        total += sampler_share(&sampler, j);
    for (int64_t j = 0; j < M; j++) {
        double expected = ROUNDS * sampler_share(&sampler, j) / total;
        chi += ((double)hits[j] - expected) * ((double)hits[j] - expected) / expected;
    }
    sampler_fini(&sampler);
    return chi;
}

Test(sampler, draws_in_proportion_to_weight_plus_eta)
{
    double violation[31];
    for (int j = 0; j < 31; j++)
        violation[j] = j % 5 ? 0.1 * j : 0;
    double chi = chi_square(RULE_GRADIENT, violation);
    cr_assert(chi < 59.7, "chi-square %g", chi);
    chi = chi_square(RULE_UNIFORM, violation);
    cr_assert(chi < 59.7, "chi-square %g", chi);
}

Test(sampler, uniform_is_uniform_even_where_nearly_all_are_out)
{
    enum { M = 640, ROUNDS = 30000 };
    const int64_t in[3] = { 5, 333, 639 };
    struct sampler sampler = make(RULE_UNIFORM, 0, M);
    int64_t hits[3] = { 0 };
    for (int64_t j = 0; j < M; j++) {
        if (j != in[0] && j != in[1] && j != in[2])
            sampler_take(&sampler, j);
    }
    for (int64_t round = 1; round <= ROUNDS; round++) {
        sampler_open(&sampler, round);
        int64_t j = sampler_draw(&sampler);
        hits[j == in[0] ? 0 : j == in[1] ? 1 : 2]++;
        sampler_release(&sampler, 1, &j);
    }
    double chi = 0;
    for (int k = 0; k < 3; k++)
        chi += pow((double)hits[k] - ROUNDS / 3.0, 2) / (ROUNDS / 3.0);
    cr_assert(chi < 13.8, "chi-square %g, 2 degrees of freedom", chi);
    sampler_fini(&sampler);
}

Test(sampler, cyclic_goes_round_and_passes_over_what_is_out)
{
    struct sampler sampler = make(RULE_CYCLIC, 0, 70);
    sampler_open(&sampler, 1);
    sampler_take(&sampler, 2);
    sampler_take(&sampler, 66);
    for (int64_t j = 0; j < 70; j++) {
        if (j != 2 && j != 66)
            cr_assert_eq(sampler_draw(&sampler), j);
    }
    const int64_t back[2] = { 66, 1 };
    sampler_release(&sampler, 2, back);
    cr_assert_eq(sampler_draw(&sampler), 1);
    cr_assert_eq(sampler_draw(&sampler), 66);
    sampler_fini(&sampler);
}

Test(sampler, cyclic_comes_back_first_to_what_was_refused)
{
    struct sampler sampler = make(RULE_CYCLIC, 0, 10);
    int64_t drawn[10];
    sampler_open(&sampler, 1);
    for (int i = 0; i < 8; i++)
        drawn[i] = sampler_draw(&sampler);
    sampler_release(&sampler, 8, drawn);
    sampler_open(&sampler, 2);
    for (int i = 0; i < 6; i++) /* 8 9 0 1 2 3 */
        drawn[i] = sampler_draw(&sampler);
    const int64_t refused[2] = { 1, 9 };
    sampler_put_back(&sampler, 2, refused);
    sampler_open(&sampler, 3);
    cr_assert_eq(sampler_draw(&sampler), 9);
    cr_assert_eq(sampler_draw(&sampler), 1);
    cr_assert_eq(sampler_draw(&sampler), 4);
    sampler_fini(&sampler);
}

Test(sampler, weights_fed_while_a_variable_is_out_count_from_its_return)
{
    struct sampler sampler = make(RULE_GRADIENT, 0, 3);
    const double zero[3] = { 0, 0, 0 };
    sampler_take(&sampler, 1);
    sampler_feed_all(&sampler, zero);
    int64_t one = 1;
    double violation = 4;
    sampler_feed(&sampler, 1, &one, NULL, &violation);
    sampler_open(&sampler, 1);
    cr_assert_eq(sampler_draw(&sampler), -1);
    cr_assert_eq(sampler_weight(&sampler, 1), 4);
    sampler_release(&sampler, 1, &one);
    cr_assert_eq(sampler_sum(&sampler), 4);
    cr_assert_eq(sampler_draw(&sampler), 1);
    sampler_fini(&sampler);
}

Test(sampler, feeding_one_by_one_or_in_bulk_gives_the_same_bits)
{
    enum { M = 1000 };
    struct sampler one = make(RULE_GRADIENT, 1e-6, M), bulk = make(RULE_GRADIENT, 1e-6, M);
    int64_t j[M];
    double violation[M];
    for (int i = 0; i < M; i++) {
        j[i] = i;
        violation[i] = i % 7 ? fabs(sin(i)) : (double)NAN;
        sampler_feed(&one, 1, &j[i], NULL, &violation[i]);
    }
    sampler_feed(&bulk, M, j, NULL, violation);
    cr_assert_eq(memcmp(&one.tree.total, &bulk.tree.total, sizeof(double)), 0);
    sampler_reset(&bulk);
    sampler_feed_all(&bulk, violation);
    cr_assert_eq(memcmp(&one.tree.total, &bulk.tree.total, sizeof(double)), 0);
    for (int64_t round = 1; round < 50; round++) {
        sampler_open(&one, round);
        sampler_open(&bulk, round);
        cr_assert_eq(sampler_draw(&one), sampler_draw(&bulk));
    }
    sampler_fini(&one);
    sampler_fini(&bulk);
}

Test(sampler, passes_over_numbers_that_are_no_variables)
{
    struct sampler sampler = make(RULE_GRADIENT, 0, 3);
    const int64_t j[4] = { -1, 3, INT64_MAX, INT64_MIN };
    const double violation[4] = { 1, 2, 3, 4 };
    sampler_feed(&sampler, 4, j, NULL, violation);
    cr_assert_eq(sampler_sum(&sampler), 3);
    sampler_fini(&sampler);
}

Test(sampler, any_allocation_may_fail)
{
    for (uint64_t k = 1; k <= 3; k++) {
        struct sampler sampler;
        mem_fail_at(k);
        cr_assert_eq(sampler_init(&sampler, RULE_DELTA, 0, 10, 1), RONDO_ENOMEM);
        cr_assert_eq(mem_live(), 0);
    }
    mem_fail_at(0);
}

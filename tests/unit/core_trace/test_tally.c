/* Expected numbers: the same counts in an array, sorted, and the definitions spelt out. */
#include "core/trace/tally.h"

#include "core/base/mem.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

enum { VARIABLES = 5000 };

static int descending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

static uint64_t state = 88172645463325252u;

static uint64_t random_next(void)
{
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state;
}

/* Hot ones at low indices: the square of a uniform number, twice. */
static int64_t random_variable(void)
{
    double u = (double)(random_next() >> 11) * 0x1p-53;
    return (int64_t)(u * u * u * u * VARIABLES);
}

struct plain {
    int64_t count[VARIABLES], last[VARIABLES], wait, updates;
};

static void plain_add(struct plain *plain, int64_t round, int64_t v)
{
    if (plain->count[v] && round - plain->last[v] > plain->wait)
        plain->wait = round - plain->last[v];
    plain->last[v] = round;
    plain->count[v]++;
    plain->updates++;
}

static double plain_share(const int64_t *sorted, int64_t updates, double fraction)
{
    int64_t some = (int64_t)ceil(fraction * VARIABLES - 1e-9), sum = 0;
    for (int64_t i = 0; i < some; i++)
        sum += sorted[i];
    return (double)sum / (double)updates;
}

static double plain_entropy(const int64_t *count, int64_t updates)
{
    double sum = 0.0;
    for (int64_t v = 0; v < VARIABLES; v++)
        if (count[v]) {
            double p = (double)count[v] / (double)updates;
            sum -= p * log(p);
        }
    return sum / log(VARIABLES);
}

/* The same rounds into both; variables of a round are distinct by what the caller draws from. */
static void fill(struct tally *tally, struct plain *plain, int64_t rounds, int64_t each)
{
    int64_t variables[64];
    for (int64_t round = 1; round <= rounds; round++) {
        int64_t count = 0;
        while (count < each) {
            int64_t v = random_variable();
            bool there = false;
            for (int64_t i = 0; i < count; i++)
                there |= variables[i] == v;
            if (!there)
                variables[count++] = v;
        }
        tally_add(tally, round, variables, count);
        for (int64_t i = 0; i < count; i++)
            plain_add(plain, round, variables[i]);
    }
}

static void compare(int64_t known, int64_t rounds, int64_t each, double within)
{
    struct tally tally;
    struct plain *plain = calloc(1, sizeof *plain);
    int64_t moved = 0;
    tally_init(&tally, known);
    fill(&tally, plain, rounds, each);
    for (int64_t v = 0; v < VARIABLES; v++)
        moved += plain->count[v] > 0;
    cr_expect_eq(tally.moved, moved);
    cr_expect_eq(tally.updates, plain->updates);
    cr_expect_eq(tally.longest_wait, plain->wait);
    if (known)
        cr_expect_float_eq(tally_entropy(&tally), plain_entropy(plain->count, plain->updates), within);
    qsort(plain->count, VARIABLES, sizeof *plain->count, descending);
    for (double fraction = 0.001; known && fraction <= 1.0; fraction *= 1.3)
        cr_expect_float_eq(tally_share(&tally, fraction), plain_share(plain->count, plain->updates, fraction),
                           within, "%g", fraction);
    tally_fini(&tally);
    free(plain);
}

Test(tally, counts_are_those_of_an_array)
{
    compare(VARIABLES, 300, 20, 1e-12);
}

Test(tally, bins_shared_by_large_counts_cost_little)
{
    compare(VARIABLES, 20000, 60, 1e-4); /* the hottest has some 19,000 */
}

Test(tally, a_number_of_variables_that_nobody_said_is_found_out)
{
    compare(0, 300, 20, 0.0);
}

Test(tally, nothing_has_no_share)
{
    struct tally tally;
    tally_init(&tally, 100);
    cr_expect(isnan(tally_share(&tally, 0.01)));
    cr_expect(isnan(tally_entropy(&tally)));
    tally_fini(&tally);
}

Test(tally, all_in_one_place_is_no_entropy_and_even_is_one)
{
    struct tally tally;
    int64_t all[100], one = 7;
    tally_init(&tally, 100);
    for (int64_t round = 1; round <= 50; round++)
        tally_add(&tally, round, &one, 1);
    cr_expect_float_eq(tally_entropy(&tally), 0.0, 1e-12);
    cr_expect_float_eq(tally_share(&tally, 0.01), 1.0, 0.0);
    tally_fini(&tally);
    tally_init(&tally, 100);
    for (int64_t v = 0; v < 100; v++)
        all[v] = v;
    tally_add(&tally, 1, all, 100);
    cr_expect_float_eq(tally_entropy(&tally), 1.0, 1e-12);
    cr_expect_float_eq(tally_share(&tally, 0.25), 0.25, 1e-12);
    tally_fini(&tally);
}

Test(tally, of_many_variables_a_sample_is_counted)
{
    struct tally tally;
    int64_t v[1000];
    tally_init(&tally, (int64_t)TALLY_VARIABLES * 3 + 1); /* every fourth */
    cr_expect_eq(tally.stride, 4);
    for (int64_t i = 0; i < 1000; i++)
        v[i] = (int64_t)TALLY_VARIABLES * 3 - i;
    tally_add(&tally, 1, v, 1000);
    cr_expect_eq(tally.updates, 250);
    tally_fini(&tally);
}

Test(tally, what_there_is_no_memory_for_is_left_out)
{
    int64_t v[3] = { 1, -5, 2000000000000 };
    for (uint64_t k = 1; k <= 2; k++) {
        struct tally tally;
        tally_init(&tally, 10);
        mem_fail_at(k);
        tally_add(&tally, 1, v, 1);
        mem_fail_at(0);
        cr_expect_eq(tally.updates, 0);
        tally_add(&tally, 2, v, 3); /* no variable, and one that is out of all bounds */
        cr_expect_eq(tally.updates, 1);
        tally_fini(&tally);
    }
}

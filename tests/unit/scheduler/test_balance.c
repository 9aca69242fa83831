#include "core/base/mem.h"
#include "scheduler/balance.h"

#include <rondo/err.h>
#include <rondo/rng.h>

#include <criterion/criterion.h>

static struct balance make(int64_t items, int32_t blocks, int32_t block_size)
{
    struct balance balance;
    cr_assert_eq(balance_init(&balance, items, blocks, block_size), RONDO_OK);
    return balance;
}

/* Graham's own example of the worst case for three machines: 5 5 4 4 3 3 3 is packed as 11, 8, 8 by
 * longest first; the best is 9. */
Test(balance, takes_the_longest_first)
{
    struct balance balance = make(7, 3, 7);
    const double cost[7] = { 3, 5, 4, 3, 5, 4, 3 };
    int32_t block[7];
    double load[3] = { 0 };
    balance_units(&balance, 7, cost, block);
    cr_assert_eq(block[1], 0);
    cr_assert_eq(block[4], 1);
    cr_assert_eq(block[2], 2);
    for (int i = 0; i < 7; i++)
        load[block[i]] += cost[i];
    cr_assert_eq(load[0] + load[1] + load[2], 27);
    for (int b = 0; b < 3; b++)
        cr_assert(load[b] <= 11);
    balance_fini(&balance);
}

/* Graham 1969: with m blocks and no limit in the way, the largest load is at most
 * mean + (1 - 1/m) x the cost of the last item placed there; so at most mean + the largest cost. */
Test(balance, keeps_grahams_bound_and_the_limit_on_random_costs)
{
    for (uint64_t trial = 0; trial < 300; trial++) {
        int32_t blocks = (int32_t)(1 + trial % 9);
        int64_t count = (int64_t)(trial % 60);
        struct balance balance = make(60, blocks, 60);
        double cost[60], load[9] = { 0 }, sum = 0, largest = 0;
        int32_t block[60];
        for (int64_t i = 0; i < count; i++) {
            cost[i] = rondo_rng_unit(trial, 1, 400, (uint64_t)i) * 10;
            sum += cost[i];
            largest = cost[i] > largest ? cost[i] : largest;
        }
        balance_units(&balance, count, cost, block);
        for (int64_t i = 0; i < count; i++)
            load[block[i]] += cost[i];
        for (int32_t b = 0; b < blocks; b++)
            cr_assert(load[b] <= sum / blocks + largest + 1e-9);
        balance_fini(&balance);
    }
}

Test(balance, fills_every_block_to_its_size_and_not_beyond)
{
    struct balance balance = make(20, 4, 5);
    double cost[20];
    int32_t block[20], size[4] = { 0 };
    for (int i = 0; i < 20; i++)
        cost[i] = i == 0 ? 1000 : 1;
    balance_units(&balance, 20, cost, block);
    for (int i = 0; i < 20; i++)
        size[block[i]]++;
    for (int b = 0; b < 4; b++)
        cr_assert_eq(size[b], 5);
    balance_fini(&balance);
}

Test(balance, deals_in_turn_where_all_cost_the_same)
{
    struct balance balance = make(7, 3, 3);
    int32_t block[7];
    balance_units(&balance, 7, NULL, block);
    for (int i = 0; i < 7; i++)
        cr_assert_eq(block[i], i % 3);
    balance_fini(&balance);
}

Test(balance, keeps_clusters_whole_or_says_that_they_do_not_fit)
{
    struct balance balance = make(9, 3, 4);
    const int32_t start[4] = { 0, 3, 6, 9 }, member[9] = { 8, 7, 6, 5, 4, 3, 2, 1, 0 };
    const struct balance_clusters three = { 3, start, member };
    int32_t block[9];
    cr_assert(balance_pack(&balance, &three, NULL, false, block));
    for (int i = 0; i < 9; i += 3)
        cr_assert(block[i] == block[i + 1] && block[i] == block[i + 2]);
    cr_assert(block[0] != block[3] && block[3] != block[6] && block[0] != block[6]);
    balance_fini(&balance);

    balance = make(9, 2, 5); /* 3 + 3 does not go into 5 */
    cr_assert_not(balance_pack(&balance, &three, NULL, false, block));
    cr_assert_not(balance_first_fit(&balance, &three, block));
    cr_assert(balance_pack(&balance, &three, NULL, true, block), "split where it must be");
    int32_t size[2] = { 0 };
    for (int i = 0; i < 9; i++)
        size[block[i]]++;
    cr_assert(size[0] <= 5 && size[1] <= 5);
    balance_fini(&balance);
}

Test(balance, what_fits_by_sizes_is_packed_by_first_fit)
{
    for (uint64_t trial = 0; trial < 3000; trial++) {
        int32_t blocks = (int32_t)(1 + trial % 4), block_size = (int32_t)(2 + trial / 4 % 7);
        struct balance balance = make(64, blocks, block_size);
        int32_t start[33] = { 0 }, member[64], of_size[9] = { 0 }, block[64], largest = 1;
        struct balance_clusters clusters = { 0, start, member };
        for (uint64_t i = 0; i < 12; i++) {
            int32_t size = (int32_t)(1 + rondo_rng_u64(trial, 2, 400, i) % (uint64_t)block_size);
            int32_t at = start[clusters.count];
            if (at + size > blocks * block_size)
                continue;
            of_size[size]++;
            largest = size > largest ? size : largest;
            for (int32_t k = 0; k < size; k++)
                member[at + k] = at + k;
            start[++clusters.count] = at + size;
        }
        if (balance_fits(&balance, of_size, largest))
            cr_assert(balance_first_fit(&balance, &clusters, block));
        balance_fini(&balance);
    }
}

Test(balance, any_allocation_may_fail)
{
    for (uint64_t k = 1; k <= 5; k++) {
        struct balance balance;
        mem_fail_at(k);
        cr_assert_eq(balance_init(&balance, 5, 2, 3), RONDO_ENOMEM);
        cr_assert_eq(mem_live(), 0);
    }
    mem_fail_at(0);
}

/* A block's square holds the couplings of its variables, in the order in which they were given. */
#include "scheduler/square.h"
#include "tests/support/hands.h"

#include <rondo/err.h>

#include <criterion/criterion.h>

enum { MOST = 700, MULTIPLIER = 37 };

static double coupling(int64_t a, int64_t b)
{
    return (double)(a < b ? MOST * a + b : MOST * b + a) / (MOST * MOST);
}

/* Slots in another order than the block's. */
static void check(int64_t count, struct team *team)
{
    static double out[MOST * MOST + 1];
    struct cache cache;
    struct lineup block;
    static struct radix_item scratch[MOST];
    static int32_t slot[MOST];
    cr_assert_eq(cache_init(&cache, MOST, MOST, 0.1), RONDO_OK);
    cr_assert_eq(lineup_init(&block, MOST), RONDO_OK);
    for (int64_t i = 0; i < MOST; i++)
        (void)cache_enter(&cache, i * MULTIPLIER % MOST);
    for (int64_t i = 0; i < MOST; i++)
        for (int64_t j = 0; j < i; j++)
            cache_put(&cache, cache_slot(&cache, i), cache_slot(&cache, j), coupling(i, j));
    for (int64_t i = 0; i < count; i++)
        slot[i] = cache_slot(&cache, i);
    lineup_sort(&block, slot, count, scratch);
    out[count * count] = -1;
    square_fill(team, &cache, &block, out);
    for (int64_t i = 0; i < count; i++)
        for (int64_t j = 0; j < count; j++)
            cr_assert_eq(out[i * count + j], i == j ? 1 : coupling(i, j), "%lld: (%lld, %lld)",
                         (long long)count, (long long)i, (long long)j);
    cr_assert_eq(out[count * count], -1);
    lineup_fini(&block);
    cache_fini(&cache);
}

Test(square, is_symmetric_and_of_the_blocks_order, .timeout = 600)
{
    static const int64_t counts[] = { 1, 2, 31, 32, 33, 100, 511, MOST };
    static struct hands hands;
    hands_begin(&hands, 3, NULL);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        check(counts[i], NULL);
        check(counts[i], &hands.team);
    }
    hands_end(&hands);
}

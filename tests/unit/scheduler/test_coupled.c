#include "scheduler/coupled.h"

#include <rondo/err.h>

#include <criterion/criterion.h>
#include <math.h>

Test(coupled, next_finds_each_bit_in_its_range_and_no_other)
{
    uint64_t words[3] = { 0 }, mask[3] = { ~UINT64_C(0), 0, ~UINT64_C(0) };
    const int64_t bits[4] = { 0, 63, 64, 130 };
    for (int i = 0; i < 4; i++)
        bitset_add(words, bits[i]);
    int64_t at = -1;
    for (int i = 0; i < 4; i++) {
        at = coupled_next(words, NULL, at + 1, 192);
        cr_assert_eq(at, bits[i]);
    }
    cr_assert_eq(coupled_next(words, NULL, 131, 192), -1);
    cr_assert_eq(coupled_next(words, NULL, 65, 130), -1);
    cr_assert_eq(coupled_next(words, NULL, 5, 5), -1);
    cr_assert_eq(coupled_next(words, mask, 64, 192), 130);
}

Test(coupled, reads_the_same_relation_whatever_the_order_of_slots)
{
    enum { NEAR = 70, BATCH = 30, M = NEAR + BATCH };
    struct cache cache;
    struct coupled coupled;
    int32_t near[NEAR], batch[BATCH];
    cr_assert_eq(cache_init(&cache, M, M, 0.5), RONDO_OK);
    cr_assert_eq(coupled_init(&coupled, NEAR, BATCH), RONDO_OK);
    for (int64_t i = 0; i < NEAR; i++)
        near[i] = cache_enter(&cache, i * 37 % M);
    for (int64_t i = 0; i < BATCH; i++)
        batch[i] = cache_enter(&cache, (NEAR + i) * 37 % M);
    for (int32_t a = 0; a < M; a++) {
        for (int32_t b = 0; b < a; b++)
            cache_put(&cache, a, b, (a * b) % 3 - 1.0);
    }
    lineup_sort(&coupled.near, near, NEAR, coupled.scratch);
    lineup_sort(&coupled.batch, batch, BATCH, coupled.scratch);
    coupled_read_near(&coupled, &cache);
    coupled_read_batch(&coupled, &cache);
    for (int64_t i = 0; i < BATCH; i++) {
        for (int64_t n = 0; n < NEAR; n++)
            cr_assert_eq(bitset_has(coupled_to_near(&coupled, i), n),
                         fabs(*cache_at(&cache, batch[i], near[n])) > 0.5);
        for (int64_t j = 0; j < BATCH; j++)
            cr_assert_eq(bitset_has(coupled_to_batch(&coupled, i), j),
                         i != j && fabs(*cache_at(&cache, batch[i], batch[j])) > 0.5);
    }
    coupled_fini(&coupled);
    cache_fini(&cache);
}

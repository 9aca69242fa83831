#include "core/base/mem.h"
#include "dependency/cache.h"

#include <rondo/err.h>

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

static struct cache make(int64_t variables, int64_t slots)
{
    struct cache cache;
    cr_assert_eq(cache_init(&cache, variables, slots, 0.1), RONDO_OK);
    return cache;
}

Test(cache, knows_what_was_put_in_either_order)
{
    struct cache cache = make(100, 10);
    int32_t a = cache_enter(&cache, 42), b = cache_enter(&cache, 7), c = cache_enter(&cache, 99);
    cr_assert_not(cache_knows(&cache, a, b));
    cache_put(&cache, b, a, -0.25);
    cr_assert(cache_knows(&cache, a, b) && cache_knows(&cache, b, a));
    cr_assert_eq(*cache_at(&cache, a, b), -0.25);
    cr_assert_eq(*cache_at(&cache, b, a), -0.25);
    cr_assert_not(cache_knows(&cache, a, c));
    cr_assert_eq(cache_enter(&cache, 42), a);
    cache_fini(&cache);
}

Test(cache, forgets_a_variable_whose_slot_was_given_away)
{
    struct cache cache = make(100, 3);
    int32_t a = cache_enter(&cache, 0), b = cache_enter(&cache, 1);
    cache_enter(&cache, 2);
    cache_put(&cache, a, b, 0.5);
    cache_turn(&cache);
    cache_enter(&cache, 1);
    cache_enter(&cache, 2);
    int32_t d = cache_enter(&cache, 3);
    cr_assert_eq(d, a, "the only slot that is not pinned");
    cr_assert_eq(cache_slot(&cache, 0), -1);
    cr_assert_not(cache_knows(&cache, d, b) || cache_knows(&cache, b, d));
    cache_fini(&cache);
}

Test(cache, gives_a_second_chance_to_what_was_looked_at)
{
    struct cache cache = make(100, 4);
    for (int64_t j = 0; j < 4; j++)
        cache_enter(&cache, j);
    cache_turn(&cache);
    cache_enter(&cache, 10); /* the hand takes every chance away and gives slot 0 */
    cache_turn(&cache);
    cache_enter(&cache, 1);  /* looked at again */
    cache_turn(&cache);
    cache_enter(&cache, 11);
    cr_assert_neq(cache_slot(&cache, 1), -1);
    cr_assert_eq(cache_slot(&cache, 2), -1);
    cache_fini(&cache);
}

/* Slots in use lie together, whichever variables are looked at first. */
Test(cache, with_a_slot_for_each_slots_are_taken_in_order_and_none_is_given_away)
{
    struct cache cache = make(50, 50);
    for (int turn = 0; turn < 2; turn++) {
        for (int64_t j = 49; j >= 0; j--) {
            cr_assert_eq(cache_enter(&cache, j), 49 - j);
            cr_assert_eq(cache.owner[49 - j], j);
        }
        cache_turn(&cache);
    }
    cr_assert_eq(cache.used, 50);
    cr_assert_not(cache.evicted);
    cache_fini(&cache);
}

Test(cache, what_is_no_number_is_coupled)
{
    cr_assert(cache_above(NAN, 0.5));
    cr_assert(cache_above(-0.6, 0.5));
    cr_assert_not(cache_above(-0.5, 0.5));
}

enum { M = 40, SLOTS = 12 };
static double known[M][M];
static bool is_known[M][M];

static int by_number(const void *a, const void *b)
{
    return *(const int32_t *)a - *(const int32_t *)b;
}

static int32_t enter(struct cache *cache, int64_t variable)
{
    int32_t slot = cache_enter(cache, variable);
    for (int64_t j = 0; j < M; j++)
        for (int64_t i = 0; i < M && cache_slot(cache, j) < 0; i++)
            is_known[i][j] = is_known[j][i] = false;
    return slot;
}

/* Who of all that have a slot is missing with variable a, and who is coupled to it. */
static void check_row(struct cache *cache, int64_t a)
{
    int32_t slots[SLOTS], self = cache_slot(cache, a);
    int64_t missing[SLOTS], count = 0;
    for (int64_t j = 0; j < M; j++)
        if (j != a && cache_slot(cache, j) >= 0)
            slots[count++] = cache_slot(cache, j);
    qsort(slots, (size_t)count, sizeof *slots, by_number);
    cache_gather(cache, slots, count / 2);
    for (int64_t i = count / 2; i < count; i++)
        cache_gather_one(cache, slots[i]);
    int64_t listed = cache_missing(cache, self, missing), at = 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t j = cache->owner[slots[i]];
        if (is_known[a][j])
            cr_assert_eq(bitset_has(cache->above + (size_t)self * cache->row_words, slots[i]),
                         cache_above(known[a][j], cache->threshold));
        else
            cr_assert(at < listed && missing[at++] == j);
    }
    cr_assert_eq(at, listed);
}

/* Against a plain table of what is known, with the evictions that the cache itself reports. */
Test(cache, agrees_with_a_plain_table_through_many_evictions)
{
    struct cache cache = make(M, SLOTS);
    uint32_t state = 1;
    for (int step = 0; step < 20000; step++) {
        state = state * 1664525u + 1013904223u;
        int64_t a = state >> 8 & 63, b = state >> 16 & 63;
        if (a >= M || b >= M || a == b)
            continue;
        cache_turn(&cache);
        int32_t slot_a = enter(&cache, a), slot_b = enter(&cache, b);
        cr_assert_eq(cache_knows(&cache, slot_a, slot_b), is_known[a][b]);
        cr_assert_eq(cache_knows(&cache, slot_b, slot_a), is_known[a][b]);
        if (is_known[a][b])
            cr_assert_eq(*cache_at(&cache, slot_a, slot_b), known[a][b]);
        known[a][b] = known[b][a] = step % 3 - 1;
        is_known[a][b] = is_known[b][a] = true;
        cache_put(&cache, slot_a, slot_b, known[a][b]);
        check_row(&cache, a);
    }
    cr_assert(cache.evicted);
    cache_fini(&cache);
}

Test(cache, counts_its_bytes_and_its_slots_alike)
{
    for (int64_t slots = 0; slots < 3000; slots += 77) {
        size_t bytes = cache_bytes(slots);
        cr_assert_eq(cache_slots_in(bytes, 1 << 20), slots);
        if (slots > 0)
            cr_assert_eq(cache_slots_in(bytes - 1, 1 << 20), slots - 1);
    }
    cr_assert_eq(cache_slots_in(SIZE_MAX - 1, 500), 500);
    cr_assert_eq(cache_bytes(INT64_MAX), SIZE_MAX);
}

Test(cache, any_allocation_may_fail)
{
    for (uint64_t k = 1; k <= 9; k++) {
        struct cache cache;
        mem_fail_at(k);
        cr_assert_eq(cache_init(&cache, 20, 5, 0.1), RONDO_ENOMEM);
        cr_assert_eq(mem_live(), 0);
    }
    mem_fail_at(0);
}

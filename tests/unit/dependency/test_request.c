#include "core/base/mem.h"
#include "dependency/request.h"

#include <rondo/err.h>

#include "tests/support/hands.h"

#include <criterion/criterion.h>
#include <string.h>

static double coupling(int64_t a, int64_t b)
{
    return (double)(a < b ? 1000 * a + b : 1000 * b + a);
}

static int64_t answer(struct request *request, struct cache *cache, const struct rondo_pairs *need)
{
    double values[64];
    int64_t pairs = need->ptr[need->columns];
    for (int64_t c = 0; c < need->columns; c++) {
        for (int64_t i = need->ptr[c]; i < need->ptr[c + 1]; i++)
            values[i] = coupling(need->column[c], need->row[i]);
    }
    int64_t half = need->columns / 2; /* in any order */
    request_answer(request, cache, half, need->columns, values + need->ptr[half], NULL);
    request_answer(request, cache, 0, half, values, NULL);
    return pairs;
}

struct room {
    struct cache cache;
    struct request request;
    int32_t slot[10];
};

static struct room make(int64_t pairs, int64_t columns)
{
    struct room room;
    cr_assert_eq(cache_init(&room.cache, 100, 10, 0.1), RONDO_OK);
    cr_assert_eq(request_init(&room.request, pairs, columns), RONDO_OK);
    for (int64_t i = 0; i < 10; i++)
        room.slot[i] = cache_enter(&room.cache, 90 - 7 * i);
    return room;
}

static void unmake(struct room *room)
{
    cache_fini(&room->cache);
    request_fini(&room->request);
}

Test(request, asks_for_each_pair_of_a_triangle_once_and_then_for_nothing)
{
    struct room room = make(45, 10);
    struct rondo_pairs need;
    request_open(&room.request);
    cr_assert(request_triangle(&room.request, &room.cache, room.slot, 10, &need));
    cr_assert_eq(answer(&room.request, &room.cache, &need), 45);
    cr_assert_not(request_triangle(&room.request, &room.cache, room.slot, 10, &need));
    request_open(&room.request);
    cr_assert_not(request_triangle(&room.request, &room.cache, room.slot, 10, &need));
    for (int64_t i = 0; i < 10; i++) {
        for (int64_t j = 0; j < i; j++)
            cr_assert_eq(*cache_at(&room.cache, room.slot[i], room.slot[j]),
                         coupling(90 - 7 * i, 90 - 7 * j));
    }
    unmake(&room);
}

Test(request, asks_only_for_what_misses)
{
    struct room room = make(45, 10);
    struct rondo_pairs need;
    cache_put(&room.cache, room.slot[0], room.slot[5], 0.5);
    request_open(&room.request);
    cr_assert(request_rectangle(&room.request, &room.cache, room.slot, 2, room.slot + 5, 2, &need));
    cr_assert_eq(need.columns, 2);
    cr_assert_eq(need.ptr[1], 1);
    cr_assert_eq(need.ptr[2], 3);
    cr_assert_eq(need.column[0], 90);
    cr_assert_eq(need.row[0], 90 - 7 * 6);
    unmake(&room);
}

Test(request, comes_in_parts_where_it_has_little_room)
{
    struct room room = make(9, 3);
    struct rondo_pairs need;
    int64_t pairs = 0, trips = 0;
    request_open(&room.request);
    for (; request_triangle(&room.request, &room.cache, room.slot, 10, &need); trips++)
        pairs += answer(&room.request, &room.cache, &need);
    cr_assert_eq(pairs, 45);
    cr_assert_gt(trips, 4);
    unmake(&room);
}

/* ---- large answers, which a team shares ------------------------------------------------------------ */

enum { LARGE = 900 };

static void answer_large(struct request *request, struct cache *cache, const struct rondo_pairs *need,
                         struct team *team)
{
    static double values[LARGE * LARGE];
    for (int64_t c = 0; c < need->columns; c++)
        for (int64_t i = need->ptr[c]; i < need->ptr[c + 1]; i++)
            values[i] = coupling(need->column[c], need->row[i]);
    request_answer(request, cache, 0, need->columns, values, team);
}

enum order { UP, DOWN, LAST_FIRST, ORDERS };

/* Slots in that order, all their pairs or a third of them against the others; some are known before. */
static void fill_large(struct cache *cache, enum order order, bool rectangle, struct team *team)
{
    static int32_t slot[LARGE];
    struct request request;
    struct rondo_pairs need;
    cr_assert_eq(cache_init(cache, 2 * LARGE, LARGE, 0.1), RONDO_OK);
    cr_assert_eq(request_init(&request, LARGE * LARGE, LARGE), RONDO_OK);
    for (int64_t i = 0; i < LARGE; i++)
        (void)cache_enter(cache, 2 * i + 1);
    for (int64_t i = 0; i < LARGE; i++)
        slot[i] = cache_slot(cache, 2 * (order == UP ? i : order == DOWN ? LARGE - 1 - i : (i + LARGE - 1) % LARGE) + 1);
    for (int64_t i = 1; i < LARGE; i += 7)
        for (int64_t j = i % 5; j < i; j += 5)
            cache_put(cache, slot[i], slot[j], coupling(cache->owner[slot[i]], cache->owner[slot[j]]));
    request_open(&request);
    if (rectangle)
        cr_assert(request_rectangle(&request, cache, slot, LARGE / 3, slot + LARGE / 3,
                                    LARGE - LARGE / 3, &need));
    else
        cr_assert(request_triangle(&request, cache, slot, LARGE, &need));
    answer_large(&request, cache, &need, team);
    request_fini(&request);
}

Test(request, a_large_answer_is_the_same_whoever_puts_it_in, .timeout = 600)
{
    static struct hands hands;
    hands_begin(&hands, 4, NULL);
    for (int turn = 0; turn < 2 * ORDERS; turn++) {
        struct cache alone, shared;
        fill_large(&alone, (enum order)(turn / 2), turn & 1, NULL);
        fill_large(&shared, (enum order)(turn / 2), turn & 1, &hands.team);
        cr_assert_eq(memcmp(alone.known, shared.known,
                            LARGE * alone.row_words * sizeof *alone.known), 0);
        for (int32_t a = 0; a < LARGE; a++)
            for (int32_t b = 0; b < a; b++) {
                cr_assert_eq(cache_knows(&alone, a, b), cache_knows(&shared, a, b));
                if (cache_knows(&alone, a, b))
                    cr_assert_eq(*cache_at(&shared, a, b), coupling(2 * a + 1, 2 * b + 1));
            }
        cache_fini(&alone);
        cache_fini(&shared);
    }
    hands_end(&hands);
}

Test(request, any_allocation_may_fail)
{
    for (uint64_t k = 1; k <= 3; k++) {
        struct request request;
        mem_fail_at(k);
        cr_assert_eq(request_init(&request, 5, 5), RONDO_ENOMEM);
        cr_assert_eq(mem_live(), 0);
    }
    mem_fail_at(0);
}

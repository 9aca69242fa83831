#include "core/base/mem.h"
#include "dependency/request.h"

#include <rondo/err.h>

#include <criterion/criterion.h>

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
    request_answer(request, cache, half, need->columns, values + need->ptr[half]);
    request_answer(request, cache, 0, half, values);
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
    cr_assert_eq(cache_init(&room.cache, 100, 10), RONDO_OK);
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

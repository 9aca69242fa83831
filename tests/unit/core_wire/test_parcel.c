#include "core/base/mem.h"
#include "core/wire/parcel.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <rondo/err.h>
#include <string.h>

enum { THREADS = 4, PARCELS = 64, TURNS = 200 };

Test(parcel, comes_back_when_the_last_holder_drops_it)
{
    struct parcel_pool pool;
    parcel_pool_init(&pool);
    struct parcel *one = parcel_take(&pool, 100);
    cr_assert_not_null(one);
    cr_expect_eq(parcel_share(one), one);
    parcel_drop(one);
    struct parcel *two = parcel_take(&pool, 10);
    cr_expect_neq(two, one, "it is still held");
    parcel_drop(one);
    struct parcel *three = parcel_take(&pool, 10);
    cr_expect_eq(three, one, "it is used again");
    cr_expect_eq(three->buf.size, 0);
    cr_expect_geq(three->buf.capacity, 100, "with its room");
    parcel_drop(two);
    parcel_drop(three);
    cr_expect_eq(pool.made, 2);
    parcel_pool_fini(&pool);
}

Test(parcel, a_large_need_takes_the_nearest_in_size)
{
    const size_t sizes[3] = { 1 << 20, 1 << 24, 1 << 18 };
    struct parcel_pool pool;
    struct parcel *held[3];
    parcel_pool_init(&pool);
    for (int i = 0; i < 3; i++)
        held[i] = parcel_take(&pool, sizes[i]);
    for (int i = 0; i < 3; i++)
        parcel_drop(held[i]);
    uint64_t before = mem_count();
    struct parcel *largest = parcel_take(&pool, sizes[1] - 5);
    struct parcel *least = parcel_take(&pool, sizes[2] - 5);
    cr_expect_eq(largest, held[1]);
    cr_expect_eq(least, held[2]);
    cr_expect_eq(mem_count(), before);
    parcel_drop(least);
    cr_expect_eq(parcel_take(&pool, sizes[0] + 5), held[0], "what lacks least grows");
    parcel_drop(largest);
    parcel_drop(held[0]);
    parcel_pool_fini(&pool);
}

Test(parcel, of_none_is_none)
{
    cr_expect_null(parcel_share(NULL));
    parcel_drop(NULL);
}

Test(parcel, steady_traffic_asks_for_no_memory)
{
    struct parcel_pool pool;
    struct parcel *held[PARCELS];
    uint64_t before = 0;
    parcel_pool_init(&pool);
    for (int turn = 0; turn < TURNS; turn++) {
        if (turn == 1)
            before = mem_count();
        for (int i = 0; i < PARCELS; i++) {
            held[i] = parcel_take(&pool, 64);
            cr_assert_not_null(held[i]);
        }
        for (int i = 0; i < PARCELS; i++)
            parcel_drop(held[(i * 7) % PARCELS]);
    }
    cr_expect_eq(mem_count(), before);
    parcel_pool_fini(&pool);
}

Test(parcel, none_where_memory_is_short_and_nothing_leaks)
{
    struct parcel_pool pool;
    int64_t live = mem_live();
    parcel_pool_init(&pool);
    for (uint64_t k = 1; k <= 2; k++) {
        mem_fail_at(k);
        cr_expect_null(parcel_take(&pool, 64 * (size_t)k + 64));
        mem_fail_at(0);
    }
    parcel_pool_fini(&pool);
    cr_expect_eq(mem_live(), live);
}

struct crowd {
    struct parcel *parcel[PARCELS];
    int64_t sum[THREADS];
    pthread_barrier_t begin, end;
};

struct reader {
    struct crowd *crowd;
    int number;
};

static void *read_and_drop(void *context)
{
    const struct reader *reader = context;
    struct crowd *crowd = reader->crowd;
    for (int turn = 0; turn < TURNS; turn++) {
        pthread_barrier_wait(&crowd->begin);
        for (int i = 0; i < PARCELS; i++) {
            int64_t value;
            struct parcel *parcel = crowd->parcel[(i + reader->number * 16) % PARCELS];
            memcpy(&value, parcel->buf.data, sizeof value);
            crowd->sum[reader->number] += value;
            parcel_drop(parcel);
        }
        pthread_barrier_wait(&crowd->end);
    }
    return NULL;
}

/* Each parcel is shared by all threads; who drops it last gives it back. */
Test(parcel, comes_back_from_any_thread)
{
    struct parcel_pool pool;
    struct crowd crowd = { .sum = { 0 } };
    struct reader reader[THREADS];
    pthread_t thread[THREADS];
    parcel_pool_init(&pool);
    pthread_barrier_init(&crowd.begin, NULL, THREADS + 1);
    pthread_barrier_init(&crowd.end, NULL, THREADS + 1);
    for (int t = 0; t < THREADS; t++) {
        reader[t] = (struct reader){ &crowd, t };
        cr_assert_eq(pthread_create(&thread[t], NULL, read_and_drop, &reader[t]), 0);
    }
    int64_t expected = 0;
    for (int64_t turn = 0; turn < TURNS; turn++) {
        for (int64_t i = 0; i < PARCELS; i++) {
            struct parcel *parcel = parcel_take(&pool, sizeof i);
            int64_t value = turn * PARCELS + i;
            cr_assert_not_null(parcel);
            cr_assert_eq(buf_append(&parcel->buf, &value, sizeof value), RONDO_OK);
            for (int t = 1; t < THREADS; t++)
                parcel_share(parcel);
            crowd.parcel[i] = parcel;
            expected += value;
        }
        pthread_barrier_wait(&crowd.begin);
        pthread_barrier_wait(&crowd.end);
    }
    for (int t = 0; t < THREADS; t++) {
        pthread_join(thread[t], NULL);
        cr_expect_eq(crowd.sum[t], expected);
    }
    cr_expect_eq(pool.made, PARCELS);
    parcel_pool_fini(&pool);
    pthread_barrier_destroy(&crowd.begin);
    pthread_barrier_destroy(&crowd.end);
}

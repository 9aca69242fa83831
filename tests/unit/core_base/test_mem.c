#include "core/base/mem.h"
#include "tests/support/brutal.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

static bool aligned(const void *block)
{
    return (uintptr_t)block % 64 == 0;
}

static void *take(size_t size)
{
    void *block = mem_alloc(size);
    cr_assert_not_null(block);
    cr_assert(aligned(block));
    return block;
}

Test(mem, blocks_are_aligned_to_64_bytes)
{
    for (size_t size = 0; size < 300; size += 7) {
        void *block = take(size);
        memset(block, 0xff, size);
        mem_free(block);
    }
}

Test(mem, nothing_is_a_unique_pointer)
{
    void *one = take(0), *other = take(0);
    cr_assert_neq(one, other);
    mem_free(one);
    mem_free(other);
    mem_free(NULL);
}

Test(mem, calloc_gives_zeros)
{
    unsigned char *block = mem_calloc(1000, 3);
    cr_assert_not_null(block);
    cr_assert(aligned(block));
    for (int i = 0; i < 3000; i++)
        cr_assert_eq(block[i], 0);
    mem_free(block);
}

Test(mem, sizes_that_overflow_are_refused)
{
    cr_assert_null(mem_alloc(SIZE_MAX));
    cr_assert_null(mem_alloc(SIZE_MAX - 63));
    cr_assert_null(mem_calloc(SIZE_MAX / 2, 3));
    cr_assert_null(mem_calloc(3, SIZE_MAX / 2));
}

Test(mem, counts_what_is_asked_for_and_what_lives)
{
    uint64_t count = mem_count();
    int64_t live = mem_live();
    void *one = take(10), *other = mem_strdup("words");
    cr_assert_not_null(other);
    cr_assert_eq(mem_count(), count + 2);
    cr_assert_eq(mem_live(), live + 2);
    mem_free(one);
    mem_free(other);
    mem_free(NULL);
    cr_assert_eq(mem_count(), count + 2);
    cr_assert_eq(mem_live(), live);
}

Test(mem, the_kth_allocation_fails_and_only_it)
{
    for (uint64_t k = 1; k < 5; k++) {
        mem_fail_at(k);
        for (uint64_t i = 1; i < 8; i++) {
            void *block = mem_alloc(8);
            cr_assert_eq(block == NULL, i == k, "k %d, allocation %d", (int)k, (int)i);
            mem_free(block);
        }
    }
}

Test(mem, an_order_to_fail_is_taken_back)
{
    mem_fail_at(1);
    mem_fail_at(0);
    mem_free(take(8));
}

Test(mem, regrow_keeps_the_content)
{
    char *block = take(4);
    memcpy(block, "abc", 4);
    block = mem_regrow(block, 4, 1000);
    cr_assert_str_eq(block, "abc");
    block = mem_regrow(block, 1000, 2);
    cr_assert_arr_eq(block, "ab", 2);
    mem_free(block);
    block = mem_regrow(NULL, 0, 16);
    cr_assert(aligned(block));
    mem_free(block);
}

Test(mem, a_failed_regrow_leaves_the_old_block)
{
    char *block = take(4);
    memcpy(block, "abc", 4);
    mem_fail_at(1);
    cr_assert_null(mem_regrow(block, 4, 1000));
    cr_assert_str_eq(block, "abc");
    mem_free(block);
}

static void *churn(void *unused)
{
    for (size_t i = 0; i < 2000; i++)
        mem_free(mem_alloc(i));
    return unused;
}

Test(mem, counts_are_right_with_many_threads)
{
    enum { THREADS = 4 };
    pthread_t thread[THREADS];
    uint64_t count = mem_count();
    int64_t live = mem_live();
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&thread[i], NULL, churn, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_join(thread[i], NULL), 0);
    cr_assert_eq(mem_count(), count + THREADS * 2000);
    cr_assert_eq(mem_live(), live);
}

Test(mem, the_peak_is_at_least_what_was_touched)
{
    enum { SIZE = 32 << 20 };
    char *block = take(SIZE);
    memset(block, 1, SIZE);
    cr_assert_geq(mem_peak_rss_bytes(), SIZE);
    mem_free(block);
}

Test(buf, appends_and_grows)
{
    struct rondo_buf buf = { 0 };
    for (uint32_t i = 0; i < 1000; i++)
        cr_assert_eq(buf_append(&buf, &i, sizeof i), RONDO_OK);
    cr_assert_eq(buf.size, 4000);
    for (uint32_t i = 0; i < 1000; i++)
        cr_assert_eq(memcmp(buf.data + 4 * i, &i, sizeof i), 0);
    cr_assert(aligned(buf.data));
    buf_fini(&buf);
    cr_assert_null(buf.data);
    cr_assert_eq(buf.capacity, 0);
}

Test(buf, growing_costs_few_allocations)
{
    struct rondo_buf buf = { 0 };
    uint64_t count = mem_count();
    for (int i = 0; i < 100000; i++)
        cr_assert_eq(buf_append(&buf, "x", 1), RONDO_OK);
    cr_assert_lt(mem_count() - count, 20);
    buf_fini(&buf);
}

Test(buf, room_that_is_there_is_not_asked_for_again)
{
    struct rondo_buf buf = { 0 };
    cr_assert_eq(buf_reserve(&buf, 100), RONDO_OK);
    uint64_t count = mem_count();
    cr_assert_eq(buf_reserve(&buf, 100), RONDO_OK);
    cr_assert_eq(buf_reserve(&buf, 1), RONDO_OK);
    cr_assert_eq(mem_count(), count);
    buf_fini(&buf);
}

Test(buf, stays_as_it_was_where_it_cannot_grow)
{
    struct rondo_buf buf = { 0 };
    cr_assert_eq(buf_append(&buf, "abc", 3), RONDO_OK);
    struct rondo_buf before = buf;
    mem_fail_at(1);
    cr_assert_eq(buf_append(&buf, &before, sizeof before), RONDO_ENOMEM);
    cr_assert_eq(buf_append(&buf, "x", SIZE_MAX), RONDO_ENOMEM);
    cr_assert_eq(buf_reserve(&buf, SIZE_MAX), RONDO_ENOMEM);
    cr_assert_eq(buf.data, before.data);
    cr_assert_eq(buf.size, 3);
    cr_assert_eq(buf.capacity, before.capacity);
    cr_assert_arr_eq(buf.data, "abc", 3);
    buf_fini(&buf);
}

static int fill(void *size)
{
    struct rondo_buf buf = { 0 };
    int code = RONDO_OK;
    for (int i = 0; i < *(int *)size && !code; i++)
        code = buf_append(&buf, "0123456789", 10);
    buf_fini(&buf);
    return code;
}

Test(buf, survives_every_failing_allocation)
{
    int size = 1000;
    cr_assert_gt(brutal_run(fill, &size), 3);
}

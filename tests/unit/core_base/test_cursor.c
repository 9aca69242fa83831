#include "core/base/cursor.h"

#include "core/base/mem.h"

#include <criterion/criterion.h>
#include <math.h>
#include <rondo/err.h>
#include <rondo/rng.h>

#include <string.h>

Test(cursor, gives_back_what_was_put)
{
    struct rondo_buf buf = { 0 };
    struct cursor_writer out = cursor_writer(&buf);
    double numbers[3] = { 1.5, -0.0, INFINITY };

    cursor_put_u8(&out, 200);
    cursor_put_u32(&out, UINT32_MAX);
    cursor_put_u64(&out, UINT64_MAX - 1);
    cursor_put_i64(&out, INT64_MIN);
    cursor_put_f64(&out, -1.0 / 3);
    cursor_put_block(&out, "words", 5);
    cursor_put_block(&out, NULL, 0);
    cursor_put_bytes(&out, numbers, sizeof numbers);
    cr_assert_not(out.failed);

    struct cursor_reader in = cursor_reader(buf.data, buf.size);
    cr_assert_eq(cursor_get_u8(&in), 200);
    cr_assert_eq(cursor_get_u32(&in), UINT32_MAX);
    cr_assert_eq(cursor_get_u64(&in), UINT64_MAX - 1);
    cr_assert_eq(cursor_get_i64(&in), INT64_MIN);
    cr_assert_eq(cursor_get_f64(&in), -1.0 / 3);
    struct rondo_bytes words = cursor_get_block(&in);
    cr_assert_eq(words.size, 5);
    cr_assert_arr_eq(words.data, "words", 5);
    cr_assert_eq(cursor_get_block(&in).size, 0);
    double again[3];
    cr_assert_not(cursor_at_end(&in));
    cursor_get_array(&in, again, 3, sizeof again[0]);
    cr_assert_arr_eq(again, numbers, sizeof numbers);
    cr_assert(cursor_at_end(&in));
    buf_fini(&buf);
}

Test(cursor, nothing_at_all_is_read_to_its_end)
{
    struct cursor_reader in = cursor_reader(NULL, 0);
    cr_assert(cursor_at_end(&in));
    cr_assert_eq(cursor_get_u8(&in), 0);
    cr_assert(in.failed);
}

Test(cursor, bytes_are_little_endian)
{
    struct rondo_buf buf = { 0 };
    struct cursor_writer out = cursor_writer(&buf);
    cursor_put_u32(&out, UINT32_C(0x04030201));
    cursor_put_u64(&out, UINT64_C(0x0807060504030201));
    cursor_put_f64(&out, 1.0); /* IEEE 754: 0x3ff0000000000000 */
    cr_assert_eq(buf.size, 20);
    cr_assert_arr_eq(buf.data, "\1\2\3\4" "\1\2\3\4\5\6\7\10" "\0\0\0\0\0\0\xf0\x3f", 20);
    buf_fini(&buf);
}

Test(cursor, borrows_and_does_not_copy)
{
    const char text[] = "abcdef";
    struct cursor_reader in = cursor_reader(text, 6);
    cr_assert_eq(cursor_get_bytes(&in, 2), (const void *)text);
    cr_assert_eq(cursor_get_bytes(&in, 4), (const void *)(text + 2));
    cr_assert(cursor_at_end(&in));
}

Test(cursor, a_short_read_sticks)
{
    const unsigned char bytes[6] = { 1, 2, 3, 4, 5, 6 };
    struct cursor_reader in = cursor_reader(bytes, sizeof bytes);
    cr_assert_eq(cursor_get_u64(&in), 0);
    cr_assert(in.failed);
    cr_assert_eq(cursor_get_u8(&in), 0);
    cr_assert_null(cursor_get_bytes(&in, 0));
    cr_assert_not(cursor_at_end(&in));
}

Test(cursor, a_failed_array_leaves_its_target)
{
    const unsigned char bytes[6] = { 1, 2, 3, 4, 5, 6 };
    uint32_t target[2] = { 7, 8 };
    struct cursor_reader in = cursor_reader(bytes, sizeof bytes);
    cursor_get_array(&in, target, 2, sizeof target[0]);
    cr_assert(in.failed);
    cr_assert_eq(target[0], 7);
    cr_assert_eq(target[1], 8);
}

Test(cursor, an_array_of_nothing_reads_nothing)
{
    struct cursor_reader in = cursor_reader("", 0);
    cursor_get_array(&in, NULL, 0, 8);
    cursor_get_array(&in, NULL, 8, 0);
    cr_assert(cursor_at_end(&in));
}

Test(cursor, lengths_that_lie_are_refused)
{
    struct rondo_buf buf = { 0 };
    struct cursor_writer out = cursor_writer(&buf);
    cursor_put_u64(&out, UINT64_MAX);
    cursor_put_u64(&out, 0);

    struct cursor_reader in = cursor_reader(buf.data, buf.size);
    struct rondo_bytes block = cursor_get_block(&in);
    cr_assert(in.failed);
    cr_assert_null(block.data);
    cr_assert_eq(block.size, 0);

    in = cursor_reader(buf.data, buf.size);
    cursor_get_array(&in, NULL, SIZE_MAX / 2, 4);
    cr_assert(in.failed);
    buf_fini(&buf);
}

Test(cursor, a_writer_without_memory_sticks)
{
    struct rondo_buf buf = { 0 };
    struct cursor_writer out = cursor_writer(&buf);
    mem_fail_at(1);
    cursor_put_u64(&out, 1);
    cr_assert(out.failed);
    cursor_put_u64(&out, 2);
    cr_assert_eq(buf.size, 0);
    buf_fini(&buf);
}

/* Reads random bytes by random steps; ASan and the flags say whether a step went past the end. */
Test(cursor, no_bytes_lead_past_the_end)
{
    for (uint64_t run = 0; run < 2000; run++) {
        size_t size = (size_t)(rondo_rng_u64(run, 0, 0, 0) % 64);
        unsigned char *bytes = mem_alloc(size);
        cr_assert_not_null(bytes);
        for (size_t i = 0; i < size; i++)
            bytes[i] = (unsigned char)(rondo_rng_u64(run, 1, 0, i) % 9);
        struct cursor_reader in = cursor_reader(bytes, size);
        for (uint64_t step = 0; step < 20; step++) {
            unsigned char into[64];
            uint64_t word = rondo_rng_u64(run, 2, 0, step);
            if (word % 4 == 0)
                cursor_get_u64(&in);
            else if (word % 4 == 1)
                cursor_get_block(&in);
            else if (word % 4 == 2)
                cursor_get_array(&in, into, (size_t)(word >> 8) % 8, 8);
            else
                cursor_get_u8(&in);
            cr_assert(in.at >= bytes && in.at <= bytes + size, "seed %d", (int)run);
        }
        mem_free(bytes);
    }
}

/* Lists of whole numbers: the least width, and back again; the widths by their ends, the bytes by hand. */
#include "core/trace/lists.h"

#include <criterion/criterion.h>
#include <rondo/rng.h>
#include <string.h>

static int width_of(int64_t a, int64_t b)
{
    bool even;
    const int64_t values[] = { a, b };
    int width = lists_width(values, 2, &even);
    cr_assert_eq(even, a == b);
    return width;
}

Test(lists, a_list_takes_the_least_width_that_holds_all)
{
    for (int bytes = 1; bytes <= 4; bytes *= 2) {
        int64_t most = ((int64_t)1 << (8 * bytes - 1)) - 1;
        cr_assert_eq(width_of(0, most), bytes);
        cr_assert_eq(width_of(0, -most - 1), bytes);
        cr_assert_eq(width_of(most + 1, 0), 2 * bytes);
        cr_assert_eq(width_of(most, -most - 2), 2 * bytes);
    }
    cr_assert_eq(width_of(INT64_MIN, INT64_MAX), 8);
    cr_assert_eq(width_of(7, 7), 1);
}

Test(lists, bytes_are_little_endian_twos_complement)
{
    static const int64_t values[] = { 1, -2 };
    static const unsigned char want[4][16] = {
        { 1, 0xfe }, { 1, 0, 0xfe, 0xff }, { 1, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff },
        { 1, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
    };
    for (int k = 0; k < 4; k++) {
        unsigned char got[16];
        lists_pack(values, 2, 1 << k, got);
        cr_assert_eq(memcmp(got, want[k], (size_t)2 << k), 0);
    }
}

Test(lists, what_is_packed_comes_back)
{
    enum { MOST = 100 };
    for (uint64_t trial = 0; trial < 500; trial++) {
        int64_t put[MOST], got[MOST];
        unsigned char bytes[MOST * 8];
        struct rondo_rng_pair size = rondo_rng_pair(1, trial, 0, 0);
        int64_t count = 1 + (int64_t)(size.a % MOST);
        for (int64_t i = 0; i < count; i++)
            put[i] = (int64_t)rondo_rng_pair(1, trial, 1, (uint64_t)i).a >> (size.b % 64);
        bool even;
        int width = lists_width(put, count, &even);
        lists_pack(put, count, width, bytes);
        cr_assert_eq(lists_width_of(count, count * width), width);
        lists_unpack(bytes, count, width, got);
        cr_assert_eq(memcmp(got, put, (size_t)count * 8), 0, "trial %d", (int)trial);
    }
}

Test(lists, bytes_that_are_no_list_have_no_width)
{
    static const int64_t wrong[][2] = { { 0, 0 }, { 0, 8 }, { -1, 8 }, { 3, 2 }, { 2, 3 }, { 2, 6 }, { 1, 16 },
                                        { INT64_MAX, 8 }, { INT64_MIN, 8 }, { 4, 0 } };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_assert_eq(lists_width_of(wrong[i][0], wrong[i][1]), 0);
}

#include "core/base/bitset.h"

#include <criterion/criterion.h>
#include <rondo/rng.h>

Test(bitset, has_a_word_for_every_64_members)
{
    cr_assert_eq(bitset_words(0), 0);
    cr_assert_eq(bitset_words(1), 1);
    cr_assert_eq(bitset_words(64), 1);
    cr_assert_eq(bitset_words(65), 2);
    cr_assert_eq(bitset_words(INT64_C(1) << 40), (size_t)1 << 34);
}

Test(bitset, does_what_an_array_of_bools_does)
{
    enum { N = 200 };
    uint64_t words[(N + 63) / 64] = { 0 };
    bool plain[N] = { false };

    for (uint64_t step = 0; step < 5000; step++) {
        int64_t i = (int64_t)(rondo_rng_u64(1, 0, 0, step) % N);
        bool add = rondo_rng_u64(1, 1, 0, step) & 1;
        if (add)
            bitset_add(words, i);
        else
            bitset_remove(words, i);
        plain[i] = add;
        for (int64_t k = 0; k < N; k++)
            cr_assert_eq(bitset_has(words, k), plain[k], "step %d member %d", (int)step, (int)k);
    }
}

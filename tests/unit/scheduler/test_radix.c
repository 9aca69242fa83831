#include "scheduler/radix.h"

#include <rondo/rng.h>

#include <criterion/criterion.h>

Test(radix, sorts_stably_few_and_many)
{
    static struct radix_item items[3000], scratch[3000];
    const int64_t counts[] = { 0, 1, 2, 64, 65, 3000 };
    const uint64_t masks[] = { ~UINT64_C(0), 0xff, 0x00ff00000000ff00, 0, 3 };
    for (size_t c = 0; c < 6; c++) {
        for (size_t m = 0; m < 5; m++) {
            for (int64_t i = 0; i < counts[c]; i++)
                items[i] = (struct radix_item){
                    rondo_rng_u64(1, c, 400, (uint64_t)i) & masks[m], i
                };
            radix_sort(items, scratch, counts[c]);
            for (int64_t i = 1; i < counts[c]; i++)
                cr_assert(items[i - 1].key < items[i].key ||
                          (items[i - 1].key == items[i].key &&
                           items[i - 1].value < items[i].value));
        }
    }
}

Test(radix, greatest_first_turns_the_order_of_doubles_round)
{
    const double falling[] = { 1e300, 2, 1, 1e-300, 0 };
    for (int i = 1; i < 5; i++)
        cr_assert_lt(radix_greatest_first(falling[i - 1]), radix_greatest_first(falling[i]));
}

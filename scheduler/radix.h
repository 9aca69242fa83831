/* radix.h - sorts (key, value) by key, stable, without allocating.
 *
 * Place:   scheduler, floor 2; used in its own folder alone.
 * Threads: one.   Memory: the caller's scratch, as long as the items.
 *
 * By bytes from the lowest, bytes that all keys share left out; insertion where there are few.
 * O(n) a byte.
 */
#ifndef RADIX_H
#define RADIX_H

#include <rondo/types.h>

struct radix_item {
    uint64_t key;
    int64_t value;
};

void radix_sort(struct radix_item *items, struct radix_item *scratch, int64_t count);

/* A key that sorts doubles >= 0 from the greatest to the least. */
uint64_t radix_greatest_first(double value);

#endif

#include "scheduler/radix.h"

#include <string.h>

enum { FEW = 24, VALUES = 256 };

static void insertion_sort(struct radix_item *items, int64_t count)
{
    for (int64_t i = 1; i < count; i++) {
        struct radix_item item = items[i];
        int64_t at = i;
        for (; at > 0 && items[at - 1].key > item.key; at--)
            items[at] = items[at - 1];
        items[at] = item;
    }
}

static void sort_by_byte(const struct radix_item *from, struct radix_item *into, int64_t count,
                         int shift)
{
    int64_t start[VALUES] = { 0 };
    for (int64_t i = 0; i < count; i++)
        start[from[i].key >> shift & 0xff]++;
    int64_t sum = 0;
    for (int v = 0; v < VALUES; v++) {
        int64_t here = start[v];
        start[v] = sum;
        sum += here;
    }
    for (int64_t i = 0; i < count; i++)
        into[start[from[i].key >> shift & 0xff]++] = from[i];
}

void radix_sort(struct radix_item *items, struct radix_item *scratch, int64_t count)
{
    if (count <= FEW) {
        insertion_sort(items, count);
        return;
    }
    uint64_t differ = 0;
    for (int64_t i = 1; i < count; i++)
        differ |= items[i].key ^ items[0].key;
    struct radix_item *from = items, *into = scratch;
    for (int shift = 0; shift < 64; shift += 8) {
        if (!(differ >> shift & 0xff))
            continue;
        sort_by_byte(from, into, count, shift);
        struct radix_item *swap = from;
        from = into;
        into = swap;
    }
    if (from != items)
        memcpy(items, from, (size_t)count * sizeof *items);
}

uint64_t radix_greatest_first(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return ~bits;
}

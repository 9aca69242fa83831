/* bitset.h - a fixed set of small integers.
 *
 * Place: core/base, floor 0, header only.   Threads: one.   Memory: words [bitset_words(n)] owned by
 * the caller.
 */
#ifndef BITSET_H
#define BITSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline size_t bitset_words(int64_t n)
{
    return ((size_t)n + 63) / 64;
}

static inline bool bitset_has(const uint64_t *words, int64_t i)
{
    return words[i >> 6] >> (i & 63) & 1;
}

static inline void bitset_add(uint64_t *words, int64_t i)
{
    words[i >> 6] |= UINT64_C(1) << (i & 63);
}

static inline void bitset_remove(uint64_t *words, int64_t i)
{
    words[i >> 6] &= ~(UINT64_C(1) << (i & 63));
}

#endif

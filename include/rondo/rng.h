/* rng.h - random numbers as a pure function of (seed, round, stream, item).
 *
 * Place:   include/rondo, visible to all; header only, so that a plug-in draws the same numbers.
 * Threads: pure functions.
 * Memory:  none.
 *
 * Philox 2x64-10, a counter-based generator (Salmon, Moraes, Dror, Shaw, "Parallel random numbers:
 * as easy as 1, 2, 3", SC 2011).  No state is carried from draw to draw: who draws, in which order
 * and on which machine cannot change a number.
 */
#ifndef RONDO_RNG_H
#define RONDO_RNG_H

#include <rondo/types.h>

RONDO_C_BEGIN

struct rondo_rng_pair {
    uint64_t a, b;
};

/* Two independent 64-bit numbers.  stream separates uses (sampling, initial values, ...); streams
 * below 256 are the host's, an app takes 256 and above.  About 10 ns. */
static inline struct rondo_rng_pair rondo_rng_pair(uint64_t seed, uint64_t round, uint32_t stream,
                                                   uint64_t item)
{
    uint64_t key = seed ^ ((uint64_t)stream * UINT64_C(0xD1342543DE82EF95));
    uint64_t hi = round, lo = item;

    for (int i = 0; i < 10; i++) {
        __extension__ unsigned __int128 product =
            (unsigned __int128)UINT64_C(0xD2B74407B1CE6E93) * lo;
        uint64_t old_hi = hi;
        hi = (uint64_t)product;
        lo = (uint64_t)(product >> 64) ^ key ^ old_hi;
        key += UINT64_C(0x9E3779B97F4A7C15);
    }
    struct rondo_rng_pair pair = { lo, hi };
    return pair;
}

static inline uint64_t rondo_rng_u64(uint64_t seed, uint64_t round, uint32_t stream, uint64_t item)
{
    return rondo_rng_pair(seed, round, stream, item).a;
}

/* Uniform in [0, 1), 53 bits. */
static inline double rondo_rng_unit(uint64_t seed, uint64_t round, uint32_t stream, uint64_t item)
{
    return (double)(rondo_rng_u64(seed, round, stream, item) >> 11) * 0x1.0p-53;
}

RONDO_C_END

#endif

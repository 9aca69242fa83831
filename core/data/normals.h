/* normals.h - standard normals as a pure function of their place.
 *
 * Place: core/data, floor 1, header only.   Threads: pure functions.   Memory: none.
 */
#ifndef NORMALS_H
#define NORMALS_H

#include <rondo/rng.h>

#include <math.h>

struct normals {
    double a, b;
};

/* Above 0, at most 1. */
static inline double normals_unit(uint64_t bits)
{
    return (double)((bits >> 11) + 1) * 0x1.0p-53;
}

/* Two standard normals (Box and Muller, 1958), by the place of one draw of rng.h. */
static inline struct normals normals_at(uint64_t seed, int64_t place, uint32_t stream, int64_t item)
{
    struct rondo_rng_pair bits = rondo_rng_pair(seed, (uint64_t)place, stream, (uint64_t)item);
    double radius = sqrt(-2 * log(normals_unit(bits.a)));
    double angle = 0x1.921fb54442d18p+2 * ((double)(bits.b >> 11) * 0x1.0p-53);
    return (struct normals){ radius * cos(angle), radius * sin(angle) };
}

#endif

/* parcel.h - bytes that several messages share and no one copies.
 *
 * Place:   core/wire, floor 1; made by coordinator and workers, carried by core/net.
 * Threads: a pool belongs to the thread that takes from it; parcel_share and parcel_drop are safe
 *          from any thread.  A parcel's bytes are written by its maker alone, before it is sent.
 * Memory:  a parcel returns to its pool when the last holder drops it; steady traffic allocates
 *          nothing.  A pool outlives its parcels.
 */
#ifndef PARCEL_H
#define PARCEL_H

#include <rondo/types.h>

#include <stdatomic.h>

struct parcel_pool;

struct parcel {
    struct rondo_buf buf;
    _Atomic int32_t holders; /* release on drop, acquire by the last: its bytes may be reused */
    struct parcel_pool *pool;
    struct parcel *next; /* in a pool's list, or in a message's chain of partials */
};

struct parcel_pool {
    struct parcel *idle[2];            /* the owner's: small ones, large ones */
    struct parcel *_Atomic returned;   /* pushed by any thread, taken whole by the owner */
    int64_t made;                      /* the owner's */
};

void parcel_pool_init(struct parcel_pool *pool);
/* Every parcel must have come back. */
void parcel_pool_fini(struct parcel_pool *pool);

/* An empty parcel with one holder and room for `capacity` bytes; NULL where memory is short.
 * Capacity 0: not known yet.  Small needs do not take large buffers, and large ones take the nearest, so
 * that a pool keeps as many of a size as were in use at once, not as many as it has parcels. */
struct parcel *parcel_take(struct parcel_pool *pool, size_t capacity) RONDO_MUST_CHECK;
/* One more holder; returns the parcel.  NULL gives NULL. */
struct parcel *parcel_share(struct parcel *parcel);
/* One holder less; NULL allowed. */
void parcel_drop(struct parcel *parcel);

#endif

#include "core/wire/parcel.h"

#include "core/base/mem.h"

#include <assert.h>

enum { SMALL, LARGE, LARGE_BYTES = 1 << 17 };

void parcel_pool_init(struct parcel_pool *pool)
{
    pool->idle[SMALL] = pool->idle[LARGE] = NULL;
    pool->made = 0;
    atomic_init(&pool->returned, NULL);
}

static int size_of(size_t capacity)
{
    return capacity > LARGE_BYTES ? LARGE : SMALL;
}

/* Sorts what has come back. */
static void collect(struct parcel_pool *pool)
{
    struct parcel *parcel = atomic_exchange_explicit(&pool->returned, NULL, memory_order_acquire);
    while (parcel) {
        struct parcel *next = parcel->next;
        struct parcel **list = &pool->idle[size_of(parcel->buf.capacity)];
        parcel->next = *list;
        *list = parcel;
        parcel = next;
    }
}

static struct parcel *pop(struct parcel_pool *pool, int size)
{
    struct parcel *parcel = pool->idle[size];
    if (parcel)
        pool->idle[size] = parcel->next;
    return parcel;
}

/* Of the large ones the smallest that has the room, else the one that lacks least: the one that grows. */
static struct parcel *pop_nearest(struct parcel_pool *pool, size_t capacity)
{
    struct parcel **best = &pool->idle[LARGE];
    for (struct parcel **at = best; *at; at = &(*at)->next) {
        size_t here = (*at)->buf.capacity, there = (*best)->buf.capacity;
        if (here >= capacity ? there < capacity || here < there : here > there)
            best = at;
    }
    struct parcel *parcel = *best;
    if (parcel)
        *best = parcel->next;
    return parcel;
}

/* An idle parcel that suits, or NULL. */
static struct parcel *find(struct parcel_pool *pool, size_t capacity)
{
    int size = size_of(capacity);
    if (size == LARGE || !pool->idle[size])
        collect(pool);
    struct parcel *parcel = size == LARGE ? pop_nearest(pool, capacity) : pop(pool, SMALL);
    if (!parcel && (size == LARGE || capacity == 0))
        parcel = pop(pool, size == LARGE ? SMALL : LARGE);
    return parcel;
}

void parcel_pool_fini(struct parcel_pool *pool)
{
    collect(pool);
    int64_t freed = 0;
    for (int size = SMALL; size <= LARGE; size++) {
        for (struct parcel *parcel; (parcel = pop(pool, size)); freed++) {
            buf_fini(&parcel->buf);
            mem_free(parcel);
        }
    }
    assert(freed == pool->made);
    pool->made = 0;
}

struct parcel *parcel_take(struct parcel_pool *pool, size_t capacity)
{
    struct parcel *parcel = find(pool, capacity);
    if (!parcel) {
        parcel = mem_calloc(1, sizeof *parcel);
        if (!parcel)
            return NULL;
        parcel->pool = pool;
        pool->made++;
    }
    parcel->next = NULL;
    parcel->buf.size = 0;
    atomic_store_explicit(&parcel->holders, 1, memory_order_relaxed);
    if (buf_reserve(&parcel->buf, capacity)) {
        parcel_drop(parcel);
        return NULL;
    }
    return parcel;
}

struct parcel *parcel_share(struct parcel *parcel)
{
    if (parcel)
        atomic_fetch_add_explicit(&parcel->holders, 1, memory_order_relaxed);
    return parcel;
}

void parcel_drop(struct parcel *parcel)
{
    if (!parcel || atomic_fetch_sub_explicit(&parcel->holders, 1, memory_order_acq_rel) != 1)
        return;
    struct parcel_pool *pool = parcel->pool;
    struct parcel *top = atomic_load_explicit(&pool->returned, memory_order_relaxed);
    do {
        parcel->next = top;
    } while (!atomic_compare_exchange_weak_explicit(&pool->returned, &top, parcel,
                                                    memory_order_release, memory_order_relaxed));
}

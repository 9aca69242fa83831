#include "core/wire/parcel.h"

#include "core/base/mem.h"

#include <assert.h>

void parcel_pool_init(struct parcel_pool *pool)
{
    pool->idle = NULL;
    pool->made = 0;
    atomic_init(&pool->returned, NULL);
}

static void collect(struct parcel_pool *pool)
{
    struct parcel *parcel = atomic_exchange_explicit(&pool->returned, NULL, memory_order_acquire);
    while (parcel) {
        struct parcel *next = parcel->next;
        parcel->next = pool->idle;
        pool->idle = parcel;
        parcel = next;
    }
}

void parcel_pool_fini(struct parcel_pool *pool)
{
    collect(pool);
    int64_t freed = 0;
    while (pool->idle) {
        struct parcel *parcel = pool->idle;
        pool->idle = parcel->next;
        buf_fini(&parcel->buf);
        mem_free(parcel);
        freed++;
    }
    assert(freed == pool->made);
    pool->made = 0;
}

struct parcel *parcel_take(struct parcel_pool *pool, size_t capacity)
{
    if (!pool->idle)
        collect(pool);
    struct parcel *parcel = pool->idle;
    if (parcel) {
        pool->idle = parcel->next;
    } else {
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

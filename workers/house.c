#include "workers/house.h"

#include "core/base/mem.h"

#include <pthread.h>
#include <stdatomic.h>

struct room {
    pthread_mutex_t mutex; /* guards the rest, and the state while a worker has it */
    void *state;
    uint32_t epoch;
    _Atomic int64_t round; /* the last commit that was applied, or is about to be; written under the mutex */
};

struct house {
    const struct rondo_app *app;
    const void *problem;
    int32_t shards;
    struct room *room; /* [shards] */
};

int house_create(const struct rondo_app *app, const void *problem, int32_t shards, struct house **out)
{
    struct house *house = mem_calloc(1, sizeof *house);
    struct room *room = house ? mem_calloc((size_t)shards + 1, sizeof *room) : NULL;
    if (!room) {
        mem_free(house);
        return RONDO_ENOMEM;
    }
    for (int32_t shard = 0; shard < shards; shard++)
        pthread_mutex_init(&room[shard].mutex, NULL);
    *house = (struct house){ app, problem, shards, room };
    *out = house;
    return RONDO_OK;
}

/* The mutex is held, or nobody else is there. */
static void empty(struct house *house, struct room *room)
{
    if (room->state)
        house->app->shard.destroy(house->problem, room->state);
    room->state = NULL;
}

void house_destroy(struct house *house)
{
    if (!house)
        return;
    for (int32_t shard = 0; shard < house->shards; shard++) {
        empty(house, &house->room[shard]);
        pthread_mutex_destroy(&house->room[shard].mutex);
    }
    mem_free(house->room);
    mem_free(house);
}

void *house_take(struct house *house, int32_t shard, uint32_t epoch)
{
    if (shard < 0 || shard >= house->shards)
        return NULL;
    struct room *room = &house->room[shard];
    pthread_mutex_lock(&room->mutex);
    if (room->state && room->epoch == epoch)
        return room->state;
    pthread_mutex_unlock(&room->mutex);
    return NULL;
}

void *house_take_behind(struct house *house, int32_t shard, uint32_t epoch, int64_t round)
{
    struct room *room = &house->room[shard];
    if (atomic_load(&room->round) >= round)
        return NULL; /* without the mutex: who was sooner may have the shard for a whole task already */
    void *state = house_take(house, shard, epoch);
    if (state && atomic_load(&room->round) >= round) {
        pthread_mutex_unlock(&room->mutex);
        return NULL;
    }
    if (state)
        atomic_store(&room->round, round);
    return state;
}

void house_give(struct house *house, int32_t shard)
{
    pthread_mutex_unlock(&house->room[shard].mutex);
}

void house_put(struct house *house, int32_t shard, uint32_t epoch, int64_t round, void *state)
{
    struct room *room = &house->room[shard];
    pthread_mutex_lock(&room->mutex);
    empty(house, room);
    room->state = state;
    room->epoch = epoch;
    atomic_store(&room->round, round);
    pthread_mutex_unlock(&room->mutex);
}

void house_drop(struct house *house, int32_t shard, uint32_t epoch)
{
    struct room *room = &house->room[shard];
    pthread_mutex_lock(&room->mutex);
    if (room->epoch == epoch)
        empty(house, room);
    pthread_mutex_unlock(&room->mutex);
}

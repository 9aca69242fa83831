/* couple.c - couplings that the scheduler lacks: cut into tiles, sent to workers, summed.
 *
 * A tile is one message for every shard; the sum over shards is taken in their order.
 */
#include "core/base/mem.h"
#include "coordinator/engine_i.h"

#include <string.h>

/* Pairs in one message: each worker's share of what is asked for, between these; a message and its answer
 * are 16 bytes a pair, beside the budget.  How they are cut changes no bit of them. */
enum {
    TILE_LEAST = 8192, TILE_MOST = 262144,
    PANEL = 64, /* columns; apps work at as many at once, and a few left over cost as much */
};

static int32_t shards_of(const struct engine *engine)
{
    return engine->layout.shards ? engine->layout.shards : 1;
}

/* Room for tiles, and for the sums of so many pairs. */
static int grow(struct couple *couple, int64_t tiles, int64_t pairs)
{
    if (tiles > couple->tiles_capacity) {
        int64_t *tile = mem_calloc((size_t)tiles + 1, sizeof *tile);
        if (!tile)
            return RONDO_ENOMEM;
        mem_free(couple->tile);
        couple->tile = tile;
        couple->tiles_capacity = tiles;
    }
    if (pairs > couple->value_capacity) {
        double *value = mem_alloc((size_t)pairs * sizeof *value);
        if (!value)
            return RONDO_ENOMEM;
        mem_free(couple->value);
        couple->value = value;
        couple->value_capacity = pairs;
    }
    return RONDO_OK;
}

/* Whole columns to a tile. */
static void cut_tiles(struct couple *couple, int64_t workers)
{
    const struct rondo_pairs *need = &couple->need;
    int64_t most = need->ptr[need->columns] / (workers > 1 ? workers : 1) + 1;
    most = most < TILE_LEAST ? TILE_LEAST : most > TILE_MOST ? TILE_MOST : most;
    couple->tiles = 0;
    for (int64_t from = 0; from < need->columns;) {
        int64_t to = from + 1;
        while (to < need->columns && need->ptr[to + 1] - need->ptr[from] <= most)
            to++;
        if (to < need->columns && to - from > PANEL)
            to = from + (to - from) / PANEL * PANEL;
        couple->tile[couple->tiles++] = from;
        from = to;
    }
    couple->tile[couple->tiles] = need->columns;
}

struct parcel *couple_tile(struct engine *engine, int32_t tile, int64_t *count)
{
    const struct rondo_pairs *need = &engine->couple.need;
    int64_t from = engine->couple.tile[tile], columns = engine->couple.tile[tile + 1] - from;
    int64_t base = need->ptr[from], pairs = need->ptr[from + columns] - base;
    size_t words = (size_t)(2 * columns + 1 + pairs);
    struct parcel *parcel = parcel_take(&engine->pool, words * sizeof(int64_t));
    *count = columns;
    if (!parcel)
        return NULL;
    int64_t *word = (int64_t *)(void *)parcel->buf.data;
    memcpy(word, need->column + from, (size_t)columns * sizeof *word);
    for (int64_t c = 0; c <= columns; c++)
        word[columns + c] = need->ptr[from + c] - base;
    memcpy(word + 2 * columns + 1, need->row + base, (size_t)pairs * sizeof *word);
    parcel->buf.size = words * sizeof *word;
    return parcel;
}

/* The need stays the scheduler's, who lends it until it is answered. */
int couple_open(struct engine *engine, const struct rondo_pairs *need)
{
    struct couple *couple = &engine->couple;
    int32_t shards = shards_of(engine);
    int64_t pairs = need->ptr[need->columns];
    couple->need = *need;
    int code = grow(couple, need->columns, shards > 1 ? pairs : 0);
    if (!code) {
        cut_tiles(couple, engine->joined);
        code = works_resize(&couple->works, couple->tiles * shards);
    }
    for (int64_t i = 0; !code && i < couple->tiles * shards; i++) {
        int32_t shard = engine->layout.shards ? (int32_t)(i % shards) : -1;
        couple->works.item[i] = (struct work){
            .owner = shard < 0 ? -1 : engine->owner[shard], .block = (int32_t)(i / shards),
            .shard = shard,
        };
        code = dispatch_queue(engine, SET_COUPLE, i);
    }
    if (code)
        return engine_fail(engine, code, "no memory for couplings");
    couple->active = true;
    couple->round = engine->planning ? engine->planned + 1 : engine->committed + 1;
    engine_told_of(engine, ENGINE_COUPLE_BEGIN, couple->round);
    if (engine->refetch <= engine->planned)
        return RONDO_OK; /* they were counted when they were first computed */
    engine->pair_dots += pairs;
    flight_of(engine, couple->round)->pairs_computed += pairs;
    return RONDO_OK;
}

void couple_clear(struct couple *couple)
{
    couple->tiles = 0;
    works_clear(&couple->works);
    couple->active = false;
}

/* Takes one shard's answer to a tile, and lets it go: adds it to the others', or where there are none
 * hands it on. */
static int take(struct engine *engine, struct work *work)
{
    struct couple *couple = &engine->couple;
    int64_t from = couple->tile[work->block], to = couple->tile[work->block + 1];
    int64_t first = couple->need.ptr[from], count = couple->need.ptr[to] - first;
    const double *partial = (const double *)(const void *)work->answer->buf.data;
    if (work->answer->buf.size != (size_t)count * sizeof *partial)
        return engine_fail(engine, RONDO_EAPP, "an answer to a coupling has a wrong length");
    if (shards_of(engine) == 1)
        scheduler_answer(engine->scheduler, from, to, partial);
    else if (work->shard == 0)
        memcpy(couple->value + first, partial, (size_t)count * sizeof *partial);
    else
        for (int64_t i = 0; i < count; i++)
            couple->value[first + i] += partial[i];
    parcel_drop(work->answer);
    work->answer = NULL;
    return RONDO_OK;
}

int couple_keep(struct engine *engine, struct work *work)
{
    engine->couple.works.open--;
    return shards_of(engine) == 1 ? take(engine, work) : RONDO_OK; /* shards wait for their order */
}

int couple_close(struct engine *engine)
{
    struct couple *couple = &engine->couple;
    for (int64_t i = 0; shards_of(engine) > 1 && i < couple->works.count; i++) {
        int code = take(engine, &couple->works.item[i]);
        if (code)
            return code;
    }
    if (shards_of(engine) > 1)
        scheduler_answer(engine->scheduler, 0, couple->need.columns, couple->value);
    couple_clear(couple);
    engine_told_of(engine, ENGINE_COUPLE_END, couple->round);
    return RONDO_OK;
}

/* The couplings of `count` variables into a new parcel; *parcel stays NULL while some are missing. */
int couple_fetch(struct engine *engine, int64_t count, const int64_t *variables,
                 struct parcel **parcel)
{
    struct rondo_pairs need;
    size_t bytes = (size_t)count * (size_t)count * sizeof(double);
    struct parcel *made = parcel_take(&engine->pool, bytes);
    if (!made)
        return engine_fail(engine, RONDO_ENOMEM, "no memory for couplings");
    made->buf.size = bytes;
    if (scheduler_couplings(engine->scheduler, count, variables, (double *)(void *)made->buf.data,
                            &need) == SCHEDULER_NEEDS) {
        parcel_drop(made);
        return couple_open(engine, &need);
    }
    *parcel = made;
    return RONDO_OK;
}

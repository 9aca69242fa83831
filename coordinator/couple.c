/* couple.c - couplings that the scheduler lacks: cut into tiles, sent to workers, summed.
 *
 * A tile is one message for every shard; the sum over shards is taken in their order.
 */
#include "core/base/mem.h"
#include "coordinator/engine_i.h"

#include <string.h>

enum { TILE_PAIRS = 8192 }; /* pairs in one message */

static int couple_grow(struct couple *couple, int64_t tiles, int64_t pairs)
{
    if (tiles > couple->tiles_capacity) {
        struct parcel **tile = mem_calloc((size_t)tiles, sizeof *tile);
        int64_t *at = mem_calloc((size_t)tiles + 1, sizeof *at);
        int64_t *columns = mem_calloc((size_t)tiles, sizeof *columns);
        if (!tile || !at || !columns) {
            mem_free(tile);
            mem_free(at);
            mem_free(columns);
            return RONDO_ENOMEM;
        }
        mem_free(couple->tile);
        mem_free(couple->tile_at);
        mem_free(couple->tile_columns);
        couple->tile = tile;
        couple->tile_at = at;
        couple->tile_columns = columns;
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

/* Columns [from, to) of the need as one message's words; empty columns are left in. */
static struct parcel *tile_of(struct engine *engine, const struct rondo_pairs *need, int64_t from,
                              int64_t to)
{
    int64_t columns = to - from, base = need->ptr[from], pairs = need->ptr[to] - base;
    size_t words = (size_t)(2 * columns + 1 + pairs);
    struct parcel *parcel = parcel_take(&engine->pool, words * sizeof(int64_t));
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

/* Cuts the need into tiles, a message each for every shard. */
int couple_open(struct engine *engine, const struct rondo_pairs *need)
{
    struct couple *couple = &engine->couple;
    int32_t shards = engine->layout.shards ? engine->layout.shards : 1;
    int64_t pairs = need->ptr[need->columns];
    int code = couple_grow(couple, need->columns, pairs);
    if (code)
        return engine_fail(engine, code, "no memory for couplings");
    couple->tiles = 0;
    couple->tile_at[0] = 0;
    for (int64_t from = 0; from < need->columns;) {
        int64_t to = from + 1;
        while (to < need->columns && need->ptr[to + 1] - need->ptr[from] <= TILE_PAIRS)
            to++;
        struct parcel *tile = tile_of(engine, need, from, to);
        if (!tile)
            return engine_fail(engine, RONDO_ENOMEM, "no memory for couplings");
        couple->tile[couple->tiles] = tile;
        couple->tile_columns[couple->tiles] = to - from;
        couple->tile_at[++couple->tiles] = need->ptr[to];
        from = to;
    }
    code = works_resize(&couple->works, couple->tiles * shards);
    for (int64_t i = 0; i < couple->tiles * shards && !code; i++) {
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
    engine->pair_dots += pairs;
    flight_of(engine, engine->planning ? engine->planned + 1 : engine->committed + 1)
        ->pairs_computed += pairs;
    return RONDO_OK;
}

void couple_clear(struct couple *couple)
{
    for (int64_t i = 0; i < couple->tiles; i++)
        parcel_drop(couple->tile[i]);
    couple->tiles = 0;
    works_clear(&couple->works);
    couple->active = false;
}

/* All tiles are answered: sums the shards in order and tells the scheduler. */
int couple_close(struct engine *engine)
{
    struct couple *couple = &engine->couple;
    int32_t shards = engine->layout.shards ? engine->layout.shards : 1;
    for (int64_t tile = 0; tile < couple->tiles; tile++) {
        int64_t first = couple->tile_at[tile], count = couple->tile_at[tile + 1] - first;
        double *value = couple->value + first;
        for (int32_t shard = 0; shard < shards; shard++) {
            const struct rondo_buf *buf = &couple->works.item[tile * shards + shard].answer->buf;
            const double *partial = (const double *)(const void *)buf->data;
            if (buf->size != (size_t)count * sizeof *partial)
                return engine_fail(engine, RONDO_EAPP, "an answer to a coupling has a wrong length");
            if (shard == 0)
                memcpy(value, partial, buf->size);
            else
                for (int64_t i = 0; i < count; i++)
                    value[i] += partial[i];
        }
    }
    couple_clear(couple);
    scheduler_answer(engine->scheduler, couple->value);
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

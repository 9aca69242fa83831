/* order.c - what an app may ask for in schedule and settle; anything else ends the job in words.
 */
#include "core/base/mem.h"
#include "coordinator/engine_i.h"

#include <string.h>

const char *order_wrong_plan(struct engine *engine, const struct rondo_order *order)
{
    const struct rondo_layout *layout = &engine->layout;
    int64_t stamp = ++engine->seen_stamp;
    if (order->count < 0 || order->count > INT32_MAX || (order->count && !order->pairs))
        return "a plan has no pairs";
    for (int64_t i = 0; i < order->count; i++) {
        int32_t block = order->pairs[i].block, shard = order->pairs[i].shard;
        if (block < 0 || (layout->blocks && block >= layout->blocks) || shard < -1
            || shard >= layout->shards)
            return "a plan names a block or shard that is not there";
        int64_t *seen_block = layout->blocks ? &engine->seen[block] : NULL;
        int64_t *seen_shard = shard >= 0 ? &engine->seen[layout->blocks + shard] : NULL;
        if ((seen_block && *seen_block == stamp) || (seen_shard && *seen_shard == stamp))
            return "a plan names a block or shard twice";
        if (seen_block)
            *seen_block = stamp;
        if (seen_shard)
            *seen_shard = stamp;
    }
    return NULL;
}

static const char *wrong_couplings(const struct engine *engine, const struct rondo_order *order)
{
    if (!order->couplings)
        return NULL;
    if (!engine->scheduler)
        return "couplings are asked for and there are no variables";
    return engine->app->couple ? NULL : "couplings are asked for and the app has none";
}

static bool are_there(const struct engine *engine, const struct rondo_order *order)
{
    for (int64_t i = 0; i < order->count; i++)
        if (order->variables[i] < 0 || order->variables[i] >= engine->layout.variables)
            return false;
    return true;
}

static const char *wrong_sample(const struct engine *engine, const struct rondo_order *order)
{
    if (!engine->scheduler)
        return "schedule asks for a sampled round and there are no variables";
    if (order->whole && engine->options.schedule.pipeline > 1)
        return "a whole round is asked for beside others in flight";
    if (order->whole && order->couplings
        && order->want > scheduler_couplings_most(engine->scheduler))
        return "a whole round is wanted of more variables than couplings are kept for";
    if (order->count < 0 || (order->count && !order->variables) || !are_there(engine, order))
        return "a sampled round names a variable that is not there";
    return wrong_couplings(engine, order);
}

const char *order_wrong(struct engine *engine, const struct rondo_order *order)
{
    switch (order->kind) {
    case RONDO_SAMPLED: return wrong_sample(engine, order);
    case RONDO_SWEEP: return NULL;
    case RONDO_PLAN: return order_wrong_plan(engine, order);
    default: return "schedule asks for a kind of round that only settle may";
    }
}

static const char *wrong_join(const struct engine *engine, const struct rondo_order *order)
{
    if (order->count < 1 || !order->variables)
        return "settle joins no variables";
    if (!are_there(engine, order))
        return "settle joins a variable that is not there";
    if (order->couplings && engine->scheduler
        && order->count > scheduler_couplings_most(engine->scheduler))
        return "settle joins more variables than couplings are kept for";
    return wrong_couplings(engine, order);
}

static const char *wrong_rest(const struct engine *engine, const struct rondo_order *order)
{
    if (order->commit.size && !order->commit.data)
        return "settle's commit has a size and no bytes";
    if (order->updates < 0)
        return "settle counts fewer than no updates";
    return order->updates > COUNT_MOST - engine->updates ? "settle counts more updates than any job has" : NULL;
}

const char *order_wrong_next(struct engine *engine, const struct rondo_order *order)
{
    switch (order->kind) {
    case RONDO_REST: return wrong_rest(engine, order);
    case RONDO_AGAIN:
    case RONDO_SWEEP: return NULL;
    case RONDO_PLAN: return order_wrong_plan(engine, order);
    case RONDO_JOIN: return wrong_join(engine, order);
    case RONDO_SAMPLED: return "settle cannot sample";
    }
    return "settle asks for a kind of phase that there is not";
}

int order_keep_pairs(struct flight *flight)
{
    struct rondo_order *order = &flight->order;
    if (order->kind != RONDO_PLAN)
        return RONDO_OK;
    if (order->count > flight->pairs_capacity) {
        struct rondo_pair *pairs = mem_alloc((size_t)order->count * sizeof *pairs);
        if (!pairs)
            return RONDO_ENOMEM;
        mem_free(flight->pairs);
        flight->pairs = pairs;
        flight->pairs_capacity = order->count;
    }
    if (order->count)
        memcpy(flight->pairs, order->pairs, (size_t)order->count * sizeof *order->pairs);
    order->pairs = flight->pairs;
    return RONDO_OK;
}

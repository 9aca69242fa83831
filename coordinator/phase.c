/* phase.c - one phase of the round under way: its blocks, what their workers are told, their tasks.
 */
#include "apps/contract.h"
#include "core/base/mem.h"
#include "coordinator/engine_i.h"

#include <string.h>

enum { BRIEF_BYTES = 64 }; /* at first */

struct rondo_task phase_task(const struct engine *engine, const struct block *block)
{
    const struct phase *phase = &engine->phase;
    return (struct rondo_task){
        .round = engine->committed + 1, .phase = phase->number, .tag = phase->tag,
        .kind = phase->kind, .block = block->id, .shard = -1,
        .seed = engine->options.schedule.seed, .count = block->count,
        .variables = block->variables ? (const int64_t *)(const void *)block->variables->buf.data
                                      : NULL,
        .couplings = block->couplings ? (const double *)(const void *)block->couplings->buf.data
                                      : NULL,
    };
}

void phase_drop_blocks(struct phase *phase)
{
    for (int32_t b = 0; b < phase->blocks; b++) {
        parcel_drop(phase->block[b].variables);
        parcel_drop(phase->block[b].brief);
        parcel_drop(phase->block[b].couplings);
        phase->block[b] = (struct block){ 0 };
    }
    phase->blocks = 0;
}

void phase_drop_answers(struct phase *phase)
{
    works_clear(&phase->push);
    works_clear(&phase->pull);
}

static int phase_blocks(struct phase *phase, int64_t count)
{
    phase_drop_blocks(phase);
    if (count > phase->capacity) {
        struct block *block = mem_calloc((size_t)count, sizeof *block);
        if (!block)
            return RONDO_ENOMEM;
        mem_free(phase->block);
        phase->block = block;
        phase->capacity = (int32_t)count;
    }
    phase->blocks = (int32_t)count;
    return RONDO_OK;
}

static int set_variables(struct engine *engine, struct block *block, int64_t count,
                         const int64_t *variables)
{
    size_t bytes = (size_t)count * sizeof *variables;
    block->count = count;
    block->variables = parcel_take(&engine->pool, bytes);
    if (!block->variables || buf_append(&block->variables->buf, variables, bytes))
        return RONDO_ENOMEM;
    return RONDO_OK;
}

/* The blocks that an order opens; AGAIN keeps those there are. */
static int cut_blocks(struct engine *engine, const struct rondo_order *order)
{
    struct phase *phase = &engine->phase;
    struct flight *flight = flight_of(engine, engine->committed + 1);
    const struct scheduler_plan *plan;
    int code = RONDO_OK;
    switch (order->kind) {
    case RONDO_AGAIN:
        for (int32_t b = 0; b < phase->blocks; b++) {
            parcel_drop(phase->block[b].brief);
            phase->block[b].brief = NULL;
        }
        return RONDO_OK;
    case RONDO_SAMPLED:
        plan = scheduler_plan(engine->scheduler, engine->committed + 1);
        code = phase_blocks(phase, plan->blocks);
        for (int32_t b = 0; b < plan->blocks && !code; b++) {
            code = set_variables(engine, &phase->block[b], plan->start[b + 1] - plan->start[b],
                                 plan->variables + plan->start[b]);
            if (b < flight->couplings_count)
                phase->block[b].couplings = parcel_share(flight->couplings[b]);
        }
        break;
    case RONDO_JOIN:
        code = phase_blocks(phase, 1);
        if (!code)
            code = set_variables(engine, &phase->block[0], order->count, order->variables);
        break;
    case RONDO_PLAN:
        code = phase_blocks(phase, order->count);
        for (int64_t b = 0; b < order->count && !code; b++) {
            phase->block[b].id = order->pairs[b].block;
            phase->block[b].shard = order->pairs[b].shard;
        }
        break;
    default: code = phase_blocks(phase, engine->layout.chunks);
    }
    if (order->kind != RONDO_PLAN)
        for (int32_t b = 0; b < phase->blocks; b++)
            phase->block[b].id = b;
    phase->kind = order->kind;
    return code;
}

static int brief_blocks(struct engine *engine)
{
    struct phase *phase = &engine->phase;
    if (!engine->app->brief)
        return RONDO_OK;
    for (int32_t b = 0; b < phase->blocks; b++) {
        struct block *block = &phase->block[b];
        struct rondo_task task = phase_task(engine, block);
        block->brief = parcel_take(&engine->pool, BRIEF_BYTES);
        if (!block->brief)
            return engine_fail(engine, RONDO_ENOMEM, "no memory for a block");
        int code = engine->app->brief(engine->head, &task, &block->brief->buf);
        code = contract_wrote(engine->app, "brief", code, &block->brief->buf, &engine->error);
        if (code)
            return engine_app_failed(engine, code, "brief");
    }
    return RONDO_OK;
}

/* Queues every push of the phase: block by block, shard by shard. */
static int queue_pushes(struct engine *engine)
{
    struct phase *phase = &engine->phase;
    bool pairs = phase->kind == RONDO_PLAN;
    bool together = pairs && engine->options.together && contract_rotates(engine->app, &engine->layout);
    int64_t each = pairs || !engine->layout.shards ? 1 : engine->layout.shards;
    int code = works_resize(&phase->push, phase->blocks * each);
    if (!code)
        code = works_resize(&phase->pull, phase->blocks);
    phase->fused = engine->app->pull && !phase->no_pull && each == 1;
    for (int32_t b = 0; b < phase->blocks && !code; b++) {
        struct block *block = &phase->block[b];
        block->first = b * each;
        block->pieces = block->open = each;
        phase->pull.item[b] = (struct work){ .owner = -1, .block = b, .shard = -1 };
        for (int64_t i = 0; i < each && !code; i++) {
            int32_t shard = pairs                   ? block->shard
                            : engine->layout.shards ? (int32_t)i
                                                    : -1;
            int32_t owner = shard < 0 ? -1 : engine->owner[shard];
            phase->push.item[block->first + i] = (struct work){
                .owner = owner, .block = b, .shard = shard,
                .anyones = together && (owner < 0 || engine->seat[owner].spoke),
            };
            code = dispatch_queue(engine, SET_PUSH, block->first + i);
        }
    }
    return code ? engine_fail(engine, code, "no memory for a phase") : RONDO_OK;
}

static int phase_start(struct engine *engine, const struct rondo_order *order)
{
    struct phase *phase = &engine->phase;
    phase_drop_answers(phase);
    if (cut_blocks(engine, order))
        return engine_fail(engine, RONDO_ENOMEM, "no memory for a phase");
    phase->active = true;
    phase->tag = order->tag;
    phase->no_pull = order->no_pull;
    int code = brief_blocks(engine);
    return code ? code : queue_pushes(engine);
}

int phase_first(struct engine *engine)
{
    int64_t round = engine->committed + 1;
    engine->phase.number = 0;
    engine_told_of(engine, ENGINE_PUSH_BEGIN, round);
    return phase_start(engine, &flight_of(engine, round)->order);
}

/* A join that wants couplings waits for them before it starts. */
int phase_join(struct engine *engine)
{
    struct phase *phase = &engine->phase;
    struct block *block = &phase->block[0];
    struct parcel *parcel = NULL;
    const int64_t *variables = (const int64_t *)(const void *)block->variables->buf.data;
    int code = couple_fetch(engine, block->count, variables, &parcel);
    if (code || !parcel)
        return code;
    block->couplings = parcel;
    engine->join_waits = false;
    phase->active = true;
    code = brief_blocks(engine);
    return code ? code : queue_pushes(engine);
}

int phase_next(struct engine *engine, const struct rondo_order *order)
{
    struct phase *phase = &engine->phase;
    phase->number++;
    if (order->kind != RONDO_JOIN || !order->couplings)
        return phase_start(engine, order);
    phase_drop_answers(phase);
    if (cut_blocks(engine, order))
        return engine_fail(engine, RONDO_ENOMEM, "no memory for a phase");
    phase->active = false;
    phase->tag = order->tag;
    phase->no_pull = order->no_pull;
    engine->join_waits = true;
    return phase_join(engine);
}

/* flight.c - one round, from its plan to its commit.
 *
 *     plan      schedule, and where it is sampled the scheduler's couplings and cut
 *     phase     brief, push to workers, pull on workers
 *     settle    another phase, or the commit
 *
 * Plans run ahead by `pipeline`; phases belong to round committed + 1 alone.
 */
#include "core/base/mem.h"
#include "coordinator/engine_i.h"

#include <assert.h>
#include <string.h>

enum { TILE_PAIRS = 8192 }; /* pairs in one message */

struct flight *flight_of(struct engine *engine, int64_t round)
{
    return &engine->flight[round % engine->options.schedule.pipeline];
}

static int app_failed(struct engine *engine, int code, const char *callback)
{
    char what[128];
    snprintf(what, sizeof what, "the app's %s failed: %s", callback, rondo_strerror(code));
    return engine_fail(engine, code == RONDO_ENOMEM ? code : RONDO_EAPP, what);
}

/* ---- couplings --------------------------------------------------------------------------------- */

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
static int couple_open(struct engine *engine, const struct rondo_pairs *need)
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

static void couple_clear(struct couple *couple)
{
    for (int64_t i = 0; i < couple->tiles; i++)
        parcel_drop(couple->tile[i]);
    couple->tiles = 0;
    works_clear(&couple->works);
    couple->active = false;
}

/* All tiles are answered: sums the shards in order and tells the scheduler. */
static int couple_close(struct engine *engine)
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

/* ---- planning ------------------------------------------------------------------------------------ */

static const char *no_order(const struct engine *engine, const struct rondo_order *order)
{
    switch (order->kind) {
    case RONDO_SAMPLED:
        return engine->scheduler ? NULL : "schedule asks for a sampled round and there are no variables";
    case RONDO_SWEEP: return NULL;
    case RONDO_PLAN:
        if (order->count < 0 || (order->count && !order->pairs))
            return "schedule gives a plan without pairs";
        for (int64_t i = 0; i < order->count; i++)
            if (order->pairs[i].block < 0 || order->pairs[i].shard < -1
                || (engine->layout.blocks && order->pairs[i].block >= engine->layout.blocks)
                || order->pairs[i].shard >= engine->layout.shards)
                return "a plan names a block or shard that is not there";
        return NULL;
    default: return "schedule asks for a kind of round that only settle may";
    }
}

int flight_keep_pairs(struct flight *flight)
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

static int64_t most_variables(const struct engine *engine)
{
    const struct scheduler_config *config = &engine->options.schedule;
    return (int64_t)config->blocks * config->block_size;
}

static int plan_begin(struct engine *engine)
{
    int64_t round = engine->planned + 1;
    struct flight *flight = flight_of(engine, round);
    engine->planning = true;
    engine->plan_made = false;
    engine_told(engine, ENGINE_PLAN_BEGIN, round, 0, 0, 0, 0);
    flight->order = (struct rondo_order){ .want = most_variables(engine) };
    flight->pairs_computed = 0;
    int code = engine->app->schedule(engine->head, round, &flight->order);
    if (code)
        return app_failed(engine, code, "schedule");
    const char *wrong = no_order(engine, &flight->order);
    if (wrong)
        return engine_fail(engine, RONDO_EAPP, wrong);
    if (flight_keep_pairs(flight))
        return engine_fail(engine, RONDO_ENOMEM, "no memory for a plan");
    if (flight->order.kind == RONDO_SAMPLED)
        scheduler_begin(engine->scheduler, round, flight->order.want);
    return RONDO_OK;
}

/* The couplings of `count` variables into a new parcel; *parcel stays NULL while some are missing. */
static int fetch_couplings(struct engine *engine, int64_t count, const int64_t *variables,
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

static int plan_couplings(struct engine *engine, struct flight *flight,
                          const struct scheduler_plan *plan)
{
    if (plan->blocks > flight->couplings_capacity) {
        struct parcel **grown = mem_calloc((size_t)plan->blocks, sizeof *grown);
        if (!grown)
            return engine_fail(engine, RONDO_ENOMEM, "no memory for couplings");
        for (int32_t b = 0; b < flight->couplings_count; b++)
            grown[b] = flight->couplings[b];
        mem_free(flight->couplings);
        flight->couplings = grown;
        flight->couplings_capacity = plan->blocks;
    }
    while (flight->couplings_count < plan->blocks) {
        int32_t b = flight->couplings_count;
        struct parcel *parcel = NULL;
        int code = fetch_couplings(engine, plan->start[b + 1] - plan->start[b],
                                   plan->variables + plan->start[b], &parcel);
        if (code || !parcel)
            return code;
        flight->couplings[flight->couplings_count++] = parcel;
    }
    return RONDO_OK;
}

static int plan_continue(struct engine *engine)
{
    int64_t round = engine->planned + 1;
    struct flight *flight = flight_of(engine, round);
    if (flight->order.kind == RONDO_SAMPLED) {
        struct rondo_pairs need;
        if (!engine->plan_made && scheduler_step(engine->scheduler, &need) == SCHEDULER_NEEDS)
            return couple_open(engine, &need);
        engine->plan_made = true;
        const struct scheduler_plan *plan = scheduler_plan(engine->scheduler, round);
        if (flight->order.couplings) {
            int code = plan_couplings(engine, flight, plan);
            if (code || engine->couple.active)
                return code;
        }
    }
    engine->planning = false;
    engine->planned = round;
    engine_told(engine, ENGINE_PLAN_END, round, 0, 0, 0, 0);
    return RONDO_OK;
}

/* Restored plans come without their couplings, whose bits do not depend on when they are computed. */
static int plan_refetch(struct engine *engine)
{
    struct flight *flight = flight_of(engine, engine->refetch);
    if (flight->order.kind == RONDO_SAMPLED && flight->order.couplings) {
        int code = plan_couplings(engine, flight,
                                  scheduler_plan(engine->scheduler, engine->refetch));
        if (code || engine->couple.active)
            return code;
    }
    engine->refetch++;
    return RONDO_OK;
}

/* ---- phases ---------------------------------------------------------------------------------------- */

static struct rondo_task task_of(const struct engine *engine, const struct block *block)
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

static void drop_blocks(struct phase *phase)
{
    for (int32_t b = 0; b < phase->blocks; b++) {
        parcel_drop(phase->block[b].variables);
        parcel_drop(phase->block[b].brief);
        parcel_drop(phase->block[b].couplings);
        phase->block[b] = (struct block){ 0 };
    }
    phase->blocks = 0;
}

static void drop_answers(struct phase *phase)
{
    works_clear(&phase->push);
    works_clear(&phase->pull);
}

static int phase_blocks(struct phase *phase, int64_t count)
{
    drop_blocks(phase);
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
        for (int64_t b = 0; b < order->count && !code; b++)
            phase->block[b].id = order->pairs[b].block;
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
        struct rondo_task task = task_of(engine, block);
        block->brief = parcel_take(&engine->pool, 0);
        if (!block->brief)
            return engine_fail(engine, RONDO_ENOMEM, "no memory for a block");
        int code = engine->app->brief(engine->head, &task, &block->brief->buf);
        if (code)
            return app_failed(engine, code, "brief");
    }
    return RONDO_OK;
}

/* Queues every push of the phase: block by block, shard by shard. */
static int queue_pushes(struct engine *engine, const struct rondo_order *order)
{
    struct phase *phase = &engine->phase;
    bool pairs = phase->kind == RONDO_PLAN;
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
            int32_t shard = pairs                    ? order->pairs[b].shard
                            : engine->layout.shards ? (int32_t)i
                                                    : -1;
            phase->push.item[block->first + i] = (struct work){
                .owner = shard < 0 ? -1 : engine->owner[shard], .block = b, .shard = shard,
            };
            code = dispatch_queue(engine, SET_PUSH, block->first + i);
        }
    }
    return code ? engine_fail(engine, code, "no memory for a phase") : RONDO_OK;
}

static int phase_start(struct engine *engine, const struct rondo_order *order)
{
    struct phase *phase = &engine->phase;
    drop_answers(phase);
    if (cut_blocks(engine, order))
        return engine_fail(engine, RONDO_ENOMEM, "no memory for a phase");
    phase->active = true;
    phase->tag = order->tag;
    phase->no_pull = order->no_pull;
    int code = brief_blocks(engine);
    return code ? code : queue_pushes(engine, order);
}

static int phase_first(struct engine *engine)
{
    int64_t round = engine->committed + 1;
    engine->phase.number = 0;
    engine_told(engine, ENGINE_PUSH_BEGIN, round, 0, 0, 0, 0);
    return phase_start(engine, &flight_of(engine, round)->order);
}

/* A join that wants couplings waits for them before it starts. */
static int join_continue(struct engine *engine)
{
    struct phase *phase = &engine->phase;
    struct block *block = &phase->block[0];
    struct parcel *parcel = NULL;
    const int64_t *variables = (const int64_t *)(const void *)block->variables->buf.data;
    int code = fetch_couplings(engine, block->count, variables, &parcel);
    if (code || !parcel)
        return code;
    block->couplings = parcel;
    engine->join_waits = false;
    phase->active = true;
    code = brief_blocks(engine);
    struct rondo_order order = { .kind = RONDO_JOIN };
    return code ? code : queue_pushes(engine, &order);
}

static int phase_next(struct engine *engine, const struct rondo_order *order)
{
    struct phase *phase = &engine->phase;
    phase->number++;
    if (order->kind != RONDO_JOIN || !order->couplings)
        return phase_start(engine, order);
    if (!engine->scheduler)
        return engine_fail(engine, RONDO_EAPP, "couplings are asked for and there are no variables");
    drop_answers(phase);
    if (cut_blocks(engine, order))
        return engine_fail(engine, RONDO_ENOMEM, "no memory for a phase");
    phase->active = false;
    phase->tag = order->tag;
    phase->no_pull = order->no_pull;
    engine->join_waits = true;
    return join_continue(engine);
}

/* ---- settling -------------------------------------------------------------------------------------- */

static int results_room(struct phase *phase, int64_t count)
{
    if (count <= phase->results_capacity)
        return RONDO_OK;
    struct rondo_task *task = mem_calloc((size_t)count, sizeof *task);
    struct rondo_bytes *result = mem_calloc((size_t)count, sizeof *result);
    if (!task || !result) {
        mem_free(task);
        mem_free(result);
        return RONDO_ENOMEM;
    }
    mem_free(phase->task);
    mem_free(phase->result);
    phase->task = task;
    phase->result = result;
    phase->results_capacity = count;
    return RONDO_OK;
}

/* Lays the results out for settle: of pulls, or of pushes where nothing was pulled. */
static int64_t lay_results(struct engine *engine)
{
    struct phase *phase = &engine->phase;
    bool pulled = engine->app->pull && !phase->no_pull && !phase->fused;
    const struct works *works = pulled ? &phase->pull : &phase->push;
    for (int64_t i = 0; i < works->count; i++) {
        const struct work *work = &works->item[i];
        phase->task[i] = task_of(engine, &phase->block[work->block]);
        phase->task[i].shard = pulled ? -1 : work->shard;
        phase->result[i] = (struct rondo_bytes){ work->answer->buf.data, work->answer->buf.size };
    }
    return works->count;
}

static int merge_results(struct engine *engine, int64_t *count)
{
    struct phase *phase = &engine->phase;
    engine->packed.size = 0;
    for (int64_t i = 0; i < *count; i++) {
        int code = engine->app->merge(engine->problem, &engine->packed, phase->result[i]);
        if (code)
            return app_failed(engine, code, "merge");
    }
    if (*count) {
        phase->result[0] = (struct rondo_bytes){ engine->packed.data, engine->packed.size };
        *count = 1;
    }
    return RONDO_OK;
}

static void tell_round(struct engine *engine, const struct rondo_order *order, int32_t phases)
{
    int64_t round = engine->committed;
    struct flight *flight = flight_of(engine, round);
    bool sampled = flight->order.kind == RONDO_SAMPLED;
    struct rondo_report report = { 0 };
    if (round <= engine->told || !engine->observer.round)
        return;
    engine->told = round;
    bool reports = order->report || engine->observer.reports;
    if (reports && engine->app->report)
        engine->app->report(engine->head, &report);
    struct engine_round record = {
        .round = round, .kind = flight->order.kind, .phases = phases, .updates = engine->updates,
        .note = order->note ? order->note : "",
        .plan = sampled ? scheduler_plan(engine->scheduler, round) : NULL,
        .pairs_computed = flight->pairs_computed, .report = reports ? &report : NULL,
        .progress = order->report,
    };
    record.blocks = sampled                            ? record.plan->blocks
                    : flight->order.kind == RONDO_PLAN ? (int32_t)flight->order.count
                                                       : engine->layout.chunks;
    engine->observer.round(engine->observer.context, &record);
}

static int post_commit(struct engine *engine, struct rondo_bytes commit)
{
    if (!engine->app->apply)
        return RONDO_OK;
    struct parcel *body = parcel_take(&engine->pool, commit.size);
    if (!body || buf_append(&body->buf, commit.data, commit.size)) {
        parcel_drop(body);
        return engine_fail(engine, RONDO_ENOMEM, "no memory for a commit");
    }
    int code = RONDO_OK;
    for (int32_t worker = engine->seats - 1; worker >= 0 && !code; worker--) {
        struct message message = {
            .type = MESSAGE_COMMIT, .epoch = engine->epoch, .round = engine->committed,
            .shard = -1, .body = body,
        };
        if (!engine->seat[worker].holds || engine->seat[worker].left)
            continue;
        parcel_share(body);
        code = engine_post(engine, worker, &message);
    }
    parcel_drop(body);
    return code;
}

static void flight_clear(struct flight *flight)
{
    for (int32_t b = 0; b < flight->couplings_count; b++)
        parcel_drop(flight->couplings[b]);
    flight->couplings_count = 0;
}

static int commit(struct engine *engine, const struct rondo_order *order)
{
    int64_t round = ++engine->committed;
    struct flight *flight = flight_of(engine, round);
    engine->updates += order->updates;
    int code = post_commit(engine, order->commit);
    if (code)
        return code;
    tell_round(engine, order, engine->phase.number + 1);
    if (flight->order.kind == RONDO_SAMPLED)
        scheduler_commit(engine->scheduler, round);
    flight_clear(flight);
    drop_answers(&engine->phase);
    drop_blocks(&engine->phase);
    engine->phase.active = false;
    if (order->stop)
        engine_stop(engine, order->stop, true);
    return snapshot_boundary(engine);
}

static int settle(struct engine *engine)
{
    struct phase *phase = &engine->phase;
    struct rondo_order order = { .kind = RONDO_REST };
    int64_t round = engine->committed + 1;
    int64_t most = phase->push.count > phase->pull.count ? phase->push.count : phase->pull.count;
    if (results_room(phase, most))
        return engine_fail(engine, RONDO_ENOMEM, "no memory for results");
    int64_t count = lay_results(engine);
    int code = engine->app->merge ? merge_results(engine, &count) : RONDO_OK;
    if (code)
        return code;
    engine_told(engine, ENGINE_PUSH_END, round, phase->number, 0, 0, 0);
    code = engine->app->settle(engine->head, (struct rondo_head_link *)engine, round,
                               phase->number, phase->task, phase->result, (int32_t)count, &order);
    if (code)
        return app_failed(engine, code, "settle");
    switch (order.kind) {
    case RONDO_REST: return commit(engine, &order);
    case RONDO_JOIN:
        if (order.count < 1 || !order.variables)
            return engine_fail(engine, RONDO_EAPP, "settle joins no variables");
        return phase_next(engine, &order);
    case RONDO_SAMPLED: return engine_fail(engine, RONDO_EAPP, "settle cannot sample");
    case RONDO_PLAN:
        if (no_order(engine, &order))
            return engine_fail(engine, RONDO_EAPP, no_order(engine, &order));
        return phase_next(engine, &order);
    default: return phase_next(engine, &order);
    }
}

static bool phase_finished(const struct engine *engine)
{
    const struct phase *phase = &engine->phase;
    bool pulled = engine->app->pull && !phase->no_pull && !phase->fused;
    return phase->push.open == 0 && (!pulled || phase->pull.open == 0);
}

int flight_advance(struct engine *engine)
{
    for (int code = RONDO_OK; !code && engine->state == ENGINE_RUNNING && !engine->making_cut;) {
        if (engine->couple.active && engine->couple.works.open) {
            if (engine->refetch <= engine->planned)
                break; /* no phase begins before a restored plan has its couplings */
            /* else a phase may go on */
        } else if (engine->couple.active) {
            code = couple_close(engine);
            if (!code && engine->planning)
                code = plan_continue(engine);
            else if (!code && engine->join_waits)
                code = join_continue(engine);
            continue;
        } else if (engine->refetch <= engine->planned) {
            code = plan_refetch(engine);
            continue;
        } else if (!engine->planning && engine->planned < engine->committed + engine->options.schedule.pipeline) {
            code = plan_begin(engine);
            if (!code)
                code = plan_continue(engine);
            continue;
        }
        if (engine->join_waits)
            break;
        if (!engine->phase.active) {
            if (engine->planned <= engine->committed)
                break;
            code = phase_first(engine);
            continue;
        }
        if (engine->planning || !phase_finished(engine))
            break;
        code = settle(engine);
    }
    return engine->state == ENGINE_FAILED ? engine->error.code : RONDO_OK;
}

/* ---- answers ------------------------------------------------------------------------------------------ */

int flight_answer(struct engine *engine, int64_t ticket, struct message *message)
{
    struct work *work = dispatch_find(engine, ticket);
    struct phase *phase = &engine->phase;
    enum work_set set = (enum work_set)(ticket >> 48);
    if (message->object) {
        assert(engine->block_state && message->block >= 0
               && message->block < engine->layout.blocks);
        engine->block_state[message->block] = message->object;
        message->object = NULL;
    }
    work->state = WORK_DONE;
    work->answer = message->body;
    message->body = NULL;
    if (set == SET_COUPLE) {
        engine->couple.works.open--;
        return RONDO_OK;
    }
    if (set == SET_PULL) {
        phase->pull.open--;
        return RONDO_OK;
    }
    phase->push.open--;
    struct block *block = &phase->block[work->block];
    block->open--;
    if (block->open || phase->fused || phase->no_pull || !engine->app->pull)
        return RONDO_OK;
    return dispatch_queue(engine, SET_PULL, work->block);
}

void flight_reset(struct engine *engine)
{
    couple_clear(&engine->couple);
    drop_answers(&engine->phase);
    drop_blocks(&engine->phase);
    engine->phase.active = false;
    engine->join_waits = engine->planning = false;
    for (int32_t i = 0; i < engine->options.schedule.pipeline; i++)
        flight_clear(&engine->flight[i]);
}

/* flight.c - one round, from its plan to its commit.
 *
 *     plan.c      schedule, and where it is sampled the scheduler's couplings (couple.c) and cut
 *     phase.c     brief, push to workers, pull on workers
 *     settle      another phase, or the commit
 *
 * Plans run ahead by `pipeline`; phases belong to round committed + 1 alone.
 */
#include "apps/contract.h"
#include "core/base/mem.h"
#include "coordinator/engine_i.h"

#include <math.h>
#include <string.h>

struct flight *flight_of(struct engine *engine, int64_t round)
{
    return &engine->flight[round % engine->options.schedule.pipeline];
}

/* ---- what moved ------------------------------------------------------------------------------------ */

static bool moves_room(struct moves *moves, int64_t count)
{
    if (count <= moves->capacity)
        return true;
    size_t had = (size_t)moves->count, larger = 2 * (size_t)count;
    int64_t *variable = mem_regrow(moves->variable, had * sizeof *variable, larger * sizeof *variable);
    moves->variable = variable ? variable : moves->variable;
    double *delta = variable ? mem_regrow(moves->delta, had * sizeof *delta, larger * sizeof *delta) : NULL;
    moves->delta = delta ? delta : moves->delta;
    moves->capacity = delta ? (int64_t)larger : moves->capacity;
    return delta != NULL;
}

/* A number that is no variable's is passed over, as the scheduler does. */
void moves_keep(struct engine *engine, int64_t count, const int64_t *variables, const double *delta)
{
    struct moves *moves = &engine->moves;
    if (!moves_room(moves, moves->count + count)) {
        moves->lost = true;
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        bool is_one = variables[i] >= 0 && variables[i] < engine->layout.variables;
        moves->variable[moves->count] = variables[i];
        moves->delta[moves->count] = delta[i];
        moves->count += is_one && !isnan(delta[i]) && delta[i] != 0;
    }
}

static void moves_forget(struct moves *moves)
{
    moves->count = 0;
    moves->lost = false;
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
        phase->task[i] = phase_task(engine, &phase->block[work->block]);
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
        code = contract_wrote(engine->app, "merge", code, &engine->packed, &engine->error);
        if (code)
            return engine_app_failed(engine, code, "merge");
    }
    if (*count) {
        phase->result[0] = (struct rondo_bytes){ engine->packed.data, engine->packed.size };
        *count = 1;
    }
    return RONDO_OK;
}

/* Plans are made as soon as they may be: round t behind the commit of round t - pipeline. */
static int32_t staleness_of(const struct engine *engine, int64_t round)
{
    int64_t most = engine->options.schedule.pipeline - 1;
    return (int32_t)(round - 1 < most ? round - 1 : most);
}

static int tell_round(struct engine *engine, const struct rondo_order *order, int32_t phases)
{
    int64_t round = engine->committed;
    struct flight *flight = flight_of(engine, round);
    bool sampled = flight->order.kind == RONDO_SAMPLED;
    struct rondo_report report = { 0 };
    if (round <= engine->told || !engine->observer.round)
        return RONDO_OK;
    engine->told = round;
    bool reports = order->report || engine->observer.reports;
    int code = reports ? contract_report(engine->app, engine->head, &report, &engine->error)
                       : RONDO_OK;
    if (code)
        return engine_app_failed(engine, code, "report");
    struct engine_round record = {
        .round = round, .kind = flight->order.kind, .phases = phases, .updates = engine->updates,
        .own_updates = order->updates, .staleness = staleness_of(engine, round),
        .moves = engine->moves.count, .move = engine->moves.variable, .delta = engine->moves.delta,
        .note = order->note ? order->note : "",
        .plan = sampled ? scheduler_plan(engine->scheduler, round) : NULL,
        .pairs_computed = flight->pairs_computed, .report = reports ? &report : NULL,
        .progress = order->report, .layout = &engine->layout,
        .pairs = flight->order.kind == RONDO_PLAN ? flight->order.pairs : NULL,
    };
    record.blocks = sampled                            ? record.plan->blocks
                    : flight->order.kind == RONDO_PLAN ? (int32_t)flight->order.count
                                                       : engine->layout.chunks;
    engine->observer.round(engine->observer.context, &record);
    return RONDO_OK;
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
    engine->drops = 0;
    struct flight *flight = flight_of(engine, round);
    engine->updates += order->updates;
    int code = post_commit(engine, order->commit);
    if (!code && engine->moves.lost)
        code = engine_fail(engine, RONDO_ENOMEM, "no memory for what moved");
    if (!code)
        code = tell_round(engine, order, engine->phase.number + 1);
    if (code)
        return code;
    if (flight->order.kind == RONDO_SAMPLED)
        scheduler_commit(engine->scheduler, round);
    flight_clear(flight);
    moves_forget(&engine->moves);
    phase_drop_answers(&engine->phase);
    phase_drop_blocks(&engine->phase);
    engine->phase.active = false;
    if (order->stop)
        engine_stop_here(engine, order->stop);
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
    engine_told_of(engine, ENGINE_PUSH_END, round);
    code = engine->app->settle(engine->head, (struct rondo_head_link *)engine, round,
                               phase->number, phase->task, phase->result, (int32_t)count, &order);
    if (code)
        return engine_app_failed(engine, code, "settle");
    const char *wrong = order_wrong_next(engine, &order);
    if (wrong)
        return engine_app_wrong(engine, wrong);
    return order.kind == RONDO_REST ? commit(engine, &order) : phase_next(engine, &order);
}

static bool phase_finished(const struct engine *engine)
{
    const struct phase *phase = &engine->phase;
    bool pulled = engine->app->pull && !phase->no_pull && !phase->fused;
    return phase->push.open == 0 && (!pulled || phase->pull.open == 0);
}

int flight_advance(struct engine *engine)
{
    int32_t pipeline = engine->options.schedule.pipeline;
    for (int code = RONDO_OK; !code && engine->state == ENGINE_RUNNING && !engine->making_cut;) {
        if (engine->couple.active && engine->couple.works.open) {
            /* Wait for couplings; a phase may go on, but not one whose couplings they are. */
            if (engine->refetch <= engine->planned)
                break;
        } else if (engine->couple.active) {
            code = couple_close(engine);
            if (!code && engine->planning)
                code = plan_continue(engine);
            else if (!code && engine->join_waits)
                code = phase_join(engine);
            continue;
        } else if (engine->refetch <= engine->planned) {
            code = plan_refetch(engine);
            continue;
        } else if (!engine->planning && engine->planned < engine->committed + pipeline) {
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

/* Does a block's state come with it? */
static bool travels(const struct engine *engine, int64_t ticket)
{
    return (enum work_set)(ticket >> 48) == SET_PUSH && engine->phase.kind == RONDO_PLAN
           && engine->block_state;
}

bool flight_fits(const struct engine *engine, const struct message *message)
{
    return message->body && travels(engine, message->ticket) == (message->object != NULL);
}

int flight_answer(struct engine *engine, int64_t ticket, struct message *message)
{
    struct work *work = dispatch_find(engine, ticket);
    struct phase *phase = &engine->phase;
    enum work_set set = (enum work_set)(ticket >> 48);
    if (travels(engine, ticket)) {
        engine->block_state[phase->block[work->block].id] = message->object;
        message->object = NULL;
    }
    work->state = WORK_DONE;
    work->answer = message->body;
    message->body = NULL;
    if (set == SET_COUPLE)
        return couple_keep(engine, work);
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
    phase_drop_answers(&engine->phase);
    phase_drop_blocks(&engine->phase);
    engine->phase.active = false;
    engine->join_waits = engine->planning = false;
    moves_forget(&engine->moves);
    for (int32_t i = 0; i < engine->options.schedule.pipeline; i++)
        flight_clear(&engine->flight[i]);
}

/* snapshot.c - the whole state of a job at the boundary between two rounds.
 *
 * A cut is made behind the commit of round k, before round k + d is planned: the head, the
 * scheduler with the rounds already planned, the blocks' states, and what the workers hold.  It
 * serves a lost shard (the job goes back to it), a worker that joins, and a checkpoint on disk.
 * Since every later round is a function of it, going back costs time and no bits.
 */
#include "apps/contract.h"
#include "core/base/cursor.h"
#include "core/base/mem.h"
#include "core/base/spill.h"
#include "coordinator/engine_i.h"

enum { CUT_VERSION = 1 };

int snapshot_init(struct snapshot *cut, int32_t shards)
{
    *cut = (struct snapshot){ 0 };
    cut->state = mem_calloc((size_t)shards + 1, sizeof *cut->state);
    cut->have = mem_calloc((size_t)shards + 1, sizeof *cut->have);
    return cut->state && cut->have ? RONDO_OK : RONDO_ENOMEM;
}

void snapshot_fini(struct snapshot *cut, int32_t shards)
{
    for (int32_t i = 0; cut->state && i <= shards; i++)
        buf_fini(&cut->state[i]);
    mem_free(cut->state);
    mem_free(cut->have);
    buf_fini(&cut->core);
}

/* ---- the coordinator's part ------------------------------------------------------------------ */

static void put_order(struct cursor_writer *out, const struct rondo_order *order)
{
    cursor_put_u8(out, (uint8_t)order->kind);
    cursor_put_u32(out, order->tag);
    cursor_put_i64(out, order->want);
    cursor_put_u8(out, order->couplings);
    cursor_put_u8(out, order->no_pull);
    int64_t pairs = order->kind == RONDO_PLAN ? order->count : 0;
    cursor_put_i64(out, pairs);
    if (pairs)
        cursor_put_bytes(out, order->pairs, (size_t)pairs * sizeof *order->pairs);
}

static int put_packed(struct engine *engine, struct cursor_writer *out,
                      const char *which, const void *state)
{
    engine->packed.size = 0;
    int code = contract_pack(engine->app, which, engine->problem, state, &engine->packed,
                             &engine->error);
    if (code)
        return code;
    cursor_put_block(out, engine->packed.data, engine->packed.size);
    return RONDO_OK;
}

static int pack_core(struct engine *engine, struct rondo_buf *core)
{
    struct cursor_writer out = cursor_writer(core);
    core->size = 0;
    cursor_put_i64(&out, engine->committed);
    cursor_put_i64(&out, engine->planned);
    cursor_put_i64(&out, engine->updates);
    cursor_put_i64(&out, engine->pair_dots);
    int code = put_packed(engine, &out, "head", engine->head);
    engine->packed.size = 0;
    if (!code && engine->scheduler)
        code = scheduler_pack(engine->scheduler, &engine->packed);
    cursor_put_block(&out, engine->packed.data, engine->packed.size);
    for (int32_t b = 0; b < engine->layout.blocks && engine->block_state && !code; b++)
        code = put_packed(engine, &out, "block", engine->block_state[b]);
    for (int64_t round = engine->committed + 1; round <= engine->planned; round++)
        put_order(&out, &flight_of(engine, round)->order);
    return code ? code : out.failed ? RONDO_ENOMEM : RONDO_OK;
}

static int get_order(struct engine *engine, struct cursor_reader *in, struct flight *flight)
{
    struct rondo_order *order = &flight->order;
    *order = (struct rondo_order){ .kind = (enum rondo_kind)cursor_get_u8(in) };
    order->tag = cursor_get_u32(in);
    order->want = cursor_get_i64(in);
    order->couplings = cursor_get_u8(in);
    order->no_pull = cursor_get_u8(in);
    int64_t pairs = cursor_get_i64(in);
    flight->pairs_computed = 0;
    if (in->failed || order->kind > RONDO_PLAN || pairs < 0 || pairs > INT32_MAX)
        return RONDO_ESTATE;
    if (order->kind != RONDO_PLAN)
        return RONDO_OK;
    order->count = pairs;
    order->pairs = cursor_get_bytes(in, (size_t)pairs * sizeof *order->pairs);
    if (in->failed)
        return RONDO_ESTATE;
    if (order_keep_pairs(flight)) /* aligned from here on */
        return RONDO_ENOMEM;
    return order_wrong_plan(engine, order) ? RONDO_ESTATE : RONDO_OK;
}

/* The rounds that are planned; the scheduler must know those that were sampled, and no other. */
static int unpack_orders(struct engine *engine, struct cursor_reader *in)
{
    int32_t sampled = 0;
    for (int64_t round = engine->committed + 1; round <= engine->planned; round++) {
        struct flight *flight = flight_of(engine, round);
        int code = get_order(engine, in, flight);
        if (code)
            return code;
        if (flight->order.kind != RONDO_SAMPLED)
            continue;
        const struct scheduler_plan *plan =
            engine->scheduler ? scheduler_plan(engine->scheduler, round) : NULL;
        if (!plan)
            return RONDO_ESTATE;
        for (int32_t b = 0; flight->order.couplings && b < plan->blocks; b++)
            if (plan->start[b + 1] - plan->start[b] > scheduler_couplings_most(engine->scheduler))
                return RONDO_ESTATE;
        sampled++;
    }
    if (engine->scheduler && !scheduler_awaits(engine->scheduler, sampled, engine->planned + 1))
        return RONDO_ESTATE;
    return RONDO_OK;
}

static int unpack_core(struct engine *engine, const struct rondo_buf *core)
{
    struct cursor_reader in = cursor_reader(core->data, core->size);
    engine->committed = cursor_get_i64(&in);
    engine->planned = cursor_get_i64(&in);
    engine->updates = cursor_get_i64(&in);
    engine->pair_dots = cursor_get_i64(&in);
    if (in.failed || engine->committed != engine->safe.round || engine->updates < 0
        || engine->updates > COUNT_MOST || engine->pair_dots < 0 || engine->pair_dots > COUNT_MOST
        || engine->committed < 0 || engine->committed > COUNT_MOST
        || engine->planned < engine->committed
        || engine->planned - engine->committed > engine->options.schedule.pipeline)
        return RONDO_ESTATE;
    int code = contract_unpack(engine->app, "head", engine->problem, engine->head,
                               cursor_get_block(&in), &engine->error);
    struct rondo_bytes packed = cursor_get_block(&in);
    if (!code && engine->scheduler)
        code = scheduler_unpack(engine->scheduler, packed);
    for (int32_t b = 0; b < engine->layout.blocks && engine->block_state && !code; b++)
        code = contract_unpack(engine->app, "block", engine->problem, engine->block_state[b],
                               cursor_get_block(&in), &engine->error);
    if (!code)
        code = unpack_orders(engine, &in);
    return code ? code : cursor_at_end(&in) ? RONDO_OK : RONDO_ESTATE;
}

/* ---- as bytes, for a file -------------------------------------------------------------------- */

static int tell_checkpoint(struct engine *engine, const struct snapshot *cut)
{
    struct rondo_buf bytes = { 0 };
    struct cursor_writer out = cursor_writer(&bytes);
    size_t size = 4 * sizeof(uint64_t) + cut->core.size; /* at once: it may be as large as all else */
    for (int32_t i = 0; i <= engine->layout.shards; i++)
        size += sizeof(uint64_t) + cut->state[i].size;
    out.failed = buf_reserve(&bytes, size) != RONDO_OK;
    cursor_put_u32(&out, CUT_VERSION);
    cursor_put_i64(&out, cut->round);
    cursor_put_block(&out, cut->core.data, cut->core.size);
    cursor_put_u32(&out, (uint32_t)engine->layout.shards);
    for (int32_t i = 0; i <= engine->layout.shards; i++) {
        spill_said(2 * cut->state[i].size); /* from there and to here */
        cursor_put_block(&out, cut->state[i].data, cut->state[i].size);
    }
    int code = out.failed ? RONDO_ENOMEM : RONDO_OK;
    if (!code && engine->observer.checkpoint)
        engine->observer.checkpoint(engine->observer.context, cut->round,
                                    engine->stop_of_round, (struct rondo_bytes){ bytes.data, bytes.size });
    buf_fini(&bytes);
    return code;
}

static int keep_block(struct cursor_reader *in, struct rondo_buf *into)
{
    struct rondo_bytes bytes = cursor_get_block(in);
    into->size = 0;
    return in->failed ? RONDO_ESTATE : buf_append(into, bytes.data, bytes.size);
}

int snapshot_parse(struct engine *engine, struct rondo_bytes bytes)
{
    struct cursor_reader in = cursor_reader(bytes.data, bytes.size);
    struct snapshot *cut = &engine->safe;
    if (cursor_get_u32(&in) != CUT_VERSION)
        return RONDO_ESTATE;
    cut->round = cursor_get_i64(&in);
    int code = keep_block(&in, &cut->core);
    if (!code && cursor_get_u32(&in) != (uint32_t)engine->layout.shards)
        code = RONDO_ESTATE;
    for (int32_t i = 0; i <= engine->layout.shards && !code; i++) {
        code = keep_block(&in, &cut->state[i]);
        cut->have[i] = cut->state[i].size > 0;
    }
    cut->complete = !code && cursor_at_end(&in);
    return cut->complete ? RONDO_OK : code ? code : RONDO_ESTATE;
}

/* ---- making one -------------------------------------------------------------------------------- */

static const char *stop_of(const struct engine *engine)
{
    return engine->stop_of_round ? engine->stop_of_round : engine->stop_asked;
}

/* The stop, if there is one, leaves a checkpoint. */
static bool stop_keeps(const struct engine *engine)
{
    return engine->stop_of_round || (engine->stop_asked && engine->stop_keeps);
}

static void stop(struct engine *engine)
{
    engine->state = ENGINE_DONE;
    engine->stop_reason = stop_of(engine);
}

static bool holding(const struct engine *engine, int32_t worker)
{
    return engine->seat[worker].holds && !engine->seat[worker].left;
}

static int finish(struct engine *engine)
{
    struct snapshot old = engine->safe;
    engine->safe = engine->making;
    engine->safe.complete = true;
    engine->making = old;
    engine->making_cut = false;
    if (engine->cut_told || stop_keeps(engine)) {
        engine->cut_told = false;
        if (tell_checkpoint(engine, &engine->safe))
            return engine_fail(engine, RONDO_ENOMEM, "no memory for a checkpoint");
    }
    if (stop_of(engine)) {
        stop(engine);
        return RONDO_OK;
    }
    if (engine->rebalance) {
        engine->rebalance = false;
        return snapshot_rollback(engine);
    }
    return RONDO_OK;
}

/* The first state that a worker holds, from `from` on; layout.shards: none. */
static int32_t next_held(const struct engine *engine, int32_t worker, int32_t from)
{
    if (from < 0 && engine->app->common.create)
        return -1;
    int32_t shard = from < 0 ? 0 : from;
    while (shard < engine->layout.shards && engine->owner[shard] != worker)
        shard++;
    return shard;
}

/* One at a time, so that no message is of more than a state.  Nothing moves meanwhile: no phase begins. */
static int ask_worker(struct engine *engine, int32_t worker, int32_t from)
{
    struct worker_seat *seat = &engine->seat[worker];
    seat->snap = next_held(engine, worker, from);
    seat->snap_due = seat->snap < engine->layout.shards;
    if (!seat->snap_due)
        return RONDO_OK;
    struct message message = { .type = MESSAGE_SNAP, .epoch = engine->epoch, .round = engine->committed,
                               .shard = seat->snap };
    return engine_post(engine, worker, &message);
}

/* Asks whoever holds states: all where there are shards, one where all hold the same. */
static int ask_workers(struct engine *engine)
{
    int code = RONDO_OK;
    engine->making.missing = 0;
    for (int32_t worker = 0; worker < engine->seats && !code; worker++) {
        if (!holding(engine, worker))
            continue;
        code = ask_worker(engine, worker, -1);
        engine->making.missing += engine->seat[worker].snap_due;
        if (engine->seat[worker].snap_due && !engine->layout.shards)
            break;
    }
    return code;
}

static int make(struct engine *engine)
{
    struct snapshot *cut = &engine->making;
    cut->round = engine->committed;
    cut->complete = false;
    for (int32_t i = 0; i <= engine->layout.shards; i++) {
        cut->have[i] = false;
        cut->state[i].size = 0;
    }
    int code = pack_core(engine, &cut->core);
    if (code)
        return engine_fail(engine, code, "the state cannot be packed");
    engine->making_cut = true;
    code = ask_workers(engine);
    return code || cut->missing ? code : finish(engine);
}

int snapshot_boundary(struct engine *engine)
{
    if (engine->committed >= engine->options.round_limit)
        engine_stop_here(engine, "rounds");
    bool due = engine->committed - engine->safe.round >= engine->options.snapshot_rounds;
    bool keep = stop_keeps(engine) && (engine->observer.checkpoint || engine->layout.with_shards);
    if (stop_of(engine) && !keep) {
        stop(engine);
        return RONDO_OK;
    }
    if (!due && !keep && !engine->cut_wanted && !engine->rebalance)
        return RONDO_OK;
    engine->cut_told = engine->cut_wanted;
    engine->cut_wanted = false;
    return make(engine);
}

/* Are all states there that the job has? */
static bool whole(const struct engine *engine, const struct snapshot *cut)
{
    bool all = cut->have[0] || !engine->app->common.create;
    for (int32_t shard = 0; shard < engine->layout.shards; shard++)
        all = all && cut->have[shard + 1];
    return all;
}

/* The bytes change hands, and what held them of an older cut goes back to the worker. */
int snapshot_snapped(struct engine *engine, int32_t worker, const struct message *message)
{
    struct worker_seat *seat = &engine->seat[worker];
    struct snapshot *cut = &engine->making;
    if (!engine->making_cut || !seat->snap_due)
        return RONDO_OK;
    if (!message->body || message->shard != seat->snap)
        return RONDO_ESTATE;
    struct rondo_buf *state = &cut->state[seat->snap + 1], old = *state;
    *state = message->body->buf;
    message->body->buf = old;
    cut->have[seat->snap + 1] = true;
    int code = ask_worker(engine, worker, seat->snap + 1);
    if (code || seat->snap_due)
        return code;
    if (cut->missing == 1 && !whole(engine, cut))
        return RONDO_ESTATE;
    return --cut->missing ? RONDO_OK : finish(engine);
}

/* ---- going back ---------------------------------------------------------------------------------- */

static void destroy_models(struct engine *engine)
{
    if (!engine->head) /* nothing has begun: the scheduler is as engine_create made it */
        return;
    engine->app->head.destroy(engine->problem, engine->head);
    engine->head = NULL;
    for (int32_t b = 0; b < engine->layout.blocks && engine->block_state; b++) {
        if (engine->block_state[b])
            engine->app->block.destroy(engine->problem, engine->block_state[b]);
        engine->block_state[b] = NULL;
    }
    scheduler_destroy(engine->scheduler);
    engine->scheduler = NULL;
}

static int create_models(struct engine *engine)
{
    struct rondo_error *err = &engine->error;
    int code = RONDO_OK;
    if (engine->layout.variables > 0 && !engine->scheduler)
        code = scheduler_create(&engine->options.schedule, &engine->scheduler, err);
    if (!code)
        code = contract_create(engine->app, "head", engine->problem, 0, &engine->head, err);
    for (int32_t b = 0; b < engine->layout.blocks && engine->block_state && !code; b++)
        code = contract_create(engine->app, "block", engine->problem, b, &engine->block_state[b],
                               err);
    return code;
}

static int send_state(struct engine *engine, int32_t worker, int32_t index)
{
    const struct snapshot *cut = &engine->safe;
    struct message message = { .type = MESSAGE_STATE, .epoch = engine->epoch, .shard = index,
                               .round = engine->committed };
    if (!cut->have[index + 1]) {
        message.flags = MESSAGE_FRESH;
    } else {
        const struct rondo_buf *state = &cut->state[index + 1];
        message.body = parcel_take(&engine->pool, state->size);
        if (!message.body || buf_append(&message.body->buf, state->data, state->size)) {
            parcel_drop(message.body);
            return engine_fail(engine, RONDO_ENOMEM, "no memory for a state");
        }
    }
    return engine_post(engine, worker, &message);
}

/* Shard s of S goes to the (s W / S)-th of the W workers that there are. */
static int hand_out_states(struct engine *engine)
{
    int32_t number = 0, workers = engine->joined, shards = engine->layout.shards, shard = 0;
    int code = RONDO_OK;
    for (int32_t worker = 0; worker < engine->seats && !code; worker++) {
        if (!engine->seat[worker].joined || engine->seat[worker].left)
            continue;
        engine->seat[worker].holds = true;
        if (engine->app->common.create)
            code = send_state(engine, worker, -1);
        number++;
        for (; shard < (int64_t)number * shards / workers && !code; shard++) {
            engine->owner[shard] = worker;
            code = send_state(engine, worker, shard);
        }
    }
    return code;
}

/* The coordinator's own part as it was at the safe cut; what was under way is forgotten. */
static int restore(struct engine *engine)
{
    const struct snapshot *cut = &engine->safe;
    engine->epoch++;
    engine->making_cut = false;
    engine->cut_wanted = engine->cut_wanted || engine->cut_told; /* it was not made */
    engine->cut_told = false;
    engine->stop_of_round = NULL; /* that round is to come again */
    flight_reset(engine);
    dispatch_reset(engine);
    destroy_models(engine);
    int code = create_models(engine);
    if (code)
        return engine_fail(engine, code, "the job cannot begin");
    engine->committed = engine->planned = 0;
    engine->updates = engine->pair_dots = 0;
    if (cut->core.size && (code = unpack_core(engine, &cut->core)))
        return engine_fail(engine, code < 0 ? code : RONDO_ESTATE,
                           "the checkpoint does not fit this job, or is of another version of rondo");
    engine->refetch = engine->committed + 1;
    for (int64_t round = engine->committed + 1; round <= engine->planned; round++) {
        engine_told_of(engine, ENGINE_PLAN_BEGIN, round);
        engine_told_of(engine, ENGINE_PLAN_END, round);
    }
    return RONDO_OK;
}

static void release_leaving(struct engine *engine)
{
    for (int32_t worker = 0; worker < engine->seats; worker++) {
        struct worker_seat *seat = &engine->seat[worker];
        if (!seat->leaving || seat->left)
            continue;
        seat->left = true;
        engine->joined--;
        if (engine->observer.released)
            engine->observer.released(engine->observer.context, worker, "released");
    }
}

int snapshot_rollback(struct engine *engine)
{
    int code = restore(engine);
    if (code)
        return code;
    if (engine->ended || engine->committed >= engine->options.round_limit) {
        /* restored, and nothing is left to do */
        engine->state = ENGINE_DONE;
        engine->stop_reason = engine->ended ? engine->ended : "rounds";
        return RONDO_OK;
    }
    release_leaving(engine);
    if (!engine->joined)
        return snapshot_idle(engine);
    engine->state = ENGINE_RUNNING;
    return hand_out_states(engine);
}

int snapshot_idle(struct engine *engine)
{
    bool began = engine->state != ENGINE_WAITING || engine->head;
    if (!engine->options.patient && began)
        return engine_fail(engine, RONDO_EWORKERS, "no worker is left");
    bool resumed = engine->stop_asked && engine->safe.core.size; /* it says how far it had come */
    engine->state = ENGINE_WAITING;
    if (began)
        engine->options.workers = 1;
    if (began || resumed) {
        int code = restore(engine);
        if (code)
            return code;
    }
    if (!engine->stop_asked)
        return RONDO_OK;
    if (began && engine->stop_keeps && tell_checkpoint(engine, &engine->safe))
        return engine_fail(engine, RONDO_ENOMEM, "no memory for a checkpoint");
    stop(engine);
    return RONDO_OK;
}

/* Who came late holds nothing until the next boundary, which needs one who does. */
static bool anyone_holds(const struct engine *engine)
{
    for (int32_t worker = 0; worker < engine->seats; worker++)
        if (holding(engine, worker))
            return true;
    return false;
}

int snapshot_lost(struct engine *engine, int32_t worker)
{
    if (!engine->joined)
        return snapshot_idle(engine);
    bool moves = engine->layout.shards || engine->block_state; /* it may have had the only copy */
    if ((moves && engine->seat[worker].holds) || !anyone_holds(engine))
        return snapshot_rollback(engine);
    int code = dispatch_requeue(engine, worker);
    if (code)
        return engine_fail(engine, code, "no memory to hand work over");
    /* Else every worker holds the same, and only what it was doing is done again. */
    if (engine->making_cut && engine->seat[worker].snap_due) {
        engine->seat[worker].snap_due = false;
        code = ask_workers(engine);
    }
    return code;
}

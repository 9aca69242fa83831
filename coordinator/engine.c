#include "coordinator/engine.h"

#include "apps/contract.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "coordinator/engine_i.h"

#include <string.h>

int engine_fail(struct engine *engine, int code, const char *what)
{
    rondo_error_set(&engine->error, code, NULL, NULL, "%s", what);
    engine->state = ENGINE_FAILED;
    engine->stop_reason = "error";
    return code;
}

int engine_app_failed(struct engine *engine, int code, const char *callback)
{
    code = contract_answer(engine->app, callback, code, &engine->error);
    return engine_fail(engine, code, rondo_strerror(code));
}

int engine_app_wrong(struct engine *engine, const char *what)
{
    rondo_error_set(&engine->error, RONDO_EAPP, NULL, NULL, "the app \"%s\": %s", engine->app->name,
                    what);
    return engine_fail(engine, RONDO_EAPP, what);
}

void engine_told(struct engine *engine, const struct engine_moment *moment)
{
    if (engine->observer.moment && moment->round > engine->told)
        engine->observer.moment(engine->observer.context, moment);
}

void engine_told_of(struct engine *engine, enum engine_what what, int64_t round)
{
    engine_told(engine, &(struct engine_moment){ .what = what, .round = round });
}

/* By the ticket, and not by what a worker's answer says. */
void engine_told_task(struct engine *engine, enum engine_what what, int32_t worker, int64_t ticket,
                      int64_t run_ns)
{
    if (!engine->observer.moment || (what == ENGINE_TASK_SENT && engine->observer.done_only))
        return;
    enum work_set set = (enum work_set)(ticket >> 48);
    const struct work *work = dispatch_find(engine, ticket);
    const struct phase *phase = &engine->phase;
    struct engine_moment moment = { .what = what, .ticket = ticket, .shard = work->shard,
                                    .worker = worker, .run_ns = run_ns };
    if (set == SET_COUPLE) {
        moment.work = ENGINE_COUPLE;
        moment.round = engine->couple.round;
        moment.block = work->block;
    } else {
        moment.work = set == SET_PULL ? ENGINE_PULL : phase->fused ? ENGINE_FUSED : ENGINE_PUSH;
        moment.round = engine->committed + 1;
        moment.phase = phase->number;
        moment.tag = phase->tag;
        moment.block = phase->block[work->block].id;
    }
    engine_told(engine, &moment);
}

/* ---- the outbox -------------------------------------------------------------------------------- */

static void discard(struct engine *engine, struct message *message)
{
    struct message_codec codec = { engine->app, engine->problem, &engine->pool };
    message_discard(message, &codec);
}

int engine_post(struct engine *engine, int32_t worker, const struct message *message)
{
    int64_t capacity = engine->outbox_capacity;
    if (engine->outbox_count == capacity) {
        int64_t larger = capacity ? capacity * 2 : 64;
        struct outbox_item *grown = mem_alloc((size_t)larger * sizeof *grown);
        if (!grown) {
            struct message lost = *message;
            discard(engine, &lost);
            return engine_fail(engine, RONDO_ENOMEM, "no memory for a message");
        }
        for (int64_t i = 0; i < engine->outbox_count; i++)
            grown[i] = engine->outbox[(engine->outbox_head + i) & (capacity - 1)];
        mem_free(engine->outbox);
        engine->outbox = grown;
        engine->outbox_head = 0;
        engine->outbox_capacity = larger;
    }
    int64_t at = (engine->outbox_head + engine->outbox_count++) & (engine->outbox_capacity - 1);
    engine->outbox[at] = (struct outbox_item){ worker, *message };
    return RONDO_OK;
}

bool engine_outgoing(struct engine *engine, int32_t *worker, struct message *message)
{
    if (!engine->outbox_count)
        return false;
    struct outbox_item *item = &engine->outbox[engine->outbox_head];
    *worker = item->worker;
    *message = item->message;
    engine->outbox_head = (engine->outbox_head + 1) & (engine->outbox_capacity - 1);
    engine->outbox_count--;
    return true;
}

/* ---- life ---------------------------------------------------------------------------------------- */

static int allocate(struct engine *engine)
{
    const struct rondo_layout *layout = &engine->layout;
    size_t pipeline = (size_t)engine->options.schedule.pipeline;
    engine->flight = mem_calloc(pipeline, sizeof *engine->flight);
    engine->owner = mem_calloc((size_t)layout->shards + 1, sizeof *engine->owner);
    engine->seen = mem_calloc((size_t)layout->blocks + (size_t)layout->shards + 1,
                              sizeof *engine->seen);
    int code = engine->flight && engine->owner && engine->seen ? RONDO_OK : RONDO_ENOMEM;
    if (layout->blocks > 0 && engine->app->block.create) {
        engine->block_state = mem_calloc((size_t)layout->blocks, sizeof *engine->block_state);
        code = engine->block_state ? code : RONDO_ENOMEM;
    }
    if (!code)
        code = snapshot_init(&engine->safe, layout->shards);
    if (!code)
        code = snapshot_init(&engine->making, layout->shards);
    engine->safe.complete = true;
    return code;
}

enum { BLOCK_SIZE_DEFAULT = 1024, BLOCK_SIZE_LEAST = 32 };

/* Half of the budget, or what the couplings of a round take at least.  Blocks of the default's size are
 * cut to what there is. */
static void share_budget(struct scheduler_config *config)
{
    while (config->block_size == BLOCK_SIZE_DEFAULT || config->cut_to_budget) {
        if (config->block_size <= BLOCK_SIZE_LEAST
            || scheduler_cache_floor(config) <= config->cache_bytes / 2)
            break;
        config->cut_to_budget = true;
        config->block_size /= 2;
    }
    size_t half = config->cache_bytes / 2, floor = scheduler_cache_floor(config);
    if (floor < config->cache_bytes)
        config->cache_bytes = half > floor ? half : floor;
}

int engine_create(const struct engine_options *options, const struct engine_observer *observer,
                  struct engine **out, struct rondo_error *err)
{
    struct engine *engine = mem_calloc(1, sizeof *engine);
    if (!engine)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for a job");
    engine->options = *options;
    engine->app = options->app;
    engine->problem = options->problem;
    if (observer)
        engine->observer = *observer;
    engine->stop_reason = "";
    engine->refetch = INT64_MAX;
    parcel_pool_init(&engine->pool);
    engine->app->layout(engine->problem, &engine->layout);
    engine->options.schedule.variables = engine->layout.variables;
    engine->options.schedule.cost = engine->layout.cost;
    engine->options.schedule.whole_most = engine->layout.whole;
    share_budget(&engine->options.schedule);
    int code = contract_layout(engine->app, &engine->layout, err);
    if (code)
        engine->layout = (struct rondo_layout){ .chunks = 1 };
    else
        code = allocate(engine);
    if (!code && engine->layout.variables > 0) {
        /* A configuration that cannot work is found out now, not in the first round. */
        code = scheduler_create(&engine->options.schedule, &engine->scheduler, err);
    }
    if (code) {
        engine_destroy(engine);
        return rondo_error_set(err, code, NULL, NULL, "the job cannot begin: %s",
                               rondo_strerror(code));
    }
    *out = engine;
    return RONDO_OK;
}

static void destroy_seats(struct engine *engine)
{
    for (int32_t i = 0; i < engine->seats; i++)
        mem_free(engine->seat[i].queue);
    mem_free(engine->seat);
}

static void destroy_flights(struct engine *engine)
{
    if (!engine->flight)
        return;
    flight_reset(engine);
    for (int32_t i = 0; i < engine->options.schedule.pipeline; i++) {
        mem_free(engine->flight[i].pairs);
        mem_free(engine->flight[i].couplings);
    }
    mem_free(engine->flight);
}

void engine_destroy(struct engine *engine)
{
    if (!engine)
        return;
    struct message message;
    int32_t worker;
    while (engine_outgoing(engine, &worker, &message))
        discard(engine, &message);
    destroy_flights(engine);
    mem_free(engine->phase.block);
    mem_free(engine->phase.push.item);
    mem_free(engine->phase.pull.item);
    mem_free(engine->phase.task);
    mem_free(engine->phase.result);
    mem_free(engine->couple.tile);
    mem_free(engine->couple.value);
    mem_free(engine->couple.works.item);
    mem_free(engine->moves.variable);
    mem_free(engine->moves.delta);
    if (engine->head)
        engine->app->head.destroy(engine->problem, engine->head);
    for (int32_t b = 0; engine->block_state && b < engine->layout.blocks; b++)
        if (engine->block_state[b])
            engine->app->block.destroy(engine->problem, engine->block_state[b]);
    mem_free(engine->block_state);
    conclude_fini(engine);
    scheduler_destroy(engine->scheduler);
    snapshot_fini(&engine->safe, engine->layout.shards);
    snapshot_fini(&engine->making, engine->layout.shards);
    destroy_seats(engine);
    mem_free(engine->owner);
    mem_free(engine->seen);
    mem_free(engine->queue);
    mem_free(engine->outbox);
    buf_fini(&engine->packed);
    parcel_pool_fini(&engine->pool);
    mem_free(engine);
}

int engine_restore(struct engine *engine, struct rondo_bytes cut, const char *ended,
                   struct rondo_error *err)
{
    int code = snapshot_parse(engine, cut);
    if (code)
        return rondo_error_set(err, code, NULL, NULL,
                               "the checkpoint does not fit this job, or is of another version of rondo");
    engine->told = engine->safe.round;
    engine->ended = ended;
    return RONDO_OK;
}

/* ---- events --------------------------------------------------------------------------------------- */

static bool ended(const struct engine *engine)
{
    return engine->state == ENGINE_DONE || engine->state == ENGINE_FAILED;
}

static void advance(struct engine *engine)
{
    if (engine->state == ENGINE_RUNNING && !flight_advance(engine)
        && engine->state == ENGINE_RUNNING && dispatch_offer(engine))
        engine_fail(engine, RONDO_ENOMEM, "no memory for a message");
}

static int seat_for(struct engine *engine, int32_t worker)
{
    if (worker < engine->seats)
        return RONDO_OK;
    struct worker_seat *grown = mem_calloc((size_t)worker + 1, sizeof *grown);
    if (!grown)
        return engine_fail(engine, RONDO_ENOMEM, "no memory for a worker");
    if (engine->seats)
        memcpy(grown, engine->seat, (size_t)engine->seats * sizeof *grown);
    mem_free(engine->seat);
    engine->seat = grown;
    engine->seats = worker + 1;
    return RONDO_OK;
}

void engine_join(struct engine *engine, int32_t worker)
{
    if (ended(engine) || seat_for(engine, worker) || engine->seat[worker].joined)
        return;
    engine->seat[worker].joined = true;
    engine->joined++;
    if (engine->state == ENGINE_RUNNING)
        engine->rebalance = true;
    else if (engine->joined >= engine->options.workers)
        snapshot_rollback(engine);
    advance(engine);
}

static bool present(const struct engine *engine, int32_t worker)
{
    return worker >= 0 && worker < engine->seats && engine->seat[worker].joined
           && !engine->seat[worker].left;
}

void engine_expect(struct engine *engine, int32_t workers)
{
    engine->options.workers = workers > 1 ? workers : 1;
}

/* One of those that the first round waits for will not come. */
static void expect_less(struct engine *engine)
{
    if (engine->options.patient && engine->options.workers > 1)
        engine->options.workers--;
    if (engine->joined && engine->joined >= engine->options.workers)
        snapshot_rollback(engine);
}

void engine_leave(struct engine *engine, int32_t worker)
{
    bool came = worker >= 0 && worker < engine->seats && engine->seat[worker].joined;
    if (ended(engine) || (came && engine->seat[worker].left))
        return;
    if (!came) { /* nor will it: the first round need not wait for it */
        if (engine->state == ENGINE_WAITING)
            expect_less(engine);
        advance(engine);
        return;
    }
    engine->seat[worker].left = true;
    engine->joined--;
    engine->seat[worker].queue_count = 0;
    if (engine->state == ENGINE_RUNNING)
        snapshot_lost(engine, worker);
    else
        expect_less(engine);
    advance(engine);
}

void engine_let_go(struct engine *engine, int32_t worker, const char *why)
{
    engine_leave(engine, worker);
    if (engine->observer.released)
        engine->observer.released(engine->observer.context, worker, why);
}

void engine_release(struct engine *engine, int32_t worker)
{
    if (ended(engine) || !present(engine, worker) || engine->seat[worker].leaving)
        return;
    if (engine->state == ENGINE_RUNNING && engine->seat[worker].holds) {
        engine->seat[worker].leaving = engine->rebalance = true;
        advance(engine);
    } else {
        engine_let_go(engine, worker, "released");
    }
}

/* A worker without memory, or one that does not understand, is one worker less, as long as others get
 * on. */
static void blame(struct engine *engine, int32_t worker, int code, const char *why)
{
    bool its_own = code == RONDO_ENOMEM || code == RONDO_ESTATE;
    if (engine->options.patient && its_own && engine->drops++ < DROPS_MOST)
        engine_let_go(engine, worker, why);
    else
        engine_fail(engine, code, why);
}

/* The words come from a worker: they may lack their end, or be none.  An app that fails will fail
 * elsewhere too. */
static void worker_failed(struct engine *engine, int32_t worker, const struct message *message)
{
    bool known = message->code < 0 && message->code >= RONDO_EREFUSED;
    int code = known ? message->code : RONDO_ESTATE;
    const struct parcel *body = message->body;
    int length = !body ? 0 : body->buf.size < sizeof engine->error.what
                           ? (int)body->buf.size : (int)sizeof engine->error.what - 1;
    char what[sizeof engine->error.what];
    snprintf(what, sizeof what, "%.*s", length, body ? (const char *)body->buf.data : "");
    log_plain(what);
    blame(engine, worker, code, what[0] ? what : rondo_strerror(code));
}

static void receive(struct engine *engine, int32_t worker, struct message *message)
{
    struct worker_seat *seat = &engine->seat[worker];
    struct work *work;
    seat->spoke = seat->spoke || message->type == MESSAGE_DONE || message->type == MESSAGE_SNAPPED;
    switch (message->type) {
    case MESSAGE_DONE:
        work = dispatch_find(engine, message->ticket);
        if (!work || work->state != WORK_SENT || (work->worker != worker && work->worker != NET_ANYONE))
            return;
        if (work->worker == NET_ANYONE)
            engine->anyones--;
        else
            seat->outstanding--;
        engine_told_task(engine, ENGINE_TASK_DONE, worker, message->ticket, message->run_ns);
        if (!flight_fits(engine, message))
            blame(engine, worker, RONDO_ESTATE, "its answer lacks a body or its block's state");
        else if (flight_answer(engine, message->ticket, message) && !ended(engine))
            engine_fail(engine, RONDO_ENOMEM, "no memory for a message");
        return;
    case MESSAGE_SNAPPED:
        if (snapshot_snapped(engine, worker, message) == RONDO_ESTATE && !ended(engine))
            blame(engine, worker, RONDO_ESTATE, "its snapshot cannot be read");
        return;
    case MESSAGE_FAILED: worker_failed(engine, worker, message); return;
    default: blame(engine, worker, RONDO_ESTATE, "it sent a message that only workers get");
    }
}

void engine_message(struct engine *engine, int32_t worker, struct message *message)
{
    if (!ended(engine) && worker < engine->seats && !engine->seat[worker].left
        && message->epoch == engine->epoch)
        receive(engine, worker, message);
    discard(engine, message);
    advance(engine);
}

void engine_stop(struct engine *engine, const char *reason, bool keep)
{
    if (ended(engine) || engine->stop_asked)
        return;
    engine->stop_asked = reason;
    engine->stop_keeps = keep;
    if (engine->state == ENGINE_WAITING) /* nothing has begun, or no worker is left */
        snapshot_idle(engine);
}

void engine_stop_here(struct engine *engine, const char *reason)
{
    bool cancelled = engine->stop_asked && !engine->stop_keeps;
    if (!cancelled && !engine->stop_of_round)
        engine->stop_of_round = reason;
}

void engine_checkpoint(struct engine *engine)
{
    engine->cut_wanted = true;
}

/* The link is the engine itself; only the app's settle calls, when no round is being planned. */
void engine_feed(struct rondo_head_link *link, int64_t count, const int64_t *variables,
                 const double *delta, const double *violation)
{
    struct engine *engine = (struct engine *)link;
    if (engine->scheduler)
        scheduler_feed(engine->scheduler, count, variables, delta, violation);
    if (engine->observer.details && delta)
        moves_keep(engine, count, variables, delta);
}

void engine_feed_all(struct rondo_head_link *link, const double *violation)
{
    struct engine *engine = (struct engine *)link;
    if (engine->scheduler)
        scheduler_feed_all(engine->scheduler, violation);
}

const void *engine_block(const struct rondo_head_link *link, int32_t index)
{
    const struct engine *engine = (const struct engine *)link;
    return engine->block_state && index >= 0 && index < engine->layout.blocks
               ? engine->block_state[index] : NULL;
}

const void *engine_shard(const struct rondo_head_link *link, int32_t index)
{
    const struct engine *engine = (const struct engine *)link;
    return engine->shard_state && index >= 0 && index < engine->layout.shards
               ? engine->shard_state[index] : NULL;
}

struct rondo_head_link *engine_link(struct engine *engine)
{
    return (struct rondo_head_link *)engine;
}

/* ---- what it says ----------------------------------------------------------------------------------- */

enum engine_state engine_state(const struct engine *engine)
{
    return engine->state;
}

const char *engine_stop_reason(const struct engine *engine)
{
    return engine->stop_reason;
}

const struct rondo_error *engine_error(const struct engine *engine)
{
    return &engine->error;
}

const void *engine_head(const struct engine *engine)
{
    return engine->head;
}

int64_t engine_rounds(const struct engine *engine)
{
    return engine->committed;
}

int64_t engine_updates(const struct engine *engine)
{
    return engine->updates;
}

int64_t engine_pair_dots(const struct engine *engine)
{
    return engine->pair_dots;
}

const struct rondo_layout *engine_layout(const struct engine *engine)
{
    return &engine->layout;
}

int engine_parts(const struct engine *engine, int (*tell)(void *context, const struct rondo_part *part),
                 void *context)
{
    return contract_parts(engine->app, engine->problem, tell, context);
}

#include "workers/worker.h"

#include "apps/contract.h"
#include "apps/host.h"
#include "core/base/clock.h"
#include "core/base/mem.h"
#include "workers/states.h"

#include <string.h>

struct worker {
    const struct rondo_app *app;
    const void *problem;
    const struct rondo_job *job;
    struct net_link *link;
    struct team *team;
    struct team_member member;
    struct chore chore;
    uint64_t seed;
    void *scratch;
    struct states states;
    struct parcel_pool pool;
    struct rondo_buf partial; /* of a fused push */
    struct rondo_bytes *partials; /* [partials_room] of a pull */
    int32_t partials_room;
    bool failed;            /* a STATE or COMMIT, and said so, in ... */
    uint32_t failed_epoch; /* ... this epoch */
};

static bool wake(void *context)
{
    struct worker *worker = context;
    return worker->link->ops->wake(worker->link);
}

int worker_create(const struct worker_options *options, struct worker **out,
                  struct rondo_error *err)
{
    struct worker *worker = mem_calloc(1, sizeof *worker);
    if (!worker)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for a worker");
    worker->app = options->app;
    worker->problem = options->problem;
    worker->job = options->job;
    worker->link = options->link;
    worker->seed = options->seed;
    parcel_pool_init(&worker->pool);
    int code = states_init(&worker->states, options->app, options->problem, options->house);
    if (!code && options->app->scratch)
        code = contract_answer(options->app, "scratch",
                               options->app->scratch(options->problem, &worker->scratch, err), err);
    if (code) {
        worker_destroy(worker);
        return rondo_error_set(err, code, NULL, NULL, "a worker cannot begin: %s",
                               rondo_strerror(code));
    }
    worker->chore = options->chore;
    worker->team = options->team;
    worker->member = (struct team_member){ .wake = wake, .context = worker };
    if (worker->team)
        team_join(worker->team, &worker->member);
    *out = worker;
    return RONDO_OK;
}

void worker_forget(struct worker *worker)
{
    if (worker)
        states_begin(&worker->states, worker->states.epoch);
}

void worker_destroy(struct worker *worker)
{
    if (!worker)
        return;
    if (worker->team)
        team_leave(worker->team, &worker->member);
    states_fini(&worker->states);
    if (worker->scratch)
        worker->app->scratch_free(worker->problem, worker->scratch);
    buf_fini(&worker->partial);
    mem_free(worker->partials);
    parcel_pool_fini(&worker->pool);
    mem_free(worker);
}

static struct rondo_bytes bytes_of(const struct parcel *parcel)
{
    return parcel ? (struct rondo_bytes){ parcel->buf.data, parcel->buf.size }
                  : (struct rondo_bytes){ 0 };
}

static void *data_of(const struct parcel *parcel)
{
    return parcel ? parcel->buf.data : NULL;
}

static struct rondo_task task_of(const struct worker *worker, const struct message *message)
{
    return (struct rondo_task){
        .round = message->round,
        .phase = message->phase,
        .tag = message->tag,
        .kind = (enum rondo_kind)message->kind,
        .block = message->block,
        .shard = message->shard,
        .seed = worker->seed,
        .count = message->count,
        .variables = data_of(message->variables),
        .brief = bytes_of(message->brief),
        .couplings = data_of(message->couplings),
    };
}

/* ---- one verb, one function ---------------------------------------------------------------- */

static int partials_room(struct worker *worker, int32_t count)
{
    if (count <= worker->partials_room)
        return RONDO_OK;
    struct rondo_bytes *partials = mem_calloc((size_t)count, sizeof *partials);
    if (!partials)
        return RONDO_ENOMEM;
    mem_free(worker->partials);
    worker->partials = partials;
    worker->partials_room = count;
    return RONDO_OK;
}

static int do_pull(struct worker *worker, const struct message *message, struct rondo_task *task,
                   struct rondo_buf *out, struct rondo_error *err)
{
    int32_t count = 0;
    for (const struct parcel *p = message->partials; p; p = p->next)
        count++;
    if (partials_room(worker, count))
        return RONDO_ENOMEM;
    count = 0;
    for (const struct parcel *p = message->partials; p; p = p->next)
        worker->partials[count++] = bytes_of(p);
    task->shard = -1;
    int code = worker->app->pull(worker->problem, worker->states.common, worker->scratch, task,
                                 worker->partials, count, out);
    return contract_wrote(worker->app, "pull", code, out, err);
}

static int do_push(struct worker *worker, const struct message *message, struct rondo_task *task,
                   struct rondo_buf *out, struct rondo_error *err)
{
    const struct rondo_app *app = worker->app;
    bool fused = message->flags & MESSAGE_FUSED;
    struct rondo_buf *partial = fused ? &worker->partial : out;
    struct house *house = worker->states.house;
    int32_t place = task->shard;
    void *shard = place < 0 ? NULL : house_take(house, place, message->epoch);
    if (place >= 0 && !shard)
        return RONDO_ESTATE;
    partial->size = 0;
    int code = app->push(worker->problem, worker->states.common, shard, message->object,
                         worker->scratch, task, partial);
    if (shard)
        house_give(house, place);
    code = contract_wrote(app, "push", code, partial, err);
    if (code || !fused)
        return code;
    task->shard = -1;
    struct rondo_bytes only = { partial->data, partial->size };
    code = app->pull(worker->problem, worker->states.common, worker->scratch, task, &only, 1, out);
    return contract_wrote(app, "pull", code, out, err);
}

/* The body holds column [count], ptr [count + 1] and row [ptr[count]], all int64. */
static int do_couple(struct worker *worker, const struct message *message, struct rondo_buf *out,
                     struct rondo_error *err)
{
    const int64_t *words = data_of(message->variables);
    int64_t columns = message->count;
    size_t have = bytes_of(message->variables).size / sizeof *words;
    if (!worker->app->couple || columns < 0 || (size_t)columns > have
        || have < 2 * (size_t)columns + 1)
        return RONDO_ESTATE;
    struct rondo_pairs pairs = {
        .columns = columns, .column = words, .ptr = words + columns, .row = words + 2 * columns + 1,
    };
    int64_t count = pairs.ptr[columns];
    bool ordered = pairs.ptr[0] == 0;
    for (int64_t c = 0; c < columns; c++)
        ordered = ordered && pairs.ptr[c] <= pairs.ptr[c + 1];
    if (!ordered || count < 0 || have - 2 * (size_t)columns - 1 != (size_t)count)
        return RONDO_ESTATE;
    int code = buf_reserve(out, (size_t)count * sizeof(double));
    if (code)
        return code;
    struct house *house = worker->states.house;
    void *shard = message->shard < 0 ? NULL : house_take(house, message->shard, message->epoch);
    if (message->shard >= 0 && !shard)
        return RONDO_ESTATE;
    out->size = (size_t)count * sizeof(double);
    code = worker->app->couple(worker->problem, worker->states.common, shard, worker->scratch,
                               &pairs, (double *)(void *)out->data);
    if (shard)
        house_give(house, message->shard);
    return contract_answer(worker->app, "couple", code, err);
}

/* Are there as many variables and couplings as the message says? */
static bool fits(const struct message *message)
{
    size_t count = (size_t)message->count, variables = bytes_of(message->variables).size;
    size_t couplings = bytes_of(message->couplings).size;
    return message->count >= 0 && message->kind <= RONDO_JOIN
           && variables / sizeof(int64_t) == count && variables % sizeof(int64_t) == 0
           && (!message->couplings || couplings == count * count * sizeof(double));
}

static int answer(struct worker *worker, struct message *message, struct rondo_buf *out,
                  struct rondo_error *err)
{
    struct rondo_task task = task_of(worker, message);
    bool work = message->type == MESSAGE_PUSH || message->type == MESSAGE_PULL;
    bool lacks = worker->app->common.create && !worker->states.common;
    bool pulls = message->type == MESSAGE_PULL || (message->flags & MESSAGE_FUSED);
    if (work && (!fits(message) || (pulls && !worker->app->pull)))
        return rondo_error_set(err, RONDO_ESTATE, NULL, NULL, "a task that does not fit");
    if ((work || message->type == MESSAGE_COUPLE) && lacks)
        return rondo_error_set(err, RONDO_ESTATE, NULL, NULL, "the common state is not there");
    switch (message->type) {
    case MESSAGE_PUSH: return do_push(worker, message, &task, out, err);
    case MESSAGE_PULL: return do_pull(worker, message, &task, out, err);
    case MESSAGE_COUPLE: return do_couple(worker, message, out, err);
    case MESSAGE_SNAP: return states_pack(&worker->states, message->shard, out, err);
    default:
        return rondo_error_set(err, RONDO_ESTATE, NULL, NULL, "unknown message %d", message->type);
    }
}

/* ---- the loop -------------------------------------------------------------------------------- */

static int reply(struct worker *worker, struct message *message, int64_t run_ns, struct parcel *body)
{
    struct message back = {
        .type = message->type == MESSAGE_SNAP ? MESSAGE_SNAPPED : MESSAGE_DONE, .epoch = message->epoch,
        .ticket = message->ticket, .round = message->round, .phase = message->phase,
        .block = message->block, .shard = message->shard, .run_ns = run_ns,
        .object = message->object, .body = body,
    };
    message->object = NULL;
    return worker->link->ops->send(worker->link, &back);
}

/* Of messages that want no answer one failure is told in an epoch: it ends the epoch, and a
 * coordinator that is busy sending many of them has no room for as many answers. */
static int fail(struct worker *worker, struct message *message, int code, struct rondo_error *err)
{
    if (message->type == MESSAGE_STATE || message->type == MESSAGE_COMMIT) {
        if (worker->failed && worker->failed_epoch == message->epoch)
            return RONDO_OK;
        worker->failed = true;
        worker->failed_epoch = message->epoch;
    }
    rondo_error_set(err, code, NULL, NULL, "%s", rondo_strerror(code));
    struct message back = { .type = MESSAGE_FAILED, .epoch = message->epoch, .code = code,
                            .ticket = message->ticket, .round = message->round };
    back.body = parcel_take(&worker->pool, sizeof err->what);
    if (back.body && buf_append(&back.body->buf, err->what, strlen(err->what) + 1))
        back.body->buf.size = 0;
    return worker->link->ops->send(worker->link, &back);
}

/* Nothing leaves the worker that was computed from data which were no longer there. */
static int intact(const struct worker *worker, int code, struct rondo_error *err)
{
    return code || !worker->job ? code : host_intact(worker->job, err);
}

/* An answer of couplings is as large as its question, a state as it was: small parcels are not for them, or
 * all of them grow in turn. */
static size_t room_for(const struct worker *worker, const struct message *message)
{
    const struct states *states = &worker->states;
    if (message->type == MESSAGE_SNAP && message->shard >= -1 && message->shard < states->shards)
        return states->packed[message->shard + 1];
    return message->type == MESSAGE_COUPLE ? bytes_of(message->variables).size : 0;
}

static int handle(struct worker *worker, struct message *message)
{
    struct rondo_error err = { 0 };
    int code;
    int32_t newer = (int32_t)(message->epoch - worker->states.epoch);
    if (newer < 0) /* of what any worker may do: the coordinator has forgotten it */
        return RONDO_OK;
    if (newer > 0) /* shards have new owners: ours are other's now */
        states_begin(&worker->states, message->epoch);
    if (message->type == MESSAGE_COMMIT) {
        code = states_apply(&worker->states, worker->scratch, message->round,
                            bytes_of(message->body));
        code = intact(worker, contract_answer(worker->app, "apply", code, &err), &err);
        return code ? fail(worker, message, code, &err) : RONDO_OK;
    }
    if (message->type == MESSAGE_STATE) {
        code = states_hold(&worker->states, message->shard, message->round, message->flags & MESSAGE_FRESH,
                           bytes_of(message->body), &err);
        code = intact(worker, code, &err);
        return code ? fail(worker, message, code, &err) : RONDO_OK;
    }
    struct parcel *body = parcel_take(&worker->pool, room_for(worker, message));
    bool timed = message->flags & MESSAGE_TIMED; /* two looks at the clock are a part of an empty round */
    int64_t began_ns = timed ? clock_now_ns() : 0;
    code = body ? answer(worker, message, &body->buf, &err) : RONDO_ENOMEM;
    int64_t run_ns = timed ? clock_now_ns() - began_ns : 0;
    code = intact(worker, code, &err);
    if (code) {
        parcel_drop(body);
        return fail(worker, message, code, &err);
    }
    return reply(worker, message, run_ns, body);
}

int worker_step(struct worker *worker)
{
    struct message message;
    int code = worker->link->ops->receive(worker->link, &message);
    if (code == 0)
        return (worker->team && team_help(worker->team))
               || (worker->chore.some && worker->chore.some(worker->chore.context));
    if (code < 0)
        return code;
    struct message_codec codec = { worker->app, worker->problem, &worker->pool };
    code = handle(worker, &message);
    message_discard(&message, &codec);
    return code < 0 ? code : 1;
}

bool worker_open(struct worker *worker)
{
    return (worker->team && team_open(worker->team))
           || (worker->chore.open && worker->chore.open(worker->chore.context));
}

static bool parts_open(void *context)
{
    return worker_open(context);
}

void worker_loop(struct worker *worker)
{
    for (;;) {
        int did = worker_step(worker);
        if (did < 0)
            return;
        if (did == 0)
            worker->link->ops->wait(worker->link, parts_open, worker);
    }
}

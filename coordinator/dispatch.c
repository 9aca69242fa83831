/* dispatch.c - pieces of work and the workers that do them.
 *
 * A ticket is (set, index).  Work on a shard waits in the queue of the worker that holds it, other
 * work in one queue for all.  Where workers share the shards a plan's pairs go out before anyone asks, as
 * many as may, and the first that is idle takes the next.  A worker has at most WINDOW pieces of its own at
 * once, so that a fast one takes more of them; who did what changes no result.
 */
#include "core/base/mem.h"
#include "coordinator/engine_i.h"

#include <string.h>

int works_resize(struct works *works, int64_t count)
{
    if (count > works->capacity) {
        struct work *item = mem_calloc((size_t)count, sizeof *item);
        if (!item)
            return RONDO_ENOMEM;
        mem_free(works->item);
        works->item = item;
        works->capacity = count;
    }
    works->count = works->open = count;
    return RONDO_OK;
}

void works_clear(struct works *works)
{
    for (int64_t i = 0; i < works->count; i++) {
        parcel_drop(works->item[i].answer);
        works->item[i] = (struct work){ 0 };
    }
    works->count = works->open = 0;
}

static int64_t ticket_of(enum work_set set, int64_t index)
{
    return ((int64_t)set << 48) | index;
}

static struct works *works_of(struct engine *engine, enum work_set set)
{
    switch (set) {
    case SET_PUSH: return &engine->phase.push;
    case SET_PULL: return &engine->phase.pull;
    case SET_COUPLE: return &engine->couple.works;
    }
    return NULL;
}

struct work *dispatch_find(struct engine *engine, int64_t ticket)
{
    int64_t set = ticket >> 48, index = ticket & INT64_C(0xffffffffffff);
    if (set < SET_PUSH || set > SET_COUPLE)
        return NULL;
    struct works *works = works_of(engine, (enum work_set)set);
    return index < works->count ? &works->item[index] : NULL;
}

/* ---- rings of tickets ------------------------------------------------------------------------ */

static int ring_push(int64_t **ring, int64_t *head, int64_t *count, int64_t *capacity, int64_t ticket)
{
    if (*count == *capacity) {
        int64_t larger = *capacity ? *capacity * 2 : 64;
        int64_t *grown = mem_alloc((size_t)larger * sizeof *grown);
        if (!grown)
            return RONDO_ENOMEM;
        for (int64_t i = 0; i < *count; i++)
            grown[i] = (*ring)[(*head + i) & (*capacity - 1)];
        mem_free(*ring);
        *ring = grown;
        *head = 0;
        *capacity = larger;
    }
    (*ring)[(*head + (*count)++) & (*capacity - 1)] = ticket;
    return RONDO_OK;
}

static int64_t ring_pop(const int64_t *ring, int64_t *head, int64_t *count, int64_t capacity)
{
    int64_t ticket = ring[*head];
    *head = (*head + 1) & (capacity - 1);
    (*count)--;
    return ticket;
}

int dispatch_queue(struct engine *engine, enum work_set set, int64_t index)
{
    int64_t ticket = ticket_of(set, index);
    struct work *work = dispatch_find(engine, ticket);
    work->state = WORK_QUEUED;
    work->worker = -1;
    if (work->owner < 0 || work->anyones)
        return ring_push(&engine->queue, &engine->queue_head, &engine->queue_count,
                         &engine->queue_capacity, ticket);
    struct worker_seat *seat = &engine->seat[work->owner];
    return ring_push(&seat->queue, &seat->queue_head, &seat->queue_count, &seat->queue_capacity,
                     ticket);
}

void dispatch_reset(struct engine *engine)
{
    engine->queue_count = 0;
    engine->anyones = 0;
    for (int32_t i = 0; i < engine->seats; i++) {
        engine->seat[i].queue_count = 0;
        engine->seat[i].outstanding = 0;
        engine->seat[i].snap_due = engine->seat[i].spoke = false;
    }
}

/* ---- messages ---------------------------------------------------------------------------------- */

static void describe(struct engine *engine, int64_t ticket, const struct work *work,
                     struct message *message)
{
    enum work_set set = (enum work_set)(ticket >> 48);
    const struct phase *phase = &engine->phase;
    *message = (struct message){
        .flags = engine->observer.moment ? MESSAGE_TIMED : 0, .epoch = engine->epoch, .ticket = ticket,
        .round = engine->committed + 1, .shard = work->shard,
    };
    if (set == SET_COUPLE) {
        message->type = MESSAGE_COUPLE;
        message->variables = couple_tile(engine, work->block, &message->count);
        return;
    }
    const struct block *block = &phase->block[work->block];
    message->type = set == SET_PUSH ? MESSAGE_PUSH : MESSAGE_PULL;
    message->flags |= set == SET_PUSH && phase->fused ? MESSAGE_FUSED : 0;
    message->kind = (uint8_t)phase->kind;
    message->tag = phase->tag;
    message->phase = phase->number;
    message->block = block->id;
    message->count = block->count;
    message->variables = parcel_share(block->variables);
    message->brief = parcel_share(block->brief);
    message->couplings = parcel_share(block->couplings);
    if (set == SET_PUSH) {
        if (phase->kind == RONDO_PLAN && engine->block_state) {
            message->object = engine->block_state[block->id];
            engine->block_state[block->id] = NULL;
        }
        return;
    }
    /* The chain stays as it is until the phase ends: the engine holds a share of each as well. */
    struct parcel **tail = &message->partials;
    for (int64_t i = 0; i < block->pieces; i++) {
        struct parcel *partial = phase->push.item[block->first + i].answer;
        *tail = parcel_share(partial);
        tail = &partial->next;
    }
    *tail = NULL;
}

static int give(struct engine *engine, int32_t worker, int64_t ticket)
{
    struct work *work = dispatch_find(engine, ticket);
    struct message message;
    describe(engine, ticket, work, &message);
    if (message.type == MESSAGE_COUPLE && !message.variables)
        return engine_fail(engine, RONDO_ENOMEM, "no memory for couplings");
    work->state = WORK_SENT;
    work->worker = worker;
    if (worker == NET_ANYONE)
        engine->anyones++;
    else
        engine->seat[worker].outstanding++;
    engine_told_task(engine, ENGINE_TASK_SENT, worker, ticket, 0);
    return engine_post(engine, worker, &message);
}

/* Is it anyone's that is next in the queue for all? */
static bool is_anyones(struct engine *engine)
{
    return engine->queue_count && dispatch_find(engine, engine->queue[engine->queue_head])->anyones;
}

/* One piece for one worker, its own first; false where it has no room or there is none. */
static bool offer(struct engine *engine, int32_t worker, int *code)
{
    struct worker_seat *seat = &engine->seat[worker];
    if (!seat->holds || seat->left || seat->outstanding >= WINDOW)
        return false;
    int64_t ticket;
    if (seat->queue_count)
        ticket = ring_pop(seat->queue, &seat->queue_head, &seat->queue_count, seat->queue_capacity);
    else if (engine->queue_count && !is_anyones(engine))
        ticket = ring_pop(engine->queue, &engine->queue_head, &engine->queue_count,
                          engine->queue_capacity);
    else
        return false;
    *code = give(engine, worker, ticket);
    return true;
}

/* Worker 0 may share the coordinator's thread.  So it comes last, behind others that have begun by then;
 * but where there are fewer pieces than workers it is among those that get one, as it need not be woken. */
int dispatch_offer(struct engine *engine)
{
    int code = RONDO_OK;
    while (!code && engine->anyones < ANYONES_MOST && is_anyones(engine))
        code = give(engine, NET_ANYONE, ring_pop(engine->queue, &engine->queue_head, &engine->queue_count,
                                                 engine->queue_capacity));
    for (bool any = true; any && !code;) {
        int32_t seats = engine->seats;
        int32_t last = engine->queue_count < seats ? (int32_t)engine->queue_count : seats;
        any = false;
        for (int32_t k = 1; k <= seats && !code; k++)
            any = offer(engine, (last - k + seats) % seats, &code) || any;
    }
    return code;
}

int dispatch_requeue(struct engine *engine, int32_t worker)
{
    for (int set = SET_PUSH; set <= SET_COUPLE; set++) {
        struct works *works = works_of(engine, (enum work_set)set);
        for (int64_t i = 0; i < works->count; i++) {
            struct work *work = &works->item[i];
            if (work->state != WORK_SENT || work->worker != worker)
                continue;
            int code = dispatch_queue(engine, (enum work_set)set, i);
            if (code)
                return code;
        }
    }
    engine->seat[worker].outstanding = 0;
    return RONDO_OK;
}

#include "core/net/loop.h"

#include "core/base/clock.h"
#include "core/base/mem.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

enum {
    RING_SLOTS = 256,     /* a power of two */
    SPIN_MOST = 4000,     /* turns, about 0.2 ms, where every thread has a core */
    SPIN_LEAST = 32,      /* where spinning has been in vain */
    SPIN_CROWDED = 20,    /* where threads are more than cores */
    LAG_MOST = 4,         /* messages of its own that a worker leaves unread before all wait for it */
    SPIN_AGAIN = 256,     /* rests from one full spin to the next, in vain or not */
    ENCODED = 0xff,       /* the type of a message whose body is another, as bytes */
};

/* One writer, one reader.  head is the reader's, tail the writer's; each publishes by release. */
struct ring {
    _Alignas(64) _Atomic uint64_t tail;
    uint64_t head_seen; /* the writer's copy of head */
    _Alignas(64) _Atomic uint64_t head;
    uint64_t tail_seen; /* the reader's copy of tail */
    _Alignas(64) struct message slot[RING_SLOTS];
};

/* Where a thread sleeps.  asleep is set before the last look and read after each publication, both
 * sequentially consistent, so that no publication is missed.  Two threads that share a core, on a
 * machine where others run too, would each spin in the other's way: who spins in vain spins half as
 * long next time. */
struct bed {
    _Alignas(64) _Atomic bool asleep;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    _Alignas(64) int spin; /* turns next time; this line is the sleeper's alone */
    int most;              /* where spinning pays */
    uint32_t rests;        /* that had to spin */
};

struct seat {
    struct net_link link; /* first: a link is its seat */
    struct loop *loop;
    struct ring down, up;
    struct bed bed;
    struct parcel_pool pool; /* decoding, on the worker's thread */
    _Atomic bool gone;
    bool announced, left; /* the hub's: JOINED and LEFT were told */
    int32_t number;
};

/* What the first worker shall do that has nothing else: a ring that all of them read. */
struct common {
    pthread_mutex_t mutex;
    struct message *item; /* [capacity], a power of two */
    uint64_t head, capacity;
    _Alignas(64) _Atomic uint64_t count; /* written under the mutex, sequentially consistent as asleep is */
};

struct loop {
    struct net_hub hub; /* first: a hub is its loop */
    struct common common;
    struct loop_options options;
    struct seat *seats;
    struct bed bed;
    struct parcel_pool pool; /* the hub's: encoding and decoding */
    int (*step)(void *);
    bool (*ready)(void *);
    void *step_context;
    int32_t next; /* where the hub looks first */
};

static void pause_briefly(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

/* ---- rings ------------------------------------------------------------------------------- */

static bool ring_put(struct ring *ring, const struct message *message)
{
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    if (tail - ring->head_seen == RING_SLOTS) {
        ring->head_seen = atomic_load_explicit(&ring->head, memory_order_acquire);
        if (tail - ring->head_seen == RING_SLOTS)
            return false;
    }
    ring->slot[tail % RING_SLOTS] = *message;
    atomic_store(&ring->tail, tail + 1);
    return true;
}

static bool ring_ready(struct ring *ring)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    if (head != ring->tail_seen)
        return true;
    ring->tail_seen = atomic_load(&ring->tail);
    return head != ring->tail_seen;
}

static uint64_t ring_unread(struct ring *ring)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire); /* first: it stays behind */
    return atomic_load_explicit(&ring->tail, memory_order_relaxed) - head;
}

static bool ring_get(struct ring *ring, struct message *message)
{
    if (!ring_ready(ring))
        return false;
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    *message = ring->slot[head % RING_SLOTS];
    atomic_store_explicit(&ring->head, head + 1, memory_order_release);
    return true;
}

static int common_put(struct common *common, const struct message *message)
{
    pthread_mutex_lock(&common->mutex);
    uint64_t count = atomic_load(&common->count);
    if (count == common->capacity) {
        uint64_t larger = count ? 2 * count : 16;
        struct message *grown = mem_alloc((size_t)larger * sizeof *grown);
        for (uint64_t i = 0; i < count && grown; i++)
            grown[i] = common->item[(common->head + i) & (common->capacity - 1)];
        if (grown) {
            mem_free(common->item);
            common->item = grown;
            common->head = 0;
            common->capacity = larger;
        }
    }
    bool room = count < common->capacity;
    if (room) {
        common->item[(common->head + count) & (common->capacity - 1)] = *message;
        atomic_store(&common->count, count + 1);
    }
    pthread_mutex_unlock(&common->mutex);
    return room ? RONDO_OK : RONDO_ENOMEM;
}

/* What was sent to the worker alone before comes first: `down` is looked at again when no more can come. */
static bool common_get(struct common *common, struct ring *down, struct message *message)
{
    if (!atomic_load(&common->count))
        return false;
    pthread_mutex_lock(&common->mutex);
    uint64_t count = atomic_load(&common->count);
    bool own = ring_get(down, message);
    if (!own && count) {
        *message = common->item[common->head];
        common->head = (common->head + 1) & (common->capacity - 1);
        atomic_store(&common->count, count - 1);
    }
    pthread_mutex_unlock(&common->mutex);
    return own || count;
}

/* ---- beds -------------------------------------------------------------------------------- */

static void bed_init(struct bed *bed, int most)
{
    atomic_init(&bed->asleep, false);
    bed->spin = bed->most = most;
    bed->rests = 0;
    pthread_mutex_init(&bed->mutex, NULL);
    clock_cond_init(&bed->wake);
}

static void bed_fini(struct bed *bed)
{
    pthread_cond_destroy(&bed->wake);
    pthread_mutex_destroy(&bed->mutex);
}

/* True: it slept. */
static bool bed_wake(struct bed *bed)
{
    if (!atomic_load(&bed->asleep))
        return false;
    pthread_mutex_lock(&bed->mutex);
    bool slept = atomic_exchange(&bed->asleep, false);
    pthread_cond_signal(&bed->wake);
    pthread_mutex_unlock(&bed->mutex);
    return slept;
}

/* True: ready(context) within the turns that spinning is worth. */
static bool bed_spin(struct bed *bed, bool (*ready)(void *), void *context)
{
    int turns = ++bed->rests % SPIN_AGAIN == 0 ? bed->most : bed->spin;
    for (int turn = 0; turn < turns; turn++) {
        if (ready(context)) {
            int longer = 2 * turns;
            bed->spin = longer < bed->most ? longer : bed->most;
            return true;
        }
        pause_briefly();
    }
    int shorter = bed->spin / 2, least = bed->most < SPIN_LEAST ? bed->most : SPIN_LEAST;
    bed->spin = shorter > least ? shorter : least;
    return false;
}

/* Spins, then sleeps until ready(context) or the time is up. */
static void bed_rest(struct bed *bed, int64_t timeout_ns, bool (*ready)(void *), void *context)
{
    if (bed_spin(bed, ready, context))
        return;
    int64_t until_ns = clock_now_ns() + timeout_ns;
    pthread_mutex_lock(&bed->mutex);
    atomic_store(&bed->asleep, true);
    if (!ready(context))
        while (atomic_load(&bed->asleep)
               && clock_cond_wait(&bed->wake, &bed->mutex, until_ns))
            ;
    atomic_store(&bed->asleep, false);
    pthread_mutex_unlock(&bed->mutex);
}

/* ---- bytes, where they are asked for ------------------------------------------------------- */

/* Turns the message into its bytes, in place. */
static int encode(struct message *message, const struct message_codec *codec)
{
    struct parcel *bytes = parcel_take(codec->pool, 256);
    if (!bytes)
        return RONDO_ENOMEM;
    int code = message_encode(message, codec, &bytes->buf);
    if (code) {
        parcel_drop(bytes);
        return code;
    }
    message_discard(message, codec);
    message->type = ENCODED;
    message->body = bytes;
    return RONDO_OK;
}

static int decode(struct message *message, const struct message_codec *codec)
{
    if (message->type != ENCODED)
        return RONDO_OK;
    struct parcel *bytes = message->body;
    int code = message_decode((struct rondo_bytes){ bytes->buf.data, bytes->buf.size }, codec,
                              message);
    parcel_drop(bytes);
    return code;
}

static struct message_codec codec_of(const struct loop *loop, struct parcel_pool *pool)
{
    return (struct message_codec){ loop->options.app, loop->options.problem, pool };
}

/* ---- the hub ------------------------------------------------------------------------------- */

/* Others may have done all there was, round after round, while a worker got no turn on its core; what was
 * sent to it alone is kept for it, and shall not be much. */
static void wait_for(struct loop *loop, struct seat *seat)
{
    uint64_t half = RING_SLOTS / 2; /* of answers: then it is the hub that does not read */
    while (ring_unread(&seat->down) > LAG_MOST && ring_unread(&seat->up) < half
           && ring_unread(&loop->seats[0].up) < half && !atomic_load(&seat->gone))
        if (!loop->step || loop->step(loop->step_context) <= 0)
            sched_yield();
}

/* Wakes one that sleeps, if any does; who is awake looks by itself. */
static int send_anyone(struct loop *loop, struct message *message)
{
    for (int32_t i = loop->step ? 1 : 0; i < loop->options.workers; i++)
        wait_for(loop, &loop->seats[i]);
    int code = common_put(&loop->common, message);
    if (code) {
        struct message_codec codec = codec_of(loop, &loop->pool);
        message_discard(message, &codec);
        return code;
    }
    for (int32_t i = loop->options.workers - 1; i >= 0; i--)
        if (!atomic_load(&loop->seats[i].gone) && bed_wake(&loop->seats[i].bed))
            break;
    return RONDO_OK;
}

static int hub_send(struct net_hub *hub, int32_t worker, struct message *message)
{
    struct loop *loop = (struct loop *)hub;
    struct seat *seat = worker < 0 ? NULL : &loop->seats[worker];
    struct message_codec codec = codec_of(loop, &loop->pool);
    int code = loop->options.encoded ? encode(message, &codec) : RONDO_OK;
    if (code) {
        message_discard(message, &codec);
        return code;
    }
    if (!seat)
        return send_anyone(loop, message);
    /* The reader never waits for the hub, but for room in `up`, which holds a whole window. */
    while (!ring_put(&seat->down, message)) {
        if (atomic_load(&seat->gone)) {
            message_discard(message, &codec);
            return RONDO_OK;
        }
        if (worker == 0 && loop->step)
            loop->step(loop->step_context);
        else
            pause_briefly();
    }
    bed_wake(&seat->bed);
    return RONDO_OK;
}

static int hub_receive(struct net_hub *hub, struct net_event *event)
{
    struct loop *loop = (struct loop *)hub;
    for (int32_t i = 0; i < loop->options.workers; i++) {
        struct seat *seat = &loop->seats[loop->next];
        loop->next = loop->next + 1 == loop->options.workers ? 0 : loop->next + 1;
        event->worker = seat->number;
        if (!seat->announced) {
            seat->announced = true;
            event->type = NET_JOINED;
            return RONDO_OK;
        }
        if (atomic_load_explicit(&seat->gone, memory_order_acquire)) {
            if (seat->left)
                continue;
            seat->left = true;
            event->type = NET_LEFT;
            return RONDO_OK;
        }
        if (ring_get(&seat->up, &event->message)) {
            struct message_codec codec = codec_of(loop, &loop->pool);
            event->type = NET_MESSAGE;
            return decode(&event->message, &codec);
        }
    }
    event->type = NET_NOTHING;
    return RONDO_OK;
}

static bool hub_ready(void *context)
{
    struct loop *loop = context;
    for (int32_t i = 0; i < loop->options.workers; i++) {
        struct seat *seat = &loop->seats[i];
        bool gone = atomic_load(&seat->gone);
        if (gone ? !seat->left : !seat->announced || ring_ready(&seat->up))
            return true;
    }
    return loop->step && !atomic_load(&loop->seats[0].gone) && loop->ready(loop->step_context);
}

static void hub_wait(struct net_hub *hub, int64_t timeout_ns)
{
    struct loop *loop = (struct loop *)hub;
    if (loop->step && loop->step(loop->step_context) != 0)
        return;
    bed_rest(&loop->bed, timeout_ns, hub_ready, loop);
}

static const struct net_hub_ops hub_ops = { hub_send, hub_receive, hub_wait };

/* ---- a link -------------------------------------------------------------------------------- */

static int link_receive(struct net_link *link, struct message *message)
{
    struct seat *seat = (struct seat *)link;
    if (atomic_load_explicit(&seat->gone, memory_order_acquire))
        return RONDO_ECANCELED;
    if (!ring_get(&seat->down, message) && !common_get(&seat->loop->common, &seat->down, message))
        return 0;
    struct message_codec codec = codec_of(seat->loop, &seat->pool);
    int code = decode(message, &codec);
    if (code)
        loop_take_away(seat->loop, seat->number); /* a worker that cannot hear is lost */
    return code ? code : 1;
}

static int link_send(struct net_link *link, struct message *message)
{
    struct seat *seat = (struct seat *)link;
    struct message_codec codec = codec_of(seat->loop, &seat->pool);
    int code = seat->loop->options.encoded ? encode(message, &codec) : RONDO_OK;
    if (code) {
        message_discard(message, &codec);
        loop_take_away(seat->loop, seat->number); /* nor one that cannot speak */
        return code;
    }
    while (!ring_put(&seat->up, message)) {
        if (atomic_load(&seat->gone)) {
            message_discard(message, &codec);
            return RONDO_ECANCELED;
        }
        pause_briefly();
    }
    bed_wake(&seat->loop->bed);
    return RONDO_OK;
}

struct link_rest {
    struct seat *seat;
    bool (*ready)(void *);
    void *context;
};

static bool link_ready(void *context)
{
    const struct link_rest *rest = context;
    return ring_ready(&rest->seat->down) || atomic_load(&rest->seat->gone)
           || atomic_load(&rest->seat->loop->common.count) > 0
           || (rest->ready && rest->ready(rest->context));
}

static void link_wait(struct net_link *link, bool (*ready)(void *), void *context)
{
    struct seat *seat = (struct seat *)link;
    struct link_rest rest = { seat, ready, context };
    bed_rest(&seat->bed, INT64_C(1000000000), link_ready, &rest);
}

/* A lent thread sleeps where the hub does. */
static bool link_wake(struct net_link *link)
{
    struct seat *seat = (struct seat *)link;
    bool lent = seat->number == 0 && seat->loop->step;
    return bed_wake(lent ? &seat->loop->bed : &seat->bed);
}

static const struct net_link_ops link_ops = { link_receive, link_send, link_wait, link_wake };

/* ---- life ------------------------------------------------------------------------------------ */

int loop_create(const struct loop_options *options, struct loop **out, struct rondo_error *err)
{
    struct loop *loop = mem_calloc(1, sizeof *loop);
    struct seat *seats = mem_calloc((size_t)options->workers, sizeof *seats);
    if (!loop || !seats) {
        mem_free(loop);
        mem_free(seats);
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for %d workers",
                               options->workers);
    }
    loop->hub.ops = &hub_ops;
    loop->options = *options;
    loop->seats = seats;
    pthread_mutex_init(&loop->common.mutex, NULL);
    int spin = sysconf(_SC_NPROCESSORS_ONLN) >= options->workers ? SPIN_MOST : SPIN_CROWDED;
    bed_init(&loop->bed, spin);
    parcel_pool_init(&loop->pool);
    for (int32_t i = 0; i < options->workers; i++) {
        seats[i].link.ops = &link_ops;
        seats[i].loop = loop;
        seats[i].number = i;
        bed_init(&seats[i].bed, spin);
        parcel_pool_init(&seats[i].pool);
    }
    *out = loop;
    return RONDO_OK;
}

void loop_drain(struct loop *loop)
{
    struct message_codec codec = codec_of(loop, &loop->pool);
    struct message message;
    for (int32_t i = 0; i < loop->options.workers; i++) {
        struct seat *seat = &loop->seats[i];
        while (ring_get(&seat->down, &message) || ring_get(&seat->up, &message))
            message_discard(&message, &codec);
        while (common_get(&loop->common, &seat->down, &message))
            message_discard(&message, &codec);
    }
}

void loop_destroy(struct loop *loop)
{
    if (!loop)
        return;
    for (int32_t i = 0; i < loop->options.workers; i++) {
        bed_fini(&loop->seats[i].bed);
        parcel_pool_fini(&loop->seats[i].pool);
    }
    parcel_pool_fini(&loop->pool);
    bed_fini(&loop->bed);
    pthread_mutex_destroy(&loop->common.mutex);
    mem_free(loop->common.item);
    mem_free(loop->seats);
    mem_free(loop);
}

struct net_hub *loop_hub(struct loop *loop)
{
    return &loop->hub;
}

struct net_link *loop_link(struct loop *loop, int32_t worker)
{
    return &loop->seats[worker].link;
}

void loop_lend(struct loop *loop, int (*step)(void *context), bool (*ready)(void *context),
               void *context)
{
    loop->step = step;
    loop->ready = ready;
    loop->step_context = context;
}

void loop_take_away(struct loop *loop, int32_t worker)
{
    struct seat *seat = &loop->seats[worker];
    atomic_store(&seat->gone, true);
    bed_wake(&seat->bed);
    bed_wake(&loop->bed);
}

void loop_close(struct loop *loop)
{
    for (int32_t i = 0; i < loop->options.workers; i++) {
        loop->seats[i].left = true;
        atomic_store(&loop->seats[i].gone, true);
        bed_wake(&loop->seats[i].bed);
    }
}

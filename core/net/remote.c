#include "core/net/remote.h"

#include "core/base/clock.h"
#include "core/base/mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Bodies that one seat may have waiting.  The engine has a few out with a worker at a time; who sends
 * more than this is not one.  A worker may have all its shards' states waiting too, of a few epochs. */
enum { WAITING_MOST = 1 << 12, WAITING_BYTES = 1 << 30, FIRST_ROOM = 64 };

/* ---- what has come: a ring, one lock --------------------------------------------------------- */

struct item {
    int32_t worker;
    struct rondo_buf body;
};

struct inbox {
    pthread_mutex_t lock;
    pthread_cond_t change;
    struct item *item; /* guarded by lock, from here ... */
    size_t head, count, room;
    bool woken;
    bool follows;      /* who waits reads connections himself, ... */
    pthread_t waiter;  /* ... he ..., ... to here */
    struct conn_pace pace; /* ... his own ..., */
    int alarm;         /* ... and is woken by this eventfd; -1: there is none, he waits for `change` */
};

static void inbox_init(struct inbox *inbox)
{
    pthread_mutex_init(&inbox->lock, NULL);
    clock_cond_init(&inbox->change);
    inbox->alarm = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

/* Under the lock.  False: no memory. */
static bool inbox_put(struct inbox *inbox, int32_t worker, struct rondo_buf *body)
{
    if (inbox->count == inbox->room) {
        size_t room = inbox->room ? 2 * inbox->room : FIRST_ROOM;
        struct item *item = mem_alloc(room * sizeof *item);
        if (!item)
            return false;
        for (size_t i = 0; i < inbox->count; i++)
            item[i] = inbox->item[(inbox->head + i) % inbox->room];
        mem_free(inbox->item);
        inbox->item = item;
        inbox->head = 0;
        inbox->room = room;
    }
    inbox->item[(inbox->head + inbox->count++) % inbox->room] = (struct item){ worker, *body };
    *body = (struct rondo_buf){ 0 };
    return true;
}

/* Under the lock; there is one. */
static struct item inbox_take(struct inbox *inbox)
{
    struct item item = inbox->item[inbox->head];
    inbox->head = (inbox->head + 1) % inbox->room;
    inbox->count--;
    return item;
}

static void inbox_fini(struct inbox *inbox)
{
    while (inbox->count) {
        struct item item = inbox_take(inbox);
        buf_fini(&item.body);
    }
    mem_free(inbox->item);
    if (inbox->alarm >= 0)
        close(inbox->alarm);
    pthread_cond_destroy(&inbox->change);
    pthread_mutex_destroy(&inbox->lock);
}

/* Gives the lock back; signalled behind it, so that who wakes does not find it taken. */
static void inbox_leave(struct inbox *inbox)
{
    uint64_t ring = 1;
    bool far = inbox->follows && !pthread_equal(inbox->waiter, pthread_self());
    pthread_mutex_unlock(&inbox->lock);
    if (!far)
        pthread_cond_signal(&inbox->change);
    else if (write(inbox->alarm, &ring, sizeof ring) < 0)
        return; /* it was rung 2^64 times */
}

/* With the lock, which it gives back meanwhile: until one of these was heard, or the alarm, or the time is up;
 * false, at once: others read them all. */
static bool inbox_follow(struct inbox *inbox, struct conn *const *conn, int count, int64_t timeout_ns)
{
    inbox->follows = true;
    inbox->waiter = pthread_self();
    pthread_mutex_unlock(&inbox->lock);
    bool followed = conn_follow(conn, count, inbox->alarm, &inbox->pace, timeout_ns);
    pthread_mutex_lock(&inbox->lock);
    inbox->follows = false;
    return followed;
}

/* With the lock: until there is something, or `news`, or the time is up.  What these connections bring is read
 * here, where no one else waits for it: it passes through no other thread. */
static void inbox_rest(struct inbox *inbox, const int32_t *news, int64_t timeout_ns,
                       struct conn *const *conn, int conn_count)
{
    int64_t until_ns = clock_now_ns() + timeout_ns;
    bool wait = !inbox->count && !inbox->woken && !*news;
    if (wait && conn_count && inbox->alarm >= 0)
        wait = !inbox_follow(inbox, conn, conn_count, timeout_ns);
    while (wait && !inbox->count && !inbox->woken && !*news
           && clock_cond_wait(&inbox->change, &inbox->lock, until_ns))
        ;
    inbox->woken = false;
}

/* ---- the hub ----------------------------------------------------------------------------------- */

enum seat_state { SEAT_NEW, SEAT_HERE, SEAT_GONE, SEAT_TOLD };

struct remote_seat {
    enum seat_state state;
    struct conn *conn; /* held, until it is GONE */
    uint32_t session;
    uint16_t number;   /* within its process */
    int32_t waiting;   /* bodies in the inbox ... */
    size_t bytes;      /* ... and their size */
    bool recalled;     /* and not told yet */
    bool gathered;     /* what the hub has said to it may not have gone */
};

struct remote_hub {
    struct net_hub net; /* first: a net_hub is its remote_hub */
    struct message_codec codec;
    struct parcel_pool pool;   /* the hub's thread */
    struct rondo_buf scratch;  /* likewise */
    struct inbox inbox;
    struct remote_seat *seat;  /* guarded by the inbox's lock, from here ... */
    int32_t seats, room;
    int32_t news;              /* ... to here: seats that are NEW, GONE or recalled */
    int32_t gathered;          /* likewise: seats that are */
};

/* Under the lock: a session's seats are no longer there. */
static void lose(struct remote_hub *hub, uint32_t session)
{
    for (int32_t i = 0; i < hub->seats; i++) {
        struct remote_seat *seat = &hub->seat[i];
        if (seat->session != session || !seat->conn)
            continue;
        hub->news += seat->state == SEAT_HERE; /* of a new one there is news already */
        hub->news -= seat->recalled;
        seat->recalled = false;
        seat->state = SEAT_GONE;
        conn_drop(seat->conn);
        seat->conn = NULL;
    }
}

/* Ends a connection whose bytes are not those of a worker. */
static void expel(struct remote_hub *hub, int32_t worker, const char *why)
{
    pthread_mutex_lock(&hub->inbox.lock);
    struct conn *conn = hub->seat[worker].conn;
    if (conn) {
        conn_hold(conn);
        lose(hub, hub->seat[worker].session);
    }
    inbox_leave(&hub->inbox);
    if (!conn)
        return;
    conn_reject(conn, why);
    conn_drop(conn);
}

static int hub_send(struct net_hub *net, int32_t worker, struct message *message)
{
    struct remote_hub *hub = (struct remote_hub *)net;
    struct frame frame = { .type = FRAME_MESSAGE };
    struct rondo_bytes parts[MESSAGE_PARTS];
    struct conn *conn = NULL;
    int parts_count, code = RONDO_OK;
    pthread_mutex_lock(&hub->inbox.lock);
    if (worker >= 0 && worker < hub->seats && hub->seat[worker].conn) {
        conn = conn_hold(hub->seat[worker].conn);
        frame.session = hub->seat[worker].session;
        frame.seat = hub->seat[worker].number;
        hub->gathered += !hub->seat[worker].gathered;
        hub->seat[worker].gathered = true;
    }
    pthread_mutex_unlock(&hub->inbox.lock);
    if (conn) {
        code = message_encode_parts(message, &hub->codec, &hub->scratch, parts, &parts_count);
        if (!code)
            code = conn_gather(conn, &frame, parts, parts_count);
        if (code == RONDO_EIO) /* it leaves: whoever has the connection is about to say so */
            code = RONDO_OK;
        conn_drop(conn);
    }
    message_discard(message, &hub->codec);
    return code;
}

/* Under the lock: the next seat that came or went; there is one. */
static void tell_news(struct remote_hub *hub, struct net_event *event)
{
    int32_t i = 0;
    while (hub->seat[i].state != SEAT_NEW && hub->seat[i].state != SEAT_GONE
           && !hub->seat[i].recalled)
        i++;
    struct remote_seat *seat = &hub->seat[i];
    hub->news--;
    event->worker = i;
    if (seat->state == SEAT_HERE) {
        seat->recalled = false;
        event->type = NET_RECALLED;
        return;
    }
    event->type = seat->state == SEAT_NEW ? NET_JOINED : NET_LEFT;
    seat->state = seat->state == SEAT_NEW ? SEAT_HERE : SEAT_TOLD;
}

/* Under the lock: what comes next that someone still here has said; false: nothing. */
static bool next_body(struct remote_hub *hub, struct item *item)
{
    while (hub->inbox.count) {
        *item = inbox_take(&hub->inbox);
        hub->seat[item->worker].waiting--;
        hub->seat[item->worker].bytes -= item->body.size;
        if (hub->seat[item->worker].state == SEAT_HERE)
            return true;
        buf_fini(&item->body);
    }
    return false;
}

/* What the engine said in one turn goes to each worker in one piece. */
static void flush(struct remote_hub *hub)
{
    pthread_mutex_lock(&hub->inbox.lock);
    for (int32_t i = 0; hub->gathered && i < hub->seats; i++) {
        struct remote_seat *seat = &hub->seat[i];
        if (!seat->gathered)
            continue;
        seat->gathered = false;
        hub->gathered--;
        struct conn *conn = seat->conn ? conn_hold(seat->conn) : NULL;
        pthread_mutex_unlock(&hub->inbox.lock);
        if (conn)
            conn_flush(conn);
        conn_drop(conn);
        pthread_mutex_lock(&hub->inbox.lock);
    }
    pthread_mutex_unlock(&hub->inbox.lock);
}

static int hub_receive(struct net_hub *net, struct net_event *event)
{
    struct remote_hub *hub = (struct remote_hub *)net;
    flush(hub);
    struct item item = { 0 };
    for (;;) {
        event->type = NET_NOTHING;
        pthread_mutex_lock(&hub->inbox.lock);
        bool news = hub->news > 0, there = !news && next_body(hub, &item);
        if (news)
            tell_news(hub, event);
        pthread_mutex_unlock(&hub->inbox.lock);
        if (!there)
            return RONDO_OK;
        int code = message_decode((struct rondo_bytes){ item.body.data, item.body.size },
                                  &hub->codec, &event->message);
        buf_fini(&item.body);
        event->worker = item.worker;
        event->type = code ? NET_NOTHING : NET_MESSAGE;
        if (!code || code == RONDO_ENOMEM)
            return code;
        expel(hub, item.worker, "its bytes are not a message");
    }
}

/* Under the lock: the connections of those who are here, held; 0: they are too many to be followed. */
static int hub_conns(const struct remote_hub *hub, struct conn *conn[CONN_FOLLOW])
{
    int count = 0, at = 0;
    for (int32_t i = 0; i < hub->seats && count <= CONN_FOLLOW; i++) {
        struct conn *one = hub->seat[i].conn;
        for (at = 0; one && at < count && conn[at] != one; at++)
            ;
        if (one && at == count && count++ < CONN_FOLLOW)
            conn[at] = one;
    }
    count = count > CONN_FOLLOW ? 0 : count;
    for (int i = 0; i < count; i++)
        conn_hold(conn[i]);
    return count;
}

static void hub_wait(struct net_hub *net, int64_t timeout_ns)
{
    struct remote_hub *hub = (struct remote_hub *)net;
    struct conn *conn[CONN_FOLLOW];
    flush(hub);
    pthread_mutex_lock(&hub->inbox.lock);
    int count = hub_conns(hub, conn);
    inbox_rest(&hub->inbox, &hub->news, timeout_ns, conn, count);
    pthread_mutex_unlock(&hub->inbox.lock);
    for (int i = 0; i < count; i++)
        conn_drop(conn[i]);
}

static const struct net_hub_ops hub_ops = { hub_send, hub_receive, hub_wait };

int remote_hub_create(const struct rondo_app *app, const void *problem, struct remote_hub **out,
                      struct rondo_error *err)
{
    struct remote_hub *hub = mem_calloc(1, sizeof *hub);
    if (!hub)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for a job's workers");
    hub->net.ops = &hub_ops;
    parcel_pool_init(&hub->pool);
    hub->codec = (struct message_codec){ app, problem, &hub->pool };
    inbox_init(&hub->inbox);
    *out = hub;
    return RONDO_OK;
}

struct net_hub *remote_hub_net(struct remote_hub *hub)
{
    return &hub->net;
}

void remote_hub_destroy(struct remote_hub *hub)
{
    if (!hub)
        return;
    flush(hub);
    for (int32_t i = 0; i < hub->seats; i++)
        conn_drop(hub->seat[i].conn);
    inbox_fini(&hub->inbox);
    parcel_pool_fini(&hub->pool);
    buf_fini(&hub->scratch);
    mem_free(hub->seat);
    mem_free(hub);
}

/* Under the lock. */
static int make_room(struct remote_hub *hub, int32_t seats)
{
    if (hub->seats + seats <= hub->room)
        return RONDO_OK;
    int32_t room = 2 * hub->seats > hub->seats + seats ? 2 * hub->seats : hub->seats + seats;
    struct remote_seat *seat = mem_regrow(hub->seat, (size_t)hub->seats * sizeof *seat,
                                          (size_t)room * sizeof *seat);
    if (!seat)
        return RONDO_ENOMEM;
    hub->seat = seat;
    hub->room = room;
    return RONDO_OK;
}

int remote_hub_join(struct remote_hub *hub, struct conn *conn, uint32_t session, int32_t seats)
{
    pthread_mutex_lock(&hub->inbox.lock);
    int code = make_room(hub, seats);
    for (int32_t i = 0; i < seats && !code; i++)
        hub->seat[hub->seats++] = (struct remote_seat){ .state = SEAT_NEW, .conn = conn_hold(conn),
                                                        .session = session,
                                                        .number = (uint16_t)i };
    hub->news += code ? 0 : seats;
    inbox_leave(&hub->inbox);
    return code;
}

void remote_hub_leave(struct remote_hub *hub, uint32_t session)
{
    pthread_mutex_lock(&hub->inbox.lock);
    lose(hub, session);
    inbox_leave(&hub->inbox);
}

void remote_hub_recall(struct remote_hub *hub, uint32_t session)
{
    pthread_mutex_lock(&hub->inbox.lock);
    for (int32_t i = 0; i < hub->seats; i++) {
        struct remote_seat *seat = &hub->seat[i];
        if (seat->session == session && seat->conn && !seat->recalled) {
            seat->recalled = true;
            hub->news++;
        }
    }
    inbox_leave(&hub->inbox);
}

/* Under the lock; -1: no such seat takes part. */
static int32_t find(const struct remote_hub *hub, uint32_t session, uint16_t number)
{
    for (int32_t i = 0; i < hub->seats; i++)
        if (hub->seat[i].session == session && hub->seat[i].number == number && hub->seat[i].conn)
            return i;
    return -1;
}

void remote_hub_frame(struct remote_hub *hub, const struct frame *frame, struct rondo_buf *body)
{
    const char *wrong = NULL;
    pthread_mutex_lock(&hub->inbox.lock);
    int32_t worker = find(hub, frame->session, frame->seat);
    if (worker >= 0) {
        struct remote_seat *seat = &hub->seat[worker];
        size_t size = body->size;
        if (seat->waiting == WAITING_MOST || (seat->waiting && seat->bytes + size > WAITING_BYTES))
            wrong = "it says more than it was asked";
        else if (!inbox_put(&hub->inbox, worker, body))
            wrong = "no memory for what it says";
        else {
            seat->waiting++;
            seat->bytes += size;
        }
    }
    inbox_leave(&hub->inbox);
    buf_fini(body);
    if (wrong)
        expel(hub, worker, wrong);
}

void remote_hub_wake(struct remote_hub *hub)
{
    pthread_mutex_lock(&hub->inbox.lock);
    hub->inbox.woken = true;
    inbox_leave(&hub->inbox);
}

uint32_t remote_hub_session(struct remote_hub *hub, int32_t worker)
{
    pthread_mutex_lock(&hub->inbox.lock);
    bool here = worker >= 0 && worker < hub->seats && hub->seat[worker].conn;
    uint32_t session = here ? hub->seat[worker].session : 0;
    pthread_mutex_unlock(&hub->inbox.lock);
    return session;
}

/* ---- a link -------------------------------------------------------------------------------- */

struct remote_link {
    struct net_link net; /* first: a net_link is its remote_link */
    struct message_codec codec;
    struct parcel_pool pool;  /* the worker's thread */
    struct rondo_buf scratch; /* likewise */
    struct conn *conn;        /* held */
    struct frame frame;       /* the head of what this seat says */
    struct inbox inbox;
    int32_t cut;              /* guarded by the inbox's lock */
    _Atomic bool asleep;      /* its worker, or about to be */
    size_t most;              /* bodies that may wait */
};

/* A worker that cannot hear or speak is lost, and the coordinator must know. */
static int fail(struct remote_link *link, int code)
{
    remote_link_cut(link);
    conn_close(link->conn);
    return code;
}

static int link_receive(struct net_link *net, struct message *message)
{
    struct remote_link *link = (struct remote_link *)net;
    struct item item = { 0 };
    pthread_mutex_lock(&link->inbox.lock);
    bool cut = link->cut, there = !cut && link->inbox.count;
    if (there)
        item = inbox_take(&link->inbox);
    pthread_mutex_unlock(&link->inbox.lock);
    if (!there)
        return cut ? RONDO_ECANCELED : 0;
    int code = message_decode((struct rondo_bytes){ item.body.data, item.body.size }, &link->codec,
                              message);
    buf_fini(&item.body);
    return code ? fail(link, code) : 1;
}

static int link_send(struct net_link *net, struct message *message)
{
    struct remote_link *link = (struct remote_link *)net;
    struct rondo_bytes parts[MESSAGE_PARTS];
    int parts_count;
    int code = message_encode_parts(message, &link->codec, &link->scratch, parts, &parts_count);
    if (!code)
        code = conn_send(link->conn, &link->frame, parts, parts_count);
    message_discard(message, &link->codec);
    if (code == RONDO_EIO)
        return RONDO_ECANCELED;
    return code ? fail(link, code) : RONDO_OK;
}

static void link_wait(struct net_link *net, bool (*ready)(void *), void *context)
{
    struct remote_link *link = (struct remote_link *)net;
    pthread_mutex_lock(&link->inbox.lock);
    atomic_store(&link->asleep, true);
    if (!ready || !ready(context))
        inbox_rest(&link->inbox, &link->cut, INT64_C(1000000000), &link->conn, 1);
    atomic_store(&link->asleep, false);
    pthread_mutex_unlock(&link->inbox.lock);
}

/* asleep is set before the last look, and read after what it would see was written; both sequentially
 * consistent, so that nothing is missed. */
static bool link_wake(struct net_link *net)
{
    struct remote_link *link = (struct remote_link *)net;
    if (!atomic_load(&link->asleep))
        return false;
    pthread_mutex_lock(&link->inbox.lock);
    bool slept = atomic_exchange(&link->asleep, false);
    link->inbox.woken = link->inbox.woken || slept;
    inbox_leave(&link->inbox);
    return slept;
}

static const struct net_link_ops link_ops = { link_receive, link_send, link_wait, link_wake };

int remote_link_create(struct conn *conn, uint32_t session, uint16_t seat,
                       const struct rondo_app *app, const void *problem, struct remote_link **out,
                       struct rondo_error *err)
{
    struct remote_link *link = mem_calloc(1, sizeof *link);
    if (!link)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for a worker's link");
    link->net.ops = &link_ops;
    parcel_pool_init(&link->pool);
    link->codec = (struct message_codec){ app, problem, &link->pool };
    struct rondo_layout layout = { 0 };
    app->layout(problem, &layout);
    link->most = WAITING_MOST + 4 * (layout.shards > 0 ? (size_t)layout.shards : 0);
    link->conn = conn_hold(conn);
    link->frame = (struct frame){ .type = FRAME_MESSAGE, .seat = seat, .session = session };
    inbox_init(&link->inbox);
    *out = link;
    return RONDO_OK;
}

struct net_link *remote_link_net(struct remote_link *link)
{
    return &link->net;
}

void remote_link_destroy(struct remote_link *link)
{
    if (!link)
        return;
    inbox_fini(&link->inbox);
    parcel_pool_fini(&link->pool);
    buf_fini(&link->scratch);
    conn_drop(link->conn);
    mem_free(link);
}

void remote_link_frame(struct remote_link *link, struct rondo_buf *body)
{
    pthread_mutex_lock(&link->inbox.lock);
    bool taken = link->cut || (link->inbox.count < link->most && inbox_put(&link->inbox, 0, body));
    inbox_leave(&link->inbox);
    buf_fini(body);
    if (!taken)
        fail(link, RONDO_ENOMEM);
}

void remote_link_cut(struct remote_link *link)
{
    pthread_mutex_lock(&link->inbox.lock);
    link->cut = 1;
    inbox_leave(&link->inbox);
}

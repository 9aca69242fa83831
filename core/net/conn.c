#include "core/net/conn_i.h"

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/net/socket.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TICK_LEAST_MS = 5, TICK_MOST_MS = 250 };

static const int64_t MS = 1000000;

/* ---- the end ----------------------------------------------------------------------------------- */

static void destroy(struct conn *conn)
{
    if (conn->stream)
        nng_stream_free(conn->stream);
    if (conn->watch.fd >= 0)
        close(conn->watch.fd);
    /* Not nng_aio_free: the last hold may go in the clock's own callback. */
    nng_aio_reap(conn->receive);
    nng_aio_reap(conn->send);
    nng_aio_reap(conn->tick);
    intake_fini(&conn->intake);
    outbox_fini(&conn->outbox);
    pthread_cond_destroy(&conn->change);
    pthread_mutex_destroy(&conn->lock);
    pthread_mutex_destroy(&conn->io);
    if (conn->token)
        explicit_bzero(conn->token, strlen(conn->token));
    mem_free(conn->token);
    mem_free(conn);
}

struct conn *conn_hold(struct conn *conn)
{
    atomic_fetch_add_explicit(&conn->holders, 1, memory_order_relaxed);
    return conn;
}

/* acq_rel: the last one sees what the others did. */
void conn_drop(struct conn *conn)
{
    if (conn && atomic_fetch_sub_explicit(&conn->holders, 1, memory_order_acq_rel) == 1)
        destroy(conn);
}

/* The caller is one of the three operations, or holds the connection. */
static void shut(struct conn *conn)
{
    pthread_mutex_lock(&conn->io);
    conn->shut = true;
    if (conn->stream) {
        nng_stream_close(conn->stream);
        nng_aio_cancel(conn->receive);
        nng_aio_cancel(conn->send);
    } else {
        plain_shut(conn);
    }
    pthread_mutex_unlock(&conn->io);
    nng_aio_cancel(conn->tick);
}

void conn_fail(struct conn *conn, const char *format, ...)
{
    pthread_mutex_lock(&conn->lock);
    bool first = !conn->closing;
    if (first) {
        va_list args;
        va_start(args, format);
        vsnprintf(conn->why, sizeof conn->why, format, args);
        va_end(args);
        conn->closing = true;
        pthread_cond_broadcast(&conn->change);
    }
    pthread_mutex_unlock(&conn->lock);
    if (first)
        shut(conn);
}

bool conn_await(struct conn *conn, int64_t until_ns)
{
    pthread_mutex_lock(&conn->lock);
    while (conn->stage != CONN_OPEN && !conn->closing
           && clock_cond_wait(&conn->change, &conn->lock, until_ns))
        ;
    bool open = conn->stage == CONN_OPEN, first = !open && !conn->closing;
    if (first) {
        snprintf(conn->why, sizeof conn->why, "no answer in time");
        conn->closing = true;
    }
    pthread_mutex_unlock(&conn->lock);
    if (first)
        shut(conn);
    return open;
}

void conn_settle(struct conn *conn)
{
    if (conn->closing && !conn->receiving && !conn->sending && !conn->accused && !conn->ticking) {
        conn->ticking = true;
        nng_sleep_aio(0, conn->tick);
    }
}

static void finish(struct conn *conn)
{
    if (conn->stage == CONN_OPEN) /* no one else can change it now */
        conn->events.closed(conn->events.context, conn, conn->why);
    if (conn->gate)
        gate_forget(conn->gate, conn);
    if (conn->stream)
        conn_drop(conn);
    else
        watch_retire(&conn->watch); /* which drops it */
}

void conn_refuse(struct conn *conn, const char *why)
{
    pthread_mutex_lock(&conn->lock);
    if (!conn->closing) /* after which it is read without the lock */
        conn->refused = true;
    pthread_mutex_unlock(&conn->lock);
    conn_fail(conn, "%s", why);
}

void conn_reject(struct conn *conn, const char *why)
{
    pthread_mutex_lock(&conn->lock);
    bool first = !conn->closing && !conn->rejected;
    conn->rejected = true;
    conn->accused = conn->accused || first; /* whoever calls may be no operation, and the gate about to close */
    pthread_mutex_unlock(&conn->lock);
    if (!first)
        return; /* who closed it, or will */
    conn_count(&conn->ledger->malformed, 1);
    if (conn->gate)
        gate_complain(conn->gate, conn->peer, "not a worker of this version", why);
    conn_refuse(conn, why);
    pthread_mutex_lock(&conn->lock);
    conn->accused = false;
    conn_settle(conn);
    pthread_mutex_unlock(&conn->lock);
}

void conn_broken(struct conn *conn, int result)
{
    if (result == NNG_EPEERAUTH || result == NNG_ECRYPTO)
        conn_reject(conn, "the certificates do not fit");
    else if (result == NNG_ECONNSHUT || result == NNG_ECONNRESET || result == NNG_ECLOSED)
        conn_fail(conn, "closed by the peer");
    else
        conn_fail(conn, "%s", nng_strerror(result));
}

/* ---- receiving --------------------------------------------------------------------------------- */

static void end_receiving(struct conn *conn)
{
    pthread_mutex_lock(&conn->lock);
    conn->receiving = false;
    conn_settle(conn);
    pthread_mutex_unlock(&conn->lock);
}

static bool begin_stream_receive(struct conn *conn)
{
    nng_iov iov = { conn->room, conn->room_size };
    pthread_mutex_lock(&conn->io);
    bool may = !conn->shut;
    if (may) {
        nng_aio_set_iov(conn->receive, 1, &iov);
        nng_stream_recv(conn->stream, conn->receive);
    }
    pthread_mutex_unlock(&conn->io);
    return may;
}

static void begin_receive(struct conn *conn)
{
    if (intake_room(&conn->intake, &conn->room, &conn->room_size)) {
        conn_fail(conn, "no memory");
        end_receiving(conn);
        return;
    }
    if (!(conn->stream ? begin_stream_receive(conn) : plain_await(conn, true, false)))
        end_receiving(conn);
}

/* A frame of a greeted peer. */
static void heed(struct conn *conn, const struct frame *frame, struct rondo_buf *body)
{
    if (frame->type != FRAME_BEAT) {
        conn->events.frame(conn->events.context, conn, frame, body);
        return;
    }
    if (body->size)
        conn_reject(conn, "a beat with a body");
    else if (frame->seat == 1)
        conn_fail(conn, "closed by the peer");
    buf_fini(body);
}

/* False: nothing more is to be read. */
static bool read_frames(struct conn *conn)
{
    struct frame frame;
    struct rondo_buf body;
    int code;
    while ((code = intake_next(&conn->intake, &frame, &body)) > 0) {
        conn_count(&conn->ledger->frames_in, 1);
        if (!conn->intake.greeting) {
            heed(conn, &frame, &body);
        } else {
            struct rondo_bytes bytes = { body.data, body.size };
            if (conn->gate)
                gate_greet(conn, &frame, bytes);
            else
                dial_greet(conn, &frame, bytes);
            buf_fini(&body);
        }
        pthread_mutex_lock(&conn->lock);
        bool over = conn->closing;
        pthread_mutex_unlock(&conn->lock);
        if (over)
            return false;
    }
    if (code == RONDO_ENOMEM)
        conn_fail(conn, "no memory");
    else if (code)
        conn_reject(conn, conn->intake.why);
    return code == 0;
}

void conn_received(struct conn *conn, int result, size_t size)
{
    if (result || size == 0) {
        if (conn->gate && conn->intake.greeting && conn->intake.buffer.size)
            conn_reject(conn, "it was cut off in its greeting");
        conn_broken(conn, result ? result : NNG_ECONNSHUT);
        end_receiving(conn);
        return;
    }
    atomic_store_explicit(&conn->heard_ns, clock_now_ns(), memory_order_relaxed);
    conn_count(&conn->ledger->bytes_in, size);
    intake_took(&conn->intake, size);
    if (read_frames(conn))
        begin_receive(conn);
    else
        end_receiving(conn);
}

static void on_received(void *context)
{
    struct conn *conn = context;
    conn_received(conn, nng_aio_result(conn->receive), nng_aio_count(conn->receive));
}

/* ---- the clock ------------------------------------------------------------------------------- */

/* Under the lock: the greeting has taken as long as it may. */
static bool slow(const struct conn *conn, int64_t now)
{
    int64_t most = CONN_GREETING_MS * MS;
    return conn->stage != CONN_OPEN
           && now - conn->began_ns > (conn->lease_ns < most ? conn->lease_ns : most);
}

/* Looks at the clock, once a tick; may close the connection. */
static void look(struct conn *conn)
{
    int64_t now = clock_now_ns();
    int64_t heard = atomic_load_explicit(&conn->heard_ns, memory_order_relaxed);
    pthread_mutex_lock(&conn->lock);
    double lease = (double)conn->lease_ns * 1e-9;
    bool open = conn->stage == CONN_OPEN, refused = conn->stage == CONN_REFUSED;
    bool late = slow(conn, now), left = conn->leaving && now > conn->leave_ns;
    bool deaf = open && now - heard > conn->lease_ns;
    bool stuck = open && conn->outbox.bytes && now - conn->moved_ns > conn->lease_ns;
    bool quiet = open && !conn->leaving && !conn->sending && now - conn->said_ns >= conn->beat_ns;
    bool closing = conn->closing;
    pthread_mutex_unlock(&conn->lock);
    if (closing)
        return;
    if (left)
        conn_fail(conn, "closed");
    else if (late && conn->gate && !refused)
        conn_reject(conn, "its greeting took too long");
    else if (late)
        conn_fail(conn, refused ? "refused" : "no greeting came; is it the address for workers?");
    else if (deaf)
        conn_fail(conn, "nothing heard for %.1f s", lease);
    else if (stuck)
        conn_fail(conn, "nothing read for %.1f s", lease);
    else if (quiet && conn_post(conn, FRAME_BEAT, 0, (struct rondo_bytes){ 0 }))
        conn_fail(conn, "no memory");
}

static int32_t interval_ms(const struct conn *conn)
{
    int64_t ms = conn->beat_ns / MS / 2;
    return (int32_t)(ms < TICK_LEAST_MS ? TICK_LEAST_MS : ms > TICK_MOST_MS ? TICK_MOST_MS : ms);
}

static void on_tick(void *context)
{
    struct conn *conn = context;
    look(conn);
    pthread_mutex_lock(&conn->lock);
    bool over = conn->closing && !conn->receiving && !conn->sending && !conn->accused;
    if (conn->closing)
        conn->ticking = over; /* else whoever comes back last begins it again */
    else
        nng_sleep_aio(interval_ms(conn), conn->tick);
    pthread_mutex_unlock(&conn->lock);
    if (over)
        finish(conn);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void name_peer(struct conn *conn, const char *url)
{
    nng_sockaddr address;
    char host[INET6_ADDRSTRLEN] = "";
    const char *rest = strstr(url, "://");
    snprintf(conn->peer, sizeof conn->peer, "%.120s", rest ? rest + 3 : url);
    if (!conn->gate)
        return;
    if (!conn->stream)
        socket_peer(conn->watch.fd, conn->peer, sizeof conn->peer);
    else if (nng_stream_get_addr(conn->stream, NNG_OPT_REMADDR, &address))
        return;
    else if (address.s_family == NNG_AF_INET && inet_ntop(AF_INET, &address.s_in.sa_addr, host, sizeof host))
        snprintf(conn->peer, sizeof conn->peer, "%s:%u", host, ntohs(address.s_in.sa_port));
    else if (address.s_family == NNG_AF_INET6
             && inet_ntop(AF_INET6, address.s_in6.sa_addr, host, sizeof host))
        snprintf(conn->peer, sizeof conn->peer, "[%s]:%u", host, ntohs(address.s_in6.sa_port));
}

static void set_limits(struct conn *conn, const struct conn_options *options)
{
    uint32_t lease = options->lease_ms ? options->lease_ms : CONN_LEASE_MS;
    uint32_t beat = options->beat_ms ? options->beat_ms : lease / 5;
    conn->greet.lease_ms = lease;
    conn->greet.beat_ms = beat == 0 ? 1 : beat > lease ? lease : beat;
    conn->lease_ns = conn->greet.lease_ms * MS;
    conn->beat_ns = conn->greet.beat_ms * MS;
    conn->frame_limit = options->frame_limit ? options->frame_limit : (size_t)1 << 30;
    if (conn->frame_limit > UINT32_MAX)
        conn->frame_limit = UINT32_MAX;
    conn->queue_limit = options->queue_limit ? options->queue_limit : (size_t)1 << 26;
}

static int equip(struct conn *conn)
{
    bool failed = intake_init(&conn->intake) != RONDO_OK;
    failed = nng_aio_alloc(&conn->receive, on_received, conn) || failed;
    failed = nng_aio_alloc(&conn->send, conn_sent, conn) || failed;
    failed = nng_aio_alloc(&conn->tick, on_tick, conn) || failed;
    failed = failed || (!conn->stream && plain_open(conn));
    return failed ? RONDO_ENOMEM : RONDO_OK;
}

void line_drop(struct line line)
{
    if (line.stream)
        nng_stream_free(line.stream);
    else if (line.fd >= 0)
        close(line.fd);
}

struct conn *conn_create(const struct conn_options *options, struct gate *gate,
                         struct conn_ledger *ledger, struct line line)
{
    struct conn *conn = mem_calloc(1, sizeof *conn);
    if (!conn) {
        line_drop(line);
        return NULL;
    }
    atomic_init(&conn->holders, 2);
    conn->events = options->events;
    conn->gate = gate;
    conn->ledger = ledger ? ledger : &conn->own;
    conn->stream = line.stream;
    conn->watch.fd = line.stream ? -1 : line.fd;
    conn->greet.token = options->token;
    conn->greet.build = RONDO_VERSION;
    conn->began_ns = conn->said_ns = conn->moved_ns = clock_now_ns();
    atomic_init(&conn->heard_ns, conn->began_ns);
    pthread_mutex_init(&conn->lock, NULL);
    pthread_mutex_init(&conn->io, NULL);
    clock_cond_init(&conn->change);
    set_limits(conn, options);
    if (equip(conn)) {
        destroy(conn);
        return NULL;
    }
    if (conn->stream)
        nng_stream_set_bool(conn->stream, NNG_OPT_TCP_NODELAY, true);
    name_peer(conn, options->url);
    return conn;
}

void conn_start(struct conn *conn)
{
    struct rondo_buf challenge = { 0 };
    pthread_mutex_lock(&conn->lock);
    conn->receiving = conn->ticking = true;
    nng_sleep_aio(interval_ms(conn), conn->tick);
    pthread_mutex_unlock(&conn->lock);
    if (conn->gate
        && (greet_challenge(&conn->greet, &challenge)
            || conn_post(conn, FRAME_CHALLENGE, 0,
                         (struct rondo_bytes){ challenge.data, challenge.size })))
        conn_fail(conn, "no memory");
    buf_fini(&challenge);
    begin_receive(conn);
}

void conn_close(struct conn *conn)
{
    pthread_mutex_lock(&conn->lock);
    bool again = conn->closing || conn->leaving, leaves = conn->stage == CONN_OPEN && !again;
    if (leaves) {
        conn->leaving = true; /* nothing of others can come behind the last frame */
        conn->leave_ns = clock_now_ns() + CONN_LINGER_MS * MS;
    }
    pthread_mutex_unlock(&conn->lock);
    if (leaves && conn_post(conn, FRAME_BEAT, 1, (struct rondo_bytes){ 0 }) == RONDO_OK)
        return;
    if (!again)
        conn_fail(conn, "closed");
}

void conn_tag(struct conn *conn, void *tag)
{
    atomic_store_explicit(&conn->tag, tag, memory_order_release); /* with what it points to */
}

void *conn_tagged(const struct conn *conn)
{
    return atomic_load_explicit(&conn->tag, memory_order_acquire);
}

const char *conn_peer(const struct conn *conn)
{
    return conn->peer;
}

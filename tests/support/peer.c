#include "tests/support/peer.h"

#include "core/base/clock.h"
#include "core/base/mem.h"

#include <criterion/criterion.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void peer_init(struct peer *peer)
{
    *peer = (struct peer){ 0 };
    pthread_mutex_init(&peer->lock, NULL);
    clock_cond_init(&peer->change);
}

void peer_fini(struct peer *peer)
{
    for (int i = 0; i < peer->frames && i < PEER_FRAMES; i++)
        buf_fini(&peer->body[i]);
    for (int i = 0; i < peer->arrived && i < PEER_CONNS; i++)
        conn_drop(peer->conn[i]);
    pthread_mutex_destroy(&peer->lock);
    pthread_cond_destroy(&peer->change);
}

static void enter(struct peer *peer)
{
    pthread_mutex_lock(&peer->lock);
    peer->overlapped |= ++peer->inside > 1;
}

static void leave(struct peer *peer)
{
    peer->inside--;
    pthread_cond_broadcast(&peer->change);
    pthread_mutex_unlock(&peer->lock);
}

static void on_arrived(void *context, struct conn *conn, const struct frame_who *who)
{
    struct peer *peer = context;
    enter(peer);
    if (peer->arrived < PEER_CONNS)
        peer->conn[peer->arrived] = conn_hold(conn);
    peer->arrived++;
    peer->who = *who;
    leave(peer);
}

static void on_frame(void *context, struct conn *conn, const struct frame *frame,
                     struct rondo_buf *body)
{
    struct peer *peer = context;
    struct rondo_bytes bytes = { body->data, body->size };
    if (peer->echo)
        cr_expect_eq(conn_send(conn, frame, &bytes, 1), RONDO_OK);
    enter(peer);
    peer->bytes += body->size;
    if (peer->frames < PEER_FRAMES) {
        peer->frame[peer->frames] = *frame;
        peer->body[peer->frames] = *body;
    } else {
        buf_fini(body);
    }
    peer->frames++;
    leave(peer);
}

static void on_closed(void *context, struct conn *conn, const char *why)
{
    struct peer *peer = context;
    (void)conn;
    enter(peer);
    peer->closed++;
    snprintf(peer->why, sizeof peer->why, "%s", why);
    leave(peer);
}

struct conn_events peer_events(struct peer *peer)
{
    return (struct conn_events){ .context = peer, .arrived = on_arrived, .frame = on_frame,
                                 .closed = on_closed };
}

static bool await(struct peer *peer, const int *value, int count)
{
    int64_t until_ns = clock_now_ns() + INT64_C(60000000000);
    pthread_mutex_lock(&peer->lock);
    while (*value < count && clock_cond_wait(&peer->change, &peer->lock, until_ns))
        ;
    bool there = *value >= count;
    pthread_mutex_unlock(&peer->lock);
    return there;
}

bool peer_await_arrived(struct peer *peer, int count)
{
    return await(peer, &peer->arrived, count);
}

bool peer_await_frames(struct peer *peer, int count)
{
    return await(peer, &peer->frames, count);
}

bool peer_await_closed(struct peer *peer, int count)
{
    return await(peer, &peer->closed, count);
}

struct conn_options peer_options(struct peer *peer, const char *url)
{
    return (struct conn_options){ .url = url, .token = "a token", .events = peer_events(peer),
                                  .lease_ms = 60000 };
}

struct frame_who peer_who(void)
{
    return (struct frame_who){ .name = "worker.1", .host = "here", .build = RONDO_VERSION,
                               .isa = "x86-64-v2", .device = "cpu", .pid = (uint32_t)getpid(),
                               .threads = 2 };
}

void peer_url(const char *kind, char url[128])
{
    static _Atomic int number; /* relaxed: a name */
    int mine = atomic_fetch_add_explicit(&number, 1, memory_order_relaxed);
    if (strcmp(kind, "ipc") == 0)
        snprintf(url, 128, "ipc:///tmp/rondo-test-%ld-%d", (long)getpid(), mine);
    else
        snprintf(url, 128, "tcp://127.0.0.1:0");
}

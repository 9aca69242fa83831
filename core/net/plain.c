/* plain.c - a connection over a socket of the system: who waits for it reads it. */
#define _GNU_SOURCE /* ppoll */
#include "core/net/conn_i.h"

#include "core/base/clock.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    LOOK_NS = 40000,   /* who waits looks for so long before he sleeps, ... */
    QUICK_NS = 80000,  /* ... where he was answered within this, wake-up and all, ... */
    QUICK_ENOUGH = 4,  /* ... so many times in turn */
};

/* As NNG numbers what goes wrong. */
static int result_of(int reason)
{
    return reason == ECONNRESET || reason == EPIPE || reason == ENOTCONN ? NNG_ECONNRESET
                                                                         : NNG_ESYSERR + reason;
}

/* Under io.  After plain_shut both come back at once, by EPOLLHUP. */
static void arm(struct conn *conn)
{
    bool in = conn->wants_in && !conn->led;
    watch_arm(&conn->watch, (in ? (uint32_t)EPOLLIN : 0) | (conn->wants_out ? (uint32_t)EPOLLOUT : 0));
}

bool plain_await(struct conn *conn, bool in, bool out)
{
    pthread_mutex_lock(&conn->io);
    bool may = !conn->shut;
    conn->wants_in = conn->wants_in || (may && in);
    conn->wants_out = conn->wants_out || (may && out);
    if (may && (out || !conn->led)) /* who leads arms it when he ceases */
        arm(conn);
    pthread_mutex_unlock(&conn->io);
    return may;
}

size_t plain_send(struct conn *conn, const struct rondo_bytes *pieces, int pieces_count, int *result)
{
    struct iovec part[CONN_PIECES];
    struct msghdr message = { .msg_iov = part };
    for (int i = 0; i < pieces_count; i++)
        if (pieces[i].size) { /* the system's type is for both directions; it does not write here */
            part[message.msg_iovlen].iov_base = (void *)(uintptr_t)pieces[i].data;
            part[message.msg_iovlen++].iov_len = pieces[i].size;
        }
    ssize_t sent;
    do
        sent = sendmsg(conn->watch.fd, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    *result = sent >= 0 || errno == EAGAIN ? 0 : result_of(errno);
    return sent > 0 ? (size_t)sent : 0;
}

/* The receiving operation: as much as has come, in one read. */
static void receive(struct conn *conn)
{
    ssize_t size;
    pthread_mutex_lock(&conn->io);
    bool over = conn->shut;
    pthread_mutex_unlock(&conn->io);
    do
        size = recv(conn->watch.fd, conn->room, conn->room_size, 0);
    while (size < 0 && errno == EINTR);
    if (over)
        conn_received(conn, NNG_ECLOSED, 0);
    else if (size >= 0)
        conn_received(conn, size ? 0 : NNG_ECONNSHUT, (size_t)size);
    else if (errno != EAGAIN)
        conn_received(conn, result_of(errno), 0);
    else if (!plain_await(conn, true, false))
        conn_received(conn, NNG_ECLOSED, 0);
}

static struct conn *conn_of(struct watch *watch)
{
    return (struct conn *)(void *)((char *)watch - offsetof(struct conn, watch));
}

static void on_ready(struct watch *watch, uint32_t events)
{
    struct conn *conn = conn_of(watch);
    pthread_mutex_lock(&conn->io);
    bool in = conn->wants_in && !conn->led && (events & ~(uint32_t)EPOLLOUT);
    bool out = conn->wants_out && (events & ~(uint32_t)EPOLLIN);
    conn->wants_in = conn->wants_in && !in;
    conn->wants_out = conn->wants_out && !out;
    if ((conn->wants_in && !conn->led) || conn->wants_out) /* else an end would come again and again */
        arm(conn);
    pthread_mutex_unlock(&conn->io);
    if (in)
        receive(conn);
    if (out)
        conn_writable(conn);
}

static void on_gone(struct watch *watch)
{
    conn_drop(conn_of(watch));
}

int plain_open(struct conn *conn)
{
    conn->watch.ready = on_ready;
    conn->watch.gone = on_gone;
    return watch_open(&conn->watch);
}

void plain_shut(struct conn *conn)
{
    shutdown(conn->watch.fd, SHUT_RDWR);
    arm(conn);
}

/* ---- who waits reads ------------------------------------------------------------------------------- */

/* False: another reads it, or no one any more. */
static bool lead(struct conn *conn)
{
    if (conn->watch.fd < 0)
        return false;
    pthread_mutex_lock(&conn->io);
    bool may = conn->wants_in && !conn->led && !conn->shut;
    if (may) {
        conn->led = true;
        arm(conn);
    }
    pthread_mutex_unlock(&conn->io);
    return may;
}

static void read_here(struct conn *conn)
{
    pthread_mutex_lock(&conn->io);
    bool may = conn->wants_in;
    conn->wants_in = false;
    pthread_mutex_unlock(&conn->io);
    if (may)
        receive(conn);
}

static void cease(struct conn *conn)
{
    pthread_mutex_lock(&conn->io);
    conn->led = false;
    arm(conn);
    pthread_mutex_unlock(&conn->io);
}

/* How many of these have something, or the time is up.  To wake a core that sleeps takes as long as a short
 * round: who was answered quickly of late looks again and again for a little while, and lets others run
 * between two looks, before he sleeps. */
static int rest(struct pollfd *wait, nfds_t count, struct conn_pace *pace, int64_t timeout_ns)
{
    struct timespec time = { .tv_sec = timeout_ns / 1000000000, .tv_nsec = timeout_ns % 1000000000 };
    int64_t began_ns = clock_now_ns(), now_ns = began_ns;
    int ready = 0;
    while (pace->quick >= QUICK_ENOUGH && !(ready = poll(wait, count, 0)) && now_ns - began_ns < LOOK_NS) {
        sched_yield();
        now_ns = clock_now_ns();
    }
    if (!ready) {
        ready = ppoll(wait, count, &time, NULL);
        now_ns = clock_now_ns();
    }
    if (ready <= 0 || now_ns - began_ns > QUICK_NS)
        pace->quick = 0;
    else
        pace->quick += pace->quick < QUICK_ENOUGH;
    return ready;
}

bool conn_follow(struct conn *const *conn, int count, int alarm, struct conn_pace *pace,
                 int64_t timeout_ns)
{
    struct pollfd wait[CONN_FOLLOW + 1] = { { .fd = alarm, .events = POLLIN } };
    struct conn *led[CONN_FOLLOW];
    uint64_t rings;
    int leads = 0;
    for (int i = 0; i < count && count <= CONN_FOLLOW; i++)
        if (lead(conn[i])) {
            wait[1 + leads] = (struct pollfd){ .fd = conn[i]->watch.fd, .events = POLLIN };
            led[leads++] = conn[i];
        }
    if (leads == 0)
        return false;
    int ready = rest(wait, 1 + (nfds_t)leads, pace, timeout_ns);
    for (int i = 0; i < leads; i++) {
        if (ready > 0 && wait[1 + i].revents)
            read_here(led[i]);
        cease(led[i]);
    }
    if (ready > 0 && wait[0].revents && read(alarm, &rings, sizeof rings) < 0)
        return true; /* it was rung for another */
    return true;
}

/* Who waits for a connection reads it; what is gathered goes in one piece. */
#define _GNU_SOURCE /* ppoll */
#include "core/base/clock.h"
#include "tests/support/peer.h"
#include "tests/support/raw.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const int64_t SECOND_NS = 1000000000;

static void sleep_ms(long ms)
{
    struct timespec rest = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
    nanosleep(&rest, NULL);
}

/* In the system's place, and counted: looks of this thread, and what the watching threads of all were woken for.
 * What somebody's waiting takes of the processor is so many turns, whatever a processor's time is worth here. */
static _Thread_local int64_t looks;
static _Atomic int64_t wakes;

int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    struct timespec time = { .tv_sec = timeout_ms / 1000, .tv_nsec = timeout_ms % 1000 * 1000000 };
    looks++;
    return ppoll(fds, count, timeout_ms < 0 ? NULL : &time, NULL);
}

int epoll_wait(int epoll, struct epoll_event *events, int most, int timeout_ms)
{
    int count = epoll_pwait(epoll, events, most, timeout_ms, NULL);
    atomic_fetch_add(&wakes, 1);
    return count;
}

/* A gate, and a worker that counts the frames it is told, all of them and those on one thread. */
struct pair {
    struct peer gate_peer, dial_peer;
    struct gate *gate;
    struct conn *conn;
    int alarm;
    pthread_t waiter;
    _Atomic int frames, here, closed;
    _Atomic bool enough;
};

static void on_frame(void *context, struct conn *conn, const struct frame *frame, struct rondo_buf *body)
{
    struct pair *pair = context;
    struct conn_events events = peer_events(&pair->dial_peer);
    atomic_fetch_add(&pair->here, pthread_equal(pair->waiter, pthread_self()) != 0);
    atomic_fetch_add(&pair->frames, 1);
    events.frame(events.context, conn, frame, body);
}

static void on_closed(void *context, struct conn *conn, const char *why)
{
    struct pair *pair = context;
    struct conn_events events = peer_events(&pair->dial_peer);
    atomic_store(&pair->closed, 1);
    events.closed(events.context, conn, why); /* last: whoever waits for it takes the pair away */
}

static void open_pair(struct pair *pair, const char *kind, size_t queue_limit)
{
    char url[128];
    struct rondo_error err = { 0 };
    struct frame_who who = peer_who();
    memset(pair, 0, sizeof *pair);
    pair->waiter = pthread_self();
    pair->alarm = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    peer_init(&pair->gate_peer);
    peer_init(&pair->dial_peer);
    peer_url(kind, url);
    struct conn_options options = peer_options(&pair->gate_peer, url);
    options.queue_limit = queue_limit;
    options.beat_ms = 30000; /* it would end a wait, and take along what is gathered */
    cr_assert_eq(gate_open(&options, &pair->gate, &err), RONDO_OK, "%s", err.what);
    options.url = gate_url(pair->gate);
    options.events = (struct conn_events){ .context = pair, .frame = on_frame, .closed = on_closed };
    cr_assert_eq(dial_open(&options, &who, 60, &pair->conn, &err), RONDO_OK, "%s", err.what);
    cr_assert(peer_await_arrived(&pair->gate_peer, 1));
}

static void close_pair(struct pair *pair)
{
    gate_close(pair->gate);
    cr_expect(peer_await_closed(&pair->dial_peer, 1));
    cr_expect_not(pair->dial_peer.overlapped);
    conn_drop(pair->conn);
    peer_fini(&pair->gate_peer);
    peer_fini(&pair->dial_peer);
    close(pair->alarm);
}

/* As soon as the one who read the last frame is done with it; false: he never is. */
static bool follow(struct pair *pair, struct conn_pace *pace, int64_t timeout_ns)
{
    for (int i = 0; i < 60000; i++, sleep_ms(1))
        if (conn_follow(&pair->conn, 1, pair->alarm, pace, timeout_ns))
            return true;
    return false;
}

static const struct frame MESSAGE = { .type = FRAME_MESSAGE, .session = 1 };

/* Now and then a frame, until it is enough. */
static void *speak(void *context)
{
    struct pair *pair = context;
    struct rondo_bytes part = { "x", 1 };
    while (!atomic_load(&pair->enough)) {
        sleep_ms(5);
        cr_expect_eq(conn_send(pair->gate_peer.conn[0], &MESSAGE, &part, 1), RONDO_OK);
    }
    return NULL;
}

Test(follow, who_waits_reads_where_he_stands)
{
    static const char *const KINDS[] = { "tcp", "ipc" };
    for (int kind = 0; kind < 2; kind++) {
        struct pair pair;
        struct conn_pace pace = { 0 };
        pthread_t speaker;
        open_pair(&pair, KINDS[kind], 0);
        cr_assert_eq(pthread_create(&speaker, NULL, speak, &pair), 0);
        int64_t until_ns = clock_now_ns() + 60 * SECOND_NS;
        while (atomic_load(&pair.here) < 5 && clock_now_ns() < until_ns)
            conn_follow(&pair.conn, 1, pair.alarm, &pace, SECOND_NS);
        atomic_store(&pair.enough, true);
        pthread_join(speaker, NULL);
        cr_expect_geq(pair.here, 5, "of %d frames", pair.frames);
        close_pair(&pair);
    }
}

Test(follow, when_nobody_waits_it_is_read_all_the_same)
{
    struct pair pair;
    struct rondo_bytes part = { "x", 1 };
    open_pair(&pair, "tcp", 0);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(conn_send(pair.gate_peer.conn[0], &MESSAGE, &part, 1), RONDO_OK);
    cr_expect(peer_await_frames(&pair.dial_peer, 100));
    cr_expect_eq(pair.here, 0);
    close_pair(&pair);
}

/* Or an hour goes by. */
Test(follow, an_alarm_and_an_end_are_heard, .timeout = 600)
{
    struct pair pair;
    struct conn_pace pace = { 0 };
    uint64_t ring = 1;
    open_pair(&pair, "ipc", 0);
    cr_assert_eq(write(pair.alarm, &ring, sizeof ring), (ssize_t)sizeof ring);
    cr_expect(follow(&pair, &pace, 3600 * SECOND_NS));
    cr_expect_lt(read(pair.alarm, &ring, sizeof ring), 0, "it was read");
    conn_close(pair.gate_peer.conn[0]);
    int64_t began_ns = clock_now_ns();
    while (!atomic_load(&pair.closed) && clock_now_ns() - began_ns < 60 * SECOND_NS)
        if (!conn_follow(&pair.conn, 1, pair.alarm, &pace, SECOND_NS))
            sleep_ms(1); /* nothing is received any more */
    cr_expect(pair.closed);
    close_pair(&pair);
}

/* Also where it was answered quickly before: one long wait, and it sleeps at once. */
Test(follow, who_waits_long_takes_no_time)
{
    struct pair pair;
    struct conn_pace pace = { 0 };
    open_pair(&pair, "tcp", 0);
    cr_expect(follow(&pair, &pace, 1));
    pace.quick = 1 << 10;
    looks = 0;
    cr_expect(follow(&pair, &pace, SECOND_NS / 10));
    cr_expect(looks > 0 && looks < 4000, "%d looks", (int)looks); /* for 40 us; for all of it there were 16000 with two others at work */
    cr_expect_eq(pace.quick, 0);
    looks = 0;
    for (int i = 0; i < 4; i++)
        cr_expect(follow(&pair, &pace, SECOND_NS / 10));
    cr_expect_eq(looks, 0, "%d looks", (int)looks);
    cr_expect_eq(pace.quick, 0);
    close_pair(&pair);
}

static void *wait_long(void *context)
{
    struct pair *pair = context;
    struct conn_pace pace = { 0 };
    while (!atomic_load(&pair->enough))
        conn_follow(&pair->conn, 1, pair->alarm, &pace, SECOND_NS / 20);
    return NULL;
}

Test(follow, of_two_who_wait_one_reads)
{
    struct pair pair;
    struct conn_pace pace = { 0 };
    pthread_t other;
    open_pair(&pair, "tcp", 0);
    cr_assert_eq(pthread_create(&other, NULL, wait_long, &pair), 0);
    int64_t until_ns = clock_now_ns() + 60 * SECOND_NS;
    bool mine = true;
    while (mine && clock_now_ns() < until_ns) {
        mine = conn_follow(&pair.conn, 1, pair.alarm, &pace, SECOND_NS / 1000);
        sleep_ms(1);
    }
    cr_expect_not(mine, "the other has it");
    struct conn *many[CONN_FOLLOW + 1] = { pair.conn, pair.conn, pair.conn, pair.conn, pair.conn };
    cr_expect_not(conn_follow(many, CONN_FOLLOW + 1, pair.alarm, &pace, SECOND_NS), "too many");
    atomic_store(&pair.enough, true);
    pthread_join(other, NULL);
    close_pair(&pair);
}

Test(follow, what_is_gathered_goes_together_and_in_order)
{
    static const char LARGE[4000];
    struct pair pair;
    struct rondo_bytes small = { "ab", 2 }, large = { LARGE, sizeof LARGE };
    open_pair(&pair, "ipc", 100); /* above which a frame goes alone */
    for (int i = 0; i < 3; i++)
        cr_expect_eq(conn_gather(pair.conn, &MESSAGE, &small, 1), RONDO_OK);
    sleep_ms(50);
    cr_expect_eq(pair.gate_peer.frames, 0, "they wait");
    conn_flush(pair.conn);
    cr_expect(peer_await_frames(&pair.gate_peer, 3));
    cr_expect_eq(conn_gather(pair.conn, &MESSAGE, &small, 1), RONDO_OK);
    cr_expect_eq(conn_gather(pair.conn, &MESSAGE, &large, 1), RONDO_OK, "too large to wait, it takes the other along");
    cr_expect_eq(conn_gather(pair.conn, &MESSAGE, &small, 1), RONDO_OK);
    cr_expect_eq(conn_send(pair.conn, &MESSAGE, &small, 1), RONDO_OK);
    cr_expect(peer_await_frames(&pair.gate_peer, 7));
    static const size_t SIZE[] = { 2, 2, 2, 2, sizeof LARGE, 2, 2 };
    for (int i = 0; i < 7; i++)
        cr_expect_eq(pair.gate_peer.body[i].size, SIZE[i]);
    close_pair(&pair);
}

/* A gate with two workers, and how often anybody was woken while one of them was heard and the other, which
 * the same thread waits for, was cut off. */
struct busy {
    struct peer peer;
    struct raw raw[2];
    pthread_t waiter;
    _Atomic bool heard;
    int64_t wakes;
};

static void on_long(void *context, struct conn *conn, const struct frame *frame, struct rondo_buf *body)
{
    struct busy *busy = context;
    struct conn_events events = peer_events(&busy->peer);
    if (pthread_equal(busy->waiter, pthread_self()) && !atomic_load(&busy->heard)) {
        struct linger now = { .l_onoff = 1 };
        int64_t before = atomic_load(&wakes);
        setsockopt(busy->raw[1].fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        raw_close(&busy->raw[1]);
        sleep_ms(300);
        busy->wakes = atomic_load(&wakes) - before;
        atomic_store(&busy->heard, true);
    }
    events.frame(events.context, conn, frame, body);
}

static void on_come(void *context, struct conn *conn, const struct frame_who *who)
{
    struct conn_events events = peer_events(&((struct busy *)context)->peer);
    events.arrived(events.context, conn, who);
}

static void on_gone(void *context, struct conn *conn, const char *why)
{
    struct conn_events events = peer_events(&((struct busy *)context)->peer);
    events.closed(events.context, conn, why);
}

Test(follow, an_end_that_nobody_has_read_yet_takes_no_time)
{
    struct busy busy = { .waiter = pthread_self() };
    struct conn_pace pace = { 0 };
    struct gate *gate;
    struct rondo_error err = { 0 };
    int alarm = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    peer_init(&busy.peer);
    struct conn_options options = peer_options(&busy.peer, "tcp://127.0.0.1:0");
    options.events = (struct conn_events){ &busy, on_come, on_long, on_gone };
    options.lease_ms = 60000;
    cr_assert_eq(gate_open(&options, &gate, &err), RONDO_OK, "%s", err.what);
    for (int i = 0; i < 2; i++) { /* in this order */
        busy.raw[i] = raw_dial(gate_url(gate));
        cr_assert(raw_greet(&busy.raw[i], options.token));
        cr_assert(peer_await_arrived(&busy.peer, i + 1));
    }
    int64_t until_ns = clock_now_ns() + 60 * SECOND_NS;
    while (!atomic_load(&busy.heard) && clock_now_ns() < until_ns) {
        raw_frame(&busy.raw[0], (struct frame){ .type = FRAME_MESSAGE, .size = 1 }, "x");
        conn_follow(busy.peer.conn, 2, alarm, &pace, SECOND_NS / 20);
    }
    cr_expect(busy.heard);
    cr_expect_lt(busy.wakes, 1000, "%d times", (int)busy.wakes); /* again and again would be 100000 */
    raw_close(&busy.raw[0]);
    gate_close(gate);
    cr_expect_eq(busy.peer.closed, 2);
    peer_fini(&busy.peer);
    close(alarm);
}

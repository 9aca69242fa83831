#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "tests/support/peer.h"
#include "tests/support/raw.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <rondo/rng.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* What strangers, liars and the sick do to a gate, and to a worker that dials them. */
struct post {
    struct peer peer;
    struct gate *gate;
    struct gate_counts counts;
};

static void sleep_ms(long ms)
{
    struct timespec rest = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
    nanosleep(&rest, NULL);
}

/* lease_ms 0: a minute. */
static void post_init(struct post *post, uint32_t lease_ms)
{
    struct rondo_error err = { 0 };
    *post = (struct post){ 0 };
    log_set_level(LOG_ERROR);
    peer_init(&post->peer);
    struct conn_options options = peer_options(&post->peer, "tcp://127.0.0.1:0");
    options.lease_ms = lease_ms ? lease_ms : options.lease_ms;
    options.queue_limit = 1 << 20;
    cr_assert_eq(gate_open(&options, &post->gate, &err), RONDO_OK, "%s", err.what);
}

static void post_fini(struct post *post)
{
    gate_close(post->gate);
    cr_expect_eq(post->peer.closed, post->peer.arrived);
    peer_fini(&post->peer);
}

/* Who has greeted, in time: whom the machine keeps waiting for a lease comes again. */
static struct raw greeted(struct post *post)
{
    struct raw raw = raw_dial(gate_url(post->gate));
    for (int i = 0; i < 20 && !raw_greet(&raw, "a token"); i++) {
        raw_close(&raw);
        raw = raw_dial(gate_url(post->gate));
    }
    return raw;
}

/* It is as it was: a worker comes in. */
static void expect_well(struct post *post)
{
    int before = post->peer.arrived;
    struct raw raw = greeted(post);
    cr_expect(peer_await_arrived(&post->peer, before + 1));
    raw_close(&raw);
    cr_expect(peer_await_closed(&post->peer, before + 1));
}

static void expect_malformed(struct post *post, uint64_t count)
{
    for (int i = 0; i < 6000; i++) {
        gate_count(post->gate, &post->counts);
        if (post->counts.malformed >= count)
            break;
        sleep_ms(10);
    }
    cr_expect_eq(post->counts.malformed, count);
}

Test(gate, random_bytes_close_their_connection_and_no_other)
{
    struct post post;
    post_init(&post, 0);
    struct raw good = raw_dial(gate_url(post.gate));
    cr_assert(raw_greet(&good, "a token"));
    cr_assert(peer_await_arrived(&post.peer, 1));
    int64_t live = mem_live();
    for (uint64_t seed = 0; seed < 50; seed++) {
        unsigned char bytes[3000];
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (unsigned char)rondo_rng_u64(seed, 0, 0, i);
        struct raw raw = raw_dial(gate_url(post.gate));
        raw_send(&raw, bytes, sizeof bytes);
        cr_expect_geq(raw_await_close(&raw), 0);
        raw_close(&raw);
    }
    expect_malformed(&post, 50);
    for (int i = 0; i < 6000 && mem_live() > live; i++)
        sleep_ms(10);
    cr_expect_leq(mem_live(), live, "nothing is kept of them");
    raw_frame(&good, (struct frame){ .type = FRAME_MESSAGE, .size = 2 }, "hi");
    cr_expect(peer_await_frames(&post.peer, 1));
    raw_close(&good);
    cr_expect(peer_await_closed(&post.peer, 1));
    post_fini(&post);
}

Test(gate, frames_cut_short_leave_nothing)
{
    struct post post;
    post_init(&post, 0);
    for (size_t cut = 0; cut < 60; cut++) {
        unsigned char bytes[FRAME_HEADER + 100] = { 0 };
        struct frame frame = { .type = FRAME_HELLO, .size = 100 };
        frame_put(&frame, bytes);
        struct raw raw = raw_dial(gate_url(post.gate));
        raw_send(&raw, bytes, cut);
        raw_close(&raw);
    }
    expect_well(&post);
    gate_count(post.gate, &post.counts);
    cr_expect_leq(post.counts.malformed, 59u, "who goes at once is no liar, others may be");
    post_fini(&post);
}

static void expect_sent_away(struct post *post, const struct frame *frame, bool greeted)
{
    unsigned char header[FRAME_HEADER];
    gate_count(post->gate, &post->counts);
    uint64_t before = post->counts.malformed;
    int arrived = post->peer.arrived;
    struct raw raw = raw_dial(gate_url(post->gate));
    if (greeted) {
        cr_assert(raw_greet(&raw, "a token"));
        cr_assert(peer_await_arrived(&post->peer, arrived + 1));
    }
    frame_put(frame, header);
    raw_send(&raw, header, sizeof header);
    cr_expect_geq(raw_await_close(&raw), 0);
    raw_close(&raw);
    expect_malformed(post, before + 1);
    if (greeted)
        cr_expect(peer_await_closed(&post->peer, arrived + 1));
}

Test(gate, what_is_not_due_is_sent_away_at_its_header)
{
    struct post post;
    post_init(&post, 0);
    struct frame huge = { .type = FRAME_HELLO, .size = UINT32_MAX };
    expect_sent_away(&post, &huge, false);
    huge.type = FRAME_MESSAGE;
    huge.sequence = 1;
    expect_sent_away(&post, &huge, true);
    cr_expect_str_eq(post.peer.why, "a frame of 4294967295 bytes, at most 1073741824 may come");
    struct frame again = { .type = FRAME_BEAT, .sequence = 0 }; /* 0 was the HELLO */
    expect_sent_away(&post, &again, true);
    cr_expect_str_eq(post.peer.why, "frame 0 out of turn, 1 was next");
    struct frame late = { .type = FRAME_HELLO, .sequence = 1 };
    expect_sent_away(&post, &late, true);
    struct frame early = { .type = FRAME_MESSAGE };
    expect_sent_away(&post, &early, false);
    struct frame welcome = { .type = FRAME_WELCOME };
    expect_sent_away(&post, &welcome, false);
    expect_well(&post);
    post_fini(&post);
}

Test(gate, a_frame_that_is_replayed_ends_its_connection)
{
    struct post post;
    post_init(&post, 0);
    struct raw raw = raw_dial(gate_url(post.gate));
    cr_assert(raw_greet(&raw, "a token"));
    raw_frame(&raw, (struct frame){ .type = FRAME_MESSAGE, .size = 2 }, "hi");
    raw.sequence--;
    raw_frame(&raw, (struct frame){ .type = FRAME_MESSAGE, .size = 2 }, "hi");
    cr_assert(peer_await_closed(&post.peer, 1));
    cr_expect_eq(post.peer.frames, 1);
    cr_expect_str_eq(post.peer.why, "frame 1 out of turn, 2 was next");
    raw_close(&raw);
    post_fini(&post);
}

/* A whole session, heard by someone else, says nothing a second time: the nonce is another. */
Test(gate, a_greeting_that_is_replayed_is_refused)
{
    struct post post;
    unsigned char body[4096];
    struct frame frame;
    struct frame_challenge challenge;
    struct frame_hello hello = { .version = FRAME_VERSION, .who = peer_who() };
    struct rondo_buf bytes = { 0 };
    post_init(&post, 0);
    for (int turn = 0; turn < 2; turn++) {
        struct raw raw = raw_dial(gate_url(post.gate));
        cr_assert(raw_hear(&raw, &frame, body, sizeof body));
        cr_assert_eq(frame_get_challenge((struct rondo_bytes){ body, frame.size }, &challenge),
                     RONDO_OK);
        if (turn == 0) {
            frame_mac("a token", "worker", challenge.nonce, hello.nonce, &hello.who, hello.mac);
            cr_assert_eq(frame_put_hello(&hello, &bytes), RONDO_OK);
        }
        raw_frame(&raw, (struct frame){ .type = FRAME_HELLO, .size = (uint32_t)bytes.size },
                  bytes.data);
        cr_assert(raw_hear(&raw, &frame, body, sizeof body));
        cr_expect_eq(frame.type, turn ? FRAME_REFUSED : FRAME_WELCOME);
        raw_close(&raw);
    }
    buf_fini(&bytes);
    cr_expect(peer_await_closed(&post.peer, 1));
    post_fini(&post);
}

Test(gate, another_version_is_answered_as_far_as_it_can_be_understood)
{
    struct post post;
    unsigned char header[FRAME_HEADER], body[4096] = { 0 };
    struct frame frame = { .type = FRAME_HELLO, .sequence = 77, .size = 10 };
    post_init(&post, 0);
    struct raw raw = raw_dial(gate_url(post.gate));
    frame_put(&frame, header);
    header[4] = 2;
    raw_send(&raw, header, sizeof header);
    raw_send(&raw, body, 10);
    cr_assert(raw_hear(&raw, &frame, body, sizeof body));
    cr_expect_eq(frame.type, FRAME_CHALLENGE);
    cr_assert(raw_hear(&raw, &frame, body, sizeof body - 1));
    cr_expect_eq(frame.type, FRAME_REFUSED);
    body[frame.size] = 0;
    cr_expect_str_eq((char *)body, "this worker speaks version 2 and the coordinator version 1");
    raw_close(&raw);
    gate_count(post.gate, &post.counts);
    cr_expect_eq(post.counts.refused, 1u);
    cr_expect_eq(post.counts.malformed, 0u);
    post_fini(&post);
}

Test(gate, who_greets_slowly_is_closed_in_time)
{
    struct post post;
    post_init(&post, 300);
    struct raw silent = raw_dial(gate_url(post.gate)), slow = raw_dial(gate_url(post.gate));
    unsigned char header[FRAME_HEADER];
    struct frame frame = { .type = FRAME_HELLO, .size = 4000 };
    frame_put(&frame, header);
    for (size_t i = 0; i < sizeof header; i++) { /* a byte now and then keeps no one in */
        raw_send(&slow, header + i, 1);
        sleep_ms(20);
    }
    cr_expect_geq(raw_await_close(&silent), 0);
    cr_expect_geq(raw_await_close(&slow), 0);
    expect_malformed(&post, 2);
    raw_close(&silent);
    raw_close(&slow);
    post_fini(&post);
}

Test(gate, strangers_cannot_fill_it)
{
    struct post post;
    struct raw raw[100];
    post_init(&post, 1000);
    for (int i = 0; i < 100; i++)
        raw[i] = raw_dial(gate_url(post.gate));
    for (int i = 0; i < 200 && post.counts.open < 64; i++) {
        sleep_ms(5);
        gate_count(post.gate, &post.counts);
        cr_expect_leq(post.counts.open, 64u);
    }
    for (int i = 0; i < 100; i++) {
        cr_expect_geq(raw_await_close(&raw[i]), 0);
        raw_close(&raw[i]);
    }
    for (int i = 0; i < 2000 && post.counts.open; i++) { /* who hears of an end may still be counted */
        sleep_ms(5);
        gate_count(post.gate, &post.counts);
    }
    expect_well(&post);
    post_fini(&post);
}

/* ---- the sick -------------------------------------------------------------------------------- */

/* In milliseconds. */
static int64_t gone_after(void)
{
    struct post post;
    post_init(&post, 300);
    int64_t began = clock_now_ns();
    struct raw raw = greeted(&post);
    cr_assert(peer_await_closed(&post.peer, 1));
    int64_t ms = (clock_now_ns() - began) / 1000000;
    cr_expect_geq(ms, 290, "%d ms", (int)ms);
    cr_expect_str_eq(post.peer.why, "nothing heard for 0.3 s");
    raw_close(&raw);
    post_fini(&post);
    return ms;
}

Test(gate, a_peer_that_is_not_heard_of_is_gone_after_the_lease)
{
    int64_t ms = gone_after();
    for (int i = 0; i < 9 && ms >= 4000; i++) /* more may be the machine's */
        ms = gone_after();
    cr_expect_lt(ms, 4000);
}

/* Twice the lease and more, in bytes of which each is soon behind the other if the machine has time. */
static bool transferred_slowly(void)
{
    struct post post;
    unsigned char header[FRAME_HEADER], byte = 'x';
    post_init(&post, 1000);
    struct raw raw = greeted(&post);
    struct frame frame = { .type = FRAME_MESSAGE, .sequence = 1, .size = 24 };
    frame_put(&frame, header);
    raw_send(&raw, header, sizeof header);
    for (int i = 0; i < 24; i++) {
        sleep_ms(100);
        raw_send(&raw, &byte, 1);
    }
    raw_close(&raw);
    cr_expect(peer_await_closed(&post.peer, 1));
    bool whole = post.peer.frames == 1;
    post_fini(&post);
    return whole;
}

/* A byte now and then is hearing, though no frame is whole. */
Test(gate, a_slow_transfer_counts_as_hearing)
{
    bool whole = false;
    for (int i = 0; i < 10 && !whole; i++)
        whole = transferred_slowly();
    cr_expect(whole);
}

static void *beat_on(void *context)
{
    for (int i = 0; i < 60; i++) {
        raw_frame(context, (struct frame){ .type = FRAME_BEAT }, "");
        sleep_ms(50);
    }
    return NULL;
}

/* A state may be larger than the queue: who is about to read it is told the next words all the same. */
Test(gate, a_few_words_find_room_behind_a_frame_that_goes_alone)
{
    enum { LARGE = 32 << 20 };
    struct post post;
    post_init(&post, 60000);
    struct raw raw = raw_dial(gate_url(post.gate));
    cr_assert(raw_greet(&raw, "a token"));
    cr_assert(peer_await_arrived(&post.peer, 1));
    struct conn *conn = post.peer.conn[0];
    struct frame message = { .type = FRAME_MESSAGE }, words = { .type = FRAME_CLOSE };
    struct rondo_bytes large = { mem_calloc(1, LARGE), LARGE }, few = { large.data, 1000 };
    cr_assert_eq(conn_send(conn, &message, &large, 1), RONDO_OK);
    cr_assert_gt(conn_backlog(conn), LARGE / 2, "the system took it all");
    cr_expect_eq(conn_tell(conn, &words, &few, 1), RONDO_OK);
    int told = 1;
    while (told < 10000 && conn_tell(conn, &words, &few, 1) == RONDO_OK)
        told++;
    cr_expect_lt(told, 10000, "there is an end to it");
    mem_free((void *)(uintptr_t)large.data);
    raw_close(&raw);
    cr_expect(peer_await_closed(&post.peer, 1));
    post_fini(&post);
}

/* Why the gate let go of one who beats and reads nothing: that, or where the machine kept the beats back, the
 * silence. */
static bool gone_for_not_reading(void)
{
    struct post post;
    static const char bytes[1 << 20];
    struct rondo_bytes part = { bytes, sizeof bytes };
    struct frame frame = { .type = FRAME_MESSAGE };
    post_init(&post, 1000);
    struct raw raw = greeted(&post);
    cr_assert(peer_await_arrived(&post.peer, 1));
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, beat_on, &raw), 0);
    int sent = 0, code = RONDO_OK;
    while (!code && sent < 1000) {
        code = conn_send(post.peer.conn[0], &frame, &part, 1);
        sent++;
    }
    cr_expect_eq(code, RONDO_EIO);
    cr_expect_lt(sent, 100, "what waits is bounded: %d MiB", sent);
    cr_assert(peer_await_closed(&post.peer, 1));
    bool read = strcmp(post.peer.why, "nothing read for 1.0 s") == 0;
    cr_expect(read || strcmp(post.peer.why, "nothing heard for 1.0 s") == 0, "%s", post.peer.why);
    pthread_join(thread, NULL);
    raw_close(&raw);
    post_fini(&post);
    return read;
}

/* It says that it lives, and reads nothing: who writes to it waits, and is freed by the lease. */
Test(gate, a_peer_that_stops_reading_is_gone_after_the_lease)
{
    bool read = false;
    for (int i = 0; i < 10 && !read; i++)
        read = gone_for_not_reading();
    cr_expect(read);
}

/* ---- who speaks while it closes ------------------------------------------------------------------- */

struct closer {
    struct gate *gate;
    pthread_t thread;
    _Atomic bool done;
};

static void *close_gate(void *context)
{
    struct closer *closer = context;
    gate_close(closer->gate);
    atomic_store(&closer->done, true);
    return NULL;
}

static void *accuse(void *conn)
{
    conn_reject(conn, "it asks for more than it reads");
    return NULL;
}

/* Who writes to the end that is returned waits until somebody reads the other. */
static int full_pipe(int *other)
{
    static const char bytes[4096];
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    for (size_t size = sizeof bytes; size > 0; size /= 2)
        while (write(ends[1], bytes, size) > 0)
            continue;
    cr_assert_eq(fcntl(ends[1], F_SETFL, 0), 0);
    *other = ends[0];
    return ends[1];
}

/* Its line in the log cannot be written yet: a gate that went would go under the accuser's feet. */
Test(gate, closes_behind_whoever_accuses_a_peer)
{
    struct post post;
    char bytes[1 << 16];
    pthread_t accuser;
    int other, full = full_pipe(&other), mine = dup(2);
    post_init(&post, 0);
    log_set_level(LOG_WARNING);
    struct raw raw = greeted(&post);
    cr_assert(peer_await_arrived(&post.peer, 1));
    cr_assert_eq(dup2(full, 2), 2);
    cr_assert_eq(pthread_create(&accuser, NULL, accuse, post.peer.conn[0]), 0);
    expect_malformed(&post, 1); /* it has begun */
    raw_close(&raw);
    struct closer closer = { .gate = post.gate };
    cr_assert_eq(pthread_create(&closer.thread, NULL, close_gate, &closer), 0);
    for (int i = 0; i < 50 && !atomic_load(&closer.done); i++)
        sleep_ms(10);
    cr_expect(!atomic_load(&closer.done));
    cr_assert_eq(dup2(mine, 2), 2);
    cr_expect_gt(read(other, bytes, sizeof bytes), 0);
    pthread_join(accuser, NULL);
    pthread_join(closer.thread, NULL);
    cr_expect_eq(post.peer.closed, 1);
    peer_fini(&post.peer);
    close(mine);
    close(full);
    close(other);
}

/* In the system's place: what is to happen while a long frame is put together, whose memory asks for large pages. */
static _Thread_local struct post *meanwhile;
static _Thread_local void (*happens)(struct post *post);

int madvise(void *at, size_t size, int advice)
{
    struct post *post = meanwhile;
    meanwhile = NULL;
    if (post)
        happens(post);
    return (int)syscall(SYS_madvise, at, size, advice);
}

static void it_closes(struct post *post)
{
    conn_close(post->peer.conn[0]);
}

static void all_close(struct post *post)
{
    gate_close(post->gate);
    cr_expect_eq(post->peer.closed, 1);
}

/* Many parts are made one, which takes a while. */
static int speak_long(struct post *post, void (*happening)(struct post *post))
{
    enum { PART = 1 << 20, PARTS = 16 };
    struct rondo_bytes parts[PARTS];
    struct frame frame = { .type = FRAME_MESSAGE };
    void *bytes = mem_calloc(1, PART);
    cr_assert_not_null(bytes);
    for (int i = 0; i < PARTS; i++)
        parts[i] = (struct rondo_bytes){ bytes, PART };
    meanwhile = post;
    happens = happening;
    int code = conn_send(post->peer.conn[0], &frame, parts, PARTS);
    cr_expect_null(meanwhile, "it did not happen");
    meanwhile = NULL;
    mem_free(bytes);
    return code;
}

/* The connection and its gate are over by then. */
Test(gate, closes_while_a_long_frame_is_put_together)
{
    struct post post;
    post_init(&post, 0);
    struct raw raw = greeted(&post);
    cr_assert(peer_await_arrived(&post.peer, 1));
    cr_expect_eq(speak_long(&post, all_close), RONDO_EIO);
    raw_close(&raw);
    peer_fini(&post.peer);
}

/* The peer reads no further than that. */
Test(gate, a_long_frame_does_not_go_behind_the_last_one)
{
    struct post post;
    struct frame frame;
    unsigned char body[64];
    post_init(&post, 0);
    struct raw raw = greeted(&post);
    cr_assert(peer_await_arrived(&post.peer, 1));
    cr_expect_eq(speak_long(&post, it_closes), RONDO_EIO);
    do
        cr_assert(raw_hear(&raw, &frame, body, sizeof body));
    while (frame.type == FRAME_BEAT && frame.seat == 0);
    cr_expect(frame.type == FRAME_BEAT && frame.seat == 1);
    cr_expect(!raw_hear(&raw, &frame, body, sizeof body));
    raw_close(&raw);
    post_fini(&post);
}

/* ---- a worker among strangers -------------------------------------------------------------------- */

struct false_gate {
    pthread_t thread;
    int listener;
    char url[128];
    void (*play)(struct raw *raw);
};

static void *play_gate(void *context)
{
    struct false_gate *gate = context;
    struct raw raw = raw_accept(gate->listener);
    gate->play(&raw);
    if (raw.fd >= 0) {
        raw_await_close(&raw);
        raw_close(&raw);
    }
    return NULL;
}

static void say_challenge(struct raw *raw)
{
    struct frame_challenge challenge = { .version = FRAME_VERSION, .build = RONDO_VERSION };
    struct rondo_buf bytes = { 0 };
    cr_assert_eq(frame_put_challenge(&challenge, &bytes), RONDO_OK);
    raw_frame(raw, (struct frame){ .type = FRAME_CHALLENGE, .size = (uint32_t)bytes.size },
              bytes.data);
    buf_fini(&bytes);
}

static void play_nothing(struct raw *raw)
{
    (void)raw;
}

static void play_web_server(struct raw *raw)
{
    raw_send(raw, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
}

static void play_going(struct raw *raw)
{
    say_challenge(raw);
    raw_close(raw);
}

/* Without the token it can only make a mac up. */
static void play_coordinator(struct raw *raw)
{
    unsigned char body[4096];
    struct frame frame;
    struct frame_welcome welcome = { .mac = { 1, 2, 3 }, .lease_ms = 5000, .beat_ms = 1000 };
    struct rondo_buf bytes = { 0 };
    say_challenge(raw);
    cr_assert(raw_hear(raw, &frame, body, sizeof body));
    cr_expect_eq(frame.type, FRAME_HELLO);
    cr_assert_eq(frame_put_welcome(&welcome, &bytes), RONDO_OK);
    raw_frame(raw, (struct frame){ .type = FRAME_WELCOME, .size = (uint32_t)bytes.size },
              bytes.data);
    buf_fini(&bytes);
}

/* One to come, whose words after the version are other words. */
static void play_version_2(struct raw *raw)
{
    static const char LINE[] = "this worker speaks version 1 and the coordinator version 2\033[2J";
    unsigned char header[FRAME_HEADER], body[4096];
    struct frame frame = { .type = FRAME_CHALLENGE, .size = 4 };
    frame_put(&frame, header);
    header[4] = 2;
    raw_send(raw, header, sizeof header);
    raw_send(raw, "\2\0\0\0", 4);
    cr_assert(raw_hear(raw, &frame, body, sizeof body));
    cr_expect_eq(frame.type, FRAME_HELLO);
    frame = (struct frame){ .type = FRAME_REFUSED, .sequence = 1, .size = sizeof LINE - 1 };
    frame_put(&frame, header);
    header[4] = 2;
    raw_send(raw, header, sizeof header);
    raw_send(raw, LINE, sizeof LINE - 1);
}

static void expect_dial(void (*play)(struct raw *), int code, const char *what)
{
    struct false_gate gate = { .play = play };
    struct peer peer;
    struct conn *conn;
    struct rondo_error err = { 0 };
    struct frame_who who = peer_who();
    peer_init(&peer);
    gate.listener = raw_listen(gate.url);
    struct conn_options options = peer_options(&peer, gate.url);
    cr_assert_eq(pthread_create(&gate.thread, NULL, play_gate, &gate), 0);
    double seconds = play == play_nothing ? 0.5 : 60; /* behind which `what` is another */
    cr_expect_eq(dial_open(&options, &who, seconds, &conn, &err), code, "%s", err.what);
    cr_expect_str_eq(err.what, what);
    cr_expect_str_eq(err.where, gate.url);
    pthread_join(gate.thread, NULL);
    close(gate.listener);
    cr_expect_eq(peer.arrived + peer.closed + peer.frames, 0);
    peer_fini(&peer);
}

Test(gate, a_worker_serves_no_stranger)
{
    expect_dial(play_nothing, RONDO_EIO, "no answer in time");
    expect_dial(play_going, RONDO_EIO, "closed by the peer");
    expect_dial(play_web_server, RONDO_EREFUSED, "its bytes are not Rondo's");
    expect_dial(play_coordinator, RONDO_EREFUSED,
                "the coordinator does not know this worker's token");
    expect_dial(play_version_2, RONDO_EREFUSED,
                "this worker speaks version 1 and the coordinator version 2?[2J");
}

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "tests/support/peer.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char *const KINDS[] = { "tcp", "ipc" };
enum { KIND_COUNT = 2, LARGE = 64 << 20 };

static void sleep_ms(long ms)
{
    struct timespec rest = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
    nanosleep(&rest, NULL);
}

/* A gate and a worker that has been welcomed. */
struct pair {
    struct peer gate_peer, dial_peer;
    struct gate *gate;
    struct conn *conn;
    struct rondo_error err;
};

static void open_gate(struct pair *pair, struct conn_options *options)
{
    *pair = (struct pair){ 0 };
    peer_init(&pair->gate_peer);
    peer_init(&pair->dial_peer);
    options->events = peer_events(&pair->gate_peer);
    cr_assert_eq(gate_open(options, &pair->gate, &pair->err), RONDO_OK, "%s: %s", pair->err.where,
                 pair->err.what);
}

static int dial(struct pair *pair, const struct conn_options *options,
                const struct frame_who *who)
{
    struct conn_options mine = *options;
    mine.url = gate_url(pair->gate);
    mine.events = peer_events(&pair->dial_peer);
    pair->err = (struct rondo_error){ 0 };
    return dial_open(&mine, who, 60, &pair->conn, &pair->err);
}

static void open_pair(struct pair *pair, struct conn_options *options)
{
    struct frame_who who = peer_who();
    open_gate(pair, options);
    cr_assert_eq(dial(pair, options, &who), RONDO_OK, "%s: %s", pair->err.where, pair->err.what);
    cr_assert(peer_await_arrived(&pair->gate_peer, 1));
}

static void close_pair(struct pair *pair)
{
    gate_close(pair->gate);
    if (pair->conn) {
        cr_expect(peer_await_closed(&pair->dial_peer, 1));
        conn_drop(pair->conn);
    }
    cr_expect_eq(pair->gate_peer.closed, pair->gate_peer.arrived, "each closes once");
    cr_expect_not(pair->gate_peer.overlapped);
    cr_expect_not(pair->dial_peer.overlapped);
    peer_fini(&pair->gate_peer);
    peer_fini(&pair->dial_peer);
}

static int say(struct conn *conn, uint32_t session, const void *bytes, size_t size)
{
    struct frame frame = { .type = FRAME_MESSAGE, .session = session };
    struct rondo_bytes part = { bytes, size };
    return conn_send(conn, &frame, &part, 1);
}

Test(conn, a_worker_is_welcomed_and_introduced)
{
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        char url[128];
        struct pair pair;
        struct gate_counts counts;
        peer_url(KINDS[kind], url);
        struct conn_options options = peer_options(NULL, url);
        open_pair(&pair, &options);
        cr_expect_str_eq(pair.gate_peer.who.name, "worker.1");
        cr_expect_eq(pair.gate_peer.who.threads, 2u);
        cr_expect(strncmp(conn_peer(pair.gate_peer.conn[0]), kind ? "process" : "127.0.0.1:", 7) == 0);
        gate_count(pair.gate, &counts);
        cr_expect_eq(counts.arrived, 1u);
        cr_expect_eq(counts.open, 1u);
        cr_expect_eq(counts.refused + counts.malformed, 0u);
        close_pair(&pair);
        cr_expect_str_eq(pair.dial_peer.why, "closed by the peer");
    }
}

Test(conn, frames_come_whole_and_in_order_both_ways)
{
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        char url[128];
        struct pair pair;
        unsigned char bytes[3000];
        peer_url(KINDS[kind], url);
        struct conn_options options = peer_options(NULL, url);
        open_pair(&pair, &options);
        pair.gate_peer.echo = true;
        for (uint32_t i = 0; i < 500; i++) {
            memset(bytes, (int)i, sizeof bytes);
            cr_assert_eq(say(pair.conn, i, bytes, (i * 37) % sizeof bytes), RONDO_OK);
        }
        cr_assert(peer_await_frames(&pair.dial_peer, 500));
        for (uint32_t i = 0; i < 500; i++) {
            cr_assert_eq(pair.dial_peer.frame[i].session, i);
            cr_assert_eq(pair.dial_peer.body[i].size, (i * 37) % sizeof bytes);
            for (size_t b = 0; b < pair.dial_peer.body[i].size; b++)
                cr_assert_eq(pair.dial_peer.body[i].data[b], (unsigned char)i);
        }
        close_pair(&pair);
    }
}

Test(conn, many_parts_make_one_body)
{
    char url[128];
    struct pair pair;
    struct rondo_bytes parts[20];
    struct frame frame = { .type = FRAME_PART };
    peer_url("tcp", url);
    struct conn_options options = peer_options(NULL, url);
    open_pair(&pair, &options);
    for (int i = 0; i < 20; i++)
        parts[i] = (struct rondo_bytes){ "abcdefghijklmnopqrst" + i, 1 };
    for (int count = 0; count <= 20; count++)
        cr_assert_eq(conn_send(pair.gate_peer.conn[0], &frame, parts, count), RONDO_OK);
    cr_assert(peer_await_frames(&pair.dial_peer, 21));
    for (int count = 0; count <= 20; count++) {
        cr_assert_eq(pair.dial_peer.body[count].size, (size_t)count);
        cr_expect(count == 0
                  || memcmp(pair.dial_peer.body[count].data, "abcdefghijklmnopqrst",
                            (size_t)count) == 0);
    }
    close_pair(&pair);
}

static void fill(unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(i * 2654435761u >> 13);
}

Test(conn, large_frames_go_both_ways)
{
    unsigned char *bytes = mem_alloc(LARGE);
    cr_assert_not_null(bytes);
    fill(bytes, LARGE);
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        char url[128];
        struct pair pair;
        peer_url(KINDS[kind], url);
        struct conn_options options = peer_options(NULL, url);
        options.lease_ms = 60000; /* a sanitizer on a crowded machine copies slowly */
        open_pair(&pair, &options);
        cr_assert_eq(say(pair.conn, 1, bytes, LARGE), RONDO_OK);
        cr_assert_eq(say(pair.conn, 2, bytes, 10), RONDO_OK);
        cr_assert_eq(say(pair.gate_peer.conn[0], 3, bytes, LARGE), RONDO_OK);
        cr_assert(peer_await_frames(&pair.gate_peer, 2));
        cr_assert(peer_await_frames(&pair.dial_peer, 1));
        cr_assert_eq(pair.gate_peer.body[0].size, LARGE);
        cr_expect_leq(pair.gate_peer.body[0].capacity, LARGE, "no more than it needs");
        cr_expect_eq(memcmp(pair.gate_peer.body[0].data, bytes, LARGE), 0);
        cr_expect_eq(pair.gate_peer.body[1].size, 10u);
        cr_expect_eq(memcmp(pair.dial_peer.body[0].data, bytes, LARGE), 0);
        close_pair(&pair);
    }
    mem_free(bytes);
}

struct talker {
    struct conn *conn;
    uint32_t session;
    int code;
};

static void *talk(void *context)
{
    struct talker *talker = context;
    unsigned char bytes[2000];
    memset(bytes, (int)talker->session, sizeof bytes);
    for (int i = 0; i < 2000 && !talker->code; i++)
        talker->code = say(talker->conn, talker->session, bytes, (size_t)(i % 2000));
    return NULL;
}

/* Frames of several threads do not mix, whatever queue they pass through. */
Test(conn, many_threads_may_speak_at_once)
{
    char url[128];
    struct pair pair;
    struct talker talker[4];
    pthread_t thread[4];
    peer_url("ipc", url);
    struct conn_options options = peer_options(NULL, url);
    options.queue_limit = 100000; /* so that they wait, too */
    open_pair(&pair, &options);
    for (uint32_t i = 0; i < 4; i++) {
        talker[i] = (struct talker){ .conn = pair.conn, .session = i };
        cr_assert_eq(pthread_create(&thread[i], NULL, talk, &talker[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(thread[i], NULL);
        cr_expect_eq(talker[i].code, RONDO_OK);
    }
    cr_assert(peer_await_frames(&pair.gate_peer, 8000));
    cr_expect_eq(pair.gate_peer.bytes, 4u * 1999 * 1000);
    for (int i = 0; i < PEER_FRAMES; i++)
        for (size_t b = 0; b < pair.gate_peer.body[i].size; b++)
            cr_assert_eq(pair.gate_peer.body[i].data[b], pair.gate_peer.frame[i].session);
    close_pair(&pair);
}

/* False: the machine kept the reader back for the second after which nobody waits for him. */
static bool closed_whole(const char *kind)
{
    char url[128], bytes[5000] = { 0 };
    struct pair pair;
    peer_url(kind, url);
    struct conn_options options = peer_options(NULL, url);
    open_pair(&pair, &options);
    for (uint32_t i = 0; i < 100; i++)
        cr_assert_eq(say(pair.conn, i, bytes, sizeof bytes), RONDO_OK);
    int64_t began_ns = clock_now_ns();
    conn_close(pair.conn);
    cr_expect_eq(say(pair.conn, 0, bytes, 1), RONDO_EIO);
    cr_assert(peer_await_closed(&pair.gate_peer, 1));
    bool in_time = clock_now_ns() - began_ns < INT64_C(1000000000), whole = pair.gate_peer.frames == 100;
    cr_expect(whole || !in_time, "%d frames", pair.gate_peer.frames);
    close_pair(&pair);
    return whole;
}

/* What was said before conn_close arrives before `closed`, over IPC too, where the system reports a
 * hang-up ahead of bytes unread. */
Test(conn, closing_loses_nothing)
{
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        int whole = 0;
        for (int turn = 0; turn < 20; turn++)
            whole += closed_whole(KINDS[kind]);
        cr_expect_gt(whole, 0);
    }
}

/* ---- who is not let in --------------------------------------------------------------------- */

static void expect_refused(struct pair *pair, const struct conn_options *options,
                           const struct frame_who *who, const char *what)
{
    struct gate_counts before, counts;
    gate_count(pair->gate, &before);
    cr_expect_eq(dial(pair, options, who), RONDO_EREFUSED);
    cr_expect_str_eq(pair->err.what, what);
    cr_expect_str_eq(pair->err.where, gate_url(pair->gate));
    gate_count(pair->gate, &counts);
    cr_expect_eq(counts.refused, before.refused + 1);
    cr_expect_eq(pair->gate_peer.arrived, 0);
    cr_expect_eq(pair->dial_peer.closed, 0, "what was never open does not close");
}

Test(conn, a_wrong_token_or_none_is_refused_in_one_line)
{
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        char url[128];
        struct pair pair;
        struct frame_who who = peer_who();
        peer_url(KINDS[kind], url);
        struct conn_options options = peer_options(NULL, url);
        open_gate(&pair, &options);
        for (int i = 0; i < 20; i++) {
            options.token = i % 2 ? "another token" : "";
            expect_refused(&pair, &options, &who,
                           i % 2 ? "the token is not this coordinator's"
                                 : "the coordinator wants a token, and this worker has none: "
                                   "--token-file");
        }
        close_pair(&pair);
    }
}

Test(conn, another_build_is_refused_in_one_line)
{
    char url[128];
    struct pair pair;
    struct frame_who who = peer_who();
    peer_url("tcp", url);
    struct conn_options options = peer_options(NULL, url);
    open_gate(&pair, &options);
    snprintf(who.build, sizeof who.build, "0.0.9");
    expect_refused(&pair, &options, &who,
                   "this worker is Rondo 0.0.9 and the coordinator Rondo " RONDO_VERSION);
    close_pair(&pair);
}

Test(conn, without_a_token_on_both_sides_they_meet)
{
    char url[128];
    struct pair pair;
    peer_url("tcp", url);
    struct conn_options options = peer_options(NULL, url);
    options.token = "";
    open_pair(&pair, &options);
    close_pair(&pair);
}

/* ---- addresses ------------------------------------------------------------------------------- */

Test(conn, nobody_there_is_said_with_the_address)
{
    struct peer peer;
    struct conn *conn;
    struct rondo_error err = { 0 };
    struct frame_who who = peer_who();
    peer_init(&peer);
    struct conn_options options = peer_options(&peer, "tcp://127.0.0.1:1");
    cr_expect_eq(dial_open(&options, &who, 1, &conn, &err), RONDO_EIO);
    cr_expect_str_eq(err.where, options.url);
    err = (struct rondo_error){ 0 };
    options.url = "ipc:///tmp/rondo-test-nobody";
    cr_expect_eq(dial_open(&options, &who, 1, &conn, &err), RONDO_EIO);
    cr_expect_str_eq(err.where, options.url);
    static const char *const WRONG[] = { "", "127.0.0.1:7", "http://127.0.0.1:7", "inproc://a",
                                         "ipc://", "tls+tcp://127.0.0.1:7" };
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        struct gate *gate;
        options.url = WRONG[i];
        err = (struct rondo_error){ 0 };
        cr_expect_eq(dial_open(&options, &who, 1, &conn, &err), RONDO_EINPUT, "%s", WRONG[i]);
        cr_expect_str_eq(err.where, WRONG[i]);
        err = (struct rondo_error){ 0 };
        cr_expect_eq(gate_open(&options, &gate, &err), RONDO_EINPUT, "%s", WRONG[i]);
    }
    peer_fini(&peer);
}

Test(conn, an_address_in_use_is_refused)
{
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        char url[128];
        struct pair pair;
        struct gate *second;
        struct rondo_error err = { 0 };
        peer_url(KINDS[kind], url);
        struct conn_options options = peer_options(NULL, url);
        open_pair(&pair, &options);
        options.url = gate_url(pair.gate);
        cr_expect_eq(gate_open(&options, &second, &err), RONDO_EREFUSED);
        cr_expect_str_eq(err.where, gate_url(pair.gate));
        cr_expect_eq(say(pair.conn, 1, "x", 1), RONDO_OK, "the first is as it was");
        cr_expect(peer_await_frames(&pair.gate_peer, 1));
        close_pair(&pair);
    }
}

Test(conn, a_socket_file_is_private_and_goes_with_its_gate)
{
    char url[128];
    struct pair pair;
    struct stat info;
    struct gate *gate;
    struct rondo_error err = { 0 };
    peer_url("ipc", url);
    const char *path = url + strlen("ipc://");
    struct conn_options options = peer_options(NULL, url);
    open_gate(&pair, &options);
    cr_assert_eq(stat(path, &info), 0);
    cr_expect_eq(info.st_mode & 0777, 0600u);
    close_pair(&pair);
    cr_expect_neq(stat(path, &info), 0);

    FILE *file = fopen(path, "w"); /* not a socket: not ours to remove */
    cr_assert_not_null(file);
    fclose(file);
    cr_expect_eq(gate_open(&options, &gate, &err), RONDO_EREFUSED);
    cr_expect_eq(stat(path, &info), 0);
    unlink(path);
}

/* ---- time ------------------------------------------------------------------------------------ */

static bool kept_by_beats(void)
{
    char url[128];
    struct pair pair;
    peer_url("tcp", url);
    struct conn_options options = peer_options(NULL, url);
    options.lease_ms = 1000;
    open_pair(&pair, &options);
    sleep_ms(3000);
    bool kept = say(pair.conn, 1, "x", 1) == RONDO_OK && peer_await_frames(&pair.gate_peer, 1);
    close_pair(&pair);
    return kept;
}

/* Without them none lasts three times the lease; with them one does, on a machine that sleeps for a second too. */
Test(conn, beats_keep_a_quiet_connection)
{
    bool kept = false;
    for (int i = 0; i < 10 && !kept; i++)
        kept = kept_by_beats();
    cr_expect(kept);
}

Test(conn, memory_that_runs_out_closes_one_connection_at_most)
{
    char url[128];
    struct pair pair;
    struct frame_who who = peer_who();
    peer_url("tcp", url);
    struct conn_options options = peer_options(NULL, url);
    open_gate(&pair, &options);
    options.url = gate_url(pair.gate);
    options.events = peer_events(&pair.dial_peer);
    int opened = 0;
    for (uint64_t k = 1; k <= 24; k++) {
        struct conn *conn = NULL;
        struct rondo_error err = { 0 };
        mem_fail_at(k);
        int code = dial_open(&options, &who, 2, &conn, &err);
        mem_fail_at(0);
        cr_expect(code == RONDO_OK || code == RONDO_ENOMEM || code == RONDO_EIO, "%d: %d: %s",
                  (int)k, code, err.what);
        if (code == RONDO_OK) {
            opened++;
            conn_close(conn);
            conn_drop(conn);
        }
    }
    cr_assert_eq(dial(&pair, &options, &who), RONDO_OK, "the gate is as it was");
    conn_close(pair.conn);
    conn_drop(pair.conn);
    pair.conn = NULL;
    gate_close(pair.gate);
    cr_expect(peer_await_closed(&pair.dial_peer, opened + 1));
    peer_fini(&pair.gate_peer);
    peer_fini(&pair.dial_peer);
}

Test(conn, nothing_is_left_behind)
{
    int64_t live = mem_live();
    for (int i = 0; i < 50; i++) {
        char url[128];
        struct pair pair;
        peer_url(KINDS[i % 2], url);
        struct conn_options options = peer_options(NULL, url);
        open_pair(&pair, &options);
        cr_assert_eq(say(pair.conn, 1, url, sizeof url), RONDO_OK);
        cr_assert_eq(say(pair.gate_peer.conn[0], 1, url, sizeof url), RONDO_OK);
        if (i % 3 == 0)
            conn_close(pair.gate_peer.conn[0]);
        if (i % 3 == 1)
            conn_close(pair.conn);
        close_pair(&pair);
    }
    for (int i = 0; i < 6000 && mem_live() != live; i++)
        sleep_ms(10); /* `closed` comes just before the last hold goes */
    cr_expect_eq(mem_live(), live);
}

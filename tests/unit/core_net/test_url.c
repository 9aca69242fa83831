#include "core/base/log.h"
#include "core/base/mem.h"
#include "tests/support/peer.h"
#include "tests/support/raw.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Two authorities, and a certificate of each for the address that tests use; by openssl, where it is
 * installed. */
struct shop {
    char dir[64];
    char path[8][128];
    struct conn_tls ours, theirs, mixed;
};

static bool make(const char *dir, const char *name)
{
    char command[2048];
    snprintf(command, sizeof command,
             "cd %s && exec 2>openssl.log >&2 && "
             "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=%s-ca -keyout %s-ca.key "
             "-out %s-ca.pem && "
             "openssl req -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 -keyout %s.key -out %s.csr && "
             "openssl x509 -req -in %s.csr -CA %s-ca.pem -CAkey %s-ca.key -CAcreateserial -days 2 "
             "-out %s.pem", dir, name, name, name, name, name, name, name, name, name);
    return system(command) == 0;
}

static void shop_open(struct shop *shop)
{
    static const char *const FILES[] = { "a.pem", "a.key", "a-ca.pem", "b.pem", "b.key", "b-ca.pem" };
    if (system("command -v openssl >/dev/null 2>&1") != 0)
        cr_skip_test("there is no openssl");
    log_set_level(LOG_ERROR);
    snprintf(shop->dir, sizeof shop->dir, "/tmp/rondo-test-tls-XXXXXX");
    cr_assert_not_null(mkdtemp(shop->dir));
    cr_assert(make(shop->dir, "a") && make(shop->dir, "b"), "openssl failed, see %s", shop->dir);
    for (int i = 0; i < 6; i++)
        snprintf(shop->path[i], sizeof shop->path[i], "%s/%s", shop->dir, FILES[i]);
    shop->ours = (struct conn_tls){ shop->path[0], shop->path[1], shop->path[2] };
    shop->theirs = (struct conn_tls){ shop->path[3], shop->path[4], shop->path[5] };
    /* trusts our authority, and shows a certificate of another */
    shop->mixed = (struct conn_tls){ shop->path[3], shop->path[4], shop->path[2] };
}

static void shop_close(struct shop *shop)
{
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", shop->dir);
    cr_expect_eq(system(command), 0);
}

struct meeting {
    struct peer gate_peer, dial_peer;
    struct gate *gate;
    struct conn *conn;
    struct rondo_error err;
    int code;
};

static void meet(struct meeting *meeting, const struct conn_tls *gate, const struct conn_tls *dial, double seconds)
{
    struct frame_who who = peer_who();
    *meeting = (struct meeting){ 0 };
    peer_init(&meeting->gate_peer);
    peer_init(&meeting->dial_peer);
    struct conn_options options = peer_options(&meeting->gate_peer, "tls+tcp://127.0.0.1:0");
    options.tls = gate;
    cr_assert_eq(gate_open(&options, &meeting->gate, &meeting->err), RONDO_OK, "%s: %s",
                 meeting->err.where, meeting->err.what);
    options = peer_options(&meeting->dial_peer, gate_url(meeting->gate));
    options.tls = dial;
    meeting->code = dial_open(&options, &who, seconds, &meeting->conn, &meeting->err);
}

static void part(struct meeting *meeting)
{
    gate_close(meeting->gate);
    if (meeting->conn) {
        cr_expect(peer_await_closed(&meeting->dial_peer, 1));
        conn_drop(meeting->conn);
    }
    peer_fini(&meeting->gate_peer);
    peer_fini(&meeting->dial_peer);
}

Test(url, over_tls_frames_go_both_ways, .timeout = 600)
{
    enum { SIZE = 3000000 };
    struct shop shop;
    struct meeting meeting;
    shop_open(&shop);
    meet(&meeting, &shop.ours, &shop.ours, 60);
    cr_assert_eq(meeting.code, RONDO_OK, "%s", meeting.err.what);
    cr_assert(peer_await_arrived(&meeting.gate_peer, 1));
    unsigned char *bytes = mem_alloc(SIZE);
    cr_assert_not_null(bytes);
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (unsigned char)(i * 2654435761u >> 13);
    struct rondo_bytes body = { bytes, SIZE }, small = { bytes, 100 };
    struct frame frame = { .type = FRAME_MESSAGE };
    for (int i = 0; i < 20; i++) {
        cr_assert_eq(conn_send(meeting.conn, &frame, i == 7 ? &body : &small, 1), RONDO_OK);
        cr_assert_eq(conn_send(meeting.gate_peer.conn[0], &frame, i == 9 ? &body : &small, 1),
                     RONDO_OK);
    }
    cr_assert(peer_await_frames(&meeting.gate_peer, 20));
    cr_assert(peer_await_frames(&meeting.dial_peer, 20));
    cr_assert_eq(meeting.gate_peer.body[7].size, SIZE);
    cr_expect_eq(memcmp(meeting.gate_peer.body[7].data, bytes, SIZE), 0);
    cr_assert_eq(meeting.dial_peer.body[9].size, SIZE);
    cr_expect_eq(memcmp(meeting.dial_peer.body[9].data, bytes, SIZE), 0);
    mem_free(bytes);
    part(&meeting);
    shop_close(&shop);
}

Test(url, certificates_of_another_authority_meet_no_one, .timeout = 600)
{
    struct shop shop;
    struct meeting meeting;
    shop_open(&shop);
    meet(&meeting, &shop.ours, &shop.theirs, 60); /* the worker does not trust the coordinator */
    cr_expect_eq(meeting.code, RONDO_EREFUSED, "%s", meeting.err.what);
    part(&meeting);
    meet(&meeting, &shop.ours, &shop.mixed, 3); /* the coordinator does not trust the worker */
    cr_expect(meeting.code == RONDO_EREFUSED || meeting.code == RONDO_EIO);
    cr_expect_eq(meeting.gate_peer.arrived, 0);
    part(&meeting);
    shop_close(&shop);
}

Test(url, who_speaks_no_tls_is_closed, .timeout = 600)
{
    struct shop shop;
    struct meeting meeting;
    struct gate_counts counts;
    shop_open(&shop);
    meet(&meeting, &shop.ours, &shop.ours, 60);
    cr_assert_eq(meeting.code, RONDO_OK);
    cr_assert(peer_await_arrived(&meeting.gate_peer, 1));
    struct raw raw = raw_dial(gate_url(meeting.gate));
    raw_frame(&raw, (struct frame){ .type = FRAME_HELLO, .size = 100 }, shop.path);
    cr_expect_geq(raw_await_close(&raw), 0);
    raw_close(&raw);
    gate_count(meeting.gate, &counts);
    cr_expect_eq(counts.arrived, 1u);
    part(&meeting);
    shop_close(&shop);
}

Test(url, files_that_are_no_certificates_are_named, .timeout = 600)
{
    struct shop shop;
    struct gate *gate;
    struct rondo_error err = { 0 };
    shop_open(&shop);
    struct conn_tls tls = shop.ours;
    struct conn_options options = { .url = "tls+tcp://127.0.0.1:0", .token = "", .tls = &tls };
    tls.ca_file = "/tmp/rondo-test-no-such-file";
    cr_expect_eq(gate_open(&options, &gate, &err), RONDO_EINPUT);
    cr_expect_str_eq(err.where, tls.ca_file);
    tls = shop.ours;
    tls.cert_file = shop.path[1]; /* a key */
    err = (struct rondo_error){ 0 };
    cr_expect_eq(gate_open(&options, &gate, &err), RONDO_EINPUT);
    cr_expect_str_eq(err.where, tls.cert_file);
    options.url = "tcp://127.0.0.1:0"; /* in vain */
    err = (struct rondo_error){ 0 };
    cr_expect_eq(gate_open(&options, &gate, &err), RONDO_EINPUT);
    shop_close(&shop);
}

#include "apps/registry.h"
#include "core/base/mem.h"
#include "core/wire/session.h"
#include "tests/support/peer.h"
#include "workers/agent.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

struct side {
    struct agent_options options;
    struct rondo_error err;
    int code;
};

static volatile sig_atomic_t leave;

/* On the agent's own thread, as in the program. */
static void on_signal(int number)
{
    (void)number;
    leave = 2;
}

static void *serve(void *context)
{
    struct side *side = context;
    side->code = agent_run(&side->options, &side->err);
    return NULL;
}

static void say(struct conn *conn, uint8_t type, uint32_t session, const struct rondo_buf *body)
{
    struct frame frame = { .type = type, .session = session };
    struct rondo_bytes part = { body->data, body->size };
    cr_assert_eq(conn_send(conn, &frame, &part, body->size > 0), RONDO_OK);
}

/* The worker may begin with the job, and say that it cannot serve it, or not: its last word counts. */
static void await_closed(struct peer *peer, uint32_t session, int *seen)
{
    for (;;) {
        cr_assert(peer_await_frames(peer, *seen + 1), "session %u is never closed", session);
        struct frame frame = peer->frame[(*seen)++];
        cr_assert_eq(frame.session, session);
        if (frame.type == FRAME_CLOSED)
            return;
        cr_assert_eq(frame.type, FRAME_UNREADY);
    }
}

Test(agent, an_open_that_is_closed_at_once_is_answered)
{
    static struct peer peer;
    struct sigaction action = { .sa_handler = on_signal };
    cr_assert_eq(sigaction(SIGUSR1, &action, NULL), 0);
    struct gate *gate;
    struct rondo_error err = { 0 };
    struct rondo_buf body = { 0 }, none = { 0 };
    pthread_t thread;
    peer_init(&peer);
    struct conn_options options = peer_options(&peer, "tcp://127.0.0.1:0");
    cr_assert_eq(gate_open(&options, &gate, &err), RONDO_OK, "%s", err.what);
    struct side side = { .options = { .url = gate_url(gate), .token = options.token,
                                      .who = peer_who(), .cache = "/tmp", .apps = &registry_apps,
                                      .patience = 10, .leave = &leave } };
    side.options.who.threads = 1;
    cr_assert_eq(pthread_create(&thread, NULL, serve, &side), 0);
    cr_assert(peer_await_arrived(&peer, 1));
    struct session_open open = { .spec = { "{}", 2 }, .isa = { "x86-64-v2", 10 } };
    cr_assert_eq(session_put_open(&open, &body), RONDO_OK);
    int seen = 0;
    for (uint32_t session = 1; session <= 200; session++) {
        say(peer.conn[0], FRAME_OPEN, session, &body);
        say(peer.conn[0], FRAME_CLOSE, session, &none);
        await_closed(&peer, session, &seen);
    }
    cr_assert_eq(pthread_kill(thread, SIGUSR1), 0);
    cr_expect_eq(pthread_join(thread, NULL), 0);
    cr_expect_eq(side.code, RONDO_OK, "%s", side.err.what);
    buf_fini(&body);
    cr_assert(peer_await_closed(&peer, 1));
    gate_close(gate);
    peer_fini(&peer);
}

#include "core/base/mem.h"
#include "core/net/remote.h"
#include "tests/apps/apps.h"
#include "tests/support/drive_job.h"
#include "tests/support/peer.h"

#include <criterion/criterion.h>
#include <string.h>

/* ---- whole jobs ------------------------------------------------------------------------------ */

static const struct rondo_app *const APPS[] = { &app_reduce, &app_rotate, &app_gather };
static const char *const KINDS[] = { "tcp", "ipc" };
enum { APP_COUNT = 3, KIND_COUNT = 2 };

static void expect_same(const struct drive_end *loop, struct drive_job *job)
{
    struct drive_end end;
    char url[128];
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        peer_url(KINDS[kind], url);
        job->remote = url;
        drive_job(job, &end);
        cr_expect(drive_job_same(loop, &end), "%s over %s: %d %s", job->app->name, KINDS[kind],
                  end.code, end.error.what);
        drive_job_fini(&end);
    }
}

Test(remote, a_job_over_connections_ends_in_the_bits_of_the_loop, .timeout = 600)
{
    for (int app = 0; app < APP_COUNT; app++) {
        struct drive_job job = { .app = APPS[app], .workers = 3 };
        struct drive_end loop;
        drive_job(&job, &loop);
        cr_assert_eq(loop.code, RONDO_OK);
        expect_same(&loop, &job);
        job.seats = 2; /* two processes, of two threads and of one */
        expect_same(&loop, &job);
        drive_job_fini(&loop);
    }
}

Test(remote, a_worker_lost_half_way_changes_no_bit, .timeout = 600)
{
    for (int app = 0; app < APP_COUNT; app++) {
        struct drive_job job = { .app = APPS[app], .workers = 3 };
        struct drive_end loop;
        drive_job(&job, &loop);
        cr_assert_eq(loop.code, RONDO_OK);
        job.loss[0] = (struct drive_loss){ .worker = 1, .round = 5 };
        expect_same(&loop, &job);
        job.loss[1] = (struct drive_loss){ .worker = 0, .round = 9 };
        expect_same(&loop, &job);
        drive_job_fini(&loop);
    }
}

/* ---- one hub, and a worker's end that says what the test wants ----------------------------------- */

struct stage {
    struct peer gate_peer, dial_peer;
    struct gate *gate;
    struct conn *conn;
    struct remote_hub *hub;
    struct net_hub *net;
    void *problem;
};

static void stage_open(struct stage *stage, int32_t seats)
{
    struct rondo_error err = { 0 };
    struct frame_who who = peer_who();
    char url[128];
    peer_url("ipc", url);
    peer_init(&stage->gate_peer);
    peer_init(&stage->dial_peer);
    cr_assert_eq(app_rotate.open(drive_host(), NULL, &stage->problem, NULL), RONDO_OK);
    cr_assert_eq(remote_hub_create(&app_rotate, stage->problem, &stage->hub, &err), RONDO_OK);
    stage->net = remote_hub_net(stage->hub);
    struct conn_options options = peer_options(&stage->gate_peer, url);
    cr_assert_eq(gate_open(&options, &stage->gate, &err), RONDO_OK);
    options.events = peer_events(&stage->dial_peer);
    cr_assert_eq(dial_open(&options, &who, 60, &stage->conn, &err), RONDO_OK);
    cr_assert(peer_await_arrived(&stage->gate_peer, 1));
    cr_assert_eq(remote_hub_join(stage->hub, stage->gate_peer.conn[0], 9, seats), RONDO_OK);
}

static void stage_close(struct stage *stage)
{
    gate_close(stage->gate);
    cr_expect(peer_await_closed(&stage->dial_peer, 1));
    conn_drop(stage->conn);
    remote_hub_destroy(stage->hub);
    app_rotate.close(stage->problem);
    peer_fini(&stage->gate_peer);
    peer_fini(&stage->dial_peer);
}

static void expect_event(struct stage *stage, enum net_event_type type, int32_t worker)
{
    struct net_event event = { .worker = -1 };
    cr_assert_eq(stage->net->ops->receive(stage->net, &event), RONDO_OK);
    cr_expect_eq(event.type, type);
    cr_expect(type == NET_NOTHING || event.worker == worker);
}

static void say(struct stage *stage, uint16_t seat, const void *bytes, size_t size)
{
    struct frame frame = { .type = FRAME_MESSAGE, .seat = seat, .session = 9 };
    struct rondo_buf body = { 0 };
    cr_assert_eq(buf_append(&body, bytes, size), RONDO_OK);
    remote_hub_frame(stage->hub, &frame, &body);
    cr_expect_null(body.data, "moved, or dropped");
}

Test(remote, seats_join_and_leave_each_once)
{
    struct stage stage = { 0 };
    stage_open(&stage, 2);
    expect_event(&stage, NET_JOINED, 0);
    cr_expect_eq(remote_hub_session(stage.hub, 0), 9u);
    remote_hub_leave(stage.hub, 9);
    remote_hub_leave(stage.hub, 9);
    expect_event(&stage, NET_LEFT, 0);
    expect_event(&stage, NET_LEFT, 1); /* never announced, but counted on */
    expect_event(&stage, NET_NOTHING, 0);
    cr_expect_eq(remote_hub_session(stage.hub, 0), 0u);
    cr_assert_eq(remote_hub_join(stage.hub, stage.gate_peer.conn[0], 10, 1), RONDO_OK);
    expect_event(&stage, NET_JOINED, 2); /* numbers are not used again */
    stage_close(&stage);
}

Test(remote, bytes_that_are_no_message_send_the_worker_away_and_the_job_goes_on)
{
    struct stage stage = { 0 };
    stage_open(&stage, 2);
    expect_event(&stage, NET_JOINED, 0);
    expect_event(&stage, NET_JOINED, 1);
    say(&stage, 1, "nonsense", 8);
    expect_event(&stage, NET_LEFT, 0); /* the process goes, with all its seats */
    expect_event(&stage, NET_LEFT, 1);
    expect_event(&stage, NET_NOTHING, 0);
    cr_expect(peer_await_closed(&stage.gate_peer, 1));
    say(&stage, 0, "late", 4);
    expect_event(&stage, NET_NOTHING, 0);
    stage_close(&stage);
}

Test(remote, a_worker_that_says_more_than_it_was_asked_is_sent_away)
{
    struct stage stage = { 0 };
    stage_open(&stage, 1);
    expect_event(&stage, NET_JOINED, 0);
    for (int i = 0; i < 5000; i++)
        say(&stage, 0, "flood", 5);
    expect_event(&stage, NET_LEFT, 0);
    expect_event(&stage, NET_NOTHING, 0);
    stage_close(&stage);
}

/* The state of a block that it bears goes with it, as in the loop. */
Test(remote, a_message_to_a_worker_that_left_is_discarded)
{
    struct stage stage = { 0 };
    struct message message = { .type = MESSAGE_PUSH };
    stage_open(&stage, 1);
    expect_event(&stage, NET_JOINED, 0);
    int64_t live = mem_live();
    cr_assert_eq(app_rotate.block.create(stage.problem, 0, &message.object, NULL), RONDO_OK);
    remote_hub_leave(stage.hub, 9);
    cr_expect_eq(stage.net->ops->send(stage.net, 0, &message), RONDO_OK);
    cr_expect_null(message.object);
    cr_expect_leq(mem_live(), live);
    stage_close(&stage);
}

static void many_shards(const void *problem RONDO_UNUSED, struct rondo_layout *layout)
{
    *layout = (struct rondo_layout){ .shards = 10000, .chunks = 1 };
}

/* At the beginning and after a rollback a worker may get every shard's state at once. */
Test(remote, a_workers_end_has_room_for_the_states_of_all_shards)
{
    struct stage stage = { 0 };
    struct rondo_app app = app_rotate;
    struct rondo_error err = { 0 };
    struct remote_link *link;
    struct message message;
    stage_open(&stage, 1);
    app.layout = many_shards;
    cr_assert_eq(remote_link_create(stage.conn, 9, 0, &app, stage.problem, &link, &err), RONDO_OK);
    for (int i = 0; i < 10000; i++) {
        struct rondo_buf body = { 0 };
        cr_assert_eq(buf_append(&body, "x", 1), RONDO_OK);
        remote_link_frame(link, &body);
    }
    cr_expect_neq(remote_link_net(link)->ops->receive(remote_link_net(link), &message),
                  RONDO_ECANCELED, "it was cut");
    remote_link_destroy(link);
    stage_close(&stage);
}

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/net/loop.h"
#include "tests/apps/apps.h"
#include "tests/support/drive_job.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>

enum { MANY = 5000, WAIT_NS = 1000000000 };

struct net {
    struct loop *loop;
    struct net_hub *hub;
    void *problem;
    struct parcel_pool pool;
};

static void net_init(struct net *net, int32_t workers, bool encoded)
{
    cr_assert_eq(app_rotate.open(drive_host(), NULL, &net->problem, NULL), RONDO_OK);
    struct loop_options options = { .workers = workers, .encoded = encoded, .app = &app_rotate,
                                    .problem = net->problem };
    cr_assert_eq(loop_create(&options, &net->loop, NULL), RONDO_OK);
    net->hub = loop_hub(net->loop);
    parcel_pool_init(&net->pool);
}

static void net_fini(struct net *net)
{
    loop_close(net->loop);
    loop_drain(net->loop);
    parcel_pool_fini(&net->pool);
    loop_destroy(net->loop);
    app_rotate.close(net->problem);
}

static struct message numbered(struct net *net, int64_t ticket)
{
    struct message message = { .type = MESSAGE_DONE, .ticket = ticket };
    message.body = parcel_take(&net->pool, sizeof ticket);
    cr_assert_not_null(message.body);
    cr_assert_eq(buf_append(&message.body->buf, &ticket, sizeof ticket), RONDO_OK);
    return message;
}

static void expect_number(struct message *message, int64_t ticket)
{
    int64_t value = -1;
    cr_assert_eq(message->ticket, ticket);
    cr_assert_not_null(message->body);
    cr_assert_eq(message->body->buf.size, sizeof value);
    memcpy(&value, message->body->buf.data, sizeof value);
    cr_expect_eq(value, ticket);
    message_fini(message);
}

static struct net_event next(struct net *net)
{
    struct net_event event = { .type = NET_NOTHING };
    for (int i = 0; i < 600 && event.type == NET_NOTHING; i++) {
        cr_assert_eq(net->hub->ops->receive(net->hub, &event), RONDO_OK);
        if (event.type == NET_NOTHING)
            net->hub->ops->wait(net->hub, WAIT_NS / 10);
    }
    return event;
}

static void join_all(struct net *net, int32_t workers)
{
    for (int32_t i = 0; i < workers; i++)
        cr_assert_eq(next(net).type, NET_JOINED);
}

Test(loop, every_worker_joins_once)
{
    struct net net;
    struct net_event event;
    net_init(&net, 3, false);
    unsigned joined = 0;
    for (int i = 0; i < 3; i++) {
        event = next(&net);
        cr_assert_eq(event.type, NET_JOINED);
        joined |= 1u << event.worker;
    }
    cr_expect_eq(joined, 7);
    cr_assert_eq(net.hub->ops->receive(net.hub, &event), RONDO_OK);
    cr_expect_eq(event.type, NET_NOTHING);
    net_fini(&net);
}

Test(loop, messages_keep_their_order_both_ways)
{
    for (int encoded = 0; encoded < 2; encoded++) {
        struct net net;
        struct message message;
        net_init(&net, 1, encoded);
        struct net_link *link = loop_link(net.loop, 0);
        join_all(&net, 1);
        for (int64_t i = 0; i < 200; i++) {
            message = numbered(&net, i);
            cr_assert_eq(net.hub->ops->send(net.hub, 0, &message), RONDO_OK);
        }
        for (int64_t i = 0; i < 200; i++) {
            cr_assert_eq(link->ops->receive(link, &message), 1);
            cr_assert_eq(link->ops->send(link, &message), RONDO_OK);
        }
        cr_expect_eq(link->ops->receive(link, &message), 0);
        for (int64_t i = 0; i < 200; i++) {
            struct net_event event = next(&net);
            cr_assert_eq(event.type, NET_MESSAGE);
            expect_number(&event.message, i);
        }
        net_fini(&net);
    }
}

struct echo {
    struct net_link *link;
    int64_t seen;
    int64_t pause_ns; /* before it begins */
};

/* Sends back what it gets until the link is gone. */
static void *echo_life(void *context)
{
    struct echo *echo = context;
    struct message message;
    int64_t begin = clock_now_ns();
    while (clock_now_ns() - begin < echo->pause_ns)
        ;
    for (;;) {
        int did = echo->link->ops->receive(echo->link, &message);
        if (did < 0)
            return NULL;
        if (did == 0) {
            echo->link->ops->wait(echo->link, NULL, NULL);
            continue;
        }
        echo->seen++;
        if (message.ticket % 50)
            message_fini(&message);
        else if (echo->link->ops->send(echo->link, &message) < 0)
            return NULL;
    }
}

/* More than a ring holds, to a reader that begins late: the writer waits, nothing is lost. */
Test(loop, a_full_ring_holds_the_writer_back)
{
    for (int encoded = 0; encoded < 2; encoded++) {
        struct net net;
        pthread_t thread;
        net_init(&net, 1, encoded);
        struct echo echo = { .link = loop_link(net.loop, 0), .pause_ns = 20000000 };
        join_all(&net, 1);
        cr_assert_eq(pthread_create(&thread, NULL, echo_life, &echo), 0);
        for (int64_t i = 0; i <= MANY; i++) { /* the last is answered, so that all have been read */
            struct message message = numbered(&net, i);
            cr_assert_eq(net.hub->ops->send(net.hub, 0, &message), RONDO_OK);
        }
        for (int64_t i = 0; i <= MANY; i += 50) {
            struct net_event event = next(&net);
            cr_assert_eq(event.type, NET_MESSAGE);
            expect_number(&event.message, i);
        }
        loop_close(net.loop);
        pthread_join(thread, NULL);
        cr_expect_eq(echo.seen, MANY + 1);
        net_fini(&net);
    }
}

/* Both sides sleep before each message; a lost wake-up would show as a wait of a second. */
Test(loop, a_sleeper_is_woken)
{
    struct net net;
    pthread_t thread;
    net_init(&net, 2, false);
    struct echo echo = { .link = loop_link(net.loop, 1) };
    join_all(&net, 2);
    cr_assert_eq(pthread_create(&thread, NULL, echo_life, &echo), 0);
    int64_t begin = clock_now_ns();
    for (int64_t i = 0; i < 200; i++) {
        int64_t rested = clock_now_ns();
        while (clock_now_ns() - rested < 1000000)
            ;
        struct message message = numbered(&net, i * 50);
        cr_assert_eq(net.hub->ops->send(net.hub, 1, &message), RONDO_OK);
        struct net_event event = next(&net);
        cr_assert_eq(event.type, NET_MESSAGE);
        expect_number(&event.message, i * 50);
    }
    cr_expect_lt(clock_now_ns() - begin, INT64_C(100) * WAIT_NS); /* or they are over one by one, each after a second */
    loop_close(net.loop);
    pthread_join(thread, NULL);
    net_fini(&net);
}

Test(loop, a_worker_taken_away_is_told_once_and_its_link_fails)
{
    struct net net;
    struct message message;
    struct net_event event;
    net_init(&net, 2, false);
    struct net_link *link = loop_link(net.loop, 1);
    join_all(&net, 2);
    message = numbered(&net, 1);
    cr_assert_eq(link->ops->send(link, &message), RONDO_OK);
    message = numbered(&net, 2);
    cr_assert_eq(net.hub->ops->send(net.hub, 1, &message), RONDO_OK);
    loop_take_away(net.loop, 1);
    cr_expect_lt(link->ops->receive(link, &message), 0);
    event = next(&net);
    cr_expect_eq(event.type, NET_LEFT);
    cr_expect_eq(event.worker, 1);
    cr_assert_eq(net.hub->ops->receive(net.hub, &event), RONDO_OK);
    cr_expect_eq(event.type, NET_NOTHING, "what it said before is lost with it");
    for (int64_t i = 0; i < 600; i++) { /* more than a ring: dropped, without waiting */
        message = numbered(&net, i);
        cr_assert_eq(net.hub->ops->send(net.hub, 1, &message), RONDO_OK);
    }
    net_fini(&net);
}

Test(loop, what_is_still_on_its_way_is_discarded_with_its_objects)
{
    struct net net;
    int64_t live = mem_live();
    net_init(&net, 1, false);
    struct message message = { .type = MESSAGE_PUSH };
    cr_assert_eq(app_rotate.block.create(net.problem, 0, &message.object, NULL), RONDO_OK);
    cr_assert_eq(net.hub->ops->send(net.hub, 0, &message), RONDO_OK);
    net_fini(&net);
    cr_expect_eq(mem_live(), live);
}

static int lent_echo(void *context)
{
    struct net_link *link = context;
    struct message message;
    if (link->ops->receive(link, &message) <= 0)
        return 0;
    return link->ops->send(link, &message) == RONDO_OK;
}

static bool lent_ready(void *context RONDO_UNUSED)
{
    return false;
}

/* One thread is both the hub's and worker 0's, also where the ring is full. */
Test(loop, a_lent_thread_does_the_first_workers_work)
{
    struct net net;
    net_init(&net, 1, false);
    join_all(&net, 1);
    loop_lend(net.loop, lent_echo, lent_ready, loop_link(net.loop, 0));
    for (int64_t i = 0; i < 400; i++) {
        struct message message = numbered(&net, i);
        cr_assert_eq(net.hub->ops->send(net.hub, 0, &message), RONDO_OK);
    }
    for (int64_t i = 0; i < 400; i++) {
        struct net_event event = next(&net);
        cr_assert_eq(event.type, NET_MESSAGE);
        expect_number(&event.message, i);
    }
    net_fini(&net);
}

/* ---- what is no message -------------------------------------------------------------------------- */

struct other {
    struct net_link *link;
    _Atomic bool there; /* what it waits for */
    atomic_int rests;
};

static bool other_there(void *context)
{
    struct other *other = context;
    return other->there;
}

static void *other_life(void *context)
{
    struct other *other = context;
    while (!other->there) {
        atomic_fetch_add(&other->rests, 1);
        other->link->ops->wait(other->link, other_there, other);
    }
    return NULL;
}

static int nothing(void *context RONDO_UNUSED)
{
    return 0;
}

/* Who sleeps is woken by wake, and looks before it sleeps; long before its time is up, which is a second. */
Test(loop, who_waits_for_something_else_too_is_woken)
{
    int late = 0;
    for (int turn = 0; turn < 30; turn++) {
        struct net net;
        net_init(&net, 2, false);
        struct other other = { .link = loop_link(net.loop, 1) };
        pthread_t thread;
        int64_t begin = clock_now_ns();
        cr_assert_eq(pthread_create(&thread, NULL, other_life, &other), 0);
        while (clock_now_ns() - begin < turn % 3 * INT64_C(4000000))
            ;
        other.there = true;
        other.link->ops->wake(other.link);
        pthread_join(thread, NULL);
        late += clock_now_ns() - begin > INT64_C(900000000);
        net_fini(&net);
    }
    cr_expect_leq(late, 5, "%d of 30; some may be the machine's", late);
}

static void *wake_soon(void *context)
{
    struct other *other = context;
    int64_t begin = clock_now_ns();
    while (clock_now_ns() - begin < INT64_C(4000000))
        ;
    other->there = true;
    other->link->ops->wake(other->link);
    return NULL;
}

static bool hub_is_woken(void)
{
    struct net net;
    net_init(&net, 1, false);
    struct other other = { .link = loop_link(net.loop, 0) };
    join_all(&net, 1);
    loop_lend(net.loop, nothing, other_there, &other);
    pthread_t thread;
    int64_t begin = clock_now_ns();
    cr_assert_eq(pthread_create(&thread, NULL, wake_soon, &other), 0);
    while (!other.there)
        net.hub->ops->wait(net.hub, INT64_C(5000000000));
    bool soon = clock_now_ns() - begin < INT64_C(4000000000);
    pthread_join(thread, NULL);
    net_fini(&net);
    return soon;
}

/* A lent thread waits where the hub does. */
Test(loop, the_hub_is_woken_for_the_worker_whose_thread_it_lends)
{
    bool soon = false;
    for (int i = 0; i < 5 && !soon; i++)
        soon = hub_is_woken();
    cr_expect(soon);
}

/* Nor does it turn round and round for a worker that is gone and would do nothing. */
Test(loop, the_hub_sleeps_where_the_worker_whose_thread_it_lends_is_gone)
{
    struct net net;
    struct net_event event;
    net_init(&net, 1, false);
    struct other other = { .link = loop_link(net.loop, 0), .there = true };
    join_all(&net, 1);
    loop_lend(net.loop, nothing, other_there, &other);
    loop_take_away(net.loop, 0);
    cr_assert_eq(net.hub->ops->receive(net.hub, &event), RONDO_OK);
    cr_assert_eq(event.type, NET_LEFT);
    int64_t begin = clock_now_ns();
    net.hub->ops->wait(net.hub, INT64_C(20000000));
    cr_expect_geq(clock_now_ns() - begin, INT64_C(20000000));
    net_fini(&net);
}

Test(loop, memory_that_runs_out_is_said)
{
    struct loop_options options = { .workers = 2, .app = &app_rotate };
    for (uint64_t k = 1; k <= 2; k++) {
        struct loop *loop = NULL;
        struct rondo_error err = { 0 };
        int64_t live = mem_live();
        mem_fail_at(k);
        cr_expect_eq(loop_create(&options, &loop, &err), RONDO_ENOMEM);
        mem_fail_at(0);
        cr_expect_neq(err.what[0], 0);
        cr_expect_eq(mem_live(), live);
    }
}

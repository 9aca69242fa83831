#include "core/base/clock.h"
#include "core/base/mem.h"
#include "tests/apps/apps.h"
#include "tests/support/drive_job.h"
#include "workers/worker.h"

#include <criterion/criterion.h>
#include <time.h>

/* A link with one message to read, which keeps the last one that was sent. */
struct desk {
    struct net_link link; /* first */
    struct message in, out;
    bool full;
    int sent, woken;
    const struct rondo_app *app;
    void *problem;
    struct parcel_pool pool;
    struct worker *worker;
};

static int desk_receive(struct net_link *link, struct message *message)
{
    struct desk *desk = (struct desk *)link;
    if (!desk->full)
        return 0;
    *message = desk->in;
    desk->full = false;
    return 1;
}

static int desk_send(struct net_link *link, struct message *message)
{
    struct desk *desk = (struct desk *)link;
    struct message_codec codec = { desk->app, desk->problem, &desk->pool };
    message_discard(&desk->out, &codec);
    desk->out = *message;
    desk->sent++;
    return RONDO_OK;
}

static void desk_wait(struct net_link *link RONDO_UNUSED, bool (*ready)(void *) RONDO_UNUSED,
                      void *context RONDO_UNUSED)
{
}

static bool desk_wake(struct net_link *link)
{
    ((struct desk *)link)->woken++;
    return true;
}

static void desk_init_in(struct desk *desk, const struct rondo_app *app, struct team *team, struct chore chore)
{
    static const struct net_link_ops ops = { desk_receive, desk_send, desk_wait, desk_wake };
    *desk = (struct desk){ .link = { &ops }, .app = app };
    cr_assert_eq(app->open(drive_host(), NULL, &desk->problem, NULL), RONDO_OK);
    parcel_pool_init(&desk->pool);
    struct worker_options options = { .app = app, .problem = desk->problem, .seed = 1,
                                      .link = &desk->link, .team = team, .chore = chore };
    cr_assert_eq(worker_create(&options, &desk->worker, NULL), RONDO_OK);
}

static void desk_init(struct desk *desk, const struct rondo_app *app)
{
    desk_init_in(desk, app, NULL, (struct chore){ 0 });
}

static void desk_fini(struct desk *desk)
{
    struct message_codec codec = { desk->app, desk->problem, &desk->pool };
    message_discard(&desk->out, &codec);
    worker_destroy(desk->worker);
    parcel_pool_fini(&desk->pool);
    desk->app->close(desk->problem);
}

static struct parcel *words(struct desk *desk, size_t count, const int64_t *word)
{
    struct parcel *parcel = parcel_take(&desk->pool, count * sizeof *word);
    cr_assert_not_null(parcel);
    cr_assert_eq(buf_append(&parcel->buf, word, count * sizeof *word), RONDO_OK);
    return parcel;
}

/* Lets the worker do the message; what it answered, or 0 for nothing. */
static int answer_to(struct desk *desk, struct message message)
{
    int before = desk->sent;
    desk->in = message;
    desk->full = true;
    cr_assert_eq(worker_step(desk->worker), 1);
    return desk->sent == before ? 0 : desk->out.type;
}

static void hold(struct desk *desk, int32_t shard)
{
    cr_assert_eq(answer_to(desk, (struct message){ .type = MESSAGE_STATE, .flags = MESSAGE_FRESH,
                                                   .shard = shard }), 0);
}

static void expect_failed(struct desk *desk, struct message message, const char *why)
{
    cr_expect_eq(answer_to(desk, message), MESSAGE_FAILED, "%s", why);
    cr_expect_lt(desk->out.code, 0, "%s", why);
    cr_assert(desk->out.body && desk->out.body->buf.size > 1, "%s", why);
}

Test(worker, does_nothing_where_there_is_no_message)
{
    struct desk desk;
    desk_init(&desk, &app_reduce);
    cr_expect_eq(worker_step(desk.worker), 0);
    desk_fini(&desk);
}

static bool any_left(void *context)
{
    return *(int *)context > 0;
}

static bool one_less(void *context)
{
    return any_left(context) && (*(int *)context)--;
}

Test(worker, does_its_chore_where_there_is_no_message)
{
    struct desk desk;
    int left = 1;
    desk_init_in(&desk, &app_reduce, NULL, (struct chore){ any_left, one_less, &left });
    hold(&desk, 0);
    cr_expect_eq(left, 1);
    cr_expect(worker_open(desk.worker));
    cr_expect_eq(worker_step(desk.worker), 1);
    cr_expect_eq(left, 0);
    cr_expect(!worker_open(desk.worker));
    cr_expect_eq(worker_step(desk.worker), 0);
    desk_fini(&desk);
}

/* Of a team of two, each on its desk; the second never works. */
struct two {
    struct team team;
    struct desk one, other;
    int64_t message_at; /* the part in which the first gets a message; -1: none */
    int parts, taken, took_message_after;
};

/* In part 0 the first worker does all that it finds to do. */
static int count_part(void *context, int64_t index)
{
    struct two *two = context;
    if (index == two->message_at) {
        two->one.in = (struct message){ .type = MESSAGE_STATE, .flags = MESSAGE_FRESH, .shard = -1 };
        two->one.full = true;
    }
    for (bool more = index == 0; more;) {
        bool full = two->one.full;
        more = worker_step(two->one.worker) == 1;
        two->taken += more && !full;
        if (full)
            two->took_message_after = two->taken;
    }
    two->parts++;
    return 0;
}

Test(worker, does_a_part_of_another_where_there_is_no_message)
{
    static struct two two;
    team_init(&two.team);
    desk_init_in(&two.one, &app_reduce, &two.team, (struct chore){ 0 });
    desk_init_in(&two.other, &app_reduce, &two.team, (struct chore){ 0 });
    cr_expect_not(worker_open(two.one.worker));
    cr_expect_eq(worker_step(two.one.worker), 0);
    for (int64_t at = -1; at < 5; at++) {
        two.message_at = at;
        two.parts = two.taken = 0;
        two.took_message_after = -1;
        two.one.woken = two.other.woken = 0;
        cr_assert_eq(team_each(&two.team, 8, count_part, &two), 0);
        cr_expect_eq(two.parts, 8);
        cr_expect_eq(two.taken, 7);
        cr_expect_eq(two.took_message_after, at, "a message comes before the next part");
        cr_expect_eq(two.one.woken + two.other.woken, 2);
    }
    desk_fini(&two.one);
    desk_fini(&two.other);
    team_fini(&two.team);
}

Test(worker, answers_work_and_snapshots)
{
    struct desk desk;
    static const int64_t pair[] = { 3, 0, 2, 1, 2 }, two[] = { 4, 5 };
    desk_init(&desk, &app_reduce);
    hold(&desk, -1);
    hold(&desk, 1);
    struct message couple = { .type = MESSAGE_COUPLE, .shard = 1, .count = 1, .ticket = 9,
                              .variables = words(&desk, 5, pair) };
    cr_assert_eq(answer_to(&desk, couple), MESSAGE_DONE);
    cr_expect_eq(desk.out.ticket, 9);
    cr_expect_eq(desk.out.body->buf.size, 2 * sizeof(double));
    struct message push = { .type = MESSAGE_PUSH, .kind = RONDO_SAMPLED, .shard = 1, .count = 2,
                            .round = 1, .variables = words(&desk, 2, two) };
    cr_assert_eq(answer_to(&desk, push), MESSAGE_DONE);
    cr_expect_eq(desk.out.body->buf.size, 2 * sizeof(double));
    cr_assert_eq(answer_to(&desk, (struct message){ .type = MESSAGE_SNAP, .shard = 1 }), MESSAGE_SNAPPED);
    cr_expect_gt(desk.out.body->buf.size, 2 * sizeof(double));
    cr_expect_eq(desk.out.shard, 1);
    desk_fini(&desk);
}

static void doze(long ms)
{
    nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

static int slow_push(const void *problem, const void *common, void *shard, void *block, void *scratch,
                     const struct rondo_task *task, struct rondo_buf *partial)
{
    doze(2);
    return app_reduce.push(problem, common, shard, block, scratch, task, partial);
}

static int slow_pull(const void *problem, const void *common, void *scratch, const struct rondo_task *task,
                     const struct rondo_bytes *partials, int32_t count, struct rondo_buf *result)
{
    doze(4);
    return app_reduce.pull(problem, common, scratch, task, partials, count, result);
}

/* A push, a push and its pull at once; both within what passed here.  Who is not asked says nothing. */
Test(worker, says_how_long_it_computed)
{
    struct desk desk;
    struct rondo_app app = app_reduce;
    static const int64_t two[] = { 4, 5 };
    app_reduce_shape.shards = 1;
    app.push = slow_push;
    app.pull = slow_pull;
    desk_init(&desk, &app);
    hold(&desk, -1);
    hold(&desk, 0);
    for (int fused = 0; fused < 2; fused++) {
        struct message push = { .type = MESSAGE_PUSH, .flags = fused ? MESSAGE_FUSED : 0, .kind = RONDO_SAMPLED,
                                .count = 2, .round = 1, .tag = 3, .variables = words(&desk, 2, two) };
        cr_assert_eq(answer_to(&desk, push), MESSAGE_DONE);
        cr_expect_eq(desk.out.run_ns, 0);
        push.flags |= MESSAGE_TIMED;
        push.variables = words(&desk, 2, two);
        int64_t began_ns = clock_now_ns();
        cr_assert_eq(answer_to(&desk, push), MESSAGE_DONE);
        cr_expect_geq(desk.out.run_ns, fused ? 6000000 : 2000000);
        cr_expect_leq(desk.out.run_ns, clock_now_ns() - began_ns);
    }
    cr_assert_eq(answer_to(&desk, (struct message){ .type = MESSAGE_SNAP }), MESSAGE_SNAPPED);
    cr_expect_eq(desk.out.run_ns, 0);
    desk_fini(&desk);
}

Test(worker, refuses_what_it_does_not_know)
{
    struct desk desk;
    static const uint8_t types[] = { 0, MESSAGE_DONE, MESSAGE_SNAPPED, MESSAGE_FAILED, 77, 255 };
    desk_init(&desk, &app_reduce);
    for (size_t i = 0; i < sizeof types; i++)
        expect_failed(&desk, (struct message){ .type = types[i] }, "type");
    desk_fini(&desk);
}

Test(worker, refuses_a_shard_that_it_does_not_hold)
{
    struct desk desk;
    static const int32_t shards[] = { 0, 5, INT32_MAX };
    static const int32_t states[] = { -2, 5, INT32_MIN, INT32_MAX };
    desk_init(&desk, &app_reduce);
    hold(&desk, -1);
    for (int i = 0; i < 3; i++) {
        static const int64_t pair[] = { 3, 0, 1, 1 };
        expect_failed(&desk, (struct message){ .type = MESSAGE_PUSH, .shard = shards[i] }, "push");
        expect_failed(&desk, (struct message){ .type = MESSAGE_COUPLE, .shard = shards[i],
                      .count = 1, .variables = words(&desk, 4, pair) }, "couple");
    }
    for (int i = 0; i < 4; i++)
        expect_failed(&desk, (struct message){ .type = MESSAGE_STATE, .flags = MESSAGE_FRESH,
                      .shard = states[i], .epoch = (uint32_t)i + 1 }, "state");
    /* A second one in the same epoch is not told. */
    cr_expect_eq(answer_to(&desk, (struct message){ .type = MESSAGE_STATE, .shard = -2,
                                                    .epoch = 4 }), 0);
    cr_expect_eq(answer_to(&desk, (struct message){ .type = MESSAGE_STATE, .flags = MESSAGE_FRESH,
                                                    .shard = 2, .epoch = 5 }), 0);
    expect_failed(&desk, (struct message){ .type = MESSAGE_STATE, .shard = 2, .epoch = 5 }, "no bytes");
    /* Nor is what comes late. */
    cr_expect_eq(answer_to(&desk, (struct message){ .type = MESSAGE_PUSH, .shard = 2, .epoch = 4 }), 0);
    desk_fini(&desk);
}

Test(worker, forgets_states_of_an_older_epoch)
{
    struct desk desk;
    desk_init(&desk, &app_reduce);
    hold(&desk, -1);
    hold(&desk, 2);
    for (int32_t state = -1; state < 4; state++)
        expect_failed(&desk, (struct message){ .type = MESSAGE_SNAP, .epoch = 1, .shard = state }, "old");
    expect_failed(&desk, (struct message){ .type = MESSAGE_PUSH, .epoch = 1, .shard = 2 }, "old");
    desk_fini(&desk);
}

Test(worker, refuses_work_without_the_common_state)
{
    struct desk desk;
    desk_init(&desk, &app_gather);
    expect_failed(&desk, (struct message){ .type = MESSAGE_STATE, .shard = -1 }, "no bytes");
    expect_failed(&desk, (struct message){ .type = MESSAGE_PUSH, .kind = RONDO_SWEEP, .shard = -1,
                  .round = 1 }, "push");
    desk_fini(&desk);
}

Test(worker, refuses_a_malformed_coupling)
{
    static const struct { int64_t columns; size_t words; int64_t word[6]; } wrong[] = {
        { 1, 0, { 0 } },
        { 1, 2, { 3, 0 } },
        { 1, 3, { 3, 0, 1 } },               /* a row is missing */
        { 1, 5, { 3, 0, 1, 1, 2 } },         /* one too many */
        { 1, 4, { 3, 1, 1, 1 } },            /* does not begin at 0 */
        { 1, 4, { 3, 0, -1, 1 } },
        { 1, 4, { 3, 0, INT64_MAX, 1 } },
        { 2, 6, { 3, 4, 0, 2, 1, 1 } },      /* goes back */
        { -1, 4, { 3, 0, 1, 1 } },
        { INT64_MAX, 4, { 3, 0, 1, 1 } },
        { INT64_MIN, 4, { 3, 0, 1, 1 } },
        { INT64_C(1) << 62, 4, { 3, 0, 1, 1 } },
    };
    struct desk desk;
    desk_init(&desk, &app_reduce);
    hold(&desk, -1);
    hold(&desk, 0);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        expect_failed(&desk, (struct message){ .type = MESSAGE_COUPLE, .count = wrong[i].columns,
                      .variables = words(&desk, wrong[i].words, wrong[i].word) }, "couple");
    expect_failed(&desk, (struct message){ .type = MESSAGE_COUPLE, .count = 0 }, "nothing");
    desk_fini(&desk);
}

Test(worker, refuses_a_task_whose_lengths_do_not_agree)
{
    struct desk desk;
    static const int64_t two[] = { 4, 5 };
    desk_init(&desk, &app_reduce);
    hold(&desk, -1);
    hold(&desk, 0);
    static const int64_t counts[] = { 0, 1, 3, -1, INT64_MAX, INT64_C(1) << 61 };
    for (int i = 0; i < 6; i++)
        expect_failed(&desk, (struct message){ .type = MESSAGE_PUSH, .count = counts[i], .round = 1,
                      .variables = words(&desk, 2, two) }, "count");
    expect_failed(&desk, (struct message){ .type = MESSAGE_PUSH, .count = 2, .round = 1,
                  .variables = words(&desk, 2, two), .couplings = words(&desk, 2, two) },
                  "couplings");
    expect_failed(&desk, (struct message){ .type = MESSAGE_PUSH, .kind = 200, .round = 1 }, "kind");
    desk_fini(&desk);
}

Test(worker, refuses_verbs_that_the_app_does_not_have)
{
    struct desk desk;
    static const int64_t pair[] = { 3, 0, 1, 1 };
    desk_init(&desk, &app_gather);
    hold(&desk, -1);
    expect_failed(&desk, (struct message){ .type = MESSAGE_PULL, .shard = -1 }, "pull");
    expect_failed(&desk, (struct message){ .type = MESSAGE_PUSH, .flags = MESSAGE_FUSED,
                  .kind = RONDO_SWEEP, .shard = -1 }, "fused");
    expect_failed(&desk, (struct message){ .type = MESSAGE_COUPLE, .shard = -1, .count = 1,
                  .variables = words(&desk, 4, pair) }, "couple");
    desk_fini(&desk);
}

static int refuses(const void *problem, void *common, void *shard, void *scratch, int64_t round,
                   struct rondo_bytes commit)
{
    (void)problem, (void)common, (void)shard, (void)scratch, (void)round, (void)commit;
    return RONDO_EINPUT;
}

Test(worker, says_which_callback_failed)
{
    struct desk desk;
    struct rondo_app app = app_reduce;
    app.apply = refuses;
    desk_init(&desk, &app);
    hold(&desk, -1);
    expect_failed(&desk, (struct message){ .type = MESSAGE_COMMIT, .round = 1 }, "apply");
    cr_expect_eq(desk.out.code, RONDO_EAPP);
    cr_expect_not_null(strstr((const char *)desk.out.body->buf.data, "apply"));
    desk_fini(&desk);
}

#include "patterns.h"

#include <math.h>

/* What the engine tells of its rounds, as a recorder would keep it. */
enum { ROUNDS = 14, WORKS = ENGINE_COUPLE + 1 };

struct ledger {
    int64_t last;        /* round that was told */
    int64_t updates;     /* the sum of those of each round */
    int64_t moved, drawn, joined;
    int64_t run_ns;
    uint32_t tags;       /* met, a bit each */
    struct {
        int planned;     /* times that its planning began */
        int64_t staleness, moves, own;
        int sent[WORKS], done[WORKS]; /* since then */
    } round[ROUNDS + 5];
    bool disturbed;      /* a worker was lost: what it was sent does not come back */
    struct engine_moment open[64]; /* tasks that are out */
    int opened;
};

static void begin_plan(struct ledger *ledger, int64_t round)
{
    memset(ledger->round[round].sent, 0, sizeof ledger->round[round].sent);
    memset(ledger->round[round].done, 0, sizeof ledger->round[round].done);
    ledger->round[round].planned++;
    ledger->round[round].staleness = round - 1 - ledger->last;
}

static bool same_task(const struct engine_moment *a, const struct engine_moment *b)
{
    return a->ticket == b->ticket && a->round == b->round && a->phase == b->phase && a->block == b->block
           && a->shard == b->shard && a->tag == b->tag && a->work == b->work;
}

/* A DONE is of a task that was sent, and says all that was said then. */
static void close_task(struct ledger *ledger, const struct engine_moment *moment)
{
    int at = ledger->opened - 1;
    while (at >= 0 && !same_task(&ledger->open[at], moment))
        at--;
    cr_assert_geq(at, 0, "round %lld: work %d of phase %d was not sent so", (long long)moment->round,
                  (int)moment->work, moment->phase);
    cr_expect_eq(ledger->open[at].worker, moment->worker);
    ledger->open[at] = ledger->open[--ledger->opened];
}

static void on_moment(void *context, const struct engine_moment *moment)
{
    struct ledger *ledger = context;
    cr_assert(moment->round > ledger->last && moment->round <= ROUNDS + 4, "round %lld behind %lld",
              (long long)moment->round, (long long)ledger->last);
    switch (moment->what) {
    case ENGINE_PLAN_BEGIN: begin_plan(ledger, moment->round); return;
    case ENGINE_TASK_SENT:
        cr_expect_eq(moment->run_ns, 0);
        ledger->round[moment->round].sent[moment->work]++;
        if (!ledger->disturbed)
            ledger->open[ledger->opened++] = *moment;
        return;
    case ENGINE_TASK_DONE:
        cr_expect_geq(moment->run_ns, 0);
        ledger->run_ns += moment->run_ns;
        ledger->tags |= 1u << moment->tag;
        ledger->round[moment->round].done[moment->work]++;
        if (!ledger->disturbed)
            close_task(ledger, moment);
        return;
    default: return;
    }
}

static void on_round(void *context, const struct engine_round *round)
{
    struct ledger *ledger = context;
    cr_expect_eq(round->round, ledger->last + 1);
    ledger->last = round->round;
    ledger->updates += round->own_updates;
    ledger->round[round->round].moves = round->moves;
    ledger->round[round->round].own = round->own_updates;
    if (!ledger->disturbed)
        cr_expect_eq(round->staleness, ledger->round[round->round].staleness);
    for (int64_t i = 0; i < round->moves; i++) {
        cr_expect(round->move[i] >= 0 && round->move[i] < round->layout->variables);
        cr_expect(isfinite(round->delta[i]) && fabs(round->delta[i]) > 0);
    }
    if (round->plan)
        cr_expect_eq(round->plan->draws, round->plan->drawn);
    ledger->moved += round->moves;
    ledger->drawn += round->plan ? round->plan->drawn : 0;
    ledger->joined += round->plan ? round->plan->joined : 0;
}

static struct engine_observer watch_of(struct ledger *ledger)
{
    return (struct engine_observer){ .context = ledger, .details = true, .round = on_round, .moment = on_moment };
}

/* Plays a job of three workers to its end; from `lose` on one is lost every so many steps, and another comes. */
static void watch(const struct rondo_app *app, int32_t pipeline, int lose, struct ledger *ledger)
{
    struct engine_observer observer = watch_of(ledger);
    struct drive_job job = { .app = app, .workers = 3, .rounds = ROUNDS, .pipeline = pipeline, .watch = &observer };
    struct stage *stage = stage_create(&job);
    *ledger = (struct ledger){ .disturbed = lose > 0 };
    for (int i = 0; i < 3; i++)
        stage_join(stage);
    for (int turn = 1; stage_playing(stage) && stage_step(stage, (uint64_t)turn * 5); turn++)
        if (lose && turn % lose == 0 && turn / lose < 4) {
            stage_leave(stage, turn / lose - 1);
            stage_join(stage);
        }
    cr_assert_eq(engine_state(stage_engine(stage)), ENGINE_DONE);
    cr_expect_eq(ledger->last, engine_rounds(stage_engine(stage)));
    cr_expect_eq(ledger->updates, engine_updates(stage_engine(stage)), "%s: the rounds' updates are the job's",
                 app->name);
    stage_destroy(stage);
}

Test(told, tasks_come_back_as_they_went_with_the_time_that_they_took)
{
    static struct ledger ledger;
    int done[WORKS] = { 0 };
    for (int a = 0; a < PATTERNS; a++)
        for (int32_t pipeline = 1; pipeline <= 3; pipeline++) {
            watch(pattern[a], pipeline, 0, &ledger);
            cr_expect_eq(ledger.opened, 0);
            cr_expect_gt(ledger.run_ns, 0);
            if (pattern[a] == &app_reduce)
                cr_expect_eq(ledger.tags, 15, "of its four phases");
            for (int64_t round = 1; round <= ROUNDS; round++)
                for (int w = 0; w < WORKS; w++) {
                    cr_expect_eq(ledger.round[round].sent[w], ledger.round[round].done[w]);
                    done[w] += ledger.round[round].done[w];
                }
        }
    for (int w = 0; w < WORKS; w++)
        cr_expect_gt(done[w], 0, "work %d was nowhere", w);
}

/* Of the app's sampled rounds every update is a move; its sweeps say nothing of theirs. */
Test(told, what_moved_is_told_with_the_round_that_moved_it)
{
    static struct ledger ledger;
    for (int32_t pipeline = 1; pipeline <= 3; pipeline++) {
        watch(&app_reduce, pipeline, 0, &ledger);
        for (int64_t round = 1; round <= ROUNDS; round++)
            cr_expect_eq(ledger.round[round].moves, round % 3 == 1 ? 0 : ledger.round[round].own);
        cr_expect(ledger.moved > 0 && ledger.drawn > 0 && ledger.joined > 0);
        cr_expect_gt(ledger.round[1].own, 0);
    }
}

/* As reduce, but that it says of its sweeps in their first phase, of two, that a variable moved. */
static int feed_early(void *head, struct rondo_head_link *link, int64_t round, int32_t phase,
                      const struct rondo_task *tasks, const struct rondo_bytes *results, int32_t count,
                      struct rondo_order *order)
{
    static const int64_t variables[] = { 5, 6, 7, -1, 1 << 20 };
    static const double delta[] = { 0.5, 0, NAN, 1, 1 };
    if (round % 3 == 1 && phase == 0)
        drive_host()->feed(link, 5, variables, delta, NULL);
    return app_reduce.settle(head, link, round, phase, tasks, results, count, order);
}

Test(told, what_moved_before_a_round_was_given_up_is_forgotten)
{
    static struct ledger ledger;
    struct rondo_app app = app_reduce;
    app.settle = feed_early;
    for (int lose = 0; lose < 150; lose += 3) {
        watch(&app, 2, lose, &ledger);
        for (int64_t round = 1; round <= ROUNDS; round += 3)
            cr_expect_eq(ledger.round[round].moves, 1, "lost at %d, round %lld", lose, (long long)round);
    }
}

/* A job that goes back tells of each round once, and of its tasks what it came to in the end. */
Test(told, rounds_that_are_done_again_are_told_once)
{
    static struct ledger calm, ledger;
    for (int a = 0; a < PATTERNS; a++)
        for (int32_t pipeline = 1; pipeline <= 3; pipeline++) {
            watch(pattern[a], pipeline, 0, &calm);
            for (int lose = 5; lose < 300; lose = lose * 3 / 2) {
                watch(pattern[a], pipeline, lose, &ledger);
                cr_expect_eq(ledger.updates, calm.updates);
                cr_expect_eq(ledger.moved, calm.moved);
                for (int64_t round = 1; round <= ROUNDS; round++)
                    for (int w = 0; w < ENGINE_COUPLE; w++)
                        cr_expect_eq(ledger.round[round].done[w], calm.round[round].done[w],
                                     "%s, pipeline %d, lost at %d: round %lld, work %d", pattern[a]->name, pipeline,
                                     lose, (long long)round, w);
            }
        }
}

/* Stops a job of one worker behind its sixth round: `end` has its checkpoint, and the job goes on from there. */
static void interrupt(struct drive_job *job, struct ledger *ledger, struct drive_end *end)
{
    struct stage *stage = stage_create(job);
    *ledger = (struct ledger){ .last = 0 };
    stage_join(stage);
    while (stage_playing(stage) && engine_rounds(stage_engine(stage)) < 6)
        cr_assert(stage_step(stage, 3));
    engine_stop(stage_engine(stage), "interrupted", true);
    stage_finish(stage);
    stage_look(stage, end);
    cr_assert(end->cut.size > 0 && end->cut_round == ledger->last);
    cr_assert_eq(ledger->updates, engine_updates(stage_engine(stage)));
    stage_destroy(stage);
    job->restore = (struct rondo_bytes){ end->cut.data, end->cut.size };
}

Test(told, a_resumed_job_tells_of_what_is_left)
{
    static struct ledger first, rest;
    for (int a = 0; a < PATTERNS; a++)
        for (int32_t pipeline = 1; pipeline <= 3; pipeline++) {
            struct drive_end end;
            struct engine_observer observer = watch_of(&first), again = watch_of(&rest);
            struct drive_job job = { .app = pattern[a], .rounds = ROUNDS, .pipeline = pipeline, .watch = &observer };
            interrupt(&job, &first, &end);
            job.watch = &again;
            rest = (struct ledger){ .last = end.cut_round, .disturbed = true }; /* planned before */
            struct stage *stage = stage_create(&job);
            stage_join(stage);
            stage_finish(stage);
            cr_expect_eq(rest.last, ROUNDS);
            cr_expect_eq(first.updates + rest.updates, engine_updates(stage_engine(stage)));
            cr_expect_eq(rest.round[end.cut_round + 1].planned, 1, "told as planned, though it was before");
            stage_destroy(stage);
            drive_job_fini(&end);
        }
}

/* The scheduler's mark, "RSCH", and behind it the version: one that an older program has written. */
static unsigned char *scheduler_version(struct rondo_buf *cut)
{
    for (size_t i = 0; i + 8 <= cut->size; i++)
        if (memcmp(cut->data + i, "RSCH", 4) == 0)
            return cut->data + i + 4;
    return NULL;
}

Test(told, a_checkpoint_of_another_version_is_refused_in_words_that_say_so)
{
    struct drive_job job = { .app = &app_reduce, .rounds = 6, .pipeline = 3 };
    struct drive_end end;
    struct stage *stage = stage_create(&job);
    stage_join(stage);
    stage_finish(stage);
    stage_look(stage, &end);
    stage_destroy(stage);
    unsigned char *version = scheduler_version(&end.cut);
    cr_assert_not_null(version);
    (*version)--;
    job.restore = (struct rondo_bytes){ end.cut.data, end.cut.size };
    stage = stage_create(&job);
    stage_join(stage);
    cr_assert_eq(engine_state(stage_engine(stage)), ENGINE_FAILED);
    cr_assert_eq(engine_error(stage_engine(stage))->code, RONDO_ESTATE);
    cr_assert(strstr(engine_error(stage_engine(stage))->what, "another version"), "%s",
              engine_error(stage_engine(stage))->what);
    stage_destroy(stage);
    drive_job_fini(&end);
}

/* Stopped before a worker came: what it says of itself is what its checkpoint says. */
Test(told, a_resumed_job_that_is_stopped_before_it_begins_is_where_it_was)
{
    for (int a = 0; a < PATTERNS; a++) {
        static struct ledger ledger;
        struct drive_end end;
        struct engine_observer observer = watch_of(&ledger);
        struct drive_job job = { .app = pattern[a], .rounds = ROUNDS, .pipeline = 2, .watch = &observer };
        interrupt(&job, &ledger, &end);
        int64_t updates = ledger.updates;
        ledger = (struct ledger){ .last = end.cut_round, .disturbed = true };
        struct stage *stage = stage_create(&job);
        engine_stop(stage_engine(stage), "interrupted", true);
        cr_assert_eq(engine_state(stage_engine(stage)), ENGINE_DONE);
        cr_assert_eq(engine_rounds(stage_engine(stage)), end.cut_round);
        cr_assert_eq(engine_updates(stage_engine(stage)), updates);
        stage_destroy(stage);
        drive_job_fini(&end);
    }
}

static void expect_no_details(void *context, const struct engine_round *round)
{
    *(int64_t *)context += round->own_updates;
    cr_expect(round->moves == 0 && (!round->plan || round->plan->draws == 0));
}

static void nothing(void *context RONDO_UNUSED, const struct engine_moment *moment RONDO_UNUSED)
{
}

Test(told, no_details_where_nobody_wants_them)
{
    int64_t updates = 0;
    struct engine_observer observer = { .context = &updates, .round = expect_no_details, .moment = nothing };
    struct drive_job job = { .app = &app_reduce, .watch = &observer };
    struct stage *stage = stage_create(&job);
    stage_join(stage);
    stage_finish(stage);
    cr_expect_eq(updates, engine_updates(stage_engine(stage)));
    cr_expect_gt(updates, 0);
    stage_destroy(stage);
}

static int count_part(void *context, const struct rondo_part *part)
{
    int64_t *count = context;
    cr_expect(part->count == 2 && part->members[1] == 7);
    return ++*count == 2 ? RONDO_ESTATE : RONDO_OK;
}

static int two_parts(const void *problem RONDO_UNUSED, int (*tell)(void *context, const struct rondo_part *part),
                     void *context)
{
    static const int64_t members[] = { 3, 7 };
    struct rondo_part part = { .kind = RONDO_PART_SHARD, .tag = -1, .count = 2, .members = members };
    for (int i = 0; i < 3; i++) {
        int code = tell(context, &part);
        if (code)
            return code;
    }
    return RONDO_OK;
}

Test(told, parts_are_the_apps_and_what_tell_answers_is_passed_on)
{
    struct rondo_app app = app_reduce;
    for (int i = 0; i < 3; i++) {
        int64_t count = 0;
        app.parts = i ? two_parts : NULL;
        app.size = i == 2 ? (uint32_t)offsetof(struct rondo_app, parts) : (uint32_t)sizeof app;
        struct drive_job job = { .app = &app };
        struct stage *stage = stage_create(&job);
        cr_expect_eq(engine_parts(stage_engine(stage), count_part, &count), i == 1 ? RONDO_ESTATE : RONDO_OK);
        cr_expect_eq(count, i == 1 ? 2 : 0);
        cr_expect_eq(engine_layout(stage_engine(stage))->variables, app_reduce_shape.columns);
        stage_destroy(stage);
    }
}

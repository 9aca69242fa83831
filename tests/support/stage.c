#include "tests/support/stage.h"

#include "core/base/mem.h"
#include "workers/worker.h"

#include <assert.h>
#include <string.h>

/* Messages in one direction, first come first served. */
struct line {
    struct message *item; /* [capacity] */
    size_t head, count, capacity;
};

struct actor {
    struct net_link link; /* first */
    struct stage *stage;
    struct worker *worker;
    struct line down, up;
    bool present;
};

struct stage {
    struct drive_job job;
    void *problem;
    struct engine *engine;
    struct actor actor[STAGE_SEATS];
    int32_t actors;
    struct rondo_buf cut;
    int64_t cut_round;
    int cuts, released;
    bool concluded;
};

static void line_put(struct line *line, const struct message *message)
{
    if (line->head + line->count == line->capacity) {
        size_t room = 2 * (line->head + line->count) + 16;
        line->item = mem_regrow(line->item, line->capacity * sizeof *line->item,
                                room * sizeof *line->item);
        assert(line->item);
        line->capacity = room;
    }
    line->item[line->head + line->count++] = *message;
}

static bool line_get(struct line *line, struct message *message)
{
    if (!line->count)
        return false;
    *message = line->item[line->head++];
    if (--line->count == 0)
        line->head = 0;
    return true;
}

static void line_clear(struct stage *stage, struct line *line)
{
    struct message_codec codec = { stage->job.app, stage->problem, NULL };
    struct message message;
    while (line_get(line, &message))
        message_discard(&message, &codec);
}

static int actor_receive(struct net_link *link, struct message *message)
{
    return line_get(&((struct actor *)link)->down, message);
}

static int actor_send(struct net_link *link, struct message *message)
{
    line_put(&((struct actor *)link)->up, message);
    return RONDO_OK;
}

static void actor_wait(struct net_link *link RONDO_UNUSED, bool (*ready)(void *) RONDO_UNUSED,
                      void *context RONDO_UNUSED)
{
}

static void keep_cut(void *context, int64_t round,
                          const char *ended RONDO_UNUSED, struct rondo_bytes cut)
{
    struct stage *stage = context;
    if (stage->cuts++)
        return;
    stage->cut_round = round;
    if (buf_append(&stage->cut, cut.data, cut.size))
        stage->cut_round = -1;
}

/* Said from within the engine: the lines are emptied behind it. */
static void let_go(void *context, int32_t worker, const char *why RONDO_UNUSED)
{
    struct stage *stage = context;
    stage->actor[worker].present = false;
    stage->released++;
}

static void watch_round(void *context, const struct engine_round *round)
{
    const struct engine_observer *watch = ((struct stage *)context)->job.watch;
    watch->round(watch->context, round);
}

static void watch_moment(void *context, const struct engine_moment *moment)
{
    const struct engine_observer *watch = ((struct stage *)context)->job.watch;
    watch->moment(watch->context, moment);
}

struct stage *stage_create(const struct drive_job *job)
{
    struct stage *stage = mem_calloc(1, sizeof *stage);
    assert(stage);
    stage->job = *job;
    int code = job->app->open(drive_host(), NULL, &stage->problem, NULL);
    assert(!code);
    struct engine_options options = drive_engine_options(job, stage->problem);
    options.together = false; /* each message goes where the test says */
    struct engine_observer observer = { .context = stage, .checkpoint = keep_cut,
                                        .released = let_go };
    if (job->watch) {
        observer.details = job->watch->details;
        observer.done_only = job->watch->done_only;
        observer.round = watch_round;
        observer.moment = watch_moment;
    }
    code = engine_create(&options, &observer, &stage->engine, NULL);
    assert(!code);
    if (job->restore.size)
        code = engine_restore(stage->engine, job->restore, NULL, NULL);
    assert(!code);
    return stage;
}

void stage_destroy(struct stage *stage)
{
    for (int32_t i = 0; i < stage->actors; i++) {
        line_clear(stage, &stage->actor[i].down);
        line_clear(stage, &stage->actor[i].up);
        mem_free(stage->actor[i].down.item);
        mem_free(stage->actor[i].up.item);
    }
    engine_destroy(stage->engine);
    for (int32_t i = 0; i < stage->actors; i++)
        worker_destroy(stage->actor[i].worker);
    stage->job.app->close(stage->problem);
    buf_fini(&stage->cut);
    mem_free(stage);
}

struct engine *stage_engine(struct stage *stage)
{
    return stage->engine;
}

/* What the engine wants said goes into the workers' lines. */
static void flush(struct stage *stage)
{
    struct message_codec codec = { stage->job.app, stage->problem, NULL };
    struct message message;
    int32_t worker;
    while (engine_outgoing(stage->engine, &worker, &message)) {
        if (stage->actor[worker].present)
            line_put(&stage->actor[worker].down, &message);
        else
            message_discard(&message, &codec);
    }
    for (int32_t i = 0; i < stage->actors; i++)
        if (!stage->actor[i].present) {
            line_clear(stage, &stage->actor[i].down);
            line_clear(stage, &stage->actor[i].up);
        }
}

int32_t stage_join(struct stage *stage)
{
    static const struct net_link_ops ops = { actor_receive, actor_send, actor_wait, NULL };
    int32_t number = stage->actors++;
    assert(number < STAGE_SEATS);
    struct actor *actor = &stage->actor[number];
    struct engine_options options = drive_engine_options(&stage->job, stage->problem);
    *actor = (struct actor){ .link = { &ops }, .stage = stage, .present = true };
    struct worker_options worker = { .app = stage->job.app, .problem = stage->problem,
                                     .seed = options.schedule.seed, .link = &actor->link };
    int code = worker_create(&worker, &actor->worker, NULL);
    assert(!code);
    (void)code;
    engine_join(stage->engine, number);
    flush(stage);
    return number;
}

void stage_leave(struct stage *stage, int32_t worker)
{
    struct actor *actor = &stage->actor[worker];
    actor->present = false;
    line_clear(stage, &actor->down);
    line_clear(stage, &actor->up);
    engine_leave(stage->engine, worker);
    flush(stage);
}

void stage_release(struct stage *stage, int32_t worker)
{
    engine_release(stage->engine, worker);
    flush(stage);
}

int stage_released(const struct stage *stage)
{
    return stage->released;
}

bool stage_present(const struct stage *stage, int32_t worker)
{
    return worker < stage->actors && stage->actor[worker].present;
}

void stage_say(struct stage *stage, int32_t worker, struct message message)
{
    engine_message(stage->engine, worker, &message);
    flush(stage);
}

bool stage_step(struct stage *stage, uint64_t draw)
{
    uint64_t choices = 0;
    for (int32_t i = 0; i < stage->actors; i++)
        choices += (stage->actor[i].down.count ? 1u : 0u) + (stage->actor[i].up.count ? 1u : 0u);
    if (!choices)
        return false;
    uint64_t choice = draw % choices;
    for (int32_t i = 0; i < stage->actors; i++) {
        struct actor *actor = &stage->actor[i];
        struct message message;
        if (actor->down.count && choice-- == 0)
            return worker_step(actor->worker) == 1;
        if (actor->up.count && choice-- == 0) {
            line_get(&actor->up, &message);
            stage_say(stage, i, message);
            return true;
        }
    }
    return true;
}

bool stage_playing(const struct stage *stage)
{
    enum engine_state state = engine_state(stage->engine);
    return state == ENGINE_WAITING || state == ENGINE_RUNNING;
}

void stage_finish(struct stage *stage)
{
    for (uint64_t turn = 0; stage_playing(stage) && stage_step(stage, turn); turn++)
        ;
}

void stage_look(struct stage *stage, struct drive_end *end)
{
    struct engine *engine = stage->engine;
    *end = (struct drive_end){ .state = engine_state(engine), .rounds = engine_rounds(engine),
                               .updates = engine_updates(engine), .cut_round = stage->cut_round };
    snprintf(end->stop_reason, sizeof end->stop_reason, "%s", engine_stop_reason(engine));
    end->error = *engine_error(engine);
    end->code = end->state == ENGINE_FAILED ? end->error.code : RONDO_OK;
    if (end->state == ENGINE_DONE && engine_head(engine) && !stage->concluded) {
        stage->concluded = true;
        end->code = drive_conclude(engine, stage->job.app, end);
    }
    if (!end->code)
        end->code = stage->job.app->head.pack(stage->problem, engine_head(engine), &end->head);
    if (!end->code)
        end->code = buf_append(&end->cut, stage->cut.data, stage->cut.size);
}

int stage_cuts(const struct stage *stage)
{
    return stage->cuts;
}

#include "tests/support/drive_job.h"

#include "apps/host.h"
#include "core/base/mem.h"
#include "embed/cluster.h"

#include <pthread.h>
#include <string.h>

struct drive {
    const struct drive_job *job;
    struct drive_end *end;
    struct engine *engine;
    struct cluster *cluster;
    uint64_t count_begin;
};

static struct rondo_host the_host;

static void fill_host(void)
{
    static const struct host_upcalls upcalls = { engine_feed, engine_feed_all, engine_block,
                                                 NULL };
    host_init(&the_host, &upcalls);
}

const struct rondo_host *drive_host(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fill_host);
    return &the_host;
}

struct engine_options drive_engine_options(const struct drive_job *job, const void *problem)
{
    return (struct engine_options){
        .app = job->app, .host = drive_host(), .problem = problem,
        .schedule = { .blocks = 4, .block_size = 4, .candidates = 64, .rule = RULE_GRADIENT,
                      .check = job->app->couple ? CHECK_CORRELATION : CHECK_NONE,
                      .coupled = COUPLED_SOLVE, .threshold = 0.3, .seed = 11,
                      .pipeline = job->pipeline ? job->pipeline : 1, .cache_bytes = 1 << 20 },
        .workers = job->workers ? job->workers : 1,
        .round_limit = job->rounds ? job->rounds : 12,
        .snapshot_rounds = job->snapshot_rounds ? job->snapshot_rounds : 4,
    };
}

static void on_round(void *context, const struct engine_round *round)
{
    struct drive *drive = context;
    const struct drive_job *job = drive->job;
    drive->end->told++;
    if (round->phases > drive->end->phases_most)
        drive->end->phases_most = round->phases;
    if (round->round == job->count_from)
        drive->count_begin = mem_count();
    if (round->round == job->count_to)
        drive->end->allocations = mem_count() - drive->count_begin;
    for (int i = 0; i < DRIVE_LOSSES; i++)
        if (job->loss[i].round == round->round)
            cluster_take_away(drive->cluster, job->loss[i].worker);
    if (round->round != job->checkpoint_round)
        return;
    if (job->stop_there)
        engine_stop(drive->engine, "interrupted", true);
    else
        engine_checkpoint(drive->engine);
}

static void on_checkpoint(void *context, int64_t round,
                          const char *ended RONDO_UNUSED, struct rondo_bytes cut)
{
    struct drive_end *end = ((struct drive *)context)->end;
    if (end->cut_round)
        return;
    end->cut_round = round;
    if (buf_append(&end->cut, cut.data, cut.size))
        end->code = RONDO_ENOMEM;
}

static int turn(struct drive *drive, struct net_hub *hub)
{
    struct net_event event;
    struct message message;
    int32_t worker;
    int code = hub->ops->receive(hub, &event);
    if (code)
        return code;
    switch (event.type) {
    case NET_NOTHING: hub->ops->wait(hub, INT64_C(100000000)); return RONDO_OK;
    case NET_JOINED: engine_join(drive->engine, event.worker); break;
    case NET_LEFT: engine_leave(drive->engine, event.worker); break;
    case NET_MESSAGE: engine_message(drive->engine, event.worker, &event.message); break;
    }
    while (!code && engine_outgoing(drive->engine, &worker, &message))
        code = hub->ops->send(hub, worker, &message);
    return code;
}

static bool running(const struct drive *drive)
{
    enum engine_state state = engine_state(drive->engine);
    return state == ENGINE_WAITING || state == ENGINE_RUNNING;
}

static int play(struct drive *drive, const void *problem)
{
    const struct drive_job *job = drive->job;
    struct drive_end *end = drive->end;
    struct engine_observer observer = { .context = drive, .round = on_round,
                                        .checkpoint = on_checkpoint };
    struct engine_options options = drive_engine_options(job, problem);
    struct cluster_options cluster = { .app = job->app, .problem = problem,
                                       .workers = options.workers, .seed = options.schedule.seed,
                                       .encoded = job->encoded };
    int code = engine_create(&options, &observer, &drive->engine, &end->error);
    if (!code && job->restore.size)
        code = engine_restore(drive->engine, job->restore, NULL, &end->error);
    if (!code)
        code = cluster_start(&cluster, &drive->cluster, &end->error);
    while (!code && running(drive))
        code = turn(drive, cluster_hub(drive->cluster));
    if (code)
        rondo_error_set(&end->error, code, NULL, NULL, "it ended by: %s", rondo_strerror(code));
    cluster_stop(drive->cluster);
    return code;
}

static int look_at(struct drive *drive, const void *problem)
{
    struct drive_end *end = drive->end;
    const struct rondo_app *app = drive->job->app;
    struct rondo_report report = { 0 };
    end->state = engine_state(drive->engine);
    end->rounds = engine_rounds(drive->engine);
    end->updates = engine_updates(drive->engine);
    snprintf(end->stop_reason, sizeof end->stop_reason, "%s", engine_stop_reason(drive->engine));
    if (end->state == ENGINE_FAILED) {
        end->error = *engine_error(drive->engine);
        return end->error.code ? end->error.code : RONDO_EAPP;
    }
    if (app->report)
        app->report(engine_head(drive->engine), &report);
    end->objective = report.objective;
    return app->head.pack(problem, engine_head(drive->engine), &end->head);
}

void drive_job(const struct drive_job *job, struct drive_end *end)
{
    struct drive drive = { .job = job, .end = end };
    void *problem = NULL;
    *end = (struct drive_end){ 0 };
    int code = job->app->open(drive_host(), NULL, &problem, &end->error);
    if (!code)
        code = play(&drive, problem);
    if (!code)
        code = look_at(&drive, problem);
    end->code = end->code ? end->code : code;
    engine_destroy(drive.engine);
    cluster_destroy(drive.cluster);
    if (problem)
        job->app->close(problem);
}

void drive_job_fini(struct drive_end *end)
{
    buf_fini(&end->head);
    buf_fini(&end->cut);
}

bool drive_job_same(const struct drive_end *a, const struct drive_end *b)
{
    return a->code == RONDO_OK && b->code == RONDO_OK && a->rounds == b->rounds
           && a->updates == b->updates && strcmp(a->stop_reason, b->stop_reason) == 0
           && a->head.size == b->head.size
           && memcmp(a->head.data, b->head.data, a->head.size) == 0;
}

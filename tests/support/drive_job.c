#include "tests/support/drive_job.h"

#include "core/base/mem.h"
#include "embed/cluster.h"
#include "tests/support/remote_cluster.h"

#include <string.h>

struct drive {
    const struct drive_job *job;
    struct drive_end *end;
    struct engine *engine;
    struct cluster *cluster;       /* one of the two */
    struct remote_cluster *remote;
    uint64_t count_begin;
};

static void take_away(struct drive *drive, int32_t worker)
{
    if (drive->remote)
        remote_cluster_take_away(drive->remote, worker);
    else
        cluster_take_away(drive->cluster, worker);
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
            take_away(drive, job->loss[i].worker);
    if (round->round != job->checkpoint_round)
        return;
    if (job->stop_there)
        engine_stop(drive->engine, "interrupted", true);
    else
        engine_checkpoint(drive->engine);
}

static void on_checkpoint(void *context, int64_t round, const char *ended, struct rondo_bytes cut)
{
    struct drive_end *end = ((struct drive *)context)->end;
    if (end->cut_round)
        return;
    end->cut_round = round;
    end->cut_ended = ended;
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
    case NET_RECALLED: engine_release(drive->engine, event.worker); break;
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

static int start(struct drive *drive, const void *problem, const struct engine_options *options)
{
    const struct drive_job *job = drive->job;
    struct cluster_options cluster = { .app = job->app, .problem = problem,
                                       .workers = options->workers, .seed = options->schedule.seed,
                                       .encoded = job->encoded };
    struct remote_cluster_options remote = { .app = job->app, .problem = problem,
                                             .url = job->remote, .workers = options->workers,
                                             .seats = job->seats, .seed = options->schedule.seed };
    return job->remote ? remote_cluster_start(&remote, &drive->remote, &drive->end->error)
                       : cluster_start(&cluster, &drive->cluster, &drive->end->error);
}

static int play(struct drive *drive, const void *problem)
{
    const struct drive_job *job = drive->job;
    struct drive_end *end = drive->end;
    struct engine_observer observer = { .context = drive, .round = on_round,
                                        .details = job->watch && job->watch->details,
                                        .checkpoint = job->no_checkpoints ? NULL : on_checkpoint };
    struct engine_options options = drive_engine_options(job, problem);
    int code = engine_create(&options, &observer, &drive->engine, &end->error);
    if (!code && job->restore.size)
        code = engine_restore(drive->engine, job->restore, NULL, &end->error);
    if (!code)
        code = start(drive, problem, &options);
    struct net_hub *hub = code ? NULL : drive->remote ? remote_cluster_hub(drive->remote)
                                                      : cluster_hub(drive->cluster);
    while (!code && running(drive))
        code = turn(drive, hub);
    if (code)
        rondo_error_set(&end->error, code, NULL, NULL, "it ended by: %s", rondo_strerror(code));
    cluster_stop(drive->cluster);
    remote_cluster_stop(drive->remote);
    return code;
}

static int look_at(struct drive *drive, const void *problem)
{
    struct drive_end *end = drive->end;
    const struct rondo_app *app = drive->job->app;
    end->state = engine_state(drive->engine);
    end->rounds = engine_rounds(drive->engine);
    end->updates = engine_updates(drive->engine);
    snprintf(end->stop_reason, sizeof end->stop_reason, "%s", engine_stop_reason(drive->engine));
    if (end->state == ENGINE_FAILED) {
        end->error = *engine_error(drive->engine);
        return end->error.code ? end->error.code : RONDO_EAPP;
    }
    int code = drive_conclude(drive->engine, app, end);
    return code ? code : app->head.pack(problem, engine_head(drive->engine), &end->head);
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
    remote_cluster_destroy(drive.remote);
    if (problem)
        job->app->close(problem);
}

void drive_job_fini(struct drive_end *end)
{
    buf_fini(&end->head);
    buf_fini(&end->cut);
}

static bool same_report(const struct rondo_report *a, const struct rondo_report *b)
{
    bool same = a->count == b->count && memcmp(&a->objective, &b->objective, sizeof a->objective) == 0;
    for (int32_t i = 0; i < a->count && same; i++)
        same = memcmp(&a->metric[i].value, &b->metric[i].value, sizeof a->metric[i].value) == 0;
    return same;
}

bool drive_job_same(const struct drive_end *a, const struct drive_end *b)
{
    return a->code == RONDO_OK && b->code == RONDO_OK && a->rounds == b->rounds
           && a->updates == b->updates && strcmp(a->stop_reason, b->stop_reason) == 0
           && a->head.size == b->head.size && same_report(&a->report, &b->report)
           && memcmp(a->head.data, b->head.data, a->head.size) == 0;
}

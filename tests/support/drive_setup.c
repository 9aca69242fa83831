/* drive_setup.c - what drive_job and stage begin with. */
#include "tests/support/drive_job.h"

#include "apps/host.h"

#include <pthread.h>
#include <string.h>

static struct rondo_host the_host;

static void fill_host(void)
{
    static const struct host_upcalls upcalls = { engine_feed, engine_feed_all, engine_block,
                                                 engine_shard, NULL };
    host_init(&the_host, &upcalls);
}

const struct rondo_host *drive_host(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fill_host);
    return &the_host;
}

int drive_conclude(struct engine *engine, const struct rondo_app *app, struct drive_end *end)
{
    int code = strcmp(end->stop_reason, "interrupted") == 0 ? RONDO_OK
                                                            : engine_conclude(engine, &end->error);
    if (app->report)
        app->report(engine_head(engine), &end->report);
    end->objective = end->report.objective;
    return code;
}

struct engine_options drive_engine_options(const struct drive_job *job, const void *problem)
{
    return (struct engine_options){
        .app = job->app, .host = drive_host(), .problem = problem,
        .schedule = { .blocks = 4, .block_size = 4, .candidates = 64, .rule = RULE_GRADIENT,
                      .check = job->app->couple ? CHECK_CORRELATION : CHECK_NONE,
                      .coupled = COUPLED_SOLVE, .threshold = 0.3, .seed = 11,
                      .pipeline = job->pipeline ? job->pipeline : 1,
                      .record = job->watch && job->watch->details, .cache_bytes = 1 << 20 },
        .workers = job->workers ? job->workers : 1,
        .patient = job->patient, .together = !job->remote,
        .round_limit = job->rounds ? job->rounds : 12,
        .snapshot_rounds = job->snapshot_rounds ? job->snapshot_rounds : 4,
    };
}

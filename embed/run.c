/* run.c - one job in this process: the workers are threads. */
#include "apps/host.h"
#include "coordinator/stages.h"
#include "core/job/job.h"
#include "embed/cluster.h"

#include <rondo/rondo.h>

#ifndef RONDO_VERSION
#define RONDO_VERSION "unknown"
#endif

struct run {
    const struct rondo_job *job;
    const struct rondo_run_options *options;
    struct cluster *cluster;
};

const char *rondo_version(void)
{
    return RONDO_VERSION;
}

static int start(void *context, const struct stages_view *view, int32_t *workers,
                 struct net_hub **hub, struct rondo_error *err)
{
    struct run *run = context;
    struct cluster_options options = {
        .app = view->app, .problem = view->problem, .job = run->job, .workers = run->options->workers,
        .seed = (uint64_t)job_integer(run->job, "seed"), .encoded = run->options->encoded,
        .team = host_team(run->job), .chore = view->chore,
    };
    int code = cluster_start(&options, &run->cluster, err);
    if (code)
        return code;
    *workers = run->options->workers;
    *hub = cluster_hub(run->cluster);
    return RONDO_OK;
}

static void stop(void *context)
{
    struct run *run = context;
    cluster_stop(run->cluster);
}

static void destroy(void *context)
{
    struct run *run = context;
    cluster_destroy(run->cluster);
}

static void committed(void *context, int64_t round, int64_t updates)
{
    struct run *run = context;
    const struct rondo_run_options *options = run->options;
    if (options->committed)
        options->committed(options->context, round, updates);
    if (round == options->lose_round && round > 0) /* the test's hook */
        cluster_take_away(run->cluster, options->lose_worker);
}

static const char *asked(void *context)
{
    const struct run *run = context;
    return run->options->interrupted && *run->options->interrupted ? "interrupted" : NULL;
}

static void progress(void *context, double seconds, int64_t round,
                     const struct rondo_report *report)
{
    const struct run *run = context;
    if (run->options->progress)
        run->options->progress(run->options->context, seconds, round, report);
}

int rondo_run(struct rondo_job *job, const struct rondo_run_options *options,
              struct rondo_run_outcome *outcome, struct rondo_error *err)
{
    struct run run = { .job = job, .options = options };
    struct stages_options stages = {
        .dir = options->dir, .resume = options->resume, .force = options->force,
        .threads = options->workers,
        .workers = { .context = &run, .together = true, .start = start, .stop = stop, .destroy = destroy,
                     .round = committed },
        .context = &run, .asked = asked, .progress = progress,
    };
    return stages_run(job, &stages, outcome, err);
}

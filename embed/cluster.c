#include "embed/cluster.h"

#include "apps/contract.h"
#include "core/base/mem.h"
#include "workers/worker.h"

#include <pthread.h>
#include <signal.h>

struct member {
    struct worker *worker;
    pthread_t thread;
    bool started;
};

struct cluster {
    struct loop *loop;
    struct house *house; /* NULL: each worker has its own shards */
    struct member *member; /* [workers] */
    int32_t workers;
};

static void *live(void *context)
{
    worker_loop(context);
    return NULL;
}

static int lent_step(void *context)
{
    return worker_step(context) > 0;
}

static bool lent_open(void *context)
{
    return worker_open(context);
}

/* Signals are for the coordinator's thread. */
static int start_thread(struct member *member, struct rondo_error *err)
{
    sigset_t all, old;
    sigfillset(&all);
    sigdelset(&all, SIGBUS); /* of its own reads: core/data/mapping.h */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int failed = pthread_create(&member->thread, NULL, live, member->worker);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (failed)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "a worker thread cannot be started");
    member->started = true;
    return RONDO_OK;
}

/* Where blocks travel, shards go to whoever is idle. */
static int share_shards(struct cluster *cluster, const struct cluster_options *options)
{
    struct rondo_layout layout = { 0 };
    options->app->layout(options->problem, &layout);
    return layout.shards > 0 && contract_rotates(options->app, &layout)
               ? house_create(options->app, options->problem, layout.shards, &cluster->house)
               : RONDO_OK;
}

static int start_members(struct cluster *cluster, const struct cluster_options *options,
                         struct rondo_error *err)
{
    int code = share_shards(cluster, options);
    for (int32_t i = 0; i < options->workers && !code; i++) {
        struct worker_options worker = { .app = options->app, .problem = options->problem,
                                         .job = options->job,
                                         .seed = options->seed, .house = cluster->house,
                                         .link = loop_link(cluster->loop, i),
                                         .team = options->team,
                                         .chore = i ? options->chore : (struct chore){ 0 } };
        code = worker_create(&worker, &cluster->member[i].worker, err);
    }
    for (int32_t i = 1; i < options->workers && !code; i++)
        code = start_thread(&cluster->member[i], err);
    if (!code)
        loop_lend(cluster->loop, lent_step, lent_open, cluster->member[0].worker);
    return code;
}

int cluster_start(const struct cluster_options *options, struct cluster **out,
                  struct rondo_error *err)
{
    struct cluster *cluster = mem_calloc(1, sizeof *cluster);
    if (!cluster)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for workers");
    struct loop_options loop = { .workers = options->workers, .encoded = options->encoded,
                                 .app = options->app, .problem = options->problem };
    cluster->workers = options->workers;
    cluster->member = mem_calloc((size_t)options->workers, sizeof *cluster->member);
    int code = cluster->member ? loop_create(&loop, &cluster->loop, err)
                               : rondo_error_set(err, RONDO_ENOMEM, NULL, NULL,
                                                 "no memory for workers");
    if (!code)
        code = start_members(cluster, options, err);
    if (code) {
        cluster_stop(cluster);
        cluster_destroy(cluster);
        return code;
    }
    *out = cluster;
    return RONDO_OK;
}

struct net_hub *cluster_hub(struct cluster *cluster)
{
    return loop_hub(cluster->loop);
}

void cluster_take_away(struct cluster *cluster, int32_t worker)
{
    loop_take_away(cluster->loop, worker);
}

void cluster_stop(struct cluster *cluster)
{
    if (!cluster || !cluster->loop)
        return;
    loop_close(cluster->loop);
    for (int32_t i = 0; i < cluster->workers; i++)
        if (cluster->member[i].started)
            pthread_join(cluster->member[i].thread, NULL);
    loop_drain(cluster->loop);
    for (int32_t i = 0; i < cluster->workers; i++)
        worker_forget(cluster->member[i].worker); /* the cut has it all; its room is the model's */
}

void cluster_destroy(struct cluster *cluster)
{
    if (!cluster)
        return;
    for (int32_t i = 0; cluster->member && i < cluster->workers; i++)
        worker_destroy(cluster->member[i].worker);
    house_destroy(cluster->house);
    loop_destroy(cluster->loop);
    mem_free(cluster->member);
    mem_free(cluster);
}

/* cluster.h - coordinator and workers in one process: the loop transport, a thread for each worker
 * but the first, which borrows the coordinator's.
 *
 * Place:   embed, floor 4; the one place that knows both coordinator/ and workers/.
 * Threads: the caller's is the coordinator's.
 */
#ifndef CLUSTER_H
#define CLUSTER_H

#include "core/base/chore.h"
#include "core/net/loop.h"

struct cluster;

struct cluster_options {
    const struct rondo_app *app;
    const void *problem;
    const struct rondo_job *job;
    int32_t workers;
    struct team *team; /* that they join (workers/worker.h); NULL: none */
    struct chore chore; /* of the workers that have a thread of their own */
    uint64_t seed;
    bool encoded;
};

int cluster_start(const struct cluster_options *options, struct cluster **cluster,
                  struct rondo_error *err) RONDO_MUST_CHECK;
struct net_hub *cluster_hub(struct cluster *cluster);
/* As loop_take_away. */
void cluster_take_away(struct cluster *cluster, int32_t worker);
/* Ends the threads and discards messages on their way; the engine may go now. */
void cluster_stop(struct cluster *cluster);
/* When the engine has gone. */
void cluster_destroy(struct cluster *cluster);

#endif

/* remote_cluster.h - coordinator and workers in one process, but over connections.
 *
 * Place:   tests/support; what service/ and workers/agent.c do, without jobs and sessions to choose.
 * Threads: the caller's is the coordinator's; each seat has its own.
 * Memory:  as embed/cluster.h: stop, then the engine goes, then destroy.
 */
#ifndef REMOTE_CLUSTER_H
#define REMOTE_CLUSTER_H

#include "core/net/remote.h"

struct remote_cluster;

struct remote_cluster_options {
    const struct rondo_app *app;
    const void *problem;
    const char *url;      /* of the gate */
    int32_t workers;
    int32_t seats;        /* of each process; 0: 1 */
    uint64_t seed;
};

int remote_cluster_start(const struct remote_cluster_options *options,
                         struct remote_cluster **cluster, struct rondo_error *err) RONDO_MUST_CHECK;
struct net_hub *remote_cluster_hub(struct remote_cluster *cluster);
/* The process of that worker goes, with all its seats. */
void remote_cluster_take_away(struct remote_cluster *cluster, int32_t worker);
void remote_cluster_stop(struct remote_cluster *cluster);
void remote_cluster_destroy(struct remote_cluster *cluster);

#endif

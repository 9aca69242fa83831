/* agent.h - a worker process: it dials the coordinator, takes in one job after another, and dials
 * again when it was cut off.
 *
 * Place:   workers, floor 3; driven by `rondo worker`.
 * Threads: the caller's is the agent's; a stay has its own, the transport too.
 * Memory:  everything is freed when it returns.
 */
#ifndef AGENT_H
#define AGENT_H

#include "core/job/job.h"
#include "core/net/conn.h"

#include <signal.h>

struct agent_options {
    const char *url, *token;
    const struct conn_tls *tls;  /* NULL but for tls+tcp */
    struct frame_who who;        /* threads: how many workers in this process */
    const char *cache;           /* folder for data files that are fetched */
    const char *shelf;           /* folder of parsed matrices, or NULL: core/data/shelf.h */
    const struct job_apps *apps;
    double patience;             /* seconds without a coordinator until it gives up */
    /* Set by a signal handler: 1: leave when that costs nothing; more: leave now. */
    volatile const sig_atomic_t *leave;
};

/* Serves until it is told to leave: RONDO_OK.  RONDO_EREFUSED: refused for good, or nobody there for
 * as long as patience lasts. */
int agent_run(const struct agent_options *options, struct rondo_error *err);

#endif

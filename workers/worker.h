/* worker.h - a worker's life: take a message, do it, answer.
 *
 * Place:   workers, floor 3; driven by embed/ (a thread of one process) and, later, by a process of
 *          its own.  Never includes the coordinator.
 * Threads: a worker belongs to one thread at a time.
 * Memory:  the problem is shared and immutable; states and scratch are the worker's own.
 */
#ifndef WORKER_H
#define WORKER_H

#include "core/base/chore.h"
#include "core/base/team.h"
#include "core/net/net.h"
#include "workers/house.h"

struct worker;

struct worker_options {
    const struct rondo_app *app;
    const void *problem; /* borrowed, outlives the worker */
    const struct rondo_job *job; /* whose data must stay what they are (host_intact); NULL: it has none */
    uint64_t seed;
    struct house *house; /* of shards that it shares with others, outlives it; NULL: its own */
    struct net_link *link;
    struct team *team; /* of the job's threads in this process, joined until worker_destroy; NULL: none */
    struct chore chore; /* done where there is no message and no part; outlives the worker's last step */
};

int worker_create(const struct worker_options *options, struct worker **worker,
                  struct rondo_error *err) RONDO_MUST_CHECK;
/* When nobody holds a parcel that it made. */
void worker_destroy(struct worker *worker);
/* Holds no states any more; of a worker whose loop has ended.  NULL allowed. */
void worker_forget(struct worker *worker);

/* Does the next message, and where there is none a part of what another of the team shares, or a little
 * of the chore: 1 done, 0 nothing to do, negative: the link is gone. */
int worker_step(struct worker *worker);
/* Is there such a part, or some of the chore? */
bool worker_open(struct worker *worker);

/* Steps and rests until the link is gone. */
void worker_loop(struct worker *worker);

#endif

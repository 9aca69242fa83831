/* service.h - the coordinator as a process: START HERE.
 *
 * Place:   service, floor 4; driven by `rondo coordinator`.
 * Threads: the caller's is the service's: it begins jobs and reaps them.  Each running job has a
 *          thread of its own, which is the coordinator's thread of `rondo run`; HTTP and the transport
 *          have theirs.
 * Memory:  everything is freed when it returns.
 *
 *     http.c    a spec comes in                 -> jobs.c    it is on the disk
 *     service.c there is room for another job   -> a thread: stages_run (coordinator/stages.c)
 *     roster.c  workers come and go             -> deal.c    who serves which job
 *                                               -> crew.c    the hub that the job's engine talks to
 */
#ifndef SERVICE_H
#define SERVICE_H

#include "core/net/conn.h"

#include <signal.h>

enum { SERVICE_ROOTS = 64 };

struct service_options {
    const char *listen, *http;  /* URL for workers; host:port for clients */
    const char *state;          /* folder: jobs.db, jobs/ID/ */
    const char *shelf;          /* folder of parsed matrices, or NULL: core/data/shelf.h */
    const char *root[SERVICE_ROOTS + 1]; /* folders that data may lie in, NULL-ended; none: here */
    const char *token;          /* "": none is asked for */
    const struct conn_tls *tls; /* for both; NULL: none */
    bool insecure;              /* beyond loopback without TLS and token */
    int32_t jobs;               /* most that run at once */
    uint32_t lease_ms;          /* 0: the transport's own */
    volatile const sig_atomic_t *stop; /* set by a signal handler */
    /* It listens, there. */
    void (*ready)(void *context, const char *listen, const char *http);
    void *context;
};

/* Serves until told to stop.  *unfinished: jobs that wait, and jobs that were running, which go on from
 * their last checkpoint, when a coordinator is started on the same state.  RONDO_EINPUT: the options or the
 * state directory; RONDO_EREFUSED: an address cannot be had. */
int service_run(const struct service_options *options, int64_t *unfinished, struct rondo_error *err);

#endif

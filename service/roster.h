/* roster.h - the workers that there are, and which job has them.
 *
 * Place:   service, floor 4; roster.c keeps the table and hears the transport, deal.c hands workers
 *          out, crew.c is a job's end of it.
 * Threads: every function is safe; one mutex guards all that is here.
 * Memory:  owned; a worker process costs a row.
 *
 * A worker process serves one job at a time, with as many seats as it has threads:
 *
 *     IDLE -> OPENING -> READY -> WORKING -> CLOSING -> IDLE
 *
 * OPENING: it reads the data. READY: it waits for the coordinator to have read them too. Whenever a
 * worker comes, goes or becomes idle, or a job begins or ends, workers are dealt anew (share.h): a
 * worker that another job should have is recalled, and comes free behind a commit.
 */
#ifndef ROSTER_H
#define ROSTER_H

#include "coordinator/stages.h"
#include "core/net/conn.h"

struct roster;
struct crew; /* a running job's end of the roster */

struct roster_options {
    const char *url, *token;
    const struct conn_tls *tls; /* NULL but for tls+tcp */
    uint32_t lease_ms;          /* 0: the transport's own */
    /* A worker came or became free: another job might begin.  Called without the lock. */
    void (*changed)(void *context);
    void *context;
};

/* As gate_open. */
int roster_open(const struct roster_options *options, struct roster **roster,
                struct rondo_error *err) RONDO_MUST_CHECK;
/* When there are no crews. */
void roster_close(struct roster *roster);
const char *roster_url(const struct roster *roster);

struct roster_count {
    int32_t workers; /* here, and not about to leave */
    int32_t jobs;    /* that have a crew */
    int32_t over;    /* of those: their rounds are over, or none of the workers can serve them */
};
struct roster_count roster_count(struct roster *roster);
/* The workers as a JSON array. */
int roster_json(struct roster *roster, struct rondo_buf *out);
/* `, "workers": 2, "waiting": "..."` of a running job, the latter of a queued one where there are no
 * workers at all; for a job that has not ended. */
int roster_live(struct roster *roster, int64_t job, struct rondo_buf *out);
/* Prometheus text. */
int roster_metrics(struct roster *roster, struct rondo_buf *out);

struct crew_options {
    int64_t id;
    int32_t priority;
    int32_t most;           /* worker processes that it can use */
    const struct rondo_job *job;
    const char *isa;        /* of the kernels: what the coordinator will use */
    const char *(*asked)(void *context); /* as in stages_options */
    void *context;
};

/* The job begins: workers are dealt to it and start reading its data. */
int crew_begin(struct roster *roster, const struct crew_options *options, struct crew **crew,
               struct rondo_error *err) RONDO_MUST_CHECK;
struct stages_workers crew_workers(struct crew *crew);
/* The job has ended: its workers are free. */
void crew_end(struct crew *crew);

#endif

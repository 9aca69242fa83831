/* stay.h - a job's stay with a worker process: its data, its problem, a worker for each thread.
 *
 * Place:   workers, floor 3; used by agent.c.
 * Threads: one of its own, which loads, opens and is the first worker; the others are its children.
 *          stay_begin and stay_end are the agent's; the rest is safe from all.
 * Memory:  owned; stay_end waits for the threads and frees all.
 *
 *     OPEN -> files seen or fetched -> data, problem -> READY, or UNREADY and why -> messages -> over
 */
#ifndef STAY_H
#define STAY_H

#include "core/job/job.h"
#include "core/net/conn.h"

struct stay;

struct stay_options {
    struct conn *conn;
    uint32_t session;
    int32_t threads;
    const char *cache;           /* folder for files that are fetched; made when needed */
    const char *shelf;           /* folder of parsed matrices, or NULL: core/data/shelf.h */
    const struct job_apps *apps; /* those that this process offers */
    void (*over)(void *context); /* its thread is about to end */
    void *context;
};

/* The body is that of OPEN, moved on success. */
int stay_begin(const struct stay_options *options, struct rondo_buf *open, struct stay **stay,
               struct rondo_error *err) RONDO_MUST_CHECK;
uint32_t stay_session(const struct stay *stay);
/* A MESSAGE or a PART of this session; the body is moved. */
void stay_frame(struct stay *stay, const struct frame *frame, struct rondo_buf *body);
/* The stay shall end: loading is given up where it can be, workers stop. */
void stay_close(struct stay *stay);
/* Closes, waits and frees. */
void stay_end(struct stay *stay);

#endif

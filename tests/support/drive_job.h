/* drive_job.h - one job of an app in this process, without a spec, data files or a directory.
 *
 * Place:   tests/support; engine, loop transport and worker threads, as embed/run.c puts them together.
 * Threads: the caller's is the coordinator's.
 * Memory:  a drive_end is freed by drive_job_fini.
 */
#ifndef DRIVE_JOB_H
#define DRIVE_JOB_H

#include "coordinator/engine.h"

enum { DRIVE_LOSSES = 4 };

struct drive_loss {
    int32_t worker;
    int64_t round; /* taken away when this round has been committed; 0: never */
};

struct drive_job {
    const struct rondo_app *app;
    int32_t workers;  /* 0: 1 */
    int32_t pipeline; /* 0: 1 */
    int64_t rounds;   /* 0: 12 */
    int64_t snapshot_rounds; /* 0: 4 */
    bool encoded;
    bool patient; /* without a worker the job waits */
    const char *remote; /* over connections, the gate's URL; NULL: the loop */
    int32_t seats;      /* remote: of each process; 0: 1 */
    struct drive_loss loss[DRIVE_LOSSES];
    int64_t checkpoint_round;   /* a checkpoint is asked for when it has been committed; 0: never */
    bool stop_there;            /* ... and the job is interrupted */
    bool no_checkpoints;        /* nobody keeps any */
    const struct engine_observer *watch; /* NULL: none; `details` counts, in a stage round and moment hear what there is */
    struct rondo_bytes restore; /* empty: from the beginning */
    int64_t count_from, count_to; /* allocations are counted between these two commits */
};

struct drive_end {
    int code; /* of creating, restoring or the transport; else the engine's error */
    enum engine_state state;
    struct rondo_error error;
    char stop_reason[32];
    struct rondo_buf head; /* packed */
    int64_t rounds, updates, told; /* told: rounds that the observer heard of, each once */
    int32_t phases_most;
    double objective;
    struct rondo_report report; /* behind conclude, but of a job that was interrupted */
    struct rondo_buf cut; /* the first checkpoint */
    int64_t cut_round;
    const char *cut_ended; /* why the job had ended with it; NULL: it goes on */
    uint64_t allocations;
};

void drive_job(const struct drive_job *job, struct drive_end *end);
void drive_job_fini(struct drive_end *end);
/* Both went through and ended in the same bits. */
bool drive_job_same(const struct drive_end *a, const struct drive_end *b);

/* The upcalls of a process that has a head and no output. */
const struct rondo_host *drive_host(void);
/* Has an engine that is DONE conclude, where a model would be written, and looks at the report. */
int drive_conclude(struct engine *engine, const struct rondo_app *app, struct drive_end *end);
/* What the engine is told of this job. */
struct engine_options drive_engine_options(const struct drive_job *job, const void *problem);

#endif

/* recorder.h - the engine's observer: trace, progress and checkpoints on their way to disk.
 *
 * Place:   coordinator, floor 3.
 * Threads: the coordinator's; rows are written by the recording's own.
 * Memory:  grows to the largest round, then allocates nothing.
 */
#ifndef RECORDER_H
#define RECORDER_H

#include "coordinator/engine.h"
#include "coordinator/store.h"
#include "core/job/job.h"
#include "core/trace/recording.h"

struct recorder;

struct recorder_options {
    struct store *store;       /* NULL: nothing is written down */
    const struct rondo_job *job; /* where there is a store */
    enum trace_level level;
    struct digest *digest;     /* borrowed for life, told of all rounds at every level; NULL: none */
    int64_t variables;         /* of the app's layout */
    struct store_ground ground;
    int64_t pipeline;
    double solved_seconds;     /* before this run */
    /* A line of progress was written; NULL: nobody listens. */
    void (*progress)(void *context, double seconds, const struct engine_round *round);
    void *context;
};

int recorder_create(const struct recorder_options *options, struct recorder **recorder,
                    struct rondo_error *err) RONDO_MUST_CHECK;
/* What fixed parts own and what a plan's pairs cost, once, as the engine was made. */
int recorder_layout(struct recorder *recorder, const struct engine *engine,
                    struct rondo_error *err) RONDO_MUST_CHECK;
/* A line of progress behind the last round, whose report has changed since. */
void recorder_conclude(struct recorder *recorder, int64_t round, int64_t updates,
                       const struct rondo_report *report);
/* What the job came to, into the trace: its state, updates and the report's metrics.  Rounds later than
 * `rounds`, which a job that went back was told of and ends without, go. */
void recorder_tell(struct recorder *recorder, const char *state, const struct rondo_report *report,
                   int64_t rounds, int64_t updates);
/* Closes the trace.  The first error of writing since the beginning is in err. */
int recorder_close(struct recorder *recorder, struct rondo_error *err);

struct engine_observer recorder_observer(struct recorder *recorder);

/* Rounds begin now; so many seconds went into getting ready. */
void recorder_start(struct recorder *recorder, double ready_seconds);
/* Of solving: until now, and until the last round was committed. */
double recorder_seconds(const struct recorder *recorder);
double recorder_solved_seconds(const struct recorder *recorder);
/* The first error of writing, code 0 while there is none. */
const struct rondo_error *recorder_error(const struct recorder *recorder);

#endif

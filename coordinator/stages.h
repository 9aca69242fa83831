/* stages.h - one job from its spec to its output directory, wherever its workers are.
 *
 * Place:   coordinator, floor 3; called by embed/ (workers are threads of this process) and service/
 *          (workers dial in).
 * Threads: one for each job; it drives the engine, the recorder and the store.
 * Memory:  everything is freed when it returns.
 *
 *     output directory    can it be written?          store
 *     data                loaded once                 host
 *     problem             the app's view of it        app->open
 *     engine              rounds, as events           engine, recorder
 *     workers             from whoever has them       stages_workers, server
 *     model and result                                app->save, store
 */
#ifndef STAGES_H
#define STAGES_H

#include "coordinator/store.h"
#include "core/net/net.h"

#include "core/base/chore.h"

#include <rondo/rondo.h>

/* What workers must agree on; borrowed until destroy. */
struct stages_view {
    const struct rondo_app *app;
    const void *problem;
    uint64_t fingerprint; /* of the data */
    const char *isa;
    struct chore chore; /* for idle threads of this process, until workers.stop returns */
};

/* Where workers come from. */
struct stages_workers {
    void *context;
    bool patient, together; /* as in engine_options */
    /* Waits for the first of them.  *workers: how many are to join before the first round. */
    int (*start)(void *context, const struct stages_view *view, int32_t *workers,
                 struct net_hub **hub, struct rondo_error *err);
    /* The rounds are over; messages on their way are discarded, parcels come back. */
    void (*stop)(void *context);
    /* The engine has gone; the hub may go. */
    void (*destroy)(void *context);
    /* A round was committed, updates so far; a worker is needed no more.  NULL: nobody asks. */
    void (*round)(void *context, int64_t round, int64_t updates);
    void (*released)(void *context, int32_t worker, const char *why);
};

struct stages_options {
    const char *dir; /* output directory */
    const char *id;  /* the job's, whose own the directory is: its end is written there even where it
                      * never began.  NULL: made from the spec, the directory is the user's */
    const char *shelf; /* folder of parsed matrices, or NULL: core/data/shelf.h */
    bool resume, force;
    struct digest *digest; /* told of all rounds; borrowed; NULL: none */
    int32_t threads; /* for the app to open the problem with; 0: one */
    struct stages_workers workers;
    void *context;   /* of the two below */
    /* Asked now and then: why to stop ("interrupted", "cancelled": constant strings); NULL: go on. */
    const char *(*asked)(void *context);
    /* The app reports progress.  NULL: nobody listens. */
    void (*progress)(void *context, double seconds, int64_t round,
                     const struct rondo_report *report);
};

/* As rondo_run. */
int stages_run(struct rondo_job *job, const struct stages_options *options,
               struct rondo_run_outcome *outcome, struct rondo_error *err);

#endif

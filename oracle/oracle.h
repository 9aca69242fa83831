/* oracle.h - holds a trace against the data of its job.  START HERE.
 *
 * Place:   oracle, floor 3: above apps (a job's data) and core/trace; used by tools/trace_check.c.
 * Threads: the caller's, which reads, and one that judges what was read and lives for the call (core/trace/relay.h).
 * Memory:  the job's data, and what design.h, replay.h and plans.h say.
 *
 * Nothing that the scheduler or an app has computed is believed, and none of their code is used: couplings,
 * objectives and counts come from the data anew, in plain loops.  Which checks there are follows from the app:
 *
 *     lasso      flights.h (couplings), draws.h (who was refused), replay.h (certificates)
 *     lda, mf    plans.h (nobody owned by two)
 *     others     whole.h alone, which is asked of every trace
 */
#ifndef ORACLE_H
#define ORACLE_H

#include "core/job/job.h"
#include "oracle/verdict.h"

struct oracle_request {
    const char *path;             /* a trace, or the output directory that holds it */
    const char *const *overrides; /* [count] where the data are now: "data.x=FILE" */
    int count;
    const struct job_apps *apps;
    /* Called now and then, NULL: never. */
    void (*progress)(void *context, int64_t round, int64_t rounds);
    void *context;
};

/* RONDO_EINPUT: the trace cannot be read, or the data are not the job's; RONDO_ENOMEM.  Else the verdict, to be
 * freed by verdict_fini in any case.  Cost: a pass over the trace, and O(n) for each pair and each move. */
int oracle_check(const struct oracle_request *request, struct verdict *verdict, struct rondo_error *err) RONDO_MUST_CHECK;

#endif

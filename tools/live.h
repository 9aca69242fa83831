/* live.h - how far a job is: one live line on a terminal, a line for every report elsewhere.
 *
 * Place:   tools, floor 5; used by cmd_run.c and follow.c.
 * Threads: live_round and live_report from one thread, which never waits for the terminal: on a terminal a
 *          thread of its own draws, at most ten times a second.  Lines of core/base/log clear the drawing.
 * Memory:  one block and a thread, both gone after live_end.  NULL is allowed everywhere: nothing is shown.
 *
 * A terminal is where stderr is one and TERM is neither empty nor "dumb"; NO_COLOR leaves the line
 * without colours.  What is left out goes by the width, which is asked for at every drawing:
 *
 *     [=====>    ]  45%  gap 3.2e-04  nnz 17  objective 0.123  round 812  0:12  eta 0:31  65.2 rounds/s  ...
 *
 * The bar is the farthest of what ends the job: log(first gap / gap) / log(first gap / stop.gap), or the
 * share of stop.iterations, epochs, rounds or seconds, or of a path's lambdas.  The time that is left is
 * what remains of that bar at its speed over the last quarter of the run, or until stop.seconds; "-": nobody knows.
 */
#ifndef LIVE_H
#define LIVE_H

#include "core/job/jsonin.h"

#include <rondo/app.h>

struct live;

/* spec: the job's, complete, which says what ends it; needed until this returns. */
struct live *live_begin(bool quiet, const struct jsonin *spec);
/* The drawing is taken away; what follows may write to stderr by itself. */
void live_end(struct live *live);
/* From a signal's handler that ends the process. */
void live_wipe(void);
/* On a terminal? */
bool live_draws(const struct live *live);

/* So many take part. */
void live_workers(struct live *live, int64_t workers);
/* The last round that was committed, and updates so far; two stores. */
void live_round(struct live *live, int64_t round, int64_t updates);
/* seconds: of solving.  A report that reads as the one before is not shown again. */
void live_report(struct live *live, double seconds, int64_t round, const struct rondo_report *report);

#endif

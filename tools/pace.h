/* pace.h - how far a job is on its way to whatever ends it first, how fast, and how long still.
 *
 * Place:   tools, floor 5; live.c's.
 * Threads: the caller's lock.
 * Memory:  none beside the struct.
 */
#ifndef PACE_H
#define PACE_H

#include "core/job/jsonin.h"

#include <rondo/app.h>

enum { PACE_POINTS = 16, PACE_AIMS = 6 };

/* A figure over time; points stand a 64th of the run apart, so that all of them are its last quarter. */
struct pace_track {
    int count;
    struct { double t, value; } point[PACE_POINTS];
};

/* What ends the job: the progress key that reaches `end`. */
struct pace_aim {
    const char *key;
    double end;
    bool log;     /* falls to it, and goes by its logarithm */
    double first; /* log: where it began; 0: not yet */
    double share; /* 0 to 1, as of the last point */
    struct pace_track track; /* of share */
};

struct pace {
    int aims;
    struct pace_aim aim[PACE_AIMS];
    struct pace_track rounds, updates;
};

/* spec: a job's, with its defaults: stop.gap, iterations, epochs, rounds, seconds, and params.path.  The
 * default of stop.rounds is a fence, and no aim. */
void pace_init(struct pace *pace, const struct jsonin *spec);
/* t: seconds of solving. */
void pace_report(struct pace *pace, double t, const struct rondo_report *report);
void pace_count(struct pace *pace, double t, int64_t round, int64_t updates);

/* Where the metric of that name ends the job by reaching it from below; 0: it does not. */
double pace_end(const struct pace *pace, const char *name);
/* Of the aim that is nearest; negative: there is none. */
double pace_share(const struct pace *pace, double t);
/* Seconds; NaN: unknown. */
double pace_left(const struct pace *pace, double t);
/* A second; NaN: unknown. */
double pace_rounds(const struct pace *pace);
double pace_updates(const struct pace *pace);

#endif

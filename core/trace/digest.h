/* digest.h - a job at a glance: what rounds came to, in an amount that does not grow with them.
 *
 * Place:   core/trace, floor 1; fed by the recording while a job runs, by `rondo trace export` and the
 *          service from a reader when it has ended; shown by the dashboard and the page of an export.
 * Threads: safe; one lock.
 * Memory:  bounded: 270 KB for DIGEST_POINTS of each series, DIGEST_BARS of the timeline and 1024 workers;
 *          from the first blocks on also 8 bytes for each variable, of at most 4 million (tally.h).
 *
 * Series are thinned as they grow: of a series that is full every other point is merged into its neighbour,
 * so that a job of 1,000,000 rounds and one of 500 have as many.  docs/formats/trace.md describes the JSON.
 */
#ifndef DIGEST_H
#define DIGEST_H

#include "core/trace/trace.h"

enum { DIGEST_POINTS = 512, DIGEST_BARS = 1024, DIGEST_BINS = 20 };

struct digest;

int digest_create(struct digest **digest, struct rondo_error *err) RONDO_MUST_CHECK;
void digest_destroy(struct digest *digest); /* NULL allowed */

/* The job's own words, for the head of the JSON; variables 0: not known.  Copied.  Before the first round. */
void digest_job(struct digest *digest, const char *app, enum trace_level level, int64_t variables);
/* Rounds in ascending order; one that is not later than the last replaces what came from it on as well as
 * an amount that is bounded can: counts of variables, couplings and workers stay.  What cannot be had for want
 * of memory is left out.  Cost (AVX-512, 2 GHz): 16 ns, and 4 ns a variable (27 ns where there are two million),
 * 5 ns a task, 2 ns a conflict. */
void digest_round(struct digest *digest, const struct trace_round *round);
void digest_report(struct digest *digest, const struct trace_report *report);
/* The last round, and all updates up to it: those of rounds that it was not told of count too.  NULL allowed. */
void digest_end(struct digest *digest, int64_t round, int64_t updates);

/* Appends the digest as one JSON object, 100 KB at most for a dozen metrics or less.  RONDO_ENOMEM.  Cost: 1.4 ms,
 * of which whoever feeds waits for a copy of 270 KB. */
int digest_json(struct digest *digest, struct rondo_buf *out) RONDO_MUST_CHECK;

/* Somebody looks: for the next seconds details are wanted.  Safe, and cheap. */
void digest_watch(struct digest *digest);
/* Whether somebody has looked lately, and no details came for DIGEST_PAUSE_NS. */
bool digest_hungry(struct digest *digest);
enum { DIGEST_PAUSE_NS = 50000000 };

/* Counts for whoever lists many jobs; at a glance, no JSON. */
struct digest_glance {
    int64_t rounds, updates;
    int64_t dropped;                 /* rounds that it was not told of */
    double objective, seconds;       /* of the last round; NAN, 0 */
    double told_s;                   /* from the first round told on: less than seconds where the job was resumed */
    double rounds_s, updates_s;      /* over the last seconds */
};
struct digest_glance digest_glance(struct digest *digest);

#endif

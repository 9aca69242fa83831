/* recording.h - a trace that another thread writes: records go into a bounded ring, a thread drains it.
 *
 * Place:   core/trace, floor 1; used by the coordinator's recorder.
 * Threads: one thread puts records in (the job's); the writer's thread is the recording's own, and is
 *          started when there is something to write: a job that is over within a second has none, its
 *          records are written when it ends.  Threads that spin meanwhile may help (recording_chore).
 * Memory:  the ring, RECORDING_BYTES or, at TRACE_ROUNDS, four times that, and what trace.h says of a writer.
 *          What is put in is copied.
 *
 * A ring that is full: at TRACE_ROUNDS, and where a digest alone is fed, a round is dropped and counted (meta
 * "dropped"), so that the solve never waits, but for one that replaces others; at TRACE_BLOCKS and TRACE_ALL
 * whoever puts waits, or makes room by writing, and nothing is dropped.  A record larger than the ring is
 * written by whoever puts it, behind all that were before it.
 *
 * Failures of the writer are found by the next call, and stay.
 */
#ifndef RECORDING_H
#define RECORDING_H

#include "core/base/chore.h"
#include "core/trace/digest.h"
#include "core/trace/trace.h"

enum { RECORDING_BYTES = 4 << 20 };

struct recording;

struct recording_options {
    const char *dir;         /* borrowed for life; NULL: nothing is written, the digest alone is fed */
    enum trace_level level;
    int64_t after;           /* as trace_create has it */
    const char *const *meta; /* copied */
    size_t bytes;            /* of the ring; 0: as many as above */
    struct digest *digest;   /* fed with every record, by the writer's thread; NULL: none.  Borrowed for life */
};

/* A file that is to go on (after >= 0), or of a level above TRACE_ROUNDS, is opened here, so that what
 * cannot be written is found out now; else when its first rows are written. */
int recording_open(const struct recording_options *options, struct recording **recording,
                   struct rondo_error *err) RONDO_MUST_CHECK;
/* NULL allowed, and ignored, as in all below.  Cost: below a microsecond for a round, and the copying. */
int recording_round(struct recording *recording, const struct trace_round *round, struct rondo_error *err);
int recording_report(struct recording *recording, const struct trace_report *report, struct rondo_error *err);
int recording_part(struct recording *recording, const struct trace_part *part, struct rondo_error *err);
int recording_cells(struct recording *recording, const struct trace_cell *cell, int64_t count,
                    struct rondo_error *err);
/* Returns when all that was put is written and committed: readers and a resumed job find it. */
int recording_flush(struct recording *recording, struct rondo_error *err);
int recording_meta(struct recording *recording, const char *const *meta, struct rondo_error *err);
/* Drops the rounds later than `last` from the file: the job ends without them.  The digest keeps them. */
int recording_cut(struct recording *recording, int64_t last, struct rondo_error *err);
/* To write some of what was put: for whoever would spin meanwhile, and until recording_close.  Nobody has to; who
 * does it waits for nobody and opens and commits nothing. */
struct chore recording_chore(struct recording *recording);
/* Whether the next round should bring its details: the level keeps them, or somebody watches the digest
 * and has not been shown any for a while. */
bool recording_wants_details(struct recording *recording);
int64_t recording_dropped(const struct recording *recording);
/* Writes what is left, says how many were dropped, closes the trace. */
int recording_close(struct recording *recording, struct rondo_error *err);

#endif

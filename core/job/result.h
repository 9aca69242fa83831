/* result.h - what a job says at its end and on its way: result.json and progress.jsonl.
 *
 * Place:   core/job, floor 1 (jansson stays here); used by coordinator/store.c.
 * Threads: one.
 * Memory:  borrowed while written.
 */
#ifndef RESULT_H
#define RESULT_H

#include <rondo/app.h>

struct job_result {
    const char *job;          /* id */
    const char *state;        /* completed, failed, cancelled, interrupted */
    const char *stop_reason;  /* gap, rounds, seconds, precision, interrupted, error, ... */
    const char *error;        /* one line where it failed, else NULL */
    const struct rondo_job *spec;
    struct rondo_report report; /* objective and metrics at the end */
    int64_t rounds, updates, pair_dots;
    double load_seconds, solve_seconds, total_seconds;
    int64_t peak_rss_bytes;
    int32_t workers;
    const char *isa;
    char model_sha256[65];    /* "" where there is no model */
    const char *const *notes; /* NULL-ended, what the app said and warnings; NULL: none */
};

/* Writes DIR/result.json whole or not at all, as INTERFACE has it (docs/formats/output.md). */
int result_write(const char *dir, const struct job_result *result,
                 struct rondo_error *err) RONDO_MUST_CHECK;

/* Appends one line of progress.jsonl, newline included. */
int result_progress(struct rondo_buf *out, double t_seconds, int64_t round, int64_t updates,
                    const struct rondo_report *report) RONDO_MUST_CHECK;

#endif

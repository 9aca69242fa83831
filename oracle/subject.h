/* subject.h - what is checked: a trace, the job that it says it is of, and that job's own data.
 *
 * Place:   oracle, floor 3.
 * Threads: one.
 * Memory:  the data as a job has them; subject_close frees all.
 *
 * The spec stands in the trace (meta: spec, spec_dir); overrides say where its files are now.
 */
#ifndef SUBJECT_H
#define SUBJECT_H

#include "core/job/job.h"
#include "core/trace/reader.h"

struct subject {
    struct trace_reader *reader;
    struct rondo_job *job;
    struct rondo_host host; /* matrix, ids, real, ...: the job's data and parameters */
    char dir[4096];         /* the folder of the trace, where the job left its other files */

    char app[64], state[32];
    char data[24];          /* the fingerprint of the job's data; "": the trace does not say */
    int64_t dropped, variables; /* -1: the trace does not say */
    int64_t rounds, updates;    /* -1: likewise */
    int64_t pipeline;
    char *spec, *spec_dir;      /* NULL: likewise */
    bool bound;                 /* the data are loaded */
};

/* path: a trace, or the output directory that holds it.  RONDO_EINPUT where the trace cannot be read or says
 * no spec, or the data cannot be read or are others; the caller closes in any case. */
int subject_open(struct subject *subject, const char *path, const char *const *overrides, int count,
                 const struct job_apps *apps, struct rondo_error *err) RONDO_MUST_CHECK;
void subject_close(struct subject *subject);

#endif

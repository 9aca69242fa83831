/* paths.h - a job's paths, made absolute against the spec's own folder.
 *
 * Place:   core/job, floor 1, inside.
 * Threads: one.   Memory: the job owns the new texts.
 */
#ifndef PATHS_H
#define PATHS_H

#include "core/job/field.h"

/* base: the spec's folder, "" or "." the working directory. */
int paths_absolute(struct rondo_job *job, const char *base,
                   struct rondo_error *err) RONDO_MUST_CHECK;

#endif

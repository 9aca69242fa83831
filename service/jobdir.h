/* jobdir.h - a job's own directory, STATE/jobs/ID: what may be read there.
 *
 * Place:   service, floor 4, inside.
 * Threads: safe.
 * Memory:  descriptors belong to the caller.
 */
#ifndef JOBDIR_H
#define JOBDIR_H

#include <rondo/types.h>

#define JOBDIR_PROGRESS "progress.jsonl"

/* The index-th file name that a job of this app may leave for others to read; NULL behind the last. */
const char *jobdir_name(const char *app, int index);

/* Opens a regular file of that name in the job's directory, following no link; its size in *size.
 * -1 where there is none. */
int jobdir_open(const char *state_dir, int64_t id, const char *name, int64_t *size);

/* The last whole line of progress.jsonl, if it is one JSON object, without its newline, NUL behind
 * it; "" where there is none. */
void jobdir_last(const char *state_dir, int64_t id, char *line, size_t size);

#endif

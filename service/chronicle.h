/* chronicle.h - the digest of a job that left no trace: its lines of progress, at most DIGEST_POINTS of them.
 *
 * Place:   service, floor 4, inside; used by archive.c.
 * Threads: safe.
 * Memory:  DIGEST_POINTS lines while it is made.
 */
#ifndef CHRONICLE_H
#define CHRONICLE_H

#include <rondo/err.h>

/* Appends it as JSON: convergence, and what follows from its last line; all else is null. */
int chronicle_digest(const char *state_dir, int64_t id, const char *app,
                     struct rondo_buf *out) RONDO_MUST_CHECK;

#endif

/* archive.h - the digest of a job that has ended, from what it left in its directory.
 *
 * Place:   service, floor 4, inside.
 * Threads: safe.
 * Memory:  a digest while it is made (core/trace/digest.h).
 */
#ifndef ARCHIVE_H
#define ARCHIVE_H

#include <rondo/err.h>

#include <stdatomic.h>

/* Is there anything to make one of: a trace, or lines of progress, not empty? */
bool archive_has(const char *state_dir, int64_t id);
/* Appends it as JSON: rounds from trace.db, and where that is not there, or cannot be read, convergence alone
 * from progress.jsonl.  Cost: a pass over the trace; after ARCHIVE_SECONDS no details are read any more,
 * rounds are to the last, unless they have no end: after ARCHIVE_MOST_SECONDS it counts as one that cannot be
 * read.  Given up where *stop is set: RONDO_ESTATE. */
int archive_digest(const char *state_dir, int64_t id, const char *app, const _Atomic bool *stop,
                   struct rondo_buf *out) RONDO_MUST_CHECK;
enum { ARCHIVE_SECONDS = 5, ARCHIVE_MOST_SECONDS = 60 };

#endif

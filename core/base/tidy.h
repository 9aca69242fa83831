/* tidy.h - a folder of things that can be had again, kept under a limit: the least recently used go.
 *
 * Place:   core/base, floor 0; used by core/data/shelf.c and workers/fetch.c.
 * Threads: safe, and safe beside other processes of the same user on the same folder.
 * Memory:  a list of the folder's entries while it is put in order.
 *
 * An entry is a file, or a folder of files; when it was used last is its time of change, which
 * tidy_used sets.  What was used within the last minute stays, so that nobody loses what he has just
 * been told of.
 */
#ifndef TIDY_H
#define TIDY_H

#include <rondo/err.h>

/* Of a folder's entries, unless less room is left: never more than half of what they and the free
 * space are together. */
#define TIDY_BYTES (UINT64_C(20) << 30)
enum { TIDY_ENTRIES = 4096, TIDY_YOUNG_SECONDS = 60 };

/* Makes a folder that is its owner's alone, where it is missing.  RONDO_EIO: it cannot be had, or is
 * somebody else's, or others may write to it. */
int tidy_open(const char *dir, struct rondo_error *err) RONDO_MUST_CHECK;
/* Removes what was used least recently until `bytes` more fit below the limit; 0: TIDY_BYTES.  false:
 * they do not. */
bool tidy_room(const char *dir, uint64_t bytes, uint64_t limit);
/* An entry is being used. */
void tidy_used(const char *path);

#endif

/* spill.h - large blocks of memory as pages of files without a name, of which only so much stays resident.
 *
 * Place:   core/base, floor 0; mem.c allocates here, apps/host.c says when.
 * Threads: safe.
 * Memory:  of each block 40 bytes beside its pages; on the disk the whole of it, from its beginning on.
 *
 * Between spill_begin and spill_end each new block of SPILL_LEAST bytes or more is a file's, of its own, that
 * goes with it.  Who is about to visit some says how much (spill_said).  After every sixteenth of the cap that
 * was said the kernel is asked how much is resident; beyond three quarters of the cap every page is let go.
 * What was in it is in the kernel's cache of the file, or on the disk, and comes again when it is visited:
 * nothing is lost by it, and no bit depends on it.  So no more than the cap is resident, beside what is
 * visited between two words: little, where visits go by runs.
 */
#ifndef SPILL_H
#define SPILL_H

#include <rondo/err.h>

enum { SPILL_LEAST = 1 << 18 };

struct spill_block;

/* dir must be there, on a disk.  May be called again, for another job: the first folder and the least cap hold
 * until all have ended.  RONDO_EIO: no file can be made there. */
int spill_begin(const char *dir, int64_t resident, struct rondo_error *err) RONDO_MUST_CHECK;
void spill_end(void);

/* The cap that holds, in bytes; 0: none. */
int64_t spill_cap(void);

/* mem.c's.  NULL: none begun, or too small: ordinary memory is meant.  *full: the disk has no room for it, and
 * so there is none; the log says so. */
struct spill_block *spill_alloc(size_t bytes, bool *full);
void *spill_at(const struct spill_block *block); /* zeroed at first; at the beginning of a page */
void spill_free(struct spill_block *block);

/* So many bytes of such blocks, or of any memory, are visited next. */
void spill_said(size_t bytes);

#endif

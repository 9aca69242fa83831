/* mapping.h - a file's bytes as memory, of which only so much stays resident, and which may be cut short.
 *
 * Place:   core/data, floor 1; used by the readers that map, by fingerprint.c and by data.c.
 * Threads: create and destroy one thread's; the others from any, at once.
 * Memory:  136 bytes for 2 MiB of a file that has a cap.
 *
 * The cap: who reads says so before.  When a quarter of the cap was said there is a turn: what was said since
 * the one before stays, what was said earlier goes, to be read again from where the kernel keeps the file, or
 * from the file.  The kernel brings what lies beside it too; half the cap is for that.  So no more than the
 * cap is resident, beside what is read at the moment: where one piece that is said at once is larger, that.
 *
 * A page that is not there any more, because the file was cut short or cannot be read, is a signal (SIGBUS) to
 * who reads it: the page becomes zeros, and the mapping is not intact from then on.  Other faults are handed
 * on to who handled them before.
 */
#ifndef MAPPING_H
#define MAPPING_H

#include <rondo/err.h>

struct mapping;

/* All of an open file's first `bytes`; resident: the cap in bytes, 0: none.  `name` stands in errors. */
int mapping_create(int fd, size_t bytes, int64_t resident, const char *name, struct mapping **mapping,
                   struct rondo_error *err) RONDO_MUST_CHECK;
void mapping_destroy(struct mapping *mapping); /* NULL allowed */

const void *mapping_at(const struct mapping *mapping);
/* Does it hold this place? */
bool mapping_holds(const struct mapping *mapping, const void *at);
/* These bytes of it are read next.  Cheap where they were said lately, and without a cap. */
void mapping_touch(struct mapping *mapping, const void *at, size_t bytes);
/* Nothing of it is read for now: no page stays resident. */
void mapping_release(struct mapping *mapping);
bool mapping_intact(const struct mapping *mapping);

#endif

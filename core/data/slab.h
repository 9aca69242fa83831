/* slab.h - a parsed matrix as a file, its arrays as they lie in memory.
 *
 * Place:   core/data, floor 1; used by shelf.c, which trusts what it has written itself, and by rdm.c, for files
 *          that people keep; data_save is here too.
 * Threads: safe, nothing is kept.
 * Memory:  a mapped set is owned (data_free); its arrays are pages of the file, read-only.
 *
 * Header, then arrays at multiples of 64 bytes; docs/formats/data.md.  A file that is mapped must keep
 * its length: it is replaced or removed, never changed.
 */
#ifndef SLAB_H
#define SLAB_H

#include "core/data/data.h"

#define SLAB_MAGIC "RONDOMTX"
enum { SLAB_VERSION = 3, SLAB_KEY = 64 };

/* Bytes that a set's file has. */
uint64_t slab_bytes(const struct data_set *set);
/* Writes it all into an empty file; key: what it shall be found by.  RONDO_EIO: errno says why. */
int slab_write(int fd, const char key[SLAB_KEY + 1], const struct data_set *set) RONDO_MUST_CHECK;
/* Maps a file that is ours, whole and of that key; it is read through once, for its digest.  false: it
 * is not there, or not so. */
bool slab_map(const char *path, const char key[SLAB_KEY + 1], struct data_set **set);


/* The same of a file that anybody may have made, whose arrays are still to be proven: its digest is right.  ids:
 * are there?  RONDO_EINPUT at path, RONDO_ENOMEM. */
int slab_look(int fd, const char *path, struct data_info *info, bool *ids, struct rondo_error *err) RONDO_MUST_CHECK;
int slab_open(int fd, const char *path, struct data_set **set, struct rondo_error *err) RONDO_MUST_CHECK;

#endif

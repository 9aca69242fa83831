/* shelf.h - parsed matrices on the disk, which all processes of a user on a machine map and share.
 *
 * Place:   core/data, floor 1; used by apps/host.c.
 * Threads: safe; of all threads and processes that want the same file one parses it, the others wait.
 * Memory:  a mapped matrix is pages of its file, one copy in a machine; data_free unmaps it.  While it
 *          is written down, the parsed matrix and those pages exist both.
 *
 *     FILE, options -> KEY -> DIR/KEY.rdm there and whole?  mapped, its digest checked
 *                          -> lock DIR/KEY.lock -> there by now?  mapped
 *                                               -> parsed, written, mapped
 *
 * KEY is made of the file's path, size, times and inode and of the options, so that another version of
 * the file has another.  What is on the shelf is never trusted: a file that is short, damaged, of
 * another version, of another user, or writable by others is parsed anew and replaced.  Whatever goes
 * wrong with the shelf, the data are read as without it.  The format: docs/formats/data.md.
 */
#ifndef SHELF_H
#define SHELF_H

#include "core/data/data.h"

/* What is read as fast without: files smaller than this, plain .npy, .bed and .rdm; and what depends on a
 * second file: a table of phenotypes, ratings by the numbers of others. */
enum { SHELF_LEAST_BYTES = 1 << 16 };

/* As data_load.  dir: made where it is missing, and used where tidy_open (core/base/tidy.h)
 * approves of it; NULL: no shelf. */
int shelf_load(const char *dir, const char *path, const struct data_options *options,
               struct data_set **set, struct rondo_error *err) RONDO_MUST_CHECK;

#endif

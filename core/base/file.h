/* file.h - files that appear whole or not at all.
 *
 * Place:   core/base, floor 0.
 * Threads: a struct file_atomic belongs to one thread.
 * Memory:  file_read's text is owned by the caller (mem_free).
 */
#ifndef FILE_H
#define FILE_H

#include <rondo/err.h>

#include <stdio.h>

/* A file being written beside its final name; a reader sees the old one until the commit. */
struct file_atomic {
    FILE *stream;
    char path[4096];
    char temporary[4096];
    int mark; /* file.c's: where file_forsake finds it */
};

/* Opens DIR/NAME for writing under a temporary name in the same folder. */
int file_begin(struct file_atomic *file, const char *dir, const char *name,
               struct rondo_error *err) RONDO_MUST_CHECK;
/* The same for a path as a person writes it. */
int file_begin_at(struct file_atomic *file, const char *path,
                  struct rondo_error *err) RONDO_MUST_CHECK;
/* Flushes, syncs and renames into place.  On failure the temporary file is gone. */
int file_commit(struct file_atomic *file, struct rondo_error *err) RONDO_MUST_CHECK;
/* The same without the sync, which is milliseconds: whole to every reader, but a loss of power may
 * leave nothing of it until file_sync. */
int file_place(struct file_atomic *file, struct rondo_error *err) RONDO_MUST_CHECK;
int file_sync(const char *path, struct rondo_error *err) RONDO_MUST_CHECK;
/* Gives the file up; harmless after a commit. */
void file_abandon(struct file_atomic *file);
/* Removes the temporary files of all that this process has begun and not committed, 64 at most: for who
 * ends it at once.  Async-signal-safe. */
void file_forsake(void);
/* Removes what processes that were killed have left of dir/name.  When none is at it. */
void file_sweep(const char *dir, const char *name);

/* The whole of a file, NUL behind it; at most `limit` bytes, else RONDO_EINPUT. */
int file_read(const char *path, size_t limit, char **text, size_t *size,
              struct rondo_error *err) RONDO_MUST_CHECK;

/* Makes dir and its parents where they are missing. */
int file_make_dir(const char *dir, struct rondo_error *err) RONDO_MUST_CHECK;
/* The same; dir itself, where it is made, is for this user alone. */
int file_make_own_dir(const char *dir, struct rondo_error *err) RONDO_MUST_CHECK;

/* "sha256 of the file" as 64 hex digits and a NUL. */
int file_sha256(const char *path, char hex[65], struct rondo_error *err) RONDO_MUST_CHECK;
/* The same of bytes in memory. */
void file_sha256_of(const void *bytes, size_t size, char hex[65]);
/* What may be large, piece by piece (spill.h).  An error stays in the stream. */
void file_write(FILE *stream, struct rondo_bytes bytes);
/* Of `count` pieces, one behind the other. */
void file_sha256_of_parts(const struct rondo_bytes *part, int count, char hex[65]);

/* The name behind "FILE.npz/", of an array in an archive; NULL where the path has none.  Within the path. */
const char *file_member(const char *path);

#endif

/* npz.h - where an array lies in NumPy's .npz, which is a zip archive of .npy files.
 *
 * Place:   core/data, floor 1; used by stream.c, which reads it there.
 * Threads: safe, nothing is kept.
 * Memory:  the archive's directory while it is looked through, 64 MiB of it at most.
 *
 * "FILE.npz/NAME" is the member NAME.npy, or NAME, of FILE.npz: stored or deflated, zip64 too, not encrypted.
 * Format: PKWARE's APPNOTE.TXT 6.3, sections 4.3 and 4.5.3.
 */
#ifndef NPZ_H
#define NPZ_H

#include <rondo/err.h>

struct npz_member {
    int64_t begin;  /* where its bytes begin in the archive */
    int64_t packed; /* so many are there */
    int64_t size;   /* so many they become */
    uint32_t crc;   /* of these, as zlib's crc32 */
    bool deflated;
};

/* Finds file_member(path) in an open archive.  RONDO_EINPUT at path: it is no zip archive, is damaged, or has no
 * such member; RONDO_ENOMEM. */
int npz_find(int fd, const char *path, struct npz_member *member, struct rondo_error *err) RONDO_MUST_CHECK;

#endif

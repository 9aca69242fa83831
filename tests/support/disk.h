/* disk.h - a disk that is full, for this process.
 *
 * Place:   tests/support.
 * Threads: one.
 * Memory:  none.
 */
#ifndef DISK_H
#define DISK_H

#include <sys/resource.h>

/* Lets files grow to `bytes`, RLIM_INFINITY: as they like; what goes beyond is EFBIG, without the
 * signal. */
void disk_limit(rlim_t bytes);

#endif

/* process.h - what this process takes, as Linux counts it.
 *
 * Place:   service, floor 4, inside; used by metrics.c.
 * Threads: safe.
 * Memory:  none.
 */
#ifndef PROCESS_H
#define PROCESS_H

#include <rondo/types.h>

struct process {
    int64_t resident_bytes, virtual_bytes;
    double cpu_seconds, began_seconds; /* since 1970 */
    int64_t open_files, most_files;
};

/* What cannot be had is 0.  Cost: some 50 us, and 1 us for each open file. */
struct process process_look(void);

#endif

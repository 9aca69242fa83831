/* share.h - which job gets how many workers: a pure function.
 *
 * Place:   service, floor 4; used by roster.c.
 * Threads: safe.
 * Memory:  none.
 *
 * Jobs stand in the order in which they are served: priority, then arrival.  Each gets one worker
 * while there are any; what is left goes round, one at a time, to those that can use more.  So no
 * job starves while another has two, and a job that asks for few leaves the rest to others.
 */
#ifndef SHARE_H
#define SHARE_H

#include <rondo/types.h>

struct share {
    int32_t most; /* workers that it can use; at least 1 */
    int32_t part; /* out: workers that it shall have */
};

/* O(workers + jobs). */
void share_out(struct share *jobs, int32_t count, int32_t workers);

#endif

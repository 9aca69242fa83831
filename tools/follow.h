/* follow.h - watches a job to its end, across restarts of the coordinator.
 *
 * Place:   tools, floor 5; used by cmd_watch.c and cmd_submit.c.
 * Threads: the main thread; takes SIGINT while it watches.
 * Memory:  none is kept.
 *
 * Progress goes to stderr as in rondo run, or with --json to stdout, each line as it came.  Lines that
 * were shown are not shown again after a reconnection: the stream begins anew, and rounds do not fall.
 */
#ifndef FOLLOW_H
#define FOLLOW_H

#include "tools/reach.h"

enum { FOLLOW_WAIT_S = 60, FOLLOW_WAIT_MAX_S = 1000000 };

/* Opens and closes the reach itself.  A coordinator that does not answer at first is an error at once;
 * one that goes later is tried again for wait_s.  The exit status: 0 completed, 1 failed, 4 cancelled,
 * 130 interrupted (the job goes on), or that of an error. */
int follow_job(struct reach *reach, const char *id, int64_t wait_s);

#endif

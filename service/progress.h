/* progress.h - a job's progress.jsonl, as it is or as it grows.
 *
 * Place:   service, floor 4, inside.
 * Threads: an exchange belongs to one thread; followers are trail.h's.
 * Memory:  a small block for each follower, and no open file.
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include "service/exchange.h"

/* Replies with progress.jsonl from that byte on: what is there, and with `follow` what comes until the
 * job has ended. */
void progress_serve(struct exchange *exchange, int64_t from, bool follow);

#endif

/* trail.h - who follows a job's progress.
 *
 * Place:   service, floor 4, inside.
 * Threads: a follower costs a connection, no thread: its connection sleeps in libmicrohttpd until
 *          trail_wake.
 * Memory:  a small block for each follower, and no open file.
 */
#ifndef TRAIL_H
#define TRAIL_H

#include <rondo/types.h>

#include <pthread.h>

struct exchange;
struct trail;

struct trail_hub {
    pthread_mutex_t mutex;
    struct trail *first; /* guarded by mutex, as all below */
    int count;
    uint64_t turn;       /* how often somebody was woken: what changed while a follower looked? */
    bool closing;
};

void trail_init(struct trail_hub *hub);
void trail_fini(struct trail_hub *hub);
/* Replies with progress.jsonl from that byte on: what is there, and with `follow` what comes until the
 * job has ended. */
void trail_serve(struct exchange *exchange, int64_t from, bool follow);
/* Those who follow the job look again; 0: all. */
void trail_wake(struct trail_hub *hub, int64_t id);
/* From now on nobody sleeps; each reply that is not complete ends as a broken one. */
void trail_close(struct trail_hub *hub);

#endif

/* trail.h - replies that go on: who follows something is given what is new of it, piece by piece.
 *
 * Place:   service, floor 4, inside; progress.c and events.c say what a follower is given.
 * Threads: a follower costs a connection, no thread: its connection sleeps in libmicrohttpd until
 *          trail_wake.
 * Memory:  a small block for each follower.  A piece is made when the last has been sent: who reads
 *          slowly is given less, and nothing waits for him.
 */
#ifndef TRAIL_H
#define TRAIL_H

#include <rondo/types.h>

#include <pthread.h>

struct exchange;
struct http;
struct MHD_Connection;
struct trail;

struct trail_kind {
    const char *type; /* Content-Type */
    bool lines;       /* each line of progress is news */
    /* Puts what is new into bytes; 0: nothing, until the next wake.  *over: nothing will come behind it.
     * On libmicrohttpd's threads, one call at a time for a follower. */
    size_t (*give)(struct trail *trail, char *bytes, size_t size, bool *over);
    void (*free)(struct trail *trail);
};

/* The first member of a follower; a kind allocates it zeroed. */
struct trail {
    const struct trail_kind *kind;
    struct http *http;
    struct MHD_Connection *connection;
    int64_t id;  /* of the job that it follows; 0: all */
    bool asleep; /* guarded by the hub's mutex */
    struct trail *next, *before;
};

struct trail_hub {
    pthread_mutex_t mutex;
    struct trail *first; /* guarded by mutex, as all below */
    int count;
    uint64_t turn;       /* how often there was news for somebody: what changed while a follower looked? */
    int64_t second;      /* of the clock that wakes all */
    bool closing;
};

void trail_init(struct trail_hub *hub);
void trail_fini(struct trail_hub *hub);
/* Replies with what the follower is given; kind and id are set, the follower is moved.  NULL: there was
 * no memory for it. */
void trail_follow(struct exchange *exchange, struct trail *trail);
/* Those who follow the job look again; trail_wake_lines: where a line of progress is news to them. */
void trail_wake(struct trail_hub *hub, int64_t id);
void trail_wake_lines(struct trail_hub *hub, int64_t id);
/* A second has passed: all look again. */
void trail_tick(struct trail_hub *hub);
int64_t trail_second(struct trail_hub *hub);
int trail_count(struct trail_hub *hub);
/* From now on nobody sleeps; each reply that is not complete ends as a broken one. */
void trail_close(struct trail_hub *hub);

#endif

/* peer.h - one end of connections that writes down what it is told, for tests of core/net.
 *
 * Place:   tests/support.
 * Threads: safe; events come on the transport's.
 * Memory:  peer_fini after the last event.
 */
#ifndef PEER_H
#define PEER_H

#include "core/net/conn.h"

#include <pthread.h>

enum { PEER_FRAMES = 512, PEER_CONNS = 80 };

struct peer {
    pthread_mutex_t lock;
    pthread_cond_t change;
    int arrived, closed, frames;
    struct conn *conn[PEER_CONNS]; /* arrived, held */
    struct frame_who who;          /* the last that arrived */
    char why[256];                 /* of the last that closed */
    struct frame frame[PEER_FRAMES]; /* the first so many, with ... */
    struct rondo_buf body[PEER_FRAMES]; /* ... their bodies */
    uint64_t bytes;                /* of all bodies */
    bool echo;                     /* small frames are sent back from the event */
    int inside;                    /* events under way; more than one is wrong, with one connection */
    bool overlapped;
};

void peer_init(struct peer *peer);
void peer_fini(struct peer *peer);
struct conn_events peer_events(struct peer *peer);

/* Waits up to a minute until so many have come; false: they did not. */
bool peer_await_arrived(struct peer *peer, int count);
bool peer_await_frames(struct peer *peer, int count);
bool peer_await_closed(struct peer *peer, int count);

/* Options with this peer's events, and with a lease of a minute: a raw socket does not beat, and a machine with
 * much to do keeps beats back for seconds.  A worker to introduce. */
struct conn_options peer_options(struct peer *peer, const char *url);
struct frame_who peer_who(void);

/* A URL of that kind that is free: "tcp" or "ipc"; into url[128]. */
void peer_url(const char *kind, char url[128]);

#endif

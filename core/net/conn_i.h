/* conn_i.h - a connection from inside, and what gate.c and dial.c share.
 *
 * Place:   core/net, floor 2; conn.c, send.c, plain.c, gate.c and dial.c only.
 * Threads: as each field says.  Locks in order: the gate's, a connection's `lock`, its `io`.
 * Memory:  see conn.h.
 *
 * Three operations may be under way: receiving, sending, and a clock that ticks; a fourth is whoever accuses the
 * peer, on any thread, of what it said (conn_reject), and tells the gate.  Each belongs to who
 * started it, and each may end the connection: conn_fail marks it as closing and shuts the stream,
 * upon which the operations come back and are not begun again.  The clock comes back last, tells
 * `closed`, and drops the transport's hold, of a plain socket by way of the watching thread, which may be about
 * to look at it: after that nothing of the transport's can reach the connection.
 *
 * A plain socket (TCP, UNIX) is waited for by watch.c's thread, and, while somebody waits in conn_follow for
 * what it will bring, by him instead: he reads it where he stands, and no thread hands it to another.  Of TLS
 * the operations are NNG's, and so is the clock of both.
 *
 * NNG runs callbacks on its own threads, never inside the call that begins an operation, so that
 * beginning one under a lock cannot deadlock; waiting for one (nng_aio_stop, _wait, _free) under a
 * lock could, and is not done.  An operation begun on a stream that is already closed would never
 * come back: hence `io`, which orders the two.
 */
#ifndef CONN_I_H
#define CONN_I_H

#include "core/net/conn.h"
#include "core/net/greet.h"
#include "core/net/intake.h"
#include "core/net/outbox.h"
#include "core/net/watch.h"

#include <nng/nng.h>
#include <pthread.h>
#include <stdatomic.h>

enum {
    CONN_LEASE_MS = 5000,
    CONN_GREETING_MS = 5000, /* or the lease, where that is shorter */
    CONN_LINGER_MS = 1000,
    CONN_URL = 300,
    CONN_PIECES = 8, /* that go in one operation; NNG takes no more */
};

/* Relaxed: counts for people, nothing is ordered by them. */
struct conn_ledger {
    _Atomic uint64_t arrived, refused, malformed, bytes_in, bytes_out, frames_in, frames_out;
};

static inline void conn_count(_Atomic uint64_t *counter, uint64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

enum conn_stage {
    CONN_GREETING, /* its words are exchanged */
    CONN_REFUSED,  /* our line is on its way: the peer closes when it has read it */
    CONN_OPEN,
};

struct conn {
    _Atomic int32_t holders;
    void *_Atomic tag;
    struct conn_events events;
    struct gate *gate;           /* NULL: dialled.  Not to be used after `closed` */
    struct conn_ledger *ledger;  /* the gate's, or own */
    struct conn_ledger own;
    struct conn *next, *before;  /* guarded by the gate's lock, with ... */
    bool asked;                  /* ... to close, when the gate does */
    char peer[128];

    nng_stream *stream;          /* of TLS; NULL: a plain socket, of plain.c ... */
    struct watch watch;          /* ... and its descriptor; -1 */
    nng_aio *receive, *send;     /* of a stream */
    nng_aio *tick;

    pthread_mutex_t lock;
    pthread_cond_t change;       /* room in the outbox, the stage, closing */
    enum conn_stage stage;       /* guarded by lock, from here ... */
    bool receiving, sending, ticking;
    bool closing;                /* and why: */
    char why[192];
    bool refused;                /* for good */
    bool rejected;               /* counted, and about to close; ... */
    bool accused;                /* ... the gate is being told, and cannot go meanwhile */
    bool answered;               /* dialled: the challenge was */
    int waiting;                 /* for room */
    bool leaving;                /* conn_close was called; at the latest ... */
    int64_t leave_ns;            /* ... then it closes */
    int64_t said_ns, moved_ns;   /* when we last spoke; when the system last took bytes */
    uint32_t sequence;           /* of the next frame out */
    size_t alone;                /* what went alone, while it may be in the outbox */
    struct outbox outbox;        /* ... to here.  Its bytes belong to whoever set `sending` */

    pthread_mutex_t io;
    bool shut;                   /* guarded by io, as is ...: no operation may be begun */
    bool wants_in, wants_out;    /* ... plain: which are under way and wait for the socket */
    bool led;                    /* ... plain: a thread in conn_follow waits for it to be read */

    int64_t began_ns, lease_ns, beat_ns; /* lease and beat: written before OPEN, under lock */
    _Atomic int64_t heard_ns;    /* relaxed: a time, nothing is ordered by it */
    size_t frame_limit, queue_limit;

    struct intake intake;        /* the receiving operation's */
    void *room;                  /* likewise: where bytes go */
    size_t room_size;
    struct greet greet;          /* likewise */
    char *token;                 /* own copy, dialled only */
};

/* What bytes go over: a stream of NNG's, or a socket. */
struct line { nng_stream *stream; int fd; };

void line_drop(struct line line);
/* One connection over a line, which it owns on success and on failure; NULL: no memory.  One hold
 * is the caller's, one the transport's. */
struct conn *conn_create(const struct conn_options *options, struct gate *gate,
                         struct conn_ledger *ledger, struct line line) RONDO_MUST_CHECK;
/* Sends the challenge where it is the gate's; begins to receive and to tick.  After a failure the
 * connection closes by itself. */
void conn_start(struct conn *conn);
/* Closes now; the first reason stays. */
void conn_fail(struct conn *conn, const char *format, ...) RONDO_PRINTF(2, 3);
/* An operation came back with an error, numbered as NNG does. */
void conn_broken(struct conn *conn, int result);
/* Under the lock, when an operation has come back: the clock goes last. */
void conn_settle(struct conn *conn);
/* Waits for the end of the greeting, no longer than until_ns (clock.h); false: it came to nothing,
 * the connection closes. */
bool conn_await(struct conn *conn, int64_t until_ns) RONDO_MUST_CHECK;
/* conn_fail, for good: the peer is not to be dialled again. */
void conn_refuse(struct conn *conn, const char *why);

/* An operation came back: bytes have come, or what is wrong as NNG numbers it. */
void conn_received(struct conn *conn, int result, size_t size);

/* send.c: queues a frame of core/net's own, without waiting for room. */
int conn_post(struct conn *conn, enum frame_type type, uint16_t seat,
              struct rondo_bytes body) RONDO_MUST_CHECK;
/* An operation came back: there is room again; a stream's own (context: the connection). */
void conn_writable(struct conn *conn);
void conn_sent(void *context);

/* plain.c.  plain_await: receiving, sending or both wait for the socket; false: it is shut, nothing will
 * come back.  plain_send: how much the system takes at once; *result is 0 or what is wrong.  plain_shut:
 * with io. */
int plain_open(struct conn *conn) RONDO_MUST_CHECK;
bool plain_await(struct conn *conn, bool in, bool out);
size_t plain_send(struct conn *conn, const struct rondo_bytes *pieces, int count, int *result);
void plain_shut(struct conn *conn);

/* A frame of a greeting, each on its side; of the receiving operation. */
void gate_greet(struct conn *conn, const struct frame *frame, struct rondo_bytes body);
void dial_greet(struct conn *conn, const struct frame *frame, struct rondo_bytes body);
void gate_forget(struct gate *gate, struct conn *conn);
/* One line in the log about a peer, unless there were many of late. */
void gate_complain(struct gate *gate, const char *peer, const char *what, const char *why);

#endif

/* conn.h - connections between machines: framed, greeted, leased; over sockets, or NNG's streams where there is TLS.
 *
 * Place:   core/net, floor 2; used by remote.c, by service/ (gate_*) and workers/agent.c (dial_*).
 *          conn.c, send.c, gate.c and url.c are the only users of NNG, for TLS and as a clock; plain.c has its numbers.
 * Threads: every function is safe.  Events come on threads of the transport, or of who is in
 *          conn_follow, one at a time for each connection; they must not wait for anything but a short lock.
 * Memory:  a connection is shared by count: who keeps one calls conn_hold, and conn_drop when done.
 *          A body of an event is moved to the receiver.
 *
 * A connection delivers whole frames in order, each once, or tells that it has closed, once, last.
 * What arrives is bounded before it is stored: a greeting to 4 KiB and so many seconds, a frame to
 * frame_limit, and a body's memory grows with what has come, not with what was claimed.  Nothing
 * heard for the lease: the peer counts as gone.  Who sends faster than the peer reads waits, up to
 * the lease, behind queue_limit bytes.
 *
 * URLs: tcp://HOST:PORT, tls+tcp://HOST:PORT, ipc://PATH; port 0: the system chooses.
 */
#ifndef CONN_H
#define CONN_H

#include "core/wire/frame.h"

struct conn;

struct conn_events {
    void *context;
    /* Greeted and welcome; conn_tag may be set now.  gate only. */
    void (*arrived)(void *context, struct conn *conn, const struct frame_who *who);
    /* A frame that is not core/net's own.  The body is moved: free it by buf_fini. */
    void (*frame)(void *context, struct conn *conn, const struct frame *frame,
                  struct rondo_buf *body);
    /* The last event, of a connection that was welcome.  why: one line for people ("nothing heard
     * for 5.0 s", "closed by the peer").  It closes each; conn_drop is still the holder's. */
    void (*closed)(void *context, struct conn *conn, const char *why);
};

struct conn_tls {
    const char *cert_file, *key_file; /* PEM; ours */
    const char *ca_file;              /* PEM; who may have signed the peer's */
};

struct conn_options {
    const char *url;
    const char *token;        /* "" : none is asked for */
    const struct conn_tls *tls; /* NULL but for tls+tcp, where both sides show a certificate */
    struct conn_events events;
    uint32_t lease_ms;        /* 0: 5000; the coordinator's counts for both sides */
    uint32_t beat_ms;         /* 0: a fifth of the lease */
    size_t frame_limit;       /* 0: 1 GiB */
    size_t queue_limit;       /* 0: 64 MiB waiting to be sent; a larger frame goes alone */
};

/* ---- the coordinator's side -------------------------------------------------------------- */

struct gate;

struct gate_counts {
    uint64_t arrived;    /* greeted */
    uint64_t refused;    /* version, build or token, or one too many */
    uint64_t malformed;  /* not our bytes, a frame out of turn or too large, a greeting too slow */
    uint64_t bytes_in, bytes_out, frames_in, frames_out;
    uint32_t open;       /* now, greeted or not */
};

/* Listens; RONDO_EINPUT at the URL, RONDO_EREFUSED where the address cannot be had.  At most 1024
 * connections, of which at most 64 not yet greeted: more are closed at once. */
int gate_open(const struct conn_options *options, struct gate **gate,
              struct rondo_error *err) RONDO_MUST_CHECK;
const char *gate_url(const struct gate *gate); /* with the port as bound */
void gate_count(const struct gate *gate, struct gate_counts *counts);
/* Closes every connection; returns when the last event has been told.  Not from an event. */
void gate_close(struct gate *gate);

/* ---- the worker's side --------------------------------------------------------------------- */

/* Dials, greets and waits at most `seconds` for the welcome.  RONDO_EREFUSED: refused for good, the
 * coordinator's line in err.  RONDO_EIO: nobody there, or not now; dial again. */
int dial_open(const struct conn_options *options, const struct frame_who *who, double seconds,
              struct conn **conn, struct rondo_error *err) RONDO_MUST_CHECK;

/* ---- both ------------------------------------------------------------------------------------ */

/* Queues one frame whose body is the parts one behind the other, copied where they are not sent at
 * once; frame.sequence and frame.size are filled in.  RONDO_ENOMEM, RONDO_EIO where the connection
 * has closed, or RONDO_ESTATE for a body above frame_limit.  Waits where queue_limit is reached: not
 * for an event, nor for who holds a lock that an event wants. */
int conn_send(struct conn *conn, const struct frame *frame, const struct rondo_bytes *parts,
              int count) RONDO_MUST_CHECK;
/* The same, but a small frame may stay until conn_flush, or whatever else is sent there, takes it along:
 * several go in one system call.  Whoever gathers, flushes. */
int conn_gather(struct conn *conn, const struct frame *frame, const struct rondo_bytes *parts,
                int count) RONDO_MUST_CHECK;
void conn_flush(struct conn *conn);
/* The same as conn_send for those, in a few words: it never waits.  A peer that has left more than queue_limit
 * unread, and the frame that went alone, is cut off: RONDO_EIO; but for a frame without a body, of
 * which there must be few. */
int conn_tell(struct conn *conn, const struct frame *frame, const struct rondo_bytes *parts,
              int count) RONDO_MUST_CHECK;
/* Whoever waits again and again keeps it, zeroed in the beginning: how many of the last waits were short. */
struct conn_pace { int32_t quick; };

enum { CONN_FOLLOW = 4 }; /* so many at most: each costs a system call or two */
/* Rests until one of these connections has been heard, `alarm` (an eventfd, which is read) rings, or the
 * time is up: events of theirs come inside, on this thread.  False, at once: there are too many, or
 * others wait for them all; they need none. */
bool conn_follow(struct conn *const *conn, int count, int alarm, struct conn_pace *pace,
                 int64_t timeout_ns);
/* Bytes that the peer has not taken yet. */
size_t conn_backlog(struct conn *conn);
/* It said what no peer of this version says: counted, a line in the log, closed now. */
void conn_reject(struct conn *conn, const char *why);
/* Closes behind what is queued, at the latest after a second; `closed` follows. */
void conn_close(struct conn *conn);
struct conn *conn_hold(struct conn *conn);
void conn_drop(struct conn *conn);
/* One pointer for whoever uses the connection. */
void conn_tag(struct conn *conn, void *tag);
void *conn_tagged(const struct conn *conn);
const char *conn_peer(const struct conn *conn); /* "127.0.0.1:40312", for people */

#endif

/* frame.h - what surrounds messages on a connection, and the words of greeting.
 *
 * Place:   core/wire, floor 1; used by core/net, workers/agent.c and service/; no sockets.
 *          docs/formats/wire.md is its normative description.
 * Threads: safe, nothing is kept.
 * Memory:  what is read is borrowed from the bytes.
 *
 * A connection is a stream of frames: a header of FRAME_HEADER bytes, then `size` bytes of body.
 * Each side counts its frames from 0; a frame out of turn (lost, replayed) ends the connection.
 *
 *     coordinator                         worker
 *     CHALLENGE  version, nonce      ->
 *                                    <-   HELLO    version, nonce, mac, who it is
 *     WELCOME    mac, lease          ->            or REFUSED, one line why, and the end
 *     BEAT                          <->   BEAT     where nothing else was said for a while
 *     OPEN       session: a job      ->
 *                                    <-   GET      a part of a data file that it does not see
 *     PART                           ->
 *                                    <-   READY    or UNREADY, and why
 *     MESSAGE                       <->   MESSAGE  message.h, for one seat (thread) of the session
 *     CLOSE                          ->
 *                                    <-   CLOSED
 *                                    <-   LEAVING  would like to go; the coordinator CLOSEs first
 */
#ifndef FRAME_H
#define FRAME_H

#include <rondo/err.h>

enum { FRAME_VERSION = 1, FRAME_HEADER = 20, FRAME_NONCE = 32, FRAME_MAC = 32 };

enum frame_type {
    FRAME_CHALLENGE = 1, FRAME_HELLO, FRAME_WELCOME, FRAME_REFUSED, FRAME_BEAT, /* core/net's own */
    FRAME_OPEN = 16, FRAME_READY, FRAME_UNREADY, FRAME_CLOSE, FRAME_CLOSED, FRAME_MESSAGE,
    FRAME_GET, FRAME_PART, FRAME_LEAVING,
};

struct frame {
    uint8_t type;      /* enum frame_type */
    uint16_t seat;     /* MESSAGE: the thread within the worker process, from 0; BEAT: 1 if the last */
    uint32_t session;  /* names a job's stay with a worker process; 0: none */
    uint32_t sequence; /* of this side's frames, from 0 */
    uint32_t size;     /* of the body, bytes */
};

/* Both ways between a header's FRAME_HEADER bytes and its struct.  Another magic, another version,
 * an unknown type: RONDO_ESTATE; but for another magic *frame is filled in all the same, since a
 * greeting answers other versions too. */
void frame_put(const struct frame *frame, unsigned char out[FRAME_HEADER]);
int frame_get(const unsigned char in[FRAME_HEADER], struct frame *frame) RONDO_MUST_CHECK;
/* The version that the header says; -1: another magic. */
int frame_version(const unsigned char in[FRAME_HEADER]);

/* ---- greeting ------------------------------------------------------------------------------ */

/* A worker process, as it introduces itself; texts are short, printable and NUL-ended. */
struct frame_who {
    char name[64];     /* --name, or host.pid */
    char host[64];
    char build[32];    /* rondo_version(): both sides must be of one build */
    char isa[16];      /* the best that its machine has: "x86-64-v3" */
    char device[16];   /* "cpu" */
    uint32_t pid, threads;
};

struct frame_challenge { uint32_t version; unsigned char nonce[FRAME_NONCE]; char build[32]; };
struct frame_hello {
    uint32_t version;
    unsigned char nonce[FRAME_NONCE], mac[FRAME_MAC];
    struct frame_who who;
};
struct frame_welcome { unsigned char mac[FRAME_MAC]; uint32_t lease_ms, beat_ms; };

/* Appends the body; RONDO_ENOMEM.  Reading refuses what does not fit exactly: RONDO_ESTATE. */
int frame_put_challenge(const struct frame_challenge *body, struct rondo_buf *out) RONDO_MUST_CHECK;
int frame_get_challenge(struct rondo_bytes in, struct frame_challenge *body) RONDO_MUST_CHECK;
int frame_put_hello(const struct frame_hello *body, struct rondo_buf *out) RONDO_MUST_CHECK;
int frame_get_hello(struct rondo_bytes in, struct frame_hello *body) RONDO_MUST_CHECK;
int frame_put_welcome(const struct frame_welcome *body, struct rondo_buf *out) RONDO_MUST_CHECK;
int frame_get_welcome(struct rondo_bytes in, struct frame_welcome *body) RONDO_MUST_CHECK;

/* HMAC-SHA256 under the token over a word for the side ("worker", "coordinator"), both nonces and
 * who: whoever sends it has the token, and has it now (RFC 2104).  An empty token counts as one. */
void frame_mac(const char *token, const char *side, const unsigned char challenge[FRAME_NONCE],
               const unsigned char answer[FRAME_NONCE], const struct frame_who *who,
               unsigned char mac[FRAME_MAC]);

#endif

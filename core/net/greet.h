/* greet.h - what each side says before the first frame of work, and what it makes of the other's.
 *
 * Place:   core/net, floor 2; used by conn.c, gate.c and dial.c; no sockets.
 * Threads: a greeting belongs to one connection and one thread at a time.
 * Memory:  token and who are borrowed.
 *
 * Every refusal is one line for people; the coordinator's is sent, so that both sides say the same.
 */
#ifndef GREET_H
#define GREET_H

#include "core/wire/frame.h"

struct greet {
    const char *token;
    const char *build;                  /* ours */
    uint32_t lease_ms, beat_ms;         /* the coordinator's; a worker takes them over */
    struct frame_who who;               /* the worker */
    unsigned char challenge[FRAME_NONCE], answer[FRAME_NONCE];
    char why[192];                      /* of a refusal */
};

/* RONDO_EIO where the system has no randomness. */
int greet_nonce(unsigned char nonce[FRAME_NONCE]) RONDO_MUST_CHECK;

/* The coordinator's side.  greet_hello: RONDO_EREFUSED, `why` is to be sent; RONDO_ESTATE: not a
 * HELLO. */
int greet_challenge(struct greet *greet, struct rondo_buf *out) RONDO_MUST_CHECK;
int greet_hello(struct greet *greet, int version, struct rondo_bytes hello,
                struct rondo_buf *welcome) RONDO_MUST_CHECK;

/* The worker's side.  A coordinator of another version is answered too: it knows best what to say. */
int greet_answer(struct greet *greet, int version, struct rondo_bytes challenge,
                 struct rondo_buf *hello) RONDO_MUST_CHECK;
/* RONDO_EREFUSED: it does not know the token, or is of another version. */
int greet_welcome(struct greet *greet, int version, struct rondo_bytes welcome) RONDO_MUST_CHECK;
/* The coordinator's line, made printable, into `why`. */
void greet_refused(struct greet *greet, struct rondo_bytes line);

#endif

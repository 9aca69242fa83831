/* intake.h - bytes as they come, into whole frames; no sockets.
 *
 * Place:   core/net, floor 2; used by conn.c.
 * Threads: one at a time.
 * Memory:  a buffer of its own, and the body that is under way: it grows with what has come, never
 *          with what was claimed.
 *
 * Turn by turn: intake_room says where bytes go, intake_took how many came, intake_next takes the
 * whole frames out.  A body larger than the buffer is received where it will stay.
 */
#ifndef INTAKE_H
#define INTAKE_H

#include "core/wire/frame.h"

struct intake {
    struct rondo_buf buffer; /* what has come lies in [at, buffer.size) */
    size_t at;
    struct rondo_buf body;   /* of a frame larger than the buffer, as far as it has come */
    struct frame frame;      /* whose body is under way */
    bool inside;             /* there is one */
    bool greeting;           /* other versions' greetings pass, other frames do not */
    int version;             /* of the frame that intake_next gave last */
    uint32_t sequence;       /* expected next */
    size_t limit;            /* of a body */
    char why[128];           /* what was refused, in words */
};

enum { INTAKE_GREETING_LIMIT = 4096 }; /* a body's, before the welcome */

int intake_init(struct intake *intake) RONDO_MUST_CHECK;
void intake_fini(struct intake *intake);
/* The greeting is over: larger frames may come. */
int intake_open(struct intake *intake, size_t limit) RONDO_MUST_CHECK;

/* Room for the next bytes, at least one; RONDO_ENOMEM. */
int intake_room(struct intake *intake, void **room, size_t *size) RONDO_MUST_CHECK;
void intake_took(struct intake *intake, size_t size);

/* 1: a frame, its body moved to *body; 0: more must come; RONDO_ESTATE: not what a peer of this
 * version sends, see `why`; RONDO_ENOMEM. */
int intake_next(struct intake *intake, struct frame *frame,
                struct rondo_buf *body) RONDO_MUST_CHECK;

#endif

/* raw.h - a TCP socket that says what no peer of ours would, for tests of core/net.
 *
 * Place:   tests/support; POSIX sockets, on the loopback alone.
 * Threads: one.
 * Memory:  raw_close.
 */
#ifndef RAW_H
#define RAW_H

#include "core/wire/frame.h"

struct raw {
    int fd;
    uint32_t sequence; /* of our next frame */
};

/* Connects to tcp://127.0.0.1:PORT. */
struct raw raw_dial(const char *url);
/* Listens; the URL into url[128].  raw_accept takes one that comes. */
int raw_listen(char url[128]);
struct raw raw_accept(int listener);
void raw_close(struct raw *raw);

void raw_send(struct raw *raw, const void *bytes, size_t size);
/* A frame in turn. */
void raw_frame(struct raw *raw, struct frame frame, const void *body);
/* Reads one frame, its body into body[room]; false: the peer closed first, or nothing came for a minute. */
bool raw_hear(struct raw *raw, struct frame *frame, unsigned char *body, size_t room);
/* Greets as a worker does; false: it was not welcome. */
bool raw_greet(struct raw *raw, const char *token);
/* Reads until the peer closes; milliseconds that took, -1: not within a minute. */
int64_t raw_await_close(struct raw *raw);

#endif

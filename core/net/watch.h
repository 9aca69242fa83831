/* watch.h - sockets that are waited for: one thread of the process waits for them all.
 *
 * Place:   core/net, floor 2; used by plain.c, gate.c and socket.c.
 * Threads: watch_open, _arm and _retire are safe; `ready` and `gone` come on the watching thread, one
 *          at a time, and must not wait for anything but a short lock.  The thread begins with the
 *          first socket, takes no signals, sleeps where nothing happens and ends with the process.
 * Memory:  a watch belongs to who embeds it, and stays where it is until `gone`.
 */
#ifndef WATCH_H
#define WATCH_H

#include <rondo/err.h>
#include <stdbool.h>
#include <stdint.h>

struct watch {
    int fd; /* who embeds it closes it, when it is gone */
    void (*ready)(struct watch *watch, uint32_t events); /* as epoll_wait has them; it may be for nothing */
    void (*gone)(struct watch *watch);
    struct watch *next; /* of those that are about to be gone */
};

/* Nothing is armed yet.  RONDO_ENOMEM. */
int watch_open(struct watch *watch) RONDO_MUST_CHECK;
/* What is waited for, EPOLLIN, EPOLLOUT, both or 0, until `ready` has come once; instead of what was. */
void watch_arm(struct watch *watch, uint32_t events);
/* `gone` follows, once, and nothing behind it. */
void watch_retire(struct watch *watch);

/* A thread of no one's, which takes no signals; false: there is none. */
bool watch_thread(void *(*run)(void *context), void *context);

#endif

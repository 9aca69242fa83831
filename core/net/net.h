/* net.h - the transport between one coordinator and its workers, as an interface.
 *
 * Place:   core/net, floor 2; used by coordinator/server.c and workers/worker.c.
 * Threads: a net_hub belongs to the coordinator's thread, a net_link to its worker's; wake is safe.
 * Memory:  messages are moved by send on success and on failure alike.
 *
 * A transport delivers in order, each message once, from one hub to each link and back, or reports
 * that the worker left.  It knows nothing of rounds.
 */
#ifndef NET_H
#define NET_H

#include "core/wire/message.h"

enum net_event_type {
    NET_NOTHING, NET_JOINED,
    NET_LEFT,     /* it may be the first that is heard of that worker */
    NET_RECALLED, /* the worker is wanted elsewhere: let it go when it costs nothing */
    NET_MESSAGE,
};

struct net_event {
    enum net_event_type type;
    int32_t worker;
    struct message message; /* NET_MESSAGE: owned by the receiver */
};

enum { NET_ANYONE = -1 }; /* where a transport has it: the first worker that has nothing else to do */

struct net_hub {
    const struct net_hub_ops *ops;
};

struct net_hub_ops {
    /* Queues the message for a worker, or NET_ANYONE, with back-pressure; a message to a worker that has left is
     * dropped.  It may stay here until the next receive or wait.  RONDO_ENOMEM, or what encoding said. */
    int (*send)(struct net_hub *hub, int32_t worker, struct message *message);
    /* The next event, or NET_NOTHING at once. */
    int (*receive)(struct net_hub *hub, struct net_event *event);
    /* Rests until there may be an event, at most timeout_ns. */
    void (*wait)(struct net_hub *hub, int64_t timeout_ns);
};

struct net_link {
    const struct net_link_ops *ops;
};

struct net_link_ops {
    /* 1: a message; 0: none now; negative: the link is gone. */
    int (*receive)(struct net_link *link, struct message *message);
    int (*send)(struct net_link *link, struct message *message);
    /* Rests until there may be a message, or ready(context) where that is not NULL: looked at before
     * sleep, then only when woken, as the sleeper is by wake. */
    void (*wait)(struct net_link *link, bool (*ready)(void *context), void *context);
    /* Any thread: true if it did sleep. */
    bool (*wake)(struct net_link *link);
};

#endif

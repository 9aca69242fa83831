/* deadline.h - connections, and until when each must have sent its request.
 *
 * Place:   service, floor 4, inside.  libmicrohttpd closes a connection on which nothing moves; who
 *          sends a byte every so often would keep it for ever.
 * Threads: safe.
 * Memory:  a small block for each connection.
 */
#ifndef DEADLINE_H
#define DEADLINE_H

#include <rondo/types.h>

#include <microhttpd.h>
#include <pthread.h>

struct deadline_line;

struct deadline {
    pthread_mutex_t mutex;
    struct deadline_line *first; /* guarded by mutex */
};

void deadline_init(struct deadline *deadline);
void deadline_fini(struct deadline *deadline);
/* For MHD_OPTION_NOTIFY_CONNECTION, with the struct deadline. */
void deadline_notify(void *deadline, struct MHD_Connection *connection, void **socket_context,
                     enum MHD_ConnectionNotificationCode code);
/* The connection's request is here; it may take its time for the reply. */
void deadline_rest(struct MHD_Connection *connection);
/* The connection's reply is over: the next request begins. */
void deadline_begin(struct MHD_Connection *connection);
/* Shuts down those that have been sending for longer than so many seconds; how many. */
int deadline_enforce(struct deadline *deadline, unsigned seconds);

#endif

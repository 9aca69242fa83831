/* remote.h - net.h over connections: a hub for one job, a link for one thread of a worker process.
 *
 * Place:   core/net, floor 2; used by service/ (hub) and workers/agent.c (link).
 * Threads: the net_hub and net_link belong to their job's and worker's thread; functions marked
 *          "any" are safe from all, events of conn.h among them.
 * Memory:  owned; destroyed by their thread when no event can reach them any more.
 *
 * A job's stay with a worker process is a session; a process brings one seat for each thread.  The
 * engine's worker numbers are given here, in the order of seating, and not used again.
 */
#ifndef REMOTE_H
#define REMOTE_H

#include "core/net/conn.h"
#include "core/net/net.h"

/* ---- the coordinator's end ------------------------------------------------------------------- */

struct remote_hub;

/* The codec's pool is the hub's own: what app and problem are is all that is taken over. */
int remote_hub_create(const struct rondo_app *app, const void *problem, struct remote_hub **hub,
                      struct rondo_error *err) RONDO_MUST_CHECK;
struct net_hub *remote_hub_net(struct remote_hub *hub);
/* When nobody holds a parcel that it made. */
void remote_hub_destroy(struct remote_hub *hub);

/* Any: a process takes part with so many seats; NET_JOINED for each.  Holds the connection. */
int remote_hub_join(struct remote_hub *hub, struct conn *conn, uint32_t session,
                    int32_t seats) RONDO_MUST_CHECK;
/* Any: it no longer does; NET_LEFT for each seat, once, be it announced or not. */
void remote_hub_leave(struct remote_hub *hub, uint32_t session);
/* Any: it is wanted elsewhere; NET_RECALLED for each seat, behind its NET_JOINED. */
void remote_hub_recall(struct remote_hub *hub, uint32_t session);
/* Any: a MESSAGE frame of a session that takes part; another's is dropped.  Bytes that are not a
 * message close that connection: the worker leaves, the job goes on. */
void remote_hub_frame(struct remote_hub *hub, const struct frame *frame, struct rondo_buf *body);
/* Any: ends a wait of the hub's thread. */
void remote_hub_wake(struct remote_hub *hub);
/* The session of a worker's number; 0: it has left. */
uint32_t remote_hub_session(struct remote_hub *hub, int32_t worker);

/* ---- a worker thread's end ------------------------------------------------------------------- */

struct remote_link;

int remote_link_create(struct conn *conn, uint32_t session, uint16_t seat,
                       const struct rondo_app *app, const void *problem, struct remote_link **link,
                       struct rondo_error *err) RONDO_MUST_CHECK;
struct net_link *remote_link_net(struct remote_link *link);
void remote_link_destroy(struct remote_link *link);
/* Any: a MESSAGE frame for this seat. */
void remote_link_frame(struct remote_link *link, struct rondo_buf *body);
/* Any: from here on receive says that the link is gone. */
void remote_link_cut(struct remote_link *link);

#endif

/* loop.h - the transport inside one process: a pair of rings for every worker.
 *
 * Place:   core/net, floor 2; used by embed/ and tests.
 * Threads: see net.h; loop_take_away may be called by any thread.
 * Memory:  rings are allocated by loop_create; messages pass by pointer, without copying, unless
 *          `encoded` asks that each goes through core/wire's bytes.
 *
 * A ring has one writer and one reader.  Who finds nothing spins for a while, where there is a core
 * for every thread, and then sleeps.  What is sent to NET_ANYONE is taken by the first worker whose ring is
 * empty.  The coordinator's thread may lend itself to worker 0: instead
 * of waiting it runs that worker's next message, so that N workers need N threads, not N + 1.
 */
#ifndef LOOP_H
#define LOOP_H

#include "core/net/net.h"

struct loop;

struct loop_options {
    int32_t workers;
    bool encoded;                /* every message through bytes */
    const struct rondo_app *app; /* encoded, and to discard what a lost worker left */
    const void *problem;
};

int loop_create(const struct loop_options *options, struct loop **loop,
                struct rondo_error *err) RONDO_MUST_CHECK;
/* After loop_drain, when nobody holds a parcel that a decoder made. */
void loop_destroy(struct loop *loop);

struct net_hub *loop_hub(struct loop *loop);
struct net_link *loop_link(struct loop *loop, int32_t worker);

/* From now on the hub's wait runs step(context) for worker 0: 1 did something, 0 nothing to do; and ends
 * where ready(context), which is asked as a link's wait asks it. */
void loop_lend(struct loop *loop, int (*step)(void *context), bool (*ready)(void *context),
               void *context);

/* The worker is gone, as if its machine had lost power: its link fails, the hub hears NET_LEFT. */
void loop_take_away(struct loop *loop, int32_t worker);

/* Discards what is still in the rings; after all worker threads have ended, before those who made
 * the messages go. */
void loop_drain(struct loop *loop);

/* All links fail, so that worker threads end.  The hub hears nothing of it. */
void loop_close(struct loop *loop);

#endif

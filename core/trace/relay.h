/* relay.h - rounds handed on to a thread beside, in their order.
 *
 * Place:   core/trace, floor 1; used by who reads a long trace, so that a round is looked at while the next ones are read.
 * Threads: relay_give and relay_end belong to the thread that opened it; `each` is called by another, or by that one where
 *          there is no processor for two, no thread to be had, or so little that it is all there at the end.  Signals
 *          stay the opener's.
 * Memory:  two batches of RELAY_BYTES, rounds and lists, or of one round where that is more; their buffers may be twice that.
 */
#ifndef RELAY_H
#define RELAY_H

#include "core/base/mem.h"
#include "core/trace/trace.h"

#include <pthread.h>

enum { RELAY_BYTES = 1 << 20 };

/* Rounds with their lists. */
struct relay_batch {
    struct rondo_buf rounds; /* struct trace_round */
    struct rondo_buf lists;  /* what they point to; never moved while there are any */
    bool given;              /* guarded by mutex: it is the other thread's */
};

struct relay {
    int (*each)(void *context, const struct trace_round *round);
    void *context;
    struct relay_batch batch[2];
    int filling;             /* the batch that is being filled */
    bool running;            /* there is a thread */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t turned;   /* a batch has changed hands, or the end has come */
    bool ended;              /* guarded by mutex */
    int code;                /* likewise: the first that `each` answered but 0 */
};

void relay_open(struct relay *relay, int (*each)(void *context, const struct trace_round *round), void *context);
/* Copied.  RONDO_ENOMEM, or what `each` has answered to a round before. */
int relay_give(struct relay *relay, const struct trace_round *round) RONDO_MUST_CHECK;
/* All that was given is done; no thread is left.  What `each` answered. */
int relay_end(struct relay *relay) RONDO_MUST_CHECK;
void relay_close(struct relay *relay); /* behind relay_end */

#endif

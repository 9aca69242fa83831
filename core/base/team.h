/* team.h - parts of one piece of work, on those threads of a team that have nothing else to do.
 *
 * Place:   core/base, floor 0.
 * Threads: members join before the first of them works and leave after the last; the rest is safe, from
 *          any thread, within a part too.
 * Memory:  none; what is shared stands on the stack of who shares it, until all of it is done.
 *
 * Nobody is told to help: who finds nothing to do looks whether parts are open, and takes one.  Who shares
 * does the parts that nobody has taken, and waits for the others, but does no other's meanwhile.  So a
 * thread waits only for parts that were begun after its own, and no circle can close.
 */
#ifndef TEAM_H
#define TEAM_H

#include <rondo/types.h>

#include <pthread.h>
#include <stdatomic.h>

struct team_share;

struct team_member {
    bool (*wake)(void *context); /* any thread: if it rests it looks again; true: it did rest */
    void *context;
    struct team_member *next;
};

struct team {
    struct team_member *first;
    pthread_mutex_t mutex;
    pthread_cond_t done;      /* what others had taken of someone's parts */
    struct team_share *top;   /* guarded by mutex: what is shared, the newest first */
    _Atomic int32_t open;     /* written under it: of these, those with parts to take */
};

void team_init(struct team *team);
void team_fini(struct team *team);
/* The member is borrowed until it leaves. */
void team_join(struct team *team, struct team_member *member);
void team_leave(struct team *team, struct team_member *member);

/* part(context, 0 .. parts-1), each once.  The answer is 0 or that of the lowest part that did not say 0;
 * parts after one that failed may be left out.  Without a team (NULL), or with fewer than two members or
 * parts, it is a loop.  A part below some 50 us is not worth it. */
int team_each(struct team *team, int64_t parts, int (*part)(void *context, int64_t index),
              void *context) RONDO_MUST_CHECK;
/* Is there a part to take?  Sequentially consistent: who rests looks after it has said so. */
bool team_open(struct team *team);
/* Does one part of someone else's; false: there was none. */
bool team_help(struct team *team);

#endif

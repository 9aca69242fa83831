/* hands.h - a team of threads that do nothing but help; they sleep, without a limit, where there is
 * nothing to help with.
 *
 * Place:   tests/support.   Threads: who begins them ends them.   Memory: none. */
#ifndef HANDS_H
#define HANDS_H

#include "core/base/team.h"

enum { HANDS_MOST = 8 };

struct hand {
    struct team *team;
    struct team_member member;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t change;
    bool asleep, woken;      /* guarded by mutex */
    _Atomic bool stop;
    int (*job)(struct hand *hand); /* what it does of its own, before it helps; NULL: nothing */
    int answer;
};

/* The first is the caller's own: it has no thread. */
struct hands {
    struct team team; /* first */
    int count;
    struct hand hand[HANDS_MOST];
};

void hands_begin(struct hands *hands, int count, int (*job)(struct hand *hand));
/* Nothing may be shared any more. */
void hands_end(struct hands *hands);

#endif

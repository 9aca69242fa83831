/* baton.h - the machine's own round trip: a caller and threads - 1 others, a word each.
 *
 * Place: bench.   Threads: the caller's and those it starts.   Memory: a page.
 *
 * A round: the caller publishes its number; each other thread sees it and answers with it; the
 * round ends when the last has answered.  Nothing is carried, queued or planned.
 */
#ifndef BATON_H
#define BATON_H

#include <stdint.h>

enum baton_wait {
    BATON_SPIN,  /* each looks at its word, and gives way where that takes long */
    BATON_FUTEX, /* each sleeps on its word, woken by a system call every time */
};

/* Rounds per second over `rounds` rounds; 0 where a thread cannot be started. */
double baton_rate(enum baton_wait wait, int threads, int64_t rounds);

#endif

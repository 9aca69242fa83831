/* clock.h - the time, for people and traces; never for a decision that can change a result.
 *
 * Place: core/base, floor 0.   Threads: safe.   Memory: none; a condition ends by
 * pthread_cond_destroy.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Monotonic nanoseconds since an arbitrary beginning. */
int64_t clock_now_ns(void);

/* A condition whose waits go by this clock: who sets the machine's time delays nobody. */
void clock_cond_init(pthread_cond_t *cond);
/* Waits, as pthread_cond_timedwait, until clock_now_ns() is until_ns; false: the time is up. */
bool clock_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t until_ns);

#endif

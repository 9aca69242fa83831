/* clock.h - the time, for people and traces; never for a decision that can change a result.
 *
 * Place: core/base, floor 0.   Threads: safe.   Memory: none.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

/* Monotonic nanoseconds since an arbitrary beginning. */
int64_t clock_now_ns(void);

#endif

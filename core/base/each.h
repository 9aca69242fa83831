/* each.h - independent parts of one piece of work, on several threads.
 *
 * Place:   core/base, floor 0.
 * Threads: the caller's is one of them; the others live for one call.  Signals stay the caller's.
 * Memory:  none but the threads' own.
 *
 * Which thread takes which part is left to the moment, so a part writes what is its own.
 */
#ifndef EACH_H
#define EACH_H

#include <rondo/types.h>

/* part(context, 0 .. parts-1), each once, on at most `threads` threads.  The answer is 0 or that of
 * the lowest part that did not say 0; parts after one that failed may be left out.  A thread that
 * cannot be started is one less. */
int each_part(int32_t threads, int64_t parts, int (*part)(void *context, int64_t index),
              void *context) RONDO_MUST_CHECK;

/* How many this process may use: the processors that it is bound to; at least 1. */
int32_t each_threads(void);

#endif

/* chore.h - work that can wait: whoever has nothing else to do does a little of it.
 *
 * Place:   core/base, floor 0; given by a recording, done by a process's idle workers.
 * Threads: both functions are safe, from any thread.
 * Memory:  the context is borrowed from whoever gave the chore.
 */
#ifndef CHORE_H
#define CHORE_H

#include <rondo/types.h>

struct chore {
    bool (*open)(void *context); /* is there some? a look, no more; NULL: there is never any */
    bool (*some)(void *context); /* does a few microseconds of it; false: there was none */
    void *context;
};

#endif

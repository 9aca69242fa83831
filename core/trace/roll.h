/* roll.h - numbers small things as they are met: workers, pairs, cells.
 *
 * Place:   core/trace only, used by pace.c, heat.c and clash.c.
 * Threads: one.
 * Memory:  embedded; 24 to 48 bytes for each thing.
 */
#ifndef ROLL_H
#define ROLL_H

#include <rondo/types.h>

/* What was met, by its two names; its number is its place in the list. */
struct roll_name {
    int64_t a, b;
};

struct roll {
    struct roll_name *name; /* [count], in the order in which they were met */
    int64_t count, room;
    int64_t *slot;           /* [slots], a power of two: a number + 1, or 0 */
    int64_t slots;
};

/* The number of (a, b), a new one where it was not met before; -1: out of memory.  Cost: constant. */
int64_t roll_number(struct roll *roll, int64_t a, int64_t b);
void roll_fini(struct roll *roll);

#endif

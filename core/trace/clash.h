/* clash.h - what conflicts come to: how strong they are, and which pairs meet most often.
 *
 * Place:   core/trace only, used by the view of conflicts.
 * Threads: one.
 * Memory:  80 bytes for each pair that was in conflict.
 */
#ifndef CLASH_H
#define CLASH_H

#include "core/trace/reader.h"
#include "core/trace/roll.h"

enum { CLASH_BINS = 20, CLASH_PAIRS = 10 };

struct clash_pair {
    int64_t variable, other; /* variable < other, whichever was the candidate */
    int64_t times, joined;   /* of these */
    double coupling;         /* the largest, by absolute value */
};

struct clash {
    int64_t refused, joined;                              /* conflicts */
    int64_t bin_refused[CLASH_BINS], bin_joined[CLASH_BINS]; /* by |coupling|, in steps of 1 / CLASH_BINS; the
                                                              * last has all above */
    struct roll numbers;
    struct clash_pair *pair;                              /* [room], by number */
    int64_t room;
    struct clash_pair most[CLASH_PAIRS];                  /* by clash_end, the most frequent first */
    int count;                                            /* of these */
};

/* Begins as { 0 }.  0 or RONDO_ENOMEM.  Cost: below 100 ns. */
int clash_add(struct clash *clash, const struct trace_conflict *conflict);
/* Fills `most`; pairs as frequent stand by their variables. */
void clash_end(struct clash *clash);
void clash_fini(struct clash *clash);

#endif

/* whole.h - is the trace all of the job?
 *
 * Place:   oracle, floor 3.
 * Threads: one.
 * Memory:  none.
 *
 * All of it: the level that the checks need, rounds 1, 2, ... without a gap, none dropped, a job that has
 * ended, a task at the least for each block and all done, and as many rounds and updates as the job says, in meta
 * and in result.json beside the trace.
 */
#ifndef WHOLE_H
#define WHOLE_H

#include "oracle/subject.h"
#include "oracle/verdict.h"

struct whole {
    const struct subject *subject;
    struct verdict *verdict;
    int64_t rounds, last, gaps, first_gap, undone, updates, tasks, bare; /* bare: rounds that lack tasks */
};

void whole_open(struct whole *whole, const struct subject *subject, struct verdict *verdict);
void whole_round(struct whole *whole, const struct trace_round *round);
/* needs: the least level. */
void whole_end(struct whole *whole, enum trace_level needs);

#endif

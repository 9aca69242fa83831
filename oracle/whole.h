/* whole.h - is the trace all of the job?
 *
 * Place:   oracle, floor 3.
 * Threads: one.
 * Memory:  8 bytes a task of a phase.
 *
 * All of it: the level that the checks need, rounds 1, 2, ... without a gap, none dropped, a job that has
 * ended, all tasks and all done, lists that come to what their round counts (drawn, refused, joined, taken), and as
 * many rounds and updates as the job says, in meta and in result.json beside the trace.
 *
 * All tasks: as many phases as the round says.  Of a plan's first phase one task for each of its pairs; of later ones as
 * many as other phases of that tag have.  Else (block, shard), each once: as many shards for each block as other phases of
 * that tag have, and a pull for each block, if they have pulls.  Couplings are asked for in pieces that nothing counts.
 *
 * And each round's staleness: the least of round - 1 and pipeline - 1.
 */
#ifndef WHOLE_H
#define WHOLE_H

#include "core/base/mem.h"
#include "oracle/subject.h"
#include "oracle/verdict.h"

enum { WHOLE_TAGS = 32 };

/* Phases of one tag. */
struct whole_fellows {
    uint32_t tag;
    int32_t most;             /* tasks: of a plan's phase, else for each block */
    int64_t phases, fewer;    /* fewer: those of them that had less than most */
    int64_t pulled;           /* those with pulls */
};

struct whole {
    const struct subject *subject;
    struct verdict *verdict;
    bool by_tags;
    struct whole_fellows fellows[WHOLE_TAGS];
    int tags;
    struct rondo_buf seen;    /* int64_t: the last phase that had this task */
    int64_t phases;           /* in all */
    int64_t rounds, last, gaps, first_gap, undone, updates, tasks;
    int64_t bare, short_of; /* rounds that lack tasks; whose lists do not come to their counts */
    int64_t first_short;
};

/* by_tags: phases of one tag have the same shape, which an app need not promise. */
void whole_open(struct whole *whole, const struct subject *subject, bool by_tags, struct verdict *verdict);
void whole_round(struct whole *whole, const struct trace_round *round);
/* needs: the least level. */
void whole_end(struct whole *whole, enum trace_level needs);
void whole_close(struct whole *whole); /* of a zeroed one too */

#endif

/* flights.h - sampled rounds: were two coupled variables ever in flight in different blocks?
 *
 * Place:   oracle, floor 3.
 * Threads: one.
 * Memory:  the blocks of `pipeline` rounds, and 8 bytes a variable.
 *
 * A round is in flight from its planning until its commit.  Round t is planned behind the commit of round
 * t - d, d being the pipeline's depth: so rounds are in flight together that are less than d apart.  What
 * `coupled` promises of two variables whose |coupling| is above the threshold:
 *
 *     drop    they are not in flight together
 *     group   they are in one block
 *     solve   they are of one round, whose certificate is of the union of its blocks (replay.h)
 *
 * What a sweep moves by itself, the variable that violates most, nobody planned: rounds that are planned already may
 * have variables that it is coupled to.  It must be alone in another way: no task of another round is under way
 * meanwhile.  That is asked of all rounds, so that each block was computed from the state behind the round before.
 */
#ifndef FLIGHTS_H
#define FLIGHTS_H

#include "oracle/design.h"
#include "oracle/verdict.h"

enum { FLIGHTS_DEEPEST = 64 };

struct flight {
    int64_t round, count;
    struct rondo_buf variables, blocks; /* int64_t, int32_t [count] */
};

struct flights {
    struct design *design;
    struct verdict *verdict;
    bool checks;                 /* else nothing is coupled by the spec's own word */
    bool drop, group;
    double threshold;
    int64_t depth;
    struct flight flight[FLIGHTS_DEEPEST];
    int64_t flown;               /* rounds so far: the last is at (flown - 1) % depth */
    int64_t rounds, blocks, pairs, conflicts, unsaid; /* unsaid: sampled rounds without their blocks */
    int64_t done_ns, done_round; /* the task that was done last, of the rounds so far; round 0: there was none */
    int64_t apart;               /* rounds whose tasks came behind it */
};

/* How far a coupling may be off the threshold, and off what the trace says. */
#define FLIGHTS_EDGE 1e-9
#define FLIGHTS_SAID 1e-6

int flights_open(struct flights *flights, const struct subject *subject, struct design *design,
                 struct verdict *verdict, struct rondo_error *err) RONDO_MUST_CHECK;
/* Rounds ascending.  RONDO_ENOMEM. */
int flights_round(struct flights *flights, const struct trace_round *round) RONDO_MUST_CHECK;
/* Whether the coupling of two variables is below the threshold for certain, by more than the edge. */
bool flights_apart(const struct flights *flights, int64_t j, int64_t k);
/* Says what was proved. */
void flights_end(struct flights *flights);
void flights_close(struct flights *flights);

#endif

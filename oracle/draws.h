/* draws.h - sampled rounds: does what was refused, joined and taken follow from what was drawn?
 *
 * Place:   oracle, floor 3; behind flights.h, whose rounds in flight it looks at.
 * Threads: one.
 * Memory:  32 bytes a variable, 16 a variable of a round.
 *
 * Candidates are judged in the order of their draws.  Each is drawn once, is in flight in no earlier round, and is taken
 * or refused, and nothing else is taken.  Coupled is what is coupled above the threshold (design.h); near are the
 * variables in flight, of the earliest round first, then those taken of this round, in the order of the draws.
 *
 *     drop    refused is who is coupled to anything near, for the first of it
 *     group   refused is who is coupled to an earlier round in flight, for the first of them; else it may be for one that
 *             was taken before; who is taken and coupled to some that were taken before has joined the first of them
 *     solve   refused is who is coupled to an earlier round in flight, for the first of them; the joined pairs are of one
 *             block each, close no circle, the strongest comes first, and they hold together what is coupled, pair by
 *             pair, and all in one block
 *     none    nobody is refused or joined
 *
 * Of an earlier round the first is any of its variables: blocks have no order of draws.  A whole round, of solve, is one
 * block that was not checked: it has no pairs that were needed.
 *
 * And the counts: the coupled pairs among the taken; the weight that was taken, and no more drawn than there was, but all
 * of it where a round is not full and might have drawn more; what moved was taken; the updates are the variables taken, of
 * a sweep 1 where it moved the worst, else 0.
 */
#ifndef DRAWS_H
#define DRAWS_H

#include "oracle/flights.h"

enum draws_mode { DRAWS_NONE, DRAWS_DROP, DRAWS_GROUP, DRAWS_SOLVE };

/* A variable: where it stood in the last round that drew it, and in the last that took it. */
struct draws_place {
    int64_t drawn, taken;       /* rounds; 0: none */
    int32_t at;                 /* in the order of the draws */
    int32_t told;               /* the conflict that it is the candidate of; -1: none */
    int32_t node, block;        /* of those taken: its number, its block */
};

struct draws {
    struct flights *flights;
    struct verdict *verdict;
    enum draws_mode mode;
    bool details;               /* level all */
    bool folds;                 /* of a cross-validation a round's updates are of all folds */
    bool weighted;              /* drawn in proportion to weight + eta; else each alike */
    bool cuts;                  /* solve: into more than one block */
    double eta;
    struct draws_place *place;  /* [p] */
    struct rondo_buf tree;      /* int32_t [2 x taken]: who is coupled, who was joined; char [taken]: of several blocks */
    int64_t candidates;
    int64_t rounds, whole, drawn, refused, joined, updates;
    int64_t edges;              /* pairs of this round at the threshold */
    int64_t parted;             /* sets of coupled variables that are in several blocks */
};

int draws_open(struct draws *draws, const struct subject *subject, struct flights *flights, struct verdict *verdict,
               struct rondo_error *err) RONDO_MUST_CHECK;
/* Rounds ascending, behind flights_round.  RONDO_ENOMEM. */
int draws_round(struct draws *draws, const struct trace_round *round) RONDO_MUST_CHECK;
/* Says what was proved. */
void draws_end(struct draws *draws);
void draws_close(struct draws *draws); /* of a zeroed one too */

#endif

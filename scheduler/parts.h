/* parts.h - the inside of a scheduler: what its files share, and nobody else.
 *
 * Place:   scheduler, floor 2; included by the .c files of this folder alone.
 * Threads: one.
 * Memory:  all arrays are made by setup.c and live as long as the scheduler.
 *
 * A round is planned in stages (see the table in scheduler.c):
 *
 *     AHEAD   pairs that later rounds will look at, where they were named
 *     DRAW    a batch of candidates leaves the sampler
 *     SIEVE   candidates x near      those that cannot be taken whatever the rest of the batch does
 *     JUDGE   candidates x candidates  one by one, in the order of the draws
 *     ...     again from DRAW, until enough are taken or `candidates` are drawn or none is left
 *     JOIN    taken x taken          solve alone
 *     PACK    blocks are made, the refused go back
 *
 * "Near" is the list of what a candidate may be in conflict with: first the variables in flight, in
 * the order of their rounds, then those taken in this round, in the order of their draws.
 */
#ifndef PARTS_H
#define PARTS_H

#include "dependency/cache.h"
#include "dependency/request.h"
#include "priority/sampler.h"
#include "scheduler/balance.h"
#include "scheduler/coupled.h"
#include "scheduler/cut.h"
#include "scheduler/scheduler.h"

enum { BATCH_LEAST = 16, BATCH_FIRST = 64, BATCH_GROWTH = 4 };

enum stage_name { STAGE_IDLE, STAGE_AHEAD, STAGE_DRAW, STAGE_SIEVE, STAGE_JUDGE, STAGE_JOIN, STAGE_PACK };

/* A round that is planned and not committed, or room for one. */
struct flight {
    struct scheduler_plan plan;
    int32_t *start;      /* [bins + 1] */
    int64_t *variables;  /* [room] */
    double *cost;        /* [bins] */
    struct scheduler_conflict *conflict; /* [sizes.conflicts] */
    int64_t *draw;       /* [sizes.draws] where all is recorded, as is weight */
    double *weight;
};

/* What setup.c derives from the configuration; all bounded by M. */
struct sizes {
    int64_t places;    /* most variables in a round that is cut */
    int64_t room;      /* most in any, a whole one too */
    int64_t flying;    /* most in flight when a round is begun */
    int64_t batch;     /* most candidates at a time */
    int64_t returned;  /* most drawn and not taken in a round */
    int64_t conflicts; /* most kept of a round */
    int64_t draws;     /* likewise; 0 where they are not recorded */
    int64_t joinable;  /* most in scheduler_couplings */
    int64_t ahead;     /* most in scheduler_ahead */
    int64_t slots;     /* of the cache */
    int64_t pairs;     /* most in one request */
    int64_t columns;
    int32_t bins;      /* blocks that a round can use */
};

/* How coupled candidates are treated, in the order in which they meet it. */
struct policy {
    const char *name;
    bool sieve_taken; /* SIEVE looks at the taken too, not only at what is in flight */
    bool judge_batch; /* JUDGE needs the couplings within the batch */
    bool join_taken;  /* JOIN needs those of all that were taken, where there are several blocks */
    /* True: keep candidate i of the batch for judgement.  NULL: all. */
    bool (*sieve)(struct scheduler *s, int64_t i);
    /* True: take candidate i.  NULL: all. */
    bool (*judge)(struct scheduler *s, int64_t i);
    /* Sets block_of for all that were taken. */
    void (*pack)(struct scheduler *s);
};

extern const struct policy policy_none, policy_drop, policy_group, policy_solve;

struct scheduler {
    struct scheduler_config config;
    struct sizes sizes;
    const struct policy *policy;
    struct sampler sampler;
    struct cache cache;
    struct request request;
    struct coupled coupled;
    struct balance balance;
    struct cut cut;            /* group, solve */
    struct spanning spanning;  /* solve, several blocks */
    int32_t *of_size;          /* group: [block_size or places + 1] components of each size >= 2 */
    int32_t largest;           /* group: the size of the largest component */
    int64_t *seen;             /* group: [places] the last candidate that met this root */
    int64_t sighting;          /* numbers candidates, for ever */
    struct flight *flights;    /* [pipeline] */
    struct flight **queue;     /* [pipeline] those in flight by round, then the free ones */
    int32_t in_flight;
    int64_t last_round;        /* the last one begun; -1: none */

    /* the round being planned */
    enum stage_name stage;
    bool whole;                /* one block, unchecked */
    bool opened;               /* this stage's walk over pairs has begun */
    struct flight *flight;
    int64_t want, flying, taken, batch;
    int64_t newly;             /* taken before this batch */
    int64_t entered;           /* this batch as it was drawn */
    int64_t returned;          /* refused, and drawn in vain when the round was full */
    int32_t *near_slot;        /* [flying + places] */
    int64_t *near_round;       /* [flying] */
    int64_t *taken_variable;   /* [room] in the order of the draws */
    double *taken_cost;        /* [room]; NULL where all cost 1 */
    int32_t *block_of;         /* [room] */
    int64_t *batch_variable;   /* [batch] */
    int32_t *batch_slot;       /* [batch] */
    int64_t *batch_row;        /* [batch] its row of coupled.to_near: its place before the sieve */
    int64_t *batch_near;       /* [batch] where it was taken: its place near */
    uint64_t *batch_taken;     /* [bitset_words(batch)] */
    int64_t *returned_variable; /* [returned] */

    /* scheduler_couplings, scheduler_ahead */
    bool joining;              /* some were asked for, and not all were answered */
    int32_t *block_slot;       /* [most of joinable and ahead], as are the two below */
    struct lineup block;
    struct radix_item *block_scratch;
};

/* Is candidate i coupled to any of near[0 .. to)?  The first is recorded as a conflict.  SIEVE. */
bool parts_refused_for(struct scheduler *s, int64_t i, int64_t to);
/* Candidate i is refused for its coupling to near, which is kept for the trace while there is room. */
void parts_refused(struct scheduler *s, int64_t i, int64_t near);
/* It was taken, into the block of another of this round: counted, and kept likewise. */
void parts_joined(struct scheduler *s, int32_t candidate_slot, int32_t other_slot);
/* No round in flight, nothing fed. */
void parts_reset(struct scheduler *s);

#endif

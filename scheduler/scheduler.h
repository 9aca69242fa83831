/* scheduler.h - one round: sample, check, cut, emit; then feedback.  START HERE.
 *
 * Place:   scheduler, floor 2, above priority/ and dependency/; used by the coordinator's engine,
 *          the simulator and tests.  Knows nothing of any app.
 * Threads: one.
 * Memory:  allocated by scheduler_create from the configuration; none in a round.
 *
 *     priority/    weights w_j  ->  candidates     p(j) = (w_j + eta) / sum
 *     dependency/  candidates   ->  couplings      answered by the app, by way of the engine
 *     scheduler/   couplings    ->  blocks         balanced by cost, longest first
 *
 * Planning a round may need couplings that only workers can compute, so it is a small machine:
 *
 *     scheduler_begin(s, round, want);
 *     while (scheduler_step(s, &need) == SCHEDULER_NEEDS)
 *         ... compute need->pairs ...; scheduler_answer(s, 0, need.columns, values);
 *     plan = scheduler_plan(s, round);
 *
 * Rounds are planned in order; each stays in flight until scheduler_commit(s, round), and its
 * variables take part in the conflict test of later rounds until then.
 *
 * Everything is a pure function of (configuration, seed, feedback in order, couplings).  Weights
 * live in a sum tree whose inner nodes are recomputed from their children in a fixed order, so the
 * tree is a function of its leaves and a restored scheduler draws the same.
 *
 * The invariant, with COUPLED_DROP or COUPLED_GROUP: no two variables in different blocks of the
 * rounds in flight are coupled above the threshold.  Under DROP no two variables in flight at all;
 * under SOLVE no two of different rounds.
 */
#ifndef SCHEDULER_H
#define SCHEDULER_H

#include "core/base/team.h"
#include "priority/rule.h"

#include <rondo/app.h>

enum dependency_check { CHECK_NONE, CHECK_CORRELATION };
enum coupled_mode { COUPLED_SOLVE, COUPLED_GROUP, COUPLED_DROP };

struct scheduler_config {
    int64_t variables;   /* M */
    const double *cost;  /* [M] counted work of one update; NULL: 1 each.  Borrowed for life */
    int32_t blocks;      /* blocks in a round */
    int32_t block_size;  /* most variables in one */
    bool cut_to_budget;  /* block_size is less than was asked for, so that cache_bytes suffice */
    int64_t candidates;  /* most draws for a round */
    int64_t whole_most;  /* most variables in a whole round, where more than blocks x block_size */
    enum priority_rule rule;
    double eta;          /* added to every weight in the draw (gradient, delta) */
    enum dependency_check check;
    enum coupled_mode coupled;
    double threshold;    /* |coupling| above it: coupled */
    int32_t pipeline;    /* rounds planned or in flight, at least 1 */
    uint64_t seed;
    bool record;         /* keep every conflict, and what was drawn by which weight; changes no plan */
    size_t cache_bytes;  /* budget of the coupling cache; at least scheduler_cache_floor() */
    struct team *team;   /* for what takes long; NULL: none */
};

enum { SCHEDULER_REFUSALS_KEPT = 64 }; /* of a round, unless all are recorded */

/* drop: refused for its coupling to other; group: refused, or joined to other; solve: refused for a
 * round in flight, then the couplings that hold the blocks together, the strongest first. */
struct scheduler_conflict {
    int64_t candidate, other;
    double coupling;
    int64_t other_round;      /* the round that other is in flight in */
    bool joined;              /* candidate was taken, into other's block; else refused */
};

struct scheduler_plan {
    int64_t round;
    int32_t blocks;           /* blocks that have a variable; may be 0 */
    const int32_t *start;     /* [blocks + 1] into variables */
    const int64_t *variables; /* [start[blocks]]; ascending within a block */
    const double *cost;       /* [blocks] */
    /* what happened, for the trace */
    int64_t wanted, drawn, refused, taken; /* drawn = refused + taken */
    int64_t pairs_needed;     /* couplings looked at */
    int64_t pairs_computed;   /* of these, not in the cache */
    int64_t coupled_pairs;    /* pairs above the threshold among the taken (group; solve where
                               * there is more than one block) */
    int64_t joined;           /* of the taken, how many went to a block for a coupling */
    int64_t draws;            /* where config.record, else 0 */
    const int64_t *draw;      /* [draws] candidates in the order of the draws */
    const double *weight;     /* [draws] the weight of each then, eta not included */
    int32_t conflicts;        /* kept below, at most SCHEDULER_REFUSALS_KEPT unless config.record */
    const struct scheduler_conflict *conflict;
    double weight_sum;        /* of the tree when the round was begun */
    double weight_taken;      /* of the variables taken */
};

enum scheduler_state { SCHEDULER_READY, SCHEDULER_NEEDS };

struct scheduler;

/* The least cache_bytes that (blocks, block_size, pipeline, check) can work with. */
size_t scheduler_cache_floor(const struct scheduler_config *config);

/* RONDO_ENOMEM, or RONDO_EINPUT for a configuration that cannot work. */
int scheduler_create(const struct scheduler_config *config, struct scheduler **scheduler,
                     struct rondo_error *err) RONDO_MUST_CHECK;
void scheduler_destroy(struct scheduler *scheduler);

/* Opens the planning of a round.  want: at most so many variables, cut to blocks x block_size. */
void scheduler_begin(struct scheduler *scheduler, int64_t round, int64_t want);
/* The round just begun is one block of what is drawn, up to `want`, and nothing else is in flight: it
 * is not checked, nor cut, nor bounded by anything but `want` and whole_most. */
void scheduler_whole(struct scheduler *scheduler, int64_t want);
/* The round just begun and later ones are drawn of these: their couplings are computed before the
 * draw, many at a time, which costs a part of computing them as they meet.  A hint: it changes no plan,
 * and does nothing where no pair is looked at or the cache has no room for so many. */
void scheduler_ahead(struct scheduler *scheduler, int64_t count, const int64_t *variables);
/* NEEDS: pairs whose couplings are missing, borrowed until scheduler_answer.  READY: the plan is made. */
enum scheduler_state scheduler_step(struct scheduler *scheduler, struct rondo_pairs *need);
/* values [ptr[to] - ptr[from]]: of the pairs that columns [from, to) asked for, in their order.  All columns
 * are answered, in any order, before the next question. */
void scheduler_answer(struct scheduler *scheduler, int64_t from, int64_t to, const double *values);
/* The plan of a round that is planned and not committed; valid until its commit. */
const struct scheduler_plan *scheduler_plan(const struct scheduler *scheduler, int64_t round);
/* The round leaves flight. */
void scheduler_commit(struct scheduler *scheduler, int64_t round);

/* Feedback: see host->feed in <rondo/app.h>. */
void scheduler_feed(struct scheduler *scheduler, int64_t count, const int64_t *variables,
                    const double *delta, const double *violation);
void scheduler_feed_all(struct scheduler *scheduler, const double *violation);

/* The most variables that scheduler_couplings can take: min(M, blocks x block_size), or less where
 * check is CHECK_NONE and cache_bytes has no room for as many. */
int64_t scheduler_couplings_most(const struct scheduler *scheduler);

/* The couplings of a block, [count x count] symmetric with unit diagonal, from the cache.  Returns
 * SCHEDULER_NEEDS with missing pairs, to be answered by scheduler_answer and asked again for the same
 * block until it is READY: not all may be asked for at once.  Not while a round is being planned.
 * Distinct variables, count at most scheduler_couplings_most. */
enum scheduler_state scheduler_couplings(struct scheduler *scheduler, int64_t count,
                                         const int64_t *variables, double *out,
                                         struct rondo_pairs *need);

/* Everything that decides later rounds (weights, cursor, rounds in flight with their plans); not
 * the cache, whose content changes no result.  Not while a round is being planned.  unpack refuses
 * bytes that do not fit with RONDO_ESTATE; the scheduler is then as scheduler_create left it. */
int scheduler_pack(const struct scheduler *scheduler, struct rondo_buf *out) RONDO_MUST_CHECK;
int scheduler_unpack(struct scheduler *scheduler, struct rondo_bytes in) RONDO_MUST_CHECK;

/* Whether exactly so many rounds are planned and not committed, and round `next` can be begun: what
 * an unpacked state must say to go with its job's rounds. */
bool scheduler_awaits(const struct scheduler *scheduler, int32_t rounds, int64_t next);

/* Current weight of a variable, eta not included; for traces and tests. */
double scheduler_weight(const struct scheduler *scheduler, int64_t variable);

#endif

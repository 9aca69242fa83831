/* sampler.h - stage 1 of a round: weighted sampling without replacement.  READ THIS FIRST.
 *
 * Place:   priority, floor 1; used by scheduler/.
 * Threads: one.
 * Memory:  17/8 to 19/8 M doubles with a weighted rule, M bits else, from init to fini.
 *
 * A variable is in or out.  A draw takes one that is in, with p(j) ~ w_j + eta (gradient, delta) or
 * 1 (uniform), or the next in turn (cyclic), and it is out until it is put back.  Weights may change
 * meanwhile and count from then on.
 *
 * Random numbers come from rng.h alone, by (seed, round, stream 1, number of the try), so a draw is
 * a function of those and of the weights that are in.
 */
#ifndef SAMPLER_H
#define SAMPLER_H

#include "priority/rule.h"
#include "priority/sumtree.h"

enum { SAMPLER_STREAM = 1 };

struct sampler {
    const struct rule *rule;
    enum priority_rule kind;
    double eta;
    int64_t count, in;    /* variables, those of them that are in */
    uint64_t *out;        /* [bitset_words(count)] */
    double *weight;       /* [count], eta not included; weighted rules only */
    struct sumtree tree;  /* leaf j: out ? 0 : weight[j] + eta; weighted rules only */
    int64_t cursor;       /* cyclic: the next in turn */
    int64_t opened_at;    /* cyclic: the cursor when the round was opened */
    uint64_t seed, round, tries;
};

/* RONDO_ENOMEM.  All variables are in, with RULE_FIRST_WEIGHT. */
int sampler_init(struct sampler *sampler, enum priority_rule rule, double eta, int64_t count,
                 uint64_t seed) RONDO_MUST_CHECK;
void sampler_fini(struct sampler *sampler);
/* As sampler_init left it. */
void sampler_reset(struct sampler *sampler);

/* Draws from now on belong to this round. */
void sampler_open(struct sampler *sampler, int64_t round);
/* Takes one out; -1 where none is left that has any weight.  O(log M); uniform and cyclic O(1), or
 * O(M / 64) where nearly all are out. */
int64_t sampler_draw(struct sampler *sampler);
/* What so many draws would take, ascending, where they would take all that has a weight: how many; -1:
 * more have one, or the rule knows none, and nothing is taken.  Room for `most`. */
int64_t sampler_draw_all(struct sampler *sampler, int64_t most, int64_t *variables);
/* Takes out a variable that is in. */
void sampler_take(struct sampler *sampler, int64_t variable);
/* Drawn, and their round is over. */
void sampler_release(struct sampler *sampler, int64_t count, const int64_t *variables);
/* Drawn in the open round and refused.  Cyclic: the first of them is the next in turn. */
void sampler_put_back(struct sampler *sampler, int64_t count, const int64_t *variables);

/* Sum of what can be drawn, and one variable's share of it were it in. */
double sampler_sum(const struct sampler *sampler);
double sampler_share(const struct sampler *sampler, int64_t variable);
double sampler_weight(const struct sampler *sampler, int64_t variable);

/* delta, violation: [count], NAN: keep; NULL: all NAN.  Numbers outside 0 .. M-1 are passed over. */
void sampler_feed(struct sampler *sampler, int64_t count, const int64_t *variables,
                  const double *delta, const double *violation);
/* violation [M].  O(M). */
void sampler_feed_all(struct sampler *sampler, const double *violation);

/* After a change of weight[] or out[] in bulk: the tree and the counts anew. */
void sampler_rebuild(struct sampler *sampler);

#endif

/* rule.h - how feedback becomes a weight.
 *
 * Place:   priority, floor 1; used by sampler.c, named by the scheduler's configuration.
 * Threads: pure functions.   Memory: none.
 *
 *     gradient   w = violation of the optimality condition (Gauss-Southwell)
 *     delta      w = delta^2 (STRADS: Kim et al., EuroSys 2016; Lee et al., NIPS 2014)
 *     uniform    w = 1 always (Shotgun: Bradley et al., ICML 2011)
 *     cyclic     w = 1 always, drawn in turn
 *
 * A variable that was never fed has weight 1, so that each is visited.
 */
#ifndef RULE_H
#define RULE_H

#include <rondo/types.h>

enum priority_rule { RULE_GRADIENT, RULE_DELTA, RULE_UNIFORM, RULE_CYCLIC };

#define RULE_FIRST_WEIGHT 1.0
#define RULE_WEIGHT_MAX 1e280 /* the sum over all variables stays finite */

struct rule {
    const char *name;
    bool weighted;       /* drawn in proportion to w + eta; else all alike */
    bool from_violation; /* a sweep of violations changes the weights */
    /* delta, violation: NAN where not known.  old: kept where nothing is said. */
    double (*weight)(double old, double delta, double violation);
};

const struct rule *rule_of(enum priority_rule rule);

/* max(0, min(value, RULE_WEIGHT_MAX)), `old` where value is NAN. */
static inline double rule_clamp(double old, double value)
{
    double low = value > 0 ? value : 0;
    double clamped = low < RULE_WEIGHT_MAX ? low : RULE_WEIGHT_MAX;
    return value != value ? old : clamped;
}

#endif

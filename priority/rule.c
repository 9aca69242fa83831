#include "priority/rule.h"

static double weigh_gradient(double old, double delta, double violation)
{
    (void)delta;
    return rule_clamp(old, violation);
}

static double weigh_delta(double old, double delta, double violation)
{
    (void)violation;
    return rule_clamp(old, delta * delta);
}

static double weigh_alike(double old, double delta, double violation)
{
    (void)delta;
    (void)violation;
    return old;
}

static const struct rule rules[] = {
    [RULE_GRADIENT] = { "gradient", true, true, weigh_gradient },
    [RULE_DELTA] = { "delta", true, false, weigh_delta },
    [RULE_UNIFORM] = { "uniform", false, false, weigh_alike },
    [RULE_CYCLIC] = { "cyclic", false, false, weigh_alike },
};

const struct rule *rule_of(enum priority_rule rule)
{
    return &rules[rule];
}

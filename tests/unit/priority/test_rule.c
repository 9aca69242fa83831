#include "priority/rule.h"

#include <criterion/criterion.h>
#include <math.h>

Test(rule, gradient_weighs_by_violation_and_delta_by_its_square)
{
    cr_assert_eq(rule_of(RULE_GRADIENT)->weight(1, 3, 0.25), 0.25);
    cr_assert_eq(rule_of(RULE_DELTA)->weight(1, -3, 0.25), 9);
}

Test(rule, what_is_not_known_keeps_the_old_weight)
{
    cr_assert_eq(rule_of(RULE_GRADIENT)->weight(0.7, 3, NAN), 0.7);
    cr_assert_eq(rule_of(RULE_DELTA)->weight(0.7, NAN, 3), 0.7);
}

Test(rule, weights_are_finite_and_not_negative_whatever_comes)
{
    const double odd[] = { -1, -INFINITY, INFINITY, 1e300, -0.0, 0 };
    for (int rule = RULE_GRADIENT; rule <= RULE_CYCLIC; rule++) {
        for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
            double w = rule_of((enum priority_rule)rule)->weight(1, odd[i], odd[i]);
            cr_assert(w >= 0 && w <= RULE_WEIGHT_MAX);
        }
    }
}

Test(rule, uniform_and_cyclic_do_not_listen)
{
    cr_assert_eq(rule_of(RULE_UNIFORM)->weight(1, 5, 5), 1);
    cr_assert_eq(rule_of(RULE_CYCLIC)->weight(1, 5, 5), 1);
    cr_assert_not(rule_of(RULE_UNIFORM)->weighted || rule_of(RULE_CYCLIC)->weighted);
}

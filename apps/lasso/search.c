#include "lasso.h"

#include <math.h>

double lasso_change(const struct lasso_line *line, double t)
{
    double penalty = 0;
    for (int64_t j = 0; j < line->count; j++) {
        double b = line->b[j], moved = b + t * line->d[j];
        /* Where the sign stays no digits cancel: the rounding is that of the step, not of b. */
        penalty += line->l1 * (b * moved > 0 ? copysign(1, b) * t * line->d[j]
                                             : fabs(moved) - fabs(b));
        penalty += line->l2 * (0.5 * t * line->d[j]) * (moved + b);
    }
    return (0.5 * t * t * line->uu - t * line->ru) / line->n + penalty;
}

/* The derivative of the change at t from the left. */
static double slope(const struct lasso_line *line, double t)
{
    double sum = 0;
    for (int64_t j = 0; j < line->count; j++) {
        double d = line->d[j], moved = line->b[j] + t * d;
        /* At a kink the left derivative counts: the sign that the variable had before it. */
        double sign = moved > 0 ? 1 : moved < 0 ? -1 : d > 0 ? -1 : 1;
        sum += line->l1 * sign * d + line->l2 * moved * d;
    }
    return (t * line->uu - line->ru) / line->n + sum;
}

double lasso_search(const struct lasso_line *line)
{
    if (slope(line, 1) <= 0)
        return 1;
    double below = 0, above = 1;
    for (int i = 0; i < 60; i++) {
        double middle = 0.5 * (below + above);
        if (slope(line, middle) <= 0)
            below = middle;
        else
            above = middle;
    }
    return below;
}

#include "lasso.h"

#include <math.h>

static double l1_of(const struct lasso_line *line, int64_t i)
{
    return line->lasso ? lasso_l1(line->lasso, line->l1, line->variable[i]) : line->l1;
}

static double l2_of(const struct lasso_line *line, int64_t i)
{
    return line->lasso ? lasso_l2(line->lasso, line->l2, line->variable[i]) : line->l2;
}

double lasso_penalty_change(const struct lasso_line *line, double t)
{
    double penalty = 0;
    for (int64_t j = 0; j < line->count; j++) {
        double b = line->b[j], moved = b + t * line->d[j];
        /* Where the sign stays no digits cancel: the rounding is that of the step, not of b. */
        penalty += l1_of(line, j) * (b * moved > 0 ? copysign(1, b) * t * line->d[j]
                                                   : fabs(moved) - fabs(b));
        penalty += l2_of(line, j) * (0.5 * t * line->d[j]) * (moved + b);
    }
    return penalty;
}

double lasso_change(const struct lasso_line *line, double t)
{
    return (0.5 * t * t * line->uu - t * line->ru) / line->n + lasso_penalty_change(line, t);
}

/* The derivative of the change at t from the left. */
static double slope(const struct lasso_line *line, double t)
{
    double sum = 0;
    for (int64_t j = 0; j < line->count; j++) {
        double d = line->d[j], moved = line->b[j] + t * d;
        /* At a kink the left derivative counts: the sign that the variable had before it. */
        double sign = moved > 0 ? 1 : moved < 0 ? -1 : d > 0 ? -1 : 1;
        sum += l1_of(line, j) * sign * d + l2_of(line, j) * moved * d;
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

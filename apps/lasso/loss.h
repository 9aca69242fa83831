/* loss.h - what a loss is to the lasso: a table of functions over rows, once for each instruction set.
 *
 * Place:   apps/lasso, private to it.
 * Threads: pure functions.
 * Memory:  none.
 *
 *     minimise over b, b0   1/n sum_i v_i f(y_i, eta_i) + penalty(b),   eta = X b + b0
 *
 * f is convex in eta and nowhere below 0, which the closest eta reaches: 2 f is the deviance.  A loss is a
 * file: loss_NAME.c says f of one row, its derivatives and its conjugate, and includes loss_loops.h, which
 * makes the table of it.
 *
 *     pull       r_i = -v_i f'(y_i, eta_i): what is left for X to explain; X'r / n is minus the gradient
 *     curvature  h_i = v_i f''(y_i, eta_i)
 *     dual       D(s) = -1/n sum_i v_i (f*(y_i, u_i) - u_i offset_i),  u_i = -s r_i / v_i, and what the
 *                penalty adds: never above the least objective, where s r is feasible
 */
#ifndef LOSS_H
#define LOSS_H

#include <stdbool.h>
#include <stdint.h>

/* Rows: [n] each. */
struct loss_rows {
    int64_t n;
    const double *y;      /* as the loss wants it */
    const double *v;      /* weights; a row of weight 0 takes no part */
    const double *offset; /* eta of the null model */
    double delta;         /* huber */
};

struct loss {
    const char *name;
    bool majorised; /* f'' would not do for steps */
    bool quadratic; /* one model is the loss itself */
    /* The sum of v f; r and h where they are not NULL; `majorant`: h is of a quadratic that lies nowhere
     * below f, where f'' would not do for a step. */
    double (*derive)(const struct loss_rows *rows, const double *eta, bool majorant, double *r,
                     double *h);
    /* The sum of v (f(eta + t u) - f(eta)), row by row and to the digits of u, which may be far smaller than
     * what f can tell apart. */
    double (*change)(const struct loss_rows *rows, const double *eta, const double *u, double t);
    /* n D(s); -HUGE_VAL where s r is outside of f*'s domain. */
    double (*dual)(const struct loss_rows *rows, const double *r, double s);
};

#define LOSSES_OF(isa)                                                                            \
    extern const struct loss lasso_squared_##isa, lasso_logistic_##isa, lasso_huber_##isa,        \
        lasso_poisson_##isa;
LOSSES_OF(v2)
LOSSES_OF(v3)
LOSSES_OF(v4)
#undef LOSSES_OF

#endif

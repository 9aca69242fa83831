/* loss_loops.h - the loops of a loss, around what a file says of one row; included at its end, once.
 *
 * Place:   apps/lasso, private to the losses.
 * Threads: pure functions.
 * Memory:  none.
 *
 * The file has NAME, MAJORISED and QUADRATIC (loss.h), and, of one row: value, slope, curvature and
 * majorant (of y, eta, delta); difference (of y, eta, u, delta), f(eta + u) - f(eta) to the digits of u; and
 * conjugate (of y, u, delta), HUGE_VAL outside of its domain.  Rows are summed in eight lanes.
 */
#ifndef LOSS_LOOPS_H
#define LOSS_LOOPS_H

#include "lanes.h"
#include "loss.h"

#include <math.h>

enum { ROWS = 256 }; /* a strip of rows, of which terms are made before they are added up */

/* Adds a strip's terms, lane l those of the rows i = l (mod 8). */
static void add_strip(const double *term, int64_t count, double lane[LANES])
{
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (int l = 0; l < LANES; l++)
            lane[l] += term[i + l];
    for (; i < count; i++)
        lane[i % LANES] += term[i];
}

#define STRIPS(lane, rows, expression)                                                             \
    do {                                                                                           \
        double term[ROWS];                                                                         \
        for (int64_t begin = 0; begin < (rows)->n; begin += ROWS) {                                \
            int64_t count = (rows)->n - begin < ROWS ? (rows)->n - begin : ROWS;                   \
            for (int64_t k = 0, i = begin; k < count; k++, i++)                                    \
                term[k] = (expression);                                                            \
            add_strip(term, count, lane);                                                          \
        }                                                                                          \
    } while (0)

static double derive(const struct loss_rows *rows, const double *restrict eta, bool major,
                     double *restrict r, double *restrict h)
{
    double lane[LANES] = { 0 }, term[ROWS], delta = rows->delta;
    const double *restrict y = rows->y, *restrict v = rows->v;
    for (int64_t begin = 0; begin < rows->n; begin += ROWS) {
        int64_t count = rows->n - begin < ROWS ? rows->n - begin : ROWS;
        if (r && h && !major)
            for (int64_t k = 0, i = begin; k < count; k++, i++) {
                term[k] = v[i] * value(y[i], eta[i], delta);
                r[i] = -v[i] * slope(y[i], eta[i], delta);
                h[i] = v[i] * curvature(y[i], eta[i], delta);
            }
        else
            for (int64_t k = 0, i = begin; k < count; k++, i++)
                term[k] = v[i] * value(y[i], eta[i], delta);
        for (int64_t i = begin; r && (!h || major) && i < begin + count; i++)
            r[i] = -v[i] * slope(y[i], eta[i], delta);
        for (int64_t i = begin; h && major && i < begin + count; i++)
            h[i] = v[i] * majorant(y[i], eta[i], delta);
        add_strip(term, count, lane);
    }
    return fold(load(lane));
}

static double change(const struct loss_rows *rows, const double *restrict eta,
                     const double *restrict u, double t)
{
    double lane[LANES] = { 0 }, delta = rows->delta;
    const double *restrict y = rows->y, *restrict v = rows->v;
    STRIPS(lane, rows, v[i] * difference(y[i], eta[i], t * u[i], delta));
    return fold(load(lane));
}

/* v (f*(u) - u offset) at u = -s r / v; nothing where v = 0, as r is 0 there. */
static inline double star(double y, double v, double r, double offset, double delta)
{
    double whole = v > 0 ? v : 1, u = r / whole;
    return v * (conjugate(y, u, delta) - u * offset);
}

static double dual(const struct loss_rows *rows, const double *restrict r, double s)
{
    double lane[LANES] = { 0 }, delta = rows->delta;
    const double *restrict y = rows->y, *restrict v = rows->v, *restrict offset = rows->offset;
    STRIPS(lane, rows, star(y[i], v[i], -s * r[i], offset[i], delta));
    double sum = fold(load(lane));
    return sum < HUGE_VAL ? -sum : -HUGE_VAL; /* what is no number proves nothing */
}

const struct loss PASTE(PASTE(lasso_, NAME), PASTE(_, KERNEL_ISA)) = {
    .name = TEXT(NAME), .majorised = MAJORISED, .quadratic = QUADRATIC,
    .derive = derive, .change = change, .dual = dual,
};

#endif

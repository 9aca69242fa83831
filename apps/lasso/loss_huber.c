/* loss_huber.c - f = e^2 / 2 where |e| <= delta, else delta |e| - delta^2 / 2;  e = y - eta.
 *
 *     f*(u) = u^2 / 2 + u y,  |u| <= delta
 *
 * f'' is 0 beyond delta: the quadratic above f touches it at e and -e, h = min(1, delta / |e|) (Huber and
 * Dutter, 1974).
 */
#include <rondo/types.h>

#include <math.h>

static inline double value(double y, double eta, double delta)
{
    double e = fabs(y - eta), near = e < delta ? e : delta;
    return near * (e - 0.5 * near);
}

static inline double slope(double y, double eta, double delta)
{
    double e = eta - y;
    return e > delta ? delta : e < -delta ? -delta : e;
}

static inline double curvature(double y, double eta, double delta)
{
    return fabs(y - eta) <= delta ? 1 : 0;
}

static inline double majorant(double y, double eta, double delta)
{
    double e = fabs(y - eta);
    return e <= delta ? 1 : delta / e;
}

static inline double conjugate(double y, double u, double delta)
{
    return fabs(u) <= delta * (1 + 0x1p-40) ? u * (0.5 * u + y) : HUGE_VAL;
}

/* On one side of delta and -delta no digits cancel. */
static inline double difference(double y, double eta, double u, double delta)
{
    double e = eta - y, to = e + u, near = u * (e + 0.5 * u);
    double apart = value(y, eta + u, delta) - value(y, eta, delta);
    apart = e >= delta && to >= delta ? delta * u : e <= -delta && to <= -delta ? -delta * u : apart;
    return fabs(e) <= delta && fabs(to) <= delta ? near : apart;
}

#define NAME huber
#define MAJORISED true
#define QUADRATIC false
#include "loss_loops.h"

/* loss_poisson.c - f = exp(eta) - y eta - (y - y log y), y >= 0: half the deviance, so that f >= 0.
 *
 *     f*(u) = a log a - a + (y - y log y),  a = u + y >= 0
 */
#include "elementary.h"

#include <rondo/types.h>

#include <math.h>

static inline double value(double y, double eta, double delta RONDO_UNUSED)
{
    return exp_of(eta) - y * eta - (y - x_log_x(y));
}

static inline double slope(double y, double eta, double delta RONDO_UNUSED)
{
    return exp_of(eta) - y;
}

static inline double curvature(double y RONDO_UNUSED, double eta, double delta RONDO_UNUSED)
{
    return exp_of(eta);
}

static inline double conjugate(double y, double u, double delta RONDO_UNUSED)
{
    double a = u + y;
    if (!(a >= -0x1p-40 * (1 + y)))
        return HUGE_VAL;
    a = a < 0 ? 0 : a;
    return x_log_x(a) - x_log_x(y) - (a - y);
}

/* exp(eta) (exp(u) - 1) - y u; of a small step the series. */
static inline double difference(double y, double eta, double u, double delta RONDO_UNUSED)
{
    double rate = exp_of(eta);
    double series = rate * (u * u) * (1.0 / 2 + u * (1.0 / 6 + u * (1.0 / 24 + u * (1.0 / 120))));
    double apart = exp_of(eta + u) - rate - y * u;
    return fabs(u) < 0x1p-7 ? (rate - y) * u + series : apart;
}

#define NAME poisson
#define MAJORISED false
#define QUADRATIC false
#define majorant curvature
#include "loss_loops.h"

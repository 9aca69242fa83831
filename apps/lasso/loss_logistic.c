/* loss_logistic.c - f = log(1 + exp(-y eta)), y = -1 or 1.
 *
 *     f' = -y p,  f'' = p (1 - p),  p = 1 / (1 + exp(y eta))
 *     f*(u) = a log a + (1 - a) log(1 - a),  a = -u y in [0, 1]
 */
#include "elementary.h"

#include <rondo/types.h>

#include <math.h>

static inline double value(double y, double eta, double delta RONDO_UNUSED)
{
    double m = y * eta, z = exp_of(m < 0 ? m : -m);
    return log1p_of(z) + (m < 0 ? -m : 0);
}

/* p = 1 / (1 + exp(m)) where neither side loses its digits. */
static inline double share(double m)
{
    double z = exp_of(m < 0 ? m : -m);
    return (m < 0 ? 1 : z) / (1 + z);
}

static inline double slope(double y, double eta, double delta RONDO_UNUSED)
{
    return -y * share(y * eta);
}

static inline double curvature(double y, double eta, double delta RONDO_UNUSED)
{
    double m = y * eta, z = exp_of(m < 0 ? m : -m);
    return z / ((1 + z) * (1 + z));
}

static inline double conjugate(double y, double u, double delta RONDO_UNUSED)
{
    const double rounding = 0x1p-40;
    double a = -u * y, b = 1 - a;
    double star = x_log_x(a > 0 ? a : 0) + x_log_x(b > 0 ? b : 0);
    return a >= -rounding && b >= -rounding ? star : HUGE_VAL;
}

/* Of a small step the Taylor series, c (1 - 2 p) and c (1 - 6 c) being the next derivatives. */
static inline double difference(double y, double eta, double u, double delta)
{
    double m = y * eta, z = exp_of(m < 0 ? m : -m), p = (m < 0 ? 1 : z) / (1 + z), c = p * (1 - p);
    double w = -y * u; /* f as a function of -y eta has the slope p */
    double series = w * (p + w * (c / 2 + w * (c * (1 - 2 * p) / 6 + w * (c * (1 - 6 * c) / 24))));
    double apart = value(y, eta + u, delta) - (log1p_of(z) + (m < 0 ? -m : 0));
    return fabs(u) < 0x1p-7 ? series : apart;
}

#define NAME logistic
#define MAJORISED false
#define QUADRATIC false
#define majorant curvature
#include "loss_loops.h"

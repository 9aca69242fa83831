/* loss_squared.c - f = (y - eta)^2 / 2,   f*(u) = u^2 / 2 + u y. */
#include <rondo/types.h>

static inline double value(double y, double eta, double delta RONDO_UNUSED)
{
    return 0.5 * (y - eta) * (y - eta);
}

static inline double slope(double y, double eta, double delta RONDO_UNUSED)
{
    return eta - y;
}

static inline double curvature(double y RONDO_UNUSED, double eta RONDO_UNUSED, double delta RONDO_UNUSED)
{
    return 1;
}

static inline double conjugate(double y, double u, double delta RONDO_UNUSED)
{
    return u * (0.5 * u + y);
}

static inline double difference(double y, double eta, double u, double delta RONDO_UNUSED)
{
    return u * (eta - y + 0.5 * u);
}

#define NAME squared
#define MAJORISED false
#define QUADRATIC true
#define majorant curvature
#include "loss_loops.h"

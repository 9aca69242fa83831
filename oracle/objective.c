#include "oracle/objective.h"

#include <math.h>

enum { HALVINGS = 200 };

/* f(y, eta), nowhere below 0; logistic: y is -1 or 1. */
static double row_loss(const struct replay *replay, double y, double eta)
{
    const double e = fabs(y - eta), m = y * eta;
    switch (replay->loss) {
    case REPLAY_SQUARED: return 0.5 * e * e;
    case REPLAY_LOGISTIC: return m < 0 ? -m + log1p(exp(m)) : log1p(exp(-m));
    case REPLAY_HUBER: return e <= replay->huber ? 0.5 * e * e : replay->huber * (e - 0.5 * replay->huber);
    default: return exp(eta) - y * eta - (y - (y > 0 ? y * log(y) : 0));
    }
}

static double row_slope(const struct replay *replay, double y, double eta)
{
    const double e = eta - y;
    switch (replay->loss) {
    case REPLAY_SQUARED: return e;
    case REPLAY_LOGISTIC: return -y / (1 + exp(y * eta));
    case REPLAY_HUBER: return fmax(-replay->huber, fmin(replay->huber, e));
    default: return exp(eta) - y;
    }
}

/* Four sums, so that no addition waits for the one before. */
static double squares_at(const struct replay *replay, double b0)
{
    const double *y = replay->y, *eta = replay->eta;
    const int64_t n = replay->design->n, even = n - n % 4;
    double sum[4] = { 0 };
    for (int64_t i = 0; i < even; i += 4)
        for (int k = 0; k < 4; k++) {
            const double e = y[i + k] - (eta[i + k] + b0);
            sum[k] += e * e;
        }
    for (int64_t i = even; i < n; i++)
        sum[0] += (y[i] - (eta[i] + b0)) * (y[i] - (eta[i] + b0));
    return sum[0] + sum[1] + (sum[2] + sum[3]);
}

static double loss_at(const struct replay *replay, double b0)
{
    double sum = 0;
    if (replay->loss == REPLAY_SQUARED && !replay->weight)
        return 0.5 * squares_at(replay, b0) / (double)replay->design->n;
    for (int64_t i = 0; i < replay->design->n; i++)
        sum += (replay->weight ? replay->weight[i] : 1) * row_loss(replay, replay->y[i], replay->eta[i] + b0);
    return sum / (double)replay->design->n;
}

static double slope_at(const struct replay *replay, double b0)
{
    double sum = 0;
    for (int64_t i = 0; i < replay->design->n; i++)
        sum += (replay->weight ? replay->weight[i] : 1) * row_slope(replay, replay->y[i], replay->eta[i] + b0);
    return sum;
}

/* The loss is convex in b0: its slope changes sign where it is least, and is bracketed and halved. */
static double best_b0(const struct replay *replay)
{
    double low = -1, high = 1;
    while (slope_at(replay, low) > 0 && low > -1e300)
        low *= 2;
    while (slope_at(replay, high) < 0 && high < 1e300)
        high *= 2;
    for (int i = 0; i < HALVINGS; i++) {
        const double middle = low + 0.5 * (high - low);
        if (middle <= low || middle >= high)
            break;
        *(slope_at(replay, middle) > 0 ? &high : &low) = middle;
    }
    return low + 0.5 * (high - low);
}

static double penalty_of(const struct replay *replay)
{
    return replay->lambda * (replay->l1_ratio * replay->norm + 0.5 * (1 - replay->l1_ratio) * replay->square);
}

double objective_at(const struct replay *replay, double b0)
{
    return loss_at(replay, b0) + penalty_of(replay);
}

double objective_of(const struct replay *replay)
{
    return objective_at(replay, replay->profiled ? best_b0(replay) : 0);
}

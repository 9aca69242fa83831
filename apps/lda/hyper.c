/* hyper.c - Minka's fixed point on histograms. */
#include "hyper.h"

#include "histogram.h"
#include "rising.h"

#include <math.h>

enum { ITERATIONS = 500 };

static const double tolerance = 1e-6;

/* value, times above / below, within bounds; *change: how far it went, of itself, where that is more. */
static double step(double value, double above, double below, double *change)
{
    double next = below > 0 ? value * (above / below) : value;
    next = !(next > HYPER_LEAST) ? HYPER_LEAST : next < HYPER_MOST ? next : HYPER_MOST;
    *change = fmax(*change, fabs(next - value) / value);
    return next;
}

static int alpha_by_topic(const struct statistics *s, double *alpha)
{
    double change = 1;
    int i = 0;
    for (; i < ITERATIONS && change > tolerance; i++) {
        double sum = 0;
        for (int32_t k = 0; k < s->topics; k++)
            sum += alpha[k];
        double below = rising_psi_sum(sum, s->lengths);
        change = 0;
        for (int32_t k = 0; k < s->topics; k++) {
            struct rondo_bytes own = histogram_group(s->histogram, HISTOGRAM_DOCUMENTS + (uint32_t)k);
            alpha[k] = step(alpha[k], rising_psi_sum(alpha[k], own), below, &change);
        }
    }
    return i;
}

static int alpha_of_all(const struct statistics *s, double *alpha)
{
    const struct rondo_bytes pairs = histogram_group(s->histogram, HISTOGRAM_DOCUMENTS);
    double value = alpha[0], change = 1;
    int i = 0;
    for (; i < ITERATIONS && change > tolerance; i++) {
        change = 0;
        value = step(value, rising_psi_sum(value, pairs),
                     s->topics * rising_psi_sum(s->topics * value, s->lengths), &change);
    }
    for (int32_t k = 0; k < s->topics; k++)
        alpha[k] = value;
    return i;
}

int hyper_alpha(const struct statistics *s, double *alpha)
{
    return s->by_topic ? alpha_by_topic(s, alpha) : alpha_of_all(s, alpha);
}

int hyper_beta(const struct statistics *s, double *beta)
{
    const struct rondo_bytes pairs = histogram_group(s->histogram, HISTOGRAM_WORDS);
    const double words = (double)s->words;
    double change = 1;
    int i = 0;
    for (; i < ITERATIONS && change > tolerance; i++) {
        double below = 0;
        for (int32_t k = 0; k < s->topics; k++)
            below += rising_psi(words * *beta, 0, (uint64_t)s->total[k]);
        change = 0;
        *beta = step(*beta, rising_psi_sum(*beta, pairs), words * below, &change);
    }
    return i;
}

/* likelihood.c - log p(w, z), from histograms. */
#include "likelihood.h"

#include "histogram.h"
#include "rising.h"

double likelihood(const struct statistics *s, const double *alpha, double beta)
{
    const long double beta_sum = (long double)s->words * beta;
    long double alpha_sum = 0, sum = 0;
    for (int32_t k = 0; k < s->topics; k++)
        alpha_sum += alpha[k];

    sum -= rising_log_sum(alpha_sum, s->lengths);
    for (int32_t k = 0; k < (s->by_topic ? s->topics : 1); k++)
        sum += rising_log_sum(alpha[k], histogram_group(s->histogram, HISTOGRAM_DOCUMENTS + (uint32_t)k));

    for (int32_t k = 0; k < s->topics; k++)
        sum -= rising_log(beta_sum, 0, (uint64_t)s->total[k]);
    sum += rising_log_sum(beta, histogram_group(s->histogram, HISTOGRAM_WORDS));
    return (double)sum;
}

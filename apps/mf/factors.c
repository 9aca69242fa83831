/* factors.c - a model in memory, what it says of one rating, and bytes in and out of a state. */
#include "mf.h"

#include <string.h>

bool factors_alloc(const struct rondo_host *host, struct factors *factors, int64_t users, int64_t items,
                   int32_t rank, bool biases)
{
    const size_t row = (size_t)rank * sizeof(float);
    *factors = (struct factors){ .users = users, .items = items, .rank = rank };
    factors->user = host->zalloc((size_t)users + 1, row);
    factors->item = host->zalloc((size_t)items + 1, row);
    if (biases) {
        factors->user_bias = host->zalloc((size_t)users + 1, sizeof(float));
        factors->item_bias = host->zalloc((size_t)items + 1, sizeof(float));
    }
    if (factors->user && factors->item && (!biases || (factors->user_bias && factors->item_bias)))
        return true;
    factors_free(host, factors);
    return false;
}

void factors_free(const struct rondo_host *host, struct factors *factors)
{
    host->free(factors->user);
    host->free(factors->item);
    host->free(factors->user_bias);
    host->free(factors->item_bias);
    *factors = (struct factors){ 0 };
}

/* Eight running sums, which need not wait for each other, and then the rest. */
double factors_score(const struct factors *factors, int64_t user, int64_t item)
{
    enum { SUMS = 8 };
    const int32_t rank = factors->rank;
    const float *p = factors->user + user * rank, *q = factors->item + item * rank;
    double sum[SUMS] = { 0 };
    int32_t f = 0;
    for (; f + SUMS <= rank; f += SUMS)
        for (int i = 0; i < SUMS; i++)
            sum[i] += (double)p[f + i] * (double)q[f + i];
    for (int i = 0; f < rank; f++, i++)
        sum[i] += (double)p[f] * (double)q[f];
    double score = ((sum[0] + sum[4]) + (sum[1] + sum[5])) + ((sum[2] + sum[6]) + (sum[3] + sum[7]));
    if (factors->user_bias)
        score += (double)factors->user_bias[user] + (double)factors->item_bias[item];
    return score + factors->mean;
}

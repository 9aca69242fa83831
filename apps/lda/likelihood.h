/* likelihood.h - the joint log-likelihood of words and topics, phi and theta integrated out.
 *
 * Place:   apps/lda, private to it; the head's.
 * Threads: pure functions.
 * Memory:  none.
 *
 * log p(w, z | alpha, beta), constants included (Griffiths, Steyvers, PNAS 101, 2004, eqs. 2 and 3, for any
 * alpha; A = sum alpha_k):
 *
 *     sum_d [ lgamma(A) - lgamma(A + n_d) + sum_k (lgamma(n_dk + alpha_k) - lgamma(alpha_k)) ]
 *   + sum_k [ lgamma(V beta) - lgamma(n_k + V beta) + sum_w (lgamma(n_kw + beta) - lgamma(beta)) ]
 */
#ifndef LDA_LIKELIHOOD_H
#define LDA_LIKELIHOOD_H

#include <rondo/types.h>

/* All that it depends on, and the hyper-parameters too.  Borrowed. */
struct statistics {
    int32_t topics;
    int64_t words;                /* V */
    bool by_topic;                /* the histogram has a group of documents for each topic */
    struct rondo_bytes histogram; /* of all counts (histogram.h) */
    struct rondo_bytes lengths;   /* histogram_lengths */
    const int64_t *total;         /* [topics] n_k */
};

/* alpha: [topics]; all the same unless by_topic.  Relative error 1e-12.  Cost: one or two logarithms for each
 * tally and topic. */
double likelihood(const struct statistics *statistics, const double *alpha, double beta);

#endif

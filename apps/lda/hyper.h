/* hyper.h - alpha and beta that make the counts likeliest.
 *
 * Place:   apps/lda, private to it; the head's.
 * Threads: pure functions.
 * Memory:  none.
 *
 * The fixed point of Minka ("Estimating a Dirichlet distribution", 2000, eq. 55), which never lowers the
 * likelihood; A = sum alpha_k, psi differences as sums over histograms:
 *
 *     alpha_k <- alpha_k sum_d (psi(n_dk + alpha_k) - psi(alpha_k)) / sum_d (psi(n_d + A) - psi(A))
 *     alpha   <- alpha sum_k sum_d (psi(n_dk + alpha) - psi(alpha)) / (K sum_d (psi(n_d + K alpha) - psi(K alpha)))
 *     beta    <- the same, topics as the documents: n_kw for n_dk, n_k for n_d, V for K
 *
 * until no number changes by more than 1e-6 of itself, at most 500 times.  Numbers stay within HYPER_LEAST
 * and HYPER_MOST: a topic without a token would have alpha 0, and documents (or topics) that are all alike
 * have it infinite.  Without tokens nothing changes.  No prior is laid on them.
 */
#ifndef LDA_HYPER_H
#define LDA_HYPER_H

#include "likelihood.h"

#define HYPER_LEAST 1e-8
#define HYPER_MOST 1e4

/* From where alpha [topics], positive, is: each topic's own where statistics->by_topic, else one for all.
 * Returns the iterations. */
int hyper_alpha(const struct statistics *statistics, double *alpha);
int hyper_beta(const struct statistics *statistics, double *beta);

#endif

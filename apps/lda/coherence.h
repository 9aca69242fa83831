/* coherence.h - the words that stand for a topic, and whether they belong together.
 *
 * Place:   apps/lda, private to it.
 * Threads: the coordinator's; the topics' parts run by host->each.
 * Memory:  by host->alloc, freed before they answer.
 *
 * The coherence of a topic is the mean over pairs of its top words of their normalised pointwise mutual
 * information (Bouma, GSCL 2009; as a measure of topics: Lau, Newman, Baldwin, EACL 2014):
 *
 *     npmi(i, j) = log(p_ij / (p_i p_j)) / -log p_ij            in [-1, 1]
 *
 * where p_i and p_ij are the shares of the training documents, empty ones too, that have word i, or both.
 * Nothing is smoothed: two words that never meet have -1, and two that every document has, 1; both are the
 * limits.
 */
#ifndef COHERENCE_H
#define COHERENCE_H

#include "lda.h"

enum { COHERENCE_WORDS = 10, COHERENCE_MOST = 16 };

/* The n words that a topic has most often, by falling count and then by number: top [topics x n], -1 where
 * the topic has fewer.  view->shard may be NULL.  Cost: view_word of every word. */
int top_words(const struct view *view, int32_t n, int32_t *top, struct rondo_error *err);

/* Of those words, n <= COHERENCE_MOST: *mean over the topics that have two words at least, 0 where none has;
 * of_topic [topics], or NULL, 0 where it has not.  Cost: the tiles' words once, and for each topic the pairs
 * of its words. */
int coherence(const struct view *view, const int32_t *top, int32_t n, double *of_topic, double *mean,
              struct rondo_error *err);

#endif

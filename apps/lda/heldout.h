/* heldout.h - perplexity of documents that the model has not seen, by document completion.
 *
 * Place:   apps/lda, private to it.
 * Threads: a struct heldout belongs to the head; its documents are folded in by host->each.
 * Memory:  by host->alloc, all of it in heldout_create; none in heldout_perplexity.
 *
 * The tokens of a document are numbered from 0, word by word, words ascending: even ones are observed, odd
 * ones evaluated.  Topics are folded in (fold.h) from the observed half alone, and
 *
 *     perplexity = exp(- sum_d sum_{w evaluated in d} log sum_k theta_dk phi_kw / evaluated tokens).
 *
 * A document of one token has nothing to evaluate, an empty one neither; they say nothing.
 */
#ifndef HELDOUT_H
#define HELDOUT_H

#include "lda.h"

struct heldout;

/* Have these test documents a column for each word, and has one of them two tokens?  Else RONDO_EINPUT with
 * the place.  For open. */
int heldout_check(const struct rondo_host *host, const struct rondo_job *job, const struct rondo_matrix *test,
                  int64_t words, struct rondo_error *err);
/* The first of the two alone, before test documents are read. */
int heldout_check_words(const struct rondo_host *host, const struct rondo_job *job, int64_t columns, int64_t words,
                        struct rondo_error *err);

/* Of problem->test, which has passed; *heldout is NULL where there is none.  It lives no longer than the
 * problem. */
int heldout_create(const struct problem *problem, struct heldout **heldout, struct rondo_error *err);
void heldout_destroy(struct heldout *heldout); /* NULL allowed */

/* Of the model as it is now; the same bits on any number of threads.  Cost: fold_read of the words that
 * the test documents have, and fold_in of each. */
int heldout_perplexity(struct heldout *heldout, const struct view *view, double *perplexity);

/* The halves of one document: observed and evaluated [pairs] add up to count, and observed may be count itself.
 * Returns how many tokens are evaluated. */
int64_t heldout_split(const int32_t *count, int64_t pairs, int32_t *observed, int32_t *evaluated);

#endif

/* fold.h - fold-in: the topics of a document, given topics that stay as they are.
 *
 * Place:   apps/lda, private to it; for held-out documents and for those to predict.
 * Threads: a model is immutable once read; many threads fold with it at once, each in a room of its own.
 * Memory:  by host->alloc, all of it when a model is opened; none in fold_read and fold_in.
 *
 * With the topics' words fixed at phi_kw = (n_kw + beta) / (n_k + V beta), the proportions theta of a
 * document with counts c_w, N in all, are those that maximise
 *
 *     L(theta) = sum_w c_w log sum_k theta_k phi_kw + sum_k alpha_k log theta_k      on the simplex.
 *
 * L is concave and has one maximum, whatever the start: no random numbers, no other end.  Expectation
 * maximisation never lowers it:
 *
 *     n_k     <- sum_w c_w theta_k phi_kw / sum_j theta_j phi_jw                     expected tokens
 *     theta_k <- (n_k + alpha_k) / (N + sum alpha)
 *
 * It begins at the prior and ends when the gap is at most FOLD_GAP nats for each token (FOLD_MOST steps at
 * the latest): with g the gradient of L, concavity says
 *
 *     max L - L(theta) <= max_k g_k - (N + sum alpha),   where  theta'_k / theta_k = g_k / (N + sum alpha),
 *
 * theta' being the next step; so the proof costs nothing.
 *
 * This is the maximum a posteriori under Dirichlet(alpha + 1).  Asuncion, Welling, Smyth, Teh, "On smoothing
 * and inference for topic models" (UAI 2009), show that MAP, variational Bayes and CVB0 differ in offsets of
 * the counts alone: MAP's -1, which the + 1 takes back, the digamma of VB, the token itself that CVB0 leaves
 * out.  CVB0 would keep a proportion for every word and topic, VB takes exponentials of digammas in every
 * step; neither has one maximum to be certain of.
 *
 * Beta is common to all words, so a step costs the words' lists of topics and the topics, not their product.
 */
#ifndef FOLD_H
#define FOLD_H

#include "lda.h"

enum { FOLD_MOST = 1000 };
#define FOLD_GAP 1e-5

struct fold_model {
    const struct rondo_host *host;
    int32_t topics;
    int64_t words;              /* of the vocabulary, or those asked for */
    const int32_t *word;        /* [words] their numbers, borrowed; NULL: the vocabulary's own */
    const struct problem *problem; /* NULL: of files */
    int64_t *at;                /* [words + 1] where the room of a word's list begins */
    int32_t *length;            /* [words] */
    int32_t *topic, *count;     /* [at[words]] n_kw > 0, topics ascending */
    double *inverse;            /* [topics] 1 / (n_k + V beta) */
    double *alpha, alpha_sum, beta;
};

/* For these words of the job, ascending; fold_read then takes in its counts.  Word i of the model is
 * word[i].  RONDO_ENOMEM; fold_close whatever this answers. */
int fold_open(struct fold_model *model, const struct problem *problem, const int32_t *word, int64_t words,
              struct rondo_error *err);
/* The counts as they are now, by host->each.  Cost: view_word of every word. */
int fold_read(struct fold_model *model, const struct view *view);
/* A finished job's: word_topic.mtx, V x K counts, and hyper.json, alpha (one number or one for every topic)
 * and beta.  RONDO_EINPUT with the file where they do not fit; fold_close whatever this answers. */
int fold_load(struct fold_model *model, const struct rondo_host *host, struct rondo_model *files,
              struct rondo_error *err);
void fold_close(struct fold_model *model);

/* theta [topics] of the document with these (word, count), `pairs` of them; counts may be 0.  Sums to 1 but
 * for rounding, and is the prior where there are no tokens.  A topic that no token has, or a word that was
 * never seen, has phi from beta alone.  room: [2 x topics].  Answers the gap in nats for each token. */
double fold_in(const struct fold_model *model, const int32_t *word, const int32_t *count, int64_t pairs,
               double *theta, double *room);

/* sum_w c_w log sum_k theta_k phi_kw, in nats; always finite.  room: [topics]. */
double fold_log_likelihood(const struct fold_model *model, const double *theta, const int32_t *word,
                           const int32_t *count, int64_t pairs, double *room);

#endif

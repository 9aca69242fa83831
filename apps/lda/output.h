/* output.h - the files of a model.
 *
 * Place:   apps/lda, private to it; the head's, in save.
 * Threads: one.
 * Memory:  a word's and a document's topics; for pyldavis.json the counts once more, by topics.
 *
 *   word_topic.mtx  V x K counts, Matrix Market, coordinate integer general, word by word
 *   doc_topic.mtx   D x K counts, likewise
 *   topics.tsv      a header; topic (from 0, as Python counts the matrices' columns), its weight (the part
 *                   n_k / tokens of all tokens), its most frequent words, params.top_words of them, blanks
 *                   between.  In a word a backslash, a blank or a control character stands as \xHH
 *   hyper.json      what was used: topics, alpha (a list where topics have their own), beta, optimised,
 *                   sampler, steps (mh), seed; and documents, words, tokens
 *   pyldavis.json   where params.pyldavis is true: the arguments of pyLDAvis.prepare by name,
 *                   topic_term_dists [K][V] = (n_kw + beta) / (n_k + V beta),
 *                   doc_topic_dists [D][K] = (n_dk + alpha_k) / (n_d + sum alpha),
 *                   doc_lengths [D], vocab [V], term_frequency [V]; to be used as
 *
 *     import json, pyLDAvis
 *     pyLDAvis.save_html(pyLDAvis.prepare(**json.load(open("out/pyldavis.json"))), "topics.html")
 */
#ifndef LDA_OUTPUT_H
#define LDA_OUTPUT_H

#include "lda.h"

/* All blocks and shards must be in view.  RONDO_ENOMEM, RONDO_EIO, or what host->create answers. */
int output_save(const struct view *view, const struct rondo_host *host, struct rondo_output *output,
                struct rondo_error *err);

#endif

/* predict.h - topics of new documents, from the files of a finished job.
 *
 * Place:   apps/lda; for the app's table and tests.
 * Threads: as rondo_app.predict has it.
 * Memory:  the model's own size, and one piece of the documents.
 */
#ifndef PREDICT_H
#define PREDICT_H

#include <rondo/app.h>

/* A row of data is a document, a column a word of the job's vocabulary, a value a count; fewer columns are
 * fine where a row may end early.  Predictions: theta [topics] of each document, its topics' proportions
 * (fold.h), which sum to 1; those of a document without tokens are the prior.  No options.  Metrics:
 * documents, tokens, and perplexity by completion (heldout.h) where a document has two tokens. */
int lda_predict(const struct rondo_host *host, const struct rondo_predict *what, struct rondo_report *report,
                struct rondo_error *err);

#endif

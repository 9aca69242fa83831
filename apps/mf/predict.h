/* predict.h - ratings for pairs, the best unseen items for users, and rows for new users.
 *
 * Place:   apps/mf, private to it; mf.c has it in the app's table.
 * Threads: one.
 * Memory:  the model, the lines of the file, and of scores what does not grow with the users.
 */
#ifndef MF_PREDICT_H
#define MF_PREDICT_H

#include "mf.h"

extern const struct rondo_param mf_predict_options[]; /* --top N */

/* app.h.  Pairs: one number a line, in the file's order; a user or item that the model does not have: the mean
 * and the bias of the one that it has.  --top N: the file has ratings; user, item, score of the N best items of
 * each user of the file that the file does not pair with it, users in the file's order; a user that the model
 * does not have gets a row from its ratings there (fold-in, normal.h). */
int mf_predict(const struct rondo_host *host, const struct rondo_predict *what, struct rondo_report *report,
               struct rondo_error *err);

#endif

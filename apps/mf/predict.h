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

/* app.h.  Pairs: one number a line, in the file's order, not clipped to any scale; a user or item that the model
 * does not have: the mean and the bias of the one that it has, of implicit feedback 0.  --top N: user, item, score
 * of the N best items of each user of the file that the file does not pair with it, users in the file's order; a
 * user that the model does not have gets a row from its ratings there (recommend.h).
 * Metrics: rmse and known_rmse where lines have ratings, over all of them and over those of users and items that
 * the model has, known_pairs; with --top users, folded_in, recommendations; unknown_users and unknown_items. */
int mf_predict(const struct rondo_host *host, const struct rondo_predict *what, struct rondo_report *report,
               struct rondo_error *err);

#endif

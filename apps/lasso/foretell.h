/* foretell.h - predictions from the files of a finished lasso, and its coefficients.
 *
 * Place:   apps/lasso; for the app's table and tests.
 * Threads: as rondo_app.predict has it.
 * Memory:  the model's own size, and one block of rows.
 */
#ifndef FORETELL_H
#define FORETELL_H

#include <rondo/app.h>

extern const struct rondo_param lasso_predict_options[];

int lasso_predict(const struct rondo_host *host, const struct rondo_predict *what,
                  struct rondo_report *report, struct rondo_error *err);

/* rondo_app.coefficients: of one lambda. */
int lasso_list(const struct rondo_host *host, const struct rondo_predict *what,
               struct rondo_report *report, struct rondo_error *err);

#endif

/* glm_truth.h - what is true of a model under any loss, weights and penalty factors, in long double.
 *
 * Place:   tests/support; used by the tests of apps/lasso.
 * Threads: one thread.
 * Memory:  glm_init to glm_fini; a spec is borrowed until then.
 *
 *     F(b, b0) = 1/n sum_i v_i f(y_i, eta_i) + l1 sum_j c_j |b_j| + l2/2 sum_j e_j b_j^2
 *     eta = X b + b0,   c_j = factor_j s_j,  e_j = factor_j s_j^2,  s_j 1 or the column's deviation
 *
 * It knows the data, the spec and the formulas, and nothing of how a model was found.
 */
#ifndef GLM_TRUTH_H
#define GLM_TRUTH_H

#include "tests/support/lasso_drive.h"

struct glm {
    const struct lasso_spec *spec;
    int64_t n, p;
    enum { GLM_SQUARED, GLM_LOGISTIC, GLM_HUBER, GLM_POISSON } kind;
    long double *y, *v; /* [n] as the loss has them; sum v = n */
    long double *c, *e; /* [p] */
};

/* fold: of each row, where `stage` is above 0: those of fold stage - 1 are left out. */
void glm_init(struct glm *glm, const struct lasso_spec *spec, const int32_t *fold, int64_t stage);
void glm_fini(struct glm *glm);

/* f, f' and f'' (huber: of the quadratic above f) of a row. */
long double glm_loss(const struct glm *glm, int64_t i, long double eta);
long double glm_slope(const struct glm *glm, int64_t i, long double eta);
long double glm_curvature(const struct glm *glm, int64_t i, long double eta);

/* X b + b0 */
void glm_eta(const struct glm *glm, const double *b, long double b0, long double *eta);
long double glm_objective(const struct glm *glm, double l1, double l2, const double *b, long double b0);
/* F after so many passes of coordinate descent from there: at least the least F, at most F(b, b0). */
long double glm_refined(const struct glm *glm, double l1, double l2, const double *b, long double b0,
                        int passes);
/* The largest distance of 0 from the subdifferential of F, over |x_j|/n, and the intercept's. */
long double glm_violation(const struct glm *glm, double l1, double l2, const double *b, long double b0);

/* ---- specs at random ------------------------------------------------------------------------------- */

struct glm_room {
    double *weights, *factors, *folds; /* [n], [p], [n] */
};

/* Gives the spec a loss and the design a y for it; weights, factors (some of them 0), standardize and
 * nonnegative by chance, and folds of a path where `paths`.  Sets nothing that the app refuses, but folds
 * or columns without a penalty that leave nothing to fit. */
void glm_draw(struct dice *dice, struct design *design, struct lasso_spec *spec, bool paths,
              struct glm_room *room);
void glm_room_fini(struct glm_room *room);

#endif

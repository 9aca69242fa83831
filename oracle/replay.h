/* replay.h - the lasso's certificates: what was committed is done again, and the objective computed anew.
 *
 * Place:   oracle, floor 3; nothing of apps/lasso is used.
 * Threads: one.
 * Memory:  5 numbers a row and 3 a column; a lambda for each line of progress.
 *
 *     F(b) = 1/n sum_i v_i f(y_i, eta_i) + lambda (l1_ratio sum_j c_j s_j |b_j|
 *                                                  + (1 - l1_ratio) / 2 sum_j c_j s_j^2 b_j^2)
 *     eta  = b0 + sum_j b_j (x_j - m_j),   from b = 0;  a commit moves b_j by delta sqrt(n) / scale_j
 *
 * v are the weights, of mean 1; c the penalty factors; s_j the deviation of a standardised column, else 1; f a
 * row's loss: squared, logistic, huber, poisson.
 *
 * What must hold of each commit that moved something, at the lambda in force (which lines of progress say):
 *
 *     F(after) <= F(before)                 that is the certificate: nothing raises the objective
 *     F = the objective that the trace says
 *
 * and in the end b = coef.mtx beside the trace, and F at the intercept of path.json = the objective there, of a
 * path at each of its lambdas.  Least squares with equal weights has b0 = mean(y).  Of another loss the trace does
 * not say how b0 moved: there F is the least over b0, and must not be above what the trace says, which must not
 * rise; with path.json's intercept it is exact.
 */
#ifndef REPLAY_H
#define REPLAY_H

#include "core/data/data.h"
#include "core/job/jsonin.h"
#include "oracle/design.h"
#include "oracle/verdict.h"

enum { REPLAY_RENEW = 1024 };

enum replay_loss { REPLAY_SQUARED, REPLAY_LOGISTIC, REPLAY_HUBER, REPLAY_POISSON };

struct replay {
    struct design *design;
    struct verdict *verdict;
    const char *why_not;       /* it cannot be replayed; NULL: it can */
    enum replay_loss loss;
    bool intercept, profiled;  /* profiled: F is the least over b0 */
    double huber, l1_ratio;
    double *y, *weight, *eta;  /* [n]; weight NULL: all 1 */
    double *b, *l1, *l2;       /* [p]; l1, l2: the factors c_j s_j and c_j s_j^2 */
    struct rondo_buf lambdas;  /* struct replay_lambda, by round */
    double norm, square;       /* sum_j l1_j |b_j| and sum_j l2_j b_j^2: added up anew every REPLAY_RENEW moves */
    struct rondo_buf touched;  /* int64_t: variables that have moved */
    int64_t steps;             /* of variables */
    unsigned char *is_touched; /* [p] */
    size_t next;               /* in lambdas */
    double lambda;             /* in force; NAN: nothing says one */
    double null_objective;     /* F at b = 0 */
    double least;              /* F of the last commit */
    double most;               /* the largest |b_j| scale_j that there was */
    double said;               /* the last objective that the trace said at this lambda; NAN: none */
    struct data_set *coef;     /* NULL: there is none */
    struct jsonin *path;       /* path.json; NULL: likewise */
    double centre;             /* what y was shifted by */
    int64_t points;            /* lambdas that are behind */
    int64_t rounds, moved, compared, columns, ends; /* ends: lambdas at whose end F is that of path.json */
};

int replay_open(struct replay *replay, const struct subject *subject, struct design *design, struct verdict *verdict,
                struct rondo_error *err) RONDO_MUST_CHECK;
/* Rounds ascending.  RONDO_ENOMEM.  Cost: a pass over each column that moved, and one over the rows. */
int replay_round(struct replay *replay, const struct trace_round *round) RONDO_MUST_CHECK;
/* Says what was proved.  completed: the job saved the model that it ended with. */
void replay_end(struct replay *replay, bool completed);
void replay_close(struct replay *replay); /* of a zeroed one too */

#endif

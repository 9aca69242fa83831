/* sweep.c - settling a sweep: priorities, lambda_max, the duality gap, and when the job ends. */
#include "head.h"

#include <math.h>

enum {
    STALLS_MOST = 4,   /* sweeps without progress, and updates in units of the variables that */
    PATIENCE = 16,     /* count, before the residual is computed afresh; so again, and the job ends */
};

static const double DESCENT = 1e-15;    /* of F(0), and */
static const double CLOSER = 0.9;       /* of the gap: either is progress */

/* Asks every slice for r = y - X b from scratch. */
static int commit_fresh(struct lasso_head *head, struct rondo_order *order)
{
    const struct lasso *lasso = head->lasso;
    int code = lasso_commit_begin(head, LASSO_FRESH, 0, 1, head->at.nnz);
    for (int64_t j = 0; j < lasso->p && !code; j++)
        if (head->b[j] != 0)
            code = lasso_append(lasso, &head->commit, &j, sizeof j);
    for (int64_t j = 0; j < lasso->p && !code; j++)
        if (head->b[j] != 0)
            code = lasso_append(lasso, &head->commit, &head->b[j], sizeof(double));
    head->at.moves = 0;
    head->at.column_reads += head->at.nnz;
    order->commit = (struct rondo_bytes){ head->commit.data, head->commit.size };
    return code;
}

struct sweep {
    double rr, ry;              /* r'r, r'y */
    double most;                /* max_j |x_j'r/n - l2 b_j| */
    double b1, bb;              /* |b|_1, b'b (0 where l2 is) */
    double square;              /* sum of (x_j'r/n)^2 */
};

/* At b = 0: lambda_max = max_j |x_j'y| / (n l1_ratio), and with it the penalties. */
static void find_lambda(struct lasso_head *head, const struct rondo_bytes *results, int32_t count)
{
    const struct lasso *lasso = head->lasso;
    double most = 0;
    for (int32_t c = 0; c < count; c++) {
        const double *dot = results[c].data;
        for (int64_t j = lasso->chunk[c]; j < lasso->chunk[c + 1]; j++)
            if (lasso->scale[j] > 0)
                most = fmax(most, fabs(dot[j - lasso->chunk[c]]));
    }
    struct numbers *at = &head->at;
    at->lambda_max = lasso->l1_ratio > 0 ? most / (double)lasso->n / lasso->l1_ratio : HUGE_VAL;
    if (at->lambda < 0)
        at->lambda = lasso->lambda_ratio * at->lambda_max;
    at->l1 = at->lambda * lasso->l1_ratio;
    at->l2 = at->lambda * (1 - lasso->l1_ratio);
}

/* Violations of all columns, and the sums that the gap needs. */
static struct sweep read_sweep(struct lasso_head *head, const struct rondo_bytes *results,
                               int32_t count)
{
    const struct lasso *lasso = head->lasso;
    struct numbers *at = &head->at;
    struct sweep sums = { 0 };
    double n = (double)lasso->n, root = sqrt(n);
    at->nnz = 0;
    at->worst = 0;
    for (int32_t c = 0; c < count; c++) {
        const double *dot = results[c].data;
        int64_t from = lasso->chunk[c], to = lasso->chunk[c + 1];
        if (c == 0) {
            sums.rr = dot[to - from];
            sums.ry = dot[to - from + 1];
        }
        for (int64_t j = from; j < to; j++) {
            head->violation[j] = 0;
            if (lasso->scale[j] == 0)
                continue;
            double g = dot[j - from] / n, b = head->b[j], unit = root / lasso->scale[j];
            sums.most = fmax(sums.most, fabs(g - at->l2 * b));
            sums.b1 += fabs(b);
            sums.bb += at->l2 > 0 ? b * b : 0;
            sums.square += g * g;
            at->nnz += b != 0;
            head->violation[j] = lasso_violation(b, -g, at->l1, at->l2) * unit;
            if (head->violation[j] > at->worst) {
                at->worst = head->violation[j];
                at->most_violating = j;
            }
        }
    }
    return sums;
}

/* The dual value at theta = s (r, -sqrt(n l2) b), the residual of the augmented problem, with the
 * best feasible s (Mairal's thesis, section 2.3; Fercoq et al. 2015, section 3):
 *     D = s r'y/n - s^2/2 (r'r/n + l2 b'b),    |s| <= l1 / max_j |x_j'r/n - l2 b_j|
 * Where l1 = 0 no s but 0 is, and the ridge's own conjugate at r stands for it:
 *     D = r'y/n - r'r/2n - sum_j (x_j'r/n)^2 / 2 l2 */
static double dual_value(const struct lasso_head *head, const struct sweep *sums)
{
    double n = (double)head->lasso->n;
    double square = sums->rr / n + head->at.l2 * sums->bb, cross = sums->ry / n;
    if (square <= 0)
        return 0;
    if (head->at.l1 == 0 && head->at.l2 > 0)
        return cross - 0.5 * sums->rr / n - 0.5 * sums->square / head->at.l2;
    double s = cross / square;
    if (sums->most > 0) {
        double reach = head->at.l1 / sums->most;
        s = s > reach ? reach : s < -reach ? -reach : s;
    }
    return s * cross - 0.5 * s * s * square;
}

static void feed_sweep(struct lasso_head *head, struct rondo_head_link *link)
{
    const struct lasso *lasso = head->lasso;
    for (int64_t j = 0; j < lasso->p && lasso_keeps_support(head); j++)
        if (head->b[j] != 0)
            head->violation[j] += 1e3 * head->at.worst;
    lasso->host->feed_all(link, head->violation);
}

/* Progress is descent of F, which is quadratic in the violations, or a smaller gap, which is linear
 * in them.  Both are measured from the last progress, so rounding cannot make progress for ever.
 * True where there was none for so long that everything that counts has been tried many times. */
static bool stalled(struct lasso_head *head)
{
    const struct lasso *lasso = head->lasso;
    struct numbers *at = &head->at;
    double gap = at->objective - at->dual;
    bool progress = at->mark_objective - at->objective > DESCENT * lasso->null_objective
                    || gap < CLOSER * at->mark_gap;
    if (progress) {
        at->mark_objective = fmin(at->objective, at->mark_objective);
        at->mark_gap = fmin(gap, at->mark_gap);
        at->stalls = at->tried = at->fresh_tried = 0;
        return false;
    }
    at->stalls++;
    if (at->updates == 0 && !at->closing)
        at->tried += lasso->p; /* nothing could be sampled */
    int64_t counts = at->nnz + LASSO_WANT_LEAST;
    counts = lasso->by_violation && counts < lasso->p ? counts : lasso->p;
    return at->stalls >= STALLS_MOST && at->tried >= PATIENCE * counts;
}

/* After a sweep without progress the variable that violates most moves, whatever the rule samples:
 * a fixed order may pass one by for ever, where it is coupled to what is in flight. */
static int open_worst(struct lasso_head *head, struct rondo_order *order)
{
    *order = (struct rondo_order){ .kind = RONDO_JOIN, .tag = LASSO_BLOCK, .count = 1,
                                   .variables = &head->at.most_violating };
    return RONDO_OK;
}

int lasso_settle_sweep(struct lasso_head *head, struct rondo_head_link *link,
                        const struct rondo_bytes *results, int32_t count,
                        struct rondo_order *order)
{
    const struct lasso *lasso = head->lasso;
    struct numbers *at = &head->at;
    if (!at->swept)
        find_lambda(head, results, count);
    struct sweep sums = read_sweep(head, results, count);
    at->objective = sums.rr / (2 * (double)lasso->n) + at->l1 * sums.b1 + 0.5 * at->l2 * sums.bb;
    at->dual = fmax(at->dual, dual_value(head, &sums));
    at->sweeps++;
    at->column_reads += lasso->p;
    bool ends = stalled(head);
    at->work = at->updates = at->exhausted = at->sweep_pending = 0;
    at->swept = 1;
    at->hot = at->worst;
    feed_sweep(head, link);
    order->report = true;
    order->note = "sweep";
    bool reached = lasso_relative_gap(head) <= lasso->gap;
    at->closing = reached || ends;
    if (reached && at->moves == 0)
        order->stop = "gap";
    else if (ends && at->fresh_tried)
        order->stop = "precision";
    if (ends) {
        at->stalls = at->tried = 0;
        at->fresh_tried = 1;
    }
    if (!order->stop && (at->closing || at->moves >= lasso->fresh_rounds))
        return commit_fresh(head, order);
    if (!order->stop && at->stalls > 0 && at->worst > 0)
        return open_worst(head, order);
    int code = lasso_commit_begin(head, LASSO_NOTHING, 0, 0, 0);
    order->commit = (struct rondo_bytes){ head->commit.data, head->commit.size };
    return code;
}

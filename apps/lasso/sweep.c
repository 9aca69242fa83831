/* sweep.c - settling a sweep: priorities, lambda_max, the duality gap, and when the job ends. */
#include "head.h"

#include <math.h>
#include <string.h>

enum {
    STALLS_MOST = 4,   /* sweeps without progress, and updates in units of the variables that */
    PATIENCE = 16,     /* count, before the residual is computed afresh; so again, and the job ends */
};

static const double DESCENT = 1e-15;    /* of F(0), and */
static const double CLOSER = 0.9;       /* of the gap: either is progress */

static const double NEAR = 0.999;       /* of l1: a column whose bound is below need not be visited */
static const double ROUNDING = 1e-9;    /* of |y|: how far a fresh residual may be from the one before */

/* ---- what to visit ------------------------------------------------------------------------------ */

/* |g_j| from which on a column must be known: the penalty, or on a path what may have a part in the next
 * solution, by the strong rule: |g_j| >= 2 l1' - l1 (Tibshirani et al., J. R. Stat. Soc. B 74 (2012)). */
static double strong_rule(const struct lasso_head *head, int64_t point)
{
    double next = lasso_lambda_of(head, point) * head->lasso->l1_ratio;
    return fmax(2 * next - head->at.l1, 0);
}

static double notice_of(const struct lasso_head *head)
{
    bool more = head->at.point + 1 < head->lasso->points;
    return more ? strong_rule(head, head->at.point + 1) : lasso_next_notice(head);
}

/* Lists the columns of a chunk that may violate by now; -1: all of them. */
static int64_t list_visits(struct lasso_head *head, int32_t chunk)
{
    const struct lasso *lasso = head->lasso;
    struct visits *visits = &head->visits;
    int64_t from = lasso->chunk[chunk], to = lasso->chunk[chunk + 1], begin = visits->count;
    double drift = head->at.drift / (double)lasso->n, near = NEAR * notice_of(head);
    int64_t count = begin;
    for (int64_t j = from; j < to; j++) { /* no branch: which are visited is nothing to guess */
        /* What is no number is visited. */
        int visit = !((double)head->reach[j] + lasso->scale[j] * drift < lasso_l1(lasso, near, j));
        visits->offset[count] = (int32_t)(j - from);
        count += visit | (head->b[j] != 0);
    }
    visits->count = visits->start[chunk + 1] = count;
    return visits->count - begin == to - from ? -1 : visits->count - begin;
}

/* Where the support's part in a chunk begins. */
static int64_t first_active(const struct lasso_head *head, int64_t column)
{
    int64_t low = 0, high = head->at.nnz;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (head->support[middle] < column)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int lasso_brief_sweep(struct lasso_head *head, const struct rondo_task *task, struct rondo_buf *out)
{
    const struct lasso *lasso = head->lasso;
    struct numbers *at = &head->at;
    int32_t chunk = task->block;
    if (chunk == 0)
        head->visits.count = head->visits.start[0] = 0;
    int64_t begin = head->visits.count;
    /* The first sweep visits nothing: what it would find was found when the data were read. */
    int64_t listed = at->swept ? list_visits(head, chunk) : 0;
    int64_t from = at->swept ? first_active(head, lasso->chunk[chunk]) : 0;
    int64_t to = at->swept ? first_active(head, lasso->chunk[chunk + 1]) : 0;
    struct lasso_scan_brief brief = { .l2 = at->l2, .near = NEAR * notice_of(head),
                                      .notice = notice_of(head), .listed = listed,
                                      .active = to - from };
    int code = lasso_append(lasso, out, &brief, sizeof brief);
    for (int64_t i = from; i < to && !code; i++)
        code = lasso_append(lasso, out, &head->b[head->support[i]], sizeof(double));
    if (!code)
        code = lasso_append(lasso, out, head->support + from, (size_t)brief.active * sizeof(int64_t));
    if (!code && listed > 0)
        code = lasso_append(lasso, out, head->visits.offset + begin, (size_t)listed * sizeof(int32_t));
    return code;
}

/* ---- what came back -------------------------------------------------------------------------------- */

int lasso_commit_fresh(struct lasso_head *head, double length)
{
    const struct lasso *lasso = head->lasso;
    struct numbers *at = &head->at;
    bool again = at->untested;
    int code = lasso_commit_begin(head, LASSO_FRESH, again, 1, at->nnz);
    double stride = length + ROUNDING * sqrt(2 * (double)lasso->n * lasso->null_objective);
    if (!code) {
        struct lasso_commit *commit = (struct lasso_commit *)(void *)head->commit.data;
        commit->b0 = at->b0;
        code = lasso_append(lasso, &head->commit, head->support, (size_t)at->nnz * sizeof(int64_t));
    }
    for (int64_t i = 0; i < at->nnz && !code; i++)
        code = lasso_append(lasso, &head->commit, &head->b[head->support[i]], sizeof(double));
    at->moves = 0;
    at->untested = 1;
    at->column_reads += at->nnz;
    at->stride = again ? at->stride + stride : stride;
    at->drift += stride;
    return code;
}

static int meet(struct lasso_head *head, struct sweep *sums, int64_t j, double g)
{
    struct candidate *list = (struct candidate *)(void *)head->candidates.data;
    if ((size_t)(sums->entries + 1) * sizeof *list > head->candidates.capacity) {
        size_t grown = 2 * (size_t)sums->entries * sizeof *list + 4096;
        head->candidates.size = (size_t)sums->entries * sizeof *list;
        int code = head->lasso->host->reserve(&head->candidates, grown);
        if (code)
            return code;
        list = (struct candidate *)(void *)head->candidates.data;
    }
    list[sums->entries++] = (struct candidate){ .g = g, .variable = j };
    return RONDO_OK;
}

/* Violations at the present lambda; what is 0 and beyond `strong` stands for one. */
static void judge(struct lasso_head *head, struct sweep *sums, double strong)
{
    const struct lasso *lasso = head->lasso;
    struct numbers *at = &head->at;
    struct candidate *list = (struct candidate *)(void *)head->candidates.data;
    int64_t left = 0;
    double aim = at->sets ? at->aim : at->l1;
    at->worst = 0;
    for (int64_t i = 0; i < sums->entries; i++) {
        int64_t j = list[i].variable;
        double unit = lasso_unit(lasso, j), b = head->b[j];
        double v = lasso_violation(b, -list[i].g, lasso_l1(lasso, aim, j),
                                   lasso_l2(lasso, at->l2, j), lasso->nonnegative) * unit;
        if (v > at->worst) {
            at->worst = v;
            at->most_violating = j;
        }
        if (!at->sets)
            head->violation[j] = v;
        else if (b == 0)
            v = fmax((lasso->nonnegative ? list[i].g : fabs(list[i].g)) - lasso_l1(lasso, strong, j), 0)
                * unit;
        if (v > 0)
            list[left++] = (struct candidate){ v, list[i].g, j };
    }
    sums->entries = left;
}

/* At b = 0, from what the data say. */
static int read_slopes(struct lasso_head *head, struct sweep *sums)
{
    const struct lasso *lasso = head->lasso;
    double n = (double)lasso->n, above = sums->notice;
    int code = RONDO_OK;
    sums->most = lasso->slope_most / n;
    for (int64_t j = 0; j < lasso->p && !code; j++) {
        double g = lasso->slope[j] / n, binds = lasso->nonnegative ? g : fabs(g);
        head->reach[j] = (float)(binds + fabs(g) * 0x1p-20) + 0x1p-126f;
        if (lasso->scale[j] == 0)
            head->reach[j] = 0;
        else if (lasso_l1(lasso, 1, j) > 0 && binds > lasso_l1(lasso, above, j))
            code = meet(head, sums, j, g); /* without a penalty g is but rounding */
        double factor = lasso->l2_factor ? lasso->l2_factor[j] : 1;
        if (head->at.l2 > 0 && factor > 0 && !(lasso->nonnegative && g < 0))
            sums->square += g * g / factor;
    }
    return code;
}

/* What a worker says is not believed before it is used as an index. */
static bool answer_fits(const struct lasso_head *head, int32_t chunk, struct rondo_bytes result)
{
    const struct lasso *lasso = head->lasso;
    const struct visits *visits = &head->visits;
    const struct lasso_scan *scan = result.data;
    int64_t from = lasso->chunk[chunk], to = lasso->chunk[chunk + 1];
    if (result.size < sizeof *scan || scan->entries < 0 || scan->entries > to - from
        || scan->visited != visits->start[chunk + 1] - visits->start[chunk])
        return false;
    const int64_t *column = (const int64_t *)((const double *)(scan + 1) + scan->entries);
    if (result.size != sizeof *scan + (size_t)scan->entries * (sizeof(double) + sizeof *column)
                           + (size_t)scan->visited * sizeof(float))
        return false;
    for (int64_t e = 0; e < scan->entries; e++)
        if (column[e] < from || column[e] >= to)
            return false;
    return true;
}

static int read_chunk(struct lasso_head *head, int32_t chunk, struct rondo_bytes result,
                      struct sweep *sums)
{
    const struct lasso *lasso = head->lasso;
    const struct lasso_scan *scan = result.data;
    const int32_t *offset = head->visits.offset + head->visits.start[chunk];
    const double *g = (const double *)(scan + 1);
    const int64_t *column = (const int64_t *)(g + scan->entries);
    const float *bound = (const float *)(column + scan->entries);
    int code = RONDO_OK;
    if (!answer_fits(head, chunk, result))
        return RONDO_EAPP;
    sums->most = fmax(sums->most, scan->most);
    sums->square += scan->square;
    head->at.column_reads += scan->visited;
    for (int64_t e = 0; e < scan->entries && !code; e++)
        code = meet(head, sums, column[e], g[e]);
    double drift = head->at.drift / (double)lasso->n;
    for (int64_t i = 0; i < scan->visited; i++) {
        int64_t j = lasso->chunk[chunk] + offset[i];
        double reach = (double)bound[i] - lasso->scale[j] * drift;
        head->reach[j] = (float)(reach + fabs(reach) * 0x1p-20);
    }
    return code;
}

/* Violations, and the sums that the gap needs.  What was not visited is below `near`. */
static int read_sweep(struct lasso_head *head, const struct rondo_bytes *results, int32_t count,
                      struct sweep *sums)
{
    const struct lasso *lasso = head->lasso;
    struct numbers *at = &head->at;
    const struct lasso_scan *first = results[0].data;
    if (count != lasso->chunks || results[0].size < sizeof *first)
        return RONDO_EAPP;
    *sums = (struct sweep){ .rr = first->sums[0], .ry = first->sums[1], .moved = first->sums[2],
                            .notice = notice_of(head) };
    for (int64_t i = 0; i < at->nnz; i++) {
        int64_t j = head->support[i];
        double b = head->b[j];
        sums->b1 += lasso_l1(lasso, fabs(b), j);
        sums->bb += at->l2 > 0 ? lasso_l2(lasso, b * b, j) : 0;
    }
    bool sets = lasso_works_in_sets(head);
    sums->turn = sets && (!at->sets || !at->swept);
    at->sets = sets;
    if (at->swept && (!at->sets || sums->turn)) /* before the first sweep they are zeros */
        memset(head->violation, 0, (size_t)lasso->p * sizeof *head->violation);
    if (!at->swept)
        return read_slopes(head, sums);
    sums->most = head->visits.count < lasso->p ? NEAR * sums->notice : 0;
    int code = RONDO_OK;
    for (int32_t c = 0; c < count && !code; c++)
        code = read_chunk(head, c, results[c], sums);
    return code;
}

/* The dual value at theta = s (r, -sqrt(n l2) b), the residual of the augmented problem, with the
 * best feasible s (Mairal's thesis, section 2.3; Fercoq et al. 2015, section 3):
 *     D = s r'y/n - s^2/2 (r'r/n + l2 b'b),    |s| <= l1 / max_j |x_j'r/n - l2 b_j|
 * Where b >= 0 the maximum is without ||, and says nothing of s < 0.
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
    if (head->lasso->nonnegative && s < 0) /* x_j'r has a bound above alone, and -r none */
        return 0;
    if (sums->most > 0) {
        double reach = head->at.l1 / sums->most;
        s = s > reach ? reach : s < -reach ? -reach : s;
    }
    return s * cross - 0.5 * s * s * square;
}

/* Priorities: of a working set, or of all. */
static int feed_sweep(struct lasso_head *head, struct rondo_head_link *link, const struct sweep *sums)
{
    const struct lasso *lasso = head->lasso;
    int code = head->at.chosen ? lasso_set_solved(head, link) : RONDO_OK; /* it was not: the job closes */
    for (int64_t i = 0; !head->at.sets && lasso_keeps_support(head) && i < head->at.nnz; i++)
        head->violation[head->support[i]] += 1e3 * head->at.worst;
    if (link && (!head->at.sets || sums->turn)) /* nothing has a weight but what is chosen */
        lasso->host->feed_all(link, head->violation);
    if (code || !head->at.sets)
        return code;
    return lasso_choose(head, link, (struct candidate *)(void *)head->candidates.data, sums->entries);
}

/* A fresh residual that is further from the one before than its step and rounding explain: bounds that
 * relied on it are void, and so is what followed from them.  D(0) = 0 is sure, and another fresh residual
 * must prove what comes. */
static bool lost_track(struct lasso_head *head, double moved)
{
    struct numbers *at = &head->at;
    if (sqrt(moved) <= at->stride) {
        at->losses = 0;
        return false;
    }
    for (int64_t j = 0; j < head->lasso->p; j++)
        head->reach[j] = head->lasso->scale[j] > 0 ? HUGE_VALF : 0;
    at->dual = 0;
    at->moves = 1;
    if (!at->losses++) { /* where it is lost again and again rounding is no progress */
        at->mark_objective = at->objective;
        at->mark_gap = HUGE_VAL;
    }
    return true;
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

/* The least that the loss can be, at a residual scaled to be feasible; its penalty's part here. */
static double dual_of_loss(const struct lasso_head *head, double s, double sum)
{
    const struct sweep *sums = &head->sweep;
    double l2 = head->at.l2, penalty = head->at.l1 == 0 && l2 > 0 ? 0.5 * sums->square / l2
                                                                  : 0.5 * s * s * l2 * sums->bb;
    return sum / (double)head->lasso->n - penalty;
}

/* s r with the largest s up to 1 that is feasible; the workers say what the loss's conjugate is there. */
static int open_dual(struct lasso_head *head, struct rondo_order *order)
{
    const struct sweep *sums = &head->sweep;
    bool ridge = head->at.l1 == 0 && head->at.l2 > 0;
    head->move.t = !ridge && sums->most > head->at.l1 ? head->at.l1 / sums->most : 1;
    head->move.shift = 0;
    *order = (struct rondo_order){ .kind = RONDO_JOIN, .tag = LASSO_DUAL, .no_pull = true, .count = 1,
                                   .variables = &head->at.most_violating };
    return RONDO_OK;
}

static int open_score(struct lasso_head *head, struct rondo_order *order)
{
    *order = (struct rondo_order){ .kind = RONDO_JOIN, .tag = LASSO_SCORE, .no_pull = true, .count = 1,
                                   .variables = &head->at.most_violating };
    return RONDO_OK;
}

static int nothing(struct lasso_head *head, struct rondo_order *order)
{
    int code = lasso_commit_begin(head, LASSO_NOTHING, 0, 0, 0);
    order->commit = (struct rondo_bytes){ head->commit.data, head->commit.size };
    return code;
}

/* What follows from a sweep: the end, the next point, or a working set. */
static int proceed(struct lasso_head *head, struct rondo_head_link *link, struct rondo_order *order)
{
    const struct lasso *lasso = head->lasso;
    struct numbers *at = &head->at;
    const char *stop = head->stop;
    bool ends = head->ends;
    double strong = lasso->points > 1 ? at->aim : head->sweep.notice;
    int code = RONDO_OK;
    *order = (struct rondo_order){ .kind = RONDO_REST, .report = true, .note = "sweep" };
    if (stop && at->point + 1 < lasso->points) {
        strong = strong_rule(head, at->point + 1);
        code = lasso_next_point(head);
        at->closing = 0;
        ends = false;
    } else if (stop) {
        order->stop = at->imprecise ? "precision" : "gap";
    }
    judge(head, &head->sweep, strong);
    at->hot = at->worst;
    if (!code)
        code = feed_sweep(head, link, &head->sweep);
    if (code)
        return code;
    if (ends) {
        at->stalls = at->tried = 0;
        at->fresh_tried = 1;
    }
    if (!order->stop && at->stalls > 0 && !at->closing && at->worst > 0
        && at->moves < lasso->fresh_rounds)
        return open_worst(head, order);
    if (order->stop || (!at->closing && at->moves < lasso->fresh_rounds))
        return nothing(head, order);
    code = lasso_commit_fresh(head, 0);
    order->commit = (struct rondo_bytes){ head->commit.data, head->commit.size };
    return code;
}

/* The dual value is known: whether the job ends, or the point. */
static int conclude(struct lasso_head *head, struct rondo_head_link *link, bool lost,
                    struct rondo_order *order)
{
    struct numbers *at = &head->at;
    at->sweeps++;
    bool ends = stalled(head), reached = !lost && lasso_relative_gap(head) <= head->lasso->gap;
    const char *stop = reached && at->moves == 0 ? "gap" : ends && at->fresh_tried ? "precision" : NULL;
    at->work = at->updates = at->exhausted = at->sweep_pending = 0;
    at->swept = 1;
    at->closing = reached || ends;
    at->imprecise |= stop && !reached;
    head->ends = ends;
    head->stop = stop;
    return stop && head->lasso->stage ? open_score(head, order) : proceed(head, link, order);
}

int lasso_settle_sweep(struct lasso_head *head, struct rondo_head_link *link,
                        const struct rondo_bytes *results, int32_t count,
                        struct rondo_order *order)
{
    const struct lasso *lasso = head->lasso;
    struct numbers *at = &head->at;
    struct sweep *sums = &head->sweep;
    double aim = lasso_next_aim(head);
    int code = read_sweep(head, results, count, sums);
    if (code)
        return code;
    at->aim = aim;
    double loss = lasso->loss ? sums->rr : sums->rr / 2;
    at->objective = loss / (double)lasso->n + at->l1 * sums->b1 + 0.5 * at->l2 * sums->bb;
    bool lost = at->untested && lost_track(head, sums->moved);
    at->untested = 0;
    if (lasso->loss && !lost)
        return open_dual(head, order);
    if (!lost)
        at->dual = fmax(at->dual, dual_value(head, sums));
    return conclude(head, link, lost, order);
}

/* The number that a phase over rows brings; NULL: it did not. */
static const double *said_by(const struct rondo_bytes *results, int32_t count)
{
    return count == 1 && results[0].size == 2 * sizeof(double) ? results[0].data : NULL;
}

int lasso_settle_dual(struct lasso_head *head, struct rondo_head_link *link,
                      const struct rondo_bytes *results, int32_t count, struct rondo_order *order)
{
    const double *said = said_by(results, count);
    if (!said)
        return RONDO_EAPP;
    head->at.dual = fmax(head->at.dual, dual_of_loss(head, head->move.t, said[0]));
    return conclude(head, link, false, order);
}

int lasso_settle_score(struct lasso_head *head, struct rondo_head_link *link,
                       const struct rondo_bytes *results, int32_t count, struct rondo_order *order)
{
    const double *said = said_by(results, count);
    if (!said)
        return RONDO_EAPP;
    int code = lasso_keep_error(head, said[0]);
    return code ? code : proceed(head, link, order);
}

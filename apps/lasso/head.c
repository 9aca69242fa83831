/* head.c - the model on the coordinator: its life, what each round shall be, what it says.
 *
 * Two kinds of round.  A sweep (sweep.c) computes every x_j'r: from it come the violations (the
 * priorities), the duality gap and, the first time, lambda_max.  A sampled round (ladder.c) moves
 * variables.
 */
#include "bundle.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of the worst violation: how far a block is solved.  On couplings Newton steps make the last digits
 * cheap, but where a support takes up many of the rows; on the residual each costs passes.  A set on the
 * way to the penalty will change; at it another factor of a large support costs more than some digits. */
static const double FINE = 1e-3, FAIR = 0.01, ROUGH = 0.05;

static const double COOLED = 0.05;      /* of the last sweep's worst violation: time for a sweep */

const double *lasso_coefficients(const struct lasso_head *head)
{
    return head->b;
}

/* ---- life --------------------------------------------------------------------------------------------- */

void lasso_head_free(struct lasso_head *head)
{
    void (*release)(void *) = head->lasso->host->free;
    lasso_bundle_destroy(head);
    release(head->b);
    release(head->violation);
    release(head->support);
    release(head->reach);
    release(head->working);
    release(head->visits.offset);
    release(head->visits.start);
    release(head->candidates.data);
    release(head->feed.data);
    release(head->path.data);
    release(head->errors.data);
    release(head->move.variable);
    release(head->move.violation);
    release(head->move.gradient);
    release(head->move.delta);
    release(head->move.moving);
    release(head->move.from);
    release(head->move.to);
    release(head->move.d);
    release(head->commit.data);
    release(head);
}

void lasso_head_destroy(const void *problem RONDO_UNUSED, void *state)
{
    lasso_head_free(state);
}

static int allocate(struct lasso_head *head)
{
    const struct lasso *lasso = head->lasso;
    const struct rondo_host *host = lasso->host;
    size_t p = (size_t)lasso->p, most = (size_t)lasso_round_most(lasso);
    struct move *move = &head->move;
    head->b = host->zalloc(p, sizeof(double));
    head->support = host->alloc(p * sizeof(int64_t));
    head->reach = host->alloc(p * sizeof(float));
    head->visits.offset = host->alloc(p * sizeof(int32_t));
    head->visits.start = host->zalloc((size_t)lasso->chunks + 1, sizeof(int64_t));
    head->working = host->alloc((size_t)lasso_set_most(lasso) * sizeof(int64_t));
    move->variable = host->alloc(most * sizeof(int64_t));
    move->moving = host->alloc(most * sizeof(int64_t));
    bool all = head->b && head->support && head->reach && head->visits.offset
               && head->visits.start && head->working && move->variable && move->moving;
    head->violation = host->zalloc(p, sizeof(double));
    all = all && head->violation;
    double **room[] = { &move->violation, &move->gradient, &move->delta, &move->from, &move->to,
                        &move->d };
    for (size_t i = 0; i < sizeof room / sizeof *room; i++) {
        *room[i] = host->alloc(most * sizeof(double));
        all = all && *room[i];
    }
    return all ? RONDO_OK : RONDO_ENOMEM;
}

/* At b = 0 the gradient is known, and with it lambda_max = max_j |x_j'y| / (n l1_ratio). */
static void begin(struct lasso_head *head)
{
    const struct lasso *lasso = head->lasso;
    struct numbers *at = &head->at;
    at->objective = lasso->null_objective;
    at->lambda_max = lasso->l1_ratio > 0
                         ? lasso->slope_most / (double)lasso->n / lasso->l1_ratio : HUGE_VAL;
    lasso_set_lambda(head, lasso->points > 1   ? at->lambda_max
                           : lasso->lambda < 0 ? lasso->lambda_ratio * at->lambda_max
                                               : lasso->lambda);
    for (int64_t a = 0; a < lasso->frame.count; a++)
        if (lasso->frame.start[a] > 0) {
            head->b[lasso->frame.column[a]] = lasso->frame.start[a];
            head->support[at->nnz++] = lasso->frame.column[a];
        }
    if (lasso->stage == 0)
        return;
    for (int64_t j = 0; j < lasso->p; j++) /* what was found with all rows is not so here */
        head->reach[j] = lasso->scale[j] > 0 ? HUGE_VALF : 0;
    at->swept = 1;
    at->sets = 1;
    at->mark_objective = HUGE_VAL;
}

struct lasso_head *lasso_head_new(const struct lasso *lasso)
{
    struct lasso_head *head = lasso->host->zalloc(1, sizeof *head);
    if (!head)
        return NULL;
    head->lasso = lasso;
    if (allocate(head) || (lasso->folds && lasso->stage == 0 && lasso_bundle_create(head))) {
        lasso_head_free(head);
        return NULL;
    }
    begin(head);
    return head;
}

int lasso_head_create(const void *problem, int32_t index RONDO_UNUSED, void **state,
                      struct rondo_error *err)
{
    *state = lasso_head_new(problem);
    return *state ? RONDO_OK : rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for the model");
}

/* The numbers, the support, its b, the working set, and what is known of every column. */
int lasso_head_pack_one(const struct lasso_head *head, struct rondo_buf *out)
{
    const struct lasso *lasso = head->lasso;
    const struct numbers *at = &head->at;
    int code = lasso_append(lasso, out, at, sizeof *at);
    if (!code)
        code = lasso_append(lasso, out, head->support, (size_t)at->nnz * sizeof(int64_t));
    for (int64_t i = 0; i < at->nnz && !code; i++)
        code = lasso_append(lasso, out, &head->b[head->support[i]], sizeof(double));
    if (!code)
        code = lasso_append(lasso, out, head->working, (size_t)at->chosen * sizeof(int64_t));
    if (!code && at->swept)
        code = lasso_append(lasso, out, head->reach, (size_t)lasso->p * sizeof(float));
    if (!code)
        code = lasso_append(lasso, out, head->path.data, head->path.size);
    if (!code)
        code = lasso_append(lasso, out, head->errors.data, head->errors.size);
    return code;
}

/* Distinct, ascending, in 0 .. p-1. */
static bool is_list(const int64_t *list, int64_t count, int64_t p)
{
    for (int64_t i = 0; i < count; i++)
        if (list[i] < (i ? list[i - 1] + 1 : 0) || list[i] >= p)
            return false;
    return true;
}

static const void *take(const unsigned char **from, void *to, size_t size)
{
    if (size)
        memcpy(to, *from, size);
    *from += size;
    return to;
}

int lasso_head_unpack_one(struct lasso_head *head, struct rondo_bytes in)
{
    const struct lasso *lasso = head->lasso;
    struct numbers *at = &head->at;
    const unsigned char *from = in.data;
    if (in.size < sizeof *at)
        return RONDO_ESTATE;
    take(&from, at, sizeof *at);
    bool fits = at->nnz >= 0 && at->nnz <= lasso->p && at->chosen >= 0 && at->chosen <= lasso->p
                && at->chosen <= (at->cut ? lasso_set_most(lasso) : lasso_round_most(lasso))
                && at->most_violating >= 0
                && at->most_violating < lasso->p && at->point >= 0 && at->point < lasso->points
                && at->path_bytes >= 0 && (size_t)at->path_bytes <= in.size
                && at->errors >= 0 && at->errors <= lasso->points;
    size_t nnz = fits ? (size_t)at->nnz : 0, chosen = fits ? (size_t)at->chosen : 0;
    size_t size = sizeof *at + nnz * (sizeof(int64_t) + sizeof(double)) + chosen * sizeof(int64_t)
                  + (at->swept ? (size_t)lasso->p * sizeof(float) : 0)
                  + (fits ? (size_t)at->path_bytes + (size_t)at->errors * sizeof(double) : 0);
    if (!fits || in.size != size)
        return RONDO_ESTATE;
    memset(head->b, 0, (size_t)lasso->p * sizeof *head->b);
    take(&from, head->support, nnz * sizeof(int64_t));
    if (!is_list(head->support, at->nnz, lasso->p))
        return RONDO_ESTATE;
    for (size_t i = 0; i < nnz; i++)
        take(&from, &head->b[head->support[i]], sizeof(double));
    take(&from, head->working, chosen * sizeof(int64_t));
    if (!is_list(head->working, at->chosen, lasso->p))
        return RONDO_ESTATE;
    if (at->swept)
        take(&from, head->reach, (size_t)lasso->p * sizeof(float));
    head->path.size = 0;
    head->errors.size = 0;
    if (!lasso_path_fits(lasso, from, (size_t)at->path_bytes, lasso->stage ? 0 : at->point))
        return RONDO_ESTATE;
    int code = lasso_append(lasso, &head->path, from, (size_t)at->path_bytes);
    if (!code)
        code = lasso_append(lasso, &head->errors, from + at->path_bytes,
                            (size_t)at->errors * sizeof(double));
    if (!code)
        lasso_reopen_path(head);
    return code;
}

/* One head; of a cross-validation the parts of all. */
int lasso_head_pack(const void *problem RONDO_UNUSED, const void *state, struct rondo_buf *out)
{
    const struct lasso_head *head = state;
    return head->bundle ? lasso_bundle_pack(head, out) : lasso_head_pack_one(head, out);
}

int lasso_head_unpack(const void *problem RONDO_UNUSED, void *state, struct rondo_bytes in)
{
    struct lasso_head *head = state;
    return head->bundle ? lasso_bundle_unpack(head, in) : lasso_head_unpack_one(head, in);
}

/* ---- schedule: what shall this round be? ------------------------------------------------------------- */

static bool sweep_due(const struct lasso_head *head)
{
    const struct numbers *at = &head->at;
    const struct lasso *lasso = head->lasso;
    if (at->sweep_pending)
        return false;
    if (at->sets)
        return at->chosen == 0 || at->closing;
    /* One empty round may only be in the way of those in flight. */
    if (!at->swept || at->closing || at->exhausted >= lasso->pipeline)
        return true;
    if (!lasso->by_violation)
        return at->updates >= lasso->p;
    return at->work >= lasso->p || at->hot <= COOLED * at->worst;
}

int lasso_schedule(void *state, int64_t round, struct rondo_order *order)
{
    struct lasso_head *head = state;
    return head->bundle ? lasso_bundle_schedule(head, round, order) : lasso_head_schedule(head, order);
}

int lasso_head_schedule(struct lasso_head *head, struct rondo_order *order)
{
    const struct lasso *lasso = head->lasso;
    head->at.most = order->want;
    if (sweep_due(head)) {
        head->at.sweep_pending = 1;
        order->kind = RONDO_SWEEP;
        order->tag = LASSO_GRADIENT;
        return RONDO_OK;
    }
    order->kind = RONDO_SAMPLED;
    order->tag = LASSO_BLOCK;
    order->couplings = lasso->mode != LASSO_ALONE;
    if (head->at.sets) {
        order->whole = !head->at.cut;
        order->couplings = head->at.cut ? order->couplings : head->at.gram;
        order->want = head->at.cut ? lasso_turn_want(head) : head->at.chosen;
        order->variables = head->working;
        order->count = head->at.cut && lasso_turn_opens(head) ? head->at.chosen : 0;
    } else if (lasso->by_violation && lasso->mode == LASSO_SOLVE) {
        int64_t want = 2 * head->at.nnz > LASSO_WANT_LEAST ? 2 * head->at.nnz : LASSO_WANT_LEAST;
        order->want = want < order->want ? want : order->want;
    }
    return RONDO_OK;
}

/* Tight enough for the gap that is asked for, and no tighter than this round can use: scaling the dual
 * point costs about 2 F0 violation / l1. */
double lasso_tolerance(const struct lasso_head *head)
{
    const struct lasso *lasso = head->lasso;
    const struct numbers *at = &head->at;
    double unit = sqrt((double)lasso->n) / lasso->scale_most;
    double last = fmax(0.05 * lasso->gap * at->l1 * unit, 1e-14 * sqrt(2 * lasso->null_objective));
    bool crowded = lasso->points == 1 && lasso_is_crowded(head); /* a path's sets change little */
    bool coupled = at->gram || (at->chosen > 0 && at->chosen <= lasso_products_most(lasso));
    double share = !at->sets ? FINE : !coupled ? ROUGH : !crowded ? FINE : at->aim > at->l1 ? ROUGH : FAIR;
    if (lasso->loss && !coupled && lasso->points > 1)
        share = FAIR; /* the strong rule has foretold the set */
    return fmax(last, share * at->worst);
}

/* ---- brief ------------------------------------------------------------------------------------------------ */

int lasso_brief(void *state, const struct rondo_task *task, struct rondo_buf *out)
{
    struct lasso_head *head = state;
    return head->bundle ? lasso_bundle_brief(head, task, out) : lasso_head_brief(head, task, out);
}

int lasso_head_brief(struct lasso_head *head, const struct rondo_task *task, struct rondo_buf *out)
{
    const struct lasso *lasso = head->lasso;
    const struct numbers *at = &head->at;
    if (task->tag == LASSO_GRADIENT)
        return lasso_brief_sweep(head, task, out);
    if (lasso->loss && task->tag != LASSO_BLOCK) {
        struct lasso_trial trial = { head->move.t, head->move.shift };
        int code = lasso_append(lasso, out, &trial, sizeof trial);
        if (code || task->tag != LASSO_STEP)
            return code;
    }
    if (task->tag == LASSO_STEP)
        return lasso_append(lasso, out, head->move.d, (size_t)task->count * sizeof(double));
    struct lasso_brief brief = { .l1 = at->sets ? at->aim : at->l1, .l2 = at->l2, .worth = at->l1,
                                 .tolerance = lasso_tolerance(head), .mode = lasso->mode };
    int code = lasso_append(lasso, out, &brief, sizeof brief);
    for (int64_t i = 0; i < task->count && !code; i++)
        code = lasso_append(lasso, out, &head->b[task->variables[i]], sizeof(double));
    return code;
}

/* ---- what settling shares ------------------------------------------------------------------------- */

int lasso_by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* What was in it and is not 0, and what moved and was not in it. */
void lasso_renew_support(struct lasso_head *head, const int64_t *moved, int64_t count)
{
    int64_t kept = 0, was = head->at.nnz, old = 0;
    for (int64_t i = 0; i < was; i++)
        if (head->b[head->support[i]] != 0)
            head->support[kept++] = head->support[i];
    old = kept;
    for (int64_t i = 0; i < count; i++)
        if (head->b[moved[i]] != 0
            && !bsearch(&moved[i], head->support, (size_t)old, sizeof *moved, lasso_by_number))
            head->support[kept++] = moved[i];
    if (kept > old)
        qsort(head->support, (size_t)kept, sizeof *head->support, lasso_by_number);
    head->at.nnz = kept;
}

int lasso_append(const struct lasso *lasso, struct rondo_buf *out, const void *bytes, size_t size)
{
    if (size == 0)
        return RONDO_OK;
    int code = lasso->host->reserve(out, out->size + size);
    if (code)
        return code;
    memcpy(out->data + out->size, bytes, size);
    out->size += size;
    return RONDO_OK;
}

int lasso_commit_begin(struct lasso_head *head, enum lasso_commit_kind kind, int32_t phase,
                        double t, int64_t count)
{
    struct lasso_commit commit = { .kind = (int32_t)kind, .phase = phase, .t = t, .count = count };
    head->commit.size = 0;
    return lasso_append(head->lasso, &head->commit, &commit, sizeof commit);
}

double lasso_relative_gap(const struct lasso_head *head)
{
    double zero = head->lasso->null_objective;
    double gap = head->at.objective - head->at.dual;
    /* What is no number proves nothing. */
    return !(zero > 0) || gap <= 0 ? 0 : gap > 0 ? gap / zero : HUGE_VAL;
}

/* A joint solve wants the support together, and a round that can bear it: it counts as more than the
 * worst violation.  Elsewhere it would only keep its neighbours out. */
bool lasso_keeps_support(const struct lasso_head *head)
{
    const struct lasso *lasso = head->lasso;
    return lasso->by_violation && lasso->mode == LASSO_SOLVE
           && 5 * head->at.nnz <= 4 * head->at.most;
}

int lasso_settle(void *state, struct rondo_head_link *link, int64_t round RONDO_UNUSED,
                 int32_t phase, const struct rondo_task *tasks, const struct rondo_bytes *results,
                 int32_t count, struct rondo_order *order)
{
    struct lasso_head *head = state;
    return head->bundle ? lasso_bundle_settle(head, phase, results, count, order)
                        : lasso_head_settle(head, link, phase, tasks, results, count, order);
}

int lasso_head_settle(struct lasso_head *head, struct rondo_head_link *link, int32_t phase,
                      const struct rondo_task *tasks, const struct rondo_bytes *results,
                      int32_t count, struct rondo_order *order)
{
    switch (count ? tasks[0].tag : LASSO_BLOCK) {
    case LASSO_GRADIENT: return lasso_settle_sweep(head, link, results, count, order);
    case LASSO_STEP: return lasso_settle_step(head, link, phase, results, count, order);
    case LASSO_JOINT: return lasso_settle_joint(head, link, phase, tasks, results, order);
    case LASSO_DUAL: return lasso_settle_dual(head, link, results, count, order);
    case LASSO_SCORE: return lasso_settle_score(head, link, results, count, order);
    default: return lasso_settle_blocks(head, link, phase, tasks, results, count, order);
    }
}

/* ---- what it says ------------------------------------------------------------------------------------------- */

/* Of a cross-validation all heads have worked, and what is said is of all data: of the last point that is
 * solved, in the end of the chosen one. */
void lasso_report(const void *state, struct rondo_report *report)
{
    const struct lasso_head *head = state;
    bool chosen = head->bundle && lasso_folds_done(head);
    bool between = head->bundle && !chosen && head->solved.lambda > 0;
    struct point point = chosen ? lasso_chosen(head) : between ? head->solved : lasso_standing(head);
    int64_t sweeps = 0, steps = 0, critical = 0, reads = 0, errors = 0;
    for (int32_t f = 0; f < (head->bundle ? head->bundle->count : 1); f++) {
        const struct numbers *at = head->bundle ? &head->bundle->head[f]->at : &head->at;
        sweeps += at->sweeps;
        steps += at->inner_steps;
        critical = critical > at->critical_steps ? critical : at->critical_steps;
        reads += at->column_reads;
        errors += at->errors;
    }
    *report = (struct rondo_report){
        .objective = point.objective,
        .goal = "gap",
        .count = head->bundle ? 11 : 9,
        .metric = {
            { "gap", point.gap, false },
            { "nnz", (double)point.nnz, true },
            { "lambda", point.lambda, false },
            { "lambda_max", head->at.lambda_max, false },
            { "sweeps", (double)sweeps, true },
            { "inner_steps", (double)steps, true },
            { "critical_steps", (double)critical, true },
            { "column_reads", (double)reads, true },
            { "lambdas", (double)(head->at.point + 1), true },
            { "folds", (double)head->lasso->folds, true },
            { "fold_lambdas", (double)errors, true },
        },
    };
}

int lasso_save(const void *state, struct rondo_head_link *link RONDO_UNUSED,
               const struct rondo_host *host, struct rondo_output *output,
               struct rondo_error *err)
{
    return lasso_write_path(state, host, output, err);
}

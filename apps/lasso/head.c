/* head.c - the model on the coordinator: its life, what each round shall be, what it says.
 *
 * Two kinds of round.  A sweep (sweep.c) computes every x_j'r: from it come the violations (the
 * priorities), the duality gap and, the first time, lambda_max.  A sampled round (ladder.c) moves
 * variables.
 */
#include "head.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const double COOLED = 0.05;      /* of the last sweep's worst violation: time for a sweep */

const double *lasso_coefficients(const struct lasso_head *head)
{
    return head->b;
}

/* ---- life --------------------------------------------------------------------------------------------- */

void lasso_head_destroy(const void *problem, void *state)
{
    const struct lasso *lasso = problem;
    struct lasso_head *head = state;
    void (*release)(void *) = lasso->host->free;
    release(head->b);
    release(head->violation);
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

int lasso_head_create(const void *problem, int32_t index RONDO_UNUSED, void **state,
                      struct rondo_error *err)
{
    const struct lasso *lasso = problem;
    size_t p = (size_t)lasso->p;
    size_t most = (size_t)(lasso->most < lasso->p ? lasso->most : lasso->p);
    struct lasso_head *head = lasso->host->zalloc(1, sizeof *head);
    if (!head)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for the model");
    struct move *move = &head->move;
    head->lasso = lasso;
    head->at.objective = head->at.mark_objective = lasso->null_objective;
    head->at.mark_gap = HUGE_VAL;
    head->at.dual = -HUGE_VAL;
    head->at.lambda = lasso->lambda;
    head->b = lasso->host->zalloc(p, sizeof(double));
    head->violation = lasso->host->zalloc(p, sizeof(double));
    move->variable = lasso->host->zalloc(most, sizeof(int64_t));
    move->moving = lasso->host->zalloc(most, sizeof(int64_t));
    double **room[] = { &move->violation, &move->gradient, &move->delta, &move->from, &move->to,
                        &move->d };
    bool all = head->b && head->violation && move->variable && move->moving;
    for (size_t i = 0; i < sizeof room / sizeof *room; i++) {
        *room[i] = lasso->host->zalloc(most, sizeof(double));
        all = all && *room[i];
    }
    if (!all) {
        lasso_head_destroy(lasso, head);
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for the model");
    }
    *state = head;
    return RONDO_OK;
}

int lasso_head_pack(const void *problem, const void *state, struct rondo_buf *out)
{
    const struct lasso_head *head = state;
    int code = lasso_append(problem, out, &head->at, sizeof head->at);
    for (int64_t j = 0; j < head->lasso->p && !code; j++) {
        if (head->b[j] == 0)
            continue;
        code = lasso_append(problem, out, &j, sizeof j);
        if (!code)
            code = lasso_append(problem, out, &head->b[j], sizeof head->b[j]);
    }
    return code;
}

int lasso_head_unpack(const void *problem, void *state, struct rondo_bytes in)
{
    const struct lasso *lasso = problem;
    struct lasso_head *head = state;
    const size_t each = sizeof(int64_t) + sizeof(double);
    if (in.size < sizeof head->at || (in.size - sizeof head->at) % each)
        return RONDO_ESTATE;
    const unsigned char *from = in.data, *end = from + in.size;
    memcpy(&head->at, from, sizeof head->at);
    if (head->at.nnz < 0 || head->at.nnz > lasso->p || head->at.most_violating < 0
        || head->at.most_violating >= lasso->p)
        return RONDO_ESTATE;
    memset(head->b, 0, (size_t)lasso->p * sizeof *head->b);
    for (from += sizeof head->at; from < end; from += each) {
        int64_t j;
        memcpy(&j, from, sizeof j);
        if (j < 0 || j >= lasso->p)
            return RONDO_ESTATE;
        memcpy(&head->b[j], from + sizeof j, sizeof(double));
    }
    return RONDO_OK;
}

/* ---- schedule: what shall this round be? ------------------------------------------------------------- */

static bool sweep_due(const struct lasso_head *head)
{
    const struct numbers *at = &head->at;
    const struct lasso *lasso = head->lasso;
    if (at->sweep_pending)
        return false;
    /* One empty round may only be in the way of those in flight. */
    if (!at->swept || at->closing || at->exhausted >= lasso->pipeline)
        return true;
    if (!lasso->by_violation)
        return at->updates >= lasso->p;
    return at->work >= lasso->p || at->hot <= COOLED * at->worst;
}

int lasso_schedule(void *state, int64_t round RONDO_UNUSED, struct rondo_order *order)
{
    struct lasso_head *head = state;
    const struct lasso *lasso = head->lasso;
    if (sweep_due(head)) {
        head->at.sweep_pending = 1;
        order->kind = RONDO_SWEEP;
        order->tag = LASSO_GRADIENT;
        return RONDO_OK;
    }
    order->kind = RONDO_SAMPLED;
    order->tag = LASSO_BLOCK;
    order->couplings = lasso->mode != LASSO_ALONE;
    if (lasso->by_violation && lasso->mode == LASSO_SOLVE) {
        int64_t want = 2 * head->at.nnz > LASSO_WANT_LEAST ? 2 * head->at.nnz : LASSO_WANT_LEAST;
        order->want = want < order->want ? want : order->want;
    }
    return RONDO_OK;
}

/* ---- brief ------------------------------------------------------------------------------------------------ */

int lasso_brief(void *state, const struct rondo_task *task, struct rondo_buf *out)
{
    struct lasso_head *head = state;
    const struct lasso *lasso = head->lasso;
    const struct numbers *at = &head->at;
    if (task->tag == LASSO_GRADIENT)
        return RONDO_OK;
    if (task->tag == LASSO_STEP)
        return lasso_append(lasso, out, head->move.d, (size_t)task->count * sizeof(double));
    /* Tight enough for the gap that is asked for, and no tighter than this round can use:
     * scaling the dual point costs about 2 F0 violation / l1. */
    double unit = sqrt((double)lasso->n) / lasso->scale_most;
    double last = fmax(0.05 * lasso->gap * at->l1 * unit, 1e-14 * sqrt(2 * lasso->null_objective));
    struct lasso_brief brief = { .l1 = at->l1, .l2 = at->l2,
                                 .tolerance = fmax(last, 1e-3 * at->worst), .mode = lasso->mode };
    int code = lasso_append(lasso, out, &brief, sizeof brief);
    for (int64_t i = 0; i < task->count && !code; i++)
        code = lasso_append(lasso, out, &head->b[task->variables[i]], sizeof(double));
    return code;
}

/* ---- what settling shares ------------------------------------------------------------------------- */

int lasso_append(const struct lasso *lasso, struct rondo_buf *out, const void *bytes, size_t size)
{
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
    return zero > 0 ? fmax(gap, 0) / zero : 0;
}

/* A joint solve wants the support together, and a round that can bear it: it counts as more than the
 * worst violation.  Elsewhere it would only keep its neighbours out. */
bool lasso_keeps_support(const struct lasso_head *head)
{
    const struct lasso *lasso = head->lasso;
    return lasso->by_violation && lasso->mode == LASSO_SOLVE
           && 5 * head->at.nnz <= 4 * lasso->most;
}

int lasso_settle(void *state, struct rondo_head_link *link, int64_t round RONDO_UNUSED,
                 int32_t phase, const struct rondo_task *tasks, const struct rondo_bytes *results,
                 int32_t count, struct rondo_order *order)
{
    struct lasso_head *head = state;
    switch (count ? tasks[0].tag : LASSO_BLOCK) {
    case LASSO_GRADIENT: return lasso_settle_sweep(head, link, results, count, order);
    case LASSO_STEP: return lasso_settle_step(head, link, phase, results, count, order);
    case LASSO_JOINT: return lasso_settle_joint(head, link, phase, tasks, results, order);
    default: return lasso_settle_blocks(head, link, phase, tasks, results, count, order);
    }
}

/* ---- what it says ------------------------------------------------------------------------------------------- */

void lasso_report(const void *state, struct rondo_report *report)
{
    const struct lasso_head *head = state;
    const struct numbers *at = &head->at;
    *report = (struct rondo_report){
        .objective = at->objective,
        .goal = "gap",
        .count = 7,
        .metric = {
            { "gap", lasso_relative_gap(head), false },
            { "nnz", (double)at->nnz, true },
            { "lambda", at->lambda, false },
            { "lambda_max", at->lambda_max, false },
            { "sweeps", (double)at->sweeps, true },
            { "inner_steps", (double)at->inner_steps, true },
            { "column_reads", (double)at->column_reads, true },
        },
    };
}

static int write_coefficients(const struct lasso_head *head, FILE *out)
{
    const struct lasso *lasso = head->lasso;
    fprintf(out, "%%%%MatrixMarket matrix coordinate real general\n");
    fprintf(out, "%" PRId64 " 1 %" PRId64 "\n", lasso->p, head->at.nnz);
    for (int64_t j = 0; j < lasso->p; j++)
        if (head->b[j] != 0)
            fprintf(out, "%" PRId64 " 1 %.17g\n", j + 1, head->b[j]);
    return ferror(out) ? RONDO_EIO : RONDO_OK;
}

static int write_path(const struct lasso_head *head, FILE *out)
{
    const struct lasso *lasso = head->lasso;
    double intercept = lasso->y_mean;
    for (int64_t j = 0; j < lasso->p; j++)
        intercept -= lasso->mean[j] * head->b[j];
    fprintf(out, "[{\"lambda\": %.17g, \"intercept\": %.17g, \"objective\": %.17g, "
                 "\"gap\": %.17g, \"nnz\": %" PRId64 "}]\n",
            head->at.lambda, intercept, head->at.objective, lasso_relative_gap(head), head->at.nnz);
    return ferror(out) ? RONDO_EIO : RONDO_OK;
}

int lasso_save(const void *state, struct rondo_head_link *link RONDO_UNUSED,
               const struct rondo_host *host, struct rondo_output *output,
               struct rondo_error *err)
{
    FILE *stream;
    int code = host->create(output, "coef.mtx", &stream, err);
    if (!code)
        code = write_coefficients(state, stream);
    if (!code)
        code = host->create(output, "path.json", &stream, err);
    if (!code)
        code = write_path(state, stream);
    return code;
}

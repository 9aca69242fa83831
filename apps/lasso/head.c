/* head.c - the model on the coordinator: what each round shall be, and what becomes of it.
 *
 * Two kinds of round.  A sweep computes every x_j'r: from it come the violations (the priorities),
 * the duality gap and, the first time, lambda_max.  A sampled round moves variables:
 *
 *     blocks   each block solves its subproblem                       promise: the sum of descents
 *     step     |X d|^2 and r'X d for the union d                      certificate: F changes by ...
 *     ladder   full step | line search | joint solve of the union | split to one variable
 *
 * The change of F along d is known exactly from two inner products (search.c), so a commit that
 * would raise F is never made: it cannot diverge.
 */
#include "lasso.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum {
    WANT_LEAST = 64,   /* variables in the first rounds; then twice the support */
    STALLS_FRESH = 2,  /* sweeps without descent before the residual is computed afresh */
    STALLS_MOST = 4,   /* ... before the job ends: no further descent in floating point */
};

static const double KEPT_PROMISE = 0.5; /* share of the promised descent that a full step must keep */
static const double JOINT_GAIN = 1.5;   /* over the blocks' promise: what a joint solve is worth */
static const double COOLED = 0.05;      /* of the last sweep's worst violation: time for a sweep */

/* What is saved as it is. */
struct numbers {
    double lambda, lambda_max, l1, l2;
    double objective, dual, sweep_objective, worst, hot;
    int64_t nnz, sweeps, inner_steps, column_reads;
    int64_t work, updates;        /* since the last sweep: column reads; variables in rounds */
    int64_t moves;                /* commits that moved, since the residual was fresh */
    int64_t stalls, tried;        /* sweeps without descent; sampled rounds since the last sweep */
    int64_t swept, sweep_pending, closing, exhausted;
    int64_t joint; /* the last joint solve gained much: the next round begins with one */
};

/* The round under way. */
struct move {
    int64_t seen;         /* variables in the round's blocks */
    int64_t *variable;    /* [most] of the round */
    double *violation;    /* [most] before */
    double *gradient;     /* [most] before, in the block's coordinates */
    double *delta;        /* [most] for feed */
    int64_t count;        /* variables that move */
    int64_t *moving;      /* [most] */
    double *from, *to, *d; /* [most] */
    double promised;
    int32_t blocks;
    bool joined, split;
};

struct lasso_head {
    const struct lasso *lasso;
    struct numbers at;
    double *b;         /* [p] */
    double *violation; /* [p] of the last sweep, as priorities */
    struct move move;
    struct rondo_buf commit;
};

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
    head->at.objective = head->at.sweep_objective = lasso->null_objective;
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

static int append(const struct lasso *lasso, struct rondo_buf *out, const void *bytes, size_t size)
{
    int code = lasso->host->reserve(out, out->size + size);
    if (code)
        return code;
    memcpy(out->data + out->size, bytes, size);
    out->size += size;
    return RONDO_OK;
}

int lasso_head_pack(const void *problem, const void *state, struct rondo_buf *out)
{
    const struct lasso_head *head = state;
    int code = append(problem, out, &head->at, sizeof head->at);
    for (int64_t j = 0; j < head->lasso->p && !code; j++) {
        if (head->b[j] == 0)
            continue;
        code = append(problem, out, &j, sizeof j);
        if (!code)
            code = append(problem, out, &head->b[j], sizeof head->b[j]);
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
    if (!at->swept || at->closing || at->exhausted)
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
        int64_t want = 2 * head->at.nnz > WANT_LEAST ? 2 * head->at.nnz : WANT_LEAST;
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
        return append(lasso, out, head->move.d, (size_t)task->count * sizeof(double));
    /* Tight enough for the gap that is asked for, and no tighter than this round can use:
     * scaling the dual point costs about 2 F0 violation / l1. */
    double unit = sqrt((double)lasso->n) / lasso->scale_most;
    double last = fmax(0.05 * lasso->gap * at->l1 * unit, 1e-14 * sqrt(2 * lasso->null_objective));
    struct lasso_brief brief = { .l1 = at->l1, .l2 = at->l2,
                                 .tolerance = fmax(last, 1e-3 * at->worst), .mode = lasso->mode };
    int code = append(lasso, out, &brief, sizeof brief);
    for (int64_t i = 0; i < task->count && !code; i++)
        code = append(lasso, out, &head->b[task->variables[i]], sizeof(double));
    return code;
}

/* ---- settling a sweep -------------------------------------------------------------------------------------- */

static int commit_begin(struct lasso_head *head, enum lasso_commit_kind kind, int32_t phase,
                        double t, int64_t count)
{
    struct lasso_commit commit = { .kind = (int32_t)kind, .phase = phase, .t = t, .count = count };
    head->commit.size = 0;
    return append(head->lasso, &head->commit, &commit, sizeof commit);
}

/* Asks every slice for r = y - X b from scratch. */
static int commit_fresh(struct lasso_head *head, struct rondo_order *order)
{
    const struct lasso *lasso = head->lasso;
    int code = commit_begin(head, LASSO_FRESH, 0, 1, head->at.nnz);
    for (int64_t j = 0; j < lasso->p && !code; j++)
        if (head->b[j] != 0)
            code = append(lasso, &head->commit, &j, sizeof j);
    for (int64_t j = 0; j < lasso->p && !code; j++)
        if (head->b[j] != 0)
            code = append(lasso, &head->commit, &head->b[j], sizeof(double));
    head->at.moves = 0;
    head->at.column_reads += head->at.nnz;
    order->commit = (struct rondo_bytes){ head->commit.data, head->commit.size };
    return code;
}

struct sweep {
    double rr, ry;              /* r'r, r'y */
    double most;                /* max_j |x_j'r/n - l2 b_j| */
    double b1, bb;              /* |b|_1, b'b */
};

/* Calls each(j, x_j'r / n) in the order of columns. */
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
            sums.bb += b * b;
            at->nnz += b != 0;
            head->violation[j] = lasso_violation(b, -g, at->l1, at->l2) * unit;
            at->worst = fmax(at->worst, head->violation[j]);
        }
    }
    return sums;
}

/* The dual value at theta = s (r, -sqrt(n l2) b), the residual of the augmented problem, with the
 * best feasible s (Mairal's thesis, section 2.3; Fercoq et al. 2015, section 3):
 *     D = s r'y/n - s^2/2 (r'r/n + l2 b'b),    |s| <= l1 / max_j |x_j'r/n - l2 b_j| */
static double dual_value(const struct lasso_head *head, const struct sweep *sums)
{
    double n = (double)head->lasso->n;
    double square = sums->rr / n + head->at.l2 * sums->bb, cross = sums->ry / n;
    if (square <= 0)
        return 0;
    double s = cross / square;
    if (sums->most > 0) {
        double reach = head->at.l1 / sums->most;
        s = s > reach ? reach : s < -reach ? -reach : s;
    }
    return s * cross - 0.5 * s * s * square;
}

/* A joint solve wants the support together: it counts as more than the worst violation.  Elsewhere it
 * would only keep its neighbours out, and so would one that fills the rounds. */
static bool keeps_support(const struct lasso_head *head)
{
    const struct lasso *lasso = head->lasso;
    return lasso->by_violation && lasso->mode == LASSO_SOLVE
           && 4 * head->at.nnz <= 3 * lasso->most;
}

static void feed_sweep(struct lasso_head *head, struct rondo_head_link *link)
{
    const struct lasso *lasso = head->lasso;
    if (keeps_support(head))
        for (int64_t j = 0; j < lasso->p; j++)
            if (head->b[j] != 0)
                head->violation[j] += 1e3 * head->at.worst;
    lasso->host->feed_all(link, head->violation);
}

static double relative_gap(const struct lasso_head *head)
{
    double zero = head->lasso->null_objective;
    double gap = head->at.objective - head->at.dual;
    return zero > 0 ? fmax(gap, 0) / zero : 0;
}

/* Whether the last sweeps brought no descent; counts them. */
static void count_stalls(struct lasso_head *head)
{
    struct numbers *at = &head->at;
    double descent = at->sweep_objective - at->objective;
    if (at->tried)
        at->stalls = descent > 1e-15 * head->lasso->null_objective ? 0 : at->stalls + 1;
    at->sweep_objective = at->objective;
    at->tried = 0;
}

static int settle_sweep(struct lasso_head *head, struct rondo_head_link *link,
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
    at->work = at->updates = at->exhausted = at->sweep_pending = 0;
    at->swept = 1;
    at->hot = at->worst;
    count_stalls(head);
    feed_sweep(head, link);
    order->report = true;
    order->note = "sweep";
    bool reached = relative_gap(head) <= lasso->gap;
    at->closing = reached || at->stalls == STALLS_FRESH;
    if (reached && at->moves == 0)
        order->stop = "gap";
    else if (at->stalls >= STALLS_MOST)
        order->stop = "precision";
    if (!order->stop && (at->closing || at->moves >= lasso->fresh_rounds))
        return commit_fresh(head, order);
    int code = commit_begin(head, LASSO_NOTHING, 0, 0, 0);
    order->commit = (struct rondo_bytes){ head->commit.data, head->commit.size };
    return code;
}

/* ---- settling a sampled round ---------------------------------------------------------------------------- */

static int open_step(struct lasso_head *head, struct rondo_order *order)
{
    struct move *move = &head->move;
    for (int64_t i = 0; i < move->count; i++)
        move->d[i] = move->to[i] - move->from[i];
    head->at.column_reads += move->count;
    *order = (struct rondo_order){ .kind = RONDO_JOIN, .tag = LASSO_STEP, .no_pull = true,
                                   .variables = move->moving, .count = move->count };
    return RONDO_OK;
}

/* The round ends: b moves by t d, workers apply, priorities learn. */
static int finish(struct lasso_head *head, struct rondo_head_link *link, int32_t phase, double t,
                  double change, const char *note, struct rondo_order *order)
{
    const struct lasso *lasso = head->lasso;
    struct numbers *at = &head->at;
    struct move *move = &head->move;
    bool moves = t > 0 && move->count > 0;
    for (int64_t i = 0; i < move->seen; i++) {
        int64_t j = move->variable[i];
        double unit = lasso->scale[j] / sqrt((double)lasso->n);
        move->delta[i] = -head->b[j] * unit; /* completed below */
        at->hot = i == 0 ? move->violation[0] : fmax(at->hot, move->violation[i]);
    }
    for (int64_t i = 0; moves && i < move->count; i++) {
        int64_t j = move->moving[i];
        double b = t == 1 ? move->to[i] : move->from[i] + t * move->d[i];
        at->nnz += (b != 0) - (head->b[j] != 0);
        head->b[j] = b;
    }
    for (int64_t i = 0; i < move->seen; i++) {
        int64_t j = move->variable[i];
        move->delta[i] += head->b[j] * (lasso->scale[j] / sqrt((double)lasso->n));
        /* Solved variables are quiet until the next sweep; where the step was cut they are not. */
        if (t == 1 || !moves)
            move->violation[i] = head->b[j] != 0 && keeps_support(head) ? at->worst : 0;
    }
    lasso->host->feed(link, move->seen, move->variable, move->delta, move->violation);
    int code = commit_begin(head, moves ? LASSO_MOVE : LASSO_NOTHING, phase, t,
                            moves ? move->count : 0);
    if (moves) {
        at->objective += change;
        at->moves++;
        if (!code)
            code = append(lasso, &head->commit, move->moving, (size_t)move->count * sizeof(int64_t));
        if (!code)
            code = append(lasso, &head->commit, move->d, (size_t)move->count * sizeof(double));
    }
    *order = (struct rondo_order){
        .kind = RONDO_REST, .updates = move->seen, .note = note,
        .commit = { head->commit.data, head->commit.size },
    };
    return code;
}

static void take_answer(struct lasso_head *head, const struct rondo_task *task,
                        const struct rondo_bytes *result, bool first)
{
    struct move *move = &head->move;
    const struct lasso_answer *answer = result->data;
    const double *b = (const double *)(answer + 1);
    head->at.inner_steps += answer->steps;
    head->at.column_reads += task->count;
    move->promised += answer->descent;
    for (int64_t i = 0; i < task->count; i++) {
        int64_t j = task->variables[i];
        if (first) {
            move->variable[move->seen] = j;
            move->violation[move->seen] = b[task->count + i];
            move->gradient[move->seen++] = b[2 * task->count + i];
        }
        if (b[i] != head->b[j]) {
            move->moving[move->count] = j;
            move->from[move->count] = head->b[j];
            move->to[move->count++] = b[i];
        }
    }
}

/* What a round costs in column reads: the couplings of its pairs, the gradient and the step. */
static int64_t work_of(const struct lasso *lasso, int64_t seen)
{
    return 2 * seen + (lasso->couples ? seen * (seen - 1) / 2 : 0);
}

/* The round's blocks as one. */
static int open_joint(struct lasso_head *head, struct rondo_order *order)
{
    head->move.joined = true;
    *order = (struct rondo_order){ .kind = RONDO_JOIN, .tag = LASSO_JOINT, .couplings = true,
                                   .variables = head->move.variable, .count = head->move.seen };
    return RONDO_OK;
}

static int settle_blocks(struct lasso_head *head, struct rondo_head_link *link, int32_t phase,
                         const struct rondo_task *tasks, const struct rondo_bytes *results,
                         int32_t count, struct rondo_order *order)
{
    struct move *move = &head->move;
    move->seen = move->count = 0;
    move->promised = 0;
    move->joined = move->split = false;
    move->blocks = count;
    for (int32_t i = 0; i < count; i++)
        take_answer(head, &tasks[i], &results[i], true);
    head->at.work += work_of(head->lasso, move->seen);
    head->at.updates += move->seen;
    head->at.tried++;
    head->at.exhausted = move->seen == 0;
    if (head->at.closing)
        move->count = 0; /* the residual is fresh and a sweep is about to prove the gap */
    if (move->count == 0)
        return finish(head, link, phase, 0, 0, head->at.closing ? "closing" : "still", order);
    if (head->at.joint && move->blocks > 1)
        return open_joint(head, order);
    return open_step(head, order);
}

/* The one variable that promises most by itself. */
static int open_split(struct lasso_head *head, struct rondo_order *order)
{
    const struct lasso *lasso = head->lasso;
    struct move *move = &head->move;
    double root = sqrt((double)lasso->n), best = 0;
    move->count = 0;
    move->split = true;
    for (int64_t i = 0; i < move->seen; i++) {
        int64_t j = move->variable[i];
        double unit = root / lasso->scale[j];
        double w = head->b[j] / unit, q = move->gradient[i];
        struct lasso_block alone = {
            .count = 1, .w = &w, .q = &q, .l1 = (double[]){ head->at.l1 * unit },
            .l2 = (double[]){ head->at.l2 * unit * unit }, .mode = LASSO_ALONE,
        };
        if (move->violation[i] <= best || lasso_solve(lasso, &alone, NULL) == 0)
            continue;
        best = move->violation[i];
        move->count = 1;
        move->moving[0] = j;
        move->from[0] = head->b[j];
        move->to[0] = w * unit;
    }
    return move->count ? open_step(head, order) : RONDO_OK;
}

static int settle_step(struct lasso_head *head, struct rondo_head_link *link, int32_t phase,
                       const struct rondo_bytes *results, int32_t count, struct rondo_order *order)
{
    const struct lasso *lasso = head->lasso;
    struct move *move = &head->move;
    struct lasso_line line = { .count = move->count, .b = move->from, .d = move->d,
                               .n = (double)lasso->n, .l1 = head->at.l1, .l2 = head->at.l2 };
    for (int32_t s = 0; s < count; s++) {
        const double *sums = results[s].data;
        line.uu += sums[0];
        line.ru += sums[1];
    }
    double t = 1, change = lasso_change(&line, 1);
    if (change <= -KEPT_PROMISE * move->promised && change < 0)
        return finish(head, link, phase, 1, change,
                      move->split ? "split" : move->joined ? "joint" : "full", order);
    t = lasso_search(&line);
    change = lasso_change(&line, t);
    bool poor = change > -KEPT_PROMISE * move->promised;
    if (poor && !move->joined && !move->split && move->blocks > 1 && lasso->mode == LASSO_SOLVE)
        return open_joint(head, order);
    if (change < 0)
        return finish(head, link, phase, t, change, "line search", order);
    if (!move->split && open_split(head, order))
        return RONDO_ENOMEM;
    if (order->kind == RONDO_JOIN)
        return RONDO_OK;
    return finish(head, link, phase, 0, 0, "none", order);
}

static int settle_joint(struct lasso_head *head, struct rondo_head_link *link, int32_t phase,
                        const struct rondo_task *task, const struct rondo_bytes *result,
                        struct rondo_order *order)
{
    struct move *move = &head->move;
    double apart = move->promised;
    move->count = 0;
    move->promised = 0;
    take_answer(head, task, result, false);
    head->at.joint = move->promised > JOINT_GAIN * apart || move->promised < KEPT_PROMISE * apart;
    if (move->count == 0)
        return finish(head, link, phase, 0, 0, "still", order);
    return open_step(head, order);
}

int lasso_settle(void *state, struct rondo_head_link *link, int64_t round RONDO_UNUSED,
                 int32_t phase, const struct rondo_task *tasks, const struct rondo_bytes *results,
                 int32_t count, struct rondo_order *order)
{
    struct lasso_head *head = state;
    switch (count ? tasks[0].tag : LASSO_BLOCK) {
    case LASSO_GRADIENT: return settle_sweep(head, link, results, count, order);
    case LASSO_STEP: return settle_step(head, link, phase, results, count, order);
    case LASSO_JOINT: return settle_joint(head, link, phase, tasks, results, order);
    default: return settle_blocks(head, link, phase, tasks, results, count, order);
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
            { "gap", relative_gap(head), false },
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
            head->at.lambda, intercept, head->at.objective, relative_gap(head), head->at.nnz);
    return ferror(out) ? RONDO_EIO : RONDO_OK;
}

int lasso_save(const void *state, const struct rondo_host *host, struct rondo_output *output,
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

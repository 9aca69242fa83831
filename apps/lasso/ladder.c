/* ladder.c - settling a sampled round: how far the blocks' solutions may go together.
 *
 *     blocks   each block solves its subproblem                       promise: the sum of descents
 *     step     |X d|^2 and r'X d for the union d                      certificate: F changes by ...
 *     ladder   full step | line search | joint solve of the union | split to one variable
 *
 * The change of F along d is known exactly from two inner products (search.c), so a commit that
 * would raise F is never made: it cannot diverge.
 */
#include "head.h"

#include <math.h>

static const double KEPT_PROMISE = 0.5; /* share of the promised descent that a full step must keep */
static const double SHORTEST = 0x1p-30; /* of a step that is halved */
static const double JOINT_GAIN = 1.5;   /* over the blocks' promise: what a joint solve is worth */

static int open_step(struct lasso_head *head, struct rondo_order *order)
{
    struct move *move = &head->move;
    for (int64_t i = 0; i < move->count; i++)
        move->d[i] = move->to[i] - move->from[i];
    head->at.column_reads += move->count;
    move->t = 1;
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
        head->b[j] = b;
    }
    if (moves) {
        at->b0 += t * move->shift;
        lasso_renew_support(head, move->moving, move->count);
    }
    int code = at->cut && !move->of_sweep ? lasso_turn_learn(head, link) : RONDO_OK;
    for (int64_t i = 0; i < move->seen; i++) {
        int64_t j = move->variable[i];
        move->delta[i] += head->b[j] * (lasso->scale[j] / sqrt((double)lasso->n));
        /* Solved variables are quiet until the next sweep; where the step was cut they are not. */
        if (t == 1 || !moves)
            move->violation[i] = head->b[j] != 0 && lasso_keeps_support(head) ? at->worst : 0;
    }
    bool anew = moves && at->sets && !at->cut; /* the support moves as a whole: r from scratch costs no more */
    if (link && at->sets) /* no weight hangs on it: who traces the job learns what moved */
        lasso->host->feed(link, move->seen, move->variable, move->delta, NULL);
    if (at->sets && !at->cut && !move->of_sweep)
        code = lasso_set_solved(head, link);
    else if (!at->sets)
        lasso->host->feed(link, move->seen, move->variable, move->delta, move->violation);
    if (!code)
        code = anew ? lasso_commit_fresh(head, t * move->length * (1 + 1e-12))
                    : lasso_commit_begin(head, moves ? LASSO_MOVE : LASSO_NOTHING, phase, t,
                                         moves ? move->count : 0);
    if (moves) {
        at->objective += change;
        at->moves += !anew;
        at->drift += anew ? 0 : t * move->length * (1 + 1e-12);
        if (!code && !anew)
            code = lasso_append(lasso, &head->commit, move->moving, (size_t)move->count * sizeof(int64_t));
        if (!code && !anew)
            code = lasso_append(lasso, &head->commit, move->d, (size_t)move->count * sizeof(double));
    }
    *order = (struct rondo_order){
        .kind = RONDO_REST, .updates = move->seen, .note = move->of_sweep ? "worst" : note,
        .report = move->of_sweep,
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
    move->longest = move->longest > answer->steps ? move->longest : answer->steps;
    head->at.column_reads += head->lasso->loss ? answer->reads : task->count;
    move->promised += answer->descent;
    move->shift += answer->shift;
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
    if (move->count == 0 && move->shift != 0 && task->count > 0) { /* the intercept alone */
        move->moving[0] = task->variables[0];
        move->from[0] = move->to[0] = head->b[task->variables[0]];
        move->count = 1;
    }
}

/* What a round costs in column reads: the couplings of its pairs, the gradient and the step. */
static int64_t work_of(const struct lasso *lasso, int64_t seen)
{
    return 2 * seen + (lasso->couples ? seen * (seen - 1) / 2 : 0);
}

/* A round of more variables is not joined: its couplings and factors go with the square. */
enum { JOINT_MOST = 1280 };

/* The round's blocks as one. */
static int open_joint(struct lasso_head *head, struct rondo_order *order)
{
    head->move.joined = true;
    *order = (struct rondo_order){ .kind = RONDO_JOIN, .tag = LASSO_JOINT, .couplings = true,
                                   .variables = head->move.variable, .count = head->move.seen };
    return RONDO_OK;
}

static bool may_join(const struct lasso_head *head)
{
    return head->lasso->mode == LASSO_SOLVE && head->move.blocks > 1
           && head->move.seen <= JOINT_MOST;
}

int lasso_settle_blocks(struct lasso_head *head, struct rondo_head_link *link, int32_t phase,
                         const struct rondo_task *tasks, const struct rondo_bytes *results,
                         int32_t count, struct rondo_order *order)
{
    struct move *move = &head->move;
    move->seen = move->count = 0;
    move->promised = move->shift = 0;
    move->longest = 0;
    move->joined = move->split = false;
    move->of_sweep = phase > 0;
    move->blocks = count;
    for (int32_t i = 0; i < count; i++)
        take_answer(head, &tasks[i], &results[i], true);
    head->at.critical_steps += move->longest;
    head->at.work += work_of(head->lasso, move->seen);
    head->at.updates += move->of_sweep ? 0 : move->seen;
    /* Under a loss a round is of all that violates, few as they are. */
    head->at.tried += head->at.closing || move->of_sweep ? 0 : move->seen
                      + (head->lasso->loss ? LASSO_WANT_LEAST : 0);
    head->at.exhausted = move->seen ? 0 : head->at.exhausted + 1;
    if (head->at.closing)
        move->count = 0; /* the residual is fresh and a sweep is about to prove the gap */
    if (move->count == 0)
        return finish(head, link, phase, 0, 0, head->at.closing ? "closing" : "still", order);
    if (head->at.joint && may_join(head))
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
            .count = 1, .w = &w, .q = &q, .l1 = (double[]){ lasso_l1(lasso, head->at.l1, j) * unit },
            .l2 = (double[]){ lasso_l2(lasso, head->at.l2, j) * unit * unit }, .mode = LASSO_ALONE,
            .nonnegative = lasso->nonnegative,
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

/* Under a loss the change of F is known where it is tried: the step is halved until F falls. */
static int settle_trial(struct lasso_head *head, struct rondo_head_link *link, int32_t phase,
                        const struct rondo_bytes *results, int32_t count,
                        const struct lasso_line *line, struct rondo_order *order)
{
    struct move *move = &head->move;
    double t = move->t;
    if (count != 1 || results[0].size != 2 * sizeof(double))
        return RONDO_EAPP;
    const double *said = results[0].data;
    double change = said[0] / line->n + lasso_penalty_change(line, t);
    move->length = sqrt(said[1]) / t;
    if (change < 0)
        return finish(head, link, phase, t, change, t < 1 ? "line search" : "full", order);
    if (t <= SHORTEST)
        return finish(head, link, phase, 0, 0, "none", order);
    int code = open_step(head, order);
    move->t = 0.5 * t;
    return code;
}

int lasso_settle_step(struct lasso_head *head, struct rondo_head_link *link, int32_t phase,
                       const struct rondo_bytes *results, int32_t count, struct rondo_order *order)
{
    const struct lasso *lasso = head->lasso;
    struct move *move = &head->move;
    struct lasso_line line = { .count = move->count, .b = move->from, .d = move->d,
                               .n = (double)lasso->n, .l1 = head->at.l1, .l2 = head->at.l2,
                               .lasso = lasso, .variable = move->moving };
    if (lasso->loss)
        return settle_trial(head, link, phase, results, count, &line, order);
    for (int32_t s = 0; s < count; s++) {
        const double *sums = results[s].data;
        line.uu += sums[0];
        line.ru += sums[1];
    }
    move->length = sqrt(line.uu);
    double t = 1, change = lasso_change(&line, 1);
    if (head->at.cut && !move->split && !move->joined)
        lasso_turn_width(head, -change / move->promised);
    if (change <= -KEPT_PROMISE * move->promised && change < 0)
        return finish(head, link, phase, 1, change,
                      move->split ? "split" : move->joined ? "joint" : "full", order);
    t = lasso_search(&line);
    change = lasso_change(&line, t);
    bool poor = change > -KEPT_PROMISE * move->promised;
    if (poor && !move->joined && !move->split && may_join(head))
        return open_joint(head, order);
    if (change < 0)
        return finish(head, link, phase, t, change, "line search", order);
    if (!move->split && open_split(head, order))
        return RONDO_ENOMEM;
    if (order->kind == RONDO_JOIN)
        return RONDO_OK;
    return finish(head, link, phase, 0, 0, "none", order);
}

int lasso_settle_joint(struct lasso_head *head, struct rondo_head_link *link, int32_t phase,
                        const struct rondo_task *task, const struct rondo_bytes *result,
                        struct rondo_order *order)
{
    struct move *move = &head->move;
    double apart = move->promised;
    move->count = 0;
    move->promised = 0;
    move->longest = 0;
    take_answer(head, task, result, false);
    head->at.critical_steps += move->longest;
    head->at.joint = move->promised > JOINT_GAIN * apart || move->promised < KEPT_PROMISE * apart;
    if (move->count == 0)
        return finish(head, link, phase, 0, 0, "still", order);
    return open_step(head, order);
}

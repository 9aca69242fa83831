/* sgd.c - stochastic gradient descent on a conflict-free grid (Gemulla, Nijkamp, Haas, Sismanis, KDD 2011; Zhuang,
 * Chin, Juan, Lin, RecSys 2013), on the rotate pattern: a shard has a part of the rows, a block one of the columns, and
 * a round visits P tiles, no two of which share a row or a column.  P rounds are an epoch.
 *
 *     round t      tiles (b, s) with b + s = t (mod P): every rating of theirs once
 *     its P-th          the penalty too, each part's where it was visited last; then phases: the test ratings, one
 *                       such diagonal after the other; behind the last epoch the training ratings too, since the
 *                       last steps may have spoilt what they left
 *
 * A rate with which it diverges is found out by the sum of squares, halved, and the job begins again: from the first
 * rows, so that nothing of what diverged is left. */
#include "grid.h"
#include "part.h"

#include <rondo/flat.h>

#include <inttypes.h>
#include <math.h>

enum { VISIT, TEST = 1, TRAIN = 2 }; /* of a task: visit, or look at some of the others */

enum { HALVINGS_MOST = 64, MORE_MOST = 10 }; /* more: epochs than asked for */

/* Of the rate: learning_rate / min(SLOWEST, 1 + t / slowing) in epoch t = 0, 1, ...; it falls while large steps are
 * due, sooner where rows have more numbers to fit to noise, and stays where it can still end what has no noise. */
#define SLOWEST 3.0

static double slowing_of(int32_t rank)
{
    return rank > 32 ? 6 : 8;
}

/* What all tasks read. */
struct common {
    int64_t halvings;
    int64_t begun; /* the round behind which the rows were begun last */
};

/* What a task found. */
struct found {
    int64_t ratings;
    double squares; /* of errors before each step, */
    double left;    /* of training as it is, */
    double test;    /* of test */
    double penalty; /* of both parts */
};

struct model {
    struct common common;
    int64_t epochs;                    /* since the rows were begun */
    int64_t ratings;                   /* visited in the round that is being settled */
    struct found epoch;                /* of the one that runs, so far */
    double before;                     /* squares of the one before */
    int64_t exact;                     /* 1: the figures are of the rows as they are */
};

/* The head's, beside what is saved. */
struct sgd {
    struct model model;
    struct rondo_pair *pairs; /* [P] */
    struct common commit;
};

static const struct grid *grid_of(const struct problem *p)
{
    return p->own;
}

static int no_memory(struct rondo_error *err)
{
    return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for factors");
}

/* ---- the common state ------------------------------------------------------------------------------------- */

static int common_create(const void *context, int32_t index, void **state, struct rondo_error *err)
{
    (void)index;
    *state = rondo_flat_create(((const struct problem *)context)->host, sizeof(struct common));
    return *state ? RONDO_OK : no_memory(err);
}

/* ---- a part of a side -------------------------------------------------------------------------------------- */

static int shard_create(const void *context, int32_t index, void **state, struct rondo_error *err)
{
    return part_create(context, false, index, state, err);
}

static int block_create(const void *context, int32_t index, void **state, struct rondo_error *err)
{
    return part_create(context, true, index, state, err);
}

/* ---- a task ------------------------------------------------------------------------------------------------- */

/* In epoch 0, 1, ... since the rows were begun. */
static struct sgd_rule rule_of(const struct problem *p, int64_t halvings, int64_t epoch)
{
    const struct grid *grid = grid_of(p);
    return (struct sgd_rule){ .rank = p->rank, .stride = grid->stride,
                              .rate = (float)(ldexp(p->rate, (int)-halvings) / fmin(SLOWEST, 1 + (double)epoch / slowing_of(p->rank))),
                              .lambda = (float)(p->lambda / (double)grid->scale), .lambda_bias = (float)p->lambda,
                              .mean = p->biases ? grid->mean : 0, .biases = p->biases,
                              .nonnegative = p->nonnegative };
}

static double penalty_of(const struct problem *p, const struct sgd_rule *rule, const struct part *part)
{
    const struct edge *edge = part_edge(p, part);
    return grid_of(p)->kernel->penalty(rule, &part->side, edge->weight + edge->first[part->index], part->count);
}

/* Is it the last round of an epoch? */
static bool ends_epoch(const struct problem *p, const struct common *common, int64_t round)
{
    return (round - common->begun) % grid_of(p)->parts == 0;
}

static int push(const void *context, const void *state, void *shard, void *block, void *scratch,
                const struct rondo_task *task, struct rondo_buf *partial)
{
    const struct problem *p = context;
    const struct grid *grid = grid_of(p);
    const struct common *common = state;
    struct part *row = shard, *col = block;
    int64_t tile = (int64_t)task->block * grid->parts + task->shard;
    struct sgd_rule rule = rule_of(p, common->halvings, (task->round - 1 - common->begun) / grid->parts);
    struct found found = { 0 };
    (void)scratch;
    if (row->halvings < common->halvings)
        part_begin(p, row, common->halvings);
    if (col->halvings < common->halvings)
        part_begin(p, col, common->halvings);
    if (task->tag == VISIT) {
        found.ratings = grid->train[tile].entries;
        found.squares = grid->kernel->visit(&rule, &grid->train[tile], &row->side, &col->side);
        if (ends_epoch(p, common, task->round))
            found.penalty = penalty_of(p, &rule, row) + penalty_of(p, &rule, col);
    }
    if (task->tag & TRAIN)
        found.left = grid->kernel->squares(&rule, &grid->train[tile], &row->side, &col->side);
    if (task->tag & TEST)
        found.test = grid->kernel->squares(&rule, &grid->test[tile], &row->side, &col->side);
    return rondo_append(p->host, partial, &found, sizeof found);
}

/* ---- the head's part ---------------------------------------------------------------------------------------- */

static void model_destroy(const void *context, void *state)
{
    const struct rondo_host *host = ((const struct problem *)context)->host;
    struct sgd *sgd = state;
    host->free(sgd->pairs);
    host->free(sgd);
}

static int model_create(const void *context, int32_t index, void **state, struct rondo_error *err)
{
    const struct problem *p = context;
    struct sgd *sgd = p->host->zalloc(1, sizeof *sgd);
    (void)index;
    if (!sgd)
        return no_memory(err);
    sgd->pairs = p->host->alloc((size_t)grid_of(p)->parts * sizeof *sgd->pairs);
    if (!sgd->pairs) {
        model_destroy(p, sgd);
        return no_memory(err);
    }
    *state = sgd;
    return RONDO_OK;
}

static int model_pack(const void *context, const void *state, struct rondo_buf *out)
{
    return rondo_append(((const struct problem *)context)->host, out, &((const struct sgd *)state)->model,
                     sizeof(struct model));
}

static int model_unpack(const void *context, void *state, struct rondo_bytes in)
{
    (void)context;
    return in.size == sizeof(struct model) ? rondo_take(&in, &((struct sgd *)state)->model, sizeof(struct model))
                                           : RONDO_ESTATE;
}

/* ---- a round ------------------------------------------------------------------------------------------------- */

static bool heavier(const struct grid *grid, struct rondo_pair a, struct rondo_pair b)
{
    int64_t x = grid->cost[(int64_t)a.block * grid->parts + a.shard];
    int64_t y = grid->cost[(int64_t)b.block * grid->parts + b.shard];
    return x != y ? x > y : a.block < b.block;
}

/* The diagonal b + s = turn (mod P), heaviest first, so that workers end together. */
static void order_diagonal(const struct head *head, int64_t turn, uint32_t tag, struct rondo_order *order)
{
    const struct grid *grid = grid_of(head->problem);
    struct sgd *sgd = head->model;
    order->count = 0;
    for (int32_t b = 0; b < grid->parts; b++) {
        struct rondo_pair pair = { b, (int32_t)((turn + grid->parts - b) % grid->parts) };
        int64_t at = order->count++;
        for (; at > 0 && heavier(grid, pair, sgd->pairs[at - 1]); at--)
            sgd->pairs[at] = sgd->pairs[at - 1];
        sgd->pairs[at] = pair;
    }
    order->kind = RONDO_PLAN;
    order->tag = tag;
    order->no_pull = true;
    order->pairs = sgd->pairs;
}

static int schedule(struct head *head, int64_t round, struct rondo_order *order)
{
    order_diagonal(head, (round - 1) % grid_of(head->problem)->parts, VISIT, order);
    return RONDO_OK;
}

/* Onto sum. */
static int add_up(const struct problem *p, const struct rondo_bytes *results, int32_t count, struct found *sum)
{
    if (count != grid_of(p)->parts)
        return RONDO_EAPP;
    for (int32_t i = 0; i < count; i++) {
        struct rondo_bytes in = results[i];
        struct found found;
        if (in.size != sizeof found || rondo_take(&in, &found, sizeof found))
            return RONDO_EAPP;
        sum->ratings += found.ratings;
        sum->squares += found.squares;
        sum->left += found.left;
        sum->test += found.test;
        sum->penalty += found.penalty;
    }
    return RONDO_OK;
}

static int rest(struct sgd *sgd, struct rondo_order *order)
{
    order->kind = RONDO_REST;
    sgd->commit = sgd->model.common;
    order->commit = (struct rondo_bytes){ &sgd->commit, sizeof sgd->commit };
    return RONDO_OK;
}

/* Everybody begins again at the next task, with half the rate. */
static int begin_again(struct head *head, int64_t round, struct rondo_order *order)
{
    const struct problem *p = head->problem;
    struct model *model = &((struct sgd *)head->model)->model;
    char line[160];
    if (model->common.halvings == HALVINGS_MOST) {
        p->host->say(p->job, p->start ? "no learning rate is small enough for these ratings and params.warm_start"
                                      : "no learning rate is small enough for these ratings");
        return RONDO_EAPP;
    }
    snprintf(line, sizeof line, "learning rate %g diverges in epoch %" PRId64 ": begun again with %g",
             ldexp(p->rate, (int)-model->common.halvings), head->figures.epochs + 1,
             ldexp(p->rate, (int)-model->common.halvings - 1));
    p->host->say(p->job, line);
    *model = (struct model){ .common = { model->common.halvings + 1, round } };
    int64_t halvings = head->figures.halvings + 1;
    head->figures = (struct figures){ .halvings = halvings, .objective = (double)NAN, .rmse = (double)NAN,
                                      .test_rmse = (double)NAN, .recall = (double)NAN, .ndcg = (double)NAN,
                                      .before = (double)NAN };
    order->note = "learning rate halved";
    return rest(head->model, order);
}

/* One and a half times what F is at most, a rating, in units of the deviation:
 *
 *     1                                with biases, which begin at the mean
 *     mu^2 + 1                         else: of 0 for every rating
 *     1 + 2 lambda (|mu| + 1)          of first rows that bear the mean
 *
 * Descent ends below; the errors that it sees on its way are not half as large again. */
static double limit_of(const struct problem *p)
{
    const struct grid *grid = grid_of(p);
    double mu = fabs((double)grid->mean), none = mu * mu + 1;
    double drawn = mu < 1 ? none : 1 + 2 * p->lambda / (double)grid->scale * (mu + 1);
    return 1.5 * (p->biases ? 1 : fmin(none, drawn)) * (double)p->by_user.count;
}

/* In the epoch so far.  An earlier job's rows may begin as badly as they like, if each epoch is better than the one
 * before; and at a rate that moves nothing it is not the rate. */
static bool diverged(const struct problem *p, const struct model *model)
{
    bool free = p->start && (!model->epochs || model->epoch.squares < model->before);
    double limit = limit_of(p) * (free || model->common.halvings >= HALVINGS_MOST / 2 ? 1e12 : 1);
    return !(model->epoch.squares < limit) || !isfinite(model->epoch.penalty);
}

static bool last_epoch(const struct head *head)
{
    return head->figures.epochs + 1 >= head->problem->epochs;
}

/* What is looked at behind an epoch's last visits. */
static uint32_t looks(const struct head *head)
{
    return (head_evaluates(head) ? TEST : 0) | (last_epoch(head) ? TRAIN : 0);
}

/* NAN of none. */
static double rmse_of(const struct problem *p, double squares, int64_t count)
{
    return count ? (double)grid_of(p)->scale * sqrt(squares / (double)count) : (double)NAN;
}

static void tell(const struct problem *p, double squares, double penalty, struct figures *figures)
{
    figures->rmse = rmse_of(p, squares, p->by_user.count);
    figures->objective = (squares + penalty) * (double)grid_of(p)->scale * (double)grid_of(p)->scale;
}

/* Has the last epoch left what another would find to have diverged?  Then the job has another, which does; so one that
 * goes on later and one that was longer from the beginning come to the same. */
static bool spoilt(const struct problem *p, const struct found *found)
{
    return !(found->left < limit_of(p)) && !(found->left < found->squares);
}

static int end_epoch(struct head *head, struct rondo_order *order)
{
    const struct problem *p = head->problem;
    struct figures *figures = &head->figures;
    struct model *model = &((struct sgd *)head->model)->model;
    const struct found found = model->epoch;
    bool last = last_epoch(head), more = last && figures->epochs < p->epochs + MORE_MOST && spoilt(p, &found);
    tell(p, last ? found.left : found.squares, found.penalty, figures);
    figures->test_rmse = head_evaluates(head) ? rmse_of(p, found.test, p->test.count) : (double)NAN;
    *model = (struct model){ .common = model->common, .epochs = model->epochs + 1, .before = found.squares,
                             .exact = last };
    head_epoch(head, order);
    if (more)
        order->stop = NULL;
    return rest(head->model, order);
}

static int settle(struct head *head, struct rondo_head_link *link, int64_t round, int32_t phase,
                  const struct rondo_task *tasks, const struct rondo_bytes *results, int32_t count,
                  struct rondo_order *order)
{
    const struct problem *p = head->problem;
    struct model *model = &((struct sgd *)head->model)->model;
    int64_t before = model->epoch.ratings;
    (void)link, (void)tasks;
    int code = add_up(p, results, count, &model->epoch);
    if (code)
        return code;
    if (!phase) {
        model->ratings = model->epoch.ratings - before;
        model->exact = 0;
    }
    order->updates = model->ratings;
    if (!phase && diverged(p, model))
        return begin_again(head, round, order);
    if (!phase && !ends_epoch(p, &model->common, round))
        return rest(head->model, order);
    if (phase < grid_of(p)->parts && looks(head)) {
        order_diagonal(head, phase, looks(head), order);
        return RONDO_OK;
    }
    return end_epoch(head, order);
}

static int apply(const void *problem, void *common, void *shard, void *scratch, int64_t round,
                 struct rondo_bytes commit)
{
    (void)scratch, (void)round;
    return shard ? RONDO_OK : rondo_flat_unpack(problem, common, commit);
}

/* ---- the whole model ------------------------------------------------------------------------------------------ */

static void copy_part(const struct problem *p, const struct part *part, struct factors *out)
{
    const struct grid *grid = grid_of(p);
    const struct edge *edge = part_edge(p, part);
    float *rows = edge->users ? out->user : out->item, *bias = edge->users ? out->user_bias : out->item_bias;
    float unit = sqrtf(grid->scale);
    for (int64_t i = 0; i < part->count; i++) {
        int64_t who = edge->at[edge->first[part->index] + i];
        const float *from = part->side.row + i * grid->stride;
        for (int32_t k = 0; k < p->rank; k++)
            rows[who * p->rank + k] = from[k] * unit;
        if (bias)
            bias[who] = part->side.pace[i].bias * grid->scale;
    }
}

/* What has not begun again yet is where it will begin. */
static int copy_current(const struct problem *p, const struct part *part, int64_t halvings, struct factors *out)
{
    void *fresh = NULL;
    if (!part)
        return RONDO_EAPP;
    if (part->halvings == halvings) {
        copy_part(p, part, out);
        return RONDO_OK;
    }
    int code = part_create(p, part->col, part->index, &fresh, NULL);
    if (!code) {
        copy_part(p, fresh, out);
        part_destroy(p, fresh);
    }
    return code;
}

static int collect(const struct head *head, struct rondo_head_link *link, struct factors *out)
{
    const struct problem *p = head->problem;
    int64_t halvings = ((const struct sgd *)head->model)->model.common.halvings;
    int code = RONDO_OK;
    for (int32_t i = 0; i < grid_of(p)->parts && !code; i++) {
        code = copy_current(p, p->host->shard(link, i), halvings, out);
        code = code ? code : copy_current(p, p->host->block(link, i), halvings, out);
    }
    out->mean = p->biases ? p->mean : 0;
    return code;
}

struct measuring {
    const struct problem *problem;
    struct rondo_head_link *link;
    int64_t halvings;
    struct sgd_rule rule;
    struct measured {
        double squares, test, penalty;
    } *found; /* [P] of column parts */
};

/* The squares of a tile's errors, NAN where one of its parts has not begun again yet. */
static double squares_of(const struct measuring *m, const struct tile *tile, const struct part *row, const struct part *col)
{
    if (row->halvings < m->halvings || col->halvings < m->halvings)
        return (double)NAN;
    return grid_of(m->problem)->kernel->squares(&m->rule, tile, &row->side, &col->side);
}

static int measure_part(void *context, int64_t b)
{
    struct measuring *m = context;
    const struct problem *p = m->problem;
    const struct grid *grid = grid_of(p);
    const struct part *col = p->host->block(m->link, (int32_t)b), *own = p->host->shard(m->link, (int32_t)b);
    if (!col || !own)
        return RONDO_EAPP;
    for (int32_t s = 0; s < grid->parts; s++) {
        const struct part *row = p->host->shard(m->link, s);
        int64_t tile = b * grid->parts + s;
        if (!row)
            return RONDO_EAPP;
        m->found[b].squares += squares_of(m, &grid->train[tile], row, col);
        m->found[b].test += grid->test ? squares_of(m, &grid->test[tile], row, col) : 0;
    }
    m->found[b].penalty = penalty_of(p, &m->rule, col) + penalty_of(p, &m->rule, own);
    return RONDO_OK;
}

static int measure(struct head *head, struct rondo_head_link *link, struct figures *figures)
{
    const struct problem *p = head->problem;
    const struct grid *grid = grid_of(p);
    const struct model *model = &((struct sgd *)head->model)->model;
    if (model->exact)
        return RONDO_OK;
    struct measuring m = { p, link, model->common.halvings, rule_of(p, model->common.halvings, 0), NULL };
    struct measured all = { 0 };
    m.found = p->host->zalloc((size_t)grid->parts, sizeof *m.found);
    int code = m.found ? p->host->each(p->job, grid->parts, measure_part, &m) : RONDO_ENOMEM;
    for (int32_t b = 0; b < grid->parts && !code; b++) {
        all.squares += m.found[b].squares;
        all.test += m.found[b].test;
        all.penalty += m.found[b].penalty;
    }
    p->host->free(m.found);
    if (!code)
        tell(p, all.squares, all.penalty, figures);
    if (!code)
        figures->test_rmse = rmse_of(p, all.test, p->test.count);
    return code;
}

/* ---- the solver ------------------------------------------------------------------------------------------------ */

static int check(const struct problem *p, struct rondo_error *err)
{
    if (!p->weighted)
        return mf_refuse(p, err, "params.weighted_lambda", "sgd's lambda counts at each rating",
                         "take als or ccd, or leave it true");
    return RONDO_OK;
}

static void layout(const struct problem *p, struct rondo_layout *out)
{
    out->shards = out->blocks = grid_of(p)->parts;
    out->with_shards = true;
    out->pair_cost = grid_of(p)->cost;
}

static int tell_edge(const struct problem *p, const struct edge *edge, enum rondo_part_kind kind, mf_tell *say,
                     void *context)
{
    return mf_tell_parts(p, (struct rondo_part){ .kind = kind, .tag = -1, .columns = !edge->users }, grid_of(p)->parts,
                         edge->first, edge->at, say, context);
}

static int parts(const struct problem *p, mf_tell *say, void *context)
{
    int code = tell_edge(p, &grid_of(p)->row, RONDO_PART_SHARD, say, context);
    return code ? code : tell_edge(p, &grid_of(p)->col, RONDO_PART_BLOCK, say, context);
}

const struct solver mf_sgd = {
    .name = "sgd",
    .check = check,
    .open = grid_make,
    .layout = layout,
    .parts = parts,
    .model = { model_create, model_destroy, model_pack, model_unpack },
    .common = { common_create, rondo_flat_destroy, rondo_flat_pack, rondo_flat_unpack },
    .shard = { shard_create, part_destroy, part_pack, part_unpack },
    .block = { block_create, part_destroy, part_pack, part_unpack },
    .schedule = schedule,
    .push = push,
    .settle = settle,
    .apply = apply,
    .collect = collect,
    .measure = measure,
};

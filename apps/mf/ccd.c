/* ccd.c - CCD++: one column of both sides at a time, each number exactly (Yu, Hsieh, Si, Dhillon, ICDM 2012).
 *
 * A column t is u [users] and v [items].  With r the residuals without it,
 *
 *     u_u = sum_i r_ui v_i / (lambda w_u + sum_i v_i^2)      v_i = sum_u r_ui u_u / (lambda w_i + sum_u u_u^2)
 *
 * both no less than 0 where factors are nonnegative: each is the minimum of F along its coordinate, so F never
 * rises.  Biases are columns too: of b_u the other side is 1 and stays so, of c_i likewise.
 *
 * Movement (reduce): shards are runs of users and have their rows and their ratings' residuals; the head has the
 * items.  A round is one pass over the ratings for one column: a residual gives up the column of the round
 * before and takes back its own of an epoch ago, the user's number is solved, and its ratings' parts of the
 * items' sums are added up; settle adds those of all shards in their order and solves the items.  There is no
 * second copy of the ratings by item: the sums by item stay in cache, where the ratings would not.
 */
#include "ccd.h"

#include <math.h>
#include <string.h>

enum {
    SHARDS_MOST = 48,
    SHARD_RATINGS = 50000,  /* at least, where there are more shards than one */
    SHARD_ITEMS = 4,        /* ratings for each item that a shard's sums are of, at least */
    STRETCH = 1024,
    STEPS_FIRST = 2,        /* of a column that begins at random: its first v says little of the users */
};

/* ---- what follows from the problem ------------------------------------------------------------------------ */

extern const struct ccd_kernel ccd_kernel_v2, ccd_kernel_v3, ccd_kernel_v4;

const struct ccd_kernel *ccd_kernel_for(const char *isa)
{
    static const struct ccd_kernel *const all[] = { &ccd_kernel_v2, &ccd_kernel_v3, &ccd_kernel_v4 };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i]->isa, isa) == 0)
            return all[i];
    return NULL;
}

/* A multiple of twelve where there are so many, so that most numbers of workers have equal shares. */
static int32_t count_shards(const struct problem *problem)
{
    int64_t ratings = problem->by_user.count, shards = ratings / SHARD_RATINGS;
    int64_t most = ratings / (SHARD_ITEMS * (problem->items + 1));
    shards = shards < most ? shards : most;
    shards = shards < SHARDS_MOST ? shards : SHARDS_MOST;
    return (int32_t)(shards > 12 ? shards - shards % 12 : shards > 1 ? shards : 1);
}

static int ccd_open(struct problem *problem, struct rondo_error *err)
{
    const struct cells *cells = &problem->by_user;
    struct ccd *ccd = mf_keep(problem, 1, sizeof *ccd);
    int32_t shards = count_shards(problem);
    int64_t user = 0, *first = mf_keep(problem, (size_t)shards + 1, sizeof *first);
    if (!ccd || !first)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for ccd");
    for (int32_t s = 1; s < shards; s++) {
        while (cells->first[user] < cells->count / shards * s)
            user++;
        first[s] = user;
    }
    first[shards] = problem->users;
    *ccd = (struct ccd){ ccd_kernel_for(problem->host->isa(problem->job)), shards,
                         problem->rank + (problem->biases ? 2 : 0), first };
    problem->own = ccd;
    return RONDO_OK;
}

static void ccd_layout(const struct problem *problem, struct rondo_layout *layout)
{
    const struct ccd *ccd = problem->own;
    *layout = (struct rondo_layout){ .shards = ccd->shards, .chunks = 1, .with_shards = true };
}

static int ccd_parts(const struct problem *problem, mf_tell *say, void *context)
{
    const struct ccd *ccd = problem->own;
    return mf_tell_parts(problem, (struct rondo_part){ .kind = RONDO_PART_SHARD, .tag = -1 }, ccd->shards, ccd->first,
                         NULL, say, context);
}

/* ---- where a round stands ----------------------------------------------------------------------------------- */

struct place {
    int32_t column, next;          /* next: the column of the round after */
    int32_t step;                  /* of the column's inner iterations, from 0 */
    bool users, items;             /* are solved; else they are 1 */
    bool nonnegative;
    bool leaves, ends;             /* the column's last step; the epoch's last round */
    bool tests;                    /* the items' sums over test cells are needed too */
};

/* Steps of a column; a bias is exact but for the other one. */
static int64_t steps_of(const struct problem *problem, bool first, int32_t biases, int32_t column)
{
    int64_t steps = problem->steps;
    if (column < biases)
        return 1;
    return first && !problem->start && steps < STEPS_FIRST ? STEPS_FIRST : steps;
}

static struct place place_of(const struct problem *problem, int64_t round)
{
    const struct ccd *ccd = problem->own;
    int32_t biases = ccd->columns - problem->rank;
    int64_t at = round - 1, opening = biases + problem->rank * steps_of(problem, true, biases, biases);
    bool first = at < opening;
    int64_t steps = steps_of(problem, first, biases, biases), length = biases + problem->rank * steps;
    at = first ? at : (at - opening) % length;
    struct place place = { .nonnegative = problem->nonnegative && at >= biases };
    place.column = (int32_t)(at < biases ? at : biases + (at - biases) / steps);
    place.step = (int32_t)(at < biases ? 0 : (at - biases) % steps);
    place.leaves = place.step + 1 == steps_of(problem, first, biases, place.column);
    place.ends = at + 1 == length;
    place.tests = place.ends && problem->test.count;
    place.next = place.leaves ? (place.column + 1) % ccd->columns : place.column;
    place.users = !(biases && place.column == 1);
    place.items = !(biases && place.column == 0);
    return place;
}

/* The minimum along one coordinate; 0 where it is flat. */
static float solve(double num, double den, double ridge, bool nonnegative)
{
    float x = (float)(num / (ridge + den));
    return !isfinite(x) || (nonnegative && x < 0) ? 0 : x;
}

/* w |x|^2 of a row's columns, but for the one that is always 1. */
static double penalty(const struct problem *problem, const struct cells *cells, int64_t row, const float *column,
                      int64_t stride, int32_t constant)
{
    const struct ccd *ccd = problem->own;
    double sum = 0;
    for (int32_t t = 0; t < ccd->columns; t++)
        if (!problem->biases || t != constant)
            sum += (double)column[t * stride] * (double)column[t * stride];
    return mf_weight(problem, cells, row) * sum;
}

/* ---- a round -------------------------------------------------------------------------------------------------------- */

static int ccd_schedule(struct head *head, int64_t round, struct rondo_order *order)
{
    (void)head;
    (void)round;
    order->kind = RONDO_SWEEP;
    order->no_pull = true; /* the sums are soon done where the items are: one message less to wait for */
    return RONDO_OK;
}

/* What a shard answers, and behind it ratios [items] of its ratings, where items are solved, and [items] of its
 * test cells at the end of an epoch. */
struct part {
    double squares[2]; /* sums of r^2, of ratings and test cells, without the round's column */
    double penalty;    /* of its users, at the end of an epoch */
};

static size_t ratios_bytes(const struct problem *problem, const struct place *place)
{
    size_t tables = place->items + place->tests;
    return tables * (size_t)problem->items * sizeof(struct ccd_ratio);
}

/* One user's ratings and test cells; ratio [2]: NULL where they are not asked for. */
static void visit(const struct problem *problem, const struct place *place, const struct ccd_pair *item,
                  struct ccd_shard *shard, int64_t u, struct ccd_ratio *const *ratio, struct part *part)
{
    const struct ccd *ccd = problem->own;
    int32_t before = (place->column + ccd->columns - 1) % ccd->columns;
    float *own = shard->user + place->column * shard->users + u;
    float last = shard->user[before * shard->users + u], next = place->step ? 0 : *own;
    double ridge = problem->lambda * mf_weight(problem, &problem->by_user, shard->first + u);
    for (int which = 0; which < 2; which++) {
        const struct cells *cells = ccd_cells(problem, which);
        if (!cells->count)
            continue;
        int64_t from = cells->first[shard->first + u], count = cells->first[shard->first + u + 1] - from;
        float *r = shard->residual[which] + (from - cells->first[shard->first]);
        struct ccd_sums sums;
        ccd->kernel->carry(r, cells->col + from, count, item, last, next, &sums);
        if (which == 0 && place->users)
            *own = solve(sums.num, sums.den, ridge, place->nonnegative);
        if (ratio[which])
            ccd->kernel->spread(r, cells->col + from, count, *own, ratio[which]);
        part->squares[which] += sums.squares;
    }
}

static int ccd_push(const void *context, const void *common, void *state, void *block, void *scratch,
                    const struct rondo_task *task, struct rondo_buf *partial)
{
    const struct problem *problem = context;
    struct ccd_shard *shard = state;
    struct place place = place_of(problem, task->round);
    size_t ratios = ratios_bytes(problem, &place);
    struct part part = { 0 };
    (void)block;
    (void)scratch;
    int code = problem->host->reserve(partial, sizeof part + ratios);
    if (code)
        return code;
    partial->size = sizeof part + ratios;
    struct ccd_ratio *first = (void *)(partial->data + sizeof part);
    struct ccd_ratio *ratio[2] = { ratios ? first : NULL, place.tests ? first + problem->items : NULL };
    memset(first, 0, ratios);
    for (int64_t u = 0; u < shard->users; u++) {
        visit(problem, &place, common, shard, u, ratio, &part);
        if (place.ends)
            part.penalty += penalty(problem, &problem->by_user, shard->first + u, shard->user + u, shard->users, 1);
    }
    memcpy(partial->data, &part, sizeof part);
    return RONDO_OK;
}

/* sum [2 x items]: num and den of each item, those of a table of all shards added up in their order, by stretches
 * that stay in the first cache. */
static void add_up(const struct problem *problem, const struct rondo_bytes *partials, int32_t count, int table,
                   double *sum)
{
    size_t from = sizeof(struct part) + (size_t)(table * problem->items) * sizeof(struct ccd_ratio);
    int64_t numbers = 2 * problem->items;
    memset(sum, 0, (size_t)numbers * sizeof *sum);
    for (int64_t begin = 0; begin < numbers; begin += STRETCH) {
        int64_t end = begin + STRETCH < numbers ? begin + STRETCH : numbers;
        for (int32_t s = 0; s < count; s++) {
            const float *ratio = (const void *)((const unsigned char *)partials[s].data + from);
            for (int64_t j = begin; j < end; j++)
                sum[j] += (double)ratio[j];
        }
    }
}

static void solve_items(const struct problem *problem, const struct place *place, const double *sum, float *v)
{
    for (int64_t i = 0; i < problem->items; i++)
        v[i] = solve(sum[2 * i], sum[2 * i + 1], problem->lambda * mf_weight(problem, &problem->by_item, i),
                     place->nonnegative);
}

/* What the column takes off the squares: sum r^2 - sum (r - u v)^2 = sum (2 v num - v^2 den). */
static double taken_off(const struct problem *problem, const double *sum, const float *v)
{
    double off = 0;
    for (int64_t i = 0; i < problem->items; i++)
        off += (double)v[i] * (2 * sum[2 * i] - (double)v[i] * sum[2 * i + 1]);
    return off;
}

/* The other half of the column, from what all shards say; at an epoch's end the squares are then those with it. */
static int solve_column(const struct problem *problem, const struct place *place, struct ccd_model *model,
                        const struct rondo_bytes *partials, int32_t count, struct part *whole)
{
    float *v = model->item + place->column * problem->items;
    for (int32_t s = 0; s < count; s++) {
        struct part part;
        if (partials[s].size != sizeof part + ratios_bytes(problem, place))
            return RONDO_EAPP;
        memcpy(&part, partials[s].data, sizeof part);
        whole->squares[0] += part.squares[0];
        whole->squares[1] += part.squares[1];
        whole->penalty += part.penalty;
    }
    for (int table = 0; table < place->items + place->tests; table++) {
        add_up(problem, partials, count, table, model->sum);
        if (table == 0)
            solve_items(problem, place, model->sum, v);
        if (place->ends)
            whole->squares[table] -= taken_off(problem, model->sum, v);
    }
    return RONDO_OK;
}

static double root(double squares, int64_t count)
{
    return count ? sqrt(squares > 0 ? squares / (double)count : 0) : (double)NAN;
}

static void finish_epoch(struct head *head, const struct part *whole, struct rondo_order *order)
{
    const struct problem *problem = head->problem;
    const struct ccd_model *model = head->model;
    double items = 0;
    for (int64_t i = 0; i < problem->items; i++)
        items += penalty(problem, &problem->by_item, i, model->item + i, problem->items, 0);
    head->figures.objective = whole->squares[0] + problem->lambda * (whole->penalty + items);
    head->figures.rmse = root(whole->squares[0], problem->by_user.count);
    head->figures.test_rmse = head_evaluates(head) ? root(whole->squares[1], problem->test.count) : (double)NAN;
    head_epoch(head, order);
}

static int ccd_settle(struct head *head, struct rondo_head_link *link, int64_t round, int32_t phase,
                      const struct rondo_task *tasks, const struct rondo_bytes *results, int32_t count,
                      struct rondo_order *order)
{
    const struct problem *problem = head->problem;
    struct ccd_model *model = head->model;
    struct place place = place_of(problem, round);
    struct part whole = { 0 };
    (void)link;
    (void)phase;
    (void)tasks;
    int code = solve_column(problem, &place, model, results, count, &whole);
    if (code)
        return code;
    /* Within a column's steps the residuals stay as they are, without it. */
    const float *v = model->item + place.column * problem->items, *next = model->item + place.next * problem->items;
    for (int64_t i = 0; i < problem->items; i++)
        model->commit[i] = (struct ccd_pair){ place.leaves ? v[i] : 0, next[i] };
    order->kind = RONDO_REST;
    order->commit = (struct rondo_bytes){ model->commit, (size_t)problem->items * sizeof *model->commit };
    order->updates = (place.users ? problem->users : 0) + (place.items ? problem->items : 0);
    if (place.ends)
        finish_epoch(head, &whole, order);
    return RONDO_OK;
}

static int ccd_apply(const void *context, void *common, void *shard, void *scratch, int64_t round,
                     struct rondo_bytes commit)
{
    (void)scratch;
    (void)round;
    return shard ? RONDO_OK : ccd_common_unpack(context, common, commit);
}

/* ---- the whole model -------------------------------------------------------------------------------------------------- */

/* rows [count] of out, from columns; bias: the column that is one, -1: none. */
static void collect_rows(const struct problem *problem, const float *column, int64_t count, int32_t bias, float *rows,
                         float *biases)
{
    int32_t rank = problem->rank;
    for (int64_t i = 0; i < count; i++)
        for (int32_t k = 0; k < rank; k++)
            rows[i * rank + k] = column[(k + (problem->biases ? 2 : 0)) * count + i];
    if (problem->biases)
        memcpy(biases, column + bias * count, (size_t)count * sizeof *biases);
}

static int ccd_collect(const struct head *head, struct rondo_head_link *link, struct factors *out)
{
    const struct problem *problem = head->problem;
    const struct ccd *ccd = problem->own;
    const struct ccd_model *model = head->model;
    for (int32_t s = 0; s < ccd->shards; s++) {
        const struct ccd_shard *shard = problem->host->shard(link, s);
        if (!shard)
            return RONDO_ESTATE;
        collect_rows(problem, shard->user, shard->users, 0, out->user + shard->first * problem->rank,
                     problem->biases ? out->user_bias + shard->first : NULL);
    }
    collect_rows(problem, model->item, problem->items, 1, out->item, out->item_bias);
    out->mean = problem->biases ? problem->mean : 0;
    return RONDO_OK;
}

const struct solver mf_ccd = {
    .name = "ccd",
    .by_user = true,
    .keeps = true,
    .open = ccd_open,
    .layout = ccd_layout,
    .parts = ccd_parts,
    .model = { ccd_model_create, ccd_model_destroy, ccd_model_pack, ccd_model_unpack },
    .common = { ccd_common_create, ccd_common_destroy, ccd_common_pack, ccd_common_unpack },
    .shard = { ccd_shard_create, ccd_shard_destroy, ccd_shard_pack, ccd_shard_unpack },
    .schedule = ccd_schedule,
    .push = ccd_push,
    .settle = ccd_settle,
    .apply = ccd_apply,
    .collect = ccd_collect,
};

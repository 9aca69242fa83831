/* reduce: least squares with a ridge over row shards, each with its slice of the residual. */
#include "apps.h"

#include <math.h>

enum { STREAM_X = 256, STREAM_BASE, STREAM_Y };
enum { TAG_GRADIENT, TAG_LENGTH, TAG_SOLVE, TAG_RAW };
enum { SOLVE_TURNS = 40, JOIN_EACH = 2, JOIN_MOST = 8 };

struct app_reduce_shape app_reduce_shape = { .rows = 120, .columns = 48, .shards = 5, .chunks = 4,
                                             .seed = 7, .ridge = 0.01 };

struct problem {
    const struct rondo_host *host;
    struct app_reduce_shape shape;
    double *x; /* [rows x columns], column-major */
    double *y; /* [rows] */
};

struct move {
    int64_t variable;
    double delta;
};

struct head {
    const struct problem *problem;
    double *kept;      /* b [columns], told: what is packed */
    double *gradient;  /* [columns] */
    double *size;      /* [columns] |gradient| */
    struct move *moves; /* [columns] */
    int64_t *joined;   /* [columns] */
    int64_t count;     /* moves */
};

struct shard {
    int64_t index, last; /* last: the last commit */
    double residual[];
};

struct common {
    int64_t last;
    double b[];
};

static int64_t begin_of(int64_t all, int64_t part, int64_t parts)
{
    return all * part / parts;
}

/* Neighbours in fours share a part, so that there is something to couple. */
static void fill(const struct problem *problem)
{
    const struct app_reduce_shape *shape = &problem->shape;
    for (int64_t i = 0; i < shape->rows; i++)
        problem->y[i] = rondo_rng_unit(shape->seed, 0, STREAM_Y, (uint64_t)i) - 0.5;
    for (int64_t j = 0; j < shape->columns; j++) {
        double *x = problem->x + j * shape->rows, square = 0;
        for (int64_t i = 0; i < shape->rows; i++) {
            x[i] = rondo_rng_unit(shape->seed, (uint64_t)j, STREAM_X, (uint64_t)i) - 0.5
                   + rondo_rng_unit(shape->seed, (uint64_t)j / 4, STREAM_BASE, (uint64_t)i) - 0.5;
            square += x[i] * x[i];
        }
        for (int64_t i = 0; i < shape->rows; i++) {
            x[i] /= sqrt(square);
            problem->y[i] += (j % 5 ? 0 : 2) * x[i];
        }
    }
}

static void close_(void *context)
{
    struct problem *problem = context;
    problem->host->free(problem->x);
    problem->host->free(problem->y);
    problem->host->free(problem);
}

static int open_(const struct rondo_host *host, const struct rondo_job *job, void **out,
                 struct rondo_error *err)
{
    struct problem *problem = host->zalloc(1, sizeof *problem);
    (void)job;
    if (!problem)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for a problem");
    problem->host = host;
    problem->shape = app_reduce_shape;
    problem->x = host->zalloc((size_t)(problem->shape.rows * problem->shape.columns), sizeof(double));
    problem->y = host->zalloc((size_t)problem->shape.rows, sizeof(double));
    if (!problem->x || !problem->y) {
        close_(problem);
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for a problem");
    }
    fill(problem);
    *out = problem;
    return RONDO_OK;
}

static void layout(const void *context, struct rondo_layout *layout)
{
    const struct app_reduce_shape *shape = &((const struct problem *)context)->shape;
    layout->variables = shape->columns;
    layout->shards = shape->shards;
    layout->chunks = shape->chunks;
}

/* ---- states ------------------------------------------------------------------------------------- */

static void flat_destroy(const void *context, void *state)
{
    ((const struct problem *)context)->host->free(state);
}

static size_t shard_bytes(const struct problem *problem, int64_t index)
{
    const struct app_reduce_shape *shape = &problem->shape;
    int64_t rows = begin_of(shape->rows, index + 1, shape->shards)
                   - begin_of(shape->rows, index, shape->shards);
    return sizeof(struct shard) + (size_t)rows * sizeof(double);
}

static int shard_create(const void *context, int32_t index, void **out, struct rondo_error *err)
{
    const struct problem *problem = context;
    size_t bytes = shard_bytes(problem, index);
    struct shard *shard = problem->host->zalloc(1, bytes);
    if (!shard)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for a shard");
    shard->index = index;
    memcpy(shard->residual, problem->y + begin_of(problem->shape.rows, index, problem->shape.shards),
           bytes - sizeof *shard);
    *out = shard;
    return RONDO_OK;
}

static int shard_pack(const void *context, const void *state, struct rondo_buf *out)
{
    const struct problem *problem = context;
    const struct shard *shard = state;
    return apps_append(problem->host, out, shard, shard_bytes(problem, shard->index));
}

static int shard_unpack(const void *context, void *state, struct rondo_bytes in)
{
    return apps_fill(state, shard_bytes(context, ((struct shard *)state)->index), in);
}

static size_t common_bytes(const struct problem *problem)
{
    return sizeof(struct common) + (size_t)problem->shape.columns * sizeof(double);
}

static int common_create(const void *context, int32_t index, void **out, struct rondo_error *err)
{
    const struct problem *problem = context;
    (void)index;
    *out = problem->host->zalloc(1, common_bytes(problem));
    return *out ? RONDO_OK
                : rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for the common state");
}

static int common_pack(const void *context, const void *state, struct rondo_buf *out)
{
    const struct problem *problem = context;
    return apps_append(problem->host, out, state, common_bytes(problem));
}

static int common_unpack(const void *context, void *state, struct rondo_bytes in)
{
    return apps_fill(state, common_bytes(context), in);
}

static void head_destroy(const void *context, void *state)
{
    const struct rondo_host *host = ((const struct problem *)context)->host;
    struct head *head = state;
    host->free(head->kept);
    host->free(head->gradient);
    host->free(head->size);
    host->free(head->moves);
    host->free(head->joined);
    host->free(head);
}

static int head_create(const void *context, int32_t index, void **out, struct rondo_error *err)
{
    const struct problem *problem = context;
    const struct rondo_host *host = problem->host;
    size_t columns = (size_t)problem->shape.columns;
    struct head *head = host->zalloc(1, sizeof *head);
    (void)index;
    if (!head)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for a head");
    head->problem = problem;
    head->kept = host->zalloc(columns + 1, sizeof *head->kept);
    head->gradient = host->zalloc(columns, sizeof *head->gradient);
    head->size = host->zalloc(columns, sizeof *head->size);
    head->moves = host->zalloc(columns, sizeof *head->moves);
    head->joined = host->zalloc(columns, sizeof *head->joined);
    if (!head->kept || !head->gradient || !head->size || !head->moves || !head->joined) {
        head_destroy(problem, head);
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for a head");
    }
    *out = head;
    return RONDO_OK;
}

static size_t kept_bytes(const struct problem *problem)
{
    return ((size_t)problem->shape.columns + 1) * sizeof(double);
}

static int head_pack(const void *context, const void *state, struct rondo_buf *out)
{
    const struct problem *problem = context;
    return apps_append(problem->host, out, ((const struct head *)state)->kept, kept_bytes(problem));
}

static int head_unpack(const void *context, void *state, struct rondo_bytes in)
{
    return apps_fill(((struct head *)state)->kept, kept_bytes(context), in);
}

/* ---- pieces of work --------------------------------------------------------------------------------- */

static int schedule(void *head, int64_t round, struct rondo_order *order)
{
    (void)head;
    order->kind = round % 3 == 1 ? RONDO_SWEEP : RONDO_SAMPLED;
    order->tag = round % 3 == 1 ? TAG_GRADIENT : round % 3 == 2 ? TAG_SOLVE : TAG_RAW;
    order->couplings = order->tag == TAG_SOLVE;
    order->no_pull = order->tag == TAG_RAW;
    return RONDO_OK;
}

/* sum over the shard's rows of x_a x_b */
static double dot(const struct problem *problem, const struct shard *shard, const double *a,
                  const double *b)
{
    const struct app_reduce_shape *shape = &problem->shape;
    int64_t to = begin_of(shape->rows, shard->index + 1, shape->shards);
    double sum = 0;
    for (int64_t i = begin_of(shape->rows, shard->index, shape->shards); i < to; i++)
        sum += a[i] * b[i];
    return sum;
}

static int couple(const void *context, const void *common, const void *shard, void *scratch,
                  const struct rondo_pairs *pairs, double *out)
{
    const struct problem *problem = context;
    int64_t rows = problem->shape.rows;
    (void)common, (void)scratch;
    for (int64_t c = 0; c < pairs->columns; c++)
        for (int64_t i = pairs->ptr[c]; i < pairs->ptr[c + 1]; i++) {
            /* The smaller first, so that a pair has one value whoever is asked for it. */
            int64_t a = pairs->column[c], b = pairs->row[i];
            out[i] = dot(problem, shard, problem->x + (a < b ? a : b) * rows,
                         problem->x + (a < b ? b : a) * rows);
        }
    return RONDO_OK;
}

/* The direction of a chunk's step. */
static int brief(void *state, const struct rondo_task *task, struct rondo_buf *out)
{
    const struct head *head = state;
    const struct app_reduce_shape *shape = &head->problem->shape;
    if (task->tag != TAG_LENGTH)
        return RONDO_OK;
    int64_t from = begin_of(shape->columns, task->block, shape->chunks);
    int64_t to = begin_of(shape->columns, task->block + 1, shape->chunks);
    return apps_append(head->problem->host, out, head->gradient + from,
                       (size_t)(to - from) * sizeof(double));
}

/* x_j'r over the shard's rows; the ridge's part comes with the first shard. */
static double slope(const struct problem *problem, const struct shard *shard,
                    const struct common *common, int64_t variable)
{
    const struct app_reduce_shape *shape = &problem->shape;
    int64_t from = begin_of(shape->rows, shard->index, shape->shards);
    int64_t to = begin_of(shape->rows, shard->index + 1, shape->shards);
    const double *x = problem->x + variable * shape->rows;
    double sum = shard->index == 0 ? -shape->ridge * common->b[variable] : 0;
    for (int64_t i = from; i < to; i++)
        sum += x[i] * shard->residual[i - from];
    return sum;
}

/* (X d)'r and |X d|^2 over the shard's rows. */
static void length(const struct problem *problem, const struct shard *shard,
                   const struct common *common, const struct rondo_task *task, double *out)
{
    const struct app_reduce_shape *shape = &problem->shape;
    const double *d = task->brief.data;
    int64_t first = begin_of(shape->columns, task->block, shape->chunks);
    int64_t count = (int64_t)(task->brief.size / sizeof *d);
    int64_t from = begin_of(shape->rows, shard->index, shape->shards);
    int64_t to = begin_of(shape->rows, shard->index + 1, shape->shards);
    out[0] = out[1] = 0;
    for (int64_t i = from; i < to; i++) {
        double moved = 0;
        for (int64_t j = 0; j < count; j++)
            moved += problem->x[(first + j) * shape->rows + i] * d[j];
        out[0] += moved * shard->residual[i - from];
        out[1] += moved * moved;
    }
    for (int64_t j = 0; j < count && shard->index == 0; j++) {
        out[0] -= shape->ridge * common->b[first + j] * d[j];
        out[1] += shape->ridge * d[j] * d[j];
    }
}

static int push(const void *context, const void *common, void *state, void *block, void *scratch,
                const struct rondo_task *task, struct rondo_buf *partial)
{
    const struct problem *problem = context;
    const struct app_reduce_shape *shape = &problem->shape;
    const struct shard *shard = state;
    const struct common *base = common;
    bool sweep = task->kind == RONDO_SWEEP;
    int64_t first = begin_of(shape->columns, task->block, shape->chunks);
    int64_t count = sweep ? begin_of(shape->columns, task->block + 1, shape->chunks) - first
                          : task->count;
    (void)scratch;
    if (block || !shard || !base || shard->index != task->shard || shard->last != task->round - 1
        || base->last != task->round - 1 || (task->tag == TAG_SOLVE && !task->couplings))
        return RONDO_EAPP;
    int code = problem->host->reserve(partial, (size_t)(count + 2) * sizeof(double));
    if (code)
        return code;
    double *out = (double *)(void *)partial->data;
    partial->size = (size_t)(task->tag == TAG_LENGTH ? 2 : count) * sizeof *out;
    if (task->tag == TAG_LENGTH)
        length(problem, shard, base, task, out);
    for (int64_t i = 0; i < count && task->tag != TAG_LENGTH; i++)
        out[i] = slope(problem, shard, base, sweep ? first + i : task->variables[i]);
    return RONDO_OK;
}

/* (G + ridge I) d = g by Gauss and Seidel. */
static void solve(const double *g, const double *couplings, int64_t count, double ridge, double *d)
{
    memset(d, 0, (size_t)count * sizeof *d);
    for (int turn = 0; turn < SOLVE_TURNS; turn++)
        for (int64_t i = 0; i < count; i++) {
            double left = g[i];
            for (int64_t k = 0; k < count; k++)
                left -= k == i ? 0 : couplings[i * count + k] * d[k];
            d[i] = left / (couplings[i * count + i] + ridge);
        }
}

/* The sum in shard order; where it is to be solved, the solution behind it. */
static int pull(const void *context, const void *common, void *scratch,
                const struct rondo_task *task, const struct rondo_bytes *partials, int32_t count,
                struct rondo_buf *result)
{
    const struct problem *problem = context;
    size_t each = partials[0].size, values = each / sizeof(double);
    (void)common, (void)scratch;
    if (count != problem->shape.shards || task->shard != -1)
        return RONDO_EAPP;
    int code = problem->host->reserve(result, 2 * each);
    if (code)
        return code;
    double *sum = (double *)(void *)result->data;
    memset(sum, 0, each);
    for (int32_t s = 0; s < count; s++)
        for (size_t i = 0; i < values; i++)
            sum[i] += ((const double *)partials[s].data)[i];
    result->size = each;
    if (task->tag == TAG_SOLVE) {
        if (!task->couplings)
            return RONDO_EAPP;
        solve(sum, task->couplings, task->count, problem->shape.ridge, sum + values);
        result->size = 2 * each;
    }
    return RONDO_OK;
}

/* ---- settling ------------------------------------------------------------------------------------------ */

static void rest(struct head *head, int64_t round, struct rondo_order *order)
{
    for (int64_t i = 0; i < head->count; i++)
        head->kept[head->moves[i].variable] += head->moves[i].delta;
    order->kind = RONDO_REST;
    order->commit = (struct rondo_bytes){ head->moves, (size_t)head->count * sizeof *head->moves };
    order->updates = head->count;
    if (round == head->problem->shape.stop_round)
        order->stop = "enough";
}

static void settle_gradient(struct head *head, struct rondo_head_link *link,
                            const struct rondo_bytes *results, int32_t count,
                            struct rondo_order *order)
{
    size_t at = 0;
    for (int32_t i = 0; i < count; i++) {
        memcpy((unsigned char *)head->gradient + at, results[i].data, results[i].size);
        at += results[i].size;
    }
    for (int64_t j = 0; j < head->problem->shape.columns; j++)
        head->size[j] = fabs(head->gradient[j]);
    head->problem->host->feed_all(link, head->size);
    order->kind = RONDO_AGAIN;
    order->tag = TAG_LENGTH;
}

static void settle_length(struct head *head, const struct rondo_bytes *results, int32_t count)
{
    const struct app_reduce_shape *shape = &head->problem->shape;
    for (int32_t c = 0; c < count; c++) {
        const double *both = results[c].data;
        double step = both[1] > 0 ? both[0] / both[1] / count : 0;
        int64_t to = begin_of(shape->columns, c + 1, shape->chunks);
        for (int64_t j = begin_of(shape->columns, c, shape->chunks); j < to; j++)
            head->moves[head->count++] = (struct move){ j, step * head->gradient[j] };
    }
}

static void settle_solution(struct head *head, struct rondo_head_link *link,
                            const struct rondo_task *tasks, const struct rondo_bytes *results,
                            int32_t count)
{
    for (int32_t b = 0; b < count; b++) {
        const double *g = results[b].data, *d = g + tasks[b].count;
        for (int64_t i = 0; i < tasks[b].count; i++) {
            double delta = d[i] / count, size = fabs(g[i]) * 0.5;
            int64_t variable = tasks[b].variables[i];
            head->moves[head->count++] = (struct move){ variable, delta };
            head->problem->host->feed(link, 1, &variable, &delta, &size);
        }
    }
}

/* Partials of all shards, block by block: the first variables of each block whose slope is not 0. */
static void settle_raw(struct head *head, const struct rondo_task *tasks,
                       const struct rondo_bytes *results, int32_t count, struct rondo_order *order)
{
    int32_t shards = head->problem->shape.shards;
    int64_t joined = 0;
    for (int32_t first = 0; first < count; first += shards)
        for (int64_t i = 0; i < tasks[first].count && i < JOIN_EACH && joined < JOIN_MOST; i++) {
            double sum = 0;
            for (int32_t s = 0; s < shards; s++)
                sum += ((const double *)results[first + s].data)[i];
            if (sum < 0 || sum > 0)
                head->joined[joined++] = tasks[first].variables[i];
        }
    if (!joined)
        return;
    order->kind = RONDO_JOIN;
    order->tag = TAG_SOLVE;
    order->couplings = true;
    order->variables = head->joined;
    order->count = joined;
}

static int settle(void *state, struct rondo_head_link *link, int64_t round, int32_t phase,
                  const struct rondo_task *tasks, const struct rondo_bytes *results, int32_t count,
                  struct rondo_order *order)
{
    struct head *head = state;
    uint64_t told;
    (void)phase;
    memcpy(&told, &head->kept[head->problem->shape.columns], sizeof told);
    for (int32_t i = 0; i < count; i++)
        told = apps_fold(told, results[i].data, results[i].size);
    memcpy(&head->kept[head->problem->shape.columns], &told, sizeof told);
    head->count = 0;
    order->kind = RONDO_REST;
    switch (count ? tasks[0].tag : TAG_SOLVE) {
    case TAG_GRADIENT: settle_gradient(head, link, results, count, order); break;
    case TAG_LENGTH: settle_length(head, results, count); break;
    case TAG_RAW: settle_raw(head, tasks, results, count, order); break;
    default: settle_solution(head, link, tasks, results, count);
    }
    if (order->kind == RONDO_REST)
        rest(head, round, order);
    return RONDO_OK;
}

static int apply(const void *context, void *common, void *state, void *scratch, int64_t round,
                 struct rondo_bytes commit)
{
    const struct problem *problem = context;
    const struct app_reduce_shape *shape = &problem->shape;
    const struct move *moves = commit.data;
    struct shard *shard = state;
    struct common *base = common;
    int64_t *last = shard ? &shard->last : &base->last;
    (void)scratch;
    if ((*last)++ != round - 1)
        return RONDO_EAPP;
    int64_t from = shard ? begin_of(shape->rows, shard->index, shape->shards) : 0;
    int64_t to = shard ? begin_of(shape->rows, shard->index + 1, shape->shards) : 0;
    for (size_t k = 0; k < commit.size / sizeof *moves; k++) {
        const double *x = problem->x + moves[k].variable * shape->rows;
        if (!shard)
            base->b[moves[k].variable] += moves[k].delta;
        for (int64_t i = from; i < to; i++)
            shard->residual[i - from] -= x[i] * moves[k].delta;
    }
    return RONDO_OK;
}

static void report(const void *state, struct rondo_report *report)
{
    const struct head *head = state;
    const struct problem *problem = head->problem;
    const struct app_reduce_shape *shape = &problem->shape;
    for (int64_t i = 0; i < shape->rows; i++) {
        double left = problem->y[i];
        for (int64_t j = 0; j < shape->columns; j++)
            left -= problem->x[j * shape->rows + i] * head->kept[j];
        report->objective += left * left / 2;
    }
    for (int64_t j = 0; j < shape->columns; j++)
        report->objective += shape->ridge / 2 * head->kept[j] * head->kept[j];
}

static const struct rondo_param no_params[] = { { 0 } };
static const struct rondo_role no_roles[] = { { 0 } };

const struct rondo_app app_reduce = {
    .abi = RONDO_APP_ABI, .size = sizeof app_reduce, .name = "reduce",
    .summary = "least squares with a ridge", .params = no_params, .roles = no_roles,
    .open = open_, .close = close_, .layout = layout,
    .head = { head_create, head_destroy, head_pack, head_unpack },
    .common = { common_create, flat_destroy, common_pack, common_unpack },
    .shard = { shard_create, flat_destroy, shard_pack, shard_unpack },
    .schedule = schedule, .couple = couple, .brief = brief, .push = push, .pull = pull,
    .settle = settle, .apply = apply, .report = report,
};

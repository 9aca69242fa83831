/* als.c - alternating least squares on the gather pattern: every task reads the rows of both sides, frozen for the
 * round, and answers with the new rows of its chunk.
 *
 *     odd rounds     users:  p_u = argmin F, the items fixed
 *     even rounds    items:  q_i = argmin F, the users fixed; then F is known, and an epoch is over
 *
 * With biases a row's last coordinate is its own bias, the other side's rows have 1 there, and a rating is told as
 * r_ui - mu - (the other's bias).  Of implicit feedback a chunk also answers with its rows' products, so that Y'Y of
 * the side that was solved is there, summed in the order of chunks, when the other one begins. */
#include "evaluate.h"
#include "normal.h"

#include <rondo/flat.h>

#include <math.h>
#include <string.h>

enum { USERS, ITEMS };
enum { CHUNKS_MOST = 64 };
#define CHUNK_COST 3e7       /* multiply-adds, about a millisecond */
#define GRAMS_MOST (1 << 28) /* bytes that the chunks' products may have together */

/* problem->own */
struct als {
    const struct normal_kernel *kernel;
    int32_t width, stride, chunks;
    size_t gram;             /* bytes of Y'Y; 0: explicit */
    int64_t longest;         /* ratings of a row */
    const int64_t *first[2]; /* [chunks + 1] the rows of a chunk */
};

/* The common state, and what the head has of it. */
struct rows {
    float *row[2];  /* [n x stride] */
    float *bias[2]; /* [n]; NULL: no biases */
    float *gram;    /* implicit: Y'Y of the side that was solved last, the items at first */
    double penalty; /* of the users: lambda sum w |p|^2 */
};

struct model {
    struct rows *rows;
    struct factors factors; /* to evaluate; empty where there is no test */
    struct rondo_buf commit;
};

/* What stands before the rows of a result and of the commit. */
union found {
    struct {
        double loss, penalty; /* the rows' part of F, and its part for their length */
        int64_t solved;       /* rows that have ratings */
    };
    float line[16]; /* rows begin at 64 bytes */
};

static const struct als *als_of(const struct problem *p)
{
    return p->own;
}

static int half_of(int64_t round)
{
    return round % 2 ? USERS : ITEMS;
}

static const struct cells *cells_of(const struct problem *p, int half)
{
    return half == USERS ? &p->by_user : &p->by_item;
}

static size_t row_bytes(const struct problem *p, int64_t count)
{
    return (size_t)count * (size_t)als_of(p)->stride * sizeof(float);
}

static int no_memory(struct rondo_error *err)
{
    return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for als");
}

/* ---- the cut ------------------------------------------------------------------------------------------------ */

/* Counted work of the rows before `row`: the sums take k^2 a rating, each row's Cholesky k^3 / 3. */
static double cost_before(const struct cells *cells, double k, int64_t row)
{
    return (double)cells->first[row] * k * k + (double)row * k * k * k / 3;
}

static const int64_t *cut(struct problem *p, const struct cells *cells, double k, int32_t chunks)
{
    int64_t *first = mf_keep(p, (size_t)chunks + 1, sizeof *first), row = 0;
    double all = cost_before(cells, k, cells->rows);
    for (int32_t c = 1; c <= chunks && first; c++) {
        while (row < cells->rows && cost_before(cells, k, row) < all * c / chunks)
            row++;
        first[c] = c == chunks ? cells->rows : row;
    }
    return first;
}

static int als_open(struct problem *p, struct rondo_error *err)
{
    struct als *als = mf_keep(p, 1, sizeof *als);
    if (!als)
        return no_memory(err);
    p->own = als;
    als->kernel = normal_kernel_for(p->host->isa(p->job));
    als->width = p->rank + p->biases;
    als->stride = (als->width + 15) / 16 * 16;
    als->gram = p->implicit ? row_bytes(p, als->width) : 0;
    double k = als->width, most = 0;
    for (int half = USERS; half <= ITEMS; half++) {
        const struct cells *cells = cells_of(p, half);
        most = fmax(most, cost_before(cells, k, cells->rows));
        for (int64_t i = 0; i < cells->rows; i++)
            als->longest = cells->first[i + 1] - cells->first[i] > als->longest
                               ? cells->first[i + 1] - cells->first[i] : als->longest;
    }
    most = fmin(fmax(most / CHUNK_COST, 1), als->gram ? (double)(GRAMS_MOST / als->gram) : CHUNKS_MOST);
    als->chunks = (int32_t)fmin(most, CHUNKS_MOST);
    for (int half = USERS; half <= ITEMS; half++)
        if (!(als->first[half] = cut(p, cells_of(p, half), k, als->chunks)))
            return no_memory(err);
    return RONDO_OK;
}

static void als_layout(const struct problem *p, struct rondo_layout *layout)
{
    layout->chunks = als_of(p)->chunks;
}

static int als_parts(const struct problem *p, mf_tell *say, void *context)
{
    const struct als *als = als_of(p);
    int code = RONDO_OK;
    for (int half = USERS; half <= ITEMS && !code; half++)
        code = mf_tell_parts(p, (struct rondo_part){ .kind = RONDO_PART_CHUNK, .tag = half, .columns = half == ITEMS },
                             als->chunks, als->first[half], NULL, say, context);
    return code;
}

/* ---- the rows of both sides --------------------------------------------------------------------------------- */

static void rows_destroy(const void *context, void *state)
{
    const struct rondo_host *host = ((const struct problem *)context)->host;
    struct rows *rows = state;
    for (int half = USERS; half <= ITEMS; half++) {
        host->free(rows->row[half]);
        host->free(rows->bias[half]);
    }
    host->free(rows->gram);
    host->free(rows);
}

/* A model with biases has them from the start where that has the row. */
static void begin(const struct problem *p, struct rows *rows, int half)
{
    const struct als *als = als_of(p);
    for (int64_t i = 0; i < cells_of(p, half)->rows; i++) {
        float *row = rows->row[half] + i * als->stride;
        mf_init_row(p, half == USERS, i, row);
        if (!p->biases)
            continue;
        float *from = p->start ? half == USERS ? p->start->user_bias : p->start->item_bias : NULL;
        rows->bias[half][i] = from && !isnan(from[i]) ? from[i] : 0;
        row[p->rank] = 1;
    }
}

static int rows_create(const void *context, int32_t index, void **state, struct rondo_error *err)
{
    const struct problem *p = context;
    const struct rondo_host *host = p->host;
    struct rows *rows = host->zalloc(1, sizeof *rows);
    bool good = rows != NULL;
    (void)index;
    for (int half = USERS; half <= ITEMS && good; half++) {
        int64_t count = cells_of(p, half)->rows;
        good = (rows->row[half] = host->zalloc(1, row_bytes(p, count))) != NULL;
        if (good && p->biases)
            good = (rows->bias[half] = host->zalloc((size_t)count, sizeof(float))) != NULL;
        if (good)
            begin(p, rows, half);
    }
    if (good && als_of(p)->gram)
        good = (rows->gram = host->zalloc(1, als_of(p)->gram)) != NULL;
    if (!good) {
        if (rows)
            rows_destroy(p, rows);
        return no_memory(err);
    }
    if (rows->gram)
        als_of(p)->kernel->gram(rows->row[ITEMS], p->items, als_of(p)->width, als_of(p)->stride, rows->gram);
    *state = rows;
    return RONDO_OK;
}

static int rows_pack(const void *context, const void *state, struct rondo_buf *out)
{
    const struct problem *p = context;
    const struct rows *rows = state;
    int code = rondo_append(p->host, out, &rows->penalty, sizeof rows->penalty);
    for (int half = USERS; half <= ITEMS && !code; half++) {
        int64_t count = cells_of(p, half)->rows;
        code = rondo_append(p->host, out, rows->row[half], row_bytes(p, count));
        if (!code && p->biases)
            code = rondo_append(p->host, out, rows->bias[half], (size_t)count * sizeof(float));
    }
    return code || !rows->gram ? code : rondo_append(p->host, out, rows->gram, als_of(p)->gram);
}

static int rows_unpack(const void *context, void *state, struct rondo_bytes in)
{
    const struct problem *p = context;
    struct rows *rows = state;
    int code = rondo_take(&in, &rows->penalty, sizeof rows->penalty);
    for (int half = USERS; half <= ITEMS && !code; half++) {
        int64_t count = cells_of(p, half)->rows;
        code = rondo_take(&in, rows->row[half], row_bytes(p, count));
        if (!code && p->biases)
            code = rondo_take(&in, rows->bias[half], (size_t)count * sizeof(float));
    }
    if (!code && rows->gram)
        code = rondo_take(&in, rows->gram, als_of(p)->gram);
    return code || !in.size ? code : RONDO_ESTATE;
}

/* ---- a task --------------------------------------------------------------------------------------------------- */

struct scratch {
    void *normal;
    float *told; /* [longest] ratings less what the other side's biases say */
};

static struct normal normal_of(const struct problem *p, const struct rows *rows, int half)
{
    return (struct normal){
        .width = als_of(p)->width, .stride = als_of(p)->stride, .other = rows ? rows->row[!half] : NULL,
        .gram = rows ? rows->gram : NULL, .alpha = p->alpha, .nonnegative = p->nonnegative, .bias = p->biases,
        .cg = p->cg, .steps = p->steps,
    };
}

static void als_scratch_free(const void *context, void *state)
{
    const struct rondo_host *host = ((const struct problem *)context)->host;
    struct scratch *scratch = state;
    host->free(scratch->normal);
    host->free(scratch->told);
    host->free(scratch);
}

static int als_scratch(const void *context, void **out, struct rondo_error *err)
{
    const struct problem *p = context;
    struct scratch *scratch = p->host->zalloc(1, sizeof *scratch);
    if (!scratch)
        return no_memory(err);
    struct normal normal = normal_of(p, NULL, USERS);
    scratch->normal = p->host->alloc(normal_workspace_bytes(&normal));
    scratch->told = p->host->alloc((size_t)(als_of(p)->longest + 1) * sizeof *scratch->told);
    if (!scratch->normal || !scratch->told) {
        als_scratch_free(p, scratch);
        return no_memory(err);
    }
    *out = scratch;
    return RONDO_OK;
}

/* The row's ratings as the other side's rows are to tell them. */
static const float *told(const struct problem *p, const float *bias, const int32_t *col, const float *value,
                         int64_t count, float *room)
{
    if (!bias)
        return value;
    for (int64_t j = 0; j < count; j++)
        room[j] = (float)((double)value[j] - p->mean - (double)bias[col[j]]);
    return room;
}

static double square(const float *row, int32_t width)
{
    double sum = 0;
    for (int32_t k = 0; k < width; k++)
        sum += (double)row[k] * (double)row[k];
    return sum;
}

static void solve_rows(const struct problem *p, const struct rows *rows, int half, int64_t from, int64_t to,
                       struct scratch *scratch, union found *found, float *out)
{
    const struct als *als = als_of(p);
    const struct cells *cells = cells_of(p, half);
    struct normal normal = normal_of(p, rows, half);
    memcpy(out, rows->row[half] + from * als->stride, row_bytes(p, to - from));
    for (int64_t i = from; i < to; i++, out += als->stride) {
        int64_t at = cells->first[i], count = cells->first[i + 1] - at;
        double ridge = p->lambda * mf_weight(p, cells, i);
        if (p->biases)
            out[p->rank] = rows->bias[half][i];
        found->loss += als->kernel->solve(&normal, cells->col + at,
                                          told(p, rows->bias[!half], cells->col + at, cells->value + at, count,
                                               scratch->told),
                                          count, ridge, out, scratch->normal);
        found->penalty += ridge * square(out, als->width);
        found->solved += count > 0;
    }
}

static int als_push(const void *context, const void *common, void *shard, void *block, void *own,
                    const struct rondo_task *task, struct rondo_buf *partial)
{
    const struct problem *p = context;
    const struct als *als = als_of(p);
    int half = half_of(task->round);
    int64_t from = als->first[half][task->block], to = als->first[half][task->block + 1];
    size_t bytes = sizeof(union found) + row_bytes(p, to - from);
    (void)shard, (void)block;
    int code = p->host->reserve(partial, bytes + als->gram);
    if (code)
        return code;
    memset(partial->data, 0, sizeof(union found));
    float *out = (float *)(void *)(partial->data + sizeof(union found));
    solve_rows(p, common, half, from, to, own, (union found *)(void *)partial->data, out);
    if (als->gram) {
        memset(partial->data + bytes, 0, als->gram);
        als->kernel->gram(out, to - from, als->width, als->stride, (float *)(void *)(partial->data + bytes));
    }
    partial->size = bytes + als->gram;
    return RONDO_OK;
}

/* The commit: the half's rows, and their products. */
static int als_apply(const void *context, void *common, void *shard, void *scratch, int64_t round,
                     struct rondo_bytes commit)
{
    const struct problem *p = context;
    struct rows *rows = common;
    union found found;
    int half = half_of(round);
    int64_t count = cells_of(p, half)->rows;
    (void)shard, (void)scratch;
    int code = rondo_take(&commit, &found, sizeof found);
    if (!code)
        code = rondo_take(&commit, rows->row[half], row_bytes(p, count));
    if (!code && rows->gram)
        code = rondo_take(&commit, rows->gram, als_of(p)->gram);
    for (int64_t i = 0; i < count && !code && p->biases; i++) {
        float *bias = rows->row[half] + i * als_of(p)->stride + p->rank;
        rows->bias[half][i] = *bias;
        *bias = 1;
    }
    if (half == USERS && !code)
        rows->penalty = found.penalty;
    return code || !commit.size ? code : RONDO_ESTATE;
}

/* ---- the head's part ------------------------------------------------------------------------------------------- */

static void model_destroy(const void *context, void *state)
{
    const struct rondo_host *host = ((const struct problem *)context)->host;
    struct model *model = state;
    if (model->rows)
        rows_destroy(context, model->rows);
    factors_free(host, &model->factors);
    host->free(model->commit.data);
    host->free(model);
}

static int model_create(const void *context, int32_t index, void **state, struct rondo_error *err)
{
    const struct problem *p = context;
    struct model *model = p->host->zalloc(1, sizeof *model);
    void *rows = NULL;
    if (!model)
        return no_memory(err);
    int code = rows_create(p, index, &rows, err);
    model->rows = rows;
    if (!code && p->test.count && !factors_alloc(p->host, &model->factors, p->users, p->items, p->rank, p->biases))
        code = no_memory(err);
    if (code)
        model_destroy(p, model);
    else
        *state = model;
    return code;
}

static int model_pack(const void *context, const void *state, struct rondo_buf *out)
{
    return rows_pack(context, ((const struct model *)state)->rows, out);
}

static int model_unpack(const void *context, void *state, struct rondo_bytes in)
{
    return rows_unpack(context, ((const struct model *)state)->rows, in);
}

static int als_schedule(struct head *head, int64_t round, struct rondo_order *order)
{
    (void)head;
    order->kind = RONDO_SWEEP;
    order->tag = (uint32_t)half_of(round);
    order->no_pull = true;
    return RONDO_OK;
}

static int als_collect(const struct head *head, struct rondo_head_link *link, struct factors *out)
{
    const struct problem *p = head->problem;
    const struct rows *rows = ((const struct model *)head->model)->rows;
    size_t bytes = (size_t)p->rank * sizeof(float);
    (void)link;
    out->mean = p->biases ? p->mean : 0;
    for (int half = USERS; half <= ITEMS; half++) {
        float *to = half == USERS ? out->user : out->item;
        int64_t count = cells_of(p, half)->rows;
        for (int64_t i = 0; i < count; i++)
            memcpy(to + i * p->rank, rows->row[half] + i * als_of(p)->stride, bytes);
        if (p->biases)
            memcpy(half == USERS ? out->user_bias : out->item_bias, rows->bias[half], (size_t)count * sizeof(float));
    }
    return RONDO_OK;
}

/* The chunks' answers into one commit. */
static int gather(const struct problem *p, int half, const struct rondo_bytes *results, int32_t count,
                  struct rondo_buf *commit, union found *all)
{
    const struct als *als = als_of(p);
    size_t rows = row_bytes(p, cells_of(p, half)->rows), numbers = als->gram / sizeof(float);
    int code = count == als->chunks ? p->host->reserve(commit, sizeof *all + rows + als->gram) : RONDO_EAPP;
    if (code)
        return code;
    commit->size = sizeof *all;
    memset(all, 0, sizeof *all);
    float *gram = (float *)(void *)(commit->data + sizeof *all + rows);
    memset(gram, 0, als->gram);
    for (int32_t c = 0; c < count; c++) {
        size_t bytes = row_bytes(p, als->first[half][c + 1] - als->first[half][c]);
        const union found *found = results[c].data;
        if (results[c].size != sizeof *found + bytes + als->gram)
            return RONDO_EAPP;
        all->loss += found->loss;
        all->penalty += found->penalty;
        all->solved += found->solved;
        memcpy(commit->data + commit->size, found + 1, bytes);
        commit->size += bytes;
        const float *part = (const float *)(const void *)((const unsigned char *)(found + 1) + bytes);
        for (size_t i = 0; i < numbers; i++)
            gram[i] += part[i];
    }
    commit->size += als->gram;
    memcpy(commit->data, all, sizeof *all);
    return RONDO_OK;
}

/* F, users' penalty and all, of the rows as they are now; and what the test ratings say of them. */
static int end_epoch(struct head *head, struct rondo_head_link *link, const union found *items,
                     struct rondo_order *order)
{
    const struct problem *p = head->problem;
    struct model *model = head->model;
    struct figures *figures = &head->figures;
    double squares = fmax(items->loss - items->penalty, 0);
    int code = RONDO_OK;
    figures->objective = items->loss + model->rows->penalty;
    figures->rmse = p->implicit ? (double)NAN : sqrt(squares / (double)p->by_user.count);
    figures->test_rmse = figures->recall = figures->ndcg = (double)NAN;
    if (head_evaluates(head)) {
        code = als_collect(head, link, &model->factors);
        if (!code)
            code = evaluate_test(p, &model->factors, figures);
    }
    head_epoch(head, order);
    return code;
}

static int als_settle(struct head *head, struct rondo_head_link *link, int64_t round, int32_t phase,
                      const struct rondo_task *tasks, const struct rondo_bytes *results, int32_t count,
                      struct rondo_order *order)
{
    const struct problem *p = head->problem;
    struct model *model = head->model;
    union found all = { .solved = 0 };
    (void)phase, (void)tasks;
    int code = gather(p, half_of(round), results, count, &model->commit, &all);
    struct rondo_bytes commit = { model->commit.data, model->commit.size };
    if (!code)
        code = als_apply(p, model->rows, NULL, NULL, round, commit);
    if (!code && half_of(round) == ITEMS)
        code = end_epoch(head, link, &all, order);
    order->kind = RONDO_REST;
    order->commit = commit;
    order->updates = all.solved;
    return code;
}

const struct solver mf_als = {
    .name = "als",
    .by_user = true,
    .by_item = true,
    .keeps = true,
    .open = als_open,
    .layout = als_layout,
    .parts = als_parts,
    .model = { model_create, model_destroy, model_pack, model_unpack },
    .common = { rows_create, rows_destroy, rows_pack, rows_unpack },
    .scratch = als_scratch,
    .scratch_free = als_scratch_free,
    .schedule = als_schedule,
    .push = als_push,
    .settle = als_settle,
    .apply = als_apply,
    .collect = als_collect,
};

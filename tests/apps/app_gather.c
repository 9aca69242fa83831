/* gather: every task reads the frozen factors and answers its own slice. */
#include "apps.h"

enum { RANK = 2, STREAM_PLANTED = 256, STREAM_START = 257 };

struct app_gather_shape app_gather_shape = { .users = 40, .items = 30, .chunks = 6, .seed = 5 };

/* Users [m x 2], then items [n x 2], row-major. */
struct problem {
    const struct rondo_host *host;
    struct app_gather_shape shape;
    size_t factors_bytes;
    double *entry; /* [m x n], row-major */
};

struct head {
    const struct problem *problem;
    double *factors;
    double *slice; /* what the commit carries: the side that moved */
    uint64_t told; /* a checksum of all results */
};

double app_gather_entry(int32_t user, int32_t item)
{
    uint64_t seed = app_gather_shape.seed;
    double sum = 0;
    for (uint64_t k = 0; k < RANK; k++)
        sum += (rondo_rng_unit(seed, 0, STREAM_PLANTED, (uint64_t)user * RANK + k) - 0.3)
               * (rondo_rng_unit(seed, 1, STREAM_PLANTED, (uint64_t)item * RANK + k) - 0.4);
    return sum;
}

static int open_(const struct rondo_host *host, const struct rondo_job *job, void **out,
                 struct rondo_error *err)
{
    struct app_gather_shape shape = app_gather_shape;
    struct problem *problem = host->zalloc(1, sizeof *problem);
    double *entry = host->zalloc((size_t)shape.users * (size_t)shape.items, sizeof *entry);
    (void)job;
    if (!problem || !entry) {
        host->free(problem);
        host->free(entry);
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for a problem");
    }
    for (int32_t u = 0; u < shape.users; u++)
        for (int32_t i = 0; i < shape.items; i++)
            entry[u * shape.items + i] = app_gather_entry(u, i);
    size_t rows = (size_t)(shape.users + shape.items);
    *problem = (struct problem){ host, shape, rows * RANK * sizeof(double), entry };
    *out = problem;
    return RONDO_OK;
}

static void close_(void *context)
{
    struct problem *problem = context;
    problem->host->free(problem->entry);
    problem->host->free(problem);
}

static void layout(const void *context, struct rondo_layout *layout)
{
    layout->chunks = ((const struct problem *)context)->shape.chunks;
}

/* ---- the common state: the factors, frozen for the round ------------------------------------- */

static int common_create(const void *context, int32_t index, void **out, struct rondo_error *err)
{
    const struct problem *problem = context;
    double *factors = problem->host->alloc(problem->factors_bytes);
    (void)index;
    if (!factors)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for factors");
    for (size_t i = 0; i < problem->factors_bytes / sizeof *factors; i++)
        factors[i] = rondo_rng_unit(problem->shape.seed, 0, STREAM_START, i) - 0.5;
    *out = factors;
    return RONDO_OK;
}

static void common_destroy(const void *context, void *state)
{
    ((const struct problem *)context)->host->free(state);
}

static int common_pack(const void *context, const void *state, struct rondo_buf *out)
{
    const struct problem *problem = context;
    return apps_append(problem->host, out, state, problem->factors_bytes);
}

static int common_unpack(const void *context, void *state, struct rondo_bytes in)
{
    return apps_fill(state, ((const struct problem *)context)->factors_bytes, in);
}

/* ---- the head -------------------------------------------------------------------------------- */

static void head_destroy(const void *context, void *state)
{
    const struct problem *problem = context;
    struct head *head = state;
    problem->host->free(head->factors);
    problem->host->free(head->slice);
    problem->host->free(head);
}

static int head_create(const void *context, int32_t index, void **out, struct rondo_error *err)
{
    const struct problem *problem = context;
    struct head *head = problem->host->zalloc(1, sizeof *head);
    void *factors = NULL;
    if (!head)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for a head");
    head->problem = problem;
    head->slice = problem->host->alloc(problem->factors_bytes);
    int code = common_create(problem, index, &factors, err);
    head->factors = factors;
    if (code || !head->slice) {
        head_destroy(problem, head);
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for a head");
    }
    *out = head;
    return RONDO_OK;
}

static int head_pack(const void *context, const void *state, struct rondo_buf *out)
{
    const struct head *head = state;
    int code = common_pack(context, head->factors, out);
    return code ? code : apps_append(head->problem->host, out, &head->told, sizeof head->told);
}

static int head_unpack(const void *context, void *state, struct rondo_bytes in)
{
    const struct problem *problem = context;
    struct head *head = state;
    if (in.size != problem->factors_bytes + sizeof head->told)
        return RONDO_ESTATE;
    memcpy(head->factors, in.data, problem->factors_bytes);
    memcpy(&head->told, (const unsigned char *)in.data + problem->factors_bytes, sizeof head->told);
    return RONDO_OK;
}

/* ---- a round --------------------------------------------------------------------------------- */

static int schedule(void *head, int64_t round, struct rondo_order *order)
{
    (void)head;
    order->kind = RONDO_SWEEP;
    order->tag = round % 2 ? 0 : 1; /* 0: users move, 1: items */
    return RONDO_OK;
}

/* (sum v v') x = sum r v over the other side's rows v, by Cramer's rule. */
static void solve_row(const struct problem *problem, const double *factors, bool items, int32_t row,
                      double *x)
{
    const struct app_gather_shape *shape = &problem->shape;
    const double *other = items ? factors : factors + RANK * shape->users;
    int32_t count = items ? shape->users : shape->items;
    double aa = 0, ab = 0, bb = 0, ra = 0, rb = 0;
    for (int32_t k = 0; k < count; k++) {
        double a = other[RANK * k], b = other[RANK * k + 1];
        double r = items ? problem->entry[k * shape->items + row]
                         : problem->entry[row * shape->items + k];
        aa += a * a;
        ab += a * b;
        bb += b * b;
        ra += r * a;
        rb += r * b;
    }
    double det = aa * bb - ab * ab;
    x[0] = (ra * bb - rb * ab) / det;
    x[1] = (rb * aa - ra * ab) / det;
}

static int32_t begin_of(int32_t rows, int32_t chunk, int32_t chunks)
{
    return (int32_t)((int64_t)rows * chunk / chunks);
}

static int push(const void *context, const void *common, void *shard, void *block, void *scratch,
                const struct rondo_task *task, struct rondo_buf *partial)
{
    const struct problem *problem = context;
    const struct app_gather_shape *shape = &problem->shape;
    int32_t rows = task->tag ? shape->items : shape->users;
    int32_t to = begin_of(rows, task->block + 1, shape->chunks);
    (void)scratch;
    if (!common || shard || block || task->shard != -1)
        return RONDO_EAPP;
    for (int32_t row = begin_of(rows, task->block, shape->chunks); row < to; row++) {
        double x[RANK];
        solve_row(problem, common, task->tag == 1, row, x);
        int code = apps_append(problem->host, partial, x, sizeof x);
        if (code)
            return code;
    }
    return RONDO_OK;
}

static int settle(void *state, struct rondo_head_link *link, int64_t round, int32_t phase,
                  const struct rondo_task *tasks, const struct rondo_bytes *results, int32_t count,
                  struct rondo_order *order)
{
    struct head *head = state;
    const struct app_gather_shape *shape = &head->problem->shape;
    bool items = round % 2 == 0;
    double *side = items ? head->factors + RANK * shape->users : head->factors;
    size_t rows = (size_t)(items ? shape->items : shape->users), at = 0;
    (void)link, (void)phase, (void)tasks;
    for (int32_t i = 0; i < count; i++) {
        memcpy((unsigned char *)side + at, results[i].data, results[i].size);
        at += results[i].size;
    }
    if (at != rows * RANK * sizeof *side)
        return RONDO_EAPP;
    head->told = apps_fold(head->told, side, at);
    memcpy(head->slice, side, at);
    order->kind = RONDO_REST;
    order->commit = (struct rondo_bytes){ head->slice, at };
    order->updates = (int64_t)rows;
    return RONDO_OK;
}

static int apply(const void *context, void *common, void *shard, void *scratch, int64_t round,
                 struct rondo_bytes commit)
{
    const struct problem *problem = context;
    double *factors = common;
    (void)scratch;
    if (shard || !common)
        return RONDO_EAPP;
    memcpy(round % 2 ? factors : factors + RANK * problem->shape.users, commit.data, commit.size);
    return RONDO_OK;
}

static void report(const void *state, struct rondo_report *report)
{
    const struct head *head = state;
    const struct app_gather_shape *shape = &head->problem->shape;
    const double *users = head->factors, *items = users + RANK * shape->users;
    for (int32_t u = 0; u < shape->users; u++)
        for (int32_t i = 0; i < shape->items; i++) {
            double miss = head->problem->entry[u * shape->items + i]
                          - users[RANK * u] * items[RANK * i]
                          - users[RANK * u + 1] * items[RANK * i + 1];
            report->objective += miss * miss;
        }
}

static const struct rondo_param no_params[] = { { 0 } };
static const struct rondo_role no_roles[] = { { 0 } };

const struct rondo_app app_gather = {
    .abi = RONDO_APP_ABI, .size = sizeof app_gather, .name = "gather",
    .summary = "alternating least squares of rank 2", .params = no_params, .roles = no_roles,
    .open = open_, .close = close_, .layout = layout,
    .head = { head_create, head_destroy, head_pack, head_unpack },
    .common = { common_create, common_destroy, common_pack, common_unpack },
    .schedule = schedule, .push = push, .settle = settle, .apply = apply, .report = report,
};

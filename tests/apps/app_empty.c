/* The pattern of no movement at all: what a round costs by itself. */
#include "apps.h"

struct app_empty_shape app_empty_shape = { .tasks = 16 };

struct problem {
    const struct rondo_host *host;
    struct app_empty_shape shape;
};

struct head {
    const struct problem *problem;
    struct rondo_pair *pairs; /* [tasks] */
    int64_t rounds, results;
};

static int open_(const struct rondo_host *host, const struct rondo_job *job, void **out,
                 struct rondo_error *err)
{
    struct problem *problem = host->zalloc(1, sizeof *problem);
    (void)job;
    if (!problem)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for a problem");
    *problem = (struct problem){ host, app_empty_shape };
    *out = problem;
    return RONDO_OK;
}

static void close_(void *problem)
{
    ((struct problem *)problem)->host->free(problem);
}

static void layout(const void *context, struct rondo_layout *layout)
{
    const struct problem *problem = context;
    layout->shards = problem->shape.shards;
    layout->chunks = problem->shape.plan ? 1 : problem->shape.tasks;
}

static void head_destroy(const void *context, void *state)
{
    const struct problem *problem = context;
    struct head *head = state;
    problem->host->free(head->pairs);
    problem->host->free(head);
}

static int head_create(const void *context, int32_t index, void **out, struct rondo_error *err)
{
    const struct problem *problem = context;
    struct head *head = problem->host->zalloc(1, sizeof *head);
    size_t tasks = (size_t)problem->shape.tasks;
    struct rondo_pair *pairs = problem->host->alloc((tasks + 1) * sizeof *pairs);
    (void)index;
    if (!head || !pairs) {
        problem->host->free(head);
        problem->host->free(pairs);
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for a head");
    }
    for (int32_t i = 0; i < problem->shape.tasks; i++)
        pairs[i] = (struct rondo_pair){ i, -1 };
    head->problem = problem;
    head->pairs = pairs;
    *out = head;
    return RONDO_OK;
}

static int head_pack(const void *context, const void *state, struct rondo_buf *out)
{
    const struct head *head = state;
    const int64_t both[2] = { head->rounds, head->results };
    return apps_append(((const struct problem *)context)->host, out, both, sizeof both);
}

static int head_unpack(const void *problem, void *state, struct rondo_bytes in)
{
    struct head *head = state;
    int64_t both[2];
    (void)problem;
    if (apps_fill(both, sizeof both, in))
        return RONDO_ESTATE;
    head->rounds = both[0];
    head->results = both[1];
    return RONDO_OK;
}

static int schedule(void *state, int64_t round, struct rondo_order *order)
{
    const struct head *head = state;
    (void)round;
    order->kind = head->problem->shape.plan ? RONDO_PLAN : RONDO_SWEEP;
    order->pairs = head->pairs;
    order->count = head->problem->shape.plan ? head->problem->shape.tasks : 0;
    return RONDO_OK;
}

static int push(const void *problem, const void *common, void *shard, void *block, void *scratch,
                const struct rondo_task *task, struct rondo_buf *partial)
{
    (void)problem, (void)common, (void)shard, (void)block, (void)scratch, (void)task, (void)partial;
    return RONDO_OK;
}

static int pull(const void *problem, const void *common, void *scratch,
                const struct rondo_task *task, const struct rondo_bytes *partials, int32_t count,
                struct rondo_buf *result)
{
    (void)problem, (void)common, (void)scratch, (void)task, (void)partials, (void)count;
    (void)result;
    return RONDO_OK;
}

static int settle(void *state, struct rondo_head_link *link, int64_t round, int32_t phase,
                  const struct rondo_task *tasks, const struct rondo_bytes *results, int32_t count,
                  struct rondo_order *order)
{
    struct head *head = state;
    (void)link, (void)phase, (void)tasks, (void)results;
    head->rounds = round;
    head->results += count;
    order->kind = RONDO_REST;
    return RONDO_OK;
}

static void report(const void *state, struct rondo_report *report)
{
    report->objective = (double)((const struct head *)state)->results;
}

/* A shard that there is, with nothing in it. */
static int shard_create(const void *context, int32_t index, void **out, struct rondo_error *err)
{
    const struct problem *problem = context;
    *out = problem->host->zalloc(1, sizeof index);
    return *out ? RONDO_OK : rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory");
}

static void shard_destroy(const void *context, void *state)
{
    ((const struct problem *)context)->host->free(state);
}

static int shard_pack(const void *problem, const void *state, struct rondo_buf *out)
{
    (void)problem, (void)state, (void)out;
    return RONDO_OK;
}

static int shard_unpack(const void *problem, void *state, struct rondo_bytes in)
{
    (void)problem, (void)state;
    return in.size ? RONDO_ESTATE : RONDO_OK;
}

static const struct rondo_param no_params[] = { { 0 } };
static const struct rondo_role no_roles[] = { { 0 } };

const struct rondo_app app_empty = {
    .abi = RONDO_APP_ABI, .size = sizeof app_empty, .name = "empty", .summary = "does nothing",
    .params = no_params, .roles = no_roles, .open = open_, .close = close_, .layout = layout,
    .head = { head_create, head_destroy, head_pack, head_unpack },
    .shard = { shard_create, shard_destroy, shard_pack, shard_unpack },
    .schedule = schedule, .push = push, .pull = pull, .settle = settle, .report = report,
};

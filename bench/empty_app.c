#include "empty_app.h"

#include <string.h>

static void layout(const void *problem, struct rondo_layout *out)
{
    const struct empty_problem *empty = problem;
    *out = (struct rondo_layout){ .chunks = empty->tasks };
}

/* The head is one number that no one changes. */
static int head_create(const void *problem RONDO_UNUSED, int32_t index RONDO_UNUSED, void **state,
                       struct rondo_error *err RONDO_UNUSED)
{
    static int64_t head;
    *state = &head;
    return RONDO_OK;
}

static void head_destroy(const void *problem RONDO_UNUSED, void *state RONDO_UNUSED)
{
}

static int head_pack(const void *problem RONDO_UNUSED, const void *state RONDO_UNUSED,
                     struct rondo_buf *out RONDO_UNUSED)
{
    return RONDO_OK;
}

static int head_unpack(const void *problem RONDO_UNUSED, void *state RONDO_UNUSED,
                       struct rondo_bytes in)
{
    return in.size ? RONDO_ESTATE : RONDO_OK;
}

static int schedule(void *head RONDO_UNUSED, int64_t round RONDO_UNUSED, struct rondo_order *order)
{
    order->kind = RONDO_SWEEP;
    return RONDO_OK;
}

static int push(const void *problem RONDO_UNUSED, const void *common RONDO_UNUSED,
                void *shard RONDO_UNUSED, void *block RONDO_UNUSED, void *scratch RONDO_UNUSED,
                const struct rondo_task *task RONDO_UNUSED, struct rondo_buf *partial RONDO_UNUSED)
{
    return RONDO_OK;
}

static int pull(const void *problem RONDO_UNUSED, const void *common RONDO_UNUSED,
                void *scratch RONDO_UNUSED, const struct rondo_task *task RONDO_UNUSED,
                const struct rondo_bytes *partials RONDO_UNUSED, int32_t count RONDO_UNUSED,
                struct rondo_buf *result RONDO_UNUSED)
{
    return RONDO_OK;
}

static int settle(void *head RONDO_UNUSED, struct rondo_head_link *link RONDO_UNUSED,
                  int64_t round RONDO_UNUSED, int32_t phase RONDO_UNUSED,
                  const struct rondo_task *tasks RONDO_UNUSED,
                  const struct rondo_bytes *results RONDO_UNUSED, int32_t count,
                  struct rondo_order *order)
{
    *order = (struct rondo_order){ .kind = RONDO_REST, .updates = count };
    return RONDO_OK;
}

const struct rondo_app empty_app = {
    .abi = RONDO_APP_ABI,
    .size = sizeof(struct rondo_app),
    .name = "empty",
    .summary = "nothing, as fast as can be",
    .layout = layout,
    .head = { head_create, head_destroy, head_pack, head_unpack },
    .schedule = schedule,
    .push = push,
    .pull = pull,
    .settle = settle,
};

#include "workers/states.h"

#include "apps/contract.h"
#include "core/base/mem.h"

int states_init(struct states *states, const struct rondo_app *app, const void *problem)
{
    struct rondo_layout layout = { 0 };
    app->layout(problem, &layout);
    *states = (struct states){ .app = app, .problem = problem, .shards = layout.shards };
    if (layout.shards > 0)
        states->shard = mem_calloc((size_t)layout.shards, sizeof *states->shard);
    return layout.shards > 0 && !states->shard ? RONDO_ENOMEM : RONDO_OK;
}

static const struct rondo_state_ops *ops_of(const struct states *states, int32_t index)
{
    return index < 0 ? &states->app->common : &states->app->shard;
}

static const char *name_of(int32_t index)
{
    return index < 0 ? "common" : "shard";
}

static void **place_of(struct states *states, int32_t index)
{
    return index < 0 ? &states->common : &states->shard[index];
}

static void drop(struct states *states, int32_t index)
{
    void **place = place_of(states, index);
    if (*place)
        ops_of(states, index)->destroy(states->problem, *place);
    *place = NULL;
}

void states_drop(struct states *states)
{
    for (int32_t index = -1; index < states->shards && (index < 0 || states->shard); index++)
        drop(states, index);
}

void states_fini(struct states *states)
{
    states_drop(states);
    mem_free(states->shard);
}

int states_hold(struct states *states, int32_t index, bool fresh, struct rondo_bytes packed,
                struct rondo_error *err)
{
    const struct rondo_state_ops *ops = ops_of(states, index);
    if (index < -1 || index >= states->shards || !ops->create)
        return rondo_error_set(err, RONDO_ESTATE, NULL, NULL, "no such state: %d", index);
    drop(states, index);
    void **place = place_of(states, index);
    int code = contract_create(states->app, name_of(index), states->problem, index < 0 ? 0 : index,
                               place, err);
    if (!code && !fresh)
        code = contract_unpack(states->app, name_of(index), states->problem, *place, packed, err);
    if (code)
        drop(states, index);
    return code;
}

int states_pack(const struct states *states, int32_t index, struct rondo_buf *out, struct rondo_error *err)
{
    const void *state = index == -1 ? states->common
                        : index >= 0 && index < states->shards ? states->shard[index] : NULL;
    if (!state)
        return rondo_error_set(err, RONDO_ESTATE, NULL, NULL, "state %d is not held here", index);
    return contract_pack(states->app, name_of(index), states->problem, state, out, err);
}

int states_apply(struct states *states, void *scratch, int64_t round, struct rondo_bytes commit)
{
    const struct rondo_app *app = states->app;
    if (!app->apply)
        return RONDO_OK;
    int code = RONDO_OK;
    if (states->common)
        code = app->apply(states->problem, states->common, NULL, scratch, round, commit);
    for (int32_t index = 0; index < states->shards && !code; index++)
        if (states->shard[index])
            code = app->apply(states->problem, states->common, states->shard[index], scratch,
                              round, commit);
    return code;
}

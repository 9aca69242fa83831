#include "workers/states.h"

#include "apps/contract.h"
#include "core/base/mem.h"

int states_init(struct states *states, const struct rondo_app *app, const void *problem,
                struct house *house)
{
    struct rondo_layout layout = { 0 };
    app->layout(problem, &layout);
    *states = (struct states){ .app = app, .problem = problem, .shards = layout.shards, .house = house };
    states->mine = mem_calloc((size_t)layout.shards + 1, sizeof *states->mine);
    int code = states->mine ? RONDO_OK : RONDO_ENOMEM;
    if (!code && !house) {
        code = house_create(app, problem, layout.shards, &states->own);
        states->house = states->own;
    }
    return code;
}

static const struct rondo_state_ops *ops_of(const struct states *states, int32_t index)
{
    return index < 0 ? &states->app->common : &states->app->shard;
}

static const char *name_of(int32_t index)
{
    return index < 0 ? "common" : "shard";
}

static void drop_common(struct states *states)
{
    if (states->common)
        states->app->common.destroy(states->problem, states->common);
    states->common = NULL;
}

void states_begin(struct states *states, uint32_t epoch)
{
    drop_common(states);
    for (int32_t shard = 0; shard < states->shards && states->mine; shard++) {
        if (states->mine[shard])
            house_drop(states->house, shard, states->epoch);
        states->mine[shard] = false;
    }
    states->epoch = epoch;
}

void states_fini(struct states *states)
{
    states_begin(states, states->epoch);
    house_destroy(states->own);
    mem_free(states->mine);
}

static void keep(struct states *states, int32_t index, int64_t round, void *state)
{
    if (index < 0) {
        drop_common(states);
        states->common = state;
        return;
    }
    house_put(states->house, index, states->epoch, round, state);
    states->mine[index] = state != NULL;
}

int states_hold(struct states *states, int32_t index, int64_t round, bool fresh, struct rondo_bytes packed,
                struct rondo_error *err)
{
    const struct rondo_state_ops *ops = ops_of(states, index);
    void *state = NULL;
    if (index < -1 || index >= states->shards || !ops->create)
        return rondo_error_set(err, RONDO_ESTATE, NULL, NULL, "no such state: %d", index);
    keep(states, index, round, NULL); /* one at a time in memory */
    int code = contract_create(states->app, name_of(index), states->problem, index < 0 ? 0 : index,
                               &state, err);
    if (!code && !fresh)
        code = contract_unpack(states->app, name_of(index), states->problem, state, packed, err);
    if (!code)
        keep(states, index, round, state);
    else if (state)
        ops->destroy(states->problem, state);
    return code;
}

static int pack_one(const struct states *states, int32_t index, struct rondo_buf *out,
                    struct rondo_error *err)
{
    const void *state = index < 0 ? states->common : house_take(states->house, index, states->epoch);
    int code = state ? contract_pack(states->app, name_of(index), states->problem, state, out, err)
                     : rondo_error_set(err, RONDO_ESTATE, NULL, NULL, "no such state: %d", index);
    if (index >= 0 && state)
        house_give(states->house, index);
    return code;
}

int states_pack(const struct states *states, int32_t index, struct rondo_buf *out, struct rondo_error *err)
{
    if (index < 0 ? !states->common : index >= states->shards || !states->mine[index])
        return rondo_error_set(err, RONDO_ESTATE, NULL, NULL, "state %d is not held here", index);
    return pack_one(states, index, out, err);
}

int states_apply(struct states *states, void *scratch, int64_t round, struct rondo_bytes commit)
{
    const struct rondo_app *app = states->app;
    if (!app->apply)
        return RONDO_OK;
    int code = RONDO_OK;
    if (states->common)
        code = app->apply(states->problem, states->common, NULL, scratch, round, commit);
    for (int32_t index = 0; index < states->shards && !code; index++) {
        void *shard = house_take_behind(states->house, index, states->epoch, round);
        if (!shard)
            continue;
        code = app->apply(states->problem, states->common, shard, scratch, round, commit);
        house_give(states->house, index);
    }
    return code;
}

/* conclude.c - when the job has stopped for good and its model is to be written.
 *
 * A stop that leaves a model has made a cut behind its commit, or began from one, and the cut has the
 * shards' states: nothing is asked of the workers here, and what the app does is in no cut.
 */
#include "apps/contract.h"
#include "core/base/mem.h"
#include "coordinator/engine_i.h"

void conclude_fini(struct engine *engine)
{
    for (int32_t s = 0; engine->shard_state && s < engine->layout.shards; s++)
        if (engine->shard_state[s])
            engine->app->shard.destroy(engine->problem, engine->shard_state[s]);
    mem_free(engine->shard_state);
    engine->shard_state = NULL;
}

/* A shard's packed bytes go as soon as they are unpacked. */
static int show_shard(struct engine *engine, int32_t shard, struct rondo_error *err)
{
    struct rondo_buf *packed = &engine->safe.state[shard + 1];
    void **state = &engine->shard_state[shard];
    int code = contract_create(engine->app, "shard", engine->problem, shard, state, err);
    if (!code && packed->size) /* else it is as it was created */
        code = contract_unpack(engine->app, "shard", engine->problem, *state,
                               (struct rondo_bytes){ packed->data, packed->size }, err);
    buf_fini(packed);
    return code;
}

static int show_shards(struct engine *engine, struct rondo_error *err)
{
    int32_t shards = engine->layout.shards;
    for (int32_t i = 0; i <= shards; i++) /* no other cut will be made */
        buf_fini(&engine->making.state[i]);
    engine->shard_state = mem_calloc((size_t)shards, sizeof *engine->shard_state);
    int code = engine->shard_state ? RONDO_OK
                                   : rondo_error_set(err, RONDO_ENOMEM, NULL, NULL,
                                                     "no memory for the shards");
    for (int32_t shard = 0; shard < shards && !code; shard++)
        code = show_shard(engine, shard, err);
    return code;
}

int engine_conclude(struct engine *engine, struct rondo_error *err)
{
    int code = RONDO_OK;
    if (engine->layout.with_shards && engine->layout.shards > 0)
        code = show_shards(engine, err);
    contract_conclude_function *conclude = contract_conclude(engine->app);
    if (code || !conclude)
        return code;
    return contract_answer(engine->app, "conclude",
                           conclude(engine->head, engine_link(engine), err), err);
}

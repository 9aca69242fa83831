/* states.h - the common state and the shards that one worker holds.
 *
 * Place:   workers, floor 3, private to it.
 * Threads: the worker's.
 */
#ifndef STATES_H
#define STATES_H

#include <rondo/app.h>

struct states {
    const struct rondo_app *app;
    const void *problem;
    void *common;    /* NULL: none, or not given yet */
    void **shard;    /* [shards], NULL where another worker holds it */
    int32_t shards;
};

int states_init(struct states *states, const struct rondo_app *app, const void *problem);
void states_fini(struct states *states);
/* Holds nothing any more. */
void states_drop(struct states *states);

/* Holds shard `index` (-1: the common state) from now on, fresh or as packed. */
int states_hold(struct states *states, int32_t index, bool fresh, struct rondo_bytes packed,
                struct rondo_error *err) RONDO_MUST_CHECK;

/* Appends state `index` as its app packs it.  RONDO_ESTATE: it is not held. */
int states_pack(const struct states *states, int32_t index, struct rondo_buf *out,
                struct rondo_error *err) RONDO_MUST_CHECK;

/* The commit, to the common state and then to each shard in order. */
int states_apply(struct states *states, void *scratch, int64_t round, struct rondo_bytes commit);

#endif

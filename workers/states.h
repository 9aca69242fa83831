/* states.h - the common state and the shards that one worker holds.
 *
 * Place:   workers, floor 3, private to it.
 * Threads: the worker's.
 */
#ifndef STATES_H
#define STATES_H

#include "workers/house.h"

struct states {
    const struct rondo_app *app;
    const void *problem;
    uint32_t epoch;      /* of all that is held */
    void *common;        /* NULL: none, or not given yet */
    struct house *house; /* of all shards; of others' too where workers share one */
    struct house *own;   /* NULL: it is shared */
    bool *mine;          /* [shards] this worker's: it packs them */
    int32_t shards;
};

/* house: shared with other workers, borrowed; NULL: the worker has its own. */
int states_init(struct states *states, const struct rondo_app *app, const void *problem,
                struct house *house);
void states_fini(struct states *states);
/* Another epoch: holds nothing any more. */
void states_begin(struct states *states, uint32_t epoch);

/* Holds shard `index` (-1: the common state) from now on, fresh or as packed, as of that round's commit. */
int states_hold(struct states *states, int32_t index, int64_t round, bool fresh, struct rondo_bytes packed,
                struct rondo_error *err) RONDO_MUST_CHECK;

/* Appends state `index` as its app packs it.  RONDO_ESTATE: it is not held. */
int states_pack(const struct states *states, int32_t index, struct rondo_buf *out,
                struct rondo_error *err) RONDO_MUST_CHECK;

/* The commit, to the common state and then to each shard of the house in order that nobody has done yet. */
int states_apply(struct states *states, void *scratch, int64_t round, struct rondo_bytes commit);

#endif

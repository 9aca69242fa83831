/* house.h - the shards that the workers of one process hold: each its own, or all of them together.
 *
 * Place:   workers, floor 3; made by embed/ where workers share one, else private to states.c.
 * Threads: safe; a shard is one worker's at a time, from house_take to house_give.
 * Memory:  owned; house_destroy frees the states that are left.
 *
 * Together they may do any task of a plan: its shard is in the memory of all, and no plan names a shard twice.
 * What a late message of an older epoch finds is another epoch's, and not given to it.
 */
#ifndef HOUSE_H
#define HOUSE_H

#include <rondo/app.h>

struct house;

int house_create(const struct rondo_app *app, const void *problem, int32_t shards,
                 struct house **house) RONDO_MUST_CHECK;
/* When no worker is left that has it. */
void house_destroy(struct house *house);

/* Waits for the shard.  NULL: it is not there as of that epoch, and there is nothing to give back. */
void *house_take(struct house *house, int32_t shard, uint32_t epoch);
/* The same for a commit, which is applied to each shard once: NULL, without waiting, where another worker has
 * done it too, or does it now. */
void *house_take_behind(struct house *house, int32_t shard, uint32_t epoch, int64_t round);
void house_give(struct house *house, int32_t shard);

/* Puts the state, as of that round's commit, in the place of whatever is there. */
void house_put(struct house *house, int32_t shard, uint32_t epoch, int64_t round, void *state);
/* Destroys what is there as of that epoch. */
void house_drop(struct house *house, int32_t shard, uint32_t epoch);

#endif

/* part.h - a part of a side's rows with their paces: a shard of sgd, or a block.
 *
 * Place:   apps/mf, private to it; sgd.c.
 * Threads: a part belongs to the task that has it.
 * Memory:  by host->alloc, from create to destroy.
 */
#ifndef MF_PART_H
#define MF_PART_H

#include "grid.h"

struct part {
    int64_t count;
    int64_t halvings; /* of the rate, after which its rows were begun */
    bool col;
    int32_t index;
    struct side side;
};

const struct edge *part_edge(const struct problem *problem, const struct part *part);

/* The first rows, or an earlier job's, and the paces that go with them. */
void part_begin(const struct problem *problem, struct part *part, int64_t halvings);

/* app.h's callbacks of states; a part is created with its first rows. */
int part_create(const struct problem *problem, bool col, int32_t index, void **state, struct rondo_error *err);
void part_destroy(const void *problem, void *state);
int part_pack(const void *problem, const void *state, struct rondo_buf *out);
int part_unpack(const void *problem, void *state, struct rondo_bytes in);

#endif

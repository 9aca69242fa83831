/* ccd.h - what CCD++ keeps: the cut, and its states.
 *
 * Place:   apps/mf, private to it; ccd.c has the rounds, ccd_states.c how states begin and are moved.
 * Threads: the cut is immutable; a task owns its shard; the model is the coordinator's.
 * Memory:  the cut is the problem's, states are by their create and destroy.
 *
 * A column is one number of every user and of every item.  They go, in this order: with biases b_u, of which the
 * items' side is 1 and stays so, and c_i, of which the users' side is 1; then the `rank` ones.  Both sides are
 * kept column by column.
 */
#ifndef MF_CCD_H
#define MF_CCD_H

#include "kernel_ccd.h"
#include "mf.h"

struct ccd {
    const struct ccd_kernel *kernel;
    int32_t shards, columns;
    int64_t *first; /* [shards + 1] users */
};

/* The head's: the items. */
struct ccd_model {
    float *item;             /* [columns x items] */
    double *sum;             /* [2 x items] of a round, not saved */
    struct ccd_pair *commit; /* [items] likewise */
};

/* The common state is what the last commit was: struct ccd_pair [items]. */

/* Some users, with their ratings' residuals (0) and their test cells' (1), without the column of the round. */
struct ccd_shard {
    int64_t first, users; /* first: the user */
    int64_t count[2];
    float *user;          /* [columns x users] */
    float *residual[2];   /* [count], by user */
};

static inline const struct cells *ccd_cells(const struct problem *problem, int which)
{
    return which ? &problem->test : &problem->by_user;
}

/* app.h's. */
int ccd_model_create(const void *problem, int32_t index, void **state, struct rondo_error *err);
void ccd_model_destroy(const void *problem, void *state);
int ccd_model_pack(const void *problem, const void *state, struct rondo_buf *out);
int ccd_model_unpack(const void *problem, void *state, struct rondo_bytes in);

int ccd_common_create(const void *problem, int32_t index, void **state, struct rondo_error *err);
void ccd_common_destroy(const void *problem, void *state);
int ccd_common_pack(const void *problem, const void *state, struct rondo_buf *out);
int ccd_common_unpack(const void *problem, void *state, struct rondo_bytes in);

int ccd_shard_create(const void *problem, int32_t index, void **state, struct rondo_error *err);
void ccd_shard_destroy(const void *problem, void *state);
int ccd_shard_pack(const void *problem, const void *state, struct rondo_buf *out);
int ccd_shard_unpack(const void *problem, void *state, struct rondo_bytes in);

#endif

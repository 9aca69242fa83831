/* states.h - the states that Rondo moves; app.h has what their callbacks promise.
 *
 * Place:   apps/lda, private to it.
 * Threads: as app.h says.
 * Memory:  created and destroyed by the callbacks, by host->alloc.
 */
#ifndef LDA_STATES_H
#define LDA_STATES_H

#include "lda.h"

int lda_block_create(const void *problem, int32_t index, void **state, struct rondo_error *err);
void lda_block_destroy(const void *problem, void *state);
int lda_block_pack(const void *problem, const void *state, struct rondo_buf *out);
int lda_block_unpack(const void *problem, void *state, struct rondo_bytes in);

int lda_shard_create(const void *problem, int32_t index, void **state, struct rondo_error *err);
void lda_shard_destroy(const void *problem, void *state);
int lda_shard_pack(const void *problem, const void *state, struct rondo_buf *out);
int lda_shard_unpack(const void *problem, void *state, struct rondo_bytes in);

int lda_common_create(const void *problem, int32_t index, void **state, struct rondo_error *err);
void lda_common_destroy(const void *problem, void *state);
int lda_common_pack(const void *problem, const void *state, struct rondo_buf *out);
int lda_common_unpack(const void *problem, void *state, struct rondo_bytes in);

#endif

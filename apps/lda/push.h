/* push.h - what workers do for the app; app.h has what the callbacks promise.
 *
 * Place:   apps/lda, private to it.
 * Threads: as app.h says.
 * Memory:  scratch is created and freed by the callbacks.
 *
 * A partial begins with a number of 8 bytes, its kind:
 *   LDA_DRAW    int64_t [1 + topics + heavy x row]: tokens drawn, and by how much totals and counts changed
 *   LDA_COUNT   histogram.h
 */
#ifndef LDA_PUSH_H
#define LDA_PUSH_H

#include "lda.h"

enum { LDA_DRAW = 1, LDA_COUNT = 2 }; /* tags of tasks too */

int lda_scratch(const void *problem, void **scratch, struct rondo_error *err);
void lda_scratch_free(const void *problem, void *scratch);
int lda_push(const void *problem, const void *common, void *shard, void *block, void *scratch,
             const struct rondo_task *task, struct rondo_buf *partial);
int lda_merge(const void *problem, struct rondo_buf *sum, struct rondo_bytes result);
int lda_apply(const void *problem, void *common, void *shard, void *scratch, int64_t round,
              struct rondo_bytes commit);

int64_t lda_kind(struct rondo_bytes result); /* -1: of none */

/* What stands behind the kind. */
static inline struct rondo_bytes lda_payload(struct rondo_bytes result)
{
    return (struct rondo_bytes){ (const unsigned char *)result.data + sizeof(int64_t),
                                 result.size - sizeof(int64_t) };
}

#endif

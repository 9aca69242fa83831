/* head.h - the model on the coordinator; app.h has what the callbacks promise.
 *
 * Place:   apps/lda, private to it.
 * Threads: the coordinator's.
 * Memory:  created and destroyed by the callbacks.
 */
#ifndef LDA_HEAD_H
#define LDA_HEAD_H

#include "lda.h"

int lda_head_create(const void *problem, int32_t index, void **state, struct rondo_error *err);
void lda_head_destroy(const void *problem, void *state);
int lda_head_pack(const void *problem, const void *state, struct rondo_buf *out);
int lda_head_unpack(const void *problem, void *state, struct rondo_bytes in);

int lda_schedule(void *head, int64_t round, struct rondo_order *order);
int lda_settle(void *head, struct rondo_head_link *link, int64_t round, int32_t phase,
               const struct rondo_task *tasks, const struct rondo_bytes *results, int32_t count,
               struct rondo_order *order);
int lda_conclude(void *head, struct rondo_head_link *link, struct rondo_error *err);
void lda_report(const void *head, struct rondo_report *report);
int lda_save(const void *head, struct rondo_head_link *link, const struct rondo_host *host,
             struct rondo_output *output, struct rondo_error *err);

#endif

/* head.h - the coordinator's side of every solver: figures, when to stop, the model at the end.
 *
 * Place:   apps/mf, private to it; mf.c has it in the app's table.
 * Threads: the coordinator's.
 * Memory:  a head, created and destroyed by the callbacks; at the end the model once more.
 */
#ifndef MF_HEAD_H
#define MF_HEAD_H

#include "mf.h"

int mf_head_create(const void *problem, int32_t index, void **state, struct rondo_error *err);
void mf_head_destroy(const void *problem, void *state);
int mf_head_pack(const void *problem, const void *state, struct rondo_buf *out);
int mf_head_unpack(const void *problem, void *state, struct rondo_bytes in);

int mf_schedule(void *head, int64_t round, struct rondo_order *order);
int mf_settle(void *head, struct rondo_head_link *link, int64_t round, int32_t phase, const struct rondo_task *tasks,
              const struct rondo_bytes *results, int32_t count, struct rondo_order *order);
int mf_conclude(void *head, struct rondo_head_link *link, struct rondo_error *err);
void mf_report(const void *head, struct rondo_report *report);
int mf_save(const void *head, struct rondo_head_link *link, const struct rondo_host *host, struct rondo_output *output,
            struct rondo_error *err);

#endif

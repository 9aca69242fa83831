/* mem.h - every allocation of ours, counted, and made to fail where a test asks for it.
 *
 * Place:   core/base, floor 0, used by all.
 * Threads: safe; the counters are atomic.
 * Memory:  what is returned is owned by the caller and freed by mem_free.
 */
#ifndef MEM_H
#define MEM_H

#include <rondo/types.h>

/* size bytes aligned to 64, not zeroed; NULL where there is none.  size 0 gives a unique pointer. */
void *mem_alloc(size_t size) RONDO_MUST_CHECK;

/* count * size zeroed bytes aligned to 64; NULL where the product overflows or memory is short.
 * Large blocks come as untouched zero pages. */
void *mem_calloc(size_t count, size_t size) RONDO_MUST_CHECK;

/* A block of new_size with the first min(old_size, new_size) bytes of old, which is freed on
 * success only. */
void *mem_regrow(void *old, size_t old_size, size_t new_size) RONDO_MUST_CHECK;

char *mem_strdup(const char *text) RONDO_MUST_CHECK;

/* NULL is allowed. */
void mem_free(void *block);

/* Allocations asked for since the program began (the failing one included). */
uint64_t mem_count(void);

/* Blocks handed out and not yet freed. */
int64_t mem_live(void);
/* For a process that lives long while threads come and go: they share a few of the C library's arenas, and what is
 * free in one goes back to the system.  Before there are threads. */
void mem_give_back(void);
/* What is free now goes back to the system, whole pages of it: before much is asked for that could not be cut
 * from what was freed.  Costs a look at every free block. */
void mem_trim(void);

/* Makes the k-th allocation from now on fail, once, counting from 1; 0 takes the order back. */
void mem_fail_at(uint64_t k);

/* Peak resident set of this process since its exec, in bytes, as the kernel counts it; 0: unknown. */
int64_t mem_peak_rss_bytes(void);

/* Makes room for `size` bytes in all, keeping buf->size bytes of content; at least doubles.
 * 0 or RONDO_ENOMEM (buf is then unchanged). */
int buf_reserve(struct rondo_buf *buf, size_t size) RONDO_MUST_CHECK;
int buf_append(struct rondo_buf *buf, const void *bytes, size_t size) RONDO_MUST_CHECK;
void buf_fini(struct rondo_buf *buf);

#endif

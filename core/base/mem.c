#include "core/base/mem.h"

#include "core/base/spill.h"

#include <rondo/err.h>

#include <inttypes.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

enum { ALIGNMENT = 64 };

/* Blocks of at least four such pages ask for them: a walk over a large matrix then waits less for
 * addresses, and the first touch of it for fewer pages. */
#define HUGE_PAGE ((size_t)2 << 20)

static _Atomic uint64_t asked;   /* relaxed: a count, nothing is ordered by it */
static _Atomic int64_t live;     /* relaxed */
static _Atomic uint64_t fail_at; /* relaxed; 0: never */

static bool refuse(void)
{
    uint64_t number = atomic_fetch_add_explicit(&asked, 1, memory_order_relaxed) + 1;
    return number == atomic_load_explicit(&fail_at, memory_order_relaxed);
}

/* Room for the alignment and, just before the block, for the address that free() wants. */
enum { SLACK = 2 * ALIGNMENT };

static void *aligned(void *raw, size_t size)
{
    if (!raw)
        return NULL;
    if (size >= 4 * HUGE_PAGE) {
        uintptr_t from = ((uintptr_t)raw + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
        uintptr_t to = ((uintptr_t)raw + size) / HUGE_PAGE * HUGE_PAGE;
        (void)madvise((char *)raw + (from - (uintptr_t)raw), to - from, MADV_HUGEPAGE); /* a wish */
    }
    uintptr_t at = ((uintptr_t)raw + SLACK - 1) / ALIGNMENT * ALIGNMENT;
    void **block = (void **)at;
    block[-1] = raw;
    atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
    return block;
}

/* Before the block stands malloc's address, which is even, or a spill_block's and 1.  *none: it was to be
 * spilled, and cannot be. */
static void *spilled(size_t size, bool *none)
{
    struct spill_block *block = spill_alloc(size + SLACK, none);
    if (!block)
        return NULL;
    void **at = (void **)(void *)((char *)spill_at(block) + SLACK);
    at[-1] = (char *)block + 1;
    atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
    return at;
}

void *mem_alloc(size_t size)
{
    bool none;
    if (refuse() || size > SIZE_MAX - SLACK)
        return NULL;
    void *large = spilled(size, &none);
    return large || none ? large : aligned(malloc(size + SLACK), size + SLACK);
}

void *mem_calloc(size_t count, size_t size)
{
    bool none;
    if (refuse() || (size && count > (SIZE_MAX - SLACK) / size))
        return NULL;
    void *large = spilled(count * size, &none);
    return large || none ? large : aligned(calloc(1, count * size + SLACK), count * size + SLACK);
}

/* One that will be filled to its end, on huge pages from the first on. */
static void *alloc_whole(size_t size)
{
    void *raw = NULL;
    bool none;
    if (size < 2 * HUGE_PAGE || size > SIZE_MAX - SLACK)
        return mem_alloc(size);
    if (refuse())
        return NULL;
    void *large = spilled(size, &none);
    if (large || none)
        return large;
    if (posix_memalign(&raw, HUGE_PAGE, size + SLACK))
        return NULL;
    (void)madvise(raw, size / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
    return aligned(raw, size + SLACK);
}

void *mem_regrow(void *old, size_t old_size, size_t new_size)
{
    void *block = mem_alloc(new_size);
    if (!block)
        return NULL;
    if (old)
        memcpy(block, old, old_size < new_size ? old_size : new_size);
    mem_free(old);
    return block;
}

char *mem_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = mem_alloc(size);
    if (copy)
        memcpy(copy, text, size);
    return copy;
}

void mem_free(void *block)
{
    if (!block)
        return;
    atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
    char *raw = ((char **)block)[-1];
    if ((uintptr_t)raw & 1)
        spill_free((struct spill_block *)(void *)(raw - 1));
    else
        free(raw);
}

uint64_t mem_count(void)
{
    return atomic_load_explicit(&asked, memory_order_relaxed);
}

int64_t mem_live(void)
{
    return atomic_load_explicit(&live, memory_order_relaxed);
}

void mem_fail_at(uint64_t k)
{
    uint64_t target = k ? mem_count() + k : 0;
    atomic_store_explicit(&fail_at, target, memory_order_relaxed);
}

/* From /proc/self/status, where there is one, in KiB; 0: not found. */
static int64_t high_water_mark(void)
{
    FILE *status = fopen("/proc/self/status", "re");
    if (!status)
        return 0;
    char line[256];
    int64_t kib = 0;
    while (kib == 0 && fgets(line, sizeof line, status))
        if (sscanf(line, "VmHWM: %" SCNd64, &kib) != 1)
            kib = 0;
    fclose(status);
    return kib;
}

/* ru_maxrss is kept over exec: it may be the peak of the program that called us by vfork. */
int64_t mem_peak_rss_bytes(void)
{
    int64_t kib = high_water_mark();
    struct rusage usage;
    if (kib <= 0 && getrusage(RUSAGE_SELF, &usage) == 0)
        kib = usage.ru_maxrss;
    return kib > 0 ? kib * 1024 : 0;
}

int buf_reserve(struct rondo_buf *buf, size_t size)
{
    if (size <= buf->capacity)
        return RONDO_OK;
    size_t capacity = buf->capacity < SIZE_MAX / 2 && buf->capacity * 2 > size ? buf->capacity * 2
                                                                               : size;
    unsigned char *data = alloc_whole(capacity);
    if (!data)
        return RONDO_ENOMEM;
    if (buf->size)
        memcpy(data, buf->data, buf->size);
    mem_free(buf->data);
    buf->data = data;
    buf->capacity = capacity;
    return RONDO_OK;
}

int buf_append(struct rondo_buf *buf, const void *bytes, size_t size)
{
    if (size > SIZE_MAX - buf->size || buf_reserve(buf, buf->size + size))
        return RONDO_ENOMEM;
    if (size)
        memcpy(buf->data + buf->size, bytes, size);
    buf->size += size;
    return RONDO_OK;
}

void buf_fini(struct rondo_buf *buf)
{
    mem_free(buf->data);
    *buf = (struct rondo_buf){ 0 };
}

void mem_give_back(void)
{
#ifdef __GLIBC__
    enum { KEPT_MOST = 1 << 22, ARENAS_MOST = 4 };
    mallopt(M_ARENA_MAX, ARENAS_MOST);    /* else 8 a core, each of which keeps as much */
    mallopt(M_TRIM_THRESHOLD, KEPT_MOST); /* else it grows to 64 MiB, for every arena */
    mallopt(M_MMAP_THRESHOLD, KEPT_MOST);
#endif
}

void mem_trim(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

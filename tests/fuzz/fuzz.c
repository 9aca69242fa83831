#define _GNU_SOURCE /* memfd_create */
#include "tests/fuzz/fuzz.h"

#include "core/base/mem.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static _Atomic int64_t taken; /* relaxed: a count; libFuzzer has a thread of its own */
static int64_t taken_begin, live_begin, most_bytes = INT64_MAX;

void fuzz_fail(const char *file, int line, const char *condition, const char *what, ...)
{
    va_list args;
    fprintf(stderr, "%s:%d: (%s) does not hold: ", file, line, condition);
    va_start(args, what);
    vfprintf(stderr, what, args);
    va_end(args);
    fputc('\n', stderr);
    abort();
}

/* AddressSanitizer keeps freed memory for a while; less of it makes large blocks much faster. */
RONDO_PUBLIC const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=4";
}

/* ---- memory: the linker sends malloc, calloc and free here (--wrap) ---------------------------- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void __wrap_free(void *block);

static void take(size_t size)
{
    int64_t now = atomic_load_explicit(&taken, memory_order_relaxed) - taken_begin;
    fuzz_check(size <= INT64_MAX / 2 && now + (int64_t)size <= most_bytes,
               "%zu bytes are wanted, %lld are taken of %lld", size, (long long)now,
               (long long)most_bytes);
}

static void *took(void *block)
{
    int64_t size = (int64_t)malloc_usable_size(block);
    atomic_fetch_add_explicit(&taken, size, memory_order_relaxed);
    return block;
}

void *__wrap_malloc(size_t size)
{
    take(size);
    return took(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    take(count * size);
    return took(__real_calloc(count, size));
}

void __wrap_free(void *block)
{
    int64_t size = (int64_t)malloc_usable_size(block);
    atomic_fetch_sub_explicit(&taken, size, memory_order_relaxed);
    __real_free(block);
}

void fuzz_begin(size_t most)
{
    taken_begin = atomic_load_explicit(&taken, memory_order_relaxed);
    live_begin = mem_live();
    fuzz_limit(most);
}

void fuzz_limit(size_t most)
{
    int64_t now = atomic_load_explicit(&taken, memory_order_relaxed) - taken_begin;
    most_bytes = most < (size_t)(INT64_MAX - now) ? now + (int64_t)most : INT64_MAX;
}

void fuzz_end(void)
{
    most_bytes = INT64_MAX;
    fuzz_check(mem_live() == live_begin, "%lld blocks are left", (long long)(mem_live() - live_begin));
}

/* ---- errors ---------------------------------------------------------------------------------- */

void fuzz_says(int code, const struct rondo_error *err)
{
    fuzz_check(code <= RONDO_OK && code >= RONDO_EREFUSED, "the code is %d", code);
    if (!code)
        return;
    fuzz_check(err->code == code, "returned %d, said %d", code, err->code);
    fuzz_check(err->what[0], "an error of code %d without a word", code);
    fuzz_check(memchr(err->where, 0, sizeof err->where) && memchr(err->what, 0, sizeof err->what)
                   && memchr(err->hint, 0, sizeof err->hint),
               "an error without an end");
}

/* ---- input ------------------------------------------------------------------------------------- */

uint8_t *fuzz_copy(const uint8_t *data, size_t size)
{
    uint8_t *copy = __real_malloc(size ? size : 1);
    fuzz_check(copy, "no memory");
    if (data && size)
        memcpy(copy, data, size);
    return copy;
}

char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = __real_malloc(size + 1);
    fuzz_check(text, "no memory");
    if (size)
        memcpy(text, data, size);
    text[size] = 0;
    return text;
}

void fuzz_drop(void *copy)
{
    __real_free(copy);
}

void fuzz_same(fuzz_reader *reader, const uint8_t *data, size_t size, size_t most)
{
    uint8_t *copy = fuzz_copy(data, size);
    struct rondo_buf out = { 0 };
    fuzz_begin(most);
    int code = reader((struct rondo_bytes){ copy, size }, &out);
    fuzz_check(!code || code == RONDO_ESTATE, "the code is %d", code);
    fuzz_check(code || (out.size == size && memcmp(out.data, copy, size) == 0),
               "what was read comes back with other bytes");
    buf_fini(&out);
    fuzz_end();
    fuzz_drop(copy);
}

const char *fuzz_file(int slot, const void *data, size_t size)
{
    static int fd[FUZZ_SLOTS] = { -1, -1 };
    static char path[FUZZ_SLOTS][32];
    if (fd[slot] < 0) {
        fd[slot] = memfd_create("fuzz", MFD_CLOEXEC);
        fuzz_check(fd[slot] >= 0, "no file in memory");
        snprintf(path[slot], sizeof path[slot], "/proc/self/fd/%d", fd[slot]);
    }
    ssize_t done = size ? pwrite(fd[slot], data, size, 0) : 0;
    fuzz_check(done == (ssize_t)size && ftruncate(fd[slot], (off_t)size) == 0, "a short write");
    return path[slot];
}

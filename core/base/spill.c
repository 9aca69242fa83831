#include "core/base/spill.h"

#include "core/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PATH = 4096, LOOKS = 16 };

struct spill_block {
    struct spill_block *before, *next;
    void *at;
    size_t bytes;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards the next four */
static char folder[PATH];
static int begun;
static struct spill_block *blocks;
static int64_t base;             /* pages of files that were resident before: the program's own */
static _Atomic int64_t cap;      /* 0: none begun */
static _Atomic int64_t said;     /* since the last look; relaxed, as all hints are */

/* ---- files --------------------------------------------------------------------------------------------- */

/* Of no name, so that it goes with whoever has it. */
static int open_file(void)
{
    char path[PATH + 16];
    snprintf(path, sizeof path, "%s/.spill-XXXXXX", folder);
    int fd = mkstemp(path);
    if (fd >= 0)
        unlink(path);
    return fd;
}

/* All its room is taken now: a full disk is an error here, and no signal later. */
static int map_file(struct spill_block *block)
{
    int fd = open_file();
    if (fd < 0)
        return errno;
    int failed = posix_fallocate(fd, 0, (off_t)block->bytes);
    if (!failed) {
        block->at = mmap(NULL, block->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        failed = block->at == MAP_FAILED ? errno : 0;
    }
    close(fd);
    return failed;
}

/* ---- how much is resident ------------------------------------------------------------------------------ */

/* Pages of files, as the kernel counts them; 0: it does not say. */
static int64_t resident_pages(void)
{
    long long all, here, shared = 0;
    char text[128];
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    if (fd >= 0)
        close(fd);
    text[got > 0 ? got : 0] = '\0';
    return sscanf(text, "%lld %lld %lld", &all, &here, &shared) == 3 ? shared : 0;
}

static void look(int64_t most)
{
    if (pthread_mutex_trylock(&mutex) != 0)
        return; /* somebody looks */
    bool over = (resident_pages() - base) * sysconf(_SC_PAGESIZE) > most / 4 * 3;
    for (struct spill_block *block = blocks; over && block; block = block->next)
        (void)madvise(block->at, block->bytes, MADV_DONTNEED);
    pthread_mutex_unlock(&mutex);
}

void spill_said(size_t bytes)
{
    int64_t most = atomic_load_explicit(&cap, memory_order_relaxed);
    if (!most)
        return;
    int64_t now = atomic_fetch_add_explicit(&said, (int64_t)bytes, memory_order_relaxed) + (int64_t)bytes;
    if (now <= most / LOOKS)
        return;
    atomic_store_explicit(&said, 0, memory_order_relaxed);
    look(most);
}

/* ---- from when to when ----------------------------------------------------------------------------------- */

int spill_begin(const char *dir, int64_t resident, struct rondo_error *err)
{
    int code = RONDO_OK;
    pthread_mutex_lock(&mutex);
    if (!begun) {
        snprintf(folder, sizeof folder, "%s", dir);
        int fd = strlen(dir) < PATH ? open_file() : -1;
        if (fd < 0)
            code = rondo_error_set(err, RONDO_EIO, dir, NULL, "no file can be made there: %s", strerror(errno));
        else
            close(fd);
        base = resident_pages();
        atomic_store(&said, 0);
    }
    int64_t most = atomic_load(&cap);
    if (!code && (!begun++ || resident < most))
        atomic_store(&cap, resident > 0 ? resident : 1);
    pthread_mutex_unlock(&mutex);
    return code;
}

void spill_end(void)
{
    pthread_mutex_lock(&mutex);
    if (!--begun)
        atomic_store(&cap, 0);
    pthread_mutex_unlock(&mutex);
}

int64_t spill_cap(void)
{
    return atomic_load_explicit(&cap, memory_order_relaxed);
}

/* ---- blocks ------------------------------------------------------------------------------------------------ */

static void link_block(struct spill_block *block)
{
    pthread_mutex_lock(&mutex);
    block->next = blocks;
    if (blocks)
        blocks->before = block;
    blocks = block;
    pthread_mutex_unlock(&mutex);
}

struct spill_block *spill_alloc(size_t bytes, bool *full)
{
    *full = false;
    if (bytes < SPILL_LEAST || !atomic_load_explicit(&cap, memory_order_relaxed) || bytes > INT64_MAX / 2)
        return NULL;
    struct spill_block *block = calloc(1, sizeof *block);
    int failed = ENOMEM;
    if (block) {
        block->bytes = bytes;
        failed = map_file(block);
    }
    if (failed) {
        log_line(LOG_WARNING, "%s has no room for %zu bytes beyond limits.resident: %s", folder, bytes,
                 strerror(failed));
        free(block);
        *full = true;
        return NULL;
    }
    /* Pieces of two megabytes could not be let go in part. */
    (void)madvise(block->at, bytes, MADV_NOHUGEPAGE);
    link_block(block);
    spill_said(bytes);
    return block;
}

void *spill_at(const struct spill_block *block)
{
    return block->at;
}

void spill_free(struct spill_block *block)
{
    pthread_mutex_lock(&mutex);
    *(block->before ? &block->before->next : &blocks) = block->next;
    if (block->next)
        block->next->before = block->before;
    pthread_mutex_unlock(&mutex);
    munmap(block->at, block->bytes);
    free(block);
}

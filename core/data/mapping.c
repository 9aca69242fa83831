#include "core/data/mapping.h"

#include "core/base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A fault may bring all that the kernel keeps together: at most a region, which is aligned in the file.  What
 * of it was not asked for is let go after a while. */
enum { PAGE = 4096, WORD = 64, WORDS = 8, REGION = PAGE * WORD * WORDS, GUARDS = 256 };

/* What the handler of a signal sees.  An entry with a length is valid; `lost` is set there alone. */
struct guard {
    atomic_uintptr_t from, length;
    atomic_bool taken, lost;
};

/* A bit for each page.  Relaxed: they are hints, and order nothing. */
struct region {
    _Atomic uint64_t now[WORDS], before[WORDS]; /* said since the last turn, and between the two before */
    atomic_bool loose;                          /* more may be resident than was said */
};

struct mapping {
    char *at;
    size_t bytes;
    struct guard *guard; /* NULL: there was none left */
    int64_t keep, loose_most; /* pages between two turns, a quarter of the cap; regions, half of it */
    int64_t regions;          /* 0: there is no cap */
    struct region *region;    /* [regions] */
    _Atomic int64_t said, loose; /* pages that are `now`; regions */
    pthread_mutex_t turning;     /* who holds it lets go */
};

/* ---- files that are cut short ------------------------------------------------------------------------ */

static struct guard guards[GUARDS];
static struct sigaction others; /* who handled the signal before us */

static bool mend(uintptr_t at)
{
    for (int i = 0; i < GUARDS; i++) {
        uintptr_t from = atomic_load(&guards[i].from), length = atomic_load(&guards[i].length);
        if (at - from >= length)
            continue;
        atomic_store(&guards[i].lost, true);
        return syscall(SYS_mmap, at / PAGE * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)
               != -1; /* the kernel's own: a checker of races takes the library's for a write to what others read */
    }
    return false;
}

/* A fault that is nobody's comes again once the handler is the old one. */
static void on_bus(int number, siginfo_t *info, void *context)
{
    int kept = errno;
    if (info->si_code <= 0 || !mend((uintptr_t)info->si_addr)) { /* <= 0: sent by somebody */
        if (others.sa_flags & SA_SIGINFO)
            others.sa_sigaction(number, info, context);
        else
            sigaction(number, &others, NULL);
    }
    errno = kept;
}

static void listen_for_faults(void)
{
    struct sigaction ours = { .sa_sigaction = on_bus, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART };
    sigemptyset(&ours.sa_mask);
    sigaction(SIGBUS, &ours, &others);
}

static struct guard *take_guard(const void *at, size_t bytes)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, listen_for_faults);
    for (int i = 0; i < GUARDS; i++)
        if (!atomic_exchange(&guards[i].taken, true)) {
            atomic_store(&guards[i].lost, false);
            atomic_store(&guards[i].from, (uintptr_t)at);
            atomic_store(&guards[i].length, bytes);
            return &guards[i];
        }
    return NULL;
}

static void leave_guard(struct guard *guard)
{
    if (!guard)
        return;
    atomic_store(&guard->length, 0);
    atomic_store(&guard->taken, false);
}

bool mapping_intact(const struct mapping *mapping)
{
    return !mapping->guard || !atomic_load(&mapping->guard->lost);
}

/* ---- a mapping's life ---------------------------------------------------------------------------------- */

static int64_t share(int64_t bytes, int64_t of)
{
    return bytes > of ? bytes / of : 1;
}

/* Pages of two megabytes could not be let go in part. */
static int make_cap(struct mapping *mapping, int64_t resident)
{
    if (resident <= 0 || (uint64_t)resident >= mapping->bytes)
        return RONDO_OK;
    (void)madvise(mapping->at, mapping->bytes, MADV_NOHUGEPAGE);
    mapping->keep = share(resident / 4, PAGE);
    mapping->loose_most = share(resident / 2, REGION);
    mapping->regions = (int64_t)((mapping->bytes + REGION - 1) / REGION);
    mapping->region = mem_calloc((size_t)mapping->regions, sizeof *mapping->region);
    return mapping->region ? RONDO_OK : RONDO_ENOMEM;
}

int mapping_create(int fd, size_t bytes, int64_t resident, const char *name, struct mapping **out,
                   struct rondo_error *err)
{
    struct mapping *mapping = mem_calloc(1, sizeof *mapping);
    if (!mapping)
        return rondo_error_set(err, RONDO_ENOMEM, name, NULL, "out of memory");
    pthread_mutex_init(&mapping->turning, NULL);
    mapping->bytes = bytes;
    mapping->at = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
    int code = RONDO_OK;
    if (mapping->at == MAP_FAILED) {
        mapping->at = NULL;
        code = rondo_error_set(err, RONDO_EIO, name, NULL, "it cannot be mapped: %s", strerror(errno));
    } else if (make_cap(mapping, resident)) {
        code = rondo_error_set(err, RONDO_ENOMEM, name, NULL, "out of memory");
    }
    if (code) {
        mapping_destroy(mapping);
        return code;
    }
    mapping->guard = take_guard(mapping->at, bytes);
    *out = mapping;
    return RONDO_OK;
}

void mapping_destroy(struct mapping *mapping)
{
    if (!mapping)
        return;
    if (mapping->at)
        munmap(mapping->at, mapping->bytes);
    leave_guard(mapping->guard);
    pthread_mutex_destroy(&mapping->turning);
    mem_free(mapping->region);
    mem_free(mapping);
}

const void *mapping_at(const struct mapping *mapping)
{
    return mapping->at;
}

bool mapping_holds(const struct mapping *mapping, const void *at)
{
    return (uintptr_t)at - (uintptr_t)mapping->at < mapping->bytes;
}

/* ---- the cap --------------------------------------------------------------------------------------------- */

static uint64_t get(_Atomic uint64_t *word)
{
    return atomic_load_explicit(word, memory_order_relaxed);
}

/* Pages [from, to) of the file. */
static void drop(const struct mapping *mapping, int64_t from, int64_t to)
{
    size_t begin = (size_t)from * PAGE, end = (size_t)to * PAGE;
    end = end < mapping->bytes ? end : mapping->bytes;
    if (begin < end)
        (void)madvise(mapping->at + begin, end - begin, MADV_DONTNEED);
}

/* Of a region what was said neither now nor before. */
static void let_go(const struct mapping *mapping, int64_t r)
{
    struct region *region = &mapping->region[r];
    int64_t first = r * WORDS * WORD, run = -1; /* of pages that go; -1: none */
    for (int w = 0; w < WORDS; w++) {
        uint64_t kept = get(&region->now[w]) | get(&region->before[w]);
        for (int bit = 0; bit < WORD; bit++, kept >>= 1) {
            int64_t page = first + w * WORD + bit;
            if (!(kept & 1)) {
                run = run < 0 ? page : run;
            } else if (run >= 0) {
                drop(mapping, run, page);
                run = -1;
            }
        }
    }
    if (run >= 0)
        drop(mapping, run, first + WORDS * WORD);
}

static void loosen(struct mapping *mapping, struct region *region)
{
    if (!atomic_exchange_explicit(&region->loose, true, memory_order_relaxed))
        atomic_fetch_add_explicit(&mapping->loose, 1, memory_order_relaxed);
}

/* What was said now becomes what was said before; a bit that was said is in one of them at any time. */
static void turn(struct mapping *mapping)
{
    for (int64_t r = 0; r < mapping->regions; r++) {
        struct region *region = &mapping->region[r];
        uint64_t gone = 0;
        for (int w = 0; w < WORDS; w++) {
            uint64_t said = get(&region->now[w]), old = get(&region->before[w]);
            gone |= old & ~said;
            if (said != old)
                atomic_store_explicit(&region->before[w], said, memory_order_relaxed);
            if (said)
                atomic_fetch_and_explicit(&region->now[w], ~said, memory_order_relaxed);
            if (said)
                atomic_fetch_sub_explicit(&mapping->said, __builtin_popcountll(said), memory_order_relaxed);
        }
        if (gone)
            loosen(mapping, region);
    }
}

static bool is_full(const struct mapping *mapping)
{
    return atomic_load_explicit(&mapping->said, memory_order_relaxed) > mapping->keep
           || atomic_load_explicit(&mapping->loose, memory_order_relaxed) > mapping->loose_most;
}

/* Whoever finds it full waits until there is room, or makes it. */
static void make_room(struct mapping *mapping)
{
    pthread_mutex_lock(&mapping->turning);
    bool full = is_full(mapping);
    if (atomic_load_explicit(&mapping->said, memory_order_relaxed) > mapping->keep)
        turn(mapping);
    for (int64_t r = 0; full && r < mapping->regions; r++) {
        atomic_bool *loose = &mapping->region[r].loose;
        if (!atomic_load_explicit(loose, memory_order_relaxed))
            continue;
        atomic_store_explicit(loose, false, memory_order_relaxed);
        atomic_fetch_sub_explicit(&mapping->loose, 1, memory_order_relaxed);
        let_go(mapping, r);
    }
    pthread_mutex_unlock(&mapping->turning);
}

/* Now, so that what comes beside it is counted with it and not when it is read. */
static void bring(const struct mapping *mapping, size_t from, size_t bytes)
{
#ifdef MADV_POPULATE_READ
    size_t low = from / PAGE * PAGE;
    (void)madvise(mapping->at + low, from + bytes - low, MADV_POPULATE_READ);
#endif
}

void mapping_release(struct mapping *mapping)
{
    (void)madvise(mapping->at, mapping->bytes, MADV_DONTNEED);
}

void mapping_touch(struct mapping *mapping, const void *at, size_t bytes)
{
    if (!mapping->regions || !bytes)
        return;
    size_t from = (size_t)((const char *)at - mapping->at);
    int64_t first = (int64_t)(from / PAGE), last = (int64_t)((from + bytes - 1) / PAGE);
    bool fresh = false;
    for (int64_t w = first / WORD; w <= last / WORD; w++) {
        struct region *region = &mapping->region[w / WORDS];
        uint64_t bits = UINT64_MAX;
        bits &= w == first / WORD ? UINT64_MAX << first % WORD : UINT64_MAX;
        bits &= w == last / WORD ? UINT64_MAX >> (WORD - 1 - last % WORD) : UINT64_MAX;
        if (!(bits & ~get(&region->now[w % WORDS])))
            continue;
        bits &= ~atomic_fetch_or_explicit(&region->now[w % WORDS], bits, memory_order_relaxed);
        atomic_fetch_add_explicit(&mapping->said, __builtin_popcountll(bits), memory_order_relaxed);
        fresh = fresh || bits & ~get(&region->before[w % WORDS]);
    }
    if (fresh)
        bring(mapping, from, bytes);
    /* Afterwards: what is let go by another meanwhile, and comes again, is counted in any case. */
    for (int64_t r = first / (WORD * WORDS); fresh && r <= last / (WORD * WORDS); r++)
        loosen(mapping, &mapping->region[r]);
    if (is_full(mapping))
        make_room(mapping);
}

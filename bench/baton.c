#include "baton.h"

#include "core/base/clock.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { THREADS_MOST = 16, LOOKS = 1000 /* before a spinning thread gives way */ };

struct word {
    _Alignas(64) _Atomic uint32_t value;
};

struct runner {
    struct word go, back;
    enum baton_wait wait;
    int64_t rounds;
    pthread_t thread;
};

static void await(struct word *word, uint32_t value, enum baton_wait wait)
{
    for (int looks = 1;; looks++) {
        uint32_t seen = atomic_load_explicit(&word->value, memory_order_acquire);
        if (seen == value)
            return;
        if (wait == BATON_FUTEX)
            syscall(SYS_futex, &word->value, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
        else if (looks % LOOKS == 0)
            sched_yield();
#if defined(__x86_64__)
        else
            __builtin_ia32_pause();
#endif
    }
}

static void give(struct word *word, uint32_t value, enum baton_wait wait)
{
    atomic_store_explicit(&word->value, value, memory_order_release);
    if (wait == BATON_FUTEX)
        syscall(SYS_futex, &word->value, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static void *run(void *context)
{
    struct runner *runner = context;
    for (int64_t round = 1; round <= runner->rounds; round++) {
        await(&runner->go, (uint32_t)round, runner->wait);
        give(&runner->back, (uint32_t)round, runner->wait);
    }
    return NULL;
}

double baton_rate(enum baton_wait wait, int threads, int64_t rounds)
{
    static struct runner runner[THREADS_MOST];
    int others = (threads < THREADS_MOST ? threads : THREADS_MOST) - 1;
    for (int i = 0; i < others; i++) {
        atomic_store(&runner[i].go.value, 0);
        atomic_store(&runner[i].back.value, 0);
        runner[i].wait = wait;
        runner[i].rounds = rounds;
        if (pthread_create(&runner[i].thread, NULL, run, &runner[i]))
            return 0;
    }
    int64_t began_ns = clock_now_ns();
    for (int64_t round = 1; round <= rounds; round++) {
        for (int i = 0; i < others; i++)
            give(&runner[i].go, (uint32_t)round, wait);
        for (int i = 0; i < others; i++)
            await(&runner[i].back, (uint32_t)round, wait);
    }
    double seconds = (double)(clock_now_ns() - began_ns) * 1e-9;
    for (int i = 0; i < others; i++)
        pthread_join(runner[i].thread, NULL);
    return (double)rounds / seconds;
}

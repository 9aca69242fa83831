#define _GNU_SOURCE /* sched_getaffinity */

#include "core/base/each.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

enum { THREADS_MOST = 256 };

struct share {
    int (*part)(void *context, int64_t index);
    void *context;
    int64_t parts;
    atomic_llong next;
    pthread_mutex_t mutex;
    int64_t failed; /* the lowest part that failed; parts: none */
    int code;
};

static void note(struct share *share, int64_t index, int code)
{
    pthread_mutex_lock(&share->mutex);
    if (index < share->failed) {
        share->failed = index;
        share->code = code;
    }
    pthread_mutex_unlock(&share->mutex);
    atomic_store(&share->next, share->parts);
}

static void *work(void *context)
{
    struct share *share = context;
    for (;;) {
        int64_t index = atomic_fetch_add(&share->next, 1);
        if (index >= share->parts)
            return NULL;
        int code = share->part(share->context, index);
        if (code)
            note(share, index, code);
    }
}

static int start(pthread_t *thread, int32_t count, struct share *share)
{
    int32_t started = 0;
    sigset_t all, old;
    sigfillset(&all);
    sigdelset(&all, SIGBUS); /* of its own reads: core/data/mapping.h */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    while (started < count && pthread_create(&thread[started], NULL, work, share) == 0)
        started++;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return started;
}

int each_part(int32_t threads, int64_t parts, int (*part)(void *context, int64_t index),
              void *context)
{
    pthread_t thread[THREADS_MOST];
    struct share share = { .part = part, .context = context, .parts = parts,
                           .mutex = PTHREAD_MUTEX_INITIALIZER, .failed = parts };
    atomic_init(&share.next, 0);
    int64_t others = threads < parts ? threads - 1 : parts - 1;
    others = others < THREADS_MOST ? others : THREADS_MOST;
    int32_t started = start(thread, (int32_t)(others > 0 ? others : 0), &share);
    work(&share);
    for (int32_t i = 0; i < started; i++)
        pthread_join(thread[i], NULL);
    return share.code;
}

int32_t each_threads(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return count < THREADS_MOST ? count : THREADS_MOST;
}

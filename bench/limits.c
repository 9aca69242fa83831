/* limits.c - all threads begin at a gate and end at it: the slowest counts. */
#include "bench/limits.h"

#include "bench/peak.h"
#include "core/base/clock.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 64, TRIES = 7, LINES = 8000000, TURNS = 4000000, THREADS_MOST = 64 };

struct crew {
    pthread_barrier_t gate;
    size_t lines;
    const uint64_t *memory;   /* NULL: sums */
    const struct peak *peak;
};

struct hand {
    struct crew *crew;
    uint64_t seed;
    pthread_t thread;
    double sum; /* kept, so that the work is */
};

static void work(struct hand *hand)
{
    const struct crew *crew = hand->crew;
    uint64_t x = hand->seed, sum = 0;
    if (!crew->memory)
        hand->sum += crew->peak->run(TURNS);
    for (int64_t i = 0; i < LINES && crew->memory; i++) {
        x = x * UINT64_C(0xD1342543DE82EF95) + 1;
        sum += crew->memory[(size_t)(((x >> 32) * crew->lines) >> 32) * (LINE / sizeof sum)];
    }
    hand->sum += (double)sum;
}

static void *tries(void *context)
{
    struct hand *hand = context;
    for (int i = 0; i < TRIES; i++) {
        pthread_barrier_wait(&hand->crew->gate);
        work(hand);
        pthread_barrier_wait(&hand->crew->gate);
    }
    return NULL;
}

/* The least seconds of a try. */
static double least(struct crew *crew, int threads)
{
    struct hand hand[THREADS_MOST];
    double seconds = 1e300;
    if (threads < 1 || threads > THREADS_MOST || pthread_barrier_init(&crew->gate, NULL, (unsigned)threads))
        abort();
    for (int t = 0; t < threads; t++) {
        hand[t] = (struct hand){ .crew = crew, .seed = (uint64_t)t + 1 };
        if (t && pthread_create(&hand[t].thread, NULL, tries, &hand[t]))
            abort();
    }
    for (int i = 0; i < TRIES; i++) {
        pthread_barrier_wait(&crew->gate);
        int64_t began_ns = clock_now_ns();
        work(&hand[0]);
        pthread_barrier_wait(&crew->gate);
        double took = (double)(clock_now_ns() - began_ns) * 1e-9;
        seconds = took < seconds ? took : seconds;
    }
    for (int t = 1; t < threads; t++)
        pthread_join(hand[t].thread, NULL);
    pthread_barrier_destroy(&crew->gate);
    return seconds;
}

double limits_lines(int threads, size_t bytes)
{
    size_t lines = bytes / LINE + 1;
    uint64_t *memory = aligned_alloc(LINE, lines * LINE);
    if (!memory)
        abort();
    memset(memory, 0, lines * LINE);
    struct crew crew = { .lines = lines, .memory = memory };
    double seconds = least(&crew, threads);
    free(memory);
    return (double)LINES * threads / seconds;
}

double limits_sums(int threads)
{
    struct crew crew = { .peak = __builtin_cpu_supports("avx512f") ? &bench_peak_v4
                                 : __builtin_cpu_supports("fma")   ? &bench_peak_v3
                                                                   : &bench_peak_v2 };
    double seconds = least(&crew, threads);
    return (double)crew.peak->operations / 2 * TURNS * threads / seconds;
}

/* overhead.c - what a round costs that does nothing: the empty app through the real engine, its
 * messages and the loop transport, beside the machine's own round trips, turn by turn in one run.
 *
 *     bench/overhead [rounds] [repetitions] [workers]
 */
#include "bench/baton.h"
#include "bench/empty_app.h"
#include "bench/median.h"
#include "coordinator/server.h"
#include "core/base/clock.h"
#include "embed/cluster.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { REPETITIONS_MOST = 99, WORKERS_MOST = 8, WARM_ROUNDS = 1000, SNAPSHOT_ROUNDS = 1024 };

static const double BAR = 50000, AIM = 200000, STRADS = 2512; /* rounds per second */
static const double START_BAR_MS = 50;

struct ran {
    double rate, start_ms;
};

static int solve(const struct empty_problem *problem, int32_t workers, int64_t rounds,
                 struct engine *engine, struct recorder *recorder, struct ran *ran,
                 struct rondo_error *err)
{
    struct cluster_options options = { .app = &empty_app, .problem = problem, .workers = workers };
    struct cluster *cluster;
    int64_t began_ns = clock_now_ns();
    int code = cluster_start(&options, &cluster, err);
    if (code)
        return code;
    int64_t started_ns = clock_now_ns();
    struct server_options server = { .engine = engine, .recorder = recorder,
                                     .hub = cluster_hub(cluster) };
    code = server_run(&server, err);
    ran->rate = (double)rounds / ((double)(clock_now_ns() - started_ns) * 1e-9);
    ran->start_ms = (double)(started_ns - began_ns) * 1e-6;
    cluster_stop(cluster);
    if (!code && engine_rounds(engine) != rounds)
        code = rondo_error_set(err, RONDO_ESTATE, NULL, NULL, "the job ended early");
    engine_destroy(engine);
    cluster_destroy(cluster);
    return code;
}

/* One job of `rounds` empty rounds, from the start of its threads to their end. */
static struct ran run_empty(int32_t workers, int64_t rounds)
{
    struct empty_problem problem = { .tasks = workers };
    struct recorder_options recording = { .level = TRACE_OFF, .ground = { .isa = "" }, .pipeline = 1 };
    struct engine_options options = { .app = &empty_app, .problem = &problem, .workers = workers,
                                      .schedule = { .pipeline = 1 }, .round_limit = rounds,
                                      .snapshot_rounds = SNAPSHOT_ROUNDS };
    struct rondo_error err = { 0 };
    struct recorder *recorder = NULL;
    struct engine *engine = NULL;
    struct ran ran = { 0 };
    int code = recorder_create(&recording, &recorder, &err);
    if (!code) {
        struct engine_observer observer = recorder_observer(recorder);
        code = engine_create(&options, &observer, &engine, &err);
    }
    if (!code)
        code = solve(&problem, workers, rounds, engine, recorder, &ran, &err);
    if (recorder_close(recorder, &err) || code) {
        fprintf(stderr, "overhead: %s\n", err.what);
        exit(1);
    }
    return ran;
}

struct row {
    double rondo, best, spin, futex;
};

static struct row measure(int32_t workers, int64_t rounds, int repetitions)
{
    static double rondo[REPETITIONS_MOST], spin[REPETITIONS_MOST], futex[REPETITIONS_MOST];
    bool crowded = sysconf(_SC_NPROCESSORS_ONLN) < workers;
    run_empty(workers, WARM_ROUNDS);
    for (int i = 0; i < repetitions; i++) {
        rondo[i] = run_empty(workers, rounds).rate;
        spin[i] = workers > 1 ? baton_rate(BATON_SPIN, workers, crowded ? rounds / 10 : rounds) : 0;
        futex[i] = workers > 1 ? baton_rate(BATON_FUTEX, workers, rounds / 10) : 0;
    }
    struct row row = { .rondo = median(rondo, repetitions), .spin = median(spin, repetitions),
                       .futex = median(futex, repetitions) };
    row.best = rondo[repetitions - 1];
    return row;
}

static void print_rates(int32_t first, int32_t last, int64_t rounds, int repetitions)
{
    printf("rounds per second of the empty app; medians of %d jobs of %lld rounds, in turn with the "
           "bare round trips\n\n", repetitions, (long long)rounds);
    printf("| workers | rondo | best | us a round | spin | futex | rondo/spin | rondo/futex "
           "| rondo/STRADS |\n|---|---|---|---|---|---|---|---|---|\n");
    double two = 0;
    for (int32_t workers = first; workers <= last; workers++) {
        struct row row = measure(workers, rounds, repetitions);
        two = workers == 2 ? row.rondo : two;
        printf("| %d | %.0f | %.0f | %.2f | ", workers, row.rondo, row.best, 1e6 / row.rondo);
        if (workers > 1)
            printf("%.0f | %.0f | %.2f | %.2f | ", row.spin, row.futex, row.rondo / row.spin,
                   row.rondo / row.futex);
        else
            printf("- | - | - | - | ");
        printf("%.0f |\n", row.rondo / STRADS);
        fflush(stdout);
    }
    if (two > 0)
        printf("\n2 workers: bar %.0f %s, aim %.0f %s\n", BAR, two >= BAR ? "met" : "MISSED", AIM,
           two >= AIM ? "met" : "missed");
}

static void print_starts(int repetitions)
{
    double ms[REPETITIONS_MOST], worst = 0;
    printf("\nstart of the embedded cluster, median and worst of %d\n\n| workers | ms | worst |\n"
           "|---|---|---|\n", repetitions);
    for (int32_t workers = 1; workers <= WORKERS_MOST; workers++) {
        for (int i = 0; i < repetitions; i++)
            ms[i] = run_empty(workers, 1).start_ms;
        double middle = median(ms, repetitions);
        printf("| %d | %.3f | %.3f |\n", workers, middle, ms[repetitions - 1]);
        worst = ms[repetitions - 1] > worst ? ms[repetitions - 1] : worst;
    }
    printf("\nstart: bar %.0f ms %s (worst %.3f ms)\n", START_BAR_MS,
           worst < START_BAR_MS ? "met" : "MISSED", worst);
}

int main(int argc, char **argv)
{
    int32_t workers = argc > 3 ? (int32_t)strtol(argv[3], NULL, 10) : 0;
    int64_t rounds = argc > 1 ? strtoll(argv[1], NULL, 10) : 200000;
    int repetitions = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 7;
    if (rounds < 10 || repetitions < 1 || repetitions > REPETITIONS_MOST || workers < 0
        || workers > WORKERS_MOST) {
        fprintf(stderr, "overhead [rounds >= 10] [repetitions 1 to %d] [workers 1 to %d]\n",
                REPETITIONS_MOST, WORKERS_MOST);
        return 2;
    }
    printf("%ld cores\n", sysconf(_SC_NPROCESSORS_ONLN));
    print_rates(workers ? workers : 1, workers ? workers : 3, rounds, repetitions);
    if (!workers)
        print_starts(repetitions);
    return 0;
}

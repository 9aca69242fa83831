/* transport.c - rounds per second of the empty app over connections, workers in processes of their
 * own, beside bare NNG carrying as many messages of the same sizes, turn by turn in one run.
 *
 *     bench/transport [rounds] [repetitions] [workers]
 *
 * A measurement is a coordinator's process and its workers', forked before any of them has called
 * NNG.  Bare NNG: a pair0 socket, or a stream, for each worker; a round sends each of them what the
 * engine sends in a round, and waits for the answers of all.
 */
#include "bench/bare.h"
#include "bench/empty_app.h"
#include "bench/median.h"
#include "coordinator/server.h"
#include "core/base/clock.h"
#include "core/net/remote.h"
#include "workers/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REPETITIONS_MOST = 99, WORKERS_MOST = 8, WARM_ROUNDS = 500, SNAPSHOT_ROUNDS = 1 << 30 };

static const double BAR = 0.6;

struct ran {
    double rate;
    struct bare_load load; /* what a round sent and received, for each worker */
};

static void give_up(const char *what)
{
    fprintf(stderr, "transport: %s\n", what);
    _exit(1);
}

static void tell(int to, const void *bytes, size_t size)
{
    if (write(to, bytes, size) != (ssize_t)size)
        give_up("a pipe is closed");
}

static void hear(int from, void *bytes, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t got = read(from, (char *)bytes + at, size - at);
        if (got <= 0)
            give_up("a process ended early");
        at += (size_t)got;
    }
}

/* ---- a worker's process ------------------------------------------------------------------------ */

struct seat {
    struct remote_link *link;
};

static void on_frame(void *context, struct conn *conn, const struct frame *frame,
                     struct rondo_buf *body)
{
    struct seat *seat = context;
    (void)conn;
    (void)frame;
    remote_link_frame(seat->link, body);
}

static void on_closed(void *context, struct conn *conn, const char *why)
{
    struct seat *seat = context;
    (void)conn;
    (void)why;
    remote_link_cut(seat->link);
}

static void rondo_worker(const char *url, int32_t workers)
{
    struct empty_problem problem = { .tasks = workers };
    struct seat seat = { 0 };
    struct frame_who who = { .name = "bench", .host = "here", .build = RONDO_VERSION,
                             .isa = "any", .device = "cpu", .pid = (uint32_t)getpid(),
                             .threads = 1 };
    struct conn_options options = { .url = url, .token = "bench",
                                    .events = { &seat, NULL, on_frame, on_closed } };
    struct frame ready = { .type = FRAME_READY, .session = (uint32_t)getpid() };
    struct rondo_error err = { 0 };
    struct conn *conn;
    struct worker *worker;
    if (dial_open(&options, &who, 5, &conn, &err)
        || remote_link_create(conn, ready.session, 0, &empty_app, &problem, &seat.link, &err))
        give_up(err.what);
    struct worker_options life = { .app = &empty_app, .problem = &problem,
                                   .link = remote_link_net(seat.link) };
    if (worker_create(&life, &worker, &err) || conn_send(conn, &ready, NULL, 0))
        give_up("a worker cannot begin");
    worker_loop(worker);
}

/* ---- the coordinator's process ------------------------------------------------------------------- */

static void gate_arrived(void *context, struct conn *conn, const struct frame_who *who)
{
    (void)context;
    (void)conn;
    (void)who;
}

static void gate_frame(void *context, struct conn *conn, const struct frame *frame,
                       struct rondo_buf *body)
{
    struct remote_hub *hub = context;
    if (frame->type == FRAME_MESSAGE)
        remote_hub_frame(hub, frame, body);
    else if (remote_hub_join(hub, conn, frame->session, 1))
        give_up("no memory");
}

static void gate_closed(void *context, struct conn *conn, const char *why)
{
    (void)context;
    (void)conn;
    (void)why;
}

static double solve(struct remote_hub *hub, int32_t workers, int64_t rounds,
                    const struct empty_problem *problem)
{
    struct recorder_options recording = { .level = TRACE_OFF, .ground = { .isa = "" }, .pipeline = 1 };
    struct engine_options options = { .app = &empty_app, .problem = problem, .workers = workers,
                                      .schedule = { .pipeline = 1 }, .round_limit = rounds,
                                      .snapshot_rounds = SNAPSHOT_ROUNDS };
    struct rondo_error err = { 0 };
    struct recorder *recorder = NULL;
    struct engine *engine = NULL;
    if (recorder_create(&recording, &recorder, &err))
        give_up(err.what);
    struct engine_observer observer = recorder_observer(recorder);
    if (engine_create(&options, &observer, &engine, &err))
        give_up(err.what);
    struct server_options server = { .engine = engine, .recorder = recorder,
                                     .hub = remote_hub_net(hub) };
    int64_t began_ns = clock_now_ns();
    if (server_run(&server, &err) || engine_rounds(engine) != rounds)
        give_up(err.what);
    return (double)rounds / ((double)(clock_now_ns() - began_ns) * 1e-9);
}

static struct ran rondo_coordinator(const char *url, const int *tell_url, int32_t workers,
                                    int64_t rounds)
{
    struct empty_problem problem = { .tasks = workers };
    struct rondo_error err = { 0 };
    struct remote_hub *hub;
    struct gate *gate;
    struct gate_counts counts;
    struct ran ran;
    if (remote_hub_create(&empty_app, &problem, &hub, &err))
        give_up(err.what);
    struct conn_options options = { .url = url, .token = "bench",
                                    .events = { hub, gate_arrived, gate_frame, gate_closed } };
    if (gate_open(&options, &gate, &err))
        give_up(err.what);
    char bound[BARE_URL] = "";
    snprintf(bound, sizeof bound, "%s", gate_url(gate));
    for (int32_t i = 0; i < workers; i++)
        tell(tell_url[i], bound, sizeof bound);
    ran.rate = solve(hub, workers, rounds, &problem);
    gate_count(gate, &counts);
    double turns = (double)rounds * workers;
    ran.load = (struct bare_load){
        .down = (int32_t)((double)counts.frames_out / turns + 0.5),
        .down_bytes = (int32_t)((double)counts.bytes_out / (double)counts.frames_out + 0.5),
        .up_bytes = (int32_t)((double)counts.bytes_in / (double)counts.frames_in + 0.5),
    };
    gate_close(gate);
    return ran;
}

/* ---- one measurement --------------------------------------------------------------------------- */

enum mode { RONDO, PAIR, STREAM };

static void be_worker(enum mode mode, int from, int32_t workers, const struct bare_load *load)
{
    char url[BARE_URL];
    hear(from, url, sizeof url);
    if (mode == RONDO)
        rondo_worker(url, workers);
    else
        bare_worker(mode == PAIR ? BARE_PAIR : BARE_STREAM, url, load);
    _exit(0);
}

static struct ran be_coordinator(enum mode mode, const char *kind, const int *tell_url,
                                 int32_t workers, int64_t rounds, const struct bare_load *load)
{
    char url[BARE_URL];
    if (strcmp(kind, "ipc") == 0)
        snprintf(url, sizeof url, "ipc:///tmp/rondo-bench-%ld", (long)getpid());
    else
        snprintf(url, sizeof url, "tcp://127.0.0.1:0");
    if (mode == RONDO)
        return rondo_coordinator(url, tell_url, workers, rounds);
    struct ran ran = { .load = *load };
    ran.rate = bare_rate(mode == PAIR ? BARE_PAIR : BARE_STREAM, url, tell_url, workers, rounds,
                         load);
    return ran;
}

static struct ran measure(enum mode mode, const char *kind, int32_t workers, int64_t rounds,
                          const struct bare_load *load)
{
    int urls[WORKERS_MOST][2], result[2], writers[WORKERS_MOST];
    struct ran ran;
    if (pipe(result))
        give_up("no pipe");
    for (int32_t i = 0; i < workers; i++) {
        if (pipe(urls[i]))
            give_up("no pipe");
        writers[i] = urls[i][1];
        if (fork() == 0)
            be_worker(mode, urls[i][0], workers, load);
    }
    if (fork() == 0) {
        ran = be_coordinator(mode, kind, writers, workers, rounds, load);
        tell(result[1], &ran, sizeof ran);
        _exit(0);
    }
    close(result[1]);
    hear(result[0], &ran, sizeof ran);
    close(result[0]);
    for (int32_t i = 0; i < workers; i++) {
        close(urls[i][0]);
        close(urls[i][1]);
    }
    while (wait(NULL) > 0)
        ;
    return ran;
}

/* ---- the table --------------------------------------------------------------------------------- */

static bool print_row(const char *kind, int32_t workers, int64_t rounds, int repetitions)
{
    static double rondo[REPETITIONS_MOST], pair[REPETITIONS_MOST], stream[REPETITIONS_MOST];
    struct bare_load load = measure(RONDO, kind, workers, WARM_ROUNDS, NULL).load;
    for (int i = 0; i < repetitions; i++) {
        rondo[i] = measure(RONDO, kind, workers, rounds, NULL).rate;
        pair[i] = measure(PAIR, kind, workers, rounds, &load).rate;
        stream[i] = measure(STREAM, kind, workers, rounds, &load).rate;
    }
    double r = median(rondo, repetitions), p = median(pair, repetitions);
    double s = median(stream, repetitions);
    printf("| %s | %d | %d x %d | %d | %.0f | %.1f | %.0f | %.0f | %.2f | %.2f |\n", kind, workers,
           load.down, load.down_bytes, load.up_bytes, r, 1e6 / r, p, s, r / p, r / s);
    fflush(stdout);
    return r >= BAR * p;
}

int main(int argc, char **argv)
{
    int32_t workers = argc > 3 ? (int32_t)strtol(argv[3], NULL, 10) : 0;
    int64_t rounds = argc > 1 ? strtoll(argv[1], NULL, 10) : 20000;
    int repetitions = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 5;
    if (rounds < 10 || repetitions < 1 || repetitions > REPETITIONS_MOST || workers < 0
        || workers > WORKERS_MOST) {
        fprintf(stderr, "transport [rounds >= 10] [repetitions 1 to %d] [workers 1 to %d]\n",
                REPETITIONS_MOST, WORKERS_MOST);
        return 2;
    }
    printf("%ld cores; rounds per second of the empty app, workers in processes; medians of %d of "
           "%lld rounds, in turn with bare NNG\n\n"
           "| over | workers | down | up | rondo | us a round | pair0 | stream | rondo/pair0 "
           "| rondo/stream |\n|---|---|---|---|---|---|---|---|---|---|\n",
           sysconf(_SC_NPROCESSORS_ONLN), repetitions, (long long)rounds);
    fflush(stdout);
    bool met = true;
    for (int kind = 0; kind < 2; kind++)
        for (int32_t w = workers ? workers : 1; w <= (workers ? workers : 2); w++)
            met = print_row(kind ? "tcp" : "ipc", w, rounds, repetitions) && met;
    printf("\nbar %.0f %% of bare NNG %s\n", 100 * BAR, met ? "met" : "MISSED");
    return 0;
}

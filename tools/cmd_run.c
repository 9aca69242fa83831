/* cmd_run.c - rondo run: one job to its end, in this process. */
#include "tools/cli.h"

#include "core/base/log.h"
#include "core/base/mem.h"
#include "tools/live.h"

#include <rondo/rondo.h>

#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SETS_MOST = 256 };

static volatile sig_atomic_t interrupted; /* the signal's number */

struct arguments {
    const char *spec, *out, *workers, *level;
    const char *set[SETS_MOST];
    char trace[64], workers_set[64];
    int sets, own_sets; /* own: given by --set */
    bool resume, force, quiet;
};

/* A second signal, a moment later, ends the program at once. */
static void on_signal(int number)
{
    static volatile sig_atomic_t first; /* seconds; a signal sent twice at once is one */
    sig_atomic_t now = (sig_atomic_t)time(NULL);
    if (interrupted && now - first > 1) {
        live_wipe();
        signal(number, SIG_DFL);
        raise(number);
    }
    if (!interrupted) {
        first = now;
        interrupted = number;
    }
}

static int add_set(struct arguments *arguments, const char *text)
{
    if (arguments->sets == SETS_MOST)
        return cli_usage("run", "more than %d --set", SETS_MOST);
    arguments->set[arguments->sets++] = text;
    return 0;
}

/* Options with a value; 1: taken, 0: not one of them, negative: said and done. */
static int valued(struct arguments *arguments, int argc, char **argv, int *at)
{
    const char *value;
    int is = cli_option("run", "--out", argc, argv, at, &value);
    if (is > 0)
        arguments->out = value;
    if (is == 0 && (is = cli_option("run", "--set", argc, argv, at, &value)) > 0)
        is = add_set(arguments, value) ? -1 : 1;
    if (is == 0 && (is = cli_option("run", "--workers", argc, argv, at, &value)) > 0) {
        snprintf(arguments->workers_set, sizeof arguments->workers_set, "workers.count=%.40s", value);
        arguments->workers = value;
    }
    if (is == 0 && (is = cli_option("run", "--trace", argc, argv, at, &value)) > 0) {
        snprintf(arguments->trace, sizeof arguments->trace, "trace=\"%.40s\"", value);
        arguments->level = value;
    }
    return is;
}

static int parse(struct arguments *arguments, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        int is = valued(arguments, argc, argv, &i);
        if (is < 0)
            return 2;
        if (is > 0)
            continue;
        if (strcmp(argv[i], "--resume") == 0)
            arguments->resume = true;
        else if (strcmp(argv[i], "--force") == 0)
            arguments->force = true;
        else if (strcmp(argv[i], "--quiet") == 0)
            arguments->quiet = true;
        else if (argv[i][0] == '-' && argv[i][1])
            return cli_usage("run", "unknown option %s", argv[i]);
        else if (arguments->spec)
            return cli_usage("run", "one job at a time, and %s is a second", argv[i]);
        else
            arguments->spec = argv[i];
    }
    if (!arguments->spec)
        return cli_usage("run", "which job? give the spec's file");
    if (arguments->resume && arguments->force)
        return cli_usage("run", "--resume keeps what --force throws away");
    arguments->own_sets = arguments->sets;
    if (arguments->workers && add_set(arguments, arguments->workers_set))
        return 2;
    if (arguments->trace[0] && add_set(arguments, arguments->trace))
        return 2;
    return 0;
}

static void show_progress(void *context, double seconds, int64_t round, const struct rondo_report *report)
{
    live_report(context, seconds, round, report);
}

static void show_round(void *context, int64_t round, int64_t updates)
{
    live_round(context, round, updates);
}

/* NULL where nothing is to be shown. */
static struct live *show(const struct arguments *arguments, struct rondo_job *job, int64_t workers)
{
    struct jsonin *spec = NULL;
    char *text = job_canonical(job);
    if (text && jsonin_parse(text, strlen(text), &spec))
        spec = NULL;
    struct live *live = live_begin(arguments->quiet, spec);
    live_workers(live, workers);
    jsonin_free(spec);
    mem_free(text);
    return live;
}

static double goal_of(const struct rondo_report *report)
{
    for (int32_t i = 0; report->goal && i < report->count; i++)
        if (strcmp(report->metric[i].name, report->goal) == 0)
            return report->metric[i].value;
    return (double)NAN;
}

/* The hooks of the end-to-end tests (tests/README.md). */
static void read_hooks(struct rondo_run_options *options)
{
    const char *lose = getenv("RONDO_TEST_LOSE_WORKER"), *wire = getenv("RONDO_TEST_WIRE");
    int worker;
    long long round;
    if (lose && sscanf(lose, "%d@%lld", &worker, &round) == 2 && worker >= 0
        && worker < options->workers) {
        options->lose_worker = worker;
        options->lose_round = round;
    }
    options->encoded = wire && strcmp(wire, "bytes") == 0;
}

static void put_option(const char *name, const char *value)
{
    if (!value)
        return;
    fprintf(stderr, " %s", name);
    cli_put_word(value);
}

/* The line that, typed again, goes on with the same job. */
static void say_resume(const struct arguments *arguments, int64_t rounds, const char *dir)
{
    fprintf(stderr, "rondo: interrupted after round %" PRId64 "; go on with: rondo run", rounds);
    cli_put_word(arguments->spec);
    for (int i = 0; i < arguments->own_sets; i++)
        put_option("--set", arguments->set[i]);
    put_option("--workers", arguments->workers);
    put_option("--trace", arguments->level);
    put_option("--out", dir);
    fputs(" --resume\n", stderr);
}

/* Did a bound end the job, and not the app's own word? */
static bool is_limit(const char *reason)
{
    static const char *const limits[] = { "rounds", "iterations", "epochs", "seconds", "precision" };
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        if (strcmp(reason, limits[i]) == 0)
            return true;
    return false;
}

static int say_end(const struct arguments *arguments, const struct rondo_run_outcome *outcome,
                   const char *dir)
{
    const struct rondo_report *report = &outcome->report;
    if (strcmp(outcome->state, "interrupted") == 0) {
        say_resume(arguments, outcome->rounds, dir);
        return interrupted == SIGTERM ? EXIT_AGAIN : EXIT_INTERRUPTED;
    }
    char goal[64] = "";
    if (report->goal)
        snprintf(goal, sizeof goal, ", %.40s %.3g", report->goal, goal_of(report));
    if (report->goal && is_limit(outcome->stop_reason))
        log_line(LOG_WARNING, "stopped by %s before the goal (%s/result.json says how far it is); %s reached: %.3g",
                 outcome->stop_reason, dir, report->goal, goal_of(report));
    char objective[32] = "-"; /* where the app has none yet */
    if (isfinite(report->objective))
        snprintf(objective, sizeof objective, "%.10g", report->objective);
    if (!arguments->quiet)
        fprintf(stderr, "rondo: %s by %s: objective %s%s, %" PRId64 " rounds, %" PRId64
                        " updates, %.3f s; see %s\n",
                outcome->state, outcome->stop_reason, objective, goal, outcome->rounds, outcome->updates,
                outcome->solve_seconds, dir);
    return 0;
}

static int run_job(const struct arguments *arguments, struct rondo_job *job)
{
    const char *dir = arguments->out ? arguments->out : job_text(job, "output.dir");
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int64_t workers = job_given(job, "workers.count") ? job_integer(job, "workers.count")
                      : cores > 0                     ? cores
                                                      : 1;
    workers *= job_integer(job, "workers.threads");
    struct live *live = show(arguments, job, workers);
    struct rondo_run_options options = {
        .workers = (int32_t)workers, .dir = dir, .resume = arguments->resume, .force = arguments->force,
        .interrupted = &interrupted, .progress = show_progress, .context = live,
        .committed = live_draws(live) ? show_round : NULL,
    };
    read_hooks(&options);
    struct rondo_run_outcome outcome;
    struct rondo_error err = { 0 };
    int code = rondo_run(job, &options, &outcome, &err);
    live_end(live);
    if (code)
        return cli_fail(&err);
    return say_end(arguments, &outcome, dir);
}

/* Options that became overrides are named as they were typed. */
static void name_options(const struct arguments *arguments, struct rondo_error *err)
{
    if (arguments->workers && strcmp(err->where, "--set workers.count") == 0)
        snprintf(err->where, sizeof err->where, "--workers");
    if (arguments->trace[0] && strcmp(err->where, "--set trace") == 0)
        snprintf(err->where, sizeof err->where, "--trace");
}

int cmd_run(int argc, char **argv)
{
    struct arguments arguments = { 0 };
    int status = parse(&arguments, argc, argv);
    if (status)
        return status;
    struct sigaction action = { .sa_handler = on_signal };
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (arguments.quiet)
        log_set_level(LOG_WARNING);
    struct rondo_job *job;
    struct rondo_error err = { 0 };
    if (job_load(arguments.spec, arguments.set, arguments.sets, cli_apps(), &job, &err)) {
        name_options(&arguments, &err);
        return cli_fail(&err);
    }
    status = run_job(&arguments, job);
    job_free(job);
    return status;
}

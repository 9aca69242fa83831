/* run.c - one job in this process, from its spec to its output directory.
 *
 *     output directory    can it be written?          store
 *     data                loaded once                 host
 *     problem             the app's view of it        app->open
 *     engine              rounds, as events           engine, recorder
 *     cluster             workers as threads          cluster, server
 *     model and result                                app->save, store
 */
#include <rondo/rondo.h>

#include "apps/host.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "coordinator/server.h"
#include "embed/cluster.h"

#include <string.h>

#ifndef RONDO_VERSION
#define RONDO_VERSION "unknown"
#endif

/* Everything a run holds, freed in one place. */
struct run {
    struct rondo_job *job;
    const struct rondo_run_options *options;
    const struct rondo_app *app;
    struct rondo_host host;
    struct store *store;
    struct rondo_bytes checkpoint;
    struct store_ground ground;
    void *problem;
    struct recorder *recorder;
    struct engine *engine;
    struct cluster *cluster;
    int64_t began_ns;
    bool loaded;
    struct rondo_run_outcome *outcome;
};

const char *rondo_version(void)
{
    return RONDO_VERSION;
}

static double since(int64_t began_ns)
{
    return (double)(clock_now_ns() - began_ns) * 1e-9;
}

/* ---- the spec, as the engine wants it ------------------------------------------------------------------ */

static int pick(const struct rondo_job *job, const char *key, const char *const *names)
{
    const char *text = job_text(job, key);
    int index = 0;
    while (names[index + 1] && strcmp(names[index], text) != 0)
        index++;
    return index;
}

static struct scheduler_config schedule_of(const struct rondo_job *job)
{
    static const char *const rules[] = { "gradient", "delta", "uniform", "cyclic", NULL };
    static const char *const checks[] = { "none", "correlation", NULL };
    static const char *const modes[] = { "solve", "group", "drop", NULL };
    struct scheduler_config config = {
        .blocks = (int32_t)job_integer(job, "schedule.blocks"),
        .block_size = (int32_t)job_integer(job, "schedule.block_size"),
        .candidates = job_integer(job, "schedule.candidates"),
        .rule = (enum priority_rule)pick(job, "schedule.priority.rule", rules),
        .check = (enum dependency_check)pick(job, "schedule.dependency.check", checks),
        .coupled = (enum coupled_mode)pick(job, "schedule.dependency.coupled", modes),
        .threshold = job_real(job, "schedule.dependency.threshold"),
        .pipeline = (int32_t)job_integer(job, "schedule.pipeline"),
        .seed = (uint64_t)job_integer(job, "seed"),
        .cache_bytes = (size_t)job_memory_bytes(job),
    };
    if (job_given(job, "schedule.priority.eta"))
        config.eta = job_real(job, "schedule.priority.eta");
    else
        config.eta = config.rule == RULE_DELTA ? 1e-6 : 0;
    return config;
}

static enum trace_level trace_of(const struct rondo_job *job)
{
    static const char *const levels[] = { "off", "rounds", "blocks", "all", NULL };
    return (enum trace_level)pick(job, "trace", levels);
}

/* ---- the stages ------------------------------------------------------------------------------------------ */

static int prepare(struct run *run, struct rondo_error *err)
{
    struct store_options options = { .job = run->job, .dir = run->options->dir,
                                     .resume = run->options->resume, .force = run->options->force };
    int code = store_open(&options, &run->store, &run->checkpoint, err);
    if (code)
        return code;
    if (run->options->resume && !run->checkpoint.size)
        log_line(LOG_WARNING, "no checkpoint yet, starting at the beginning");
    static const struct host_upcalls upcalls = { engine_feed, engine_feed_all, engine_block,
                                                 store_create };
    host_init(&run->host, &upcalls);
    if (run->app->check)
        code = run->app->check(&run->host, run->job, err);
    if (!code)
        code = host_load(run->job, err);
    if (code)
        return code;
    run->loaded = true;
    run->ground = (struct store_ground){ host_isa(run->job), host_fingerprint(run->job) };
    code = run->app->open(&run->host, run->job, &run->problem, err);
    if (!code)
        code = store_check(run->store, &run->ground, err);
    if (!code)
        code = store_begin(run->store, err);
    run->outcome->load_seconds = since(run->began_ns);
    return code;
}

static void on_progress(void *context, double seconds, const struct engine_round *round)
{
    const struct run *run = context;
    if (run->options->progress)
        run->options->progress(run->options->context, seconds, round->round, round->report);
}

/* The recorder's observer, with the test's hook behind it. */
struct hook {
    struct run *run;
    struct engine_observer inner;
};

static void hooked_round(void *context, const struct engine_round *round)
{
    struct hook *hook = context;
    if (hook->inner.round)
        hook->inner.round(hook->inner.context, round);
    if (round->round == hook->run->options->lose_round)
        cluster_take_away(hook->run->cluster, hook->run->options->lose_worker);
}

static void hooked_moment(void *context, enum engine_moment what, int64_t round, int32_t phase,
                          int32_t block, int32_t shard, int32_t worker)
{
    struct hook *hook = context;
    hook->inner.moment(hook->inner.context, what, round, phase, block, shard, worker);
}

static void hooked_checkpoint(void *context, int64_t round, const char *ended,
                              struct rondo_bytes cut)
{
    struct hook *hook = context;
    hook->inner.checkpoint(hook->inner.context, round, ended, cut);
}

static struct engine_observer observer_of(struct hook *hook)
{
    if (hook->run->options->lose_round <= 0)
        return hook->inner;
    return (struct engine_observer){
        .context = hook, .reports = hook->inner.reports, .round = hooked_round,
        .moment = hook->inner.moment ? hooked_moment : NULL,
        .checkpoint = hook->inner.checkpoint ? hooked_checkpoint : NULL,
    };
}

/* The store's word as a constant, NULL where it says nothing. */
static const char *ended_of(const struct store *store)
{
    static const char *const words[] = { "gap", "tolerance", "rounds", "iterations", "epochs",
                                         "precision" };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(store_ended(store), words[i]) == 0)
            return words[i];
    return NULL;
}

static int assemble(struct run *run, struct hook *hook, struct rondo_error *err)
{
    const struct rondo_job *job = run->job;
    struct recorder_options recorder = {
        .store = run->store, .level = trace_of(job), .ground = run->ground,
        .pipeline = job_integer(job, "schedule.pipeline"),
        .solved_seconds = store_solved_seconds(run->store), .progress = on_progress, .context = run,
    };
    int code = recorder_create(&recorder, &run->recorder, err);
    if (code)
        return code;
    *hook = (struct hook){ run, recorder_observer(run->recorder) };
    struct engine_observer observer = observer_of(hook);
    struct engine_options options = {
        .app = run->app, .host = &run->host, .problem = run->problem,
        .schedule = schedule_of(job), .workers = run->options->workers,
        .round_limit = job_integer(job, "stop.rounds"),
        .snapshot_rounds = job_integer(job, "checkpoint.snapshot_rounds"),
    };
    code = engine_create(&options, &observer, &run->engine, err);
    if (!code && run->checkpoint.size)
        code = engine_restore(run->engine, run->checkpoint, ended_of(run->store), err);
    return code;
}

static int solve(struct run *run, struct rondo_error *err)
{
    const struct rondo_job *job = run->job;
    int64_t began_ns = clock_now_ns();
    struct cluster_options options = {
        .app = run->app, .problem = run->problem, .workers = run->options->workers,
        .seed = (uint64_t)job_integer(job, "seed"), .encoded = run->options->encoded,
    };
    int code = cluster_start(&options, &run->cluster, err);
    if (code)
        return code;
    run->outcome->start_seconds = since(began_ns);
    recorder_start(run->recorder);
    struct server_options server = {
        .engine = run->engine, .recorder = run->recorder, .hub = cluster_hub(run->cluster),
        .seconds = job_given(job, "stop.seconds") ? job_real(job, "stop.seconds") : 0,
        .checkpoint_seconds = job_real(job, "checkpoint.seconds"),
        .interrupted = run->options->interrupted,
    };
    code = server_run(&server, err);
    run->outcome->solve_seconds = recorder_seconds(run->recorder);
    cluster_stop(run->cluster);
    if (!code && engine_state(run->engine) == ENGINE_FAILED) {
        *err = *engine_error(run->engine);
        code = err->code;
        if (code == RONDO_ESTATE && !err->where[0])
            snprintf(err->where, sizeof err->where, "%.200s", store_dir(run->store));
    }
    if (!code && recorder_error(run->recorder)->code) {
        *err = *recorder_error(run->recorder);
        code = err->code;
    }
    return code;
}

/* ---- the end ---------------------------------------------------------------------------------------------- */

static void conclude(struct run *run, int code)
{
    struct rondo_run_outcome *outcome = run->outcome;
    outcome->stop_reason = code || !run->engine ? "error" : engine_stop_reason(run->engine);
    outcome->state = code                                                ? "failed"
                     : strcmp(outcome->stop_reason, "interrupted") == 0 ? "interrupted"
                     : strcmp(outcome->stop_reason, "cancelled") == 0   ? "cancelled"
                                                                        : "completed";
    outcome->total_seconds = since(run->began_ns);
    if (!run->engine)
        return;
    outcome->rounds = engine_rounds(run->engine);
    outcome->updates = engine_updates(run->engine);
    if (engine_head(run->engine) && run->app->report)
        run->app->report(engine_head(run->engine), &outcome->report);
}

static int write_result(struct run *run, int code, struct rondo_error *err)
{
    const struct rondo_run_outcome *outcome = run->outcome;
    const char *const none[] = { NULL };
    struct job_result result = {
        .job = store_id(run->store), .state = outcome->state, .stop_reason = outcome->stop_reason,
        .error = code ? err->what : NULL, .spec = run->job, .report = outcome->report,
        .rounds = outcome->rounds, .updates = outcome->updates,
        .pair_dots = run->engine ? engine_pair_dots(run->engine) : 0,
        .load_seconds = outcome->load_seconds, .solve_seconds = outcome->solve_seconds,
        .total_seconds = outcome->total_seconds, .peak_rss_bytes = mem_peak_rss_bytes(),
        .workers = run->options->workers, .isa = run->loaded ? host_isa(run->job) : "",
        .notes = run->loaded ? host_notes(run->job) : none,
    };
    memcpy(result.model_sha256, outcome->model_sha256, sizeof result.model_sha256);
    struct rondo_error why = { 0 };
    int wrote = store_result(run->store, &result, &why);
    if (wrote && !code) {
        *err = why;
        return wrote;
    }
    return code;
}

static int save(struct run *run, struct rondo_error *err)
{
    if (strcmp(engine_stop_reason(run->engine), "interrupted") == 0 || !engine_head(run->engine))
        return RONDO_OK; /* the checkpoint says it all, where anything has begun */
    int code = run->app->save(engine_head(run->engine), engine_link(run->engine), &run->host,
                               store_output(run->store), err);
    if (!code)
        code = store_publish(run->store, run->outcome->model_sha256, err);
    return code ? rondo_error_set(err, code, NULL, NULL, "the model cannot be written: %s",
                                  rondo_strerror(code))
                : code;
}

int rondo_run(struct rondo_job *job, const struct rondo_run_options *options,
              struct rondo_run_outcome *outcome, struct rondo_error *err)
{
    *outcome = (struct rondo_run_outcome){ .state = "failed", .stop_reason = "error" };
    struct run run = { .job = job, .options = options, .app = job_app(job), .outcome = outcome,
                       .began_ns = clock_now_ns() };
    struct hook hook;
    int code = prepare(&run, err);
    if (!code)
        code = assemble(&run, &hook, err);
    if (!code)
        code = solve(&run, err);
    if (!code)
        code = save(&run, err);
    if (code && !err->code)
        rondo_error_set(err, code, NULL, NULL, "%s", rondo_strerror(code));
    int closed = recorder_close(run.recorder, err);
    code = code ? code : closed;
    conclude(&run, code);
    if (run.store && store_begun(run.store))
        code = write_result(&run, code, err);
    engine_destroy(run.engine);
    cluster_destroy(run.cluster);
    if (run.problem)
        run.app->close(run.problem);
    host_unload(job);
    store_close(run.store);
    return code;
}

#include "coordinator/stages.h"

#include "apps/contract.h"
#include "apps/host.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "coordinator/recorder.h"
#include "coordinator/server.h"

#include <string.h>

/* Everything a run holds, freed in one place. */
struct stages {
    struct rondo_job *job;
    const struct stages_options *options;
    const struct rondo_app *app;
    struct rondo_host host;
    struct store *store;
    struct rondo_bytes checkpoint;
    struct store_ground ground;
    void *problem;
    struct recorder *recorder;
    struct engine *engine;
    struct engine_observer inner; /* the recorder's */
    bool started;                 /* the workers */
    bool models;                  /* it has stopped for good: its model is to be written */
    int32_t workers;
    int64_t began_ns;
    int64_t loaded_ns; /* what follows is solving */
    bool loaded;
    struct rondo_run_outcome *outcome;
};

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

static enum trace_level trace_of(const struct rondo_job *job)
{
    static const char *const levels[] = { "off", "rounds", "blocks", "all", NULL };
    return (enum trace_level)pick(job, "trace", levels);
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
        .eta = job_real(job, "schedule.priority.eta"),
        .pipeline = (int32_t)job_integer(job, "schedule.pipeline"),
        .seed = (uint64_t)job_integer(job, "seed"),
        .record = trace_of(job) == TRACE_ALL,
        .cache_bytes = (size_t)job_memory_bytes(job),
        .team = host_team(job),
    };
    return config;
}

/* ---- the stages ------------------------------------------------------------------------------------------ */

static int prepare(struct stages *run, struct rondo_error *err)
{
    const char *dir = run->options->dir;
    struct store_options options = { .job = run->job,
                                     .dir = dir ? dir : job_text(run->job, "output.dir"),
                                     .resume = run->options->resume, .force = run->options->force };
    int code = store_open(&options, &run->store, &run->checkpoint, err);
    if (code)
        return code;
    if (run->options->resume && !run->checkpoint.size)
        log_line(LOG_WARNING, "no checkpoint yet, starting at the beginning");
    static const struct host_upcalls upcalls = { engine_feed, engine_feed_all, engine_block,
                                                 engine_shard, store_create };
    host_init(&run->host, &upcalls);
    if (run->app->check)
        code = contract_answer(run->app, "check", run->app->check(&run->host, run->job, err), err);
    if (!code)
        code = host_load(run->job, run->options->shelf, store_dir(run->store), err);
    if (code)
        return code;
    run->loaded = true;
    host_threads(run->job, run->options->threads);
    run->ground = (struct store_ground){ host_isa(run->job), host_fingerprint(run->job) };
    run->outcome->load_seconds = since(run->began_ns);
    run->loaded_ns = clock_now_ns();
    code = run->app->open(&run->host, run->job, &run->problem, err);
    code = contract_answer(run->app, "open", code, err);
    host_threads(run->job, 0);
    if (!code)
        code = host_intact(run->job, err);
    if (!code)
        code = store_check(run->store, &run->ground, err);
    if (!code)
        code = store_begin(run->store, err);
    return code;
}

static void on_progress(void *context, double seconds, const struct engine_round *round)
{
    const struct stages *run = context;
    if (run->options->progress)
        run->options->progress(run->options->context, seconds, round->round, round->report);
}

/* ---- the recorder's observer, and the workers' --------------------------------------------------------- */

static void on_round(void *context, const struct engine_round *round)
{
    struct stages *run = context;
    if (run->inner.round)
        run->inner.round(run->inner.context, round);
    if (run->options->workers.round)
        run->options->workers.round(run->options->workers.context, round->round, round->updates);
}

static void on_moment(void *context, const struct engine_moment *moment)
{
    struct stages *run = context;
    run->inner.moment(run->inner.context, moment);
}

static void on_checkpoint(void *context, int64_t round, const char *ended, struct rondo_bytes cut)
{
    struct stages *run = context;
    run->inner.checkpoint(run->inner.context, round, ended, cut);
}

static void on_released(void *context, int32_t worker, const char *why)
{
    const struct stages *run = context;
    if (run->options->workers.released)
        run->options->workers.released(run->options->workers.context, worker, why);
}

static struct engine_observer observer_of(struct stages *run)
{
    return (struct engine_observer){
        .context = run, .reports = run->inner.reports, .details = run->inner.details,
        .done_only = run->inner.done_only, .round = on_round,
        .moment = run->inner.moment ? on_moment : NULL,
        .checkpoint = run->inner.checkpoint ? on_checkpoint : NULL, .released = on_released,
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

static int assemble(struct stages *run, struct rondo_error *err)
{
    const struct rondo_job *job = run->job;
    struct rondo_layout layout = { 0 };
    run->app->layout(run->problem, &layout);
    struct recorder_options recorder = {
        .store = run->store, .job = job, .level = trace_of(job), .digest = run->options->digest,
        .ground = run->ground, .variables = layout.variables,
        .pipeline = job_integer(job, "schedule.pipeline"),
        .solved_seconds = store_solved_seconds(run->store), .progress = on_progress, .context = run,
    };
    int code = recorder_create(&recorder, &run->recorder, err);
    if (code)
        return code;
    run->inner = recorder_observer(run->recorder);
    struct engine_observer observer = observer_of(run);
    struct engine_options options = {
        .app = run->app, .host = &run->host, .problem = run->problem,
        .schedule = schedule_of(job), .workers = 1, .patient = run->options->workers.patient,
        .together = run->options->workers.together,
        .round_limit = job_integer(job, "stop.rounds"),
        .snapshot_rounds = job_integer(job, "checkpoint.snapshot_rounds"),
    };
    code = engine_create(&options, &observer, &run->engine, err);
    if (!code)
        code = recorder_layout(run->recorder, run->engine, err);
    if (!code && run->checkpoint.size)
        code = engine_restore(run->engine, run->checkpoint, ended_of(run->store), err);
    run->outcome->solve_seconds = since(run->loaded_ns);
    return code;
}

/* A round has at most as many pairs as the grid's shorter side. */
static void say_idle(struct stages *run)
{
    struct rondo_layout layout = { 0 };
    char text[160];
    run->app->layout(run->problem, &layout);
    int32_t pairs = layout.blocks < layout.shards ? layout.blocks : layout.shards;
    if (!contract_rotates(run->app, &layout) || pairs == 0 || run->workers <= pairs)
        return;
    snprintf(text, sizeof text, "%d of %d workers have nothing to do: the grid is %d x %d, cut from the data",
             run->workers - pairs, run->workers, layout.blocks, layout.shards);
    run->host.say(run->job, text);
}

static int solve(struct stages *run, struct rondo_error *err)
{
    const struct rondo_job *job = run->job;
    const struct stages_workers *workers = &run->options->workers;
    struct stages_view view = { run->app, run->problem, run->ground.fingerprint, run->ground.isa,
                                recorder_chore(run->recorder) };
    struct net_hub *hub = NULL;
    int64_t began_ns = clock_now_ns();
    int code = workers->start(workers->context, &view, &run->workers, &hub, err);
    if (code)
        return code;
    run->started = true;
    say_idle(run);
    engine_expect(run->engine, run->workers);
    run->outcome->start_seconds = since(began_ns);
    recorder_start(run->recorder, run->outcome->solve_seconds);
    struct server_options server = {
        .engine = run->engine, .recorder = run->recorder, .hub = hub,
        .seconds = job_given(job, "stop.seconds") ? job_real(job, "stop.seconds") : 0,
        .checkpoint_seconds = job_real(job, "checkpoint.seconds"),
        .asked = run->options->asked, .context = run->options->context,
    };
    code = server_run(&server, err);
    bool by_clock = strcmp(engine_stop_reason(run->engine), "seconds") == 0;
    run->outcome->solve_seconds = by_clock ? recorder_seconds(run->recorder)
                                           : recorder_solved_seconds(run->recorder);
    workers->stop(workers->context);
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

/* The workers have gone: their threads are the app's. */
static int conclude(struct stages *run, struct rondo_error *err)
{
    const char *reason = engine_stop_reason(run->engine);
    run->models = engine_head(run->engine) && strcmp(reason, "interrupted") != 0
                  && strcmp(reason, "cancelled") != 0; /* else the checkpoint says it all, where any is */
    if (!run->models)
        return RONDO_OK;
    host_threads(run->job, run->options->threads);
    int code = engine_conclude(run->engine, err);
    if (code || !contract_conclude(run->app))
        return code;
    struct rondo_report report;
    code = contract_report(run->app, engine_head(run->engine), &report, err);
    if (!code)
        recorder_conclude(run->recorder, engine_rounds(run->engine), engine_updates(run->engine), &report);
    return code;
}

static void report(struct stages *run)
{
    struct rondo_run_outcome *outcome = run->outcome;
    struct rondo_error why = { 0 };
    if (!run->recorder)
        return;
    if (run->engine) {
        outcome->rounds = engine_rounds(run->engine);
        outcome->updates = engine_updates(run->engine);
    }
    if (run->engine && engine_head(run->engine))
        (void)contract_report(run->app, engine_head(run->engine), &outcome->report, &why);
    recorder_tell(run->recorder, outcome->state, &outcome->report, outcome->rounds, outcome->updates);
}

static void judge(struct stages *run, int code)
{
    struct rondo_run_outcome *outcome = run->outcome;
    outcome->stop_reason = code || !run->engine ? "error" : engine_stop_reason(run->engine);
    outcome->state = code                                                ? "failed"
                     : strcmp(outcome->stop_reason, "interrupted") == 0 ? "interrupted"
                     : strcmp(outcome->stop_reason, "cancelled") == 0   ? "cancelled"
                                                                        : "completed";
    outcome->total_seconds = since(run->began_ns);
}

static int write_result(struct stages *run, int code, struct rondo_error *err)
{
    const struct rondo_run_outcome *outcome = run->outcome;
    const char *const none[] = { NULL };
    struct job_result result = {
        .job = run->options->id ? run->options->id : store_id(run->store),
        .state = outcome->state, .stop_reason = outcome->stop_reason,
        .error = code ? err->what : NULL, .spec = run->job, .report = outcome->report,
        .rounds = outcome->rounds, .updates = outcome->updates,
        .pair_dots = run->engine ? engine_pair_dots(run->engine) : 0,
        .load_seconds = outcome->load_seconds, .solve_seconds = outcome->solve_seconds,
        .total_seconds = outcome->total_seconds, .peak_rss_bytes = mem_peak_rss_bytes(),
        .workers = run->workers, .isa = run->loaded ? host_isa(run->job) : "",
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

static int save(struct stages *run, struct rondo_error *err)
{
    if (!run->models)
        return RONDO_OK;
    int code = run->app->save(engine_head(run->engine), engine_link(run->engine), &run->host,
                               store_output(run->store), err);
    code = contract_answer(run->app, "save", code, err);
    if (!code)
        code = store_publish(run->store, run->outcome->model_sha256, err);
    return code ? rondo_error_set(err, code, NULL, NULL, "the model cannot be written: %s",
                                  rondo_strerror(code))
                : code;
}

int stages_run(struct rondo_job *job, const struct stages_options *options,
               struct rondo_run_outcome *outcome, struct rondo_error *err)
{
    *outcome = (struct rondo_run_outcome){ .state = "failed", .stop_reason = "error" };
    struct stages run = { .job = job, .options = options, .app = job_app(job), .outcome = outcome,
                       .began_ns = clock_now_ns() };
    int code = prepare(&run, err);
    if (!code)
        code = assemble(&run, err);
    if (!code)
        code = solve(&run, err);
    if (!code)
        code = conclude(&run, err);
    if (!code)
        code = save(&run, err);
    if (code && !err->code)
        rondo_error_set(err, code, NULL, NULL, "%s", rondo_strerror(code));
    judge(&run, code);
    report(&run);
    int closed = recorder_close(run.recorder, err);
    code = code ? code : closed;
    judge(&run, code);
    if (run.store && (store_begun(run.store) || options->id))
        code = write_result(&run, code, err);
    engine_destroy(run.engine);
    if (run.started)
        options->workers.destroy(options->workers.context);
    if (run.problem)
        run.app->close(run.problem);
    host_unload(job);
    store_close(run.store);
    return code;
}

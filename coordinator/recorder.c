#include "coordinator/recorder.h"

#include "core/base/clock.h"
#include "core/base/mem.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef RONDO_VERSION
#define RONDO_VERSION "unknown"
#endif

enum { KEYS_MOST = RONDO_METRICS_MAX + 1 };

/* What a worker computed of a round. */
struct busy {
    int32_t worker;
    int64_t run_ns, pull_ns;
};

/* A round that is planned or under way; times are nanoseconds since the beginning. */
struct under_way {
    int64_t plan_begin, plan_end, push_begin, push_end;
    int64_t couple_begin, couple_ns;
    bool details;            /* its tasks are kept */
    struct busy *busy;       /* [workers] those that have answered */
    int32_t workers, workers_capacity;
    int64_t *ticket;         /* [tasks_capacity] of its tasks, done or not */
    struct trace_task *task; /* likewise */
    int64_t tasks, tasks_capacity;
};

struct recorder {
    struct recorder_options options;
    struct recording *recording; /* NULL: nobody wants to know */
    struct rondo_error error;
    int64_t begin_ns, solved_ns;
    int64_t told;            /* the last round that was told of in this run; 0: none */
    int64_t kept;            /* the round of the last checkpoint; 0: none */
    struct under_way *under_way; /* [pipeline + 1], by round */
    struct trace_block *block;
    int64_t blocks_capacity;
};

static int64_t now(const struct recorder *recorder)
{
    return clock_now_ns() - recorder->begin_ns;
}

static struct under_way *round_of(struct recorder *recorder, int64_t round)
{
    return &recorder->under_way[round % (recorder->options.pipeline + 1)];
}

static void keep_error(struct recorder *recorder, const struct rondo_error *err)
{
    if (err->code && !recorder->error.code)
        recorder->error = *err;
}

/* ---- moments ---------------------------------------------------------------------------------------- */

static void begin_round(struct recorder *recorder, struct under_way *round)
{
    *round = (struct under_way){
        .plan_begin = now(recorder), .details = recording_wants_details(recorder->recording),
        .busy = round->busy, .workers_capacity = round->workers_capacity,
        .ticket = round->ticket, .task = round->task, .tasks_capacity = round->tasks_capacity,
    };
}

static bool grow_tasks(struct under_way *round)
{
    int64_t had = round->tasks_capacity, larger = had ? had * 2 : 64;
    size_t task = sizeof *round->task, ticket = sizeof *round->ticket;
    void *tasks = mem_regrow(round->task, (size_t)had * task, (size_t)larger * task);
    round->task = tasks ? tasks : round->task;
    void *tickets = tasks ? mem_regrow(round->ticket, (size_t)had * ticket, (size_t)larger * ticket) : NULL;
    round->ticket = tickets ? tickets : round->ticket;
    round->tasks_capacity = tickets ? larger : had;
    return tickets != NULL;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void task_sent(struct under_way *round, const struct engine_moment *moment, int64_t at_ns)
{
    if (round->tasks == round->tasks_capacity && !grow_tasks(round))
        return; /* a trace that lacks a task is no reason to fail the job */
    round->ticket[round->tasks] = moment->ticket;
    round->task[round->tasks++] = (struct trace_task){
        .phase = moment->phase, .block = moment->block, .shard = moment->shard,
        .worker = moment->worker, .tag = moment->tag, .work = (enum trace_work)moment->work,
        .sent_ns = at_ns, .done_ns = -1,
    };
}

static void task_done(struct under_way *round, const struct engine_moment *moment, int64_t at_ns)
{
    for (int64_t i = round->tasks - 1; i >= 0; i--) {
        struct trace_task *task = &round->task[i];
        if (round->ticket[i] == moment->ticket) {
            task->worker = moment->worker;
            task->done_ns = at_ns;
            task->run_ns = least(moment->run_ns, at_ns - task->sent_ns);
            return;
        }
    }
}

/* NULL where there is no memory: the worker's share is then of the network's. */
static struct busy *busy_of(struct under_way *round, int32_t worker)
{
    for (int32_t i = 0; i < round->workers; i++)
        if (round->busy[i].worker == worker)
            return &round->busy[i];
    if (round->workers == round->workers_capacity) {
        int32_t had = round->workers_capacity, larger = had ? had * 2 : 8;
        void *grown = mem_regrow(round->busy, (size_t)had * sizeof *round->busy,
                                 (size_t)larger * sizeof *round->busy);
        if (!grown)
            return NULL;
        round->busy = grown;
        round->workers_capacity = larger;
    }
    round->busy[round->workers] = (struct busy){ .worker = worker };
    return &round->busy[round->workers++];
}

/* A worker's clock is its own word: sums of it stay below half of what there is. */
static void add_run(struct under_way *round, const struct engine_moment *moment)
{
    struct busy *busy = moment->work == ENGINE_COUPLE ? NULL : busy_of(round, moment->worker);
    if (!busy)
        return;
    int64_t *sum = moment->work == ENGINE_PULL ? &busy->pull_ns : &busy->run_ns;
    *sum += least(moment->run_ns, INT64_MAX / 2 - *sum);
}

/* What a lost worker was sent, another was sent and did: that is told. */
static void forget_lost_tasks(struct under_way *round)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < round->tasks; i++)
        if (round->task[i].done_ns >= 0)
            round->task[kept++] = round->task[i];
    round->tasks = kept;
}

static void on_moment(void *context, const struct engine_moment *moment)
{
    struct recorder *recorder = context;
    struct under_way *round = round_of(recorder, moment->round);
    switch (moment->what) {
    case ENGINE_PLAN_BEGIN: begin_round(recorder, round); return;
    case ENGINE_PLAN_END: round->plan_end = now(recorder); return;
    case ENGINE_COUPLE_BEGIN: round->couple_begin = now(recorder); return;
    case ENGINE_COUPLE_END: round->couple_ns += now(recorder) - round->couple_begin; return;
    case ENGINE_PUSH_BEGIN: round->push_begin = now(recorder); return;
    case ENGINE_PUSH_END: round->push_end = now(recorder); return;
    case ENGINE_TASK_SENT:
        if (round->details)
            task_sent(round, moment, now(recorder));
        return;
    case ENGINE_TASK_DONE:
        add_run(round, moment);
        if (round->details)
            task_done(round, moment, now(recorder));
        return;
    }
}

/* ---- rounds -------------------------------------------------------------------------------------------- */

static const char *kind_name(enum rondo_kind kind)
{
    return kind == RONDO_SAMPLED ? "sampled" : kind == RONDO_SWEEP ? "sweep" : "plan";
}

/* Of a plan's b-th pair; 0: not counted. */
static double pair_cost(const struct engine_round *round, int32_t b)
{
    const struct rondo_layout *layout = round->layout;
    struct rondo_pair pair = round->pairs[b];
    bool counted = layout->pair_cost && layout->blocks > 0 && pair.shard >= 0;
    return counted ? (double)layout->pair_cost[(int64_t)pair.block * layout->shards + pair.shard] : 0;
}

static void lay_blocks(struct recorder *recorder, const struct engine_round *round,
                       struct trace_round *record)
{
    const struct scheduler_plan *plan = round->plan;
    if (round->blocks > recorder->blocks_capacity) {
        mem_free(recorder->block);
        recorder->block = mem_calloc((size_t)round->blocks, sizeof *recorder->block);
        recorder->blocks_capacity = recorder->block ? round->blocks : 0;
    }
    if (round->blocks > recorder->blocks_capacity)
        return;
    for (int32_t b = 0; b < round->blocks; b++)
        recorder->block[b] = (struct trace_block){
            .block = b, .count = plan->start[b + 1] - plan->start[b], .cost = plan->cost[b],
            .variables = plan->variables + plan->start[b],
        };
    record->block = recorder->block;
}

static void trace_plan(const struct scheduler_plan *plan, struct trace_round *record)
{
    record->wanted = plan->wanted;
    record->drawn = plan->drawn;
    record->refused = plan->refused;
    record->taken = plan->taken;
    record->joined = plan->joined;
    record->pairs_needed = plan->pairs_needed;
    record->coupled_pairs = plan->coupled_pairs;
    record->weight_sum = plan->weight_sum;
    record->weight_taken = plan->weight_taken;
    double sum = 0;
    for (int32_t b = 0; b < plan->blocks; b++) {
        sum += plan->cost[b];
        record->cost_max = fmax(record->cost_max, plan->cost[b]);
    }
    record->cost_mean = plan->blocks ? sum / plan->blocks : 0;
}

static void trace_pairs(const struct engine_round *round, struct trace_round *record)
{
    double sum = 0;
    for (int32_t b = 0; b < round->blocks; b++) {
        sum += pair_cost(round, b);
        record->cost_max = fmax(record->cost_max, pair_cost(round, b));
    }
    record->cost_mean = round->blocks ? sum / round->blocks : 0;
}

/* push_ns in three: docs/formats/trace.md. */
static void trace_times(const struct under_way *round, struct trace_round *record)
{
    record->plan_ns = round->plan_end - round->plan_begin;
    record->push_ns = round->push_end - round->push_begin;
    record->couple_ns = round->couple_ns;
    record->commit_ns = record->end_ns - round->push_end;
    record->begin_ns = round->plan_begin;
    for (int32_t i = 0; i < round->workers; i++) {
        const struct busy *busy = &round->busy[i];
        if (busy->run_ns + busy->pull_ns > record->run_ns + record->pull_ns) {
            record->run_ns = busy->run_ns;
            record->pull_ns = busy->pull_ns;
        }
    }
    record->run_ns = least(record->run_ns, record->push_ns);
    record->pull_ns = least(record->pull_ns, record->push_ns - record->run_ns);
    record->network_ns = record->push_ns - record->run_ns - record->pull_ns;
}

_Static_assert(sizeof(struct trace_conflict) == sizeof(struct scheduler_conflict)
                   && offsetof(struct trace_conflict, coupling) == offsetof(struct scheduler_conflict, coupling)
                   && offsetof(struct trace_conflict, other_round) == offsetof(struct scheduler_conflict, other_round)
                   && offsetof(struct trace_conflict, joined) == offsetof(struct scheduler_conflict, joined),
               "the recording copies the scheduler's as they are");

/* Why the blocks are what they are, and what came of it. */
static void trace_why(const struct engine_round *round, struct trace_round *record)
{
    const struct scheduler_plan *plan = round->plan;
    record->moves = round->moves;
    record->move = round->move;
    record->delta = round->delta;
    if (!plan)
        return;
    record->conflicts = plan->conflicts;
    record->conflict = (const void *)plan->conflict;
    record->draws = plan->draws;
    record->draw = plan->draw;
    record->weight = plan->weight;
}

static void trace_one(struct recorder *recorder, const struct engine_round *round)
{
    struct under_way *under_way = round_of(recorder, round->round);
    struct rondo_error err = { 0 };
    struct trace_round record = {
        .round = round->round, .kind = kind_name(round->kind), .phases = round->phases,
        .blocks = round->blocks, .staleness = round->staleness, .updates = round->own_updates,
        .updates_before = round->updates - round->own_updates,
        .pairs_computed = round->pairs_computed, .note = round->note,
        .objective = round->report ? round->report->objective : (double)NAN,
        .end_ns = recorder->solved_ns,
    };
    trace_times(under_way, &record);
    if (round->plan)
        trace_plan(round->plan, &record);
    if (round->pairs)
        trace_pairs(round, &record);
    if (under_way->details) {
        if (round->plan)
            lay_blocks(recorder, round, &record);
        forget_lost_tasks(under_way);
        record.task = under_way->task;
        record.tasks = (int32_t)under_way->tasks;
        trace_why(round, &record);
    }
    if (recording_round(recorder->recording, &record, &err))
        keep_error(recorder, &err);
}

static void trace_progress(struct recorder *recorder, const struct engine_round *round)
{
    const struct rondo_report *from = round->report;
    const char *key[KEYS_MOST] = { "objective" };
    double value[KEYS_MOST] = { from->objective };
    struct rondo_error err = { 0 };
    for (int32_t i = 0; i < from->count; i++) {
        key[i + 1] = from->metric[i].name;
        value[i + 1] = from->metric[i].value;
    }
    struct trace_report report = { .round = round->round, .at_ns = recorder->solved_ns,
                                   .count = from->count + 1, .key = key, .value = value };
    if (recording_report(recorder->recording, &report, &err))
        keep_error(recorder, &err);
}

static void tell_progress(struct recorder *recorder, const struct engine_round *round)
{
    struct rondo_error err = { 0 };
    double seconds = recorder_solved_seconds(recorder);
    trace_progress(recorder, round);
    if (recorder->options.store
        && store_progress(recorder->options.store, seconds, round->round, round->updates,
                          round->report, &err))
        keep_error(recorder, &err);
    if (recorder->options.progress)
        recorder->options.progress(recorder->options.context, seconds, round);
}

static void on_round(void *context, const struct engine_round *round)
{
    struct recorder *recorder = context;
    recorder->solved_ns = now(recorder);
    recorder->told = round->round;
    if (recorder->recording)
        trace_one(recorder, round);
    if (round->progress && round->report)
        tell_progress(recorder, round);
}

void recorder_conclude(struct recorder *recorder, int64_t round, int64_t updates,
                       const struct rondo_report *report)
{
    struct engine_round last = { .round = round, .updates = updates, .note = "", .report = report,
                                 .progress = true };
    tell_progress(recorder, &last);
}

static void on_checkpoint(void *context, int64_t round, const char *ended, struct rondo_bytes cut)
{
    struct recorder *recorder = context;
    struct rondo_error err = { 0 };
    if (recording_flush(recorder->recording, &err))
        keep_error(recorder, &err);
    struct store_moment moment = { round, recorder_seconds(recorder), ended };
    if (store_checkpoint(recorder->options.store, &recorder->options.ground, &moment, cut, &err))
        keep_error(recorder, &err);
    else
        recorder->kept = round;
}

/* ---- what is fixed --------------------------------------------------------------------------------------- */

static int trace_fixed_part(void *context, const struct rondo_part *part)
{
    static const enum trace_part_kind kinds[] = {
        [RONDO_PART_BLOCK] = TRACE_PART_BLOCK, [RONDO_PART_SHARD] = TRACE_PART_SHARD,
        [RONDO_PART_CHUNK] = TRACE_PART_CHUNK,
    };
    struct recorder *recorder = context;
    const struct trace_part record = {
        .kind = kinds[part->kind], .part = part->part, .tag = part->tag, .columns = part->columns,
        .count = part->count, .members = part->members,
    };
    struct rondo_error err = { 0 };
    int code = recording_part(recorder->recording, &record, &err);
    keep_error(recorder, &err);
    return code;
}

/* A row of the grid at a time. */
static int trace_grid(struct recorder *recorder, const struct rondo_layout *layout)
{
    struct rondo_error err = { 0 };
    struct trace_cell *cell = mem_calloc((size_t)layout->shards, sizeof *cell);
    int code = cell ? RONDO_OK : rondo_error_set(&err, RONDO_ENOMEM, NULL, NULL, "no memory");
    for (int32_t b = 0; b < layout->blocks && !code; b++) {
        for (int32_t s = 0; s < layout->shards; s++)
            cell[s] = (struct trace_cell){ b, s, (double)layout->pair_cost[(int64_t)b * layout->shards + s] };
        code = recording_cells(recorder->recording, cell, layout->shards, &err);
    }
    mem_free(cell);
    keep_error(recorder, &err);
    return code;
}

int recorder_layout(struct recorder *recorder, const struct engine *engine, struct rondo_error *err)
{
    const struct rondo_layout *layout = engine_layout(engine);
    if (recorder->options.level < TRACE_BLOCKS)
        return RONDO_OK;
    int code = engine_parts(engine, trace_fixed_part, recorder);
    if (!code && layout->pair_cost)
        code = trace_grid(recorder, layout);
    if (code && recorder->error.code)
        *err = recorder->error;
    return code;
}

/* ---- life ------------------------------------------------------------------------------------------------ */

/* The absolute folder that relative paths of the spec go from. */
static void spec_folder(const struct rondo_job *job, char out[PATH_MAX])
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s", job_path(job));
    char *end = strrchr(path, '/');
    *(end ? end + (end == path) : path) = 0;
    if (!realpath(*path ? path : ".", out))
        snprintf(out, PATH_MAX, "%s", path);
}

/* Of a trace: what it is of, and where its data are found again. */
static int open_recording(struct recorder *recorder, struct rondo_error *err)
{
    const struct recorder_options *options = &recorder->options;
    bool kept = options->store && options->level != TRACE_OFF;
    char folder[PATH_MAX], variables[24], pipeline[24], data[24];
    char *spec = kept ? job_canonical(options->job) : NULL;
    if (kept && !spec)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory");
    if (kept)
        spec_folder(options->job, folder);
    snprintf(variables, sizeof variables, "%" PRId64, options->variables);
    snprintf(pipeline, sizeof pipeline, "%" PRId64, options->pipeline);
    snprintf(data, sizeof data, "%016" PRIx64, options->ground.fingerprint);
    const char *const meta[] = {
        "state", "running", "isa", options->ground.isa, "data", data, "version", RONDO_VERSION,
        "variables", variables, "pipeline", pipeline, "job", kept ? store_id(options->store) : "",
        "app", kept ? job_app(options->job)->name : "", "spec", spec, "spec_dir", folder, NULL,
    };
    int64_t round = recorder->kept = options->store ? store_round(options->store) : 0;
    struct recording_options recording = {
        .dir = kept ? store_dir(options->store) : NULL, .level = options->level,
        .after = round > 0 ? round : -1, .meta = kept ? meta : NULL, .digest = options->digest,
    };
    if (options->digest && options->job)
        digest_job(options->digest, job_app(options->job)->name, options->level, options->variables);
    int code = recording_open(&recording, &recorder->recording, err);
    mem_free(spec);
    return code;
}

int recorder_create(const struct recorder_options *options, struct recorder **out,
                    struct rondo_error *err)
{
    struct recorder *recorder = mem_calloc(1, sizeof *recorder);
    if (!recorder)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory");
    recorder->options = *options;
    recorder->begin_ns = clock_now_ns();
    recorder->under_way = mem_calloc((size_t)options->pipeline + 1, sizeof *recorder->under_way);
    int code = recorder->under_way ? open_recording(recorder, err)
                                   : rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory");
    if (code) {
        recorder_close(recorder, NULL);
        return code;
    }
    *out = recorder;
    return RONDO_OK;
}

void recorder_tell(struct recorder *recorder, const char *state, const struct rondo_report *report,
                   int64_t rounds, int64_t updates)
{
    char text[KEYS_MOST][32], last[24];
    const char *meta[2 * KEYS_MOST + 5] = { "state", state, "rounds", last, "updates", text[0], NULL };
    struct rondo_error err = { 0 };
    snprintf(last, sizeof last, "%" PRId64, rounds);
    snprintf(text[0], sizeof text[0], "%" PRId64, updates);
    for (int32_t i = 0; i < report->count; i++) {
        const struct rondo_metric *metric = &report->metric[i];
        snprintf(text[i + 1], sizeof text[0], metric->whole ? "%.0f" : "%.9g", metric->value);
        meta[2 * i + 6] = metric->name;
        meta[2 * i + 7] = text[i + 1];
        meta[2 * i + 8] = NULL;
    }
    /* One that failed may not know how far it was; a run that resumes it wants all up to its checkpoint. */
    int64_t end = strcmp(state, "failed") == 0 && recorder->kept > rounds ? recorder->kept : rounds;
    if ((recorder->told > end && recording_cut(recorder->recording, end, &err))
        || recording_meta(recorder->recording, meta, &err))
        keep_error(recorder, &err);
    digest_end(recorder->options.digest, end, updates);
}

int recorder_close(struct recorder *recorder, struct rondo_error *err)
{
    if (!recorder)
        return RONDO_OK;
    struct rondo_error last = { 0 };
    if (recording_close(recorder->recording, &last))
        keep_error(recorder, &last);
    int code = recorder->error.code;
    if (code && err && !err->code)
        *err = recorder->error;
    for (int64_t i = 0; recorder->under_way && i <= recorder->options.pipeline; i++) {
        mem_free(recorder->under_way[i].busy);
        mem_free(recorder->under_way[i].ticket);
        mem_free(recorder->under_way[i].task);
    }
    mem_free(recorder->under_way);
    mem_free(recorder->block);
    mem_free(recorder);
    return code;
}

struct chore recorder_chore(struct recorder *recorder)
{
    return recording_chore(recorder->recording);
}

struct engine_observer recorder_observer(struct recorder *recorder)
{
    struct engine_observer observer = { .context = recorder, .round = on_round };
    if (recorder->recording) {
        observer.reports = true;
        observer.details = recorder->options.level == TRACE_ALL;
        observer.done_only = recorder->options.level < TRACE_BLOCKS && !recorder->options.digest;
        observer.moment = on_moment;
    }
    if (recorder->options.store)
        observer.checkpoint = on_checkpoint;
    return observer;
}

void recorder_start(struct recorder *recorder, double ready_seconds)
{
    recorder->solved_ns = (int64_t)(recorder->options.solved_seconds * 1e9); /* a resumed job's times go on from there */
    recorder->begin_ns = clock_now_ns() - recorder->solved_ns;
    recorder->options.solved_seconds = ready_seconds;
}

double recorder_solved_seconds(const struct recorder *recorder)
{
    return recorder->options.solved_seconds + (double)recorder->solved_ns * 1e-9;
}

double recorder_seconds(const struct recorder *recorder)
{
    return recorder->options.solved_seconds + (double)now(recorder) * 1e-9;
}

const struct rondo_error *recorder_error(const struct recorder *recorder)
{
    return &recorder->error;
}


#include "coordinator/recorder.h"

#include "core/base/clock.h"
#include "core/base/mem.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Times of a round that is planned or under way, nanoseconds since the beginning. */
struct times {
    int64_t plan_begin, plan_end, push_begin, push_end;
    int64_t couple_begin, couple_ns;
};

enum {
    HELD_MOST = 1024,      /* rounds, and */
    HELD_NS = 1000000000,  /* since they began: until then a new trace's rounds wait in memory */
};

/* Making a database takes as long as solving a small job: a trace of rounds alone is made when its first
 * rows are to be committed, for most jobs when their last checkpoint is kept. */
struct recorder {
    struct recorder_options options;
    struct trace_writer *trace;
    struct trace_round *held; /* [HELD_MOST] of a trace that is still to be made; NULL: none is */
    int32_t count;
    struct rondo_error error;
    int64_t begin_ns, solved_ns;
    struct times *times; /* [pipeline + 1], by round */
    int64_t *ticket;          /* [tasks_capacity] of the tasks under way and done in this round */
    struct trace_task *task;  /* likewise */
    int64_t tasks, tasks_capacity;
    struct trace_block *block;
    int64_t blocks_capacity;
};

static int64_t now(const struct recorder *recorder)
{
    return clock_now_ns() - recorder->begin_ns;
}

static struct times *times_of(struct recorder *recorder, int64_t round)
{
    return &recorder->times[round % (recorder->options.pipeline + 1)];
}

static void keep_error(struct recorder *recorder, const struct rondo_error *err)
{
    if (err->code && !recorder->error.code)
        recorder->error = *err;
}

/* ---- the trace's file -------------------------------------------------------------------------------- */

static int make_trace(struct recorder *recorder, int64_t after, struct rondo_error *err)
{
    const char *const meta[] = { "isa", recorder->options.ground.isa, NULL };
    return trace_create(store_dir(recorder->options.store), recorder->options.level, after, meta,
                        &recorder->trace, err);
}

/* What was written is committed, and the file is there. */
static void settle_trace(struct recorder *recorder)
{
    struct rondo_error err = { 0 };
    int code = recorder->held ? make_trace(recorder, -1, &err) : RONDO_OK;
    for (int32_t i = 0; i < recorder->count && !code; i++)
        code = trace_write(recorder->trace, &recorder->held[i], &err);
    if (!code)
        code = trace_flush(recorder->trace, &err);
    mem_free(recorder->held);
    recorder->held = NULL;
    recorder->count = 0;
    keep_error(recorder, &err);
}

/* Such a record points to nothing but constant words. */
static void hold_round(struct recorder *recorder, const struct trace_round *record)
{
    recorder->held[recorder->count++] = *record;
    if (recorder->count == HELD_MOST || record->end_ns >= HELD_NS)
        settle_trace(recorder);
}

/* ---- moments ---------------------------------------------------------------------------------------- */

static bool grow_tasks(struct recorder *recorder)
{
    int64_t had = recorder->tasks_capacity, larger = had ? had * 2 : 64;
    size_t task = sizeof *recorder->task, ticket = sizeof *recorder->ticket;
    void *tasks = mem_regrow(recorder->task, (size_t)had * task, (size_t)larger * task);
    recorder->task = tasks ? tasks : recorder->task;
    void *tickets = tasks ? mem_regrow(recorder->ticket, (size_t)had * ticket, (size_t)larger * ticket) : NULL;
    recorder->ticket = tickets ? tickets : recorder->ticket;
    recorder->tasks_capacity = tickets ? larger : had;
    return tickets != NULL;
}

static void task_sent(struct recorder *recorder, const struct engine_moment *moment)
{
    if (recorder->tasks == recorder->tasks_capacity && !grow_tasks(recorder))
        return; /* a trace that lacks a task is no reason to fail the job */
    recorder->ticket[recorder->tasks] = moment->ticket;
    recorder->task[recorder->tasks++] = (struct trace_task){
        .phase = moment->phase, .block = moment->block, .shard = moment->shard,
        .worker = moment->worker, .tag = moment->tag, .work = (enum trace_work)moment->work,
        .sent_ns = now(recorder), .done_ns = -1,
    };
}

static void task_done(struct recorder *recorder, const struct engine_moment *moment)
{
    for (int64_t i = recorder->tasks - 1; i >= 0; i--) {
        struct trace_task *task = &recorder->task[i];
        if (recorder->ticket[i] == moment->ticket) {
            task->worker = moment->worker;
            task->done_ns = now(recorder);
            task->run_ns = moment->run_ns;
            return;
        }
    }
}

static void on_moment(void *context, const struct engine_moment *moment)
{
    struct recorder *recorder = context;
    struct times *times = times_of(recorder, moment->round);
    bool tasks = recorder->options.level >= TRACE_BLOCKS;
    switch (moment->what) {
    case ENGINE_PLAN_BEGIN: *times = (struct times){ .plan_begin = now(recorder) }; return;
    case ENGINE_PLAN_END: times->plan_end = now(recorder); return;
    case ENGINE_COUPLE_BEGIN: times->couple_begin = now(recorder); return;
    case ENGINE_COUPLE_END: times->couple_ns += now(recorder) - times->couple_begin; return;
    case ENGINE_PUSH_BEGIN: times->push_begin = now(recorder); return;
    case ENGINE_PUSH_END: times->push_end = now(recorder); return;
    case ENGINE_TASK_SENT:
        if (tasks)
            task_sent(recorder, moment);
        return;
    case ENGINE_TASK_DONE:
        if (tasks)
            task_done(recorder, moment);
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

static void trace_one(struct recorder *recorder, const struct engine_round *round)
{
    struct trace_conflict conflicts[SCHEDULER_REFUSALS_KEPT];
    const struct times *times = times_of(recorder, round->round);
    struct rondo_error err = { 0 };
    struct trace_round record = {
        .round = round->round, .kind = kind_name(round->kind), .phases = round->phases,
        .blocks = round->blocks, .pairs_computed = round->pairs_computed, .note = round->note,
        .objective = round->report ? round->report->objective : (double)NAN,
        .plan_ns = times->plan_end - times->plan_begin,
        .push_ns = times->push_end - times->push_begin, .couple_ns = times->couple_ns,
        .end_ns = now(recorder),
    };
    record.commit_ns = record.end_ns - times->push_end;
    record.begin_ns = times->push_begin;
    if (round->plan)
        trace_plan(round->plan, &record);
    if (round->pairs)
        trace_pairs(round, &record);
    if (recorder->options.level >= TRACE_BLOCKS) {
        if (round->plan)
            lay_blocks(recorder, round, &record);
        record.task = recorder->task;
        record.tasks = (int32_t)recorder->tasks;
    }
    if (recorder->options.level >= TRACE_ALL && round->plan) {
        record.conflicts = round->plan->conflicts < SCHEDULER_REFUSALS_KEPT ? round->plan->conflicts
                                                                            : SCHEDULER_REFUSALS_KEPT;
        for (int32_t i = 0; i < record.conflicts; i++) {
            const struct scheduler_conflict *from = &round->plan->conflict[i];
            conflicts[i] = (struct trace_conflict){ from->candidate, from->other, from->coupling,
                                                    from->other_round, from->joined };
        }
        record.conflict = conflicts;
    }
    if (recorder->held)
        hold_round(recorder, &record);
    else if (trace_write(recorder->trace, &record, &err))
        keep_error(recorder, &err);
}

static void tell_progress(struct recorder *recorder, const struct engine_round *round)
{
    struct rondo_error err = { 0 };
    double seconds = recorder_solved_seconds(recorder);
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
    if (recorder->trace || recorder->held)
        trace_one(recorder, round);
    recorder->tasks = 0;
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
    settle_trace(recorder);
    struct store_moment moment = { round, recorder_seconds(recorder), ended };
    if (store_checkpoint(recorder->options.store, &recorder->options.ground, &moment, cut, &err))
        keep_error(recorder, &err);
}

/* ---- life ------------------------------------------------------------------------------------------------ */

int recorder_create(const struct recorder_options *options, struct recorder **out,
                    struct rondo_error *err)
{
    struct recorder *recorder = mem_calloc(1, sizeof *recorder);
    if (!recorder)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory");
    recorder->options = *options;
    recorder->begin_ns = clock_now_ns();
    recorder->times = mem_calloc((size_t)options->pipeline + 1, sizeof *recorder->times);
    int code = recorder->times ? RONDO_OK
                               : rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory");
    if (!code && options->store && options->level != TRACE_OFF) {
        int64_t round = store_round(options->store);
        if (round > 0 || options->level > TRACE_ROUNDS)
            code = make_trace(recorder, round > 0 ? round : -1, err);
        else if (!(recorder->held = mem_alloc(HELD_MOST * sizeof *recorder->held)))
            code = rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory");
    }
    if (code) {
        recorder_close(recorder, NULL);
        return code;
    }
    *out = recorder;
    return RONDO_OK;
}

void recorder_tell(struct recorder *recorder, const struct rondo_report *report, int64_t updates)
{
    char text[RONDO_METRICS_MAX + 1][32];
    const char *meta[2 * RONDO_METRICS_MAX + 3] = { "updates", text[0], NULL };
    struct rondo_error err = { 0 };
    settle_trace(recorder);
    snprintf(text[0], sizeof text[0], "%" PRId64, updates);
    for (int32_t i = 0; i < report->count; i++) {
        const struct rondo_metric *metric = &report->metric[i];
        snprintf(text[i + 1], sizeof text[0], metric->whole ? "%.0f" : "%.9g", metric->value);
        meta[2 * i + 2] = metric->name;
        meta[2 * i + 3] = text[i + 1];
        meta[2 * i + 4] = NULL;
    }
    if (recorder->trace && trace_meta(recorder->trace, meta, &err))
        keep_error(recorder, &err);
}

int recorder_close(struct recorder *recorder, struct rondo_error *err)
{
    if (!recorder)
        return RONDO_OK;
    struct rondo_error last = { 0 };
    settle_trace(recorder);
    if (recorder->trace && trace_close(recorder->trace, &last))
        keep_error(recorder, &last);
    int code = recorder->error.code;
    if (code && err && !err->code)
        *err = recorder->error;
    mem_free(recorder->times);
    mem_free(recorder->task);
    mem_free(recorder->ticket);
    mem_free(recorder->block);
    mem_free(recorder);
    return code;
}

struct engine_observer recorder_observer(struct recorder *recorder)
{
    struct engine_observer observer = { .context = recorder, .round = on_round };
    if (recorder->trace || recorder->held) {
        observer.reports = true;
        observer.moment = on_moment;
    }
    if (recorder->options.store)
        observer.checkpoint = on_checkpoint;
    return observer;
}

void recorder_start(struct recorder *recorder, double ready_seconds)
{
    recorder->begin_ns = clock_now_ns();
    recorder->options.solved_seconds += ready_seconds;
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


/* export_perfetto.c - Chrome's trace events: a track for the planner, one for each worker, and counters.
 *
 * On a track one thing happens at a time: of two that overlap the later one begins where the first ends.  Times
 * come out in order although rounds in a pipeline overlap: bars wait in a heap, ordered by their ends, until the
 * next round to be read was begun, before which nothing of it ends. */
#include "core/trace/export.h"

#include "core/base/mem.h"
#include "core/trace/listing.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { LANE_PLANNER, LANE_PUSH, LANE_WORKER, LANES_MOST = 65536 };

struct bar {
    int64_t begin_ns, end_ns;
    int64_t inner_begin_ns, inner_end_ns; /* couplings within planning */
    int64_t round, order;                 /* order: as it came, for ends that are the same */
    int32_t lane;
    enum { BAR_PLAN, BAR_COMMIT, BAR_PUSH, BAR_TASK } what;
    struct trace_task task;
    int64_t drawn, refused, joined, taken;
    char note[48];
};

struct lane {
    int64_t last_ns; /* nothing begins before */
    bool named;
};

struct perfetto {
    FILE *out;
    bool begun;
    int64_t bars; /* ever */
    struct rondo_buf heap, lanes; /* struct bar, struct lane */
    struct rondo_error *err;
};

/* ---- the heap: the bar that ends first at place 0 --------------------------------------------------- */

static bool ends_before(const struct bar *a, const struct bar *b)
{
    return a->end_ns < b->end_ns || (a->end_ns == b->end_ns && a->order < b->order);
}

static int heap_put(struct perfetto *p, struct bar *bar)
{
    bar->order = p->bars++;
    if (buf_append(&p->heap, bar, sizeof *bar))
        return rondo_error_set(p->err, RONDO_ENOMEM, NULL, NULL, "no memory");
    struct bar *heap = (void *)p->heap.data;
    size_t at = p->heap.size / sizeof *heap - 1;
    for (; at > 0 && ends_before(bar, &heap[(at - 1) / 2]); at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = *bar;
    return RONDO_OK;
}

static struct bar heap_take(struct perfetto *p)
{
    struct bar *heap = (void *)p->heap.data, first = heap[0];
    size_t count = p->heap.size / sizeof *heap - 1, at = 0;
    const struct bar *moved = &heap[count];
    p->heap.size -= sizeof *heap;
    for (size_t next; (next = 2 * at + 1) < count; at = next) {
        if (next + 1 < count && ends_before(&heap[next + 1], &heap[next]))
            next++;
        if (ends_before(moved, &heap[next]))
            break;
        heap[at] = heap[next];
    }
    heap[at] = *moved;
    return first;
}

/* ---- events ------------------------------------------------------------------------------------------ */

/* Up to the time stamp, in microseconds. */
static void put_event(struct perfetto *p, const char *phase, int32_t lane, int64_t at_ns)
{
    fprintf(p->out, "%s\n{\"ph\":\"%s\",\"pid\":1,\"tid\":%" PRId32 ",\"ts\":%" PRId64 ".%03" PRId64,
            p->begun ? "," : "", phase, lane, at_ns / 1000, at_ns % 1000);
    p->begun = true;
}

static void put_name(struct perfetto *p, const char *what, int32_t lane, const char *name)
{
    fprintf(p->out, "%s\n{\"ph\":\"M\",\"pid\":1,\"tid\":%" PRId32 ",\"name\":\"%s\",\"args\":{\"name\":",
            p->begun ? "," : "", lane, what);
    listing_json_text(p->out, name);
    fputs("}}", p->out);
    p->begun = true;
}

static int find_lane(struct perfetto *p, int32_t at, struct lane **lane)
{
    if (at < 0 || at >= LANES_MOST)
        return rondo_error_set(p->err, RONDO_EINPUT, "trace", NULL, "a task is of no worker: the trace is damaged");
    size_t size = ((size_t)at + 1) * sizeof **lane;
    if (p->lanes.size < size) {
        if (buf_reserve(&p->lanes, size))
            return rondo_error_set(p->err, RONDO_ENOMEM, NULL, NULL, "no memory");
        memset(p->lanes.data + p->lanes.size, 0, size - p->lanes.size);
        p->lanes.size = size;
    }
    *lane = (struct lane *)(void *)p->lanes.data + at;
    if (!(*lane)->named) {
        char name[32];
        snprintf(name, sizeof name, "worker %" PRId32, at - LANE_WORKER);
        put_name(p, "thread_name", at, at == LANE_PLANNER ? "planner" : at == LANE_PUSH ? "rounds pushed" : name);
        fprintf(p->out, ",\n{\"ph\":\"M\",\"pid\":1,\"tid\":%" PRId32 ",\"name\":\"thread_sort_index\",\"args\":"
                        "{\"sort_index\":%" PRId32 "}}", at, at);
        (*lane)->named = true;
    }
    return RONDO_OK;
}

static void put_args(struct perfetto *p, const struct bar *bar)
{
    static const char *const works[] = { "push", "pull", "fused", "couple" };
    const struct trace_task *task = &bar->task;
    if (bar->what == BAR_TASK) {
        fprintf(p->out, ",\"name\":\"%s\",\"cat\":\"task\",\"args\":{\"round\":%" PRId64 ",\"block\":%" PRId32
                        ",\"shard\":%" PRId32 ",\"phase\":%" PRId32 ",\"tag\":%" PRIu32 ",\"run_ns\":%" PRId64
                        ",\"sent_ns\":%" PRId64 ",\"done_ns\":%" PRId64 "}}",
                task->work <= TRACE_COUPLE ? works[task->work] : "task", bar->round, task->block, task->shard, task->phase, task->tag, task->run_ns,
                task->sent_ns, task->done_ns);
        return;
    }
    static const char *const names[] = { [BAR_PLAN] = "plan", [BAR_COMMIT] = "commit", [BAR_PUSH] = "push" };
    fprintf(p->out, ",\"name\":\"%s\",\"cat\":\"round\",\"args\":{\"round\":%" PRId64, names[bar->what], bar->round);
    if (bar->what == BAR_PLAN)
        fprintf(p->out, ",\"drawn\":%" PRId64 ",\"refused\":%" PRId64 ",\"joined\":%" PRId64 ",\"taken\":%" PRId64,
                bar->drawn, bar->refused, bar->joined, bar->taken);
    if (bar->note[0]) {
        fputs(",\"note\":", p->out);
        listing_json_text(p->out, bar->note);
    }
    fputs("}}", p->out);
}

static int64_t clamp(int64_t at, int64_t low, int64_t high)
{
    return at < low ? low : at > high ? high : at;
}

static int put_bar(struct perfetto *p, const struct bar *bar)
{
    struct lane *lane;
    int code = find_lane(p, bar->lane, &lane);
    if (code)
        return code;
    int64_t begin = bar->begin_ns < lane->last_ns ? lane->last_ns : bar->begin_ns;
    int64_t end = bar->end_ns < begin ? begin : bar->end_ns;
    put_event(p, "B", bar->lane, begin);
    put_args(p, bar);
    int64_t inner_begin = clamp(bar->inner_begin_ns, begin, end), inner_end = clamp(bar->inner_end_ns, begin, end);
    if (inner_begin < inner_end) {
        put_event(p, "B", bar->lane, inner_begin);
        fprintf(p->out, ",\"name\":\"couplings\",\"cat\":\"round\",\"args\":{\"round\":%" PRId64 "}}", bar->round);
        put_event(p, "E", bar->lane, inner_end);
        fputs("}", p->out);
    }
    put_event(p, "E", bar->lane, end);
    fputs("}", p->out);
    lane->last_ns = end;
    return RONDO_OK;
}

static void put_counter(struct perfetto *p, const char *name, int64_t at_ns, double value)
{
    if (!isfinite(value))
        return;
    put_event(p, "C", LANE_PLANNER, at_ns < 0 ? 0 : at_ns);
    fprintf(p->out, ",\"name\":\"%s\",\"args\":{\"%s\":%.9g}}", name, name, value);
}

/* ---- rounds ------------------------------------------------------------------------------------------ */

/* Sums and differences of what a damaged trace may say: times stay within 0 and half of what fits. */
static int64_t within(int64_t ns)
{
    return clamp(ns, 0, INT64_MAX / 2);
}

static int settle(struct perfetto *p, int64_t until_ns)
{
    int code = RONDO_OK;
    while (!code && p->heap.size && ((const struct bar *)(const void *)p->heap.data)->end_ns <= until_ns) {
        struct bar bar = heap_take(p);
        code = put_bar(p, &bar);
    }
    return code;
}

/* When couplings were asked for and had, while the round was planned: by its tasks, or where there are none,
 * from the begin on, by their sum. */
static void find_couplings(const struct trace_round *round, struct bar *plan)
{
    int64_t begin = INT64_MAX, end = 0;
    for (int32_t i = 0; i < round->tasks; i++) {
        const struct trace_task *task = &round->task[i];
        if (task->work != TRACE_COUPLE || task->sent_ns >= plan->end_ns)
            continue;
        begin = task->sent_ns < begin ? task->sent_ns : begin;
        end = task->done_ns > end ? task->done_ns : end;
    }
    if (begin < end) {
        plan->inner_begin_ns = begin;
        plan->inner_end_ns = end;
    } else if (round->tasks == 0 && round->couple_ns > 0) {
        plan->inner_begin_ns = plan->begin_ns;
        plan->inner_end_ns = plan->begin_ns + within(round->couple_ns);
    }
}

/* A worker computed for the last run_ns before the result was there; where nobody said how long, since it was
 * sent. */
static int put_tasks(struct perfetto *p, const struct trace_round *round)
{
    int code = RONDO_OK;
    for (int32_t i = 0; i < round->tasks && !code; i++) {
        const struct trace_task *task = &round->task[i];
        struct bar bar = { .what = BAR_TASK, .round = round->round, .task = *task, .end_ns = within(task->done_ns) };
        bar.begin_ns = task->run_ns > 0 ? bar.end_ns - within(task->run_ns) : within(task->sent_ns);
        bar.lane = task->worker < 0 || task->worker >= LANES_MOST ? -1 : LANE_WORKER + task->worker;
        code = heap_put(p, &bar);
    }
    return code;
}

static int each_round(void *context, const struct trace_round *round)
{
    struct perfetto *p = context;
    int code = settle(p, round->begin_ns);
    int64_t began = within(round->begin_ns), ended = within(round->end_ns);
    struct bar plan = { .what = BAR_PLAN, .lane = LANE_PLANNER, .round = round->round, .begin_ns = began,
                        .end_ns = began + within(round->plan_ns), .drawn = round->drawn, .refused = round->refused,
                        .joined = round->joined, .taken = round->taken };
    struct bar commit = { .what = BAR_COMMIT, .lane = LANE_PLANNER, .round = round->round,
                          .begin_ns = ended - within(round->commit_ns), .end_ns = ended };
    struct bar push = { .what = BAR_PUSH, .lane = LANE_PUSH, .round = round->round,
                        .begin_ns = within(commit.begin_ns) - within(round->push_ns), .end_ns = commit.begin_ns };
    snprintf(commit.note, sizeof commit.note, "%s", round->note);
    find_couplings(round, &plan);
    if (!code)
        code = heap_put(p, &plan);
    if (!code)
        code = round->tasks ? put_tasks(p, round) : heap_put(p, &push);
    if (!code)
        code = heap_put(p, &commit);
    put_counter(p, "objective", round->end_ns, round->objective);
    put_counter(p, "imbalance", round->end_ns, round->cost_mean > 0.0 ? round->cost_max / round->cost_mean : (double)NAN);
    return !code && ferror(p->out) ? RONDO_EIO : code; /* what is said of it is said at the end */
}

static int each_meta(void *context, const char *key, const char *value)
{
    if (strcmp(key, "app") == 0)
        snprintf(context, 80, "rondo %.60s", value);
    return RONDO_OK;
}

int export_perfetto(struct trace_reader *reader, FILE *out, struct rondo_error *err)
{
    const struct reader_window all = { INT64_MIN, INT64_MAX };
    struct perfetto p = { .out = out, .err = err };
    char name[80] = "rondo";
    struct lane *planner;
    int code = reader_meta(reader, each_meta, name, err);
    fputs("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[", out);
    if (!code) {
        put_name(&p, "process_name", LANE_PLANNER, name);
        code = find_lane(&p, LANE_PLANNER, &planner);
    }
    if (!code)
        code = reader_scan(reader, all, each_round, &p, err);
    if (!code)
        code = settle(&p, INT64_MAX);
    fputs("\n]}\n", out);
    buf_fini(&p.heap);
    buf_fini(&p.lanes);
    if ((!code || code == RONDO_EIO) && ferror(out))
        return rondo_error_set(err, RONDO_EIO, NULL, NULL, "cannot write: %s", strerror(errno));
    return code;
}

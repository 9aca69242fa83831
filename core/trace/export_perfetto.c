/* export_perfetto.c - Chrome's trace events: a track for the planner, one for each worker, arrows from plans to the
 * pushes that they sent, and counters.
 *
 * On a track one thing happens at a time: of two that overlap the later one begins where the first ends.  Times
 * come out in order although rounds in a pipeline overlap: bars wait in a heap, ordered by their ends, until the
 * next round to be read was begun, before which nothing of it ends. */
#include "core/trace/export.h"

#include "core/base/mem.h"
#include "core/base/scribe.h"
#include "core/trace/details.h"
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
    int64_t flow;  /* the first arrow that begins here, or of a task the one that ends here */
    int32_t flows; /* arrows */
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
    struct scribe out;
    bool begun;
    int64_t bars, flows; /* ever */
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

static void put_text(struct perfetto *p, const char *text)
{
    scribe_text(&p->out, text);
}

/* Text, and a number behind it. */
static void put_whole(struct perfetto *p, const char *text, int64_t value)
{
    scribe_text(&p->out, text);
    scribe_whole(&p->out, value);
}

/* A string of JSON, of any bytes. */
static void put_word(struct perfetto *p, const char *text)
{
    if (!text[strspn(text, "abcdefghijklmnopqrstuvwxyz ")]) { /* notes are */
        scribe_char(&p->out, '"');
        scribe_text(&p->out, text);
        scribe_char(&p->out, '"');
        return;
    }
    scribe_flush(&p->out);
    listing_json_text(p->out.out, text);
}

/* Microseconds, with nanoseconds as decimals. */
static void put_time(struct perfetto *p, int64_t at_ns)
{
    const int64_t rest = at_ns % 1000;
    const char decimals[] = { '.', (char)('0' + rest / 100), (char)('0' + rest / 10 % 10), (char)('0' + rest % 10) };
    put_whole(p, ",\"ts\":", at_ns / 1000);
    scribe_bytes(&p->out, decimals, sizeof decimals);
}

/* Up to the time stamp. */
static void put_event(struct perfetto *p, char phase, int32_t lane, int64_t at_ns)
{
    put_text(p, p->begun ? ",\n{\"ph\":\"" : "\n{\"ph\":\"");
    scribe_char(&p->out, phase);
    put_whole(p, "\",\"pid\":1,\"tid\":", lane);
    put_time(p, at_ns);
    p->begun = true;
}

static void put_name(struct perfetto *p, const char *what, int32_t lane, const char *name)
{
    put_text(p, p->begun ? ",\n{\"ph\":\"M\"" : "\n{\"ph\":\"M\"");
    put_whole(p, ",\"pid\":1,\"tid\":", lane);
    put_text(p, ",\"name\":\"");
    put_text(p, what);
    put_text(p, "\",\"args\":{\"name\":");
    put_word(p, name);
    put_text(p, "}}");
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
        put_whole(p, ",\n{\"ph\":\"M\",\"pid\":1,\"tid\":", at);
        put_whole(p, ",\"name\":\"thread_sort_index\",\"args\":{\"sort_index\":", at);
        put_text(p, "}}");
        (*lane)->named = true;
    }
    return RONDO_OK;
}

static void put_task_args(struct perfetto *p, const struct bar *bar)
{
    static const char *const names[] = { ",\"name\":\"push\"", ",\"name\":\"pull\"", ",\"name\":\"fused\"",
                                         ",\"name\":\"couple\"" };
    const struct trace_task *task = &bar->task;
    put_text(p, task->work <= TRACE_COUPLE ? names[task->work] : ",\"name\":\"task\"");
    put_whole(p, ",\"cat\":\"task\",\"args\":{\"round\":", bar->round);
    put_whole(p, ",\"block\":", task->block);
    put_whole(p, ",\"shard\":", task->shard);
    put_whole(p, ",\"phase\":", task->phase);
    put_whole(p, ",\"tag\":", task->tag);
    put_whole(p, ",\"run_ns\":", task->run_ns);
    put_whole(p, ",\"sent_ns\":", task->sent_ns);
    put_whole(p, ",\"done_ns\":", task->done_ns);
    put_text(p, "}}");
}

static void put_args(struct perfetto *p, const struct bar *bar)
{
    static const char *const names[] = { [BAR_PLAN] = ",\"name\":\"plan\"", [BAR_COMMIT] = ",\"name\":\"commit\"",
                                         [BAR_PUSH] = ",\"name\":\"push\"" };
    put_text(p, names[bar->what]);
    put_whole(p, ",\"cat\":\"round\",\"args\":{\"round\":", bar->round);
    if (bar->what == BAR_PLAN) {
        put_whole(p, ",\"drawn\":", bar->drawn);
        put_whole(p, ",\"refused\":", bar->refused);
        put_whole(p, ",\"joined\":", bar->joined);
        put_whole(p, ",\"taken\":", bar->taken);
    }
    if (bar->note[0]) {
        put_text(p, ",\"note\":");
        put_word(p, bar->note);
    }
    put_text(p, "}}");
}

/* An end of an arrow, within the bar that has just begun.  A flow is known by its id, its category and its name. */
static void put_flow(struct perfetto *p, char phase, int32_t lane, int64_t at_ns, int64_t flow)
{
    put_event(p, phase, lane, at_ns);
    put_whole(p, phase == 'f' ? ",\"bp\":\"e\",\"id\":" : ",\"id\":", flow);
    put_text(p, ",\"name\":\"sent\",\"cat\":\"flow\"}");
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
    put_event(p, 'B', bar->lane, begin);
    if (bar->what == BAR_TASK)
        put_task_args(p, bar);
    else
        put_args(p, bar);
    for (int32_t i = 0; i < bar->flows; i++)
        put_flow(p, bar->what == BAR_TASK ? 'f' : 's', bar->lane, begin, bar->flow + i);
    int64_t inner_begin = clamp(bar->inner_begin_ns, begin, end), inner_end = clamp(bar->inner_end_ns, begin, end);
    if (inner_begin < inner_end) {
        put_event(p, 'B', bar->lane, inner_begin);
        put_whole(p, ",\"name\":\"couplings\",\"cat\":\"round\",\"args\":{\"round\":", bar->round);
        put_text(p, "}}");
        put_event(p, 'E', bar->lane, inner_end);
        put_text(p, "}");
    }
    put_event(p, 'E', bar->lane, end);
    put_text(p, "}");
    lane->last_ns = end;
    return RONDO_OK;
}

static void put_counter(struct perfetto *p, const char *name, int64_t at_ns, double value)
{
    if (!isfinite(value))
        return;
    put_event(p, 'C', LANE_PLANNER, at_ns < 0 ? 0 : at_ns);
    put_text(p, ",\"name\":\"");
    put_text(p, name);
    put_text(p, "\",\"args\":{\"");
    put_text(p, name);
    put_text(p, "\":");
    scribe_real(&p->out, value, 9);
    put_text(p, "}}");
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
static struct bar bar_of(int64_t round, const struct trace_task *task)
{
    struct bar bar = { .what = BAR_TASK, .round = round, .task = *task, .end_ns = within(task->done_ns) };
    bar.begin_ns = task->run_ns > 0 ? bar.end_ns - within(task->run_ns) : within(task->sent_ns);
    bar.lane = task->worker < 0 || task->worker >= LANES_MOST ? -1 : LANE_WORKER + task->worker;
    return bar;
}

/* A plan sends the pushes of its first phase.  Each has an arrow of its own, since of several with one id each would
 * go on where the last one ended.  What began before the plan's end is damage: an arrow points to what is later. */
static bool is_sent_by(const struct bar *plan, const struct bar *bar)
{
    bool push = bar->task.work == TRACE_PUSH || bar->task.work == TRACE_FUSED;
    return push && bar->task.phase == 0 && bar->begin_ns >= plan->end_ns;
}

/* The plan, and the tasks that there are. */
static int put_plan(struct perfetto *p, const struct trace_round *round, struct bar *plan)
{
    plan->flow = p->flows + 1;
    for (int32_t i = 0; i < round->tasks; i++) {
        struct bar bar = bar_of(round->round, &round->task[i]);
        plan->flows += is_sent_by(plan, &bar);
    }
    int code = heap_put(p, plan);
    for (int32_t i = 0; i < round->tasks && !code; i++) {
        struct bar bar = bar_of(round->round, &round->task[i]);
        bar.flows = is_sent_by(plan, &bar);
        bar.flow = bar.flows ? ++p->flows : 0;
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
        code = put_plan(p, round, &plan);
    if (!code && round->tasks == 0)
        code = heap_put(p, &push);
    if (!code)
        code = heap_put(p, &commit);
    put_counter(p, "objective", round->end_ns, round->objective);
    put_counter(p, "imbalance", round->end_ns, round->cost_mean > 0.0 ? round->cost_max / round->cost_mean : (double)NAN);
    return !code && ferror(p->out.out) ? RONDO_EIO : code; /* what is said of it is said at the end */
}

static int each_meta(void *context, const char *key, const char *value)
{
    if (strcmp(key, "app") == 0)
        snprintf(context, 80, "rondo %.60s", value);
    return RONDO_OK;
}

int export_perfetto(struct trace_reader *reader, struct reader_window window, FILE *out, struct rondo_error *err)
{
    struct perfetto p = { .err = err };
    char name[80] = "rondo";
    struct lane *planner;
    int code = reader_meta(reader, each_meta, name, err);
    scribe_init(&p.out, out);
    put_text(&p, "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[");
    if (!code) {
        put_name(&p, "process_name", LANE_PLANNER, name);
        code = find_lane(&p, LANE_PLANNER, &planner);
    }
    if (!code)
        code = details_scan(reader, window, 1 << DETAILS_TASKS, each_round, &p, err);
    if (!code)
        code = settle(&p, INT64_MAX);
    put_text(&p, "\n]}\n");
    scribe_flush(&p.out);
    buf_fini(&p.heap);
    buf_fini(&p.lanes);
    if ((!code || code == RONDO_EIO) && ferror(out))
        return rondo_error_set(err, RONDO_EIO, NULL, NULL, "cannot write: %s", strerror(errno));
    return code;
}

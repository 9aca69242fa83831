#include "core/trace/pace.h"

#include "core/base/mem.h"
#include "core/trace/details.h"
#include "core/trace/roll.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SPANS = 256 };

/* Time in which a worker had a task.  Tasks come in the order of rounds, and rounds overlap a little: the last
 * SPANS disjoint spans may still grow together, older ones are summed up. */
struct busy {
    int64_t begin[SPANS], end[SPANS]; /* [count] ascending */
    int count;
    int64_t settled_ns, horizon_ns; /* the sum of what is no longer kept, and where that ends */
};

struct member {
    struct pace_worker out;
    double task_ns;  /* the sum, from sent to done */
    int64_t round;   /* the last it had a task in */
    int64_t last_ns; /* and when the last of these was done */
    struct busy *busy;
};

struct pace {
    struct roll numbers; /* of workers, by place in `member` */
    struct member *member;
    int64_t room;
    int64_t *present, presents; /* places of those that had a task in the round */
    /* the round's */
    int64_t first_tasks, first_longest_ns, first_sum_ns; /* of the first phase's pushes */
    int64_t last_ns, last_place, last_block, last_shard; /* the task that ended last */
    struct pace_round round;
    struct rondo_buf kind; /* its word */
    struct pace_totals totals;
};

/* ---- one worker ------------------------------------------------------------------------------------- */

static void settle(struct busy *busy, int count)
{
    for (int i = 0; i < count; i++)
        busy->settled_ns += busy->end[i] - busy->begin[i];
    busy->horizon_ns = busy->end[count - 1];
    busy->count -= count;
    memmove(busy->begin, busy->begin + count, (size_t)busy->count * sizeof *busy->begin);
    memmove(busy->end, busy->end + count, (size_t)busy->count * sizeof *busy->end);
}

/* Adds [begin, end) to the union.  Most spans touch the last one, or stand behind it: nothing is moved. */
static void add_span(struct busy *busy, int64_t begin, int64_t end)
{
    if (busy->count == SPANS)
        settle(busy, SPANS / 2);
    begin = begin < busy->horizon_ns ? busy->horizon_ns : begin;
    if (end <= begin)
        return;
    int after = busy->count; /* spans from here on begin behind it */
    while (after > 0 && busy->begin[after - 1] > end)
        after--;
    int from = after; /* from here to `after` they touch it */
    while (from > 0 && busy->end[from - 1] >= begin) {
        from--;
        begin = busy->begin[from] < begin ? busy->begin[from] : begin;
        end = busy->end[from] > end ? busy->end[from] : end;
    }
    size_t behind = (size_t)(busy->count - after) * sizeof(int64_t);
    if (behind && after != from + 1) {
        memmove(busy->begin + from + 1, busy->begin + after, behind);
        memmove(busy->end + from + 1, busy->end + after, behind);
    }
    busy->begin[from] = begin;
    busy->end[from] = end;
    busy->count += from + 1 - after;
}

static int64_t busy_ns(const struct busy *busy)
{
    int64_t sum = busy->settled_ns;
    for (int i = 0; i < busy->count; i++)
        sum += busy->end[i] - busy->begin[i];
    return sum;
}

static bool grow(struct pace *pace)
{
    int64_t had = pace->room, room = had ? 2 * had : 8;
    struct member *member = mem_calloc((size_t)room, sizeof *member);
    int64_t *present = member ? mem_calloc((size_t)room, sizeof *present) : NULL;
    if (!present) {
        mem_free(member);
        return false;
    }
    for (int64_t i = 0; i < had; i++) {
        member[i] = pace->member[i];
        present[i] = pace->present[i];
    }
    mem_free(pace->member);
    mem_free(pace->present);
    pace->member = member;
    pace->present = present;
    pace->room = room;
    return true;
}

/* The worker's place; -1: out of memory. */
static int64_t place_of(struct pace *pace, int32_t worker)
{
    int64_t known = pace->numbers.count, place = roll_number(&pace->numbers, worker, 0);
    if (place < 0 || place < known)
        return place;
    if (place == pace->room && !grow(pace))
        return -1;
    struct busy *busy = mem_calloc(1, sizeof *busy);
    if (!busy)
        return -1;
    busy->horizon_ns = INT64_MIN;
    pace->member[place] = (struct member){ .busy = busy, .round = INT64_MIN };
    pace->member[place].out.in.worker = worker;
    return place;
}

static void count_task(struct member *member, const struct trace_task *task)
{
    struct reader_worker *out = &member->out.in;
    int64_t took = task->done_ns - task->sent_ns;
    out->first_ns = out->tasks == 0 || task->sent_ns < out->first_ns ? task->sent_ns : out->first_ns;
    out->last_ns = out->tasks == 0 || task->done_ns > out->last_ns ? task->done_ns : out->last_ns;
    out->longest_ns = out->tasks == 0 || took > out->longest_ns ? took : out->longest_ns;
    out->tasks++;
    query_add(&out->run_ns, task->run_ns);
    member->task_ns += (double)took;
    add_span(member->busy, task->sent_ns, task->done_ns);
}

/* ---- one round ---------------------------------------------------------------------------------------- */

static int take_task(struct pace *pace, int64_t round, const struct trace_task *task)
{
    int64_t place = place_of(pace, task->worker);
    if (place < 0)
        return RONDO_ENOMEM;
    struct member *member = &pace->member[place];
    if (member->round != round) {
        member->round = round;
        member->last_ns = INT64_MIN;
        member->out.in.rounds++;
    }
    count_task(member, task);
    if (task->work == TRACE_COUPLE)
        return RONDO_OK;
    if (member->last_ns == INT64_MIN)
        pace->present[pace->presents++] = place;
    member->last_ns = task->done_ns > member->last_ns ? task->done_ns : member->last_ns;
    if (pace->last_place < 0 || task->done_ns > pace->last_ns) {
        pace->last_ns = task->done_ns;
        pace->last_place = place;
        pace->last_block = task->block;
        pace->last_shard = task->shard;
    }
    if (task->phase == 0 && task->work != TRACE_PULL) {
        pace->first_tasks++;
        query_add(&pace->first_sum_ns, task->run_ns);
        pace->first_longest_ns = task->run_ns > pace->first_longest_ns ? task->run_ns : pace->first_longest_ns;
    }
    return RONDO_OK;
}

static double ratio(double part, double all)
{
    return all > 0 ? part / all : (double)NAN;
}

static void add_to_totals(struct pace_totals *totals, const struct pace_round *round)
{
    totals->rounds++;
    query_add(&totals->straggle_ns, round->straggle_ns);
    query_add(&totals->push_ns, round->push_ns);
    query_add(&totals->path_ns, round->path_ns);
    if (isfinite(round->imbalance_ratio)) {
        totals->balanced++;
        totals->imbalance_sum += round->imbalance_ratio;
        totals->imbalance_max = fmax(totals->imbalance_max, round->imbalance_ratio);
    }
    if (isfinite(round->measured_ratio)) {
        totals->measured++;
        totals->measured_sum += round->measured_ratio;
        totals->measured_max = fmax(totals->measured_max, round->measured_ratio);
    }
}

/* Says what the round's tasks came to, and forgets them. */
static void end_round(struct pace *pace, struct pace_round *round)
{
    double sum = 0; /* of how much sooner the others were done */
    round->straggler = round->block = round->shard = -1;
    for (int64_t i = 0; i < pace->presents; i++)
        sum += (double)(pace->last_ns - pace->member[pace->present[i]].last_ns);
    if (pace->presents > 0) {
        struct member *last = &pace->member[pace->last_place];
        round->straggler = last->out.in.worker;
        round->block = pace->last_block;
        round->shard = pace->last_shard;
        round->straggle_ns = (int64_t)(sum / (double)pace->presents);
        last->out.straggled += pace->presents > 1;
        pace->totals.straggled += pace->presents > 1;
    }
    round->measured_ratio = ratio((double)pace->first_longest_ns * (double)pace->first_tasks,
                                  (double)pace->first_sum_ns);
    round->push_ratio = ratio((double)round->straggle_ns, (double)round->push_ns);
    round->path_ratio = ratio((double)round->straggle_ns, (double)round->path_ns);
    add_to_totals(&pace->totals, round);
    pace->presents = 0;
    pace->last_place = -1;
    pace->first_tasks = pace->first_longest_ns = pace->first_sum_ns = 0;
}

/* ---- all ------------------------------------------------------------------------------------------------ */

static const char columns[] = "round, blocks, cost_max, cost_mean, plan_ns, push_ns, commit_ns, begin_ns, end_ns, kind";

/* A row of `columns`. */
static int take_round(void *context, sqlite3_value **value)
{
    struct pace *pace = context;
    struct pace_totals *totals = &pace->totals;
    const int64_t push_ns = value_ns(value[5]), begin_ns = value_ns(value[7]), end_ns = value_ns(value[8]);
    const void *kind = sqlite3_value_text(value[9]);
    kind = kind ? kind : "";
    pace->kind.size = 0;
    if (buf_append(&pace->kind, kind, strlen(kind) + 1))
        return SQLITE_NOMEM;
    totals->first_ns = totals->rounds == 0 || begin_ns < totals->first_ns ? begin_ns : totals->first_ns;
    totals->last_ns = totals->rounds == 0 || end_ns > totals->last_ns ? end_ns : totals->last_ns;
    pace->round = (struct pace_round){
        .round = sqlite3_value_int64(value[0]), .kind = (const char *)pace->kind.data, .blocks = value_small(value[1]),
        .imbalance_ratio = ratio(value_real(value[2]), value_real(value[3])), .push_ns = push_ns,
        .path_ns = value_ns(value[4]) + push_ns + value_ns(value[6]),
    };
    return SQLITE_OK;
}

static int walk(struct pace *pace, struct query *rounds, struct details *details,
                int (*each)(void *context, const struct pace_round *round), void *context,
                struct rondo_error *err)
{
    int code = RONDO_OK;
    while (query_next(rounds, &code, err)) {
        struct trace_round tasks = { .round = pace->round.round };
        code = details_take(details, &tasks, err);
        for (int32_t i = 0; i < tasks.tasks && !code; i++)
            if (take_task(pace, tasks.round, &tasks.task[i]))
                code = query_refuse(rounds->reader, SQLITE_NOMEM, err);
        end_round(pace, &pace->round);
        if (!code && each)
            code = each(context, &pace->round);
    }
    return code;
}

static int by_number(const void *a, const void *b)
{
    const struct pace_worker *x = a, *y = b;
    return (x->in.worker > y->in.worker) - (x->in.worker < y->in.worker);
}

static int tell_totals(struct pace *pace, const struct trace_reader *reader,
                       int (*totals)(void *context, const struct pace_totals *totals), void *context,
                       struct rondo_error *err)
{
    int64_t workers = pace->numbers.count;
    struct pace_worker *list = mem_calloc((size_t)workers + 1, sizeof *list);
    if (!list)
        return query_refuse(reader, SQLITE_NOMEM, err);
    for (int64_t i = 0; i < workers; i++) {
        const struct member *member = &pace->member[i];
        list[i] = member->out;
        list[i].in.busy_ns = busy_ns(member->busy);
        list[i].in.mean_ns = ratio(member->task_ns, (double)member->out.in.tasks);
    }
    qsort(list, (size_t)workers, sizeof *list, by_number);
    pace->totals.workers = workers;
    pace->totals.worker = list;
    int code = totals(context, &pace->totals);
    mem_free(list);
    return code;
}

int pace_read(struct trace_reader *reader, struct reader_window window,
              int (*each)(void *context, const struct pace_round *round),
              int (*totals)(void *context, const struct pace_totals *totals), void *context,
              struct rondo_error *err)
{
    struct pace pace = { .last_place = -1 };
    struct query rounds = { 0 };
    struct details details;
    int code = details_open(&details, reader, window, 1 << DETAILS_TASKS, err);
    if (!code)
        code = query_ask_taken(&rounds, reader, columns, "rounds", window, take_round, &pace, err);
    if (!code)
        code = walk(&pace, &rounds, &details, each, context, err);
    if (!code && totals)
        code = tell_totals(&pace, reader, totals, context, err);
    query_done(&rounds);
    details_close(&details);
    for (int64_t i = 0; i < pace.numbers.count && i < pace.room; i++)
        mem_free(pace.member[i].busy);
    mem_free(pace.member);
    mem_free(pace.present);
    buf_fini(&pace.kind);
    roll_fini(&pace.numbers);
    return code;
}

/* digest.c - rounds go in.  Series are lists of runs: while a list has room a run is of so many rounds; when
 * it is full, neighbours are merged and runs are of twice as many. */
#include "core/trace/digest_i.h"

#include "core/base/clock.h"
#include "core/base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const int64_t rate_ns = 2000000000;  /* rates are over the last 2 to 4 seconds */
static const int64_t watch_ns = 5000000000; /* so long a look lasts */

int digest_create(struct digest **digest, struct rondo_error *err)
{
    struct digest *made = mem_calloc(1, sizeof *made);
    if (!made)
        return rondo_error_set(err, RONDO_ENOMEM, "", NULL, "no memory for the digest of a job");
    pthread_mutex_init(&made->lock, NULL);
    made->state.point_rounds = made->state.line_reports = 1;
    made->objective = (double)NAN;
    tally_init(&made->tally, 0);
    *digest = made;
    return RONDO_OK;
}

void digest_destroy(struct digest *digest)
{
    if (!digest)
        return;
    tally_fini(&digest->tally);
    pthread_mutex_destroy(&digest->lock);
    mem_free(digest);
}

void digest_job(struct digest *digest, const char *app, enum trace_level level, int64_t variables)
{
    pthread_mutex_lock(&digest->lock);
    struct digest_state *state = &digest->state;
    snprintf(state->app, sizeof state->app, "%s", app ? app : "");
    state->level = level;
    tally_fini(&digest->tally); /* told before the first round: nothing is lost */
    tally_init(&digest->tally, variables);
    pthread_mutex_unlock(&digest->lock);
}

/* ---- runs of rounds ------------------------------------------------------------------------ */

static void mean_add(struct digest_mean *mean, double part, double all)
{
    if (all > 0.0 && isfinite(part / all)) {
        mean->sum += part / all;
        mean->count++;
    }
}

static void mean_merge(struct digest_mean *into, struct digest_mean from)
{
    into->sum += from.sum;
    into->count += from.count;
}

static void point_merge(struct digest_point *into, const struct digest_point *from)
{
    into->last = from->last;
    into->end_ns = from->end_ns;
    into->rounds += from->rounds;
    into->updates += from->updates;
    into->refused += from->refused;
    into->joined += from->joined;
    into->dropped += from->dropped;
    into->plan_ns += from->plan_ns;
    into->run_ns += from->run_ns;
    into->pull_ns += from->pull_ns;
    into->network_ns += from->network_ns;
    into->commit_ns += from->commit_ns;
    into->couple_ns += from->couple_ns;
    into->objective = isnan(from->objective) ? into->objective : from->objective;
    mean_merge(&into->imbalance, from->imbalance);
    mean_merge(&into->fill, from->fill);
    mean_merge(&into->weight, from->weight);
    mean_merge(&into->hits, from->hits);
}

/* Of a round: five hours of nanoseconds, 18 millions of millions of anything.  A damaged trace says more, and sums
 * shall not overflow by it. */
static int64_t sane(int64_t amount)
{
    const int64_t most = INT64_C(1) << 44;
    return amount < 0 ? 0 : amount > most ? most : amount;
}

/* Of a job since its beginning: nanoseconds, updates. */
static int64_t so_far(int64_t amount)
{
    return amount < 0 ? 0 : amount > INT64_MAX / 2 ? INT64_MAX / 2 : amount;
}

static struct digest_point point_of(const struct trace_round *round, int64_t last)
{
    int64_t spent = sane(round->run_ns) + sane(round->pull_ns) + sane(round->network_ns);
    struct digest_point point = {
        .first = round->round, .last = round->round, .rounds = 1, .updates = sane(round->updates),
        .refused = sane(round->refused), .joined = sane(round->joined),
        .dropped = last ? round->round - last - 1 : 0,
        .plan_ns = sane(round->plan_ns), .run_ns = sane(round->run_ns), .pull_ns = sane(round->pull_ns),
        .network_ns = sane(spent ? round->network_ns : round->push_ns), /* where nobody said what it was spent on */
        .commit_ns = sane(round->commit_ns), .couple_ns = sane(round->couple_ns),
        .end_ns = so_far(round->end_ns), .objective = round->objective,
    };
    mean_add(&point.imbalance, round->cost_max, round->cost_mean);
    mean_add(&point.fill, (double)round->taken, (double)round->wanted);
    mean_add(&point.weight, round->weight_taken, round->weight_sum);
    mean_add(&point.hits, (double)round->pairs_needed - (double)round->pairs_computed, (double)round->pairs_needed);
    return point;
}

static void points_add(struct digest_state *state, const struct digest_point *point)
{
    struct digest_point *tail = &state->point[state->points > 0 ? state->points - 1 : 0];
    if (state->points > 0 && tail->rounds < state->point_rounds) {
        point_merge(tail, point);
        return;
    }
    if (state->points == DIGEST_POINTS) {
        for (int i = 0; i < DIGEST_POINTS / 2; i++) {
            state->point[i] = state->point[2 * i];
            point_merge(&state->point[i], &state->point[2 * i + 1]);
        }
        state->points /= 2;
        state->point_rounds *= 2;
    }
    state->point[state->points++] = *point;
}

/* ---- rates --------------------------------------------------------------------------------- */

static void rates_begin(struct digest *digest, int64_t at_ns, int64_t round)
{
    for (int i = 0; i < 2; i++)
        digest->mark[i] = (struct digest_mark){ at_ns, round, digest->state.updates };
}

static void rates_mark(struct digest *digest)
{
    if (digest->end_ns - digest->mark[1].end_ns < rate_ns)
        return;
    digest->mark[0] = digest->mark[1];
    digest->mark[1] = (struct digest_mark){ digest->end_ns, digest->state.last, digest->state.updates };
}

/* ---- rolling back -------------------------------------------------------------------------- */

static int64_t part_of(int64_t sum, int64_t part, int64_t all)
{
    return (int64_t)((double)sum * ((double)part / (double)all));
}

/* Of a run that goes on behind `last`, what it is likely to have held up to there. */
static void point_cut(struct digest_point *point, int64_t last)
{
    int64_t part = last - point->first + 1, all = point->last - point->first + 1;
    int64_t *const sums[] = { &point->rounds, &point->updates, &point->refused, &point->joined, &point->dropped,
                              &point->plan_ns, &point->run_ns, &point->pull_ns, &point->network_ns,
                              &point->commit_ns, &point->couple_ns };
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++)
        *sums[i] = part_of(*sums[i], part, all);
    point->rounds = point->rounds > 0 ? point->rounds : 1;
    point->last = last;
}

/* Forgets rounds from `round` on.  The counts of variables, couplings and workers stay: the work was done. */
static void roll_back(struct digest *digest, int64_t round)
{
    struct digest_state *state = &digest->state;
    while (state->points > 0 && state->point[state->points - 1].first >= round)
        state->points--;
    if (state->points > 0 && state->point[state->points - 1].last >= round)
        point_cut(&state->point[state->points - 1], round - 1);
    while (state->lines > 0 && state->line[state->lines - 1].round >= round)
        state->lines--, state->line_held = state->line_reports;
    if (state->bars_kept < state->bars - DIGEST_BARS)
        state->bars_kept = state->bars - DIGEST_BARS; /* those before are overwritten */
    while (state->bars > state->bars_kept && state->bar[(state->bars - 1) % DIGEST_BARS].round >= round)
        state->bars--;
    state->updates = 0;
    for (int i = 0; i < state->points; i++)
        state->updates += state->point[i].updates;
    state->last = state->points > 0 ? state->point[state->points - 1].last : 0;
    rates_begin(digest, digest->end_ns, state->last);
}

/* ---- details ------------------------------------------------------------------------------- */

static void bar_add(struct digest_state *state, struct digest_bar bar)
{
    if (bar.end_ns > bar.begin_ns)
        state->bar[state->bars++ % DIGEST_BARS] = bar;
}

/* A worker has several tasks queued: of the time from sent to done it computed the last run_ns, and not
 * before it was done with the one before. */
static void task_add(struct digest_state *state, int64_t round, const struct trace_task *task)
{
    if (task->worker < 0 || task->worker >= DIGEST_WORKERS)
        return;
    struct digest_worker *worker = &state->worker[task->worker];
    int64_t done = so_far(task->done_ns);
    int64_t begin = task->run_ns > 0 ? done - sane(task->run_ns) : so_far(task->sent_ns);
    if (begin < worker->done_ns && worker->done_ns < done)
        begin = worker->done_ns;
    worker->tasks++;
    worker->run_ns += sane(task->run_ns > 0 ? task->run_ns : done - begin);
    if (worker->done_ns < done)
        worker->done_ns = done;
    if (state->workers <= task->worker)
        state->workers = task->worker + 1;
    bar_add(state, (struct digest_bar){ .begin_ns = begin, .end_ns = done, .round = round,
                                        .worker = task->worker, .phase = task->phase,
                                        .block = task->block, .work = (int32_t)task->work });
}

static void conflict_add(struct digest_state *state, const struct trace_conflict *conflict)
{
    double size = fabs(conflict->coupling) * DIGEST_BINS;
    int bin = size < DIGEST_BINS ? (int)size : DIGEST_BINS - 1;
    ++*(conflict->joined ? &state->joined[bin] : &state->refused[bin]);
}

static void details_add(struct digest *digest, const struct trace_round *round)
{
    struct digest_state *state = &digest->state;
    if (round->tasks > 0) {
        int64_t begin = so_far(round->begin_ns);
        bar_add(state, (struct digest_bar){ .begin_ns = begin, .end_ns = begin + sane(round->plan_ns),
                                            .round = round->round, .worker = -1, .block = -1, .work = 4 });
        for (int32_t i = 0; i < round->tasks; i++)
            task_add(state, round->round, &round->task[i]);
    }
    for (int32_t i = 0; i < round->conflicts; i++)
        conflict_add(state, &round->conflict[i]);
    if (round->block) {
        for (int32_t i = 0; i < round->blocks; i++)
            if (round->block[i].variables)
                tally_add(&digest->tally, round->round, round->block[i].variables, round->block[i].count);
    } else if (round->taken > 0) {
        state->gaps = true;
    }
    if ((round->tasks > 0 || round->block)
        && atomic_load_explicit(&digest->watched_until_ns, memory_order_relaxed))
        atomic_store_explicit(&digest->details_ns, clock_now_ns(), memory_order_relaxed);
}

/* ---- what is fed --------------------------------------------------------------------------- */

/* What rounds that it was not told of have updated; none before the first. */
static int64_t missed(const struct digest_state *state, int64_t updates)
{
    int64_t all = so_far(updates) - state->updates_before;
    return state->points > 0 && all > state->updates ? sane(all - state->updates) : 0;
}

void digest_round(struct digest *digest, const struct trace_round *round)
{
    if (round->round < 1)
        return; /* a damaged trace: they count from 1 */
    pthread_mutex_lock(&digest->lock);
    struct digest_state *state = &digest->state;
    if (state->last >= round->round)
        roll_back(digest, round->round);
    if (state->last == 0)
        rates_begin(digest, so_far(round->begin_ns), round->round - 1);
    if (!digest->begun)
        digest->begin_ns = so_far(round->begin_ns);
    digest->begun = true;
    if (state->points == 0)
        state->updates_before = so_far(round->updates_before);
    struct digest_point point = point_of(round, state->last);
    point.updates += missed(state, round->updates_before);
    points_add(state, &point);
    state->last = round->round;
    state->updates += point.updates;
    digest->end_ns = point.end_ns;
    if (!isnan(round->objective))
        digest->objective = round->objective;
    details_add(digest, round);
    rates_mark(digest);
    pthread_mutex_unlock(&digest->lock);
}

/* The place of a metric, made where there is room; -1: none. */
static int metric_at(struct digest_state *state, const char *key)
{
    for (int i = 0; i < state->metrics; i++)
        if (strncmp(state->metric[i], key, DIGEST_KEY - 1) == 0)
            return i;
    if (state->metrics == DIGEST_METRICS)
        return -1;
    for (int i = 0; i < state->lines; i++)
        state->line[i].value[state->metrics] = (double)NAN;
    snprintf(state->metric[state->metrics], DIGEST_KEY, "%s", key);
    return state->metrics++;
}

/* The first line stays, and the last is the latest. */
static void lines_add(struct digest_state *state, const struct digest_line *line)
{
    if (state->lines > 1 && state->line_held < state->line_reports) {
        state->line_held++;
        state->line[state->lines - 1] = *line;
        return;
    }
    if (state->lines == DIGEST_POINTS) {
        int kept = 1;
        for (int i = 2; i < DIGEST_POINTS; i += 2)
            state->line[kept++] = state->line[i];
        state->lines = kept;
        state->line_reports *= 2;
    }
    state->line[state->lines++] = *line;
    state->line_held = 1;
}

void digest_report(struct digest *digest, const struct trace_report *report)
{
    pthread_mutex_lock(&digest->lock);
    struct digest_state *state = &digest->state;
    struct digest_line line = { .round = report->round, .at_ns = report->at_ns };
    for (int i = 0; i < DIGEST_METRICS; i++)
        line.value[i] = (double)NAN;
    (void)metric_at(state, "objective"); /* the first, said or not */
    for (int32_t i = 0; i < report->count; i++) {
        int at = metric_at(state, report->key[i]);
        if (at >= 0)
            line.value[at] = report->value[i];
    }
    if (!isnan(line.value[0]))
        digest->objective = line.value[0];
    lines_add(state, &line);
    pthread_mutex_unlock(&digest->lock);
}

void digest_end(struct digest *digest, int64_t round, int64_t updates)
{
    if (!digest)
        return;
    pthread_mutex_lock(&digest->lock);
    struct digest_state *state = &digest->state;
    if (state->points > 0 && round > state->last) {
        struct digest_point *run = &state->point[state->points - 1];
        int64_t more = missed(state, updates);
        run->dropped += sane(round - state->last);
        run->last = state->last = round;
        run->updates += more;
        state->updates += more;
    }
    pthread_mutex_unlock(&digest->lock);
}

/* ---- whoever looks ------------------------------------------------------------------------- */

void digest_watch(struct digest *digest)
{
    atomic_store_explicit(&digest->watched_until_ns, clock_now_ns() + watch_ns, memory_order_relaxed);
}

bool digest_hungry(struct digest *digest)
{
    int64_t until = atomic_load_explicit(&digest->watched_until_ns, memory_order_relaxed);
    if (until == 0)
        return false;
    int64_t now = clock_now_ns();
    if (now >= until) { /* not a look at the clock each time from now on, unless somebody came just now */
        atomic_compare_exchange_strong(&digest->watched_until_ns, &until, 0);
        return false;
    }
    return now - atomic_load_explicit(&digest->details_ns, memory_order_relaxed) >= DIGEST_PAUSE_NS;
}

static int64_t dropped_of(const struct digest_state *state)
{
    int64_t dropped = 0;
    for (int i = 0; i < state->points; i++)
        dropped += state->point[i].dropped;
    return dropped;
}

struct digest_glance digest_glance(struct digest *digest)
{
    pthread_mutex_lock(&digest->lock);
    const struct digest_mark *from = &digest->mark[0];
    double seconds = (double)(digest->end_ns - from->end_ns) / 1e9;
    struct digest_glance glance = {
        .rounds = digest->state.last, .updates = digest->state.updates, .objective = digest->objective,
        .dropped = dropped_of(&digest->state), .seconds = (double)digest->end_ns / 1e9,
        .told_s = (double)(digest->end_ns - digest->begin_ns) / 1e9,
        .rounds_s = seconds > 0.0 ? (double)(digest->state.last - from->round) / seconds : 0.0,
        .updates_s = seconds > 0.0 ? (double)(digest->state.updates - from->updates) / seconds : 0.0,
    };
    pthread_mutex_unlock(&digest->lock);
    return glance;
}

#include "tools/live.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "tools/pace.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { LINE_MOST = 512, FIRST = 2, METRICS = FIRST + 1, NAME_MOST = 32, DRAW_NS = 100000000, CELLS_LEAST = 6,
       CELLS_MOST = 30 };

/* Where the terminal is narrow the parts of the highest ranks stay. */
enum rank { RANK_DETAIL, RANK_CLOCK, RANK_ROUND, RANK_COUNT, RANK_WORKERS, RANK_UPDATES, RANK_BAR, RANK_OBJECTIVE,
            RANK_RATE, RANK_LEFT, RANK_MEASURE, RANK_SHARE, RANKS };

struct parts {
    double share; /* that the bar shows */
    int count;
    struct { char text[64]; int rank, width; } part[RANKS];
};

struct live {
    bool draws, colour;
    _Atomic int64_t round, updates, workers; /* relaxed: figures to look at */
    pthread_mutex_t mutex;                   /* guards what follows; held for no write */
    pthread_cond_t wake;
    bool ending;
    struct pace pace;
    double t;      /* of the last report, seconds of solving */
    int64_t at_ns; /* and when it came; before the first one, when this began */
    bool reported;
    double objective;
    int32_t metrics;
    struct { char name[NAME_MOST]; double value; } metric[METRICS];
    int room[RANKS];      /* the widest part so far of each rank: columns stay where they are */
    char last[LINE_MOST]; /* the line of a report */
    pthread_t thread;
    char drawn[LINE_MOST]; /* guarded by log_lock, with width; "": nothing is */
    int width;
};

static volatile sig_atomic_t wiping; /* a line stands there */

static const char erase[] = "\r\x1b[K";

/* ---- figures as text ---------------------------------------------------------------------------------- */

static void show_clock(char text[24], double seconds)
{
    int64_t s = (int64_t)seconds;
    if (!(seconds >= 0 && seconds < 1e9))
        snprintf(text, 24, "-");
    else if (s < 3600)
        snprintf(text, 24, "%" PRId64 ":%02" PRId64, s / 60, s % 60);
    else if (s < 86400)
        snprintf(text, 24, "%" PRId64 ":%02" PRId64 ":%02" PRId64, s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(text, 24, "%" PRId64 "d%02" PRId64 "h", s / 86400, s / 3600 % 24);
}

/* 65.2, 3.12k, 4.5M; false: unknown. */
static bool show_rate(char text[24], double rate)
{
    static const char *const units[] = { "", "k", "M", "G", "T" };
    size_t unit = 0;
    for (; rate >= 999.5 && unit + 1 < sizeof units / sizeof *units; unit++)
        rate /= 1000;
    snprintf(text, 24, "%.3g%s", rate, units[unit]);
    return rate >= 0;
}

/* "-" where the app has none yet. */
static void show_objective(char text[32], double value)
{
    if (isfinite(value))
        snprintf(text, 32, "%.8g", value);
    else
        snprintf(text, 32, "-");
}

/* Counts to the last digit: 12345, not 1.234e+04. */
static void show_metric(char text[32], double value)
{
    snprintf(text, 32, fabs(value) < 1e15 && value == floor(value) ? "%.0f" : "%.4g", value);
}

/* ---- the line ------------------------------------------------------------------------------------------- */

static void RONDO_PRINTF(3, 4) put(struct parts *parts, enum rank rank, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(parts->part[parts->count].text, sizeof parts->part[0].text, format, args);
    va_end(args);
    log_plain(parts->part[parts->count].text);
    parts->part[parts->count++].rank = (int)rank;
}

static void show_bar(char text[64], double share, int cells)
{
    int full = (int)(share * cells);
    char bar[CELLS_MOST];
    for (int i = 0; i < cells; i++)
        bar[i] = i < full ? '=' : i == full ? '>' : ' ';
    snprintf(text, 64, "[%.*s]", cells, bar);
}

/* What counts towards a bound is a count; the first of the others measures how good the answer is. */
static void put_metrics(struct parts *parts, const struct live *live)
{
    bool measured = false, counted = false;
    char text[32], bound[32];
    for (int32_t i = 0; i < live->metrics; i++) {
        show_metric(text, live->metric[i].value);
        double end = pace_end(&live->pace, live->metric[i].name);
        if (end > 0 && !counted) {
            show_metric(bound, end);
            put(parts, RANK_COUNT, "%s %s/%s", live->metric[i].name, text, bound);
            counted = true;
        } else {
            put(parts, measured ? RANK_DETAIL : RANK_MEASURE, "%s %s", live->metric[i].name, text);
            measured = true;
        }
    }
}

/* With the mutex. */
static void compose(struct live *live, struct parts *parts)
{
    char text[32];
    int64_t round = atomic_load_explicit(&live->round, memory_order_relaxed);
    int64_t workers = atomic_load_explicit(&live->workers, memory_order_relaxed);
    double now = live->t + (double)(clock_now_ns() - live->at_ns) * 1e-9;
    pace_count(&live->pace, now, round, atomic_load_explicit(&live->updates, memory_order_relaxed));
    double share = pace_share(&live->pace, now);
    if (share >= 0) {
        parts->share = share;
        put(parts, RANK_BAR, "[%*s]", CELLS_LEAST, ""); /* or as long as there is room for */
        put(parts, RANK_SHARE, "%3d%%", (int)(share * 100 + 1e-9)); /* 87 of 150 are 58 %, not 57.999 */
    }
    if (live->reported) {
        put_metrics(parts, live);
        show_objective(text, live->objective);
        put(parts, RANK_OBJECTIVE, "objective %s", text);
    } else {
        put(parts, RANK_MEASURE, "no report yet");
    }
    if (round > 0)
        put(parts, RANK_ROUND, "round %" PRId64, round);
    show_clock(text, now);
    put(parts, RANK_CLOCK, "%s", text);
    show_clock(text, pace_left(&live->pace, now));
    put(parts, RANK_LEFT, "eta %s", text);
    if (show_rate(text, pace_rounds(&live->pace)))
        put(parts, RANK_RATE, "%s rounds/s", text);
    if (show_rate(text, pace_updates(&live->pace)))
        put(parts, RANK_UPDATES, "%s updates/s", text);
    if (workers > 0)
        put(parts, RANK_WORKERS, "%" PRId64 " worker%s", workers, workers > 1 ? "s" : "");
}

/* Of each rank there is one part: those that are taken, from the highest on, while there is room; the bar
 * has what is left.  With the mutex. */
static void fit(struct live *live, int width, struct parts *parts)
{
    bool taken[RANKS] = { false };
    int left = width + 2, count = 0;
    for (int rank = RANKS - 1; rank >= 0; rank--)
        for (int i = 0; i < parts->count; i++) {
            if (parts->part[i].rank != rank)
                continue;
            int length = (int)strlen(parts->part[i].text), *room = &live->room[rank];
            *room = length > *room ? length : *room;
            parts->part[i].width = *room;
            taken[i] = *room + 2 <= left;
            left -= taken[i] ? *room + 2 : 0;
        }
    for (int i = 0; i < parts->count; i++)
        if (taken[i])
            parts->part[count++] = parts->part[i];
    parts->count = count;
    int cells = CELLS_LEAST + left < CELLS_MOST ? CELLS_LEAST + left : CELLS_MOST;
    for (int i = 0; i < count; i++)
        if (parts->part[i].rank == RANK_BAR) {
            show_bar(parts->part[i].text, parts->share, cells);
            parts->part[i].width = cells + 2;
        }
}

static void join(const struct parts *parts, bool colour, char line[LINE_MOST])
{
    int at = 0;
    line[0] = 0;
    for (int i = 0; i < parts->count && at < LINE_MOST; i++) {
        bool green = colour && parts->part[i].rank == RANK_BAR;
        at += snprintf(line + at, (size_t)(LINE_MOST - at), "%s%s%-*s%s", i ? "  " : "",
                       green ? "\x1b[32m" : "", parts->part[i].width, parts->part[i].text,
                       green ? "\x1b[0m" : "");
    }
}

/* ---- the terminal ---------------------------------------------------------------------------------------- */

static int width_now(void)
{
    struct winsize size = { 0 };
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
}

/* A job in the background leaves the terminal to others. */
static bool in_front(void)
{
    pid_t front = tcgetpgrp(STDERR_FILENO);
    return front < 0 || front == getpgrp();
}

/* With log_lock; a line of the log comes next. */
static void clear(void *context)
{
    struct live *live = context;
    if (!live->drawn[0])
        return;
    fputs(erase, stderr);
    live->drawn[0] = 0;
    wiping = 0;
}

/* The cursor rests where the line begins: what is echoed there is drawn over, and a terminal that
 * wraps long lines anew when it is made narrower keeps it on the first of them. */
static void draw(struct live *live, const char *line, int width)
{
    log_lock();
    if (in_front() && (strcmp(line, live->drawn) != 0 || width != live->width)) {
        fprintf(stderr, "\r%s%s\r", line, width != live->width ? "\x1b[J" : "\x1b[K");
        snprintf(live->drawn, sizeof live->drawn, "%s", line);
        live->width = width;
        wiping = line[0] != 0;
    }
    log_unlock();
}

static void *keep_drawing(void *context)
{
    struct live *live = context;
    pthread_mutex_lock(&live->mutex);
    while (!live->ending) {
        clock_cond_wait(&live->wake, &live->mutex, clock_now_ns() + DRAW_NS);
        if (live->ending)
            break;
        struct parts parts = { 0 };
        char line[LINE_MOST];
        int width = width_now();
        compose(live, &parts);
        fit(live, width - 1, &parts); /* the last column would wrap */
        pthread_mutex_unlock(&live->mutex);
        join(&parts, live->colour, line);
        draw(live, line, width);
        pthread_mutex_lock(&live->mutex);
    }
    pthread_mutex_unlock(&live->mutex);
    return NULL;
}

static bool is_terminal(void)
{
    const char *term = getenv("TERM");
    return isatty(STDERR_FILENO) && term && *term && strcmp(term, "dumb") != 0;
}

/* ---- its life ---------------------------------------------------------------------------------------------- */

/* Signals are for the main thread. */
static bool start_thread(struct live *live)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int failed = pthread_create(&live->thread, NULL, keep_drawing, live);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return !failed;
}

struct live *live_begin(bool quiet, const struct jsonin *spec)
{
    const char *plain = getenv("NO_COLOR");
    struct live *live = quiet ? NULL : mem_calloc(1, sizeof *live);
    if (!live)
        return NULL;
    pace_init(&live->pace, spec);
    live->at_ns = clock_now_ns();
    live->colour = !(plain && *plain);
    pthread_mutex_init(&live->mutex, NULL);
    clock_cond_init(&live->wake);
    live->draws = is_terminal() && start_thread(live);
    if (live->draws)
        log_set_hook(clear, live);
    return live;
}

void live_end(struct live *live)
{
    if (!live)
        return;
    if (live->draws) {
        pthread_mutex_lock(&live->mutex);
        live->ending = true;
        pthread_cond_signal(&live->wake);
        pthread_mutex_unlock(&live->mutex);
        pthread_join(live->thread, NULL);
        log_set_hook(NULL, NULL);
        clear(live);
    }
    pthread_cond_destroy(&live->wake);
    pthread_mutex_destroy(&live->mutex);
    mem_free(live);
}

void live_wipe(void)
{
    if (wiping && write(STDERR_FILENO, erase, sizeof erase - 1) < 0)
        wiping = 0; /* there is no terminal any more */
}

bool live_draws(const struct live *live)
{
    return live && live->draws;
}

/* ---- what it is told ------------------------------------------------------------------------------------------ */

void live_workers(struct live *live, int64_t workers)
{
    if (live)
        atomic_store_explicit(&live->workers, workers, memory_order_relaxed);
}

void live_round(struct live *live, int64_t round, int64_t updates)
{
    if (!live)
        return;
    atomic_store_explicit(&live->round, round, memory_order_relaxed);
    atomic_store_explicit(&live->updates, updates, memory_order_relaxed);
}

/* What the end says again is shown once. */
static void print(struct live *live, double seconds, int64_t round, const struct rondo_report *report)
{
    char line[LINE_MOST], text[32];
    show_objective(text, report->objective);
    int at = snprintf(line, sizeof line, "%8.2f s  round %-7" PRId64 " objective %-14s", seconds, round, text);
    for (int32_t i = 0; i < report->count && i < FIRST && at < (int)sizeof line; i++) {
        show_metric(text, report->metric[i].value);
        at += snprintf(line + at, sizeof line - (size_t)at, " %s %s", report->metric[i].name, text);
    }
    log_plain(line);
    if (strcmp(line, live->last) != 0)
        fprintf(stderr, "%s\n", line);
    memcpy(live->last, line, sizeof line);
}

/* The first two, and what counts towards the end, where it is another. */
static void keep_metrics(struct live *live, const struct rondo_report *report)
{
    live->metrics = 0;
    for (int32_t i = 0; i < report->count && live->metrics < METRICS; i++) {
        const struct rondo_metric *from = &report->metric[i];
        if (i >= FIRST && pace_end(&live->pace, from->name) <= 0)
            continue;
        snprintf(live->metric[live->metrics].name, NAME_MOST, "%s", from->name);
        live->metric[live->metrics++].value = from->value;
    }
}

static void note(struct live *live, double seconds, const struct rondo_report *report)
{
    pthread_mutex_lock(&live->mutex);
    live->t = seconds;
    live->at_ns = clock_now_ns();
    live->reported = true;
    live->objective = report->objective;
    keep_metrics(live, report);
    pace_report(&live->pace, seconds, report);
    pthread_mutex_unlock(&live->mutex);
}

void live_report(struct live *live, double seconds, int64_t round, const struct rondo_report *report)
{
    if (live && live->draws)
        note(live, seconds, report);
    else if (live)
        print(live, seconds, round, report);
}

#include "tools/follow.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "tools/cli.h"
#include "tools/live.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { PAUSE_FIRST_MS = 250, PAUSE_MOST_MS = 2000 };

/* A stream that is silent for so long is asked for anew: what was there may be gone. */
static const double quiet_s = 30;

/* Between two questions about the workers. */
static const int64_t ask_ns = 2000000000;

static volatile sig_atomic_t interrupted;

struct follow {
    struct reach *reach;
    const char *id;
    int64_t wait_s;
    int64_t round, shown; /* the last round shown, and how many lines of it */
    int64_t passed;       /* lines of that round that this stream has brought */
    bool broken;          /* stdout */
    int64_t lost_ns;      /* since when nobody answers; 0: somebody does */
    int pause_ms;
    struct reach_answer job;
    struct live *live;
    struct client *aside; /* asks while another streams; NULL: not yet */
    int64_t asked_ns;
};

static void on_interrupt(int number RONDO_UNUSED)
{
    interrupted = 1;
}

/* ---- lines --------------------------------------------------------------------------------------- */

/* The app's numbers, borrowed from the line. */
static bool add_metric(void *context, const char *key, const struct jsonin *value)
{
    static const char *const own[] = { "t", "round", "updates", "objective" };
    struct rondo_report *report = context;
    struct rondo_metric metric = { .name = key };
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strcmp(own[i], key) == 0)
            return true;
    if (jsonin_real_of(value, &metric.value))
        report->metric[report->count++] = metric;
    return report->count < RONDO_METRICS_MAX;
}

static void show_line(struct follow *follow, int64_t round, const struct jsonin *line)
{
    struct rondo_report report = { .count = 0 };
    double seconds = 0;
    int64_t updates = 0;
    jsonin_number(line, "t", &seconds);
    jsonin_integer(line, "updates", &updates);
    if (!jsonin_number(line, "objective", &report.objective))
        report.objective = (double)NAN;
    jsonin_each(line, add_metric, &report);
    live_round(follow->live, round, updates);
    live_report(follow->live, seconds, round, &report);
}

/* How many serve the job, as of its last portrait. */
static void show_workers(struct follow *follow, const struct jsonin *job)
{
    int64_t workers = 0;
    jsonin_integer(job, "workers", &workers);
    live_workers(follow->live, workers);
}

/* Workers come and go while lines stream in; where they cannot be had, the line is without them. */
static void look_aside(struct follow *follow)
{
    char path[REACH_PATH_MAX];
    struct reach aside = { .command = follow->reach->command, .options = follow->reach->options };
    struct reach_answer job = { .json = NULL };
    struct rondo_error ignored = { 0 };
    int64_t now = clock_now_ns();
    if (!live_draws(follow->live) || (follow->asked_ns && now - follow->asked_ns < ask_ns))
        return;
    follow->asked_ns = now;
    log_set_level(LOG_ERROR); /* what the first client warned of needs no second warning */
    int code = follow->aside ? RONDO_OK : client_open(&aside.options, &follow->aside, &ignored);
    log_set_level(LOG_INFO);
    snprintf(path, sizeof path, "/v1/jobs/%s", follow->id);
    aside.client = follow->aside;
    if (!code && !reach_get(&aside, path, &job, &ignored))
        show_workers(follow, job.json);
    reach_answer_fini(&job);
}

/* A round's lines come in the same order each time, so that counting them tells which are new.  A job
 * that began anew brings the same rounds once more. */
static bool is_new(struct follow *follow, int64_t round)
{
    if (round < follow->round) {
        follow->passed = 0;
        return false;
    }
    if (round > follow->round) {
        follow->round = round;
        follow->shown = follow->passed = 1;
        return true;
    }
    if (++follow->passed <= follow->shown)
        return false;
    follow->shown = follow->passed;
    return true;
}

static int on_line(void *context, const char *text)
{
    struct follow *follow = context;
    struct jsonin *line = NULL;
    int64_t round;
    int code = jsonin_parse(text, strlen(text), &line);
    if (code == RONDO_ENOMEM)
        return code;
    if (!code && jsonin_integer(line, "round", &round) && is_new(follow, round)) {
        follow->pause_ms = PAUSE_FIRST_MS;
        if (follow->reach->json) {
            puts(text);
            follow->broken = fflush(stdout) != 0 || ferror(stdout);
        } else {
            show_line(follow, round, line);
            look_aside(follow);
        }
    }
    jsonin_free(line);
    return follow->broken ? RONDO_ECANCELED : RONDO_OK;
}

/* ---- one stream and one look --------------------------------------------------------------------- */

/* *whole: the stream came to its end by itself. */
static int stream(struct follow *follow, bool on, bool *whole, struct rondo_error *err)
{
    char path[REACH_PATH_MAX];
    snprintf(path, sizeof path, "/v1/jobs/%s/progress%s", follow->id, on ? "?follow=1" : "");
    follow->passed = 0;
    int code = client_stream(follow->reach->client, path, quiet_s, on_line, follow, err);
    *whole = code == 0;
    return code == 1 ? RONDO_OK : code;
}

static int look(struct follow *follow, struct rondo_error *err)
{
    char path[REACH_PATH_MAX];
    snprintf(path, sizeof path, "/v1/jobs/%s", follow->id);
    int code = reach_get(follow->reach, path, &follow->job, err);
    if (!code)
        show_workers(follow, follow->job.json);
    return code;
}

static int status_of(const struct follow *follow)
{
    return reach_ended(jsonin_text(follow->job.json, "state"));
}

static void say_begin(const struct follow *follow)
{
    char state[64], name[128], waiting[300];
    jsonin_show(jsonin_get(follow->job.json, "state"), state, sizeof state);
    jsonin_show(jsonin_get(follow->job.json, "name"), name, sizeof name);
    bool named = strcmp(name, "-") != 0 && *name;
    bool waits = jsonin_text(follow->job.json, "waiting") != NULL;
    jsonin_show(jsonin_get(follow->job.json, "waiting"), waiting, sizeof waiting);
    log_line(LOG_INFO, "job %s%s%s%s is %s%s%s", follow->id, named ? " (" : "", named ? name : "",
             named ? ")" : "", state, waits ? ", and waits " : "", waits ? waiting : "");
}

static void say_end(const struct follow *follow, int status)
{
    static const char *const keys[] = { "error", "stop_reason" };
    char why[300] = "-";
    for (size_t i = 0; i < sizeof keys / sizeof *keys && strcmp(why, "-") == 0; i++)
        if (jsonin_text(follow->job.json, keys[i]) && *jsonin_text(follow->job.json, keys[i]))
            jsonin_show(jsonin_get(follow->job.json, keys[i]), why, sizeof why);
    bool told = strcmp(why, "-") != 0;
    if (status == 1)
        log_line(LOG_ERROR, "job %s: failed%s%s", follow->id, told ? ": " : "", told ? why : "");
    else if (status == 4)
        log_line(LOG_INFO, "job %s: cancelled", follow->id);
    else
        log_line(LOG_INFO, "job %s: completed%s%s; rondo fetch %s --out DIR brings its files",
                 follow->id, told ? " by " : "", told ? why : "", follow->id);
}

/* ---- to the end ---------------------------------------------------------------------------------- */

static void rest(struct follow *follow)
{
    struct timespec time = { follow->pause_ms / 1000, follow->pause_ms % 1000 * 1000000L };
    if (!interrupted)
        nanosleep(&time, NULL);
    follow->pause_ms = follow->pause_ms * 2 < PAUSE_MOST_MS ? follow->pause_ms * 2 : PAUSE_MOST_MS;
}

/* Nobody answers: true where it is worth another attempt. */
static bool bear(struct follow *follow, int code, const struct rondo_error *why)
{
    int64_t now = clock_now_ns();
    if (follow->broken || (code != RONDO_EREFUSED && code != RONDO_EIO))
        return false;
    if (!follow->lost_ns) {
        follow->lost_ns = now;
        follow->pause_ms = PAUSE_FIRST_MS;
        log_line(LOG_INFO, "%s: %s; trying again for %" PRId64 " s",
                 client_url(follow->reach->client), why->what, follow->wait_s);
    }
    return (double)(now - follow->lost_ns) / 1e9 < (double)follow->wait_s;
}

static void welcome(struct follow *follow)
{
    if (follow->lost_ns)
        log_line(LOG_INFO, "%s: the coordinator is back", client_url(follow->reach->client));
    follow->lost_ns = 0;
}

/* A stream and a look behind it; who was lost is looked for first, so that being back is noticed. */
static int turn(struct follow *follow, bool *whole, struct rondo_error *err)
{
    int code = follow->lost_ns ? look(follow, err) : RONDO_OK;
    *whole = false;
    if (!code)
        welcome(follow);
    if (!code && status_of(follow) < 0)
        code = stream(follow, true, whole, err);
    return code ? code : look(follow, err);
}

static int to_the_end(struct follow *follow, struct rondo_error *err)
{
    bool whole = false;
    while (status_of(follow) < 0) {
        struct rondo_error why = { 0 };
        int code = turn(follow, &whole, &why);
        if (code && !interrupted && !bear(follow, code, &why)) {
            *err = why;
            return code;
        }
        if (code || status_of(follow) < 0)
            rest(follow);
        if (interrupted)
            return RONDO_ECANCELED;
    }
    struct rondo_error why = { 0 };
    if (!whole && stream(follow, false, &whole, &why) && !interrupted)
        log_line(LOG_WARNING, "the last lines of progress could not be had: %s", why.what);
    return RONDO_OK;
}

static int conclude(struct follow *follow, int code, const struct rondo_error *err)
{
    if (follow->broken) {
        struct rondo_error bad = { 0 };
        (void)cli_flush(&bad);
        return cli_fail(&bad);
    }
    if (interrupted) {
        fprintf(stderr, "rondo: stopped watching; job %s goes on; watch it again with: ",
                follow->id);
        reach_put_again(follow->reach, follow->id);
        return EXIT_INTERRUPTED;
    }
    if (code)
        return cli_fail(err);
    int status = status_of(follow);
    say_end(follow, status);
    return status;
}

int follow_job(struct reach *reach, const char *id, int64_t wait_s)
{
    struct follow follow = { .reach = reach, .id = id, .wait_s = wait_s, .round = -1,
                             .pause_ms = PAUSE_FIRST_MS };
    struct sigaction action = { .sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND }, before;
    struct rondo_error err = { 0 };
    sigaction(SIGINT, &action, &before);
    reach->options.interrupted = &interrupted;
    int code = reach_open(reach, &err);
    if (!code)
        code = look(&follow, &err);
    if (!code) {
        say_begin(&follow);
        follow.live = live_begin(reach->quiet || reach->json, jsonin_get(follow.job.json, "spec"));
        show_workers(&follow, follow.job.json);
        code = to_the_end(&follow, &err);
    }
    live_end(follow.live);
    int status = conclude(&follow, code, &err);
    reach_answer_fini(&follow.job);
    client_close(follow.aside);
    reach_close(reach);
    sigaction(SIGINT, &before, NULL);
    return status;
}

#include "service/metrics.h"

#include "core/base/mem.h"
#include "core/job/jsonout.h"
#include "service/exchange.h"
#include "service/gallery.h"
#include "service/process.h"
#include "service/reply.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#ifndef RONDO_VERSION
#define RONDO_VERSION "unknown"
#endif

/* ---- the text ----------------------------------------------------------------------------------- */

static void put(struct metrics *metrics, const char *text, size_t size)
{
    if (!metrics->failed && buf_append(metrics->buf, text, size) != RONDO_OK)
        metrics->failed = true;
}

static void put_words(struct metrics *metrics, const char *words)
{
    put(metrics, words, strlen(words));
}

void metrics_family(struct metrics *metrics, enum metrics_type type, const char *name, const char *help)
{
    const char *const words[] = { "# HELP ", name, " ", help, "\n# TYPE ", name,
                                  type == METRICS_COUNTER ? " counter\n" : " gauge\n" };
    metrics->name = name;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        put_words(metrics, words[i]);
}

/* A label's value: a backslash, a quote and a newline are written with a backslash before them. */
static void put_escaped(struct metrics *metrics, const char *value)
{
    for (; *value; value++) {
        if (*value == '\\' || *value == '"' || *value == '\n')
            put(metrics, "\\", 1);
        put(metrics, *value == '\n' ? "n" : value, 1);
    }
}

static void put_value(struct metrics *metrics, const char *label, const char *is, const char *number)
{
    put_words(metrics, metrics->name);
    if (label) {
        put(metrics, "{", 1);
        put_words(metrics, label);
        put(metrics, "=\"", 2);
        put_escaped(metrics, is);
        put(metrics, "\"}", 2);
    }
    put(metrics, " ", 1);
    put_words(metrics, number);
    put(metrics, "\n", 1);
}

void metrics_whole(struct metrics *metrics, const char *label, const char *is, int64_t value)
{
    char number[32];
    snprintf(number, sizeof number, "%" PRId64, value);
    put_value(metrics, label, is, number);
}

void metrics_real(struct metrics *metrics, const char *label, const char *is, double value)
{
    char number[32];
    jsonout_digits(value, number);
    put_value(metrics, label, is, number);
}

/* ---- what the service itself knows ------------------------------------------------------------------ */

static void put_one(struct metrics *metrics, enum metrics_type type, const char *name, const char *help,
                    int64_t value)
{
    metrics_family(metrics, type, name, help);
    metrics_whole(metrics, NULL, NULL, value);
}

static void put_process(struct metrics *metrics)
{
    struct process process = process_look();
    put_one(metrics, METRICS_GAUGE, "process_resident_memory_bytes", "Resident memory.", process.resident_bytes);
    put_one(metrics, METRICS_GAUGE, "process_virtual_memory_bytes", "Virtual memory.", process.virtual_bytes);
    metrics_family(metrics, METRICS_COUNTER, "process_cpu_seconds_total", "Processor time, of user and system.");
    metrics_real(metrics, NULL, NULL, process.cpu_seconds);
    metrics_family(metrics, METRICS_GAUGE, "process_start_time_seconds", "When it began, since 1970.");
    metrics_real(metrics, NULL, NULL, process.began_seconds);
    put_one(metrics, METRICS_GAUGE, "process_open_fds", "Open file descriptors.", process.open_files);
    put_one(metrics, METRICS_GAUGE, "process_max_fds", "The most that it may open.", process.most_files);
    metrics_family(metrics, METRICS_GAUGE, "rondo_build_info", "Always 1; the version is a label.");
    metrics_whole(metrics, "version", RONDO_VERSION, 1);
}

static void put_http(struct metrics *metrics, struct http *http)
{
    char code[16];
    metrics_family(metrics, METRICS_COUNTER, "rondo_http_requests_total", "Replies by status.");
    for (int i = 0; i < (int)(sizeof http->replies / sizeof *http->replies); i++) {
        int64_t count = atomic_load_explicit(&http->replies[i], memory_order_relaxed);
        snprintf(code, sizeof code, "%d", i);
        if (count > 0)
            metrics_whole(metrics, "code", code, count);
    }
    put_one(metrics, METRICS_COUNTER, "rondo_http_malformed_total",
            "Connections that were no HTTP, too slow, or one too many.",
            atomic_load_explicit(&http->malformed, memory_order_relaxed));
    put_one(metrics, METRICS_GAUGE, "rondo_http_followers", "Replies that go on: who follows jobs.",
            trail_count(&http->trails));
}

static void put_jobs(struct metrics *metrics, struct jobs *jobs)
{
    int64_t count[JOBS_CANCELLED + 1] = { 0 };
    struct jobs_totals totals = jobs_totals(jobs);
    if (jobs_count(jobs, count, NULL))
        metrics->failed = true;
    metrics_family(metrics, METRICS_GAUGE, "rondo_jobs", "Jobs in the store by state.");
    for (int i = JOBS_QUEUED; i <= JOBS_CANCELLED; i++)
        metrics_whole(metrics, "state", jobs_state_name((enum jobs_state)i), count[i]);
    put_one(metrics, METRICS_COUNTER, "rondo_jobs_submitted_total", "Jobs accepted.", totals.submitted);
    metrics_family(metrics, METRICS_COUNTER, "rondo_jobs_ended_total", "Jobs ended, by how.");
    for (int i = JOBS_COMPLETED; i <= JOBS_CANCELLED; i++)
        metrics_whole(metrics, "state", jobs_state_name((enum jobs_state)i), totals.ended[i]);
}

static void put_gallery(struct metrics *metrics, struct gallery *gallery)
{
    struct gallery_totals totals = gallery_totals(gallery);
    put_one(metrics, METRICS_COUNTER, "rondo_updates_total", "Updates in rounds, as the apps count them.",
            totals.updates);
    metrics_family(metrics, METRICS_COUNTER, "rondo_solve_seconds_total", "Time of solving, of all jobs.");
    metrics_real(metrics, NULL, NULL, totals.seconds);
    put_one(metrics, METRICS_COUNTER, "rondo_trace_dropped_rounds_total",
            "Rounds that traces were not told of, for want of time.", totals.dropped);
}

void metrics_serve(struct exchange *exchange)
{
    const struct http_desk *desk = &exchange->http->desk;
    struct rondo_buf buf = { 0 };
    struct metrics metrics = { .buf = &buf };
    put_process(&metrics);
    put_http(&metrics, exchange->http);
    put_jobs(&metrics, desk->jobs);
    if (desk->gallery)
        put_gallery(&metrics, desk->gallery);
    if (desk->metrics && desk->metrics(desk->context, &buf) != 0)
        metrics.failed = true;
    reply_bytes(exchange, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", &buf, metrics.failed);
}

#include "core/job/result.h"

#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/job/canonical.h"
#include "core/job/job.h"
#include "core/job/jsonout.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/utsname.h>

#ifndef RONDO_VERSION
#define RONDO_VERSION "unknown"
#endif

/* 2^63; a metric beyond it, or no number, is not written as an integer. */
static const double INT64_TOP = 9223372036854775808.0;

static void put_metric(struct jsonout *out, const struct rondo_metric *metric)
{
    if (metric->whole && fabs(metric->value) < INT64_TOP)
        jsonout_integer_at(out, metric->name, (int64_t)metric->value);
    else
        jsonout_real_at(out, metric->name, metric->value);
}

static void put_metrics(struct jsonout *out, const struct rondo_report *report)
{
    jsonout_key(out, "metrics");
    jsonout_open(out, '{');
    for (int32_t i = 0; i < report->count; i++)
        put_metric(out, &report->metric[i]);
    jsonout_close(out, '}');
}

/* Counts stand beside `updates` too, for scripts that know no app; the file's own keys win. */
static void put_counts(struct jsonout *out, const struct rondo_report *report)
{
    static const char *const own[] = {
        "job", "name", "app", "state", "stop_reason", "error", "objective", "metrics", "rounds",
        "updates", "pair_dots", "seconds", "peak_rss_bytes", "workers", "isa", "seed",
        "model_sha256", "spec", "version", "host", "notes",
    };
    for (int32_t i = 0; i < report->count; i++) {
        bool free = report->metric[i].whole;
        for (size_t k = 0; k < sizeof own / sizeof own[0]; k++)
            free = free && strcmp(own[k], report->metric[i].name) != 0;
        if (free)
            put_metric(out, &report->metric[i]);
    }
}

static void put_seconds(struct jsonout *out, const struct job_result *result)
{
    jsonout_key(out, "seconds");
    jsonout_open(out, '{');
    jsonout_real_at(out, "load", result->load_seconds);
    jsonout_real_at(out, "solve", result->solve_seconds);
    jsonout_real_at(out, "total", result->total_seconds);
    jsonout_close(out, '}');
}

static void put_notes(struct jsonout *out, const char *const *notes)
{
    jsonout_key(out, "notes");
    jsonout_open(out, '[');
    for (; notes && *notes; notes++)
        jsonout_text(out, *notes);
    jsonout_close(out, ']');
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static void put_result(struct jsonout *out, const struct job_result *result, const char *host)
{
    jsonout_open(out, '{');
    jsonout_text_at(out, "job", or_empty(result->job));
    jsonout_text_at(out, "name", job_text(result->spec, "name"));
    jsonout_text_at(out, "app", job_text(result->spec, "app"));
    jsonout_text_at(out, "state", result->state);
    jsonout_text_at(out, "stop_reason", result->stop_reason);
    if (result->error)
        jsonout_text_at(out, "error", result->error);
    jsonout_real_at(out, "objective", result->report.objective);
    put_metrics(out, &result->report);
    jsonout_integer_at(out, "rounds", result->rounds);
    jsonout_integer_at(out, "updates", result->updates);
    jsonout_integer_at(out, "pair_dots", result->pair_dots);
    put_counts(out, &result->report);
    put_seconds(out, result);
    jsonout_integer_at(out, "peak_rss_bytes", result->peak_rss_bytes);
    jsonout_integer_at(out, "workers", result->workers);
    jsonout_text_at(out, "isa", or_empty(result->isa));
    jsonout_integer_at(out, "seed", job_integer(result->spec, "seed"));
    jsonout_text_at(out, "model_sha256", *result->model_sha256 ? result->model_sha256 : NULL);
    jsonout_key(out, "spec");
    canonical_put(out, result->spec);
    jsonout_text_at(out, "version", RONDO_VERSION);
    jsonout_text_at(out, "host", host);
    put_notes(out, result->notes);
    jsonout_close(out, '}');
    jsonout_bytes(out, "\n");
}

static int write_file(const char *dir, const struct rondo_buf *buf, struct rondo_error *err)
{
    struct file_atomic file;
    int code = file_begin(&file, dir, "result.json", err);
    if (code)
        return code;
    if (fwrite(buf->data, 1, buf->size, file.stream) != buf->size) {
        code = rondo_error_set(err, RONDO_EIO, file.path, NULL, "cannot write: %s",
                               strerror(errno));
        file_abandon(&file);
        return code;
    }
    return file_commit(&file, err);
}

int result_write(const char *dir, const struct job_result *result, struct rondo_error *err)
{
    struct utsname names = { 0 };
    struct rondo_buf buf = { 0 };
    struct jsonout out = jsonout_begin(&buf, true);
    (void)uname(&names); /* a host without a name has an empty one */
    put_result(&out, result, names.nodename);
    int code = out.failed ? rondo_error_set(err, RONDO_ENOMEM, "result.json", NULL, "out of memory")
                          : write_file(dir, &buf, err);
    buf_fini(&buf);
    return code;
}

int result_progress(struct rondo_buf *buf, double t_seconds, int64_t round, int64_t updates,
                    const struct rondo_report *report)
{
    size_t begin = buf->size;
    struct jsonout out = jsonout_begin(buf, false);
    out.spaced = true;
    jsonout_open(&out, '{');
    jsonout_real_at(&out, "t", t_seconds);
    jsonout_integer_at(&out, "round", round);
    jsonout_integer_at(&out, "updates", updates);
    jsonout_real_at(&out, "objective", report->objective);
    for (int32_t i = 0; i < report->count; i++)
        put_metric(&out, &report->metric[i]);
    jsonout_close(&out, '}');
    jsonout_bytes(&out, "\n");
    if (out.failed)
        buf->size = begin; /* no half a line */
    return out.failed ? RONDO_ENOMEM : RONDO_OK;
}

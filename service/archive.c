#include "service/archive.h"

#include "core/base/clock.h"
#include "core/trace/digest.h"
#include "core/trace/reader.h"
#include "service/chronicle.h"
#include "service/jobdir.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRACE "trace.db"

enum { TOO_LONG = 1 }; /* what a callback ends a query with */

static bool is_there(const char *state_dir, int64_t id, const char *name)
{
    int64_t size;
    int file = jobdir_open(state_dir, id, name, &size);
    if (file >= 0)
        close(file);
    return file >= 0 && size > 0;
}

bool archive_has(const char *state_dir, int64_t id)
{
    return is_there(state_dir, id, TRACE) || is_there(state_dir, id, JOBDIR_PROGRESS);
}

/* ---- from a trace ------------------------------------------------------------------------------- */

struct walk {
    struct digest *digest;
    const _Atomic bool *stop;
    int64_t until_ns; /* 0: there are no details any more */
    int64_t last_ns;  /* when it is given up */
    int64_t last;     /* round */
};

static bool is_over(void *context)
{
    const struct walk *walk = context;
    return atomic_load(walk->stop) || clock_now_ns() > walk->last_ns;
}

static int walk_round(void *context, const struct trace_round *round)
{
    struct walk *walk = context;
    if (is_over(walk))
        return RONDO_ESTATE;
    digest_round(walk->digest, round);
    walk->last = round->round;
    return walk->until_ns && clock_now_ns() > walk->until_ns ? TOO_LONG : RONDO_OK;
}

static int walk_report(void *context, const struct trace_report *report)
{
    struct walk *walk = context;
    digest_report(walk->digest, report);
    return is_over(walk) ? RONDO_ESTATE : RONDO_OK;
}

static int note_variables(void *context, const char *key, const char *value)
{
    if (strcmp(key, "variables") == 0)
        *(int64_t *)context = strtoll(value, NULL, 10);
    return RONDO_OK;
}

static int walk_all(struct walk *walk, struct trace_reader *reader, struct rondo_error *err)
{
    struct reader_window window;
    int code = reader_first(reader, 0, &window, err);
    if (!code)
        code = reader_scan(reader, window, walk_round, walk, err);
    if (code == TOO_LONG) {
        walk->until_ns = 0;
        code = RONDO_OK;
        if (walk->last < window.to)
            code = reader_rounds(reader, (struct reader_window){ walk->last + 1, window.to }, walk_round, walk, err);
    }
    return code ? code : reader_reports(reader, window, walk_report, walk, err);
}

static int digest_trace(const char *path, const char *app, const _Atomic bool *stop, struct rondo_buf *out)
{
    struct rondo_error err = { 0 };
    struct trace_reader *reader = NULL;
    int64_t now = clock_now_ns(), second = INT64_C(1000000000);
    struct walk walk = { .stop = stop, .until_ns = now + ARCHIVE_SECONDS * second,
                         .last_ns = now + ARCHIVE_MOST_SECONDS * second };
    int64_t variables = 0;
    int code = digest_create(&walk.digest, &err);
    code = code ? code : reader_open_watched(path, is_over, &walk, &reader, &err);
    code = code ? code : reader_meta(reader, note_variables, &variables, &err);
    if (!code) {
        digest_job(walk.digest, app, reader_level(reader), variables);
        code = walk_all(&walk, reader, &err);
    }
    code = code ? code : digest_json(walk.digest, out);
    reader_close(reader);
    digest_destroy(walk.digest);
    return code;
}

int archive_digest(const char *state_dir, int64_t id, const char *app, const _Atomic bool *stop,
                   struct rondo_buf *out)
{
    char path[PATH_MAX + 64];
    int code = RONDO_EINPUT;
    snprintf(path, sizeof path, "%s/jobs/%" PRId64 "/" TRACE, state_dir, id);
    if (is_there(state_dir, id, TRACE))
        code = digest_trace(path, app, stop, out);
    if (code != RONDO_OK && code != RONDO_ENOMEM && !atomic_load(stop)) {
        out->size = 0;
        code = chronicle_digest(state_dir, id, app, out);
    }
    return code;
}

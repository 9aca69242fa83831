#include "service/portrait.h"

#include "service/gallery.h"
#include "service/jobdir.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

static void id_at(struct jsonout *out, int64_t id)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, id);
    jsonout_text_at(out, "id", text);
}

static void put_row(struct jsonout *out, const struct jobs_row *row)
{
    id_at(out, row->id);
    jsonout_text_at(out, "name", row->name);
    jsonout_text_at(out, "app", row->app);
    jsonout_text_at(out, "state", jobs_state_name(row->state));
    jsonout_integer_at(out, "priority", row->priority);
    jsonout_time_at(out, "submitted", row->submitted);
    jsonout_time_at(out, "started", row->started);
    jsonout_time_at(out, "ended", row->ended);
    jsonout_integer_at(out, "starts", row->starts);
    if (row->cancel_asked && row->state < JOBS_COMPLETED)
        jsonout_flag_at(out, "cancel_asked", true);
    if (row->state >= JOBS_COMPLETED)
        jsonout_text_at(out, row->state == JOBS_FAILED ? "error" : "stop_reason", row->why);
}

void portrait_row(struct jsonout *out, const struct jobs_row *row)
{
    jsonout_open(out, '{');
    put_row(out, row);
    jsonout_close(out, '}');
}

static void put_progress(struct jsonout *out, const struct http *http, int64_t id)
{
    char line[16384];
    jobdir_last(http->desk.state_dir, id, line, sizeof line);
    jsonout_key(out, "progress");
    if (line[0])
        jsonout_raw(out, line);
    else
        jsonout_text(out, NULL);
}

static void put_files(struct jsonout *out, const struct http *http, const struct jobs_row *row)
{
    const char *name;
    jsonout_key(out, "files");
    jsonout_open(out, '[');
    for (int i = 0; (name = jobdir_name(row->app, i)) != NULL; i++) {
        int64_t size;
        int file = jobdir_open(http->desk.state_dir, row->id, name, &size);
        if (file < 0)
            continue;
        close(file);
        jsonout_open(out, '{');
        jsonout_text_at(out, "name", name);
        jsonout_integer_at(out, "size", size);
        jsonout_close(out, '}');
    }
    jsonout_close(out, ']');
}

static void put_glance(struct jsonout *out, const struct http *http, int64_t id)
{
    struct digest_glance glance;
    if (!http->desk.gallery || !gallery_glance(http->desk.gallery, id, &glance))
        return;
    jsonout_key(out, "glance");
    jsonout_open(out, '{');
    jsonout_real_at(out, "seconds", glance.seconds);
    jsonout_integer_at(out, "rounds", glance.rounds);
    jsonout_integer_at(out, "updates", glance.updates);
    jsonout_real_at(out, "objective", glance.objective);
    jsonout_real_at(out, "rounds_s", glance.rounds_s);
    jsonout_real_at(out, "updates_s", glance.updates_s);
    jsonout_close(out, '}');
}

static void put_desk(struct jsonout *out, const struct http *http, const struct jobs_row *row)
{
    if (row->state < JOBS_COMPLETED && http->desk.live
        && http->desk.live(http->desk.context, row->id, out->buf) != 0)
        out->failed = true;
}

void portrait_live(struct jsonout *out, const struct http *http, const struct jobs_row *row)
{
    jsonout_open(out, '{');
    put_row(out, row);
    put_glance(out, http, row->id);
    jsonout_close(out, '}');
}

void portrait_now(struct jsonout *out, const struct http *http, const struct jobs_row *row)
{
    jsonout_open(out, '{');
    put_row(out, row);
    put_progress(out, http, row->id);
    put_glance(out, http, row->id);
    put_desk(out, http, row);
    jsonout_close(out, '}');
}

void portrait_workers(struct jsonout *out, const struct http *http)
{
    const struct http_desk *desk = &http->desk;
    jsonout_bytes(out, "{\"workers\": ");
    if (!desk->workers)
        jsonout_bytes(out, "[]");
    else if (desk->workers(desk->context, out->buf) != 0)
        out->failed = true;
    jsonout_bytes(out, "}");
}

void portrait_whole(struct jsonout *out, const struct http *http, const struct jobs_row *row)
{
    jsonout_open(out, '{');
    put_row(out, row);
    put_progress(out, http, row->id);
    if (row->state >= JOBS_COMPLETED)
        put_files(out, http, row);
    jsonout_key(out, "spec");
    jsonout_raw(out, row->spec);
    put_glance(out, http, row->id);
    put_desk(out, http, row);
    jsonout_close(out, '}');
}

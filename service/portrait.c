#include "service/portrait.h"

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

void portrait_whole(struct jsonout *out, const struct http *http, const struct jobs_row *row)
{
    jsonout_open(out, '{');
    put_row(out, row);
    put_progress(out, http, row->id);
    if (row->state >= JOBS_COMPLETED)
        put_files(out, http, row);
    jsonout_key(out, "spec");
    jsonout_raw(out, row->spec);
    if (row->state < JOBS_COMPLETED && http->desk.live
        && http->desk.live(http->desk.context, row->id, out->buf) != 0)
        out->failed = true;
    jsonout_close(out, '}');
}

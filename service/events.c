/* events.c - a follower looks once a second, and when its job has ended; what it finds new is sent, one event
 * behind the other.  What changed while an event was being sent is in the next one: who reads slowly misses
 * what was between. */
#include "service/events.h"

#include "core/base/mem.h"
#include "service/gallery.h"
#include "service/portrait.h"
#include "service/reply.h"

#include <stdio.h>
#include <string.h>

#define STREAM "text/event-stream"

/* What comes next. */
enum step { REST, JOBS, WORKERS, JOB, DIGEST, END, OVER };

struct events {
    struct trail trail;
    enum step step;
    int64_t second;           /* of the last look */
    int64_t spoke;            /* the second in which something was sent */
    int64_t changes;          /* in the job store, known */
    bool early;               /* the store changed: but of an end, nothing is told before the second is over */
    uint64_t jobs, workers, job, digest; /* marks of what was sent last; 0: nothing */
    bool ended;               /* the job has, and its row was sent */
    char app[EXCHANGE_NAME];  /* the job's */
    struct sheet *sheet;      /* what is being sent, and */
    size_t at, end;           /* which of its bytes are to go */
};

/* A sheet that says what was not said before; else it is dropped. */
static struct sheet *fresh(struct sheet *sheet, uint64_t *mark)
{
    if (sheet && sheet->mark != *mark) {
        *mark = sheet->mark;
        return sheet;
    }
    sheet_drop(sheet);
    return NULL;
}

static struct sheet *word(const char *event)
{
    struct rondo_buf json = { 0 };
    struct sheet *sheet = buf_append(&json, "{}", 2) == RONDO_OK ? sheet_make(event, &json) : NULL;
    buf_fini(&json);
    return sheet;
}

/* ---- all jobs, and workers -------------------------------------------------------------------------- */

static struct sheet *step_all(struct events *events, int64_t second)
{
    struct http *http = events->trail.http;
    switch (events->step) {
    case JOBS:
        events->step = WORKERS;
        return fresh(board_jobs(http, second, &events->changes), &events->jobs);
    case WORKERS:
        events->step = REST;
        return fresh(board_workers(http, second), &events->workers);
    default:
        if (events->second != second)
            events->step = JOBS;
        events->second = second;
        return NULL;
    }
}

/* ---- one job ------------------------------------------------------------------------------------------ */

struct view {
    struct events *events;
    struct rondo_buf json;
    bool failed;
};

static int draw_job(void *context, const struct jobs_row *row)
{
    struct view *view = context;
    struct jsonout out = jsonout_begin(&view->json, false);
    portrait_now(&out, view->events->trail.http, row);
    view->failed = out.failed;
    view->events->ended = !out.failed && row->state >= JOBS_COMPLETED;
    snprintf(view->events->app, sizeof view->events->app, "%s", row->app);
    return RONDO_OK;
}

static struct sheet *look_at_job(struct events *events)
{
    struct view view = { .events = events };
    int code = jobs_peek(events->trail.http->desk.jobs, events->trail.id, draw_job, &view, NULL);
    struct sheet *sheet = code || view.failed || !view.json.size ? NULL : sheet_make("job", &view.json);
    if (!sheet)
        events->ended = false; /* its last row is still to be sent */
    buf_fini(&view.json);
    if (!events->early || events->ended)
        return fresh(sheet, &events->job);
    sheet_drop(sheet);
    return NULL;
}

static enum gallery_answer take_digest(struct events *events, bool ended, int64_t second,
                                       struct sheet **sheet)
{
    struct gallery *gallery = events->trail.http->desk.gallery;
    *sheet = NULL;
    return gallery ? gallery_take(gallery, events->trail.id, events->app, ended, second, sheet)
                   : GALLERY_NONE;
}

static struct sheet *step_job(struct events *events, int64_t second)
{
    struct sheet *sheet;
    int64_t changes;
    switch (events->step) {
    case JOB:
        events->step = DIGEST;
        return look_at_job(events);
    case DIGEST:
        if (take_digest(events, events->ended, second, &sheet) == GALLERY_LATER)
            return NULL; /* until it is there */
        events->step = events->ended ? END : REST;
        return fresh(sheet, &events->digest);
    case END:
        sheet = word("end");
        events->step = sheet ? OVER : END;
        return sheet;
    case OVER:
        return NULL;
    default:
        changes = jobs_changes(events->trail.http->desk.jobs);
        if (events->second != second || events->changes != changes)
            events->step = JOB;
        events->early = events->second == second;
        events->second = second;
        events->changes = changes;
        return NULL;
    }
}

/* ---- sending ------------------------------------------------------------------------------------------- */

static size_t send_on(struct events *events, char *bytes, size_t size)
{
    size_t left = events->end - events->at, now = left < size ? left : size;
    memcpy(bytes, (const char *)events->sheet->text.data + events->at, now);
    events->at += now;
    if (events->at == events->end) {
        sheet_drop(events->sheet);
        events->sheet = NULL;
    }
    return now;
}

/* The heart beats where nothing else was said for long. */
static size_t rest(struct events *events, char *bytes, int64_t second)
{
    static const char beat[] = ": nothing new\n\n";
    if (events->step == OVER || second - events->spoke < events->trail.http->limits.heartbeat_seconds)
        return 0;
    events->spoke = second;
    memcpy(bytes, beat, sizeof beat - 1);
    return sizeof beat - 1;
}

static size_t give(struct trail *trail, char *bytes, size_t size, bool *over)
{
    struct events *events = (struct events *)trail;
    int64_t second = trail_second(&trail->http->trails);
    while (!events->sheet) {
        enum step before = events->step;
        events->sheet = trail->id ? step_job(events, second) : step_all(events, second);
        events->at = 0;
        events->end = events->sheet ? events->sheet->text.size : 0;
        if (!events->sheet && events->step == before) {
            *over = events->step == OVER;
            return rest(events, bytes, second);
        }
    }
    events->spoke = second;
    return send_on(events, bytes, size);
}

static void forget(struct trail *trail)
{
    sheet_drop(((struct events *)trail)->sheet);
    mem_free(trail);
}

static void follow(struct exchange *exchange, int64_t id)
{
    static const struct trail_kind kind = { STREAM, false, give, forget };
    struct events *events = mem_calloc(1, sizeof *events);
    if (events)
        *events = (struct events){ .trail = { .kind = &kind, .id = id }, .changes = -1, .second = -1,
                                   .spoke = trail_second(&exchange->http->trails) };
    trail_follow(exchange, events ? &events->trail : NULL);
}

void events_serve(struct exchange *exchange)
{
    follow(exchange, 0);
}

void events_serve_job(struct exchange *exchange)
{
    follow(exchange, exchange->id);
}

/* ---- a digest alone -------------------------------------------------------------------------------------- */

/* A follower that waits until it is there, and is sent it without an event's frame. */
static size_t give_digest(struct trail *trail, char *bytes, size_t size, bool *over)
{
    struct events *events = (struct events *)trail;
    int64_t second = trail_second(&trail->http->trails);
    if (!events->sheet && events->step != OVER) {
        if (take_digest(events, events->ended, second, &events->sheet) == GALLERY_LATER)
            return 0;
        events->step = OVER;
        if (!events->sheet) { /* there was a file, but nothing of it could be read */
            memcpy(bytes, "null\n", 5);
            return 5;
        }
        events->at = events->sheet->begin;
        events->end = events->sheet->end + 1; /* with a newline */
    }
    *over = !events->sheet;
    return events->sheet ? send_on(events, bytes, size) : 0;
}

static void reply_sheet(struct exchange *exchange, const struct sheet *sheet)
{
    struct rondo_buf json = { 0 };
    const unsigned char *text = sheet->text.data;
    int code = buf_append(&json, text + sheet->begin, sheet->end + 1 - sheet->begin);
    reply_bytes(exchange, MHD_HTTP_OK, "application/json", &json, code != RONDO_OK);
}

void events_serve_digest(struct exchange *exchange, const struct jobs_row *row)
{
    static const struct trail_kind kind = { "application/json", false, give_digest, forget };
    struct events *events = mem_calloc(1, sizeof *events);
    if (!events) {
        trail_follow(exchange, NULL);
        return;
    }
    *events = (struct events){ .trail = { .kind = &kind, .http = exchange->http, .id = row->id },
                               .step = DIGEST, .ended = row->state >= JOBS_COMPLETED };
    snprintf(events->app, sizeof events->app, "%s", row->app);
    int64_t second = trail_second(&exchange->http->trails);
    enum gallery_answer answer = take_digest(events, events->ended, second, &events->sheet);
    if (answer == GALLERY_LATER) {
        trail_follow(exchange, &events->trail);
        return;
    }
    if (answer == GALLERY_THERE)
        reply_sheet(exchange, events->sheet);
    else
        reply_fault(exchange, FAULT_NO_TRACE, exchange->uri, NULL, "job %lld has left no trace%s",
                    (long long)row->id, row->state == JOBS_QUEUED ? ": it has not begun" : "");
    forget(&events->trail);
}

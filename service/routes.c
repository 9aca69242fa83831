#include "service/routes.h"

#include "core/base/mem.h"
#include "service/admit.h"
#include "service/events.h"
#include "service/jobdir.h"
#include "service/metrics.h"
#include "service/page.h"
#include "service/portrait.h"
#include "service/progress.h"
#include "service/reply.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JSON "application/json"

struct route {
    const char *method;
    const char *path; /* #: an id; @: a name */
    void (*serve)(struct exchange *exchange);
    bool open, reads;
};

/* ---- the query ------------------------------------------------------------------------------ */

enum { VALUE_MAX = 24 };

struct pair {
    const char *key;
    char value[VALUE_MAX]; /* "" where it is not given */
};

/* "a=1&b=2" into the pairs; a key that is not there, stands twice or has an odd value is refused. */
static bool read_query(struct exchange *exchange, struct pair *pairs, int count)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    const char *at = exchange->query;
    while (*at) {
        size_t length = strcspn(at, "&"), name = strcspn(at, "=&");
        struct pair *pair = NULL;
        for (int i = 0; i < count; i++)
            if (strlen(pairs[i].key) == name && strncmp(pairs[i].key, at, name) == 0)
                pair = &pairs[i];
        const char *value = at + name + 1;
        size_t size = length > name ? length - name - 1 : 0;
        if (!pair || pair->value[0] || size == 0 || size >= VALUE_MAX || strspn(value, plain) < size) {
            reply_fault(exchange, FAULT_BAD_QUERY, exchange->uri, "docs/formats/http.md",
                        "cannot understand the query \"%.*s\"", (int)(length < 80 ? length : 80), at);
            return false;
        }
        memcpy(pair->value, value, size);
        at += length + (at[length] == '&');
    }
    return true;
}

/* A whole number within bounds; where none is given it keeps its value. */
static bool read_number(struct exchange *exchange, const struct pair *pair, int64_t least,
                        int64_t most, int64_t *value)
{
    char *end = NULL;
    if (!pair->value[0])
        return true;
    int64_t number = strtoll(pair->value, &end, 10);
    if (!*end && strlen(pair->value) <= 18 && number >= least && number <= most) {
        *value = number;
        return true;
    }
    reply_fault(exchange, FAULT_BAD_QUERY, exchange->uri, NULL,
                "%s=%s: expected a whole number, %" PRId64 " to %" PRId64, pair->key, pair->value,
                least, most);
    return false;
}

static bool no_query(struct exchange *exchange)
{
    return read_query(exchange, NULL, 0);
}

/* ---- jobs ----------------------------------------------------------------------------------- */

static void refuse_store(struct exchange *exchange, int code, const struct rondo_error *err)
{
    reply_error(exchange, code == RONDO_EIO ? FAULT_DISK : FAULT_INTERNAL, err);
}

/* The job of the path; false where a refusal was made. */
static bool find_job(struct exchange *exchange, struct jobs_row *row)
{
    struct rondo_error err = { 0 };
    int found = jobs_get(exchange->http->desk.jobs, exchange->id, row, &err);
    if (found < 0)
        reply_error(exchange, FAULT_INTERNAL, &err);
    else if (!found)
        reply_fault(exchange, FAULT_NOT_FOUND, exchange->uri, NULL, "there is no job %" PRId64,
                    exchange->id);
    return found == 1;
}

static void reply_job(struct exchange *exchange, unsigned status, const struct jobs_row *row)
{
    struct rondo_buf buf = { 0 };
    struct jsonout out = jsonout_begin(&buf, false);
    out.spaced = true;
    portrait_whole(&out, exchange->http, row);
    jsonout_bytes(&out, "\n");
    reply_bytes(exchange, status, JSON, &buf, out.failed);
}

static void keep_job(struct exchange *exchange, const struct admit *admit)
{
    const struct http_desk *desk = &exchange->http->desk;
    struct rondo_error err = { 0 };
    struct jobs_row row;
    char location[64];
    int code = jobs_submit(desk->jobs, admit->name, admit->app, admit->priority, admit->spec,
                           &exchange->id, &err);
    if (code) {
        refuse_store(exchange, code, &err);
        return;
    }
    if (desk->submitted)
        desk->submitted(desk->context);
    if (!find_job(exchange, &row))
        return;
    reply_job(exchange, MHD_HTTP_CREATED, &row);
    snprintf(location, sizeof location, "/v1/jobs/%" PRId64, exchange->id);
    reply_header(exchange, MHD_HTTP_HEADER_LOCATION, location);
    jobs_row_fini(&row);
}

static void submit(struct exchange *exchange)
{
    const struct http *http = exchange->http;
    struct rondo_error err = { 0 };
    struct admit admit;
    if (!no_query(exchange))
        return;
    if (jobs_waiting(http->desk.jobs) >= http->limits.waiting_jobs) {
        reply_fault(exchange, FAULT_JOBS, NULL, NULL, "%" PRId64 " jobs wait already",
                    http->limits.waiting_jobs);
        return;
    }
    enum fault fault = admit_spec((const char *)exchange->body.data, exchange->body.size,
                                  http->desk.roots, &admit, &err);
    if (fault) {
        reply_error(exchange, fault, &err);
        return;
    }
    keep_job(exchange, &admit);
    admit_fini(&admit);
}

struct listing {
    struct jsonout out;
    int64_t count, last;
};

static int list_one(void *context, const struct jobs_row *row)
{
    struct listing *listing = context;
    portrait_row(&listing->out, row);
    listing->count++;
    listing->last = row->id;
    return listing->out.failed ? RONDO_ENOMEM : RONDO_OK;
}

static bool read_state(struct exchange *exchange, const char *name, int *state)
{
    *state = -1;
    if (!*name)
        return true;
    for (int i = JOBS_QUEUED; i <= JOBS_CANCELLED; i++)
        if (strcmp(name, jobs_state_name((enum jobs_state)i)) == 0)
            *state = i;
    if (*state < 0)
        reply_fault(exchange, FAULT_BAD_QUERY, exchange->uri, NULL,
                    "state=%s: expected queued, running, completed, failed or cancelled", name);
    return *state >= 0;
}

static void list(struct exchange *exchange)
{
    struct pair pairs[] = { { "state", "" }, { "limit", "" }, { "before", "" } };
    int64_t limit = 100, before = 0;
    int state;
    struct rondo_error err = { 0 };
    struct rondo_buf buf = { 0 };
    struct listing listing = { .out = jsonout_begin(&buf, false) };
    listing.out.spaced = true;
    if (!read_query(exchange, pairs, 3) || !read_state(exchange, pairs[0].value, &state) ||
        !read_number(exchange, &pairs[1], 1, 1000, &limit) ||
        !read_number(exchange, &pairs[2], 1, INT64_MAX, &before))
        return;
    jsonout_open(&listing.out, '{');
    jsonout_key(&listing.out, "jobs");
    jsonout_open(&listing.out, '[');
    int code = jobs_list(exchange->http->desk.jobs, state, before, limit, list_one, &listing, &err);
    jsonout_close(&listing.out, ']');
    char next[32];
    snprintf(next, sizeof next, "%" PRId64, listing.last);
    jsonout_text_at(&listing.out, "next", listing.count == limit ? next : NULL);
    jsonout_close(&listing.out, '}');
    jsonout_bytes(&listing.out, "\n");
    if (code) {
        buf_fini(&buf);
        reply_error(exchange, FAULT_INTERNAL, &err);
        return;
    }
    reply_bytes(exchange, MHD_HTTP_OK, JSON, &buf, listing.out.failed);
}

static void show(struct exchange *exchange)
{
    struct jobs_row row;
    if (!no_query(exchange) || !find_job(exchange, &row))
        return;
    reply_job(exchange, MHD_HTTP_OK, &row);
    jobs_row_fini(&row);
}

static void cancel(struct exchange *exchange)
{
    const struct http_desk *desk = &exchange->http->desk;
    struct rondo_error err = { 0 };
    enum jobs_state was;
    if (!no_query(exchange))
        return;
    int code = jobs_cancel(desk->jobs, exchange->id, &was, &err);
    if (code < 0) {
        refuse_store(exchange, code, &err);
        return;
    }
    if (code == 1 && was >= JOBS_COMPLETED) {
        reply_fault(exchange, FAULT_ENDED, exchange->uri, NULL, "job %" PRId64 " is %s already",
                    exchange->id, jobs_state_name(was));
        return;
    }
    if (code == 1 && was == JOBS_RUNNING && desk->cancelled)
        desk->cancelled(desk->context, exchange->id);
    if (code == 1)
        trail_wake(&exchange->http->trails, exchange->id);
    show(exchange);
}

static void progress(struct exchange *exchange)
{
    struct pair pairs[] = { { "follow", "" }, { "from", "" } };
    int64_t follow = 0, from = 0;
    struct jobs_row row;
    if (!read_query(exchange, pairs, 2) || !read_number(exchange, &pairs[0], 0, 1, &follow) ||
        !read_number(exchange, &pairs[1], 0, INT64_MAX, &from) || !find_job(exchange, &row))
        return;
    jobs_row_fini(&row);
    progress_serve(exchange, from, follow == 1);
}

static void digest(struct exchange *exchange)
{
    struct jobs_row row;
    if (!no_query(exchange) || !find_job(exchange, &row))
        return;
    events_serve_digest(exchange, &row);
    jobs_row_fini(&row);
}

static void job_events(struct exchange *exchange)
{
    struct jobs_row row;
    if (!no_query(exchange) || !find_job(exchange, &row))
        return;
    jobs_row_fini(&row);
    events_serve_job(exchange);
}

static void all_events(struct exchange *exchange)
{
    if (no_query(exchange))
        events_serve(exchange);
}

/* ---- files ---------------------------------------------------------------------------------- */

static const char *type_of(const char *name)
{
    static const char *const types[][2] = {
        { ".json", JSON }, { ".jsonl", "application/jsonl" }, { ".mtx", "text/plain; charset=utf-8" },
        { ".tsv", "text/tab-separated-values" }, { ".txt", "text/plain; charset=utf-8" },
        { ".db", "application/vnd.sqlite3" },
    };
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
        if (strcmp(dot, types[i][0]) == 0)
            return types[i][1];
    return "application/octet-stream";
}

static bool is_listed(const char *app, const char *name)
{
    const char *known;
    for (int i = 0; (known = jobdir_name(app, i)) != NULL; i++)
        if (strcmp(known, name) == 0)
            return true;
    return false;
}

/* While the job goes on the trace is there, but not whole: as if it were not there. */
static void serve_file(struct exchange *exchange, const struct jobs_row *row)
{
    int64_t size;
    const char *name = exchange->name;
    bool listed = is_listed(row->app, name), ended = row->state >= JOBS_COMPLETED;
    bool whole = ended || strcmp(name, "trace.db") != 0;
    int file = listed && whole
                   ? jobdir_open(exchange->http->desk.state_dir, row->id, name, &size)
                   : -1;
    if (file >= 0)
        reply_file(exchange, file, 0, size, type_of(name));
    else if (listed && !ended)
        reply_fault(exchange, FAULT_RUNNING, exchange->uri, NULL,
                    "the job has not ended; this file comes with its end");
    else
        reply_fault(exchange, FAULT_NOT_FOUND, exchange->uri, NULL, "job %" PRId64 " has no %s",
                    row->id, name);
}

static void fetch(struct exchange *exchange)
{
    struct jobs_row row;
    if (!no_query(exchange) || !find_job(exchange, &row))
        return;
    serve_file(exchange, &row);
    jobs_row_fini(&row);
}

/* ---- the service itself ----------------------------------------------------------------------- */

static void workers(struct exchange *exchange)
{
    struct rondo_buf buf = { 0 };
    struct jsonout out = jsonout_begin(&buf, false);
    if (!no_query(exchange))
        return;
    portrait_workers(&out, exchange->http);
    jsonout_bytes(&out, "\n");
    reply_bytes(exchange, MHD_HTTP_OK, JSON, &buf, out.failed);
}

static void health(struct exchange *exchange)
{
    struct rondo_buf buf = { 0 };
    struct jsonout out = jsonout_begin(&buf, false);
    if (!no_query(exchange))
        return;
    jsonout_bytes(&out, "{\"status\": \"ok\"}\n");
    reply_bytes(exchange, MHD_HTTP_OK, JSON, &buf, out.failed);
}

static void metrics(struct exchange *exchange)
{
    if (no_query(exchange))
        metrics_serve(exchange);
}

static void dashboard(struct exchange *exchange)
{
    if (no_query(exchange))
        page_serve(exchange, "dashboard.html");
}

static void asset(struct exchange *exchange)
{
    if (no_query(exchange))
        page_serve(exchange, exchange->name);
}

/* ---- the table ------------------------------------------------------------------------------ */

static const struct route routes[] = {
    { "POST", "/v1/jobs", submit, false, true },
    { "GET", "/v1/jobs", list, false, false },
    { "GET", "/v1/jobs/#", show, false, false },
    { "POST", "/v1/jobs/#/cancel", cancel, false, false },
    { "GET", "/v1/jobs/#/progress", progress, false, false },
    { "GET", "/v1/jobs/#/events", job_events, false, false },
    { "GET", "/v1/jobs/#/digest", digest, false, false },
    { "GET", "/v1/jobs/#/files/@", fetch, false, false },
    { "GET", "/v1/events", all_events, false, false },
    { "GET", "/v1/workers", workers, false, false },
    { "GET", "/healthz", health, true, false },
    { "GET", "/metrics", metrics, false, false },
    { "GET", "/", dashboard, true, false },
    { "GET", "/assets/@", asset, true, false },
};

enum { ROUTES = sizeof routes / sizeof *routes };

bool routes_open(const struct route *route)
{
    return route->open;
}

bool routes_reads(const struct route *route)
{
    return route->reads;
}

void routes_serve(struct exchange *exchange)
{
    exchange->route->serve(exchange);
}

/* An id as it is written in replies: digits, the first of them not 0. */
static bool read_id(const char *text, size_t length, int64_t *id)
{
    if (length == 0 || length > 18 || *text == '0' || strspn(text, "0123456789") < length)
        return false;
    *id = strtoll(text, NULL, 10);
    return true;
}

static bool matches(const char *pattern, const char *path, struct exchange *exchange)
{
    for (; *pattern; pattern++) {
        size_t length = strcspn(path, "/");
        if (*pattern == '#' && !read_id(path, length, &exchange->id))
            return false;
        if (*pattern == '@' && (length == 0 || length >= EXCHANGE_NAME))
            return false;
        if (*pattern == '@')
            snprintf(exchange->name, EXCHANGE_NAME, "%.*s", (int)length, path);
        if (*pattern == '#' || *pattern == '@')
            path += length;
        else if (*pattern != *path++)
            return false;
    }
    return *path == 0;
}

/* Letters, digits, "-", "_", "." and "/", no "..", no "//": nothing that means something else when it
 * is looked at once more. */
static bool is_plain(const char *path)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./";
    return *path == '/' && path[strspn(path, plain)] == 0 && !strstr(path, "..") &&
           !strstr(path, "//");
}

static void refuse_method(struct exchange *exchange, const char *allowed)
{
    reply_fault(exchange, FAULT_METHOD, exchange->uri, NULL, "the methods here are %s", allowed);
    reply_header(exchange, MHD_HTTP_HEADER_ALLOW, allowed);
}

void routes_find(struct exchange *exchange, const char *method)
{
    char allowed[64] = "";
    exchange->head = strcmp(method, "HEAD") == 0;
    const char *asked = exchange->head ? "GET" : method;
    char *mark = strchr(exchange->uri, '?');
    exchange->query = mark ? mark + 1 : "";
    if (mark)
        *mark = 0;
    if (!is_plain(exchange->uri)) {
        reply_fault(exchange, FAULT_BAD_PATH, "", "ids and names have no escapes",
                    "a path has letters, digits, \"-\", \"_\", \".\" and \"/\" alone");
        return;
    }
    for (int i = 0; i < ROUTES && !exchange->route; i++) {
        if (!matches(routes[i].path, exchange->uri, exchange))
            continue;
        if (strcmp(routes[i].method, asked) == 0)
            exchange->route = &routes[i];
        size_t used = strlen(allowed);
        snprintf(allowed + used, sizeof allowed - used, "%s%s", used ? ", " : "",
                 strcmp(routes[i].method, "GET") == 0 ? "GET, HEAD" : routes[i].method);
    }
    if (!exchange->route && *allowed)
        refuse_method(exchange, allowed);
    else if (!exchange->route)
        reply_fault(exchange, FAULT_NOT_FOUND, exchange->uri, NULL, "there is nothing here");
}

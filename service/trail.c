/* trail.c - a follower's reply is made in pieces by give(), on libmicrohttpd's threads.
 *
 * Where there is nothing new the connection is suspended, under the hub's mutex; trail_wake resumes
 * it under the same mutex.  The job's state is read before its file: when it had ended by then, the
 * file is complete.  A wake between that look and the mutex has moved `turn`, and give() looks again.
 */
#include "service/trail.h"

#include "core/base/mem.h"
#include "service/exchange.h"
#include "service/jobdir.h"
#include "service/reply.h"

#include <poll.h>
#include <unistd.h>

#ifndef POLLRDHUP
#define POLLRDHUP 0x2000 /* Linux: the other side has closed its end */
#endif

enum { BLOCK = 8192 };

struct trail {
    struct http *http;
    struct MHD_Connection *connection;
    int64_t id, offset;
    bool asleep; /* guarded by the hub's mutex */
    struct trail *next, *before;
};

void trail_init(struct trail_hub *hub)
{
    *hub = (struct trail_hub){ .first = NULL };
    pthread_mutex_init(&hub->mutex, NULL);
}

void trail_fini(struct trail_hub *hub)
{
    pthread_mutex_destroy(&hub->mutex);
}

struct look {
    int64_t id;
    bool ended;
};

static int note_state(void *context, const struct jobs_row *row)
{
    *(struct look *)context = (struct look){ row->id, row->state >= JOBS_COMPLETED };
    return 0;
}

/* The newest job up to id is the job itself; its row is read without the spec. */
static bool has_ended(const struct trail *trail)
{
    struct look look = { 0, false };
    int code = jobs_list(trail->http->desk.jobs, -1, trail->id + 1, 1, note_state, &look, NULL);
    return !code && look.id == trail->id && look.ended;
}

/* Whole lines as far as they fit; where the job has ended, or a line is longer than that, what there
 * is.  A file that became shorter is that of a run that began anew. */
static ssize_t read_on(struct trail *trail, char *bytes, size_t size, bool ended)
{
    int64_t there;
    int file = jobdir_open(trail->http->desk.state_dir, trail->id, JOBDIR_PROGRESS, &there);
    if (file < 0)
        return 0;
    if (there < trail->offset)
        trail->offset = 0;
    ssize_t got = pread(file, bytes, size, trail->offset);
    close(file);
    ssize_t whole = got;
    while (whole > 0 && bytes[whole - 1] != '\n')
        whole--;
    if (whole <= 0 && got > 0 && (ended || (size_t)got == size))
        whole = got;
    trail->offset += whole > 0 ? whole : 0;
    return whole > 0 ? whole : 0;
}

/* A sleeping connection does not notice that nobody listens any more. */
static bool is_gone(const struct trail *trail)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(trail->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct pollfd poll_one = { .fd = info ? info->connect_fd : -1, .events = POLLRDHUP };
    return poll(&poll_one, 1, 0) > 0 && poll_one.revents & (POLLRDHUP | POLLHUP | POLLERR);
}

static ssize_t give(void *context, uint64_t position, char *bytes, size_t size)
{
    struct trail *trail = context;
    struct trail_hub *hub = &trail->http->trails;
    (void)position;
    for (;;) {
        pthread_mutex_lock(&hub->mutex);
        uint64_t turn = hub->turn;
        bool closing = hub->closing;
        pthread_mutex_unlock(&hub->mutex);
        bool ended = has_ended(trail);
        ssize_t got = read_on(trail, bytes, size, ended);
        if (got > 0 || ended)
            return got > 0 ? got : MHD_CONTENT_READER_END_OF_STREAM;
        if (closing || is_gone(trail))
            return MHD_CONTENT_READER_END_WITH_ERROR;
        pthread_mutex_lock(&hub->mutex);
        bool sleeps = hub->turn == turn && !hub->closing;
        if (sleeps) {
            trail->asleep = true;
            MHD_suspend_connection(trail->connection);
        }
        pthread_mutex_unlock(&hub->mutex);
        if (sleeps)
            return 0;
    }
}

static bool enter(struct trail *trail)
{
    struct trail_hub *hub = &trail->http->trails;
    pthread_mutex_lock(&hub->mutex);
    bool room = hub->count < trail->http->limits.followers;
    if (room) {
        hub->count++;
        trail->next = hub->first;
        if (trail->next)
            trail->next->before = trail;
        hub->first = trail;
    }
    pthread_mutex_unlock(&hub->mutex);
    return room;
}

static void leave(void *context)
{
    struct trail *trail = context;
    struct trail_hub *hub = &trail->http->trails;
    pthread_mutex_lock(&hub->mutex);
    hub->count--;
    if (trail->next)
        trail->next->before = trail->before;
    if (trail->before)
        trail->before->next = trail->next;
    else
        hub->first = trail->next;
    pthread_mutex_unlock(&hub->mutex);
    mem_free(trail);
}

static void follow_on(struct exchange *exchange, int64_t from)
{
    struct trail *trail = mem_calloc(1, sizeof *trail);
    if (!trail) {
        reply_fault(exchange, FAULT_INTERNAL, NULL, NULL, "no memory");
        return;
    }
    *trail = (struct trail){ .http = exchange->http, .connection = exchange->connection,
                             .id = exchange->id, .offset = from };
    if (!enter(trail)) {
        mem_free(trail);
        reply_fault(exchange, FAULT_FOLLOWERS, NULL, "ask without follow=1, or later",
                    "as many follow jobs as can");
        return;
    }
    exchange->response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, give, trail,
                                                           leave);
    if (!exchange->response)
        leave(trail);
    reply_finish(exchange, MHD_HTTP_OK, "application/jsonl");
}

static void serve_file(struct exchange *exchange, int64_t from)
{
    int64_t size;
    int file = jobdir_open(exchange->http->desk.state_dir, exchange->id, JOBDIR_PROGRESS, &size);
    from = from < size ? from : size;
    reply_file(exchange, file, from, size - from, "application/jsonl");
}

void trail_serve(struct exchange *exchange, int64_t from, bool follow)
{
    if (follow)
        follow_on(exchange, from);
    else
        serve_file(exchange, from);
}

void trail_wake(struct trail_hub *hub, int64_t id)
{
    pthread_mutex_lock(&hub->mutex);
    hub->turn++;
    for (struct trail *trail = hub->first; trail; trail = trail->next)
        if (trail->asleep && (id == 0 || trail->id == id)) {
            trail->asleep = false;
            MHD_resume_connection(trail->connection);
        }
    pthread_mutex_unlock(&hub->mutex);
}

void trail_close(struct trail_hub *hub)
{
    pthread_mutex_lock(&hub->mutex);
    hub->closing = true;
    pthread_mutex_unlock(&hub->mutex);
    trail_wake(hub, 0);
}

/* trail.c - a follower's reply is made in pieces by give(), on libmicrohttpd's threads.
 *
 * Where there is nothing new the connection is suspended, under the hub's mutex; trail_wake resumes
 * it under the same mutex.  A wake between a kind's look and the mutex has moved `turn`, and give()
 * looks again.
 */
#include "service/trail.h"

#include "service/exchange.h"
#include "service/reply.h"

#include <poll.h>

#ifndef POLLRDHUP
#define POLLRDHUP 0x2000 /* Linux: the other side has closed its end */
#endif

enum { BLOCK = 8192, EVERYBODY = -1 };

void trail_init(struct trail_hub *hub)
{
    *hub = (struct trail_hub){ .first = NULL };
    pthread_mutex_init(&hub->mutex, NULL);
}

void trail_fini(struct trail_hub *hub)
{
    pthread_mutex_destroy(&hub->mutex);
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
        bool closing = hub->closing, over = false;
        pthread_mutex_unlock(&hub->mutex);
        size_t got = trail->kind->give(trail, bytes, size, &over);
        if (got > 0 || over)
            return got > 0 ? (ssize_t)got : MHD_CONTENT_READER_END_OF_STREAM;
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
    trail->kind->free(trail);
}

void trail_follow(struct exchange *exchange, struct trail *trail)
{
    if (!trail) {
        reply_fault(exchange, FAULT_INTERNAL, NULL, NULL, "no memory");
        return;
    }
    const char *type = trail->kind->type;
    if (exchange->head) { /* libmicrohttpd ends a body that it does not send */
        trail->kind->free(trail);
        reply_file(exchange, -1, 0, 0, type);
        return;
    }
    trail->http = exchange->http;
    trail->connection = exchange->connection;
    if (!enter(trail)) {
        trail->kind->free(trail);
        reply_fault(exchange, FAULT_FOLLOWERS, NULL, "ask without following, or later",
                    "as many follow jobs as can");
        return;
    }
    exchange->response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, give, trail,
                                                           leave);
    if (!exchange->response)
        leave(trail);
    reply_finish(exchange, MHD_HTTP_OK, type);
}

/* With the hub's mutex. */
static void wake(struct trail_hub *hub, int64_t id, bool lines)
{
    for (struct trail *trail = hub->first; trail; trail = trail->next) {
        if ((id != EVERYBODY && trail->id != id) || (lines && !trail->kind->lines))
            continue;
        hub->turn++;
        if (trail->asleep) {
            trail->asleep = false;
            MHD_resume_connection(trail->connection);
        }
    }
}

void trail_wake(struct trail_hub *hub, int64_t id)
{
    pthread_mutex_lock(&hub->mutex);
    wake(hub, id, false);
    pthread_mutex_unlock(&hub->mutex);
}

void trail_wake_lines(struct trail_hub *hub, int64_t id)
{
    pthread_mutex_lock(&hub->mutex);
    wake(hub, id, true);
    pthread_mutex_unlock(&hub->mutex);
}

void trail_tick(struct trail_hub *hub)
{
    pthread_mutex_lock(&hub->mutex);
    hub->second++;
    wake(hub, EVERYBODY, false);
    pthread_mutex_unlock(&hub->mutex);
}

int64_t trail_second(struct trail_hub *hub)
{
    pthread_mutex_lock(&hub->mutex);
    int64_t second = hub->second;
    pthread_mutex_unlock(&hub->mutex);
    return second;
}

int trail_count(struct trail_hub *hub)
{
    pthread_mutex_lock(&hub->mutex);
    int count = hub->count;
    pthread_mutex_unlock(&hub->mutex);
    return count;
}

void trail_close(struct trail_hub *hub)
{
    pthread_mutex_lock(&hub->mutex);
    hub->closing = true;
    wake(hub, EVERYBODY, false);
    pthread_mutex_unlock(&hub->mutex);
}

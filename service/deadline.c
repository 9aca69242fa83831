#include "service/deadline.h"

#include "core/base/clock.h"
#include "core/base/mem.h"

#include <stdatomic.h>
#include <sys/socket.h>

struct deadline_line {
    int socket;
    _Atomic int64_t since_ns; /* 0: no request is awaited; relaxed, a second more or less is the same */
    struct deadline_line *next, *before;
};

void deadline_init(struct deadline *deadline)
{
    pthread_mutex_init(&deadline->mutex, NULL);
    deadline->first = NULL;
}

void deadline_fini(struct deadline *deadline)
{
    pthread_mutex_destroy(&deadline->mutex);
}

static void enter(struct deadline *deadline, struct MHD_Connection *connection, void **context)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct deadline_line *line = mem_calloc(1, sizeof *line);
    *context = line;
    if (!line || !info)
        return; /* it has no deadline, and the library's own timeout alone */
    line->socket = info->connect_fd;
    line->since_ns = clock_now_ns();
    pthread_mutex_lock(&deadline->mutex);
    line->next = deadline->first;
    if (line->next)
        line->next->before = line;
    deadline->first = line;
    pthread_mutex_unlock(&deadline->mutex);
}

static void leave(struct deadline *deadline, struct deadline_line *line)
{
    pthread_mutex_lock(&deadline->mutex);
    if (line->next)
        line->next->before = line->before;
    if (line->before)
        line->before->next = line->next;
    else if (deadline->first == line)
        deadline->first = line->next;
    pthread_mutex_unlock(&deadline->mutex);
    mem_free(line);
}

/* The library tells of the end before it closes the socket: a socket in the list is open. */
void deadline_notify(void *deadline, struct MHD_Connection *connection, void **socket_context,
                     enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        enter(deadline, connection, socket_context);
    else if (*socket_context)
        leave(deadline, *socket_context);
}

static void set(struct MHD_Connection *connection, int64_t since_ns)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct deadline_line *line = info ? info->socket_context : NULL;
    if (line)
        atomic_store_explicit(&line->since_ns, since_ns, memory_order_relaxed);
}

void deadline_rest(struct MHD_Connection *connection)
{
    set(connection, 0);
}

void deadline_begin(struct MHD_Connection *connection)
{
    set(connection, clock_now_ns());
}

int deadline_enforce(struct deadline *deadline, unsigned seconds)
{
    int late = 0;
    int64_t before_ns = clock_now_ns() - (int64_t)seconds * 1000000000;
    pthread_mutex_lock(&deadline->mutex);
    for (struct deadline_line *line = deadline->first; line; line = line->next) {
        int64_t since_ns = atomic_load_explicit(&line->since_ns, memory_order_relaxed);
        if (!since_ns || since_ns >= before_ns)
            continue;
        shutdown(line->socket, SHUT_RDWR);
        atomic_store_explicit(&line->since_ns, 0, memory_order_relaxed);
        late++;
    }
    pthread_mutex_unlock(&deadline->mutex);
    return late;
}

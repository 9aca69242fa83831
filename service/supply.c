#include "service/supply.h"

#include "core/base/mem.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    AT_ONCE = 8,      /* parts that a worker may ask for in one session before it gets them */
    REQUESTS = 8192,  /* a power of two; so many from as many workers as there can be */
    BACKLOG = 4 * AT_ONCE * (SESSION_PART + 64), /* earlier sessions' parts may be among them */
};

struct request {
    struct conn *conn; /* held */
    uint32_t session;
    struct session_get get;
    uint64_t size;
    char *path;
};

struct supply {
    pthread_t thread;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t wake;
    struct request request[REQUESTS]; /* a ring */
    uint32_t head, count;
    bool ending;
    unsigned char part[SESSION_PART]; /* the thread's alone */
};

static void request_fini(struct request *request)
{
    conn_drop(request->conn);
    mem_free(request->path);
}

/* Bytes read; 0: it is not the file that it was. */
static size_t read_part(struct supply *supply, const struct request *request)
{
    struct stat info;
    size_t have = 0, want = request->get.size;
    int fd = open(request->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return 0;
    bool same = fstat(fd, &info) == 0 && S_ISREG(info.st_mode)
                && (uint64_t)info.st_size == request->size
                && request->get.offset < request->size;
    while (same && have < want) {
        ssize_t got = pread(fd, supply->part + have, want - have,
                            (off_t)(request->get.offset + have));
        if (got <= 0)
            break;
        have += (size_t)got;
    }
    close(fd);
    return have;
}

/* Who asks on and does not read would have this thread wait for it, and the others with it. */
static void answer(struct supply *supply, const struct request *request)
{
    if (conn_backlog(request->conn) > BACKLOG) {
        conn_reject(request->conn, "it asks for more than it reads");
        return;
    }
    struct rondo_buf head = { 0 };
    struct session_part part = { request->get.file, request->get.offset,
                                 { supply->part, read_part(supply, request) } };
    struct frame frame = { .type = FRAME_PART, .session = request->session };
    int code = session_put_part(&part, &head);
    struct rondo_bytes parts[] = { { head.data, head.size }, part.bytes };
    if (code || conn_send(request->conn, &frame, parts, 2))
        conn_close(request->conn); /* harmless where it has closed */
    buf_fini(&head);
}

static void *run(void *context)
{
    struct supply *supply = context;
    pthread_mutex_lock(&supply->mutex);
    while (!supply->ending || supply->count) {
        if (!supply->count) {
            pthread_cond_wait(&supply->wake, &supply->mutex);
            continue;
        }
        struct request request = supply->request[supply->head];
        supply->head = (supply->head + 1) % REQUESTS;
        supply->count--;
        bool ending = supply->ending;
        pthread_mutex_unlock(&supply->mutex);
        if (!ending)
            answer(supply, &request);
        request_fini(&request);
        pthread_mutex_lock(&supply->mutex);
    }
    pthread_mutex_unlock(&supply->mutex);
    return NULL;
}

int supply_create(struct supply **out, struct rondo_error *err)
{
    struct supply *supply = mem_calloc(1, sizeof *supply);
    if (!supply)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory");
    pthread_mutex_init(&supply->mutex, NULL);
    pthread_cond_init(&supply->wake, NULL);
    if (pthread_create(&supply->thread, NULL, run, supply)) {
        pthread_cond_destroy(&supply->wake);
        pthread_mutex_destroy(&supply->mutex);
        mem_free(supply);
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "a thread cannot be started");
    }
    *out = supply;
    return RONDO_OK;
}

void supply_destroy(struct supply *supply)
{
    if (!supply)
        return;
    pthread_mutex_lock(&supply->mutex);
    supply->ending = true;
    pthread_cond_signal(&supply->wake);
    pthread_mutex_unlock(&supply->mutex);
    pthread_join(supply->thread, NULL);
    pthread_cond_destroy(&supply->wake);
    pthread_mutex_destroy(&supply->mutex);
    mem_free(supply);
}

/* Under the mutex: as many as a worker may have waiting? */
static bool has_enough(const struct supply *supply, const struct conn *conn, uint32_t session)
{
    int waiting = 0;
    for (uint32_t i = 0; i < supply->count; i++) {
        const struct request *request = &supply->request[(supply->head + i) % REQUESTS];
        waiting += request->conn == conn && request->session == session;
    }
    return waiting >= AT_ONCE;
}

int supply_ask(struct supply *supply, struct conn *conn, uint32_t session,
               const struct session_get *get, const struct session_file *file)
{
    struct request request = { .conn = conn, .session = session, .get = *get, .size = file->size,
                               .path = mem_strdup(file->path.data) };
    if (!request.path)
        return RONDO_ENOMEM;
    pthread_mutex_lock(&supply->mutex);
    bool enough = has_enough(supply, conn, session);
    bool room = supply->count < REQUESTS && !supply->ending && !enough;
    if (room) {
        conn_hold(conn);
        supply->request[(supply->head + supply->count++) % REQUESTS] = request;
        pthread_cond_signal(&supply->wake);
    }
    pthread_mutex_unlock(&supply->mutex);
    if (!room)
        mem_free(request.path);
    return room ? RONDO_OK : enough ? RONDO_ESTATE : RONDO_ENOMEM;
}

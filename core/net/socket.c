#define _GNU_SOURCE /* accept4, ucred */
#include "core/net/socket.h"
#include "core/net/watch.h"

#include "core/base/clock.h"
#include "core/base/mem.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 128, HOST = 256, PORT = 32 };

union any_address {
    struct sockaddr plain;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
    struct sockaddr_un path;
    struct sockaddr_storage room;
};

/* ---- addresses ----------------------------------------------------------------------------------- */

static const char *behind(const char *url, const char *scheme)
{
    return strncmp(url, scheme, strlen(scheme)) == 0 ? url + strlen(scheme) : NULL;
}

bool socket_takes(const char *url)
{
    return behind(url, "tcp://") || behind(url, "ipc://");
}

static bool path_address(const char *path, union any_address *address)
{
    memset(address, 0, sizeof *address);
    address->path.sun_family = AF_UNIX;
    if (strlen(path) >= sizeof address->path.sun_path)
        return false;
    memcpy(address->path.sun_path, path, strlen(path) + 1);
    return true;
}

/* HOST:PORT, [HOST]:PORT, with or without a slash behind; no host, or "*": any of this machine.  False: it is
 * neither.  The system would take a port above 65535 for another. */
static bool split(const char *text, char host[HOST], char port[PORT])
{
    const char *colon = strrchr(text, ':');
    size_t digits = colon ? strspn(colon + 1, "0123456789") : 0;
    const char *rest = colon ? colon + 1 + digits : "";
    if (!digits || digits > 5 || atoi(colon + 1) > UINT16_MAX || (*rest && strcmp(rest, "/") != 0))
        return false;
    bool six = *text == '[';
    const char *from = text + six, *to = colon - six;
    if (to < from || to - from >= HOST || (six && *to != ']')
        || (!six && memchr(from, ':', (size_t)(to - from))))
        return false;
    snprintf(host, HOST, "%.*s", (int)(to - from), from);
    snprintf(port, PORT, "%.*s", (int)digits, colon + 1);
    return true;
}

static bool any(const char *host)
{
    return !*host || strcmp(host, "*") == 0;
}

static int open_socket(int family)
{
    return socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static int shut(int fd)
{
    int reason = errno;
    close(fd);
    errno = reason;
    return -1;
}

static int wrong(const char *url, const char *does, struct rondo_error *err)
{
    return rondo_error_set(err, RONDO_EINPUT, url, "tcp://HOST:PORT or ipc://PATH", "not an address to %s",
                           does);
}

/* ---- listening ----------------------------------------------------------------------------------- */

/* -1: errno says why.  SO_REUSEADDR: a port that the coordinator before had is free at once; two that
 * listen never share one on Linux. */
static int listen_at(const struct sockaddr *address, socklen_t size)
{
    int yes = 1, fd = open_socket(address->sa_family);
    if (fd < 0)
        return -1;
    bool tcp = address->sa_family != AF_UNIX;
    if ((tcp && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes)) || bind(fd, address, size)
        || (!tcp && chmod(((const struct sockaddr_un *)(const void *)address)->sun_path, 0600))
        || listen(fd, BACKLOG))
        return shut(fd);
    return fd;
}

/* Does no one listen there any more? */
static bool stale(const union any_address *address)
{
    int fd = open_socket(AF_UNIX);
    bool refused = fd >= 0 && connect(fd, &address->plain, sizeof address->path) != 0
                   && errno == ECONNREFUSED;
    if (fd >= 0)
        close(fd);
    return refused;
}

static int listen_path(const union any_address *address)
{
    int fd = listen_at(&address->plain, sizeof address->path);
    if (fd < 0 && errno == EADDRINUSE && stale(address) && unlink(address->path.sun_path) == 0)
        fd = listen_at(&address->plain, sizeof address->path);
    return fd;
}

/* At the first address of that name whose family this machine has. */
static int listen_host(const char *host, const char *port, const char **why)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *found = NULL;
    int failed = getaddrinfo(any(host) ? NULL : host, port, &hints, &found), fd = -1;
    *why = failed ? gai_strerror(failed) : "";
    if (failed)
        return -1;
    errno = EADDRNOTAVAIL;
    for (struct addrinfo *one = found; one && fd < 0 && (errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT);
         one = one->ai_next)
        fd = listen_at(one->ai_addr, one->ai_addrlen);
    int reason = errno;
    freeaddrinfo(found);
    errno = reason;
    return fd;
}

int socket_listen(const char *url, int *fd, struct rondo_error *err)
{
    const char *path = behind(url, "ipc://"), *why = "";
    union any_address address;
    char host[HOST], port[PORT];
    if (path ? !path_address(path, &address) : !split(behind(url, "tcp://"), host, port))
        return wrong(url, "listen at", err);
    *fd = path ? listen_path(&address) : listen_host(host, port, &why);
    if (*fd >= 0)
        return RONDO_OK;
    return rondo_error_set(err, RONDO_EREFUSED, url,
                           !*why && errno == EADDRINUSE ? "does another coordinator run?" : NULL,
                           "cannot listen there: %s", *why ? why : strerror(errno));
}

int socket_accept(int listening)
{
    int yes = 1, fd;
    do
        fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (fd >= 0) /* a path has no such thing */
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return fd;
}

int socket_port(int fd)
{
    union any_address address;
    socklen_t size = sizeof address;
    if (getsockname(fd, &address.plain, &size))
        return 0;
    return address.plain.sa_family == AF_INET    ? ntohs(address.four.sin_port)
           : address.plain.sa_family == AF_INET6 ? ntohs(address.six.sin6_port)
                                                 : 0;
}

/* ---- dialling ------------------------------------------------------------------------------------ */

/* -1: errno says why. */
static int dial_at(const struct sockaddr *address, socklen_t size, int64_t until_ns)
{
    int yes = 1, reason = 0, fd = open_socket(address->sa_family);
    socklen_t room = sizeof reason;
    if (fd < 0)
        return -1;
    if (address->sa_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (connect(fd, address, size) == 0)
        return fd;
    if (errno != EINPROGRESS && errno != EINTR)
        return shut(fd);
    struct pollfd wait = { .fd = fd, .events = POLLOUT };
    int came = 0;
    do {
        int64_t left_ms = (until_ns - clock_now_ns()) / 1000000;
        came = poll(&wait, 1, left_ms > 0 ? (int)left_ms : 0);
    } while (came < 0 && errno == EINTR);
    if (came > 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &reason, &room) == 0 && reason == 0)
        return fd;
    errno = came > 0 ? reason : ETIMEDOUT;
    return shut(fd);
}

/* What a name stands for.  The system asks its servers for as long as resolv.conf(5) says, and they may be
 * silent: a thread asks, so that who dials can give up. */
struct question {
    pthread_mutex_t lock;
    pthread_cond_t change;
    bool answered, given_up; /* guarded by lock; the later of the two frees it */
    char host[HOST], port[PORT];
    struct addrinfo *found;  /* free by freeaddrinfo */
    int failed;
};

static void question_free(struct question *question)
{
    if (question->found)
        freeaddrinfo(question->found);
    pthread_cond_destroy(&question->change);
    pthread_mutex_destroy(&question->lock);
    mem_free(question);
}

static int look_up(const char *host, const char *port, int flags, struct addrinfo **found)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = flags };
    return getaddrinfo(host, port, &hints, found);
}

static void *ask(void *context)
{
    struct question *question = context;
    question->failed = look_up(question->host, question->port, 0, &question->found);
    pthread_mutex_lock(&question->lock);
    question->answered = true;
    bool alone = question->given_up;
    pthread_cond_signal(&question->change);
    pthread_mutex_unlock(&question->lock);
    if (alone)
        question_free(question);
    return NULL;
}

/* As getaddrinfo, until then: EAI_AGAIN. */
static int look_up_until(const char *host, const char *port, int64_t until_ns, struct addrinfo **found)
{
    int failed = look_up(host, port, AI_NUMERICHOST, found);
    if (failed != EAI_NONAME)
        return failed;
    struct question *question = mem_calloc(1, sizeof *question);
    if (!question)
        return EAI_MEMORY;
    pthread_mutex_init(&question->lock, NULL);
    clock_cond_init(&question->change);
    snprintf(question->host, HOST, "%s", host);
    snprintf(question->port, PORT, "%s", port);
    if (!watch_thread(ask, question)) {
        question_free(question);
        return EAI_MEMORY;
    }
    pthread_mutex_lock(&question->lock);
    while (!question->answered && clock_cond_wait(&question->change, &question->lock, until_ns))
        ;
    bool answered = question->answered;
    question->given_up = !answered;
    pthread_mutex_unlock(&question->lock);
    if (!answered)
        return EAI_AGAIN;
    *found = question->found;
    question->found = NULL;
    failed = question->failed;
    question_free(question);
    return failed;
}

static int dial_host(const char *host, const char *port, int64_t until_ns, const char **why)
{
    struct addrinfo *found = NULL;
    int failed = look_up_until(host, port, until_ns, &found), fd = -1;
    *why = failed ? gai_strerror(failed) : "";
    if (failed)
        return -1;
    for (struct addrinfo *one = found; one && fd < 0; one = one->ai_next)
        fd = dial_at(one->ai_addr, one->ai_addrlen, until_ns);
    int reason = errno;
    freeaddrinfo(found);
    errno = reason;
    return fd;
}

int socket_dial(const char *url, double seconds, int *fd, struct rondo_error *err)
{
    int64_t until_ns = clock_now_ns() + (int64_t)(seconds * 1e9);
    const char *path = behind(url, "ipc://"), *why = "";
    union any_address address;
    char host[HOST], port[PORT];
    if (path ? !path_address(path, &address) : !split(behind(url, "tcp://"), host, port) || any(host))
        return wrong(url, "dial", err);
    *fd = path ? dial_at(&address.plain, sizeof address.path, until_ns)
               : dial_host(host, port, until_ns, &why);
    if (*fd >= 0)
        return RONDO_OK;
    return rondo_error_set(err, RONDO_EIO, url, NULL, "nobody answers: %s", *why ? why : strerror(errno));
}

/* ---- the other end ------------------------------------------------------------------------------- */

void socket_peer(int fd, char *text, size_t room)
{
    union any_address address;
    socklen_t size = sizeof address;
    char host[INET6_ADDRSTRLEN] = "", port[PORT] = "";
    if (getpeername(fd, &address.plain, &size))
        return;
    if (address.plain.sa_family == AF_UNIX) {
        struct ucred peer;
        size = sizeof peer;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0)
            snprintf(text, room, "process %ld", (long)peer.pid);
    } else if (getnameinfo(&address.plain, size, host, sizeof host, port, sizeof port,
                           NI_NUMERICHOST | NI_NUMERICSERV) == 0) {
        snprintf(text, room, address.plain.sa_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
    }
}

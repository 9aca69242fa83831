#define _GNU_SOURCE /* accept4, ucred */
#include "core/net/socket.h"

#include "core/base/clock.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
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

/* HOST:PORT, [HOST]:PORT; no host, or "*": any of this machine.  False: it is neither. */
static bool split(const char *text, char host[HOST], char port[PORT])
{
    const char *colon = strrchr(text, ':');
    size_t digits = colon ? strspn(colon + 1, "0123456789") : 0;
    if (!digits || digits > 5 || colon[1 + digits])
        return false;
    bool six = *text == '[';
    const char *from = text + six, *to = colon - six;
    if (to < from || to - from >= HOST || (six && *to != ']')
        || (!six && memchr(from, ':', (size_t)(to - from))))
        return false;
    snprintf(host, HOST, "%.*s", (int)(to - from), from);
    snprintf(port, PORT, "%s", colon + 1);
    return true;
}

/* What the names of the system make of it; free by freeaddrinfo.  NULL: nothing, and why. */
static struct addrinfo *look_up(const char *host, const char *port, bool listens, const char **why)
{
    bool any = !*host || strcmp(host, "*") == 0;
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = listens ? AI_PASSIVE : 0 };
    struct addrinfo *found = NULL;
    int failed = getaddrinfo(any ? NULL : host, port, &hints, &found);
    *why = failed ? gai_strerror(failed) : "";
    return failed ? NULL : found;
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

int socket_listen(const char *url, int *fd, struct rondo_error *err)
{
    const char *path = behind(url, "ipc://"), *why = "";
    union any_address address;
    char host[HOST], port[PORT];
    if (path ? !path_address(path, &address) : !split(behind(url, "tcp://"), host, port))
        return wrong(url, "listen at", err);
    struct addrinfo *found = path ? NULL : look_up(host, port, true, &why);
    *fd = path ? listen_path(&address) : found ? listen_at(found->ai_addr, found->ai_addrlen) : -1;
    int reason = errno;
    if (found)
        freeaddrinfo(found);
    if (*fd >= 0)
        return RONDO_OK;
    return rondo_error_set(err, RONDO_EREFUSED, url,
                           !*why && reason == EADDRINUSE ? "does another coordinator run?" : NULL,
                           "cannot listen there: %s", *why ? why : strerror(reason));
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

int socket_dial(const char *url, double seconds, int *fd, struct rondo_error *err)
{
    int64_t until_ns = clock_now_ns() + (int64_t)(seconds * 1e9);
    const char *path = behind(url, "ipc://"), *why = "";
    union any_address address;
    char host[HOST], port[PORT];
    if (path ? !path_address(path, &address) : !split(behind(url, "tcp://"), host, port))
        return wrong(url, "dial", err);
    struct addrinfo *found = path ? NULL : look_up(host, port, false, &why);
    *fd = path ? dial_at(&address.plain, sizeof address.path, until_ns) : -1;
    for (struct addrinfo *one = found; one && *fd < 0; one = one->ai_next)
        *fd = dial_at(one->ai_addr, one->ai_addrlen, until_ns);
    int reason = errno;
    if (found)
        freeaddrinfo(found);
    if (*fd >= 0)
        return RONDO_OK;
    return rondo_error_set(err, RONDO_EIO, url, NULL, "nobody answers: %s", *why ? why : strerror(reason));
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

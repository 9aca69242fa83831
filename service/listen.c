#include "service/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 512 };

union any_address {
    struct sockaddr plain;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
};

/* Splits at the last colon; brackets are for IPv6 and must be there for it. */
static bool split(const char *address, struct listen_place *place)
{
    const char *colon = strrchr(address, ':');
    char *end = NULL;
    if (!colon || colon[1] < '0' || colon[1] > '9')
        return false;
    long port = strtol(colon + 1, &end, 10);
    place->six = *address == '[';
    const char *begin = address + place->six, *behind = colon - place->six;
    if (*end || port > 65535 || behind <= begin || (place->six && *behind != ']'))
        return false;
    place->port = (int)port;
    int length = snprintf(place->host, sizeof place->host, "%.*s", (int)(behind - begin), begin);
    if (strcmp(place->host, "localhost") == 0)
        snprintf(place->host, sizeof place->host, "127.0.0.1");
    return length < (int)sizeof place->host;
}

static bool resolve(const struct listen_place *place, union any_address *address, socklen_t *size)
{
    memset(address, 0, sizeof *address);
    if (place->six) {
        address->six.sin6_family = AF_INET6;
        address->six.sin6_port = htons((uint16_t)place->port);
        *size = sizeof address->six;
        return inet_pton(AF_INET6, place->host, &address->six.sin6_addr) == 1;
    }
    address->four.sin_family = AF_INET;
    address->four.sin_port = htons((uint16_t)place->port);
    *size = sizeof address->four;
    return inet_pton(AF_INET, place->host, &address->four.sin_addr) == 1;
}

/* SO_REUSEADDR: a port that the coordinator before had is free at once.  Two that listen never share
 * one on Linux. */
static bool bind_all(struct listen_place *place, union any_address *address, socklen_t size)
{
    int yes = 1;
    int type = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
    place->socket = socket(address->plain.sa_family, type, 0);
    if (place->socket < 0 ||
        setsockopt(place->socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        (place->six &&
         setsockopt(place->socket, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes) != 0) ||
        bind(place->socket, &address->plain, size) != 0 || listen(place->socket, BACKLOG) != 0 ||
        getsockname(place->socket, &address->plain, &size) != 0)
        return false;
    place->port = ntohs(place->six ? address->six.sin6_port : address->four.sin_port);
    return true;
}

bool listen_reads(const char *address)
{
    struct listen_place place;
    union any_address bound;
    socklen_t size;
    return split(address, &place) && resolve(&place, &bound, &size);
}

int listen_open(const char *address, struct listen_place *place, struct rondo_error *err)
{
    union any_address bound;
    socklen_t size;
    place->socket = -1;
    if (!split(address, place) || !resolve(place, &bound, &size))
        return rondo_error_set(err, RONDO_EINPUT, address, "127.0.0.1:7420, [::1]:7420",
                               "not an address and port");
    if (bind_all(place, &bound, size))
        return RONDO_OK;
    int reason = errno;
    if (place->socket >= 0)
        close(place->socket);
    return rondo_error_set(err, RONDO_EREFUSED, address,
                           reason == EADDRINUSE ? "another coordinator, perhaps" : NULL,
                           "cannot listen: %s", strerror(reason));
}

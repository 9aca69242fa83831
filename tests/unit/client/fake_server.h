/* fake_server.h - a server that sends the bytes that it is told to, whatever it is asked.
 *
 * Place:   tests/unit/client, header only.
 * Threads: one of its own, from fake_start to fake_stop.
 * Memory:  its replies are borrowed.
 */
#ifndef FAKE_SERVER_H
#define FAKE_SERVER_H

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct fake {
    const char *reply;   /* sent to each request as it is */
    size_t size;         /* 0: strlen(reply) */
    int64_t more;        /* so many bytes 'x' behind it */
    bool drip;           /* byte by byte, one each 50 ms */
    bool hold;           /* then the connection stays open, silent, until the end */
    char asked[8192];    /* the last request, cut */
    int listener, port;
    pthread_t thread;
    _Atomic bool over;
};

static inline void fake_read(struct fake *fake, int peer)
{
    size_t used = 0;
    while (used < sizeof fake->asked - 1) {
        ssize_t got = recv(peer, fake->asked + used, sizeof fake->asked - 1 - used, 0);
        if (got <= 0)
            break;
        used += (size_t)got;
        fake->asked[used] = 0;
        const char *end = strstr(fake->asked, "\r\n\r\n");
        const char *length = strstr(fake->asked, "Content-Length: ");
        long body = length ? strtol(length + 16, NULL, 10) : 0;
        if (end && fake->asked + used - (end + 4) >= body)
            break;
    }
}

static inline void fake_answer(const struct fake *fake, int peer)
{
    static char filler[65536];
    size_t size = fake->size ? fake->size : strlen(fake->reply);
    memset(filler, 'x', sizeof filler);
    struct pollfd gone = { .fd = peer, .events = POLLIN };
    bool open = true;
    if (!fake->drip)
        open = send(peer, fake->reply, size, MSG_NOSIGNAL) == (ssize_t)size;
    for (size_t i = 0; fake->drip && open && i < size && !fake->over; i++)
        open = send(peer, fake->reply + i, 1, MSG_NOSIGNAL) == 1 && poll(&gone, 1, 50) == 0;
    for (int64_t left = fake->more; open && left > 0;) {
        size_t part = left < (int64_t)sizeof filler ? (size_t)left : sizeof filler;
        ssize_t sent = send(peer, filler, part, MSG_NOSIGNAL);
        open = sent > 0;
        left -= sent;
    }
    while (fake->hold && !fake->over && poll(&gone, 1, 20) == 0)
        continue;
}

static inline void *fake_run(void *context)
{
    struct fake *fake = context;
    while (!fake->over) {
        struct pollfd ready = { .fd = fake->listener, .events = POLLIN };
        if (poll(&ready, 1, 20) <= 0)
            continue;
        int peer = accept(fake->listener, NULL, NULL);
        if (peer < 0)
            continue;
        fake_read(fake, peer);
        fake_answer(fake, peer);
        shutdown(peer, SHUT_WR);
        char rest[256];
        while (!fake->hold && recv(peer, rest, sizeof rest, MSG_DONTWAIT) > 0)
            continue;
        close(peer);
    }
    return NULL;
}

static inline void fake_start(struct fake *fake)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    union { struct sockaddr_in in; struct sockaddr any; } at = { .in = address };
    fake->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(fake->listener, &at.any, size), 0);
    cr_assert_eq(listen(fake->listener, 8), 0);
    cr_assert_eq(getsockname(fake->listener, &at.any, &size), 0);
    fake->port = ntohs(at.in.sin_port);
    cr_assert_eq(pthread_create(&fake->thread, NULL, fake_run, fake), 0);
}

static inline void fake_stop(struct fake *fake)
{
    fake->over = true;
    pthread_join(fake->thread, NULL);
    close(fake->listener);
}

#endif

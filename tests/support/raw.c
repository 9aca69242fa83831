#include "tests/support/raw.h"

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "tests/support/peer.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_MS = 60000 };

static struct sockaddr_in address(int port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

struct raw raw_dial(const char *url)
{
    struct sockaddr_in where = address((int)strtol(strrchr(url, ':') + 1, NULL, 10));
    struct raw raw = { .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    cr_assert_geq(raw.fd, 0);
    cr_assert_eq(connect(raw.fd, (const struct sockaddr *)&where, sizeof where), 0);
    return raw;
}

int raw_listen(char url[128])
{
    struct sockaddr_in where = address(0);
    socklen_t size = sizeof where;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_geq(fd, 0);
    cr_assert_eq(bind(fd, (const struct sockaddr *)&where, sizeof where), 0);
    cr_assert_eq(listen(fd, 8), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&where, &size), 0);
    snprintf(url, 128, "tcp://127.0.0.1:%d", ntohs(where.sin_port));
    return fd;
}

struct raw raw_accept(int listener)
{
    struct raw raw = { .fd = accept(listener, NULL, NULL) };
    cr_assert_geq(raw.fd, 0);
    return raw;
}

void raw_close(struct raw *raw)
{
    close(raw->fd);
    raw->fd = -1;
}

/* What the peer does not want any more is no fault. */
void raw_send(struct raw *raw, const void *bytes, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t sent = send(raw->fd, (const char *)bytes + at, size - at, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        at += (size_t)sent;
    }
}

void raw_frame(struct raw *raw, struct frame frame, const void *body)
{
    unsigned char header[FRAME_HEADER];
    frame.sequence = raw->sequence++;
    frame_put(&frame, header);
    raw_send(raw, header, sizeof header);
    raw_send(raw, body, frame.size);
}

static bool hear_bytes(struct raw *raw, void *bytes, size_t size)
{
    for (size_t at = 0; at < size;) {
        struct pollfd ready = { .fd = raw->fd, .events = POLLIN };
        if (poll(&ready, 1, PATIENCE_MS) <= 0)
            return false;
        ssize_t got = recv(raw->fd, (char *)bytes + at, size - at, 0);
        if (got <= 0)
            return false;
        at += (size_t)got;
    }
    return true;
}

bool raw_hear(struct raw *raw, struct frame *frame, unsigned char *body, size_t room)
{
    unsigned char header[FRAME_HEADER];
    if (!hear_bytes(raw, header, sizeof header))
        return false;
    cr_assert_eq(frame_get(header, frame), RONDO_OK);
    cr_assert_leq(frame->size, room);
    return hear_bytes(raw, body, frame->size);
}

bool raw_greet(struct raw *raw, const char *token)
{
    unsigned char body[4096];
    struct frame frame;
    struct frame_challenge challenge;
    struct frame_hello hello = { .version = FRAME_VERSION, .nonce = { 1 }, .who = peer_who() };
    struct rondo_buf bytes = { 0 };
    if (!raw_hear(raw, &frame, body, sizeof body)
        || frame_get_challenge((struct rondo_bytes){ body, frame.size }, &challenge))
        return false;
    frame_mac(token, "worker", challenge.nonce, hello.nonce, &hello.who, hello.mac);
    cr_assert_eq(frame_put_hello(&hello, &bytes), RONDO_OK);
    raw_frame(raw, (struct frame){ .type = FRAME_HELLO, .size = (uint32_t)bytes.size }, bytes.data);
    buf_fini(&bytes);
    return raw_hear(raw, &frame, body, sizeof body) && frame.type == FRAME_WELCOME;
}

int64_t raw_await_close(struct raw *raw)
{
    char bytes[4096];
    int64_t began = clock_now_ns();
    for (;;) {
        struct pollfd ready = { .fd = raw->fd, .events = POLLIN };
        if (poll(&ready, 1, PATIENCE_MS) <= 0)
            return -1;
        if (recv(raw->fd, bytes, sizeof bytes, 0) <= 0)
            return (clock_now_ns() - began) / 1000000;
    }
}

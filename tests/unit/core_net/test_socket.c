/* Addresses, and names that no server answers for. */
#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/net/socket.h"
#include "tests/support/peer.h"
#include "tests/support/raw.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static void sleep_ms(long ms)
{
    struct timespec rest = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
    nanosleep(&rest, NULL);
}

/* Names as these tests want them, in the system's place: one whose servers are silent, one of which this machine
 * has the second address alone, and none besides. */
struct answer {
    struct addrinfo info; /* first: it is its answer */
    union { struct sockaddr plain; struct sockaddr_in four; struct sockaddr_in6 six; } at;
};

static struct addrinfo *answer(const char *host, const char *port)
{
    struct answer *made = mem_calloc(1, sizeof *made);
    in_port_t number = htons((uint16_t)atoi(port));
    bool six = inet_pton(AF_INET6, host, &made->at.six.sin6_addr) == 1;
    if (!six && inet_pton(AF_INET, host, &made->at.four.sin_addr) != 1) {
        mem_free(made);
        return NULL;
    }
    *(six ? &made->at.six.sin6_port : &made->at.four.sin_port) = number;
    made->at.plain.sa_family = six ? AF_INET6 : AF_INET;
    made->info.ai_addr = &made->at.plain;
    made->info.ai_addrlen = six ? sizeof made->at.six : sizeof made->at.four;
    return &made->info;
}

int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **found)
{
    bool names = !(hints->ai_flags & AI_NUMERICHOST);
    *found = answer(host, port);
    if (!*found && names && strcmp(host, "silent.invalid") == 0)
        sleep_ms(3000);
    if (!*found && names && strcmp(host, "two.invalid") == 0) {
        *found = answer("192.0.2.1", port); /* of documents: no machine's */
        (*found)->ai_next = answer("127.0.0.1", port);
    }
    return *found ? 0 : EAI_NONAME;
}

void freeaddrinfo(struct addrinfo *found)
{
    while (found) {
        struct addrinfo *next = found->ai_next;
        mem_free(found);
        found = next;
    }
}

static int64_t dial_ms(const char *url, double seconds, int code, const char *what)
{
    struct rondo_error err = { 0 };
    int fd = -1;
    int64_t began_ns = clock_now_ns();
    cr_expect_eq(socket_dial(url, seconds, &fd, &err), code, "%s: %s", url, err.what);
    cr_expect_str_eq(err.where, url);
    cr_expect_str_eq(err.what, what);
    return (clock_now_ns() - began_ns) / 1000000;
}

Test(socket, a_name_without_an_answer_takes_no_longer_than_was_said)
{
    int64_t least = INT64_MAX;
    for (int i = 0; i < 5 && least >= 2900; i++) { /* more may be the machine's */
        int64_t ms = dial_ms("tcp://silent.invalid:7", 0.3, RONDO_EIO,
                             "nobody answers: Temporary failure in name resolution");
        least = ms < least ? ms : least;
    }
    cr_expect(least >= 290 && least < 2900, "%d ms", (int)least);
    dial_ms("tcp://unknown.invalid:7", 5, RONDO_EIO, "nobody answers: Name or service not known");
    sleep_ms(3000); /* the answer comes when nobody wants it any more */
}

Test(socket, what_is_no_address_is_said_before_anything_is_done)
{
    static const char *const WRONG[] = { "tcp://127.0.0.1", "tcp://127.0.0.1:", "tcp://127.0.0.1:x",
                                         "tcp://127.0.0.1:-1", "tcp://127.0.0.1:65536",
                                         "tcp://127.0.0.1:99999", "tcp://127.0.0.1:7/a", "tcp://127.0.0.1:7//",
                                         "tcp://::1:7",
                                         "tcp://[::1]", "tcp://[::1:7", "tcp://::1]:7", "tcp://[::1]7:7" };
    int fd;
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        struct rondo_error err = { 0 };
        dial_ms(WRONG[i], 1, RONDO_EINPUT, "not an address to dial");
        cr_expect_eq(socket_listen(WRONG[i], &fd, &err), RONDO_EINPUT, "%s", WRONG[i]);
        cr_expect_str_eq(err.what, "not an address to listen at");
    }
    dial_ms("tcp://127.0.0.1:1/", 1, RONDO_EIO, "nobody answers: Connection refused"); /* as URLs are copied */
    dial_ms("tcp://*:7", 1, RONDO_EINPUT, "not an address to dial");
    dial_ms("tcp://:7", 1, RONDO_EINPUT, "not an address to dial");
}

Test(socket, of_a_name_it_listens_at_what_is_here)
{
    struct rondo_error err = { 0 };
    int fd = -1;
    cr_assert_eq(socket_listen("tcp://two.invalid:0", &fd, &err), RONDO_OK, "%s", err.what);
    cr_expect_gt(socket_port(fd), 0);
    close(fd);
}

static int bound(const char *path, int kind)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, kind, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* Of who is dead it makes room; who lives, even if he has no time or is of another kind, keeps his. */
Test(socket, a_path_is_taken_from_the_dead_alone)
{
    char url[128];
    struct rondo_error err = { 0 };
    struct stat info;
    int fd = -1, other = -1;
    peer_url("ipc", url);
    const char *path = url + strlen("ipc://");
    close(bound(path, SOCK_STREAM)); /* it was killed */
    cr_assert_eq(socket_listen(url, &fd, &err), RONDO_OK, "%s", err.what);
    cr_expect(stat(path, &info) == 0 && (info.st_mode & 0777) == 0600);
    cr_expect_eq(socket_listen(url, &other, &err), RONDO_EREFUSED);
    int dialled = 0, fds[1000];
    while (dialled < 1000 && socket_dial(url, 1, &fds[dialled], &err) == RONDO_OK)
        dialled++;
    cr_expect_lt(dialled, 1000, "its backlog is full");
    cr_expect_eq(socket_listen(url, &other, &err), RONDO_EREFUSED);
    cr_expect_eq(stat(path, &info), 0);
    for (int i = 0; i < dialled; i++)
        close(fds[i]);
    close(fd);
    unlink(path);
    fd = bound(path, SOCK_DGRAM);
    cr_expect_eq(socket_listen(url, &other, &err), RONDO_EREFUSED);
    cr_expect_eq(stat(path, &info), 0);
    close(fd);
    unlink(path);
}

/* A program that a thread of ours starts must not keep a connection. */
Test(socket, none_waits_and_none_is_inherited)
{
    struct rondo_error err = { 0 };
    char url[64];
    int fd[3] = { -1, -1, -1 };
    bool six = socket_listen("tcp://[::1]:0", &fd[0], &err) == RONDO_OK; /* not every machine has it */
    cr_assert(six || socket_listen("tcp://127.0.0.1:0", &fd[0], &err) == RONDO_OK, "%s", err.what);
    char peer[128] = "";
    cr_expect_lt(socket_accept(fd[0]), 0);
    cr_expect_eq(errno, EAGAIN);
    snprintf(url, sizeof url, six ? "tcp://[::1]:%d" : "tcp://127.0.0.1:%d", socket_port(fd[0]));
    cr_assert_eq(socket_dial(url, 60, &fd[1], &err), RONDO_OK, "%s", err.what);
    for (int i = 0; i < 60000 && (fd[2] = socket_accept(fd[0])) < 0; i++)
        sleep_ms(1);
    cr_assert_geq(fd[2], 0);
    socket_peer(fd[1], peer, sizeof peer);
    cr_expect_str_eq(peer, url + strlen("tcp://"));
    for (int i = 0; i < 3; i++) {
        int yes = 0;
        socklen_t size = sizeof yes;
        cr_expect(fcntl(fd[i], F_GETFD) & FD_CLOEXEC, "%d", i);
        cr_expect(fcntl(fd[i], F_GETFL) & O_NONBLOCK, "%d", i);
        cr_expect(i == 0 || (getsockopt(fd[i], IPPROTO_TCP, TCP_NODELAY, &yes, &size) == 0 && yes), "%d", i);
        close(fd[i]);
    }
}

static void *close_gate(void *context)
{
    gate_close(context);
    return NULL;
}

static bool closed(struct peer *peer)
{
    pthread_mutex_lock(&peer->lock);
    bool is = peer->closed > 0;
    pthread_mutex_unlock(&peer->lock);
    return is;
}

/* A gate waits for a second for who does not close when he is told to.  True: who dialled meanwhile was told
 * that no one listens. */
static bool told_at_once(void)
{
    struct peer peer;
    struct gate *gate;
    struct rondo_error err = { 0 };
    char url[128];
    int fd;
    pthread_t closer;
    peer_init(&peer);
    struct conn_options options = peer_options(&peer, "tcp://127.0.0.1:0");
    cr_assert_eq(gate_open(&options, &gate, &err), RONDO_OK, "%s", err.what);
    snprintf(url, sizeof url, "%s", gate_url(gate));
    struct raw raw = raw_dial(url);
    cr_assert(raw_greet(&raw, options.token));
    cr_assert(peer_await_arrived(&peer, 1));
    cr_assert_eq(pthread_create(&closer, NULL, close_gate, gate), 0);
    while (!closed(&peer) && socket_dial(url, 5, &fd, &err) == RONDO_OK) {
        close(fd);
        sleep_ms(1);
    }
    bool told = !closed(&peer);
    pthread_join(closer, NULL);
    raw_close(&raw);
    peer_fini(&peer);
    return told;
}

Test(socket, who_dials_a_gate_that_closes_is_told_at_once)
{
    bool told = false;
    for (int i = 0; i < 5 && !told; i++) /* on a machine with much to do a second may be over */
        told = told_at_once();
    cr_expect(told);
}

#include "bench/bare.h"

#include "core/base/clock.h"

#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORKERS_MOST = 8, DOWN_MOST = 8 };

static void must(int failed)
{
    if (failed) {
        fprintf(stderr, "bare: %s\n", nng_strerror(failed));
        _exit(1);
    }
}

static void tell(int to, const char *url)
{
    char bytes[BARE_URL] = "";
    snprintf(bytes, sizeof bytes, "%.*s", BARE_URL - 1, url);
    if (write(to, bytes, sizeof bytes) != (ssize_t)sizeof bytes)
        _exit(1);
}

static nng_aio *new_aio(void)
{
    nng_aio *aio;
    must(nng_aio_alloc(&aio, NULL, NULL));
    return aio;
}

static double rate_of(int64_t rounds, int64_t began_ns)
{
    return (double)rounds / ((double)(clock_now_ns() - began_ns) * 1e-9);
}

/* ---- sockets --------------------------------------------------------------------------------- */

struct pair_end {
    nng_socket socket;
    nng_aio *send[DOWN_MOST], *receive;
};

static void pair_send(nng_socket socket, nng_aio *aio, size_t size)
{
    nng_msg *message;
    must(nng_msg_alloc(&message, size));
    memset(nng_msg_body(message), 1, size);
    nng_aio_set_msg(aio, message);
    nng_send_aio(socket, aio);
}

static int pair_received(nng_aio *aio)
{
    nng_aio_wait(aio);
    int failed = nng_aio_result(aio);
    if (!failed)
        nng_msg_free(nng_aio_get_msg(aio));
    return failed;
}

static void pair_round(struct pair_end *end, int32_t workers, const struct bare_load *load)
{
    for (int32_t w = 0; w < workers; w++)
        for (int32_t i = 0; i < load->down; i++) {
            nng_aio_wait(end[w].send[i]); /* of the round before */
            pair_send(end[w].socket, end[w].send[i], (size_t)load->down_bytes);
        }
    for (int32_t w = 0; w < workers; w++) {
        must(pair_received(end[w].receive));
        nng_recv_aio(end[w].socket, end[w].receive);
    }
}

static double pair_rate(const char *url, const int *tell_url, int32_t workers, int64_t rounds,
                        const struct bare_load *load)
{
    struct pair_end end[WORKERS_MOST];
    for (int32_t w = 0; w < workers; w++) {
        char mine[BARE_URL + 16];
        nng_listener listener;
        int port = 0;
        must(nng_pair0_open(&end[w].socket));
        if (strncmp(url, "ipc", 3) == 0)
            snprintf(mine, sizeof mine, "%s-%d", url, w);
        else
            snprintf(mine, sizeof mine, "%s", url);
        must(nng_listen(end[w].socket, mine, &listener, 0));
        if (nng_listener_get_int(listener, NNG_OPT_TCP_BOUND_PORT, &port) == 0)
            snprintf(mine, sizeof mine, "tcp://127.0.0.1:%d", port);
        tell(tell_url[w], mine);
        for (int i = 0; i < load->down; i++)
            end[w].send[i] = new_aio();
        end[w].receive = new_aio();
        nng_recv_aio(end[w].socket, end[w].receive);
    }
    pair_round(end, workers, load); /* all are there */
    int64_t began_ns = clock_now_ns();
    for (int64_t round = 0; round < rounds; round++)
        pair_round(end, workers, load);
    double rate = rate_of(rounds, began_ns);
    for (int32_t w = 0; w < workers; w++)
        nng_close(end[w].socket);
    return rate;
}

static void gone(nng_pipe pipe, nng_pipe_ev event, void *context)
{
    (void)pipe;
    (void)event;
    (void)context;
    _exit(0);
}

static void pair_worker(const char *url, const struct bare_load *load)
{
    nng_socket socket;
    nng_aio *receive = new_aio(), *send = new_aio();
    must(nng_pair0_open(&socket));
    must(nng_pipe_notify(socket, NNG_PIPE_EV_REM_POST, gone, NULL));
    must(nng_dial(socket, url, NULL, 0));
    for (;;) {
        for (int32_t i = 0; i < load->down; i++) {
            nng_recv_aio(socket, receive);
            if (pair_received(receive))
                return;
        }
        nng_aio_wait(send);
        pair_send(socket, send, (size_t)load->up_bytes);
    }
}

/* ---- streams --------------------------------------------------------------------------------- */

/* All of it, one way; false: the peer has gone. */
static int whole(nng_stream *stream, nng_aio *aio, void (*step)(nng_stream *, nng_aio *),
                 char *bytes, size_t size)
{
    while (size) {
        nng_iov iov = { bytes, size };
        must(nng_aio_set_iov(aio, 1, &iov));
        step(stream, aio);
        nng_aio_wait(aio);
        if (nng_aio_result(aio))
            return 0;
        bytes += nng_aio_count(aio);
        size -= nng_aio_count(aio);
    }
    return 1;
}

static char *room_for(const struct bare_load *load)
{
    size_t down = (size_t)load->down * (size_t)load->down_bytes, up = (size_t)load->up_bytes;
    char *bytes = calloc(1, down > up ? down : up);
    if (!bytes)
        _exit(1);
    return bytes;
}

static double stream_rate(const char *url, const int *tell_url, int32_t workers, int64_t rounds,
                          const struct bare_load *load)
{
    nng_stream_listener *listener;
    nng_stream *stream[WORKERS_MOST];
    nng_aio *aio = new_aio();
    char *bytes = room_for(load), mine[BARE_URL];
    int port = 0;
    must(nng_stream_listener_alloc(&listener, url));
    must(nng_stream_listener_listen(listener));
    snprintf(mine, sizeof mine, "%s", url);
    if (nng_stream_listener_get_int(listener, NNG_OPT_TCP_BOUND_PORT, &port) == 0)
        snprintf(mine, sizeof mine, "tcp://127.0.0.1:%d", port);
    for (int32_t w = 0; w < workers; w++) {
        tell(tell_url[w], mine);
        nng_stream_listener_accept(listener, aio);
        nng_aio_wait(aio);
        must(nng_aio_result(aio));
        stream[w] = nng_aio_get_output(aio, 0);
    }
    int64_t began_ns = clock_now_ns();
    for (int64_t round = 0; round < rounds; round++) {
        for (int32_t w = 0; w < workers; w++)
            whole(stream[w], aio, nng_stream_send, bytes,
                  (size_t)load->down * (size_t)load->down_bytes);
        for (int32_t w = 0; w < workers; w++)
            whole(stream[w], aio, nng_stream_recv, bytes, (size_t)load->up_bytes);
    }
    double rate = rate_of(rounds, began_ns);
    for (int32_t w = 0; w < workers; w++)
        nng_stream_close(stream[w]);
    nng_stream_listener_free(listener);
    return rate;
}

static void stream_worker(const char *url, const struct bare_load *load)
{
    nng_stream_dialer *dialer;
    nng_aio *aio = new_aio();
    char *bytes = room_for(load);
    must(nng_stream_dialer_alloc(&dialer, url));
    nng_stream_dialer_dial(dialer, aio);
    nng_aio_wait(aio);
    must(nng_aio_result(aio));
    nng_stream *stream = nng_aio_get_output(aio, 0);
    while (whole(stream, aio, nng_stream_recv, bytes,
                 (size_t)load->down * (size_t)load->down_bytes)
           && whole(stream, aio, nng_stream_send, bytes, (size_t)load->up_bytes))
        ;
}

/* ---- either ------------------------------------------------------------------------------------ */

double bare_rate(enum bare_kind kind, const char *url, const int *tell_url, int32_t workers,
                 int64_t rounds, const struct bare_load *load)
{
    return kind == BARE_PAIR ? pair_rate(url, tell_url, workers, rounds, load)
                             : stream_rate(url, tell_url, workers, rounds, load);
}

void bare_worker(enum bare_kind kind, const char *url, const struct bare_load *load)
{
    if (kind == BARE_PAIR)
        pair_worker(url, load);
    else
        stream_worker(url, load);
}

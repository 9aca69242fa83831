#include "core/net/conn_i.h"
#include "core/net/url.h"

#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/net/socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    OPEN_MOST = 1024, UNGREETED_MOST = 64,
    NAP_MS = 100, /* where the system has no descriptors or memory for one more */
    AT_ONCE = 16, /* so many come in, then others are heard */
};

struct gate {
    struct conn_options options; /* after gate_open tls says whether, its files are not looked at */
    char *own_url, *own_token;
    char url[CONN_URL];          /* as bound */
    nng_stream_listener *listener; /* of TLS; NULL: a socket ... */
    struct watch watch;            /* ... that is watched; -1 */
    bool gone;                     /* guarded by lock: it is no more */
    nng_aio *accept, *nap;
    struct conn_ledger ledger;

    pthread_mutex_t lock;
    pthread_cond_t change;
    struct conn *list;           /* guarded by lock, from here ... */
    _Atomic uint32_t open;       /* read without it, by gate_count */
    uint32_t ungreeted;          /* ... to here */
    struct log_ration ration;
};

/* ---- complaints -------------------------------------------------------------------------------- */

void gate_complain(struct gate *gate, const char *peer, const char *what, const char *why)
{
    log_rationed(&gate->ration, &(struct log_about){ .peer = peer }, "%s: %s: %s", peer, what, why);
}

/* ---- greeting ---------------------------------------------------------------------------------- */

static void set_stage(struct conn *conn, enum conn_stage stage)
{
    pthread_mutex_lock(&conn->lock);
    conn->stage = stage;
    pthread_mutex_unlock(&conn->lock);
}

static void refuse(struct conn *conn)
{
    const char *why = conn->greet.why;
    atomic_fetch_add_explicit(&conn->ledger->refused, 1, memory_order_relaxed);
    gate_complain(conn->gate, conn->peer, "refused", why);
    set_stage(conn, CONN_REFUSED);
    if (conn_post(conn, FRAME_REFUSED, 0, (struct rondo_bytes){ why, strlen(why) }))
        conn_fail(conn, "refused");
}

static void welcome(struct conn *conn, const struct rondo_buf *body)
{
    struct gate *gate = conn->gate;
    if (intake_open(&conn->intake, conn->frame_limit)
        || conn_post(conn, FRAME_WELCOME, 0, (struct rondo_bytes){ body->data, body->size })) {
        conn_fail(conn, "no memory");
        return;
    }
    pthread_mutex_lock(&conn->lock);
    bool gone = conn->closing; /* then no one has heard of it, and no one will */
    if (!gone)
        conn->stage = CONN_OPEN;
    pthread_mutex_unlock(&conn->lock);
    if (gone)
        return;
    pthread_mutex_lock(&gate->lock);
    gate->ungreeted--;
    pthread_mutex_unlock(&gate->lock);
    atomic_fetch_add_explicit(&conn->ledger->arrived, 1, memory_order_relaxed);
    conn->events.arrived(conn->events.context, conn, &conn->greet.who);
}

void gate_greet(struct conn *conn, const struct frame *frame, struct rondo_bytes body)
{
    struct rondo_buf answer = { 0 };
    if (conn->stage == CONN_REFUSED) /* written by this operation alone, so far */
        return;
    if (frame->type != FRAME_HELLO) {
        conn_reject(conn, "it does not begin with a HELLO");
        return;
    }
    int code = greet_hello(&conn->greet, conn->intake.version, body, &answer);
    if (code == RONDO_EREFUSED)
        refuse(conn);
    else if (code == RONDO_ESTATE)
        conn_reject(conn, conn->greet.why);
    else if (code)
        conn_fail(conn, "%s", rondo_strerror(code));
    else
        welcome(conn, &answer);
    buf_fini(&answer);
}

/* ---- coming and going -------------------------------------------------------------------------- */

void gate_forget(struct gate *gate, struct conn *conn)
{
    pthread_mutex_lock(&gate->lock);
    if (conn->next)
        conn->next->before = conn->before;
    *(conn->before ? &conn->before->next : &gate->list) = conn->next;
    gate->open--;
    gate->ungreeted -= conn->stage != CONN_OPEN;
    pthread_cond_broadcast(&gate->change);
    pthread_mutex_unlock(&gate->lock);
}

/* NULL, or why there is no room for one more. */
static const char *count_in(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    const char *full = gate->open >= OPEN_MOST             ? "there are too many workers"
                       : gate->ungreeted >= UNGREETED_MOST ? "too many do not greet"
                                                           : NULL;
    gate->open += !full;
    gate->ungreeted += !full;
    pthread_mutex_unlock(&gate->lock);
    return full;
}

static void admit(struct gate *gate, struct line line)
{
    const char *full = count_in(gate);
    if (full) {
        line_drop(line);
        atomic_fetch_add_explicit(&gate->ledger.refused, 1, memory_order_relaxed);
        gate_complain(gate, gate->url, "a connection was closed at once", full);
        return;
    }
    struct conn *conn = conn_create(&gate->options, gate, &gate->ledger, line);
    pthread_mutex_lock(&gate->lock);
    if (conn) {
        conn->next = gate->list;
        if (gate->list)
            gate->list->before = conn;
        gate->list = conn;
    } else {
        gate->open--;
        gate->ungreeted--;
        pthread_cond_broadcast(&gate->change);
    }
    pthread_mutex_unlock(&gate->lock);
    if (!conn)
        return;
    conn_start(conn);
    conn_drop(conn); /* the transport's hold remains */
}

static void await_next(struct gate *gate)
{
    if (gate->listener)
        nng_stream_listener_accept(gate->listener, gate->accept);
    else
        watch_arm(&gate->watch, EPOLLIN);
}

static void on_accepted(void *context)
{
    struct gate *gate = context;
    int result = nng_aio_result(gate->accept);
    if (result == NNG_ECLOSED || result == NNG_ECANCELED)
        return;
    if (result) { /* no descriptors, no memory: they may come back */
        nng_sleep_aio(NAP_MS, gate->nap);
        return;
    }
    admit(gate, (struct line){ nng_aio_get_output(gate->accept, 0), -1 });
    await_next(gate);
}

static void on_napped(void *context)
{
    struct gate *gate = context;
    if (nng_aio_result(gate->nap) == 0)
        await_next(gate);
}

static struct gate *gate_of(struct watch *watch)
{
    return (struct gate *)(void *)((char *)watch - offsetof(struct gate, watch));
}

static void on_dialled(struct watch *watch, uint32_t events RONDO_UNUSED)
{
    struct gate *gate = gate_of(watch);
    int fd = 0;
    for (int i = 0; i < AT_ONCE && (fd = socket_accept(watch->fd)) >= 0; i++)
        admit(gate, (struct line){ NULL, fd });
    if (fd >= 0 || errno == EAGAIN)
        await_next(gate);
    else /* as above */
        nng_sleep_aio(NAP_MS, gate->nap);
}

static void on_gone(struct watch *watch)
{
    struct gate *gate = gate_of(watch);
    pthread_mutex_lock(&gate->lock);
    gate->gone = true;
    pthread_cond_broadcast(&gate->change);
    pthread_mutex_unlock(&gate->lock);
}

/* ---- opening and closing ----------------------------------------------------------------------- */

/* What is not a socket is not ours to remove. */
static int check_path(const char *url, struct rondo_error *err)
{
    struct stat info;
    const char *path = url_path(url);
    if (!path || lstat(path, &info) != 0 || S_ISSOCK(info.st_mode))
        return RONDO_OK;
    return rondo_error_set(err, RONDO_EREFUSED, url, NULL, "something that is not a socket is there");
}

static int listen_plain(struct gate *gate, struct rondo_error *err)
{
    int code = socket_listen(gate->options.url, &gate->watch.fd, err);
    if (!code && watch_open(&gate->watch))
        code = rondo_error_set(err, RONDO_ENOMEM, gate->options.url, NULL, "no memory to listen");
    return code;
}

static int listen_tls(struct gate *gate, struct rondo_error *err)
{
    const char *url = gate->options.url;
    nng_tls_config *config = NULL;
    int code = url_tls(&gate->options, NNG_TLS_MODE_SERVER, &config, err);
    if (code)
        return code;
    int failed = nng_stream_listener_alloc(&gate->listener, url);
    if (failed) {
        gate->listener = NULL;
        code = rondo_error_set(err, failed == NNG_ENOMEM ? RONDO_ENOMEM : RONDO_EINPUT, url, NULL,
                               "not an address to listen at: %s", nng_strerror(failed));
    } else {
        failed = nng_stream_listener_set_ptr(gate->listener, NNG_OPT_TLS_CONFIG, config);
        if (!failed)
            failed = nng_stream_listener_listen(gate->listener);
        if (failed)
            code = rondo_error_set(err, RONDO_EREFUSED, url,
                                   failed == NNG_EADDRINUSE ? "does another coordinator run?" : NULL,
                                   "cannot listen there: %s", nng_strerror(failed));
    }
    nng_tls_config_free(config);
    return code;
}

static void name_url(struct gate *gate)
{
    const char *url = gate->options.url, *colon = strrchr(url, ':');
    int port = gate->listener ? 0 : socket_port(gate->watch.fd);
    if (port
        || (gate->listener
            && nng_stream_listener_get_int(gate->listener, NNG_OPT_TCP_BOUND_PORT, &port) == 0))
        snprintf(gate->url, sizeof gate->url, "%.*s:%d", (int)(colon - url), url, port);
    else
        snprintf(gate->url, sizeof gate->url, "%s", url);
}

static void destroy(struct gate *gate)
{
    if (gate->listener)
        nng_stream_listener_free(gate->listener);
    if (gate->watch.fd >= 0)
        close(gate->watch.fd);
    nng_aio_free(gate->accept);
    nng_aio_free(gate->nap);
    if (gate->own_token)
        explicit_bzero(gate->own_token, strlen(gate->own_token));
    mem_free(gate->own_token);
    mem_free(gate->own_url);
    pthread_cond_destroy(&gate->change);
    pthread_mutex_destroy(&gate->lock);
    mem_free(gate);
}

static int equip(struct gate *gate)
{
    gate->options.url = gate->own_url = mem_strdup(gate->options.url);
    gate->options.token = gate->own_token = mem_strdup(gate->options.token ? gate->options.token
                                                                           : "");
    return !gate->own_url || !gate->own_token || nng_aio_alloc(&gate->accept, on_accepted, gate)
                   || nng_aio_alloc(&gate->nap, on_napped, gate)
               ? RONDO_ENOMEM : RONDO_OK;
}

int gate_open(const struct conn_options *options, struct gate **out, struct rondo_error *err)
{
    int code = url_check(options, err);
    if (!code)
        code = check_path(options->url, err);
    if (code)
        return code;
    struct gate *gate = mem_calloc(1, sizeof *gate);
    if (!gate)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory to listen");
    pthread_mutex_init(&gate->lock, NULL);
    pthread_cond_init(&gate->change, NULL);
    gate->options = *options;
    gate->watch = (struct watch){ .fd = -1, .ready = on_dialled, .gone = on_gone };
    code = equip(gate);
    if (!code)
        code = (socket_takes(options->url) ? listen_plain : listen_tls)(gate, err);
    if (code) {
        destroy(gate);
        return rondo_error_set(err, code, options->url, NULL, "%s", rondo_strerror(code));
    }
    name_url(gate);
    await_next(gate);
    *out = gate;
    return RONDO_OK;
}

const char *gate_url(const struct gate *gate)
{
    return gate->url;
}

static uint64_t read_count(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void gate_count(const struct gate *gate, struct gate_counts *counts)
{
    const struct conn_ledger *ledger = &gate->ledger;
    *counts = (struct gate_counts){
        .arrived = read_count(&ledger->arrived),
        .refused = read_count(&ledger->refused),
        .malformed = read_count(&ledger->malformed),
        .bytes_in = read_count(&ledger->bytes_in),
        .bytes_out = read_count(&ledger->bytes_out),
        .frames_in = read_count(&ledger->frames_in),
        .frames_out = read_count(&ledger->frames_out),
        .open = atomic_load_explicit(&gate->open, memory_order_relaxed),
    };
}

/* One that was not yet asked to close, held; NULL: all were. */
static struct conn *next_to_ask(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    struct conn *conn = gate->list;
    while (conn && conn->asked)
        conn = conn->next;
    if (conn) {
        conn->asked = true;
        conn_hold(conn);
    }
    pthread_mutex_unlock(&gate->lock);
    return conn;
}

static void stop_listening(struct gate *gate)
{
    const char *path = url_path(gate->url);
    if (gate->listener) {
        nng_stream_listener_close(gate->listener);
    } else {
        watch_retire(&gate->watch);
        pthread_mutex_lock(&gate->lock);
        while (!gate->gone)
            pthread_cond_wait(&gate->change, &gate->lock);
        pthread_mutex_unlock(&gate->lock);
    }
    nng_aio_stop(gate->nap);
    nng_aio_stop(gate->accept);
    if (path)
        unlink(path);
    if (gate->watch.fd >= 0)
        close(gate->watch.fd); /* who dials now is told so by the system */
    gate->watch.fd = -1;
}

void gate_close(struct gate *gate)
{
    if (!gate)
        return;
    stop_listening(gate); /* no one comes in any more */
    for (struct conn *conn; (conn = next_to_ask(gate)); conn_drop(conn))
        conn_close(conn);
    pthread_mutex_lock(&gate->lock);
    while (gate->open)
        pthread_cond_wait(&gate->change, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
    destroy(gate);
}

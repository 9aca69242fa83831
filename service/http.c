/* http.c - the daemon: connections, and the way of a request through its callbacks.
 *
 * libmicrohttpd calls begin() with the request line, handle() when the headers are there, for each
 * piece of the body, and once behind it, and over() when the reply is sent or the connection lost.  A
 * reply is made as soon as it can be, and given when the body has been swallowed, so that who is
 * refused reads why instead of a reset.
 */
#include "service/http.h"

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "service/exchange.h"
#include "service/listen.h"
#include "service/reply.h"
#include "service/routes.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

enum { MEMORY_BYTES = 64 * 1024, PEM_BYTES = 1024 * 1024 };

/* A thread serves its connections one after the other, and a submit waits for the disk: with few threads
 * whoever only asks waits behind it (bench/service_load). */
const struct exchange_limits exchange_usual = { .threads = 64, .connections = 512,
                                                .idle_seconds = 10, .request_seconds = 30,
                                                .followers = 384, .waiting_jobs = 100000,
                                                .heartbeat_seconds = 15 };

/* ---- a request ------------------------------------------------------------------------------ */

/* The request line, before anything is unescaped. */
static void *begin(void *context, const char *uri, struct MHD_Connection *connection)
{
    struct exchange *exchange = mem_calloc(1, sizeof *exchange);
    if (!exchange)
        return NULL;
    exchange->http = context;
    exchange->connection = connection;
    exchange->query = "";
    exchange->target_end = uri + strlen(uri);
    exchange->uri_long = strlen(uri) > EXCHANGE_URI;
    snprintf(exchange->uri, sizeof exchange->uri, "%.*s", EXCHANGE_URI, uri);
    return exchange;
}

static void over(void *context, struct MHD_Connection *connection, void **request,
                 enum MHD_RequestTerminationCode code)
{
    struct exchange *exchange = *request;
    (void)context, (void)code;
    deadline_begin(connection);
    if (!exchange)
        return;
    if (exchange->response)
        MHD_destroy_response(exchange->response);
    buf_fini(&exchange->body);
    mem_free(exchange);
    *request = NULL;
}

static const char *header(const struct exchange *exchange, const char *name)
{
    return MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);
}

/* A stranger is told, and so is whoever reads the log. */
static void turn_away(struct exchange *exchange, enum fault fault, const char *hint,
                      const char *why)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    char host[NI_MAXHOST] = "somewhere";
    const struct sockaddr *address = info ? info->client_addr : NULL;
    socklen_t size = address && address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                               : sizeof(struct sockaddr_in);
    if (address)
        getnameinfo(address, size, host, sizeof host, NULL, 0, NI_NUMERICHOST);
    reply_fault(exchange, fault, "", hint, "%s", why);
    log_rationed(&exchange->http->ration, &(struct log_about){ .peer = host }, "http: a client at %s is refused: %s", host, why);
}

/* Where no token is asked for: Host and Origin must be ours.  No browser sends two of them. */
static bool names_fit(struct exchange *exchange)
{
    const struct guard *guard = &exchange->http->guard;
    const char *host = header(exchange, MHD_HTTP_HEADER_HOST);
    const char *origin = header(exchange, MHD_HTTP_HEADER_ORIGIN);
    if (host && !guard_host(guard, host)) {
        turn_away(exchange, FAULT_FOREIGN_HOST, "ask by the address, or give the service a token",
                  "without a token the service answers to names of its own machine alone");
        return false;
    }
    if (origin && !guard_origin(guard, origin, host)) {
        turn_away(exchange, FAULT_FOREIGN_ORIGIN, NULL,
                  "without a token the service does not answer to other servers' pages");
        return false;
    }
    return true;
}

static bool token_fits(struct exchange *exchange)
{
    if ((exchange->route && routes_open(exchange->route))
        || guard_token(&exchange->http->guard, header(exchange, MHD_HTTP_HEADER_AUTHORIZATION)))
        return true;
    turn_away(exchange, FAULT_UNAUTHORIZED, "--token-file FILE",
              "the service asks for a token: Authorization: Bearer TOKEN");
    return false;
}

/* "/v2/jobs" of a client of another version. */
static bool other_version(const char *uri)
{
    return uri[0] == '/' && uri[1] == 'v' && uri[2] >= '0' && uri[2] <= '9'
           && strncmp(uri, "/v1/", 4) != 0 && strcmp(uri, "/v1") != 0;
}

static void check_caller(struct exchange *exchange)
{
    bool known = exchange->http->guard.asks ? token_fits(exchange) : names_fit(exchange);
    if (known && other_version(exchange->uri))
        turn_away(exchange, FAULT_VERSION, NULL, "this service speaks version 1, /v1/");
}

/* The length of the body, before it comes; true: it will not be read at all. */
static bool check_length(struct exchange *exchange)
{
    const char *words = header(exchange, MHD_HTTP_HEADER_CONTENT_LENGTH);
    bool chunked = header(exchange, MHD_HTTP_HEADER_TRANSFER_ENCODING) != NULL;
    if (words && (strlen(words) > 18 || strtoll(words, NULL, 10) > EXCHANGE_BODY)) {
        reply_fault(exchange, FAULT_TOO_LARGE, "", NULL, "a body has at most %d bytes",
                    EXCHANGE_BODY);
        return true;
    }
    if (exchange->route && routes_reads(exchange->route) && !words && !chunked)
        reply_fault(exchange, FAULT_LENGTH, "", NULL, "the request has no body");
    return false;
}

/* The version stands one byte behind the target in the request line, whose strings end with NUL: where
 * it stands farther away the target has a NUL of its own. */
static bool has_nul(const struct exchange *exchange, const char *version)
{
    return exchange->target_end + 1 != version;
}

static bool look_at_headers(struct exchange *exchange, const char *method, const char *version)
{
    exchange->begun = true;
    if (has_nul(exchange, version)) {
        reply_fault(exchange, FAULT_BAD_PATH, "", NULL, "a request target has no NUL");
        return false;
    }
    if (exchange->uri_long) {
        reply_fault(exchange, FAULT_URI, "", NULL, "a request target has at most %d bytes",
                    EXCHANGE_URI);
        return false;
    }
    routes_find(exchange, method);
    check_caller(exchange); /* who may not ask is not told what there is: this refusal wins */
    return !exchange->status && check_length(exchange);
}

static enum MHD_Result give(struct exchange *exchange)
{
    deadline_rest(exchange->connection);
    if (!exchange->response)
        return MHD_NO;
    atomic_fetch_add_explicit(&exchange->http->replies[exchange->status], 1, memory_order_relaxed);
    return MHD_queue_response(exchange->connection, exchange->status, exchange->response);
}

/* A piece of the body; what is too much, or of a request that is refused, is let go. */
static enum MHD_Result take_in(struct exchange *exchange, const char *bytes, size_t size)
{
    exchange->received += size;
    if (exchange->received > EXCHANGE_SWALLOW)
        return MHD_NO;
    if (exchange->status || !routes_reads(exchange->route))
        return MHD_YES;
    if (exchange->received > EXCHANGE_BODY)
        reply_fault(exchange, FAULT_TOO_LARGE, "", NULL, "a body has at most %d bytes",
                    EXCHANGE_BODY);
    else if (buf_append(&exchange->body, bytes, size) != 0)
        return MHD_NO;
    return MHD_YES;
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *bytes,
                              size_t *size, void **request)
{
    struct exchange *exchange = *request;
    (void)context, (void)connection, (void)url;
    if (!exchange)
        return MHD_NO;
    if (!exchange->begun)
        return look_at_headers(exchange, method, version) ? give(exchange) : MHD_YES;
    if (*size > 0) {
        enum MHD_Result result = take_in(exchange, bytes, *size);
        *size = 0;
        return result;
    }
    if (!exchange->status)
        routes_serve(exchange);
    return give(exchange);
}

/* Nothing is unescaped: a target is plain, or it is refused. */
static size_t leave_escaped(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context, (void)connection;
    return strlen(text);
}

/* ---- the clock ------------------------------------------------------------------------------ */

/* Once a second: followers look whether they are still heard, and requests that never end are
 * ended. */
static void *tick(void *context)
{
    struct http *http = context;
    pthread_mutex_lock(&http->mutex);
    while (!http->stopping) {
        clock_cond_wait(&http->stop, &http->mutex, clock_now_ns() + 1000000000);
        pthread_mutex_unlock(&http->mutex);
        trail_tick(&http->trails);
        int slow = deadline_enforce(&http->deadline, http->limits.request_seconds);
        atomic_fetch_add_explicit(&http->malformed, slow, memory_order_relaxed);
        if (slow)
            log_rationed(&http->ration, NULL, "http: %d requests took too long to come", slow);
        pthread_mutex_lock(&http->mutex);
    }
    pthread_mutex_unlock(&http->mutex);
    return NULL;
}

/* ---- opening -------------------------------------------------------------------------------- */

/* Who follows goes when he has seen enough: that a reply could not be sent to its end is no trouble. */
static bool is_farewell(const char *words)
{
    return strncmp(words, "Failed to send", 14) == 0 || strstr(words, "error generating response");
}

/* What the library says once it serves is about a connection that is no good, or one too many. */
static RONDO_PRINTF(2, 0) void hear(void *context, const char *format, va_list values)
{
    struct http *http = context;
    char words[256];
    if (!atomic_load(&http->serving)) {
        vsnprintf(http->start_words, sizeof http->start_words, format, values);
        return;
    }
    vsnprintf(words, sizeof words, format, values);
    if (is_farewell(words))
        return;
    atomic_fetch_add_explicit(&http->malformed, 1, memory_order_relaxed);
    words[strcspn(words, "\n")] = 0;
    log_rationed(&http->ration, NULL, "http: %s", words);
}

struct pem {
    char *cert, *key;
};

static int read_pem(const struct http_options *options, struct pem *pem, struct rondo_error *err)
{
    size_t size;
    *pem = (struct pem){ NULL, NULL };
    if (!options->cert_file || !options->key_file)
        return RONDO_OK;
    if (MHD_is_feature_supported(MHD_FEATURE_SSL) != MHD_YES)
        return rondo_error_set(err, RONDO_EINPUT, options->cert_file, NULL,
                               "this libmicrohttpd has no TLS");
    int code = file_read(options->cert_file, PEM_BYTES, &pem->cert, &size, err);
    return code ? code : file_read(options->key_file, PEM_BYTES, &pem->key, &size, err);
}

/* The key does not stay in memory that is given back as it is. */
static void forget_pem(struct pem *pem)
{
    if (pem->key)
        explicit_bzero(pem->key, strlen(pem->key));
    mem_free(pem->key);
    mem_free(pem->cert);
}

/* The socket is the library's from here on, whether it starts or not. */
static void start(struct http *http, int socket, const struct pem *pem)
{
    static char priorities[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";
    struct MHD_OptionItem tls[] = {
        { MHD_OPTION_HTTPS_MEM_CERT, 0, pem->cert },
        { MHD_OPTION_HTTPS_MEM_KEY, 0, pem->key },
        { MHD_OPTION_HTTPS_PRIORITIES, 0, priorities },
        { MHD_OPTION_END, 0, NULL },
    };
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
                     (pem->cert ? (unsigned)MHD_USE_TLS : 0);
    http->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, handle, http, MHD_OPTION_EXTERNAL_LOGGER, hear, http,
        MHD_OPTION_LISTEN_SOCKET, socket, MHD_OPTION_THREAD_POOL_SIZE, http->limits.threads,
        MHD_OPTION_CONNECTION_LIMIT, http->limits.connections, MHD_OPTION_CONNECTION_TIMEOUT,
        http->limits.idle_seconds, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY_BYTES,
        MHD_OPTION_URI_LOG_CALLBACK, begin, http, MHD_OPTION_NOTIFY_COMPLETED, over, http,
        MHD_OPTION_NOTIFY_CONNECTION, deadline_notify, &http->deadline,
        MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL, MHD_OPTION_ARRAY,
        pem->cert ? tls : tls + 3, MHD_OPTION_END);
}

/* No thread of ours takes the process's signals. */
static int start_all(struct http *http, const struct listen_place *place, const struct pem *pem,
                     struct rondo_error *err)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    start(http, place->socket, pem);
    atomic_store(&http->serving, http->daemon != NULL);
    if (http->daemon)
        http->ticking = pthread_create(&http->ticker, NULL, tick, http) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (http->ticking)
        return RONDO_OK;
    char *end = strchr(http->start_words, '\n');
    if (end)
        *end = 0;
    return rondo_error_set(err, RONDO_EINPUT, http->url, NULL, "cannot serve HTTP: %s",
                           *http->start_words ? http->start_words : "no threads");
}

static struct http *made(const struct http_options *options, const struct exchange_limits *limits)
{
    struct http *http = mem_calloc(1, sizeof *http);
    if (!http)
        return NULL;
    http->desk = options->desk;
    http->limits = *limits;
    pthread_mutex_init(&http->mutex, NULL);
    clock_cond_init(&http->stop);
    deadline_init(&http->deadline);
    trail_init(&http->trails);
    board_init(&http->board);
    return http;
}

int exchange_open(const struct http_options *options, const struct exchange_limits *limits,
                  struct http **http, struct rondo_error *err)
{
    struct listen_place place;
    struct pem pem;
    *http = NULL;
    int code = read_pem(options, &pem, err);
    code = code ? code : listen_open(options->address, &place, err);
    struct http *now = code ? NULL : made(options, limits);
    if (!code && !now) {
        close(place.socket);
        code = rondo_error_set(err, RONDO_ENOMEM, options->address, NULL, "no memory");
    }
    if (!code) {
        guard_init(&now->guard, options->token, pem.cert != NULL, place.host);
        snprintf(now->url, sizeof now->url, place.six ? "%s://[%s]:%d" : "%s://%s:%d",
                 now->guard.scheme, place.host, place.port);
        code = start_all(now, &place, &pem, err);
        if (code)
            http_close(now);
        else
            *http = now;
    }
    forget_pem(&pem);
    return code;
}

int http_open(const struct http_options *options, struct http **http, struct rondo_error *err)
{
    return exchange_open(options, &exchange_usual, http, err);
}

const char *http_url(const struct http *http)
{
    return http->url;
}

void http_progress(struct http *http, int64_t id)
{
    trail_wake_lines(&http->trails, id);
}

void http_changed(struct http *http, int64_t id)
{
    trail_wake(&http->trails, id);
}

void http_close(struct http *http)
{
    if (!http)
        return;
    pthread_mutex_lock(&http->mutex);
    http->stopping = true;
    pthread_cond_signal(&http->stop);
    pthread_mutex_unlock(&http->mutex);
    if (http->ticking)
        pthread_join(http->ticker, NULL);
    trail_close(&http->trails);
    if (http->daemon)
        MHD_stop_daemon(http->daemon); /* and the listening socket */
    board_fini(&http->board);
    trail_fini(&http->trails);
    deadline_fini(&http->deadline);
    pthread_cond_destroy(&http->stop);
    pthread_mutex_destroy(&http->mutex);
    mem_free(http);
}

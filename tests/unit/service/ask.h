/* ask.h - a service with a desk that does nothing, and raw requests to it.
 *
 * Place:   tests/unit/service, header only.
 * Threads: requests from one.
 * Memory:  static; one service at a time.
 */
#ifndef ASK_H
#define ASK_H

#include "tests/unit/service/place.h"

#include "core/base/mem.h"
#include "service/exchange.h"
#include "service/gallery.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/socket.h>

static struct http *ask_http;
static struct jobs *ask_jobs;
static struct gallery *ask_gallery;
static _Atomic int ask_submitted, ask_cancelled;
static char ask_reply[1 << 20];

RONDO_UNUSED static void ask_note_submitted(void *context)
{
    (void)context;
    ask_submitted++;
}

RONDO_UNUSED static void ask_note_cancelled(void *context, int64_t id)
{
    (void)context, (void)id;
    ask_cancelled++;
}

RONDO_UNUSED static int ask_append(struct rondo_buf *out, const char *text)
{
    return buf_append(out, text, strlen(text));
}

RONDO_UNUSED static int ask_workers(void *context, struct rondo_buf *out)
{
    (void)context;
    return ask_append(out, "[{\"name\": \"w1\"}]");
}

RONDO_UNUSED static int ask_live(void *context, int64_t id, struct rondo_buf *out)
{
    (void)context, (void)id;
    return ask_append(out, ", \"workers\": 2");
}

RONDO_UNUSED static int ask_metrics(void *context, struct rondo_buf *out)
{
    (void)context;
    return ask_append(out, "rondo_test 1\n");
}

static const char *ask_roots[3];

RONDO_UNUSED static struct http_options ask_options(const char *address, const char *token)
{
    static char data[PATH_MAX];
    snprintf(data, sizeof data, "%s", place_path("data"));
    ask_roots[0] = data;
    return (struct http_options){
        .address = address, .token = token,
        .desk = { .jobs = ask_jobs, .gallery = ask_gallery, .state_dir = place_dir, .roots = ask_roots,
                  .submitted = ask_note_submitted, .cancelled = ask_note_cancelled,
                  .workers = ask_workers, .live = ask_live, .metrics = ask_metrics },
    };
}

RONDO_UNUSED static void ask_made(void *context, int64_t id)
{
    (void)context;
    http_progress(ask_http, id);
}

/* Makes the place with a data file, and opens the service with these limits (NULL: the usual). */
RONDO_UNUSED static void ask_open(const char *token, const struct exchange_limits *limits)
{
    struct rondo_error err = { 0 };
    place_setup();
    place_make("data");
    place_make("jobs");
    place_write("data/x.svm", "1 1:1 2:2\n2 1:3\n");
    ask_submitted = ask_cancelled = 0;
    cr_assert_eq(jobs_open(place_dir, &ask_jobs, &err), 0, "%s", err.what);
    const struct gallery_options gallery = { place_dir, ask_made, NULL };
    cr_assert_eq(gallery_create(&gallery, &ask_gallery, &err), 0);
    struct http_options options = ask_options("127.0.0.1:0", token);
    int code = exchange_open(&options, limits ? limits : &exchange_usual, &ask_http, &err);
    cr_assert_eq(code, 0, "%s: %s", err.where, err.what);
}

RONDO_UNUSED static void ask_close(void)
{
    gallery_stop(ask_gallery);
    http_close(ask_http);
    gallery_destroy(ask_gallery);
    jobs_close(ask_jobs);
    place_teardown();
}

RONDO_UNUSED static int ask_port(void)
{
    return atoi(strrchr(http_url(ask_http), ':') + 1);
}

RONDO_UNUSED static int ask_dial(void)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)ask_port()) };
    struct sockaddr any;
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    memcpy(&any, &to, sizeof any);
    int line = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(line >= 0);
    cr_assert_eq(connect(line, &any, sizeof to), 0);
    return line;
}

RONDO_UNUSED static bool ask_send(int line, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(line, bytes, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes += sent;
        size -= (size_t)sent;
    }
    return true;
}

/* Reads until the other side closes, or for so long; returns whether it closed. */
RONDO_UNUSED static bool ask_read(int line, int milliseconds)
{
    size_t used = 0;
    ask_reply[0] = 0;
    for (;;) {
        struct pollfd one = { .fd = line, .events = POLLIN };
        if (poll(&one, 1, milliseconds) <= 0)
            return false;
        ssize_t got = recv(line, ask_reply + used, sizeof ask_reply - 1 - used, 0);
        if (got <= 0)
            return true;
        used += (size_t)got;
        ask_reply[used] = 0;
    }
}

/* Reads on until the words have come, behind what is in ask_reply already. */
RONDO_UNUSED static bool ask_hears(int line, const char *words, int seconds)
{
    size_t used = strlen(ask_reply);
    for (int i = 0; i < seconds * 10 && !strstr(ask_reply, words); i++) {
        struct pollfd one = { .fd = line, .events = POLLIN };
        if (poll(&one, 1, 100) <= 0)
            continue;
        ssize_t got = recv(line, ask_reply + used, sizeof ask_reply - 1 - used, 0);
        if (got <= 0)
            break;
        used += (size_t)got;
        ask_reply[used] = 0;
    }
    return strstr(ask_reply, words) != NULL;
}

/* How often there was something new for the one who follows, beside each second. */
RONDO_UNUSED static int64_t ask_news(void)
{
    struct trail_hub *hub = &ask_http->trails;
    pthread_mutex_lock(&hub->mutex);
    int64_t count = (int64_t)hub->turn - hub->second;
    pthread_mutex_unlock(&hub->mutex);
    return count;
}

RONDO_UNUSED static int ask_status(void)
{
    return strncmp(ask_reply, "HTTP/1.1 ", 9) == 0 ? atoi(ask_reply + 9) : -1;
}

/* One request of these bytes; the status of the reply, which is in ask_reply. */
RONDO_UNUSED static int ask_raw(const char *bytes, size_t size)
{
    int line = ask_dial();
    ask_send(line, bytes, size);
    ask_read(line, 60000);
    close(line);
    return ask_status();
}

/* METHOD TARGET with more header lines ("A: b\r\n") and a body (NULL: none). */
RONDO_UNUSED static int ask(const char *method, const char *target, const char *headers,
                            const char *body)
{
    static char request[1 << 21]; /* not of mem.h, whose allocations tests make fail */
    char length[64] = "";
    if (body)
        snprintf(length, sizeof length, "Content-Length: %zu\r\n", strlen(body));
    int size = snprintf(request, sizeof request, "%s %s HTTP/1.1\r\n%sConnection: close\r\n%s%s\r\n%s",
                        method, target, strstr(headers, "Host:") ? "" : "Host: localhost\r\n",
                        length, headers, body ? body : "");
    cr_assert(size > 0 && (size_t)size < sizeof request);
    return ask_raw(request, (size_t)size);
}

RONDO_UNUSED static bool ask_says(const char *words)
{
    return strstr(ask_reply, words) != NULL;
}

/* A spec whose data lie in the place; borrowed. */
RONDO_UNUSED static const char *ask_spec(const char *more)
{
    static char spec[PATH_MAX + 600];
    snprintf(spec, sizeof spec,
             "{ \"version\": 1, \"app\": \"lasso\", \"name\": \"test\",\n  \"data\": { \"x\": "
             "\"%s/data/x.svm\" }%s }", place_dir, more);
    return spec;
}

#endif

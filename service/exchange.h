/* exchange.h - one request and its reply, and the service that answers it.
 *
 * Place:   service, floor 4, inside; it shows libmicrohttpd.
 * Threads: an exchange belongs to the thread that serves its connection.  Of struct http, what is not
 *          said to be guarded is constant while the daemon runs.
 * Memory:  an exchange lives from its request line to the end of its reply.
 */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include "core/base/log.h"
#include "service/board.h"
#include "service/deadline.h"
#include "service/fault.h"
#include "service/guard.h"
#include "service/http.h"
#include "service/trail.h"

#include <microhttpd.h>
#include <pthread.h>

enum {
    EXCHANGE_URI = 1024,          /* longest request target */
    EXCHANGE_BODY = 1024 * 1024,  /* largest body that is kept */
    EXCHANGE_SWALLOW = 64 * EXCHANGE_BODY, /* a body in chunks is heard so far, to be refused in words; beyond
                                            * this its connection ends */
    EXCHANGE_NAME = 64,
};

/* What the service allows itself; tests make it small. */
struct exchange_limits {
    unsigned threads, connections;
    unsigned idle_seconds;    /* a connection on which nothing moves is closed */
    unsigned request_seconds; /* a request has come whole by then */
    int followers;
    int64_t waiting_jobs;
    int64_t heartbeat_seconds; /* a stream of events says something at least as often */
};

extern const struct exchange_limits exchange_usual;

struct http {
    struct MHD_Daemon *daemon;
    struct http_desk desk;
    struct exchange_limits limits;
    struct guard guard;
    struct deadline deadline;
    struct trail_hub trails;
    struct board board;
    pthread_t ticker;
    bool ticking;
    pthread_mutex_t mutex;
    pthread_cond_t stop;          /* the ticker waits here */
    bool stopping;                /* guarded by mutex */
    _Atomic int64_t replies[600]; /* by status; relaxed, they are counters */
    _Atomic int64_t malformed;    /* connections whose bytes are no HTTP, too slow, too many; relaxed */
    struct log_ration ration;     /* of words about them */
    _Atomic bool serving;
    char start_words[256];        /* what the library said while it started */
    char url[128];
};

struct route;

struct exchange {
    struct http *http;
    struct MHD_Connection *connection;
    char uri[EXCHANGE_URI + 1]; /* as it came; cut at the '?' once it was looked at */
    const char *query;          /* behind the '?', or "" */
    const char *target_end;     /* of the target as it came, in the library's buffer */
    bool uri_long, begun;
    bool head;                  /* it is HEAD */
    const struct route *route;
    int64_t id;                 /* of the path, where it has one */
    char name[EXCHANGE_NAME];   /* likewise */
    struct rondo_buf body;
    size_t received;
    unsigned status;               /* 0: it is not decided how it is answered */
    struct MHD_Response *response; /* NULL though it is decided: there was no memory for it */
};

/* http_open with other limits. */
int exchange_open(const struct http_options *options, const struct exchange_limits *limits,
                  struct http **http, struct rondo_error *err) RONDO_MUST_CHECK;

#endif

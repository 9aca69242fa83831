/* http.h - the service's face: INTERFACE section 4 over libmicrohttpd.
 *
 * Place:   service, floor 4; the only user of libmicrohttpd.  docs/formats/http.md is normative.
 * Threads: requests are answered on libmicrohttpd's own threads; the desk's functions are called from
 *          those and must be safe.
 * Memory:  bounded: so many connections, so large a body; a follower costs a connection, no thread.
 *          What the options point to is borrowed until http_open returns, what the desk points to
 *          until http_close.
 */
#ifndef HTTP_H
#define HTTP_H

#include "service/jobs.h"

struct gallery;
struct http;

/* What the routes need of the service, beside the job store. */
struct http_desk {
    void *context;
    struct jobs *jobs;
    struct gallery *gallery;           /* digests; NULL: there are none */
    const char *state_dir;             /* a job's output: STATE/jobs/ID */
    const char *const *roots;          /* data may lie in these alone; resolved; ends with NULL */
    /* A job was queued: see to it. */
    void (*submitted)(void *context);
    /* A running job is to be cancelled. */
    void (*cancelled)(void *context, int64_t id);
    /* Appends the JSON array of the workers that there are. */
    int (*workers)(void *context, struct rondo_buf *out);
    /* Appends to a job's JSON object what only the running service knows (`, "workers": 2`); nothing
     * where it does not run. */
    int (*live)(void *context, int64_t id, struct rondo_buf *out);
    /* Appends lines of Prometheus text. */
    int (*metrics)(void *context, struct rondo_buf *out);
};

struct http_options {
    const char *address;               /* "127.0.0.1:7420", "[::1]:0", "0.0.0.0:7420" */
    const char *token;                 /* "" : none is asked for; else Authorization: Bearer */
    const char *cert_file, *key_file;  /* PEM; NULL: plain HTTP */
    struct http_desk desk;
};

/* RONDO_EINPUT at the address or certificate, RONDO_EREFUSED where the address cannot be had. */
int http_open(const struct http_options *options, struct http **http,
              struct rondo_error *err) RONDO_MUST_CHECK;
const char *http_url(const struct http *http); /* "http://127.0.0.1:7420", with the port as bound */
/* A job has a line of progress more: whoever follows the lines is told. */
void http_progress(struct http *http, int64_t id);
/* A job has ended, or its digest is there: whoever follows it is told. */
void http_changed(struct http *http, int64_t id);
void http_close(struct http *http);

#endif

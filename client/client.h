/* client.h - a coordinator, as a program far from it sees it: questions over HTTP and their answers.
 *
 * Place:   client, floor 4; with refusal.c the only user of libcurl; used by tools.
 * Threads: a struct client belongs to one thread; opening one is safe anywhere.
 * Memory:  an answer is kept up to CLIENT_ANSWER_MAX bytes, a line of a stream up to CLIENT_LINE_MAX;
 *          downloads pass through.
 *
 * Routes are those of docs/formats/http.md.  Connecting takes 3 s at most; who is silent for longer
 * than `patience_s` is given up, and so is who takes 15 times that for one answer.  No proxy of the
 * environment is asked, no redirect followed, nothing but http and https spoken.  The caller ignores
 * SIGPIPE.
 *
 * Errors: RONDO_EREFUSED where there is no coordinator, it does not answer, or what answers is none;
 * what the coordinator itself says no to goes by its status (refusal.h).
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <rondo/err.h>

#include <signal.h>
#include <stdio.h>

enum { CLIENT_ANSWER_MAX = 64 << 20, CLIENT_LINE_MAX = 1 << 20 };

struct client;

struct client_options {
    const char *address;    /* NULL: $RONDO_COORDINATOR, else http://127.0.0.1:7420 */
    const char *token_file; /* NULL: $RONDO_TOKEN_FILE, else no token */
    const char *ca_file;    /* NULL: $RONDO_TLS_CA, else the system's */
    const volatile sig_atomic_t *interrupted; /* set: what is under way ends; NULL: never */
};

/* Reads the words; nothing is sent.  RONDO_EINPUT. */
int client_open(const struct client_options *options, struct client **client,
                struct rondo_error *err) RONDO_MUST_CHECK;
void client_close(struct client *client);
const char *client_url(const struct client *client); /* "http://127.0.0.1:7420"; borrowed */

struct client_request {
    const char *method; /* "GET", "POST" */
    const char *path;   /* "/v1/jobs?limit=10" */
    const char *body;   /* JSON; NULL: none */
    size_t size;
    double patience_s;  /* 0: 4 s, so that no reading command takes 5 s to find no coordinator */
};

/* One question and its answer, 2xx; else an error.  *answer (zeroed, or of an earlier call) holds the
 * body, a NUL behind it; owned by the caller (buf_fini).  RONDO_ECANCELED where interrupted. */
int client_request(struct client *client, const struct client_request *request,
                   struct rondo_buf *answer, struct rondo_error *err) RONDO_MUST_CHECK;

/* A line of a stream, without its newline; borrowed.  Not 0 ends the stream with that code. */
typedef int client_line(void *context, const char *line);

/* GET, line by line as they come; empty lines and a last one without a newline are dropped.  0: the
 * stream came to its end; 1: nothing was heard for patience_s. */
int client_stream(struct client *client, const char *path, double patience_s, client_line *each,
                  void *context, struct rondo_error *err) RONDO_MUST_CHECK;

/* GET into a stream, which must be `size` bytes in the end: RONDO_EIO. */
int client_download(struct client *client, const char *path, FILE *stream, int64_t size,
                    struct rondo_error *err) RONDO_MUST_CHECK;

#endif

/* endpoint.h - a person's words for a coordinator: its address, its token.
 *
 * Place:   client, floor 4, inside.
 * Threads: safe.
 * Memory:  into the caller's room.
 */
#ifndef ENDPOINT_H
#define ENDPOINT_H

#include <rondo/err.h>

enum { ENDPOINT_MAX = 300, ENDPOINT_TOKEN_MAX = 4096 };

struct endpoint {
    char url[ENDPOINT_MAX]; /* "http://127.0.0.1:7420": scheme, host and port, nothing behind */
    bool tls, loopback;
};

/* "http://H:P", "https://H:P" or "H:P", which is http; an IPv6 address stands in brackets.  `source`
 * says in errors who said it: "--coordinator".  RONDO_EINPUT. */
int endpoint_parse(const char *text, const char *source, struct endpoint *endpoint,
                   struct rondo_error *err) RONDO_MUST_CHECK;

/* The first line of the file, without blanks around it.  A file that others may read gets a warning.
 * RONDO_EINPUT where it cannot be read or there is no token in it. */
int endpoint_token(const char *path, char token[ENDPOINT_TOKEN_MAX],
                   struct rondo_error *err) RONDO_MUST_CHECK;

#endif

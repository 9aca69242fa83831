/* listen.h - a listening socket from an address in words.
 *
 * Place:   service, floor 4; used by http.c, and by tools to check an option.
 * Threads: safe.
 * Memory:  the socket belongs to the caller.
 */
#ifndef LISTEN_H
#define LISTEN_H

#include <rondo/err.h>

struct listen_place {
    int socket;
    char host[64]; /* without brackets */
    int port;      /* as bound */
    bool six;
};

/* Is it HOST:PORT, as listen_open takes it? */
bool listen_reads(const char *address);

/* "127.0.0.1:7420", "[::1]:0", "localhost:0".  RONDO_EINPUT where it is no address, RONDO_EREFUSED
 * where it cannot be had. */
int listen_open(const char *address, struct listen_place *place,
                struct rondo_error *err) RONDO_MUST_CHECK;

#endif

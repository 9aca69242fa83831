/* socket.h - sockets of the system for tcp://HOST:PORT and ipc://PATH; none of them waits, none is
 * inherited.
 *
 * Place:   core/net, floor 2; used by gate.c, dial.c and conn.c.
 * Threads: safe.  A name whose servers are silent keeps a thread of its own until the system gives them up.
 * Memory:  a socket is the caller's to close.
 */
#ifndef SOCKET_H
#define SOCKET_H

#include <rondo/err.h>

/* Is it an address of these two kinds?  Else it is NNG's. */
bool socket_takes(const char *url);

/* Listens.  A path gets mode 0600; a socket on which no one listens any more makes room.
 * RONDO_EINPUT: not an address; RONDO_EREFUSED: it cannot be had. */
int socket_listen(const char *url, int *fd, struct rondo_error *err) RONDO_MUST_CHECK;
/* The next who dialled; -1 and errno: EAGAIN where there is none. */
int socket_accept(int listening);
/* The port as bound; 0: it has none. */
int socket_port(int fd);
/* A connection within so many seconds.  RONDO_EINPUT: not an address; RONDO_EIO: nobody answers. */
int socket_dial(const char *url, double seconds, int *fd, struct rondo_error *err) RONDO_MUST_CHECK;
/* Who is at the other end, for people: "127.0.0.1:40312", "process 17"; left as it was where that is
 * not known. */
void socket_peer(int fd, char *text, size_t room);

#endif

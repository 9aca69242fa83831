/* reply.h - replies: JSON bodies, files, and what goes with each of them.
 *
 * Place:   service, floor 4, inside.
 * Threads: an exchange belongs to one thread.
 * Memory:  a body is moved into the reply.  Where there is no memory exchange->response stays NULL,
 *          and the connection is closed.
 */
#ifndef REPLY_H
#define REPLY_H

#include "service/exchange.h"

/* {"error": {"code", "where", "message", "hint"}}; where and hint may be NULL. */
void reply_fault(struct exchange *exchange, enum fault fault, const char *where, const char *hint,
                 const char *message, ...) RONDO_PRINTF(5, 6);
/* The same from an error; a place "/pointer (body:1:2)" is given as its pointer. */
void reply_error(struct exchange *exchange, enum fault fault, const struct rondo_error *err);

/* Moves buf into a reply; a buffer that could not grow (`failed`) gives none. */
void reply_bytes(struct exchange *exchange, unsigned status, const char *type,
                 struct rondo_buf *buf, bool failed);
/* So many bytes of a file from `from` on; the descriptor is moved.  -1: an empty reply. */
void reply_file(struct exchange *exchange, int file, int64_t from, int64_t size, const char *type);
/* Constant bytes that a browser may keep and ask for again by their tag; known: it has them, 304. */
void reply_constant(struct exchange *exchange, const void *bytes, size_t size, const char *type,
                    const char *tag, bool known);
/* Status and the headers that every reply has. */
void reply_finish(struct exchange *exchange, unsigned status, const char *type);
void reply_header(struct exchange *exchange, const char *name, const char *value);

#endif

/* supply.h - data files for workers that do not see them.
 *
 * Place:   service, floor 4; used by roster.c.
 * Threads: one of its own reads and sends; the functions are safe.
 * Memory:  one part; requests wait in a queue with a bound, beyond which they are refused.
 */
#ifndef SUPPLY_H
#define SUPPLY_H

#include "core/net/conn.h"
#include "core/wire/session.h"

struct supply;

int supply_create(struct supply **supply, struct rondo_error *err) RONDO_MUST_CHECK;
void supply_destroy(struct supply *supply);
/* Answers a GET by a PART, an empty one where the file is no longer what it was.  Copies what it
 * needs; RONDO_ESTATE where this worker asks for more than it may, RONDO_ENOMEM where all do. */
int supply_ask(struct supply *supply, struct conn *conn, uint32_t session,
               const struct session_get *get, const struct session_file *file) RONDO_MUST_CHECK;

#endif

/* sheet.h - an event's text, made once for all who are sent it.
 *
 * Place:   service, floor 4, inside.
 * Threads: immutable once made; shared by count.
 * Memory:  goes with the last who has it.
 */
#ifndef SHEET_H
#define SHEET_H

#include <rondo/err.h>

#include <stdatomic.h>

struct sheet {
    _Atomic int32_t holders;
    uint64_t mark;     /* of its data: another one says another thing */
    struct rondo_buf text; /* "event: NAME\ndata: JSON\n\n" */
    size_t begin, end; /* of JSON in text */
};

/* json is left as it was, but for its newlines.  NULL: no memory, or json is NULL. */
struct sheet *sheet_make(const char *event, struct rondo_buf *json) RONDO_MUST_CHECK;
/* FNV-1a: not for secrets. */
uint64_t sheet_mark(const void *bytes, size_t size);
struct sheet *sheet_share(struct sheet *sheet);
void sheet_drop(struct sheet *sheet); /* NULL allowed */

#endif

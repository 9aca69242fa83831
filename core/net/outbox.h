/* outbox.h - bytes that wait to be sent, in order; no sockets.
 *
 * Place:   core/net, floor 2; used by conn.c.
 * Threads: guarded by its connection's lock; the bytes that outbox_look shows stay where they are,
 *          and are no one's to change, until outbox_sent takes them back.
 * Memory:  small frames share a chunk, a large one has its own: each byte is copied once.
 */
#ifndef OUTBOX_H
#define OUTBOX_H

#include <rondo/err.h>

struct outbox_chunk;

struct outbox {
    struct outbox_chunk *first, *last;
    struct outbox_chunk *spare; /* one of the common size */
    size_t bytes;               /* in all */
};

void outbox_fini(struct outbox *outbox);
/* Appends the parts one behind the other, all or nothing; RONDO_ENOMEM. */
int outbox_put(struct outbox *outbox, const struct rondo_bytes *parts,
               int count) RONDO_MUST_CHECK;
/* The same before all others, without the first `skip` bytes. */
int outbox_put_first(struct outbox *outbox, const struct rondo_bytes *parts, int count,
                     size_t skip) RONDO_MUST_CHECK;
/* What comes first, in at most `most` pieces; how many. */
int outbox_look(const struct outbox *outbox, struct rondo_bytes *pieces, int most);
void outbox_sent(struct outbox *outbox, size_t size);

#endif

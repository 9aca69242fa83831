/* flat.h - what most apps write in the same words: states that are one run of bytes, appending, taking.
 *
 * Place:   include/rondo, for apps and plug-ins; header only.
 * Threads: as the callbacks in which they stand; pure otherwise.
 * Memory:  the host's; a flat state is owned by who created it and freed by rondo_flat_destroy.
 *
 * An app whose state has no pointer in it writes its create, and takes the rest from here:
 *
 *     .common = { create, rondo_flat_destroy, rondo_flat_pack, rondo_flat_unpack }
 */
#ifndef RONDO_FLAT_H
#define RONDO_FLAT_H

#include <rondo/app.h>

#include <string.h>

RONDO_C_BEGIN

/* Appends so many zeroed bytes and gives them; NULL: no memory, and out is as it was. */
static inline void *rondo_append_room(const struct rondo_host *host, struct rondo_buf *out,
                                      size_t size)
{
    if (host->reserve(out, out->size + size))
        return NULL;
    unsigned char *room = out->data + out->size;
    if (size)
        memset(room, 0, size);
    out->size += size;
    return room;
}

/* Appends a copy of `bytes` [size].  0 or RONDO_ENOMEM. */
static inline int rondo_append(const struct rondo_host *host, struct rondo_buf *out,
                               const void *bytes, size_t size)
{
    if (host->reserve(out, out->size + size))
        return RONDO_ENOMEM;
    if (size)
        memcpy(out->data + out->size, bytes, size);
    out->size += size;
    return RONDO_OK;
}

/* Takes a copy of the first `size` bytes of `in`, which begins behind them then; RONDO_ESTATE where it has fewer. */
static inline int rondo_take(struct rondo_bytes *in, void *bytes, size_t size)
{
    if (in->size < size)
        return RONDO_ESTATE;
    if (size)
        memcpy(bytes, in->data, size);
    in->data = (const unsigned char *)in->data + size;
    in->size -= size;
    return RONDO_OK;
}

/* Stands before the bytes of a flat state, which keep their alignment to 64. */
struct rondo_flat {
    const struct rondo_host *host;
    size_t size;
};
enum { RONDO_FLAT_BEFORE = 64 };

/* A state of `size` zeroed bytes; NULL: no memory. */
static inline void *rondo_flat_create(const struct rondo_host *host, size_t size)
{
    const struct rondo_flat flat = { host, size };
    unsigned char *block = (unsigned char *)host->zalloc(1, RONDO_FLAT_BEFORE + size);
    if (!block)
        return NULL;
    memcpy(block, &flat, sizeof flat);
    return block + RONDO_FLAT_BEFORE;
}

static inline struct rondo_flat rondo_flat_of(const void *state)
{
    struct rondo_flat flat;
    memcpy(&flat, (const unsigned char *)state - RONDO_FLAT_BEFORE, sizeof flat);
    return flat;
}

/* As struct rondo_state_ops has them; `problem` is not looked at. */
static inline void rondo_flat_destroy(const void *problem, void *state)
{
    (void)problem;
    rondo_flat_of(state).host->free((unsigned char *)state - RONDO_FLAT_BEFORE);
}

static inline int rondo_flat_pack(const void *problem, const void *state, struct rondo_buf *out)
{
    struct rondo_flat flat = rondo_flat_of(state);
    (void)problem;
    return rondo_append(flat.host, out, state, flat.size);
}

static inline int rondo_flat_unpack(const void *problem, void *state, struct rondo_bytes in)
{
    (void)problem;
    if (in.size != rondo_flat_of(state).size)
        return RONDO_ESTATE;
    memcpy(state, in.data, in.size);
    return RONDO_OK;
}

RONDO_C_END

#endif

#include "core/net/outbox.h"

#include "core/base/mem.h"

#include <string.h>

enum { COMMON = 1 << 14 };

struct outbox_chunk {
    struct outbox_chunk *next;
    size_t at, size, capacity;
    unsigned char data[];
};

static struct outbox_chunk *take(struct outbox *outbox, size_t size)
{
    struct outbox_chunk *chunk = outbox->spare;
    size_t capacity = size > COMMON ? size : COMMON;
    if (chunk && capacity == COMMON) {
        outbox->spare = NULL;
    } else {
        chunk = mem_alloc(sizeof *chunk + capacity);
        if (!chunk)
            return NULL;
        chunk->capacity = capacity;
    }
    chunk->next = NULL;
    chunk->at = chunk->size = 0;
    return chunk;
}

static void give(struct outbox *outbox, struct outbox_chunk *chunk)
{
    if (!outbox->spare && chunk->capacity == COMMON)
        outbox->spare = chunk;
    else
        mem_free(chunk);
}

void outbox_fini(struct outbox *outbox)
{
    while (outbox->first) {
        struct outbox_chunk *next = outbox->first->next;
        mem_free(outbox->first);
        outbox->first = next;
    }
    mem_free(outbox->spare);
    *outbox = (struct outbox){ 0 };
}

static void fill(struct outbox_chunk *chunk, const struct rondo_bytes *parts, int count,
                 size_t skip)
{
    for (int i = 0; i < count; i++) {
        size_t left_out = skip < parts[i].size ? skip : parts[i].size;
        size_t size = parts[i].size - left_out;
        if (size)
            memcpy(chunk->data + chunk->size, (const unsigned char *)parts[i].data + left_out, size);
        chunk->size += size;
        skip -= left_out;
    }
}

static size_t total(const struct rondo_bytes *parts, int count)
{
    size_t size = 0;
    for (int i = 0; i < count; i++)
        size += parts[i].size;
    return size;
}

int outbox_put(struct outbox *outbox, const struct rondo_bytes *parts, int count)
{
    size_t size = total(parts, count);
    struct outbox_chunk *chunk = outbox->last;
    if (!chunk || chunk->capacity - chunk->size < size) {
        chunk = take(outbox, size);
        if (!chunk)
            return RONDO_ENOMEM;
        *(outbox->last ? &outbox->last->next : &outbox->first) = chunk;
        outbox->last = chunk;
    }
    fill(chunk, parts, count, 0);
    outbox->bytes += size;
    return RONDO_OK;
}

int outbox_put_first(struct outbox *outbox, const struct rondo_bytes *parts, int count,
                     size_t skip)
{
    size_t size = total(parts, count) - skip;
    struct outbox_chunk *chunk = take(outbox, size);
    if (!chunk)
        return RONDO_ENOMEM;
    fill(chunk, parts, count, skip);
    chunk->next = outbox->first;
    outbox->first = chunk;
    if (!outbox->last)
        outbox->last = chunk;
    outbox->bytes += size;
    return RONDO_OK;
}

int outbox_look(const struct outbox *outbox, struct rondo_bytes *pieces, int most)
{
    int count = 0;
    for (const struct outbox_chunk *chunk = outbox->first; chunk && count < most;
         chunk = chunk->next)
        pieces[count++] = (struct rondo_bytes){ chunk->data + chunk->at, chunk->size - chunk->at };
    return count;
}

void outbox_sent(struct outbox *outbox, size_t size)
{
    outbox->bytes -= size;
    while (size) {
        struct outbox_chunk *chunk = outbox->first;
        size_t there = chunk->size - chunk->at;
        if (size < there) {
            chunk->at += size;
            return;
        }
        size -= there;
        outbox->first = chunk->next;
        if (!outbox->first)
            outbox->last = NULL;
        give(outbox, chunk);
    }
}

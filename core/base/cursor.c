#include "core/base/cursor.h"

#include "core/base/mem.h"

#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the wire is little-endian, as is every host");

struct cursor_reader cursor_reader(const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    return (struct cursor_reader){ .at = at, .end = size ? at + size : at }; /* NULL, of size 0 */
}

const void *cursor_get_bytes(struct cursor_reader *in, size_t size)
{
    if (in->failed || size > (size_t)(in->end - in->at)) {
        in->failed = true;
        return NULL;
    }
    const void *bytes = in->at;
    in->at += size;
    return bytes;
}

static void get(struct cursor_reader *in, void *into, size_t size)
{
    const void *bytes = cursor_get_bytes(in, size);
    if (bytes)
        memcpy(into, bytes, size);
}

uint8_t cursor_get_u8(struct cursor_reader *in)
{
    uint8_t value = 0;
    get(in, &value, sizeof value);
    return value;
}

uint32_t cursor_get_u32(struct cursor_reader *in)
{
    uint32_t value = 0;
    get(in, &value, sizeof value);
    return value;
}

uint64_t cursor_get_u64(struct cursor_reader *in)
{
    uint64_t value = 0;
    get(in, &value, sizeof value);
    return value;
}

int64_t cursor_get_i64(struct cursor_reader *in)
{
    return (int64_t)cursor_get_u64(in);
}

double cursor_get_f64(struct cursor_reader *in)
{
    double value = 0;
    get(in, &value, sizeof value);
    return value;
}

struct rondo_bytes cursor_get_block(struct cursor_reader *in)
{
    uint64_t size = cursor_get_u64(in);
    const void *bytes = cursor_get_bytes(in, size);
    return (struct rondo_bytes){ bytes, bytes ? size : 0 };
}

void cursor_get_array(struct cursor_reader *in, void *into, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size) {
        in->failed = true;
        return;
    }
    if (count && size)
        get(in, into, count * size);
}

bool cursor_at_end(const struct cursor_reader *in)
{
    return !in->failed && in->at == in->end;
}

struct cursor_writer cursor_writer(struct rondo_buf *buf)
{
    return (struct cursor_writer){ .buf = buf };
}

void cursor_put_bytes(struct cursor_writer *out, const void *bytes, size_t size)
{
    if (!out->failed && buf_append(out->buf, bytes, size))
        out->failed = true;
}

void cursor_put_u8(struct cursor_writer *out, uint8_t value)
{
    cursor_put_bytes(out, &value, sizeof value);
}

void cursor_put_u32(struct cursor_writer *out, uint32_t value)
{
    cursor_put_bytes(out, &value, sizeof value);
}

void cursor_put_u64(struct cursor_writer *out, uint64_t value)
{
    cursor_put_bytes(out, &value, sizeof value);
}

void cursor_put_i64(struct cursor_writer *out, int64_t value)
{
    cursor_put_bytes(out, &value, sizeof value);
}

void cursor_put_f64(struct cursor_writer *out, double value)
{
    cursor_put_bytes(out, &value, sizeof value);
}

void cursor_put_block(struct cursor_writer *out, const void *bytes, size_t size)
{
    cursor_put_u64(out, size);
    cursor_put_bytes(out, bytes, size);
}

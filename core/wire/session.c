#include "core/wire/session.h"

#include "core/base/cursor.h"

static int written(const struct cursor_writer *out)
{
    return out->failed ? RONDO_ENOMEM : RONDO_OK;
}

static int read_whole(const struct cursor_reader *in, bool fits)
{
    return fits && cursor_at_end(in) ? RONDO_OK : RONDO_ESTATE;
}

/* Texts cross with their NUL, so that what was read can be used in place. */
static struct rondo_bytes get_text(struct cursor_reader *in)
{
    struct rondo_bytes text = cursor_get_block(in);
    const char *bytes = text.data;
    bool ends = !in->failed && text.size > 0 && bytes[text.size - 1] == 0;
    for (size_t i = 0; ends && i + 1 < text.size; i++)
        ends = bytes[i] != 0;
    in->failed = in->failed || !ends;
    return in->failed ? (struct rondo_bytes){ "", 1 } : text;
}

int session_put_open(const struct session_open *body, struct rondo_buf *buf)
{
    struct cursor_writer out = cursor_writer(buf);
    cursor_put_block(&out, body->spec.data, body->spec.size);
    cursor_put_block(&out, body->isa.data, body->isa.size);
    cursor_put_u8(&out, body->fetch);
    cursor_put_u32(&out, (uint32_t)body->files);
    for (int32_t i = 0; i < body->files; i++) {
        const struct session_file *file = &body->file[i];
        cursor_put_block(&out, file->key.data, file->key.size);
        cursor_put_block(&out, file->path.data, file->path.size);
        cursor_put_u64(&out, file->size);
        cursor_put_u64(&out, file->stamp);
    }
    return written(&out);
}

int session_get_open(struct rondo_bytes bytes, struct session_open *body)
{
    struct cursor_reader in = cursor_reader(bytes.data, bytes.size);
    *body = (struct session_open){ 0 };
    body->spec = cursor_get_block(&in);
    body->isa = get_text(&in);
    uint8_t fetch = cursor_get_u8(&in);
    uint32_t files = cursor_get_u32(&in);
    if (in.failed || fetch > 1 || files > SESSION_FILES)
        return RONDO_ESTATE;
    body->fetch = fetch;
    body->files = (int32_t)files;
    for (int32_t i = 0; i < body->files; i++) {
        struct session_file *file = &body->file[i];
        file->key = get_text(&in);
        file->path = get_text(&in);
        file->size = cursor_get_u64(&in);
        file->stamp = cursor_get_u64(&in);
    }
    return read_whole(&in, true);
}

int session_put_ready(const struct session_ready *body, struct rondo_buf *buf)
{
    struct cursor_writer out = cursor_writer(buf);
    cursor_put_u64(&out, body->fingerprint);
    cursor_put_u32(&out, body->seats);
    return written(&out);
}

int session_get_ready(struct rondo_bytes bytes, struct session_ready *body)
{
    struct cursor_reader in = cursor_reader(bytes.data, bytes.size);
    body->fingerprint = cursor_get_u64(&in);
    body->seats = cursor_get_u32(&in);
    return read_whole(&in, body->seats >= 1 && body->seats <= 1024);
}

int session_put_unready(const struct session_unready *body, struct rondo_buf *buf)
{
    struct cursor_writer out = cursor_writer(buf);
    cursor_put_u32(&out, (uint32_t)body->code);
    cursor_put_block(&out, body->why.data, body->why.size);
    return written(&out);
}

int session_get_unready(struct rondo_bytes bytes, struct session_unready *body)
{
    struct cursor_reader in = cursor_reader(bytes.data, bytes.size);
    body->code = (int32_t)cursor_get_u32(&in);
    body->why = get_text(&in);
    return read_whole(&in, body->code < 0);
}

int session_put_get(const struct session_get *body, struct rondo_buf *buf)
{
    struct cursor_writer out = cursor_writer(buf);
    cursor_put_u32(&out, body->file);
    cursor_put_u64(&out, body->offset);
    cursor_put_u32(&out, body->size);
    return written(&out);
}

int session_get_get(struct rondo_bytes bytes, struct session_get *body)
{
    struct cursor_reader in = cursor_reader(bytes.data, bytes.size);
    body->file = cursor_get_u32(&in);
    body->offset = cursor_get_u64(&in);
    body->size = cursor_get_u32(&in);
    return read_whole(&in, body->size >= 1 && body->size <= SESSION_PART
                               && body->file < SESSION_FILES);
}

int session_put_part(const struct session_part *body, struct rondo_buf *buf)
{
    struct cursor_writer out = cursor_writer(buf);
    cursor_put_u32(&out, body->file);
    cursor_put_u64(&out, body->offset);
    cursor_put_u64(&out, body->bytes.size);
    return written(&out);
}

int session_get_part(struct rondo_bytes bytes, struct session_part *body)
{
    struct cursor_reader in = cursor_reader(bytes.data, bytes.size);
    body->file = cursor_get_u32(&in);
    body->offset = cursor_get_u64(&in);
    body->bytes = cursor_get_block(&in);
    return read_whole(&in, body->bytes.size <= SESSION_PART);
}

#include "core/wire/message.h"

#include "core/base/cursor.h"
#include "core/base/mem.h"

enum { WIRE_MAGIC = 0x326f6452 }; /* "Rdo2" */

void message_fini(struct message *message)
{
    parcel_drop(message->variables);
    parcel_drop(message->brief);
    parcel_drop(message->couplings);
    parcel_drop(message->body);
    for (struct parcel *partial = message->partials; partial;) {
        struct parcel *next = partial->next;
        parcel_drop(partial);
        partial = next;
    }
    *message = (struct message){ 0 };
}

void message_discard(struct message *message, const struct message_codec *codec)
{
    if (message->object)
        codec->app->block.destroy(codec->problem, message->object);
    message_fini(message);
}

/* ---- to bytes ------------------------------------------------------------------------------- */

enum { LENT_MOST = MESSAGE_PARTS / 2, LENT_BYTES = 1 << 13 };

struct encoder {
    struct cursor_writer out;
    int room; /* for parcels that are lent, not copied */
    int lent;
    struct {
        size_t at; /* of what is copied, so much comes before it */
        struct rondo_bytes bytes;
    } part[LENT_MOST];
};

static void put_parcel(struct encoder *encoder, const struct parcel *parcel)
{
    struct cursor_writer *out = &encoder->out;
    cursor_put_u8(out, parcel != NULL);
    if (!parcel)
        return;
    if (parcel->buf.size < LENT_BYTES || encoder->lent == encoder->room) {
        cursor_put_block(out, parcel->buf.data, parcel->buf.size);
        return;
    }
    cursor_put_u64(out, parcel->buf.size);
    encoder->part[encoder->lent].at = out->buf->size;
    encoder->part[encoder->lent++].bytes = (struct rondo_bytes){ parcel->buf.data,
                                                                 parcel->buf.size };
}

/* Packed where it stays; its length, which stands before it, is known after. */
static int put_object(struct encoder *encoder, const struct message *message,
                      const struct message_codec *codec)
{
    struct cursor_writer *out = &encoder->out;
    struct rondo_buf *buf = out->buf;
    cursor_put_u8(out, message->object != NULL);
    cursor_put_u64(out, 0);
    if (out->failed)
        return RONDO_ENOMEM;
    if (!message->object) {
        buf->size -= sizeof(uint64_t);
        return RONDO_OK;
    }
    size_t begin = buf->size;
    int code = codec->app->block.pack(codec->problem, message->object, buf);
    size_t end = buf->size;
    if (code || end > buf->capacity || end < begin) {
        buf->size = begin;
        return code < 0 ? code : RONDO_EAPP; /* an app may answer anything */
    }
    buf->size = begin - sizeof(uint64_t);
    cursor_put_u64(out, end - begin);
    buf->size = end;
    return RONDO_OK;
}

static int encode(const struct message *message, const struct message_codec *codec,
                  struct encoder *encoder)
{
    struct cursor_writer *out = &encoder->out;
    cursor_put_u32(out, WIRE_MAGIC);
    cursor_put_u8(out, message->type);
    cursor_put_u8(out, message->flags);
    cursor_put_u8(out, message->kind);
    cursor_put_u32(out, message->epoch);
    cursor_put_u32(out, message->tag);
    cursor_put_u32(out, (uint32_t)message->code);
    cursor_put_u32(out, (uint32_t)message->phase);
    cursor_put_u32(out, (uint32_t)message->block);
    cursor_put_u32(out, (uint32_t)message->shard);
    cursor_put_i64(out, message->round);
    cursor_put_i64(out, message->ticket);
    cursor_put_i64(out, message->count);
    cursor_put_i64(out, message->run_ns);
    put_parcel(encoder, message->variables);
    put_parcel(encoder, message->brief);
    put_parcel(encoder, message->couplings);
    put_parcel(encoder, message->body);
    for (const struct parcel *partial = message->partials; partial; partial = partial->next)
        put_parcel(encoder, partial);
    cursor_put_u8(out, 0); /* the chain's end */
    return put_object(encoder, message, codec);
}

int message_encode(const struct message *message, const struct message_codec *codec,
                   struct rondo_buf *out)
{
    struct encoder encoder = { .out = cursor_writer(out) };
    return encode(message, codec, &encoder);
}

int message_encode_parts(const struct message *message, const struct message_codec *codec,
                         struct rondo_buf *scratch, struct rondo_bytes parts[MESSAGE_PARTS],
                         int *count)
{
    struct encoder encoder = { .out = cursor_writer(scratch), .room = LENT_MOST };
    scratch->size = 0;
    int code = encode(message, codec, &encoder);
    size_t at = 0;
    *count = 0;
    for (int i = 0; i < encoder.lent; i++) {
        parts[(*count)++] = (struct rondo_bytes){ scratch->data + at, encoder.part[i].at - at };
        parts[(*count)++] = encoder.part[i].bytes;
        at = encoder.part[i].at;
    }
    parts[(*count)++] = (struct rondo_bytes){ scratch->data + at, scratch->size - at };
    return code;
}

/* ---- and back ------------------------------------------------------------------------------- */

/* NULL both for "no parcel" and, with *code set, for a failure. */
static struct parcel *get_parcel(struct cursor_reader *in, struct parcel_pool *pool, int *code)
{
    uint8_t there = cursor_get_u8(in);
    if (there > 1)
        in->failed = true;
    if (!there || in->failed || *code)
        return NULL;
    struct rondo_bytes bytes = cursor_get_block(in);
    if (in->failed)
        return NULL;
    struct parcel *parcel = parcel_take(pool, bytes.size);
    if (!parcel || buf_append(&parcel->buf, bytes.data, bytes.size)) {
        parcel_drop(parcel);
        *code = RONDO_ENOMEM;
        return NULL;
    }
    return parcel;
}

static int get_object(struct cursor_reader *in, const struct message_codec *codec,
                      struct message *message)
{
    uint8_t there = cursor_get_u8(in);
    if (!there || in->failed)
        return RONDO_OK;
    struct rondo_bytes packed = cursor_get_block(in);
    bool carries = message->type == MESSAGE_PUSH || message->type == MESSAGE_DONE;
    struct rondo_layout layout = { 0 };
    codec->app->layout(codec->problem, &layout);
    if (in->failed || there > 1 || !carries || !codec->app->block.create || message->block < 0
        || message->block >= layout.blocks)
        return RONDO_ESTATE;
    void *object = NULL;
    int code = codec->app->block.create(codec->problem, message->block, &object, NULL);
    if (code || !object)
        return code == RONDO_ENOMEM ? code : RONDO_EAPP;
    code = codec->app->block.unpack(codec->problem, object, packed);
    if (code)
        codec->app->block.destroy(codec->problem, object);
    else
        message->object = object;
    return code <= 0 ? code : RONDO_EAPP;
}

int message_decode(struct rondo_bytes bytes, const struct message_codec *codec,
                   struct message *message)
{
    struct cursor_reader in = cursor_reader(bytes.data, bytes.size);
    int code = RONDO_OK;

    *message = (struct message){ 0 };
    if (cursor_get_u32(&in) != WIRE_MAGIC)
        return RONDO_ESTATE;
    message->type = cursor_get_u8(&in);
    message->flags = cursor_get_u8(&in);
    message->kind = cursor_get_u8(&in);
    message->epoch = cursor_get_u32(&in);
    message->tag = cursor_get_u32(&in);
    message->code = (int32_t)cursor_get_u32(&in);
    message->phase = (int32_t)cursor_get_u32(&in);
    message->block = (int32_t)cursor_get_u32(&in);
    message->shard = (int32_t)cursor_get_u32(&in);
    message->round = cursor_get_i64(&in);
    message->ticket = cursor_get_i64(&in);
    message->count = cursor_get_i64(&in);
    message->run_ns = cursor_get_i64(&in);
    message->variables = get_parcel(&in, codec->pool, &code);
    message->brief = get_parcel(&in, codec->pool, &code);
    message->couplings = get_parcel(&in, codec->pool, &code);
    message->body = get_parcel(&in, codec->pool, &code);
    for (struct parcel **tail = &message->partials;;) {
        struct parcel *partial = get_parcel(&in, codec->pool, &code);
        if (!partial)
            break;
        *tail = partial;
        tail = &partial->next;
    }
    if (!code)
        code = get_object(&in, codec, message);
    if (!code && (!cursor_at_end(&in) || message->type < MESSAGE_STATE
                  || message->type > MESSAGE_FAILED || message->count < 0 || message->run_ns < 0))
        code = RONDO_ESTATE;
    if (code) {
        if (message->object)
            codec->app->block.destroy(codec->problem, message->object);
        message_fini(message);
    }
    return code;
}

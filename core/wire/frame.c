#include "core/wire/frame.h"

#include "core/base/cursor.h"
#include "core/base/hash.h"

#include <string.h>

/* "Rdof": what follows is Rondo's, whatever its version. */
static const unsigned char MAGIC[4] = { 0x52, 0x64, 0x6f, 0x66 };

enum { AT_VERSION = 4, AT_TYPE = 5, AT_SEAT = 6, AT_SESSION = 8, AT_SEQUENCE = 12, AT_SIZE = 16 };

_Static_assert((int)FRAME_MAC == (int)HASH_BYTES, "a mac is a hash");

/* ---- the header ------------------------------------------------------------------------------ */

static void put_u32(unsigned char *out, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        out[i] = (unsigned char)(value >> 8 * i);
}

static uint32_t get_u32(const unsigned char *in)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++)
        value |= (uint32_t)in[i] << 8 * i;
    return value;
}

void frame_put(const struct frame *frame, unsigned char out[FRAME_HEADER])
{
    memcpy(out, MAGIC, sizeof MAGIC);
    out[AT_VERSION] = FRAME_VERSION;
    out[AT_TYPE] = frame->type;
    out[AT_SEAT] = (unsigned char)frame->seat;
    out[AT_SEAT + 1] = (unsigned char)(frame->seat >> 8);
    put_u32(out + AT_SESSION, frame->session);
    put_u32(out + AT_SEQUENCE, frame->sequence);
    put_u32(out + AT_SIZE, frame->size);
}

int frame_version(const unsigned char in[FRAME_HEADER])
{
    return memcmp(in, MAGIC, sizeof MAGIC) == 0 ? in[AT_VERSION] : -1;
}

static bool known(uint8_t type)
{
    return (type >= FRAME_CHALLENGE && type <= FRAME_BEAT)
           || (type >= FRAME_OPEN && type <= FRAME_LEAVING);
}

int frame_get(const unsigned char in[FRAME_HEADER], struct frame *frame)
{
    int version = frame_version(in);
    *frame = (struct frame){ 0 };
    if (version < 0)
        return RONDO_ESTATE;
    *frame = (struct frame){
        .type = in[AT_TYPE],
        .seat = (uint16_t)(in[AT_SEAT] | in[AT_SEAT + 1] << 8),
        .session = get_u32(in + AT_SESSION),
        .sequence = get_u32(in + AT_SEQUENCE),
        .size = get_u32(in + AT_SIZE),
    };
    return version == FRAME_VERSION && known(frame->type) ? RONDO_OK : RONDO_ESTATE;
}

/* ---- texts: a length of one byte, then printable ASCII ----------------------------------------- */

static void put_text(struct cursor_writer *out, const char *text, size_t room)
{
    size_t size = strnlen(text, room - 1);
    cursor_put_u8(out, (uint8_t)size);
    cursor_put_bytes(out, text, size);
}

/* `room` with the NUL.  What is said lands on terminals: no control characters. */
static void get_text(struct cursor_reader *in, char *text, size_t room)
{
    size_t size = cursor_get_u8(in);
    const char *bytes = cursor_get_bytes(in, size);
    memset(text, 0, room);
    if (in->failed || size >= room) {
        in->failed = true;
        return;
    }
    for (size_t i = 0; i < size; i++) {
        text[i] = bytes[i];
        if (bytes[i] < 0x20 || bytes[i] > 0x7e)
            in->failed = true;
    }
}

static void get_raw(struct cursor_reader *in, unsigned char *out, size_t size)
{
    const void *bytes = cursor_get_bytes(in, size);
    if (bytes)
        memcpy(out, bytes, size);
}

static int end_of(const struct cursor_reader *in)
{
    return !in->failed && cursor_at_end(in) ? RONDO_OK : RONDO_ESTATE;
}

static int said(const struct cursor_writer *out)
{
    return out->failed ? RONDO_ENOMEM : RONDO_OK;
}

/* ---- the greeting ------------------------------------------------------------------------------ */

int frame_put_challenge(const struct frame_challenge *body, struct rondo_buf *buf)
{
    struct cursor_writer out = cursor_writer(buf);
    cursor_put_u32(&out, body->version);
    cursor_put_bytes(&out, body->nonce, sizeof body->nonce);
    put_text(&out, body->build, sizeof body->build);
    return said(&out);
}

int frame_get_challenge(struct rondo_bytes bytes, struct frame_challenge *body)
{
    struct cursor_reader in = cursor_reader(bytes.data, bytes.size);
    *body = (struct frame_challenge){ .version = cursor_get_u32(&in) };
    get_raw(&in, body->nonce, sizeof body->nonce);
    get_text(&in, body->build, sizeof body->build);
    return end_of(&in);
}

int frame_put_hello(const struct frame_hello *body, struct rondo_buf *buf)
{
    struct cursor_writer out = cursor_writer(buf);
    const struct frame_who *who = &body->who;
    cursor_put_u32(&out, body->version);
    cursor_put_bytes(&out, body->nonce, sizeof body->nonce);
    cursor_put_bytes(&out, body->mac, sizeof body->mac);
    put_text(&out, who->name, sizeof who->name);
    put_text(&out, who->host, sizeof who->host);
    put_text(&out, who->build, sizeof who->build);
    put_text(&out, who->isa, sizeof who->isa);
    put_text(&out, who->device, sizeof who->device);
    cursor_put_u32(&out, who->pid);
    cursor_put_u32(&out, who->threads);
    return said(&out);
}

int frame_get_hello(struct rondo_bytes bytes, struct frame_hello *body)
{
    struct cursor_reader in = cursor_reader(bytes.data, bytes.size);
    struct frame_who *who = &body->who;
    *body = (struct frame_hello){ .version = cursor_get_u32(&in) };
    get_raw(&in, body->nonce, sizeof body->nonce);
    get_raw(&in, body->mac, sizeof body->mac);
    get_text(&in, who->name, sizeof who->name);
    get_text(&in, who->host, sizeof who->host);
    get_text(&in, who->build, sizeof who->build);
    get_text(&in, who->isa, sizeof who->isa);
    get_text(&in, who->device, sizeof who->device);
    who->pid = cursor_get_u32(&in);
    who->threads = cursor_get_u32(&in);
    if (who->threads == 0 || who->threads > UINT16_MAX) /* a seat is 16 bits */
        in.failed = true;
    return end_of(&in);
}

int frame_put_welcome(const struct frame_welcome *body, struct rondo_buf *buf)
{
    struct cursor_writer out = cursor_writer(buf);
    cursor_put_bytes(&out, body->mac, sizeof body->mac);
    cursor_put_u32(&out, body->lease_ms);
    cursor_put_u32(&out, body->beat_ms);
    return said(&out);
}

int frame_get_welcome(struct rondo_bytes bytes, struct frame_welcome *body)
{
    struct cursor_reader in = cursor_reader(bytes.data, bytes.size);
    *body = (struct frame_welcome){ 0 };
    get_raw(&in, body->mac, sizeof body->mac);
    body->lease_ms = cursor_get_u32(&in);
    body->beat_ms = cursor_get_u32(&in);
    if (body->lease_ms == 0 || body->beat_ms == 0 || body->beat_ms > body->lease_ms)
        in.failed = true;
    return end_of(&in);
}

/* A text with its NUL, so that where one ends and the next begins is part of what is signed. */
static struct rondo_bytes text_of(const char *text, size_t room)
{
    return (struct rondo_bytes){ text, strnlen(text, room - 1) + 1 };
}

void frame_mac(const char *token, const char *side, const unsigned char challenge[FRAME_NONCE],
               const unsigned char answer[FRAME_NONCE], const struct frame_who *who,
               unsigned char mac[FRAME_MAC])
{
    unsigned char numbers[8];
    put_u32(numbers, who->pid);
    put_u32(numbers + 4, who->threads);
    struct rondo_bytes parts[] = {
        { side, strlen(side) + 1 },
        { challenge, FRAME_NONCE },
        { answer, FRAME_NONCE },
        text_of(who->name, sizeof who->name),
        text_of(who->host, sizeof who->host),
        text_of(who->build, sizeof who->build),
        text_of(who->isa, sizeof who->isa),
        text_of(who->device, sizeof who->device),
        { numbers, sizeof numbers },
    };
    hash_hmac((struct rondo_bytes){ token, strlen(token) }, parts,
              (int)(sizeof parts / sizeof *parts), mac);
}

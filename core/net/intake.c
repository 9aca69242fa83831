#include "core/net/intake.h"

#include "core/base/mem.h"
#include "core/wire/session.h"

#include <stdio.h>
#include <string.h>

enum {
    GREETING_BUFFER = FRAME_HEADER + INTAKE_GREETING_LIMIT,
    BUFFER = 1 << 16,
    FIRST_ROOM = 1 << 18, /* of a body larger than the buffer; then it doubles as it fills */
    OPEN_MOST = 1 << 24,  /* a spec, of a service that takes 1 MiB */
    PART_MOST = SESSION_PART + 64,
    WORDS_MOST = 1 << 13,
};

int intake_init(struct intake *intake)
{
    *intake = (struct intake){ .greeting = true, .limit = INTAKE_GREETING_LIMIT };
    return buf_reserve(&intake->buffer, GREETING_BUFFER);
}

void intake_fini(struct intake *intake)
{
    buf_fini(&intake->buffer);
    buf_fini(&intake->body);
}

int intake_open(struct intake *intake, size_t limit)
{
    intake->greeting = false;
    intake->limit = limit;
    return buf_reserve(&intake->buffer, BUFFER);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* A body's memory, exactly so much: buf_reserve would take up to twice of it. */
static int body_reserve(struct intake *intake, size_t capacity)
{
    struct rondo_buf *body = &intake->body;
    unsigned char *data = mem_regrow(body->data, body->size, capacity);
    if (!data)
        return RONDO_ENOMEM;
    body->data = data;
    body->capacity = capacity;
    return RONDO_OK;
}

int intake_room(struct intake *intake, void **room, size_t *size)
{
    struct rondo_buf *buffer = &intake->buffer, *body = &intake->body;
    if (body->data) {
        if (body->size == body->capacity
            && body_reserve(intake, smaller(intake->frame.size, 2 * body->capacity)))
            return RONDO_ENOMEM;
        *room = body->data + body->size;
        *size = body->capacity - body->size;
        return RONDO_OK;
    }
    if (intake->at) {
        buffer->size -= intake->at;
        memmove(buffer->data, buffer->data + intake->at, buffer->size);
        intake->at = 0;
    }
    *room = buffer->data + buffer->size;
    *size = buffer->capacity - buffer->size;
    return RONDO_OK;
}

void intake_took(struct intake *intake, size_t size)
{
    if (intake->body.data)
        intake->body.size += size;
    else
        intake->buffer.size += size;
}

#define REFUSE(intake, ...) \
    (snprintf((intake)->why, sizeof(intake)->why, __VA_ARGS__), RONDO_ESTATE)

/* Of whatever version: these are understood far enough to be answered. */
static bool greets(const struct frame *frame)
{
    return frame->type >= FRAME_CHALLENGE && frame->type <= FRAME_REFUSED;
}

/* What a greeted peer says of each kind is no larger: memory is for messages. */
static size_t most(const struct intake *intake, uint8_t type)
{
    size_t size = type == FRAME_MESSAGE ? intake->limit
                  : type == FRAME_OPEN  ? OPEN_MOST
                  : type == FRAME_PART  ? PART_MOST
                                        : WORDS_MOST;
    return intake->greeting ? intake->limit : smaller(size, intake->limit);
}

static int read_header(struct intake *intake)
{
    const unsigned char *bytes = intake->buffer.data + intake->at;
    struct frame *frame = &intake->frame;
    int code = frame_get(bytes, frame);
    intake->version = frame_version(bytes);
    if (intake->version < 0)
        return REFUSE(intake, "its bytes are not Rondo's");
    if (intake->greeting && !greets(frame))
        return REFUSE(intake, "a frame of type %d before the greeting", frame->type);
    if (!intake->greeting && intake->version != FRAME_VERSION)
        return REFUSE(intake, "a frame of version %d", intake->version);
    if (!intake->greeting && (code || greets(frame)))
        return REFUSE(intake, "a frame of type %d", frame->type);
    if (intake->version == FRAME_VERSION && frame->sequence != intake->sequence)
        return REFUSE(intake, "frame %u out of turn, %u was next", frame->sequence,
                      intake->sequence);
    if (frame->size > most(intake, frame->type))
        return REFUSE(intake, "a frame of %u bytes, at most %zu may come", frame->size,
                      most(intake, frame->type));
    intake->sequence++;
    intake->at += FRAME_HEADER;
    intake->inside = true;
    return RONDO_OK;
}

/* The body is larger than what the buffer holds: what is there goes where the rest will follow. */
static int begin_large(struct intake *intake, size_t there)
{
    size_t room = there > FIRST_ROOM / 2 ? 2 * there : FIRST_ROOM;
    if (body_reserve(intake, smaller(intake->frame.size, room)))
        return RONDO_ENOMEM;
    memcpy(intake->body.data, intake->buffer.data + intake->at, there);
    intake->body.size = there;
    intake->at = intake->buffer.size = 0;
    return 0;
}

int intake_next(struct intake *intake, struct frame *frame, struct rondo_buf *body)
{
    *body = (struct rondo_buf){ 0 };
    if (!intake->inside) {
        if (intake->buffer.size - intake->at < FRAME_HEADER)
            return 0;
        int code = read_header(intake);
        if (code)
            return code;
    }
    size_t size = intake->frame.size, there = intake->buffer.size - intake->at;
    if (intake->body.data) {
        if (intake->body.size < size)
            return 0;
        *body = intake->body;
        intake->body = (struct rondo_buf){ 0 };
    } else if (there < size) {
        return size > intake->buffer.capacity ? begin_large(intake, there) : 0;
    } else if (size) {
        if (buf_append(body, intake->buffer.data + intake->at, size))
            return RONDO_ENOMEM;
        intake->at += size;
    }
    *frame = intake->frame;
    intake->inside = false;
    return 1;
}

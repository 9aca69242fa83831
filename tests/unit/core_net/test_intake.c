#include "core/base/mem.h"
#include "core/net/intake.h"
#include "core/wire/session.h"

#include <criterion/criterion.h>
#include <rondo/rng.h>
#include <string.h>

enum { LIMIT = 1 << 30 };

/* As many bytes as there are, in pieces of random length; how many were taken before it refused. */
static size_t feed(struct intake *intake, const unsigned char *bytes, size_t size, uint64_t seed,
                   void (*each)(void *context, const struct frame *, struct rondo_buf *),
                   void *context, int *code)
{
    size_t at = 0;
    for (uint64_t turn = 0; at < size; turn++) {
        void *room;
        size_t most;
        struct frame frame;
        struct rondo_buf body;
        *code = intake_room(intake, &room, &most);
        if (*code)
            return at;
        size_t piece = 1 + rondo_rng_u64(seed, 0, 1, turn) % 3000;
        piece = piece < most ? piece : most;
        piece = piece < size - at ? piece : size - at;
        memcpy(room, bytes + at, piece);
        at += piece;
        intake_took(intake, piece);
        while ((*code = intake_next(intake, &frame, &body)) > 0)
            each(context, &frame, &body);
        if (*code)
            return at;
    }
    return at;
}

struct seen {
    uint32_t frames;
    uint64_t seed;
};

static size_t size_of(uint64_t seed, uint32_t number)
{
    uint64_t word = rondo_rng_u64(seed, 0, 2, number);
    return word % 5 == 0 ? (word >> 8) % 300000 : (word >> 8) % 200;
}

static void check(void *context, const struct frame *frame, struct rondo_buf *body)
{
    struct seen *seen = context;
    cr_assert_eq(frame->sequence, seen->frames);
    cr_assert_eq(body->size, size_of(seen->seed, seen->frames));
    for (size_t i = 0; i < body->size; i += 97)
        cr_assert_eq(body->data[i], (unsigned char)(seen->frames + i));
    seen->frames++;
    buf_fini(body);
}

Test(intake, frames_of_all_sizes_in_pieces_of_all_sizes)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct rondo_buf wire = { 0 };
        struct intake intake;
        struct seen seen = { .seed = seed };
        int code;
        for (uint32_t i = 0; i < 60; i++) {
            unsigned char header[FRAME_HEADER];
            struct frame frame = { .type = FRAME_MESSAGE, .sequence = i,
                                   .size = (uint32_t)size_of(seed, i) };
            frame_put(&frame, header);
            cr_assert_eq(buf_append(&wire, header, sizeof header), RONDO_OK);
            cr_assert_eq(buf_reserve(&wire, wire.size + frame.size), RONDO_OK);
            for (size_t b = 0; b < frame.size; b++)
                wire.data[wire.size++] = (unsigned char)(i + b);
        }
        cr_assert_eq(intake_init(&intake), RONDO_OK);
        cr_assert_eq(intake_open(&intake, LIMIT), RONDO_OK);
        cr_expect_eq(feed(&intake, wire.data, wire.size, seed, check, &seen, &code), wire.size);
        cr_expect_eq(code, 0);
        cr_expect_eq(seen.frames, 60u);
        intake_fini(&intake);
        buf_fini(&wire);
    }
}

Test(intake, memory_grows_with_what_came_not_with_what_was_claimed)
{
    unsigned char header[FRAME_HEADER], bytes[200000] = { 0 };
    struct intake intake;
    struct seen seen = { 0 };
    struct frame claim = { .type = FRAME_MESSAGE, .size = LIMIT };
    int code;
    cr_assert_eq(intake_init(&intake), RONDO_OK);
    cr_assert_eq(intake_open(&intake, LIMIT), RONDO_OK);
    frame_put(&claim, header);
    feed(&intake, header, sizeof header, 1, check, &seen, &code);
    feed(&intake, bytes, sizeof bytes, 1, check, &seen, &code);
    cr_expect_eq(code, 0);
    cr_expect_leq(intake.buffer.capacity + intake.body.capacity, 2 * sizeof bytes + (1 << 17));
    intake_fini(&intake);
}

static int refuse(struct frame frame, bool greeting, size_t limit, uint32_t expected)
{
    unsigned char header[FRAME_HEADER];
    struct intake intake;
    struct seen seen = { 0 };
    int code;
    cr_assert_eq(intake_init(&intake), RONDO_OK);
    if (!greeting)
        cr_assert_eq(intake_open(&intake, limit), RONDO_OK);
    intake.sequence = expected;
    frame_put(&frame, header);
    feed(&intake, header, sizeof header, 1, check, &seen, &code);
    cr_expect(code == RONDO_OK || intake.why[0]);
    intake_fini(&intake);
    return code;
}

Test(intake, what_is_not_due_is_refused_by_its_header)
{
    struct frame frame = { .type = FRAME_MESSAGE, .size = 100, .sequence = 3 };
    cr_expect_eq(refuse(frame, false, 100, 3), 0, "as it should be, and its body is awaited");
    cr_expect_eq(refuse(frame, false, 99, 3), RONDO_ESTATE, "too large");
    cr_expect_eq(refuse(frame, false, 100, 2), RONDO_ESTATE, "one was lost");
    cr_expect_eq(refuse(frame, false, 100, 4), RONDO_ESTATE, "one came again");
    cr_expect_eq(refuse(frame, true, 100, 3), RONDO_ESTATE, "before the greeting");
    frame.type = FRAME_HELLO;
    cr_expect_eq(refuse(frame, true, 100, 3), 0);
    cr_expect_eq(refuse(frame, false, 100, 3), RONDO_ESTATE, "after the greeting");
    frame.size = 4097;
    cr_expect_eq(refuse(frame, true, 0, 3), RONDO_ESTATE, "too much of a greeting");
    frame.size = UINT32_MAX;
    cr_expect_eq(refuse(frame, true, 0, 3), RONDO_ESTATE);
}

Test(intake, only_messages_may_be_large)
{
    static const struct { uint8_t type; uint32_t most; } kinds[] = {
        { FRAME_READY, 1 << 13 }, { FRAME_UNREADY, 1 << 13 }, { FRAME_GET, 1 << 13 },
        { FRAME_CLOSED, 1 << 13 }, { FRAME_LEAVING, 1 << 13 }, { FRAME_BEAT, 1 << 13 },
        { FRAME_PART, SESSION_PART + 64 }, { FRAME_OPEN, 1 << 24 }, { FRAME_MESSAGE, 1 << 30 },
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct frame frame = { .type = kinds[i].type, .size = kinds[i].most };
        cr_expect_eq(refuse(frame, false, 1 << 30, 0), 0, "type %d", frame.type);
        frame.size++;
        cr_expect_eq(refuse(frame, false, 1 << 30, 0), RONDO_ESTATE, "type %d", frame.type);
    }
}

static void count_in(void *context, const struct frame *frame, struct rondo_buf *body)
{
    (void)frame;
    ++*(int *)context;
    buf_fini(body);
}

Test(intake, random_bytes_are_refused_and_leave_nothing)
{
    int64_t live = mem_live();
    for (uint64_t seed = 0; seed < 2000; seed++) {
        unsigned char bytes[300];
        struct intake intake;
        int code, frames = 0;
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (unsigned char)rondo_rng_u64(seed, 0, 3, i);
        if (seed % 2) { /* as far as a header they are ours */
            struct frame frame = { .type = FRAME_MESSAGE, .size = bytes[0] };
            frame_put(&frame, bytes);
        }
        cr_assert_eq(intake_init(&intake), RONDO_OK);
        cr_assert_eq(intake_open(&intake, LIMIT), RONDO_OK);
        feed(&intake, bytes, sizeof bytes, seed, count_in, &frames, &code);
        cr_expect_eq(code, frames && bytes[16] + 2 * FRAME_HEADER > (int)sizeof bytes
                               ? 0 : RONDO_ESTATE);
        intake_fini(&intake);
    }
    cr_expect_eq(mem_live(), live);
}

#include "core/base/mem.h"
#include "core/wire/message.h"
#include "tests/apps/apps.h"
#include "tests/support/drive_job.h"

#include <criterion/criterion.h>
#include <string.h>

/* Messages of the rotating app, whose blocks travel as objects. */
struct post {
    void *problem;
    struct parcel_pool pool;
    struct message_codec codec;
};

static void post_init(struct post *post)
{
    cr_assert_eq(app_rotate.open(drive_host(), NULL, &post->problem, NULL), RONDO_OK);
    parcel_pool_init(&post->pool);
    post->codec = (struct message_codec){ &app_rotate, post->problem, &post->pool };
}

static void post_fini(struct post *post)
{
    parcel_pool_fini(&post->pool);
    app_rotate.close(post->problem);
}

static uint64_t draw(uint64_t seed, uint64_t item)
{
    return rondo_rng_u64(seed, 0, 300, item);
}

/* None in one case of four, else random bytes, or none at all in it. */
static struct parcel *random_parcel(struct post *post, uint64_t seed, uint64_t item)
{
    uint64_t word = draw(seed, item);
    if (word % 4 == 0)
        return NULL;
    size_t size = word % 4 == 1 ? 0 : (word >> 8) % 100;
    struct parcel *parcel = parcel_take(&post->pool, size);
    cr_assert_not_null(parcel);
    for (size_t i = 0; i < size; i++)
        parcel->buf.data[i] = (unsigned char)draw(seed, item * 1000 + i);
    parcel->buf.size = size;
    return parcel;
}

static struct message random_message(struct post *post, uint8_t type, uint64_t seed)
{
    uint64_t a = draw(seed, 1), b = draw(seed, 2);
    struct message message = {
        .type = type, .flags = (uint8_t)(a % 8), .kind = (uint8_t)(b % 5), .epoch = (uint32_t)a,
        .tag = (uint32_t)(a >> 32), .code = -(int32_t)(b % 8), .phase = (int32_t)(b % 100),
        .block = (int32_t)(b % (uint64_t)app_rotate_shape.blocks), .shard = (int32_t)(a % 9) - 1,
        .round = (int64_t)draw(seed, 3), .ticket = (int64_t)draw(seed, 4),
        .count = (int64_t)(draw(seed, 5) >> 1), .run_ns = (int64_t)(draw(seed, 21) >> 1),
    };
    message.variables = random_parcel(post, seed, 6);
    message.brief = random_parcel(post, seed, 7);
    message.couplings = random_parcel(post, seed, 8);
    message.body = random_parcel(post, seed, 9);
    struct parcel **tail = &message.partials;
    for (uint64_t i = 0; i < draw(seed, 10) % 5; i++) {
        struct parcel *partial = random_parcel(post, seed, 11 + i);
        if (partial) {
            *tail = partial;
            tail = &partial->next;
        }
    }
    if ((type == MESSAGE_PUSH || type == MESSAGE_DONE) && draw(seed, 20) % 2)
        cr_assert_eq(app_rotate.block.create(post->problem, message.block, &message.object, NULL),
                     RONDO_OK);
    return message;
}

static void expect_same_parcel(const struct parcel *a, const struct parcel *b)
{
    cr_expect_eq(a == NULL, b == NULL);
    if (!a || !b)
        return;
    cr_assert_eq(a->buf.size, b->buf.size);
    cr_expect(a->buf.size == 0 || memcmp(a->buf.data, b->buf.data, a->buf.size) == 0);
}

static void expect_same_object(struct post *post, const void *a, const void *b)
{
    struct rondo_buf one = { 0 }, two = { 0 };
    cr_expect_eq(a == NULL, b == NULL);
    if (!a || !b)
        return;
    cr_assert_eq(app_rotate.block.pack(post->problem, a, &one), RONDO_OK);
    cr_assert_eq(app_rotate.block.pack(post->problem, b, &two), RONDO_OK);
    cr_expect(one.size == two.size && memcmp(one.data, two.data, one.size) == 0);
    buf_fini(&one);
    buf_fini(&two);
}

static void expect_same(struct post *post, const struct message *a, const struct message *b)
{
    cr_expect(a->type == b->type && a->flags == b->flags && a->kind == b->kind
              && a->epoch == b->epoch && a->tag == b->tag && a->code == b->code);
    cr_expect(a->phase == b->phase && a->block == b->block && a->shard == b->shard
              && a->round == b->round && a->ticket == b->ticket && a->count == b->count
              && a->run_ns == b->run_ns);
    expect_same_parcel(a->variables, b->variables);
    expect_same_parcel(a->brief, b->brief);
    expect_same_parcel(a->couplings, b->couplings);
    expect_same_parcel(a->body, b->body);
    const struct parcel *p = a->partials, *q = b->partials;
    for (; p && q; p = p->next, q = q->next)
        expect_same_parcel(p, q);
    cr_expect(!p && !q);
    expect_same_object(post, a->object, b->object);
}

Test(message, what_is_encoded_comes_back)
{
    struct post post;
    struct rondo_buf bytes = { 0 };
    post_init(&post);
    for (uint8_t type = MESSAGE_STATE; type <= MESSAGE_FAILED; type++)
        for (uint64_t seed = 0; seed < 100; seed++) {
            struct message message = random_message(&post, type, seed * 16 + type), back;
            bytes.size = 0;
            cr_assert_eq(message_encode(&message, &post.codec, &bytes), RONDO_OK);
            cr_assert_eq(message_decode((struct rondo_bytes){ bytes.data, bytes.size },
                                        &post.codec, &back), RONDO_OK);
            expect_same(&post, &message, &back);
            message_discard(&message, &post.codec);
            message_discard(&back, &post.codec);
            cr_assert_null(back.body);
        }
    buf_fini(&bytes);
    post_fini(&post);
}

Test(message, a_cut_message_is_refused)
{
    struct post post;
    struct rondo_buf bytes = { 0 };
    post_init(&post);
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct message message = random_message(&post, MESSAGE_PUSH, seed), back;
        bytes.size = 0;
        cr_assert_eq(message_encode(&message, &post.codec, &bytes), RONDO_OK);
        message_discard(&message, &post.codec);
        for (size_t size = 0; size < bytes.size; size++) {
            struct rondo_bytes cut = { bytes.data, size };
            cr_assert_eq(message_decode(cut, &post.codec, &back), RONDO_ESTATE, "%zu", size);
            cr_assert(!back.body && !back.partials && !back.object && !back.variables);
        }
        cr_assert_eq(buf_append(&bytes, "", 1), RONDO_OK);
        cr_assert_eq(message_decode((struct rondo_bytes){ bytes.data, bytes.size }, &post.codec,
                                    &back), RONDO_ESTATE, "one byte too many");
    }
    buf_fini(&bytes);
    post_fini(&post);
}

Test(message, a_changed_byte_is_refused_or_read_as_another_message)
{
    struct post post;
    struct rondo_buf bytes = { 0 };
    int64_t refused = 0, read = 0;
    post_init(&post);
    for (uint64_t seed = 0; seed < 10; seed++) {
        struct message message = random_message(&post, seed % 2 ? MESSAGE_PUSH : MESSAGE_DONE, seed);
        bytes.size = 0;
        cr_assert_eq(message_encode(&message, &post.codec, &bytes), RONDO_OK);
        message_discard(&message, &post.codec);
        for (size_t at = 0; at < bytes.size; at++)
            for (int bit = 0; bit < 9; bit++) {
                unsigned char old = bytes.data[at];
                bytes.data[at] = (unsigned char)(old ^ (bit == 8 ? 0xff : 1 << bit));
                int code = message_decode((struct rondo_bytes){ bytes.data, bytes.size },
                                          &post.codec, &message);
                refused += code == RONDO_ESTATE;
                read += code == RONDO_OK;
                if (code == RONDO_OK)
                    message_discard(&message, &post.codec);
                else
                    cr_assert_eq(code, RONDO_ESTATE, "%s", rondo_strerror(code));
                bytes.data[at] = old;
            }
    }
    cr_expect_gt(refused, 1000);
    cr_expect_gt(read, 1000);
    buf_fini(&bytes);
    post_fini(&post);
}

/* Where a length is claimed that the bytes do not hold, no memory is asked for. */
Test(message, a_great_length_is_refused_without_asking_for_memory)
{
    struct post post;
    struct rondo_buf bytes = { 0 };
    struct message message = { .type = MESSAGE_DONE }, back;
    post_init(&post);
    message.body = parcel_take(&post.pool, 8);
    cr_assert_not_null(message.body);
    cr_assert_eq(buf_append(&message.body->buf, "12345678", 8), RONDO_OK);
    cr_assert_eq(message_encode(&message, &post.codec, &bytes), RONDO_OK);
    message_discard(&message, &post.codec);
    unsigned char *body = bytes.data + bytes.size - 2 - 8; /* behind it: no partials, no object */
    cr_assert_eq(memcmp(body, "12345678", 8), 0);
    static const uint64_t claims[] = { UINT64_C(1) << 32, UINT64_MAX, UINT64_MAX - 7,
                                       UINT64_C(1) << 63, 11 };
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        memcpy(body - 8, &claims[i], sizeof claims[i]);
        uint64_t before = mem_count();
        cr_expect_eq(message_decode((struct rondo_bytes){ bytes.data, bytes.size }, &post.codec,
                                    &back), RONDO_ESTATE);
        cr_expect_eq(mem_count() - before, 0);
    }
    buf_fini(&bytes);
    post_fini(&post);
}

Test(message, an_object_of_a_block_that_is_not_there_is_refused)
{
    struct post post;
    struct rondo_buf bytes = { 0 };
    static const int32_t blocks[] = { -1, 7, INT32_MAX, INT32_MIN };
    post_init(&post);
    for (int i = 0; i < 5; i++) {
        struct message message = { .type = i < 4 ? MESSAGE_PUSH : MESSAGE_COMMIT }, back;
        cr_assert_eq(app_rotate.block.create(post.problem, 0, &message.object, NULL), RONDO_OK);
        message.block = i < 4 ? blocks[i] : 0;
        bytes.size = 0;
        cr_assert_eq(message_encode(&message, &post.codec, &bytes), RONDO_OK);
        message_discard(&message, &post.codec);
        cr_expect_eq(message_decode((struct rondo_bytes){ bytes.data, bytes.size }, &post.codec,
                                    &back), RONDO_ESTATE);
    }
    buf_fini(&bytes);
    post_fini(&post);
}

Test(message, memory_that_runs_out_is_said_and_nothing_leaks)
{
    struct post post;
    post_init(&post);
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct message message = random_message(&post, MESSAGE_PUSH, seed), back;
        struct rondo_buf bytes = { 0 };
        cr_assert_eq(message_encode(&message, &post.codec, &bytes), RONDO_OK);
        for (uint64_t k = 1; k < 40; k++) {
            struct parcel_pool pool;
            parcel_pool_init(&pool);
            struct message_codec codec = { &app_rotate, post.problem, &pool };
            int64_t live = mem_live();
            mem_fail_at(k);
            int code = message_decode((struct rondo_bytes){ bytes.data, bytes.size }, &codec, &back);
            mem_fail_at(0);
            if (code == RONDO_OK)
                message_discard(&back, &codec);
            cr_assert(code == RONDO_OK || code == RONDO_ENOMEM);
            parcel_pool_fini(&pool);
            cr_assert_eq(mem_live(), live);
        }
        message_discard(&message, &post.codec);
        buf_fini(&bytes);
    }
    post_fini(&post);
}

static struct parcel *large_parcel(struct post *post, size_t size, int byte)
{
    struct parcel *parcel = parcel_take(&post->pool, size);
    cr_assert_not_null(parcel);
    memset(parcel->buf.data, byte, size);
    parcel->buf.size = size;
    return parcel;
}

/* However many of its parcels are lent, the pieces are the message's bytes. */
Test(message, in_pieces_it_has_the_same_bytes)
{
    struct post post;
    struct rondo_buf whole = { 0 }, pieces = { 0 }, scratch = { 0 };
    struct rondo_bytes part[MESSAGE_PARTS];
    int count;
    post_init(&post);
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct message message = random_message(&post, MESSAGE_PUSH, seed);
        for (uint64_t i = 0; i < seed % 7; i++) { /* more than can be lent, in a row and apart */
            struct parcel *parcel = large_parcel(&post, 8000 + i * 1000, (int)i);
            if (i % 2) {
                parcel->next = message.partials;
                message.partials = parcel;
            } else {
                struct parcel **slot = i == 0 ? &message.variables
                                     : i == 2 ? &message.couplings : &message.body;
                parcel_drop(*slot);
                *slot = parcel;
            }
        }
        whole.size = pieces.size = 0;
        cr_assert_eq(message_encode(&message, &post.codec, &whole), RONDO_OK);
        cr_assert_eq(message_encode_parts(&message, &post.codec, &scratch, part, &count), RONDO_OK);
        cr_assert_leq(count, MESSAGE_PARTS);
        for (int i = 0; i < count; i++)
            cr_assert_eq(buf_append(&pieces, part[i].data, part[i].size), RONDO_OK);
        cr_assert_eq(pieces.size, whole.size);
        cr_expect_eq(memcmp(pieces.data, whole.data, whole.size), 0);
        cr_expect(seed % 7 < 4 || scratch.size < whole.size, "some are lent");
        message_discard(&message, &post.codec);
    }
    buf_fini(&whole);
    buf_fini(&pieces);
    buf_fini(&scratch);
    post_fini(&post);
}

#include "core/base/mem.h"
#include "core/wire/frame.h"

#include <criterion/criterion.h>
#include <rondo/rng.h>
#include <stdio.h>
#include <string.h>

/* The example of docs/formats/wire.md. */
static const unsigned char GOLDEN[FRAME_HEADER] = {
    0x52, 0x64, 0x6f, 0x66, 0x01, 0x15, 0x02, 0x00, 0x07, 0x00,
    0x00, 0x00, 0x2a, 0x00, 0x00, 0x00, 0x68, 0x00, 0x00, 0x00,
};

Test(frame, the_header_has_the_bytes_that_the_document_gives)
{
    struct frame frame = { .type = FRAME_MESSAGE, .seat = 2, .session = 7, .sequence = 42,
                           .size = 104 }, back;
    unsigned char bytes[FRAME_HEADER];
    frame_put(&frame, bytes);
    cr_assert_arr_eq(bytes, GOLDEN, sizeof bytes);
    cr_assert_eq(frame_get(GOLDEN, &back), RONDO_OK);
    cr_expect_eq(back.type, FRAME_MESSAGE);
    cr_expect_eq(back.seat, 2);
    cr_expect_eq(back.session, 7u);
    cr_expect_eq(back.sequence, 42u);
    cr_expect_eq(back.size, 104u);
    cr_expect_eq(frame_version(GOLDEN), 1);
}

Test(frame, headers_go_both_ways)
{
    for (uint64_t seed = 0; seed < 1000; seed++) {
        uint64_t a = rondo_rng_u64(seed, 0, 0, 0), b = rondo_rng_u64(seed, 0, 0, 1);
        struct frame frame = { .type = (uint8_t)(FRAME_OPEN + a % 9), .seat = (uint16_t)b,
                               .session = (uint32_t)(a >> 32), .sequence = (uint32_t)(b >> 32),
                               .size = (uint32_t)(a >> 8) }, back;
        unsigned char bytes[FRAME_HEADER], again[FRAME_HEADER];
        frame_put(&frame, bytes);
        cr_assert_eq(frame_get(bytes, &back), RONDO_OK);
        frame_put(&back, again);
        cr_assert_arr_eq(bytes, again, sizeof bytes);
    }
}

Test(frame, another_magic_version_or_type_is_refused)
{
    struct frame frame;
    for (int i = 0; i < 6; i++) {
        unsigned char bytes[FRAME_HEADER];
        memcpy(bytes, GOLDEN, sizeof bytes);
        bytes[i] ^= 0x40;
        cr_expect_eq(frame_get(bytes, &frame), RONDO_ESTATE);
        cr_expect_eq(frame.size, i < 4 ? 0u : 104u, "read as far as the magic is ours");
        cr_expect_eq(frame_version(bytes), i < 4 ? -1 : i == 4 ? 0x41 : 1);
    }
    unsigned char bytes[FRAME_HEADER];
    memcpy(bytes, GOLDEN, sizeof bytes);
    int known = 0;
    for (int type = 0; type < 256; type++) {
        bytes[5] = (unsigned char)type;
        known += frame_get(bytes, &frame) == RONDO_OK;
    }
    cr_expect_eq(known, 14);
}

static struct frame_hello a_hello(void)
{
    struct frame_hello hello = {
        .version = FRAME_VERSION,
        .who = { .name = "node7.123", .host = "node7", .build = "0.1.0", .isa = "x86-64-v3",
                 .device = "cpu", .pid = 123, .threads = 8 },
    };
    for (int i = 0; i < FRAME_NONCE; i++) {
        hello.nonce[i] = (unsigned char)i;
        hello.mac[i] = (unsigned char)(255 - i);
    }
    return hello;
}

Test(frame, the_greetings_go_both_ways)
{
    struct rondo_buf out = { 0 };
    struct frame_challenge challenge = { .version = 1, .nonce = { 1, 2, 3 }, .build = "0.1.0" }, c;
    cr_assert_eq(frame_put_challenge(&challenge, &out), RONDO_OK);
    cr_assert_eq(frame_get_challenge((struct rondo_bytes){ out.data, out.size }, &c), RONDO_OK);
    cr_expect_arr_eq(&c, &challenge, sizeof c);

    struct frame_hello hello = a_hello(), h;
    out.size = 0;
    cr_assert_eq(frame_put_hello(&hello, &out), RONDO_OK);
    cr_assert_eq(frame_get_hello((struct rondo_bytes){ out.data, out.size }, &h), RONDO_OK);
    cr_expect_arr_eq(&h, &hello, sizeof h);

    struct frame_welcome welcome = { .mac = { 9 }, .lease_ms = 5000, .beat_ms = 1000 }, w;
    out.size = 0;
    cr_assert_eq(frame_put_welcome(&welcome, &out), RONDO_OK);
    cr_assert_eq(frame_get_welcome((struct rondo_bytes){ out.data, out.size }, &w), RONDO_OK);
    cr_expect_arr_eq(&w, &welcome, sizeof w);
    buf_fini(&out);
}

Test(frame, a_greeting_that_does_not_fit_exactly_is_refused)
{
    struct rondo_buf out = { 0 };
    struct frame_hello hello = a_hello(), h;
    cr_assert_eq(frame_put_hello(&hello, &out), RONDO_OK);
    for (size_t size = 0; size < out.size; size++)
        cr_expect_eq(frame_get_hello((struct rondo_bytes){ out.data, size }, &h), RONDO_ESTATE);
    cr_assert_eq(buf_append(&out, "", 1), RONDO_OK);
    cr_expect_eq(frame_get_hello((struct rondo_bytes){ out.data, out.size }, &h), RONDO_ESTATE);
    out.data[4 + FRAME_NONCE + FRAME_MAC + 1] = 0x1b; /* an escape in the name */
    out.size--;
    cr_expect_eq(frame_get_hello((struct rondo_bytes){ out.data, out.size }, &h), RONDO_ESTATE);
    buf_fini(&out);
    hello.who.threads = 0;
    cr_assert_eq(frame_put_hello(&hello, &out), RONDO_OK);
    cr_expect_eq(frame_get_hello((struct rondo_bytes){ out.data, out.size }, &h), RONDO_ESTATE,
                 "no seat at all");
    buf_fini(&out);
}

/* Of everything that goes into a mac a change is seen. */
Test(frame, a_mac_is_of_token_side_nonces_and_who)
{
    struct frame_hello hello = a_hello();
    unsigned char challenge[FRAME_NONCE] = { 7 }, mac[7][FRAME_MAC];
    frame_mac("secret", "worker", challenge, hello.nonce, &hello.who, mac[0]);
    frame_mac("Secret", "worker", challenge, hello.nonce, &hello.who, mac[1]);
    frame_mac("secret", "coordinator", challenge, hello.nonce, &hello.who, mac[2]);
    frame_mac("secret", "worker", hello.nonce, challenge, &hello.who, mac[3]);
    hello.who.threads++;
    frame_mac("secret", "worker", challenge, hello.nonce, &hello.who, mac[4]);
    hello.who.threads--;
    memcpy(hello.who.name, "node7.12", 9); /* the same bytes, cut elsewhere */
    memcpy(hello.who.host, "3node7", 7);
    frame_mac("secret", "worker", challenge, hello.nonce, &hello.who, mac[5]);
    frame_mac("", "worker", challenge, hello.nonce, &hello.who, mac[6]);
    for (int i = 0; i < 7; i++)
        for (int j = 0; j < i; j++)
            cr_expect(memcmp(mac[i], mac[j], FRAME_MAC) != 0, "%d and %d", i, j);
}

/* By another implementation, Python's hmac with the key "token", over the bytes that
 * docs/formats/wire.md lists. */
Test(frame, a_mac_is_what_others_compute)
{
    static const char *HEX = "fa348b675f87df49e2ace74d3714cff111c36bd1fdfda08314af6bb965520580";
    struct frame_hello hello = a_hello();
    unsigned char challenge[FRAME_NONCE], mac[FRAME_MAC];
    char said[2 * FRAME_MAC + 1];
    for (int i = 0; i < FRAME_NONCE; i++)
        challenge[i] = 0x20;
    frame_mac("token", "worker", challenge, hello.nonce, &hello.who, mac);
    for (size_t i = 0; i < FRAME_MAC; i++)
        snprintf(said + 2 * i, 3, "%02x", mac[i]);
    cr_expect_str_eq(said, HEX);
}

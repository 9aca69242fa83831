/* Frame headers and the bodies of the greeting: the first byte chooses which; what is read is written
 * back as the same bytes. */
#include "core/base/mem.h"
#include "core/wire/frame.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

enum { FRAME_BYTES = 1 << 12 };

static void check_header(const uint8_t *data, size_t size)
{
    struct frame frame;
    unsigned char out[FRAME_HEADER];
    if (size != FRAME_HEADER)
        return;
    int code = frame_get(data, &frame);
    fuzz_check(!code || code == RONDO_ESTATE, "the code is %d", code);
    if (code)
        return;
    frame_put(&frame, out);
    fuzz_check(memcmp(data, out, FRAME_HEADER) == 0, "a header comes back with other bytes");
}

static void check_text(const char *text, size_t room)
{
    const char *end = memchr(text, 0, room);
    fuzz_check(end, "a text without an end");
    for (; text < end; text++)
        fuzz_check(*text >= 32 && *text < 127, "a text with the byte %d", *text);
}

static int check_challenge(struct rondo_bytes in, struct rondo_buf *out)
{
    struct frame_challenge body;
    int code = frame_get_challenge(in, &body);
    if (code)
        return code;
    check_text(body.build, sizeof body.build);
    return frame_put_challenge(&body, out) ? RONDO_ENOMEM : RONDO_OK;
}

static int check_hello(struct rondo_bytes in, struct rondo_buf *out)
{
    struct frame_hello body;
    unsigned char mac[FRAME_MAC];
    int code = frame_get_hello(in, &body);
    if (code)
        return code;
    check_text(body.who.name, sizeof body.who.name);
    check_text(body.who.host, sizeof body.who.host);
    check_text(body.who.build, sizeof body.who.build);
    check_text(body.who.isa, sizeof body.who.isa);
    check_text(body.who.device, sizeof body.who.device);
    frame_mac("token", "worker", body.nonce, body.nonce, &body.who, mac);
    return frame_put_hello(&body, out) ? RONDO_ENOMEM : RONDO_OK;
}

static int check_welcome(struct rondo_bytes in, struct rondo_buf *out)
{
    struct frame_welcome body;
    int code = frame_get_welcome(in, &body);
    return code ? code : frame_put_welcome(&body, out) ? RONDO_ENOMEM : RONDO_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int (*const check[])(struct rondo_bytes, struct rondo_buf *) = {
        check_challenge, check_hello, check_welcome,
    };
    if (!size)
        return 0;
    int choice = data[0] % 4;
    uint8_t *copy = fuzz_copy(data + 1, --size);
    fuzz_begin(FRAME_BYTES);
    if (choice == 3) {
        check_header(copy, size);
    } else {
        struct rondo_buf out = { 0 };
        int code = check[choice]((struct rondo_bytes){ copy, size }, &out);
        fuzz_check(!code || code == RONDO_ESTATE, "the code is %d", code);
        fuzz_check(code || (out.size == size && memcmp(out.data, copy, size) == 0),
                   "a body comes back with other bytes");
        buf_fini(&out);
    }
    fuzz_end();
    fuzz_drop(copy);
    return 0;
}

/* Frame headers and the bodies of the greeting: the first byte chooses which; what is read is written
 * back as the same bytes. */
#include "core/base/mem.h"
#include "core/wire/frame.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

enum { FRAME_BYTES = 1 << 12 };

static int check_header(struct rondo_bytes in, struct rondo_buf *out)
{
    struct frame frame;
    unsigned char bytes[FRAME_HEADER];
    int code = in.size == FRAME_HEADER ? frame_get(in.data, &frame) : RONDO_ESTATE;
    if (code)
        return code;
    frame_put(&frame, bytes);
    return buf_append(out, bytes, sizeof bytes) ? RONDO_ENOMEM : RONDO_OK;
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
    static fuzz_reader *const reader[] = {
        check_challenge, check_hello, check_welcome, check_header,
    };
    if (size)
        fuzz_same(reader[data[0] % 4], data + 1, size - 1, FRAME_BYTES);
    return 0;
}

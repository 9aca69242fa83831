/* The words by which a job comes to a worker: the first byte chooses which; what is read is written
 * back as the same bytes. */
#include "core/base/mem.h"
#include "core/wire/session.h"
#include "tests/fuzz/fuzz.h"

enum { SESSION_BYTES = 1 << 14, BYTES_PER_BYTE = 4 };

static void check_text(struct rondo_bytes text)
{
    const char *at = text.data;
    fuzz_check(text.size > 0 && at[text.size - 1] == 0, "a text without an end");
}

static int check_open(struct rondo_bytes in, struct rondo_buf *out)
{
    struct session_open body;
    int code = session_get_open(in, &body);
    if (code)
        return code;
    fuzz_check(body.files >= 0 && body.files <= SESSION_FILES, "%d files", body.files);
    check_text(body.isa);
    for (int32_t i = 0; i < body.files; i++) {
        check_text(body.file[i].key);
        check_text(body.file[i].path);
    }
    return session_put_open(&body, out) ? RONDO_ENOMEM : RONDO_OK;
}

static int check_ready(struct rondo_bytes in, struct rondo_buf *out)
{
    struct session_ready body;
    int code = session_get_ready(in, &body);
    return code ? code : session_put_ready(&body, out) ? RONDO_ENOMEM : RONDO_OK;
}

static int check_unready(struct rondo_bytes in, struct rondo_buf *out)
{
    struct session_unready body;
    int code = session_get_unready(in, &body);
    if (code)
        return code;
    check_text(body.why);
    return session_put_unready(&body, out) ? RONDO_ENOMEM : RONDO_OK;
}

static int check_get(struct rondo_bytes in, struct rondo_buf *out)
{
    struct session_get body;
    int code = session_get_get(in, &body);
    return code ? code : session_put_get(&body, out) ? RONDO_ENOMEM : RONDO_OK;
}

static int check_part(struct rondo_bytes in, struct rondo_buf *out)
{
    struct session_part body;
    int code = session_get_part(in, &body);
    if (code)
        return code;
    code = session_put_part(&body, out); /* the head alone */
    return code || buf_append(out, body.bytes.data, body.bytes.size) ? RONDO_ENOMEM : RONDO_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static fuzz_reader *const reader[] = {
        check_open, check_ready, check_unready, check_get, check_part,
    };
    if (size--)
        fuzz_same(reader[data[0] % 5], data + 1, size, SESSION_BYTES + BYTES_PER_BYTE * size);
    return 0;
}

/* The wire decoder: what is read is written back as the same bytes. */
#include "core/base/mem.h"
#include "core/wire/message.h"
#include "tests/apps/apps.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/drive_job.h"

#include <string.h>

/* A parcel costs its struct and a block of at least 9 bytes' text; the app's blocks are small. */
enum { MESSAGE_BYTES = 1 << 16, BYTES_PER_BYTE = 64 };

static void check_encoding(const struct message *message, const struct message_codec *codec,
                           const uint8_t *data, size_t size)
{
    struct rondo_buf out = { 0 };
    int code = message_encode(message, codec, &out);
    fuzz_check(!code, "what was decoded is not encoded: %d", code);
    fuzz_check(out.size == size && memcmp(out.data, data, size) == 0,
               "%zu bytes were read, other %zu bytes are written", size, out.size);
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void *problem;
    if (!problem) {
        int code = app_rotate.open(drive_host(), NULL, &problem, NULL);
        fuzz_check(!code, "no problem");
    }
    struct parcel_pool pool;
    struct message message;
    struct message_codec codec = { &app_rotate, problem, &pool };
    uint8_t *copy = fuzz_copy(data, size);
    fuzz_begin(MESSAGE_BYTES + BYTES_PER_BYTE * size);
    parcel_pool_init(&pool);
    int code = message_decode((struct rondo_bytes){ copy, size }, &codec, &message);
    fuzz_check(!code || code == RONDO_ESTATE, "the code is %d", code);
    if (code) {
        static const struct message empty;
        fuzz_check(memcmp(&message, &empty, sizeof empty) == 0, "a refused message is not empty");
    } else {
        check_encoding(&message, &codec, copy, size);
        message_discard(&message, &codec);
    }
    parcel_pool_fini(&pool);
    fuzz_end();
    fuzz_drop(copy);
    return 0;
}

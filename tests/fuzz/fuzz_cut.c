/* What is inside a checkpoint: the first byte chooses the app, the rest is its cut, which an engine
 * restores and takes up with one worker. */
#include "core/base/mem.h"
#include "tests/apps/apps.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/drive_job.h"

enum { ENGINE_BYTES = 8 << 20, BYTES_PER_BYTE = 64 };

static const struct rondo_app *const apps[] = { &app_reduce, &app_rotate, &app_gather, &app_empty };
enum { APPS = sizeof apps / sizeof *apps };

static const void *problem_of(int app)
{
    static void *problem[APPS];
    if (!problem[app]) {
        int code = apps[app]->open(drive_host(), NULL, &problem[app], NULL);
        fuzz_check(!code, "no problem");
    }
    return problem[app];
}

/* Takes up the job; what it wants said is dropped. */
static void take_up(struct engine *engine, const struct message_codec *codec)
{
    struct message message;
    int32_t worker;
    engine_join(engine, 0);
    while (engine_outgoing(engine, &worker, &message))
        message_discard(&message, codec);
    if (engine_state(engine) == ENGINE_FAILED) {
        const struct rondo_error *err = engine_error(engine);
        fuzz_says(err->code, err);
        fuzz_check(err->code != RONDO_ENOMEM, "memory is not short");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    int app = data[0] % APPS;
    struct drive_job job = { .app = apps[app], .rounds = 1 << 20 };
    struct engine_options options = drive_engine_options(&job, problem_of(app));
    struct message_codec codec = { apps[app], options.problem, NULL };
    struct engine *engine = NULL;
    struct rondo_error err = { 0 };
    uint8_t *cut = fuzz_copy(data + 1, --size);
    fuzz_begin(ENGINE_BYTES + BYTES_PER_BYTE * size);
    int code = engine_create(&options, NULL, &engine, &err);
    fuzz_check(!code, "no engine: %s", err.what);
    code = engine_restore(engine, (struct rondo_bytes){ cut, size }, NULL, &err);
    fuzz_says(code, &err);
    fuzz_check(!code || code == RONDO_ESTATE, "the code is %d", code);
    if (!code)
        take_up(engine, &codec);
    engine_destroy(engine);
    fuzz_end();
    fuzz_drop(cut);
    return 0;
}

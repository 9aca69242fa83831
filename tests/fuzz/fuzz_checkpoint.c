/* checkpoint.rondo, as --resume reads it.  The first byte '1' has the seal (sha256) put behind the
 * rest, so that what lies under it is reached; else the file is the rest as it stands. */
#include "apps/registry.h"
#include "coordinator/store.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STORE_BYTES = 1 << 20, BYTES_PER_BYTE = 512, SEAL = 64 };

static char dir[64];
static struct rondo_job *job;

static const char spec[] = "{ \"version\": 1, \"app\": \"lasso\", \"data\": { \"x\": \"x.svm\" },"
                           " \"params\": { \"lambda\": 0.5 } }";

static void leave(void)
{
    static const char *const names[] = { "spec.json", "checkpoint.rondo" };
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    rmdir(dir);
}

/* The output directory of a job, in memory where the system has such a place. */
static void enter(void)
{
    char path[128];
    struct rondo_error err = { 0 };
    snprintf(dir, sizeof dir, "/dev/shm/rondo-fuzz-XXXXXX");
    if (!mkdtemp(dir)) {
        snprintf(dir, sizeof dir, "/tmp/rondo-fuzz-XXXXXX");
        fuzz_check(mkdtemp(dir), "no folder");
    }
    atexit(leave);
    snprintf(path, sizeof path, "%s/spec.json", dir);
    FILE *file = fopen(path, "we");
    fuzz_check(file && fputs(spec, file) >= 0 && fclose(file) == 0, "cannot write %s", path);
    int code = job_load(path, NULL, 0, &registry_apps, &job, &err);
    fuzz_check(!code, "%s: %s", err.where, err.what);
}

static void put(const void *bytes, size_t size, const char *seal)
{
    char path[128];
    snprintf(path, sizeof path, "%s/checkpoint.rondo", dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool good = fd >= 0 && write(fd, bytes, size) == (ssize_t)size
                && write(fd, seal, strlen(seal)) == (ssize_t)strlen(seal);
    fuzz_check(good && close(fd) == 0, "a short write");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char seal[SEAL + 1] = "";
    struct store *store = NULL;
    struct rondo_bytes cut = { 0 };
    struct rondo_error err = { 0 };
    if (!size)
        return 0;
    if (!job)
        enter();
    if (data[0] == '1')
        file_sha256_of(data + 1, size - 1, seal);
    put(data + 1, size - 1, seal);
    fuzz_begin(STORE_BYTES + BYTES_PER_BYTE * size);
    struct store_options options = { .job = job, .dir = dir, .resume = true };
    int code = store_open(&options, &store, &cut, &err);
    fuzz_says(code, &err);
    fuzz_check(code != RONDO_ENOMEM, "memory is not short");
    if (!code) {
        struct store_ground ground = { "x86-64-v3", 0 };
        fuzz_check(cut.size < size && (uintptr_t)cut.data % sizeof(double) == 0, "the cut's bytes");
        fuzz_says(store_check(store, &ground, &err), &err);
    }
    store_close(store);
    fuzz_end();
    return 0;
}

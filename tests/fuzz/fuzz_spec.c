/* Specs: a text, then lines "#set KEY=VALUE" at its end, as --set gives them.  The canonical text of
 * an accepted spec is accepted, is its own canonical text, and says the same job. */
#define _GNU_SOURCE /* memmem */
#include "apps/registry.h"
#include "core/base/mem.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

enum { SETS = 4, SPEC_BYTES = 1 << 18, BYTES_PER_BYTE = 512 };

static const char mark[] = "\n#set ";

/* Cuts the overrides off the text; returns its length.  A line that holds a NUL ends there. */
static size_t split(char *text, size_t size, const char *sets[SETS], int *count)
{
    size_t length = size;
    *count = 0;
    for (char *at = text; (at = memmem(at, (size_t)(text + size - at), mark, sizeof mark - 1));) {
        length = length == size ? (size_t)(at - text) : length;
        *at = 0;
        at += sizeof mark - 1;
        if (*count < SETS)
            sets[(*count)++] = at;
    }
    return length;
}

static void check_canonical(const struct rondo_job *job)
{
    struct rondo_job *again = NULL;
    struct rondo_error err = { 0 };
    char *first = job_canonical(job);
    fuzz_check(first, "no canonical text");
    int code = job_parse(first, strlen(first), "canonical", "/", NULL, 0, &registry_apps, &again,
                         &err);
    fuzz_check(!code, "%s: the canonical text is refused: %s\n%s", err.where, err.what, first);
    char *second = job_canonical(again);
    fuzz_check(second && strcmp(first, second) == 0, "two canonical texts:\n%s\n%s", first, second);
    code = job_resumable(job, again, &err);
    fuzz_check(!code, "%s: %s", err.where, err.what);
    fuzz_check(job_memory_bytes(job) == job_memory_bytes(again), "limits.memory changes");
    mem_free(first);
    mem_free(second);
    job_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *sets[SETS];
    int count;
    struct rondo_job *job = NULL;
    struct rondo_error err = { 0 };
    /* One NUL ends the last override; the text before it must not be read as a string. */
    char *ended = fuzz_text(data, size);
    size_t length = split(ended, size, sets, &count);
    uint8_t *text = fuzz_copy((uint8_t *)ended, length);
    fuzz_begin(SPEC_BYTES + BYTES_PER_BYTE * size);
    int code = job_parse((char *)text, length, "job.json", "/data/here", sets, count,
                         &registry_apps, &job, &err);
    fuzz_says(code, &err);
    fuzz_check(!code == !!job, "code %d and %s job", code, job ? "a" : "no");
    fuzz_check(code != RONDO_ENOMEM, "memory is not short");
    if (!code)
        check_canonical(job);
    job_free(job);
    fuzz_end();
    fuzz_drop(text);
    fuzz_drop(ended);
    return 0;
}

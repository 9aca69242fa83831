/* replay.c - gives every file of the folders and files named to a fuzz target, once each. */
#include "tests/fuzz/fuzz.h"

#include "core/base/file.h"
#include "core/base/mem.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

static int replayed;

static int replay_file(const char *path)
{
    char *bytes;
    size_t size;
    struct rondo_error err = { 0 };
    if (file_read(path, SIZE_MAX / 4, &bytes, &size, &err)) {
        fprintf(stderr, "replay: %s: %s\n", err.where, err.what);
        return 2;
    }
    fprintf(stderr, "replay: %s\n", path); /* the last one named is the one that failed */
    uint8_t *copy = fuzz_copy((const uint8_t *)bytes, size);
    mem_free(bytes);
    LLVMFuzzerTestOneInput(copy, size);
    fuzz_drop(copy);
    replayed++;
    return 0;
}

static int replay(const char *path)
{
    DIR *dir = opendir(path);
    if (!dir)
        return replay_file(path);
    int status = 0;
    for (struct dirent *entry; !status && (entry = readdir(dir));) {
        char inner[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        status = replay_file(inner);
    }
    closedir(dir);
    return status;
}

int main(int argc, char **argv)
{
    int status = 0;
    for (int i = 1; i < argc && !status; i++)
        status = replay(argv[i]);
    printf("%d passed\n", replayed);
    return status ? status : replayed ? 0 : 1;
}

#include "service/jobdir.h"

#include "apps/registry.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const common[] = { "result.json", JOBDIR_PROGRESS, "spec.json", "trace.db" };

enum { COMMON = sizeof common / sizeof *common, PATH_BYTES = 4096 };

const char *jobdir_name(const char *app, int index)
{
    const struct rondo_app *found = registry_find(app);
    if (index < COMMON)
        return common[index];
    const char *const *file = found ? found->files : NULL;
    for (index -= COMMON; file && *file && index > 0; index--)
        file++;
    return file ? *file : NULL;
}

int jobdir_open(const char *state_dir, int64_t id, const char *name, int64_t *size)
{
    char path[PATH_BYTES];
    struct stat info;
    *size = 0;
    int length = snprintf(path, sizeof path, "%s/jobs/%" PRId64, state_dir, id);
    if (length < 0 || length >= PATH_BYTES)
        return -1;
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0)
        return -1;
    int file = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    close(folder);
    if (file < 0)
        return -1;
    if (fstat(file, &info) != 0 || !S_ISREG(info.st_mode)) {
        close(file);
        return -1;
    }
    *size = info.st_size;
    return file;
}

/* The last whole line of text[size]; NULL where there is none. */
static const char *last_line(const char *text, size_t size, bool from_start, size_t *length)
{
    while (size > 0 && text[size - 1] != '\n')
        size--; /* a line that is being written */
    if (size == 0)
        return NULL;
    size_t begin = size - 1;
    while (begin > 0 && text[begin - 1] != '\n')
        begin--;
    if (begin == 0 && !from_start)
        return NULL; /* longer than what was read */
    *length = size - 1 - begin;
    return text + begin;
}

void jobdir_last(const char *state_dir, int64_t id, char *line, size_t size)
{
    char text[16384];
    int64_t whole;
    size_t length = 0;
    line[0] = 0;
    int file = jobdir_open(state_dir, id, JOBDIR_PROGRESS, &whole);
    if (file < 0)
        return;
    int64_t at = whole > (int64_t)sizeof text ? whole - (int64_t)sizeof text : 0;
    ssize_t got = pread(file, text, sizeof text, at);
    close(file);
    const char *last = got > 0 ? last_line(text, (size_t)got, at == 0, &length) : NULL;
    if (!last || length + 1 > size || memchr(last, 0, length) || !job_is_object(last, length))
        return;
    memcpy(line, last, length);
    line[length] = 0;
}

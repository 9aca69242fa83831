#include "service/ballast.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BALLAST_BYTES = 262144 };

static void path_of(const char *state, char path[PATH_MAX + 16])
{
    snprintf(path, PATH_MAX + 16, "%s/ballast", state);
}

void ballast_keep(const char *state)
{
    char path[PATH_MAX + 16];
    struct stat info;
    path_of(state, path);
    if (stat(path, &info) == 0)
        return;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    if (posix_fallocate(fd, 0, BALLAST_BYTES) != 0)
        unlink(path); /* not now */
    close(fd);
}

void ballast_drop(const char *state)
{
    char path[PATH_MAX + 16];
    path_of(state, path);
    unlink(path);
}

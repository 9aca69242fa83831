/* place.h - a folder for one test, gone with all that is in it at the end.
 *
 * Place:   tests/unit/service, header only.
 * Threads: one.
 * Memory:  static; one place at a time.
 */
#ifndef PLACE_H
#define PLACE_H

#include <rondo/err.h>

#include <criterion/criterion.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char place_dir[PATH_MAX];

RONDO_UNUSED static void place_setup(void)
{
    char made[256];
    const char *base = getenv("TMPDIR");
    snprintf(made, sizeof made, "%.200s/rondo-service-XXXXXX", base ? base : "/tmp");
    cr_assert(mkdtemp(made) != NULL);
    cr_assert(realpath(made, place_dir) != NULL);
}

RONDO_UNUSED static void place_remove(const char *path)
{
    char inner[PATH_MAX];
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        struct stat info;
        snprintf(inner, sizeof inner, "%.3500s/%s", path, entry->d_name);
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (lstat(inner, &info) == 0 && S_ISDIR(info.st_mode))
            place_remove(inner);
        else
            unlink(inner);
    }
    if (folder)
        closedir(folder);
    rmdir(path);
}

RONDO_UNUSED static void place_teardown(void)
{
    place_remove(place_dir);
    cr_assert(access(place_dir, F_OK) != 0);
}

/* A path within the place; borrowed until the eighth call from now. */
RONDO_UNUSED static const char *place_path(const char *name)
{
    static char paths[8][PATH_MAX + 300];
    static int turn;
    turn = (turn + 1) % 8;
    snprintf(paths[turn], sizeof paths[turn], "%s/%s", place_dir, name);
    return paths[turn];
}

RONDO_UNUSED static void place_write(const char *name, const char *text)
{
    FILE *stream = fopen(place_path(name), "we");
    cr_assert_not_null(stream);
    cr_assert(fputs(text, stream) >= 0);
    cr_assert_eq(fclose(stream), 0);
}

RONDO_UNUSED static void place_make(const char *name)
{
    cr_assert_eq(mkdir(place_path(name), 0700), 0);
}

#endif

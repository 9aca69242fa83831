#include "core/base/tidy.h"

#include "core/base/file.h"
#include "core/base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

struct entry {
    char name[256];
    uint64_t bytes;
    struct timespec used;
};

struct list {
    int dir;
    struct rondo_buf entries; /* struct entry [count], by name at first, then by time */
    size_t count;
    uint64_t bytes;
};

/* ---- whose folder it is -------------------------------------------------------------------------- */

int tidy_open(const char *dir, struct rondo_error *err)
{
    struct stat info;
    int code = file_make_own_dir(dir, err);
    if (code)
        return code;
    if (stat(dir, &info) != 0 || !S_ISDIR(info.st_mode))
        return rondo_error_set(err, RONDO_EIO, dir, NULL, "is not a folder");
    if (info.st_uid != geteuid())
        return rondo_error_set(err, RONDO_EIO, dir, NULL, "the folder is somebody else's");
    if (info.st_mode & (S_IWGRP | S_IWOTH))
        return rondo_error_set(err, RONDO_EIO, dir, "chmod go-w", "others may write to the folder");
    return access(dir, R_OK | W_OK | X_OK) == 0
               ? RONDO_OK
               : rondo_error_set(err, RONDO_EIO, dir, NULL, "cannot write there: %s",
                                 strerror(errno));
}

void tidy_used(const char *path)
{
    (void)utimensat(AT_FDCWD, path, NULL, 0); /* at worst it goes earlier than it should */
}

/* ---- what is there --------------------------------------------------------------------------------- */

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static DIR *open_folder(int at, const char *name)
{
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    if (fd >= 0 && !folder)
        close(fd);
    return folder;
}

/* Bytes of the files in a folder; where `removes` they go, and the folder with them. */
static uint64_t sweep_folder(int at, const char *name, bool removes)
{
    uint64_t bytes = 0;
    DIR *folder = open_folder(at, name);
    for (struct dirent *one; folder && (one = readdir(folder)) != NULL;) {
        struct stat info;
        if (is_dots(one->d_name))
            continue;
        if (fstatat(dirfd(folder), one->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0)
            bytes += (uint64_t)info.st_size;
        if (removes)
            unlinkat(dirfd(folder), one->d_name, 0);
    }
    if (folder)
        closedir(folder);
    if (removes)
        unlinkat(at, name, AT_REMOVEDIR);
    return bytes;
}

static int add(struct list *list, const char *name)
{
    struct entry entry = { .bytes = 0 };
    struct stat info;
    if (is_dots(name) || strlen(name) >= sizeof entry.name
        || fstatat(list->dir, name, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return RONDO_OK;
    memcpy(entry.name, name, strlen(name) + 1);
    entry.used = info.st_mtim;
    entry.bytes = S_ISDIR(info.st_mode) ? sweep_folder(list->dir, name, false)
                                        : (uint64_t)info.st_size;
    list->bytes += entry.bytes;
    list->count++;
    return buf_append(&list->entries, &entry, sizeof entry);
}

/* The oldest first. */
static int by_time(const void *a, const void *b)
{
    const struct entry *one = a, *other = b;
    if (one->used.tv_sec != other->used.tv_sec)
        return one->used.tv_sec < other->used.tv_sec ? -1 : 1;
    if (one->used.tv_nsec != other->used.tv_nsec)
        return one->used.tv_nsec < other->used.tv_nsec ? -1 : 1;
    return strcmp(one->name, other->name);
}

static int look(struct list *list, DIR *folder)
{
    int code = RONDO_OK;
    for (struct dirent *one; !code && (one = readdir(folder)) != NULL;)
        code = add(list, one->d_name);
    if (!code && list->count)
        qsort(list->entries.data, list->count, sizeof(struct entry), by_time);
    return code;
}

/* ---- what goes --------------------------------------------------------------------------------------- */

static uint64_t limit_of(const struct list *list, uint64_t limit)
{
    struct statvfs disk;
    uint64_t most = limit ? limit : TIDY_BYTES;
    if (fstatvfs(list->dir, &disk) != 0)
        return most;
    uint64_t half = (list->bytes + (uint64_t)disk.f_bavail * disk.f_frsize) / 2;
    return half < most ? half : most;
}

static bool fits(const struct list *list, size_t gone, uint64_t bytes, uint64_t limit)
{
    return bytes <= limit && list->bytes <= limit - bytes && list->count - gone < TIDY_ENTRIES;
}

static bool make_room(struct list *list, uint64_t bytes, uint64_t limit)
{
    const struct entry *entry = (const struct entry *)(const void *)list->entries.data;
    time_t young = time(NULL) - TIDY_YOUNG_SECONDS;
    size_t gone = 0;
    if (bytes > limit)
        return false; /* nothing that could be removed would help */
    for (; gone < list->count && !fits(list, gone, bytes, limit); gone++) {
        if (entry[gone].used.tv_sec > young)
            return false;
        if (unlinkat(list->dir, entry[gone].name, 0) != 0)
            sweep_folder(list->dir, entry[gone].name, true);
        list->bytes -= entry[gone].bytes;
    }
    return fits(list, gone, bytes, limit);
}

bool tidy_room(const char *dir, uint64_t bytes, uint64_t limit)
{
    DIR *folder = open_folder(AT_FDCWD, dir);
    if (!folder)
        return false;
    struct list list = { .dir = dirfd(folder) };
    bool is = look(&list, folder) == RONDO_OK
              && make_room(&list, bytes, limit_of(&list, limit));
    buf_fini(&list.entries);
    closedir(folder);
    return is;
}

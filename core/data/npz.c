#include "core/data/npz.h"

#include "core/base/file.h"
#include "core/base/mem.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes of the fixed parts: the end of the directory, zip64's locator and end, an entry, a member's own head. */
enum { END = 22, LOCATOR = 20, END64 = 56, ENTRY = 46, HEAD = 30, COMMENT_MOST = 65535, DIRECTORY_MOST = 64 << 20 };
enum { STORED = 0, DEFLATED = 8, ENCRYPTED = 1, EXTRA_ZIP64 = 1 };
static const uint64_t elsewhere = UINT32_MAX; /* the number is zip64's */

struct archive {
    int fd;
    const char *path;
    uint64_t size;                    /* of the file */
    uint64_t directory, bytes, count; /* where it begins, its length, its entries */
};

static uint64_t little(const unsigned char *at, int bytes)
{
    uint64_t value = 0;
    while (bytes-- > 0)
        value = value << 8 | at[bytes];
    return value;
}

static int damaged(const struct archive *a, const char *how, struct rondo_error *err)
{
    return rondo_error_set(err, RONDO_EINPUT, a->path, NULL, "the .npz archive %s", how);
}

/* All of these bytes; false where the file has not so many. */
static bool read_at(const struct archive *a, void *into, uint64_t bytes, uint64_t offset)
{
    if (offset > a->size || bytes > a->size - offset)
        return false;
    for (char *to = into; bytes > 0;) {
        ssize_t got = pread(a->fd, to, (size_t)bytes, (off_t)offset);
        if (got <= 0)
            return false;
        to += got;
        offset += (uint64_t)got;
        bytes -= (uint64_t)got;
    }
    return true;
}

/* ---- the directory -------------------------------------------------------------------------------- */

/* Of more than 4 GiB or 65535 members another end says it, before which this one's locator stands. */
static bool find_end64(struct archive *a, uint64_t end)
{
    unsigned char at[END64];
    if (end < LOCATOR || !read_at(a, at, LOCATOR, end - LOCATOR) || memcmp(at, "PK\6\7", 4) != 0
        || !read_at(a, at, END64, little(at + 8, 8)) || memcmp(at, "PK\6\6", 4) != 0)
        return false;
    a->count = little(at + 32, 8);
    a->bytes = little(at + 40, 8);
    a->directory = little(at + 48, 8);
    return true;
}

/* The end stands before a comment, whose length it says. */
static int find_directory(struct archive *a, struct rondo_error *err)
{
    uint64_t size = a->size < END + COMMENT_MOST ? a->size : END + COMMENT_MOST, at = size;
    unsigned char *tail = mem_alloc((size_t)size + 1);
    if (!tail)
        return rondo_error_set(err, RONDO_ENOMEM, a->path, NULL, "out of memory");
    bool found = false;
    if (size >= END && read_at(a, tail, size, a->size - size))
        for (at = size - END + 1; at-- > 0 && !found;)
            found = memcmp(tail + at, "PK\5\6", 4) == 0 && at + END + little(tail + at + 20, 2) == size;
    at++; /* the loop steps on once it has found */
    if (found) {
        a->count = little(tail + at + 10, 2);
        a->bytes = little(tail + at + 12, 4);
        a->directory = little(tail + at + 16, 4);
    }
    bool large = found && (a->count == UINT16_MAX || a->bytes == elsewhere || a->directory == elsewhere);
    uint64_t end = a->size - size + at;
    mem_free(tail);
    if (!found)
        return damaged(a, "has no directory: it is no zip archive, or was cut short", err);
    if ((large && !find_end64(a, end)) || a->directory > a->size || a->bytes > a->size - a->directory)
        return damaged(a, "is damaged: its directory lies outside", err);
    if (a->bytes > DIRECTORY_MOST)
        return damaged(a, "has a directory of more than 64 MiB", err);
    return RONDO_OK;
}

/* ---- a member ---------------------------------------------------------------------------------------- */

/* What did not fit into an entry's four bytes stands behind its name, in this order. */
static bool read_zip64(const unsigned char *extra, size_t bytes, uint64_t *number[3])
{
    while (bytes >= 4) {
        size_t length = (size_t)little(extra + 2, 2);
        if (length > bytes - 4)
            return false;
        const unsigned char *at = extra + 4, *end = at + length;
        for (int i = 0; little(extra, 2) == EXTRA_ZIP64 && i < 3; i++) {
            if (*number[i] != elsewhere)
                continue;
            if (end - at < 8)
                return false;
            *number[i] = little(at, 8);
            at += 8;
        }
        extra = end;
        bytes -= length + 4;
    }
    return true;
}

/* The entry's numbers, and where its bytes begin, behind its own head. */
static int read_entry(const struct archive *a, const unsigned char *entry, struct npz_member *member,
                      struct rondo_error *err)
{
    unsigned char head[HEAD];
    uint64_t packed = little(entry + 20, 4), size = little(entry + 24, 4), offset = little(entry + 42, 4);
    uint64_t method = little(entry + 10, 2), *numbers[3] = { &size, &packed, &offset };
    size_t name = (size_t)little(entry + 28, 2), extra = (size_t)little(entry + 30, 2);
    if (little(entry + 8, 2) & ENCRYPTED)
        return damaged(a, "is encrypted", err);
    if (method != STORED && method != DEFLATED)
        return damaged(a, "is compressed in a way that is not read: stored and deflated members are", err);
    if (!read_zip64(entry + ENTRY + name, extra, numbers) || !read_at(a, head, HEAD, offset)
        || memcmp(head, "PK\3\4", 4) != 0)
        return damaged(a, "is damaged: a member is not where the directory says", err);
    uint64_t begin = offset + HEAD + little(head + 26, 2) + little(head + 28, 2);
    if (begin > a->size || packed > a->size - begin || size > INT64_MAX || (method == STORED && size != packed))
        return damaged(a, "is damaged: a member lies outside", err);
    *member = (struct npz_member){ (int64_t)begin, (int64_t)packed, (int64_t)size, (uint32_t)little(entry + 16, 4),
                                   method == DEFLATED };
    return RONDO_OK;
}

/* "user" is the member "user.npy", or one of that very name. */
static bool is_called(const char *wanted, const char *name, size_t size)
{
    size_t length = strlen(wanted);
    return size >= length && memcmp(name, wanted, length) == 0
           && (size == length || (size == length + 4 && memcmp(name + length, ".npy", 4) == 0));
}

static int look_up(const struct archive *a, const unsigned char *at, struct npz_member *member,
                   struct rondo_error *err)
{
    const char *wanted = file_member(a->path);
    const unsigned char *end = at + a->bytes;
    for (uint64_t i = 0; i < a->count; i++) {
        if (end - at < ENTRY || memcmp(at, "PK\1\2", 4) != 0)
            return damaged(a, "is damaged: its directory is", err);
        size_t name = (size_t)little(at + 28, 2);
        size_t length = ENTRY + name + (size_t)little(at + 30, 2) + (size_t)little(at + 32, 2);
        if (length > (size_t)(end - at))
            return damaged(a, "is damaged: its directory is", err);
        if (is_called(wanted, (const char *)at + ENTRY, name))
            return read_entry(a, at, member, err);
        at += length;
    }
    return rondo_error_set(err, RONDO_EINPUT, a->path, NULL, "the .npz archive has no array \"%.60s\"", wanted);
}

int npz_find(int fd, const char *path, struct npz_member *member, struct rondo_error *err)
{
    struct stat info;
    struct archive a = { .fd = fd, .path = path };
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        return damaged(&a, "is no regular file", err);
    a.size = (uint64_t)info.st_size;
    int code = find_directory(&a, err);
    if (code)
        return code;
    unsigned char *directory = mem_alloc((size_t)a.bytes + 1);
    if (!directory)
        return rondo_error_set(err, RONDO_ENOMEM, path, NULL, "out of memory");
    code = read_at(&a, directory, a.bytes, a.directory) ? look_up(&a, directory, member, err)
                                                        : damaged(&a, "is cut short", err);
    mem_free(directory);
    return code;
}

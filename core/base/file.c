#include "core/base/file.h"

#include "core/base/mem.h"
#include "core/base/spill.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sha2.h>
#include <stdatomic.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 1 << 20, MARKS = 64 };

/* The temporary files under way, for file_forsake: FREE, CLAIMED while the name changes, or MADE. */
static struct {
    _Atomic int state;
    char path[4096];
} marked[MARKS];

enum { FREE, CLAIMED, MADE };

static void mark(struct file_atomic *file)
{
    for (file->mark = 0; file->mark < MARKS; file->mark++) {
        int expected = FREE;
        if (atomic_compare_exchange_strong(&marked[file->mark].state, &expected, CLAIMED))
            break;
    }
    if (file->mark == MARKS)
        return;
    memcpy(marked[file->mark].path, file->temporary, sizeof file->temporary);
    atomic_store(&marked[file->mark].state, MADE);
}

static void unmark(const struct file_atomic *file)
{
    if (file->mark < MARKS)
        atomic_store(&marked[file->mark].state, FREE);
}

void file_forsake(void)
{
    for (int i = 0; i < MARKS; i++)
        if (atomic_load(&marked[i].state) == MADE)
            unlink(marked[i].path);
}

static int failed(struct rondo_error *err, const char *path, const char *doing)
{
    int reason = errno;
    return rondo_error_set(err, RONDO_EIO, path, NULL, "cannot %s: %s", doing, strerror(reason));
}

int file_begin(struct file_atomic *file, const char *dir, const char *name, struct rondo_error *err)
{
    file->stream = NULL;
    int length = snprintf(file->path, sizeof file->path, "%s/%s", dir, name);
    if (length < 0 || (size_t)length + 32 > sizeof file->path)
        return rondo_error_set(err, RONDO_EIO, dir, NULL, "the path is too long");
    snprintf(file->temporary, sizeof file->temporary, "%.4000s.tmp.%ld", file->path,
             (long)getpid());
    unlink(file->temporary); /* of a process that ended here; a link would lead elsewhere */
    mark(file);
    int made = open(file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (made >= 0)
        file->stream = fdopen(made, "w");
    if (file->stream)
        return RONDO_OK;
    unmark(file);
    int code = failed(err, file->path, "write");
    if (made >= 0)
        close(made);
    return code;
}

int file_begin_at(struct file_atomic *file, const char *path, struct rondo_error *err)
{
    char dir[sizeof file->path];
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : 0;
    file->stream = NULL;
    if (length >= sizeof dir)
        return rondo_error_set(err, RONDO_EIO, path, NULL, "the path is too long");
    memcpy(dir, path, length);
    dir[length] = 0;
    return file_begin(file, !slash ? "." : length ? dir : "/", slash ? slash + 1 : path, err);
}

/* So that the new name outlives a loss of power.  Some file systems cannot; the file is there. */
static void sync_folder(char *path)
{
    char *slash = strrchr(path, '/');
    *slash = 0;
    int folder = open(path[0] ? path : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *slash = '/';
    if (folder < 0)
        return;
    fsync(folder);
    close(folder);
}

static int place(struct file_atomic *file, bool sync, struct rondo_error *err)
{
    FILE *stream = file->stream;
    file->stream = NULL;
    bool bad = fflush(stream) != 0 || ferror(stream) || (sync && fsync(fileno(stream)) != 0);
    int reason = errno;
    bad = fclose(stream) != 0 || bad;
    if (!bad && rename(file->temporary, file->path) == 0) {
        unmark(file);
        if (sync)
            sync_folder(file->path);
        return RONDO_OK;
    }
    if (bad)
        errno = reason;
    int code = failed(err, file->path, "write");
    unlink(file->temporary);
    unmark(file);
    return code;
}

int file_commit(struct file_atomic *file, struct rondo_error *err)
{
    return place(file, true, err);
}

int file_place(struct file_atomic *file, struct rondo_error *err)
{
    return place(file, false, err);
}

int file_sync(const char *path, struct rondo_error *err)
{
    int made = open(path, O_RDONLY | O_CLOEXEC);
    int bad = made < 0 || fsync(made) != 0;
    int code = bad ? failed(err, path, "write") : RONDO_OK;
    if (made >= 0)
        close(made);
    return code;
}

void file_abandon(struct file_atomic *file)
{
    if (!file->stream)
        return;
    fclose(file->stream);
    file->stream = NULL;
    unlink(file->temporary);
    unmark(file);
}

static bool is_left_of(const char *entry, const char *name)
{
    size_t length = strlen(name);
    if (strncmp(entry, name, length) != 0 || strncmp(entry + length, ".tmp.", 5) != 0)
        return false;
    const char *pid = entry + length + 5;
    return *pid && pid[strspn(pid, "0123456789")] == 0;
}

void file_sweep(const char *dir, const char *name)
{
    DIR *folder = opendir(dir);
    for (const struct dirent *entry; folder && (entry = readdir(folder));)
        if (is_left_of(entry->d_name, name))
            unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder)
        closedir(folder);
}

int file_read(const char *path, size_t limit, char **text, size_t *size, struct rondo_error *err)
{
    struct rondo_buf buf = { 0 };
    int code = RONDO_OK;
    FILE *stream = fopen(path, "re");
    if (!stream)
        return rondo_error_set(err, RONDO_EINPUT, path, NULL, "cannot read: %s", strerror(errno));
    for (;;) {
        code = buf_reserve(&buf, buf.size + 65536 + 1);
        if (code)
            break;
        size_t got = fread(buf.data + buf.size, 1, 65536, stream);
        buf.size += got;
        if (buf.size > limit) {
            code = rondo_error_set(err, RONDO_EINPUT, path, NULL,
                                   "the file is larger than %zu bytes", limit);
            break;
        }
        if (got == 0) {
            if (ferror(stream))
                code = rondo_error_set(err, RONDO_EINPUT, path, NULL, "cannot read: %s",
                                       strerror(errno));
            break;
        }
    }
    fclose(stream);
    if (code) {
        buf_fini(&buf);
        return rondo_error_set(err, code, path, NULL, "%s", rondo_strerror(code));
    }
    buf.data[buf.size] = 0;
    *text = (char *)buf.data;
    *size = buf.size;
    return RONDO_OK;
}

static int make_dir(const char *dir, mode_t last, struct rondo_error *err)
{
    char path[4096];
    size_t length = strlen(dir);
    if (length == 0 || length >= sizeof path)
        return rondo_error_set(err, RONDO_EIO, dir, NULL, "the path is empty or too long");
    memcpy(path, dir, length + 1);
    for (char *at = path + 1;; at++) {
        if (*at != '/' && *at != 0)
            continue;
        char kept = *at;
        *at = 0;
        struct stat info;
        if (mkdir(path, kept ? 0777 : last) != 0 && errno != EEXIST)
            return failed(err, path, "make the folder");
        if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode))
            return rondo_error_set(err, RONDO_EIO, path, NULL, "is not a folder");
        *at = kept;
        if (!kept)
            return RONDO_OK;
    }
}

int file_make_dir(const char *dir, struct rondo_error *err)
{
    return make_dir(dir, 0777, err);
}

int file_make_own_dir(const char *dir, struct rondo_error *err)
{
    return make_dir(dir, 0700, err);
}

int file_sha256(const char *path, char hex[65], struct rondo_error *err)
{
    if (!SHA256File(path, hex))
        return failed(err, path, "read");
    return RONDO_OK;
}

void file_sha256_of(const void *bytes, size_t size, char hex[65])
{
    SHA256Data(bytes, size, hex);
}

void file_write(FILE *stream, struct rondo_bytes bytes)
{
    for (size_t at = 0, more; at < bytes.size; at += more) {
        more = bytes.size - at < PIECE ? bytes.size - at : PIECE;
        spill_said(more);
        fwrite((const unsigned char *)bytes.data + at, 1, more, stream);
    }
}

void file_sha256_of_parts(const struct rondo_bytes *part, int count, char hex[65])
{
    SHA2_CTX sum;
    SHA256Init(&sum);
    for (int i = 0; i < count; i++)
        for (size_t at = 0, more; at < part[i].size; at += more) {
            more = part[i].size - at < PIECE ? part[i].size - at : PIECE;
            spill_said(more);
            SHA256Update(&sum, (const unsigned char *)part[i].data + at, more);
        }
    SHA256End(&sum, hex);
}

const char *file_member(const char *path)
{
    const char *slash = strrchr(path, '/');
    bool is = slash && slash[1] && slash - path > 4 && strncasecmp(slash - 4, ".npz", 4) == 0;
    return is ? slash + 1 : NULL;
}

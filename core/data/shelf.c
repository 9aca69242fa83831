#include "core/data/shelf.h"

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/tidy.h"
#include "core/data/slab.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { NAME = PATH_MAX + 96, LOOK_MS = 2, SETTLED_MS = 100 };
/* How long a file may take whom we wait for; then it is stopped, or stuck, and we parse too. */
static const double patience_seconds = 10, patience_bytes_per_second = 4e6;

struct shelf {
    const char *dir, *source; /* the file that is wanted */
    struct stat version;      /* of the source */
    char key[SLAB_KEY + 1];
    char path[NAME], lock[NAME], temporary[NAME];
};

/* ---- which file, in which version --------------------------------------------------------------- */

/* What is mapped as it lies, a .npy or a .rdm. */
static bool is_plain(const char *path)
{
    char first[8] = { 0 };
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool is = fd >= 0 && read(fd, first, sizeof first) == (ssize_t)sizeof first
              && (memcmp(first, "\x93NUMPY", 6) == 0 || memcmp(first, SLAB_MAGIC, sizeof first) == 0);
    if (fd >= 0)
        close(fd);
    return is;
}

static double seconds_since(const struct timespec *then)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)(now.tv_sec - then->tv_sec) + 1e-9 * (double)(now.tv_nsec - then->tv_nsec);
}

/* A file that was written just now may be written again without a change of its times, which go in
 * steps: it is not known by them yet. */
static bool is_settled(const struct stat *info)
{
    return seconds_since(&info->st_mtim) > SETTLED_MS * 1e-3
           && seconds_since(&info->st_ctim) > SETTLED_MS * 1e-3;
}

static bool make_key(struct shelf *shelf, const struct data_options *options)
{
    char path[PATH_MAX], word[PATH_MAX + 256];
    const struct stat *v = &shelf->version;
    if (!realpath(shelf->source, path))
        return false;
    int length = snprintf(word, sizeof word, "%d %lld %lld.%09ld %lld.%09ld %llu %llu %d %d %d %d %s",
                          SLAB_VERSION, (long long)v->st_size, (long long)v->st_mtim.tv_sec,
                          v->st_mtim.tv_nsec, (long long)v->st_ctim.tv_sec, v->st_ctim.tv_nsec,
                          (unsigned long long)v->st_dev, (unsigned long long)v->st_ino,
                          options ? options->index_base : 1, options && options->vector,
                          options && options->counts, options && options->ratings, path);
    if (length < 0 || (size_t)length >= sizeof word)
        return false;
    file_sha256_of(word, (size_t)length, shelf->key);
    return true;
}

/* false: it is better read without a shelf. */
static bool find_place(struct shelf *shelf, const struct data_options *options)
{
    if (strlen(shelf->dir) >= PATH_MAX || stat(shelf->source, &shelf->version) != 0
        || !S_ISREG(shelf->version.st_mode) || shelf->version.st_size < SHELF_LEAST_BYTES
        || is_plain(shelf->source) || data_is_bed(shelf->source)
        || (options && (options->people || options->known || options->pairs)) || !is_settled(&shelf->version)
        || !make_key(shelf, options))
        return false;
    snprintf(shelf->path, sizeof shelf->path, "%s/%s.rdm", shelf->dir, shelf->key);
    snprintf(shelf->lock, sizeof shelf->lock, "%s/%s.lock", shelf->dir, shelf->key);
    snprintf(shelf->temporary, sizeof shelf->temporary, "%s/%s.tmp.%ld", shelf->dir, shelf->key,
             (long)getpid());
    return true;
}

/* Is the source what it was when its key was made? */
static bool is_unchanged(const struct shelf *shelf)
{
    struct stat now;
    const struct stat *then = &shelf->version;
    return stat(shelf->source, &now) == 0 && now.st_size == then->st_size
           && now.st_dev == then->st_dev && now.st_ino == then->st_ino
           && memcmp(&now.st_mtim, &then->st_mtim, sizeof now.st_mtim) == 0
           && memcmp(&now.st_ctim, &then->st_ctim, sizeof now.st_ctim) == 0;
}

/* ---- one parses, the others wait ------------------------------------------------------------------ */

static bool wait_for(int fd, int64_t until_ns)
{
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if ((errno != EWOULDBLOCK && errno != EINTR) || clock_now_ns() > until_ns)
            return false;
        struct timespec pause = { 0, LOOK_MS * 1000000L };
        nanosleep(&pause, NULL);
    }
    return true;
}

/* Who held it has removed the name, or somebody has tidied up: then the lock is nobody's any more. */
static bool is_named(int fd, const char *path)
{
    struct stat held, named;
    return fstat(fd, &held) == 0 && stat(path, &named) == 0 && held.st_ino == named.st_ino
           && held.st_dev == named.st_dev;
}

/* The kernel lets it go when its holder dies.  -1: it cannot be had, or not in time. */
static int lock(const struct shelf *shelf)
{
    double seconds = patience_seconds + (double)shelf->version.st_size / patience_bytes_per_second;
    int64_t until_ns = clock_now_ns() + (int64_t)(seconds * 1e9);
    for (;;) {
        int fd = open(shelf->lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
            return -1;
        bool have = wait_for(fd, until_ns);
        if (have && is_named(fd, shelf->lock))
            return fd;
        close(fd);
        if (!have)
            return -1;
    }
}

static void unlock(const struct shelf *shelf, int fd)
{
    unlink(shelf->lock);
    close(fd);
}

/* ---- onto the shelf --------------------------------------------------------------------------------- */

/* Not synced: what a loss of power leaves of it does not have its digest. */
static bool write_down(const struct shelf *shelf, const struct data_set *set)
{
    unlink(shelf->temporary);
    int fd = open(shelf->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    bool good = slab_write(fd, shelf->key, set) == RONDO_OK;
    int reason = errno;
    good = close(fd) == 0 && good;
    good = good && rename(shelf->temporary, shelf->path) == 0;
    if (!good) {
        unlink(shelf->temporary);
        errno = reason;
    }
    return good;
}

/* From now on the set is what the others map; where that cannot be, it stays as it is. */
static void keep(const struct shelf *shelf, struct data_set **set)
{
    struct data_set *mapped = NULL;
    if (!is_unchanged(shelf))
        return;
    if (!tidy_room(shelf->dir, slab_bytes(*set), 0)) {
        log_line(LOG_INFO, "%s is not kept: no room in %s", shelf->source, shelf->dir);
        return;
    }
    errno = 0;
    if (!write_down(shelf, *set) || !slab_map(shelf->path, shelf->key, &mapped)) {
        log_line(LOG_INFO, "%s is not kept in %s: %s", shelf->source, shelf->dir,
                 errno ? strerror(errno) : "it is not what was written");
        return;
    }
    log_line(LOG_INFO, "%s is parsed, and kept for other processes and jobs", shelf->source);
    data_free(*set);
    *set = mapped;
}

int shelf_load(const char *dir, const char *path, const struct data_options *options,
               struct data_set **set, struct rondo_error *err)
{
    struct shelf shelf = { .dir = dir, .source = path };
    struct rondo_error why = { 0 };
    if (!dir || !find_place(&shelf, options))
        return data_load(path, options, set, err);
    if (tidy_open(dir, &why)) {
        log_line(LOG_INFO, "%s is not kept: %s: %s", path, why.where, why.what);
        return data_load(path, options, set, err);
    }
    if (slab_map(shelf.path, shelf.key, set)) {
        tidy_used(shelf.path);
        return RONDO_OK;
    }
    int held = lock(&shelf);
    if (held < 0) {
        log_line(LOG_INFO, "%s is parsed for this process alone: %s", path, strerror(errno));
        return data_load(path, options, set, err);
    }
    int code = RONDO_OK;
    if (!slab_map(shelf.path, shelf.key, set)) {
        code = data_load(path, options, set, err);
        if (!code)
            keep(&shelf, set);
    }
    unlock(&shelf, held);
    return code;
}

#include "core/data/stream.h"

#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/data/npz.h"
#include "core/data/number.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum { WINDOW = 256 * 1024, INPUT = 256 * 1024 };
/* What one compressed byte can become at most: deflate's 258 bytes from two bits, and zstd's block
 * of 128 KiB from four bytes. */
enum { GZIP_RATIO = 1032, ZSTD_RATIO = 32768 };

struct stream_decoder {
    unsigned char input[INPUT];
    size_t at, size; /* the unread part of input */
    bool dry;        /* the file has no more raw bytes */
    bool open;       /* within a gzip member or zstd frame */
    z_stream zlib;
    ZSTD_DStream *zstd;
};

const char *stream_coding_name(enum stream_coding coding)
{
    static const char *const names[] = { "none", "gzip", "zstd", "deflate" };
    return names[coding];
}

/* ---- raw bytes ----------------------------------------------------------------------------- */

static int failed(const struct stream *s, struct rondo_error *err)
{
    return rondo_error_set(err, RONDO_EINPUT, s->path, NULL, "cannot read: %s", strerror(errno));
}

static int read_raw(struct stream *s, void *into, size_t size, size_t *got, struct rondo_error *err)
{
    ssize_t count;
    size = size < INT_MAX ? size : INT_MAX;
    if (s->begin && (int64_t)size > s->left)
        size = (size_t)s->left;
    do
        count = read(s->fd, into, size);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return failed(s, err);
    s->left -= count;
    *got = (size_t)count;
    return RONDO_OK;
}

/* Makes sure that raw input is at hand; sets dry at the file's end. */
static int refill(struct stream *s, struct rondo_error *err)
{
    struct stream_decoder *d = s->decoder;
    if (d->at < d->size || d->dry)
        return RONDO_OK;
    d->at = 0;
    int code = read_raw(s, d->input, INPUT, &d->size, err);
    d->dry = !code && d->size == 0;
    return code;
}

static int broken(const struct stream *s, struct rondo_error *err, const char *how)
{
    return rondo_error_set(err, RONDO_EINPUT, s->path, NULL, "the %s data are %s",
                           stream_coding_name(s->coding), how);
}

/* ---- gzip ---------------------------------------------------------------------------------- */

/* Between members: passes padding zeros; what follows is another member. */
static void next_member(struct stream_decoder *d)
{
    while (d->at < d->size && d->input[d->at] == 0)
        d->at++;
    if (d->at < d->size) {
        inflateReset(&d->zlib);
        d->open = true;
    }
}

static int decode_gzip(struct stream *s, unsigned char *into, size_t room, size_t *got,
                       struct rondo_error *err)
{
    struct stream_decoder *d = s->decoder;
    z_stream *z = &d->zlib;
    uInt space = room < INT_MAX ? (uInt)room : INT_MAX;
    z->next_out = into;
    z->avail_out = space;
    while (z->avail_out == space) {
        int code = refill(s, err);
        if (code)
            return code;
        if (d->dry && !d->open)
            break;
        if (!d->open)
            next_member(d);
        if (d->at == d->size && !d->dry)
            continue;
        z->next_in = d->input + d->at;
        z->avail_in = (uInt)(d->size - d->at);
        int state = inflate(z, Z_NO_FLUSH);
        d->at = d->size - z->avail_in;
        if (state == Z_MEM_ERROR)
            return rondo_error_set(err, RONDO_ENOMEM, s->path, NULL, "out of memory");
        if (state == Z_STREAM_END)
            d->open = false;
        else if (state != Z_OK && state != Z_BUF_ERROR)
            return broken(s, err, "damaged");
        if (d->dry && d->open && z->avail_out == space) /* nothing was left to come out, either */
            return broken(s, err, "truncated");
    }
    *got = space - z->avail_out;
    return RONDO_OK;
}

/* ---- zstd ---------------------------------------------------------------------------------- */

static int decode_zstd(struct stream *s, unsigned char *into, size_t room, size_t *got,
                       struct rondo_error *err)
{
    struct stream_decoder *d = s->decoder;
    ZSTD_outBuffer out = { into, room, 0 };
    while (out.pos == 0) {
        int code = refill(s, err);
        if (code)
            return code;
        if (d->dry && !d->open)
            break;
        ZSTD_inBuffer in = { d->input, d->size, d->at };
        size_t state = ZSTD_decompressStream(d->zstd, &out, &in);
        if (ZSTD_isError(state))
            return broken(s, err, "damaged");
        d->at = in.pos;
        d->open = state != 0;
        if (d->dry && out.pos == 0 && d->open)
            return broken(s, err, "truncated");
    }
    *got = out.pos;
    return RONDO_OK;
}

static int decode(struct stream *s, void *into, size_t room, size_t *got, struct rondo_error *err)
{
    switch (s->coding) {
    case STREAM_GZIP:
    case STREAM_DEFLATE: return decode_gzip(s, into, room, got, err);
    case STREAM_ZSTD: return decode_zstd(s, into, room, got, err);
    default: return read_raw(s, into, room, got, err);
    }
}

/* ---- a stream's life ----------------------------------------------------------------------- */

static int decoder_open(struct stream *s)
{
    struct stream_decoder *d = s->decoder = mem_alloc(sizeof *d);
    if (!d)
        return RONDO_ENOMEM;
    d->at = d->size = 0;
    d->dry = false;
    d->open = true;
    d->zlib = (z_stream){ 0 };
    d->zstd = NULL;
    bool good = s->coding == STREAM_ZSTD ? (d->zstd = ZSTD_createDStream()) != NULL
                                         : inflateInit2(&d->zlib, s->coding == STREAM_GZIP ? 15 + 16 : -15) == Z_OK;
    return good ? RONDO_OK : RONDO_ENOMEM;
}

static int look(struct stream *s, struct rondo_error *err)
{
    struct stat info;
    unsigned char magic[4] = { 0 };
    if (fstat(s->fd, &info))
        return failed(s, err);
    if (!S_ISREG(info.st_mode))
        return rondo_error_set(err, RONDO_EINPUT, s->path, NULL, "%s",
                               S_ISDIR(info.st_mode)
                                   ? "is a folder, not a file"
                                   : "is not a regular file (data are read twice)");
    s->size = (int64_t)info.st_size;
    if (s->size == 0)
        return rondo_error_set(err, RONDO_EINPUT, s->path, NULL, "the file is empty");
    if (pread(s->fd, magic, sizeof magic, 0) < 0)
        return failed(s, err);
    if (magic[0] == 0x1f && magic[1] == 0x8b)
        s->coding = STREAM_GZIP;
    else if (memcmp(magic, "\x28\xb5\x2f\xfd", 4) == 0)
        s->coding = STREAM_ZSTD;
    return RONDO_OK;
}

static int begin(struct stream *s, struct rondo_error *err)
{
    s->left = s->size;
    s->at = s->end = s->window;
    s->window[0] = 0;
    s->line = 1;
    s->ended = false;
    int code = stream_fill(s, err);
    if (!code && stream_at_end(s))
        code = rondo_error_set(err, RONDO_EINPUT, s->path, NULL, "the file is empty");
    return code;
}

/* "FILE.npz/NAME", where FILE.npz is a file. */
static int open_member(struct stream *s, struct npz_member *member, struct rondo_error *err)
{
    char archive[PATH_MAX];
    int length = snprintf(archive, sizeof archive, "%.*s", (int)(file_member(s->path) - s->path) - 1, s->path);
    if (length >= (int)sizeof archive || (s->fd = open(archive, O_RDONLY | O_CLOEXEC)) < 0)
        return failed(s, err);
    int code = npz_find(s->fd, s->path, member, err);
    if (code)
        return code;
    s->begin = member->begin;
    s->size = member->packed;
    s->coding = member->deflated ? STREAM_DEFLATE : STREAM_PLAIN;
    return lseek(s->fd, s->begin, SEEK_SET) < 0 ? failed(s, err) : RONDO_OK;
}

/* One pass over a member, then back to its first byte. */
static int prove(struct stream *s, const struct npz_member *member, struct rondo_error *err)
{
    uint64_t size = 0;
    uLong crc = crc32(0, NULL, 0);
    int code = RONDO_OK;
    while (!code && !stream_at_end(s)) {
        crc = crc32(crc, (const unsigned char *)s->at, (uInt)(s->end - s->at));
        size += (uint64_t)(s->end - s->at);
        s->at = s->end;
        code = stream_fill(s, err);
    }
    if (!code && (size != (uint64_t)member->size || crc != member->crc))
        code = rondo_error_set(err, RONDO_EINPUT, s->path, NULL, "the array is damaged: its checksum is another");
    return code ? code : stream_rewind(s, err);
}

int stream_open(struct stream *s, const char *path, struct rondo_error *err)
{
    struct npz_member member;
    *s = (struct stream){ .path = path, .fd = open(path, O_RDONLY | O_CLOEXEC) };
    bool within = s->fd < 0 && errno == ENOTDIR && file_member(path);
    if (s->fd < 0 && !within)
        return failed(s, err);
    int code = within ? open_member(s, &member, err) : look(s, err);
    if (code)
        goto out;
    s->window = mem_alloc(WINDOW + 1);
    code = s->window ? RONDO_OK : RONDO_ENOMEM;
    if (!code && s->coding != STREAM_PLAIN)
        code = decoder_open(s);
    if (code)
        rondo_error_set(err, code, path, NULL, "out of memory");
    else
        code = begin(s, err);
    if (!code && within)
        code = prove(s, &member, err);
out:
    if (code)
        stream_close(s);
    return code;
}

int stream_rewind(struct stream *s, struct rondo_error *err)
{
    if (lseek(s->fd, s->begin, SEEK_SET) < 0)
        return failed(s, err);
    struct stream_decoder *d = s->decoder;
    if (d) {
        d->at = d->size = 0;
        d->dry = false;
        d->open = true;
        if (d->zstd)
            ZSTD_DCtx_reset(d->zstd, ZSTD_reset_session_only);
        else
            inflateReset(&d->zlib);
    }
    return begin(s, err);
}

void stream_close(struct stream *s)
{
    if (s->decoder) {
        inflateEnd(&s->decoder->zlib);
        ZSTD_freeDStream(s->decoder->zstd);
        mem_free(s->decoder);
    }
    mem_free(s->window);
    if (s->fd >= 0)
        close(s->fd);
    *s = (struct stream){ .fd = -1 };
}

/* ---- reading ------------------------------------------------------------------------------- */

int stream_fill(struct stream *s, struct rondo_error *err)
{
    size_t size = (size_t)(s->end - s->at);
    memmove(s->window, s->at, size);
    s->at = s->window;
    while (size < WINDOW && !s->ended) {
        size_t got = 0;
        int code = decode(s, s->window + size, WINDOW - size, &got, err);
        if (code)
            return code;
        s->ended = got == 0;
        size += got;
    }
    s->end = s->window + size;
    s->window[size] = 0;
    return RONDO_OK;
}

int stream_read(struct stream *s, void *into, size_t size, size_t *got, struct rondo_error *err)
{
    size_t have = (size_t)(s->end - s->at);
    size_t done = have < size ? have : size;
    memcpy(into, s->at, done);
    s->at += done;
    while (done < size && !s->ended) {
        size_t count = 0;
        int code = decode(s, (char *)into + done, size - done, &count, err);
        if (code)
            return code;
        s->ended = count == 0;
        done += count;
    }
    *got = done;
    return RONDO_OK;
}

int stream_skip_blanks(struct stream *s, struct rondo_error *err)
{
    for (;;) {
        while (stream_is_blank(*s->at))
            s->at++;
        if (s->ended || s->end - s->at >= STREAM_AHEAD)
            return RONDO_OK;
        int code = stream_fill(s, err);
        if (code)
            return code;
    }
}

int stream_skip_line(struct stream *s, struct rondo_error *err)
{
    for (;;) {
        const char *found = memchr(s->at, '\n', (size_t)(s->end - s->at));
        if (found) {
            s->at = found + 1;
            s->line++;
            return RONDO_OK;
        }
        s->at = s->end;
        if (s->ended)
            return RONDO_OK;
        int code = stream_fill(s, err);
        if (code)
            return code;
    }
}

int64_t stream_limit(const struct stream *s)
{
    static const int64_t ratios[] = { 1, GZIP_RATIO, ZSTD_RATIO, GZIP_RATIO };
    int64_t ratio = ratios[s->coding];
    return s->size < INT64_MAX / ratio ? s->size * ratio : INT64_MAX;
}

/* ---- errors -------------------------------------------------------------------------------- */

int stream_end_line(struct stream *s, struct rondo_error *err)
{
    int code = stream_skip_blanks(s, err);
    if (!code && *s->at != '\n' && !stream_at_end(s))
        return stream_unexpected(s, "the end of the line", err);
    return code ? code : stream_skip_line(s, err);
}

int stream_index(struct stream *s, const char *wanted, int64_t *value, struct rondo_error *err)
{
    int code = stream_skip_blanks(s, err);
    if (code)
        return code;
    const char *end = number_index(s->at, value);
    if (!end || !stream_is_break(s, end))
        return stream_unexpected(s, wanted, err);
    s->at = end;
    return RONDO_OK;
}

int stream_error(const struct stream *s, struct rondo_error *err, const char *hint,
                 const char *what, ...)
{
    char where[256], text[384];
    size_t length = strlen(s->path), most = sizeof where - 32;
    snprintf(where, sizeof where, "%.*s:%lld", (int)most,
             s->path + (length > most ? length - most : 0), (long long)s->line);
    va_list args;
    va_start(args, what);
    vsnprintf(text, sizeof text, what, args);
    va_end(args);
    return rondo_error_set(err, RONDO_EINPUT, where, hint, "%s", text);
}

const char *stream_token(const struct stream *s, char *out)
{
    size_t size = 0;
    const char *at = s->at;
    for (; at < s->end && *at != '\n' && !stream_is_blank(*at); at++) {
        if (size == STREAM_TOKEN - 4) {
            memcpy(out + size, "...", 3);
            size += 3;
            break;
        }
        out[size++] = *at > ' ' && *at < 127 ? *at : '?';
    }
    out[size] = 0;
    return size ? out : "the end of the line";
}

int stream_unexpected(const struct stream *s, const char *wanted, struct rondo_error *err)
{
    char found[STREAM_TOKEN];
    return stream_error(s, err, NULL, "expected %s, found \"%s\"", wanted, stream_token(s, found));
}

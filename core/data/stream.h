/* stream.h - one reader of bytes and lines over plain, gzip and zstd files.
 *
 * Place:   core/data, floor 1; used by the readers.  zlib and zstd are read in stream.c alone.
 * Threads: a stream belongs to one thread.
 * Memory:  two buffers of 256 KiB and what zlib or zstd keep for themselves; never the whole text.
 *
 * A parser looks at the window [at, end) itself.  Behind `end` stands a NUL, so that a scan of a
 * token needs no bound; after stream_skip_blanks at least STREAM_AHEAD bytes are in the window, or
 * all that is left of the file.  A parser that passes '\n' counts `line` up.
 */
#ifndef STREAM_H
#define STREAM_H

#include <rondo/err.h>

enum { STREAM_AHEAD = 4096, STREAM_TOKEN = 48 };

enum stream_coding { STREAM_PLAIN, STREAM_GZIP, STREAM_ZSTD, STREAM_DEFLATE /* in a .npz alone */ };

struct stream_decoder; /* what zlib and zstd need; stream.c */

struct stream {
    const char *at;  /* the next unread byte */
    const char *end; /* behind the last byte in memory; *end is NUL */
    int64_t line;    /* the line of `at`, from 1 */
    bool ended;      /* the file has nothing behind `end` */

    const char *path; /* borrowed from the caller of stream_open */
    int64_t size;     /* of the file as it lies on disk, bytes; of a member of a .npz its own */
    int64_t begin;    /* where it begins in the file: 0, but of a member of a .npz */
    int64_t left;     /* of size, not yet read */
    enum stream_coding coding;
    int fd;
    char *window;
    struct stream_decoder *decoder; /* NULL where plain */
};

/* Opens a regular file, told plain, gzip or zstd by its first bytes, or a member of a .npz (npz.h), whose
 * checksum is proven, and fills the window.  An empty file is an error.  On failure nothing is left open. */
int stream_open(struct stream *s, const char *path, struct rondo_error *err) RONDO_MUST_CHECK;
/* Back to the first byte, line 1. */
int stream_rewind(struct stream *s, struct rondo_error *err) RONDO_MUST_CHECK;
void stream_close(struct stream *s);

/* Moves what is unread to the window's beginning and reads behind it. */
int stream_fill(struct stream *s, struct rondo_error *err) RONDO_MUST_CHECK;

/* Up to `size` bytes, past the window; *got < size at the end of the file alone. */
int stream_read(struct stream *s, void *into, size_t size, size_t *got,
                struct rondo_error *err) RONDO_MUST_CHECK;

/* Passes blanks (space, tab, carriage return), not the end of the line. */
int stream_skip_blanks(struct stream *s, struct rondo_error *err) RONDO_MUST_CHECK;
/* Passes the rest of the line and its end. */
int stream_skip_line(struct stream *s, struct rondo_error *err) RONDO_MUST_CHECK;

/* A whole number without a sign, what is too large being INT64_MAX; `wanted` stands in the error, which is
 * at the word that is none. */
int stream_index(struct stream *s, const char *wanted, int64_t *value, struct rondo_error *err) RONDO_MUST_CHECK;
/* Passes the end of the line, before which nothing but blanks may stand. */
int stream_end_line(struct stream *s, struct rondo_error *err) RONDO_MUST_CHECK;

/* The most bytes that the file can decode to. */
int64_t stream_limit(const struct stream *s);
const char *stream_coding_name(enum stream_coding coding);

/* RONDO_EINPUT at "file:line". */
int stream_error(const struct stream *s, struct rondo_error *err, const char *hint,
                 const char *what, ...) RONDO_PRINTF(4, 5);
/* "expected WANTED, found TOKEN" */
int stream_unexpected(const struct stream *s, const char *wanted, struct rondo_error *err);
/* The token at `at` in printable form, shortened, for an error's words; out is [STREAM_TOKEN]. */
const char *stream_token(const struct stream *s, char *out);

static inline bool stream_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* `at`, in the window, is where a token may end. */
static inline bool stream_is_break(const struct stream *s, const char *at)
{
    return stream_is_blank(*at) || *at == '\n' || (at == s->end && s->ended);
}

static inline bool stream_at_end(const struct stream *s)
{
    return s->at == s->end && s->ended;
}

#endif

/* jsonout.h - writes JSON text into a buffer, one token after the other.
 *
 * Place:   core/job, floor 1; used by core/job and by tools (--json).
 * Threads: a struct jsonout belongs to one thread.
 * Memory:  appends to a buffer that the caller owns.
 *
 * Errors stick: when the buffer cannot grow, `failed` is true and the rest is a no-op.  Numbers
 * are written with the fewest digits that give the same double again; NaN and infinities as null;
 * bytes that are not UTF-8 as U+FFFD.
 */
#ifndef JSONOUT_H
#define JSONOUT_H

#include <rondo/types.h>

struct jsonout {
    struct rondo_buf *buf;
    bool pretty;   /* a line for each member, indented by two */
    bool spaced;   /* in one line: a space behind ':' and ',' */
    bool failed;
    int depth;
    bool begun;    /* the open object or array has a member already */
    bool valued;   /* a key stands there and waits for its value */
};

struct jsonout jsonout_begin(struct rondo_buf *buf, bool pretty);

void jsonout_open(struct jsonout *out, char bracket);  /* '{' or '[' */
void jsonout_close(struct jsonout *out, char bracket); /* '}' or ']' */
void jsonout_key(struct jsonout *out, const char *key);
void jsonout_text(struct jsonout *out, const char *text); /* NULL: null */
void jsonout_real(struct jsonout *out, double value);
void jsonout_integer(struct jsonout *out, int64_t value);
void jsonout_flag(struct jsonout *out, bool value);
/* JSON text as it is, a value. */
void jsonout_raw(struct jsonout *out, const char *json);
/* Bytes outside the grammar: a newline at the end. */
void jsonout_bytes(struct jsonout *out, const char *text);

/* "key": value in one call. */
void jsonout_text_at(struct jsonout *out, const char *key, const char *text);
void jsonout_real_at(struct jsonout *out, const char *key, double value);
void jsonout_integer_at(struct jsonout *out, const char *key, int64_t value);
void jsonout_flag_at(struct jsonout *out, const char *key, bool value);
/* Seconds since 1970 as RFC 3339 in UTC with milliseconds; not above 0: null. */
void jsonout_time_at(struct jsonout *out, const char *key, double seconds);

/* The fewest digits of a finite value that read back to the same bits. */
void jsonout_digits(double value, char out[32]);
/* Length of the UTF-8 character at text, 0 where the bytes are none. */
int jsonout_utf8(const char *text);

#endif

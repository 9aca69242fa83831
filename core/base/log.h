/* log.h - what a person at the terminal, or who keeps a service, should know: one line each, on stderr.
 *
 * Place: core/base, floor 0.   Threads: safe, a line is written whole.   Memory: none.
 *
 * Commands say "rondo: TEXT", warnings "rondo: warning: TEXT".  Services write logfmt, one event a line
 * (docs/service.md): time=2026-11-29T19:15:00.123Z level=info msg="job 17: lasso begins" job=17
 */
#ifndef LOG_H
#define LOG_H

#include <rondo/types.h>

#include <stddef.h>

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };
enum log_form { LOG_PLAIN, LOG_LOGFMT };

/* Lines above the level are not written; LOG_INFO at first. */
void log_set_level(enum log_level level);
/* "error", "warning", "info", "debug"; false: none of them. */
bool log_level_of(const char *name, enum log_level *level);
/* LOG_PLAIN at first. */
void log_set_form(enum log_form form);
/* Whoever draws on stderr does so between these; every line is written between them. */
void log_lock(void);
void log_unlock(void);
/* Called before a line is written, with the lock: the drawing is taken away.  NULL: nobody draws. */
void log_set_hook(void (*before)(void *context), void *context);

/* What a line is about; zero: nothing of that kind.  Borrowed. */
struct log_about {
    int64_t job;
    const char *worker; /* its name */
    const char *peer;   /* the address of who is at the other end */
};

/* All lines of this thread are about that job, until told otherwise; 0: about none. */
void log_set_job(int64_t job);
/* All lines of this process come from that worker; copied. */
void log_set_worker(const char *name);

/* The text is made plain in LOG_PLAIN, and escaped in LOG_LOGFMT; it says by itself what it is about:
 * fields are for programs. */
void log_line(enum log_level level, const char *format, ...) RONDO_PRINTF(2, 3);
void log_event(enum log_level level, const struct log_about *about, const char *format, ...) RONDO_PRINTF(3, 4);

/* Others' words must neither move a terminal's cursor nor begin a line of their own: control
 * characters, those of C1 in UTF-8 too, become '?'. */
void log_plain(char *text);
/* A logfmt value, at most size - 1 bytes and a NUL: quoted where it must be, and then '"', '\' and control
 * characters escaped as in JSON; what is not UTF-8 becomes U+FFFD.  A long one is cut, and stays whole. */
size_t log_value(const char *text, char *out, size_t size);

/* Warnings about others, who could make many: ten at once, then one a second, and how many were left
 * out.  Begins as zeros; safe. */
struct log_ration {
    int lines;        /* that were said at once */
    int64_t since_ns; /* when one more was last allowed; 0: nothing was said */
    uint64_t unsaid;
};

void log_rationed(struct log_ration *ration, const struct log_about *about, const char *format, ...)
    RONDO_PRINTF(3, 4);

#endif

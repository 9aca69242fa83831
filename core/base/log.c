#include "core/base/log.h"

#include "core/base/clock.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { LINES_AT_ONCE = 10, TEXT_MOST = 1024, VALUE_MOST = 3072, LINE_MOST = 2 * VALUE_MOST };

static const char *const names[] = { "error", "warning", "info", "debug" };
static _Atomic int shown = LOG_INFO; /* relaxed: settings */
static _Atomic int form = LOG_PLAIN;
static pthread_mutex_t writing = PTHREAD_MUTEX_INITIALIZER; /* of stderr; guards the hook and its context */
static void (*hook)(void *);
static void *hook_context;
static char worker[128]; /* written before there are other threads */
static _Thread_local int64_t job;

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&shown, (int)level, memory_order_relaxed);
}

bool log_level_of(const char *name, enum log_level *level)
{
    for (int i = LOG_ERROR; i <= LOG_DEBUG; i++)
        if (strcmp(name, names[i]) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    return false;
}

void log_set_form(enum log_form wanted)
{
    atomic_store_explicit(&form, (int)wanted, memory_order_relaxed);
}

void log_lock(void)
{
    pthread_mutex_lock(&writing);
}

void log_unlock(void)
{
    pthread_mutex_unlock(&writing);
}

void log_set_hook(void (*before)(void *context), void *context)
{
    log_lock();
    hook = before;
    hook_context = context;
    log_unlock();
}

void log_set_job(int64_t id)
{
    job = id;
}

void log_set_worker(const char *name)
{
    snprintf(worker, sizeof worker, "%s", name);
}

/* ---- text -------------------------------------------------------------------------------------------- */

void log_plain(char *text)
{
    for (unsigned char *at = (unsigned char *)text; *at; at++) {
        bool c1 = at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f;
        if (*at < 0x20 || *at == 0x7f || c1)
            *at = '?';
        if (c1)
            at[1] = '?';
    }
}

/* Bytes of the character of UTF-8 that begins here; 0: none does. */
static size_t character(const unsigned char *at)
{
    size_t more = at[0] < 0x80 ? 0 : at[0] >= 0xc2 && at[0] < 0xe0 ? 1 : (at[0] & 0xf0) == 0xe0 ? 2
                : at[0] >= 0xf0 && at[0] < 0xf5 ? 3 : SIZE_MAX;
    if (more == SIZE_MAX)
        return 0;
    for (size_t i = 1; i <= more; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xf0 && at[1] < 0x90);
    bool beyond = (at[0] == 0xed && at[1] >= 0xa0) || (at[0] == 0xf4 && at[1] >= 0x90);
    return overlong || beyond ? 0 : more + 1;
}

/* A character as it stands between quotes; its length there, *took bytes of the text. */
static size_t escape(const unsigned char *at, char out[8], size_t *took)
{
    size_t bytes = character(at);
    bool c1 = bytes == 2 && at[0] == 0xc2 && at[1] < 0xa0;
    *took = bytes ? bytes : 1;
    if (*at == '"' || *at == '\\')
        return (size_t)snprintf(out, 8, "\\%c", *at);
    if (*at == '\n' || *at == '\t' || *at == '\r')
        return (size_t)snprintf(out, 8, "\\%c", *at == '\n' ? 'n' : *at == '\t' ? 't' : 'r');
    if (*at < 0x20 || *at == 0x7f || c1)
        return (size_t)snprintf(out, 8, "\\u%04x", c1 ? at[1] : *at);
    if (!bytes)
        return (size_t)snprintf(out, 8, "\\ufffd");
    memcpy(out, at, bytes);
    return bytes;
}

static bool is_bare(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    while (*at > 0x20 && *at < 0x7f && *at != '"' && *at != '=' && *at != '\\')
        at++;
    return *text && !*at;
}

size_t log_value(const char *text, char *out, size_t size)
{
    size_t to = 0, took;
    char piece[8];
    bool quoted = !is_bare(text) || strlen(text) >= size;
    if (!quoted)
        return (size_t)snprintf(out, size, "%s", text);
    out[to++] = '"';
    for (const unsigned char *at = (const unsigned char *)text; *at; at += took) {
        size_t length = escape(at, piece, &took);
        if (to + length + 2 > size)
            break;
        memcpy(out + to, piece, length);
        to += length;
    }
    out[to++] = '"';
    out[to] = 0;
    return to;
}

/* ---- lines --------------------------------------------------------------------------------------------- */

static size_t put_field(char *line, size_t at, const char *key, const char *value)
{
    if (!value)
        return at;
    at += (size_t)snprintf(line + at, LINE_MOST - at, "%s%s=", at ? " " : "", key);
    return at + log_value(value, line + at, VALUE_MOST / 4);
}

static size_t lay_logfmt(enum log_level level, const struct log_about *about, const char *text,
                         char line[LINE_MOST])
{
    struct timespec now;
    struct tm parts;
    char number[24];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    size_t at = strftime(line, LINE_MOST, "time=%Y-%m-%dT%H:%M:%S", &parts);
    at += (size_t)snprintf(line + at, LINE_MOST - at, ".%03ldZ level=%s msg=", now.tv_nsec / 1000000,
                           names[level]);
    at += log_value(text, line + at, VALUE_MOST);
    int64_t id = about->job ? about->job : job;
    snprintf(number, sizeof number, "%lld", (long long)id);
    at = put_field(line, at, "job", id ? number : NULL);
    at = put_field(line, at, "worker", about->worker ? about->worker : worker[0] ? worker : NULL);
    at = put_field(line, at, "peer", about->peer);
    line[at++] = '\n';
    return at;
}

static void write_line(enum log_level level, const struct log_about *about, char *text)
{
    char line[LINE_MOST];
    size_t size;
    if (atomic_load_explicit(&form, memory_order_relaxed) == LOG_LOGFMT) {
        size = lay_logfmt(level, about, text, line);
    } else {
        log_plain(text);
        size = (size_t)snprintf(line, sizeof line, "rondo: %s%s\n", level == LOG_WARNING ? "warning: " : "",
                                text);
    }
    log_lock();
    if (hook)
        hook(hook_context);
    fwrite(line, 1, size, stderr);
    log_unlock();
}

static void say(enum log_level level, const struct log_about *about, const char *format, va_list args)
    RONDO_PRINTF(3, 0);

static void say(enum log_level level, const struct log_about *about, const char *format, va_list args)
{
    static const struct log_about nothing = { 0 };
    char text[TEXT_MOST];
    if ((int)level > atomic_load_explicit(&shown, memory_order_relaxed))
        return;
    vsnprintf(text, sizeof text, format, args);
    write_line(level, about ? about : &nothing, text);
}

void log_line(enum log_level level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(level, NULL, format, args);
    va_end(args);
}

void log_event(enum log_level level, const struct log_about *about, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(level, about, format, args);
    va_end(args);
}

/* ---- rations ---------------------------------------------------------------------------------------------- */

/* May one more be said?  *unsaid: how many were not, since. */
static bool take_ration(struct log_ration *ration, uint64_t *unsaid)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards every ration */
    int64_t now = clock_now_ns();
    pthread_mutex_lock(&mutex);
    int64_t seconds = ration->since_ns ? (now - ration->since_ns) / 1000000000 : LINES_AT_ONCE;
    if (seconds > 0) {
        ration->lines = ration->lines > seconds ? ration->lines - (int)seconds : 0;
        ration->since_ns = now;
    }
    bool may = ration->lines < LINES_AT_ONCE;
    *unsaid = ration->unsaid;
    ration->lines += may;
    ration->unsaid = may ? 0 : *unsaid + 1;
    pthread_mutex_unlock(&mutex);
    return may;
}

void log_rationed(struct log_ration *ration, const struct log_about *about, const char *format, ...)
{
    uint64_t unsaid;
    if (!take_ration(ration, &unsaid))
        return;
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (unsaid)
        log_event(LOG_WARNING, about, "%s (%llu more of late)", line, (unsigned long long)unsaid);
    else
        log_event(LOG_WARNING, about, "%s", line);
}

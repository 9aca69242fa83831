#include "core/base/log.h"

#include "core/base/clock.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

enum { LINES_AT_ONCE = 10 };

static _Atomic int shown = LOG_INFO; /* relaxed: a setting */

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&shown, (int)level, memory_order_relaxed);
}

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

void log_line(enum log_level level, const char *format, ...)
{
    if ((int)level > atomic_load_explicit(&shown, memory_order_relaxed))
        return;
    char line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    log_plain(line);
    fprintf(stderr, "rondo: %s%s\n", level == LOG_WARNING ? "warning: " : "", line);
}

void log_rationed(struct log_ration *ration, const char *format, ...)
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
    uint64_t unsaid = ration->unsaid;
    ration->lines += may;
    ration->unsaid = may ? 0 : unsaid + 1;
    pthread_mutex_unlock(&mutex);
    if (!may)
        return;
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (unsaid)
        log_line(LOG_WARNING, "%s (%llu more of late)", line, (unsigned long long)unsaid);
    else
        log_line(LOG_WARNING, "%s", line);
}

/* log.h - what a person at the terminal should know: one line each, on stderr.
 *
 * Place: core/base, floor 0.   Threads: safe, a line is written whole.   Memory: none.
 */
#ifndef LOG_H
#define LOG_H

#include <rondo/types.h>

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

/* Lines above the level are not written; LOG_INFO at first. */
void log_set_level(enum log_level level);
/* Prints "rondo: TEXT\n"; warnings as "rondo: warning: TEXT".  The text is made plain. */
void log_line(enum log_level level, const char *format, ...) RONDO_PRINTF(2, 3);

/* Others' words must neither move a terminal's cursor nor begin a line of their own: control
 * characters, those of C1 in UTF-8 too, become '?'. */
void log_plain(char *text);

/* Warnings about others, who could make many: ten at once, then one a second, and how many were left
 * out.  Begins as zeros; safe. */
struct log_ration {
    int lines;        /* that were said at once */
    int64_t since_ns; /* when one more was last allowed; 0: nothing was said */
    uint64_t unsaid;
};

void log_rationed(struct log_ration *ration, const char *format, ...) RONDO_PRINTF(2, 3);

#endif

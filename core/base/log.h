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
/* Prints "rondo: TEXT\n"; warnings as "rondo: warning: TEXT". */
void log_line(enum log_level level, const char *format, ...) RONDO_PRINTF(2, 3);

#endif

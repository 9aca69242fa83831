/* trace_window.h - --first N, --last N and --all: which rounds of a trace are meant.
 *
 * Place:   tools, floor 4; used by trace_show.c and trace_export.c.
 * Threads: the main thread.
 * Memory:  none.
 */
#ifndef TRACE_WINDOW_H
#define TRACE_WINDOW_H

#include "core/trace/reader.h"

/* As the words said it; begins as { 0 }. */
struct trace_window {
    int64_t first, last; /* 0: not asked for */
    bool all;
};

/* 1: argv[*at] is one of the options, and *at stands on its last word; 0: another word; -1: its number is missing or
 * wrong, said. */
int trace_window_option(struct trace_window *window, int argc, char **argv, int *at);
/* 0, or the exit status of what was said: they exclude each other. */
int trace_window_judge(const struct trace_window *window);
bool trace_window_is_asked(const struct trace_window *window);

/* The rounds.  cut: where none were asked for, the last TRACE_WINDOW_MOST. */
enum { TRACE_WINDOW_MOST = 10000 };
int trace_window_choose(const struct trace_window *window, bool cut, struct trace_reader *reader,
                        struct reader_window *rounds, struct rondo_error *err) RONDO_MUST_CHECK;
/* Says on stderr that a trace of more was cut; done: "shown", say. */
int trace_window_say(struct trace_reader *reader, struct reader_window rounds, const char *done,
                     struct rondo_error *err) RONDO_MUST_CHECK;

#endif

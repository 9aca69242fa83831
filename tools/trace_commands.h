/* trace_commands.h - what `rondo trace` can do, a file for each.
 *
 * Place:   tools, floor 4; the table is in cmd_trace.c.
 * Threads: the main thread.
 * Memory:  none is kept.
 *
 * A subcommand gets its own name as argv[0] and the words behind it, and returns an exit status
 * as cli.h has it.
 */
#ifndef TRACE_COMMANDS_H
#define TRACE_COMMANDS_H

#include "core/trace/reader.h"

int trace_show(int argc, char **argv);   /* summary, rounds, blocks, priority, conflicts, workers */
int trace_check(int argc, char **argv);  /* recomputes couplings from the data */
int trace_export(int argc, char **argv); /* perfetto, csv, html */

/* What trace_show says for summary, on stdout; whole: the window has all rounds. */
int trace_summary(struct trace_reader *reader, struct reader_window window, bool whole, bool json,
                  struct rondo_error *err) RONDO_MUST_CHECK;

#endif

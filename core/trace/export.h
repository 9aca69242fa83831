/* export.h - a trace in the formats of others.
 *
 * Place:   core/trace, floor 1; used by tools/trace_export.c.
 * Threads: the reader's; that of a page has one more while it lives (relay.h), which digests what is read.
 * Memory:  bounded, whatever the trace's length.
 *
 * docs/formats/trace.md describes what is written.  RONDO_EINPUT where the trace cannot be read, or (with a
 * hint) does not have what is asked for; RONDO_EIO where the stream failed; RONDO_ENOMEM.
 */
#ifndef EXPORT_H
#define EXPORT_H

#include "core/trace/reader.h"

#include <stdio.h>

/* Chrome's trace events of a window's rounds as JSON, for ui.perfetto.dev: a track for the planner and one for each
 * worker. */
int export_perfetto(struct trace_reader *reader, struct reader_window window, FILE *out,
                    struct rondo_error *err) RONDO_MUST_CHECK;

/* One table as RFC 4180 has it, a line of names first; of what rounds have, a window's.  table: "rounds", ... as
 * export_csv_tables lists them; of another name RONDO_EINPUT. */
int export_csv(struct trace_reader *reader, const char *table, struct reader_window window, FILE *out,
               struct rondo_error *err) RONDO_MUST_CHECK;
extern const char export_csv_tables[]; /* "rounds, blocks, ..." */

/* One page with everything in it: the digest, the plots and their script.  What it shows nothing of is not read, damaged
 * or not. */
int export_html(struct trace_reader *reader, FILE *out, struct rondo_error *err) RONDO_MUST_CHECK;

#endif

/* views.h - the listings of a trace: rounds, blocks, conflicts, workers.
 *
 * Place:   core/trace, floor 1; used by tools/trace_*.c.
 * Threads: the reader's.
 * Memory:  none beyond the reader's.
 *
 * The keys of the JSON are documented in docs/formats/trace.md.
 */
#ifndef VIEWS_H
#define VIEWS_H

#include "core/trace/reader.h"

#include <stdio.h>

bool views_known(const char *name);

/* Writes the listing `name`, which must be known, as {"NAME":[...]} or as a table.  RONDO_EINPUT
 * with a hint where the trace was kept at too low a level; RONDO_EIO where the stream failed. */
int views_list(struct trace_reader *reader, const char *name, struct reader_window window,
               bool json, FILE *out, struct rondo_error *err) RONDO_MUST_CHECK;

/* part / all; NAN where all is not above 0. */
double views_ratio(double part, double all);

#endif

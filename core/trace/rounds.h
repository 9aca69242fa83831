/* rounds.h - the walk over the rows of `rounds`.
 *
 * Place:   core/trace only, used by what reads.
 * Threads: one.
 * Memory:  embedded, and not moved while it is open.  The round is borrowed until the next, its words too.
 */
#ifndef ROUNDS_H
#define ROUNDS_H

#include "core/trace/query.h"

struct rounds {
    struct query query;
    struct trace_round round; /* the row at hand; its lists are empty */
    struct rondo_buf words;   /* its kind and its note */
};

/* BARE: without what was measured, which saves a third: times and costs are 0.  BRIEF: what a digest does not look at
 * is 0 or "". */
enum rounds_columns { ROUNDS_WHOLE, ROUNDS_BARE, ROUNDS_BRIEF };

/* Ascending.  Failed or not, it wants rounds_close. */
int rounds_open(struct rounds *rounds, struct trace_reader *reader, struct reader_window window,
                enum rounds_columns columns, struct rondo_error *err) RONDO_MUST_CHECK;
/* Whether there is another; false too where *code is set, or is set here. */
bool rounds_next(struct rounds *rounds, int *code, struct rondo_error *err);
void rounds_close(struct rounds *rounds);

#endif

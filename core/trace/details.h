/* details.h - what a round has beside its row in `rounds`: one row of lists, and the walk that reads them.
 *
 * Place:   core/trace only, used by rows.c, which writes them, and what reads.
 * Threads: one.
 * Memory:  embedded, and not moved while it is open; buffers that grow to the longest lists.  What a round points to is
 *          borrowed until the next.
 */
#ifndef DETAILS_H
#define DETAILS_H

#include "core/trace/lists.h"
#include "core/trace/query.h"

/* The lists of a kind of detail, in the order of the columns; whatever else a kind has stands behind them. */
enum { BLOCK_NUMBER, BLOCK_COUNT, BLOCK_FIRST, BLOCK_LISTS };
enum {
    TASK_SENT, TASK_TOOK, TASK_RUN, TASK_PHASE, TASK_TAG, TASK_WORK, TASK_BLOCK, TASK_SHARD, TASK_WORKER, TASK_LISTS
};
enum { CONFLICT_CANDIDATE, CONFLICT_OTHER, CONFLICT_BACK, CONFLICT_JOINED, CONFLICT_LISTS };

enum details_kind { DETAILS_BLOCKS, DETAILS_TASKS, DETAILS_CONFLICTS, DETAILS_DRAWS, DETAILS_MOVES, DETAILS_KINDS };
enum { DETAILS_ALL = (1 << DETAILS_KINDS) - 1 };
/* Beside kinds: of rounds nothing that was measured; of both what a digest looks at, and 0 or "" for the rest. */
enum { DETAILS_BARE = 1 << DETAILS_KINDS, DETAILS_BRIEF = 2 << DETAILS_KINDS };

struct details {
    struct query query;
    struct trace_round round;  /* the row at hand: its number, and the lists of these kinds */
    bool there, told;          /* whether there is one; it was filled in */
    int column[DETAILS_KINDS]; /* where its columns begin; 0: that kind is not read */
    struct rondo_buf list, reals; /* of one kind, unpacked */
    struct rondo_buf blocks, variables, tasks, conflicts, draw, weight, move, delta;
};

/* kinds: the sum of 1 << kind, and DETAILS_BRIEF or not.  Failed or not, it wants details_close. */
int details_open(struct details *details, struct trace_reader *reader, struct reader_window window, int kinds,
                 struct rondo_error *err) RONDO_MUST_CHECK;
/* Fills in the next round that has a row: its number and these kinds.  False where *code is set, or is set here, too. */
bool details_next(struct details *details, struct trace_round *round, int *code, struct rondo_error *err);
/* Fills in what there is of round->round: rounds ascend, and rows of those that are not asked for are passed. */
int details_take(struct details *details, struct trace_round *round, struct rondo_error *err) RONDO_MUST_CHECK;
void details_close(struct details *details);

/* reader_scan with these kinds alone, and with DETAILS_BARE reader_scan_bare.  In scan.c. */
int details_scan(struct trace_reader *reader, struct reader_window window, int kinds,
                 int (*each)(void *context, const struct trace_round *round), void *context,
                 struct rondo_error *err) RONDO_MUST_CHECK;

#endif

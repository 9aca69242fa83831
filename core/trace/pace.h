/* pace.h - from the tasks: how even a round was, whom it waited for, what each worker did.
 *
 * Place:   core/trace only, used by the views.
 * Threads: the reader's.
 * Memory:  some 4 KiB for each worker; nothing grows with the rounds.
 *
 * A round's straggler is the worker whose last task ended last, and what it cost the round is how much later
 * that was than the mean of the last tasks of all workers that had one.  Couplings are no part of that: most
 * are asked for while the round is planned.
 */
#ifndef PACE_H
#define PACE_H

#include "core/trace/reader.h"

struct pace_round {
    int64_t round;
    const char *kind;
    int32_t blocks;
    double imbalance_ratio; /* counted: cost_max / cost_mean; NAN where none was counted */
    double measured_ratio;  /* longest over mean of run_ns of the first phase's pushes; NAN likewise */
    int64_t straggler;      /* the worker; -1: the round has no tasks */
    int64_t block, shard;   /* of its last task; -1: none */
    int64_t straggle_ns;
    int64_t push_ns, path_ns; /* of the round; plan, push and commit, which follow on each other */
    double push_ratio, path_ratio; /* straggle_ns over these */
};

struct pace_worker {
    struct reader_worker in;
    int64_t straggled; /* rounds whose straggler it was, among two workers or more */
};

struct pace_totals {
    int64_t rounds, balanced, measured, straggled; /* rounds; that have the ratio; of two workers or more */
    double imbalance_sum, imbalance_max, measured_sum, measured_max;
    int64_t straggle_ns, push_ns, path_ns;
    int64_t first_ns, last_ns;          /* the first begin, the last end; 0 where there are no rounds */
    int64_t workers;
    const struct pace_worker *worker; /* [workers] by number */
};

/* Rounds ascending, then the totals; either callback may be NULL, the context is the same.  Cost: one pass over
 * the window's rounds and tasks, 0.7 us for a round of four. */
int pace_read(struct trace_reader *reader, struct reader_window window,
              int (*each)(void *context, const struct pace_round *round),
              int (*totals)(void *context, const struct pace_totals *totals), void *context,
              struct rondo_error *err) RONDO_MUST_CHECK;

#endif

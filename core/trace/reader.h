/* reader.h - what a trace says, in rows.
 *
 * Place:   core/trace, floor 1; used by tools/trace_*.c and tests.
 * Threads: a reader belongs to one thread; it may read while a writer of any process writes, and
 *          sees the trace as it was at its first query.
 * Memory:  what a callback receives is borrowed until it returns; kinds and notes are never NULL.
 *
 * Nothing is written to the file.  A callback that returns non-zero ends the query, which returns
 * the same.  What cannot be read is RONDO_EINPUT with the path and one line; RONDO_ENOMEM.
 */
#ifndef READER_H
#define READER_H

#include "core/trace/trace.h"

struct trace_reader;

/* Rounds from .. to, both included; they count from 1. */
struct reader_window {
    int64_t from, to;
};

/* path: the file, or the output directory that holds it. */
int reader_open(const char *path, struct trace_reader **reader,
                struct rondo_error *err) RONDO_MUST_CHECK;
/* The same of a file that may be anybody's: a symbolic link is refused, and `over` is asked every few
 * milliseconds of reading, here and later, on this thread; true ends it, as damage does. */
int reader_open_watched(const char *path, bool (*over)(void *context), void *context,
                        struct trace_reader **reader, struct rondo_error *err) RONDO_MUST_CHECK;
void reader_close(struct trace_reader *reader); /* NULL allowed */

/* The file read; borrowed from the reader. */
const char *reader_path(const struct trace_reader *reader);
/* What the last writer kept; TRACE_ROUNDS where the trace does not say. */
enum trace_level reader_level(const struct trace_reader *reader);

/* The first or the last `count` rounds; count <= 0: all. */
int reader_first(struct trace_reader *reader, int64_t count, struct reader_window *window,
                 struct rondo_error *err) RONDO_MUST_CHECK;
int reader_last(struct trace_reader *reader, int64_t count, struct reader_window *window,
                struct rondo_error *err) RONDO_MUST_CHECK;

/* Which rounds of the window there are, and how many the trace has in all; 0 where there are none. */
struct reader_extent {
    int64_t from, to, rounds_of_trace;
};
int reader_extent(struct trace_reader *reader, struct reader_window window, struct reader_extent *extent,
                  struct rondo_error *err) RONDO_MUST_CHECK;

/* "ended"; "running": the job has not, and another process holds the file; "killed": nobody does.  A constant. */
int reader_standing(struct trace_reader *reader, const char **standing,
                    struct rondo_error *err) RONDO_MUST_CHECK;

int reader_meta(struct trace_reader *reader,
                int (*each)(void *context, const char *key, const char *value), void *context,
                struct rondo_error *err) RONDO_MUST_CHECK;

/* Rounds ascending; their lists of blocks, conflicts and tasks are empty. */
int reader_rounds(struct trace_reader *reader, struct reader_window window,
                  int (*each)(void *context, const struct trace_round *round), void *context,
                  struct rondo_error *err) RONDO_MUST_CHECK;

struct reader_block {
    int64_t round;
    struct trace_block block;
    double cost_mean; /* of the round's blocks; NAN where the round does not say */
    int32_t shard;    /* of a plan's pair; else -1 */
};

/* By round, then by block; of plans by the tasks of their first phase. */
int reader_blocks(struct trace_reader *reader, struct reader_window window,
                  int (*each)(void *context, const struct reader_block *block), void *context,
                  struct rondo_error *err) RONDO_MUST_CHECK;
int reader_tasks(struct trace_reader *reader, struct reader_window window,
                 int (*each)(void *context, int64_t round, const struct trace_task *task),
                 void *context, struct rondo_error *err) RONDO_MUST_CHECK;
int reader_conflicts(struct trace_reader *reader, struct reader_window window,
                     int (*each)(void *context, int64_t round,
                                 const struct trace_conflict *conflict),
                     void *context, struct rondo_error *err) RONDO_MUST_CHECK;

/* Whole rounds, ascending, with every detail that the trace has.  Cost: one pass over rounds and details. */
int reader_scan(struct trace_reader *reader, struct reader_window window,
                int (*each)(void *context, const struct trace_round *round), void *context,
                struct rondo_error *err) RONDO_MUST_CHECK;
/* The same, but of the rounds themselves nothing that was measured: their times and costs are 0. */
int reader_scan_bare(struct trace_reader *reader, struct reader_window window,
                     int (*each)(void *context, const struct trace_round *round), void *context,
                     struct rondo_error *err) RONDO_MUST_CHECK;
int reader_parts(struct trace_reader *reader,
                 int (*each)(void *context, const struct trace_part *part), void *context,
                 struct rondo_error *err) RONDO_MUST_CHECK;
int reader_cells(struct trace_reader *reader,
                 int (*each)(void *context, const struct trace_cell *cell), void *context,
                 struct rondo_error *err) RONDO_MUST_CHECK;
/* Lines of progress, by round; keys are borrowed like all else. */
int reader_reports(struct trace_reader *reader, struct reader_window window,
                   int (*each)(void *context, const struct trace_report *report), void *context,
                   struct rondo_error *err) RONDO_MUST_CHECK;

struct reader_worker {
    int32_t worker;
    int64_t tasks, rounds;
    int64_t busy_ns;  /* with at least one task sent and not done */
    int64_t run_ns;   /* the worker's own clock */
    double mean_ns;   /* of a task, from sent to done */
    int64_t longest_ns;
    int64_t first_ns, last_ns; /* first sent, last done */
};

/* By worker.  Cost: one pass over the window's rounds and tasks. */
int reader_workers(struct trace_reader *reader, struct reader_window window,
                   int (*each)(void *context, const struct reader_worker *worker), void *context,
                   struct rondo_error *err) RONDO_MUST_CHECK;

enum { READER_KINDS = 8, READER_NOTES = 32 };

/* A kind or a note, cut to what fits; the last of a full list is "others". */
struct reader_word {
    char word[48];
    int64_t rounds;
};

/* Sums over the window; ratios are NAN where there is nothing to divide by. */
struct reader_summary {
    int64_t rounds, first_round, last_round; /* 0 where there are none */
    int64_t updates;                         /* as the app counts them */
    int64_t wanted, drawn, refused, taken, joined; /* in sampled rounds */
    double fill_ratio;                       /* taken / wanted */
    int64_t staleness_max;
    int64_t pairs_needed, pairs_computed, coupled_pairs;
    double hit_ratio;                        /* needed and not computed / needed */
    double imbalance_mean, imbalance_max;    /* of cost_max / cost_mean, rounds that have a cost */
    int64_t plan_ns, push_ns, commit_ns;
    int64_t run_ns, pull_ns, network_ns;     /* of push_ns */
    int64_t couple_ns;
    int64_t elapsed_ns;                      /* from the first begin to the last end */
    double objective_first, objective_last;  /* of the rounds that say one */
    int kinds, notes;
    struct reader_word kind[READER_KINDS], note[READER_NOTES]; /* [kinds], [notes] the most frequent first; no empty note */
};

/* Cost: one pass over the window's rounds, below a microsecond for each. */
int reader_summary(struct trace_reader *reader, struct reader_window window,
                   struct reader_summary *summary, struct rondo_error *err) RONDO_MUST_CHECK;

#endif

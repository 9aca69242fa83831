/* heat.h - how updates concentrate on few variables, and how long others wait.
 *
 * Place:   core/trace only, used by the view of priority.
 * Threads: the reader's.
 * Memory:  16 bytes for each variable that was updated, in pages of 256 neighbours.
 *
 * Of sampled rounds the variables are those of their blocks.  Where none was sampled (lda, mf) they are the
 * fixed pairs of block and shard that tasks of the first phase visit.
 *
 * With c_j updates of variable j of M, n = sum c_j, and variables by ascending count:
 *     entropy = -sum (c_j / n) log(c_j / n) / log M       1: all alike, 0: one has all
 *     gini    = sum (2 j - M - 1) c_j / (M n)              0: all alike, 1: one has all
 */
#ifndef HEAT_H
#define HEAT_H

#include "core/trace/reader.h"

enum { HEAT_SHARES = 3, HEAT_HOTTEST = 10, HEAT_STRETCHES = 20 };

struct heat_share {
    double fraction;   /* 0.001, 0.01, 0.1 of all variables */
    int64_t variables; /* that is, rounded up */
    double share;      /* of the updates, that went to the hottest of them */
};

struct heat_variable {
    int64_t variable, block, shard; /* variable, or block and shard; the others -1 */
    int64_t updates, last_round;
    double share;
};

struct heat_wait {
    int64_t rounds;    /* 0: none */
    int64_t variable, block, shard;
    int64_t from, to;  /* updated in these rounds, not between; an idle one was not until `to`, the last */
};

/* A run of rounds. */
struct heat_stretch {
    int64_t from, to;    /* the first and the last of its sampled rounds */
    int64_t rounds;      /* sampled */
    int64_t weighed;     /* of these, that say their weights */
    int64_t updates;
    double weight_sum;   /* of all priorities, at its last round */
    double weight_ratio; /* the mean of weight taken / weight of all */
};

struct heat {
    bool counted;      /* else the trace has no blocks: nothing but stretches is known */
    bool sampled;      /* the variables are variables, else pairs of block and shard */
    int64_t variables; /* in all; -1: not known */
    int64_t updates;   /* of them */
    int64_t updated;   /* variables */
    struct reader_extent extent;
    double entropy, gini;            /* NAN where they are not known */
    struct heat_share share[HEAT_SHARES];
    struct heat_wait longest;        /* between two updates */
    struct heat_wait idle;           /* since the last update */
    struct heat_variable hottest[HEAT_HOTTEST];
    int hot;                         /* of these */
    struct heat_stretch stretch[HEAT_STRETCHES];
    int stretches;
};

/* Cost: one pass over the window's rounds and blocks (or tasks), some ns for each variable of a block. */
int heat_read(struct trace_reader *reader, struct reader_window window, struct heat *heat,
              struct rondo_error *err) RONDO_MUST_CHECK;

#endif

/* digest_i.h - what a digest keeps, shared by the one that feeds it and the one that tells it.
 *
 * Place:   core/trace only: digest.c, digest_json.c.
 * Threads: all behind the digest's lock but what is _Atomic.
 * Memory:  the digest itself, 270 KB, and its tally.
 */
#ifndef DIGEST_I_H
#define DIGEST_I_H

#include "core/trace/digest.h"
#include "core/trace/tally.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    DIGEST_METRICS = 16,  /* keys of reports, "objective" included; those beyond are left out */
    DIGEST_KEY = 40,
    DIGEST_WORKERS = 1024 /* those beyond are left out */
};

/* A ratio's mean over the rounds that have one. */
struct digest_mean {
    double sum;
    int64_t count;
};

/* A run of rounds. */
struct digest_point {
    int64_t first, last, rounds, updates, refused, joined, dropped;
    int64_t plan_ns, run_ns, pull_ns, network_ns, commit_ns, couple_ns, end_ns;
    double objective; /* the last one said; NAN */
    struct digest_mean imbalance, fill, weight, hits;
};

/* A line of progress. */
struct digest_line {
    int64_t round, at_ns;
    double value[DIGEST_METRICS];
};

struct digest_bar {
    int64_t begin_ns, end_ns, round;
    int32_t worker, phase, block, work;
};

struct digest_worker {
    int64_t tasks, run_ns, done_ns; /* done: of the last task */
};

/* All that the JSON says, so that a copy is taken in one move. */
struct digest_state {
    char app[64];
    enum trace_level level;
    int64_t last, updates;  /* the last round; updates from the first one told on */
    int64_t updates_before; /* those before it, where somebody said so */
    bool gaps;              /* a sampled round came without its blocks: waits are not known */
    int points, lines, metrics, workers; /* workers: the highest + 1 */
    int64_t point_rounds, line_reports;  /* what a full point, and a line, stands for */
    int64_t line_held;                   /* reports that the last line stands for */
    struct digest_point point[DIGEST_POINTS];
    struct digest_line line[DIGEST_POINTS];
    char metric[DIGEST_METRICS][DIGEST_KEY];
    int64_t bars, bars_kept; /* ever; of these the last DIGEST_BARS are kept in a ring, from bars_kept on */
    struct digest_bar bar[DIGEST_BARS];
    struct digest_worker worker[DIGEST_WORKERS];
    int64_t refused[DIGEST_BINS], joined[DIGEST_BINS];
};

/* What the tally comes to. */
struct digest_heat {
    int64_t moved, updates, longest_wait;
    double top, entropy;
    double curve[24];
};

/* Where a rate is measured from. */
struct digest_mark {
    int64_t end_ns, round, updates;
};

struct digest {
    pthread_mutex_t lock;
    struct digest_state state;
    struct tally tally;
    struct digest_mark mark[2];          /* the older first, for the rates of a glance */
    double objective;
    int64_t begin_ns, end_ns;            /* of the first round told, and of the last */
    bool begun;                          /* there is a first */
    _Atomic int64_t watched_until_ns;    /* relaxed: a look more or less changes nothing */
    _Atomic int64_t details_ns;          /* when the last came; likewise */
};

/* The fractions of the variables that the curve is told at. */
extern const double digest_fractions[24];

#endif

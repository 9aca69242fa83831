/* trace.h - what a run leaves behind: records, the writer, the reader.
 *
 * Place:   core/trace, floor 1; SQLite is included here (and later in the job store) alone.
 * Threads: a writer belongs to one thread.
 * Memory:  a writer keeps SQLite's page cache (2 MiB) and, from TRACE_BLOCKS on, two buffers that
 *          grow to the largest round; records are borrowed while they are written.
 *
 * Tables are documented in docs/formats/trace.md; the file is an SQLite database that a user's own
 * tools open, while the job runs too.  Times are nanoseconds since the job began solving and change
 * no result.
 *
 * Rounds are committed every 4096 rows (512 bytes of lists count as one), a second after the
 * last commit (as seen at a write), and when asked.  A killed job's trace is readable to its last
 * commit; flush before a checkpoint is kept, so that a resumed job has no gap.  A round's rows are committed together or not at all.
 *
 * Failures: RONDO_EIO with the path and the system's reason, RONDO_ENOMEM.  The first one stays:
 * rows not yet committed are given up, and every later write or flush repeats it.
 */
#ifndef TRACE_H
#define TRACE_H

#include <rondo/err.h>

enum trace_level { TRACE_OFF, TRACE_ROUNDS, TRACE_BLOCKS, TRACE_ALL };

/* A coupling that decided something about a candidate. */
struct trace_conflict {
    int64_t candidate, other;
    double coupling;
    int64_t other_round; /* the round that other is in flight in */
    bool joined;         /* the candidate was taken, into other's block; else it was refused */
};

/* A block of a sampled round; those of plans are fixed, see trace_cell. */
struct trace_block {
    int32_t block;
    int64_t count;
    double cost;
    const int64_t *variables; /* [count]; NULL: not told */
};

enum trace_work { TRACE_PUSH, TRACE_PULL, TRACE_FUSED, TRACE_COUPLE }; /* FUSED: push and pull at once */

struct trace_task {
    int32_t phase, block, shard; /* shard -1: none */
    int32_t worker;
    uint32_t tag;                /* the app's own word for the phase */
    enum trace_work work;
    int64_t sent_ns, done_ns;    /* since the job began solving */
    int64_t run_ns;              /* of these the worker computed; the rest it travelled and waited */
};

/* One committed round. */
struct trace_round {
    int64_t round;
    const char *kind; /* "sampled", "sweep", "plan" */
    int32_t phases, blocks;
    int32_t staleness; /* commits that the state it was planned from lacked */
    int64_t wanted, drawn, refused, taken; /* drawn = refused + taken */
    int64_t joined;    /* of those taken, how many went to a block for a coupling */
    int64_t updates;   /* of this round, as the app counts them */
    int64_t updates_before; /* of all rounds before it, for a digest: in no table; 0: not said */
    int64_t pairs_needed, pairs_computed, coupled_pairs;
    double weight_sum, weight_taken;
    double cost_max, cost_mean; /* over blocks; their ratio is the imbalance */
    double objective;           /* after the commit; NAN where the app did not say */
    int64_t plan_ns, push_ns, commit_ns; /* spent planning; from first task to last result; settling */
    /* Of push_ns: the pushes and pulls of the worker that computed longest, and what is left of it:
     * travel and waiting. */
    int64_t run_ns, pull_ns, network_ns;
    int64_t couple_ns; /* of plan_ns and push_ns, from asking for couplings to having them */
    int64_t begin_ns, end_ns;
    const char *note; /* the ladder's step ("full", "line search", "joint", ...), or "" */

    /* Details; what a level does not keep may be there all the same, for a digest. */
    const struct trace_block *block;       /* [blocks] of a sampled round, from TRACE_BLOCKS on, else NULL */
    const struct trace_task *task;         /* [tasks] from TRACE_BLOCKS on */
    int32_t tasks;
    int32_t conflicts;
    const struct trace_conflict *conflict; /* [conflicts] from TRACE_ALL on: every one */
    int64_t draws;
    const int64_t *draw;                   /* [draws] from TRACE_ALL on: the candidates, in the order of the draws */
    const double *weight;                  /* [draws] the priority each was drawn by, eta not included */
    int64_t moves;
    const int64_t *move;                   /* [moves] from TRACE_ALL on: variables that the commit moved, and */
    const double *delta;                   /* [moves] by how much, as the app fed it back */
};

enum trace_part_kind { TRACE_PART_BLOCK, TRACE_PART_SHARD, TRACE_PART_CHUNK };

/* What tasks of a fixed block, shard or chunk own: told once, from TRACE_BLOCKS on. */
struct trace_part {
    enum trace_part_kind kind;
    int32_t part;
    int64_t tag;            /* of the phases it stands for; -1: all */
    bool columns;           /* members are columns of the data, else rows */
    int64_t count;
    const int64_t *members; /* [count] */
};

/* The counted work of a plan's pair, told once, from TRACE_BLOCKS on. */
struct trace_cell {
    int32_t block, shard;
    double cost;
};

/* A line of progress. */
struct trace_report {
    int64_t round, at_ns;
    int32_t count;
    const char *const *key; /* [count] "objective", "gap", ... */
    const double *value;    /* [count] */
};

struct trace_writer;

/* after < 0: makes DIR/trace.db anew, removing an old one.  after >= 0, a resumed job: goes on with
 * the one that is there and drops its rounds later than `after`; makes one where there is none;
 * refuses (RONDO_ESTATE) what is damaged, of another version or not ours.
 * meta: NULL-ended pairs of key and value for the table meta, replacing what has the same key;
 * NULL: none.  The key "level" is the writer's own.
 * TRACE_OFF: touches nothing and gives NULL, which the functions below take and ignore. */
int trace_create(const char *dir, enum trace_level level, int64_t after, const char *const *meta,
                 struct trace_writer **writer, struct rondo_error *err) RONDO_MUST_CHECK;
/* Rounds come in ascending order.  One that is not later than the last was rolled back: the rounds
 * from it on are dropped first.  Cost: 1.5 us for the round and 3 us for its details, some
 * 0.2 us more for 100 bytes of them. */
int trace_write(struct trace_writer *writer, const struct trace_round *round,
                struct rondo_error *err) RONDO_MUST_CHECK;
int trace_part(struct trace_writer *writer, const struct trace_part *part, struct rondo_error *err) RONDO_MUST_CHECK;
int trace_cells(struct trace_writer *writer, const struct trace_cell *cell, int64_t count,
                struct rondo_error *err) RONDO_MUST_CHECK;
int trace_report(struct trace_writer *writer, const struct trace_report *report,
                 struct rondo_error *err) RONDO_MUST_CHECK;
/* Drops the rounds later than `last`: they were rolled back, and the job ends without them. */
int trace_cut(struct trace_writer *writer, int64_t last, struct rondo_error *err) RONDO_MUST_CHECK;
/* Who must not wait for a disk or for another program holds the writer meanwhile: then only trace_flush, trace_meta and
 * trace_close commit.  NULL allowed, as in trace_flows: whether a transaction is open and no commit is due. */
void trace_hold(struct trace_writer *writer, bool hold);
bool trace_flows(const struct trace_writer *writer);
/* Makes all that was written visible to readers. */
int trace_flush(struct trace_writer *writer, struct rondo_error *err) RONDO_MUST_CHECK;
/* More pairs for the table meta, as trace_create has them; visible with the next flush. */
int trace_meta(struct trace_writer *writer, const char *const *meta, struct rondo_error *err) RONDO_MUST_CHECK;
/* What the table meta has under that key, as a whole number not below 0; -1 where it has none. */
int64_t trace_meta_number(struct trace_writer *writer, const char *key);
/* Flushes, syncs and closes; NULL allowed.  The writer is gone, failed or not. */
int trace_close(struct trace_writer *writer, struct rondo_error *err);

#endif

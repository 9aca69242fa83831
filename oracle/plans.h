/* plans.h - fixed blocks, shards and chunks (lda, mf): was anything of the data ever owned by two at once?
 *
 * Place:   oracle, floor 3; nothing of apps/lda or apps/mf is used.
 * Threads: one.
 * Memory:  4 bytes a row or column for each kind of part, 24 a cell (block, shard).
 *
 * The data are a table of rows and columns: documents and words, users and items; an entry is a word's count
 * in a document, or a rating that trains.  The trace says what each part owns.  What must hold:
 *
 *     parts of one kind are disjoint, and whatever has an entry is in one; of lda a word of more than 1/P of all
 *     tokens, P blocks, may be in none: its counts are treated as the totals are, and it is counted here
 *     the cost of a cell is the entries of its rows and columns; where words are in no block the cells of a
 *     shard have those of its documents beside, which is checked by shard
 *     the tasks of one phase of a round have different blocks and different shards, or different chunks of one
 *     side and all of these; a part is not with a task before the task that had it is done
 *     the updates of a round are what its cells cost (lda, sgd), the rows of its chunks that have entries (als), or all
 *     rows and columns (ccd; of a column that is a bias those of one axis)
 *     no round is sampled
 *
 * A task owns the parts whose tag is its own, or -1; one without parts only reads.
 */
#ifndef PLANS_H
#define PLANS_H

#include "oracle/subject.h"
#include "oracle/verdict.h"

enum { PLANS_OWNERS = 8 };

/* The parts of one kind, tag and axis. */
struct plans_owner {
    enum trace_part_kind kind;
    int64_t tag;
    bool columns;
    int32_t parts;       /* the highest number, and 1 */
    int64_t size;        /* rows or columns of the data */
    int32_t *part_of;    /* [size] -1: none */
    struct rondo_buf last;  /* struct plans_last [parts] */
    int64_t *filled;        /* [parts] rows or columns that have entries */
};

/* Who had a part last. */
struct plans_last {
    int64_t round, done_ns;
    int32_t phase;
};

struct plans {
    struct verdict *verdict;
    const struct rondo_matrix *x;
    bool is_lda, counts_cells; /* cells' costs are the updates */
    bool counts_axes, biases;  /* ccd: rows and columns are; some columns of factors are biases */
    double holdout, entries; /* entries: in all, tokens or ratings that train */
    uint64_t seed;
    struct plans_owner owner[PLANS_OWNERS];
    int owners;
    int32_t blocks, shards; /* of cells; 0: there are none */
    double *cell, *counted; /* [blocks x shards] as the trace says; from the data */
    bool has_cells;
    double *loose;          /* [shards] lda: entries of words in no block, from the data */
    int64_t free_words, free_tokens;
    int64_t rounds, tasks, owned;
    int64_t counted_rounds; /* whose updates were counted */
    double cost;            /* of a round: what its tasks count */
};

/* RONDO_EINPUT: the data are not the job's; RONDO_ENOMEM.  Cost: a pass over the entries. */
int plans_open(struct plans *plans, const struct subject *subject, struct verdict *verdict,
               struct rondo_error *err) RONDO_MUST_CHECK;
/* Rounds ascending.  RONDO_ENOMEM. */
int plans_round(struct plans *plans, const struct trace_round *round) RONDO_MUST_CHECK;
/* Says what was proved. */
void plans_end(struct plans *plans);
void plans_close(struct plans *plans); /* of a zeroed one too */

#endif

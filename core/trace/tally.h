/* tally.h - how often each variable was updated, and how the updates concentrate.
 *
 * Place:   core/trace, floor 1; used by digest.c.
 * Threads: a tally belongs to one.
 * Memory:  8 bytes for each variable, of at most TALLY_VARIABLES: of more than that every stride-th is
 *          counted, and stands for its neighbours; 376 KB for the counts of counts.  Pages that no variable
 *          touches are never there.
 *
 * Beside the counts themselves it keeps how many variables have each count, so that what is asked costs
 * O(counts that occur), not O(variables).  Counts below 2048 have a bin each; those above share one with
 * their neighbours within 1/1024, each bin with its exact sum.
 */
#ifndef TALLY_H
#define TALLY_H

#include <rondo/types.h>

enum { TALLY_VARIABLES = 1 << 22 };

struct tally_bin {
    int64_t variables, updates; /* with such a count; theirs together */
};

struct tally {
    int64_t variables; /* of the job; 0: not known */
    int64_t stride, size;
    struct tally_seen *seen;  /* [size] */
    struct tally_bin *bin;
    int highest;              /* bin in use */
    int64_t moved, updates;   /* variables with a count, and the sum of the counts; of those counted */
    int64_t longest_wait;     /* the most rounds between two updates of one variable; 0: none moved twice */
};

void tally_init(struct tally *tally, int64_t variables);
void tally_fini(struct tally *tally); /* a zeroed one too */
/* The variables of a round's block, each updated once.  What there is no memory for is not counted.
 * Cost: 4 ns a variable within the L2 cache, 27 ns of two million. */
void tally_add(struct tally *tally, int64_t round, const int64_t *variables, int64_t count);

/* The share of all updates that went to the hottest `fraction` of all variables (of those that moved, where
 * nobody said how many there are), at least of one; NAN where there were none.  Cost: 10 us. */
double tally_share(const struct tally *tally, double fraction);
/* Entropy of the updates over the variables, divided by the logarithm of how many there are: 1 is even, 0 all
 * in one place.  NAN where there were none, or there is one variable. */
double tally_entropy(const struct tally *tally);

#endif

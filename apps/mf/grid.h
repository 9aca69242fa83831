/* grid.h - the cut for stochastic descent: rows and columns in parts, ratings in tiles.
 *
 * Place:   apps/mf, private to it; sgd.c.
 * Threads: immutable once made.
 * Memory:  of the problem.
 *
 * Rows are users or items, of whichever there are more; columns the others.  Both are shuffled by the seed and
 * cut in P parts of about equal ratings; tile (b, s) has the ratings of column part b and row part s.  P follows
 * from the data and the spec: a part's columns fit tile_bytes, and there are as many as schedule.blocks asks for, or
 * an even number where that is too few, unless rounds would be too short to be worth it.
 */
#ifndef MF_GRID_H
#define MF_GRID_H

#include "kernel.h"
#include "mf.h"

/* One side of the ratings, in the order of its shuffle. */
struct edge {
    bool users;
    int64_t count;
    const int32_t *at;     /* [count] the user or item at a place */
    const int64_t *first;  /* [P + 1] where a part's places begin */
    const float *weight;   /* [count] its training ratings, by place */
    float first_square, rest_square; /* mean squares of coordinate 0 and of the others of an earlier job's rows, each
                                      * as often as it has ratings; in units of scale */
    const float *base;     /* [count] by place: how far its ratings lie above the mean, see grid.c; in units of scale */
};

struct grid {
    const struct sgd_kernel *kernel;
    int32_t parts, stride;
    float scale;               /* the ratings' deviation, or what takes its place where they are all the same: rows
                                * are of ratings divided by it */
    float mean;                /* of the ratings so divided */
    struct edge row, col;
    const struct tile *train;  /* [P x P] tile (b, s) at b P + s; rows and columns count within their parts */
    const struct tile *test;   /* likewise; NULL: no test ratings */
    const int64_t *cost;       /* [P x P] ratings */
};

/* Into problem->own; gives the columns and values of problem->test back.  RONDO_EINPUT: a lambda that no rate could
 * follow.  Cost: two passes over the ratings. */
int grid_make(struct problem *problem, struct rondo_error *err);

#endif

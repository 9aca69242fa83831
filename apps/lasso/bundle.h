/* bundle.h - the heads of a cross-validation, seen by bundle.c and folds.c.
 *
 * Place:   apps/lasso, private to it.
 * Threads: the coordinator's.
 */
#ifndef BUNDLE_H
#define BUNDLE_H

#include "head.h"

struct lasso_bundle {
    int32_t count;              /* folds + 1 */
    struct lasso_head **head;   /* [count] the first has all data, and has this bundle */
    struct rondo_order *order;  /* [count] what each asks for in the phase under way */
    struct rondo_bytes *result; /* [chunks] of one head */
    struct rondo_buf commit, part;
    int64_t told;               /* the point of the last report */
};

#endif

/* request.h - which couplings are missing: pairs by column, as an app computes them.
 *
 * Place:   dependency, floor 1; used by scheduler/.
 * Threads: one.
 * Memory:  request_bytes(pairs, columns), from init to fini; touched only as far as it is used.
 *
 * A request walks over all pairs of (columns x rows), or of a triangle, and lists those that the
 * cache does not know.  It holds `pairs` of them; a walk that finds more stops in front of a column
 * and goes on from there when it is called again, after the answer.  A list of rows must not be longer
 * than `pairs`.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include "core/base/team.h"
#include "dependency/cache.h"

#include <rondo/app.h>

struct request {
    int64_t pairs_max, columns_max;
    int64_t columns;  /* listed */
    int64_t *column;  /* [columns_max] variables */
    int64_t *ptr;     /* [columns_max + 1] */
    int64_t *row;     /* [pairs_max] variables */
    int64_t walked;   /* columns of the walk that are done */
    bool triangle;    /* that walk's */
};

size_t request_bytes(int64_t pairs, int64_t columns);
int request_init(struct request *request, int64_t pairs, int64_t columns) RONDO_MUST_CHECK;
void request_fini(struct request *request);

/* Before a new walk. */
void request_open(struct request *request);
/* slots: of columns and of rows, all pinned; gathered in the cache.  True: something is missing, *need lists it. */
bool request_rectangle(struct request *request, struct cache *cache, const int32_t *columns,
                       int64_t column_count, const int32_t *rows, int64_t row_count,
                       struct rondo_pairs *need);
/* Each pair of the slots once. */
bool request_triangle(struct request *request, struct cache *cache, const int32_t *slots,
                      int64_t count, struct rondo_pairs *need);
/* Fills the cache with what columns [from, to) of the list asked for, in that order.  A large answer to a
 * triangle of ascending slots is shared by the team, where there is one. */
void request_answer(struct request *request, struct cache *cache, int64_t from, int64_t to,
                    const double *values, struct team *team);

#endif

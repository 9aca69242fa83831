/* share.c - work over 0 .. count-1 that is cut into parts, for whoever has nothing else to do. */
#include "lasso.h"

#include <math.h>

#define PART_WORK 1e5 /* multiply-adds: 30 to 100 microseconds */

struct share {
    int64_t parts, count;
    void (*piece)(void *context, int64_t from, int64_t to);
    void *context;
};

static int do_part(void *context, int64_t index)
{
    const struct share *share = context;
    share->piece(share->context, index * share->count / share->parts,
                 (index + 1) * share->count / share->parts);
    return RONDO_OK;
}

void lasso_share(const struct lasso *lasso, double work, int64_t count,
                 void (*piece)(void *context, int64_t from, int64_t to), void *context)
{
    struct share share = { .parts = (int64_t)fmin(work / PART_WORK, (double)count), .count = count,
                           .piece = piece, .context = context };
    if (share.parts > 1)
        (void)lasso->host->each(lasso->job, share.parts, do_part, &share);
    else
        piece(context, 0, count);
}

int lasso_on_the_idle(void *lasso_, int64_t parts, int (*part)(void *context, int64_t index),
                      void *context)
{
    const struct lasso *lasso = lasso_;
    return lasso->host->each(lasso->job, parts, part, context);
}

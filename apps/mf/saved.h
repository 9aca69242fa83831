/* saved.h - a finished job's model, as output.c has written it and predictions need it.
 *
 * Place:   apps/mf, private to it; predict.c and recommend.c.
 * Threads: immutable once loaded.
 * Memory:  the factors as 32 bits; what the host loads of the files lives until predict returns.
 */
#ifndef MF_SAVED_H
#define MF_SAVED_H

#include "mf.h"

struct saved {
    const struct rondo_host *host;
    struct factors factors;
    double mean;          /* where nothing else is known; 0 of implicit feedback */
    double lambda, alpha;
    bool implicit, nonnegative, weighted;
};

/* RONDO_EINPUT at the file that is not this job's, RONDO_ENOMEM.  saved_free: of zeroed ones too. */
int saved_load(struct saved *saved, const struct rondo_host *host, const struct rondo_predict *what,
               struct rondo_error *err);
void saved_free(struct saved *saved);

#endif

/* err.h - what went wrong, said once, where it was found.
 *
 * Place:   include/rondo, visible to all.
 * Threads: a struct rondo_error belongs to one thread.
 * Memory:  fixed size, nothing to free.
 *
 * A function returns 0 or one of the negative codes.  Functions that read a person's words (a spec,
 * a data file, a command line) take a last `struct rondo_error *`, written once, by the deepest
 * function that knows the cause.  The program prints it as
 *
 *     rondo: WHERE: WHAT (HINT)
 */
#ifndef RONDO_ERR_H
#define RONDO_ERR_H

#include <rondo/types.h>

RONDO_C_BEGIN

enum rondo_code {
    RONDO_OK = 0,
    RONDO_ENOMEM = -1,   /* no memory: the job fails, exit 1 */
    RONDO_EINPUT = -2,   /* bad usage, spec or data: exit 2 */
    RONDO_EIO = -3,      /* the system refused to read or write: exit 1 (found before work: exit 2) */
    RONDO_EAPP = -4,     /* an app's callback failed or broke its contract: exit 1 */
    RONDO_ESTATE = -5,   /* a checkpoint or message that does not fit: exit 2 */
    RONDO_ECANCELED = -6,
    RONDO_EWORKERS = -7, /* no worker is left */
    RONDO_EREFUSED = -8, /* no coordinator, or it refused: exit 3 */
};

struct rondo_error {
    int code;        /* enum rondo_code; 0: nothing was said yet */
    char where[256]; /* "/params/lambda (job.json:7:15)", "x.svm:3", "x.npy" or "" */
    char what[384];
    char hint[256];  /* "" where there is none */
};

/* Writes *err unless something was said before (the deepest cause wins).  err may be NULL.
 * where and hint may be NULL.  Returns code, so that a caller can write
 * `return rondo_error_set(err, RONDO_EINPUT, where, NULL, "...")`. */
RONDO_PUBLIC int rondo_error_set(struct rondo_error *err, int code, const char *where,
                                 const char *hint, const char *what, ...) RONDO_PRINTF(5, 6);

/* The code's name in words, never NULL. */
RONDO_PUBLIC const char *rondo_strerror(int code);

RONDO_C_END

#endif

/* rondo.h - Rondo inside another program: one job, run to its end in this process.
 *
 * Place:   include/rondo, for embedding programs; `rondo run` is its first user.  How another program
 *          makes a struct rondo_job is not public yet.
 * Threads: rondo_run is called from one thread and starts workers - 1 others, all ended when it
 *          returns.
 * Memory:  everything is freed when it returns.
 */
#ifndef RONDO_RONDO_H
#define RONDO_RONDO_H

#include <rondo/app.h>

#include <signal.h>

struct rondo_run_options {
    int32_t workers;     /* at least 1; changes no bit of the result */
    const char *dir;     /* output directory */
    bool resume, force;
    volatile const sig_atomic_t *interrupted; /* set by a signal handler; NULL: never */
    /* Called where the app reports progress; NULL: nobody listens. */
    void (*progress)(void *context, double seconds, int64_t round,
                     const struct rondo_report *report);
    void *context;

    /* For tests. */
    bool encoded;        /* every message through bytes */
    int32_t lose_worker; /* with lose_round > 0: that worker is taken away ... */
    int64_t lose_round;  /* ... when that round has been committed */
};

/* How it ended. */
struct rondo_run_outcome {
    const char *state, *stop_reason; /* constant strings: see result.json */
    struct rondo_report report;
    int64_t rounds, updates;
    double start_seconds; /* to start the embedded cluster */
    double load_seconds, solve_seconds, total_seconds;
    char model_sha256[65];
};

/* Runs the job and writes its output directory.  RONDO_OK also where it was interrupted (a
 * checkpoint is kept); else the error that ended it, also in result.json where the directory could
 * be written. */
RONDO_PUBLIC int rondo_run(struct rondo_job *job, const struct rondo_run_options *options,
                           struct rondo_run_outcome *outcome, struct rondo_error *err);

/* The version of this build, "0.1.0". */
RONDO_PUBLIC const char *rondo_version(void);

#endif

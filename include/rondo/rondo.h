/* rondo.h - Rondo inside another program: one job, from its spec to its output directory.
 *
 * Place:   include/rondo, for embedding programs; `rondo run` is its first user.
 * Threads: rondo_run is called from one thread and starts workers - 1 others, all ended when it
 *          returns.  A job belongs to one thread at a time.  The first job that a process makes
 *          loads the plug-ins of RONDO_APP_PATH; make it before there are other threads, or call
 *          nothing of the environment's meanwhile.
 * Memory:  a job is owned by who made it, and freed by rondo_job_free.  All else is freed when
 *          rondo_run returns.
 *
 * A program that embeds Rondo links librondo.a and what it stands on (rondo.pc, or rondo::rondo of
 * the CMake package), and exports its symbols (-rdynamic, which both say) where it wants plug-ins.
 * examples/embed shows one.
 */
#ifndef RONDO_RONDO_H
#define RONDO_RONDO_H

#include <rondo/app.h>

#include <signal.h>

RONDO_C_BEGIN

/* Reads a job spec (docs/formats/job.md) from a file.  overrides: [count] of "KEY=VALUE", as
 * `rondo run --set` has them; NULL where count is 0.  Relative paths are relative to the file's own
 * folder.  RONDO_EINPUT with JSON pointer, file, line and column; *job is then NULL.  Opens no data. */
RONDO_PUBLIC int rondo_job_load(const char *path, const char *const *overrides, int32_t count,
                                struct rondo_job **job, struct rondo_error *err);
/* The same from text [size], which is not needed after.  origin stands in errors instead of a file's
 * name; base is the folder of relative paths, "." for the working directory. */
RONDO_PUBLIC int rondo_job_parse(const char *text, size_t size, const char *origin,
                                 const char *base, const char *const *overrides, int32_t count,
                                 struct rondo_job **job, struct rondo_error *err);
/* NULL is allowed. */
RONDO_PUBLIC void rondo_job_free(struct rondo_job *job);

struct rondo_run_options {
    int32_t workers;     /* at least 1; changes no bit of the result */
    const char *dir;     /* output directory; NULL: the spec's output.dir */
    bool resume;         /* go on from the checkpoint that is there; one that a stopped run has left is */
    bool force;          /* refused without it, but where force throws away what a job left */
    volatile const sig_atomic_t *interrupted; /* set by a signal handler; NULL: never */
    /* Called where the app reports progress; NULL: nobody listens. */
    void (*progress)(void *context, double seconds, int64_t round,
                     const struct rondo_report *report);
    void *context;
    /* Called behind every commit, by the thread that commits: what it takes, each round takes.
     * updates: so far.  NULL: nobody counts. */
    void (*committed)(void *context, int64_t round, int64_t updates);

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

RONDO_C_END

#endif

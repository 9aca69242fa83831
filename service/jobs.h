/* jobs.h - the job store: every job that was accepted, and what became of it.
 *
 * Place:   service, floor 4; the only user of SQLite here.  jobs.db in the state directory.
 * Threads: every function is safe.
 * Memory:  what is read is copied out; nothing grows with the number of jobs but the file.
 *
 * A job is accepted when jobs_submit has returned: it is on the disk (WAL, synchronous FULL; submits
 * that come together share one sync).  States and who may change them:
 *
 *     queued -> running -> completed | failed | cancelled
 *     queued -> cancelled
 *
 * A job that was running when the coordinator ended stays `running` and is taken up again.
 */
#ifndef JOBS_H
#define JOBS_H

#include <rondo/err.h>

struct jobs;

enum jobs_state { JOBS_QUEUED, JOBS_RUNNING, JOBS_COMPLETED, JOBS_FAILED, JOBS_CANCELLED };

/* A row.  Texts are owned by the row: jobs_row_fini. */
struct jobs_row {
    int64_t id;                /* 1, 2, ...: the order of arrival */
    enum jobs_state state;
    int32_t priority;          /* -100 .. 100, higher first */
    char *name, *app;          /* name "" where the spec has none */
    char *spec;                /* canonical JSON; NULL in lists */
    char *why;                 /* stop_reason, or the error's words; "" */
    double submitted, started, ended; /* seconds since 1970; 0: not yet */
    int32_t starts;            /* how often it was taken up */
    bool cancel_asked;
};

/* Opens or makes DIR/jobs.db.  RONDO_EINPUT where the directory cannot be used or another
 * coordinator has it (it is locked until jobs_close). */
int jobs_open(const char *dir, struct jobs **jobs, struct rondo_error *err) RONDO_MUST_CHECK;
void jobs_close(struct jobs *jobs);

/* Returns when the job is on the disk.  RONDO_EIO with the reason (a full disk). */
int jobs_submit(struct jobs *jobs, const char *name, const char *app, int32_t priority,
                const char *spec, int64_t *id, struct rondo_error *err) RONDO_MUST_CHECK;

/* The next to run: those left running first, then queued ones by priority, then arrival.  Marks it
 * running, on the disk, before it returns; one job is given out once in the store's life.  1: *row
 * is it; 0: none. */
int jobs_take(struct jobs *jobs, struct jobs_row *row, struct rondo_error *err) RONDO_MUST_CHECK;
/* How many jobs_take would still give out. */
int64_t jobs_waiting(struct jobs *jobs);
/* RONDO_ESTATE where the job is not running. */
int jobs_end(struct jobs *jobs, int64_t id, enum jobs_state state, const char *why,
             struct rondo_error *err) RONDO_MUST_CHECK;
/* A queued job is cancelled at once; of a running one it is noted.  1: there is such a job, *state is
 * as it was before; where that is an end, nothing was done.  0: there is none. */
int jobs_cancel(struct jobs *jobs, int64_t id, enum jobs_state *state,
                struct rondo_error *err) RONDO_MUST_CHECK;

/* 1: *row is it, with its spec; 0: there is none. */
int jobs_get(struct jobs *jobs, int64_t id, struct jobs_row *row,
             struct rondo_error *err) RONDO_MUST_CHECK;
/* Newest first, `limit` rows at most, ids below `before` (0: all); state -1: every one.  `each` may
 * not call the store; where it returns nonzero the list ends, and that is returned. */
int jobs_list(struct jobs *jobs, int state, int64_t before, int64_t limit,
              int (*each)(void *context, const struct jobs_row *row), void *context,
              struct rondo_error *err) RONDO_MUST_CHECK;
/* Shows the job's row, without its spec, to `each`, which may not call the store; not called where there is
 * none.  Returns what it returned. */
int jobs_peek(struct jobs *jobs, int64_t id, int (*each)(void *context, const struct jobs_row *row),
              void *context, struct rondo_error *err) RONDO_MUST_CHECK;
/* How many there are of each state. */
int jobs_count(struct jobs *jobs, int64_t count[JOBS_CANCELLED + 1],
               struct rondo_error *err) RONDO_MUST_CHECK;

/* Since the store was opened. */
struct jobs_totals {
    int64_t submitted, ended[JOBS_CANCELLED + 1];
};
struct jobs_totals jobs_totals(struct jobs *jobs);

/* Changes are counted as they are committed: of a job's state, and of whether it is to be cancelled. */
int64_t jobs_changes(struct jobs *jobs);
enum { JOBS_REMEMBERED = 1024 };
/* The jobs of the changes from `since` on, up to `until`, in their order, a job as often as it changed: how
 * many of id[JOBS_REMEMBERED].  More than that, or what is longer ago, is forgotten: -1. */
int jobs_changed(struct jobs *jobs, int64_t since, int64_t until, int64_t id[JOBS_REMEMBERED]);

void jobs_row_fini(struct jobs_row *row);
const char *jobs_state_name(enum jobs_state state);

#endif

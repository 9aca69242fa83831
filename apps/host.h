/* host.h - the host's side of an app: its upcalls, and the data that a job names.
 *
 * Place:   apps, floor 2; used by embed/ and, later, by coordinator and worker processes.
 * Threads: host_load and host_unload one thread; what was loaded is immutable and shared.
 * Memory:  the data are loaded once in a process, whatever the number of workers; by a shelf, once in a
 *          machine.
 */
#ifndef HOST_H
#define HOST_H

#include "core/base/team.h"
#include "core/data/data.h"
#include "core/job/job.h"

/* Fills the table; feed, feed_all and create are those of the process that has a head, or NULL. */
struct host_upcalls {
    void (*feed)(struct rondo_head_link *link, int64_t count, const int64_t *variables,
                 const double *delta, const double *violation);
    void (*feed_all)(struct rondo_head_link *link, const double *violation);
    const void *(*block)(const struct rondo_head_link *link, int32_t index);
    const void *(*shard)(const struct rondo_head_link *link, int32_t index);
    int (*create)(struct rondo_output *output, const char *name, FILE **stream,
                  struct rondo_error *err);
};
void host_init(struct rondo_host *host, const struct host_upcalls *upcalls);

/* Loads every role's file and binds the data to the job.  shelf: where matrices are kept parsed
 * (core/data/shelf.h), or NULL.  disk: the folder where memory beyond limits.resident is put, of a job with
 * counts (core/base/spill.h), or NULL.  Without the key that is half of the machine's memory, where the counts
 * as a matrix would take more.  Errors: those of core/data, RONDO_EIO. */
int host_load(struct rondo_job *job, const char *shelf, const char *disk, struct rondo_error *err)
    RONDO_MUST_CHECK;
void host_unload(struct rondo_job *job);
/* How a role's file is to be read, as its kind, the spec and the files of other roles say.  Borrowed
 * from the job.  RONDO_EINPUT where what the spec says does not fit. */
int host_options(const struct rondo_job *job, int role, struct data_options *options,
                 struct rondo_error *err) RONDO_MUST_CHECK;
/* What core/data says of a data file as a whole, with the place of the key that names it: "/data/x
 * (job.json:3:14)", and the file before what was said.  What has a line already keeps it. */
void host_place(const struct rondo_job *job, const char *key, struct rondo_error *err);

/* So many threads are there for an app's `each` until this is called with 0; then it has the team's, to
 * which the job's workers in this process belong.  For callbacks beside which no worker runs. */
void host_threads(struct rondo_job *job, int32_t threads);
struct team *host_team(const struct rondo_job *job); /* borrowed until host_unload */

/* What the app said while it opened, NULL-ended; borrowed until host_unload. */
const char *const *host_notes(const struct rondo_job *job);
/* A number that tells these data from others: shapes and every stored value.  One pass over
 * them, which a shelf has made already for the first. */
uint64_t host_fingerprint(const struct rondo_job *job);
/* data_intact of all of them. */
int host_intact(const struct rondo_job *job, struct rondo_error *err) RONDO_MUST_CHECK;
/* The instruction set that the job's kernels will use here, and the best that this machine has. */
const char *host_isa_of(const struct rondo_job *job);
const char *host_isa_best(void);
/* The instruction set that the job's kernels use. */
const char *host_isa(const struct rondo_job *job);

#endif

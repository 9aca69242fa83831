/* store.h - a job's output directory: what stands in it, and how it gets there.
 *
 * Place:   coordinator, floor 3.
 * Threads: one.
 * Memory:  owned; store_close frees it.
 *
 * spec.json (the job as run), progress.jsonl, checkpoint.rondo, the model's files, result.json;
 * docs/formats/output.md is normative.  Every file but progress.jsonl appears whole or not at all.  From
 * store_begin on there is room for result.json, held by a file without a name: a job that fills the
 * disk can still say so.
 */
#ifndef STORE_H
#define STORE_H

#include "core/job/result.h"

struct store;

struct store_options {
    const struct rondo_job *job;
    const char *dir;
    bool resume; /* go on from the checkpoint that is there */
    bool force;  /* take over a directory of another job, or of this one where a run was stopped */
};

/* Finds out before any work whether the directory can be used and written to, and changes nothing
 * in it.  RONDO_EINPUT otherwise.  With resume, *checkpoint holds the saved bytes of the engine,
 * empty where there are none; they belong to the store. */
int store_open(const struct store_options *options, struct store **store,
               struct rondo_bytes *checkpoint, struct rondo_error *err) RONDO_MUST_CHECK;
void store_close(struct store *store);

/* The job's id: the first 12 hex digits of the sha256 of its canonical spec. */
const char *store_id(const struct store *store);
const char *store_dir(const struct store *store);
/* The seconds of solving and the round that the checkpoint speaks of; 0 without one. */
double store_solved_seconds(const struct store *store);
int64_t store_round(const struct store *store);

/* What the bits of a run depend on beside the spec. */
struct store_ground {
    const char *isa;       /* of the kernels */
    uint64_t fingerprint;  /* of the data */
};

/* After the data are loaded: refuses a checkpoint of other data or another instruction set. */
int store_check(const struct store *store, const struct store_ground *ground,
                struct rondo_error *err) RONDO_MUST_CHECK;
/* Behind store_check: from here on the directory is this job's, and what else stood there goes. */
int store_begin(struct store *store, struct rondo_error *err) RONDO_MUST_CHECK;
bool store_begun(const struct store *store);

/* When a checkpoint was made. */
struct store_moment {
    int64_t round;
    double solved_seconds;
    const char *ended; /* why the job has ended, by its own word; NULL: it goes on */
};

/* The file holds the spec it belongs to and its own sha256: a damaged one, or one of another job, is
 * refused when it is read. */
int store_checkpoint(struct store *store, const struct store_ground *ground,
                     const struct store_moment *moment, struct rondo_bytes cut,
                     struct rondo_error *err) RONDO_MUST_CHECK;

/* Why the resumed job has ended already, under the same bounds; "" where there is more to do. */
const char *store_ended(const struct store *store);

/* Appends a line to progress.jsonl, unless the last one says the same of the same round. */
int store_progress(struct store *store, double t_seconds, int64_t round, int64_t updates,
                   const struct rondo_report *report, struct rondo_error *err) RONDO_MUST_CHECK;

/* A model's file, for host->create: it is written aside. */
int store_create(struct rondo_output *output, const char *name, FILE **stream,
                 struct rondo_error *err);
struct rondo_output *store_output(struct store *store);
/* All model files appear, in the order of their making; hex is the sha256 of the first. */
int store_publish(struct store *store, char hex[65], struct rondo_error *err) RONDO_MUST_CHECK;

int store_result(struct store *store, const struct job_result *result,
                 struct rondo_error *err) RONDO_MUST_CHECK;

#endif

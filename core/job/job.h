/* job.h - a job spec: JSON in, a validated flat table of values out.
 *
 * Place:   core/job, floor 1; jansson is included here and nowhere else.
 * Threads: a job is immutable once parsed, shared by all.
 * Memory:  owned, freed by job_free.
 *
 * Every key stands once in a table (job_keys, and the app's own params and roles); the table gives
 * the validator, `rondo help job`, `rondo apps`, the man page and the published JSON Schema.
 * A key is written dotted: "schedule.priority.rule", "params.lambda", "data.x", "stop.gap".
 */
#ifndef JOB_H
#define JOB_H

#include <rondo/app.h>

struct job_schema; /* where one key's rules come from; see keys.c */

/* Finds an app by its name; NULL where there is none. */
struct job_apps {
    const struct rondo_app *(*find)(const char *name);
    const struct rondo_app *(*at)(int index); /* 0, 1, ...; NULL at the end */
    /* Why an app of that name is there and not offered, NULL where none is; may be NULL itself. */
    const char *(*refused)(const char *name);
};

/* Reads a spec.  overrides: ["params.lambda=0.1", ...], applied to the text's values before
 * validation; a value is JSON where it parses as JSON, else a string.  Paths under /data and
 * /output are made absolute against the spec's own folder.  Errors: RONDO_EINPUT with the JSON
 * pointer, file, line and column; an unknown key names the nearest known one. */
int job_load(const char *path, const char *const *overrides, int count, const struct job_apps *apps,
             struct rondo_job **job, struct rondo_error *err) RONDO_MUST_CHECK;

/* The same from text; origin stands in errors, base is the folder of relative paths. */
int job_parse(const char *text, size_t size, const char *origin, const char *base,
              const char *const *overrides, int count, const struct job_apps *apps,
              struct rondo_job **job, struct rondo_error *err) RONDO_MUST_CHECK;
void job_free(struct rondo_job *job);

/* What a process keeps beside the job (its data); set once, before the job is shared. */
void job_bind(struct rondo_job *job, void *context);
void *job_bound(const struct rondo_job *job);

const struct rondo_app *job_app(const struct rondo_job *job);
const char *job_path(const struct rondo_job *job); /* the spec's own file */

/* By dotted key, defaults filled in; an unknown key is a programmer's error (asserts). */
bool job_given(const struct rondo_job *job, const char *key); /* stands there, or has a default */
double job_real(const struct rondo_job *job, const char *key);
int64_t job_integer(const struct rondo_job *job, const char *key); /* 0 where a file stands in its place */
/* Stands there as the name of a data file: a role may share its key with a whole number of the app's,
 * and the spec has the one or the other. */
bool job_is_file(const struct rondo_job *job, const char *key);
bool job_flag(const struct rondo_job *job, const char *key);
const char *job_text(const struct rondo_job *job, const char *key); /* borrowed; "" where absent */
void job_where(const struct rondo_job *job, const char *key, char *out, size_t size);
/* A data file that the job names. */
struct job_file {
    const char *key;  /* "data.x", "params.start/users.txt"; borrowed from the job */
    char path[4096];  /* absolute; of "FILE.npz/NAME" the archive's */
    bool relative;    /* the spec has it as a relative one */
    bool inside;      /* it is in a directory that the spec names, with others that stand behind it here */
};
/* The index-th of them (0, 1, ...) in the order of keys; false behind the last. */
bool job_file_at(const struct rondo_job *job, int index, struct job_file *file);
/* The override by which this file is read at `path`: "data.x=PATH"; of one in a directory its directory's. */
void job_file_set(const struct rondo_job *job, const char *key, const char *path, char *out, size_t size);
/* "2GiB", "512 MiB", "1000000" -> bytes */
int64_t job_memory_bytes(const struct rondo_job *job);
/* limits.resident; 0: there is none. */
int64_t job_resident_bytes(const struct rondo_job *job);

/* The whole spec with every default filled in, as compact JSON text with sorted keys; owned by the
 * caller (mem_free).  This text is what result.json bears and what crosses the wire. */
char *job_canonical(const struct rondo_job *job) RONDO_MUST_CHECK;

/* Compares for --resume: 0 where b differs from a under /stop, /workers, /trace, /checkpoint,
 * /queue and /output alone; else RONDO_EINPUT naming the first other difference: of a key that follows from
 * others (assume.h) only where no other differs. */
int job_resumable(const struct rondo_job *saved, const struct rondo_job *now,
                  struct rondo_error *err) RONDO_MUST_CHECK;

/* Is the text one JSON object, and nothing beside it? */
bool job_is_object(const char *text, size_t size);

/* Are an app's params and roles a table that a spec can be read by: no key too long, twice or one of
 * the host's, and every default one that its own rule accepts? */
int job_declared(const struct rondo_app *app, struct rondo_error *err) RONDO_MUST_CHECK;

/* The published JSON Schema (config/schema/job.schema.json), owned by the caller. */
char *job_schema_text(const struct job_apps *apps) RONDO_MUST_CHECK;

/* The host's own keys (not the apps'), for help and man pages; ends with a NULL key. */
const struct rondo_param *job_keys(void);

#endif

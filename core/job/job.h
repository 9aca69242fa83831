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

/* Finds an app by its name; NULL where there is none.  names fills a printable list. */
struct job_apps {
    const struct rondo_app *(*find)(const char *name);
    const struct rondo_app *(*at)(int index); /* 0, 1, ...; NULL at the end */
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
int64_t job_integer(const struct rondo_job *job, const char *key);
bool job_flag(const struct rondo_job *job, const char *key);
const char *job_text(const struct rondo_job *job, const char *key); /* borrowed; "" where absent */
void job_where(const struct rondo_job *job, const char *key, char *out, size_t size);
/* "2GiB", "512 MiB", "1000000" -> bytes */
int64_t job_memory_bytes(const struct rondo_job *job);

/* The whole spec with every default filled in, as compact JSON text with sorted keys; owned by the
 * caller (mem_free).  This text is what result.json bears and what crosses the wire. */
char *job_canonical(const struct rondo_job *job) RONDO_MUST_CHECK;

/* Compares for --resume: 0 where b differs from a under /stop, /workers, /trace, /checkpoint and
 * /output alone; else RONDO_EINPUT naming the first other difference. */
int job_resumable(const struct rondo_job *saved, const struct rondo_job *now,
                  struct rondo_error *err) RONDO_MUST_CHECK;

/* The published JSON Schema (config/schema/job.schema.json), owned by the caller. */
char *job_schema_text(const struct job_apps *apps) RONDO_MUST_CHECK;

/* The host's own keys (not the apps'), for help and man pages; ends with a NULL key. */
const struct rondo_param *job_keys(void);

#endif

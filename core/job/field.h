/* field.h - one key of a job and its value; the flat table that a job is.
 *
 * Place:   core/job, floor 1, inside.
 * Threads: a job is immutable once parsed.
 * Memory:  a job owns its fields, a field its text.
 *
 * Fields are sorted by key as they nest ('.' before any other character), so that a group's keys
 * stand together and the canonical text is one walk.
 */
#ifndef FIELD_H
#define FIELD_H

#include "core/job/job.h"

enum { FIELD_KEY_MAX = 128, FIELD_DEPTH_MAX = 8 };

enum field_source { FIELD_ABSENT, FIELD_DEFAULT, FIELD_SPEC, FIELD_SET };

struct field {
    char key[FIELD_KEY_MAX]; /* dotted, in full */
    const struct rondo_param *rule;
    const struct rondo_role *role; /* a data file; else NULL */
    bool folder; /* a directory, whose files are roles of their own: "params.start" of "params.start/users.txt" */
    bool inside; /* such a file: no key of the spec; what it is follows from the folder's */
    const struct rondo_param *number; /* a number may stand in the file's place; NULL: none may */
    bool own;                      /* of the app, not the host's */
    bool relative;                 /* a path that was written as a relative one */
    enum field_source source;
    int line, column;  /* FIELD_SPEC: of the value */
    size_t set_length; /* FIELD_SET: the override's key is so much of `key` */
    double real;       /* RONDO_REAL */
    int64_t integer;   /* RONDO_INTEGER, RONDO_BOOL */
    char *text;        /* RONDO_TEXT, RONDO_CHOICE; owned */
};

struct rondo_job {
    const struct rondo_app *app;
    char *origin; /* the spec's own file, as it was named; owned */
    struct field *fields;
    int count;
    void *bound; /* borrowed: see job_bind */
};

/* The key of a file's folder, "params.start"; false where it is in none. */
bool field_folder_key(const char *key, char out[FIELD_KEY_MAX]);
/* Must the spec have it? */
bool field_is_required(const struct field *field);

/* All keys that a job of this app may have, absent yet; app NULL: the host's alone. */
int field_table(struct rondo_job *job, const struct rondo_app *app, struct rondo_error *err);
void field_table_free(struct rondo_job *job);

/* NULL where there is no such key. */
struct field *field_find(const struct rondo_job *job, const char *key);
/* Do keys stand below this one ("schedule.priority")?  "" is the root. */
bool field_is_group(const struct rondo_job *job, const char *key);

/* "schedule.sync" -> "/schedule/sync" */
void field_pointer(const char *key, char *out, size_t size);
/* "POINTER (ORIGIN:LINE:COLUMN)"; line 0: "POINTER (ORIGIN)"; a long origin loses its head. */
void field_place(const char *pointer, const char *origin, int line, int column, char *out,
                 size_t size);

#endif

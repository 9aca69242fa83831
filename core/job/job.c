#include "core/job/job.h"

#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/job/field.h"
#include "core/job/rule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void job_free(struct rondo_job *job)
{
    if (!job)
        return;
    field_table_free(job);
    mem_free(job->origin);
    mem_free(job);
}

const struct rondo_app *job_app(const struct rondo_job *job)
{
    return job->app;
}

void job_bind(struct rondo_job *job, void *context)
{
    job->bound = context;
}

void *job_bound(const struct rondo_job *job)
{
    return job->bound;
}

const char *job_path(const struct rondo_job *job)
{
    return job->origin;
}

int job_declared(const struct rondo_app *app, struct rondo_error *err)
{
    struct rondo_job table = { 0 };
    int code = field_table(&table, app, err);
    for (int i = 0; i < table.count && !code; i++)
        code = rule_default(&table.fields[i], err);
    if (code && err && !err->code)
        rondo_error_set(err, code, NULL, NULL, "a default is no JSON value");
    field_table_free(&table);
    return code;
}

/* A key that is in no table, or asked for as what it is not, is a programmer's error. */
static const struct field *demand(const struct rondo_job *job, const char *key, const char *type,
                                  bool (*fits)(enum rondo_type type))
{
    const struct field *field = field_find(job, key);
    if (field && (!fits || fits(field->rule->type)))
        return field;
    fprintf(stderr, "rondo: programmer's error: the job has no %s \"%s\"\n", type, key);
    abort();
}

static bool is_number(enum rondo_type type)
{
    return type == RONDO_REAL || type == RONDO_INTEGER;
}

static bool is_integer(enum rondo_type type)
{
    return type == RONDO_INTEGER;
}

static bool is_flag(enum rondo_type type)
{
    return type == RONDO_BOOL;
}

static bool is_text(enum rondo_type type)
{
    return type == RONDO_TEXT || type == RONDO_CHOICE;
}

bool job_given(const struct rondo_job *job, const char *key)
{
    return demand(job, key, "key", NULL)->source != FIELD_ABSENT;
}

bool job_is_file(const struct rondo_job *job, const char *key)
{
    const struct field *field = demand(job, key, "key", NULL);
    return field->role && !field->folder && field->source != FIELD_ABSENT;
}

double job_real(const struct rondo_job *job, const char *key)
{
    const struct field *field = demand(job, key, "number", is_number);
    return field->rule->type == RONDO_REAL ? field->real : (double)field->integer;
}

int64_t job_integer(const struct rondo_job *job, const char *key)
{
    const struct field *field = field_find(job, key);
    if (field && field->role && field->number)
        return 0;
    return demand(job, key, "whole number", is_integer)->integer;
}

bool job_flag(const struct rondo_job *job, const char *key)
{
    return demand(job, key, "flag", is_flag)->integer != 0;
}

const char *job_text(const struct rondo_job *job, const char *key)
{
    const char *text = demand(job, key, "text", is_text)->text;
    return text ? text : "";
}

static int length_of_file(const struct field *field)
{
    const char *member = file_member(field->text);
    return member ? (int)(member - field->text) - 1 : (int)strlen(field->text);
}

/* Does the field before it name another array of the same archive in a folder?  Then it names the file too. */
static bool is_named_before(const struct rondo_job *job, int i)
{
    const struct field *field = &job->fields[i], *before = field - (i > 0);
    int length = length_of_file(field);
    return i > 0 && field->inside && before->inside && before->source != FIELD_ABSENT
           && length_of_file(before) == length && strncmp(before->text, field->text, (size_t)length) == 0;
}

bool job_file_at(const struct rondo_job *job, int index, struct job_file *file)
{
    for (int i = 0; i < job->count; i++) {
        const struct field *field = &job->fields[i];
        if (!field->role || field->folder || field->source == FIELD_ABSENT || is_named_before(job, i) || index-- > 0)
            continue;
        *file = (struct job_file){ .key = field->key, .relative = field->relative, .inside = field->inside };
        int length = length_of_file(field);
        if (length < (int)sizeof file->path) /* else it is none that can be opened, as "" is */
            snprintf(file->path, sizeof file->path, "%.*s", length, field->text);
        return true;
    }
    return false;
}

void job_file_set(const struct rondo_job *job, const char *key, const char *path, char *out, size_t size)
{
    char folder[FIELD_KEY_MAX];
    const struct field *field = field_find(job, key);
    const char *slash = strrchr(path, '/'), *member = field && field->text ? file_member(field->text) : NULL;
    if (field_folder_key(key, folder))
        snprintf(out, size, "%s=%.*s", folder, slash ? (int)(slash - path) : 0, path);
    else
        snprintf(out, size, "%s=%s%s%s", key, path, member ? "/" : "", member ? member : "");
}

void job_where(const struct rondo_job *job, const char *key, char *out, size_t size)
{
    const struct field *field = field_find(job, key);
    char pointer[FIELD_KEY_MAX + 1], spec[FIELD_KEY_MAX];
    field_folder_key(key, spec);
    if (field && field->source == FIELD_SET) {
        snprintf(out, size, "--set %.*s", (int)field->set_length, key);
        return;
    }
    field_pointer(spec, pointer, sizeof pointer);
    int line = field ? field->line : 0, column = field ? field->column : 0;
    field_place(pointer, job->origin, line, column, out, size);
}

/* Checked when the job was parsed. */
static int64_t bytes_of(const struct rondo_job *job, const char *key)
{
    int64_t bytes = 0;
    rule_bytes(job_text(job, key), &bytes);
    return bytes;
}

int64_t job_memory_bytes(const struct rondo_job *job)
{
    return bytes_of(job, "limits.memory");
}

int64_t job_resident_bytes(const struct rondo_job *job)
{
    return job_given(job, "limits.resident") ? bytes_of(job, "limits.resident") : 0;
}

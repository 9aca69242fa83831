#include "core/job/field.h"

#include "core/base/mem.h"
#include "core/job/keys.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A role is a text: the file's path. */
static const struct rondo_param role_rule = { "", RONDO_TEXT, NULL, NAN, NAN, false, NULL, "", "" };

/* The order of keys as they nest: '.' comes before every other character. */
static int key_order(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    int x = *a == '.' ? 1 : (unsigned char)*a;
    int y = *b == '.' ? 1 : (unsigned char)*b;
    return x - y;
}

static int field_order(const void *a, const void *b)
{
    return key_order(((const struct field *)a)->key, ((const struct field *)b)->key);
}

static int count_rows(const struct rondo_app *app)
{
    int count = 0;
    for (const struct rondo_param *rule = job_keys(); rule->key; rule++)
        count++;
    for (const struct rondo_param *rule = app ? app->params : NULL; rule && rule->key; rule++)
        count++;
    for (const struct rondo_role *role = app ? app->roles : NULL; role && role->key; role++)
        count += strchr(role->key, '/') ? 2 : 1;
    return count;
}

bool field_folder_key(const char *key, char out[FIELD_KEY_MAX])
{
    size_t length = strcspn(key, "/");
    snprintf(out, FIELD_KEY_MAX, "%.*s", length < FIELD_KEY_MAX ? (int)length : 0, key);
    return key[length] == '/';
}

bool field_is_required(const struct field *field)
{
    const struct rondo_role *role = field->folder || field->inside ? NULL : field->role;
    return keys_extra(field->key)->required || (role && role->required && !role->labels_of);
}

/* Once for all files in it; its help is the first one's. */
static void add_folder(struct rondo_job *job, const struct rondo_role *role)
{
    char key[FIELD_KEY_MAX];
    if (!field_folder_key(role->key, key))
        return;
    job->fields[job->count - 1].inside = true;
    for (int i = 0; i < job->count; i++)
        if (job->fields[i].folder && strcmp(job->fields[i].key, key) == 0)
            return;
    struct field *field = &job->fields[job->count++];
    *field = (struct field){ .rule = &role_rule, .role = role, .own = true, .folder = true };
    memcpy(field->key, key, sizeof key);
}

static bool add_app(struct rondo_job *job, const struct rondo_app *app)
{
    bool fits = true;
    for (const struct rondo_param *rule = app->params; rule && rule->key; rule++) {
        struct field *field = &job->fields[job->count++];
        field->rule = rule;
        field->own = true;
        fits = keys_of_app(rule->key, field->key, sizeof field->key) && fits;
    }
    for (const struct rondo_role *role = app->roles; role && role->key; role++) {
        struct field *field = &job->fields[job->count++];
        field->rule = &role_rule;
        field->role = role;
        field->own = true;
        fits = keys_of_role(role->key, field->key, sizeof field->key) && fits;
        add_folder(job, role);
    }
    return fits;
}

/* A role and a number of the same key are one field: a text is the file's path, a number is itself. */
static void unite(struct rondo_job *job)
{
    int kept = 0;
    for (int i = 0; i < job->count; i++) {
        struct field *last = kept ? &job->fields[kept - 1] : NULL, *field = &job->fields[i];
        bool alike = last && last->own && field->own && field_order(last, field) == 0
                     && !last->role != !field->role;
        const struct rondo_param *rule = alike ? (last->role ? field : last)->rule : NULL;
        if (!rule || rule->type != RONDO_INTEGER || rule->fallback) {
            job->fields[kept++] = *field;
            continue;
        }
        if (field->role)
            *last = *field;
        last->number = rule;
    }
    job->count = kept;
}

int field_table(struct rondo_job *job, const struct rondo_app *app, struct rondo_error *err)
{
    job->app = app;
    job->count = 0;
    job->fields = mem_calloc((size_t)count_rows(app), sizeof *job->fields);
    if (!job->fields)
        return RONDO_ENOMEM;
    for (const struct rondo_param *rule = job_keys(); rule->key; rule++) {
        struct field *field = &job->fields[job->count++];
        field->rule = rule;
        snprintf(field->key, sizeof field->key, "%s", rule->key);
    }
    bool fits = !app || add_app(job, app);
    qsort(job->fields, (size_t)job->count, sizeof *job->fields, field_order);
    unite(job);
    for (int i = 1; i < job->count; i++)
        fits = fits && field_order(&job->fields[i - 1], &job->fields[i]) < 0;
    if (!fits)
        return rondo_error_set(err, RONDO_EAPP, app->name, NULL,
                               "the app's keys are too long, or one stands twice");
    return RONDO_OK;
}

void field_table_free(struct rondo_job *job)
{
    for (int i = 0; i < job->count; i++)
        mem_free(job->fields[i].text);
    mem_free(job->fields);
    job->fields = NULL;
    job->count = 0;
}

struct field *field_find(const struct rondo_job *job, const char *key)
{
    int low = 0, high = job->count - 1;
    while (low <= high) {
        int middle = (low + high) / 2;
        int order = key_order(key, job->fields[middle].key);
        if (order == 0)
            return &job->fields[middle];
        if (order < 0)
            high = middle - 1;
        else
            low = middle + 1;
    }
    return NULL;
}

bool field_is_group(const struct rondo_job *job, const char *key)
{
    size_t length = strlen(key);
    if (length == 0 || strcmp(key, "params") == 0 || strcmp(key, "data") == 0)
        return true; /* an app may have none, "params": {} is still right */
    for (int i = 0; i < job->count; i++)
        if (strncmp(job->fields[i].key, key, length) == 0 && job->fields[i].key[length] == '.')
            return true;
    return false;
}

void field_pointer(const char *key, char *out, size_t size)
{
    snprintf(out, size, "/%s", key);
    for (char *at = out; *at; at++)
        if (*at == '.')
            *at = '/';
}

void field_place(const char *pointer, const char *origin, int line, int column, char *out,
                 size_t size)
{
    char position[32] = "";
    if (line > 0)
        snprintf(position, sizeof position, ":%d:%d", line, column);
    size_t fixed = strlen(position) + (*pointer ? strlen(pointer) + 3 : 0) + 1;
    size_t room = size > fixed + 3 ? size - fixed - 3 : 0;
    size_t length = strlen(origin);
    const char *cut = length > room + 3 ? "..." : "";
    const char *tail = *cut ? origin + length - room : origin;
    if (*pointer)
        snprintf(out, size, "%s (%s%s%s)", pointer, cut, tail, position);
    else
        snprintf(out, size, "%s%s%s", cut, tail, position);
}

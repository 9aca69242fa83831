/* From a spec's text to a job: read the tree, apply --set, find the app, walk the tree once with
 * the key's table in hand, fill in the defaults, ask for what is missing, settle what follows. */
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/job/assume.h"
#include "core/job/document.h"
#include "core/job/field.h"
#include "core/job/keys.h"
#include "core/job/locate.h"
#include "core/job/nearest.h"
#include "core/job/paths.h"
#include "core/job/rule.h"

#include <stdio.h>
#include <string.h>

enum { SPEC_MAX_BYTES = 16 * 1024 * 1024 };

/* One parse: what it reads, what it fills, and the member at which it stands. */
struct parse {
    const char *text;
    size_t size;
    const char *const *overrides;
    int count;
    const struct job_apps *apps;
    struct rondo_job *job;
    struct rondo_error *err;
    const char *names[FIELD_DEPTH_MAX + 1];
    int depth;
};

/* The member's key with dots, shortened where it is absurdly long. */
static void dotted(const struct parse *parse, char out[FIELD_KEY_MAX])
{
    size_t used = 0;
    out[0] = 0;
    for (int i = 0; i < parse->depth && used < FIELD_KEY_MAX; i++)
        used += (size_t)snprintf(out + used, FIELD_KEY_MAX - used, "%s%s", i ? "." : "",
                                 parse->names[i]);
}

/* The same as a JSON pointer, with ~0 for ~ and ~1 for /. */
static void pointer(const struct parse *parse, char out[FIELD_KEY_MAX])
{
    size_t used = 0;
    for (int i = 0; i < parse->depth; i++) {
        const char *at = parse->names[i];
        if (used < FIELD_KEY_MAX - 3)
            out[used++] = '/';
        for (; *at && used < FIELD_KEY_MAX - 3; at++) {
            bool special = *at == '~' || *at == '/';
            out[used++] = special ? '~' : *at;
            if (special)
                out[used++] = *at == '~' ? '0' : '1';
        }
    }
    out[used] = 0;
}

/* Length of the override's key that gave `key` or a group above it, 0 where none did. */
static size_t set_length(const struct parse *parse, const char *key)
{
    for (int i = parse->count - 1; i >= 0; i--) {
        size_t length = strcspn(parse->overrides[i], "=");
        bool removed = strcmp(parse->overrides[i] + length, "=null") == 0;
        if (!removed && strncmp(key, parse->overrides[i], length) == 0 &&
            (key[length] == 0 || key[length] == '.'))
            return length;
    }
    return 0;
}

/* Says where the member stands, and notes it in field (which may be NULL). */
static void place(const struct parse *parse, bool at_key, struct field *field, char out[256])
{
    char key[FIELD_KEY_MAX], path[FIELD_KEY_MAX];
    struct locate_point point = { 0, 0 };
    dotted(parse, key);
    pointer(parse, path);
    size_t length = set_length(parse, key);
    if (length)
        snprintf(out, 256, "--set %.*s", (int)length, key);
    else {
        locate_member(parse->text, parse->size, parse->names, parse->depth, at_key, &point);
        field_place(path, parse->job->origin, point.line, point.column, out, 256);
    }
    if (!field)
        return;
    field->source = length ? FIELD_SET : FIELD_SPEC;
    field->set_length = length;
    field->line = point.line;
    field->column = point.column;
}

/* The name of field i in the group that key's first `prefix` letters are; false where it is in none. */
static bool sibling_of(const struct parse *parse, int i, const char *key, size_t prefix,
                       char sibling[FIELD_KEY_MAX])
{
    const char *known = parse->job->fields[i].key;
    if (parse->job->fields[i].inside || strncmp(known, key, prefix) != 0)
        return false;
    snprintf(sibling, FIELD_KEY_MAX, "%.*s", (int)strcspn(known + prefix, "."), known + prefix);
    return true;
}

/* All that a group has, where that is not too much for a hint. */
static void list_group(const struct parse *parse, const char *key, size_t prefix, char hint[160])
{
    char sibling[FIELD_KEY_MAX], last[FIELD_KEY_MAX] = "";
    int used = 0;
    hint[0] = 0;
    for (int i = 0; i < parse->job->count; i++) {
        if (!sibling_of(parse, i, key, prefix, sibling) || strcmp(sibling, last) == 0)
            continue;
        used += snprintf(hint + used, (size_t)(160 - used), "%s%s", used ? ", " : "known here: ",
                         sibling);
        if (used >= 160) {
            hint[0] = 0;
            return;
        }
        memcpy(last, sibling, sizeof last);
    }
}

/* The nearest of the names that may stand beside the unknown one, or of all keys by their last name;
 * where none is near, what else the group has. */
static void suggest(const struct parse *parse, const char *key, const char *name, bool plain,
                    char hint[160])
{
    size_t prefix = strlen(key) > strlen(name) ? strlen(key) - strlen(name) : 0;
    struct nearest nearest, elsewhere;
    nearest_begin(&nearest, name);
    nearest_begin(&elsewhere, name);
    for (int i = 0; i < parse->job->count; i++) {
        char sibling[FIELD_KEY_MAX], full[FIELD_KEY_MAX];
        if (!sibling_of(parse, i, key, prefix, sibling))
            continue;
        snprintf(full, sizeof full, "%.*s", (int)(prefix + strlen(sibling)),
                 parse->job->fields[i].key);
        nearest_offer(&nearest, sibling, plain ? sibling : full);
    }
    for (int i = 0; i < parse->job->count && !nearest_found(&nearest); i++) {
        const char *last = strrchr(parse->job->fields[i].key, '.');
        if (last && !parse->job->fields[i].inside)
            nearest_offer(&elsewhere, last + 1, parse->job->fields[i].key);
    }
    if (nearest_found(&elsewhere))
        nearest = elsewhere;
    hint[0] = 0;
    if (nearest_found(&nearest))
        snprintf(hint, 160, "did you mean \"%s\"?", nearest.best);
    else if (prefix > 0)
        list_group(parse, key, prefix, hint);
    else if (*name && nearest.best[0])
        snprintf(hint, 160, "the nearest known key is \"%s\"", nearest.best);
}

static int unknown(const struct parse *parse)
{
    char where[256], hint[160], key[FIELD_KEY_MAX];
    const char *name = parse->names[parse->depth - 1];
    place(parse, true, NULL, where);
    dotted(parse, key);
    const char *const *later = parse->job->app ? parse->job->app->later : NULL;
    for (; later && *later; later++)
        if (strncmp(key, "params.", 7) == 0 && strcmp(key + 7, *later) == 0)
            return rondo_error_set(parse->err, RONDO_EINPUT, where, NULL,
                                   "\"%.60s\" is not in this version", name);
    suggest(parse, key, name, set_length(parse, key) == 0, hint);
    return rondo_error_set(parse->err, RONDO_EINPUT, where, hint, "unknown key \"%.60s\"", name);
}

static int missing(const struct parse *parse, const char *key, const char *hint)
{
    return rondo_error_set(parse->err, RONDO_EINPUT, parse->job->origin, hint,
                           "the required key \"%s\" is missing", key);
}

/* Is it an empty group of the app's, whose name alone says that something is wanted?  What --set has
 * emptied is as if it were not there. */
static bool asks_nothing(const struct parse *parse, const char *key, const json_t *object)
{
    size_t length = strlen(key);
    if (json_object_size(object) > 0 || parse->depth < 2 || strcmp(parse->names[0], "params") != 0)
        return false;
    for (int i = 0; i < parse->count; i++)
        if (strncmp(parse->overrides[i], key, length) == 0 && parse->overrides[i][length] == '.')
            return false;
    return true;
}

static int empty(const struct parse *parse, const char *key)
{
    char where[256], hint[160], below[FIELD_KEY_MAX + 1];
    place(parse, false, NULL, where);
    int length = snprintf(below, sizeof below, "%s.", key);
    list_group(parse, below, (size_t)length, hint);
    return rondo_error_set(parse->err, RONDO_EINPUT, where, hint, "the object is empty and asks for nothing");
}

static int walk(struct parse *parse, json_t *object);

/* One member of an object: a key with its value, a group of keys, or a mistake. */
static int member(struct parse *parse, json_t *value)
{
    char key[FIELD_KEY_MAX], where[256], found[96];
    const char *name = parse->names[parse->depth - 1];
    dotted(parse, key);
    bool odd = strpbrk(name, "./") || !*name || strlen(key) >= FIELD_KEY_MAX - 1;
    struct field *field = odd ? NULL : field_find(parse->job, key);
    if (field) {
        place(parse, false, field, where);
        return rule_apply(field, value, where, parse->err);
    }
    if (odd || !field_is_group(parse->job, key))
        return unknown(parse);
    if (json_is_object(value) && asks_nothing(parse, key, value))
        return empty(parse, key);
    if (json_is_object(value))
        return walk(parse, value);
    place(parse, false, NULL, where);
    rule_found(value, found, sizeof found);
    return rondo_error_set(parse->err, RONDO_EINPUT, where, NULL, "expected an object, found %s",
                           found);
}

static int walk(struct parse *parse, json_t *object)
{
    if (parse->depth == FIELD_DEPTH_MAX)
        return unknown(parse);
    parse->depth++;
    int code = RONDO_OK;
    void *at = json_object_iter(object);
    for (; at && !code; at = json_object_iter_next(object, at)) {
        parse->names[parse->depth - 1] = json_object_iter_key(at);
        code = member(parse, json_object_iter_value(at));
    }
    parse->depth--;
    return code;
}

/* Version and app, before anything else can be understood; the host's table is there. */
static int head(struct parse *parse, const json_t *root, const char *key, const char *hint)
{
    char where[256];
    const json_t *value = json_object_get(root, key);
    if (!value)
        return missing(parse, key, hint);
    parse->names[0] = key;
    parse->depth = 1;
    struct field *field = field_find(parse->job, key);
    place(parse, false, field, where);
    parse->depth = 0;
    bool version = strcmp(key, "version") == 0;
    if (version && json_is_integer(value) && json_integer_value(value) != KEYS_VERSION)
        return rondo_error_set(parse->err, RONDO_EINPUT, where, "this build reads version 1",
                               "version %" JSON_INTEGER_FORMAT " is unknown",
                               json_integer_value(value));
    return rule_apply(field, value, where, parse->err);
}

static void list_apps(const struct job_apps *apps, const char *name, char hint[256])
{
    struct nearest nearest;
    size_t used = (size_t)snprintf(hint, 256, "apps of this build:");
    nearest_begin(&nearest, name);
    for (int i = 0; apps->at(i); i++) {
        nearest_offer(&nearest, apps->at(i)->name, apps->at(i)->name);
        if (used < 256)
            used += (size_t)snprintf(hint + used, 256 - used, "%s %s", i ? "," : "",
                                     apps->at(i)->name);
    }
    if (nearest_found(&nearest) && used < 256)
        snprintf(hint + used, 256 - used, "; did you mean \"%s\"?", nearest.best);
}

static int find_app(struct parse *parse, const struct rondo_app **app)
{
    char hint[256], where[256];
    struct field *field = field_find(parse->job, "app");
    *app = parse->apps->find(field->text);
    if (*app)
        return RONDO_OK;
    const char *refused = parse->apps->refused ? parse->apps->refused(field->text) : NULL;
    list_apps(parse->apps, field->text, hint);
    job_where(parse->job, "app", where, sizeof where);
    if (refused)
        return rondo_error_set(parse->err, RONDO_EINPUT, where, NULL,
                               "the app \"%.60s\" cannot be used: %s", field->text, refused);
    return rondo_error_set(parse->err, RONDO_EINPUT, where, hint, "unknown app \"%.60s\"",
                           field->text);
}

static int fill(struct parse *parse)
{
    for (int i = 0; i < parse->job->count; i++) {
        struct field *field = &parse->job->fields[i];
        int code = RONDO_OK;
        if (field->source == FIELD_ABSENT)
            code = rule_default(field, parse->err);
        if (code)
            return code;
        if (field->source == FIELD_ABSENT && field->role && field_is_required(field))
            return missing(parse, field->key, field->role->help);
    }
    return RONDO_OK;
}

static int read_tree(struct parse *parse, json_t *root, const char *base)
{
    const struct rondo_app *app;
    char found[96], hint[256];
    rule_found(root, found, sizeof found);
    if (!json_is_object(root))
        return rondo_error_set(parse->err, RONDO_EINPUT, parse->job->origin, NULL,
                               "expected a JSON object, found %s", found);
    for (int i = 0; i < parse->count; i++) {
        int code = document_set(root, parse->overrides[i], parse->err);
        if (code)
            return code;
    }
    list_apps(parse->apps, "", hint);
    int code = field_table(parse->job, NULL, parse->err);
    code = code ? code : head(parse, root, "version", "\"version\": 1");
    code = code ? code : head(parse, root, "app", hint);
    code = code ? code : find_app(parse, &app);
    field_table_free(parse->job);
    code = code ? code : field_table(parse->job, app, parse->err);
    code = code ? code : walk(parse, root);
    if (!code && !json_object_get(root, "data"))
        code = missing(parse, "data", "the files of the job: \"data\": { ... }");
    code = code ? code : fill(parse);
    code = code ? code : paths_absolute(parse->job, base, parse->err);
    return code ? code : assume_defaults(parse->job, parse->err);
}

int job_parse(const char *text, size_t size, const char *origin, const char *base,
              const char *const *overrides, int count, const struct job_apps *apps,
              struct rondo_job **job, struct rondo_error *err)
{
    json_t *root = NULL;
    struct rondo_job *made = mem_calloc(1, sizeof *made);
    *job = NULL;
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        text += 3, size -= 3; /* a byte order mark */
    struct parse parse = { .text = text, .size = size, .overrides = overrides, .count = count,
                           .apps = apps, .job = made, .err = err };
    int code = made ? RONDO_OK : RONDO_ENOMEM;
    if (made && !(made->origin = mem_strdup(origin)))
        code = RONDO_ENOMEM;
    code = code ? code : document_load(text, size, origin, &root, err);
    code = code ? code : read_tree(&parse, root, base);
    json_decref(root);
    if (!code) {
        *job = made;
        return RONDO_OK;
    }
    job_free(made);
    return rondo_error_set(err, code, origin, NULL, "%s", rondo_strerror(code));
}

int job_load(const char *path, const char *const *overrides, int count, const struct job_apps *apps,
             struct rondo_job **job, struct rondo_error *err)
{
    char *text = NULL, base[4096];
    size_t size;
    *job = NULL;
    int code = file_read(path, SPEC_MAX_BYTES, &text, &size, err);
    if (code)
        return code;
    const char *slash = strrchr(path, '/');
    snprintf(base, sizeof base, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    code = job_parse(text, size, path, base, overrides, count, apps, job, err);
    mem_free(text);
    return code;
}

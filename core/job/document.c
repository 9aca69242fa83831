#include "core/job/document.h"

#include "core/base/mem.h"
#include "core/job/field.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* jansson 2.14 loses bytes without a word where a token's buffer cannot grow; so whoever parses
 * asks afterwards whether an allocation failed meanwhile. */
static _Thread_local bool starved;

static void *lend(size_t size)
{
    void *block = mem_alloc(size);
    starved = starved || !block;
    return block;
}

static void lend_once(void)
{
    json_set_alloc_funcs(lend, mem_free);
}

static void begin(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, lend_once);
    starved = false;
}

static json_t *load(const char *text, size_t size, json_error_t *error)
{
    begin();
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, error);
    if (!starved)
        return root;
    json_decref(root);
    return NULL;
}

static int refuse(const json_error_t *error, const char *origin, struct rondo_error *err)
{
    char place[256];
    const char *hint = NULL;
    int line = error->line > 0 ? error->line : 1, column = error->column > 0 ? error->column : 1;
    field_place("", origin, line, column, place, sizeof place);
    const char *near = strstr(error->text, " near '");
    int length = near ? (int)(near - error->text) : (int)strlen(error->text);
    switch (json_error_code(error)) {
    case json_error_duplicate_key:
        near = near ? near + strlen(" near '") : "";
        length = (int)strlen(near) - (*near != 0);
        return rondo_error_set(err, RONDO_EINPUT, place, NULL, "the key %.*s stands twice", length,
                               near);
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return rondo_error_set(err, RONDO_EINPUT, place, NULL,
                               "a NUL character (\\u0000) is not allowed in a text");
    case json_error_invalid_utf8:
        return rondo_error_set(err, RONDO_EINPUT, place, NULL, "the file is not UTF-8: %.*s",
                               length, error->text);
    case json_error_end_of_input_expected:
        return rondo_error_set(err, RONDO_EINPUT, place, NULL,
                               "something stands behind the spec's closing brace%s",
                               near ? near : "");
    default:
        if (strstr(error->text, "'NaN") || strstr(error->text, "Inf"))
            hint = "JSON has no NaN and no infinity";
        return rondo_error_set(err, RONDO_EINPUT, place, hint, "not JSON: %s", error->text);
    }
}

int document_load(const char *text, size_t size, const char *origin, json_t **root,
                  struct rondo_error *err)
{
    size_t at = 0;
    while (at < size && text[at] && strchr(" \t\r\n", text[at]))
        at++;
    if (at == size)
        return rondo_error_set(err, RONDO_EINPUT, origin, NULL, "the file is empty");
    json_error_t error;
    *root = load(text, size, &error);
    if (*root)
        return RONDO_OK;
    return starved ? RONDO_ENOMEM : refuse(&error, origin, err);
}

int document_value(const char *words, json_t **value)
{
    json_error_t error;
    *value = load(words, strlen(words), &error);
    if (!*value && !starved)
        *value = json_string(words);
    if (!*value)
        return starved ? RONDO_ENOMEM : RONDO_EINPUT;
    return RONDO_OK;
}

int document_text(const char *words, json_t **value)
{
    begin();
    *value = json_string(words);
    if (!*value)
        return starved ? RONDO_ENOMEM : RONDO_EINPUT;
    return RONDO_OK;
}

static int refuse_set(const char *override, const char *what, struct rondo_error *err)
{
    char place[256];
    snprintf(place, sizeof place, "--set %.*s", (int)strcspn(override, "="), override);
    return rondo_error_set(err, RONDO_EINPUT, place, "as in --set params.lambda=0.1", "%s", what);
}

static int put(json_t *object, const char *name, json_t *value)
{
    if (json_is_null(value))
        json_object_del(object, name);
    else if (json_object_set(object, name, value))
        return starved ? RONDO_ENOMEM : RONDO_EINPUT;
    return RONDO_OK;
}

/* The member called `name`, made where it is missing. */
static int descend(json_t **object, const char *name)
{
    json_t *inner = json_object_get(*object, name);
    if (!inner) {
        inner = json_object();
        if (!inner || json_object_set_new(*object, name, inner))
            return starved ? RONDO_ENOMEM : RONDO_EINPUT;
    }
    *object = inner;
    return RONDO_OK;
}

static int set_value(json_t *root, const char *override, json_t *value, struct rondo_error *err)
{
    json_t *object = root;
    const char *at = override;
    for (;;) {
        char name[FIELD_KEY_MAX];
        size_t length = strcspn(at, ".=");
        if (length == 0 || length >= sizeof name)
            return refuse_set(override, "a part of the key is empty or too long", err);
        snprintf(name, sizeof name, "%.*s", (int)length, at);
        if (!json_is_object(object))
            return refuse_set(override, "the key goes through a value that is not an object", err);
        at += length;
        bool last = *at++ == '=';
        int code = last ? put(object, name, value) : descend(&object, name);
        if (code == RONDO_EINPUT)
            return refuse_set(override, "the key is not UTF-8", err);
        if (code || last)
            return code;
    }
}

int document_set(json_t *root, const char *override, struct rondo_error *err)
{
    const char *equals = strchr(override, '=');
    if (!equals)
        return refuse_set(override, "expected KEY=VALUE", err);
    json_t *value;
    int code = document_value(equals + 1, &value);
    if (code == RONDO_EINPUT)
        return refuse_set(override, "the value is not UTF-8", err);
    if (code)
        return code;
    code = set_value(root, override, value, err);
    json_decref(value);
    return code;
}

bool job_is_object(const char *text, size_t size)
{
    json_error_t error;
    json_t *root = load(text, size, &error);
    bool object = json_is_object(root);
    json_decref(root);
    return object;
}

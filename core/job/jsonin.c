#include "core/job/jsonin.h"

#include "core/base/mem.h"
#include "core/job/document.h"
#include "core/job/jsonout.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A struct jsonin is jansson's value under a name that others may see. */
static const json_t *of(const struct jsonin *value)
{
    return (const json_t *)value;
}

int jsonin_parse(const char *text, size_t size, struct jsonin **root)
{
    json_t *tree = NULL;
    int code = document_load(text, size, "", &tree, NULL);
    if (!code)
        *root = (struct jsonin *)tree;
    return code;
}

void jsonin_free(struct jsonin *root)
{
    json_decref((json_t *)root);
}

bool jsonin_is_object(const struct jsonin *value)
{
    return json_is_object(of(value));
}

bool jsonin_is_array(const struct jsonin *value)
{
    return json_is_array(of(value));
}

bool jsonin_is(const struct jsonin *value, bool flag)
{
    return flag ? json_is_true(of(value)) : json_is_false(of(value));
}

const char *jsonin_text_of(const struct jsonin *value)
{
    return json_string_value(of(value));
}

const struct jsonin *jsonin_get(const struct jsonin *object, const char *key)
{
    const json_t *member = json_object_get(of(object), key);
    return json_is_null(member) ? NULL : (const struct jsonin *)member;
}

int64_t jsonin_count(const struct jsonin *array)
{
    return (int64_t)json_array_size(of(array));
}

const struct jsonin *jsonin_at(const struct jsonin *array, int64_t index)
{
    if (index < 0 || index >= jsonin_count(array))
        return NULL;
    const json_t *element = json_array_get(of(array), (size_t)index);
    return json_is_null(element) ? NULL : (const struct jsonin *)element;
}

void jsonin_each(const struct jsonin *object,
                 bool (*each)(void *context, const char *key, const struct jsonin *value),
                 void *context)
{
    const json_t *tree = of(object);
    if (!json_is_object(tree))
        return;
    /* jansson's iterators want a table that may change; nothing is changed here. */
    union { const json_t *is; json_t *as; } open = { .is = tree };
    for (void *at = json_object_iter(open.as); at; at = json_object_iter_next(open.as, at))
        if (!each(context, json_object_iter_key(at), (struct jsonin *)json_object_iter_value(at)))
            return;
}

const char *jsonin_text(const struct jsonin *object, const char *key)
{
    return json_string_value(of(jsonin_get(object, key)));
}

bool jsonin_real_of(const struct jsonin *value, double *real)
{
    if (!json_is_number(of(value)))
        return false;
    *real = json_number_value(of(value));
    return true;
}

bool jsonin_number(const struct jsonin *object, const char *key, double *value)
{
    return jsonin_real_of(jsonin_get(object, key), value);
}

bool jsonin_integer(const struct jsonin *object, const char *key, int64_t *value)
{
    const json_t *member = of(jsonin_get(object, key));
    if (!json_is_integer(member))
        return false;
    *value = json_integer_value(member);
    return true;
}

/* Into room of its own: json_dumps loses bytes without a word where its buffer cannot grow. */
char *jsonin_compact(const struct jsonin *value)
{
    const size_t how = JSON_COMPACT | JSON_ENCODE_ANY;
    size_t size = json_dumpb(of(value), NULL, 0, how);
    char *text = size ? mem_alloc(size + 1) : NULL;
    if (!text)
        return NULL;
    if (json_dumpb(of(value), text, size, how) != size) {
        mem_free(text);
        return NULL;
    }
    text[size] = 0;
    return text;
}

/* Terminals obey C0 and C1 controls; C1 is C2 80 to C2 9F. */
void jsonin_show_text(const char *text, char *out, size_t size)
{
    size_t used = 0;
    while (*text) {
        int length = jsonout_utf8(text);
        const unsigned char *at = (const unsigned char *)text;
        bool control = length == 0 || at[0] < 0x20 || at[0] == 0x7f
                       || (at[0] == 0xc2 && at[1] < 0xa0);
        size_t wide = control ? 1 : (size_t)length;
        if (used + wide >= size)
            break;
        if (control)
            out[used] = ' ';
        else
            memcpy(out + used, text, wide);
        used += wide;
        text += length ? length : 1;
    }
    out[used] = 0;
}

void jsonin_show(const struct jsonin *value, char *out, size_t size)
{
    const json_t *shown = of(value);
    char digits[32] = "-";
    if (json_is_string(shown)) {
        jsonin_show_text(json_string_value(shown), out, size);
        return;
    }
    if (json_is_integer(shown))
        snprintf(digits, sizeof digits, "%" PRId64, (int64_t)json_integer_value(shown));
    else if (json_is_real(shown))
        jsonout_digits(json_real_value(shown), digits);
    else if (json_is_boolean(shown))
        snprintf(digits, sizeof digits, "%s", json_is_true(shown) ? "true" : "false");
    snprintf(out, size, "%s", digits);
}

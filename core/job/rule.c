#include "core/job/rule.h"

#include "core/base/mem.h"
#include "core/job/document.h"
#include "core/job/jsonout.h"
#include "core/job/keys.h"
#include "core/job/nearest.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double INT64_TOP = 9223372036854775808.0; /* 2^63 */

/* The first 40 bytes of a text, whole characters alone. */
static void quote(const char *text, const char *before, char *out, size_t size)
{
    size_t length = 0;
    while (text[length] && length < 40) {
        int count = jsonout_utf8(text + length);
        length += count ? (size_t)count : 1;
    }
    snprintf(out, size, "%s\"%.*s%s\"", before, (int)length, text, text[length] ? "..." : "");
}

void rule_found(const json_t *value, char *out, size_t size)
{
    switch (json_typeof(value)) {
    case JSON_STRING: quote(json_string_value(value), "the text ", out, size); break;
    case JSON_INTEGER:
        snprintf(out, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL: snprintf(out, size, "%.15g", json_real_value(value)); break;
    case JSON_TRUE: snprintf(out, size, "true"); break;
    case JSON_FALSE: snprintf(out, size, "false"); break;
    case JSON_NULL: snprintf(out, size, "null"); break;
    case JSON_ARRAY: snprintf(out, size, "a list"); break;
    case JSON_OBJECT: snprintf(out, size, "an object"); break;
    }
}

static int wrong_type(const struct field *field, const json_t *value, const char *where,
                      struct rondo_error *err)
{
    static const char *const expected[] = {
        [RONDO_REAL] = "a number", [RONDO_INTEGER] = "a whole number",
        [RONDO_BOOL] = "true or false", [RONDO_TEXT] = "a text",
    };
    char found[96], range[160];
    rule_found(value, found, sizeof found);
    keys_range(field->rule, range, sizeof range);
    const char *wanted = field->rule->type == RONDO_CHOICE ? range : expected[field->rule->type];
    char hint[112] = "";
    if (keys_extra(field->key)->size)
        wanted = "a size such as \"2GiB\" or a whole number of bytes";
    else if (field->rule->type == RONDO_TEXT && json_is_number(value))
        snprintf(hint, sizeof hint, "in quotes: \"%s\"", found);
    return rondo_error_set(err, RONDO_EINPUT, where, hint[0] ? hint : NULL, "expected %s, found %s", wanted, found);
}

/* A bound that is NAN compares false, and so never refuses. */
static bool within(const struct rondo_param *rule, double value)
{
    bool low = rule->above_least ? value <= rule->least : value < rule->least;
    return !low && !(value > rule->most);
}

static int out_of_range(const struct field *field, const json_t *value, const char *where,
                        struct rondo_error *err)
{
    char found[96], range[160];
    rule_found(value, found, sizeof found);
    keys_range(field->rule, range, sizeof range);
    return rondo_error_set(err, RONDO_EINPUT, where, NULL, "%s is out of range: expected %s%s%s",
                           found, range, *field->rule->unit ? " " : "", field->rule->unit);
}

static int take_real(struct field *field, const json_t *value, const char *where,
                     struct rondo_error *err)
{
    if (!json_is_number(value))
        return wrong_type(field, value, where, err);
    double number = json_number_value(value);
    if (!within(field->rule, number))
        return out_of_range(field, value, where, err);
    field->real = number;
    return RONDO_OK;
}

static int take_integer(struct field *field, const json_t *value, const char *where,
                        struct rondo_error *err)
{
    double number = json_number_value(value);
    if (!json_is_number(value) || (json_is_real(value) && rint(number) != number))
        return wrong_type(field, value, where, err);
    bool wide = json_is_real(value) && (number >= INT64_TOP || number < -INT64_TOP);
    if (wide || !within(field->rule, number))
        return out_of_range(field, value, where, err);
    field->integer = json_is_real(value) ? (int64_t)number : json_integer_value(value);
    if (keys_extra(field->key)->zero_only && field->integer > 0)
        return rondo_error_set(err, RONDO_EINPUT, where, "use 0",
                               "%" PRId64 " is not in this version", field->integer);
    return RONDO_OK;
}

static int keep_text(struct field *field, const char *text)
{
    char *copy = mem_strdup(text);
    if (!copy)
        return RONDO_ENOMEM;
    mem_free(field->text);
    field->text = copy;
    return RONDO_OK;
}

/* "cuda:1" is the later word "cuda" too. */
static bool is_later(const char *later, const char *text)
{
    char word[32], head[32];
    snprintf(head, sizeof head, "%.*s", (int)strcspn(text, ":"), text);
    for (int i = 0; keys_choice(later, i, word, sizeof word); i++)
        if (strcmp(word, head) == 0)
            return true;
    return false;
}

static int take_choice(struct field *field, const json_t *value, const char *where,
                       struct rondo_error *err)
{
    const char *text = json_string_value(value);
    if (!text)
        return wrong_type(field, value, where, err);
    struct nearest nearest;
    char word[NEAREST_WORD_MAX], range[160], hint[160] = "", found[96];
    nearest_begin(&nearest, text);
    for (int i = 0; keys_choice(field->rule->choices, i, word, sizeof word); i++) {
        if (strcmp(word, text) == 0)
            return keep_text(field, text);
        nearest_offer(&nearest, word, word);
    }
    quote(text, "", found, sizeof found);
    keys_range(field->rule, range, sizeof range);
    if (is_later(keys_extra(field->key)->later, text)) {
        snprintf(hint, sizeof hint, "use %.140s", range);
        return rondo_error_set(err, RONDO_EINPUT, where, hint, "%s is not in this version", found);
    }
    if (nearest_found(&nearest))
        snprintf(hint, sizeof hint, "did you mean \"%s\"?", nearest.best);
    return rondo_error_set(err, RONDO_EINPUT, where, hint, "%s is unknown: expected %s", found,
                           range);
}

bool rule_bytes(const char *text, int64_t *bytes)
{
    static const struct {
        const char *name;
        double size;
    } units[] = {
        { "", 1 }, { "B", 1 },
        { "KiB", 0x1p10 }, { "MiB", 0x1p20 }, { "GiB", 0x1p30 }, { "TiB", 0x1p40 },
        { "KB", 1e3 }, { "MB", 1e6 }, { "GB", 1e9 }, { "TB", 1e12 },
    };
    size_t digits = strspn(text, "0123456789.");
    char *end;
    double number = strtod(text, &end);
    if (digits == 0 || digits > 24 || end != text + digits)
        return false;
    const char *unit = end + strspn(end, " ");
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(unit, units[i].name) != 0)
            continue;
        double size = number * units[i].size;
        if (!(size >= 1 && size < INT64_TOP))
            return false;
        *bytes = (int64_t)size;
        return true;
    }
    return false;
}

static int take_size(struct field *field, const json_t *value, const char *where,
                     struct rondo_error *err)
{
    char digits[32], found[96];
    int64_t bytes;
    if (!json_is_string(value) && !json_is_integer(value))
        return wrong_type(field, value, where, err);
    rule_found(value, found, sizeof found);
    snprintf(digits, sizeof digits, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    const char *text = json_is_string(value) ? json_string_value(value) : digits;
    if (!rule_bytes(text, &bytes))
        return rondo_error_set(err, RONDO_EINPUT, where,
                               "a number, then KiB, MiB, GiB, TiB, KB, MB, GB, TB or nothing",
                               "%s is no size from 1 byte to 2^63 - 1", found);
    return keep_text(field, text);
}

static int take_text(struct field *field, const json_t *value, const char *where,
                     struct rondo_error *err)
{
    if (keys_extra(field->key)->size)
        return take_size(field, value, where, err);
    if (!json_is_string(value))
        return wrong_type(field, value, where, err);
    bool path = field->role || keys_extra(field->key)->path;
    if (path && json_string_length(value) == 0)
        return rondo_error_set(err, RONDO_EINPUT, where, NULL, "the path is empty");
    return keep_text(field, json_string_value(value));
}

int rule_apply(struct field *field, const json_t *value, const char *where, struct rondo_error *err)
{
    if (field->number && !json_is_string(value)) {
        field->rule = field->number;
        field->role = NULL;
    }
    switch (field->rule->type) {
    case RONDO_REAL: return take_real(field, value, where, err);
    case RONDO_INTEGER: return take_integer(field, value, where, err);
    case RONDO_CHOICE: return take_choice(field, value, where, err);
    case RONDO_TEXT: return take_text(field, value, where, err);
    case RONDO_BOOL: break;
    }
    if (!json_is_boolean(value))
        return wrong_type(field, value, where, err);
    field->integer = json_is_true(value);
    return RONDO_OK;
}

/* A default may stand in quotes or without. */
static bool is_choice(const char *choices, const char *fallback)
{
    char word[64];
    size_t quote = fallback[0] == '"', length = strlen(fallback);
    for (int i = 0; keys_choice(choices, i, word, sizeof word); i++)
        if (strlen(word) + 2 * quote == length
            && strncmp(word, fallback + quote, strlen(word)) == 0)
            return true;
    return false;
}

int rule_default(struct field *field, struct rondo_error *err)
{
    const char *fallback = field->rule->fallback;
    enum rondo_type type = field->rule->type;
    if (!fallback)
        return RONDO_OK;
    field->source = FIELD_DEFAULT;
    if (type == RONDO_CHOICE && !is_choice(field->rule->choices, fallback))
        return rondo_error_set(err, RONDO_EINPUT, field->key, NULL,
                               "the default %.40s is none of its choices", fallback);
    if ((type == RONDO_TEXT || type == RONDO_CHOICE) && fallback[0] != '"')
        return keep_text(field, fallback);
    json_t *value;
    int code = document_value(fallback, &value);
    if (code)
        return code;
    code = rule_apply(field, value, field->key, err);
    json_decref(value);
    return code;
}

/* The published JSON Schema (draft 2020-12), made from the same tables as the validator.
 *
 * The root has the host's keys.  A group to which an app adds keys (params, data, stop) is left
 * open there and closed once for each app, in an if/then on "app". */
#include "core/base/mem.h"
#include "core/job/canonical.h"
#include "core/job/keys.h"
#include "core/job/rule.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SCHEMA_DRAFT "https://json-schema.org/draft/2020-12/schema"

/* The fields first .. last-1 of a table, all of one group. */
struct span {
    const struct rondo_job *table;
    int first, last;
};

static void put_numbers(struct jsonout *out, const struct field *field)
{
    const struct rondo_param *rule = field->rule;
    bool whole = rule->type == RONDO_INTEGER;
    double most = keys_extra(field->key)->zero_only ? 0 : rule->most;
    jsonout_text_at(out, "type", whole ? "integer" : "number");
    if (!isnan(rule->least))
        jsonout_real_at(out, rule->above_least ? "exclusiveMinimum" : "minimum", rule->least);
    if (!isnan(most))
        jsonout_real_at(out, "maximum", most);
}

static void put_text_rule(struct jsonout *out, const struct field *field)
{
    if (field->number) {
        jsonout_key(out, "type");
        jsonout_raw(out, "[\"string\", \"integer\"]");
        jsonout_integer_at(out, "minLength", 1);
        jsonout_real_at(out, "minimum", field->number->least);
        return;
    }
    if (!keys_extra(field->key)->size) {
        jsonout_text_at(out, "type", "string");
        if (field->role || keys_extra(field->key)->path)
            jsonout_integer_at(out, "minLength", 1);
        return;
    }
    jsonout_key(out, "type");
    jsonout_raw(out, "[\"string\", \"integer\"]");
    jsonout_integer_at(out, "minimum", 1);
    jsonout_text_at(out, "pattern", "^[0-9]*\\.?[0-9]+ *([KMGT]i?B|B)?$");
}

static void put_choices(struct jsonout *out, const char *choices)
{
    char word[64];
    jsonout_key(out, "enum");
    jsonout_open(out, '[');
    for (int i = 0; keys_choice(choices, i, word, sizeof word); i++)
        jsonout_text(out, word);
    jsonout_close(out, ']');
}

static void put_rule(struct jsonout *out, const struct field *field)
{
    switch (field->rule->type) {
    case RONDO_REAL:
    case RONDO_INTEGER: put_numbers(out, field); break;
    case RONDO_BOOL: jsonout_text_at(out, "type", "boolean"); break;
    case RONDO_TEXT: put_text_rule(out, field); break;
    case RONDO_CHOICE: put_choices(out, field->rule->choices); break;
    }
}

/* A key's own schema.  The default is on the field, where rule_default has put it. */
static void put_key(struct jsonout *out, const struct field *field, const struct job_apps *apps)
{
    const struct rondo_param *rule = field->number ? field->number : field->rule;
    const char *help = field->role && !field->number ? field->role->help : rule->help;
    char text[320];
    snprintf(text, sizeof text, "%s%s%s%s", help, *rule->unit ? " [" : "", rule->unit,
             *rule->unit ? "]" : "");
    jsonout_open(out, '{');
    jsonout_text_at(out, "description", text);
    put_rule(out, field);
    if (strcmp(field->key, "app") == 0) {
        jsonout_key(out, "enum");
        jsonout_open(out, '[');
        for (int i = 0; apps->at(i); i++)
            jsonout_text(out, apps->at(i)->name);
        jsonout_close(out, ']');
    }
    if (field->source == FIELD_DEFAULT) {
        jsonout_key(out, "default");
        canonical_value(out, field);
    }
    jsonout_close(out, '}');
}

/* The names that must stand in this object; at the root "data" too. */
static void put_required(struct jsonout *out, struct span span, int depth)
{
    char part[FIELD_KEY_MAX];
    bool begun = depth == 0;
    if (begun) {
        jsonout_key(out, "required");
        jsonout_open(out, '[');
        jsonout_text(out, "data");
    }
    for (int i = span.first; i < span.last; i++) {
        const struct field *field = &span.table->fields[i];
        if (!field_is_required(field) || canonical_part(field->key, depth + 1, part))
            continue;
        if (!begun) {
            jsonout_key(out, "required");
            jsonout_open(out, '[');
            begun = true;
        }
        canonical_part(field->key, depth, part);
        jsonout_text(out, part);
    }
    if (begun)
        jsonout_close(out, ']');
}

/* Does an app add keys to this group of the root? */
static bool is_touched(const struct job_apps *apps, const char *group)
{
    if (strcmp(group, "params") == 0 || strcmp(group, "data") == 0)
        return true;
    for (int i = 0; apps->at(i); i++)
        for (const struct rondo_param *rule = apps->at(i)->params; rule && rule->key; rule++) {
            char key[FIELD_KEY_MAX], part[FIELD_KEY_MAX];
            if (keys_of_app(rule->key, key, sizeof key) && canonical_part(key, 0, part) &&
                strcmp(part, group) == 0)
                return true;
        }
    return false;
}

/* The last field of the group that begins at span.first, which has a part at this depth. */
static struct span group_of(struct span span, int depth)
{
    struct span group = span;
    const char *key = span.table->fields[span.first].key;
    for (group.last = span.first + 1; group.last < span.last; group.last++)
        if (canonical_shared(key, span.table->fields[group.last].key) <= depth)
            break;
    return group;
}

static void put_group(struct jsonout *out, struct span span, int depth, bool closed,
                      const struct job_apps *apps);

/* "name": {...} for each member of an object at this depth. */
static void put_members(struct jsonout *out, struct span span, int depth,
                        const struct job_apps *apps)
{
    char part[FIELD_KEY_MAX], below[FIELD_KEY_MAX];
    while (span.first < span.last) {
        const struct field *field = &span.table->fields[span.first];
        bool leaf = !canonical_part(field->key, depth + 1, below);
        canonical_part(field->key, depth, part);
        jsonout_key(out, part);
        if (leaf) {
            put_key(out, field, apps);
            span.first++;
        } else {
            struct span group = group_of(span, depth);
            bool open = depth == 0 && !span.table->app && is_touched(apps, part);
            put_group(out, group, depth + 1, !open, apps);
            span.first = group.last;
        }
    }
}

static void put_group(struct jsonout *out, struct span span, int depth, bool closed,
                      const struct job_apps *apps)
{
    jsonout_open(out, '{');
    jsonout_text_at(out, "type", "object");
    jsonout_key(out, "properties");
    jsonout_open(out, '{');
    put_members(out, span, depth, apps);
    jsonout_close(out, '}');
    put_required(out, span, depth);
    if (closed)
        jsonout_flag_at(out, "additionalProperties", false);
    jsonout_close(out, '}');
}

/* What a spec may have. */
static int fill_table(struct rondo_job *table, const struct rondo_app *app)
{
    int code = field_table(table, app, NULL), kept = 0;
    for (int i = 0; i < table->count && !code; i++)
        if (!table->fields[i].inside)
            table->fields[kept++] = table->fields[i];
    table->count = code ? table->count : kept;
    for (int i = 0; i < table->count && !code; i++)
        code = rule_default(&table->fields[i], NULL);
    return code;
}

static void put_if(struct jsonout *out, const char *name)
{
    static const char *const keys[] = { "if", "properties", "app" };
    for (int i = 0; i < 3; i++) {
        jsonout_key(out, keys[i]);
        jsonout_open(out, '{');
    }
    jsonout_text_at(out, "const", name);
    for (int i = 0; i < 3; i++)
        jsonout_close(out, '}');
}

/* if app is this one, then the touched groups hold these keys and no others. */
static int put_app(struct jsonout *out, const struct rondo_app *app, const struct job_apps *apps)
{
    struct rondo_job table = { 0 };
    char part[FIELD_KEY_MAX];
    int code = fill_table(&table, app);
    jsonout_open(out, '{');
    put_if(out, app->name);
    jsonout_key(out, "then");
    jsonout_open(out, '{');
    jsonout_key(out, "properties");
    jsonout_open(out, '{');
    struct span span = { &table, 0, table.count };
    while (span.first < span.last && !code) {
        struct span group = group_of(span, 0);
        canonical_part(table.fields[span.first].key, 0, part);
        if (is_touched(apps, part)) {
            jsonout_key(out, part);
            put_group(out, group, 1, true, apps);
        }
        span.first = group.last;
    }
    if (!app->params || !app->params->key) {
        jsonout_key(out, "params");
        put_group(out, (struct span){ &table, 0, 0 }, 1, true, apps);
    }
    for (int i = 0; i < 3; i++)
        jsonout_close(out, '}');
    field_table_free(&table);
    return code;
}

static int put_schema(struct jsonout *out, const struct job_apps *apps)
{
    struct rondo_job table = { 0 };
    int code = fill_table(&table, NULL);
    struct span root = { &table, 0, table.count };
    jsonout_open(out, '{');
    jsonout_text_at(out, "$schema", SCHEMA_DRAFT);
    jsonout_text_at(out, "title", "Rondo job spec, version 1");
    jsonout_text_at(out, "type", "object");
    jsonout_key(out, "properties");
    jsonout_open(out, '{');
    put_members(out, root, 0, apps);
    jsonout_key(out, "params");
    jsonout_raw(out, "{ \"type\": \"object\" }");
    jsonout_close(out, '}');
    put_required(out, root, 0);
    jsonout_flag_at(out, "additionalProperties", false);
    jsonout_key(out, "allOf");
    jsonout_open(out, '[');
    for (int i = 0; apps->at(i) && !code; i++)
        code = put_app(out, apps->at(i), apps);
    jsonout_close(out, ']');
    jsonout_close(out, '}');
    jsonout_bytes(out, "\n");
    field_table_free(&table);
    return code;
}

char *job_schema_text(const struct job_apps *apps)
{
    struct rondo_buf buf = { 0 };
    struct jsonout out = jsonout_begin(&buf, true);
    int code = put_schema(&out, apps);
    if (code || out.failed || buf_append(&buf, "", 1)) {
        buf_fini(&buf);
        return NULL;
    }
    return (char *)buf.data;
}

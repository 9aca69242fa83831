#include "core/job/option.h"

#include "core/base/mem.h"
#include "core/job/document.h"
#include "core/job/rule.h"

#include <stdio.h>

static bool is_text(const struct rondo_param *rule)
{
    return rule->type == RONDO_TEXT || rule->type == RONDO_CHOICE;
}

/* Under a name that no key of the host's has: what those rules say beside the table is not meant. */
static struct field field_of(const struct rondo_param *rule)
{
    struct field field = { .rule = rule, .own = true };
    snprintf(field.key, sizeof field.key, "predict.%.100s", rule->key);
    return field;
}

static void take(struct rondo_value *value, const struct rondo_param *rule,
                 const struct field *field)
{
    option_fini(value, rule);
    *value = (struct rondo_value){ true, field->real, field->integer,
                                   is_text(rule) ? field->text : "" };
}

void option_fini(struct rondo_value *value, const struct rondo_param *rule)
{
    union { const char *is; char *as; } text = { .is = value->text };
    if (value->given && is_text(rule))
        mem_free(text.as);
    *value = (struct rondo_value){ .text = "" };
}

int option_init(struct rondo_value *value, const struct rondo_param *rule, struct rondo_error *err)
{
    struct field field = field_of(rule);
    *value = (struct rondo_value){ .text = "" };
    if (!rule->fallback)
        return RONDO_OK;
    int code = rule_default(&field, err);
    if (!code)
        take(value, rule, &field);
    return code;
}

int option_read(struct rondo_value *value, const struct rondo_param *rule, const char *words,
                struct rondo_error *err)
{
    char where[128];
    json_t *tree;
    struct field field = field_of(rule);
    snprintf(where, sizeof where, "--%.100s", rule->key);
    int code = is_text(rule) ? document_text(words, &tree) : document_value(words, &tree);
    if (code)
        return rondo_error_set(err, code, where, NULL,
                               code == RONDO_ENOMEM ? "out of memory" : "the value is not UTF-8");
    code = rule_apply(&field, tree, where, err);
    json_decref(tree);
    if (!code)
        take(value, rule, &field);
    return code;
}

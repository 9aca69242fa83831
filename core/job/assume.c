#include "core/job/assume.h"

#include "core/job/jsonout.h"
#include "core/job/keys.h"
#include "core/job/rule.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* All that assume may ask. */
static const struct rondo_host reader = {
    .abi = RONDO_APP_ABI, .size = sizeof reader, .given = job_given, .real = job_real,
    .integer = job_integer, .flag = job_flag, .text = job_text,
};

static bool is_text(const char *text)
{
    int count = 0;
    while (text && *text && (count = jsonout_utf8(text)) > 0)
        text += count;
    return text && !*text;
}

/* As JSON; what is no number or no text is null, which no rule accepts. */
static json_t *json_of(enum rondo_type type, const struct rondo_value *value)
{
    switch (type) {
    case RONDO_REAL: return isfinite(value->real) ? json_real(value->real) : json_null();
    case RONDO_INTEGER: return json_integer(value->integer);
    case RONDO_BOOL: return json_boolean(value->integer != 0);
    case RONDO_CHOICE:
    case RONDO_TEXT: break;
    }
    return is_text(value->text) ? json_string(value->text) : json_null();
}

static int settle(const struct rondo_job *job, struct field *field, const struct rondo_value *value,
                  struct rondo_error *err)
{
    struct rondo_error why = { 0 };
    json_t *json = json_of(field->rule->type, value);
    int code = json ? rule_apply(field, json, field->key, &why) : RONDO_ENOMEM;
    json_decref(json);
    if (!code)
        field->source = FIELD_DEFAULT;
    if (code != RONDO_EINPUT)
        return code;
    return rondo_error_set(err, RONDO_EAPP, field->key, NULL, "the app \"%s\" assumes a wrong value: %s",
                           job->app->name, why.what);
}

/* Where the last change is the weight, a variable that has not moved is drawn too. */
static void settle_eta(struct rondo_job *job)
{
    struct field *eta = field_find(job, "schedule.priority.eta");
    if (eta->source != FIELD_ABSENT)
        return;
    eta->real = strcmp(job_text(job, "schedule.priority.rule"), "delta") == 0 ? 1e-6 : 0;
    eta->source = FIELD_DEFAULT;
}

int assume_defaults(struct rondo_job *job, struct rondo_error *err)
{
    const struct rondo_app *app = job->app;
    char key[FIELD_KEY_MAX];
    int code = RONDO_OK;
    settle_eta(job);
    if (app->size <= offsetof(struct rondo_app, assume) || !app->assume)
        return RONDO_OK;
    for (const struct rondo_param *rule = app->params; rule && rule->key && !code; rule++) {
        struct rondo_value value = { 0 };
        keys_of_app(rule->key, key, sizeof key);
        struct field *field = field_find(job, key);
        if (field->source != FIELD_ABSENT || field->role)
            continue;
        app->assume(&reader, job, key, &value);
        if (value.given)
            code = settle(job, field, &value, err);
    }
    return code;
}

#include "apps/contract.h"

#include "core/base/file.h"
#include "core/job/job.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define REBUILD "build it against these headers"

enum { NAME_MOST = 32, FILE_NAME_MOST = 100, ROLES_MOST = 16 };
enum { SHARDS_MOST = 1 << 20, CHUNKS_MOST = 1 << 24, BLOCKS_MOST = 1 << 24 };
static const int64_t VARIABLES_MOST = INT64_C(1) << 40;

/* The sizes that an app may have: that of today's struct, and what it ended with before. */
enum {
    BEFORE_PREDICT = offsetof(struct rondo_app, predict_options),
    BEFORE_PREVIEW = offsetof(struct rondo_app, preview),
    BEFORE_CONCLUDE = offsetof(struct rondo_app, conclude),
    BEFORE_MODEL_IDS = offsetof(struct rondo_app, model_ids),
    BEFORE_PARTS = offsetof(struct rondo_app, parts),
    BEFORE_ASSUME = offsetof(struct rondo_app, assume),
};

/* What is checked: the app, and where its errors stand. */
struct check {
    const struct rondo_app *app;
    const char *where;
    struct rondo_error *err;
};

#define BROKEN(check, ...) \
    rondo_error_set((check)->err, RONDO_EAPP, (check)->where, NULL, __VA_ARGS__)

/* ---- what it is ------------------------------------------------------------------------------- */

static int check_build(const struct check *check)
{
    uint32_t abi = check->app->abi;
    if (abi != RONDO_APP_ABI)
        return rondo_error_set(check->err, RONDO_EAPP, check->where, REBUILD,
                               "the app asks for ABI %" PRIu32 " and this rondo offers %u", abi,
                               RONDO_APP_ABI);
    uint32_t size = check->app->size;
    if (size == sizeof *check->app || size == BEFORE_PREDICT || size == BEFORE_PREVIEW
        || size == BEFORE_CONCLUDE || size == BEFORE_MODEL_IDS || size == BEFORE_PARTS || size == BEFORE_ASSUME)
        return RONDO_OK;
    return rondo_error_set(check->err, RONDO_EAPP, check->where, REBUILD,
                           "the app has %" PRIu32 " bytes and ABI %u has %zu", check->app->size, abi,
                           sizeof *check->app);
}

/* Is text first [a-z], then [a-z0-9_-] and what `more` allows, at most `most` characters? */
static bool is_word(const char *text, size_t most, const char *more)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    size_t length = text ? strlen(text) : 0;
    if (length == 0 || length > most || !strchr(letters, text[0]))
        return false;
    for (; *text; text++)
        if (!strchr(letters, *text) && !strchr("0123456789_-", *text) && !strchr(more, *text))
            return false;
    return true;
}

static int check_name(const struct check *check)
{
    const struct rondo_app *app = check->app;
    if (!app->name)
        return BROKEN(check, "the app has no name");
    if (!is_word(app->name, NAME_MOST, ""))
        return BROKEN(check, "the app's name \"%.60s\" is not [a-z][a-z0-9_-]*, at most %d",
                      app->name, NAME_MOST);
    if (!app->summary || !app->summary[0] || strchr(app->summary, '\n'))
        return BROKEN(check, "the app \"%s\" has no summary of one line", app->name);
    return RONDO_OK;
}

/* ---- the callbacks ------------------------------------------------------------------------------ */

/* A callback, and the one that makes it necessary. */
struct need {
    const char *name;
    size_t at;
    size_t with; /* 0: always */
};

#define AT(member) offsetof(struct rondo_app, member)
#define ALWAYS(member) { #member, AT(member), 0 }
#define WITH(other, member) { #member, AT(member), AT(other) }

static const struct need needs[] = {
    ALWAYS(open), ALWAYS(close), ALWAYS(layout),
    ALWAYS(head.create), ALWAYS(head.destroy), ALWAYS(head.pack), ALWAYS(head.unpack),
    WITH(common.create, common.destroy), WITH(common.create, common.pack),
    WITH(common.create, common.unpack),
    WITH(shard.create, shard.destroy), WITH(shard.create, shard.pack),
    WITH(shard.create, shard.unpack),
    WITH(block.create, block.destroy), WITH(block.create, block.pack),
    WITH(block.create, block.unpack),
    WITH(scratch, scratch_free),
    ALWAYS(schedule), ALWAYS(push), ALWAYS(settle), ALWAYS(report), ALWAYS(save),
};

static bool has(const struct rondo_app *app, size_t at)
{
    void (*callback)(void);
    memcpy(&callback, (const unsigned char *)app + at, sizeof callback);
    return callback != NULL;
}

static int check_callbacks(const struct check *check)
{
    const struct rondo_app *app = check->app;
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) {
        const struct need *need = &needs[i];
        if ((!need->with || has(app, need->with)) && !has(app, need->at))
            return BROKEN(check, "the app \"%s\" lacks %s", app->name, need->name);
    }
    return RONDO_OK;
}

/* ---- the tables --------------------------------------------------------------------------------- */

static const char *wrong_param(const struct rondo_param *rule)
{
    if (!is_word(rule->key, 60, "."))
        return "its key is not [a-z][a-z0-9_.-]*";
    if (rule->type < RONDO_REAL || rule->type > RONDO_TEXT)
        return "it has no type that there is";
    if (!rule->unit || !rule->help || !rule->help[0])
        return "it has no unit (\"\" where there is none) or no help";
    bool choice = rule->type == RONDO_CHOICE;
    if (choice != (rule->choices && rule->choices[0]))
        return choice ? "it has no choices" : "choices are for RONDO_CHOICE";
    if (rule->least > rule->most)
        return "its least is above its most";
    return NULL;
}

static int check_table(const struct check *check, const char *kind, const struct rondo_param *table)
{
    for (const struct rondo_param *rule = table; rule && rule->key; rule++) {
        const char *wrong = wrong_param(rule);
        if (wrong)
            return BROKEN(check, "the %s \"%.60s\" of the app \"%s\": %s", kind, rule->key,
                          check->app->name, wrong);
    }
    return RONDO_OK;
}

static int check_params(const struct check *check)
{
    const struct rondo_app *app = check->app;
    if (!app->params)
        return BROKEN(check, "the app \"%s\" lacks params (a row of zeros where there are none)",
                      app->name);
    return check_table(check, "parameter", app->params);
}

static int check_options(const struct check *check)
{
    return check_table(check, "option", contract_predict_options(check->app));
}

static const struct rondo_role *role_of(const struct rondo_app *app, const char *key)
{
    for (const struct rondo_role *role = app->roles; role->key; role++)
        if (strcmp(role->key, key) == 0)
            return role;
    return NULL;
}

/* "users.txt", "biases.npz/user": a file of a directory, or an array in one. */
static bool is_inside(const char *name)
{
    const char *slash = strchr(name, '/'), *file = slash ? slash + 1 : name;
    static const char more[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    for (const char *at = name; *at; at++)
        if (at != slash && !(*at >= 'a' && *at <= 'z') && !strchr(more, *at))
            return false;
    return *name && *name != '.' && *file && *file != '.' && (!slash || file_member(name) == file)
           && strlen(name) <= FILE_NAME_MOST;
}

/* Of a file in a directory; `slash`: in its key. */
static const char *wrong_inside(const struct rondo_role *role, const char *slash)
{
    char folder[64];
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - role->key), role->key);
    if (strncmp(folder, "params.", 7) != 0 || !is_word(folder, 60, "."))
        return "the directory before its slash is not under params";
    if (!is_inside(slash + 1))
        return "behind its slash there is no plain file name, or \"NAME.npz/NAME\"";
    if (role->labels_of || role->kind == RONDO_ROLE_COUNTS || role->kind == RONDO_ROLE_RATINGS)
        return "what is in a directory is a matrix, a vector or words, without labels_of";
    return NULL;
}

/* Is there another role in its directory before it, whose help is that of all? */
static bool is_told_before(const struct rondo_app *app, const struct rondo_role *role)
{
    size_t length = strcspn(role->key, "/") + 1;
    for (const struct rondo_role *before = app->roles; before < role; before++)
        if (strncmp(before->key, role->key, length) == 0)
            return true;
    return false;
}

static const char *wrong_role(const struct rondo_app *app, const struct rondo_role *role)
{
    const char *slash = role->key ? strchr(role->key, '/') : NULL;
    const char *wrong = slash ? wrong_inside(role, slash) : NULL;
    if (wrong)
        return wrong;
    if (!slash && !is_word(role->key, 60, "."))
        return "its key is not [a-z][a-z0-9_.-]*";
    if (role->kind < RONDO_ROLE_MATRIX || role->kind > RONDO_ROLE_RATINGS)
        return "it has no kind that there is";
    if (!role->help || (!role->help[0] && !(slash && is_told_before(app, role))))
        return "it has no help";
    const struct rondo_role *bearer = role->labels_of ? role_of(app, role->labels_of) : NULL;
    if (role->labels_of && (!bearer || bearer->kind == RONDO_ROLE_VECTOR || bearer->kind == RONDO_ROLE_WORDS))
        return "its labels_of is no matrix of this app";
    if (role->labels_of && role->kind == RONDO_ROLE_WORDS)
        return "words have no labels_of";
    if (bearer && (bearer->kind == RONDO_ROLE_RATINGS) != (role->kind == RONDO_ROLE_RATINGS))
        return "its labels_of: ratings go with ratings";
    return NULL;
}

static int check_roles(const struct check *check)
{
    const struct rondo_app *app = check->app;
    if (!app->roles)
        return BROKEN(check, "the app \"%s\" lacks roles (a row of zeros where there are none)",
                      app->name);
    int count = 0;
    for (const struct rondo_role *role = app->roles; role->key; role++, count++) {
        const char *wrong = count < ROLES_MOST ? wrong_role(app, role) : "it is one too many";
        if (wrong)
            return BROKEN(check, "the role \"%.60s\" of the app \"%s\": %s", role->key, app->name,
                          wrong);
    }
    return RONDO_OK;
}

/* Before a job begins, these files are removed from its output directory. */
static int check_files(const struct check *check)
{
    static const char *const ours[] = { "result.json", "spec.json", "progress.jsonl", "trace.db",
                                        "checkpoint.rondo" };
    const struct rondo_app *app = check->app;
    for (int i = 0; app->files && app->files[i]; i++) {
        const char *name = app->files[i];
        bool plain = name[0] && name[0] != '.' && !strchr(name, '/')
                     && strlen(name) <= FILE_NAME_MOST;
        for (size_t k = 0; k < sizeof ours / sizeof *ours; k++)
            plain = plain && strcmp(name, ours[k]) != 0;
        if (!plain)
            return BROKEN(check, "the app \"%s\" writes \"%.60s\", which is no name for a file of it",
                          app->name, name);
    }
    return RONDO_OK;
}

/* As a job's spec will read them: no key twice, every default within its range. */
static int check_keys(const struct check *check)
{
    struct rondo_error why = { 0 };
    int code = job_declared(check->app, &why);
    if (code == RONDO_ENOMEM)
        return rondo_error_set(check->err, code, check->where, NULL, "%s", rondo_strerror(code));
    return code ? BROKEN(check, "the keys of the app \"%s\": %.80s: %.200s", check->app->name,
                         why.where, why.what)
                : RONDO_OK;
}

int contract_check(const struct rondo_app *app, const char *where, struct rondo_error *err)
{
    static int (*const checks[])(const struct check *check) = {
        check_build, check_name, check_callbacks, check_params, check_roles, check_files, check_keys,
        check_options,
    };
    const struct check check = { app, where, err };
    int code = RONDO_OK;
    for (size_t i = 0; i < sizeof checks / sizeof *checks && !code; i++)
        code = checks[i](&check);
    return code;
}

/* ---- what not every app has ------------------------------------------------------------------------ */

const struct rondo_param *contract_predict_options(const struct rondo_app *app)
{
    return app->size > BEFORE_PREDICT ? app->predict_options : NULL;
}

contract_predict_function *contract_predict(const struct rondo_app *app)
{
    return app->size > BEFORE_PREDICT ? app->predict : NULL;
}

contract_predict_function *contract_coefficients(const struct rondo_app *app)
{
    return app->size > BEFORE_PREVIEW ? app->coefficients : NULL;
}

contract_preview_function *contract_preview(const struct rondo_app *app)
{
    return app->size > BEFORE_PREVIEW ? app->preview : NULL;
}

contract_conclude_function *contract_conclude(const struct rondo_app *app)
{
    return app->size > BEFORE_CONCLUDE ? app->conclude : NULL;
}

const char *const *contract_model_ids(const struct rondo_app *app)
{
    return app->size > BEFORE_MODEL_IDS ? app->model_ids : NULL;
}

int contract_parts(const struct rondo_app *app, const void *problem,
                   int (*tell)(void *context, const struct rondo_part *part), void *context)
{
    return app->size > BEFORE_PARTS && app->parts ? app->parts(problem, tell, context) : RONDO_OK;
}

/* ---- the cut -------------------------------------------------------------------------------------- */

int contract_layout(const struct rondo_app *app, const struct rondo_layout *layout,
                    struct rondo_error *err)
{
    const struct {
        const char *name;
        int64_t value, least, most;
    } rows[] = {
        { "variables", layout->variables, 0, VARIABLES_MOST },
        { "shards", layout->shards, 0, app->shard.create ? SHARDS_MOST : 0 },
        { "chunks", layout->chunks, 1, CHUNKS_MOST },
        { "blocks", layout->blocks, 0, BLOCKS_MOST },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].value < rows[i].least || rows[i].value > rows[i].most)
            return rondo_error_set(err, RONDO_EAPP, NULL, NULL,
                                   "the app \"%s\": layout gave %" PRId64 " %s%s", app->name,
                                   rows[i].value, rows[i].name,
                                   i == 1 && !app->shard.create ? " and there is no shard.create"
                                                                : "");
    for (int64_t j = 0; layout->cost && j < layout->variables; j++)
        if (!(layout->cost[j] >= 0 && layout->cost[j] <= 1e300))
            return rondo_error_set(err, RONDO_EAPP, NULL, NULL,
                                   "the app \"%s\": layout gave variable %" PRId64 " the cost %g",
                                   app->name, j, layout->cost[j]);
    return RONDO_OK;
}

bool contract_rotates(const struct rondo_app *app, const struct rondo_layout *layout)
{
    return layout->blocks > 0 && app->block.create;
}

/* ---- what a callback answers ------------------------------------------------------------------------ */

static bool is_code(int code)
{
    return code <= RONDO_ENOMEM && code >= RONDO_EREFUSED;
}

int contract_answer(const struct rondo_app *app, const char *callback, int code,
                    struct rondo_error *err)
{
    if (!code)
        return RONDO_OK;
    if (err && err->code && is_code(err->code) && err->what[0])
        return err->code;
    if (err)
        *err = (struct rondo_error){ 0 };
    int as = code == RONDO_ENOMEM ? RONDO_ENOMEM : RONDO_EAPP;
    if (code == RONDO_EAPP)
        return rondo_error_set(err, as, NULL, NULL, "the app \"%s\": %s failed", app->name, callback);
    if (!is_code(code))
        return rondo_error_set(err, as, NULL, NULL,
                               "the app \"%s\": %s failed: it answered %d, which is no code",
                               app->name, callback, code);
    return rondo_error_set(err, as, NULL, NULL, "the app \"%s\": %s failed: %s", app->name, callback,
                           rondo_strerror(code));
}

int contract_wrote(const struct rondo_app *app, const char *callback, int code,
                   const struct rondo_buf *out, struct rondo_error *err)
{
    if (code || out->size <= out->capacity)
        return contract_answer(app, callback, code, err);
    return rondo_error_set(err, RONDO_EAPP, NULL, "host->reserve makes room",
                           "the app \"%s\": %s wrote %zu bytes where there is room for %zu",
                           app->name, callback, out->size, out->capacity);
}

static const struct rondo_state_ops *ops_of(const struct rondo_app *app, const char *which)
{
    return strcmp(which, "head") == 0     ? &app->head
           : strcmp(which, "common") == 0 ? &app->common
           : strcmp(which, "shard") == 0  ? &app->shard
                                          : &app->block;
}

int contract_create(const struct rondo_app *app, const char *which, const void *problem,
                    int32_t index, void **state, struct rondo_error *err)
{
    char name[32];
    snprintf(name, sizeof name, "%s.create", which);
    *state = NULL;
    int code = ops_of(app, which)->create(problem, index, state, err);
    if (!code && !*state)
        return rondo_error_set(err, RONDO_EAPP, NULL, NULL, "the app \"%s\": %s gave no state",
                               app->name, name);
    return contract_answer(app, name, code, err);
}

int contract_pack(const struct rondo_app *app, const char *which, const void *problem,
                  const void *state, struct rondo_buf *out, struct rondo_error *err)
{
    char name[32];
    snprintf(name, sizeof name, "%s.pack", which);
    return contract_wrote(app, name, ops_of(app, which)->pack(problem, state, out), out, err);
}

int contract_unpack(const struct rondo_app *app, const char *which, const void *problem, void *state,
                    struct rondo_bytes in, struct rondo_error *err)
{
    char name[32];
    snprintf(name, sizeof name, "%s.unpack", which);
    int code = ops_of(app, which)->unpack(problem, state, in);
    if (code == RONDO_ESTATE)
        return rondo_error_set(err, code, NULL, NULL,
                               "the app \"%s\": %s: the saved state does not fit", app->name, name);
    return contract_answer(app, name, code, err);
}

int contract_report(const struct rondo_app *app, const void *head, struct rondo_report *report,
                    struct rondo_error *err)
{
    *report = (struct rondo_report){ 0 };
    if (!app->report)
        return RONDO_OK;
    app->report(head, report);
    bool good = report->count >= 0 && report->count <= RONDO_METRICS_MAX;
    for (int32_t i = 0; good && i < report->count; i++)
        good = report->metric[i].name != NULL;
    if (good)
        return RONDO_OK;
    report->count = 0;
    return rondo_error_set(err, RONDO_EAPP, NULL, NULL,
                           "the app \"%s\": report has metrics without a name, or more than %d",
                           app->name, RONDO_METRICS_MAX);
}

/* cmd_apps.c - rondo apps: the apps of this build, with every parameter, default and unit. */
#include "apps/contract.h"
#include "apps/registry.h"
#include "core/job/jsonout.h"
#include "core/job/keys.h"
#include "tools/cli.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { KEY_MAX = 128 };

/* Does a parameter stand under this role's key too?  Then the parameter says both. */
static bool is_number_too(const struct rondo_app *app, const struct rondo_role *role)
{
    char of_role[KEY_MAX] = "", of_param[KEY_MAX] = "";
    keys_of_role(role->key, of_role, sizeof of_role);
    for (const struct rondo_param *rule = app->params; rule && rule->key; rule++)
        if (keys_of_app(rule->key, of_param, sizeof of_param) && strcmp(of_role, of_param) == 0)
            return true;
    return false;
}

static bool is_file_too(const struct rondo_app *app, const char *param)
{
    char of_role[KEY_MAX] = "";
    for (const struct rondo_role *role = app->roles; role && role->key; role++)
        if (keys_of_role(role->key, of_role, sizeof of_role) && strcmp(of_role, param) == 0)
            return true;
    return false;
}

/* ---- for people ------------------------------------------------------------------------- */

static void print_param(const struct rondo_param *rule, const char *key, bool or_file)
{
    char range[160];
    keys_range(rule, range, sizeof range);
    bool number = rule->type == RONDO_REAL || rule->type == RONDO_INTEGER;
    printf("  %s\n      %s%s%s%s%s%s", key, number ? keys_type(rule->type) : "", number ? ", " : "",
           range, *rule->unit ? " " : "", rule->unit, or_file ? ", or file, vector" : "");
    if (rule->fallback)
        printf("; default %s", rule->fallback);
    printf("\n      %s\n", rule->help);
}

static const char *const kinds[] = { [RONDO_ROLE_MATRIX] = "matrix", [RONDO_ROLE_VECTOR] = "vector",
                                     [RONDO_ROLE_PACKED] = "matrix", [RONDO_ROLE_COUNTS] = "counts",
                                     [RONDO_ROLE_WORDS] = "words", [RONDO_ROLE_RATINGS] = "ratings" };

static void print_role(const struct rondo_role *role)
{
    char key[KEY_MAX] = "";
    const char *kind = role->kind == RONDO_ROLE_PACKED ? "matrix or genotypes" : kinds[role->kind];
    keys_of_role(role->key, key, sizeof key);
    printf("  %s\n      file, %s, %s", key, kind, role->required ? "required" : "optional");
    if (role->labels_of)
        printf(role->kind == RONDO_ROLE_VECTOR    ? "; may come with %s's file"
               : role->kind == RONDO_ROLE_RATINGS ? "; its users and items are %s's"
                                                  : "; its rows are %s's",
               role->labels_of);
    printf("\n      %s\n", role->help);
}

/* The first of the roles in one directory; 0: it is in none. */
static size_t is_first_inside(const struct rondo_app *app, const struct rondo_role *role)
{
    size_t length = strcspn(role->key, "/");
    for (const struct rondo_role *before = app->roles; before < role; before++)
        if (strncmp(before->key, role->key, length + 1) == 0)
            return 0;
    return role->key[length] ? length : 0;
}

/* Its files are in the help of none: an earlier job has written them. */
static void print_folder(const struct rondo_role *role, size_t length)
{
    printf("  %.*s\n      directory, optional\n      %s\n", (int)length, role->key, role->help);
}

static void print_app(const struct rondo_app *app)
{
    const char *file = registry_file(app);
    printf("%s - %s\n%s%s\n\n", app->name, app->summary, file ? "from " : "built in",
           file ? file : "");
    for (const struct rondo_role *role = app->roles; role && role->key; role++)
        if (is_first_inside(app, role))
            print_folder(role, is_first_inside(app, role));
        else if (!strchr(role->key, '/') && !is_number_too(app, role))
            print_role(role);
    char key[KEY_MAX] = "";
    for (const struct rondo_param *rule = app->params; rule && rule->key; rule++) {
        keys_of_app(rule->key, key, sizeof key);
        print_param(rule, key, is_file_too(app, key));
    }
    const struct rondo_param *option = contract_predict_options(app);
    if (contract_predict(app))
        printf("\nrondo predict%s\n", option && option->key ? "" : ", without options of its own");
    for (; contract_predict(app) && option && option->key; option++) {
        snprintf(key, sizeof key, "--%.100s", option->key);
        print_param(option, key, false);
    }
}

static void print_list(void)
{
    const struct rondo_app *app;
    for (int i = 0; (app = registry_at(i)); i++) {
        const char *file = registry_file(app);
        printf("%-10s %s (%s)\n", app->name, app->summary, file ? file : "built in");
    }
}

/* ---- for programs ----------------------------------------------------------------------- */

static void put_number(struct jsonout *out, const char *key, double value)
{
    if (!isnan(value))
        jsonout_real_at(out, key, value);
}

static void put_choices(struct jsonout *out, const char *choices)
{
    char word[64];
    jsonout_key(out, "choices");
    jsonout_open(out, '[');
    for (int i = 0; keys_choice(choices, i, word, sizeof word); i++)
        jsonout_text(out, word);
    jsonout_close(out, ']');
}

static void put_param(struct jsonout *out, const struct rondo_param *rule, const char *key, bool or_file)
{
    static const char *const types[] = { [RONDO_REAL] = "real", [RONDO_INTEGER] = "integer",
                                         [RONDO_BOOL] = "boolean", [RONDO_CHOICE] = "choice",
                                         [RONDO_TEXT] = "text" };
    bool words = rule->type == RONDO_TEXT || rule->type == RONDO_CHOICE;
    jsonout_open(out, '{');
    jsonout_text_at(out, "key", key);
    jsonout_text_at(out, "type", types[rule->type]);
    jsonout_key(out, "default");
    if (!rule->fallback || (words && rule->fallback[0] != '"'))
        jsonout_text(out, rule->fallback);
    else
        jsonout_raw(out, rule->fallback);
    put_number(out, rule->above_least ? "above" : "least", rule->least);
    put_number(out, "most", rule->most);
    if (rule->type == RONDO_CHOICE)
        put_choices(out, rule->choices);
    if (or_file)
        jsonout_flag_at(out, "or_file", true);
    jsonout_text_at(out, "unit", rule->unit);
    jsonout_text_at(out, "help", rule->help);
    jsonout_close(out, '}');
}

static void put_role(struct jsonout *out, const struct rondo_role *role)
{
    char key[KEY_MAX] = "";
    keys_of_role(role->key, key, sizeof key);
    jsonout_open(out, '{');
    jsonout_text_at(out, "key", key);
    jsonout_text_at(out, "kind", kinds[role->kind]);
    jsonout_flag_at(out, "packed", role->kind == RONDO_ROLE_PACKED);
    jsonout_flag_at(out, "required", role->required);
    jsonout_text_at(out, "labels_of", role->labels_of);
    jsonout_text_at(out, "help", role->help);
    jsonout_close(out, '}');
}

static void put_folder(struct jsonout *out, const struct rondo_role *role, size_t length)
{
    char key[KEY_MAX];
    snprintf(key, sizeof key, "%.*s", (int)length, role->key);
    jsonout_open(out, '{');
    jsonout_text_at(out, "key", key);
    jsonout_text_at(out, "kind", "directory");
    jsonout_flag_at(out, "packed", false);
    jsonout_flag_at(out, "required", false);
    jsonout_text_at(out, "labels_of", NULL);
    jsonout_text_at(out, "help", role->help);
    jsonout_close(out, '}');
}

static void put_app(struct jsonout *out, const struct rondo_app *app)
{
    jsonout_open(out, '{');
    jsonout_text_at(out, "name", app->name);
    jsonout_text_at(out, "summary", app->summary);
    jsonout_text_at(out, "file", registry_file(app));
    jsonout_key(out, "data");
    jsonout_open(out, '[');
    for (const struct rondo_role *role = app->roles; role && role->key; role++)
        if (is_first_inside(app, role))
            put_folder(out, role, is_first_inside(app, role));
        else if (!strchr(role->key, '/') && !is_number_too(app, role))
            put_role(out, role);
    jsonout_close(out, ']');
    jsonout_key(out, "params");
    jsonout_open(out, '[');
    char key[KEY_MAX] = "";
    for (const struct rondo_param *rule = app->params; rule && rule->key; rule++) {
        keys_of_app(rule->key, key, sizeof key);
        put_param(out, rule, key, is_file_too(app, key));
    }
    jsonout_close(out, ']');
    jsonout_flag_at(out, "predicts", contract_predict(app) != NULL);
    jsonout_key(out, "predict_options");
    jsonout_open(out, '[');
    const struct rondo_param *option = contract_predict_options(app);
    for (; option && option->key; option++)
        put_param(out, option, option->key, false);
    jsonout_close(out, ']');
    jsonout_close(out, '}');
}

/* One app, or the list of all where app is NULL. */
static int print_json(const struct rondo_app *app)
{
    struct rondo_buf buf = { 0 };
    struct jsonout out = jsonout_begin(&buf, true);
    if (app) {
        put_app(&out, app);
    } else {
        jsonout_open(&out, '[');
        for (int i = 0; cli_apps()->at(i); i++)
            put_app(&out, cli_apps()->at(i));
        jsonout_close(&out, ']');
    }
    return cli_print_json(&out);
}

/* ---- the command ------------------------------------------------------------------------ */

int cmd_apps(int argc, char **argv)
{
    const char *name = NULL;
    bool json = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else if (argv[i][0] == '-')
            return cli_usage("apps", "there is no option %s", argv[i]);
        else if (name)
            return cli_usage("apps", "one app at a time, not \"%s\" too", argv[i]);
        else
            name = argv[i];
    }
    registry_warn(name);
    const struct rondo_app *app = name ? registry_find(name) : NULL;
    const char *refused = name ? registry_refused(name) : NULL;
    if (refused) {
        struct rondo_error err = { 0 };
        rondo_error_set(&err, RONDO_EINPUT, "apps", NULL, "the app \"%.60s\" cannot be used: %s", name,
                        refused);
        return cli_fail(&err);
    }
    if (name && !app)
        return cli_usage("apps", "there is no app \"%s\"; rondo apps lists them", name);
    if (json)
        return print_json(app);
    if (app)
        print_app(app);
    else
        print_list();
    return 0;
}

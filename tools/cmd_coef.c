/* cmd_coef.c - rondo coef: the coefficients of a finished job's model, the largest first. */
#include "apps/model.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/job/jsonout.h"
#include "core/job/keys.h"
#include "tools/cli.h"
#include "tools/words.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_MAX = 128, NAME_MAX_BYTES = 64, FIRST_MOST = 1 << 30 };

struct entry {
    struct model_coefficient of;
    char name[NAME_MAX_BYTES]; /* "": it has none */
};

struct coef {
    const char *dir, *lambda;
    double first; /* 0: all */
    bool json;

    struct rondo_model *model;
    struct rondo_report report;
    struct entry *entry;
    int64_t count, shown;
    int64_t first_named, named, met; /* while names are read: of this file's columns the first, how many, and
                                      * entries that are behind */
};

static int parse(struct coef *coef, int argc, char **argv)
{
    const struct words_option options[] = {
        { "--model", .text = &coef->dir }, { "--lambda", .text = &coef->lambda },
        { "--first", .number = &coef->first, .least = 1, .most = FIRST_MOST },
        { "--json", .flag = &coef->json }, { .name = NULL },
    };
    for (int i = 1; i < argc; i++) {
        int is = words_take("coef", options, argc, argv, &i);
        if (is < 0)
            return 2;
        if (is == 0)
            return cli_usage("coef", "unknown word %.100s", argv[i]);
    }
    if (!coef->dir || !*coef->dir)
        return cli_usage("coef", "of which model? give --model OUT-DIR");
    return coef->first == rint(coef->first) ? 0 : cli_usage("coef", "--first wants a whole number");
}

/* ---- the coefficients -------------------------------------------------------------------- */

static int list(struct coef *coef, struct rondo_error *err)
{
    struct rondo_buf rows = { 0 };
    int code = model_open(coef->dir, cli_apps(), &coef->model, err);
    if (!code && coef->lambda)
        code = model_option(coef->model, "lambda", coef->lambda, err);
    if (!code)
        code = model_coefficients(coef->model, &rows, &coef->report, err);
    coef->count = (int64_t)(rows.size / sizeof(struct model_coefficient));
    coef->shown = coef->first > 0 && coef->first < (double)coef->count ? (int64_t)coef->first : coef->count;
    coef->entry = code ? NULL : mem_calloc((size_t)coef->count + 1, sizeof *coef->entry);
    if (!code && !coef->entry)
        code = rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for the coefficients");
    for (int64_t i = 0; i < coef->count && !code; i++)
        memcpy(&coef->entry[i].of, rows.data + (size_t)i * sizeof coef->entry[i].of, sizeof coef->entry[i].of);
    buf_fini(&rows);
    return code;
}

/* Entries are by index still. */
static void take_name(void *context, int64_t column, const char *name)
{
    struct coef *coef = context;
    coef->named = column + 1;
    if (coef->met == coef->count || (int64_t)coef->entry[coef->met].of.index != coef->first_named + column)
        return;
    struct entry *entry = &coef->entry[coef->met++];
    snprintf(entry->name, sizeof entry->name, "%.*s", NAME_MAX_BYTES - 1, name);
}

static double metric(const struct coef *coef, const char *name)
{
    for (int32_t i = 0; i < coef->report.count; i++)
        if (strcmp(coef->report.metric[i].name, name) == 0)
            return coef->report.metric[i].value;
    return NAN;
}

/* "age,sex" */
static int take_names(struct coef *coef, const char *list)
{
    char name[NAME_MAX_BYTES];
    for (int64_t column = 0; *list; column++) {
        size_t size = strcspn(list, ",");
        snprintf(name, sizeof name, "%.*s", (int)size, list);
        take_name(coef, column, name);
        list += size + (list[size] == ',');
    }
    return RONDO_OK;
}

/* Covariates, by the table's first line or by number. */
static void name_beside(struct coef *coef)
{
    const struct rondo_job *job = model_job(coef->model);
    char key[KEY_MAX] = "";
    struct rondo_error why = { 0 };
    coef->first_named = coef->named;
    keys_of_role(model_beside(job)->key, key, sizeof key);
    int64_t met = coef->met;
    int code = job_given(job, "data.covariate_names")
                   ? take_names(coef, job_text(job, "data.covariate_names"))
                   : data_names(job_text(job, key), take_name, coef, &why);
    for (int64_t i = met; i < coef->count; i++)
        if (code || !coef->entry[i].name[0])
            snprintf(coef->entry[i].name, NAME_MAX_BYTES, "covariate %" PRId64,
                     (int64_t)coef->entry[i].of.index - coef->first_named + 1);
}

/* Of the job's own data, where they are still there and as wide as the model. */
static void name_all(struct coef *coef)
{
    const struct rondo_job *job = model_job(coef->model);
    const struct rondo_role *role = job_app(job)->roles;
    char key[KEY_MAX] = "";
    struct rondo_error why = { 0 };
    while (role->key && role->kind != RONDO_ROLE_PACKED)
        role++;
    if (!role->key || !keys_of_role(role->key, key, sizeof key) || !job_is_file(job, key)
        || !data_is_bed(job_text(job, key)))
        return;
    int code = data_names(job_text(job, key), take_name, coef, &why);
    int64_t beside = (int64_t)metric(coef, "columns") - coef->named;
    if (!code && beside == 0)
        return;
    if (!code && beside > 0 && model_beside(job)) {
        name_beside(coef);
        return;
    }
    log_line(LOG_WARNING, "%s: its .bim is not that of the model: there are no names", job_text(job, key));
    for (int64_t i = 0; i < coef->count; i++)
        coef->entry[i].name[0] = 0;
}

static int by_size(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    double p = fabs(x->of.value), q = fabs(y->of.value);
    return p > q ? -1 : p < q ? 1 : (x->of.index > y->of.index) - (x->of.index < y->of.index);
}

/* ---- what comes out ---------------------------------------------------------------------- */

static void print_text(const struct coef *coef)
{
    printf("lambda %.9g, intercept %.9g, %" PRId64 " of %.0f coefficients are not 0\n", metric(coef, "lambda"),
           metric(coef, "intercept"), coef->count, metric(coef, "columns"));
    if (coef->shown)
        printf("%10s  %15s%s\n", "column", "coefficient", coef->entry[0].name[0] ? "  name" : "");
    for (int64_t i = 0; i < coef->shown; i++) {
        const struct entry *entry = &coef->entry[i];
        printf("%10.0f  %15.9g%s%s\n", entry->of.index + 1, entry->of.value, entry->name[0] ? "  " : "",
               entry->name);
    }
}

static int print_json(const struct coef *coef)
{
    struct rondo_buf buf = { 0 };
    struct jsonout out = jsonout_begin(&buf, false);
    jsonout_open(&out, '{');
    jsonout_real_at(&out, "lambda", metric(coef, "lambda"));
    jsonout_real_at(&out, "intercept", metric(coef, "intercept"));
    jsonout_integer_at(&out, "columns", (int64_t)metric(coef, "columns"));
    jsonout_integer_at(&out, "nnz", coef->count);
    jsonout_key(&out, "coefficients");
    jsonout_open(&out, '[');
    for (int64_t i = 0; i < coef->shown; i++) {
        const struct entry *entry = &coef->entry[i];
        jsonout_open(&out, '{');
        jsonout_integer_at(&out, "column", (int64_t)entry->of.index + 1);
        jsonout_real_at(&out, "value", entry->of.value);
        if (entry->name[0])
            jsonout_text_at(&out, "name", entry->name);
        jsonout_close(&out, '}');
    }
    jsonout_close(&out, ']');
    jsonout_close(&out, '}');
    return cli_print_json(&out);
}

int cmd_coef(int argc, char **argv)
{
    struct coef coef = { 0 };
    struct rondo_error err = { 0 };
    int status = parse(&coef, argc, argv);
    if (status)
        return status;
    if (list(&coef, &err)) {
        status = cli_fail(&err);
    } else {
        name_all(&coef);
        qsort(coef.entry, (size_t)coef.count, sizeof *coef.entry, by_size);
        if (coef.json)
            status = print_json(&coef);
        else
            print_text(&coef);
    }
    mem_free(coef.entry);
    model_close(coef.model);
    return status;
}

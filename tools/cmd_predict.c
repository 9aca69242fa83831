/* cmd_predict.c - rondo predict: a finished job's model applied to new data. */
#include "apps/model.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/job/jsonout.h"
#include "core/job/keys.h"
#include "tools/cli.h"
#include "tools/words.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { OWN_MOST = 32, KEY_MOST = 64 };

static volatile sig_atomic_t interrupted;

/* --KEY VALUE that is not ours: the model's app will know it. */
struct own {
    char key[KEY_MOST];
    const char *words;
};

struct predict {
    const char *dir, *data, *out, *y, *covariates, *index_base;
    bool json, quiet;
    struct own own[OWN_MOST];
    int owns;

    struct rondo_model *model;
    struct data_set *set, *truth, *beside; /* truth: of --y; beside: of --covariates */
    struct rowfile file;
    struct rondo_report report;
};

static void on_interrupt(int number RONDO_UNUSED)
{
    interrupted = 1;
}

/* ---- the command line ------------------------------------------------------------------------------ */

static int take_own(struct predict *predict, int argc, char **argv, int *at)
{
    const char *word = argv[*at];
    size_t length = strncmp(word, "--", 2) == 0 ? strcspn(word + 2, "=") : 0;
    if (length == 0)
        return cli_usage("predict", word[0] == '-' ? "unknown option %.100s"
                                                   : "it takes no word \"%.100s\"", word);
    if (length >= KEY_MOST || predict->owns == OWN_MOST)
        return cli_usage("predict", "unknown option %.100s", word);
    struct own *own = &predict->own[predict->owns++];
    snprintf(own->key, sizeof own->key, "%.*s", (int)length, word + 2);
    if (word[2 + length] == '=')
        own->words = word + 2 + length + 1;
    else if (*at + 1 < argc)
        own->words = argv[++*at];
    else
        return cli_usage("predict", "--%s needs a value", own->key);
    return 0;
}

static int parse(struct predict *predict, int argc, char **argv)
{
    const struct words_option options[] = {
        { "--model", .text = &predict->dir }, { "--data", .text = &predict->data },
        { "--out", .text = &predict->out }, { "--y", .text = &predict->y },
        { "--covariates", .text = &predict->covariates },
        { "--index-base", .text = &predict->index_base },
        { "--json", .flag = &predict->json }, { "--quiet", .flag = &predict->quiet },
        { .name = NULL },
    };
    for (int i = 1; i < argc; i++) {
        int is = words_take("predict", options, argc, argv, &i);
        if (is < 0 || (is == 0 && take_own(predict, argc, argv, &i)))
            return 2;
    }
    if (!predict->dir || !*predict->dir)
        return cli_usage("predict", "by which model? give --model OUT-DIR");
    if (!predict->data || !*predict->data)
        return cli_usage("predict", "of which rows? give --data FILE");
    if (!predict->out || !*predict->out)
        return cli_usage("predict", "where to? give --out FILE");
    const char *base = predict->index_base;
    if (base && strcmp(base, "0") != 0 && strcmp(base, "1") != 0)
        return cli_usage("predict", "--index-base is 0 or 1, not \"%.60s\"", base);
    return 0;
}

/* ---- what goes in ---------------------------------------------------------------------------------- */

static int open_model(struct predict *predict, struct rondo_error *err)
{
    int code = model_open(predict->dir, cli_apps(), &predict->model, err);
    for (int i = 0; i < predict->owns && !code; i++)
        code = model_option(predict->model, predict->own[i].key, predict->own[i].words, err);
    return code;
}

static bool same_file(const char *a, const char *b)
{
    struct stat first, second;
    return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev
           && first.st_ino == second.st_ino;
}

static int check_out(const struct predict *predict, struct rondo_error *err)
{
    if (rowfile_check_name(predict->out, err))
        return RONDO_EINPUT;
    const char *const from[] = { predict->data, predict->y, predict->covariates };
    for (int i = 0; i < 3; i++)
        if (from[i] && same_file(predict->out, from[i]))
            return rondo_error_set(err, RONDO_EINPUT, predict->out, NULL,
                                   "is what the predictions are made from; it is not overwritten");
    return RONDO_OK;
}

static bool takes(const struct rondo_job *job, enum rondo_role_kind kind)
{
    const struct rondo_role *role = job_app(job)->roles;
    while (role->key && role->kind != kind)
        role++;
    return role->key != NULL;
}

/* Labels of x's file were the job's y; else they may be of anything. */
static bool fitted_to_labels(const struct rondo_job *job)
{
    char key[128];
    const struct rondo_role *role = job_app(job)->roles;
    while (role->key && !(role->kind == RONDO_ROLE_VECTOR && role->labels_of))
        role++;
    return role->key && keys_of_role(role->key, key, sizeof key) && !job_is_file(job, key);
}

/* A model that has them cannot do without. */
static int check_covariates(const struct predict *predict, struct rondo_error *err)
{
    bool wanted = model_beside(model_job(predict->model)) != NULL;
    if (wanted && !predict->covariates)
        return rondo_error_set(err, RONDO_EINPUT, predict->dir, "give --covariates FILE",
                               "the model has covariates beside x, and there are none for these rows");
    if (!wanted && predict->covariates)
        return rondo_error_set(err, RONDO_EINPUT, "--covariates", NULL, "the model has no covariates");
    return RONDO_OK;
}

struct names {
    struct rondo_buf text; /* "age, sex" */
    bool failed;
};

static void add_name(void *context, int64_t column, const char *name)
{
    struct names *names = context;
    names->failed |= (column && buf_append(&names->text, ", ", 2))
                     || buf_append(&names->text, name, strlen(name));
}

/* Columns go by their order, so that names tell a mistake: where both tables have them, and the job's is
 * still there. */
static int check_names(const struct predict *predict, const struct rondo_job *job, struct rondo_error *err)
{
    char key[128] = "";
    struct names mine = { .failed = false }, theirs = mine;
    struct rondo_error none = { 0 };
    keys_of_role(model_beside(job)->key, key, sizeof key);
    bool known = data_names(predict->covariates, add_name, &mine, &none) == 0
                 && data_names(job_text(job, key), add_name, &theirs, &none) == 0;
    int code = RONDO_OK;
    if (mine.failed || theirs.failed)
        code = rondo_error_set(err, RONDO_ENOMEM, predict->covariates, NULL, "no memory for its names");
    else if (known && (mine.text.size != theirs.text.size
                       || memcmp(mine.text.data, theirs.text.data, mine.text.size) != 0))
        code = rondo_error_set(err, RONDO_EINPUT, predict->covariates, NULL,
                               "its columns are %.*s, and those of the job's table %.*s",
                               mine.text.size < 100 ? (int)mine.text.size : 100, (const char *)mine.text.data,
                               theirs.text.size < 100 ? (int)theirs.text.size : 100,
                               (const char *)theirs.text.data);
    buf_fini(&mine.text);
    buf_fini(&theirs.text);
    return code;
}

/* Their file bears the truth itself, and has no columns. */
static int check_ratings(const struct predict *predict, struct rondo_error *err)
{
    const char *option = predict->y ? "--y" : predict->index_base ? "--index-base" : NULL;
    if (!option)
        return RONDO_OK;
    return rondo_error_set(err, RONDO_EINPUT, option, NULL,
                           "the app \"%s\" predicts lines of user and item, which have no such option",
                           job_app(model_job(predict->model))->name);
}

static void say_remark(void *context, const char *text)
{
    log_line(LOG_INFO, "%s: %s", ((const struct predict *)context)->data, text);
}

static int load_data(struct predict *predict, struct rondo_error *err)
{
    const struct rondo_job *job = model_job(predict->model);
    const struct rondo_ids *known;
    int code = model_ids(predict->model, &known, err);
    if (!code && known)
        code = check_ratings(predict, err);
    if (code)
        return code;
    struct data_options options = {
        .index_base = predict->index_base ? predict->index_base[0] - '0'
                      : (int)job_integer(job, "data.index_base"),
        .packed = takes(job, RONDO_ROLE_PACKED), .counts = takes(job, RONDO_ROLE_COUNTS),
        .labels = DATA_LABELS_IF_WHOLE, .ratings = known, .pairs = known, .known = known,
    };
    code = data_load(predict->data, &options, &predict->set, err);
    if (!code && (options.counts || options.ratings))
        code = data_remarks(predict->set, say_remark, predict, err);
    options.counts = options.ratings = options.pairs = false;
    options.vector = true;
    options.people = data_is_bed(predict->data) ? predict->data : NULL;
    options.column = job_given(job, "data.phenotype") ? job_text(job, "data.phenotype") : NULL;
    if (!code && predict->y)
        code = data_load(predict->y, &options, &predict->truth, err);
    options.vector = false;
    options.column = job_given(job, "data.covariate_names") ? job_text(job, "data.covariate_names") : NULL;
    if (!code)
        code = check_covariates(predict, err);
    if (!code && predict->covariates && !options.column)
        code = check_names(predict, job, err);
    if (!code && predict->covariates)
        code = data_load(predict->covariates, &options, &predict->beside, err);
    if (code)
        return code == RONDO_EIO ? (err->code = RONDO_EINPUT) : code;
    if (predict->beside && predict->beside->x.rows != predict->set->x.rows)
        return rondo_error_set(err, RONDO_EINPUT, predict->covariates, NULL,
                               "%" PRId64 " rows, but %.200s has %" PRId64, predict->beside->x.rows,
                               predict->data, predict->set->x.rows);
    if (predict->truth && predict->truth->x.rows != predict->set->x.rows)
        return rondo_error_set(err, RONDO_EINPUT, predict->y, NULL,
                               "%" PRId64 " values, but %.200s has %" PRId64 " rows",
                               predict->truth->x.rows, predict->data, predict->set->x.rows);
    return RONDO_OK;
}

/* ---- what comes out --------------------------------------------------------------------------------- */

static int write_all(struct predict *predict, struct rondo_error *err)
{
    struct sigaction action = { .sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND };
    const struct data_set *set = predict->set;
    const struct model_question question = {
        .data = set, .data_name = predict->data, .out = &predict->file, .stop = &interrupted,
        .beside = predict->beside ? &predict->beside->x : NULL,
        .y = predict->truth ? predict->truth->x.dense
             : set->info.labels && fitted_to_labels(model_job(predict->model)) ? set->labels.dense : NULL,
    };
    /* From here on there is a temporary file, which goes with an interruption. */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    int code = rowfile_open(&predict->file, predict->out, err);
    if (!code)
        code = model_predict(predict->model, &question, &predict->report, err);
    if (!code)
        code = data_intact(set, predict->data, err);
    return code ? code : rowfile_commit(&predict->file, err);
}

static int run(struct predict *predict, struct rondo_error *err)
{
    int code = open_model(predict, err);
    if (!code)
        code = check_out(predict, err);
    if (!code)
        code = load_data(predict, err);
    return code ? code : write_all(predict, err);
}

/* "rondo: a.txt: 38 x 1 predictions; mean squared error 0.12, lambda 0.02" */
static void say(const struct predict *predict)
{
    char line[1024];
    int at = snprintf(line, sizeof line, "%.400s: %" PRId64 " x %" PRId64 " predictions",
                      predict->out, predict->file.rows, predict->file.width);
    for (int32_t i = 0; i < predict->report.count && at < (int)sizeof line; i++) {
        const struct rondo_metric *metric = &predict->report.metric[i];
        char name[64];
        snprintf(name, sizeof name, "%.63s", metric->name);
        for (char *c = name; *c; c++)
            *c = *c == '_' ? ' ' : *c;
        at += snprintf(line + at, sizeof line - (size_t)at, "%s %s %.6g", i ? "," : ";", name,
                       metric->value);
    }
    log_line(LOG_INFO, "%s", line);
}

static int print_json(const struct predict *predict)
{
    struct rondo_buf buf = { 0 };
    struct jsonout out = jsonout_begin(&buf, false);
    jsonout_open(&out, '{');
    jsonout_text_at(&out, "app", job_app(model_job(predict->model))->name);
    jsonout_text_at(&out, "model", predict->dir);
    jsonout_text_at(&out, "data", predict->data);
    jsonout_text_at(&out, "out", predict->out);
    jsonout_integer_at(&out, "rows", predict->file.rows);
    jsonout_integer_at(&out, "cols", predict->file.width);
    jsonout_key(&out, "metrics");
    jsonout_open(&out, '{');
    for (int32_t i = 0; i < predict->report.count; i++) {
        const struct rondo_metric *metric = &predict->report.metric[i];
        if (metric->whole)
            jsonout_integer_at(&out, metric->name, (int64_t)metric->value);
        else
            jsonout_real_at(&out, metric->name, metric->value);
    }
    jsonout_close(&out, '}');
    jsonout_close(&out, '}');
    return cli_print_json(&out);
}

static int finish(const struct predict *predict, int code, const struct rondo_error *err)
{
    if (code && interrupted) {
        fprintf(stderr, "rondo: interrupted; nothing was written\n");
        return EXIT_INTERRUPTED;
    }
    if (code)
        return cli_fail(err);
    say(predict);
    return predict->json ? print_json(predict) : 0;
}

int cmd_predict(int argc, char **argv)
{
    struct predict predict = { 0 };
    struct rondo_error err = { 0 };
    int status = parse(&predict, argc, argv);
    if (status)
        return status;
    if (predict.quiet)
        log_set_level(LOG_WARNING);
    status = finish(&predict, run(&predict, &err), &err);
    rowfile_abandon(&predict.file);
    data_free(predict.set);
    data_free(predict.truth);
    data_free(predict.beside);
    model_close(predict.model);
    return status;
}

#include "apps/model.h"

#include "apps/contract.h"
#include "apps/host.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/data/vocabulary.h"
#include "core/job/jsonin.h"
#include "core/job/keys.h"
#include "core/job/nearest.h"
#include "core/job/option.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_ROOM = 4096, TEXT_MOST = 64 << 20, OPTIONS_MOST = 32, KEPT_MOST = 64 };

struct rondo_model {
    char dir[PATH_ROOM];
    struct rondo_job *job;
    const struct rondo_param *rule; /* the app's options */
    int options;
    struct rondo_value value[OPTIONS_MOST];

    struct data_set *set[KEPT_MOST]; /* what the app has loaded */
    double *numbers[KEPT_MOST];
    int sets, lists;
    struct rondo_words *words[2]; /* users and items of the model */
    struct rondo_ids ids;         /* of these */
    const struct model_question *question; /* while it predicts */
    struct rondo_buf *list;                /* while it lists its coefficients */
};

static void path_of(const struct rondo_model *model, const char *name, char out[PATH_ROOM + 128])
{
    snprintf(out, PATH_ROOM + 128, "%s/%.120s", model->dir, name);
}

static int no_memory(const char *where, struct rondo_error *err)
{
    return rondo_error_set(err, RONDO_ENOMEM, where, NULL, "no memory for the model");
}

/* ---- what the job has left ------------------------------------------------------------------------- */

static int read_json(const char *path, struct jsonin **root, struct rondo_error *err)
{
    char *text;
    size_t size;
    int code = file_read(path, TEXT_MOST, &text, &size, err);
    if (code)
        return code;
    code = jsonin_parse(text, size, root);
    mem_free(text);
    return code ? rondo_error_set(err, code, path, NULL,
                                  code == RONDO_ENOMEM ? "out of memory" : "is not JSON")
                : RONDO_OK;
}

static int check_place(const struct rondo_model *model, const char *result, struct rondo_error *err)
{
    struct stat status;
    char spec[PATH_ROOM + 128];
    path_of(model, "spec.json", spec);
    if (stat(model->dir, &status) || !S_ISDIR(status.st_mode))
        return rondo_error_set(err, RONDO_EINPUT, model->dir, "the output directory of a job",
                               "there is no such directory");
    if (access(result, F_OK) == 0)
        return RONDO_OK;
    if (access(spec, F_OK) == 0)
        return rondo_error_set(err, RONDO_EINPUT, model->dir, "there is no result.json",
                               "the job has not ended");
    return rondo_error_set(err, RONDO_EINPUT, model->dir, "there is no result.json",
                           "is not the output directory of a job");
}

static int check_state(const struct jsonin *result, const char *path, struct rondo_error *err)
{
    const char *state = jsonin_text(result, "state");
    if (!state || !jsonin_is_object(jsonin_get(result, "spec")))
        return rondo_error_set(err, RONDO_EINPUT, path, NULL, "is not what a job writes at its end");
    if (strcmp(state, "completed") == 0)
        return RONDO_OK;
    return rondo_error_set(err, RONDO_EINPUT, path,
                           strcmp(state, "interrupted") == 0 ? "rondo run --resume goes on with it"
                                                             : NULL,
                           "the job is %.40s, not completed: it has left no model", state);
}

static int read_spec(struct rondo_model *model, const struct jsonin *result, const char *path,
                     const struct job_apps *apps, struct rondo_error *err)
{
    char *spec = jsonin_compact(jsonin_get(result, "spec"));
    if (!spec)
        return no_memory(path, err);
    int code = job_parse(spec, strlen(spec), path, model->dir, NULL, 0, apps, &model->job, err);
    mem_free(spec);
    if (!code)
        job_bind(model->job, model);
    return code;
}

/* Is the first file of the model the one that the job wrote? */
static int check_sha256(const struct rondo_model *model, const struct jsonin *result,
                        struct rondo_error *err)
{
    const char *const *files = job_app(model->job)->files;
    const char *wanted = jsonin_text(result, "model_sha256");
    char path[PATH_ROOM + 128], found[65];
    if (!files || !files[0] || !wanted)
        return RONDO_OK;
    path_of(model, files[0], path);
    int code = file_sha256(path, found, err);
    if (code)
        return code == RONDO_EIO ? (err->code = RONDO_EINPUT) : code;
    if (strcmp(found, wanted) == 0)
        return RONDO_OK;
    return rondo_error_set(err, RONDO_EINPUT, path, "its sha256 is not that of result.json",
                           "is damaged, or was not written by this job");
}

/* ---- options ------------------------------------------------------------------------------------------ */

static int begin_options(struct rondo_model *model, struct rondo_error *err)
{
    int code = RONDO_OK;
    model->rule = contract_predict_options(job_app(model->job));
    for (const struct rondo_param *rule = model->rule; rule && rule->key && !code; rule++) {
        if (model->options == OPTIONS_MOST)
            return rondo_error_set(err, RONDO_EAPP, NULL, NULL, "the app \"%s\" has too many options",
                                   job_app(model->job)->name);
        code = option_init(&model->value[model->options++], rule, err);
    }
    return code;
}

static int option_at(const struct rondo_model *model, const char *key)
{
    for (int i = 0; i < model->options; i++)
        if (strcmp(model->rule[i].key, key) == 0)
            return i;
    return -1;
}

int model_option(struct rondo_model *model, const char *key, const char *words,
                 struct rondo_error *err)
{
    int at = option_at(model, key);
    if (at >= 0)
        return option_read(&model->value[at], &model->rule[at], words, err);
    char where[128], hint[192] = "rondo help predict lists the options";
    struct nearest nearest;
    nearest_begin(&nearest, key);
    for (int i = 0; i < model->options; i++)
        nearest_offer(&nearest, model->rule[i].key, model->rule[i].key);
    if (nearest_found(&nearest))
        snprintf(hint, sizeof hint, "did you mean --%s?", nearest.best);
    snprintf(where, sizeof where, "--%.100s", key);
    return rondo_error_set(err, RONDO_EINPUT, where, hint,
                           "neither rondo predict nor the app \"%s\" has such an option",
                           job_app(model->job)->name);
}

/* ---- a model's life -------------------------------------------------------------------------------------- */

static int open_all(struct rondo_model *model, const struct job_apps *apps, struct rondo_error *err)
{
    char path[PATH_ROOM + 128];
    struct jsonin *result = NULL;
    path_of(model, "result.json", path);
    int code = check_place(model, path, err);
    if (!code)
        code = read_json(path, &result, err);
    if (!code)
        code = check_state(result, path, err);
    if (!code)
        code = read_spec(model, result, path, apps, err);
    if (!code && !contract_predict(job_app(model->job)))
        code = rondo_error_set(err, RONDO_EINPUT, model->dir, NULL,
                               "the app \"%s\" makes no predictions", job_app(model->job)->name);
    if (!code)
        code = check_sha256(model, result, err);
    if (!code)
        code = begin_options(model, err);
    jsonin_free(result);
    return code;
}

int model_open(const char *dir, const struct job_apps *apps, struct rondo_model **model,
               struct rondo_error *err)
{
    struct rondo_model *made = mem_calloc(1, sizeof *made);
    if (!made)
        return no_memory(dir, err);
    size_t length = strlen(dir);
    while (length > 1 && dir[length - 1] == '/')
        length--;
    int code = length < sizeof made->dir
                   ? RONDO_OK
                   : rondo_error_set(err, RONDO_EINPUT, dir, NULL, "the path is too long");
    if (!code) {
        memcpy(made->dir, dir, length);
        code = open_all(made, apps, err);
    }
    if (code) {
        model_close(made);
        return code;
    }
    *model = made;
    return RONDO_OK;
}

static void forget(struct rondo_model *model)
{
    while (model->sets)
        data_free(model->set[--model->sets]);
    while (model->lists)
        mem_free(model->numbers[--model->lists]);
}

void model_close(struct rondo_model *model)
{
    if (!model)
        return;
    forget(model);
    vocabulary_free(model->words[0]);
    vocabulary_free(model->words[1]);
    for (int i = 0; i < model->options; i++)
        option_fini(&model->value[i], &model->rule[i]);
    job_free(model->job);
    mem_free(model);
}

const struct rondo_job *model_job(const struct rondo_model *model)
{
    return model->job;
}

int model_ids(struct rondo_model *model, const struct rondo_ids **ids, struct rondo_error *err)
{
    const char *const *name = contract_model_ids(job_app(model->job));
    int code = RONDO_OK;
    for (int i = 0; name && i < 2 && !code; i++) {
        char path[PATH_ROOM + 128];
        path_of(model, name[i], path);
        if (!model->words[i])
            code = vocabulary_load(path, &model->words[i], err);
    }
    if (code)
        return code == RONDO_EIO ? (err->code = RONDO_EINPUT) : code;
    if (name)
        model->ids = (struct rondo_ids){ .user = *model->words[0], .item = *model->words[1] };
    *ids = name ? &model->ids : NULL;
    return RONDO_OK;
}

/* ---- upcalls ---------------------------------------------------------------------------------------------- */

static const struct rondo_value *option(const struct rondo_model *model, const char *key)
{
    static const struct rondo_value none = { .text = "" };
    int at = option_at(model, key);
    return at < 0 ? &none : &model->value[at];
}

static bool has_file(const struct rondo_model *model, const char *name)
{
    char path[PATH_ROOM + 128];
    path_of(model, name, path);
    return access(path, F_OK) == 0;
}

static int too_much(const struct rondo_model *model, struct rondo_error *err)
{
    return rondo_error_set(err, RONDO_EAPP, NULL, NULL, "the app \"%s\": predict loads more than %d",
                           job_app(model->job)->name, KEPT_MOST);
}

static int load(struct rondo_model *model, const char *name, const struct rondo_matrix **matrix,
                struct rondo_error *err)
{
    char path[PATH_ROOM + 128];
    const struct data_options options = { .index_base = 1 };
    if (model->sets == KEPT_MOST)
        return too_much(model, err);
    path_of(model, name, path);
    int code = data_load(path, &options, &model->set[model->sets], err);
    if (code)
        return code == RONDO_EIO ? (err->code = RONDO_EINPUT) : code;
    *matrix = &model->set[model->sets++]->x;
    return RONDO_OK;
}

/* A number, or the numbers of a list; counts where `into` is NULL.  -1: something else is there. */
static int64_t read_numbers(const struct jsonin *value, double *into)
{
    double ignored;
    int64_t count = jsonin_is_array(value) ? jsonin_count(value) : 1;
    for (int64_t i = 0; i < count; i++) {
        const struct jsonin *number = jsonin_is_array(value) ? jsonin_at(value, i) : value;
        if (!jsonin_real_of(number, into ? into + i : &ignored))
            return -1;
    }
    return count;
}

/* Of one object its member; of a list of objects the member of each. */
static int collect(const struct jsonin *root, const char *key, const char *path, double **out,
                   int64_t *count, struct rondo_error *err)
{
    bool many = jsonin_is_array(root);
    *count = many ? jsonin_count(root) : read_numbers(jsonin_get(root, key), NULL);
    if (*count < 0 || (!many && !jsonin_is_object(root)))
        return rondo_error_set(err, RONDO_EINPUT, path, NULL, "there are no numbers \"%s\"", key);
    *out = mem_alloc((size_t)(*count + 1) * sizeof **out);
    if (!*out)
        return no_memory(path, err);
    if (!many)
        read_numbers(jsonin_get(root, key), *out);
    for (int64_t i = 0; many && i < *count; i++)
        if (!jsonin_number(jsonin_at(root, i), key, &(*out)[i])) {
            mem_free(*out);
            return rondo_error_set(err, RONDO_EINPUT, path, NULL,
                                   "element %" PRId64 " has no number \"%s\"", i, key);
        }
    return RONDO_OK;
}

static int numbers(struct rondo_model *model, const char *name, const char *key,
                   const double **values, int64_t *count, struct rondo_error *err)
{
    char path[PATH_ROOM + 128];
    struct jsonin *root;
    if (model->lists == KEPT_MOST)
        return too_much(model, err);
    path_of(model, name, path);
    int code = read_json(path, &root, err);
    if (code)
        return code;
    code = collect(root, key, path, &model->numbers[model->lists], count, err);
    jsonin_free(root);
    if (!code)
        *values = model->numbers[model->lists++];
    return code;
}

static int put_words(struct rondo_model *model, int64_t column, const struct rondo_words *of,
                     struct rondo_error *err)
{
    struct rowfile *out = model->question->out;
    if (column < 0 || column >= ROWFILE_WORDS || out->width)
        return rondo_error_set(err, RONDO_EAPP, NULL, NULL,
                               "the app \"%s\": predict has words in column %" PRId64 ", of 0 to %d, %s",
                               job_app(model->job)->name, column, ROWFILE_WORDS - 1,
                               out->width ? "behind the first row" : "and no other");
    out->words[column] = of;
    return RONDO_OK;
}

/* Is it the number of a word, in a column of them? */
static bool is_word(const struct rowfile *out, int64_t column, double value)
{
    const struct rondo_words *words = column < ROWFILE_WORDS ? out->words[column] : NULL;
    return !words || (value >= 0 && value < (double)words->count && value == floor(value));
}

static int put(struct rondo_model *model, const double *rows, int64_t count, int64_t width,
               struct rondo_error *err)
{
    struct rowfile *out = model->question->out;
    if (*model->question->stop)
        return rondo_error_set(err, RONDO_ECANCELED, NULL, NULL, "interrupted");
    if (count < 0 || width < 1 || (out->width && out->width != width))
        return rondo_error_set(err, RONDO_EAPP, NULL, NULL,
                               "the app \"%s\": predict put %" PRId64 " rows of %" PRId64
                               " numbers behind some of %" PRId64,
                               job_app(model->job)->name, count, width, out->width);
    for (int64_t i = 0; i < count * width; i++)
        if (!isfinite(rows[i]))
            return rondo_error_set(err, RONDO_EINPUT, model->question->data_name, NULL,
                                   "the prediction for row %" PRId64 " is not finite: its values "
                                   "are too large", out->rows + i / width + 1);
    for (int64_t i = 0; i < count * width; i++)
        if (!is_word(out, i % width, rows[i]))
            return rondo_error_set(err, RONDO_EAPP, NULL, NULL, "the app \"%s\": predict put %g in a column of words",
                                   job_app(model->job)->name, rows[i]);
    return rowfile_put(out, rows, count, width, err);
}

static int put_coefficients(struct rondo_model *model, const double *rows, int64_t count, int64_t width,
                            struct rondo_error *err)
{
    if (count < 0 || width != 2)
        return rondo_error_set(err, RONDO_EAPP, NULL, NULL,
                               "the app \"%s\": coefficients put rows of %" PRId64 " numbers, not 2",
                               job_app(model->job)->name, width);
    return buf_append(model->list, rows, (size_t)count * sizeof(struct model_coefficient))
               ? no_memory(model->dir, err) : RONDO_OK;
}

const struct rondo_role *model_beside(const struct rondo_job *job)
{
    for (const struct rondo_role *role = job_app(job)->roles; role->key; role++) {
        char key[128];
        bool rows = role->kind == RONDO_ROLE_MATRIX || role->kind == RONDO_ROLE_PACKED;
        if (rows && role->labels_of && keys_of_role(role->key, key, sizeof key)
            && job_is_file(job, key))
            return role;
    }
    return NULL;
}

/* A model is bound to its job. */
static const struct rondo_matrix *beside(const struct rondo_job *job, const char *key)
{
    const struct rondo_model *model = job_bound(job);
    const struct rondo_role *role = model_beside(job);
    return model->question && role && strcmp(role->key, key) == 0 ? model->question->beside : NULL;
}

static const struct rondo_words *no_words(const struct rondo_job *job RONDO_UNUSED, const char *key RONDO_UNUSED)
{
    return NULL;
}

static const struct rondo_ids *no_ids(const struct rondo_job *job RONDO_UNUSED, const char *key RONDO_UNUSED)
{
    return NULL;
}

static void say(const struct rondo_job *job RONDO_UNUSED, const char *text)
{
    log_line(LOG_INFO, "%s", text);
}

/* ---- predictions ------------------------------------------------------------------------------------------- */

static int check_report(const struct rondo_app *app, struct rondo_report *report,
                        struct rondo_error *err)
{
    bool good = report->count >= 0 && report->count <= RONDO_METRICS_MAX;
    for (int32_t i = 0; good && i < report->count; i++)
        good = report->metric[i].name != NULL;
    return good ? RONDO_OK
                : rondo_error_set(err, RONDO_EAPP, NULL, NULL,
                                  "the app \"%s\": a report has metrics without a name, or more than %d",
                                  app->name, RONDO_METRICS_MAX);
}

/* An app names a file of the model by its name alone. */
static void place(const struct rondo_model *model, struct rondo_error *err)
{
    char path[PATH_ROOM + 128];
    if (!err->where[0] || err->where[0] == '-' || strchr(err->where, '/')
        || !has_file(model, err->where))
        return;
    path_of(model, err->where, path);
    snprintf(err->where, sizeof err->where, "%.255s", path);
}

static struct rondo_host host_of_model(void)
{
    static const struct host_upcalls none = { NULL, NULL, NULL, NULL, NULL };
    struct rondo_host host;
    host_init(&host, &none);
    host.matrix = beside;
    host.words = no_words;
    host.ids = no_ids;
    host.isa = host_isa_of;
    host.say = say;
    host.option = option;
    host.has_file = has_file;
    host.load = load;
    host.numbers = numbers;
    host.put = put;
    host.put_words = put_words;
    return host;
}

int model_coefficients(struct rondo_model *model, struct rondo_buf *out, struct rondo_report *report,
                       struct rondo_error *err)
{
    const struct rondo_app *app = job_app(model->job);
    struct rondo_host host = host_of_model();
    const struct rondo_predict what = { .size = sizeof what, .job = model->job, .model = model };
    if (!contract_coefficients(app))
        return rondo_error_set(err, RONDO_EINPUT, model->dir, NULL, "the app \"%s\" has no coefficients",
                               app->name);
    host.put = put_coefficients;
    *report = (struct rondo_report){ 0 };
    model->list = out;
    int code = contract_answer(app, "coefficients", contract_coefficients(app)(&host, &what, report, err), err);
    model->list = NULL;
    if (code)
        place(model, err);
    forget(model);
    return code ? code : check_report(app, report, err);
}

int model_predict(struct rondo_model *model, const struct model_question *question,
                  struct rondo_report *report, struct rondo_error *err)
{
    const struct rondo_app *app = job_app(model->job);
    const struct rondo_host host = host_of_model();
    const struct rondo_predict what = {
        .size = sizeof what, .cols_open = question->data->info.format == DATA_SVMLIGHT,
        .job = model->job, .model = model, .data = &question->data->x,
        .data_name = question->data_name, .y = question->y, .ids = question->data->ids,
        .lines = question->data->ids ? &question->data->lines : NULL,
    };
    *report = (struct rondo_report){ 0 };
    model->question = question;
    int code = contract_answer(app, "predict", contract_predict(app)(&host, &what, report, err), err);
    model->question = NULL;
    if (code)
        place(model, err);
    forget(model);
    if (!code)
        code = check_report(app, report, err);
    if (!code && !question->out->width)
        code = rondo_error_set(err, RONDO_EAPP, NULL, NULL, "the app \"%s\": predict put nothing",
                               app->name);
    return code;
}

/* cmd_validate.c - rondo validate: checks a spec, the shapes of its data and what its vectors say, and
 * tells what would run. */
#include "apps/contract.h"
#include "core/base/mem.h"
#include "core/data/data.h"
#include "core/data/vocabulary.h"
#include "core/job/jsonout.h"
#include "core/job/keys.h"
#include "tools/cli.h"

#include "apps/host.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SETS_MAX = 256, ROLES_MAX = 32, LINES_MAX = 16, KEY_MAX = 128 };

struct request {
    const char *path;
    const char *sets[SETS_MAX];
    int count;
    bool json;
};

/* What stands behind a role: its own file, the labels of another's, or nothing. */
struct source {
    const struct rondo_role *role;
    bool given, from_labels;
    struct data_info info;
    struct data_set *set;      /* of a vector, and */
    struct rondo_words *words; /* of words, which are read whole; else NULL */
};

/* What a job is looked at by; bound to it, so that upcalls find it. */
struct sight {
    struct source source[ROLES_MAX];
    int count;
    char *line[LINES_MAX]; /* what the app says of it */
    int lines;
};

static int inspect(const struct rondo_job *job, struct source *source, struct rondo_error *err)
{
    char key[KEY_MAX];
    keys_of_role(source->role->key, key, sizeof key);
    struct data_options options;
    int code = host_options(job, (int)(source->role - job_app(job)->roles), &options, err);
    source->given = job_is_file(job, key);
    if (code || !source->given)
        return code;
    if (source->role->kind == RONDO_ROLE_WORDS)
        code = vocabulary_load(job_text(job, key), &source->words, err);
    else if (source->role->kind == RONDO_ROLE_VECTOR)
        code = data_load(job_text(job, key), &options, &source->set, err);
    else
        code = data_inspect(job_text(job, key), &options, &source->info, err);
    if (code)
        host_place(job, key, err);
    else if (source->set)
        source->info = source->set->info;
    else if (source->words)
        source->info = (struct data_info){ .rows = source->words->count, .cols = 1 };
    return code;
}

/* Rows for rows; a vector that may be the labels of a matrix has a value for each. */
static int match(const struct rondo_job *job, struct source *vector, const struct source *matrix,
                 struct rondo_error *err)
{
    char key[KEY_MAX], where[256];
    keys_of_role(vector->role->key, key, sizeof key);
    job_where(job, key, where, sizeof where);
    if (vector->role->kind == RONDO_ROLE_RATINGS)
        return 0;
    bool is_vector = vector->role->kind == RONDO_ROLE_VECTOR;
    int64_t values = is_vector && vector->info.cols > vector->info.rows ? vector->info.cols : vector->info.rows;
    if (vector->given && matrix->given && values != matrix->info.rows)
        return rondo_error_set(err, RONDO_EINPUT, where, NULL,
                               "%" PRId64 " %s, but %s has %" PRId64 " rows", values,
                               is_vector ? "values" : "rows", matrix->role->key, matrix->info.rows);
    if (!is_vector)
        return 0;
    vector->from_labels = !vector->given && matrix->given && matrix->info.labels;
    if (vector->role->required && !vector->given && !vector->from_labels)
        return rondo_error_set(err, RONDO_EINPUT, where, vector->role->help,
                               "the key is missing, and the file of %s has no labels",
                               matrix->role->key);
    return 0;
}

static int inspect_all(const struct rondo_job *job, struct sight *sight, struct rondo_error *err)
{
    struct source *sources = sight->source;
    int *count = &sight->count;
    for (const struct rondo_role *role = job_app(job)->roles; role && role->key; role++) {
        if (*count == ROLES_MAX)
            return rondo_error_set(err, RONDO_EAPP, job_app(job)->name, NULL,
                                   "too many data files");
        sources[*count].role = role;
        int code = inspect(job, &sources[(*count)++], err);
        if (code)
            return code;
    }
    for (int i = 0; i < *count; i++)
        for (int k = 0; k < *count; k++) {
            const char *of = sources[i].role->labels_of;
            int code = of && strcmp(of, sources[k].role->key) == 0
                           ? match(job, &sources[i], &sources[k], err)
                           : 0;
            if (code)
                return code;
        }
    return 0;
}

/* ---- what the app says ------------------------------------------------------------------ */

static const struct source *source_of(const struct rondo_job *job, const char *role)
{
    const struct sight *sight = job_bound(job);
    for (int i = 0; i < sight->count; i++)
        if (strcmp(sight->source[i].role->key, role) == 0)
            return &sight->source[i];
    return NULL;
}

static const struct rondo_matrix *vector(const struct rondo_job *job, const char *role)
{
    const struct source *source = source_of(job, role);
    return source && source->set ? &source->set->x : NULL;
}

static const struct rondo_words *words(const struct rondo_job *job, const char *role)
{
    const struct source *source = source_of(job, role);
    return source ? source->words : NULL;
}

static const struct rondo_ids *no_ids(const struct rondo_job *job RONDO_UNUSED, const char *role RONDO_UNUSED)
{
    return NULL; /* ratings are looked at, not kept */
}

static bool shape(const struct rondo_job *job, const char *role, int64_t *rows, int64_t *cols, bool *packed)
{
    const struct source *source = source_of(job, role);
    if (!source || !source->given)
        return false;
    *rows = source->info.rows;
    *cols = source->info.cols;
    *packed = source->info.packed;
    return true;
}

static void say(const struct rondo_job *job, const char *text)
{
    struct sight *sight = job_bound(job);
    char *copy = sight->lines < LINES_MAX ? mem_strdup(text) : NULL;
    if (copy)
        sight->line[sight->lines++] = copy;
}

static int look(struct rondo_job *job, struct sight *sight, struct rondo_error *err)
{
    static const struct host_upcalls none = { NULL, NULL, NULL, NULL, NULL };
    const struct rondo_app *app = job_app(job);
    struct rondo_host host;
    host_init(&host, &none);
    host.matrix = vector;
    host.words = words;
    host.ids = no_ids;
    host.shape = shape;
    host.say = say;
    job_bind(job, sight);
    int code = app->check ? contract_answer(app, "check", app->check(&host, job, err), err) : RONDO_OK;
    if (!code)
        code = inspect_all(job, sight, err);
    if (!code && contract_preview(app))
        code = contract_answer(app, "preview", contract_preview(app)(&host, job, err), err);
    return code;
}

static void forget(struct sight *sight)
{
    for (int i = 0; i < sight->count; i++) {
        data_free(sight->source[i].set);
        vocabulary_free(sight->source[i].words);
    }
    while (sight->lines)
        mem_free(sight->line[--sight->lines]);
}

/* ---- for people ------------------------------------------------------------------------- */

static void print_source(const struct rondo_job *job, const struct source *source)
{
    char key[KEY_MAX];
    const struct data_info *info = &source->info;
    keys_of_role(source->role->key, key, sizeof key);
    if (source->from_labels)
        printf("%-10s the labels of %s\n", key, source->role->labels_of);
    if (!source->given)
        return;
    printf("%-10s %s\n", key, job_text(job, key));
    if (source->words) {
        printf("%-10s %" PRId64 " words\n", "", source->words->count);
        return;
    }
    if (source->role->kind == RONDO_ROLE_RATINGS) {
        printf("%-10s %" PRId64 " users, %" PRId64 " items, %" PRId64 " ratings, %.1f MiB\n", "", info->rows, info->cols,
               info->nnz, (double)info->bytes / 0x1p20);
        return;
    }
    printf("%-10s %s%s%s, %" PRId64 " x %" PRId64 ", %s, %" PRId64 " values%s, %.1f MiB\n", "",
           data_format_name(info->format), strcmp(info->compression, "none") == 0 ? "" : " in ",
           strcmp(info->compression, "none") == 0 ? "" : info->compression, info->rows, info->cols,
           info->packed ? "packed" : info->sparse ? "sparse" : "dense", info->nnz, info->labels ? ", labels" : "",
           (double)info->bytes / 0x1p20);
}

static void print_schedule(const struct rondo_job *job)
{
    const char *check = job_text(job, "schedule.dependency.check");
    if (job_app(job)->block.create) { /* it plans its own rounds: nothing is drawn, and nothing checked */
        printf("%-10s %s, at most %" PRId64 " blocks\n", "schedule", job_text(job, "schedule.sync"),
               job_integer(job, "schedule.blocks"));
        return;
    }
    printf("%-10s %s, %s, ", "schedule", job_text(job, "schedule.sync"),
           job_text(job, "schedule.priority.rule"));
    if (strcmp(check, "none") == 0)
        printf("no dependency check\n");
    else
        printf("%s above %g: %s\n", check, job_real(job, "schedule.dependency.threshold"),
               job_text(job, "schedule.dependency.coupled"));
    printf("%-10s at most %" PRId64 " blocks of %" PRId64 " variables, %" PRId64
           " candidates, %" PRId64 " in flight\n", "",
           job_integer(job, "schedule.blocks"), job_integer(job, "schedule.block_size"),
           job_integer(job, "schedule.candidates"), job_integer(job, "schedule.pipeline"));
}

static void print_rest(const struct rondo_job *job)
{
    char count[32] = "one a core";
    if (job_given(job, "workers.count"))
        snprintf(count, sizeof count, "%" PRId64, job_integer(job, "workers.count"));
    printf("%-10s %s, %s, isa %s\n", "workers", count, job_text(job, "workers.device"),
           job_text(job, "workers.isa"));
    printf("%-10s %" PRId64 " rounds", "stop", job_integer(job, "stop.rounds"));
    if (job_given(job, "stop.seconds"))
        printf(", %g s", job_real(job, "stop.seconds"));
    for (const struct rondo_param *rule = job_app(job)->params; rule && rule->key; rule++)
        if (strncmp(rule->key, "stop.", 5) == 0 && job_given(job, rule->key) &&
            (rule->type == RONDO_REAL || rule->type == RONDO_INTEGER))
            printf(", %s %g", rule->key + 5, job_real(job, rule->key));
    printf("\n%-10s %.1f MiB beside the data\n", "memory", (double)job_memory_bytes(job) / 0x1p20);
    if (job_given(job, "output.dir"))
        printf("%-10s %s\n", "output", job_text(job, "output.dir"));
}

static int print_text(const struct rondo_job *job, const struct sight *sight)
{
    printf("%-10s %s - %s\n", "app", job_app(job)->name, job_app(job)->summary);
    for (int i = 0; i < sight->count; i++)
        print_source(job, &sight->source[i]);
    for (int i = 0; i < sight->lines; i++)
        printf("%-10s %s\n", i ? "" : "model", sight->line[i]);
    print_schedule(job);
    print_rest(job);
    printf("%s: nothing is wrong with the spec, the vectors and the shapes of the data\n", job_path(job));
    return 0;
}

/* ---- for programs ----------------------------------------------------------------------- */

static void put_source(struct jsonout *out, const struct rondo_job *job,
                       const struct source *source)
{
    char key[KEY_MAX];
    const struct data_info *info = &source->info;
    keys_of_role(source->role->key, key, sizeof key);
    jsonout_key(out, source->role->key);
    jsonout_open(out, '{');
    if (source->from_labels)
        jsonout_text_at(out, "labels_of", source->role->labels_of);
    if (source->given) {
        jsonout_text_at(out, "file", job_text(job, key));
    }
    if (source->words)
        jsonout_integer_at(out, "words", source->words->count);
    if (source->given && !source->words) {
        jsonout_text_at(out, "format", data_format_name(info->format));
        jsonout_text_at(out, "compression", info->compression);
        jsonout_integer_at(out, "rows", info->rows);
        jsonout_integer_at(out, "cols", info->cols);
        jsonout_integer_at(out, "nnz", info->nnz);
        jsonout_flag_at(out, "sparse", info->sparse);
        jsonout_flag_at(out, "packed", info->packed);
        jsonout_flag_at(out, "mapped", info->mapped);
        jsonout_flag_at(out, "labels", info->labels);
        jsonout_integer_at(out, "bytes", (int64_t)info->bytes);
    }
    jsonout_close(out, '}');
}

static int print_json(const struct rondo_job *job, const struct sight *sight)
{
    struct rondo_buf buf = { 0 };
    struct jsonout out = jsonout_begin(&buf, false);
    char *spec = job_canonical(job);
    jsonout_open(&out, '{');
    jsonout_flag_at(&out, "valid", true);
    jsonout_text_at(&out, "app", job_app(job)->name);
    jsonout_key(&out, "data");
    jsonout_open(&out, '{');
    for (int i = 0; i < sight->count; i++)
        if (sight->source[i].given || sight->source[i].from_labels)
            put_source(&out, job, &sight->source[i]);
    jsonout_close(&out, '}');
    jsonout_key(&out, "model");
    jsonout_open(&out, '[');
    for (int i = 0; i < sight->lines; i++)
        jsonout_text(&out, sight->line[i]);
    jsonout_close(&out, ']');
    jsonout_key(&out, "spec");
    jsonout_raw(&out, spec ? spec : "null");
    jsonout_close(&out, '}');
    out.failed = out.failed || !spec;
    mem_free(spec);
    return cli_print_json(&out);
}

/* ---- the command ------------------------------------------------------------------------ */

static int read_words(int argc, char **argv, struct request *request)
{
    for (int i = 1; i < argc; i++) {
        const char *value = NULL;
        int taken = cli_option("validate", "--set", argc, argv, &i, &value);
        if (taken < 0)
            return 2;
        if (taken && request->count == SETS_MAX)
            return cli_usage("validate", "more than %d times --set", SETS_MAX);
        if (taken)
            request->sets[request->count++] = value;
        else if (strcmp(argv[i], "--json") == 0)
            request->json = true;
        else if (argv[i][0] == '-' && argv[i][1])
            return cli_usage("validate", "there is no option %s", argv[i]);
        else if (request->path)
            return cli_usage("validate", "one spec at a time, not \"%s\" too", argv[i]);
        else
            request->path = argv[i];
    }
    return request->path ? 0 : cli_usage("validate", "which JOB.json?");
}

int cmd_validate(int argc, char **argv)
{
    struct request request = { 0 };
    struct sight sight = { .count = 0 };
    struct rondo_job *job;
    struct rondo_error err = { 0 };
    int status = read_words(argc, argv, &request);
    if (status)
        return status;
    if (job_load(request.path, request.sets, request.count, cli_apps(), &job, &err))
        return cli_fail(&err);
    if (look(job, &sight, &err)) {
        status = cli_fail(&err);
        if (err.code == RONDO_EIO)
            status = 2; /* found before any work */
    } else {
        status = (request.json ? print_json : print_text)(job, &sight);
    }
    forget(&sight);
    job_free(job);
    return status;
}

#include "tools/made.h"

#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/data/documents.h"
#include "core/data/number.h"
#include "tools/cli.h"

#include <stdio.h>
#include <string.h>

static const char command_name[] = "data generate";

int made_option(const char *command, int argc, char **argv, const struct option *known)
{
    int found = getopt_long(argc, argv, ":h", known, NULL);
    if (found == '?')
        cli_usage(command, "unknown option %s", argv[optind - 1]);
    else if (found == ':')
        cli_usage(command, "%s needs a value", argv[optind - 1]);
    return found == '?' || found == ':' ? -2 : found == 'h' ? MADE_HELP : found;
}

int made_help(void)
{
    fputs(cli_find("data")->usage, stdout);
    return 0;
}

int made_write(const char *path, const struct rondo_matrix *x, const double *labels)
{
    struct rondo_error err = { 0 };
    if (data_write(path, x, labels, &err))
        return cli_fail(&err);
    printf("%s: %lld x %lld, %lld values\n", path, (long long)x->rows, (long long)x->cols,
           (long long)x->nnz);
    return 0;
}

/* ---- what may be asked for ----------------------------------------------------------------------- */

enum app { LASSO, LDA, MF, APPS };

/* The designs of all apps, in one row. */
enum { AR, GENOTYPE, SPARSE, BARS, ZIPF, RATINGS, PLANTED, NONNEGATIVE, IMPLICIT, DESIGNS };
static const struct design {
    const char *name;
    enum app app;
} designs[DESIGNS] = { { "ar", LASSO }, { "genotype", LASSO }, { "sparse", LASSO }, { "bars", LDA },
                       { "zipf", LDA }, { "ratings", MF }, { "planted", MF }, { "nonnegative", MF },
                       { "implicit", MF } };
static const char *const app_names[APPS] = { "lasso", "lda", "mf" };
static const char *const format_names[] = { "npy",    "mtx",    "svm", "npy.gz",
                                            "mtx.gz", "svm.gz", "bed", NULL };

/* Of one app. */
union recipe {
    struct data_recipe lasso;
    struct documents_recipe lda;
    struct ratings_recipe mf;
};

/* What each design is made with unless told otherwise; block 0 is all columns. */
static const union recipe usual[DESIGNS] = {
    [AR].lasso = { .design = DATA_DESIGN_AR, .rows = 1000, .cols = 10000, .rho = 0.9, .causes = 100,
                   .amplitude = 3, .noise = 1 },
    [GENOTYPE].lasso = { .design = DATA_DESIGN_GENOTYPE, .rows = 2000, .cols = 5000, .causes = 200,
                         .heritability = 0.5 },
    [SPARSE].lasso = { .design = DATA_DESIGN_SPARSE, .rows = 10000, .cols = 20000, .density = 0.001,
                       .causes = 200, .amplitude = 1, .noise = 1 },
    [BARS].lda = { .design = DOCUMENTS_BARS, .documents = 2000, .words = 100, .tokens = 100, .alpha = 0.2 },
    [ZIPF].lda = { .design = DOCUMENTS_ZIPF, .documents = 5000, .words = 10000, .topics = 50, .tokens = 100,
                   .alpha = 0.1, .beta = 0.05 },
    [RATINGS].mf = { .users = 6000, .items = 3500, .ratings = 1000000, .rank = 24, .mean = 3.5, .user_bias = 0.35,
                     .item_bias = 0.4, .spread = 0.5, .noise = 0.8, .user_zipf = 0.7, .user_shift = 20,
                     .item_zipf = 0.9, .item_shift = 30, .test = 0.1 },
    /* Every user and item has ratings enough to be found. */
    [PLANTED].mf = { .users = 1000, .items = 800, .ratings = 200000, .rank = 8, .spread = 1, .test = 0.1 },
    [NONNEGATIVE].mf = { .users = 1000, .items = 800, .ratings = 200000, .rank = 8, .spread = 1, .test = 0.1,
                         .nonnegative = true },
    /* A taste that matters as much as popularity does. */
    [IMPLICIT].mf = { .users = 6000, .items = 3500, .ratings = 600000, .rank = 24, .spread = 3, .user_zipf = 0.7,
                      .user_shift = 20, .item_zipf = 0.9, .item_shift = 30, .test = 0.2, .implicit = true },
};

#define ALL_LASSO (1 << AR | 1 << GENOTYPE | 1 << SPARSE)
#define ALL_LDA (1 << BARS | 1 << ZIPF)
#define ALL_MF (1 << RATINGS | 1 << PLANTED | 1 << NONNEGATIVE | 1 << IMPLICIT)
static const struct field {
    const char *name;
    bool whole;
    int designs; /* where it has a meaning, a bit for each */
    size_t offset;
} fields[] = {
    { "rows", true, ALL_LASSO, offsetof(struct data_recipe, rows) },
    { "cols", true, ALL_LASSO, offsetof(struct data_recipe, cols) },
    { "causes", true, ALL_LASSO, offsetof(struct data_recipe, causes) },
    { "block", true, 1 << AR, offsetof(struct data_recipe, block) },
    { "rho", false, 1 << AR, offsetof(struct data_recipe, rho) },
    { "density", false, 1 << SPARSE, offsetof(struct data_recipe, density) },
    { "amplitude", false, 1 << AR | 1 << SPARSE, offsetof(struct data_recipe, amplitude) },
    { "noise", false, 1 << AR | 1 << SPARSE, offsetof(struct data_recipe, noise) },
    { "heritability", false, 1 << GENOTYPE, offsetof(struct data_recipe, heritability) },
    { "missing", false, 1 << GENOTYPE, offsetof(struct data_recipe, missing) },
    { "documents", true, ALL_LDA, offsetof(struct documents_recipe, documents) },
    { "words", true, ALL_LDA, offsetof(struct documents_recipe, words) },
    { "topics", true, 1 << ZIPF, offsetof(struct documents_recipe, topics) },
    { "tokens", false, ALL_LDA, offsetof(struct documents_recipe, tokens) },
    { "alpha", false, ALL_LDA, offsetof(struct documents_recipe, alpha) },
    { "beta", false, 1 << ZIPF, offsetof(struct documents_recipe, beta) },
    { "users", true, ALL_MF, offsetof(struct ratings_recipe, users) },
    { "items", true, ALL_MF, offsetof(struct ratings_recipe, items) },
    { "ratings", true, ALL_MF, offsetof(struct ratings_recipe, ratings) },
    { "rank", true, ALL_MF, offsetof(struct ratings_recipe, rank) },
    { "mean", false, 1 << RATINGS, offsetof(struct ratings_recipe, mean) },
    { "user-bias", false, 1 << RATINGS, offsetof(struct ratings_recipe, user_bias) },
    { "item-bias", false, 1 << RATINGS, offsetof(struct ratings_recipe, item_bias) },
    { "spread", false, ALL_MF, offsetof(struct ratings_recipe, spread) },
    { "user-zipf", false, ALL_MF, offsetof(struct ratings_recipe, user_zipf) },
    { "user-shift", false, ALL_MF, offsetof(struct ratings_recipe, user_shift) },
    { "item-zipf", false, ALL_MF, offsetof(struct ratings_recipe, item_zipf) },
    { "item-shift", false, ALL_MF, offsetof(struct ratings_recipe, item_shift) },
    { "noise", false, 1 << RATINGS | 1 << NONNEGATIVE, offsetof(struct ratings_recipe, noise) },
    { "test", false, ALL_MF, offsetof(struct ratings_recipe, test) },
};
enum { FIELDS = sizeof fields / sizeof fields[0] };

struct order {
    enum app app;
    int design;
    union recipe recipe;
    const char *given[FIELDS]; /* the option's text, NULL: the design's usual */
    const char *design_name, *format, *dir;
    uint64_t seed;
    bool text_ids;
};

/* ---- options ------------------------------------------------------------------------------------- */

/* The app's first where none is named. */
static bool settle_design(struct order *order)
{
    for (order->design = 0; order->design < DESIGNS; order->design++) {
        const struct design *design = &designs[order->design];
        if (design->app == order->app && (!order->design_name || strcmp(design->name, order->design_name) == 0)) {
            order->recipe = usual[order->design];
            return true;
        }
    }
    cli_usage(command_name, "--design has no \"%s\" for %s", order->design_name, app_names[order->app]);
    return false;
}

/* The field of that name which the design has; NULL: none. */
static const struct field *find_field(const char *name, int design)
{
    for (const struct field *field = fields; field < fields + FIELDS; field++)
        if ((field->designs & 1 << design) && strcmp(field->name, name) == 0)
            return field;
    return NULL;
}

static bool settle_field(struct order *order, int i)
{
    const struct field *field = find_field(fields[i].name, order->design);
    const char *text = order->given[i];
    if (!text)
        return true;
    if (!field) {
        cli_usage(command_name, "--%s has no meaning for --design %s", fields[i].name, designs[order->design].name);
        return false;
    }
    int64_t number = 0;
    double real = 0;
    const char *end = field->whole ? number_index(text, &number) : number_real(text, &real);
    if (!end || *end) {
        cli_usage(command_name, "--%s wants a %snumber, not \"%s\"", field->name,
                  field->whole ? "whole " : "", text);
        return false;
    }
    memcpy((char *)&order->recipe + field->offset, field->whole ? (const void *)&number : (const void *)&real, 8);
    return true;
}

static bool settle_format(struct order *order)
{
    static const char *const own[DESIGNS] = { [AR] = "npy", [GENOTYPE] = "bed", [SPARSE] = "svm.gz" };
    if (order->format && !own[order->design]) {
        cli_usage(command_name, "--format has no meaning for %s", app_names[order->app]);
        return false;
    }
    order->format = order->format ? order->format : own[order->design];
    if (order->text_ids && order->app != MF) {
        cli_usage(command_name, "--ids has no meaning for %s", app_names[order->app]);
        return false;
    }
    if (order->design == GENOTYPE || !order->format || strcmp(order->format, "bed") != 0)
        return true;
    cli_usage(command_name, "--format bed has a meaning for --design genotype alone");
    return false;
}

static void settle_lasso(struct order *order)
{
    enum { CAUSES = 2 };
    struct data_recipe *recipe = &order->recipe.lasso;
    if (recipe->block == 0)
        recipe->block = recipe->cols;
    if (!order->given[CAUSES] && recipe->causes > recipe->cols)
        recipe->causes = recipe->cols;
    recipe->seed = order->seed;
}

static bool settle(struct order *order)
{
    if (!settle_design(order))
        return false;
    for (int i = 0; i < FIELDS; i++)
        if (!settle_field(order, i))
            return false;
    if (order->app == LDA)
        order->recipe.lda.seed = order->seed;
    else if (order->app == MF)
        order->recipe.mf.seed = order->seed;
    else
        settle_lasso(order);
    if (!settle_format(order))
        return false;
    if (!order->dir)
        cli_usage(command_name, "--out DIR is wanted");
    return order->dir != NULL;
}

enum { OPTION_DESIGN = 1000, OPTION_FORMAT, OPTION_IDS, OPTION_OUT, OPTION_SEED };

static bool take_format(struct order *order, const char *text)
{
    order->format = text;
    for (int i = 0; format_names[i]; i++)
        if (strcmp(format_names[i], text) == 0)
            return true;
    cli_usage(command_name, "--format has no \"%s\"", text);
    return false;
}

static bool take_ids(struct order *order, const char *text)
{
    order->text_ids = strcmp(text, "text") == 0;
    if (order->text_ids || strcmp(text, "numeric") == 0)
        return true;
    cli_usage(command_name, "--ids has no \"%s\"", text);
    return false;
}

static bool take_option(struct order *order, int option)
{
    int64_t seed = 0;
    const char *end;
    switch (option) {
    case OPTION_DESIGN: order->design_name = optarg; return true;
    case OPTION_FORMAT: return take_format(order, optarg);
    case OPTION_IDS: return take_ids(order, optarg);
    case OPTION_OUT: order->dir = optarg; return true;
    case OPTION_SEED:
        end = number_index(optarg, &seed);
        order->seed = (uint64_t)seed;
        if (end && !*end)
            return true;
        cli_usage(command_name, "--seed wants a whole number, not \"%s\"", optarg);
        return false;
    default: order->given[option] = optarg; return true;
    }
}

/* ---- what is written for all --------------------------------------------------------------------- */

int made_spec(const char *dir, const char *app, const char *data, const char *params, int epochs)
{
    struct file_atomic file;
    struct rondo_error err = { 0 };
    if (file_begin(&file, dir, "job.json", &err))
        return cli_fail(&err);
    fprintf(file.stream,
            "{\n  \"version\": 1,\n  \"app\": \"%s\",\n"
            "  \"data\": { %s },\n"
            "  \"params\": { %s }",
            app, data, params);
    if (epochs)
        fprintf(file.stream, ",\n  \"stop\": { \"epochs\": %d }", epochs);
    fputs("\n}\n", file.stream);
    if (file_commit(&file, &err))
        return cli_fail(&err);
    printf("%s/job.json: rondo run %s/job.json\n", dir, dir);
    return 0;
}

static int write_truth(const struct order *order, const char *name, const double *truth, int64_t rows,
                       int64_t cols)
{
    const struct rondo_matrix matrix = { .rows = rows, .cols = cols, .nnz = rows * cols, .ld = rows,
                                         .dense = truth };
    char path[4096];
    snprintf(path, sizeof path, "%.4000s/%s", order->dir, name);
    return made_write(path, &matrix, NULL);
}

int made_refused(struct rondo_error *err)
{
    char option[sizeof err->where + 2];
    snprintf(option, sizeof option, "--%s", err->where);
    if (err->code == RONDO_EINPUT && !strchr(err->where, '.'))
        memcpy(err->where, option, sizeof err->where - 1);
    return cli_fail(err);
}

/* ---- lasso --------------------------------------------------------------------------------------- */

static int write_lasso_spec(const struct order *order, const char *y)
{
    char data[96];
    snprintf(data, sizeof data, "\"x\": \"x.%s\"%s", order->format, y);
    return made_spec(order->dir, "lasso", data, "\"lambda_ratio\": 0.05", 0);
}

static int write_all(const struct order *order, const char *path, const struct data_set *set,
                     const double *truth)
{
    char beside[4096];
    snprintf(beside, sizeof beside, "%.4000s/y.npy", order->dir);
    int status = made_write(path, &set->x, set->labels.dense);
    if (!status)
        status = made_write(beside, &set->labels, NULL);
    if (!status)
        status = write_truth(order, "truth.npy", truth, set->x.cols, 1);
    return status ? status : write_lasso_spec(order, ", \"y\": \"y.npy\"");
}

static int generate_bed(const struct order *order, const char *path)
{
    double *truth;
    struct rondo_error err = { 0 };
    const struct data_recipe *recipe = &order->recipe.lasso;
    if (data_generate_bed(recipe, path, &truth, &err))
        return made_refused(&err);
    printf("%s: %lld x %lld, packed\n", path, (long long)recipe->rows, (long long)recipe->cols);
    int status = write_truth(order, "truth.npy", truth, recipe->cols, 1);
    mem_free(truth);
    return status ? status : write_lasso_spec(order, "");
}

static int generate_lasso(const struct order *order)
{
    struct data_set *set;
    double *truth;
    char path[4096];
    struct rondo_error err = { 0 };
    snprintf(path, sizeof path, "%.4000s/x.%s", order->dir, order->format);
    bool bed = strcmp(order->format, "bed") == 0;
    if (!bed && data_generate(&order->recipe.lasso, &set, &truth, &err))
        return made_refused(&err);
    int status = file_make_dir(order->dir, &err) ? cli_fail(&err)
                 : bed                           ? generate_bed(order, path)
                                                 : write_all(order, path, set, truth);
    if (!bed) {
        data_free(set);
        mem_free(truth);
    }
    return status;
}

/* ---- lda ----------------------------------------------------------------------------------------- */

static int write_words(const struct order *order)
{
    struct file_atomic file;
    struct rondo_error err = { 0 };
    const struct documents_recipe *recipe = &order->recipe.lda;
    char name[DOCUMENTS_NAME];
    if (file_begin(&file, order->dir, "vocab.txt", &err))
        return cli_fail(&err);
    for (int64_t w = 0; w < recipe->words; w++) {
        documents_name(recipe, w, name);
        fprintf(file.stream, "%s\n", name);
    }
    if (file_commit(&file, &err))
        return cli_fail(&err);
    printf("%s/vocab.txt: %lld words\n", order->dir, (long long)recipe->words);
    return 0;
}

static int write_documents(const struct order *order, const struct data_set *set, const double *topics)
{
    const struct documents_recipe *recipe = &order->recipe.lda;
    int64_t many = documents_topics(recipe);
    char path[4096], alpha[32], beta[32], params[160];
    number_print(alpha, recipe->alpha);
    number_print(beta, recipe->beta);
    snprintf(path, sizeof path, "%.4000s/docword.txt.gz", order->dir);
    /* Bars are words much alike, of which a start in the order of the data seldom finds all. */
    snprintf(params, sizeof params, "\"topics\": %lld, \"alpha\": %s, %s%s", (long long)many, alpha,
             order->design == ZIPF ? "\"beta\": " : "\"start\": \"random\"", order->design == ZIPF ? beta : "");
    int status = made_write(path, &set->x, NULL);
    if (!status)
        status = write_words(order);
    if (!status)
        status = write_truth(order, "topics.npy", topics, many, set->x.cols);
    return status ? status
                  : made_spec(order->dir, "lda", "\"docs\": \"docword.txt.gz\", \"vocab\": \"vocab.txt\"", params, 0);
}

static int generate_lda(const struct order *order)
{
    struct data_set *set;
    double *topics;
    struct rondo_error err = { 0 };
    if (documents_generate(&order->recipe.lda, &set, &topics, &err))
        return made_refused(&err);
    int status = file_make_dir(order->dir, &err) ? cli_fail(&err) : write_documents(order, set, topics);
    data_free(set);
    mem_free(topics);
    return status;
}

/* ---- the command --------------------------------------------------------------------------------- */

int made_command(int argc, char **argv)
{
    struct option known[FIELDS + 7] = { { "design", required_argument, NULL, OPTION_DESIGN },
                                        { "format", required_argument, NULL, OPTION_FORMAT },
                                        { "ids", required_argument, NULL, OPTION_IDS },
                                        { "out", required_argument, NULL, OPTION_OUT },
                                        { "seed", required_argument, NULL, OPTION_SEED },
                                        { "help", no_argument, NULL, MADE_HELP } };
    struct order order = { .seed = 1 };
    for (int i = 0; i < FIELDS; i++)
        known[6 + i] = (struct option){ fields[i].name, required_argument, NULL, i };
    for (int option; (option = made_option(command_name, argc, argv, known)) != -1;) {
        if (option == MADE_HELP)
            return made_help();
        if (option == -2 || !take_option(&order, option))
            return 2;
    }
    const char *app = argc - optind == 1 ? argv[optind] : "";
    while (order.app < APPS && strcmp(app, app_names[order.app]) != 0)
        order.app++;
    if (order.app == APPS)
        return cli_usage(command_name, "for which app? lasso, lda or mf");
    if (!settle(&order))
        return 2;
    if (strlen(order.dir) > 4000)
        return cli_usage(command_name, "the path is too long");
    if (order.app == MF)
        return made_mf(&order.recipe.mf, order.dir, order.text_ids);
    return order.app == LDA ? generate_lda(&order) : generate_lasso(&order);
}

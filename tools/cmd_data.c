/* cmd_data.c - rondo data: look at, convert and make data files. */
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/data/data.h"
#include "core/data/number.h"
#include "tools/cli.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "rondo data info FILE [--json] [--index-base 0|1]\n"
    "rondo data convert IN OUT [--index-base 0|1]\n"
    "rondo data generate lasso [--design ar|genotype|sparse] --out DIR [--seed N]\n"
    "    [--rows N] [--cols P] [--causes K] [--format npy|mtx|svm, with or without .gz, or bed]\n"
    "    ar:       [--rho R] [--block B] [--amplitude A] [--noise S]\n"
    "    genotype: [--heritability H] [--missing SHARE]\n"
    "    sparse:   [--density D] [--amplitude A] [--noise S]\n";

enum { OPTION_JSON = 1000, OPTION_BASE, OPTION_DESIGN, OPTION_FORMAT, OPTION_OUT, OPTION_SEED,
       OPTION_HELP };

/* Any file as it is. */
static const struct data_options looking = { .index_base = 1, .packed = true,
                                             .labels = DATA_LABELS_IF_WHOLE };

/* The next option as getopt_long numbers it, -1 at the end, -2 after a usage error was printed. */
static int next_option(const char *command, int argc, char **argv, const struct option *known)
{
    int found = getopt_long(argc, argv, ":h", known, NULL);
    if (found == '?')
        cli_usage(command, "unknown option %s", argv[optind - 1]);
    else if (found == ':')
        cli_usage(command, "%s needs a value", argv[optind - 1]);
    return found == '?' || found == ':' ? -2 : found == 'h' ? OPTION_HELP : found;
}

static bool whole(const char *text, int64_t *value)
{
    const char *end = number_index(text, value);
    return end && *end == 0;
}

static bool index_base(const char *command, const char *text, struct data_options *options)
{
    if (strcmp(text, "0") != 0 && strcmp(text, "1") != 0) {
        cli_usage(command, "--index-base is 0 or 1, not \"%s\"", text);
        return false;
    }
    options->index_base = *text - '0';
    return true;
}

static int print_help(void)
{
    fputs(help, stdout);
    return 0;
}

/* ---- info ---------------------------------------------------------------------------------- */

static void print_json_text(const char *text)
{
    putchar('"');
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            printf("\\%c", *text);
        else if ((unsigned char)*text < 32)
            printf("\\u%04x", (unsigned)*text);
        else
            putchar(*text);
    putchar('"');
}

static void print_json(const char *path, const struct data_info *info)
{
    printf("{\"file\":");
    print_json_text(path);
    printf(",\"format\":\"%s\",\"compression\":\"%s\",\"rows\":%lld,\"cols\":%lld,\"nnz\":%lld,"
           "\"sparse\":%s,\"packed\":%s,\"mapped\":%s,\"labels\":%s,\"bytes\":%zu}\n",
           data_format_name(info->format), info->compression, (long long)info->rows,
           (long long)info->cols, (long long)info->nnz, info->sparse ? "true" : "false",
           info->packed ? "true" : "false", info->mapped ? "true" : "false",
           info->labels ? "true" : "false", info->bytes);
}

static void print_info(const char *path, const struct data_info *info)
{
    double places = (double)info->rows * (double)info->cols;
    bool plain = strcmp(info->compression, "none") == 0;
    printf("file       %s\n", path);
    printf("format     %s%s%s\n", data_format_name(info->format), plain ? "" : ", ",
           plain ? "" : info->compression);
    printf("shape      %lld x %lld\n", (long long)info->rows, (long long)info->cols);
    printf("stored     %lld values, %s", (long long)info->nnz,
           info->packed ? "packed" : info->sparse ? "sparse" : "dense");
    if (info->sparse)
        printf(" (%.3g %%)", places > 0 ? 100 * (double)info->nnz / places : 0);
    printf("\nlabels     %s\n", info->labels ? "yes" : "no");
    printf("in memory  %.1f MiB, %s\n", (double)info->bytes / 0x1p20,
           info->mapped ? "mapped where it lies in the file" : "copied");
}

static int data_info_command(int argc, char **argv)
{
    static const struct option known[] = { { "json", no_argument, NULL, OPTION_JSON },
                                           { "index-base", required_argument, NULL, OPTION_BASE },
                                           { "help", no_argument, NULL, OPTION_HELP },
                                           { 0 } };
    struct data_options options = looking;
    struct data_info info;
    struct rondo_error err = { 0 };
    bool json = false;
    for (int option; (option = next_option("data info", argc, argv, known)) != -1;) {
        if (option == OPTION_HELP)
            return print_help();
        if (option == -2 || (option == OPTION_BASE && !index_base("data info", optarg, &options)))
            return 2;
        json |= option == OPTION_JSON;
    }
    if (argc - optind != 1)
        return cli_usage("data info", "one FILE is wanted, %d are given", argc - optind);
    if (data_inspect(argv[optind], &options, &info, &err))
        return cli_fail(&err);
    (json ? print_json : print_info)(argv[optind], &info);
    return 0;
}

/* ---- convert ------------------------------------------------------------------------------- */

static int write_matrix(const char *path, const struct rondo_matrix *x, const double *labels)
{
    struct rondo_error err = { 0 };
    if (data_write(path, x, labels, &err))
        return cli_fail(&err);
    printf("%s: %lld x %lld, %lld values\n", path, (long long)x->rows, (long long)x->cols,
           (long long)x->nnz);
    return 0;
}

/* "x.npy" and "x.mtx.gz" bear no labels; these go to "x.labels.npy" beside them. */
static int write_labels(const char *path, const struct rondo_matrix *labels)
{
    char beside[4096];
    const char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    size_t begin = data_format_by_name(path) == DATA_DOCWORD ? strlen("docword.") : 0;
    int stem = (int)(name - path + (ptrdiff_t)(begin + strcspn(name + begin, ".")));
    if (snprintf(beside, sizeof beside, "%.*s.labels.npy", stem, path) >= (int)sizeof beside)
        return cli_usage("data convert", "the path is too long");
    return write_matrix(beside, labels, NULL);
}

static void say_remark(void *context, const char *text)
{
    log_line(LOG_WARNING, "%s: %s", (const char *)context, text);
}

static int data_convert_command(int argc, char **argv)
{
    static const struct option known[] = { { "index-base", required_argument, NULL, OPTION_BASE },
                                           { "help", no_argument, NULL, OPTION_HELP },
                                           { 0 } };
    struct data_options options = looking;
    struct data_set *set;
    struct rondo_error err = { 0 };
    for (int option; (option = next_option("data convert", argc, argv, known)) != -1;) {
        if (option == OPTION_HELP)
            return print_help();
        if (option == -2 || !index_base("data convert", optarg, &options))
            return 2;
    }
    if (argc - optind != 2)
        return cli_usage("data convert", "IN and OUT are wanted, %d files are given",
                         argc - optind);
    const char *in = argv[optind], *out = argv[optind + 1];
    if (data_load(in, &options, &set, &err))
        return cli_fail(&err);
    int status = write_matrix(out, &set->x, set->labels.dense);
    if (!status && set->info.format == DATA_DOCWORD && data_remarks(set, say_remark, argv[optind], &err))
        status = cli_fail(&err);
    if (!status && data_intact(set, in, &err)) {
        unlink(out);
        status = cli_fail(&err);
    }
    enum data_format format = data_format_by_name(out);
    if (!status && !set->info.labels && format == DATA_SVMLIGHT)
        log_line(LOG_WARNING, "%s bears no labels; each line of %s begins with a 0 instead", in, out);
    if (!status && set->info.labels && format != DATA_SVMLIGHT && format != DATA_BED)
        status = write_labels(out, &set->labels);
    data_free(set);
    return status;
}

/* ---- generate ------------------------------------------------------------------------------ */

enum { AR = 1 << DATA_DESIGN_AR, GENOTYPE = 1 << DATA_DESIGN_GENOTYPE,
       SPARSE = 1 << DATA_DESIGN_SPARSE, ALL = AR | GENOTYPE | SPARSE };

static const char *const design_names[] = { "ar", "genotype", "sparse", NULL };
static const char *const format_names[] = { "npy",    "mtx",    "svm", "npy.gz",
                                            "mtx.gz", "svm.gz", "bed", NULL };

/* What each design is made with unless told otherwise; block 0 is all columns. */
static const struct data_recipe usual[] = {
    { .design = DATA_DESIGN_AR, .rows = 1000, .cols = 10000, .rho = 0.9, .causes = 100,
      .amplitude = 3, .noise = 1 },
    { .design = DATA_DESIGN_GENOTYPE, .rows = 2000, .cols = 5000, .causes = 200,
      .heritability = 0.5 },
    { .design = DATA_DESIGN_SPARSE, .rows = 10000, .cols = 20000, .density = 0.001, .causes = 200,
      .amplitude = 1, .noise = 1 },
};

static const struct field {
    const char *name;
    bool whole;
    int designs; /* where it has a meaning */
    size_t offset;
} fields[] = {
    { "rows", true, ALL, offsetof(struct data_recipe, rows) },
    { "cols", true, ALL, offsetof(struct data_recipe, cols) },
    { "causes", true, ALL, offsetof(struct data_recipe, causes) },
    { "block", true, AR, offsetof(struct data_recipe, block) },
    { "rho", false, AR, offsetof(struct data_recipe, rho) },
    { "density", false, SPARSE, offsetof(struct data_recipe, density) },
    { "amplitude", false, AR | SPARSE, offsetof(struct data_recipe, amplitude) },
    { "noise", false, AR | SPARSE, offsetof(struct data_recipe, noise) },
    { "heritability", false, GENOTYPE, offsetof(struct data_recipe, heritability) },
    { "missing", false, GENOTYPE, offsetof(struct data_recipe, missing) },
};
enum { FIELDS = sizeof fields / sizeof fields[0] };

struct order {
    struct data_recipe recipe;
    const char *given[FIELDS]; /* the option's text, NULL: the design's usual */
    const char *format, *dir;
};

static const char generate_name[] = "data generate";

static int choose(const char *option, const char *text, const char *const *known)
{
    int i = 0;
    while (known[i] && strcmp(known[i], text) != 0)
        i++;
    if (known[i])
        return i;
    cli_usage(generate_name, "%s has no \"%s\"", option, text);
    return -1;
}

/* The usual value where none is given. */
static bool settle_field(struct order *order, int i)
{
    const struct field *field = &fields[i];
    struct data_recipe *recipe = &order->recipe;
    char *to = (char *)recipe + field->offset;
    const char *text = order->given[i];
    if (!text) {
        memcpy(to, (const char *)&usual[recipe->design] + field->offset, 8);
        return true;
    }
    if (!(field->designs & 1 << recipe->design)) {
        cli_usage(generate_name, "--%s has no meaning for --design %s", field->name,
                  design_names[recipe->design]);
        return false;
    }
    int64_t number = 0;
    double real = 0;
    const char *end = field->whole ? number_index(text, &number) : number_real(text, &real);
    if (!end || *end) {
        cli_usage(generate_name, "--%s wants a %snumber, not \"%s\"", field->name,
                  field->whole ? "whole " : "", text);
        return false;
    }
    memcpy(to, field->whole ? (const void *)&number : (const void *)&real, 8);
    return true;
}

static bool settle(struct order *order)
{
    struct data_recipe *recipe = &order->recipe;
    for (int i = 0; i < FIELDS; i++)
        if (!settle_field(order, i))
            return false;
    if (recipe->block == 0)
        recipe->block = recipe->cols;
    if (!order->given[2] && recipe->causes > recipe->cols)
        recipe->causes = recipe->cols;
    if (!order->format)
        order->format = recipe->design == DATA_DESIGN_SPARSE     ? "svm.gz"
                        : recipe->design == DATA_DESIGN_GENOTYPE ? "bed"
                                                                 : "npy";
    if (strcmp(order->format, "bed") == 0 && recipe->design != DATA_DESIGN_GENOTYPE) {
        cli_usage(generate_name, "--format bed has a meaning for --design genotype alone");
        return false;
    }
    if (!order->dir)
        cli_usage(generate_name, "--out DIR is wanted");
    return order->dir != NULL;
}

static bool take_option(struct order *order, int option)
{
    int chosen = 0;
    int64_t seed = 0;
    switch (option) {
    case OPTION_DESIGN:
        chosen = choose("--design", optarg, design_names);
        order->recipe.design = chosen < 0 ? DATA_DESIGN_AR : (enum data_design)chosen;
        return chosen >= 0;
    case OPTION_FORMAT:
        order->format = optarg;
        return choose("--format", optarg, format_names) >= 0;
    case OPTION_OUT: order->dir = optarg; return true;
    case OPTION_SEED:
        if (whole(optarg, &seed)) {
            order->recipe.seed = (uint64_t)seed;
            return true;
        }
        cli_usage(generate_name, "--seed wants a whole number, not \"%s\"", optarg);
        return false;
    default: order->given[option] = optarg; return true;
    }
}

/* y: what stands behind x in the spec. */
static int write_spec(const char *dir, const char *x, const char *y)
{
    struct file_atomic file;
    struct rondo_error err = { 0 };
    if (file_begin(&file, dir, "job.json", &err))
        return cli_fail(&err);
    fprintf(file.stream,
            "{\n  \"version\": 1,\n  \"app\": \"lasso\",\n"
            "  \"data\": { \"x\": \"%s\"%s },\n"
            "  \"params\": { \"lambda_ratio\": 0.05 }\n}\n",
            x, y);
    if (file_commit(&file, &err))
        return cli_fail(&err);
    printf("%s/job.json: rondo run %s/job.json\n", dir, dir);
    return 0;
}

static int write_truth(const struct order *order, const double *truth)
{
    int64_t cols = order->recipe.cols;
    const struct rondo_matrix coefficients = { .rows = cols, .cols = 1, .nnz = cols, .ld = cols,
                                               .dense = truth };
    char path[4096];
    snprintf(path, sizeof path, "%.4000s/truth.npy", order->dir);
    return write_matrix(path, &coefficients, NULL);
}

static int write_all(const struct order *order, const char *path, const struct data_set *set,
                     const double *truth)
{
    char name[32], beside[4096];
    snprintf(name, sizeof name, "x.%s", order->format);
    snprintf(beside, sizeof beside, "%.4000s/y.npy", order->dir);
    int status = write_matrix(path, &set->x, set->labels.dense);
    if (!status)
        status = write_matrix(beside, &set->labels, NULL);
    if (!status)
        status = write_truth(order, truth);
    return status ? status : write_spec(order->dir, name, ", \"y\": \"y.npy\"");
}

/* What a recipe is refused for is an option. */
static int refused(struct rondo_error *err)
{
    char option[sizeof err->where + 2];
    snprintf(option, sizeof option, "--%s", err->where);
    if (err->code == RONDO_EINPUT && !strchr(err->where, '.'))
        memcpy(err->where, option, sizeof err->where - 1);
    return cli_fail(err);
}

static int generate_bed(const struct order *order, const char *path)
{
    double *truth;
    struct rondo_error err = { 0 };
    if (data_generate_bed(&order->recipe, path, &truth, &err))
        return refused(&err);
    printf("%s: %lld x %lld, packed\n", path, (long long)order->recipe.rows,
           (long long)order->recipe.cols);
    int status = write_truth(order, truth);
    mem_free(truth);
    return status ? status : write_spec(order->dir, "x.bed", "");
}

static int generate_lasso(const struct order *order)
{
    struct data_set *set;
    double *truth;
    char path[4096];
    struct rondo_error err = { 0 };
    if (snprintf(path, sizeof path, "%s/x.%s", order->dir, order->format) >= (int)sizeof path - 64)
        return cli_usage(generate_name, "the path is too long");
    bool bed = strcmp(order->format, "bed") == 0;
    if (!bed && data_generate(&order->recipe, &set, &truth, &err))
        return refused(&err);
    int status = file_make_dir(order->dir, &err) ? cli_fail(&err)
                 : bed                           ? generate_bed(order, path)
                                                 : write_all(order, path, set, truth);
    if (!bed) {
        data_free(set);
        mem_free(truth);
    }
    return status;
}

static int data_generate_command(int argc, char **argv)
{
    struct option known[FIELDS + 6] = { { "design", required_argument, NULL, OPTION_DESIGN },
                                        { "format", required_argument, NULL, OPTION_FORMAT },
                                        { "out", required_argument, NULL, OPTION_OUT },
                                        { "seed", required_argument, NULL, OPTION_SEED },
                                        { "help", no_argument, NULL, OPTION_HELP } };
    struct order order = { .recipe.seed = 1 };
    for (int i = 0; i < FIELDS; i++)
        known[5 + i] = (struct option){ fields[i].name, required_argument, NULL, i };
    for (int option; (option = next_option(generate_name, argc, argv, known)) != -1;) {
        if (option == OPTION_HELP)
            return print_help();
        if (option == -2 || !take_option(&order, option))
            return 2;
    }
    const char *app = argc - optind == 1 ? argv[optind] : "";
    if (strcmp(app, "lda") == 0 || strcmp(app, "mf") == 0)
        return cli_usage(generate_name, "%s: not in this version", app);
    if (strcmp(app, "lasso") != 0)
        return cli_usage(generate_name, "for which app? lasso, lda or mf");
    return settle(&order) ? generate_lasso(&order) : 2;
}

int cmd_data(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } commands[] = { { "info", data_info_command },
                     { "convert", data_convert_command },
                     { "generate", data_generate_command } };
    const char *name = argc > 1 ? argv[1] : "";
    opterr = 0;
    optind = 1;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(name, commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return print_help();
    return cli_usage("data", "%s%s%sinfo, convert or generate?", *name ? "unknown \"" : "", name,
                     *name ? "\": " : "");
}

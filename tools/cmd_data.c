/* cmd_data.c - rondo data: look at and convert data files; made.c makes them. */
#include "core/base/log.h"
#include "core/data/data.h"
#include "tools/cli.h"
#include "tools/made.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { OPTION_JSON = 1000, OPTION_BASE, OPTION_RATINGS };

/* Any file as it is. */
static const struct data_options looking = { .index_base = 1, .packed = true, .told = true,
                                             .labels = DATA_LABELS_IF_WHOLE };

static bool index_base(const char *command, const char *text, struct data_options *options)
{
    if (strcmp(text, "0") != 0 && strcmp(text, "1") != 0) {
        cli_usage(command, "--index-base is 0 or 1, not \"%s\"", text);
        return false;
    }
    options->index_base = *text - '0';
    return true;
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
           "\"sparse\":%s,\"packed\":%s,\"mapped\":%s,\"labels\":%s,\"bytes\":%zu",
           data_format_name(info->format), info->compression, (long long)info->rows,
           (long long)info->cols, (long long)info->nnz, info->sparse ? "true" : "false",
           info->packed ? "true" : "false", info->mapped ? "true" : "false",
           info->labels ? "true" : "false", info->bytes);
    if (info->lines)
        printf(",\"lines\":%lld,\"replaced\":%lld,\"header\":%s,\"times\":%s", (long long)info->lines,
               (long long)info->replaced, info->header ? "true" : "false", info->times ? "true" : "false");
    printf("}\n");
}

static void print_ratings(const struct data_info *info)
{
    printf("shape      %lld users, %lld items\n", (long long)info->rows, (long long)info->cols);
    printf("stored     %lld ratings", (long long)info->nnz);
    if (info->replaced)
        printf("; %lld more of the same cells, replaced", (long long)info->replaced);
    printf("\nlines      %s a header, %s times\n", info->header ? "with" : "without", info->times ? "with" : "without");
}

static void print_matrix(const struct data_info *info)
{
    double places = (double)info->rows * (double)info->cols;
    printf("shape      %lld x %lld\n", (long long)info->rows, (long long)info->cols);
    printf("stored     %lld values, %s", (long long)info->nnz,
           info->packed ? "packed" : info->sparse ? "sparse" : "dense");
    if (info->sparse)
        printf(" (%.3g %%)", places > 0 ? 100 * (double)info->nnz / places : 0);
    printf("\nlabels     %s\n", info->labels ? "yes" : "no");
}

static void print_info(const char *path, const struct data_info *info)
{
    bool plain = strcmp(info->compression, "none") == 0;
    printf("file       %s\n", path);
    printf("format     %s%s%s\n", data_format_name(info->format), plain ? "" : ", ",
           plain ? "" : info->compression);
    (info->lines ? print_ratings : print_matrix)(info);
    printf("in memory  %.1f MiB, %s\n", (double)info->bytes / 0x1p20,
           info->mapped || info->format == DATA_RDM ? "mapped where it lies in the file" : "copied");
}

static int data_info_command(int argc, char **argv)
{
    static const struct option known[] = { { "json", no_argument, NULL, OPTION_JSON },
                                           { "index-base", required_argument, NULL, OPTION_BASE },
                                           { "ratings", no_argument, NULL, OPTION_RATINGS },
                                           { "help", no_argument, NULL, MADE_HELP },
                                           { 0 } };
    struct data_options options = looking;
    struct data_info info;
    struct rondo_error err = { 0 };
    bool json = false;
    for (int option; (option = made_option("data info", argc, argv, known)) != -1;) {
        if (option == MADE_HELP)
            return made_help();
        if (option == -2 || (option == OPTION_BASE && !index_base("data info", optarg, &options)))
            return 2;
        json |= option == OPTION_JSON;
        options.ratings |= option == OPTION_RATINGS;
    }
    if (argc - optind != 1)
        return cli_usage("data info", "one FILE is wanted, %d are given", argc - optind);
    if (data_inspect(argv[optind], &options, &info, &err))
        return cli_fail(&err);
    (json ? print_json : print_info)(argv[optind], &info);
    return 0;
}

/* ---- convert ------------------------------------------------------------------------------- */

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
    return made_write(beside, labels, NULL);
}

static void say_remark(void *context, const char *text)
{
    log_line(LOG_WARNING, "%s: %s", (const char *)context, text);
}

/* All of it, as it lies in memory. */
static int save(const char *path, const struct data_set *set)
{
    struct rondo_error err = { 0 };
    size_t length = strlen(path);
    if (strcasecmp(path + length - 4, ".rdm") != 0) { /* .rdm.gz */
        rondo_error_set(&err, RONDO_EINPUT, path, NULL, "a .rdm is mapped as it lies: it is not compressed");
        return cli_fail(&err);
    }
    if (data_save(path, set, &err))
        return cli_fail(&err);
    printf("%s: %lld x %lld, %lld %s\n", path, (long long)set->x.rows, (long long)set->x.cols,
           (long long)set->x.nnz, set->ids ? "ratings" : "values");
    return 0;
}

/* The matrix alone, and the labels where the format bears them or beside it. */
static int write_file(const char *in, const char *out, enum data_format format, const struct data_set *set)
{
    int status = made_write(out, &set->x, set->labels.dense);
    if (!status && set->ids)
        log_line(LOG_WARNING, "%s bears no ids: its rows and columns are users and items as they came in %s", out, in);
    else if (!status && !set->info.labels && format == DATA_SVMLIGHT)
        log_line(LOG_WARNING, "%s bears no labels; each line of %s begins with a 0 instead", in, out);
    if (!status && set->info.labels && format != DATA_SVMLIGHT && format != DATA_BED)
        status = write_labels(out, &set->labels);
    return status;
}

static int data_convert_command(int argc, char **argv)
{
    static const struct option known[] = { { "index-base", required_argument, NULL, OPTION_BASE },
                                           { "ratings", no_argument, NULL, OPTION_RATINGS },
                                           { "help", no_argument, NULL, MADE_HELP },
                                           { 0 } };
    struct data_options options = looking;
    struct data_set *set;
    struct rondo_error err = { 0 };
    for (int option; (option = made_option("data convert", argc, argv, known)) != -1;) {
        if (option == MADE_HELP)
            return made_help();
        options.ratings |= option == OPTION_RATINGS;
        if (option == -2 || (option == OPTION_BASE && !index_base("data convert", optarg, &options)))
            return 2;
    }
    if (argc - optind != 2)
        return cli_usage("data convert", "IN and OUT are wanted, %d files are given",
                         argc - optind);
    const char *in = argv[optind], *out = argv[optind + 1];
    if (data_load(in, &options, &set, &err))
        return cli_fail(&err);
    enum data_format format = data_format_by_name(out);
    int status = format == DATA_RDM ? save(out, set) : write_file(in, out, format, set);
    if (!status && (set->info.format == DATA_DOCWORD || set->ids) && data_remarks(set, say_remark, argv[optind], &err))
        status = cli_fail(&err);
    if (!status && data_intact(set, in, &err)) {
        unlink(out);
        status = cli_fail(&err);
    }
    data_free(set);
    return status;
}

int cmd_data(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } commands[] = { { "info", data_info_command },
                     { "convert", data_convert_command },
                     { "generate", made_command } };
    const char *name = argc > 1 ? argv[1] : "";
    opterr = 0;
    optind = 1;
    cli_writes();
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(name, commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return made_help();
    return cli_usage("data", "%s%s%sinfo, convert or generate?", *name ? "unknown \"" : "", name,
                     *name ? "\": " : "");
}

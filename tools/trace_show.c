/* trace_show.c - `rondo trace summary` and the listings: for people and for programs. */
#include "core/trace/listing.h"
#include "core/trace/reader.h"
#include "core/trace/views.h"
#include "tools/cli.h"
#include "tools/trace_commands.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- summary ------------------------------------------------------------------------------- */

struct summary_row {
    struct reader_summary sum;
    bool whole; /* of all rounds */
    double plan_ratio, push_ratio, commit_ratio, couple_ratio; /* of the first three together: rounds may overlap */
};

#define AT(member) offsetof(struct summary_row, member)
static const struct listing_column summary_columns[] = {
    { "rounds", NULL, LISTING_INT64, 0, AT(sum.rounds) },
    { "first_round", NULL, LISTING_INT64, 0, AT(sum.first_round) },
    { "last_round", NULL, LISTING_INT64, 0, AT(sum.last_round) },
    { "updates", NULL, LISTING_INT64, 0, AT(sum.updates) },
    { "wanted", NULL, LISTING_INT64, 0, AT(sum.wanted) },
    { "drawn", NULL, LISTING_INT64, 0, AT(sum.drawn) },
    { "refused", NULL, LISTING_INT64, 0, AT(sum.refused) },
    { "fill_ratio", NULL, LISTING_PERCENT, 0, AT(sum.fill_ratio) },
    { "pairs_needed", NULL, LISTING_INT64, 0, AT(sum.pairs_needed) },
    { "pairs_computed", NULL, LISTING_INT64, 0, AT(sum.pairs_computed) },
    { "coupled_pairs", NULL, LISTING_INT64, 0, AT(sum.coupled_pairs) },
    { "hit_ratio", NULL, LISTING_PERCENT, 0, AT(sum.hit_ratio) },
    { "imbalance_mean", NULL, LISTING_TIMES, 0, AT(sum.imbalance_mean) },
    { "imbalance_max", NULL, LISTING_TIMES, 0, AT(sum.imbalance_max) },
    { "plan_ns", NULL, LISTING_NS, 0, AT(sum.plan_ns) },
    { "push_ns", NULL, LISTING_NS, 0, AT(sum.push_ns) },
    { "commit_ns", NULL, LISTING_NS, 0, AT(sum.commit_ns) },
    { "couple_ns", NULL, LISTING_NS, 0, AT(sum.couple_ns) },
    { "elapsed_ns", NULL, LISTING_NS, 0, AT(sum.elapsed_ns) },
    { "plan_ratio", NULL, LISTING_PERCENT, 0, AT(plan_ratio) },
    { "push_ratio", NULL, LISTING_PERCENT, 0, AT(push_ratio) },
    { "commit_ratio", NULL, LISTING_PERCENT, 0, AT(commit_ratio) },
    { "couple_ratio", NULL, LISTING_PERCENT, 0, AT(couple_ratio) },
    { "objective_first", NULL, LISTING_REAL, 0, AT(sum.objective_first) },
    { "objective_last", NULL, LISTING_REAL, 0, AT(sum.objective_last) },
    { 0 },
};
#undef AT

static const struct listing_column lambda_columns[] = { { "lambda_ns", NULL, LISTING_REAL, 0, 0 }, { 0 } };

/* 1234567 as "1,234,567". */
struct grouped {
    char text[32];
};

static struct grouped grouped(int64_t value)
{
    struct grouped out;
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" PRId64, value);
    size_t used = 0;
    for (int i = 0; i < length; i++) {
        out.text[used++] = digits[i];
        if (digits[i] != '-' && i + 1 < length && (length - i - 1) % 3 == 0)
            out.text[used++] = ',';
    }
    out.text[used] = 0;
    return out;
}

/* A path's own counts, as the job told them at its end: 0 where it has none, or has not ended. */
struct known {
    int64_t lambdas, folds, fold_lambdas;
};

/* Whether it is one of these. */
static bool learn(struct known *known, const char *key, const char *value)
{
    const struct {
        const char *key;
        int64_t *to;
    } counts[] = { { "lambdas", &known->lambdas }, { "folds", &known->folds },
                   { "fold_lambdas", &known->fold_lambdas } };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (strcmp(key, counts[i].key) == 0) {
            *counts[i].to = strtoll(value, NULL, 10);
            return true;
        }
    return false;
}

static double lambda_ns(const struct summary_row *row, const struct known *known)
{
    int64_t all = row->whole ? known->lambdas + known->fold_lambdas : 0;
    return views_ratio((double)row->sum.elapsed_ns, (double)all);
}

/* A list inside the summary: JSON members, or words for people. */
struct members {
    bool json;
    int64_t count;
    struct known *known; /* of meta; else NULL */
};

static int each_count(void *context, const char *word, int64_t rounds)
{
    struct members *members = context;
    const char *gap = members->count++ ? (members->json ? "," : ", ") : "";
    char plain[64];
    listing_plain_text(plain, sizeof plain, word);
    if (!members->json)
        return printf("%s%s %s", gap, grouped(rounds).text, plain) < 0 ? RONDO_EIO : RONDO_OK;
    fputs(gap, stdout);
    listing_json_text(stdout, word);
    return printf(":%" PRId64, rounds) < 0 ? RONDO_EIO : RONDO_OK;
}

static int each_meta(void *context, const char *key, const char *value)
{
    struct members *members = context;
    char name[32], plain[160];
    bool later = learn(members->known, key, value);
    if (later && !members->json)
        return RONDO_OK; /* the line of lambdas says it */
    listing_plain_text(name, sizeof name, key);
    listing_plain_text(plain, sizeof plain, value);
    if (!members->json)
        return printf("%-10s  %s\n", name, plain) < 0 ? RONDO_EIO : RONDO_OK;
    fputs(members->count++ ? "," : "", stdout);
    listing_json_text(stdout, key);
    putchar(':');
    listing_json_text(stdout, value);
    return RONDO_OK;
}

static int json_summary(struct trace_reader *reader, struct reader_window window,
                        const struct summary_row *row, struct rondo_error *err)
{
    struct known known = { 0 };
    struct members kinds = { .json = true }, notes = kinds, meta = { .json = true, .known = &known };
    putchar('{');
    listing_json_members(stdout, summary_columns, row);
    fputs(",\"kinds\":{", stdout);
    int code = reader_kinds(reader, window, each_count, &kinds, err);
    fputs("},\"notes\":{", stdout);
    if (!code)
        code = reader_notes(reader, window, each_count, &notes, err);
    fputs("},\"meta\":{", stdout);
    if (!code)
        code = reader_meta(reader, each_meta, &meta, err);
    fputs("},", stdout);
    const double each_ns = lambda_ns(row, &known);
    listing_json_members(stdout, lambda_columns, &each_ns);
    fputs("}\n", stdout);
    return code;
}

/* A number, or "-" where there is none; LISTING_PERCENT without its sign. */
static struct grouped shown(enum listing_cell cell, double value)
{
    struct grouped out;
    listing_plain_real(out.text, sizeof out.text, cell, value);
    return out;
}

static void plain_lambdas(const struct summary_row *row, const struct known *known)
{
    if (known->lambdas < 2 && known->folds == 0)
        return;
    printf("lambdas     %s", grouped(known->lambdas).text);
    if (known->folds)
        printf(" of all data and %s of %s folds, solved side by side", grouped(known->fold_lambdas).text,
               grouped(known->folds).text);
    if (row->whole)
        printf(": %.3f ms each", lambda_ns(row, known) / 1e6);
    putchar('\n');
}

static void plain_sums(const struct summary_row *row, const struct known *known)
{
    const struct reader_summary *sum = &row->sum;
    if (sum->wanted > 0) { /* else nothing was sampled, as in a cross-validation */
        printf("updates     %s of %s wanted (%s %%)\n", grouped(sum->updates).text,
               grouped(sum->wanted).text, shown(LISTING_PERCENT, sum->fill_ratio).text);
        printf("refused     %s of %s drawn\n", grouped(sum->refused).text, grouped(sum->drawn).text);
        if (sum->pairs_needed > 0)
            printf("pairs       %s needed, %s computed (%s %% were known)\n",
                   grouped(sum->pairs_needed).text, grouped(sum->pairs_computed).text,
                   shown(LISTING_PERCENT, sum->hit_ratio).text);
        else /* whole rounds ask for those of a block, and for no check */
            printf("pairs       %s computed\n", grouped(sum->pairs_computed).text);
    }
    if (sum->imbalance_max > 0)
        printf("imbalance   %s in the mean, %s at most (dearest block / mean block)\n",
               shown(LISTING_TIMES, sum->imbalance_mean).text,
               shown(LISTING_TIMES, sum->imbalance_max).text);
    printf("time        %.3f s: plan %s %%, push %s %%, commit %s %%; couplings take %s %%\n",
           (double)sum->elapsed_ns / 1e9, shown(LISTING_PERCENT, row->plan_ratio).text,
           shown(LISTING_PERCENT, row->push_ratio).text,
           shown(LISTING_PERCENT, row->commit_ratio).text,
           shown(LISTING_PERCENT, row->couple_ratio).text);
    plain_lambdas(row, known);
    printf("objective   %s at first, %s at last\n", shown(LISTING_REAL, sum->objective_first).text,
           shown(LISTING_REAL, sum->objective_last).text);
}

static int plain_summary(struct trace_reader *reader, struct reader_window window,
                         const struct summary_row *row, struct rondo_error *err)
{
    struct known known = { 0 };
    struct members meta = { .known = &known }, kinds = { 0 }, notes = { 0 };
    int code = reader_meta(reader, each_meta, &meta, err);
    if (row->sum.rounds == 0) {
        puts("rounds      none");
        return code;
    }
    printf("rounds      %s (%" PRId64 " to %" PRId64 "): ", grouped(row->sum.rounds).text,
           row->sum.first_round, row->sum.last_round);
    if (!code)
        code = reader_kinds(reader, window, each_count, &kinds, err);
    puts(known.folds ? ", each with what all data and every fold ask for" : "");
    plain_sums(row, &known);
    fputs("notes       ", stdout);
    if (!code)
        code = reader_notes(reader, window, each_count, &notes, err);
    puts(notes.count ? "" : "none");
    return code;
}

static int show_summary(struct trace_reader *reader, struct reader_window window, bool whole, bool json,
                        struct rondo_error *err)
{
    struct summary_row row = { .whole = whole };
    int code = reader_summary(reader, window, &row.sum, err);
    if (code)
        return code;
    double plan = (double)row.sum.plan_ns, push = (double)row.sum.push_ns;
    double commit = (double)row.sum.commit_ns, all = plan + push + commit;
    row.plan_ratio = views_ratio(plan, all);
    row.push_ratio = views_ratio(push, all);
    row.commit_ratio = views_ratio(commit, all);
    row.couple_ratio = views_ratio((double)row.sum.couple_ns, all);
    return json ? json_summary(reader, window, &row, err)
                : plain_summary(reader, window, &row, err);
}

/* ---- the command --------------------------------------------------------------------------- */

struct request {
    const char *view, *path;
    bool json;
    int64_t first, last; /* 0: not asked for */
};

static int show(const struct request *request, struct rondo_error *err)
{
    struct trace_reader *reader = NULL;
    struct reader_window window;
    int code = reader_open(request->path, &reader, err);
    if (!code && request->last)
        code = reader_last(reader, request->last, &window, err);
    else if (!code)
        code = reader_first(reader, request->first, &window, err);
    if (!code)
        code = strcmp(request->view, "summary") == 0
                   ? show_summary(reader, window, !request->first && !request->last, request->json, err)
                   : views_list(reader, request->view, window, request->json, stdout, err);
    reader_close(reader);
    if (fflush(stdout) != 0 || ferror(stdout))
        return rondo_error_set(err, RONDO_EIO, "standard output", NULL, "cannot write: %s",
                               strerror(errno));
    return code;
}

/* `--first N` or `--first=N`: 1 and *count, with *at on its last word; 0: another option; -1: its
 * number is missing or wrong. */
static int take_count(char **argv, int argc, int *at, const char *name, int64_t *count)
{
    size_t length = strlen(name);
    const char *text = NULL;
    if (strncmp(argv[*at], name, length) != 0)
        return 0;
    if (argv[*at][length] == '=')
        text = argv[*at] + length + 1;
    else if (argv[*at][length] != 0)
        return 0;
    else if (*at + 1 < argc)
        text = argv[++*at];
    char *end = NULL;
    errno = 0;
    long long value = text ? strtoll(text, &end, 10) : 0;
    *count = value;
    return text && *text && !*end && errno == 0 && value > 0 ? 1 : -1;
}

/* 0, or the exit status of what was said about the arguments. */
static int parse(int argc, char **argv, struct request *request)
{
    bool only_words = false;
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (only_words || word[0] != '-') {
            if (request->path)
                return cli_usage("trace", "one trace at a time, not \"%s\" too", word);
            request->path = word;
        } else if (strcmp(word, "--") == 0) {
            only_words = true;
        } else if (strcmp(word, "--json") == 0) {
            request->json = true;
        } else {
            int taken = take_count(argv, argc, &i, "--first", &request->first);
            if (!taken)
                taken = take_count(argv, argc, &i, "--last", &request->last);
            if (taken < 0)
                return cli_usage("trace", "%s wants a number of rounds, 1 or more", word);
            if (!taken)
                return cli_usage("trace", "there is no option %s", word);
        }
    }
    if (request->first && request->last)
        return cli_usage("trace", "give --first or --last, not both");
    return request->path ? 0 : cli_usage("trace", "name a trace, or the output directory of a job");
}

int trace_show(int argc, char **argv)
{
    struct rondo_error err = { 0 };
    struct request request = { .view = argv[0] };
    int status = parse(argc, argv, &request);
    if (status)
        return status;
    if (strcmp(request.view, "summary") != 0 && !views_known(request.view)) {
        rondo_error_set(&err, RONDO_EINPUT, "trace", NULL, "%s: not in this version", request.view);
        return cli_fail(&err);
    }
    return show(&request, &err) ? cli_fail(&err) : 0;
}

/* trace_summary.c - `rondo trace summary`: a run in a screen. */
#include "core/trace/listing.h"
#include "core/trace/views.h"
#include "tools/trace_commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what the trace says of itself ---------------------------------------------------------------------- */

/* meta: "NAME: value"; a path's own counts are 0 where it has none, or has not ended. */
struct known {
    int64_t lambdas, folds, fold_lambdas, dropped;
};

struct summary_row {
    struct reader_summary sum;
    struct known known;
    const char *standing;
    bool whole;                /* of all rounds */
    bool complete;             /* nothing is missing, and nothing more will come */
    int64_t missing;           /* rounds that are not there between those that are, or before them */
    double plan_ratio, push_ratio, commit_ratio;           /* of the three together: rounds may overlap */
    double run_ratio, pull_ratio, network_ratio, couple_ratio; /* likewise */
    double lambda_ns;          /* for each lambda of a path */
};

#define AT(member) offsetof(struct summary_row, member)
static const struct listing_column columns[] = {
    { "rounds", NULL, LISTING_INT64, 0, AT(sum.rounds) },
    { "first_round", NULL, LISTING_INT64, 0, AT(sum.first_round) },
    { "last_round", NULL, LISTING_INT64, 0, AT(sum.last_round) },
    { "state", NULL, LISTING_TEXT, 0, AT(standing) },
    { "complete", NULL, LISTING_FLAG, 0, AT(complete) },
    { "dropped", NULL, LISTING_INT64, 0, AT(known.dropped) },
    { "missing", NULL, LISTING_INT64, 0, AT(missing) },
    { "updates", NULL, LISTING_INT64, 0, AT(sum.updates) },
    { "wanted", NULL, LISTING_INT64, 0, AT(sum.wanted) },
    { "drawn", NULL, LISTING_INT64, 0, AT(sum.drawn) },
    { "refused", NULL, LISTING_INT64, 0, AT(sum.refused) },
    { "taken", NULL, LISTING_INT64, 0, AT(sum.taken) },
    { "joined", NULL, LISTING_INT64, 0, AT(sum.joined) },
    { "fill_ratio", NULL, LISTING_PERCENT, 0, AT(sum.fill_ratio) },
    { "staleness_max", NULL, LISTING_INT64, 0, AT(sum.staleness_max) },
    { "pairs_needed", NULL, LISTING_INT64, 0, AT(sum.pairs_needed) },
    { "pairs_computed", NULL, LISTING_INT64, 0, AT(sum.pairs_computed) },
    { "coupled_pairs", NULL, LISTING_INT64, 0, AT(sum.coupled_pairs) },
    { "hit_ratio", NULL, LISTING_PERCENT, 0, AT(sum.hit_ratio) },
    { "imbalance_mean", NULL, LISTING_TIMES, 0, AT(sum.imbalance_mean) },
    { "imbalance_max", NULL, LISTING_TIMES, 0, AT(sum.imbalance_max) },
    { "plan_ns", NULL, LISTING_NS, 0, AT(sum.plan_ns) },
    { "push_ns", NULL, LISTING_NS, 0, AT(sum.push_ns) },
    { "run_ns", NULL, LISTING_NS, 0, AT(sum.run_ns) },
    { "pull_ns", NULL, LISTING_NS, 0, AT(sum.pull_ns) },
    { "network_ns", NULL, LISTING_NS, 0, AT(sum.network_ns) },
    { "commit_ns", NULL, LISTING_NS, 0, AT(sum.commit_ns) },
    { "couple_ns", NULL, LISTING_NS, 0, AT(sum.couple_ns) },
    { "elapsed_ns", NULL, LISTING_NS, 0, AT(sum.elapsed_ns) },
    { "plan_ratio", NULL, LISTING_PERCENT, 0, AT(plan_ratio) },
    { "push_ratio", NULL, LISTING_PERCENT, 0, AT(push_ratio) },
    { "run_ratio", NULL, LISTING_PERCENT, 0, AT(run_ratio) },
    { "pull_ratio", NULL, LISTING_PERCENT, 0, AT(pull_ratio) },
    { "network_ratio", NULL, LISTING_PERCENT, 0, AT(network_ratio) },
    { "commit_ratio", NULL, LISTING_PERCENT, 0, AT(commit_ratio) },
    { "couple_ratio", NULL, LISTING_PERCENT, 0, AT(couple_ratio) },
    { "objective_first", NULL, LISTING_REAL, 0, AT(sum.objective_first) },
    { "objective_last", NULL, LISTING_REAL, 0, AT(sum.objective_last) },
    { "lambda_ns", NULL, LISTING_REAL, 0, AT(lambda_ns) },
    { 0 },
};
#undef AT

static int learn(void *context, const char *key, const char *value)
{
    struct known *known = context;
    const struct {
        const char *key;
        int64_t *to;
    } counts[] = { { "lambdas", &known->lambdas }, { "folds", &known->folds },
                   { "fold_lambdas", &known->fold_lambdas }, { "dropped", &known->dropped } };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (strcmp(key, counts[i].key) == 0)
            *counts[i].to = strtoll(value, NULL, 10);
    return RONDO_OK;
}

/* Keys that lines of their own show, or that say nothing to people. */
static bool is_quiet(const char *key)
{
    static const char *const keys[] = { "lambdas", "folds", "fold_lambdas", "dropped", "state", "rounds", "updates",
                                        "job", "spec", "spec_dir", "version", "variables", "pipeline", "isa",
                                        "data" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(key, keys[i]) == 0)
            return true;
    return false;
}

static void rate(struct summary_row *row)
{
    const struct reader_summary *sum = &row->sum;
    double all = (double)sum->plan_ns + (double)sum->push_ns + (double)sum->commit_ns;
    row->plan_ratio = views_ratio((double)sum->plan_ns, all);
    row->push_ratio = views_ratio((double)sum->push_ns, all);
    row->commit_ratio = views_ratio((double)sum->commit_ns, all);
    row->run_ratio = views_ratio((double)sum->run_ns, all);
    row->pull_ratio = views_ratio((double)sum->pull_ns, all);
    row->network_ratio = views_ratio((double)sum->network_ns, all);
    row->couple_ratio = views_ratio((double)sum->couple_ns, all);
    row->lambda_ns = views_ratio((double)sum->elapsed_ns,
                                 row->whole ? (double)row->known.lambdas + (double)row->known.fold_lambdas : 0);
    if (sum->rounds > 0)
        row->missing = sum->last_round - (row->whole ? 1 : sum->first_round) + 1 - sum->rounds;
    row->complete = row->missing == 0 && row->known.dropped == 0 && strcmp(row->standing, "ended") == 0;
}

/* ---- for programs ------------------------------------------------------------------------------------------ */

static void json_words(const char *name, const struct reader_word *word, int count)
{
    printf(",\"%s\":{", name);
    for (int i = 0; i < count; i++) {
        fputs(i ? "," : "", stdout);
        listing_json_text(stdout, word[i].word);
        printf(":%" PRId64, word[i].rounds);
    }
    putchar('}');
}

static int json_meta(void *context, const char *key, const char *value)
{
    int *members = context;
    fputs((*members)++ ? "," : "", stdout);
    listing_json_text(stdout, key);
    putchar(':');
    listing_json_text(stdout, value);
    return RONDO_OK;
}

static int json_summary(struct trace_reader *reader, const struct summary_row *row, struct rondo_error *err)
{
    int members = 0;
    putchar('{');
    listing_json_members(stdout, columns, row);
    json_words("kinds", row->sum.kind, row->sum.kinds);
    json_words("notes", row->sum.note, row->sum.notes);
    fputs(",\"meta\":{", stdout);
    int code = reader_meta(reader, json_meta, &members, err);
    fputs("}}\n", stdout);
    return code;
}

/* ---- for people -------------------------------------------------------------------------------------------- */

static struct listing_word percent(double ratio)
{
    return listing_shown(LISTING_PERCENT, ratio);
}

static void plain_words(const struct reader_word *word, int count)
{
    char plain[64];
    for (int i = 0; i < count; i++) {
        listing_plain_text(plain, sizeof plain, word[i].word);
        printf("%s%s %s", i ? ", " : "", listing_grouped(word[i].rounds).text, plain);
    }
}

static int plain_meta(void *context, const char *key, const char *value)
{
    char name[32], plain[160];
    (void)context;
    if (is_quiet(key))
        return RONDO_OK;
    listing_plain_text(name, sizeof name, key);
    listing_plain_text(plain, sizeof plain, value);
    return printf("%-10s  %s\n", name, plain) < 0 ? RONDO_EIO : RONDO_OK;
}

static void plain_standing(const struct summary_row *row)
{
    if (strcmp(row->standing, "running") == 0)
        puts("incomplete  the job is running: what it has committed so far");
    if (strcmp(row->standing, "killed") == 0)
        puts("incomplete  the job was killed, or lives on another machine: what it had committed");
    if (row->known.dropped)
        printf("incomplete  %s rounds were dropped: they came faster than they could be written\n",
               listing_grouped(row->known.dropped).text);
    if (row->missing > row->known.dropped)
        printf("incomplete  %s rounds are missing between those that are there, or before\n",
               listing_grouped(row->missing - row->known.dropped).text);
}

static void plain_lambdas(const struct summary_row *row)
{
    const struct known *known = &row->known;
    if (known->lambdas < 2 && known->folds == 0)
        return;
    printf("lambdas     %s", listing_grouped(known->lambdas).text);
    if (known->folds)
        printf(" of all data and %s of %s folds, solved side by side", listing_grouped(known->fold_lambdas).text,
               listing_grouped(known->folds).text);
    if (row->whole)
        printf(": %.3f ms each", row->lambda_ns / 1e6);
    putchar('\n');
}

static void plain_sampling(const struct reader_summary *sum)
{
    if (sum->wanted > 0) { /* else nothing was sampled, as in a cross-validation */
        printf("taken       %s of %s wanted (%s %%)\n", listing_grouped(sum->taken).text,
               listing_grouped(sum->wanted).text, percent(sum->fill_ratio).text);
        printf("refused     %s of %s drawn, for a coupling\n", listing_grouped(sum->refused).text,
               listing_grouped(sum->drawn).text);
        printf("joined      %s into another's block, for a coupling\n", listing_grouped(sum->joined).text);
    }
    if (sum->wanted > 0 && sum->pairs_needed > 0)
        printf("pairs       %s needed, %s computed (%s %% were known)\n", listing_grouped(sum->pairs_needed).text,
               listing_grouped(sum->pairs_computed).text, percent(sum->hit_ratio).text);
    else if (sum->wanted > 0) /* whole rounds ask for those of a block, and for no check */
        printf("pairs       %s computed\n", listing_grouped(sum->pairs_computed).text);
    if (sum->imbalance_max > 0)
        printf("imbalance   %s in the mean, %s at most (dearest block / mean block)\n",
               listing_shown(LISTING_TIMES, sum->imbalance_mean).text,
               listing_shown(LISTING_TIMES, sum->imbalance_max).text);
    if (sum->staleness_max > 0)
        printf("staleness   planned up to %s commits behind the state\n", listing_grouped(sum->staleness_max).text);
}

static void plain_times(const struct summary_row *row)
{
    const struct reader_summary *sum = &row->sum;
    const double seconds = (double)sum->elapsed_ns / 1e9;
    printf("time        %.*f s: plan %s %%, push %s %%, commit %s %%; couplings %s %%\n",
           seconds < 999.9 ? 3 : seconds < 99999 ? 1 : 0, seconds, percent(row->plan_ratio).text, percent(row->push_ratio).text,
           percent(row->commit_ratio).text, percent(row->couple_ratio).text);
    if (sum->run_ns + sum->pull_ns > 0)
        printf("push        %s %%: computing %s %%, pulling %s %%, travel and waiting %s %%\n",
               percent(row->push_ratio).text, percent(row->run_ratio).text, percent(row->pull_ratio).text, percent(row->network_ratio).text);
}

static int plain_summary(struct trace_reader *reader, const struct summary_row *row, struct rondo_error *err)
{
    const struct reader_summary *sum = &row->sum;
    int code = reader_meta(reader, plain_meta, NULL, err);
    plain_standing(row);
    if (sum->rounds == 0) {
        puts("rounds      none");
        return code;
    }
    printf("rounds      %s (%" PRId64 " to %" PRId64 "): ", listing_grouped(sum->rounds).text, sum->first_round,
           sum->last_round);
    plain_words(sum->kind, sum->kinds);
    puts(row->known.folds ? ", each with what all data and every fold ask for" : "");
    printf("updates     %s\n", listing_grouped(sum->updates).text);
    plain_sampling(sum);
    plain_times(row);
    plain_lambdas(row);
    printf("objective   %s at first, %s at last\n", listing_shown(LISTING_REAL, sum->objective_first).text,
           listing_shown(LISTING_REAL, sum->objective_last).text);
    fputs("notes       ", stdout);
    plain_words(sum->note, sum->notes);
    puts(sum->notes ? "" : "none");
    return code;
}

int trace_summary(struct trace_reader *reader, struct reader_window window, bool whole, bool json,
                  struct rondo_error *err)
{
    struct summary_row row = { .whole = whole };
    int code = reader_summary(reader, window, &row.sum, err);
    if (!code)
        code = reader_meta(reader, learn, &row.known, err);
    if (!code)
        code = reader_standing(reader, &row.standing, err);
    if (code)
        return code;
    rate(&row);
    return json ? json_summary(reader, &row, err) : plain_summary(reader, &row, err);
}

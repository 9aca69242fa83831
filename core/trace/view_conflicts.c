/* view_conflicts.c - which variables stood in each other's way, and how strongly. */
#include "core/trace/clash.h"
#include "core/trace/view.h"
#include "core/trace/views.h"

#include <inttypes.h>

struct conflict_row {
    int64_t round;
    struct trace_conflict in;
    const char *fate;
};

#define AT(member) offsetof(struct conflict_row, member)
static const struct listing_column conflict_columns[] = {
    { "round", "round", LISTING_INT64, 8, AT(round) },
    { "candidate", "candidate", LISTING_INT64, 10, AT(in.candidate) },
    { "other", "other", LISTING_INT64, 10, AT(in.other) },
    { "coupling", "coupling", LISTING_REAL, 12, AT(in.coupling) },
    { "other_round", "other's round", LISTING_INT64, 13, AT(in.other_round) },
    { "joined", NULL, LISTING_FLAG, 0, AT(in.joined) },
    { "", "and was", LISTING_TEXT, -7, AT(fate) },
    { 0 },
};
#undef AT

#define AT(member) offsetof(struct clash_pair, member)
static const struct listing_column pair_columns[] = {
    { "variable", "variable", LISTING_INT64, 10, AT(variable) },
    { "other", "other", LISTING_INT64, 10, AT(other) },
    { "times", "times", LISTING_INT64, 8, AT(times) },
    { "joined", "joined", LISTING_INT64, 8, AT(joined) },
    { "coupling", "coupling", LISTING_REAL, 12, AT(coupling) },
    { 0 },
};
#undef AT

struct totals_row {
    const struct clash *clash;
    int64_t conflicts, refused, joined;
    struct reader_summary sum;
};

#define AT(member) offsetof(struct totals_row, member)
static const struct listing_column totals_columns[] = {
    { "conflicts", NULL, LISTING_INT64, 0, AT(conflicts) },
    { "conflicts_refused", NULL, LISTING_INT64, 0, AT(refused) },
    { "conflicts_joined", NULL, LISTING_INT64, 0, AT(joined) },
    { "drawn", NULL, LISTING_INT64, 0, AT(sum.drawn) },
    { "refused", NULL, LISTING_INT64, 0, AT(sum.refused) },
    { "joined", NULL, LISTING_INT64, 0, AT(sum.joined) },
    { "pairs_needed", NULL, LISTING_INT64, 0, AT(sum.pairs_needed) },
    { "pairs_computed", NULL, LISTING_INT64, 0, AT(sum.pairs_computed) },
    { "hit_ratio", NULL, LISTING_PERCENT, 0, AT(sum.hit_ratio) },
    { 0 },
};
#undef AT

struct conflicts_view {
    struct listing rows;
    struct clash clash;
};

static int each_conflict(void *context, int64_t round, const struct trace_conflict *conflict)
{
    struct conflicts_view *conflicts = context;
    struct conflict_row row = { .round = round, .in = *conflict, .fate = conflict->joined ? "joined" : "refused" };
    int code = clash_add(&conflicts->clash, conflict);
    return code ? code : listing_row(&conflicts->rows, &row);
}

static int list_pairs(struct view *view, const struct clash *clash)
{
    struct listing pairs = view_listing(view, "pairs", pair_columns);
    int code = RONDO_OK;
    for (int i = 0; i < clash->count && !code; i++)
        code = listing_row(&pairs, &clash->most[i]);
    listing_end(&pairs);
    return code;
}

/* ---- for programs ----------------------------------------------------------------------------------------- */

static int json_totals(struct view *view, const struct totals_row *row)
{
    double edge[CLASH_BINS + 1];
    for (int i = 0; i <= CLASH_BINS; i++)
        edge[i] = (double)i / CLASH_BINS;
    view_object(view, "totals", totals_columns, row);
    fputs(",\n\"histogram\":{\"edges\":", view->out);
    listing_json_reals(view->out, edge, CLASH_BINS + 1);
    fputs(",\"refused\":", view->out);
    listing_json_counts(view->out, row->clash->bin_refused, CLASH_BINS);
    fputs(",\"joined\":", view->out);
    listing_json_counts(view->out, row->clash->bin_joined, CLASH_BINS);
    fputs("},\n", view->out);
    return list_pairs(view, row->clash);
}

/* ---- for people ------------------------------------------------------------------------------------------- */

static int64_t bin_count(const struct clash *clash, int bin)
{
    return clash->bin_refused[bin] + clash->bin_joined[bin];
}

/* From the first bin that has any to the last, a bar for each. */
static void plain_histogram(FILE *out, const struct clash *clash)
{
    enum { BAR = 40 };
    static const char bar[BAR + 1] = "########################################";
    int first = 0, last = CLASH_BINS - 1;
    int64_t highest = 0;
    while (first < CLASH_BINS && bin_count(clash, first) == 0)
        first++;
    while (last > first && bin_count(clash, last) == 0)
        last--;
    for (int i = first; i <= last; i++)
        highest = bin_count(clash, i) > highest ? bin_count(clash, i) : highest;
    if (highest == 0)
        return;
    fputs("\n|coupling|     refused    joined\n", out);
    for (int i = first; i <= last; i++)
        fprintf(out, "%.2f to %.2f %10" PRId64 "%10" PRId64 "  %.*s\n", (double)i / CLASH_BINS,
                (double)(i + 1) / CLASH_BINS, clash->bin_refused[i], clash->bin_joined[i],
                (int)((double)bin_count(clash, i) / (double)highest * BAR + 0.5), bar);
}

static int plain_totals(struct view *view, const struct totals_row *row)
{
    FILE *out = view->out;
    int code = RONDO_OK;
    fprintf(out, "\nrefused     %s of %s candidates, by %s couplings\n", listing_grouped(row->sum.refused).text,
            listing_grouped(row->sum.drawn).text, listing_grouped(row->refused).text);
    fprintf(out, "joined      %s candidates, by %s couplings: into the other's block\n",
            listing_grouped(row->sum.joined).text, listing_grouped(row->joined).text);
    fprintf(out, "couplings   %s looked at, %s computed", listing_grouped(row->sum.pairs_needed).text,
            listing_grouped(row->sum.pairs_computed).text);
    if (row->sum.pairs_needed > 0) /* else there is nothing that could have been in the cache */
        fprintf(out, ": %s %% were in the cache", listing_shown(LISTING_PERCENT, row->sum.hit_ratio).text);
    putc('\n', out);
    plain_histogram(out, row->clash);
    if (row->clash->count) {
        fputs("\nthe pairs that met most often\n", out);
        code = list_pairs(view, row->clash);
    }
    return code;
}

int view_conflicts(struct view *view, struct rondo_error *err)
{
    struct conflicts_view conflicts = { .rows = view_listing(view, "conflicts", conflict_columns) };
    struct totals_row row = { .clash = &conflicts.clash };
    int code = reader_conflicts(view->reader, view->window, each_conflict, &conflicts, err);
    if (code == RONDO_ENOMEM && err && !err->code)
        rondo_error_set(err, code, reader_path(view->reader), NULL, "out of memory");
    if (!code)
        code = reader_summary(view->reader, view->window, &row.sum, err);
    if (!code) {
        listing_end(&conflicts.rows);
        clash_end(&conflicts.clash);
        row.refused = conflicts.clash.refused;
        row.joined = conflicts.clash.joined;
        row.conflicts = row.refused + row.joined;
        code = view->json ? json_totals(view, &row) : plain_totals(view, &row);
    }
    clash_fini(&conflicts.clash);
    return code;
}

#include "core/trace/views.h"

#include "core/trace/query.h"
#include "core/trace/view.h"

#include <assert.h>
#include <math.h>
#include <string.h>

double views_ratio(double part, double all)
{
    return all > 0 ? part / all : (double)NAN;
}

struct listing view_listing(const struct view *view, const char *name, const struct listing_column *columns)
{
    return (struct listing){ .out = view->out, .name = name, .json = view->json, .columns = columns };
}

void view_object(const struct view *view, const char *name, const struct listing_column *columns, const void *row)
{
    fprintf(view->out, ",\n\"%s\":{", name);
    listing_json_members(view->out, columns, row);
    putc('}', view->out);
}

/* ---- rounds ------------------------------------------------------------------------------------------------ */

struct round_row {
    struct trace_round round;
    double fill_ratio, imbalance_ratio, hit_ratio, objective_before;
    int64_t total_ns;
    int64_t refused, joined; /* for people: -1 where nothing is drawn */
};

#define AT(member) offsetof(struct round_row, member)
static const struct listing_column round_columns[] = {
    { "round", "round", LISTING_INT64, 7, AT(round.round) },
    { "kind", "kind", LISTING_TEXT, -7, AT(round.kind) },
    { "phases", NULL, LISTING_INT32, 0, AT(round.phases) },
    { "blocks", NULL, LISTING_INT32, 0, AT(round.blocks) },
    { "staleness", NULL, LISTING_INT32, 0, AT(round.staleness) },
    { "wanted", NULL, LISTING_INT64, 0, AT(round.wanted) },
    { "drawn", NULL, LISTING_INT64, 0, AT(round.drawn) },
    { "refused", NULL, LISTING_INT64, 0, AT(round.refused) },
    { "", "refused", LISTING_COUNT, 7, AT(refused) },
    { "taken", NULL, LISTING_INT64, 0, AT(round.taken) },
    { "joined", NULL, LISTING_INT64, 0, AT(round.joined) },
    { "", "joined", LISTING_COUNT, 6, AT(joined) },
    { "updates", "updates", LISTING_INT64, 9, AT(round.updates) },
    { "fill_ratio", NULL, LISTING_PERCENT, 0, AT(fill_ratio) },
    { "imbalance_ratio", NULL, LISTING_TIMES, 0, AT(imbalance_ratio) },
    { "objective_before", NULL, LISTING_REAL, 0, AT(objective_before) },
    { "objective", "objective", LISTING_REAL, 10, AT(round.objective) },
    { "total_ns", "ms", LISTING_NS, 8, AT(total_ns) },
    { "note", "note", LISTING_TEXT, 0, AT(round.note) },
    { "pairs_needed", NULL, LISTING_INT64, 0, AT(round.pairs_needed) },
    { "pairs_computed", NULL, LISTING_INT64, 0, AT(round.pairs_computed) },
    { "coupled_pairs", NULL, LISTING_INT64, 0, AT(round.coupled_pairs) },
    { "hit_ratio", NULL, LISTING_PERCENT, 0, AT(hit_ratio) },
    { "weight_sum", NULL, LISTING_REAL, 0, AT(round.weight_sum) },
    { "weight_taken", NULL, LISTING_REAL, 0, AT(round.weight_taken) },
    { "cost_max", NULL, LISTING_REAL, 0, AT(round.cost_max) },
    { "cost_mean", NULL, LISTING_REAL, 0, AT(round.cost_mean) },
    { "plan_ns", NULL, LISTING_NS, 0, AT(round.plan_ns) },
    { "push_ns", NULL, LISTING_NS, 0, AT(round.push_ns) },
    { "run_ns", NULL, LISTING_NS, 0, AT(round.run_ns) },
    { "pull_ns", NULL, LISTING_NS, 0, AT(round.pull_ns) },
    { "network_ns", NULL, LISTING_NS, 0, AT(round.network_ns) },
    { "commit_ns", NULL, LISTING_NS, 0, AT(round.commit_ns) },
    { "couple_ns", NULL, LISTING_NS, 0, AT(round.couple_ns) },
    { "begin_ns", NULL, LISTING_NS, 0, AT(round.begin_ns) },
    { "end_ns", NULL, LISTING_NS, 0, AT(round.end_ns) },
    { 0 },
};
#undef AT

struct rounds_view {
    struct listing listing;
    int64_t last;     /* the round before */
    double objective; /* after it */
};

/* The round before the window's first, where the trace has it. */
static int before_window(struct rounds_view *rounds, struct view *view, struct rondo_error *err)
{
    struct query query;
    struct reader_window before = { 1, view->window.from };
    int code = query_ask(&query, view->reader,
                         "SELECT round, objective FROM rounds WHERE round >= ?1 AND round < ?2"
                         " ORDER BY round DESC LIMIT 1", before, err);
    rounds->objective = (double)NAN;
    if (query_next(&query, &code, err)) {
        rounds->last = query_whole(&query, 0);
        rounds->objective = query_real(&query, 1);
    }
    query_done(&query);
    return code;
}

static int each_round(void *context, const struct trace_round *round)
{
    struct rounds_view *rounds = context;
    double needed = (double)round->pairs_needed, known = needed - (double)round->pairs_computed;
    bool sampled = strcmp(round->kind, "sampled") == 0;
    struct round_row row = {
        .round = *round,
        .fill_ratio = views_ratio((double)round->taken, (double)round->wanted),
        .imbalance_ratio = views_ratio(round->cost_max, round->cost_mean),
        .hit_ratio = views_ratio(known, needed),
        .objective_before = rounds->last + 1 == round->round ? rounds->objective : (double)NAN,
        .total_ns = round->end_ns - round->begin_ns,
        .refused = sampled ? round->refused : -1, .joined = sampled ? round->joined : -1,
    };
    rounds->last = round->round;
    rounds->objective = round->objective;
    return listing_row(&rounds->listing, &row);
}

static int view_rounds(struct view *view, struct rondo_error *err)
{
    struct rounds_view rounds = { .listing = view_listing(view, "rounds", round_columns) };
    int code = before_window(&rounds, view, err);
    if (!code)
        code = reader_rounds(view->reader, view->window, each_round, &rounds, err);
    if (!code)
        listing_end(&rounds.listing);
    return code;
}

/* ---- all ---------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum trace_level level; /* that has something to show */
    int (*show)(struct view *view, struct rondo_error *err);
} views[] = {
    { "rounds", TRACE_ROUNDS, view_rounds },     { "blocks", TRACE_BLOCKS, view_blocks },
    { "priority", TRACE_ROUNDS, view_priority }, { "conflicts", TRACE_ALL, view_conflicts },
    { "workers", TRACE_BLOCKS, view_workers },
};

static size_t find(const char *name)
{
    size_t at = 0;
    while (at < sizeof views / sizeof *views && strcmp(views[at].name, name) != 0)
        at++;
    return at;
}

bool views_known(const char *name)
{
    return find(name) < sizeof views / sizeof *views;
}

static int check_level(struct view *view, size_t at, struct rondo_error *err)
{
    bool has;
    int code = query_has(view->reader, views[at].level, &has, err);
    if (code || has)
        return code;
    return rondo_error_set(err, RONDO_EINPUT, reader_path(view->reader),
                           views[at].level == TRACE_ALL ? "run the job with --trace all"
                                                        : "run the job with --trace blocks",
                           "this trace was kept without %s", views[at].name);
}

#define AT(member) offsetof(struct reader_extent, member)
static const struct listing_column window_columns[] = {
    { "from", NULL, LISTING_INT64, 0, AT(from) },
    { "to", NULL, LISTING_INT64, 0, AT(to) },
    { "rounds_of_trace", NULL, LISTING_INT64, 0, AT(rounds_of_trace) },
    { 0 },
};
#undef AT

int views_list(struct trace_reader *reader, const char *name, struct reader_window window,
               bool json, FILE *out, struct rondo_error *err)
{
    size_t at = find(name);
    assert(at < sizeof views / sizeof *views);
    struct view view = { reader, window, json, out };
    struct reader_extent extent = { 0 };
    int code = check_level(&view, at, err);
    if (!code && json)
        code = reader_extent(reader, window, &extent, err);
    if (code)
        return code;
    fputs(json ? "{" : "", out);
    code = views[at].show(&view, err);
    if (!code && json) {
        view_object(&view, "window", window_columns, &extent);
        fputs("}\n", out);
    }
    return code ? code : ferror(out) ? RONDO_EIO : RONDO_OK;
}

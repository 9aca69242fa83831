#include "core/trace/views.h"

#include "core/trace/listing.h"

#include <assert.h>
#include <math.h>
#include <string.h>

double views_ratio(double part, double all)
{
    return all > 0 ? part / all : (double)NAN;
}

struct round_row {
    struct trace_round round;
    double fill_ratio, imbalance_ratio, hit_ratio;
    int64_t total_ns;
};

#define AT(member) offsetof(struct round_row, member)
static const struct listing_column round_columns[] = {
    { "round", "round", LISTING_INT64, 8, AT(round.round) },
    { "kind", "kind", LISTING_TEXT, -7, AT(round.kind) },
    { "phases", "phases", LISTING_INT32, 6, AT(round.phases) },
    { "wanted", NULL, LISTING_INT64, 0, AT(round.wanted) },
    { "drawn", "drawn", LISTING_INT64, 8, AT(round.drawn) },
    { "refused", "refused", LISTING_INT64, 8, AT(round.refused) },
    { "taken", "taken", LISTING_INT64, 8, AT(round.taken) },
    { "blocks", "blocks", LISTING_INT32, 6, AT(round.blocks) },
    { "fill_ratio", "fill %", LISTING_PERCENT, 6, AT(fill_ratio) },
    { "imbalance_ratio", "imbalance", LISTING_TIMES, 9, AT(imbalance_ratio) },
    { "objective", "objective", LISTING_REAL, 12, AT(round.objective) },
    { "total_ns", "ms", LISTING_NS, 10, AT(total_ns) },
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
    { "commit_ns", NULL, LISTING_NS, 0, AT(round.commit_ns) },
    { "couple_ns", NULL, LISTING_NS, 0, AT(round.couple_ns) },
    { "begin_ns", NULL, LISTING_NS, 0, AT(round.begin_ns) },
    { "end_ns", NULL, LISTING_NS, 0, AT(round.end_ns) },
    { 0 },
};
#undef AT

static int each_round(void *context, const struct trace_round *round)
{
    double needed = (double)round->pairs_needed, known = needed - (double)round->pairs_computed;
    struct round_row row = { .round = *round,
                             .fill_ratio = views_ratio((double)round->taken, (double)round->wanted),
                             .imbalance_ratio = views_ratio(round->cost_max, round->cost_mean),
                             .hit_ratio = views_ratio(known, needed),
                             .total_ns = round->end_ns - round->begin_ns };
    return listing_row(context, &row);
}

static int list_rounds(struct trace_reader *reader, struct reader_window window,
                       struct listing *listing, struct rondo_error *err)
{
    listing->columns = round_columns;
    return reader_rounds(reader, window, each_round, listing, err);
}

struct block_row {
    struct reader_block in;
    double cost_ratio;
    struct listing_variables variables;
};

#define AT(member) offsetof(struct block_row, member)
static const struct listing_column block_columns[] = {
    { "round", "round", LISTING_INT64, 8, AT(in.round) },
    { "block", "block", LISTING_INT32, 6, AT(in.block.block) },
    { "count", "count", LISTING_INT64, 6, AT(in.block.count) },
    { "cost", "cost", LISTING_REAL, 12, AT(in.block.cost) },
    { "cost_ratio", "x mean", LISTING_TIMES, 6, AT(cost_ratio) },
    { "variables", "variables", LISTING_VARIABLES, 0, AT(variables) },
    { 0 },
};
#undef AT

static int each_block(void *context, const struct reader_block *block)
{
    struct block_row row = { .in = *block,
                             .cost_ratio = views_ratio(block->block.cost, block->cost_mean),
                             .variables = { block->block.variables, block->block.count } };
    return listing_row(context, &row);
}

static int list_blocks(struct trace_reader *reader, struct reader_window window,
                       struct listing *listing, struct rondo_error *err)
{
    listing->columns = block_columns;
    return reader_blocks(reader, window, each_block, listing, err);
}

struct conflict_row {
    int64_t round;
    struct trace_conflict in;
};

#define AT(member) offsetof(struct conflict_row, member)
static const struct listing_column conflict_columns[] = {
    { "round", "round", LISTING_INT64, 8, AT(round) },
    { "candidate", "candidate", LISTING_INT64, 10, AT(in.candidate) },
    { "other", "other", LISTING_INT64, 10, AT(in.other) },
    { "coupling", "coupling", LISTING_REAL, 12, AT(in.coupling) },
    { "other_round", "other's round", LISTING_INT64, 13, AT(in.other_round) },
    { 0 },
};
#undef AT

static int each_conflict(void *context, int64_t round, const struct trace_conflict *conflict)
{
    struct conflict_row row = { round, *conflict };
    return listing_row(context, &row);
}

static int list_conflicts(struct trace_reader *reader, struct reader_window window,
                          struct listing *listing, struct rondo_error *err)
{
    listing->columns = conflict_columns;
    return reader_conflicts(reader, window, each_conflict, listing, err);
}

struct worker_row {
    struct reader_worker in;
    double busy_ratio;
    int64_t mean_ns;
};

#define AT(member) offsetof(struct worker_row, member)
static const struct listing_column worker_columns[] = {
    { "worker", "worker", LISTING_INT32, 6, AT(in.worker) },
    { "tasks", "tasks", LISTING_INT64, 8, AT(in.tasks) },
    { "rounds", "rounds", LISTING_INT64, 8, AT(in.rounds) },
    { "busy_ns", "busy ms", LISTING_NS, 12, AT(in.busy_ns) },
    { "busy_ratio", "busy %", LISTING_PERCENT, 6, AT(busy_ratio) },
    { "mean_ns", "task ms", LISTING_NS, 10, AT(mean_ns) },
    { "longest_ns", "longest ms", LISTING_NS, 10, AT(in.longest_ns) },
    { "first_ns", NULL, LISTING_NS, 0, AT(in.first_ns) },
    { "last_ns", NULL, LISTING_NS, 0, AT(in.last_ns) },
    { 0 },
};
#undef AT

struct worker_listing {
    struct listing *listing;
    int64_t elapsed_ns; /* of the window */
};

static int each_worker(void *context, const struct reader_worker *worker)
{
    struct worker_listing *workers = context;
    struct worker_row row = { .in = *worker, .mean_ns = (int64_t)worker->mean_ns };
    row.busy_ratio = views_ratio((double)worker->busy_ns, (double)workers->elapsed_ns);
    return listing_row(workers->listing, &row);
}

static int list_workers(struct trace_reader *reader, struct reader_window window,
                        struct listing *listing, struct rondo_error *err)
{
    struct reader_summary summary;
    listing->columns = worker_columns;
    int code = reader_summary(reader, window, &summary, err);
    struct worker_listing workers = { listing, summary.elapsed_ns };
    return code ? code : reader_workers(reader, window, each_worker, &workers, err);
}

static const struct {
    const char *name;
    enum trace_level needs;
    int (*list)(struct trace_reader *reader, struct reader_window window, struct listing *listing,
                struct rondo_error *err);
} views[] = {
    { "rounds", TRACE_ROUNDS, list_rounds },
    { "blocks", TRACE_BLOCKS, list_blocks },
    { "conflicts", TRACE_ALL, list_conflicts },
    { "workers", TRACE_BLOCKS, list_workers },
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

int views_list(struct trace_reader *reader, const char *name, struct reader_window window,
               bool json, FILE *out, struct rondo_error *err)
{
    size_t view = find(name);
    assert(view < sizeof views / sizeof *views);
    struct listing listing = { .out = out, .name = name, .json = json };
    int code = views[view].list(reader, window, &listing, err);
    if (code)
        return code;
    if (listing.rows == 0 && reader_level(reader) < views[view].needs)
        return rondo_error_set(err, RONDO_EINPUT, reader_path(reader),
                               views[view].needs == TRACE_ALL ? "run the job with --trace all"
                                                              : "run the job with --trace blocks",
                               "this trace was kept without %s", name);
    listing_end(&listing);
    return RONDO_OK;
}

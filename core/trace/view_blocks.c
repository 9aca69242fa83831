/* view_blocks.c - how even the rounds were, and whom they waited for. */
#include "core/trace/pace.h"
#include "core/trace/view.h"
#include "core/trace/views.h"

#include <inttypes.h>
#include <math.h>

/* ---- a row for each block, for programs ---------------------------------------------------------------- */

struct block_row {
    struct reader_block in;
    double cost_ratio;
    struct listing_variables variables;
};

#define AT(member) offsetof(struct block_row, member)
static const struct listing_column block_columns[] = {
    { "round", NULL, LISTING_INT64, 0, AT(in.round) },
    { "block", NULL, LISTING_INT32, 0, AT(in.block.block) },
    { "shard", NULL, LISTING_INT32, 0, AT(in.shard) },
    { "count", NULL, LISTING_INT64, 0, AT(in.block.count) },
    { "cost", NULL, LISTING_REAL, 0, AT(in.block.cost) },
    { "cost_ratio", NULL, LISTING_TIMES, 0, AT(cost_ratio) },
    { "variables", NULL, LISTING_VARIABLES, 0, AT(variables) },
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

/* ---- a row for each round ------------------------------------------------------------------------------ */

#define AT(member) offsetof(struct pace_round, member)
static const struct listing_column round_columns[] = {
    { "round", "round", LISTING_INT64, 7, AT(round) },
    { "kind", "kind", LISTING_TEXT, -7, AT(kind) },
    { "blocks", "blocks", LISTING_INT32, 6, AT(blocks) },
    { "imbalance_ratio", "max/mean", LISTING_TIMES, 8, AT(imbalance_ratio) },
    { "measured_ratio", "measured", LISTING_TIMES, 8, AT(measured_ratio) },
    { "straggler", "straggler", LISTING_COUNT, 9, AT(straggler) },
    { "block", "block", LISTING_COUNT, 5, AT(block) },
    { "shard", NULL, LISTING_COUNT, 0, AT(shard) },
    { "straggle_ns", "late ms", LISTING_NS, 8, AT(straggle_ns) },
    { "push_ns", NULL, LISTING_NS, 0, AT(push_ns) },
    { "path_ns", NULL, LISTING_NS, 0, AT(path_ns) },
    { "push_ratio", NULL, LISTING_PERCENT, 0, AT(push_ratio) },
    { "path_ratio", "late %", LISTING_PERCENT, 6, AT(path_ratio) },
    { 0 },
};
#undef AT

/* ---- what they come to ----------------------------------------------------------------------------------- */

struct totals_row {
    struct pace_totals in;
    double imbalance_mean, imbalance_max, measured_mean, measured_max, push_ratio, path_ratio;
};

#define AT(member) offsetof(struct totals_row, member)
static const struct listing_column totals_columns[] = {
    { "rounds", NULL, LISTING_INT64, 0, AT(in.rounds) },
    { "imbalance_mean", NULL, LISTING_TIMES, 0, AT(imbalance_mean) },
    { "imbalance_max", NULL, LISTING_TIMES, 0, AT(imbalance_max) },
    { "measured_mean", NULL, LISTING_TIMES, 0, AT(measured_mean) },
    { "measured_max", NULL, LISTING_TIMES, 0, AT(measured_max) },
    { "rounds_shared", NULL, LISTING_INT64, 0, AT(in.straggled) },
    { "straggle_ns", NULL, LISTING_NS, 0, AT(in.straggle_ns) },
    { "push_ns", NULL, LISTING_NS, 0, AT(in.push_ns) },
    { "path_ns", NULL, LISTING_NS, 0, AT(in.path_ns) },
    { "push_ratio", NULL, LISTING_PERCENT, 0, AT(push_ratio) },
    { "path_ratio", NULL, LISTING_PERCENT, 0, AT(path_ratio) },
    { 0 },
};
#undef AT

#define AT(member) offsetof(struct pace_worker, member)
static const struct listing_column straggler_columns[] = {
    { "worker", NULL, LISTING_INT32, 0, AT(in.worker) },
    { "rounds", NULL, LISTING_INT64, 0, AT(in.rounds) },
    { "straggled", NULL, LISTING_INT64, 0, AT(straggled) },
    { 0 },
};
#undef AT

static double most(int64_t rounds, double value)
{
    return rounds ? value : (double)NAN;
}

static int json_totals(struct view *view, const struct totals_row *row)
{
    struct listing stragglers = { .out = view->out, .name = "stragglers", .json = true,
                                  .columns = straggler_columns };
    int code = RONDO_OK;
    fputs(",\n\"totals\":{", view->out);
    listing_json_members(view->out, totals_columns, row);
    fputs(",", view->out);
    for (int64_t i = 0; i < row->in.workers && !code; i++)
        code = listing_row(&stragglers, &row->in.worker[i]);
    listing_end(&stragglers);
    fputs("}", view->out);
    return code;
}

static void plain_stragglers(FILE *out, const struct pace_totals *totals)
{
    enum { SHOWN = 8 };
    fputs("straggler   ", out);
    if (totals->straggled == 0) {
        fputs("none: no round had tasks of two workers\n", out);
        return;
    }
    for (int64_t i = 0; i < totals->workers && i < SHOWN; i++)
        fprintf(out, "%sworker %" PRId32 " in %s", i ? ", " : "", totals->worker[i].in.worker,
                listing_grouped(totals->worker[i].straggled).text);
    fprintf(out, "%s of %s rounds\n", totals->workers > SHOWN ? ", ..." : "",
            listing_grouped(totals->straggled).text);
}

static int plain_totals(struct view *view, const struct totals_row *row)
{
    FILE *out = view->out;
    putc('\n', out);
    if (row->in.balanced)
        fprintf(out, "max/mean    %s in the mean, %s at most: counted cost of the dearest block\n",
                listing_shown(LISTING_TIMES, row->imbalance_mean).text,
                listing_shown(LISTING_TIMES, row->imbalance_max).text);
    if (row->in.measured)
        fprintf(out, "measured    %s in the mean, %s at most: time of a round's longest task\n",
                listing_shown(LISTING_TIMES, row->measured_mean).text,
                listing_shown(LISTING_TIMES, row->measured_max).text);
    plain_stragglers(out, &row->in);
    if (row->in.straggled)
        fprintf(out, "late        %.3f s in all, %s %% of the time of pushing: how much later it\n"
                     "            was done than the workers in the mean\n",
                (double)row->in.straggle_ns / 1e9, listing_shown(LISTING_PERCENT, row->push_ratio).text);
    return ferror(out) ? RONDO_EIO : RONDO_OK;
}

struct blocks_view {
    struct view *view;
    struct listing rounds;
};

static int each_round(void *context, const struct pace_round *round)
{
    struct blocks_view *blocks = context;
    return listing_row(&blocks->rounds, round);
}

static int tell_totals(void *context, const struct pace_totals *totals)
{
    struct blocks_view *blocks = context;
    struct totals_row row = {
        .in = *totals,
        .imbalance_mean = views_ratio(totals->imbalance_sum, (double)totals->balanced),
        .imbalance_max = most(totals->balanced, totals->imbalance_max),
        .measured_mean = views_ratio(totals->measured_sum, (double)totals->measured),
        .measured_max = most(totals->measured, totals->measured_max),
        .push_ratio = views_ratio((double)totals->straggle_ns, (double)totals->push_ns),
        .path_ratio = views_ratio((double)totals->straggle_ns, (double)totals->path_ns),
    };
    listing_end(&blocks->rounds);
    return blocks->view->json ? json_totals(blocks->view, &row) : plain_totals(blocks->view, &row);
}

int view_blocks(struct view *view, struct rondo_error *err)
{
    struct blocks_view blocks = { view, view_listing(view, "rounds", round_columns) };
    int code = RONDO_OK;
    if (view->json) {
        struct listing list = view_listing(view, "blocks", block_columns);
        code = reader_blocks(view->reader, view->window, each_block, &list, err);
        if (code)
            return code;
        listing_end(&list);
        fputs(",\n", view->out);
    }
    return pace_read(view->reader, view->window, each_round, tell_totals, &blocks, err);
}

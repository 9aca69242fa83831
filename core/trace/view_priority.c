/* view_priority.c - where the updates went, who waits, how the weight moves. */
#include "core/trace/heat.h"
#include "core/trace/view.h"
#include "core/trace/views.h"

#include <inttypes.h>
#include <math.h>

static const char without[] = "the trace was kept without blocks: run the job with --trace blocks";

struct priority_row {
    struct heat heat;
    const char *unit;
    int64_t updates, updated, never, never_rounds; /* -1: not known */
};

#define AT(member) offsetof(struct priority_row, member)
static const struct listing_column columns[] = {
    { "unit", NULL, LISTING_TEXT, 0, AT(unit) },
    { "variables", NULL, LISTING_COUNT, 0, AT(heat.variables) },
    { "updates", NULL, LISTING_COUNT, 0, AT(updates) },
    { "updated", NULL, LISTING_COUNT, 0, AT(updated) },
    { "never", NULL, LISTING_COUNT, 0, AT(never) },
    { "never_rounds", NULL, LISTING_COUNT, 0, AT(never_rounds) },
    { "entropy", NULL, LISTING_REAL, 0, AT(heat.entropy) },
    { "gini", NULL, LISTING_REAL, 0, AT(heat.gini) },
    { 0 },
};
#undef AT

#define AT(member) offsetof(struct heat_share, member)
static const struct listing_column share_columns[] = {
    { "fraction", NULL, LISTING_REAL, 0, AT(fraction) },
    { "variables", NULL, LISTING_INT64, 0, AT(variables) },
    { "share", NULL, LISTING_PERCENT, 0, AT(share) },
    { 0 },
};
#undef AT

#define AT(member) offsetof(struct heat_wait, member)
static const struct listing_column wait_columns[] = {
    { "rounds", NULL, LISTING_INT64, 0, AT(rounds) },
    { "variable", NULL, LISTING_COUNT, 0, AT(variable) },
    { "block", NULL, LISTING_COUNT, 0, AT(block) },
    { "shard", NULL, LISTING_COUNT, 0, AT(shard) },
    { "from", NULL, LISTING_INT64, 0, AT(from) },
    { "to", NULL, LISTING_INT64, 0, AT(to) },
    { 0 },
};
#undef AT

#define AT(member) offsetof(struct heat_variable, member)
static const struct listing_column variable_columns[] = {
    { "variable", "variable", LISTING_COUNT, 10, AT(variable) },
    { "block", NULL, LISTING_COUNT, 0, AT(block) },
    { "shard", NULL, LISTING_COUNT, 0, AT(shard) },
    { "updates", "updates", LISTING_INT64, 10, AT(updates) },
    { "share", "share %", LISTING_PERCENT, 8, AT(share) },
    { "last_round", "last round", LISTING_INT64, 10, AT(last_round) },
    { 0 },
};
static const struct listing_column pair_columns[] = {
    { "block", "block", LISTING_COUNT, 10, AT(block) },
    { "shard", "shard", LISTING_COUNT, 10, AT(shard) },
    { "updates", "visits", LISTING_INT64, 10, AT(updates) },
    { "share", "share %", LISTING_PERCENT, 8, AT(share) },
    { "last_round", "last round", LISTING_INT64, 10, AT(last_round) },
    { 0 },
};
#undef AT

#define AT(member) offsetof(struct heat_stretch, member)
static const struct listing_column stretch_columns[] = {
    { "from", "from", LISTING_INT64, 10, AT(from) },
    { "to", "to round", LISTING_INT64, 10, AT(to) },
    { "rounds", "sampled", LISTING_INT64, 10, AT(rounds) },
    { "updates", "updates", LISTING_INT64, 12, AT(updates) },
    { "weight_sum", "weight of all", LISTING_REAL, 13, AT(weight_sum) },
    { "weight_ratio", "taken %", LISTING_PERCENT, 8, AT(weight_ratio) },
    { 0 },
};
#undef AT

/* ---- for programs ----------------------------------------------------------------------------------------- */

static void json_wait(FILE *out, const char *name, const struct heat_wait *wait)
{
    fprintf(out, ",\"%s\":", name);
    if (wait->rounds == 0) {
        fputs("null", out);
        return;
    }
    putc('{', out);
    listing_json_members(out, wait_columns, wait);
    putc('}', out);
}

static void json_rows(FILE *out, const char *name, const struct listing_column *column, const void *rows, size_t size,
                      int count)
{
    fprintf(out, ",\n\"%s\":[", name);
    for (int i = 0; i < count; i++) {
        fputs(i ? ",\n{" : "\n{", out);
        listing_json_members(out, column, (const char *)rows + (size_t)i * size);
        putc('}', out);
    }
    putc(']', out);
}

static int json_priority(FILE *out, const struct priority_row *row)
{
    const struct heat *heat = &row->heat;
    bool shares = isfinite(heat->gini);
    fputs("\"priority\":{", out);
    listing_json_members(out, columns, row);
    json_wait(out, "longest_wait", &heat->longest);
    json_wait(out, "idle", &heat->idle);
    json_rows(out, "shares", share_columns, heat->share, sizeof *heat->share, shares ? HEAT_SHARES : 0);
    json_rows(out, "hottest", variable_columns, heat->hottest, sizeof *heat->hottest, heat->hot);
    json_rows(out, "stretches", stretch_columns, heat->stretch, sizeof *heat->stretch, heat->stretches);
    fputs(",\n\"note\":", out);
    if (heat->counted)
        fputs("null", out);
    else
        listing_json_text(out, without);
    putc('}', out);
    return ferror(out) ? RONDO_EIO : RONDO_OK;
}

/* ---- for people ------------------------------------------------------------------------------------------- */

static void plain_variables(FILE *out, const struct priority_row *row)
{
    const struct heat *heat = &row->heat;
    if (!heat->sampled) {
        fprintf(out, "pairs       %s of block and shard, fixed: %s visits\n", listing_grouped(heat->updated).text,
                listing_grouped(heat->updates).text);
    } else if (heat->variables < 0) {
        fprintf(out, "variables   %s were updated, %s times; how many there are the trace does not say\n",
                listing_grouped(heat->updated).text, listing_grouped(heat->updates).text);
    } else {
        fprintf(out, "variables   %s, of them %s were updated, %s times\n", listing_grouped(heat->variables).text,
                listing_grouped(heat->updated).text, listing_grouped(heat->updates).text);
        fprintf(out, "never       %s were not updated in any of these rounds\n", listing_grouped(row->never).text);
    }
}

static void plain_shares(FILE *out, const struct heat *heat)
{
    if (!isfinite(heat->gini) || heat->variables < 2)
        return;
    for (int i = 0; i < HEAT_SHARES; i++)
        fprintf(out, "%-12s%5s %% of the %s went to the hottest %g %% (%s)\n", i ? "" : "share",
                listing_shown(LISTING_PERCENT, heat->share[i].share).text, heat->sampled ? "updates" : "visits",
                100 * heat->share[i].fraction, listing_grouped(heat->share[i].variables).text);
    fprintf(out, "evenness    entropy %s (1: all alike, 0: one has all)\n"
                 "            gini %s (0: all alike, 1: one has all)\n",
            listing_shown(LISTING_TIMES, heat->entropy).text, listing_shown(LISTING_TIMES, heat->gini).text);
}

static void plain_wait(FILE *out, const char *head, const struct heat *heat, const struct heat_wait *wait,
                       const char *how)
{
    if (wait->rounds == 0)
        return;
    fprintf(out, "%-12s", head);
    if (heat->sampled)
        fprintf(out, "variable %" PRId64, wait->variable);
    else
        fprintf(out, "block %" PRId64, wait->block);
    if (wait->shard >= 0)
        fprintf(out, " and shard %" PRId64, wait->shard);
    fprintf(out, " waited %s round%s %s (%" PRId64 " to %" PRId64 ")\n", listing_grouped(wait->rounds).text,
            wait->rounds == 1 ? "" : "s", how, wait->from, wait->to);
}

static int plain_rows(struct view *view, const char *title, const struct listing_column *column, const void *rows,
                      size_t size, int count)
{
    struct listing listing = view_listing(view, "", column);
    int code = RONDO_OK;
    if (count)
        fprintf(view->out, "\n%s\n", title);
    for (int i = 0; i < count && !code; i++)
        code = listing_row(&listing, (const char *)rows + (size_t)i * size);
    return code;
}

static int plain_priority(struct view *view, const struct priority_row *row)
{
    const struct heat *heat = &row->heat;
    FILE *out = view->out;
    int code = RONDO_OK;
    if (!heat->counted)
        fprintf(out, "variables   %s\n", without);
    if (heat->counted) {
        plain_variables(out, row);
        plain_shares(out, heat);
        plain_wait(out, "longest", heat, &heat->longest, "between two updates");
        plain_wait(out, heat->longest.rounds ? "" : "longest", heat, &heat->idle, "since its last");
        code = plain_rows(view, heat->sampled ? "the hottest variables" : "the pairs visited most",
                          heat->sampled ? variable_columns : pair_columns, heat->hottest, sizeof *heat->hottest,
                          heat->hot);
    }
    if (!code)
        code = plain_rows(view, "the weight over time: of all variables, and the share of it taken in a round",
                          stretch_columns, heat->stretch, sizeof *heat->stretch, heat->stretches);
    return code;
}

int view_priority(struct view *view, struct rondo_error *err)
{
    struct priority_row row = { .updates = -1, .updated = -1, .never = -1, .never_rounds = -1 };
    struct heat *heat = &row.heat;
    int code = heat_read(view->reader, view->window, heat, err);
    if (code)
        return code;
    row.unit = heat->sampled ? "variable" : "pair";
    if (heat->counted) {
        row.updates = heat->updates;
        row.updated = heat->updated;
    }
    if (heat->counted && heat->variables >= 0) {
        row.never = heat->variables - heat->updated;
        row.never_rounds = row.never ? heat->extent.to - heat->extent.from + 1 : 0;
    }
    return view->json ? json_priority(view->out, &row) : plain_priority(view, &row);
}

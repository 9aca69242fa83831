#include "core/trace/heat.h"

#include "core/base/mem.h"
#include "core/trace/details.h"
#include "core/trace/roll.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 256 };
static const int64_t variables_most = (int64_t)1 << 34; /* a number beyond is damage: the list of pages would not fit */

struct counter {
    int64_t updates, last; /* rounds it was updated in, the last of them */
};

struct thermometer {
    struct counter **page; /* [pages], NULL where none of its variables was updated */
    int64_t pages;
    struct roll pairs;    /* of block and shard, numbered as they are met */
    struct heat *out;
};

/* ---- counting --------------------------------------------------------------------------------------- */

static struct counter *page_of(struct thermometer *meter, int64_t variable)
{
    int64_t at = variable / PAGE;
    if (at >= meter->pages) {
        int64_t pages = at + 1 > 2 * meter->pages ? at + 1 : 2 * meter->pages;
        struct counter **page = mem_calloc((size_t)pages, sizeof *page);
        if (!page)
            return NULL;
        if (meter->pages)
            memcpy(page, meter->page, (size_t)meter->pages * sizeof *page);
        mem_free(meter->page);
        meter->page = page;
        meter->pages = pages;
    }
    if (!meter->page[at])
        meter->page[at] = mem_calloc(PAGE, sizeof **meter->page);
    return meter->page[at];
}

/* An update of that variable. */
static int touch(struct thermometer *meter, int64_t variable, int64_t round)
{
    struct counter *page = page_of(meter, variable);
    if (!page)
        return RONDO_ENOMEM;
    struct counter *counter = &page[variable % PAGE];
    struct heat_wait *longest = &meter->out->longest;
    if (counter->updates > 0 && round - counter->last > longest->rounds)
        *longest = (struct heat_wait){ .rounds = round - counter->last, .variable = variable,
                                       .from = counter->last, .to = round };
    meter->out->updated += counter->updates == 0;
    meter->out->updates++;
    counter->updates++;
    counter->last = round;
    return RONDO_OK;
}

static int count_blocks(struct thermometer *meter, const struct trace_reader *reader, const struct trace_round *round,
                        struct rondo_error *err)
{
    for (int32_t b = 0; b < round->blocks; b++) {
        const struct trace_block *block = &round->block[b];
        for (int64_t i = 0; block->variables && i < block->count; i++) {
            bool known = block->variables[i] >= 0 && block->variables[i] < variables_most;
            if (!known || touch(meter, block->variables[i], round->round))
                return query_refuse(reader, known ? SQLITE_NOMEM : SQLITE_CORRUPT, err);
        }
    }
    return RONDO_OK;
}

static int count_pairs(struct thermometer *meter, const struct trace_reader *reader, const struct trace_round *round,
                       struct rondo_error *err)
{
    for (int32_t i = 0; i < round->tasks; i++) {
        const struct trace_task *task = &round->task[i];
        if (task->phase != 0 || (task->work != TRACE_PUSH && task->work != TRACE_FUSED))
            continue;
        int64_t pair = roll_number(&meter->pairs, task->block, task->shard);
        if (pair < 0 || touch(meter, pair, round->round))
            return query_refuse(reader, SQLITE_NOMEM, err);
    }
    return RONDO_OK;
}

static int count_updates(struct thermometer *meter, struct trace_reader *reader, struct reader_window window,
                         struct rondo_error *err)
{
    struct details details;
    struct trace_round round;
    bool sampled = meter->out->sampled;
    int code = details_open(&details, reader, window, 1 << (sampled ? DETAILS_BLOCKS : DETAILS_TASKS), err);
    while (details_next(&details, &round, &code, err))
        code = sampled ? count_blocks(meter, reader, &round, err) : count_pairs(meter, reader, &round, err);
    details_close(&details);
    return code;
}

/* ---- what the counts come to ------------------------------------------------------------------------- */

static int64_t most_updates(const struct thermometer *meter)
{
    int64_t most = 0;
    for (int64_t i = 0; i < meter->pages * PAGE; i++) {
        const struct counter *page = meter->page[i / PAGE];
        if (!page)
            i += PAGE - 1;
        else if (page[i % PAGE].updates > most)
            most = page[i % PAGE].updates;
    }
    return most;
}

/* Keeps the list of the hottest in order; of equal ones the first variable stands first. */
static void offer(struct heat *heat, int64_t variable, const struct counter *counter)
{
    int at = heat->hot;
    while (at > 0 && heat->hottest[at - 1].updates < counter->updates)
        at--;
    if (at == HEAT_HOTTEST)
        return;
    heat->hot += heat->hot < HEAT_HOTTEST;
    for (int i = heat->hot - 1; i > at; i--)
        heat->hottest[i] = heat->hottest[i - 1];
    heat->hottest[at] = (struct heat_variable){
        .variable = variable, .updates = counter->updates, .last_round = counter->last,
        .share = (double)counter->updates / (double)heat->updates,
    };
}

/* have[c]: the variables with c updates; the hottest and the idlest on the way. */
static void survey(const struct thermometer *meter, int64_t *have)
{
    struct heat *heat = meter->out;
    for (int64_t i = 0; i < meter->pages * PAGE; i++) {
        const struct counter *page = meter->page[i / PAGE];
        if (!page) {
            i += PAGE - 1;
            continue;
        }
        const struct counter *counter = &page[i % PAGE];
        if (counter->updates == 0)
            continue;
        have[counter->updates]++;
        offer(heat, i, counter);
        if (heat->extent.to - counter->last > heat->idle.rounds)
            heat->idle = (struct heat_wait){ .rounds = heat->extent.to - counter->last, .variable = i,
                                             .from = counter->last, .to = heat->extent.to };
    }
}

/* Of the updates those of the `count` hottest. */
static double share_of(const int64_t *have, int64_t most, int64_t count, int64_t updates)
{
    double sum = 0;
    for (int64_t c = most; c > 0 && count > 0; c--) {
        int64_t taken = have[c] < count ? have[c] : count;
        sum += (double)taken * (double)c;
        count -= taken;
    }
    return sum / (double)updates;
}

static void conclude(struct heat *heat, const int64_t *have, int64_t most)
{
    static const double fraction[HEAT_SHARES] = { 0.001, 0.01, 0.1 };
    const double all = (double)heat->variables, updates = (double)heat->updates;
    double entropy = 0, gini = 0;
    double rank = all - (double)heat->updated; /* of the variables with fewer updates */
    for (int64_t c = 1; c <= most; c++) {
        double those = (double)have[c], part = (double)c / updates;
        if (have[c] == 0)
            continue;
        entropy -= those * part * log(part);
        gini += those * (2 * rank + those - all) * part; /* the sum of 2 j - M - 1 over their ranks j */
        rank += those;
    }
    heat->entropy = all > 1 ? entropy / log(all) : (double)NAN;
    heat->gini = gini / all;
    for (int i = 0; i < HEAT_SHARES; i++) {
        heat->share[i].fraction = fraction[i];
        heat->share[i].variables = (int64_t)ceil(fraction[i] * all);
        heat->share[i].share = share_of(have, most, heat->share[i].variables, heat->updates);
    }
}

static int measure(struct thermometer *meter)
{
    struct heat *heat = meter->out;
    int64_t most = most_updates(meter);
    int64_t *have = mem_calloc((size_t)most + 1, sizeof *have);
    if (!have)
        return RONDO_ENOMEM;
    survey(meter, have);
    if (!heat->sampled)
        heat->variables = heat->updated;
    if (heat->variables >= 0 && heat->variables < heat->updated)
        heat->variables = -1; /* what the trace says of it cannot be */
    if (heat->variables > 0 && heat->updates > 0)
        conclude(heat, have, most);
    mem_free(have);
    return RONDO_OK;
}

/* A pair's number becomes its block and shard. */
static void name(const struct thermometer *meter, int64_t *variable, int64_t *block, int64_t *shard)
{
    *block = *shard = -1;
    if (meter->out->sampled || *variable >= meter->pairs.count)
        return;
    *block = meter->pairs.name[*variable].a;
    *shard = meter->pairs.name[*variable].b;
    *variable = -1;
}

static void name_all(const struct thermometer *meter)
{
    struct heat *heat = meter->out;
    name(meter, &heat->longest.variable, &heat->longest.block, &heat->longest.shard);
    name(meter, &heat->idle.variable, &heat->idle.block, &heat->idle.shard);
    for (int i = 0; i < heat->hot; i++)
        name(meter, &heat->hottest[i].variable, &heat->hottest[i].block, &heat->hottest[i].shard);
}

/* ---- the weight over time ---------------------------------------------------------------------------- */

static const char columns[] = "round, weight_sum, weight_taken, updates, kind = 'sampled'";

/* A row of `columns` to its stretch: they are as long in numbers of rounds as they can be alike. */
static int take_weight(void *context, sqlite3_value **value)
{
    struct heat *heat = context;
    const int64_t round = sqlite3_value_int64(value[0]);
    const double span = (double)heat->extent.to - (double)heat->extent.from + 1;
    const double at = ((double)round - (double)heat->extent.from) / span * HEAT_STRETCHES;
    if (!sqlite3_value_int(value[4]))
        return SQLITE_OK;
    struct heat_stretch *stretch = &heat->stretch[at < 0 ? 0 : at >= HEAT_STRETCHES ? HEAT_STRETCHES - 1 : (int)at];
    const double sum = value_real(value[1]), ratio = value_real(value[2]) / sum;
    stretch->from = stretch->rounds++ ? stretch->from : round;
    stretch->to = round;
    query_add(&stretch->updates, sqlite3_value_int64(value[3]));
    stretch->weight_sum = sum;
    if (isfinite(ratio))
        stretch->weight_ratio += (ratio - stretch->weight_ratio) / (double)++stretch->weighed;
    return SQLITE_OK;
}

/* Stretches without a sampled round are left out. */
static int read_stretches(struct heat *heat, struct trace_reader *reader, struct reader_window window,
                          struct rondo_error *err)
{
    struct query query;
    int code = query_ask_taken(&query, reader, columns, "rounds", window, take_weight, heat, err);
    while (query_next(&query, &code, err))
        ;
    query_done(&query);
    for (int i = 0; i < HEAT_STRETCHES; i++)
        if (heat->stretch[i].rounds) {
            heat->stretch[i].weight_ratio = heat->stretch[i].weighed ? heat->stretch[i].weight_ratio : (double)NAN;
            heat->stretch[heat->stretches++] = heat->stretch[i];
        }
    heat->sampled = heat->stretches > 0;
    return code;
}

static int read_variables(struct heat *heat, struct trace_reader *reader, struct rondo_error *err)
{
    struct query query;
    const char *sql = "SELECT value FROM meta WHERE key = 'variables'";
    int code = query_ask(&query, reader, sql, (struct reader_window){ 0 }, err);
    heat->variables = -1;
    if (query_next(&query, &code, err))
        heat->variables = query_whole(&query, 0);
    heat->variables = heat->variables > 0 ? heat->variables : -1;
    query_done(&query);
    return code;
}

int heat_read(struct trace_reader *reader, struct reader_window window, struct heat *heat,
              struct rondo_error *err)
{
    *heat = (struct heat){ .entropy = (double)NAN, .gini = (double)NAN };
    struct thermometer meter = { .out = heat };
    int code = read_variables(heat, reader, err);
    if (!code)
        code = reader_extent(reader, window, &heat->extent, err);
    if (!code)
        code = read_stretches(heat, reader, window, err);
    if (!code)
        code = query_has(reader, TRACE_BLOCKS, &heat->counted, err);
    if (!code && heat->counted)
        code = count_updates(&meter, reader, window, err);
    if (!code && heat->counted && measure(&meter))
        code = query_refuse(reader, SQLITE_NOMEM, err);
    name_all(&meter);
    for (int64_t i = 0; i < meter.pages; i++)
        mem_free(meter.page[i]);
    mem_free(meter.page);
    roll_fini(&meter.pairs);
    return code;
}

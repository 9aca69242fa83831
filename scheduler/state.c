/* state.c - a scheduler as bytes and back: weights, cursor, rounds in flight with their plans.
 *
 *     magic, version, M, blocks, block_size, pipeline, rule     must be those of the configuration
 *     last round, cursor
 *     weights [M]                                               weighted rules
 *     rounds in flight, then for each: the plan's numbers, start, cost, variables, conflicts, draws
 */
#include "core/base/bitset.h"
#include "core/base/cursor.h"
#include "scheduler/parts.h"

#include <rondo/err.h>

#include <assert.h>
#include <string.h>

enum { STATE_MAGIC = 0x48435352, STATE_VERSION = 2 }; /* "RSCH" */

static void pack_plan(struct cursor_writer *out, const struct scheduler_plan *plan)
{
    cursor_put_i64(out, plan->round);
    cursor_put_i64(out, plan->wanted);
    cursor_put_i64(out, plan->drawn);
    cursor_put_i64(out, plan->refused);
    cursor_put_i64(out, plan->taken);
    cursor_put_i64(out, plan->pairs_needed);
    cursor_put_i64(out, plan->pairs_computed);
    cursor_put_i64(out, plan->coupled_pairs);
    cursor_put_i64(out, plan->joined);
    cursor_put_f64(out, plan->weight_sum);
    cursor_put_f64(out, plan->weight_taken);
    cursor_put_u32(out, (uint32_t)plan->blocks);
    cursor_put_bytes(out, plan->start, ((size_t)plan->blocks + 1) * sizeof *plan->start);
    cursor_put_bytes(out, plan->cost, (size_t)plan->blocks * sizeof *plan->cost);
    cursor_put_bytes(out, plan->variables, (size_t)plan->taken * sizeof *plan->variables);
    cursor_put_u32(out, (uint32_t)plan->conflicts);
    for (int32_t i = 0; i < plan->conflicts; i++) {
        cursor_put_i64(out, plan->conflict[i].candidate);
        cursor_put_i64(out, plan->conflict[i].other);
        cursor_put_f64(out, plan->conflict[i].coupling);
        cursor_put_i64(out, plan->conflict[i].other_round);
        cursor_put_u8(out, plan->conflict[i].joined);
    }
    cursor_put_i64(out, plan->draws);
    cursor_put_bytes(out, plan->draw, (size_t)plan->draws * sizeof *plan->draw);
    cursor_put_bytes(out, plan->weight, (size_t)plan->draws * sizeof *plan->weight);
}

int scheduler_pack(const struct scheduler *s, struct rondo_buf *buf)
{
    assert(s->stage == STAGE_IDLE);
    struct cursor_writer out = cursor_writer(buf);
    cursor_put_u32(&out, STATE_MAGIC);
    cursor_put_u32(&out, STATE_VERSION);
    cursor_put_i64(&out, s->config.variables);
    cursor_put_u32(&out, (uint32_t)s->config.blocks);
    cursor_put_u32(&out, (uint32_t)s->config.block_size);
    cursor_put_u32(&out, (uint32_t)s->config.pipeline);
    cursor_put_u32(&out, (uint32_t)s->config.rule);
    cursor_put_i64(&out, s->last_round);
    cursor_put_i64(&out, s->sampler.cursor);
    if (s->sampler.rule->weighted)
        cursor_put_bytes(&out, s->sampler.weight,
                         (size_t)s->config.variables * sizeof *s->sampler.weight);
    cursor_put_u32(&out, (uint32_t)s->in_flight);
    for (int32_t f = 0; f < s->in_flight; f++)
        pack_plan(&out, &s->queue[f]->plan);
    return out.failed ? RONDO_ENOMEM : RONDO_OK;
}

/* ---- and back, nothing believed --------------------------------------------------------------- */

static bool unpack_head(struct scheduler *s, struct cursor_reader *in)
{
    bool ours = cursor_get_u32(in) == STATE_MAGIC;
    ours &= cursor_get_u32(in) == STATE_VERSION;
    ours &= cursor_get_i64(in) == s->config.variables;
    ours &= cursor_get_u32(in) == (uint32_t)s->config.blocks;
    ours &= cursor_get_u32(in) == (uint32_t)s->config.block_size;
    ours &= cursor_get_u32(in) == (uint32_t)s->config.pipeline;
    ours &= cursor_get_u32(in) == (uint32_t)s->config.rule;
    s->last_round = cursor_get_i64(in);
    s->sampler.cursor = cursor_get_i64(in);
    int64_t cursor = s->sampler.cursor;
    return ours && !in->failed && s->last_round >= -1 && cursor >= 0 &&
           (cursor < s->config.variables || cursor == 0);
}

static bool unpack_weights(struct scheduler *s, struct cursor_reader *in)
{
    if (!s->sampler.rule->weighted)
        return true;
    int64_t M = s->config.variables;
    double *weight = s->sampler.weight;
    cursor_get_array(in, weight, (size_t)M, sizeof *weight);
    bool sound = !in->failed;
    for (int64_t j = 0; j < M; j++)
        sound &= weight[j] >= 0 && weight[j] <= RULE_WEIGHT_MAX;
    return sound;
}

/* Blocks neither empty nor too large (one alone may be a whole round), variables ascending, and out of
 * the sampler but once. */
static bool unpack_blocks(struct scheduler *s, struct flight *flight, struct cursor_reader *in)
{
    uint32_t blocks = cursor_get_u32(in);
    if (in->failed || blocks > (uint32_t)s->sizes.bins)
        return false;
    cursor_get_array(in, flight->start, (size_t)blocks + 1, sizeof *flight->start);
    cursor_get_array(in, flight->cost, blocks, sizeof *flight->cost);
    if (in->failed || flight->start[0] != 0)
        return false;
    bool alone = blocks == 1 && s->config.pipeline == 1;
    int64_t largest = alone ? s->sizes.room : s->config.block_size;
    int64_t most = alone ? s->sizes.room : s->sizes.places;
    for (uint32_t b = 0; b < blocks; b++) {
        int64_t size = (int64_t)flight->start[b + 1] - flight->start[b];
        if (size < 1 || size > largest || !(flight->cost[b] >= 0) ||
            flight->start[b + 1] > most)
            return false;
    }
    int64_t taken = flight->start[blocks];
    cursor_get_array(in, flight->variables, (size_t)taken, sizeof *flight->variables);
    if (in->failed || taken != flight->plan.taken)
        return false;
    flight->plan.blocks = (int32_t)blocks;
    int64_t last = -1, b = 0;
    for (int64_t i = 0; i < taken; i++) {
        int64_t variable = flight->variables[i];
        if (i == flight->start[b])
            last = -1;
        b += i + 1 == flight->start[b + 1];
        if (variable <= last || variable >= s->config.variables ||
            bitset_has(s->sampler.out, variable))
            return false;
        bitset_add(s->sampler.out, variable);
        last = variable;
    }
    return true;
}

/* A run that records less than the one before drops the rest. */
static bool unpack_conflicts(const struct scheduler *s, struct flight *flight, struct cursor_reader *in)
{
    uint32_t conflicts = cursor_get_u32(in);
    for (uint32_t i = 0; i < conflicts && !in->failed; i++) {
        struct scheduler_conflict conflict = { .candidate = cursor_get_i64(in) };
        conflict.other = cursor_get_i64(in);
        conflict.coupling = cursor_get_f64(in);
        conflict.other_round = cursor_get_i64(in);
        conflict.joined = cursor_get_u8(in);
        if (flight->plan.conflicts < s->sizes.conflicts)
            flight->conflict[flight->plan.conflicts++] = conflict;
    }
    return !in->failed;
}

static bool unpack_draws(const struct scheduler *s, struct flight *flight, struct cursor_reader *in)
{
    int64_t draws = cursor_get_i64(in);
    size_t bytes = (size_t)draws * sizeof *flight->draw;
    if (in->failed || draws < 0 || draws > s->config.variables)
        return false;
    const void *draw = cursor_get_bytes(in, bytes), *weight = cursor_get_bytes(in, bytes);
    if (in->failed || draws > s->sizes.draws)
        return !in->failed && !s->config.record;
    flight->plan.draws = draws;
    if (draws > 0)
        memcpy(flight->draw, draw, bytes);
    if (draws > 0)
        memcpy(flight->weight, weight, bytes);
    return true;
}

static bool unpack_plan(struct scheduler *s, struct flight *flight, struct cursor_reader *in)
{
    struct scheduler_plan *plan = &flight->plan;
    *plan = (struct scheduler_plan){
        .start = flight->start,
        .variables = flight->variables,
        .cost = flight->cost,
        .conflict = flight->conflict,
        .draw = flight->draw,
        .weight = flight->weight,
    };
    plan->round = cursor_get_i64(in);
    plan->wanted = cursor_get_i64(in);
    plan->drawn = cursor_get_i64(in);
    plan->refused = cursor_get_i64(in);
    plan->taken = cursor_get_i64(in);
    plan->pairs_needed = cursor_get_i64(in);
    plan->pairs_computed = cursor_get_i64(in);
    plan->coupled_pairs = cursor_get_i64(in);
    plan->joined = cursor_get_i64(in);
    plan->weight_sum = cursor_get_f64(in);
    plan->weight_taken = cursor_get_f64(in);
    return unpack_blocks(s, flight, in) && unpack_conflicts(s, flight, in) && unpack_draws(s, flight, in);
}

static bool unpack_flights(struct scheduler *s, struct cursor_reader *in)
{
    uint32_t rounds = cursor_get_u32(in);
    if (in->failed || rounds > (uint32_t)s->config.pipeline)
        return false;
    int64_t last = -1;
    for (uint32_t f = 0; f < rounds; f++) {
        if (!unpack_plan(s, s->queue[f], in) || s->queue[f]->plan.round <= last)
            return false;
        last = s->queue[f]->plan.round;
        s->in_flight++;
    }
    return last <= s->last_round;
}

int scheduler_unpack(struct scheduler *s, struct rondo_bytes bytes)
{
    assert(s->stage == STAGE_IDLE);
    parts_reset(s);
    struct cursor_reader in = cursor_reader(bytes.data, bytes.size);
    if (unpack_head(s, &in) && unpack_weights(s, &in) && unpack_flights(s, &in) &&
        cursor_at_end(&in)) {
        sampler_rebuild(&s->sampler);
        return RONDO_OK;
    }
    parts_reset(s);
    return RONDO_ESTATE;
}

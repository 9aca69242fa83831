#include "scheduler/parts.h"
#include "scheduler/square.h"

#include <assert.h>

/* ---- conflicts ----------------------------------------------------------------------------- */

static void record(struct scheduler *s, int32_t candidate, int32_t other, int64_t other_round, bool joined)
{
    struct scheduler_plan *plan = &s->flight->plan;
    if (plan->conflicts == s->sizes.conflicts)
        return;
    s->flight->conflict[plan->conflicts++] = (struct scheduler_conflict){
        .candidate = s->cache.owner[candidate],
        .other = s->cache.owner[other],
        .coupling = *cache_at(&s->cache, candidate, other),
        .other_round = other_round,
        .joined = joined,
    };
}

void parts_refused(struct scheduler *s, int64_t i, int64_t near)
{
    record(s, s->batch_slot[i], s->near_slot[near],
           near < s->flying ? s->near_round[near] : s->flight->plan.round, false);
}

void parts_joined(struct scheduler *s, int32_t candidate_slot, int32_t other_slot)
{
    s->flight->plan.joined++;
    record(s, candidate_slot, other_slot, s->flight->plan.round, true);
}

bool parts_refused_for(struct scheduler *s, int64_t i, int64_t to)
{
    int64_t near = coupled_next(coupled_to_near(&s->coupled, i), NULL, 0, to);
    if (near >= 0)
        parts_refused(s, i, near);
    return near >= 0;
}

/* ---- candidates ----------------------------------------------------------------------------- */

static void record_draw(struct scheduler *s, int64_t variable)
{
    struct flight *flight = s->flight;
    if (!s->config.record)
        return;
    flight->draw[flight->plan.draws] = variable;
    flight->weight[flight->plan.draws++] = sampler_weight(&s->sampler, variable);
}

/* Candidates of the batch from the i-th on were not drawn after all; those that the sieve refused were. */
static void forget_draws(struct scheduler *s, int64_t i)
{
    struct flight *flight = s->flight;
    if (!s->config.record)
        return;
    int64_t first = flight->plan.draws - s->entered, kept = first;
    for (int64_t at = 0; at < s->entered; at++) {
        if (i < s->batch && s->batch_row[i] == at) {
            i++;
            continue;
        }
        flight->draw[kept] = flight->draw[first + at];
        flight->weight[kept++] = flight->weight[first + at];
    }
    flight->plan.draws = kept;
}

static void take(struct scheduler *s, int64_t variable)
{
    if (s->taken_cost)
        s->taken_cost[s->taken] = s->config.cost[variable];
    s->flight->plan.weight_taken += sampler_share(&s->sampler, variable);
    s->taken_variable[s->taken++] = variable;
}

static void take_candidate(struct scheduler *s, int64_t i)
{
    s->near_slot[s->flying + s->taken] = s->batch_slot[i];
    s->batch_near[i] = s->flying + s->taken;
    bitset_add(s->batch_taken, i);
    take(s, s->batch_variable[i]);
}

/* The candidate goes back to the sampler when the plan is made, and stays out of it until then. */
static void hand_back(struct scheduler *s, int64_t i)
{
    cache_unpin(&s->cache, s->batch_slot[i]);
    s->returned_variable[s->returned++] = s->batch_variable[i];
}

static void refuse(struct scheduler *s, int64_t i)
{
    s->flight->plan.refused++;
    hand_back(s, i);
}

/* As many as there are places, where all may be taken.  Where most may be refused, growing with what
 * was taken: on crowded data a large batch asks for many couplings of which few matter.  The size of
 * the batch changes what is asked for, not what is taken. */
static int64_t batch_size(const struct scheduler *s)
{
    int64_t size = s->want - s->taken, left = s->config.candidates - s->flight->plan.drawn;
    if (s->policy->sieve_taken) {
        int64_t grown = s->taken > BATCH_FIRST / BATCH_GROWTH ? s->taken * BATCH_GROWTH : BATCH_FIRST;
        size = size < grown ? size : grown;
    }
    int64_t few = s->want < BATCH_LEAST ? s->want : BATCH_LEAST;
    size = size > few ? size : few;
    size = size < s->sizes.batch ? size : s->sizes.batch;
    return size < left ? size : left;
}

static void draw_batch(struct scheduler *s)
{
    int64_t size = batch_size(s);
    s->batch = 0;
    s->newly = s->taken;
    while (s->batch < size) {
        int64_t variable = sampler_draw(&s->sampler);
        if (variable < 0)
            break;
        s->batch_variable[s->batch] = variable;
        s->batch_slot[s->batch] = cache_enter(&s->cache, variable);
        s->batch_row[s->batch] = s->batch;
        s->batch++;
        record_draw(s, variable);
    }
    s->entered = s->batch;
    s->flight->plan.drawn += s->batch;
}

/* No couplings: no batches. */
static void draw_all(struct scheduler *s)
{
    int64_t left = s->whole ? s->want : s->config.candidates;
    int64_t all = s->whole ? sampler_draw_all(&s->sampler, s->want, s->taken_variable) : -1;
    for (; s->taken < all; left = 0)
        take(s, s->taken_variable[s->taken]);
    for (; s->taken < s->want && left > 0; left--) {
        int64_t variable = sampler_draw(&s->sampler);
        if (variable < 0)
            break;
        take(s, variable);
    }
    s->flight->plan.drawn = s->taken;
    for (int64_t i = 0; i < s->taken; i++)
        record_draw(s, s->taken_variable[i]);
}

/* ---- the stages ----------------------------------------------------------------------------- */

/* Opens this stage's walk over so many pairs; false where that was done before. */
static bool open_walk(struct scheduler *s, int64_t pairs)
{
    if (s->opened)
        return false;
    s->opened = true;
    s->flight->plan.pairs_needed += pairs;
    request_open(&s->request);
    return true;
}

/* All that is in flight takes part in the conflict test, the earliest round first. */
static void gather_flying(struct scheduler *s)
{
    cache_turn(&s->cache);
    s->flying = 0;
    for (int32_t f = 0; f < s->in_flight; f++) {
        const struct scheduler_plan *plan = &s->queue[f]->plan;
        for (int64_t i = 0; i < plan->taken; i++) {
            s->near_round[s->flying] = plan->round;
            s->near_slot[s->flying++] = cache_enter(&s->cache, plan->variables[i]);
        }
    }
}

static bool ask_nothing(struct scheduler *s, struct rondo_pairs *need)
{
    (void)s;
    (void)need;
    return false;
}

static bool ask_ahead(struct scheduler *s, struct rondo_pairs *need)
{
    int64_t count = s->block.count;
    (void)open_walk(s, count * (count - 1) / 2);
    return request_triangle(&s->request, &s->cache, s->block.slot, count, need);
}

static bool ask_sieve(struct scheduler *s, struct rondo_pairs *need)
{
    struct coupled *coupled = &s->coupled;
    int64_t near = s->flying + (s->policy->sieve_taken ? s->taken : 0);
    if (open_walk(s, s->batch * near)) {
        lineup_sort(&coupled->near, s->near_slot, near, coupled->scratch);
        lineup_sort(&coupled->batch, s->batch_slot, s->batch, coupled->scratch);
    }
    return request_rectangle(&s->request, &s->cache, coupled->batch.slot, s->batch,
                             coupled->near.slot, near, need);
}

static bool ask_judge(struct scheduler *s, struct rondo_pairs *need)
{
    struct coupled *coupled = &s->coupled;
    if (!s->policy->judge_batch || s->batch == 0)
        return false;
    if (open_walk(s, s->batch * (s->batch - 1) / 2))
        lineup_sort(&coupled->batch, s->batch_slot, s->batch, coupled->scratch);
    return request_triangle(&s->request, &s->cache, coupled->batch.slot, s->batch, need);
}

/* What was taken, in ascending order, so that its order does not matter to the forest. */
static void sort_taken(struct scheduler *s)
{
    struct balance *balance = &s->balance;
    for (int64_t i = 0; i < s->taken; i++)
        balance->order[i] = (struct radix_item){ (uint64_t)s->taken_variable[i], i };
    radix_sort(balance->order, balance->scratch, s->taken);
    for (int64_t i = 0; i < s->taken; i++) {
        int64_t variable = (int64_t)balance->order[i].key;
        s->taken_variable[i] = variable;
        s->near_slot[s->flying + i] = cache_slot(&s->cache, variable);
        if (s->taken_cost)
            s->taken_cost[i] = s->config.cost[variable];
    }
}

static bool ask_join(struct scheduler *s, struct rondo_pairs *need)
{
    struct lineup *taken = &s->coupled.near;
    if (!s->policy->join_taken || s->config.blocks == 1 || s->taken == 0)
        return false;
    if (open_walk(s, s->taken * (s->taken - 1) / 2)) {
        sort_taken(s);
        lineup_sort(taken, s->near_slot + s->flying, s->taken, s->coupled.scratch);
    }
    return request_triangle(&s->request, &s->cache, taken->slot, s->taken, need);
}

static enum stage_name act_ahead(struct scheduler *s)
{
    gather_flying(s);
    return STAGE_DRAW;
}

static enum stage_name act_draw(struct scheduler *s)
{
    if (s->policy == &policy_none || s->whole) {
        draw_all(s);
        return STAGE_PACK;
    }
    if (s->taken == s->want || s->flight->plan.drawn == s->config.candidates)
        return STAGE_JOIN;
    draw_batch(s);
    return s->batch > 0 ? STAGE_SIEVE : STAGE_JOIN;
}

static enum stage_name act_sieve(struct scheduler *s)
{
    int64_t kept = 0;
    coupled_read_near(&s->coupled, &s->cache);
    for (int64_t i = 0; i < s->batch; i++) {
        if (!s->policy->sieve(s, i)) {
            refuse(s, i);
            continue;
        }
        s->batch_row[kept] = i;
        s->batch_variable[kept] = s->batch_variable[i];
        s->batch_slot[kept++] = s->batch_slot[i];
    }
    s->batch = kept;
    return STAGE_JUDGE;
}

static enum stage_name act_judge(struct scheduler *s)
{
    int64_t i = 0;
    if (s->policy->judge && s->batch > 0)
        coupled_read_batch(&s->coupled, &s->cache);
    for (size_t word = 0; word < bitset_words(s->batch); word++)
        s->batch_taken[word] = 0;
    for (; i < s->batch && s->taken < s->want; i++) {
        if (!s->policy->judge || s->policy->judge(s, i))
            take_candidate(s, i);
        else
            refuse(s, i);
    }
    s->flight->plan.drawn -= s->batch - i; /* full: the rest was not drawn after all */
    forget_draws(s, i);
    for (; i < s->batch; i++)
        hand_back(s, i);
    return STAGE_DRAW;
}

static enum stage_name act_join(struct scheduler *s)
{
    (void)s;
    return STAGE_PACK;
}

/* Variables ascending in each block, the blocks that have any in their order. */
static void emit(struct scheduler *s)
{
    struct balance *balance = &s->balance;
    struct flight *flight = s->flight;
    int32_t *number = balance->heap, *next = balance->room, blocks = 0, at = 0;
    for (int64_t i = 0; i < s->taken; i++)
        balance->order[i] = (struct radix_item){ (uint64_t)s->taken_variable[i], s->block_of[i] };
    radix_sort(balance->order, balance->scratch, s->taken);
    for (int32_t b = 0; b < s->sizes.bins; b++)
        next[b] = 0;
    for (int64_t i = 0; i < s->taken; i++)
        next[s->block_of[i]]++;
    for (int32_t b = 0; b < s->sizes.bins; b++) {
        int32_t size = next[b];
        if (size == 0)
            continue;
        number[b] = blocks;
        next[b] = at;
        flight->cost[blocks] = 0;
        flight->start[blocks++] = at;
        at += size;
    }
    flight->start[blocks] = at;
    for (int64_t i = 0; i < s->taken; i++) {
        int64_t variable = (int64_t)balance->order[i].key, b = balance->order[i].value;
        flight->variables[next[b]++] = variable;
        flight->cost[number[b]] += s->config.cost ? s->config.cost[variable] : 1.0;
    }
    flight->plan.blocks = blocks;
    flight->plan.taken = s->taken;
}

static enum stage_name act_pack(struct scheduler *s)
{
    for (int64_t i = 0; s->whole && i < s->taken; i++)
        s->block_of[i] = 0;
    if (s->taken > 0 && !s->whole)
        s->policy->pack(s);
    if (s->taken > 0)
        emit(s);
    sampler_put_back(&s->sampler, s->returned, s->returned_variable);
    s->in_flight++;
    return STAGE_IDLE;
}

/* What a stage must know first, what it then does; act names the stage that follows. */
static const struct {
    bool (*ask)(struct scheduler *s, struct rondo_pairs *need);
    enum stage_name (*act)(struct scheduler *s);
} stages[] = {
    [STAGE_AHEAD] = { ask_ahead, act_ahead },
    [STAGE_DRAW] = { ask_nothing, act_draw },
    [STAGE_SIEVE] = { ask_sieve, act_sieve },
    [STAGE_JUDGE] = { ask_judge, act_judge },
    [STAGE_JOIN] = { ask_join, act_join },
    [STAGE_PACK] = { ask_nothing, act_pack },
};

enum scheduler_state scheduler_step(struct scheduler *s, struct rondo_pairs *need)
{
    while (s->stage != STAGE_IDLE) {
        if (stages[s->stage].ask(s, need)) {
            s->flight->plan.pairs_computed += need->ptr[need->columns];
            return SCHEDULER_NEEDS;
        }
        s->opened = false;
        s->stage = stages[s->stage].act(s);
    }
    return SCHEDULER_READY;
}

/* ---- a round's life ------------------------------------------------------------------------- */

/* All of them have a slot, pinned, and stand in the order of their slots. */
static void enter_block(struct scheduler *s, int64_t count, const int64_t *variables)
{
    cache_turn(&s->cache);
    for (int64_t i = 0; i < count; i++)
        s->block_slot[i] = cache_enter(&s->cache, variables[i]);
    lineup_sort(&s->block, s->block_slot, count, s->block_scratch);
}

void scheduler_begin(struct scheduler *s, int64_t round, int64_t want)
{
    assert(s->stage == STAGE_IDLE && round > s->last_round);
    assert(s->in_flight < s->config.pipeline);
    int64_t room = (int64_t)s->config.blocks * s->config.block_size;
    want = want < 0 ? 0 : want < room ? want : room;
    s->last_round = round;
    s->flight = s->queue[s->in_flight];
    s->flight->start[0] = 0;
    s->flight->plan = (struct scheduler_plan){
        .round = round,
        .start = s->flight->start,
        .variables = s->flight->variables,
        .cost = s->flight->cost,
        .conflict = s->flight->conflict,
        .draw = s->flight->draw,
        .weight = s->flight->weight,
        .wanted = want,
        .weight_sum = sampler_sum(&s->sampler),
    };
    s->want = want < s->sizes.places ? want : s->sizes.places;
    s->flying = s->taken = s->batch = s->newly = s->returned = 0;
    s->opened = s->whole = false;
    s->stage = s->want > 0 ? STAGE_DRAW : STAGE_PACK;
    sampler_open(&s->sampler, round);
    if (s->want > 0 && s->policy != &policy_none)
        gather_flying(s);
}

void scheduler_whole(struct scheduler *s, int64_t want)
{
    assert(s->config.pipeline == 1 && s->in_flight == 0 && s->taken == 0);
    s->whole = true;
    s->want = want < s->sizes.room ? want : s->sizes.room;
    s->flight->plan.wanted = s->want;
    s->stage = s->want > 0 ? STAGE_DRAW : STAGE_PACK;
}

void scheduler_ahead(struct scheduler *s, int64_t count, const int64_t *variables)
{
    assert(s->taken == 0 && s->flight->plan.drawn == 0);
    if (s->stage != STAGE_DRAW || s->policy == &policy_none || s->whole || count > s->sizes.ahead)
        return;
    enter_block(s, count, variables);
    s->block.count = 0;
    for (int64_t i = 0; i < count; i++) /* one that is named twice has no coupling with itself */
        if (i == 0 || s->block.slot[i] != s->block.slot[s->block.count - 1])
            s->block.slot[s->block.count++] = s->block.slot[i];
    s->stage = STAGE_AHEAD;
}

void scheduler_answer(struct scheduler *s, int64_t from, int64_t to, const double *values)
{
    request_answer(&s->request, &s->cache, from, to, values, s->config.team);
}

static int32_t find_round(const struct scheduler *s, int64_t round)
{
    for (int32_t f = 0; f < s->in_flight; f++) {
        if (s->queue[f]->plan.round == round)
            return f;
    }
    return -1;
}

const struct scheduler_plan *scheduler_plan(const struct scheduler *s, int64_t round)
{
    int32_t found = find_round(s, round);
    return found < 0 ? NULL : &s->queue[found]->plan;
}

void scheduler_commit(struct scheduler *s, int64_t round)
{
    int32_t found = find_round(s, round);
    assert(s->stage == STAGE_IDLE && found >= 0);
    if (found < 0)
        return;
    struct flight *flight = s->queue[found];
    sampler_release(&s->sampler, flight->plan.taken, flight->variables);
    s->in_flight--;
    for (int32_t f = found; f < s->in_flight; f++)
        s->queue[f] = s->queue[f + 1];
    s->queue[s->in_flight] = flight;
}

/* ---- feedback, weights, the couplings of a block ---------------------------------------------- */

void scheduler_feed(struct scheduler *s, int64_t count, const int64_t *variables,
                    const double *delta, const double *violation)
{
    sampler_feed(&s->sampler, count, variables, delta, violation);
}

void scheduler_feed_all(struct scheduler *s, const double *violation)
{
    sampler_feed_all(&s->sampler, violation);
}

bool scheduler_awaits(const struct scheduler *s, int32_t rounds, int64_t next)
{
    return s->in_flight == rounds && s->last_round < next;
}

double scheduler_weight(const struct scheduler *s, int64_t variable)
{
    return sampler_weight(&s->sampler, variable);
}

int64_t scheduler_couplings_most(const struct scheduler *s)
{
    return s->sizes.joinable;
}

enum scheduler_state scheduler_couplings(struct scheduler *s, int64_t count,
                                         const int64_t *variables, double *out,
                                         struct rondo_pairs *need)
{
    assert(s->stage == STAGE_IDLE && (count <= 1 || count <= s->sizes.joinable));
    if (count == 1)
        out[0] = 1;
    if (count <= 1)
        return SCHEDULER_READY;
    if (!s->joining) {
        enter_block(s, count, variables);
        request_open(&s->request);
    }
    s->joining = request_triangle(&s->request, &s->cache, s->block.slot, count, need);
    if (s->joining)
        return SCHEDULER_NEEDS;
    square_fill(s->config.team, &s->cache, &s->block, out);
    return SCHEDULER_READY;
}

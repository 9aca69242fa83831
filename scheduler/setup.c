/* setup.c - all memory of a scheduler, from its configuration; nothing is allocated later. */
#include "core/base/mem.h"
#include "scheduler/parts.h"

#include <rondo/err.h>

#include <math.h>

enum {
    PAIRS_MOST = 1 << 20, /* 8 bytes each, and 8 more for each answer */
    AHEAD_SHARE = 8,      /* of what the budget has to spare, for asking ahead */
    AHEAD_COLUMNS = 512,  /* at a time: whole panels, for a few workers */
};

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* a * b for a, b >= 0, at most `limit`. */
static int64_t product(int64_t a, int64_t b, int64_t limit)
{
    return b > 0 && a > limit / b ? limit : least(a * b, limit);
}

/* Counted up to 2^30; more is refused before it is used. */
static int64_t pairs_of(int64_t count)
{
    int64_t counted = least(count, INT64_C(1) << 30);
    return counted > 0 ? counted * (counted - 1) / 2 : 0;
}

/* In one request for a block's couplings: at least one column of them. */
static int64_t pairs_at_once(int64_t count)
{
    return most(least(pairs_of(count), PAIRS_MOST), count);
}

static bool checked(const struct scheduler_config *config)
{
    return config->check != CHECK_NONE;
}

static bool cuts_forests(const struct scheduler_config *config)
{
    return checked(config) && config->coupled == COUPLED_SOLVE && config->blocks > 1;
}

/* Sizes that do not depend on the budget; slots is the least that will do. */
static struct sizes sizes_wanted(const struct scheduler_config *config)
{
    int64_t M = config->variables;
    struct sizes sizes = { .joinable = product(config->blocks, config->block_size, M) };
    sizes.places = least(sizes.joinable, config->candidates);
    sizes.room = config->pipeline == 1 ? most(sizes.joinable, least(config->whole_most, M))
                                       : sizes.places;
    sizes.bins = (int32_t)least(config->blocks, most(sizes.places, 1));
    sizes.returned = checked(config) ? least(M, config->candidates) : 0;
    sizes.conflicts = config->record ? least(sizes.returned + sizes.places, INT32_MAX) : SCHEDULER_REFUSALS_KEPT;
    sizes.draws = config->record ? most(sizes.returned, sizes.room) : 0;
    if (!checked(config))
        return sizes;
    sizes.flying = product(config->pipeline - 1, sizes.places, M);
    sizes.batch = least(M, most(sizes.places, BATCH_LEAST));
    sizes.slots = most(sizes.joinable, least(M, sizes.flying + sizes.places + BATCH_LEAST));
    sizes.pairs = most(pairs_at_once(sizes.joinable), most(sizes.flying + sizes.places, sizes.batch));
    sizes.columns = most(sizes.joinable, sizes.batch);
    return sizes;
}

static size_t extra_bytes(const struct scheduler_config *config, const struct sizes *sizes)
{
    return request_bytes(sizes->pairs, sizes->columns) +
           coupled_bytes(sizes->flying + sizes->places, sizes->batch) +
           (cuts_forests(config) ? spanning_bytes(sizes->places) : 0);
}

size_t scheduler_cache_floor(const struct scheduler_config *config)
{
    struct sizes sizes = sizes_wanted(config);
    if (!checked(config))
        return 0;
    size_t bytes = cache_bytes(sizes.slots);
    return bytes == SIZE_MAX ? bytes : bytes + extra_bytes(config, &sizes);
}

static size_t bytes_to_join(int64_t count)
{
    size_t bytes = cache_bytes(count);
    return bytes == SIZE_MAX ? bytes : bytes + request_bytes(pairs_at_once(count), count);
}

/* Check none: the cache serves scheduler_couplings alone, as far as the budget goes. */
static int64_t joinable_within(size_t bytes, int64_t limit)
{
    int64_t low = 0, high = limit;
    while (low < high) {
        int64_t middle = low + (high - low + 1) / 2;
        if (bytes_to_join(middle) <= bytes)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static struct sizes sizes_within_budget(const struct scheduler_config *config)
{
    struct sizes sizes = sizes_wanted(config);
    if (!checked(config)) {
        sizes.joinable = joinable_within(config->cache_bytes, sizes.joinable);
        sizes.slots = sizes.columns = sizes.joinable;
        sizes.pairs = pairs_at_once(sizes.joinable);
        return sizes;
    }
    size_t spare = config->cache_bytes - scheduler_cache_floor(config);
    int64_t pairs = least((int64_t)(spare / AHEAD_SHARE / sizeof(int64_t)), PAIRS_MOST);
    sizes.pairs = most(sizes.pairs, pairs);
    sizes.columns = most(sizes.columns, least(pairs, AHEAD_COLUMNS));
    sizes.slots =
        cache_slots_in(config->cache_bytes - extra_bytes(config, &sizes), config->variables);
    sizes.ahead = least(sizes.slots, sizes.pairs);
    return sizes;
}

/* ---- what cannot work ------------------------------------------------------------------------ */

static int refuse_costs(const struct scheduler_config *config, struct rondo_error *err)
{
    for (int64_t j = 0; config->cost && j < config->variables; j++) {
        if (!(config->cost[j] >= 0) || isinf(config->cost[j]))
            return rondo_error_set(err, RONDO_EINPUT, NULL, NULL,
                                   "the cost of variable %lld is not a number >= 0", (long long)j);
    }
    return RONDO_OK;
}

static int refuse(const struct scheduler_config *config, struct rondo_error *err)
{
    if (config->variables < 0)
        return rondo_error_set(err, RONDO_EINPUT, NULL, NULL, "the number of variables is negative");
    if (config->blocks < 1)
        return rondo_error_set(err, RONDO_EINPUT, "/schedule/blocks", NULL, "must be at least 1");
    if (config->block_size < 1)
        return rondo_error_set(err, RONDO_EINPUT, "/schedule/block_size", NULL, "must be at least 1");
    if (config->candidates < 1)
        return rondo_error_set(err, RONDO_EINPUT, "/schedule/candidates", NULL, "must be at least 1");
    if (config->pipeline < 1)
        return rondo_error_set(err, RONDO_EINPUT, "/schedule/pipeline", NULL, "must be at least 1");
    if (!(config->eta >= 0) || config->eta > RULE_WEIGHT_MAX)
        return rondo_error_set(err, RONDO_EINPUT, "/schedule/priority/eta", NULL,
                               "must be a number of at least 0");
    if (checked(config) && !(config->threshold >= 0))
        return rondo_error_set(err, RONDO_EINPUT, "/schedule/dependency/threshold", NULL,
                               "must be a number of at least 0");
    if (sizes_wanted(config).room > INT32_MAX - BATCH_LEAST)
        return rondo_error_set(err, RONDO_EINPUT, "/schedule/blocks", NULL,
                               "blocks x block_size is more than %d variables in a round",
                               INT32_MAX - BATCH_LEAST);
    size_t floor = scheduler_cache_floor(config);
    if (config->cache_bytes < floor)
        return rondo_error_set(err, RONDO_EINPUT, "/limits/memory",
                               "raise limits.memory, or lower schedule.blocks x schedule.block_size",
                               "the couplings of %d blocks x %d variables, %d rounds at a time, need "
                               "%zu bytes; %zu are left for them",
                               config->blocks, config->block_size, config->pipeline, floor,
                               config->cache_bytes);
    return refuse_costs(config, err);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static int create_flights(struct scheduler *s)
{
    size_t rounds = (size_t)s->config.pipeline, bins = (size_t)s->sizes.bins;
    s->flights = mem_calloc(rounds, sizeof *s->flights);
    s->queue = mem_calloc(rounds, sizeof *s->queue);
    if (!s->flights || !s->queue)
        return RONDO_ENOMEM;
    for (size_t f = 0; f < rounds; f++) {
        struct flight *flight = &s->flights[f];
        s->queue[f] = flight;
        flight->start = mem_calloc(bins + 1, sizeof *flight->start);
        flight->variables = mem_alloc((size_t)s->sizes.room * sizeof *flight->variables);
        flight->cost = mem_alloc(bins * sizeof *flight->cost);
        flight->conflict = mem_alloc((size_t)s->sizes.conflicts * sizeof *flight->conflict);
        flight->draw = mem_alloc((size_t)s->sizes.draws * sizeof *flight->draw);
        flight->weight = mem_alloc((size_t)s->sizes.draws * sizeof *flight->weight);
        if (!flight->start || !flight->variables || !flight->cost || !flight->conflict || !flight->draw
            || !flight->weight)
            return RONDO_ENOMEM;
    }
    return RONDO_OK;
}

/* For the couplings of candidates, in any mode but none. */
static int create_lists(struct scheduler *s)
{
    size_t flying = (size_t)s->sizes.flying, batch = (size_t)s->sizes.batch;
    s->near_slot = mem_alloc((flying + (size_t)s->sizes.places) * sizeof *s->near_slot);
    s->near_round = mem_alloc(flying * sizeof *s->near_round);
    s->batch_variable = mem_alloc(batch * sizeof *s->batch_variable);
    s->batch_slot = mem_alloc(batch * sizeof *s->batch_slot);
    s->batch_row = mem_alloc(batch * sizeof *s->batch_row);
    s->batch_near = mem_alloc(batch * sizeof *s->batch_near);
    s->batch_taken = mem_alloc(bitset_words(s->sizes.batch) * sizeof *s->batch_taken);
    s->returned_variable = mem_alloc((size_t)s->sizes.returned * sizeof *s->returned_variable);
    if (!s->near_slot || !s->near_round || !s->batch_variable || !s->batch_slot || !s->batch_row ||
        !s->batch_near || !s->batch_taken || !s->returned_variable)
        return RONDO_ENOMEM;
    return coupled_init(&s->coupled, s->sizes.flying + s->sizes.places, s->sizes.batch);
}

static int create_mode(struct scheduler *s)
{
    const struct scheduler_config *config = &s->config;
    size_t places = (size_t)s->sizes.places;
    if (config->coupled != COUPLED_DROP && cut_init(&s->cut, s->sizes.places, cuts_forests(config)))
        return RONDO_ENOMEM;
    if (cuts_forests(config) && spanning_init(&s->spanning, s->sizes.places))
        return RONDO_ENOMEM;
    if (config->coupled == COUPLED_GROUP) {
        s->seen = mem_calloc(places, sizeof *s->seen);
        s->of_size = mem_calloc((size_t)least(config->block_size, s->sizes.places) + 1,
                                sizeof *s->of_size);
        if (!s->seen || !s->of_size)
            return RONDO_ENOMEM;
    }
    return create_lists(s);
}

static int create_memory(struct scheduler *s)
{
    const struct scheduler_config *config = &s->config;
    const struct sizes *sizes = &s->sizes;
    size_t room = (size_t)sizes->room;
    int64_t block = most(sizes->joinable, sizes->ahead);
    if (sampler_init(&s->sampler, config->rule, config->eta, config->variables, config->seed) ||
        cache_init(&s->cache, config->variables, sizes->slots, config->threshold) ||
        request_init(&s->request, sizes->pairs, sizes->columns) ||
        balance_init(&s->balance, sizes->room, sizes->bins, config->block_size) ||
        create_flights(s) || (checked(config) && create_mode(s)))
        return RONDO_ENOMEM;
    s->taken_variable = mem_alloc(room * sizeof *s->taken_variable);
    s->block_of = mem_alloc(room * sizeof *s->block_of);
    s->block_slot = mem_alloc((size_t)block * sizeof *s->block_slot);
    s->block_scratch = mem_alloc((size_t)block * sizeof *s->block_scratch);
    if (config->cost)
        s->taken_cost = mem_alloc(room * sizeof *s->taken_cost);
    if (!s->taken_variable || !s->block_of || !s->block_slot || !s->block_scratch ||
        (config->cost && !s->taken_cost))
        return RONDO_ENOMEM;
    return lineup_init(&s->block, block);
}

static const struct policy *policy_of(const struct scheduler_config *config)
{
    static const struct policy *const policies[] = {
        [COUPLED_SOLVE] = &policy_solve,
        [COUPLED_GROUP] = &policy_group,
        [COUPLED_DROP] = &policy_drop,
    };
    return checked(config) ? policies[config->coupled] : &policy_none;
}

int scheduler_create(const struct scheduler_config *config, struct scheduler **scheduler,
                     struct rondo_error *err)
{
    *scheduler = NULL;
    int rc = refuse(config, err);
    if (rc)
        return rc;
    struct scheduler *s = mem_calloc(1, sizeof *s);
    if (!s)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for the scheduler");
    s->config = *config;
    s->sizes = sizes_within_budget(config);
    s->policy = policy_of(config);
    if (create_memory(s)) {
        scheduler_destroy(s);
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL,
                               "no memory for the scheduler of %lld variables",
                               (long long)config->variables);
    }
    parts_reset(s);
    *scheduler = s;
    return RONDO_OK;
}

void parts_reset(struct scheduler *s)
{
    sampler_reset(&s->sampler);
    s->stage = STAGE_IDLE;
    s->joining = false;
    s->in_flight = 0;
    s->last_round = -1;
}

static void destroy_flights(struct scheduler *s)
{
    for (int32_t f = 0; s->flights && f < s->config.pipeline; f++) {
        mem_free(s->flights[f].start);
        mem_free(s->flights[f].variables);
        mem_free(s->flights[f].cost);
        mem_free(s->flights[f].conflict);
        mem_free(s->flights[f].draw);
        mem_free(s->flights[f].weight);
    }
    mem_free(s->flights);
    mem_free(s->queue);
}

void scheduler_destroy(struct scheduler *s)
{
    if (!s)
        return;
    sampler_fini(&s->sampler);
    cache_fini(&s->cache);
    request_fini(&s->request);
    coupled_fini(&s->coupled);
    balance_fini(&s->balance);
    cut_fini(&s->cut);
    spanning_fini(&s->spanning);
    destroy_flights(s);
    mem_free(s->of_size);
    mem_free(s->seen);
    mem_free(s->near_slot);
    mem_free(s->near_round);
    mem_free(s->taken_variable);
    mem_free(s->taken_cost);
    mem_free(s->block_of);
    mem_free(s->batch_variable);
    mem_free(s->batch_slot);
    mem_free(s->batch_row);
    mem_free(s->batch_near);
    mem_free(s->batch_taken);
    mem_free(s->returned_variable);
    mem_free(s->block_slot);
    mem_free(s->block_scratch);
    lineup_fini(&s->block);
    mem_free(s);
}

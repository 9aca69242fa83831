/* The scheduler's invariant, on random instances, against a brute-force oracle that sees the true
 * couplings and the plans, and nothing of the scheduler's inside:
 *
 *     with drop or group, no two variables in different blocks of the rounds in flight are coupled
 *     above the threshold; under drop, no two variables in flight at all; and in any mode, no two of
 *     different rounds.
 *
 * Each instance runs twice in step, with the least and with a huge cache, the second one saved and
 * restored now and then: the plans must agree bit for bit.  Schedulers broken on purpose must be
 * caught by the same oracle.  RONDO_PROP_SEED overrides the seed. */
#include "core/base/mem.h"
#include "tests/unit/scheduler/drive.h"

#include <rondo/rng.h>

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

enum { INSTANCES = 12000, OTHER_MODES = 3000, MUTANTS = 400, M_MAX = 64, IN_FLIGHT_MAX = 4 };

static uint64_t prop_seed(void)
{
    const char *text = getenv("RONDO_PROP_SEED");
    uint64_t seed = text ? strtoull(text, NULL, 10) : 20140612;
    fprintf(stderr, "RONDO_PROP_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

/* ---- an instance ----------------------------------------------------------------------------- */

enum flaw { FLAW_NONE, FLAW_LIES, FLAW_FORGETS };

struct instance {
    uint64_t seed, draws;
    struct scheduler_config config;
    double cost[M_MAX];
    double density;    /* share of the pairs that are coupled */
    bool near;         /* couplings close to the threshold on both sides */
    int64_t rounds;
    enum flaw flaw;
};

static double unit(struct instance *it)
{
    return rondo_rng_unit(it->seed, 0, 300, it->draws++);
}

static int64_t below(struct instance *it, int64_t limit)
{
    return (int64_t)(unit(it) * (double)limit);
}

/* A pure, symmetric function of the pair. */
static double truth(const struct instance *it, int64_t a, int64_t b)
{
    uint64_t low = (uint64_t)(a < b ? a : b), high = (uint64_t)(a < b ? b : a);
    struct rondo_rng_pair r = rondo_rng_pair(it->seed, low, 301, high);
    double kind = (double)(r.a >> 11) * 0x1.0p-53, size = (double)(r.b >> 11) * 0x1.0p-53;
    double threshold = it->config.threshold;
    double sign = r.a & 1 ? 1 : -1;
    if (kind >= it->density)
        return sign * threshold * (it->near ? 1.0 : size);
    return sign * (it->near ? nextafter(threshold, 2.0) : threshold + (1 - threshold) * (size + 1e-9));
}

static double answer(const void *world, int64_t a, int64_t b)
{
    const struct instance *it = world;
    uint64_t low = (uint64_t)(a < b ? a : b), high = (uint64_t)(a < b ? b : a);
    if (it->flaw == FLAW_LIES && rondo_rng_unit(it->seed, low, 302, high) < 0.2)
        return 0;
    return truth(it, a, b);
}

static double pick_density(struct instance *it)
{
    double kind = unit(it);
    if (kind < 0.1)
        return 1;                           /* complete */
    if (kind < 0.3)
        return 0.6 + 0.4 * unit(it);        /* dense */
    return 0.3 * unit(it) * unit(it);
}

static struct instance make_instance(uint64_t seed, uint64_t number, bool guarded)
{
    struct instance it = { .seed = seed + number * UINT64_C(0x9E3779B97F4A7C15) };
    struct scheduler_config *config = &it.config;
    config->variables = below(&it, M_MAX + 1);
    config->blocks = (int32_t)(1 + below(&it, 6));
    config->block_size = (int32_t)(1 + below(&it, 8));
    config->candidates = 1 + below(&it, 2 * M_MAX);
    config->rule = (enum priority_rule)below(&it, 4);
    config->eta = unit(&it) < 0.2 ? 0 : 1e-6;
    config->check = guarded || unit(&it) < 0.7 ? CHECK_CORRELATION : CHECK_NONE;
    config->coupled = !guarded ? COUPLED_SOLVE : unit(&it) < 0.5 ? COUPLED_GROUP : COUPLED_DROP;
    config->threshold = 0.02 + 0.9 * unit(&it);
    config->pipeline = unit(&it) < 0.5 ? 1 : (int32_t)(2 + below(&it, IN_FLIGHT_MAX - 1));
    config->seed = it.seed;
    it.density = pick_density(&it);
    it.near = unit(&it) < 0.2;
    it.rounds = 3 + below(&it, 6);
    for (int64_t j = 0; j < config->variables; j++)
        it.cost[j] = floor(10 * unit(&it)) * (unit(&it) < 0.1 ? 20 : 1);
    return it;
}

/* ---- the oracle ------------------------------------------------------------------------------ */

/* Who is in flight, as the oracle sees it: by rounds, read from the plans when they were made. */
struct sky {
    int64_t rounds, round[IN_FLIGHT_MAX];
    int64_t place[M_MAX]; /* 0: not in flight; else 1 + block + 64 x (1 + place of the round) */
};

static const char *check_plan(const struct instance *it, const struct scheduler_plan *plan)
{
    const struct scheduler_config *config = &it->config;
    if (plan->blocks > config->blocks)
        return "too many blocks";
    if (plan->drawn > config->candidates || plan->drawn != plan->taken + plan->refused)
        return "drawn is wrong";
    if (plan->taken > plan->wanted || plan->start[0] != 0 || plan->start[plan->blocks] != plan->taken)
        return "taken is wrong";
    for (int32_t b = 0; b < plan->blocks; b++) {
        int32_t size = plan->start[b + 1] - plan->start[b];
        double cost = 0;
        if (size < 1 || size > config->block_size)
            return "a block is empty or too large";
        for (int32_t i = plan->start[b]; i < plan->start[b + 1]; i++) {
            cost += config->cost ? config->cost[plan->variables[i]] : 1.0;
            if (i > plan->start[b] && plan->variables[i] <= plan->variables[i - 1])
                return "a block is not ascending";
        }
        if (fabs(cost - plan->cost[b]) > 1e-9)
            return "a block's cost is wrong";
    }
    return NULL;
}

static const char *enter_plan(const struct instance *it, struct sky *sky,
                              const struct scheduler_plan *plan)
{
    for (int32_t b = 0; b < plan->blocks; b++) {
        for (int32_t i = plan->start[b]; i < plan->start[b + 1]; i++) {
            int64_t j = plan->variables[i];
            if (j < 0 || j >= it->config.variables)
                return "no such variable";
            if (sky->place[j])
                return "a variable is twice in flight";
            sky->place[j] = 1 + b + 64 * (1 + plan->round);
        }
    }
    sky->round[sky->rounds++] = plan->round;
    return NULL;
}

static void leave(struct sky *sky)
{
    for (int64_t j = 0; j < M_MAX; j++) {
        if (sky->place[j] && sky->place[j] / 64 - 1 == sky->round[0])
            sky->place[j] = 0;
    }
    sky->rounds--;
    memmove(sky->round, sky->round + 1, (size_t)sky->rounds * sizeof sky->round[0]);
}

static const char *check_sky(const struct instance *it, const struct sky *sky)
{
    const struct scheduler_config *config = &it->config;
    if (config->check == CHECK_NONE)
        return NULL;
    for (int64_t a = 0; a < config->variables; a++) {
        for (int64_t b = 0; b < a && sky->place[a]; b++) {
            if (!sky->place[b] || fabs(truth(it, a, b)) <= config->threshold)
                continue;
            if (sky->place[a] / 64 != sky->place[b] / 64)
                return "coupled, in different rounds in flight";
            if (config->coupled == COUPLED_DROP)
                return "coupled, under drop";
            if (config->coupled == COUPLED_GROUP && sky->place[a] != sky->place[b])
                return "coupled, in different blocks";
        }
    }
    return NULL;
}

/* ---- a run ------------------------------------------------------------------------------------- */

struct run {
    struct scheduler *least, *huge;
    struct drive drive;
    struct sky sky;
};

static struct scheduler *create(const struct instance *it, bool huge)
{
    struct scheduler_config config = it->config;
    struct rondo_error err = { 0 };
    struct scheduler *s = NULL;
    config.cache_bytes = scheduler_cache_floor(&config) + (huge ? 1 << 20 : 0);
    cr_assert_eq(scheduler_create(&config, &s, &err), RONDO_OK, "%s", err.what);
    return s;
}

static void save_and_restore(const struct instance *it, struct scheduler **s)
{
    struct rondo_buf buf = { 0 };
    cr_assert_eq(scheduler_pack(*s, &buf), RONDO_OK);
    scheduler_destroy(*s);
    *s = create(it, true);
    cr_assert_eq(scheduler_unpack(*s, (struct rondo_bytes){ buf.data, buf.size }), RONDO_OK);
    buf_fini(&buf);
}

static void feed(struct instance *it, struct run *run)
{
    double delta[M_MAX], violation[M_MAX];
    int64_t variables[M_MAX], count = below(it, it->config.variables + 1);
    for (int64_t i = 0; i < it->config.variables; i++) {
        variables[i] = below(it, it->config.variables);
        delta[i] = unit(it) < 0.2 ? (double)NAN : unit(it) - 0.5;
        violation[i] = unit(it) < 0.2 ? (double)NAN : unit(it) < 0.2 ? 0 : unit(it);
    }
    bool all = unit(it) < 0.3;
    struct scheduler *both[2] = { run->least, run->huge };
    for (int i = 0; i < 2; i++) {
        if (all)
            scheduler_feed_all(both[i], violation);
        else
            scheduler_feed(both[i], count, variables, delta, violation);
    }
}

static void commit_one(struct instance *it, struct run *run)
{
    if (it->flaw != FLAW_FORGETS) {
        scheduler_commit(run->least, run->sky.round[0]);
        scheduler_commit(run->huge, run->sky.round[0]);
    }
    leave(&run->sky);
    feed(it, run);
}

static const char *one_round(struct instance *it, struct run *run, int64_t round)
{
    int64_t want = unit(it) < 0.7 ? INT64_MAX : below(it, 40);
    const struct scheduler_plan *plan = drive_round(&run->drive, run->least, round, want);
    const struct scheduler_plan *twin = drive_round(&run->drive, run->huge, round, want);
    const char *wrong = check_plan(it, plan);
    if (!wrong && !drive_same(plan, twin))
        wrong = "the plan depends on the cache or on a restart";
    if (!wrong)
        wrong = enter_plan(it, &run->sky, plan);
    if (!wrong)
        wrong = check_sky(it, &run->sky);
    if (it->flaw == FLAW_FORGETS) {
        scheduler_commit(run->least, round);
        scheduler_commit(run->huge, round);
    }
    return wrong;
}

/* NULL, or what the oracle found. */
static const char *play(struct instance *it)
{
    if (unit(it) < 0.6)
        it->config.cost = it->cost;
    struct run run = { .least = create(it, false), .huge = create(it, true) };
    run.drive = (struct drive){ .coupling = answer, .world = it };
    const char *wrong = NULL;
    for (int64_t round = 1; round <= it->rounds && !wrong; round++) {
        wrong = one_round(it, &run, round);
        while (!wrong && run.sky.rounds > 0 &&
               (run.sky.rounds == it->config.pipeline || unit(it) < 0.3))
            commit_one(it, &run);
        if (!wrong && unit(it) < 0.3)
            save_and_restore(it, &run.huge);
    }
    scheduler_destroy(run.least);
    scheduler_destroy(run.huge);
    drive_fini(&run.drive);
    return wrong;
}

Test(no_coupled_pair_in_flight, holds_on_random_instances_from_the_first_round_on)
{
    uint64_t seed = prop_seed();
    int64_t dense = 0, pipelined = 0;
    for (uint64_t n = 0; n < INSTANCES; n++) {
        struct instance it = make_instance(seed, n, true);
        dense += it.density >= 0.6;
        pipelined += it.config.pipeline > 1;
        const char *wrong = play(&it);
        cr_assert_null(wrong, "seed %llu, instance %llu: %s", (unsigned long long)seed,
                       (unsigned long long)n, wrong ? wrong : "");
    }
    cr_assert_geq(dense, INSTANCES / 5);
    cr_assert_geq(pipelined, INSTANCES * 3 / 10);
    cr_assert_eq(mem_live(), 0);
}

Test(no_coupled_pair_in_flight, other_modes_keep_rounds_apart_and_plans_sound)
{
    uint64_t seed = prop_seed();
    for (uint64_t n = 0; n < OTHER_MODES; n++) {
        struct instance it = make_instance(~seed, n, false);
        const char *wrong = play(&it);
        cr_assert_null(wrong, "seed %llu, instance %llu: %s", (unsigned long long)seed,
                       (unsigned long long)n, wrong ? wrong : "");
    }
}

/* How many of the instances in which a flaw can show are caught. */
static void hunt(enum flaw flaw, int64_t *able, int64_t *caught)
{
    uint64_t seed = prop_seed();
    *able = *caught = 0;
    for (uint64_t n = 0; n < MUTANTS; n++) {
        struct instance it = make_instance(seed, n, true);
        it.flaw = flaw;
        bool shows = it.density >= 0.6 && it.config.variables >= 30 && it.config.blocks > 2 &&
                     (flaw == FLAW_LIES ? it.config.candidates >= 30 : it.config.pipeline > 1);
        const char *wrong = play(&it);
        *able += shows;
        *caught += shows && wrong;
    }
}

Test(no_coupled_pair_in_flight, a_scheduler_that_overlooks_a_fifth_of_the_couplings_is_caught)
{
    int64_t able, caught;
    hunt(FLAW_LIES, &able, &caught);
    cr_assert_gt(able, 10);
    cr_assert_geq(caught, able / 2, "caught %lld of %lld", (long long)caught, (long long)able);
}

Test(no_coupled_pair_in_flight, a_scheduler_that_forgets_the_rounds_in_flight_is_caught)
{
    int64_t able, caught;
    hunt(FLAW_FORGETS, &able, &caught);
    cr_assert_gt(able, 10);
    cr_assert_geq(caught, able / 2, "caught %lld of %lld", (long long)caught, (long long)able);
}

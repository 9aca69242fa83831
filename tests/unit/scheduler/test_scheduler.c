/* Every mode on graphs made by hand. */
#include "core/base/mem.h"
#include "tests/unit/scheduler/drive.h"

#include <math.h>

/* ---- graphs: which pairs are coupled ------------------------------------------------------------ */

static double complete(const void *world, int64_t a, int64_t b)
{
    (void)world;
    return 0.2 + 1.0 / (double)(a + b + 2);
}

static double none(const void *world, int64_t a, int64_t b)
{
    (void)world;
    return a + b > 0 ? 0.1 : 0.0; /* at the threshold, not above */
}

/* Families of `*world` neighbours are coupled. */
static double families(const void *world, int64_t a, int64_t b)
{
    const int64_t *size = world;
    return a / *size == b / *size ? -0.8 : 0.01;
}

/* A chain in which the couplings 3-4 and 7-8 are the weakest. */
static double chain(const void *world, int64_t a, int64_t b)
{
    (void)world;
    int64_t low = a < b ? a : b, high = a < b ? b : a;
    if (high - low != 1)
        return 0;
    return low % 4 == 3 ? 0.2 : 0.6 + 0.01 * (double)low;
}

static struct scheduler_config config_of(int64_t M, int32_t blocks, int32_t block_size,
                                         enum coupled_mode mode)
{
    return (struct scheduler_config){
        .variables = M, .blocks = blocks, .block_size = block_size, .candidates = 4 * M + 1,
        .rule = RULE_CYCLIC, .check = CHECK_CORRELATION, .coupled = mode, .threshold = 0.1,
        .pipeline = 1, .seed = 3,
    };
}

static struct scheduler *create(struct scheduler_config config)
{
    struct scheduler *s;
    struct rondo_error err = { 0 };
    if (config.cache_bytes == 0)
        config.cache_bytes = scheduler_cache_floor(&config);
    cr_assert_eq(scheduler_create(&config, &s, &err), RONDO_OK, "%s", err.what);
    return s;
}

static int32_t block_of(const struct scheduler_plan *plan, int64_t variable)
{
    for (int32_t b = 0; b < plan->blocks; b++) {
        for (int32_t i = plan->start[b]; i < plan->start[b + 1]; i++) {
            if (plan->variables[i] == variable)
                return b;
        }
    }
    return -1;
}

/* ---- none ----------------------------------------------------------------------------------------- */

Test(scheduler, with_check_none_all_are_taken_in_the_order_of_the_draws)
{
    struct scheduler_config config = config_of(100, 4, 5, COUPLED_SOLVE);
    config.check = CHECK_NONE;
    struct scheduler *s = create(config);
    struct drive drive = { .coupling = complete };
    for (int64_t round = 1; round <= 10; round++) {
        const struct scheduler_plan *plan = drive_round(&drive, s, round, 1000);
        cr_assert(plan->taken == 20 && plan->drawn == 20 && plan->blocks == 4);
        for (int64_t i = 0; i < 20; i++)
            cr_assert_geq(block_of(plan, (20 * (round - 1) + i) % 100), 0);
        scheduler_commit(s, round);
    }
    cr_assert_eq(drive.asked, 0);
    scheduler_destroy(s);
}

Test(scheduler, an_empty_round_is_a_plan_too)
{
    const int64_t M[2] = { 0, 50 };
    for (int k = 0; k < 2; k++) {
        struct scheduler *s = create(config_of(M[k], 2, 3, COUPLED_GROUP));
        struct drive drive = { .coupling = complete };
        const struct scheduler_plan *plan = drive_round(&drive, s, 1, k == 0 ? 10 : 0);
        cr_assert(plan->blocks == 0 && plan->taken == 0 && plan->start[0] == 0);
        scheduler_commit(s, 1);
        cr_assert_null(scheduler_plan(s, 1));
        scheduler_destroy(s);
    }
}

Test(scheduler, want_bounds_a_round)
{
    struct scheduler *s = create(config_of(100, 4, 5, COUPLED_DROP));
    struct drive drive = { .coupling = none };
    const struct scheduler_plan *plan = drive_round(&drive, s, 1, 7);
    cr_assert(plan->taken == 7 && plan->wanted == 7 && plan->drawn == 7 && plan->refused == 0);
    drive_fini(&drive);
    scheduler_destroy(s);
}

/* ---- whole ---------------------------------------------------------------------------------------- */

static const struct scheduler_plan *whole_round(struct drive *drive, struct scheduler *s,
                                                int64_t round, int64_t want)
{
    struct rondo_pairs need;
    scheduler_begin(s, round, want);
    scheduler_whole(s, want);
    while (scheduler_step(s, &need) == SCHEDULER_NEEDS)
        drive_answer(drive, s, &need);
    return scheduler_plan(s, round);
}

/* Rounds of 1, 10, ... variables of 300, of which `most` are the most, where 10 are candidates. */
static void expect_whole_rounds(struct scheduler *s, struct drive *drive, int64_t most)
{
    static const int64_t wants[] = { 1, 10, 11, 63, 64, 65, 1000 };
    int64_t first = 0, rounds = sizeof wants / sizeof *wants;
    for (int64_t round = 1; round <= rounds; round++) {
        int64_t want = wants[round - 1] < most ? wants[round - 1] : most;
        const struct scheduler_plan *plan = whole_round(drive, s, round, wants[round - 1]);
        cr_assert(plan->blocks == 1 && plan->taken == want && plan->wanted == want);
        cr_assert(plan->drawn == want && plan->refused == 0 && plan->conflicts == 0);
        cr_assert_eq(plan->cost[0], (double)want);
        for (int64_t i = 0; i < want; i++) {
            cr_assert_eq(block_of(plan, (first + i) % 300), 0, "in the order of the rule");
            cr_assert(i == 0 || plan->variables[i - 1] < plan->variables[i]);
        }
        first += want;
        scheduler_commit(s, round);
    }
    cr_assert(drive->trips == 0 && drive->asked == 0);
    const struct scheduler_plan *plan = drive_round(drive, s, rounds + 1, 1000);
    cr_assert_leq(plan->drawn, 10, "the next round is as ever");
    cr_assert(plan->drawn == plan->taken + plan->refused && drive->asked > 0);
}

Test(scheduler, a_whole_round_is_one_block_beyond_candidates_and_asks_nothing)
{
    static const int64_t whole[] = { 0, 63, 100, 1000000 }, most[] = { 64, 64, 100, 300 };
    for (int mode = COUPLED_SOLVE; mode <= COUPLED_DROP; mode++)
        for (int k = 0; k < 4; k++) {
            struct scheduler_config config = config_of(300, 4, 16, (enum coupled_mode)mode);
            config.candidates = 10;
            config.whole_most = whole[k];
            struct scheduler *s = create(config);
            struct drive drive = { .coupling = complete };
            expect_whole_rounds(s, &drive, most[k]);
            drive_fini(&drive);
            scheduler_destroy(s);
        }
}

/* What has a weight, and no more: the rest is not drawn to fill a round up. */
Test(scheduler, a_whole_round_has_what_has_a_weight)
{
    struct scheduler_config config = config_of(90, 2, 20, COUPLED_SOLVE);
    config.rule = RULE_GRADIENT;
    struct scheduler *s = create(config);
    struct drive drive = { .coupling = complete };
    static const int64_t chosen[] = { 89, 3, 40, 41, 7 };
    static const double weight[] = { 1e-9, 1e3, 1, 1, 1e12 }, none_at_all[90] = { 0 };
    scheduler_feed_all(s, none_at_all);
    scheduler_feed(s, 5, chosen, NULL, weight);
    for (int64_t round = 1; round <= 5; round++) {
        static const int64_t ascending[] = { 3, 7, 40, 41, 89 };
        const struct scheduler_plan *plan = whole_round(&drive, s, round, round == 5 ? 40 : 5);
        cr_assert(plan->blocks == 1 && plan->taken == 5);
        cr_assert_arr_eq(plan->variables, ascending, sizeof ascending);
        cr_assert_eq(plan->weight_taken, plan->weight_sum);
        scheduler_commit(s, round);
    }
    scheduler_feed_all(s, none_at_all);
    cr_assert_eq(whole_round(&drive, s, 6, 5)->blocks, 0, "nothing has a weight");
    cr_assert_eq(drive.trips, 0);
    drive_fini(&drive);
    scheduler_destroy(s);
}

/* ---- drop ----------------------------------------------------------------------------------------- */

Test(scheduler, drop_takes_one_of_each_family)
{
    const int64_t size = 4;
    struct scheduler *s = create(config_of(40, 5, 4, COUPLED_DROP));
    struct drive drive = { .coupling = families, .world = &size };
    const struct scheduler_plan *plan = drive_round(&drive, s, 1, 100);
    cr_assert(plan->taken == 10 && plan->drawn == 40 && plan->refused == 30);
    for (int64_t family = 0; family < 10; family++)
        cr_assert_geq(block_of(plan, family * size), 0, "the first drawn stays");
    cr_assert_eq(plan->conflicts, 30);
    for (int32_t i = 0; i < plan->conflicts; i++) {
        cr_assert_eq(plan->conflict[i].candidate / size, plan->conflict[i].other / size);
        cr_assert_eq(plan->conflict[i].coupling, -0.8);
        cr_assert_eq(plan->conflict[i].other_round, 1);
    }
    drive_fini(&drive);
    scheduler_destroy(s);
}

Test(scheduler, cyclic_under_drop_starves_nobody)
{
    struct scheduler *s = create(config_of(12, 2, 4, COUPLED_DROP));
    struct drive drive = { .coupling = complete };
    for (int64_t round = 1; round <= 24; round++) {
        const struct scheduler_plan *plan = drive_round(&drive, s, round, 100);
        cr_assert(plan->taken == 1 && plan->variables[0] == (round - 1) % 12);
        scheduler_commit(s, round);
    }
    drive_fini(&drive);
    scheduler_destroy(s);
}

Test(scheduler, short_rounds_on_a_complete_graph_do_not_loop)
{
    for (int mode = COUPLED_SOLVE; mode <= COUPLED_DROP; mode++) {
        for (int32_t pipeline = 1; pipeline <= 3; pipeline++) {
            struct scheduler_config config = config_of(300, 4, 16, (enum coupled_mode)mode);
            config.pipeline = pipeline;
            config.candidates = 128;
            config.rule = RULE_GRADIENT;
            struct scheduler *s = create(config);
            struct drive drive = { .coupling = complete };
            for (int64_t round = 1; round <= pipeline; round++) {
                const struct scheduler_plan *plan = drive_round(&drive, s, round, 100);
                int64_t most = mode == COUPLED_SOLVE ? 64 : mode == COUPLED_GROUP ? 16 : 1;
                cr_assert_eq(plan->taken, round == 1 ? most : 0);
                cr_assert(plan->drawn <= 128 && plan->drawn == plan->taken + plan->refused);
            }
            cr_assert_leq(drive.trips, 64 * pipeline);
            drive_fini(&drive);
            scheduler_destroy(s);
        }
    }
}

/* ---- group ---------------------------------------------------------------------------------------- */

Test(scheduler, group_keeps_families_together)
{
    const int64_t size = 3;
    struct scheduler *s = create(config_of(30, 4, 7, COUPLED_GROUP));
    struct drive drive = { .coupling = families, .world = &size };
    const struct scheduler_plan *plan = drive_round(&drive, s, 1, 24);
    cr_assert_eq(plan->taken, 24, "8 families of 3 in 4 blocks of 7, two each");
    cr_assert_eq(plan->coupled_pairs, 24);
    for (int64_t a = 0; a < 30; a += size) {
        cr_assert_eq(block_of(plan, a), block_of(plan, a + 1));
        cr_assert_eq(block_of(plan, a), block_of(plan, a + 2));
    }
    drive_fini(&drive);
    scheduler_destroy(s);
}

Test(scheduler, group_trims_a_family_that_is_larger_than_a_block)
{
    const int64_t size = 10;
    struct scheduler *s = create(config_of(30, 3, 4, COUPLED_GROUP));
    struct drive drive = { .coupling = families, .world = &size };
    const struct scheduler_plan *plan = drive_round(&drive, s, 1, 100);
    cr_assert(plan->taken == 12 && plan->blocks == 3);
    for (int64_t a = 0; a < 30; a++)
        cr_assert_eq(block_of(plan, a) >= 0, a % size < 4, "the later drawn goes");
    drive_fini(&drive);
    scheduler_destroy(s);
}

Test(scheduler, group_refuses_what_would_not_fit_beside_the_others)
{
    const int64_t size = 3;
    struct scheduler *s = create(config_of(12, 2, 4, COUPLED_GROUP));
    struct drive drive = { .coupling = families, .world = &size };
    const struct scheduler_plan *plan = drive_round(&drive, s, 1, 100);
    /* two families of 3 fill a block each but for one place; 6 and 9 are single; 7 would make a pair */
    cr_assert_eq(plan->taken, 8);
    cr_assert(block_of(plan, 6) >= 0 && block_of(plan, 7) < 0 && block_of(plan, 9) >= 0);
    drive_fini(&drive);
    scheduler_destroy(s);
}

/* ---- solve ---------------------------------------------------------------------------------------- */

Test(scheduler, solve_cuts_a_chain_at_its_weakest_couplings)
{
    struct scheduler *s = create(config_of(12, 3, 4, COUPLED_SOLVE));
    struct drive drive = { .coupling = chain };
    const struct scheduler_plan *plan = drive_round(&drive, s, 1, 100);
    cr_assert(plan->taken == 12 && plan->blocks == 3 && plan->coupled_pairs == 11);
    for (int64_t a = 0; a < 12; a++)
        cr_assert_eq(block_of(plan, a), block_of(plan, a / 4 * 4));
    cr_assert(plan->conflicts == 9 && plan->joined == 9, "but for the two that were cut");
    cr_assert_eq(plan->conflict[0].coupling, 0.6 + 0.01 * 10, "the strongest first");
    drive_fini(&drive);
    scheduler_destroy(s);
}

Test(scheduler, solve_with_one_block_and_nothing_in_flight_asks_for_no_coupling)
{
    struct scheduler *s = create(config_of(40, 1, 20, COUPLED_SOLVE));
    struct drive drive = { .coupling = complete };
    const struct scheduler_plan *plan = drive_round(&drive, s, 1, 100);
    cr_assert(plan->taken == 20 && plan->blocks == 1 && drive.asked == 0);
    scheduler_destroy(s);
}

/* ---- rounds in flight ------------------------------------------------------------------------------- */

Test(scheduler, what_is_in_flight_is_neither_drawn_nor_coupled_until_its_commit)
{
    const int64_t size = 2;
    for (int mode = COUPLED_SOLVE; mode <= COUPLED_DROP; mode++) {
        struct scheduler_config config = config_of(8, 2, 2, (enum coupled_mode)mode);
        config.pipeline = 2;
        struct scheduler *s = create(config);
        struct drive drive = { .coupling = families, .world = &size };
        const struct scheduler_plan *first = drive_round(&drive, s, 1, 1);
        cr_assert(first->taken == 1 && first->variables[0] == 0);
        const struct scheduler_plan *second = drive_round(&drive, s, 2, 4);
        cr_assert_eq(block_of(second, 0), -1);
        cr_assert_eq(block_of(second, 1), -1, "its partner is in flight");
        cr_assert_eq(second->conflict[0].candidate, 1);
        cr_assert_eq(second->conflict[0].other_round, 1);
        scheduler_commit(s, 1);
        const struct scheduler_plan *third = drive_round(&drive, s, 3, 1);
        cr_assert_eq(third->variables[0], 1, "its turn now");
        drive_fini(&drive);
        scheduler_destroy(s);
    }
}

/* ---- the rest --------------------------------------------------------------------------------------- */

Test(scheduler, nothing_is_allocated_between_begin_and_commit)
{
    double violation[500];
    for (int mode = COUPLED_SOLVE; mode <= COUPLED_DROP; mode++) {
        const int64_t size = 5;
        struct scheduler_config config = config_of(500, 4, 16, (enum coupled_mode)mode);
        config.rule = RULE_GRADIENT;
        config.pipeline = 2;
        struct scheduler *s = create(config);
        struct drive drive = { .coupling = families, .world = &size };
        uint64_t before = mem_count();
        for (int64_t round = 1; round <= 20; round++) {
            const struct scheduler_plan *plan = drive_round(&drive, s, round, 64);
            for (int64_t i = 0; i < 500; i++)
                violation[i] = fabs(sin((double)(i * round)));
            scheduler_feed(s, plan->taken, plan->variables, violation, violation);
            scheduler_feed_all(s, violation);
            if (round > 1)
                scheduler_commit(s, round - 1);
        }
        cr_assert_eq(mem_count(), before);
        drive_fini(&drive);
        scheduler_destroy(s);
    }
    cr_assert_eq(mem_live(), 0);
}

static void check_couplings(struct scheduler *s, struct drive *drive)
{
    const int64_t variables[5] = { 17, 3, 90, 4, 55 };
    double out[25];
    struct rondo_pairs need;
    if (scheduler_couplings(s, 5, variables, out, &need) == SCHEDULER_NEEDS)
        drive_answer(drive, s, &need);
    cr_assert_eq(scheduler_couplings(s, 5, variables, out, &need), SCHEDULER_READY);
    for (int i = 0; i < 5; i++) {
        for (int j = 0; j < 5; j++)
            cr_assert_eq(out[i * 5 + j], i == j ? 1.0 : complete(NULL, variables[i], variables[j]));
    }
}

Test(scheduler, couplings_of_a_block_are_symmetric_with_unit_diagonal)
{
    for (int check = CHECK_NONE; check <= CHECK_CORRELATION; check++) {
        struct scheduler_config config = config_of(100, 2, 8, COUPLED_SOLVE);
        config.check = (enum dependency_check)check;
        config.cache_bytes = 1 << 16;
        struct scheduler *s = create(config);
        struct drive drive = { .coupling = complete };
        cr_assert_geq(scheduler_couplings_most(s), 5);
        check_couplings(s, &drive);
        cr_assert_eq(drive.asked, 10);
        check_couplings(s, &drive);
        cr_assert_eq(drive.asked, 10, "from the cache");
        drive_round(&drive, s, 1, 16);
        check_couplings(s, &drive);
        drive_fini(&drive);
        scheduler_destroy(s);
    }
}

/* More pairs than one request has room for. */
Test(scheduler, couplings_of_a_large_block_are_asked_for_in_parts)
{
    enum { M = 1700 };
    struct scheduler *s = create(config_of(M, 1, M, COUPLED_SOLVE));
    struct drive drive = { .coupling = complete };
    static int64_t variables[M];
    double *out = malloc(sizeof *out * M * M);
    struct rondo_pairs need;
    cr_assert_not_null(out);
    for (int64_t i = 0; i < M; i++)
        variables[i] = (i * 7 + 5) % M;
    while (scheduler_couplings(s, M, variables, out, &need) == SCHEDULER_NEEDS)
        drive_answer(&drive, s, &need);
    cr_assert_gt(drive.trips, 1);
    cr_assert_eq(drive.asked, (int64_t)M * (M - 1) / 2, "each pair once");
    for (int64_t i = 0; i < M; i++)
        for (int64_t j = 0; j < M; j++)
            cr_assert_eq(out[i * M + j],
                         i == j ? 1.0 : complete(NULL, variables[i], variables[j]));
    free(out);
    drive_fini(&drive);
    scheduler_destroy(s);
}

Test(scheduler, blocks_are_balanced_by_cost)
{
    double cost[64], sum = 0;
    for (int i = 0; i < 64; i++)
        cost[i] = 1 + i % 13;
    struct scheduler_config config = config_of(64, 4, 20, COUPLED_DROP);
    config.cost = cost;
    struct scheduler *s = create(config);
    struct drive drive = { .coupling = none };
    const struct scheduler_plan *plan = drive_round(&drive, s, 1, 64);
    for (int32_t b = 0; b < 4; b++)
        sum += plan->cost[b];
    for (int32_t b = 0; b < 4; b++)
        cr_assert(fabs(plan->cost[b] - sum / 4) <= 1);
    drive_fini(&drive);
    scheduler_destroy(s);
}

Test(scheduler, every_variable_is_visited_once_before_delta_decides)
{
    enum { M = 60 };
    struct scheduler_config config = config_of(M, 1, 6, COUPLED_SOLVE);
    config.rule = RULE_DELTA;
    config.check = CHECK_NONE;
    config.eta = 1e-9;
    struct scheduler *s = create(config);
    struct drive drive = { .coupling = none };
    const double still[6] = { 0 };
    bool visited[M] = { false };
    for (int64_t round = 1; round <= M / 6; round++) {
        const struct scheduler_plan *plan = drive_round(&drive, s, round, 6);
        for (int64_t i = 0; i < plan->taken; i++) {
            cr_assert_not(visited[plan->variables[i]]);
            visited[plan->variables[i]] = true;
        }
        scheduler_feed(s, plan->taken, plan->variables, still, NULL);
        scheduler_commit(s, round);
    }
    scheduler_destroy(s);
}

/* The couplings of M variables ahead of round 1, where `ahead` is true; the plans of four rounds. */
static void plan_four(struct scheduler *s, struct drive *drive, int64_t M, bool ahead,
                      struct scheduler_plan *plans)
{
    static int64_t variables[4][64];
    int64_t all[64];
    struct rondo_pairs need;
    for (int64_t j = 0; j < M; j++)
        all[j] = (j * 7 + 3) % M;
    for (int64_t round = 1; round <= 4; round++) {
        scheduler_begin(s, round, 8);
        if (ahead && round == 1)
            scheduler_ahead(s, M, all);
        while (scheduler_step(s, &need) == SCHEDULER_NEEDS)
            drive_answer(drive, s, &need);
        struct scheduler_plan *plan = &plans[round - 1];
        *plan = *scheduler_plan(s, round);
        memcpy(variables[round - 1], plan->variables, (size_t)plan->taken * sizeof(int64_t));
        plan->variables = variables[round - 1];
        cr_assert(!ahead || round == 1 || plan->pairs_computed == 0, "all are known");
        scheduler_commit(s, round);
    }
}

Test(scheduler, couplings_ahead_are_asked_for_once_and_change_no_plan)
{
    enum { M = 50 };
    for (int mode = COUPLED_SOLVE; mode <= COUPLED_DROP; mode++) {
        struct scheduler_plan with[4], without[4];
        int64_t size = 5;
        for (int ahead = 0; ahead < 2; ahead++) {
            struct scheduler_config config = config_of(M, 8, 1, (enum coupled_mode)mode);
            config.rule = RULE_UNIFORM;
            config.cache_bytes = 1 << 20;
            struct scheduler *s = create(config);
            struct drive drive = { .coupling = families, .world = &size };
            plan_four(s, &drive, M, ahead, ahead ? with : without);
            cr_assert(!ahead || drive.asked == M * (M - 1) / 2, "each pair once");
            cr_assert(ahead || drive.asked < M * (M - 1) / 2);
            drive_fini(&drive);
            scheduler_destroy(s);
        }
        for (int i = 0; i < 4; i++) {
            cr_assert(with[i].taken == without[i].taken && with[i].refused == without[i].refused);
            cr_assert(memcmp(with[i].variables, without[i].variables,
                             (size_t)with[i].taken * sizeof(int64_t)) == 0);
        }
    }
}

/* The least cache has no room for them all, and a round that looks at no pair needs none. */
Test(scheduler, couplings_ahead_are_a_hint)
{
    enum { M = 50 };
    for (int check = CHECK_NONE; check <= CHECK_CORRELATION; check++) {
        struct scheduler_config config = config_of(M, 8, 1, COUPLED_DROP);
        config.check = (enum dependency_check)check;
        struct scheduler *s = create(config);
        struct drive drive = { .coupling = none };
        struct scheduler_plan plans[4];
        plan_four(s, &drive, M, false, plans);
        int64_t asked = drive.asked, all[M];
        for (int64_t j = 0; j < M; j++)
            all[j] = j;
        scheduler_begin(s, 5, 8);
        scheduler_ahead(s, M, all);
        struct rondo_pairs need;
        while (scheduler_step(s, &need) == SCHEDULER_NEEDS)
            drive_answer(&drive, s, &need);
        cr_assert_eq(scheduler_plan(s, 5)->taken, 8);
        cr_assert_leq(drive.asked - asked, 8 * 7 / 2);
        drive_fini(&drive);
        scheduler_destroy(s);
    }
}

/* The last of the slots too, behind whose couplings is nobody's memory. */
Test(scheduler, couplings_ahead_of_one_named_twice_are_asked_for_once)
{
    enum { M = 50 };
    int64_t twice[M];
    struct scheduler_config config = config_of(M, 8, 1, COUPLED_DROP);
    config.cache_bytes = 1 << 20;
    struct scheduler *s = create(config);
    struct drive drive = { .coupling = none };
    struct rondo_pairs need;
    for (int64_t j = 0; j < M; j++)
        twice[j] = j / 2;
    for (int64_t round = 1; round <= 2; round++) {
        scheduler_begin(s, round, 1);
        scheduler_ahead(s, M, twice);
        while (scheduler_step(s, &need) == SCHEDULER_NEEDS)
            drive_answer(&drive, s, &need);
        scheduler_commit(s, round);
        for (int64_t j = 0; j < M; j++)
            twice[j] = M - 1 - j / 2;
    }
    cr_assert_eq(drive.asked, 2 * (M / 2) * (M / 2 - 1) / 2);
    drive_fini(&drive);
    scheduler_destroy(s);
}

#include "core/base/mem.h"
#include "tests/unit/scheduler/drive.h"

#include <rondo/rng.h>

#include <math.h>

enum { VARIABLES = 160, ROUNDS = 12, WANT = 40 };

/* Every twelfth pair is coupled, some more strongly than others. */
static double coupling(const void *world, int64_t a, int64_t b)
{
    const uint64_t *seed = world;
    uint64_t low = (uint64_t)(a < b ? a : b), high = (uint64_t)(a < b ? b : a);
    uint64_t word = rondo_rng_u64(*seed, low, 7, high);
    return word % 12 ? 0.05 : 0.2 + (double)(word >> 12 & 511) / 1024;
}

static struct scheduler *create(int mode, int rule, int32_t pipeline, uint64_t seed, bool record)
{
    struct scheduler_config config = {
        .variables = VARIABLES, .blocks = 5, .block_size = 8, .candidates = 3 * WANT,
        .rule = (enum priority_rule)rule, .eta = 1e-6, .check = CHECK_CORRELATION,
        .coupled = (enum coupled_mode)mode, .threshold = 0.1, .pipeline = pipeline, .seed = seed,
        .cache_bytes = 1 << 22, .record = record,
    };
    struct scheduler *s;
    cr_assert_eq(scheduler_create(&config, &s, NULL), RONDO_OK);
    return s;
}

/* Some move, by the plan and the round alone. */
static void feed(struct scheduler *s, const struct scheduler_plan *plan)
{
    double violation[WANT];
    for (int64_t i = 0; i < plan->taken; i++)
        violation[i] = fabs(sin((double)(plan->round * 31 + plan->variables[i])));
    scheduler_feed(s, plan->taken, plan->variables, violation, violation);
}

static int32_t block_of(const struct scheduler_plan *plan, int64_t variable)
{
    for (int32_t b = 0; b < plan->blocks; b++)
        for (int32_t i = plan->start[b]; i < plan->start[b + 1]; i++)
            if (plan->variables[i] == variable)
                return b;
    return -1;
}

/* The same but for what only one of them keeps. */
static void expect_same_plan(const struct scheduler_plan *full, const struct scheduler_plan *plan)
{
    struct scheduler_plan less = *full;
    less.draws = 0;
    less.conflicts = less.conflicts < SCHEDULER_REFUSALS_KEPT ? less.conflicts : SCHEDULER_REFUSALS_KEPT;
    cr_assert(drive_same(&less, plan), "round %lld", (long long)plan->round);
}

/* Refusals are of others than the taken, joins are of two in a block, and both are all there are. */
static void expect_conflicts(const struct scheduler *s, const struct scheduler_plan *plan, uint64_t seed)
{
    int64_t refused = 0, joined = 0;
    for (int32_t i = 0; i < plan->conflicts; i++) {
        const struct scheduler_conflict *conflict = &plan->conflict[i];
        const struct scheduler_plan *of = scheduler_plan(s, conflict->other_round);
        cr_assert_eq(conflict->coupling, coupling(&seed, conflict->candidate, conflict->other));
        cr_assert_gt(conflict->coupling, 0.1);
        cr_assert(of && block_of(of, conflict->other) >= 0, "the other is in flight in that round");
        if (conflict->joined)
            cr_assert(of == plan && block_of(plan, conflict->candidate) == block_of(plan, conflict->other));
        else
            cr_assert_eq(block_of(plan, conflict->candidate), -1);
        refused += !conflict->joined;
        joined += conflict->joined;
    }
    cr_assert_eq(refused, plan->refused);
    cr_assert_eq(joined, plan->joined);
}

static void expect_draws(const struct scheduler *s, const struct scheduler_plan *plan)
{
    bool drawn[VARIABLES] = { false };
    int64_t taken = 0;
    cr_assert_eq(plan->draws, plan->drawn);
    for (int64_t i = 0; i < plan->draws; i++) {
        cr_assert_not(drawn[plan->draw[i]], "drawn twice");
        drawn[plan->draw[i]] = true;
        taken += block_of(plan, plan->draw[i]) >= 0;
        cr_assert_eq(plan->weight[i], scheduler_weight(s, plan->draw[i]));
    }
    cr_assert_eq(taken, plan->taken);
    for (int32_t i = 0; i < plan->conflicts; i++)
        cr_assert(drawn[plan->conflict[i].candidate]);
}

static void expect_rounds(int mode, int rule, int32_t pipeline, uint64_t seed, int64_t *most, int64_t *joined)
{
    struct scheduler *full = create(mode, rule, pipeline, seed, true);
    struct scheduler *less = create(mode, rule, pipeline, seed, false);
    struct drive drive = { .coupling = coupling, .world = &seed };
    for (int64_t round = 1; round <= ROUNDS; round++) {
        const struct scheduler_plan *plan = drive_round(&drive, full, round, WANT);
        expect_same_plan(plan, drive_round(&drive, less, round, WANT));
        expect_conflicts(full, plan, seed);
        expect_draws(full, plan);
        *most = plan->conflicts > *most ? plan->conflicts : *most;
        *joined += plan->joined;
        feed(full, plan);
        feed(less, plan);
        if (round >= pipeline) {
            scheduler_commit(full, round - pipeline + 1);
            scheduler_commit(less, round - pipeline + 1);
        }
    }
    drive_fini(&drive);
    scheduler_destroy(full);
    scheduler_destroy(less);
}

Test(record, is_of_every_draw_and_conflict_and_changes_no_plan)
{
    for (int mode = COUPLED_SOLVE; mode <= COUPLED_DROP; mode++) {
        int64_t most = 0, joined = 0;
        for (int rule = RULE_GRADIENT; rule <= RULE_CYCLIC; rule++)
            for (int32_t pipeline = 1; pipeline <= 3; pipeline++)
                for (uint64_t seed = 1; seed <= 3; seed++)
                    expect_rounds(mode, rule, pipeline, seed, &most, &joined);
        cr_expect_gt(most, SCHEDULER_REFUSALS_KEPT, "more than are kept of others, or nothing is shown");
        cr_expect_eq(joined > 0, mode != COUPLED_DROP);
    }
}

/* In the order of the draws, which the rule knows: cyclic's is that of the variables. */
Test(record, draws_stand_in_their_order)
{
    uint64_t seed = 5;
    struct scheduler *s = create(COUPLED_DROP, RULE_CYCLIC, 1, seed, true);
    struct drive drive = { .coupling = coupling, .world = &seed };
    const struct scheduler_plan *plan = drive_round(&drive, s, 1, 10);
    cr_assert(plan->refused > 0 && plan->taken == 10);
    for (int64_t i = 1; i < plan->draws; i++)
        cr_expect_gt(plan->draw[i], plan->draw[i - 1]);
    drive_fini(&drive);
    scheduler_destroy(s);
}

Test(record, is_of_whole_and_unchecked_rounds_too)
{
    for (int check = CHECK_NONE; check <= CHECK_CORRELATION; check++) {
        struct scheduler_config config = {
            .variables = 50, .blocks = 2, .block_size = 10, .candidates = 50, .rule = RULE_GRADIENT,
            .check = (enum dependency_check)check, .threshold = 0.1, .pipeline = 1, .seed = 2,
            .cache_bytes = 1 << 20, .record = true, .whole_most = 50,
        };
        struct scheduler *s;
        struct rondo_pairs need;
        cr_assert_eq(scheduler_create(&config, &s, NULL), RONDO_OK);
        scheduler_begin(s, 1, 12);
        if (check == CHECK_CORRELATION)
            scheduler_whole(s, 50);
        cr_assert_eq(scheduler_step(s, &need), SCHEDULER_READY);
        const struct scheduler_plan *plan = scheduler_plan(s, 1);
        cr_expect_eq(plan->taken, check == CHECK_CORRELATION ? 50 : 12);
        cr_expect(plan->conflicts == 0 && plan->joined == 0);
        expect_draws(s, plan);
        scheduler_destroy(s);
    }
}

/* Both ways: what one does not keep it drops, and it goes on to the same plans. */
Test(record, a_checkpoint_is_read_by_runs_that_record_and_by_others)
{
    for (int from = 0; from < 2; from++) {
        for (int to = 0; to < 2; to++) {
            uint64_t seed = 4;
            struct scheduler *s = create(COUPLED_DROP, RULE_GRADIENT, 2, seed, from);
            struct scheduler *t = create(COUPLED_DROP, RULE_GRADIENT, 2, seed, to);
            struct drive drive = { .coupling = coupling, .world = &seed };
            struct rondo_buf buf = { 0 };
            const struct scheduler_plan *plan = drive_round(&drive, s, 1, WANT);
            cr_assert_eq(scheduler_pack(s, &buf), RONDO_OK);
            cr_assert_eq(scheduler_unpack(t, (struct rondo_bytes){ buf.data, buf.size }), RONDO_OK);
            const struct scheduler_plan *back = scheduler_plan(t, 1);
            cr_expect_eq(plan->conflicts > SCHEDULER_REFUSALS_KEPT, from == 1);
            if (from == to)
                cr_expect(drive_same(plan, back), "nothing is lost");
            else if (from)
                expect_same_plan(plan, back);
            else
                cr_expect(drive_same(plan, back), "there was no more");
            const struct scheduler_plan *next = drive_round(&drive, s, 2, WANT);
            const struct scheduler_plan *same = drive_round(&drive, t, 2, WANT);
            if (from == to)
                cr_expect(drive_same(next, same));
            else
                expect_same_plan(from ? next : same, from ? same : next);
            buf_fini(&buf);
            drive_fini(&drive);
            scheduler_destroy(s);
            scheduler_destroy(t);
        }
    }
}

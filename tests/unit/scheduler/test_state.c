#include "core/base/mem.h"
#include "tests/unit/scheduler/drive.h"

#include <rondo/rng.h>

#include <math.h>

static double coupling(const void *world, int64_t a, int64_t b)
{
    (void)world;
    return (a + b) % 7 == 0 ? 0.5 : 0.0;
}

static struct scheduler *create(enum priority_rule rule)
{
    struct scheduler_config config = {
        .variables = 90, .blocks = 3, .block_size = 4, .candidates = 60, .rule = rule, .eta = 1e-6,
        .check = CHECK_CORRELATION, .coupled = COUPLED_GROUP, .threshold = 0.1, .pipeline = 3,
        .seed = 11, .cache_bytes = 1 << 20,
    };
    struct scheduler *s;
    cr_assert_eq(scheduler_create(&config, &s, NULL), RONDO_OK);
    return s;
}

static void advance(struct scheduler *s, struct drive *drive, int64_t from, int64_t to)
{
    for (int64_t round = from; round <= to; round++) {
        const struct scheduler_plan *plan = drive_round(drive, s, round, 12);
        double violation[12];
        for (int i = 0; i < 12; i++)
            violation[i] = fabs(sin((double)(round * 12 + i)));
        scheduler_feed(s, plan->taken, plan->variables, violation, violation);
        if (round > 2)
            scheduler_commit(s, round - 2);
    }
}

Test(state, a_restored_scheduler_goes_on_to_the_same_bits)
{
    for (int rule = RULE_GRADIENT; rule <= RULE_CYCLIC; rule++) {
        struct scheduler *s = create((enum priority_rule)rule), *t = create((enum priority_rule)rule);
        struct drive drive = { .coupling = coupling };
        struct rondo_buf buf = { 0 };
        advance(s, &drive, 1, 10); /* rounds 9 and 10 are in flight */
        cr_assert_eq(scheduler_pack(s, &buf), RONDO_OK);
        advance(t, &drive, 1, 3);  /* what it held before is gone */
        cr_assert_eq(scheduler_unpack(t, (struct rondo_bytes){ buf.data, buf.size }), RONDO_OK);
        cr_assert(drive_same(scheduler_plan(s, 9), scheduler_plan(t, 9)));
        for (int64_t round = 11; round <= 20; round++) {
            advance(s, &drive, round, round);
            advance(t, &drive, round, round);
            cr_assert(drive_same(scheduler_plan(s, round), scheduler_plan(t, round)));
        }
        for (int64_t j = 0; j < 90; j++)
            cr_assert_eq(scheduler_weight(s, j), scheduler_weight(t, j));
        drive_fini(&drive);
        buf_fini(&buf);
        scheduler_destroy(s);
        scheduler_destroy(t);
    }
}

/* The one block of a whole round may be larger than block_size; no other may. */
Test(state, a_whole_round_in_flight_is_restored)
{
    struct scheduler_config config = {
        .variables = 90, .blocks = 3, .block_size = 4, .candidates = 60, .rule = RULE_CYCLIC,
        .check = CHECK_CORRELATION, .coupled = COUPLED_SOLVE, .threshold = 0.1, .pipeline = 1,
        .cache_bytes = 1 << 20, .whole_most = 20,
    };
    struct scheduler *s, *t;
    struct rondo_pairs need;
    struct rondo_buf buf = { 0 };
    cr_assert_eq(scheduler_create(&config, &s, NULL), RONDO_OK);
    cr_assert_eq(scheduler_create(&config, &t, NULL), RONDO_OK);
    scheduler_begin(s, 1, 12);
    scheduler_whole(s, 20);
    cr_assert_eq(scheduler_step(s, &need), SCHEDULER_READY);
    cr_assert_eq(scheduler_plan(s, 1)->taken, 20);
    cr_assert_eq(scheduler_pack(s, &buf), RONDO_OK);
    cr_assert_eq(scheduler_unpack(t, (struct rondo_bytes){ buf.data, buf.size }), RONDO_OK);
    cr_assert(drive_same(scheduler_plan(s, 1), scheduler_plan(t, 1)));
    scheduler_commit(t, 1);
    buf_fini(&buf);
    scheduler_destroy(s);
    scheduler_destroy(t);
}

Test(state, short_or_long_bytes_are_refused_and_leave_a_new_scheduler)
{
    struct scheduler *s = create(RULE_DELTA), *fresh = create(RULE_DELTA);
    struct drive drive = { .coupling = coupling };
    struct rondo_buf buf = { 0 };
    advance(s, &drive, 1, 5);
    cr_assert_eq(scheduler_pack(s, &buf), RONDO_OK);
    for (size_t size = 0; size < buf.size; size++)
        cr_assert_eq(scheduler_unpack(s, (struct rondo_bytes){ buf.data, size }), RONDO_ESTATE);
    cr_assert_null(scheduler_plan(s, 5));
    cr_assert(drive_same(drive_round(&drive, s, 1, 12), drive_round(&drive, fresh, 1, 12)));
    unsigned char more = 0;
    cr_assert_eq(buf_append(&buf, &more, 1), RONDO_OK);
    cr_assert_eq(scheduler_unpack(s, (struct rondo_bytes){ buf.data, buf.size }), RONDO_ESTATE);
    drive_fini(&drive);
    buf_fini(&buf);
    scheduler_destroy(s);
    scheduler_destroy(fresh);
}

Test(state, spoilt_bytes_are_refused_or_harmless)
{
    struct scheduler *s = create(RULE_GRADIENT);
    struct drive drive = { .coupling = coupling };
    struct rondo_buf buf = { 0 };
    int64_t refused = 0;
    advance(s, &drive, 1, 6);
    cr_assert_eq(scheduler_pack(s, &buf), RONDO_OK);
    for (uint64_t trial = 0; trial < 20000; trial++) {
        struct rondo_rng_pair r = rondo_rng_pair(5, trial, 400, 0);
        size_t at = r.a % buf.size;
        unsigned char old = buf.data[at];
        buf.data[at] = (unsigned char)(trial % 2 ? r.b : old ^ 1u << r.b % 8);
        if (scheduler_unpack(s, (struct rondo_bytes){ buf.data, buf.size })) {
            refused++;
        } else if (trial % 16 == 0 && !scheduler_plan(s, INT64_MAX)) {
            for (int64_t round = 1; round <= 6; round++) {
                if (scheduler_plan(s, round))
                    scheduler_commit(s, round);
            }
        }
        buf.data[at] = old;
    }
    cr_assert_gt(refused, 1000);
    cr_assert_eq(scheduler_unpack(s, (struct rondo_bytes){ buf.data, buf.size }), RONDO_OK);
    drive_fini(&drive);
    buf_fini(&buf);
    scheduler_destroy(s);
}

Test(state, says_whether_it_goes_with_so_many_rounds)
{
    struct scheduler *s = create(RULE_GRADIENT);
    struct drive drive = { .coupling = coupling };
    cr_expect(scheduler_awaits(s, 0, 0));
    advance(s, &drive, 1, 10); /* rounds 9 and 10 are in flight */
    cr_expect(scheduler_awaits(s, 2, 11));
    cr_expect(scheduler_awaits(s, 2, 15));
    cr_expect_not(scheduler_awaits(s, 2, 10), "round 10 was begun");
    cr_expect_not(scheduler_awaits(s, 1, 11));
    drive_fini(&drive);
    scheduler_destroy(s);
}

Test(state, bytes_of_another_configuration_are_refused)
{
    struct scheduler *s = create(RULE_GRADIENT), *t = create(RULE_DELTA);
    struct rondo_buf buf = { 0 };
    cr_assert_eq(scheduler_pack(s, &buf), RONDO_OK);
    cr_assert_eq(scheduler_unpack(t, (struct rondo_bytes){ buf.data, buf.size }), RONDO_ESTATE);
    buf_fini(&buf);
    scheduler_destroy(s);
    scheduler_destroy(t);
}

Test(state, no_memory_for_the_bytes_is_said)
{
    struct scheduler *s = create(RULE_GRADIENT);
    struct rondo_buf buf = { 0 };
    mem_fail_at(1);
    cr_assert_eq(scheduler_pack(s, &buf), RONDO_ENOMEM);
    mem_fail_at(0);
    buf_fini(&buf);
    scheduler_destroy(s);
    cr_assert_eq(mem_live(), 0);
}

#include "patterns.h"

#include <math.h>

static const int32_t crowd[] = { 1, 2, 3, 7 };
enum { CROWDS = 4 };

Test(patterns, the_same_bits_for_any_number_of_workers_and_any_pipeline)
{
    for (int a = 0; a < PATTERNS; a++)
        for (int32_t pipeline = 1; pipeline <= 4; pipeline *= 2) {
            struct drive_job job = { .app = pattern[a], .pipeline = pipeline };
            struct drive_end one = patterns_good(&job);
            for (int w = 0; w < CROWDS; w++) {
                job.workers = crowd[w];
                patterns_expect(&one, &job, "more workers");
            }
            drive_job_fini(&one);
        }
}

Test(patterns, the_same_bits_when_messages_pass_as_bytes)
{
    for (int a = 0; a < PATTERNS; a++)
        for (int32_t pipeline = 1; pipeline <= 2; pipeline++) {
            struct drive_job job = { .app = pattern[a], .pipeline = pipeline };
            struct drive_end one = patterns_good(&job);
            job.encoded = true;
            for (int w = 0; w < CROWDS; w++) {
                job.workers = crowd[w];
                patterns_expect(&one, &job, "encoded");
            }
            drive_job_fini(&one);
        }
}

Test(patterns, the_same_bits_when_any_one_worker_is_taken_away)
{
    for (int a = 0; a < PATTERNS; a++)
        for (int32_t pipeline = 1; pipeline <= 4; pipeline *= 2) {
            struct drive_job job = { .app = pattern[a], .pipeline = pipeline };
            struct drive_end one = patterns_good(&job);
            job.workers = 3;
            for (int32_t lost = 0; lost < 3; lost++)
                for (int64_t round = 3; round <= 8; round += 5) {
                    job.encoded = !job.encoded;
                    job.loss[0] = (struct drive_loss){ lost, round };
                    patterns_expect(&one, &job, "one lost");
                }
            drive_job_fini(&one);
        }
}

Test(patterns, the_same_bits_when_two_workers_are_taken_away)
{
    for (int a = 0; a < PATTERNS; a++) {
        struct drive_job job = { .app = pattern[a], .pipeline = 2 };
        struct drive_end one = patterns_good(&job);
        job.workers = 3;
        for (int32_t kept = 0; kept < 3; kept++)
            for (int64_t after = 0; after < 4; after++) {
                job.loss[0] = (struct drive_loss){ (kept + 1) % 3, 5 };
                job.loss[1] = (struct drive_loss){ (kept + 2) % 3, 5 + after };
                patterns_expect(&one, &job, "two lost");
            }
        drive_job_fini(&one);
    }
}

Test(patterns, the_observer_hears_of_every_round_once)
{
    for (int a = 0; a < PATTERNS; a++) {
        struct drive_job job = { .app = pattern[a], .workers = 3, .loss = { { 1, 7 } } };
        struct drive_end end = patterns_good(&job);
        cr_expect_eq(end.told, 12, "%s: %lld", job.app->name, (long long)end.told);
        drive_job_fini(&end);
    }
}

Test(patterns, a_checkpoint_goes_on_to_the_same_bits_with_other_workers)
{
    for (int a = 0; a < PATTERNS; a++)
        for (int32_t pipeline = 1; pipeline <= 4; pipeline *= 2)
            for (int64_t round = 1; round < 12; round += 3) {
                struct drive_job job = { .app = pattern[a], .pipeline = pipeline, .workers = 2 };
                struct drive_end one = patterns_good(&job);
                job.checkpoint_round = round;
                job.stop_there = round > 6;
                struct drive_end half = patterns_good(&job);
                cr_assert_geq(half.cut_round, round);
                cr_assert_gt(half.cut.size, 0);
                cr_assert_eq(half.rounds, job.stop_there ? round : 12);
                struct drive_job rest = { .app = pattern[a], .pipeline = pipeline,
                                          .restore = { half.cut.data, half.cut.size } };
                for (rest.workers = 1; rest.workers <= 5; rest.workers += 2)
                    patterns_expect(&one, &rest, "restored");
                drive_job_fini(&half);
                drive_job_fini(&one);
            }
}

Test(patterns, a_spoilt_checkpoint_is_refused)
{
    for (int a = 0; a < PATTERNS; a++) {
        struct drive_job job = { .app = pattern[a], .checkpoint_round = 5, .stop_there = true };
        struct drive_end half = patterns_good(&job);
        struct drive_job rest = { .app = pattern[a] };
        size_t step = half.cut.size > 400 ? half.cut.size / 97 : 1;
        for (size_t size = 1; size < half.cut.size; size += step) {
            struct drive_end end;
            rest.restore = (struct rondo_bytes){ half.cut.data, size };
            drive_job(&rest, &end);
            cr_expect_eq(end.code, RONDO_ESTATE, "%s: %zu of %zu bytes: %s", rest.app->name, size,
                         half.cut.size, rondo_strerror(end.code));
            cr_expect_neq(end.error.what[0], 0);
            drive_job_fini(&end);
        }
        drive_job_fini(&half);
    }
}

/* In a cut: version u32, round i64, the core's size u64; in the core: committed i64, planned i64. */
enum { CUT_ROUND = 4, CUT_COMMITTED = 20, CUT_PLANNED = 28, CUT_UPDATES = 36 };

static void set_number(struct rondo_bytes cut, int at, int64_t value)
{
    memcpy((unsigned char *)(uintptr_t)cut.data + at, &value, sizeof value);
}

static void expect_refused(const struct drive_job *rest, const char *what)
{
    struct drive_end end;
    drive_job(rest, &end);
    cr_expect_eq(end.code, RONDO_ESTATE, "%s: %s", what, rondo_strerror(end.code));
    drive_job_fini(&end);
}

Test(patterns, a_checkpoint_whose_scheduler_is_of_other_rounds_is_refused)
{
    struct drive_job job = { .app = &app_reduce, .checkpoint_round = 5, .stop_there = true };
    struct drive_end half = patterns_good(&job);
    struct drive_job rest = { .app = &app_reduce, .restore = { half.cut.data, half.cut.size } };
    set_number(rest.restore, CUT_ROUND, 2);
    set_number(rest.restore, CUT_COMMITTED, 2);
    set_number(rest.restore, CUT_PLANNED, 2);
    expect_refused(&rest, "a scheduler that is ahead");
    drive_job_fini(&half);
}

Test(patterns, a_checkpoint_of_so_many_rounds_that_counting_overflows_is_refused)
{
    struct drive_job job = { .app = &app_empty, .checkpoint_round = 5, .stop_there = true };
    struct drive_end half = patterns_good(&job);
    struct drive_job rest = { .app = &app_empty, .restore = { half.cut.data, half.cut.size } };
    set_number(rest.restore, CUT_UPDATES, INT64_MAX);
    expect_refused(&rest, "updates");
    set_number(rest.restore, CUT_UPDATES, 0);
    set_number(rest.restore, CUT_ROUND, INT64_MAX);
    set_number(rest.restore, CUT_COMMITTED, INT64_MAX);
    set_number(rest.restore, CUT_PLANNED, INT64_MAX);
    expect_refused(&rest, "rounds");
    drive_job_fini(&half);
}

Test(patterns, the_app_can_end_the_job)
{
    app_reduce_shape.stop_round = 9;
    struct drive_job job = { .app = &app_reduce, .rounds = 50, .pipeline = 3 };
    struct drive_end end = patterns_good(&job);
    cr_expect_eq(end.rounds, 9);
    cr_expect_str_eq(end.stop_reason, "enough");
    cr_expect_eq(end.cut_round, 9);
    job.workers = 3;
    job.loss[0] = (struct drive_loss){ 1, 9 };
    for (int again = 0; again < 20; again++)
        patterns_expect(&end, &job, "lost at the end");
    drive_job_fini(&end);
}

/* Interrupted behind any round: at the last one there is nothing left to interrupt. */
Test(patterns, an_interruption_behind_the_last_round_comes_too_late)
{
    for (int by_app = 0; by_app < 2; by_app++) {
        app_reduce_shape.stop_round = by_app ? 9 : 0;
        struct drive_job job = { .app = &app_reduce, .rounds = by_app ? 50 : 9, .pipeline = 3 };
        const char *word = by_app ? "enough" : "rounds";
        struct drive_end want = patterns_good(&job);
        cr_assert_str_eq(want.stop_reason, word);
        for (int64_t k = 1; k <= 9; k++) {
            struct drive_job first = job, rest = job;
            first.checkpoint_round = k;
            first.stop_there = true;
            struct drive_end end = patterns_good(&first);
            cr_expect_eq(end.cut_round, k);
            cr_expect_str_eq(end.stop_reason, k < 9 ? "interrupted" : word, "round %lld", (long long)k);
            cr_expect_str_eq(end.cut_ended ? end.cut_ended : "", k < 9 ? "" : word);
            rest.restore = (struct rondo_bytes){ end.cut.data, end.cut.size };
            if (k < 9)
                patterns_expect(&want, &rest, "interrupted");
            else
                cr_expect(drive_job_same(&want, &end));
            drive_job_fini(&end);
        }
        drive_job_fini(&want);
    }
}

/* The ridge's normal equations (X'X + ridge I) b = X'y hold at the end: no gradient is left. */
Test(patterns, reduce_comes_to_the_solution)
{
    struct drive_job job = { .app = &app_reduce, .rounds = 60 };
    struct drive_end early = patterns_good(&job);
    cr_expect_eq(early.phases_most, 2);
    job.rounds = 600;
    struct drive_end late = patterns_good(&job);
    job.rounds = 900;
    struct drive_end later = patterns_good(&job);
    cr_expect_lt(late.objective, early.objective);
    cr_expect_leq(fabs(late.objective - later.objective), 1e-9 * later.objective, "%.17g %.17g",
                  late.objective, later.objective);
    drive_job_fini(&early);
    drive_job_fini(&late);
    drive_job_fini(&later);
}

/* Tokens are neither made nor lost: totals add up to shards x tokens. */
Test(patterns, rotate_keeps_every_token)
{
    struct drive_job job = { .app = &app_rotate, .rounds = 40, .workers = 3 };
    struct drive_end end = patterns_good(&job);
    cr_expect_eq(end.phases_most, 3);
    int64_t totals = 0;
    for (int32_t k = 0; k < app_rotate_shape.topics; k++) {
        int64_t total;
        memcpy(&total, end.head.data + (size_t)k * sizeof total, sizeof total);
        cr_expect_geq(total, -300);
        totals += total;
    }
    cr_expect_eq(totals, 0); /* the head keeps the changes */
    drive_job_fini(&end);
}

Test(patterns, blocks_that_travel_without_shards_survive_a_loss)
{
    app_rotate_shape.no_shards = true;
    struct drive_job job = { .app = &app_rotate };
    struct drive_end one = patterns_good(&job);
    job.workers = 3;
    patterns_expect(&one, &job, "no shards");
    for (int32_t lost = 0; lost < 3; lost++) {
        job.loss[0] = (struct drive_loss){ lost, 6 };
        for (int again = 0; again < 10; again++)
            patterns_expect(&one, &job, "no shards, one lost");
    }
    drive_job_fini(&one);
}

Test(patterns, an_empty_plan_or_a_long_one_is_a_round)
{
    static const int32_t tasks[] = { 1, 2, 1000 };
    for (int i = 0; i < 6; i++) {
        app_empty_shape = (struct app_empty_shape){ .tasks = tasks[i % 3], .plan = i < 3 };
        struct drive_job job = { .app = &app_empty, .workers = 2 };
        struct drive_end end = patterns_good(&job);
        cr_expect_float_eq(end.objective, 12.0 * tasks[i % 3], 0);
        drive_job_fini(&end);
    }
    app_empty_shape = (struct app_empty_shape){ .tasks = 3, .shards = 100 };
    struct drive_job job = { .app = &app_empty, .workers = 2 };
    struct drive_end end = patterns_good(&job);
    cr_expect_float_eq(end.objective, 12.0 * 3, 0); /* pulled: one for each chunk */
    drive_job_fini(&end);
}

#include "patterns.h"

/* With more than one worker the most parcels at once are a matter of speed: a new high-water mark
 * may come late, a few times in a job.  So may a parcel's that happens to get its longest bytes.  Where either
 * worker may do all of a round, the second to do so has answers of its own to make, and keeps a few commits. */
enum { NONE = 0, LATE = 20, EITHER = 60 };

static void expect_most(const struct rondo_app *app, int32_t workers, int32_t pipeline,
                        uint64_t most)
{
    struct drive_job job = { .app = app, .workers = workers, .pipeline = pipeline, .rounds = 260,
                             .snapshot_rounds = 1000, .count_from = 50, .count_to = 250 };
    struct drive_end end = patterns_good(&job);
    cr_expect_leq(end.allocations, most, "%s with %d workers: %llu allocations in 200 rounds",
                 app->name, workers, (unsigned long long)end.allocations);
    drive_job_fini(&end);
}

Test(allocation, none_in_a_round_of_a_plan_or_a_sweep)
{
    for (int32_t workers = 1; workers <= 2; workers++)
        for (int plan = 0; plan < 2; plan++) {
            app_empty_shape.plan = plan;
            expect_most(&app_empty, workers, 1 + plan, workers == 1 ? NONE : LATE);
        }
}

Test(allocation, none_in_a_round_that_rotates)
{
    expect_most(&app_rotate, 1, 1, NONE);
    expect_most(&app_rotate, 1, 3, NONE);
    expect_most(&app_rotate, 2, 2, EITHER);
}

Test(allocation, none_in_a_round_that_gathers)
{
    expect_most(&app_gather, 1, 1, NONE);
}

/* More partials for a pull than a worker keeps room for at first. */
Test(allocation, none_in_a_round_that_pulls_a_hundred_shards)
{
    app_reduce_shape.rows = 300;
    app_reduce_shape.shards = 100;
    expect_most(&app_reduce, 1, 1, LATE);
}

/* What moved, every draw and every conflict are kept where there was room for those of the rounds before. */
Test(allocation, none_in_a_round_whose_details_are_kept)
{
    const struct engine_observer watch = { .details = true };
    struct drive_job job = { .app = &app_reduce, .rounds = 260, .snapshot_rounds = 1000, .count_from = 50,
                             .count_to = 250, .watch = &watch };
    struct drive_end end = patterns_good(&job);
    uint64_t kept = end.allocations;
    drive_job_fini(&end);
    job.watch = NULL;
    end = patterns_good(&job);
    cr_expect_eq(kept, end.allocations, "%llu allocations in 200 rounds", (unsigned long long)kept);
    drive_job_fini(&end);
}

/* States of a megabyte: a cut's bytes are written where those of the one before were. */
Test(allocation, none_in_a_cut)
{
    app_rotate_shape.tokens = 25000;
    struct drive_job job = { .app = &app_rotate, .rounds = 13, .snapshot_rounds = 1, .count_from = 4,
                             .count_to = 12 };
    struct drive_end end = patterns_good(&job);
    cr_expect_eq(end.allocations, NONE, "%llu allocations in 8 cuts", (unsigned long long)end.allocations);
    drive_job_fini(&end);
}

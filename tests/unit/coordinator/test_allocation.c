#include "patterns.h"

static void expect_none(const struct rondo_app *app, int32_t workers, int32_t pipeline)
{
    struct drive_job job = { .app = app, .workers = workers, .pipeline = pipeline, .rounds = 260,
                             .snapshot_rounds = 1000, .count_from = 50, .count_to = 250 };
    struct drive_end end = patterns_good(&job);
    cr_expect_eq(end.allocations, 0, "%s with %d workers: %llu allocations in 200 rounds",
                 app->name, workers, (unsigned long long)end.allocations);
    drive_job_fini(&end);
}

Test(allocation, none_in_a_round_of_a_plan_or_a_sweep)
{
    for (int32_t workers = 1; workers <= 2; workers++)
        for (int plan = 0; plan < 2; plan++) {
            app_empty_shape.plan = plan;
            expect_none(&app_empty, workers, 1 + plan);
        }
}

Test(allocation, none_in_a_round_that_rotates)
{
    expect_none(&app_rotate, 1, 1);
    expect_none(&app_rotate, 2, 2);
}

Test(allocation, none_in_a_round_that_gathers)
{
    expect_none(&app_gather, 1, 1);
}

/* More partials for a pull than a worker keeps room for at first. */
Test(allocation, none_in_a_round_that_pulls_a_hundred_shards)
{
    app_reduce_shape.rows = 300;
    app_reduce_shape.shards = 100;
    expect_none(&app_reduce, 1, 1);
}

#include "core/base/mem.h"
#include "tests/unit/scheduler/drive.h"

#include <math.h>

static struct scheduler_config sound(void)
{
    static const double cost[5] = { 1, 2, 3, 4, 5 };
    return (struct scheduler_config){
        .variables = 5, .cost = cost, .blocks = 2, .block_size = 2, .candidates = 9,
        .rule = RULE_GRADIENT, .eta = 1e-6, .check = CHECK_CORRELATION, .coupled = COUPLED_SOLVE,
        .threshold = 0.1, .pipeline = 2, .seed = 1, .cache_bytes = 1 << 20,
    };
}

static void refused(struct scheduler_config config, const char *where)
{
    struct scheduler *s;
    struct rondo_error err = { 0 };
    cr_assert_eq(scheduler_create(&config, &s, &err), RONDO_EINPUT);
    cr_assert_null(s);
    cr_assert_str_eq(err.where, where);
    cr_assert_eq(mem_live(), 0);
}

Test(setup, refuses_what_cannot_work_and_says_where)
{
    struct scheduler_config config = sound();
    config.blocks = 0;
    refused(config, "/schedule/blocks");
    config = sound();
    config.block_size = -1;
    refused(config, "/schedule/block_size");
    config = sound();
    config.candidates = 0;
    refused(config, "/schedule/candidates");
    config = sound();
    config.pipeline = 0;
    refused(config, "/schedule/pipeline");
    config = sound();
    config.eta = NAN;
    refused(config, "/schedule/priority/eta");
    config = sound();
    config.threshold = -1;
    refused(config, "/schedule/dependency/threshold");
    config = sound();
    const double cost[5] = { 1, 1, NAN, 1, 1 };
    config.cost = cost;
    refused(config, "");
}

Test(setup, the_floor_of_the_cache_is_exact)
{
    struct scheduler_config config = sound();
    struct scheduler *s;
    config.cache_bytes = scheduler_cache_floor(&config) - 1;
    refused(config, "/limits/memory");
    config.cache_bytes++;
    cr_assert_eq(scheduler_create(&config, &s, NULL), RONDO_OK);
    scheduler_destroy(s);
}

Test(setup, a_budget_beyond_reach_is_refused_and_not_tried)
{
    struct scheduler_config config = sound();
    config.cost = NULL;
    config.variables = 10000000;
    config.blocks = 100;
    config.block_size = 1000;
    cr_assert_gt(scheduler_cache_floor(&config), (size_t)40e9);
    refused(config, "/limits/memory");
    config.variables = INT64_MAX / 16;
    config.blocks = config.block_size = INT32_MAX;
    config.candidates = INT64_MAX;
    refused(config, "/schedule/blocks");
}

Test(setup, with_check_none_a_hundred_thousand_places_cost_little)
{
    struct scheduler_config config = sound();
    config.cost = NULL;
    config.variables = 1000000;
    config.blocks = 100;
    config.block_size = 1000;
    config.candidates = 1000000;
    config.check = CHECK_NONE;
    struct scheduler *s;
    int64_t before = mem_peak_rss_bytes();
    cr_assert_eq(scheduler_create(&config, &s, NULL), RONDO_OK);
    struct drive drive = { 0 };
    cr_assert_eq(drive_round(&drive, s, 1, INT64_MAX)->taken, 100000);
    int64_t grown = mem_peak_rss_bytes() - before;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* they keep memory of their own */
    cr_assert_lt(grown, 100 << 20);
#else
    cr_assert_geq(grown, 0);
#endif
    scheduler_destroy(s);
}

Test(setup, any_allocation_may_fail)
{
    for (int mode = COUPLED_SOLVE; mode <= COUPLED_DROP; mode++) {
        struct scheduler_config config = sound();
        struct scheduler *s;
        config.coupled = (enum coupled_mode)mode;
        uint64_t before = mem_count();
        cr_assert_eq(scheduler_create(&config, &s, NULL), RONDO_OK);
        uint64_t needed = mem_count() - before;
        scheduler_destroy(s);
        for (uint64_t k = 1; k <= needed; k++) {
            struct rondo_error err = { 0 };
            mem_fail_at(k);
            cr_assert_eq(scheduler_create(&config, &s, &err), RONDO_ENOMEM, "allocation %d", (int)k);
            cr_assert_null(s);
            cr_assert_eq(err.code, RONDO_ENOMEM);
            cr_assert_eq(mem_live(), 0);
        }
        mem_fail_at(0);
    }
}

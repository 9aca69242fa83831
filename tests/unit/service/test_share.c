#include "service/share.h"

#include <criterion/criterion.h>
#include <rondo/rng.h>

Test(share, every_job_gets_one_before_any_gets_two)
{
    struct share jobs[3] = { { .most = 10 }, { .most = 10 }, { .most = 10 } };
    share_out(jobs, 3, 2);
    cr_expect(jobs[0].part == 1 && jobs[1].part == 1 && jobs[2].part == 0);
    share_out(jobs, 3, 7);
    cr_expect(jobs[0].part == 3 && jobs[1].part == 2 && jobs[2].part == 2);
}

Test(share, a_job_that_asks_for_few_leaves_the_rest_to_others)
{
    struct share jobs[2] = { { .most = 1 }, { .most = 100 } };
    share_out(jobs, 2, 8);
    cr_expect(jobs[0].part == 1 && jobs[1].part == 7);
}

Test(share, nobody_gets_more_than_it_can_use_or_than_there_are)
{
    for (uint64_t seed = 0; seed < 2000; seed++) {
        struct share jobs[16];
        int32_t count = (int32_t)(rondo_rng_u64(seed, 0, 1, 0) % 17), wanted = 0, given = 0;
        int32_t workers = (int32_t)(rondo_rng_u64(seed, 0, 1, 1) % 40);
        for (int32_t i = 0; i < count; i++) {
            jobs[i].most = 1 + (int32_t)(rondo_rng_u64(seed, 0, 2, (uint64_t)i) % 6);
            wanted += jobs[i].most;
        }
        share_out(jobs, count, workers);
        for (int32_t i = 0; i < count; i++) {
            given += jobs[i].part;
            cr_expect_leq(jobs[i].part, jobs[i].most, "seed %llu", (unsigned long long)seed);
            for (int32_t j = 0; j < i; j++) /* who came later has no more, but where it could not */
                cr_expect(jobs[i].part <= jobs[j].part || jobs[j].part == jobs[j].most);
        }
        cr_expect_eq(given, wanted < workers ? wanted : workers, "seed %llu",
                     (unsigned long long)seed);
    }
}

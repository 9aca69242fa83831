#include "patterns.h"

#include "tests/support/scale.h"

#include <unistd.h>

enum { K_MOST = 100000, SECONDS_MOST = 300 };

/* The k-th allocation fails, for every k: an error or the same bits, no hang, nothing left. */
static void brutal(const struct drive_job *job)
{
    struct drive_end want = patterns_good(job), end;
    uint64_t step = (uint64_t)(10 / scale_runs(10)), k = 1;
    int64_t live = mem_live();
    for (bool reached = true; reached; k += step) {
        uint64_t asked = mem_count();
        alarm(SECONDS_MOST);
        mem_fail_at(k);
        drive_job(job, &end);
        mem_fail_at(0);
        alarm(0);
        reached = mem_count() - asked >= k;
        cr_assert(end.state != ENGINE_FAILED || (end.code < 0 && end.error.what[0]),
                  "%s, allocation %llu: says nothing", job->app->name, (unsigned long long)k);
        cr_assert(end.code < 0 || drive_job_same(&want, &end), "%s, allocation %llu: other bits",
                  job->app->name, (unsigned long long)k);
        drive_job_fini(&end);
        cr_assert_eq(mem_live(), live, "%s, allocation %llu: %lld blocks are left", job->app->name,
                     (unsigned long long)k, (long long)(mem_live() - live));
        cr_assert_lt(k, K_MOST);
    }
    drive_job_fini(&want);
}

Test(brutal_patterns, with_one_worker)
{
    for (int a = 0; a < PATTERNS; a++)
        brutal(&(struct drive_job){ .app = pattern[a], .rounds = 7, .pipeline = 2,
                                    .snapshot_rounds = 2 });
}

Test(brutal_patterns, with_a_loss_and_a_checkpoint)
{
    for (int a = 0; a < PATTERNS; a++)
        brutal(&(struct drive_job){ .app = pattern[a], .rounds = 7, .workers = 3,
                                    .snapshot_rounds = 2, .checkpoint_round = 3,
                                    .loss = { { 1, 4 } } });
}

Test(brutal_patterns, with_messages_as_bytes)
{
    for (int a = 0; a < PATTERNS; a++)
        brutal(&(struct drive_job){ .app = pattern[a], .rounds = 7, .workers = 2, .encoded = true,
                                    .snapshot_rounds = 2, .loss = { { 0, 4 } } });
}

Test(brutal_patterns, while_a_checkpoint_is_restored)
{
    for (int a = 0; a < PATTERNS; a++) {
        struct drive_job job = { .app = pattern[a], .rounds = 7, .pipeline = 2,
                                 .checkpoint_round = 4, .stop_there = true };
        struct drive_end half = patterns_good(&job);
        brutal(&(struct drive_job){ .app = pattern[a], .rounds = 7, .pipeline = 2, .workers = 2,
                                    .restore = { half.cut.data, half.cut.size } });
        drive_job_fini(&half);
    }
}

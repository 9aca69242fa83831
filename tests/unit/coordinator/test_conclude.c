/* The end of a job whose model needs its shards: app_rotate holds every token of every shard against
 * the blocks' counts, and the checksum of all states is in its last report. */
#include "patterns.h"

static double end_of(const struct drive_end *end)
{
    cr_assert_eq(end->report.count, 2);
    cr_assert_eq(end->report.metric[0].value, 1, "concluded %g times", end->report.metric[0].value);
    return end->report.metric[1].value;
}

Test(conclude, sees_all_states_as_of_the_last_commit_whoever_held_them)
{
    for (int64_t rounds = 1; rounds <= 12; rounds += 11)
        for (int32_t pipeline = 1; pipeline <= 3; pipeline++) {
            struct drive_job job = { .app = &app_rotate, .rounds = rounds, .pipeline = pipeline };
            struct drive_end one = patterns_good(&job);
            cr_expect_gt(end_of(&one), 0);
            for (int w = 0; w < 12; w++) {
                job.workers = w % 4 + 1;
                job.encoded = w & 1;
                job.no_checkpoints = w & 2;
                patterns_expect(&one, &job, "concluded");
            }
            drive_job_fini(&one);
        }
}

/* Behind the last commit only its cut is under way, and a worker is lost with its shards. */
Test(conclude, a_worker_lost_while_the_shards_are_collected_changes_no_bit)
{
    for (int checkpoints = 0; checkpoints < 2; checkpoints++) {
        struct drive_job job = { .app = &app_rotate };
        struct drive_end one = patterns_good(&job);
        job.workers = 3;
        job.no_checkpoints = !checkpoints;
        for (int32_t lost = 0; lost < 3; lost++)
            for (int again = 0; again < 10; again++) {
                job.encoded = again & 1;
                job.loss[0] = (struct drive_loss){ lost, 12 };
                job.loss[1] = (struct drive_loss){ again % 3 ? 0 : (lost + 1) % 3, again % 3 ? 0 : 12 };
                patterns_expect(&one, &job, "lost at the end");
            }
        drive_job_fini(&one);
    }
}

Test(conclude, a_job_that_goes_on_after_it_had_concluded_ends_in_the_same_bits)
{
    for (int64_t rounds = 1; rounds <= 12; rounds++) {
        struct drive_job job = { .app = &app_rotate, .workers = 2, .pipeline = 1 + (int32_t)rounds % 2 };
        struct drive_end whole = patterns_good(&job);
        job.rounds = rounds;
        struct drive_end half = patterns_good(&job);
        cr_assert_eq(half.cut_round, rounds);
        cr_expect(rounds == 12 || end_of(&half) != end_of(&whole));
        job.restore = (struct rondo_bytes){ half.cut.data, half.cut.size };
        for (job.workers = 1; job.workers <= 3; job.workers++) {
            job.rounds = rounds; /* there is nothing left to do, but to conclude */
            patterns_expect(&half, &job, "once more");
            job.rounds = 12;
            patterns_expect(&whole, &job, "gone on with");
        }
        drive_job_fini(&half);
        drive_job_fini(&whole);
    }
}

/* ---- what an app has that does not ask for it ---------------------------------------------------------- */

static void narrow_layout(const void *problem, struct rondo_layout *layout)
{
    app_rotate.layout(problem, layout);
    layout->with_shards = false;
}

static int concluded;

static int narrow_conclude(void *head RONDO_UNUSED, struct rondo_head_link *link,
                           struct rondo_error *err RONDO_UNUSED)
{
    concluded++;
    return drive_host()->shard(link, 0) || !drive_host()->block(link, 0) ? RONDO_EAPP : RONDO_OK;
}

Test(conclude, shows_no_shards_to_an_app_that_did_not_ask)
{
    struct rondo_app narrow = app_rotate;
    narrow.layout = narrow_layout;
    narrow.conclude = narrow_conclude;
    struct drive_job job = { .app = &narrow, .workers = 2 };
    struct drive_end end = patterns_good(&job);
    cr_expect_eq(concluded, 1);
    drive_job_fini(&end);
}

static int failing_conclude(void *head RONDO_UNUSED, struct rondo_head_link *link RONDO_UNUSED,
                            struct rondo_error *err)
{
    return rondo_error_set(err, RONDO_EINPUT, "/params/x", NULL, "nothing to be said");
}

Test(conclude, that_fails_ends_the_job_in_its_words)
{
    struct rondo_app wrong = app_rotate;
    wrong.conclude = failing_conclude;
    struct drive_job job = { .app = &wrong };
    struct drive_end end;
    drive_job(&job, &end);
    cr_expect_eq(end.code, RONDO_EINPUT);
    cr_expect_str_eq(end.error.what, "nothing to be said");
    drive_job_fini(&end);
}

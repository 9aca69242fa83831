#include "patterns.h"

#include "tests/support/scale.h"

#include <string.h>

static uint64_t draw(uint64_t seed, uint64_t item)
{
    return rondo_rng_u64(seed, 0, 401, item);
}

static int present(struct stage *stage)
{
    int count = 0;
    for (int32_t i = 0; i < STAGE_SEATS; i++)
        count += stage_present(stage, i);
    return count;
}

static int32_t someone(struct stage *stage, uint64_t word)
{
    int count = present(stage), number = count ? (int)(word % (uint64_t)count) : 0;
    for (int32_t i = 0; i < STAGE_SEATS; i++)
        if (stage_present(stage, i) && number-- == 0)
            return i;
    return -1;
}

/* Workers come, are lost, are asked back and say that they have no memory, down to none at all. */
static void play(struct stage *stage, uint64_t seed)
{
    int joined = 0;
    for (uint64_t turn = 0; stage_playing(stage); turn++) {
        uint64_t word = draw(seed, turn), kind = word % 48;
        int32_t one = someone(stage, word >> 8);
        bool more = joined < STAGE_SEATS - 1 || present(stage) == 0;
        if (one < 0 || (kind == 0 && more)) {
            cr_assert_lt(joined++, STAGE_SEATS);
            stage_join(stage);
        } else if (kind == 1 && joined < STAGE_SEATS) {
            stage_leave(stage, one);
        } else if (kind == 2 && joined < STAGE_SEATS) {
            stage_release(stage, one);
        } else if (!stage_step(stage, word >> 8)) {
            cr_assert_fail("seed %llu: nothing is left to do", (unsigned long long)seed);
        }
        cr_assert_lt(turn, 1000000, "seed %llu does not end", (unsigned long long)seed);
    }
}

Test(elastic, the_same_bits_though_at_times_no_worker_is_left)
{
    int64_t runs = scale_runs(150);
    for (int a = 0; a < PATTERNS; a++)
        for (int64_t seed = 0; seed < runs; seed++) {
            struct drive_job job = { .app = pattern[a], .pipeline = 1 + (int32_t)(seed % 3),
                                     .snapshot_rounds = 1 + seed % 5, .rounds = 8 };
            struct drive_end want = patterns_good(&job);
            job.patient = true;
            struct stage *stage = stage_create(&job);
            play(stage, (uint64_t)seed);
            patterns_expect_stage(&want, &job, stage, seed);
            drive_job_fini(&want);
            stage_destroy(stage);
        }
}

/* Runs until so many rounds are committed. */
static void run_to(struct stage *stage, int64_t rounds)
{
    for (uint64_t turn = 0; engine_rounds(stage_engine(stage)) < rounds; turn++)
        cr_assert(stage_step(stage, turn));
}

Test(elastic, a_released_worker_goes_behind_a_commit_and_nothing_is_done_twice)
{
    struct drive_job job = { .app = &app_rotate, .patient = true, .workers = 2,
                             .snapshot_rounds = 1000 };
    struct stage *stage = stage_create(&job);
    stage_join(stage);
    stage_join(stage);
    run_to(stage, 5);
    stage_release(stage, 0);
    for (uint64_t turn = 0; stage_present(stage, 0); turn++)
        cr_assert(stage_step(stage, turn));
    cr_expect_eq(stage_released(stage), 1);
    cr_expect_geq(engine_rounds(stage_engine(stage)), 5, "rolled back to %lld",
                  (long long)engine_rounds(stage_engine(stage)));
    stage_finish(stage);
    cr_expect_eq(engine_state(stage_engine(stage)), ENGINE_DONE);
    stage_destroy(stage);
}

Test(elastic, the_first_round_waits_for_as_many_as_are_expected_and_still_there)
{
    struct drive_job job = { .app = &app_reduce, .patient = true };
    struct stage *stage = stage_create(&job);
    engine_expect(stage_engine(stage), 3);
    stage_join(stage);
    stage_join(stage);
    cr_expect_eq(engine_state(stage_engine(stage)), ENGINE_WAITING);
    stage_leave(stage, 0);
    cr_expect_eq(engine_state(stage_engine(stage)), ENGINE_WAITING);
    stage_join(stage);
    cr_expect_eq(engine_state(stage_engine(stage)), ENGINE_RUNNING);
    stage_destroy(stage);
}

Test(elastic, the_first_round_does_not_wait_for_one_that_was_lost_before_it_came)
{
    struct drive_job job = { .app = &app_reduce, .patient = true };
    struct stage *stage = stage_create(&job);
    engine_expect(stage_engine(stage), 2);
    stage_join(stage);
    cr_expect_eq(engine_state(stage_engine(stage)), ENGINE_WAITING);
    engine_leave(stage_engine(stage), 1);
    cr_expect_eq(engine_state(stage_engine(stage)), ENGINE_RUNNING);
    engine_leave(stage_engine(stage), 2);
    cr_expect_eq(engine_state(stage_engine(stage)), ENGINE_RUNNING);
    stage_destroy(stage);
}

static struct message failure(const struct stage *stage RONDO_UNUSED, uint32_t epoch, int code)
{
    return (struct message){ .type = MESSAGE_FAILED, .epoch = epoch, .code = code };
}

Test(elastic, a_worker_without_memory_is_let_go_and_an_app_that_fails_ends_the_job)
{
    for (int app_fails = 0; app_fails < 2; app_fails++) {
        struct drive_job job = { .app = &app_reduce, .patient = true, .workers = 2 };
        struct drive_end want = patterns_good(&(struct drive_job){ .app = &app_reduce }), end;
        struct stage *stage = stage_create(&job);
        stage_join(stage);
        stage_join(stage);
        run_to(stage, 2);
        stage_say(stage, 1, failure(stage, 1, app_fails ? RONDO_EAPP : RONDO_ENOMEM));
        stage_finish(stage);
        stage_look(stage, &end);
        cr_expect_eq(stage_released(stage), !app_fails);
        cr_expect_eq(end.state, app_fails ? ENGINE_FAILED : ENGINE_DONE);
        cr_expect(app_fails || drive_job_same(&want, &end));
        drive_job_fini(&end);
        drive_job_fini(&want);
        stage_destroy(stage);
    }
}

/* The first DONE, SNAPPED or word of a coordinator's that worker 1 has no right to. */
Test(elastic, a_worker_that_talks_nonsense_is_let_go_and_the_job_has_the_same_end)
{
    static const uint8_t types[] = { 0, MESSAGE_STATE, MESSAGE_COMMIT, 99, MESSAGE_DONE };
    struct drive_end want = patterns_good(&(struct drive_job){ .app = &app_reduce });
    for (size_t i = 0; i < sizeof types; i++) {
        struct drive_job job = { .app = &app_reduce, .patient = true, .workers = 2 };
        struct drive_end end;
        struct stage *stage = stage_create(&job);
        stage_join(stage);
        stage_join(stage);
        run_to(stage, 2);
        for (int64_t ticket = 0; ticket < 8 && stage_released(stage) == 0; ticket++)
            stage_say(stage, 1, (struct message){ .type = types[i], .epoch = 1, .ticket = ticket });
        stage_finish(stage);
        stage_look(stage, &end);
        cr_expect(stage_released(stage) == 1 || types[i] == MESSAGE_DONE, "type %d", types[i]);
        cr_expect_eq(end.state, ENGINE_DONE, "type %d", types[i]);
        cr_expect(drive_job_same(&want, &end), "type %d", types[i]);
        drive_job_fini(&end);
        stage_destroy(stage);
    }
    drive_job_fini(&want);
}

Test(elastic, a_job_that_every_worker_fails_ends_with_the_reason)
{
    struct drive_job job = { .app = &app_reduce, .patient = true };
    struct drive_end end;
    struct stage *stage = stage_create(&job);
    for (int32_t worker = 0; stage_playing(stage); worker++) {
        cr_assert_lt(worker, 8);
        stage_join(stage);
        stage_say(stage, worker, failure(stage, (uint32_t)(2 * worker + 1), RONDO_ENOMEM));
    }
    stage_look(stage, &end);
    cr_expect_eq(end.error.code, RONDO_ENOMEM);
    drive_job_fini(&end);
    stage_destroy(stage);
}

Test(elastic, a_job_that_is_cancelled_is_cancelled_though_it_comes_to_its_end)
{
    for (int cancelled = 0; cancelled < 2; cancelled++) {
        struct drive_job job = { .app = &app_reduce };
        struct drive_end end;
        struct stage *stage = stage_create(&job);
        stage_join(stage);
        run_to(stage, 11);
        engine_stop(stage_engine(stage), cancelled ? "cancelled" : "interrupted", !cancelled);
        stage_finish(stage);
        stage_look(stage, &end);
        cr_expect_eq(end.rounds, 12);
        cr_expect_str_eq(end.stop_reason, cancelled ? "cancelled" : "rounds");
        drive_job_fini(&end);
        stage_destroy(stage);
    }
}

/* The last round's end is forgotten with it; that somebody wants the job to stop is not. */
Test(elastic, an_interruption_outlives_a_last_round_that_is_rolled_back)
{
    struct drive_end want = patterns_good(&(struct drive_job){ .app = &app_reduce }), end;
    struct drive_job job = { .app = &app_reduce, .patient = true, .workers = 2 };
    struct stage *stage = stage_create(&job);
    stage_join(stage);
    stage_join(stage);
    run_to(stage, 11);
    engine_stop(stage_engine(stage), "interrupted", true);
    run_to(stage, 12); /* committed, and its cut waits for both */
    cr_assert_eq(engine_state(stage_engine(stage)), ENGINE_RUNNING);
    stage_leave(stage, 1);
    stage_finish(stage);
    stage_look(stage, &end);
    cr_expect_str_eq(end.stop_reason, "interrupted");
    cr_expect_lt(end.rounds, 12);
    job.restore = (struct rondo_bytes){ end.cut.data, end.cut.size };
    patterns_expect(&want, &job, "rolled back");
    drive_job_fini(&end);
    drive_job_fini(&want);
    stage_destroy(stage);
}

Test(elastic, a_job_without_workers_stops_when_asked_and_keeps_a_checkpoint)
{
    struct drive_job job = { .app = &app_rotate, .patient = true };
    struct drive_end end, want = patterns_good(&(struct drive_job){ .app = &app_rotate });
    struct stage *stage = stage_create(&job);
    stage_join(stage);
    run_to(stage, 9);
    stage_leave(stage, 0);
    cr_expect_eq(engine_state(stage_engine(stage)), ENGINE_WAITING);
    engine_stop(stage_engine(stage), "interrupted", true);
    stage_look(stage, &end);
    cr_expect_eq(end.state, ENGINE_DONE);
    cr_expect_str_eq(end.stop_reason, "interrupted");
    cr_assert_gt(end.cut.size, 0);
    job.restore = (struct rondo_bytes){ end.cut.data, end.cut.size };
    patterns_expect(&want, &job, "from the checkpoint");
    drive_job_fini(&end);
    drive_job_fini(&want);
    stage_destroy(stage);
}

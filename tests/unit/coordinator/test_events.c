#include "patterns.h"

#include "tests/support/scale.h"

static uint64_t draw(uint64_t seed, uint64_t item)
{
    return rondo_rng_u64(seed, 0, 400, item);
}

static int32_t someone(struct stage *stage, uint64_t word)
{
    int32_t here[STAGE_SEATS], count = 0;
    for (int32_t i = 0; i < STAGE_SEATS; i++)
        if (stage_present(stage, i))
            here[count++] = i;
    return count > 1 ? here[word % (uint64_t)count] : -1;
}

/* Workers come and go and are fast or slow as the seed will have it; one always stays. */
static void play(struct stage *stage, uint64_t seed, bool checkpoints)
{
    int joined = 1;
    stage_join(stage);
    for (uint64_t turn = 0; stage_playing(stage); turn++) {
        uint64_t word = draw(seed, turn), kind = word % 64;
        int32_t one = kind == 0 ? someone(stage, word >> 8) : -1;
        if (one >= 0)
            stage_leave(stage, one);
        else if (kind == 1 && joined < STAGE_SEATS && (joined++, true))
            stage_join(stage);
        else if (kind == 2 && checkpoints)
            engine_checkpoint(stage_engine(stage));
        else if (!stage_step(stage, word >> 8))
            break;
        cr_assert_lt(turn, 1000000, "seed %llu does not end", (unsigned long long)seed);
    }
}

Test(events, the_same_bits_whoever_comes_goes_or_is_faster)
{
    int64_t runs = scale_runs(150);
    for (int a = 0; a < PATTERNS; a++)
        for (int64_t seed = 0; seed < runs; seed++) {
            struct drive_job job = { .app = pattern[a], .pipeline = 1 + (int32_t)(seed % 3),
                                     .snapshot_rounds = 1 + seed % 5 };
            struct drive_end want = patterns_good(&job);
            struct stage *stage = stage_create(&job);
            play(stage, (uint64_t)seed, seed % 2);
            patterns_expect_stage(&want, &job, stage, seed);
            drive_job_fini(&want);
            stage_destroy(stage);
        }
}

Test(events, blocks_that_travel_without_shards_do_so_too)
{
    int64_t runs = scale_runs(100);
    app_rotate_shape.no_shards = true;
    for (int64_t seed = 0; seed < runs; seed++) {
        struct drive_job job = { .app = &app_rotate, .snapshot_rounds = 1 + seed % 5 };
        struct drive_end want = patterns_good(&job);
        struct stage *stage = stage_create(&job);
        play(stage, (uint64_t)seed, true);
        patterns_expect_stage(&want, &job, stage, seed);
        drive_job_fini(&want);
        stage_destroy(stage);
    }
}

/* A worker is lost at each step of a job in turn, the last cut not excepted. */
Test(events, a_worker_may_be_lost_at_any_step)
{
    for (int a = 0; a < 3; a++) {
        struct drive_job job = { .app = pattern[a], .rounds = 5, .snapshot_rounds = 3,
                                 .pipeline = 2 };
        struct drive_end want = patterns_good(&job), end;
        bool ended = false;
        job.workers = 2;
        for (int64_t when = 0; !ended; when += scale_runs(1) + (a == 0 ? 2 : 0)) {
            struct stage *stage = stage_create(&job);
            stage_join(stage);
            stage_join(stage);
            for (int64_t turn = 0; turn < when && stage_playing(stage); turn++)
                stage_step(stage, (uint64_t)turn * 7);
            ended = !stage_playing(stage);
            stage_leave(stage, (int32_t)(when % 2));
            stage_finish(stage);
            stage_look(stage, &end);
            cr_expect(drive_job_same(&want, &end), "%s, lost at step %lld: %s", job.app->name,
                      (long long)when, end.code ? end.error.what : "other bits");
            drive_job_fini(&end);
            stage_destroy(stage);
        }
        drive_job_fini(&want);
    }
}

Test(events, a_worker_that_comes_late_gets_its_share)
{
    struct drive_job job = { .app = &app_rotate };
    struct stage *stage = stage_create(&job);
    stage_join(stage);
    for (uint64_t turn = 0; engine_rounds(stage_engine(stage)) < 4; turn++)
        cr_assert(stage_step(stage, turn));
    int32_t late = stage_join(stage);
    bool worked = false;
    for (uint64_t turn = 0; stage_playing(stage) && stage_step(stage, turn); turn++)
        worked = worked || engine_rounds(stage_engine(stage)) == 8;
    cr_expect(worked);
    cr_expect_eq(engine_state(stage_engine(stage)), ENGINE_DONE);
    cr_expect(stage_present(stage, late));
    stage_destroy(stage);
}

Test(events, a_checkpoint_asked_for_comes_though_a_worker_is_lost)
{
    for (uint64_t when = 0; when < 40; when++) {
        struct drive_job job = { .app = &app_rotate, .workers = 2, .rounds = 20,
                                 .snapshot_rounds = 100 };
        struct stage *stage = stage_create(&job);
        stage_join(stage);
        stage_join(stage);
        while (engine_rounds(stage_engine(stage)) < 3)
            cr_assert(stage_step(stage, 0));
        engine_checkpoint(stage_engine(stage));
        for (uint64_t turn = 0; turn < when; turn++)
            stage_step(stage, turn);
        stage_leave(stage, 1);
        for (uint64_t turn = 0; engine_rounds(stage_engine(stage)) < 19; turn++)
            cr_assert(stage_step(stage, turn));
        cr_expect_geq(stage_cuts(stage), 1, "lost %llu steps later", (unsigned long long)when);
        stage_destroy(stage);
    }
}

/* ---- what a worker should not say ---------------------------------------------------------------- */

static void expect_end(struct message message, bool fails)
{
    struct drive_job job = { .app = &app_rotate };
    struct stage *stage = stage_create(&job);
    stage_join(stage);
    message.epoch = 1;
    stage_say(stage, 0, message);
    while (stage_playing(stage) && stage_step(stage, 0))
        ;
    cr_expect_eq(engine_state(stage_engine(stage)), fails ? ENGINE_FAILED : ENGINE_DONE, "type %d",
                 message.type);
    cr_expect(!fails || (engine_error(stage_engine(stage))->what[0]
                         && engine_error(stage_engine(stage))->code < 0));
    stage_destroy(stage);
}

Test(events, what_a_worker_should_not_say_ends_the_job_or_is_dropped)
{
    static const uint8_t types[] = { 0, MESSAGE_STATE, MESSAGE_PUSH, MESSAGE_SNAP, 99 };
    for (size_t i = 0; i < sizeof types; i++)
        expect_end((struct message){ .type = types[i] }, true);
    expect_end((struct message){ .type = MESSAGE_DONE, .ticket = -1 }, false);
    expect_end((struct message){ .type = MESSAGE_DONE, .ticket = INT64_MAX }, false);
    expect_end((struct message){ .type = MESSAGE_DONE, .ticket = 4000 }, false);
    expect_end((struct message){ .type = MESSAGE_DONE, .ticket = 0 }, true); /* no body */
    expect_end((struct message){ .type = MESSAGE_SNAPPED }, false);
    expect_end((struct message){ .type = MESSAGE_FAILED, .code = RONDO_EIO }, true);
    expect_end((struct message){ .type = MESSAGE_FAILED, .code = 5 }, true);
}

Test(events, that_make_no_sense_are_left_alone)
{
    struct drive_job job = { .app = &app_rotate, .workers = 2 };
    struct stage *stage = stage_create(&job);
    struct engine *engine = stage_engine(stage);
    engine_leave(engine, 5);
    stage_join(stage);
    engine_join(engine, 0); /* again */
    cr_expect_eq(engine_state(engine), ENGINE_WAITING);
    engine_leave(engine, 1); /* never came */
    stage_join(stage);
    engine_leave(engine, 7);
    stage_finish(stage);
    cr_expect_eq(engine_state(engine), ENGINE_DONE);
    engine_stop(engine, "late", true);
    cr_expect_str_eq(engine_stop_reason(engine), "rounds");
    stage_destroy(stage);
}

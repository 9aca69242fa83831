/* Blocks and shards in one process: nothing is packed on the way, and whoever is idle takes the next pair. */
#include "core/base/clock.h"
#include "patterns.h"

#include <stdatomic.h>

static _Atomic int packs, unpacks;

#define COUNTED(which) \
    static int which##_pack(const void *problem, const void *state, struct rondo_buf *out) \
    { \
        packs++; \
        return app_rotate.which.pack(problem, state, out); \
    } \
    static int which##_unpack(const void *problem, void *state, struct rondo_bytes in) \
    { \
        unpacks++; \
        return app_rotate.which.unpack(problem, state, in); \
    }
COUNTED(block)
COUNTED(shard)
COUNTED(common)

/* Of 200 rounds the one cut at the end, and of that the shards that conclude sees. */
Test(rotate, packs_nothing_but_a_cut)
{
    struct rondo_app counted = app_rotate;
    counted.block.pack = block_pack, counted.block.unpack = block_unpack;
    counted.shard.pack = shard_pack, counted.shard.unpack = shard_unpack;
    counted.common.pack = common_pack, counted.common.unpack = common_unpack;
    for (int32_t workers = 1; workers <= 3; workers++) {
        struct drive_job job = { .app = &counted, .workers = workers, .rounds = 200, .snapshot_rounds = 1000 };
        packs = unpacks = 0;
        struct drive_end end = patterns_good(&job);
        int32_t blocks = app_rotate_shape.blocks, shards = app_rotate_shape.shards;
        cr_expect_eq(packs, blocks + shards + workers, "%d workers: %d", workers, packs);
        cr_expect_eq(unpacks, shards, "%d workers: %d", workers, unpacks);
        drive_job_fini(&end);
    }
}

/* ---- who does what, and when ---------------------------------------------------------------------------- */

static int32_t first_of(const struct rondo_task *task)
{
    return (int32_t)((2 * task->round + (task->phase > 0)) % app_rotate_shape.blocks);
}

static int64_t place;
static int wrong;

static int in_order(const void *problem, const void *common, void *shard, void *block, void *scratch,
                    const struct rondo_task *task, struct rondo_buf *partial)
{
    if (task->block == first_of(task))
        place = 0;
    wrong += task->block != (first_of(task) + place++) % app_rotate_shape.blocks;
    return app_rotate.push(problem, common, shard, block, scratch, task, partial);
}

Test(rotate, gives_out_a_plan_in_its_order)
{
    struct rondo_app ordered = app_rotate;
    ordered.push = in_order;
    struct drive_job job = { .app = &ordered };
    struct drive_end end = patterns_good(&job);
    cr_expect_eq(wrong, 0);
    drive_job_fini(&end);
}

enum { TASKS = 8, ROUNDS = 6, LONG_NS = 60000000, LONGER = 1000 };
static _Atomic int others[ROUNDS + 1]; /* tasks that ended while the long one ran */
static _Atomic int64_t running;        /* the round whose long task runs */
static _Atomic bool seen;              /* in one round behind the first */

/* The first of the list takes as long as the others need to get all the rest done. */
static int uneven(const void *problem, const void *common, void *shard, void *block, void *scratch,
                  const struct rondo_task *task, struct rondo_buf *partial)
{
    int code = app_rotate.push(problem, common, shard, block, scratch, task, partial);
    if (task->phase > 0)
        return code;
    if (task->block != first_of(task)) {
        if (running == task->round)
            others[task->round]++;
        return code;
    }
    running = task->round;
    int64_t until = clock_now_ns() + (int64_t)LONG_NS * (task->round == 1 || seen ? 1 : LONGER);
    while (clock_now_ns() < until && others[task->round] < TASKS - 1)
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    seen = seen || (task->round > 1 && others[task->round] == TASKS - 1);
    running = 0;
    return code;
}

/* A worker that is held up keeps one pair and no other; were shards bound to workers, it kept half of them. */
Test(rotate, leaves_nothing_waiting_behind_a_long_task)
{
    app_rotate_shape.blocks = app_rotate_shape.shards = TASKS;
    struct drive_job job = { .app = &app_rotate, .rounds = ROUNDS };
    struct drive_end one = patterns_good(&job);
    struct rondo_app held = app_rotate;
    held.push = uneven;
    job.app = &held;
    job.workers = 2;
    patterns_expect(&one, &job, "held up");
    int rounds = 0;
    for (int round = 2; round <= ROUNDS; round++) /* in the first, shards come to where they begin */
        rounds += others[round] == TASKS - 1;
    cr_expect_gt(rounds, 0);
    drive_job_fini(&one);
}

/* More pairs than an answering ring has room for. */
Test(rotate, has_room_for_a_long_plan)
{
    app_rotate_shape = (struct app_rotate_shape){ .blocks = 3000, .shards = 2500, .topics = 2, .words = 1,
                                                  .tokens = 1, .seed = 5 };
    struct drive_job job = { .app = &app_rotate, .rounds = 3 };
    struct drive_end one = patterns_good(&job);
    for (job.workers = 2; job.workers <= 4; job.workers++)
        patterns_expect(&one, &job, "long plan");
    drive_job_fini(&one);
}

/* The states go out to a worker whose answers nobody has read. */
Test(rotate, goes_back_with_more_shards_than_a_ring_has_room_for, .timeout = 600)
{
    app_rotate_shape = (struct app_rotate_shape){ .blocks = 3000, .shards = 2500, .topics = 2, .words = 1,
                                                  .tokens = 1, .seed = 5 };
    struct drive_job job = { .app = &app_rotate, .rounds = 6, .snapshot_rounds = 2 };
    struct drive_end one = patterns_good(&job);
    for (job.workers = 3; job.workers <= 4; job.workers++)
        for (int32_t lost = 0; lost < job.workers; lost++) {
            job.loss[0] = (struct drive_loss){ lost, 3 };
            patterns_expect(&one, &job, "long plan, loss");
        }
    drive_job_fini(&one);
}

#include "workers/house.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

static void forget(const void *problem, void *state)
{
    (void)problem, (void)state;
}

static const struct rondo_app app = { .shard = { .destroy = forget } };

struct other {
    struct house *house;
    pthread_t thread;
    void *found;
    _Atomic bool done;
};

/* Another worker, that comes to the commit of round 7 and epoch 1. */
static void *come(void *context)
{
    struct other *other = context;
    other->found = house_take_behind(other->house, 0, 1, 7);
    if (other->found)
        house_give(other->house, 0);
    atomic_store(&other->done, true);
    return NULL;
}

static bool done_within(struct other *other, int milliseconds)
{
    for (int i = 0; i < milliseconds && !atomic_load(&other->done); i++)
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    return atomic_load(&other->done);
}

/* Or a worker that has slept a little sleeps through the other's whole task. */
Test(house, a_commit_that_is_applied_does_not_wait_for_the_task_behind_it)
{
    int state;
    struct other other = { 0 };
    cr_assert_eq(house_create(&app, NULL, 1, &other.house), RONDO_OK);
    house_put(other.house, 0, 1, 6, &state);
    cr_assert_eq(house_take_behind(other.house, 0, 1, 7), &state);
    house_give(other.house, 0);
    cr_assert_eq(house_take(other.house, 0, 1), &state); /* the task */
    cr_assert_eq(pthread_create(&other.thread, NULL, come, &other), 0);
    bool in_time = done_within(&other, 60000);
    house_give(other.house, 0);
    pthread_join(other.thread, NULL);
    cr_assert(in_time, "it waited for the task");
    cr_assert_null(other.found);
    house_destroy(other.house);
}

Test(house, a_commit_waits_for_the_one_before_it)
{
    int state;
    struct other other = { 0 };
    cr_assert_eq(house_create(&app, NULL, 1, &other.house), RONDO_OK);
    house_put(other.house, 0, 1, 5, &state);
    cr_assert_eq(house_take_behind(other.house, 0, 1, 6), &state); /* is being applied */
    cr_assert_eq(pthread_create(&other.thread, NULL, come, &other), 0);
    cr_assert_not(done_within(&other, 20));
    house_give(other.house, 0);
    pthread_join(other.thread, NULL);
    cr_assert_eq(other.found, &state);
    house_destroy(other.house);
}

/* A state that was put back is as of an older round, whatever was applied before. */
Test(house, commits_are_applied_again_to_what_was_put_back)
{
    int state;
    struct house *house = NULL;
    cr_assert_eq(house_create(&app, NULL, 1, &house), RONDO_OK);
    house_put(house, 0, 1, 9, &state);
    cr_assert_null(house_take_behind(house, 0, 1, 9));
    house_put(house, 0, 2, 3, &state);
    cr_assert_null(house_take_behind(house, 0, 1, 4), "a late commit of the epoch before");
    cr_assert_eq(house_take_behind(house, 0, 2, 4), &state);
    house_give(house, 0);
    house_drop(house, 0, 2);
    cr_assert_null(house_take_behind(house, 0, 2, 5));
    house_destroy(house);
}

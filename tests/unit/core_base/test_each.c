/* Parts on threads: each once, and the answer of the lowest that failed. */
#include "core/base/each.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

enum { PARTS = 3000 };

struct work {
    atomic_int times[PARTS];
    atomic_int gate, waits; /* how many came so far; of how many are waited for */
    int64_t slow, lowest, step;
    pthread_t caller;
    atomic_int elsewhere; /* parts that another thread than the caller's has done */
};

static void begin(struct work *work)
{
    memset(work, 0, sizeof *work);
    work->slow = work->lowest = -1;
    work->caller = pthread_self();
}

static int count(void *context, int64_t index)
{
    struct work *work = context;
    atomic_fetch_add(&work->times[index], 1);
    if (!pthread_equal(work->caller, pthread_self()))
        atomic_fetch_add(&work->elsewhere, 1);
    return 0;
}

Test(each, every_part_is_done_once)
{
    static const int32_t threads[] = { 0, 1, 2, 7, 64, 100000 };
    static const int64_t parts[] = { 0, 1, 2, 63, PARTS };
    static struct work work;
    for (size_t t = 0; t < sizeof threads / sizeof *threads; t++)
        for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
            begin(&work);
            cr_assert_eq(each_part(threads[t], parts[k], count, &work), 0);
            for (int64_t i = 0; i < PARTS; i++)
                cr_assert_eq(work.times[i], i < parts[k], "%d threads, %lld parts: part %lld",
                             threads[t], (long long)parts[k], (long long)i);
            if (threads[t] <= 1 || parts[k] <= 1)
                cr_assert_eq(work.elsewhere, 0);
        }
}

/* Each part waits until as many are under way, which no fewer threads can bring about. */
static int meet(void *context, int64_t index)
{
    struct work *work = context;
    atomic_fetch_add(&work->gate, 1);
    while (work->gate < work->waits)
        sched_yield();
    return count(context, index);
}

Test(each, as_many_threads_as_asked_for_work_at_once)
{
    static struct work work;
    for (int32_t threads = 2; threads <= 8; threads++) {
        begin(&work);
        work.waits = threads;
        cr_assert_eq(each_part(threads, threads, meet, &work), 0);
        cr_assert_eq(work.elsewhere, threads - 1);
    }
}

/* Every step-th part from the lowest on fails, the lowest long after the others. */
static int fail(void *context, int64_t index)
{
    struct work *work = context;
    count(context, index);
    for (int i = 0; index == work->slow && i < 2000; i++)
        sched_yield();
    return index >= work->lowest && (index - work->lowest) % work->step == 0 ? -(int)index - 1 : 0;
}

Test(each, the_lowest_part_that_failed_answers)
{
    static struct work work;
    for (int32_t threads = 1; threads <= 8; threads++)
        for (int64_t lowest = 0; lowest < 300; lowest += 13) {
            begin(&work);
            work.lowest = work.slow = lowest;
            work.step = 1 + lowest % 3;
            cr_assert_eq(each_part(threads, 300, fail, &work), -(int)lowest - 1, "%d threads",
                         threads);
            for (int64_t i = 0; i < 300; i++) {
                cr_assert_leq(work.times[i], 1);
                cr_assert(i > lowest || work.times[i] == 1, "what comes before it is done");
            }
            if (threads == 1)
                for (int64_t i = lowest + 1; i < 300; i++)
                    cr_assert_eq(work.times[i], 0, "alone, what comes after it is left out");
        }
}

/* What one shares is done once, by whoever has nothing to do, and nobody waits for ever. */
#include "tests/support/hands.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <string.h>

enum { PARTS = 400 };

/* ---- what is shared ---------------------------------------------------------------------------- */

struct work {
    atomic_int times[PARTS];
    struct team *team;
    atomic_int under_way, waits; /* parts begun so far; of how many each waits for */
    int64_t lowest;              /* fails, and every seventh after it; -1: none */
    pthread_t caller;
    atomic_int elsewhere;
};

static int count(void *context, int64_t index)
{
    struct work *work = context;
    atomic_fetch_add(&work->times[index], 1);
    if (!pthread_equal(work->caller, pthread_self()))
        atomic_fetch_add(&work->elsewhere, 1);
    atomic_fetch_add(&work->under_way, 1);
    while (work->under_way < work->waits)
        sched_yield();
    bool fails = work->lowest >= 0 && index >= work->lowest && (index - work->lowest) % 7 == 0;
    return fails ? -(int)index - 1 : 0;
}

static void expect_once(struct work *work, int64_t parts)
{
    for (int64_t i = 0; i < PARTS; i++)
        cr_assert_eq(work->times[i], i < parts, "part %lld: %d times", (long long)i, work->times[i]);
}

static struct work work_of(struct team *team)
{
    struct work work = { .team = team, .lowest = -1, .caller = pthread_self() };
    return work;
}

static const int sizes[] = { 1, 2, 3, 8 };
enum { SIZES = sizeof sizes / sizeof *sizes };

Test(team, every_part_is_done_once, .timeout = 600)
{
    static struct hands hands;
    static const int64_t parts[] = { 0, 1, 2, 3, 64, PARTS };
    for (int s = 0; s < SIZES; s++) {
        hands_begin(&hands, sizes[s], NULL);
        for (int turn = 0; turn < 200; turn++) {
            int64_t some = parts[turn % 6];
            struct work work = work_of(&hands.team);
            cr_assert_eq(team_each(&hands.team, some, count, &work), 0);
            expect_once(&work, some);
            if (sizes[s] == 1 || some < 2)
                cr_assert_eq(work.elsewhere, 0);
        }
        hands_end(&hands);
    }
}

/* Each part waits until as many are under way, which no fewer threads can bring about: also of those
 * that were asleep. */
Test(team, all_who_are_idle_help, .timeout = 600)
{
    static struct hands hands;
    for (int s = 1; s < SIZES; s++) {
        hands_begin(&hands, sizes[s], NULL);
        for (int turn = 0; turn < 20; turn++) {
            struct work work = work_of(&hands.team);
            work.waits = sizes[s];
            cr_assert_eq(team_each(&hands.team, sizes[s], count, &work), 0);
            cr_assert_eq(work.elsewhere, sizes[s] - 1);
        }
        hands_end(&hands);
    }
}

Test(team, the_lowest_part_that_failed_answers, .timeout = 600)
{
    static struct hands hands;
    for (int s = 0; s < SIZES; s++) {
        hands_begin(&hands, sizes[s], NULL);
        for (int64_t lowest = 0; lowest < PARTS; lowest += 37) {
            struct work work = work_of(&hands.team);
            work.lowest = lowest;
            cr_assert_eq(team_each(&hands.team, PARTS, count, &work), -(int)lowest - 1);
            for (int64_t i = 0; i <= lowest; i++)
                cr_assert_eq(work.times[i], 1);
        }
        hands_end(&hands);
    }
}

/* ---- parts that share ------------------------------------------------------------------------------ */

static int share_again(void *context, int64_t index)
{
    struct work *work = context, inner = work_of(work->team);
    int code = team_each(work->team, 20, count, &inner);
    for (int64_t i = 0; i < 20 && !code; i++)
        code = inner.times[i] == 1 ? 0 : -1;
    return code ? code : count(work, index);
}

Test(team, a_part_may_share_itself, .timeout = 600)
{
    static struct hands hands;
    for (int s = 0; s < SIZES; s++) {
        hands_begin(&hands, sizes[s], NULL);
        for (int turn = 0; turn < 20; turn++) {
            struct work work = work_of(&hands.team);
            cr_assert_eq(team_each(&hands.team, 30, share_again, &work), 0);
            expect_once(&work, 30);
        }
        hands_end(&hands);
    }
}

/* What a member does before it helps others: shares, again and again. */
static int share_often(struct hand *hand)
{
    int code = 0;
    for (int turn = 0; turn < 300 && !code; turn++) {
        struct work work = work_of(hand->team);
        int64_t parts = 2 + turn % 30;
        code = team_each(hand->team, parts, turn % 10 ? count : share_again, &work);
        for (int64_t i = 0; i < parts && !code; i++)
            code = work.times[i] == 1 ? 0 : -1;
    }
    return code;
}

Test(team, several_share_at_once, .timeout = 600)
{
    static struct hands hands;
    for (int s = 0; s < SIZES; s++) {
        hands_begin(&hands, sizes[s], share_often);
        cr_assert_eq(share_often(&hands.hand[0]), 0);
        hands_end(&hands);
        for (int i = 1; i < sizes[s]; i++)
            cr_assert_eq(hands.hand[i].answer, 0);
    }
}

/* ---- one who is lost ------------------------------------------------------------------------------- */

static int lose(void *context, int64_t index)
{
    struct work *work = context;
    struct hands *hands = (struct hands *)(void *)work->team; /* its first member */
    if (index == 5)
        hands->hand[1].stop = true;
    return count(work, index);
}

/* It ends what it has begun, and what it has not begun the others do. */
Test(team, one_who_leaves_meanwhile_is_not_waited_for, .timeout = 600)
{
    static struct hands hands;
    for (int s = 1; s < SIZES; s++)
        for (int turn = 0; turn < 20; turn++) {
            hands_begin(&hands, sizes[s], NULL);
            struct work work = work_of(&hands.team);
            cr_assert_eq(team_each(&hands.team, PARTS, lose, &work), 0);
            expect_once(&work, PARTS);
            work = work_of(&hands.team);
            cr_assert_eq(team_each(&hands.team, PARTS, count, &work), 0);
            expect_once(&work, PARTS);
            hands_end(&hands);
        }
}

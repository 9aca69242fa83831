/* What one shares is done once, by whoever has nothing to do, and nobody waits for ever. */
#include "core/base/team.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <string.h>

enum { HANDS_MOST = 8, PARTS = 400 };

/* A thread that helps, and sleeps without a limit where there is nothing to help with. */
struct hand {
    struct team *team;
    struct team_member member;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t change;
    bool asleep, woken;      /* guarded by mutex */
    _Atomic bool stop;
    int (*job)(struct hand *hand); /* what it does of its own, before it helps */
    int answer;
};

static bool wake(void *context)
{
    struct hand *hand = context;
    pthread_mutex_lock(&hand->mutex);
    bool slept = hand->asleep && !hand->woken;
    hand->woken = true;
    pthread_cond_signal(&hand->change);
    pthread_mutex_unlock(&hand->mutex);
    return slept;
}

static void rest(struct hand *hand)
{
    pthread_mutex_lock(&hand->mutex);
    hand->asleep = true;
    while (!hand->woken && !hand->stop && !team_open(hand->team))
        pthread_cond_wait(&hand->change, &hand->mutex);
    hand->asleep = hand->woken = false;
    pthread_mutex_unlock(&hand->mutex);
}

static void *live(void *context)
{
    struct hand *hand = context;
    if (hand->job)
        hand->answer = hand->job(hand);
    while (!hand->stop)
        if (!team_help(hand->team))
            rest(hand);
    return NULL;
}

/* The first is the caller's own: it has no thread. */
struct crew {
    struct team team;
    int count;
    struct hand hand[HANDS_MOST];
};

static void crew_begin(struct crew *crew, int count, int (*job)(struct hand *hand))
{
    memset(crew, 0, sizeof *crew);
    team_init(&crew->team);
    crew->count = count;
    for (int i = 0; i < count; i++) {
        struct hand *hand = &crew->hand[i];
        hand->team = &crew->team;
        hand->job = job;
        hand->member = (struct team_member){ .wake = wake, .context = hand };
        pthread_mutex_init(&hand->mutex, NULL);
        pthread_cond_init(&hand->change, NULL);
        team_join(&crew->team, &hand->member);
    }
    for (int i = 1; i < count; i++)
        cr_assert_eq(pthread_create(&crew->hand[i].thread, NULL, live, &crew->hand[i]), 0);
}

static void let_go(struct hand *hand)
{
    hand->stop = true;
    wake(hand);
    pthread_join(hand->thread, NULL);
}

static void crew_end(struct crew *crew, int threads)
{
    for (int i = 1; i < threads; i++)
        let_go(&crew->hand[i]);
    cr_assert_not(team_open(&crew->team));
    cr_assert_null(crew->team.top);
    for (int i = 0; i < crew->count; i++) {
        team_leave(&crew->team, &crew->hand[i].member);
        pthread_cond_destroy(&crew->hand[i].change);
        pthread_mutex_destroy(&crew->hand[i].mutex);
    }
    cr_assert_null(crew->team.first);
    team_fini(&crew->team);
}

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

Test(team, every_part_is_done_once, .timeout = 60)
{
    static struct crew crew;
    static const int64_t parts[] = { 0, 1, 2, 3, 64, PARTS };
    for (int s = 0; s < SIZES; s++) {
        crew_begin(&crew, sizes[s], NULL);
        for (int turn = 0; turn < 200; turn++) {
            int64_t some = parts[turn % 6];
            struct work work = work_of(&crew.team);
            cr_assert_eq(team_each(&crew.team, some, count, &work), 0);
            expect_once(&work, some);
            if (sizes[s] == 1 || some < 2)
                cr_assert_eq(work.elsewhere, 0);
        }
        crew_end(&crew, sizes[s]);
    }
}

/* Each part waits until as many are under way, which no fewer threads can bring about: also of those
 * that were asleep. */
Test(team, all_who_are_idle_help, .timeout = 60)
{
    static struct crew crew;
    for (int s = 1; s < SIZES; s++) {
        crew_begin(&crew, sizes[s], NULL);
        for (int turn = 0; turn < 20; turn++) {
            struct work work = work_of(&crew.team);
            work.waits = sizes[s];
            cr_assert_eq(team_each(&crew.team, sizes[s], count, &work), 0);
            cr_assert_eq(work.elsewhere, sizes[s] - 1);
        }
        crew_end(&crew, sizes[s]);
    }
}

Test(team, the_lowest_part_that_failed_answers, .timeout = 60)
{
    static struct crew crew;
    for (int s = 0; s < SIZES; s++) {
        crew_begin(&crew, sizes[s], NULL);
        for (int64_t lowest = 0; lowest < PARTS; lowest += 37) {
            struct work work = work_of(&crew.team);
            work.lowest = lowest;
            cr_assert_eq(team_each(&crew.team, PARTS, count, &work), -(int)lowest - 1);
            for (int64_t i = 0; i <= lowest; i++)
                cr_assert_eq(work.times[i], 1);
        }
        crew_end(&crew, sizes[s]);
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

Test(team, a_part_may_share_itself, .timeout = 60)
{
    static struct crew crew;
    for (int s = 0; s < SIZES; s++) {
        crew_begin(&crew, sizes[s], NULL);
        for (int turn = 0; turn < 20; turn++) {
            struct work work = work_of(&crew.team);
            cr_assert_eq(team_each(&crew.team, 30, share_again, &work), 0);
            expect_once(&work, 30);
        }
        crew_end(&crew, sizes[s]);
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

Test(team, several_share_at_once, .timeout = 120)
{
    static struct crew crew;
    for (int s = 0; s < SIZES; s++) {
        crew_begin(&crew, sizes[s], share_often);
        cr_assert_eq(share_often(&crew.hand[0]), 0);
        crew_end(&crew, sizes[s]);
        for (int i = 1; i < sizes[s]; i++)
            cr_assert_eq(crew.hand[i].answer, 0);
    }
}

/* ---- one who is lost ------------------------------------------------------------------------------- */

static int lose(void *context, int64_t index)
{
    struct work *work = context;
    struct crew *crew = (struct crew *)(void *)work->team; /* its first member */
    if (index == 5)
        crew->hand[1].stop = true;
    return count(work, index);
}

/* It ends what it has begun, and what it has not begun the others do. */
Test(team, one_who_leaves_meanwhile_is_not_waited_for, .timeout = 60)
{
    static struct crew crew;
    for (int s = 1; s < SIZES; s++)
        for (int turn = 0; turn < 20; turn++) {
            crew_begin(&crew, sizes[s], NULL);
            struct work work = work_of(&crew.team);
            cr_assert_eq(team_each(&crew.team, PARTS, lose, &work), 0);
            expect_once(&work, PARTS);
            work = work_of(&crew.team);
            cr_assert_eq(team_each(&crew.team, PARTS, count, &work), 0);
            expect_once(&work, PARTS);
            crew_end(&crew, sizes[s]);
        }
}

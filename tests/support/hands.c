#include "tests/support/hands.h"

#include <criterion/criterion.h>
#include <string.h>

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

void hands_begin(struct hands *hands, int count, int (*job)(struct hand *hand))
{
    memset(hands, 0, sizeof *hands);
    team_init(&hands->team);
    hands->count = count;
    for (int i = 0; i < count; i++) {
        struct hand *hand = &hands->hand[i];
        hand->team = &hands->team;
        hand->job = job;
        hand->member = (struct team_member){ .wake = wake, .context = hand };
        pthread_mutex_init(&hand->mutex, NULL);
        pthread_cond_init(&hand->change, NULL);
        team_join(&hands->team, &hand->member);
    }
    for (int i = 1; i < count; i++)
        cr_assert_eq(pthread_create(&hands->hand[i].thread, NULL, live, &hands->hand[i]), 0);
}

void hands_end(struct hands *hands)
{
    for (int i = 1; i < hands->count; i++) {
        hands->hand[i].stop = true;
        wake(&hands->hand[i]);
        pthread_join(hands->hand[i].thread, NULL);
    }
    cr_assert_not(team_open(&hands->team));
    cr_assert_null(hands->team.top);
    for (int i = 0; i < hands->count; i++) {
        team_leave(&hands->team, &hands->hand[i].member);
        pthread_cond_destroy(&hands->hand[i].change);
        pthread_mutex_destroy(&hands->hand[i].mutex);
    }
    cr_assert_null(hands->team.first);
    team_fini(&hands->team);
}

/* deal.c - hands workers out, after every change. */
#include "core/base/mem.h"
#include "service/roster_i.h"
#include "service/share.h"

/* Has a job, and will go on having it. */
static bool serves(const struct member *member, const struct crew *crew)
{
    return member->crew == crew && member->state != MEMBER_CLOSING && !member->recalled
           && !member->leaving;
}

static int32_t crew_size(const struct roster *roster, const struct crew *crew)
{
    int32_t size = 0;
    for (const struct member *m = roster->members; m; m = m->next)
        size += serves(m, crew);
    return size;
}

/* An idle worker that can serve it. */
static struct member *idle_for(const struct roster *roster, const struct crew *crew)
{
    for (struct member *m = roster->members; m; m = m->next)
        if (m->state == MEMBER_IDLE && !m->leaving && !roster_noted(m, -crew->options.id))
            return m;
    return NULL;
}

/* The youngest of those that a job has: it has done the least. */
static void take_back(struct roster *roster, const struct crew *crew, int32_t count)
{
    while (count-- > 0) {
        struct member *youngest = NULL;
        for (struct member *m = roster->members; m; m = m->next)
            if (serves(m, crew) && (!youngest || m->since >= youngest->since))
                youngest = m;
        if (!youngest)
            return;
        if (youngest->state == MEMBER_WORKING)
            crew_recall(youngest);
        else
            crew_dismiss(youngest);
    }
}

static void see_off(struct roster *roster)
{
    for (struct member *m = roster->members; m; m = m->next) {
        if (!m->leaving)
            continue;
        if (m->state == MEMBER_IDLE)
            conn_close(m->conn);
        else if (m->state == MEMBER_WORKING && !m->recalled)
            crew_recall(m);
        else if (m->state < MEMBER_WORKING)
            crew_dismiss(m);
    }
}

void deal(struct roster *roster)
{
    struct share share[CREWS_MOST];
    struct crew *crew[CREWS_MOST];
    int32_t have[CREWS_MOST], count = 0, workers = 0, needed = 0;
    see_off(roster);
    for (const struct member *m = roster->members; m; m = m->next)
        workers += !m->leaving;
    for (struct crew *c = roster->crews; c && count < CREWS_MOST; c = c->next)
        if (!c->over && roster_fits(roster, c)) {
            share[count].most = c->options.most;
            crew[count++] = c;
        }
    share_out(share, count, workers);
    for (int32_t i = 0; i < count; i++) {
        struct member *idle;
        have[i] = crew_size(roster, crew[i]);
        while (have[i] < share[i].part && (idle = idle_for(roster, crew[i]))
               && !crew_open(crew[i], idle))
            have[i]++;
        needed += share[i].part > have[i] ? share[i].part - have[i] : 0;
    }
    /* Those on their way out of a job will serve the need first. */
    for (const struct member *m = roster->members; m; m = m->next)
        needed -= !m->leaving && (m->state == MEMBER_CLOSING || m->recalled);
    for (int32_t i = 0; i < count && needed > 0; i++) {
        int32_t surplus = have[i] - share[i].part;
        surplus = surplus < needed ? surplus : needed;
        if (surplus > 0)
            take_back(roster, crew[i], surplus);
        needed -= surplus > 0 ? surplus : 0;
    }
}

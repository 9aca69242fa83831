#include "core/base/team.h"

enum { SPIN = 2000 }; /* turns, below 0.1 ms: about as long as one way into sleep and back */

/* Guarded by the team's mutex, but for what is never written. */
struct team_share {
    int (*part)(void *context, int64_t index);
    void *context;
    int64_t parts, next;
    int64_t failed;      /* the lowest part that failed; parts: none */
    int code;
    _Atomic int64_t out; /* parts that others have begun and not ended */
    struct team_share *older;
};

static void pause_briefly(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

void team_init(struct team *team)
{
    *team = (struct team){ 0 };
    pthread_mutex_init(&team->mutex, NULL);
    pthread_cond_init(&team->done, NULL);
}

void team_fini(struct team *team)
{
    pthread_cond_destroy(&team->done);
    pthread_mutex_destroy(&team->mutex);
}

void team_join(struct team *team, struct team_member *member)
{
    member->next = team->first;
    team->first = member;
}

void team_leave(struct team *team, struct team_member *member)
{
    struct team_member **at = &team->first;
    while (*at && *at != member)
        at = &(*at)->next;
    if (*at)
        *at = member->next;
}

/* ---- parts, under the mutex ---------------------------------------------------------------- */

static bool take(struct team *team, struct team_share *share, int64_t *index)
{
    if (share->next >= share->parts)
        return false;
    *index = share->next++;
    if (share->next == share->parts)
        atomic_fetch_sub(&team->open, 1);
    return true;
}

/* Does what was taken, without the mutex. */
static void carry_out(struct team *team, struct team_share *share, int64_t index)
{
    pthread_mutex_unlock(&team->mutex);
    int code = share->part(share->context, index);
    pthread_mutex_lock(&team->mutex);
    if (!code)
        return;
    if (share->next < share->parts)
        atomic_fetch_sub(&team->open, 1);
    share->next = share->parts;
    if (index < share->failed) {
        share->failed = index;
        share->code = code;
    }
}

/* ---- who shares ----------------------------------------------------------------------------- */

static int alone(int64_t parts, int (*part)(void *, int64_t), void *context)
{
    int code = 0;
    for (int64_t i = 0; i < parts && !code; i++)
        code = part(context, i);
    return code;
}

static void open_share(struct team *team, struct team_share *share)
{
    pthread_mutex_lock(&team->mutex);
    share->older = team->top;
    team->top = share;
    atomic_fetch_add(&team->open, 1);
    pthread_mutex_unlock(&team->mutex);
    int64_t wanted = share->parts - 1;
    for (struct team_member *member = team->first; member && wanted > 0; member = member->next)
        wanted -= member->wake(member->context);
}

/* Until the others have ended theirs.  They read the share under the mutex to the last. */
static void close_share(struct team *team, struct team_share *share)
{
    for (int turn = 0; turn < SPIN && atomic_load_explicit(&share->out, memory_order_relaxed); turn++)
        pause_briefly();
    pthread_mutex_lock(&team->mutex);
    while (atomic_load_explicit(&share->out, memory_order_relaxed))
        pthread_cond_wait(&team->done, &team->mutex);
    struct team_share **at = &team->top;
    while (*at != share)
        at = &(*at)->older;
    *at = share->older;
    pthread_mutex_unlock(&team->mutex);
}

int team_each(struct team *team, int64_t parts, int (*part)(void *context, int64_t index), void *context)
{
    if (parts < 2 || !team || !team->first || !team->first->next)
        return alone(parts, part, context);
    struct team_share share = { .part = part, .context = context, .parts = parts, .failed = parts };
    atomic_init(&share.out, 0);
    open_share(team, &share);
    int64_t index;
    pthread_mutex_lock(&team->mutex);
    while (take(team, &share, &index))
        carry_out(team, &share, index);
    pthread_mutex_unlock(&team->mutex);
    close_share(team, &share);
    return share.code;
}

/* ---- who helps -------------------------------------------------------------------------------- */

bool team_open(struct team *team)
{
    return atomic_load(&team->open) > 0;
}

bool team_help(struct team *team)
{
    int64_t index;
    if (!team_open(team))
        return false;
    pthread_mutex_lock(&team->mutex);
    struct team_share *share = team->top;
    while (share && !take(team, share, &index))
        share = share->older;
    if (share) {
        atomic_fetch_add_explicit(&share->out, 1, memory_order_relaxed);
        carry_out(team, share, index);
        if (atomic_fetch_sub_explicit(&share->out, 1, memory_order_relaxed) == 1)
            pthread_cond_broadcast(&team->done);
    }
    pthread_mutex_unlock(&team->mutex);
    return share != NULL;
}

#include "service/gallery.h"

#include "core/base/mem.h"
#include "service/archive.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>

/* A job that runs. */
struct live {
    int64_t id;
    struct digest *digest;
    struct gallery_totals counted; /* the most that was seen: a job that is rolled back has done it all the same */
    struct sheet *sheet;           /* of `second`; NULL: nobody has looked */
    int64_t second;
    struct live *next;
};

/* The digest of one that has ended; id 0: a free place. */
struct kept {
    int64_t id;
    struct sheet *sheet; /* NULL: none can be made */
    uint64_t used; /* when, in looks */
};

/* One that is to be made. */
struct wish {
    int64_t id;
    char app[64];
};

struct gallery {
    struct gallery_options options;
    pthread_mutex_t mutex;
    pthread_cond_t wished;
    struct live *live;            /* guarded by mutex, as all below */
    struct gallery_totals before; /* of those that run no more */
    struct kept kept[GALLERY_KEPT];
    uint64_t looks;
    struct wish wish[GALLERY_QUEUE]; /* [wishes], the first of them is being made */
    int wishes;
    pthread_t maker;
    bool making;
    _Atomic bool stopping; /* seq_cst; written with the mutex, read without it while a digest is made */
};

int gallery_create(const struct gallery_options *options, struct gallery **out, struct rondo_error *err)
{
    struct gallery *gallery = mem_calloc(1, sizeof *gallery);
    *out = gallery;
    if (!gallery)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory");
    gallery->options = *options;
    pthread_mutex_init(&gallery->mutex, NULL);
    pthread_cond_init(&gallery->wished, NULL);
    return RONDO_OK;
}

static void live_free(struct live *live)
{
    digest_destroy(live->digest);
    sheet_drop(live->sheet);
    mem_free(live);
}

void gallery_stop(struct gallery *gallery)
{
    if (!gallery)
        return;
    pthread_mutex_lock(&gallery->mutex);
    atomic_store(&gallery->stopping, true);
    pthread_cond_signal(&gallery->wished);
    bool making = gallery->making;
    gallery->making = false;
    pthread_mutex_unlock(&gallery->mutex);
    if (making)
        pthread_join(gallery->maker, NULL);
}

void gallery_destroy(struct gallery *gallery)
{
    if (!gallery)
        return;
    gallery_stop(gallery);
    for (struct live *live = gallery->live, *next; live; live = next) {
        next = live->next;
        live_free(live);
    }
    for (int i = 0; i < GALLERY_KEPT; i++)
        sheet_drop(gallery->kept[i].sheet);
    pthread_cond_destroy(&gallery->wished);
    pthread_mutex_destroy(&gallery->mutex);
    mem_free(gallery);
}

/* ---- what has ended; all with the lock ------------------------------------------------------------ */

static struct kept *kept_of(struct gallery *gallery, int64_t id)
{
    for (int i = 0; i < GALLERY_KEPT; i++)
        if (gallery->kept[i].id == id)
            return &gallery->kept[i];
    return NULL;
}

/* The sheet is moved; it takes the place of what nobody has looked at for longest. */
static void keep(struct gallery *gallery, int64_t id, struct sheet *sheet)
{
    struct kept *place = kept_of(gallery, id);
    for (int i = 0; i < GALLERY_KEPT && !(place && place->id == id); i++)
        if (!place || gallery->kept[i].used < place->used)
            place = &gallery->kept[i];
    sheet_drop(place->sheet);
    *place = (struct kept){ id, sheet, ++gallery->looks };
}

/* ---- making one ------------------------------------------------------------------------------------ */

static void make(struct gallery *gallery, const struct wish *wish)
{
    struct rondo_buf json = { 0 };
    int code = archive_digest(gallery->options.state_dir, wish->id, wish->app, &gallery->stopping, &json);
    struct sheet *sheet = code ? NULL : sheet_make("digest", &json);
    buf_fini(&json);
    pthread_mutex_lock(&gallery->mutex);
    if (sheet || code == RONDO_EINPUT) /* else another time, perhaps */
        keep(gallery, wish->id, sheet);
    pthread_mutex_unlock(&gallery->mutex);
}

static void *make_all(void *context)
{
    struct gallery *gallery = context;
    pthread_mutex_lock(&gallery->mutex);
    while (!atomic_load(&gallery->stopping)) {
        if (!gallery->wishes) {
            pthread_cond_wait(&gallery->wished, &gallery->mutex);
            continue;
        }
        struct wish wish = gallery->wish[0];
        pthread_mutex_unlock(&gallery->mutex);
        make(gallery, &wish);
        gallery->options.made(gallery->options.context, wish.id);
        pthread_mutex_lock(&gallery->mutex);
        for (int i = 1; i < gallery->wishes; i++)
            gallery->wish[i - 1] = gallery->wish[i];
        gallery->wishes--;
    }
    pthread_mutex_unlock(&gallery->mutex);
    return NULL;
}

/* With the lock.  Where the queue is full whoever wished asks again, at the next second. */
static void wish_for(struct gallery *gallery, int64_t id, const char *app)
{
    sigset_t all, before;
    for (int i = 0; i < gallery->wishes; i++)
        if (gallery->wish[i].id == id)
            return;
    if (gallery->wishes == GALLERY_QUEUE || atomic_load(&gallery->stopping))
        return;
    struct wish *wish = &gallery->wish[gallery->wishes++];
    wish->id = id;
    snprintf(wish->app, sizeof wish->app, "%s", app);
    pthread_cond_signal(&gallery->wished);
    if (gallery->making)
        return;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    gallery->making = pthread_create(&gallery->maker, NULL, make_all, gallery) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* ---- what runs -------------------------------------------------------------------------------------- */

static struct live *live_of(struct gallery *gallery, int64_t id)
{
    struct live *live = gallery->live;
    while (live && live->id != id)
        live = live->next;
    return live;
}

static struct sheet *draw(struct live *live)
{
    struct rondo_buf json = { 0 };
    struct sheet *sheet = digest_json(live->digest, &json) == RONDO_OK ? sheet_make("digest", &json) : NULL;
    buf_fini(&json);
    return sheet;
}

static int64_t later(int64_t a, int64_t b)
{
    return b > a ? b : a;
}

static void count(struct live *live)
{
    struct digest_glance glance = digest_glance(live->digest);
    struct gallery_totals *counted = &live->counted;
    counted->rounds = later(counted->rounds, glance.rounds);
    counted->updates = later(counted->updates, glance.updates);
    counted->dropped = later(counted->dropped, glance.dropped);
    counted->seconds = glance.told_s > counted->seconds ? glance.told_s : counted->seconds;
}

static void add(struct gallery_totals *sum, const struct gallery_totals *more)
{
    sum->rounds += more->rounds;
    sum->updates += more->updates;
    sum->dropped += more->dropped;
    sum->seconds += more->seconds;
}

struct digest *gallery_begin(struct gallery *gallery, int64_t id)
{
    struct live *live = mem_calloc(1, sizeof *live);
    if (!live || digest_create(&live->digest, NULL) != RONDO_OK) {
        mem_free(live);
        return NULL;
    }
    live->id = id;
    pthread_mutex_lock(&gallery->mutex);
    live->next = gallery->live;
    gallery->live = live;
    pthread_mutex_unlock(&gallery->mutex);
    return live->digest;
}

void gallery_end(struct gallery *gallery, int64_t id, bool whole)
{
    pthread_mutex_lock(&gallery->mutex);
    struct live **at = &gallery->live, *live;
    while (*at && (*at)->id != id)
        at = &(*at)->next;
    live = *at;
    if (live) {
        *at = live->next;
        count(live);
        add(&gallery->before, &live->counted);
        struct sheet *last = whole && live->counted.rounds ? draw(live) : NULL; /* else there is nothing to see */
        if (last)
            keep(gallery, id, last);
    }
    pthread_mutex_unlock(&gallery->mutex);
    if (live)
        live_free(live);
}

bool gallery_glance(struct gallery *gallery, int64_t id, struct digest_glance *glance)
{
    pthread_mutex_lock(&gallery->mutex);
    struct live *live = live_of(gallery, id);
    if (live)
        *glance = digest_glance(live->digest);
    pthread_mutex_unlock(&gallery->mutex);
    return live != NULL;
}

struct gallery_totals gallery_totals(struct gallery *gallery)
{
    pthread_mutex_lock(&gallery->mutex);
    struct gallery_totals totals = gallery->before;
    for (struct live *live = gallery->live; live; live = live->next) {
        count(live);
        add(&totals, &live->counted);
    }
    pthread_mutex_unlock(&gallery->mutex);
    return totals;
}

/* With the lock.  One text a second for all who look. */
static struct sheet *show_live(struct live *live, int64_t second)
{
    digest_watch(live->digest);
    if (!live->sheet || live->second != second) {
        struct sheet *sheet = draw(live);
        if (sheet) {
            sheet_drop(live->sheet);
            live->sheet = sheet;
            live->second = second;
        }
    }
    return live->sheet;
}

enum gallery_answer gallery_take(struct gallery *gallery, int64_t id, const char *app, bool ended,
                                 int64_t second, struct sheet **sheet)
{
    *sheet = NULL;
    bool archived = ended && archive_has(gallery->options.state_dir, id);
    pthread_mutex_lock(&gallery->mutex);
    struct live *live = live_of(gallery, id);
    struct kept *kept = live ? NULL : kept_of(gallery, id);
    struct sheet *found = live ? show_live(live, second) : kept ? kept->sheet : NULL;
    if (found)
        *sheet = sheet_share(found);
    if (kept)
        kept->used = ++gallery->looks;
    bool later = !found && !live && !kept && archived;
    if (later)
        wish_for(gallery, id, app);
    pthread_mutex_unlock(&gallery->mutex);
    return found ? GALLERY_THERE : later ? GALLERY_LATER : GALLERY_NONE;
}

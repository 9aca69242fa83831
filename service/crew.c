/* crew.c - a running job's end of the roster: its workers, from OPEN to CLOSE. */
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/data/data.h"
#include "core/job/job.h"
#include "service/roster_i.h"

#include <string.h>
#include <sys/stat.h>

static const int64_t look_ns = 100000000;
static const double late_seconds = 2; /* who is ready waits so long for those that are not */

/* ---- with the lock: one worker ---------------------------------------------------------------------- */

static int say(struct member *member, enum frame_type type, const struct rondo_buf *body)
{
    struct frame frame = { .type = (uint8_t)type, .session = member->session };
    struct rondo_bytes part = body ? (struct rondo_bytes){ body->data, body->size }
                                   : (struct rondo_bytes){ 0 };
    int code = conn_tell(member->conn, &frame, &part, body != NULL); /* the lock is taken */
    if (code)
        conn_close(member->conn);
    return code;
}

int crew_open(struct crew *crew, struct member *member)
{
    struct rondo_buf body = { 0 };
    struct session_open open = crew->open;
    open.fetch = roster_noted(member, crew->options.id);
    member->session = ++crew->roster->sessions;
    member->crew = crew;
    member->fetches = open.fetch;
    member->recalled = false;
    member->seats = member->released = 0;
    int code = session_put_open(&open, &body);
    if (code)
        conn_close(member->conn); /* it would wait for ever */
    else
        code = say(member, FRAME_OPEN, &body);
    buf_fini(&body);
    roster_move(member, code ? MEMBER_CLOSING : MEMBER_OPENING);
    if (code)
        member->crew = NULL;
    return code;
}

void crew_lost(struct member *member)
{
    if (member->crew && member->crew->hub && member->state == MEMBER_WORKING)
        remote_hub_leave(member->crew->hub, member->session);
    member->crew = NULL;
    member->recalled = false;
}

void crew_dismiss(struct member *member)
{
    crew_lost(member);
    roster_move(member, MEMBER_CLOSING);
    if (say(member, FRAME_CLOSE, NULL))
        member->session = 0;
}

void crew_recall(struct member *member)
{
    member->recalled = true;
    remote_hub_recall(member->crew->hub, member->session);
}

/* It ends its stay by itself. */
void crew_unfit(struct member *member, int code, const char *why)
{
    struct crew *crew = member->crew;
    bool again = !member->fetches && crew->open.files > 0 && code != RONDO_ENOMEM
                 && code != RONDO_EAPP;
    log_event(LOG_WARNING, &(struct log_about){ .job = crew->options.id, .worker = member->who.name },
              "job %lld: worker %s cannot serve it: %s%s", (long long)crew->options.id, member->who.name, why,
              again ? "; it shall fetch the data" : "");
    if (again) {
        roster_note(member, crew->options.id);
    } else {
        roster_note(member, -crew->options.id);
        crew->failed = code;
        snprintf(crew->trouble, sizeof crew->trouble, "worker %s: %s", member->who.name, why);
    }
    member->crew = NULL;
    roster_move(member, MEMBER_CLOSING);
}

void crew_ready(struct member *member)
{
    struct crew *crew = member->crew;
    if (!crew->hub)
        return; /* until the coordinator has read the data too */
    if (member->fingerprint != crew->fingerprint) {
        crew_unfit(member, RONDO_EINPUT, "its data are not those of the coordinator");
        if (say(member, FRAME_CLOSE, NULL))
            member->session = 0;
        return;
    }
    if (remote_hub_join(crew->hub, member->conn, member->session, member->seats)) {
        crew_dismiss(member);
        return;
    }
    roster_move(member, MEMBER_WORKING);
    log_event(LOG_INFO, &(struct log_about){ .job = crew->options.id, .worker = member->who.name },
              "job %lld: worker %s takes part", (long long)crew->options.id, member->who.name);
}

/* ---- stages_workers, on the job's thread --------------------------------------------------------------- */

struct muster { int32_t opening, ready, fit, unfit; };

static struct muster muster(const struct crew *crew)
{
    struct muster count = { 0 };
    for (const struct member *m = crew->roster->members; m; m = m->next) {
        bool ours = m->crew == crew;
        count.opening += ours && m->state == MEMBER_OPENING;
        count.ready += ours && m->state == MEMBER_READY;
        bool unfit = roster_noted(m, -crew->options.id);
        count.fit += !m->leaving && !unfit;
        count.unfit += !m->leaving && unfit;
    }
    return count;
}

/* Until those that read the data have done so, the late ones excepted. */
static int wait_for_workers(struct crew *crew, struct rondo_error *err)
{
    struct roster *roster = crew->roster;
    int64_t began_ns = clock_now_ns();
    for (;;) {
        struct muster here = muster(crew);
        double waited = (double)(clock_now_ns() - began_ns) * 1e-9;
        if (here.unfit && !here.fit && !here.opening && !here.ready && crew->failed)
            return rondo_error_set(err, crew->failed, NULL, NULL, "no worker can serve this job: %s",
                                   crew->trouble);
        if ((here.ready && (!here.opening || waited > late_seconds))
            || (crew->options.asked && crew->options.asked(crew->options.context)))
            return RONDO_OK;
        clock_cond_wait(&roster->moved, &roster->mutex, clock_now_ns() + look_ns);
    }
}

static int start(void *context, const struct stages_view *view, int32_t *workers,
                 struct net_hub **hub, struct rondo_error *err)
{
    struct crew *crew = context;
    struct remote_hub *remote;
    int code = remote_hub_create(view->app, view->problem, &remote, err);
    if (code)
        return code;
    pthread_mutex_lock(&crew->roster->mutex);
    code = wait_for_workers(crew, err);
    if (!code) {
        *workers = 0;
        *hub = remote_hub_net(remote);
        crew->hub = remote;
        crew->fingerprint = view->fingerprint;
        for (struct member *m = crew->roster->members; m; m = m->next)
            if (m->crew == crew && m->state == MEMBER_READY) {
                crew_ready(m);
                *workers += m->state == MEMBER_WORKING ? m->seats : 0;
            }
        *workers = *workers ? *workers : 1;
    }
    pthread_mutex_unlock(&crew->roster->mutex);
    if (code)
        remote_hub_destroy(remote);
    else
        crew->remote = remote;
    return code;
}

static void stop(void *context)
{
    struct crew *crew = context;
    pthread_mutex_lock(&crew->roster->mutex);
    crew->over = true;
    for (struct member *m = crew->roster->members; m; m = m->next)
        if (m->crew == crew)
            crew_dismiss(m);
    crew->hub = NULL;
    pthread_mutex_unlock(&crew->roster->mutex);
    if (crew->roster->options.changed)
        crew->roster->options.changed(crew->roster->options.context);
}

static void destroy(void *context)
{
    struct crew *crew = context;
    remote_hub_destroy(crew->remote);
    crew->remote = NULL;
}

/* A seat is needed no more; with the last one the process is free. */
static void released(void *context, int32_t worker, const char *why)
{
    struct crew *crew = context;
    bool failed = strcmp(why, "released") != 0;
    uint32_t session = remote_hub_session(crew->remote, worker);
    pthread_mutex_lock(&crew->roster->mutex);
    for (struct member *m = crew->roster->members; m; m = m->next) {
        if (!session || m->session != session || m->crew != crew || m->state != MEMBER_WORKING)
            continue;
        if (failed) {
            log_event(LOG_WARNING, &(struct log_about){ .job = crew->options.id, .worker = m->who.name },
                      "job %lld: worker %s is let go: %s", (long long)crew->options.id, m->who.name, why);
            snprintf(crew->trouble, sizeof crew->trouble, "worker %s: %s", m->who.name, why);
            roster_note(m, -crew->options.id);
        }
        if (failed || ++m->released == m->seats)
            crew_dismiss(m);
        break;
    }
    deal(crew->roster);
    pthread_mutex_unlock(&crew->roster->mutex);
}

static void note_round(void *context, int64_t round RONDO_UNUSED, int64_t updates RONDO_UNUSED)
{
    struct crew *crew = context;
    atomic_fetch_add_explicit(&crew->roster->rounds, 1, memory_order_relaxed);
}

struct stages_workers crew_workers(struct crew *crew)
{
    return (struct stages_workers){ .context = crew, .patient = true, .start = start, .stop = stop,
                                    .destroy = destroy, .round = note_round, .released = released };
}

/* ---- life ------------------------------------------------------------------------------------------------ */

static struct rondo_bytes text_of(const char *text)
{
    return (struct rondo_bytes){ text, strlen(text) + 1 };
}

static int add_file(struct crew *crew, const char *key, const char *path, struct rondo_error *err)
{
    struct stat info;
    int32_t number = crew->open.files;
    if (number == SESSION_FILES || stat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return rondo_error_set(err, RONDO_EINPUT, path, NULL, "it cannot be read any more");
    crew->key[number] = mem_strdup(key);
    crew->path[number] = mem_strdup(path);
    if (!crew->key[number] || !crew->path[number])
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for a job");
    crew->open.file[number] = (struct session_file){
        .key = text_of(crew->key[number]), .path = text_of(crew->path[number]),
        .size = (uint64_t)info.st_size,
        .stamp = (uint64_t)info.st_mtim.tv_sec * 1000000000u + (uint64_t)info.st_mtim.tv_nsec,
    };
    crew->open.files++;
    return RONDO_OK;
}

/* "params.start/a" and "params.start/b" */
static bool same_folder(const char *a, const char *b)
{
    size_t length = strcspn(a, "/");
    return a[length] && strncmp(a, b, length + 1) == 0;
}

/* Each file, and behind it those that belong to it; the files of a directory, one behind the other. */
static int describe_files(struct crew *crew, const struct rondo_job *job, struct rondo_error *err)
{
    char beside[4096];
    struct job_file file;
    const char *before = "";
    int code = RONDO_OK;
    for (int i = 0; !code && job_file_at(job, i, &file); i++) {
        bool together = file.inside && same_folder(before, file.key);
        code = add_file(crew, together ? "" : file.key, file.path, err);
        for (int k = 0; !code && data_companion(file.path, k, beside, sizeof beside); k++)
            code = add_file(crew, "", beside, err);
        before = file.key;
    }
    return code;
}

static void crew_free(struct crew *crew)
{
    for (int i = 0; i < SESSION_FILES; i++) {
        mem_free(crew->key[i]);
        mem_free(crew->path[i]);
    }
    mem_free(crew->spec);
    mem_free(crew);
}

static bool before(const struct crew *a, const struct crew *b)
{
    return a->options.priority != b->options.priority ? a->options.priority > b->options.priority
                                                      : a->options.id < b->options.id;
}

int crew_begin(struct roster *roster, const struct crew_options *options, struct crew **out,
               struct rondo_error *err)
{
    struct crew *crew = mem_calloc(1, sizeof *crew);
    if (!crew)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for a job");
    crew->roster = roster;
    crew->options = *options;
    crew->spec = job_canonical(options->job);
    int code = crew->spec ? describe_files(crew, options->job, err)
                          : rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for a job");
    if (code) {
        crew_free(crew);
        return code;
    }
    crew->open.spec = (struct rondo_bytes){ crew->spec, strlen(crew->spec) };
    crew->open.isa = text_of(options->isa);
    pthread_mutex_lock(&roster->mutex);
    struct crew **at = &roster->crews;
    while (*at && before(*at, crew))
        at = &(*at)->next;
    crew->next = *at;
    *at = crew;
    deal(roster);
    pthread_mutex_unlock(&roster->mutex);
    *out = crew;
    return RONDO_OK;
}

void crew_end(struct crew *crew)
{
    struct roster *roster = crew->roster;
    pthread_mutex_lock(&roster->mutex);
    for (struct member *m = roster->members; m; m = m->next) {
        if (m->crew == crew)
            crew_dismiss(m);
        roster_forget(m, crew->options.id);
    }
    struct crew **at = &roster->crews;
    while (*at != crew)
        at = &(*at)->next;
    *at = crew->next;
    deal(roster);
    pthread_mutex_unlock(&roster->mutex);
    crew_free(crew);
}

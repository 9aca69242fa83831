#include "workers/stay.h"

#include "apps/contract.h"
#include "apps/host.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/net/remote.h"
#include "core/wire/session.h"
#include "workers/fetch.h"
#include "workers/worker.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

struct seat {
    struct remote_link *link;
    struct worker *worker;
    pthread_t thread;
    bool started;
};

struct stay {
    struct stay_options options;
    struct rondo_buf body; /* of OPEN */
    struct session_open open;
    struct fetch *fetch;
    pthread_t thread;
    struct rondo_host host;
    struct rondo_job *job;
    const struct rondo_app *app;
    void *problem;
    pthread_mutex_t mutex; /* guards closing, and seat as seen from other threads */
    bool closing;
    struct seat *seat; /* [options.threads], whole before READY is sent; NULL before */
};

static int send(struct stay *stay, enum frame_type type, const struct rondo_buf *body)
{
    struct frame frame = { .type = (uint8_t)type, .session = stay->options.session };
    struct rondo_bytes part = { body->data, body->size };
    return conn_send(stay->options.conn, &frame, &part, 1);
}

static bool closing(struct stay *stay)
{
    pthread_mutex_lock(&stay->mutex);
    bool is = stay->closing;
    pthread_mutex_unlock(&stay->mutex);
    return is;
}

/* ---- the problem ------------------------------------------------------------------------------- */

/* The spec as the coordinator has it, with the files where they are here.  known: it without them; NULL where
 * places is. */
static int parse(struct stay *stay, const struct rondo_job *known, const struct fetch_places *places,
                 struct rondo_error *err)
{
    const struct session_open *open = &stay->open;
    char text[SESSION_FILES + 1][FETCH_PATH + 256];
    const char *set[SESSION_FILES + 1];
    int sets = 0;
    for (int32_t i = 0; places && i < open->files; i++) {
        const char *key = open->file[i].key.data;
        if (!*key)
            continue;
        job_file_set(known, key, places->path[i], text[sets], sizeof text[sets]);
        set[sets] = text[sets];
        sets++;
    }
    snprintf(text[sets], sizeof text[sets], "workers.isa=%s", (const char *)open->isa.data);
    set[sets] = text[sets];
    return job_parse(open->spec.data, open->spec.size, "the job", "/", set, sets + 1,
                     stay->options.apps, &stay->job, err);
}

/* The coordinator's own app says the same, once. */
static void unsaid(const struct rondo_job *job RONDO_UNUSED, const char *text RONDO_UNUSED)
{
}

static int open_problem(struct stay *stay, struct rondo_error *err)
{
    struct fetch_places *places = mem_calloc(1, sizeof *places);
    if (!places)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for a job");
    int code = parse(stay, NULL, NULL, err);
    if (code && code != RONDO_ENOMEM)
        code = err->code = RONDO_EAPP; /* an app that is not here: no data would help */
    struct rondo_job *known = stay->job;
    stay->job = NULL;
    if (!code)
        code = fetch_files(stay->fetch, places, err);
    if (!code)
        code = parse(stay, known, places, err);
    job_free(known);
    mem_free(places);
    if (!code && closing(stay))
        code = rondo_error_set(err, RONDO_ECANCELED, NULL, NULL, "given up");
    if (!code)
        code = host_load(stay->job, stay->options.shelf, stay->options.shelf, err);
    if (code)
        return code;
    host_threads(stay->job, stay->options.threads);
    static const struct host_upcalls none;
    host_init(&stay->host, &none);
    stay->host.say = unsaid;
    stay->app = job_app(stay->job);
    code = stay->app->open(&stay->host, stay->job, &stay->problem, err);
    code = contract_answer(stay->app, "open", code, err);
    host_threads(stay->job, 0);
    if (code)
        stay->problem = NULL;
    return code ? code : host_intact(stay->job, err);
}

static int make_seats(struct stay *stay, struct rondo_error *err)
{
    struct seat *seats = mem_calloc((size_t)stay->options.threads, sizeof *seats);
    int code = seats ? RONDO_OK : rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory");
    for (int32_t i = 0; i < stay->options.threads && !code; i++) {
        code = remote_link_create(stay->options.conn, stay->options.session, (uint16_t)i, stay->app,
                                  stay->problem, &seats[i].link, err);
        if (code)
            break;
        struct worker_options worker = { .app = stay->app, .problem = stay->problem, .job = stay->job,
                                         .seed = (uint64_t)job_integer(stay->job, "seed"),
                                         .link = remote_link_net(seats[i].link),
                                         .team = host_team(stay->job) };
        code = worker_create(&worker, &seats[i].worker, err);
    }
    pthread_mutex_lock(&stay->mutex);
    stay->seat = seats;
    for (int32_t i = 0; seats && stay->closing && i < stay->options.threads; i++)
        if (seats[i].link)
            remote_link_cut(seats[i].link);
    pthread_mutex_unlock(&stay->mutex);
    return code;
}

/* Signals are for the agent's thread. */
static int start_thread(pthread_t *thread, void *(*run)(void *), void *context)
{
    sigset_t all, old;
    sigfillset(&all);
    sigdelset(&all, SIGBUS); /* of its own reads: core/data/mapping.h */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int failed = pthread_create(thread, NULL, run, context);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return failed ? RONDO_ENOMEM : RONDO_OK;
}

static void *live(void *context)
{
    worker_loop(context);
    return NULL;
}

static int start_seats(struct stay *stay, struct rondo_error *err)
{
    for (int32_t i = 1; i < stay->options.threads; i++) {
        struct seat *seat = &stay->seat[i];
        if (start_thread(&seat->thread, live, seat->worker))
            return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "a thread cannot be started");
        seat->started = true;
    }
    return RONDO_OK;
}

/* ---- its thread ----------------------------------------------------------------------------------- */

static void say_ready(struct stay *stay)
{
    struct rondo_buf body = { 0 };
    struct session_ready ready = { host_fingerprint(stay->job), (uint32_t)stay->options.threads };
    if (session_put_ready(&ready, &body) || send(stay, FRAME_READY, &body))
        stay_close(stay);
    buf_fini(&body);
}

static void say_unready(struct stay *stay, int code, const struct rondo_error *err)
{
    char why[sizeof err->where + sizeof err->what + 4];
    const char *what = err->what[0] ? err->what : rondo_strerror(code);
    snprintf(why, sizeof why, "%s%s%s", err->where, err->where[0] ? ": " : "", what);
    struct rondo_buf body = { 0 };
    struct session_unready unready = { code, { why, strlen(why) + 1 } };
    if (!session_put_unready(&unready, &body) && send(stay, FRAME_UNREADY, &body))
        log_line(LOG_WARNING, "%s", why); /* there is nobody to tell */
    buf_fini(&body);
}

static void *run(void *context)
{
    struct stay *stay = context;
    struct rondo_error err = { 0 };
    int code = open_problem(stay, &err);
    if (!code)
        code = make_seats(stay, &err);
    if (!code)
        code = start_seats(stay, &err);
    if (code) {
        if (code != RONDO_ECANCELED)
            say_unready(stay, code, &err);
    } else {
        say_ready(stay);
        worker_loop(stay->seat[0].worker);
    }
    stay->options.over(stay->options.context);
    return NULL;
}

int stay_begin(const struct stay_options *options, struct rondo_buf *open, struct stay **out,
               struct rondo_error *err)
{
    struct stay *stay = mem_calloc(1, sizeof *stay);
    if (!stay)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for a job");
    stay->options = *options;
    pthread_mutex_init(&stay->mutex, NULL);
    struct rondo_bytes body = { open->data, open->size };
    int code = session_get_open(body, &stay->open);
    if (code)
        rondo_error_set(err, code, NULL, NULL, "the coordinator's OPEN cannot be read");
    if (!code) {
        struct fetch_options fetch = { options->conn, options->session, &stay->open,
                                       options->cache };
        code = fetch_create(&fetch, &stay->fetch, err);
    }
    if (!code) {
        stay->body = *open;
        stay->options.conn = conn_hold(options->conn);
        code = start_thread(&stay->thread, run, stay);
        if (code) {
            conn_drop(stay->options.conn);
            rondo_error_set(err, code, NULL, NULL, "a thread cannot be started");
        }
    }
    if (code) {
        fetch_destroy(stay->fetch);
        pthread_mutex_destroy(&stay->mutex);
        mem_free(stay);
        return code;
    }
    *open = (struct rondo_buf){ 0 };
    *out = stay;
    return RONDO_OK;
}

/* ---- from other threads ------------------------------------------------------------------------------- */

uint32_t stay_session(const struct stay *stay)
{
    return stay->options.session;
}

void stay_frame(struct stay *stay, const struct frame *frame, struct rondo_buf *body)
{
    if (frame->type == FRAME_PART) {
        fetch_part(stay->fetch, body);
        return;
    }
    pthread_mutex_lock(&stay->mutex);
    struct remote_link *link = stay->seat && frame->seat < stay->options.threads
                                   ? stay->seat[frame->seat].link : NULL;
    if (link)
        remote_link_frame(link, body);
    pthread_mutex_unlock(&stay->mutex);
    buf_fini(body);
}

void stay_close(struct stay *stay)
{
    fetch_give_up(stay->fetch);
    pthread_mutex_lock(&stay->mutex);
    stay->closing = true;
    for (int32_t i = 0; stay->seat && i < stay->options.threads; i++)
        if (stay->seat[i].link)
            remote_link_cut(stay->seat[i].link);
    pthread_mutex_unlock(&stay->mutex);
}

void stay_end(struct stay *stay)
{
    if (!stay)
        return;
    stay_close(stay);
    pthread_join(stay->thread, NULL);
    for (int32_t i = 0; stay->seat && i < stay->options.threads; i++)
        if (stay->seat[i].started)
            pthread_join(stay->seat[i].thread, NULL);
    /* A worker's parcels may be with its link, and the other way round: workers first give theirs
     * back, links then go. */
    for (int32_t i = 0; stay->seat && i < stay->options.threads; i++) {
        if (stay->seat[i].link)
            remote_link_destroy(stay->seat[i].link);
        worker_destroy(stay->seat[i].worker);
    }
    mem_free(stay->seat);
    if (stay->problem)
        stay->app->close(stay->problem);
    if (stay->job) {
        host_unload(stay->job);
        job_free(stay->job);
    }
    fetch_destroy(stay->fetch);
    conn_drop(stay->options.conn);
    buf_fini(&stay->body);
    pthread_mutex_destroy(&stay->mutex);
    mem_free(stay);
}

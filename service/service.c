#include "service/service.h"

#include "apps/host.h"
#include "apps/registry.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "coordinator/stages.h"
#include "service/ballast.h"
#include "service/gallery.h"
#include "service/http.h"
#include "service/roster.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const int64_t look_ns = 200000000;

enum { RETRY_MS = 500, ROOT_MOST = PATH_MAX };

/* A job that runs. */
struct running {
    struct service *service;
    struct jobs_row row;
    struct rondo_job *job;
    struct crew *crew;
    pthread_t thread;
    _Atomic bool cancel, done; /* seq_cst: one flag each, nothing else goes by them */
    struct running *next;
};

struct service {
    const struct service_options *options;
    char state[PATH_MAX];
    char *root[SERVICE_ROOTS + 1];
    struct jobs *jobs;
    struct roster *roster;
    struct gallery *gallery;
    struct http *http;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t wake;
    bool woken;
    struct running *running;
    struct log_ration ration; /* of words about a store that cannot be written */
    _Atomic bool stopping;
    _Atomic int32_t cramped; /* jobs whose end finds no room on the disk: the ballast stays away */
};

static void wake(void *context)
{
    struct service *service = context;
    pthread_mutex_lock(&service->mutex);
    service->woken = true;
    pthread_cond_signal(&service->wake);
    pthread_mutex_unlock(&service->mutex);
}

/* ---- a job's thread ------------------------------------------------------------------------------ */

static const char *asked(void *context)
{
    const struct running *running = context;
    return atomic_load(&running->cancel)               ? "cancelled"
           : atomic_load(&running->service->stopping) ? "interrupted"
                                                       : NULL;
}

static void progress(void *context, double seconds RONDO_UNUSED, int64_t round RONDO_UNUSED,
                     const struct rondo_report *report RONDO_UNUSED)
{
    struct running *running = context;
    http_progress(running->service->http, running->row.id);
}

/* What became of a job goes into the store, and where the disk is full as soon as it is not. */
static void keep_end(struct running *running, enum jobs_state state, const char *why)
{
    struct service *service = running->service;
    struct rondo_error err = { 0 };
    int tries = 0;
    for (; jobs_end(service->jobs, running->row.id, state, why, &err); tries++) {
        if (err.code == RONDO_ESTATE)
            break; /* it has an end already */
        if (tries == 0) {
            log_event(LOG_ERROR, &(struct log_about){ .job = running->row.id },
                      "job %lld: its end cannot be stored: %s; trying again",
                      (long long)running->row.id, err.what);
            atomic_fetch_add(&service->cramped, 1);
        }
        ballast_drop(service->state);
        if (*service->options->stop) /* not `stopping`: this may be the thread that would say so */
            return; /* it is taken up again, and ends again */
        err = (struct rondo_error){ 0 };
        struct timespec pause = { 0, tries ? RETRY_MS * 1000000L : 0 };
        nanosleep(&pause, NULL);
    }
    if (tries)
        atomic_fetch_sub(&service->cramped, 1);
    log_event(state == JOBS_FAILED ? LOG_ERROR : LOG_INFO, &(struct log_about){ .job = running->row.id },
              "job %lld: %s%s%s", (long long)running->row.id, jobs_state_name(state),
              state == JOBS_CANCELLED ? "" : ", ", state == JOBS_CANCELLED ? "" : why);
}

static void *run(void *context)
{
    struct running *running = context;
    struct service *service = running->service;
    char dir[PATH_MAX + 32], spec[PATH_MAX + 48], id[24];
    struct stat info;
    snprintf(id, sizeof id, "%lld", (long long)running->row.id);
    snprintf(dir, sizeof dir, "%s/jobs/%s", service->state, id);
    snprintf(spec, sizeof spec, "%s/spec.json", dir);
    bool begun = stat(spec, &info) == 0;
    log_set_job(running->row.id); /* this thread's lines */
    struct stages_options options = {
        .dir = dir, .id = id, .resume = begun, .force = !begun, /* the directory is this job's own */
        .shelf = service->options->shelf, .workers = crew_workers(running->crew),
        .digest = gallery_begin(service->gallery, running->row.id),
        .context = running, .asked = asked, .progress = progress,
    };
    struct rondo_run_outcome outcome;
    struct rondo_error err = { 0 };
    int code = stages_run(running->job, &options, &outcome, &err);
    gallery_end(service->gallery, running->row.id, !begun);
    crew_end(running->crew);
    char why[sizeof err.where + sizeof err.what + 4];
    snprintf(why, sizeof why, "%s%s%s", err.where, err.where[0] ? ": " : "",
             err.what[0] ? err.what : rondo_strerror(code));
    if (code)
        keep_end(running, JOBS_FAILED, why);
    else if (strcmp(outcome.state, "cancelled") == 0)
        keep_end(running, JOBS_CANCELLED, outcome.stop_reason);
    else if (strcmp(outcome.state, "interrupted") != 0)
        keep_end(running, JOBS_COMPLETED, outcome.stop_reason);
    http_changed(service->http, running->row.id);
    atomic_store(&running->done, true);
    wake(service);
    return NULL;
}

/* ---- beginning and reaping --------------------------------------------------------------------------- */

static void running_free(struct running *running)
{
    jobs_row_fini(&running->row);
    job_free(running->job);
    mem_free(running);
}

/* A cancel may have come after the job was taken and before it stood in the list. */
static void heed_cancel(struct running *running)
{
    struct jobs_row row;
    if (jobs_get(running->service->jobs, running->row.id, &row, NULL) != 1)
        return;
    if (row.cancel_asked)
        atomic_store(&running->cancel, true);
    jobs_row_fini(&row);
}

static int begin(struct running *running, struct rondo_error *err)
{
    struct service *service = running->service;
    const char *spec = running->row.spec;
    int code = job_parse(spec, strlen(spec), "the spec", "/", NULL, 0, &registry_apps,
                         &running->job, err);
    if (code)
        return code;
    bool counted = job_given(running->job, "workers.count");
    struct crew_options crew = {
        .id = running->row.id, .priority = running->row.priority,
        .most = counted ? (int32_t)job_integer(running->job, "workers.count") : INT32_MAX,
        .job = running->job, .isa = host_isa_of(running->job), .asked = asked, .context = running,
    };
    code = crew_begin(service->roster, &crew, &running->crew, err);
    if (code)
        return code;
    pthread_mutex_lock(&service->mutex);
    running->next = service->running;
    service->running = running;
    pthread_mutex_unlock(&service->mutex);
    heed_cancel(running);
    if (pthread_create(&running->thread, NULL, run, running) == 0)
        return RONDO_OK;
    pthread_mutex_lock(&service->mutex);
    service->running = running->next;
    pthread_mutex_unlock(&service->mutex);
    crew_end(running->crew);
    return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "a thread cannot be started");
}

/* Takes the next job; false: there is none. */
static bool take(struct service *service)
{
    struct rondo_error err = { 0 };
    struct running *running = mem_calloc(1, sizeof *running);
    if (!running)
        return false;
    running->service = service;
    int took = jobs_take(service->jobs, &running->row, &err);
    if (took <= 0) {
        if (took < 0)
            log_rationed(&service->ration, NULL, "the job store: %s", err.what);
        mem_free(running);
        return false;
    }
    atomic_init(&running->cancel, running->row.cancel_asked);
    log_event(LOG_INFO, &(struct log_about){ .job = running->row.id }, "job %lld: %s %s",
              (long long)running->row.id, running->row.app, running->row.starts > 1 ? "goes on" : "begins");
    if (begin(running, &err)) {
        keep_end(running, JOBS_FAILED, err.what);
        http_changed(service->http, running->row.id);
        running_free(running);
    }
    return true;
}

static void reap(struct service *service)
{
    pthread_mutex_lock(&service->mutex);
    for (struct running **at = &service->running; *at;) {
        struct running *running = *at;
        if (!atomic_load(&running->done)) {
            at = &running->next;
            continue;
        }
        *at = running->next;
        pthread_mutex_unlock(&service->mutex);
        pthread_join(running->thread, NULL);
        running_free(running);
        pthread_mutex_lock(&service->mutex);
        at = &service->running; /* who was behind may have gone meanwhile */
    }
    pthread_mutex_unlock(&service->mutex);
}

/* A job begins where there is a worker for it, or will be as soon as one is let go by a job that now
 * but writes down what came of it. */
static bool has_room(struct service *service)
{
    struct roster_count count = roster_count(service->roster);
    return count.jobs - count.over < count.workers && count.jobs < service->options->jobs;
}

static void rest(struct service *service)
{
    pthread_mutex_lock(&service->mutex);
    if (!service->woken)
        clock_cond_wait(&service->wake, &service->mutex, clock_now_ns() + look_ns);
    service->woken = false;
    pthread_mutex_unlock(&service->mutex);
}

static void serve(struct service *service, int64_t *unfinished)
{
    while (!*service->options->stop) {
        reap(service);
        if (!atomic_load(&service->cramped))
            ballast_keep(service->state);
        while (has_room(service) && take(service))
            ;
        rest(service);
    }
    atomic_store(&service->stopping, true);
    *unfinished = 0;
    while (service->running) { /* the list is this thread's to change */
        reap(service);
        rest(service);
    }
    int64_t count[JOBS_CANCELLED + 1] = { 0 };
    if (!jobs_count(service->jobs, count, NULL))
        *unfinished = count[JOBS_QUEUED] + count[JOBS_RUNNING];
}

/* ---- the desk: what HTTP asks of the service ----------------------------------------------------------- */

static void cancelled(void *context, int64_t id)
{
    struct service *service = context;
    pthread_mutex_lock(&service->mutex);
    for (struct running *running = service->running; running; running = running->next)
        if (running->row.id == id)
            atomic_store(&running->cancel, true);
    pthread_mutex_unlock(&service->mutex);
}

static int workers(void *context, struct rondo_buf *out)
{
    return roster_json(((struct service *)context)->roster, out);
}

static int live(void *context, int64_t id, struct rondo_buf *out)
{
    return roster_live(((struct service *)context)->roster, id, out);
}

static int metrics(void *context, struct rondo_buf *out)
{
    return roster_metrics(((struct service *)context)->roster, out);
}

static void digest_made(void *context, int64_t id)
{
    http_changed(((struct service *)context)->http, id);
}

/* ---- opening --------------------------------------------------------------------------------------------- */

static int resolve(struct service *service, struct rondo_error *err)
{
    const struct service_options *options = service->options;
    char path[PATH_MAX];
    if (file_make_own_dir(options->state, err)) /* jobs.db holds others' specs */
        return RONDO_EINPUT;
    if (!realpath(options->state, service->state))
        return rondo_error_set(err, RONDO_EINPUT, options->state, NULL, "no such folder");
    int count = 0;
    for (; count == 0 || options->root[count]; count++) {
        const char *root = options->root[0] ? options->root[count] : ".";
        if (!realpath(root, path))
            return rondo_error_set(err, RONDO_EINPUT, root, "--data-root names a folder that is there",
                                   "no such folder");
        service->root[count] = mem_strdup(path);
        if (!service->root[count])
            return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory");
        if (!options->root[0])
            break;
    }
    return RONDO_OK;
}

static int open_all(struct service *service, struct rondo_error *err)
{
    const struct service_options *options = service->options;
    int code = resolve(service, err);
    if (!code)
        code = jobs_open(service->state, &service->jobs, err);
    struct roster_options roster = {
        .url = options->listen, .token = options->token,
        .tls = strncmp(options->listen, "tls+", 4) == 0 ? options->tls : NULL,
        .lease_ms = options->lease_ms, .changed = wake, .context = service,
    };
    if (!code)
        code = roster_open(&roster, &service->roster, err);
    struct gallery_options gallery = { service->state, digest_made, service };
    if (!code)
        code = gallery_create(&gallery, &service->gallery, err);
    struct http_options http = {
        .address = options->http, .token = options->token,
        .cert_file = options->tls ? options->tls->cert_file : NULL,
        .key_file = options->tls ? options->tls->key_file : NULL,
        .desk = { .context = service, .jobs = service->jobs, .gallery = service->gallery,
                  .state_dir = service->state,
                  .roots = (const char *const *)service->root, .submitted = wake,
                  .cancelled = cancelled, .workers = workers, .live = live, .metrics = metrics },
    };
    if (!code)
        code = http_open(&http, &service->http, err);
    return code;
}

static void close_all(struct service *service)
{
    gallery_stop(service->gallery);
    if (service->http)
        http_close(service->http);
    gallery_destroy(service->gallery);
    roster_close(service->roster);
    if (service->jobs)
        jobs_close(service->jobs);
    for (int i = 0; service->root[i]; i++)
        mem_free(service->root[i]);
}

int service_run(const struct service_options *options, int64_t *unfinished, struct rondo_error *err)
{
    struct service *service = mem_calloc(1, sizeof *service);
    if (!service)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory");
    service->options = options;
    pthread_mutex_init(&service->mutex, NULL);
    clock_cond_init(&service->wake);
    int code = open_all(service, err);
    if (!code) {
        options->ready(options->context, roster_url(service->roster), http_url(service->http));
        serve(service, unfinished);
    }
    close_all(service);
    pthread_cond_destroy(&service->wake);
    pthread_mutex_destroy(&service->mutex);
    mem_free(service);
    return code;
}

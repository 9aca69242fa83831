#include "oracle/subject.h"

#include "apps/host.h"
#include "core/base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OVERRIDES_MOST = 257 };

static int learn(void *context, const char *key, const char *value)
{
    struct subject *subject = context;
    const struct {
        const char *key;
        int64_t *to;
    } numbers[] = { { "dropped", &subject->dropped }, { "variables", &subject->variables },
                    { "rounds", &subject->rounds }, { "updates", &subject->updates } };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (strcmp(key, numbers[i].key) == 0)
            *numbers[i].to = strtoll(value, NULL, 10);
    char **text = strcmp(key, "spec") == 0 ? &subject->spec : strcmp(key, "spec_dir") == 0 ? &subject->spec_dir : NULL;
    if (text) {
        mem_free(*text);
        *text = mem_strdup(value);
        return *text ? RONDO_OK : RONDO_ENOMEM;
    }
    if (strcmp(key, "app") == 0)
        snprintf(subject->app, sizeof subject->app, "%s", value);
    if (strcmp(key, "state") == 0)
        snprintf(subject->state, sizeof subject->state, "%s", value);
    if (strcmp(key, "data") == 0)
        snprintf(subject->data, sizeof subject->data, "%s", value);
    return RONDO_OK;
}

/* The folder of what reader_open has found. */
static void find_dir(struct subject *subject)
{
    snprintf(subject->dir, sizeof subject->dir, "%s", reader_path(subject->reader));
    char *slash = strrchr(subject->dir, '/');
    if (slash)
        *slash = 0;
    else
        snprintf(subject->dir, sizeof subject->dir, ".");
}

static int read_meta(struct subject *subject, const char *path, struct rondo_error *err)
{
    subject->dropped = subject->variables = subject->rounds = subject->updates = -1;
    int code = reader_open(path, &subject->reader, err);
    if (code)
        return code;
    find_dir(subject);
    code = reader_meta(subject->reader, learn, subject, err);
    if (!code && !subject->spec)
        code = rondo_error_set(err, RONDO_EINPUT, reader_path(subject->reader), "traces of earlier builds say none",
                               "the trace does not say the spec of its job");
    return code;
}

static int check_data(const struct subject *subject, struct rondo_error *err)
{
    char here[sizeof subject->data];
    snprintf(here, sizeof here, "%016" PRIx64, host_fingerprint(subject->job));
    if (!*subject->data || strcmp(here, subject->data) == 0)
        return RONDO_OK;
    return rondo_error_set(err, RONDO_EINPUT, reader_path(subject->reader), "--set data.KEY=FILE says where those are",
                           "these are not the job's data: the fingerprint is %s, and the trace says %s", here,
                           subject->data);
}

/* Nothing here depends on the instruction set: one that every machine has. */
static int read_job(struct subject *subject, const char *const *overrides, int count, const struct job_apps *apps,
                    struct rondo_error *err)
{
    static const struct host_upcalls none = { NULL, NULL, NULL, NULL, NULL };
    const char *all[OVERRIDES_MOST] = { "workers.isa=x86-64-v2" };
    if (count >= OVERRIDES_MOST)
        return rondo_error_set(err, RONDO_EINPUT, NULL, NULL, "more than %d overrides", OVERRIDES_MOST - 1);
    for (int i = 0; i < count; i++)
        all[i + 1] = overrides[i];
    int code = job_parse(subject->spec, strlen(subject->spec), reader_path(subject->reader),
                         subject->spec_dir ? subject->spec_dir : subject->dir, all, count + 1, apps, &subject->job, err);
    if (code)
        return code;
    const char *app = job_app(subject->job)->name;
    if (strcmp(app, subject->app) != 0)
        return rondo_error_set(err, RONDO_EINPUT, reader_path(subject->reader), NULL,
                               "the trace is said to be of \"%s\", and its spec is of \"%s\"", subject->app, app);
    subject->pipeline = job_integer(subject->job, "schedule.pipeline");
    host_init(&subject->host, &none);
    code = host_load(subject->job, NULL, NULL, err);
    subject->bound = !code;
    if (!code)
        code = check_data(subject, err);
    return code == RONDO_EIO ? (err->code = RONDO_EINPUT) : code;
}

int subject_open(struct subject *subject, const char *path, const char *const *overrides, int count,
                 const struct job_apps *apps, struct rondo_error *err)
{
    *subject = (struct subject){ 0 };
    int code = read_meta(subject, path, err);
    return code ? code : read_job(subject, overrides, count, apps, err);
}

void subject_close(struct subject *subject)
{
    if (subject->bound)
        host_unload(subject->job);
    job_free(subject->job);
    mem_free(subject->spec);
    mem_free(subject->spec_dir);
    reader_close(subject->reader);
}

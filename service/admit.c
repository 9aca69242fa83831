#include "service/admit.h"

#include "apps/contract.h"
#include "apps/host.h"
#include "apps/registry.h"
#include "core/base/mem.h"
#include "core/data/data.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef PATH_MAX
#define PATH_MAX 4096
#endif

enum { FILES_MAX = 32, NAME_MOST = 1000 };

bool admit_inside(const char *path, const char *const *roots)
{
    for (; *roots; roots++) {
        size_t length = strlen(*roots);
        while (length > 0 && (*roots)[length - 1] == '/')
            length--; /* "/" itself holds everything */
        if (strncmp(path, *roots, length) == 0 && (path[length] == '/' || path[length] == 0))
            return true;
    }
    return false;
}

/* Does the nearest folder above a path that is not there lie in a root?  If not, whoever asks is not
 * told what there is and what not. */
static bool above_inside(const char *path, const char *const *roots)
{
    char above[PATH_MAX], resolved[PATH_MAX];
    if (snprintf(above, sizeof above, "%s", path) >= PATH_MAX)
        return false;
    for (char *slash; (slash = strrchr(above, '/')) != NULL;) {
        *slash = 0;
        if (realpath(*above ? above : "/", resolved))
            return admit_inside(resolved, roots);
    }
    return false;
}

/* Why a file cannot be read, 0 where it can. */
static const char *unreadable(const char *path)
{
    struct stat info;
    int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (file < 0)
        return strerror(errno);
    bool regular = fstat(file, &info) == 0 && S_ISREG(info.st_mode);
    close(file);
    return regular ? NULL : "it is no regular file";
}

static enum fault check_file(const struct job_file *file, const char *where,
                             const char *const *roots, char resolved[PATH_MAX],
                             struct rondo_error *err)
{
    if (file->relative) {
        rondo_error_set(err, RONDO_EINPUT, where, "the client makes paths absolute",
                        "the path is relative; the service takes absolute ones alone");
        return FAULT_RELATIVE_PATH;
    }
    bool there = realpath(file->path, resolved) != NULL;
    int reason = errno;
    if (there ? !admit_inside(resolved, roots) : !above_inside(file->path, roots)) {
        rondo_error_set(err, RONDO_EINPUT, where, "rondo coordinator --data-root DIR",
                        "the file lies outside the folders that the service may read");
        return FAULT_OUTSIDE;
    }
    const char *why = there ? unreadable(resolved) : strerror(reason);
    if (!why)
        return FAULT_NONE;
    rondo_error_set(err, RONDO_EINPUT, where, NULL, "cannot read %.200s: %s", file->path, why);
    return FAULT_NO_DATA;
}

/* A .bed's .bim and .fam must be readable and inside, too. */
static enum fault check_companions(const char *path, const char *where, const char *const *roots,
                                   struct rondo_error *err)
{
    char beside[PATH_MAX], resolved[PATH_MAX];
    enum fault fault = FAULT_NONE;
    for (int i = 0; !fault && data_companion(path, i, beside, sizeof beside); i++) {
        struct job_file file = { .relative = false };
        snprintf(file.path, sizeof file.path, "%s", beside);
        fault = check_file(&file, where, roots, resolved, err);
    }
    return fault;
}

/* What is known of the submission as it is looked at. */
struct look {
    const char *text;
    size_t size;
    struct rondo_job *job;
    char *set[FILES_MAX]; /* "data.x=/resolved/path" */
    int sets;
    struct rondo_error *err;
};

static enum fault parse(struct look *look)
{
    job_free(look->job);
    look->job = NULL;
    const char *const *sets = (const char *const *)look->set;
    int code = job_parse(look->text, look->size, "body", "/", sets, look->sets, &registry_apps,
                         &look->job, look->err);
    if (!code)
        return FAULT_NONE;
    if (code == RONDO_ENOMEM)
        return FAULT_INTERNAL;
    bool text = strncmp(look->err->where, "body:", 5) == 0 || /* a place in the text, no pointer */
                strcmp(look->err->what, "the file is empty") == 0;
    return text ? FAULT_BAD_JSON : FAULT_BAD_SPEC;
}

static bool note_resolved(struct look *look, const char *key, const char *path)
{
    size_t size = strlen(key) + strlen(path) + strlen(job_text(look->job, key)) + 3;
    char *set = mem_alloc(size);
    if (!set)
        return false;
    job_file_set(look->job, key, path, set, size);
    look->set[look->sets++] = set;
    return true;
}

/* The files of a directory lie in one: a link from it would lead to another. */
static enum fault check_folder(const struct job_file *file, const char *where, const char *resolved,
                               struct rondo_error *err)
{
    char folder[PATH_MAX], real[PATH_MAX];
    const char *slash = strrchr(file->path, '/');
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - file->path), file->path);
    size_t length = realpath(*folder ? folder : "/", real) ? strlen(real) : 0;
    if (length && strncmp(resolved, real, length) == 0 && strcmp(resolved + length, slash) == 0)
        return FAULT_NONE;
    rondo_error_set(err, RONDO_EINPUT, where, NULL, "%.200s is a link, which is not followed out of a directory",
                    file->path);
    return FAULT_OUTSIDE;
}

static enum fault check_files(struct look *look, const char *const *roots)
{
    char resolved[PATH_MAX], where[256];
    struct job_file file;
    for (int i = 0; job_file_at(look->job, i, &file); i++) {
        job_where(look->job, file.key, where, sizeof where);
        enum fault fault = check_file(&file, where, roots, resolved, look->err);
        if (!fault && file.inside)
            fault = check_folder(&file, where, resolved, look->err);
        if (!fault)
            fault = check_companions(resolved, where, roots, look->err);
        if (fault)
            return fault;
        if (strcmp(resolved, file.path) == 0)
            continue;
        if (look->sets == FILES_MAX || !note_resolved(look, file.key, resolved))
            return FAULT_INTERNAL;
    }
    return look->sets > 0 ? parse(look) : FAULT_NONE;
}

static enum fault check_app(const struct look *look)
{
    static const struct host_upcalls none = { NULL, NULL, NULL, NULL, NULL };
    const struct rondo_app *app = job_app(look->job);
    struct rondo_host host;
    host_init(&host, &none);
    int code = app->check ? app->check(&host, look->job, look->err) : RONDO_OK;
    code = contract_answer(app, "check", code, look->err);
    return !code ? FAULT_NONE : code == RONDO_ENOMEM ? FAULT_INTERNAL : FAULT_BAD_SPEC;
}

/* A list of jobs shows a thousand of them. */
static enum fault check_name(const struct look *look)
{
    size_t length = strlen(job_text(look->job, "name"));
    if (length <= NAME_MOST)
        return FAULT_NONE;
    rondo_error_set(look->err, RONDO_EINPUT, "/name", NULL, "a name has at most %d bytes, not %zu",
                    NAME_MOST, length);
    return FAULT_BAD_SPEC;
}

static enum fault accept(const struct rondo_job *job, struct admit *admit)
{
    admit->spec = job_canonical(job);
    admit->name = mem_strdup(job_text(job, "name"));
    admit->app = mem_strdup(job_app(job)->name);
    admit->priority = (int32_t)job_integer(job, "queue.priority");
    return admit->spec && admit->name && admit->app ? FAULT_NONE : FAULT_INTERNAL;
}

enum fault admit_spec(const char *text, size_t size, const char *const *roots, struct admit *admit,
                      struct rondo_error *err)
{
    struct look look = { .text = text, .size = size, .err = err };
    *admit = (struct admit){ 0 };
    enum fault fault = parse(&look);
    fault = fault ? fault : check_name(&look);
    fault = fault ? fault : check_app(&look);
    fault = fault ? fault : check_files(&look, roots);
    fault = fault ? fault : accept(look.job, admit);
    job_free(look.job);
    for (int i = 0; i < look.sets; i++)
        mem_free(look.set[i]);
    if (fault)
        admit_fini(admit);
    if (fault == FAULT_INTERNAL)
        rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory to look at the spec");
    return fault;
}

void admit_fini(struct admit *admit)
{
    mem_free(admit->spec);
    mem_free(admit->name);
    mem_free(admit->app);
    *admit = (struct admit){ 0 };
}

/* cmd_fetch.c - rondo fetch: brings what a job left, file by file, each whole or not at all.
 *
 * spec.json comes first, for it says whose directory this is; result.json last, so that a directory
 * with a result has all the files. */
#include "apps/registry.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "tools/cli.h"
#include "tools/reach.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FILES_MAX = 4096, NAME_MAX_BYTES = 200 };

static const char spec_name[] = "spec.json", result_name[] = "result.json";

static volatile sig_atomic_t interrupted;

struct remote_file {
    const char *name; /* borrowed from the answer */
    int64_t size;
};

struct fetch {
    struct reach reach;
    const char *id, *dir;
    bool force;
    struct reach_answer job, result; /* result: result.json, where there is one */
    struct rondo_buf spec;           /* spec.json, where there is one */
    struct remote_file *file;
    int64_t count, bytes;
};

static void on_interrupt(int number RONDO_UNUSED)
{
    interrupted = 1;
}

/* ---- what there is ------------------------------------------------------------------------------- */

/* A name that stays in the directory, is not hidden and does nothing to a terminal or a URL. */
static bool is_safe(const char *name)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t length = strlen(name);
    return length > 0 && length <= NAME_MAX_BYTES && *name != '.' && strspn(name, plain) == length;
}

static const struct remote_file *find(const struct fetch *fetch, const char *name)
{
    for (int64_t i = 0; name && i < fetch->count; i++)
        if (strcmp(fetch->file[i].name, name) == 0)
            return &fetch->file[i];
    return NULL;
}

static int add_file(struct fetch *fetch, const struct jsonin *row, struct rondo_error *err)
{
    struct remote_file *file = &fetch->file[fetch->count];
    char shown[80];
    file->name = jsonin_text(row, "name");
    jsonin_show(jsonin_get(row, "name"), shown, sizeof shown);
    bool sized = jsonin_integer(row, "size", &file->size) && file->size >= 0;
    if (!file->name || !is_safe(file->name) || find(fetch, file->name) || !sized)
        return rondo_error_set(err, RONDO_EREFUSED, client_url(fetch->reach.client), NULL,
                               "nothing is fetched: the coordinator offers a file \"%s\" that has "
                               "no safe name, no size, or stands twice", shown);
    fetch->count++;
    fetch->bytes += file->size;
    return RONDO_OK;
}

static int read_files(struct fetch *fetch, struct rondo_error *err)
{
    const struct jsonin *files = jsonin_get(fetch->job.json, "files");
    int64_t count = jsonin_count(files);
    char where[64], state[64];
    snprintf(where, sizeof where, "job %s", fetch->id);
    jsonin_show(jsonin_get(fetch->job.json, "state"), state, sizeof state);
    if (reach_ended(jsonin_text(fetch->job.json, "state")) < 0)
        return rondo_error_set(err, RONDO_EINPUT, where, "rondo watch waits for its end",
                               "the job has not ended: it is %s", state);
    if (count == 0)
        return rondo_error_set(err, RONDO_EINPUT, where, NULL,
                               "the job left no files: it is %s", state);
    if (count > FILES_MAX)
        return rondo_error_set(err, RONDO_EREFUSED, where, NULL, "more than %d files", FILES_MAX);
    fetch->file = mem_calloc((size_t)count, sizeof *fetch->file);
    if (!fetch->file)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory");
    int code = RONDO_OK;
    for (int64_t i = 0; i < count && !code; i++)
        code = add_file(fetch, jsonin_at(files, i), err);
    return code;
}

static void path_of(const struct fetch *fetch, const char *name, char path[REACH_PATH_MAX])
{
    snprintf(path, REACH_PATH_MAX, "/v1/jobs/%s/files/%s", fetch->id, name);
}

/* The two that are read before they are written. */
static int read_own(struct fetch *fetch, struct rondo_error *err)
{
    char path[REACH_PATH_MAX];
    int code = RONDO_OK;
    if (find(fetch, spec_name)) {
        path_of(fetch, spec_name, path);
        struct client_request request = { .method = "GET", .path = path };
        code = client_request(fetch->reach.client, &request, &fetch->spec, err);
    }
    if (!code && find(fetch, result_name)) {
        path_of(fetch, result_name, path);
        code = reach_get(&fetch->reach, path, &fetch->result, err);
    }
    return code;
}

/* ---- the directory ------------------------------------------------------------------------------- */

static bool is_empty(const char *dir)
{
    DIR *folder = opendir(dir);
    bool empty = true;
    for (struct dirent *entry; folder && empty && (entry = readdir(folder));)
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    if (folder)
        closedir(folder);
    return empty;
}

static bool is_this_job(const struct fetch *fetch)
{
    char path[4096], *text = NULL;
    size_t size = 0;
    snprintf(path, sizeof path, "%s/%s", fetch->dir, spec_name);
    bool same = find(fetch, spec_name) && file_read(path, CLIENT_ANSWER_MAX, &text, &size, NULL) == 0
                && size == fetch->spec.size && memcmp(text, fetch->spec.data, size) == 0;
    mem_free(text);
    return same;
}

/* What another job left and this one would not replace. */
static void remove_stale(const struct fetch *fetch)
{
    static const char *const ours[] = { "spec.json", "result.json", "progress.jsonl", "trace.db",
                                        "checkpoint.rondo" };
    const struct rondo_app *app;
    char path[4096];
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        snprintf(path, sizeof path, "%s/%s", fetch->dir, ours[i]);
        unlink(path);
    }
    for (int a = 0; (app = registry_at(a)); a++)
        for (int i = 0; app->files && app->files[i]; i++) {
            snprintf(path, sizeof path, "%s/%s", fetch->dir, app->files[i]);
            unlink(path);
        }
}

static int claim(const struct fetch *fetch, struct rondo_error *err)
{
    if (file_make_dir(fetch->dir, err))
        return RONDO_EIO;
    if (is_empty(fetch->dir) || is_this_job(fetch))
        return RONDO_OK;
    if (!fetch->force)
        return rondo_error_set(err, RONDO_EINPUT, fetch->dir,
                               "--force takes it over, --out names another",
                               "the directory is not empty and holds something else than this job");
    remove_stale(fetch);
    return RONDO_OK;
}

/* ---- files --------------------------------------------------------------------------------------- */

/* The model's first file is what result.json's model_sha256 is of. */
static int verify(const struct fetch *fetch, const char *name, struct file_atomic *file,
                  struct rondo_error *err)
{
    const char *app_name = jsonin_text(fetch->job.json, "app");
    const struct rondo_app *app = app_name ? registry_find(app_name) : NULL;
    const char *wanted = jsonin_text(fetch->result.json, "model_sha256");
    char hex[65];
    if (!wanted || !app || !app->files || !app->files[0] || strcmp(app->files[0], name) != 0)
        return RONDO_OK;
    if (fflush(file->stream) != 0)
        return rondo_error_set(err, RONDO_EIO, file->path, NULL, "cannot write: %s",
                               strerror(errno));
    int code = file_sha256(file->temporary, hex, err);
    if (!code && strcmp(hex, wanted) != 0)
        code = rondo_error_set(err, RONDO_EIO, file->path, "fetch again",
                               "what came is not the model that result.json speaks of (sha256)");
    return code;
}

static int fill(struct fetch *fetch, const struct remote_file *wanted, struct file_atomic *file,
                struct rondo_error *err)
{
    char path[REACH_PATH_MAX];
    const struct rondo_buf *text = strcmp(wanted->name, spec_name) == 0     ? &fetch->spec
                                   : strcmp(wanted->name, result_name) == 0 ? &fetch->result.text
                                                                            : NULL;
    path_of(fetch, wanted->name, path);
    if (!text)
        return client_download(fetch->reach.client, path, file->stream, wanted->size, err);
    if ((int64_t)text->size != wanted->size)
        return rondo_error_set(err, RONDO_EIO, client_url(fetch->reach.client), "fetch again",
                               "%s has %zu bytes, not %" PRId64 " as the coordinator said", path,
                               text->size, wanted->size);
    fwrite(text->data, 1, text->size, file->stream); /* file_commit sees what failed */
    return RONDO_OK;
}

static int bring(struct fetch *fetch, const struct remote_file *wanted, struct rondo_error *err)
{
    struct file_atomic file;
    int code = file_begin(&file, fetch->dir, wanted->name, err);
    if (code)
        return code;
    code = fill(fetch, wanted, &file, err);
    if (!code)
        code = verify(fetch, wanted->name, &file, err);
    if (!code)
        return file_commit(&file, err);
    file_abandon(&file);
    return code;
}

static int bring_all(struct fetch *fetch, struct rondo_error *err)
{
    const struct remote_file *first = find(fetch, spec_name), *last = find(fetch, result_name);
    int code = first ? bring(fetch, first, err) : RONDO_OK;
    for (int64_t i = 0; i < fetch->count && !code; i++) {
        const struct remote_file *file = &fetch->file[i];
        if (file != first && file != last)
            code = bring(fetch, file, err);
    }
    return code || !last ? code : bring(fetch, last, err);
}

/* ---- the command --------------------------------------------------------------------------------- */

static int run(struct fetch *fetch, struct rondo_error *err)
{
    char path[REACH_PATH_MAX];
    snprintf(path, sizeof path, "/v1/jobs/%s", fetch->id);
    int code = reach_open(&fetch->reach, err);
    if (!code)
        code = reach_get(&fetch->reach, path, &fetch->job, err);
    if (!code)
        code = read_files(fetch, err);
    if (!code)
        code = read_own(fetch, err);
    if (!code)
        code = claim(fetch, err);
    return code ? code : bring_all(fetch, err);
}

static int say(const struct fetch *fetch, int code, const struct rondo_error *err)
{
    if (code && interrupted) {
        fprintf(stderr, "rondo: interrupted; the same command fetches again what is missing\n");
        return EXIT_INTERRUPTED;
    }
    if (code)
        return cli_fail(err);
    if (fetch->reach.json)
        reach_print(&fetch->job);
    log_line(LOG_INFO, "job %s: %" PRId64 " files, %" PRId64 " bytes, are in %.400s", fetch->id,
             fetch->count, fetch->bytes, fetch->dir);
    return 0;
}

int cmd_fetch(int argc, char **argv)
{
    struct fetch fetch = { .reach = { .command = "fetch" } };
    struct rondo_error err = { 0 };
    const struct words_option own[] = { { "--out", .text = &fetch.dir },
                                        { "--force", .flag = &fetch.force },
                                        { .name = NULL } };
    int status = reach_parse(&fetch.reach, argc, argv, own, &fetch.id, "which job? give its id");
    if (!status)
        status = reach_check_id(&fetch.reach, fetch.id);
    if (!status && (!fetch.dir || !*fetch.dir))
        status = cli_usage("fetch", "where to? give --out DIR");
    if (status)
        return status;
    struct sigaction action = { .sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND };
    sigaction(SIGINT, &action, NULL);
    fetch.reach.options.interrupted = &interrupted;
    int code = run(&fetch, &err);
    status = say(&fetch, code, &err);
    mem_free(fetch.file);
    buf_fini(&fetch.spec);
    reach_answer_fini(&fetch.result);
    reach_answer_fini(&fetch.job);
    reach_close(&fetch.reach);
    return status;
}

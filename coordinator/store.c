#include "coordinator/store.h"

#include "apps/registry.h"
#include "core/base/cursor.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/job/job.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MOST = 16, CHECKPOINT_VERSION = 1 };
enum { SPEC_LIMIT = 1 << 24, PROGRESS_LINE = 65536 };

static const char checkpoint_name[] = "checkpoint.rondo", checkpoint_magic[] = "RONDOCP1";
static const char spec_name[] = "spec.json", progress_name[] = "progress.jsonl";

struct store {
    const struct rondo_job *job;
    char *dir, *spec; /* spec: canonical */
    FILE *progress;
    struct rondo_buf line;
    struct file_atomic file[FILES_MOST];
    int files;
    char *saved; /* the checkpoint's bytes */
    char isa[32], id[13]; /* isa: of the checkpoint, as is the next */
    uint64_t fingerprint;
    double solved_seconds;
    int64_t round;
    bool resume;
};

static void path_of(const struct store *store, const char *name, char *out, size_t size)
{
    snprintf(out, size, "%s/%s", store->dir, name);
}

static bool exists(const struct store *store, const char *name)
{
    char path[4096];
    struct stat info;
    path_of(store, name, path, sizeof path);
    return stat(path, &info) == 0;
}

/* ---- whose directory is it? ----------------------------------------------------------------------- */

static bool is_empty(const char *path)
{
    DIR *dir = opendir(path);
    if (!dir)
        return false;
    bool empty = true;
    for (struct dirent *entry; empty && (entry = readdir(dir));)
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    closedir(dir);
    return empty;
}

/* The job whose output it is, as its spec.json says. */
static int saved_job(const struct store *store, struct rondo_job **job, struct rondo_error *err)
{
    char path[4096];
    path_of(store, spec_name, path, sizeof path);
    return job_load(path, NULL, 0, &registry_apps, job, err);
}

static int claim(const struct store *store, const struct store_options *options,
                 struct rondo_error *err)
{
    if (is_empty(store->dir) || options->force)
        return RONDO_OK;
    struct rondo_error why = { 0 };
    struct rondo_job *saved = NULL;
    int code = saved_job(store, &saved, &why);
    if (code == RONDO_ENOMEM)
        return rondo_error_set(err, code, store->dir, NULL, "no memory");
    if (code)
        return rondo_error_set(err, RONDO_EINPUT, store->dir, "--force takes it over",
                               "the output directory is not empty and is not a job's");
    code = job_resumable(saved, store->job, &why);
    job_free(saved);
    if (!code)
        return RONDO_OK;
    if (options->resume)
        return rondo_error_set(err, code, why.where, why.hint, "%s", why.what);
    return rondo_error_set(err, code == RONDO_ENOMEM ? code : RONDO_EINPUT, store->dir,
                           "--force takes it over, --out names another",
                           "the output directory holds another job's output");
}

static int try_writing(struct store *store, struct rondo_error *err)
{
    struct file_atomic file;
    if (file_begin(&file, store->dir, spec_name, err))
        return RONDO_EINPUT;
    file_abandon(&file);
    return RONDO_OK;
}

static int write_spec(struct store *store, struct rondo_error *err)
{
    struct file_atomic file;
    if (file_begin(&file, store->dir, spec_name, err))
        return RONDO_EINPUT;
    fprintf(file.stream, "%s\n", store->spec);
    return file_commit(&file, err) ? RONDO_EINPUT : RONDO_OK;
}

/* ---- checkpoints ------------------------------------------------------------------------------------ */

static int read_checkpoint(struct store *store, struct rondo_bytes *cut, struct rondo_error *err)
{
    char path[4096];
    size_t size;
    path_of(store, checkpoint_name, path, sizeof path);
    int code = file_read(path, SIZE_MAX / 4, &store->saved, &size, err);
    if (code)
        return code;
    struct cursor_reader in = cursor_reader(store->saved, size);
    const char *magic = cursor_get_bytes(&in, sizeof checkpoint_magic - 1);
    if (!magic || memcmp(magic, checkpoint_magic, sizeof checkpoint_magic - 1) != 0
        || cursor_get_u32(&in) != CHECKPOINT_VERSION)
        return rondo_error_set(err, RONDO_ESTATE, path, NULL, "is not a checkpoint of this version");
    struct rondo_bytes isa = cursor_get_block(&in);
    store->fingerprint = cursor_get_u64(&in);
    store->round = cursor_get_i64(&in);
    store->solved_seconds = cursor_get_f64(&in);
    struct rondo_bytes bytes = cursor_get_block(&in);
    if (!cursor_at_end(&in) || isa.size >= sizeof store->isa)
        return rondo_error_set(err, RONDO_ESTATE, path, NULL, "the checkpoint is damaged");
    memcpy(store->isa, isa.data, isa.size);
    /* The cut wants the alignment of doubles, the file does not keep it. */
    memmove(store->saved, bytes.data, bytes.size);
    *cut = (struct rondo_bytes){ store->saved, bytes.size };
    return RONDO_OK;
}

int store_check(const struct store *store, const struct store_ground *ground,
                struct rondo_error *err)
{
    if (!store->isa[0])
        return RONDO_OK;
    if (strcmp(store->isa, ground->isa) != 0)
        return rondo_error_set(err, RONDO_EINPUT, store->dir, "pin workers.isa",
                               "the checkpoint was made with %s and this run would use %s",
                               store->isa, ground->isa);
    if (store->fingerprint != ground->fingerprint)
        return rondo_error_set(err, RONDO_EINPUT, store->dir, "--force starts anew",
                               "the data are not those that the checkpoint was made with");
    return RONDO_OK;
}

int store_checkpoint(struct store *store, const struct store_ground *ground, int64_t round,
                     double solved_seconds, struct rondo_bytes cut, struct rondo_error *err)
{
    struct file_atomic file;
    struct rondo_buf head = { 0 };
    struct cursor_writer out = cursor_writer(&head);
    cursor_put_bytes(&out, checkpoint_magic, sizeof checkpoint_magic - 1);
    cursor_put_u32(&out, CHECKPOINT_VERSION);
    cursor_put_block(&out, ground->isa, strlen(ground->isa));
    cursor_put_u64(&out, ground->fingerprint);
    cursor_put_i64(&out, round);
    cursor_put_f64(&out, solved_seconds);
    cursor_put_u64(&out, cut.size);
    int code = out.failed ? rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory")
                          : file_begin(&file, store->dir, checkpoint_name, err);
    if (!code) {
        fwrite(head.data, 1, head.size, file.stream);
        fwrite(cut.data, 1, cut.size, file.stream);
        code = file_commit(&file, err);
    }
    buf_fini(&head);
    return code;
}

/* ---- progress ---------------------------------------------------------------------------------------- */

/* Keeps the lines of rounds up to the checkpoint's: later ones will be written again. */
static int open_progress(struct store *store, struct rondo_error *err)
{
    char path[4096], line[PROGRESS_LINE];
    path_of(store, progress_name, path, sizeof path);
    FILE *old = store->resume ? fopen(path, "re") : NULL;
    struct file_atomic file;
    int code = file_begin(&file, store->dir, progress_name, err);
    while (!code && old && fgets(line, sizeof line, old)) {
        const char *round = strstr(line, "\"round\":");
        long long number = -1;
        if (round && sscanf(round + 8, "%lld", &number) == 1 && number <= store->round)
            fputs(line, file.stream);
    }
    if (old)
        fclose(old);
    if (!code)
        code = file_commit(&file, err);
    if (code)
        return code;
    store->progress = fopen(path, "ae");
    if (!store->progress)
        return rondo_error_set(err, RONDO_EINPUT, path, NULL, "cannot write: %s", strerror(errno));
    return RONDO_OK;
}

int store_progress(struct store *store, double t_seconds, int64_t round, int64_t updates,
                   const struct rondo_report *report, struct rondo_error *err)
{
    store->line.size = 0;
    int code = result_progress(&store->line, t_seconds, round, updates, report);
    if (code)
        return rondo_error_set(err, code, NULL, NULL, "no memory");
    fwrite(store->line.data, 1, store->line.size, store->progress);
    if (fflush(store->progress) != 0)
        return rondo_error_set(err, RONDO_EIO, store->dir, NULL, "cannot write %s: %s",
                               progress_name, strerror(errno));
    return RONDO_OK;
}

/* ---- life ---------------------------------------------------------------------------------------------- */

int store_open(const struct store_options *options, struct store **out,
               struct rondo_bytes *checkpoint, struct rondo_error *err)
{
    struct store *store = mem_calloc(1, sizeof *store);
    if (!store)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory");
    *checkpoint = (struct rondo_bytes){ 0 };
    store->job = options->job;
    store->resume = options->resume;
    store->dir = mem_strdup(options->dir);
    store->spec = job_canonical(options->job);
    int code = store->dir && store->spec
                   ? RONDO_OK : rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory");
    if (!code) {
        char hex[65];
        file_sha256_of(store->spec, strlen(store->spec), hex);
        memcpy(store->id, hex, sizeof store->id - 1);
    }
    if (!code && file_make_dir(store->dir, err))
        code = RONDO_EINPUT;
    if (!code)
        code = claim(store, options, err);
    if (!code && options->resume && exists(store, checkpoint_name))
        code = read_checkpoint(store, checkpoint, err);
    if (!code)
        code = try_writing(store, err);
    if (code) {
        err->code = code;
        store_close(store);
        return code;
    }
    *out = store;
    return RONDO_OK;
}

int store_begin(struct store *store, struct rondo_error *err)
{
    static const char *const stale[] = { checkpoint_name, "result.json" };
    int code = write_spec(store, err);
    if (!code)
        code = open_progress(store, err);
    for (size_t i = 0; i < sizeof stale / sizeof *stale && !code && !store->resume; i++) {
        char path[4096];
        path_of(store, stale[i], path, sizeof path);
        unlink(path);
    }
    return code;
}

bool store_begun(const struct store *store)
{
    return store->progress != NULL;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    for (int i = 0; i < store->files; i++)
        file_abandon(&store->file[i]);
    if (store->progress)
        fclose(store->progress);
    buf_fini(&store->line);
    mem_free(store->saved);
    mem_free(store->spec);
    mem_free(store->dir);
    mem_free(store);
}

const char *store_id(const struct store *store)
{
    return store->id;
}

const char *store_dir(const struct store *store)
{
    return store->dir;
}

double store_solved_seconds(const struct store *store)
{
    return store->solved_seconds;
}

int64_t store_round(const struct store *store)
{
    return store->round;
}

/* ---- the model and the result ----------------------------------------------------------------------------- */

struct rondo_output *store_output(struct store *store)
{
    return (struct rondo_output *)store;
}

int store_create(struct rondo_output *output, const char *name, FILE **stream,
                 struct rondo_error *err)
{
    struct store *store = (struct store *)output;
    if (store->files == FILES_MOST)
        return rondo_error_set(err, RONDO_EAPP, NULL, NULL, "the app writes too many files");
    int code = file_begin(&store->file[store->files], store->dir, name, err);
    if (!code)
        *stream = store->file[store->files++].stream;
    return code;
}

int store_publish(struct store *store, char hex[65], struct rondo_error *err)
{
    int code = RONDO_OK;
    for (int i = 0; i < store->files && !code; i++)
        code = file_commit(&store->file[i], err);
    hex[0] = 0;
    if (!code && store->files)
        code = file_sha256(store->file[0].path, hex, err);
    return code;
}

int store_result(struct store *store, const struct job_result *result, struct rondo_error *err)
{
    return result_write(store->dir, result, err);
}

#include "coordinator/store.h"

#include "apps/registry.h"
#include "core/base/cursor.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/job/job.h"
#include "core/job/jsonin.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MOST = 16, CHECKPOINT_VERSION = 2 };
enum { PROGRESS_LINE = 65536, RESERVE_BYTES = 65536, RESULT_MOST = 64 << 20 };

static const char checkpoint_name[] = "checkpoint.rondo", checkpoint_magic[] = "RONDOCP1";
static const char spec_name[] = "spec.json", progress_name[] = "progress.jsonl";

struct store {
    const struct rondo_job *job;
    char *dir, *spec; /* spec: canonical */
    FILE *progress;
    struct rondo_buf line, last; /* of progress: room, and the last that was written */
    struct file_atomic file[FILES_MOST];
    int files;
    char *saved; /* the checkpoint's bytes */
    char isa[32], id[13]; /* isa: of the checkpoint, as are the next two */
    char ended[32];
    uint64_t fingerprint;
    double solved_seconds;
    int64_t round;
    bool resume, synced; /* synced: spec.json, which was placed without */
    bool made; /* the folder was not there before */
    int lock; /* the folder's, -1: none */
    int reserve; /* room for result.json, of a file without a name; -1: none */
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

/* Is there a checkpoint of a run that was interrupted, failed or was killed?  Its result says so, or is not
 * there; what cannot be read is no word that the run is over. */
static bool is_unfinished(const struct store *store)
{
    char path[4096], *text = NULL;
    size_t size = 0;
    struct jsonin *result = NULL;
    struct rondo_error why = { 0 };
    path_of(store, "result.json", path, sizeof path);
    bool there = exists(store, checkpoint_name);
    bool read = there && !file_read(path, RESULT_MOST, &text, &size, &why)
                && !jsonin_parse(text, size, &result);
    const char *state = read ? jsonin_text(result, "state") : NULL;
    bool completed = state && strcmp(state, "completed") == 0;
    jsonin_free(result);
    mem_free(text);
    return there && !completed;
}

static int claim(const struct store *store, const struct store_options *options,
                 struct rondo_error *err)
{
    if (is_empty(store->dir) || (options->force && !options->resume))
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
    if (!code && !options->resume && is_unfinished(store))
        return rondo_error_set(err, RONDO_EINPUT, store->dir, "--resume goes on with it, --force starts anew",
                               "a run of this job that was stopped has left a checkpoint here");
    if (!code)
        return RONDO_OK;
    if (options->resume)
        return rondo_error_set(err, code, why.where, why.hint, "%s", why.what);
    return rondo_error_set(err, code == RONDO_ENOMEM ? code : RONDO_EINPUT, store->dir,
                           "--force takes it over, --out names another",
                           "the output directory holds another job's output");
}

/* One run at a time: the folder is locked until the store is closed. */
static int lock_folder(struct store *store, struct rondo_error *err)
{
    store->lock = open(store->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->lock >= 0 && flock(store->lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return rondo_error_set(err, RONDO_EINPUT, store->dir, "wait for it, or give another --out",
                               "another run is writing to this output directory");
    return RONDO_OK;
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
    return file_place(&file, err);
}

/* Getting ready does not wait for the disk; what outlives a loss of power has its spec beside it. */
static int sync_spec(struct store *store, struct rondo_error *err)
{
    char path[4096];
    path_of(store, spec_name, path, sizeof path);
    int code = store->synced ? RONDO_OK : file_sync(path, err);
    store->synced = !code;
    return code;
}

/* ---- checkpoints ------------------------------------------------------------------------------------ */

/* Are the bounds under /stop that it ended by the same?  Else it may go on.  What an app ends by is its own
 * bounds' affair, and the others change nothing. */
static bool same_bounds(const struct rondo_job *a, const struct rondo_job *b, const char *ended)
{
    const struct rondo_param *tables[] = { job_app(a)->params, job_keys() };
    for (int t = 0; t < (strcmp(ended, "rounds") == 0 ? 2 : 1); t++)
        for (const struct rondo_param *param = tables[t]; param->key; param++) {
            if (strncmp(param->key, "stop.", 5) != 0)
                continue;
            if (job_given(a, param->key) != job_given(b, param->key))
                return false;
            if (param->type == RONDO_REAL && job_real(a, param->key) != job_real(b, param->key))
                return false;
            if (param->type == RONDO_INTEGER
                && job_integer(a, param->key) != job_integer(b, param->key))
                return false;
        }
    return true;
}

/* The checkpoint says itself whose it is: spec.json beside it may be newer. */
static int check_spec(struct store *store, const char *path, struct rondo_bytes spec,
                      struct rondo_bytes ended, struct rondo_error *err)
{
    struct rondo_job *saved = NULL;
    int code = job_parse(spec.data, spec.size, path, "/", NULL, 0, &registry_apps, &saved, err);
    if (!code)
        code = job_resumable(saved, store->job, err);
    if (!code && ended.size < sizeof store->ended)
        memcpy(store->ended, ended.data, ended.size);
    if (!code && !same_bounds(saved, store->job, store->ended))
        store->ended[0] = '\0';
    job_free(saved);
    return code;
}

/* The bytes before the sha256 that ends the file, or an error. */
static int unseal(const char *path, const char *text, size_t *size, struct rondo_error *err)
{
    char hex[65];
    if (*size >= sizeof hex - 1) {
        *size -= sizeof hex - 1;
        file_sha256_of(text, *size, hex);
        if (memcmp(hex, text + *size, sizeof hex - 1) == 0)
            return RONDO_OK;
    }
    return rondo_error_set(err, RONDO_ESTATE, path, "--force starts anew",
                           "the checkpoint is damaged");
}

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
        return rondo_error_set(err, RONDO_ESTATE, path, "--force starts anew",
                               "is not a checkpoint of this version");
    code = unseal(path, store->saved, &size, err);
    if (code)
        return code;
    in.end = (const unsigned char *)store->saved + size;
    struct rondo_bytes spec = cursor_get_block(&in), isa = cursor_get_block(&in);
    struct rondo_bytes ended = cursor_get_block(&in);
    store->fingerprint = cursor_get_u64(&in);
    store->round = cursor_get_i64(&in);
    store->solved_seconds = cursor_get_f64(&in);
    struct rondo_bytes bytes = cursor_get_block(&in);
    if (!cursor_at_end(&in) || isa.size == 0 || isa.size >= sizeof store->isa)
        return rondo_error_set(err, RONDO_ESTATE, path, NULL, "the checkpoint is damaged");
    code = check_spec(store, path, spec, ended, err);
    memcpy(store->isa, isa.data, isa.size);
    /* The cut wants the alignment of doubles, the file does not keep it. */
    memmove(store->saved, bytes.data, bytes.size);
    *cut = (struct rondo_bytes){ store->saved, bytes.size };
    return code;
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

/* What stands before the cut, its length last. */
static int pack_ground(const struct store *store, const struct store_ground *ground,
                       const struct store_moment *moment, size_t size, struct rondo_buf *bytes)
{
    struct cursor_writer out = cursor_writer(bytes);
    cursor_put_bytes(&out, checkpoint_magic, sizeof checkpoint_magic - 1);
    cursor_put_u32(&out, CHECKPOINT_VERSION);
    cursor_put_block(&out, store->spec, strlen(store->spec));
    cursor_put_block(&out, ground->isa, strlen(ground->isa));
    cursor_put_block(&out, moment->ended ? moment->ended : "",
                     moment->ended ? strlen(moment->ended) : 0);
    cursor_put_u64(&out, ground->fingerprint);
    cursor_put_i64(&out, moment->round);
    cursor_put_f64(&out, moment->solved_seconds);
    cursor_put_u64(&out, size);
    return out.failed ? RONDO_ENOMEM : RONDO_OK;
}

/* The cut is not copied: it may be most of what memory holds. */
int store_checkpoint(struct store *store, const struct store_ground *ground,
                     const struct store_moment *moment, struct rondo_bytes cut,
                     struct rondo_error *err)
{
    struct file_atomic file;
    struct rondo_buf head = { 0 };
    char hex[65];
    int code = sync_spec(store, err);
    if (!code)
        code = pack_ground(store, ground, moment, cut.size, &head)
                   ? rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for a checkpoint")
                   : file_begin(&file, store->dir, checkpoint_name, err);
    if (!code) {
        const struct rondo_bytes parts[] = { { head.data, head.size }, cut };
        file_sha256_of_parts(parts, 2, hex);
        fwrite(head.data, 1, head.size, file.stream);
        file_write(file.stream, cut);
        fwrite(hex, 1, sizeof hex - 1, file.stream);
        code = file_commit(&file, err);
    }
    buf_fini(&head);
    return code;
}

const char *store_ended(const struct store *store)
{
    return store->ended;
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
        if (!round || sscanf(round + 8, "%lld", &number) != 1 || number > store->round)
            continue;
        fputs(line, file.stream);
        store->last.size = 0;
        code = buf_append(&store->last, line, strlen(line));
    }
    if (!code)
        code = old ? file_commit(&file, err) : file_place(&file, err);
    if (old)
        fclose(old);
    if (code)
        return code;
    store->progress = fopen(path, "ae");
    if (!store->progress)
        return rondo_error_set(err, RONDO_EINPUT, path, NULL, "cannot write: %s", strerror(errno));
    return RONDO_OK;
}

/* But for the time. */
static bool says_the_same(const struct rondo_buf *a, const struct rondo_buf *b)
{
    const unsigned char *from_a = a->size ? memchr(a->data, ',', a->size) : NULL;
    const unsigned char *from_b = b->size ? memchr(b->data, ',', b->size) : NULL;
    if (!from_a || !from_b)
        return false;
    size_t size = a->size - (size_t)(from_a - a->data);
    return size == b->size - (size_t)(from_b - b->data) && memcmp(from_a, from_b, size) == 0;
}

int store_progress(struct store *store, double t_seconds, int64_t round, int64_t updates,
                   const struct rondo_report *report, struct rondo_error *err)
{
    store->line.size = 0;
    int code = result_progress(&store->line, t_seconds, round, updates, report);
    if (code)
        return rondo_error_set(err, code, NULL, NULL, "no memory");
    if (says_the_same(&store->line, &store->last))
        return RONDO_OK;
    struct rondo_buf last = store->last;
    store->last = store->line;
    store->line = last;
    fwrite(store->last.data, 1, store->last.size, store->progress);
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
    store->lock = store->reserve = -1;
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
    store->made = !code && !exists(store, ".");
    if (!code && file_make_dir(store->dir, err))
        code = RONDO_EINPUT;
    if (!code)
        code = lock_folder(store, err);
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

/* What an earlier job left, so that nothing of it stands beside this one's. */
static void remove_stale(const struct store *store)
{
    static const char *const ours[] = { checkpoint_name, "result.json", "trace.db", "trace.db-wal",
                                        "trace.db-shm", "trace.db-journal" };
    char path[4096];
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        path_of(store, ours[i], path, sizeof path);
        unlink(path);
    }
    const struct rondo_app *app;
    for (int a = 0; (app = registry_at(a)); a++)
        for (int i = 0; app->files && app->files[i]; i++) {
            path_of(store, app->files[i], path, sizeof path);
            unlink(path);
        }
}

/* The folder is ours alone by now: what was being written when a run was killed is nobody's. */
static void remove_unfinished(const struct store *store)
{
    static const char *const ours[] = { checkpoint_name, spec_name, progress_name, "result.json" };
    const struct rondo_app *app = job_app(store->job);
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        file_sweep(store->dir, ours[i]);
    for (int i = 0; app->files && app->files[i]; i++)
        file_sweep(store->dir, app->files[i]);
}

/* A job that fills the disk has still to say so. */
static void hold_reserve(struct store *store)
{
    char path[4096];
    path_of(store, "result.json.reserve", path, sizeof path);
    store->reserve = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (store->reserve < 0)
        return;
    unlink(path); /* gone with the process, whatever becomes of it */
    (void)!posix_fallocate(store->reserve, 0, RESERVE_BYTES); /* as much as there is */
}

static void give_up(struct store *store)
{
    for (int i = 0; i < store->files; i++)
        file_abandon(&store->file[i]);
    if (store->reserve >= 0)
        close(store->reserve);
    store->reserve = -1;
}

int store_begin(struct store *store, struct rondo_error *err)
{
    char result[4096];
    path_of(store, "result.json", result, sizeof result);
    if (store->resume)
        unlink(result); /* until the job ends again nothing says that it has: is_unfinished */
    else
        remove_stale(store);
    remove_unfinished(store);
    hold_reserve(store);
    int code = write_spec(store, err);
    return code ? code : open_progress(store, err);
}

bool store_begun(const struct store *store)
{
    return store->progress != NULL;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    give_up(store);
    if (store->progress)
        fclose(store->progress);
    else if (store->made)
        rmdir(store->dir); /* a refused job leaves nothing; a folder that is not empty stays */
    if (store->lock >= 0)
        close(store->lock);
    buf_fini(&store->line);
    buf_fini(&store->last);
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
    struct rondo_error why = { 0 };
    give_up(store); /* model files that were not published, and the reserve */
    (void)sync_spec(store, &why); /* no reason to say nothing of the job */
    return result_write(store->dir, result, err);
}

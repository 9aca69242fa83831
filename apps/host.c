#include "apps/host.h"

#include "core/base/each.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/spill.h"
#include "core/data/fingerprint.h"
#include "core/data/mapping.h"
#include "core/data/shelf.h"
#include "core/data/vocabulary.h"
#include "core/job/keys.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROLES_MOST = 16, NOTES_MOST = 16 };

/* What a process keeps beside a job. */
struct loaded {
    struct data_set *set[ROLES_MOST]; /* in the order of the app's roles; NULL: not named, or words */
    struct rondo_words *words[ROLES_MOST];
    bool spills; /* spill_end is due */
    bool known; /* the fingerprint is */
    uint64_t fingerprint;
    char *note[NOTES_MOST + 1];       /* NULL-ended */
    int notes;
    const char *isa;
    int32_t threads;
    struct team team;
};

static int roles_of(const struct rondo_app *app)
{
    int count = 0;
    while (app->roles[count].key)
        count++;
    return count;
}

static int role_at(const struct rondo_app *app, const char *key)
{
    for (int i = 0; app->roles[i].key; i++)
        if (strcmp(app->roles[i].key, key) == 0)
            return i;
    return -1;
}

/* ---- the instruction set ------------------------------------------------------------------------- */

static int level_of_machine(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
              && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
    bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
              && __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq")
              && __builtin_cpu_supports("avx512vl");
    return v4 ? 4 : v3 ? 3 : 2;
#else
    return 2;
#endif
}

static const char *const isa_names[] = { "x86-64-v2", "x86-64-v3", "x86-64-v4" };

const char *host_isa_best(void)
{
    return isa_names[level_of_machine() - 2];
}

const char *host_isa_of(const struct rondo_job *job)
{
    const char *asked = job_text(job, "workers.isa");
    for (size_t i = 0; i < sizeof isa_names / sizeof *isa_names; i++)
        if (strcmp(asked, isa_names[i]) == 0)
            return isa_names[i];
    return host_isa_best();
}

static int choose_isa(const struct rondo_job *job, struct loaded *loaded, struct rondo_error *err)
{
    loaded->isa = host_isa_of(job);
    if (strcmp(loaded->isa, host_isa_best()) <= 0) /* their names are in order */
        return RONDO_OK;
    char where[256];
    job_where(job, "workers.isa", where, sizeof where);
    return rondo_error_set(err, RONDO_EINPUT, where, NULL, "this machine offers %s at most",
                           host_isa_best());
}

/* ---- notes --------------------------------------------------------------------------------------- */

static bool has_note(const struct loaded *loaded, const char *text)
{
    for (int i = 0; i < loaded->notes; i++)
        if (strcmp(loaded->note[i], text) == 0)
            return true;
    return false;
}

/* Rounds that are replayed say what they have said before: it is noted once. */
static void say(const struct rondo_job *job, const char *text)
{
    struct loaded *loaded = job_bound(job);
    char *copy = loaded->notes < NOTES_MOST && !has_note(loaded, text) ? mem_strdup(text) : NULL;
    if (copy)
        loaded->note[loaded->notes++] = copy;
    log_line(LOG_INFO, "%s", text);
}

/* ---- data -------------------------------------------------------------------------------------------- */

void host_place(const struct rondo_job *job, const char *key, struct rondo_error *err)
{
    struct rondo_error said = *err;
    char where[sizeof said.where];
    if (!err->where[0] || strncmp(err->where, job_text(job, key), sizeof err->where - 1) != 0)
        return;
    *err = (struct rondo_error){ 0 };
    job_where(job, key, where, sizeof where);
    rondo_error_set(err, said.code, where, said.hint, "%s: %s", said.where, said.what);
}

/* The path of a role's file, NULL where the spec names none. */
static const char *path_of(const struct rondo_job *job, const char *role)
{
    char key[128];
    keys_of_role(role, key, sizeof key);
    return job_is_file(job, key) ? job_text(job, key) : NULL;
}

/* Does the spec name a vector that takes the place of this matrix's labels? */
static bool has_other_labels(const struct rondo_job *job, const struct rondo_role *matrix)
{
    for (const struct rondo_role *role = job_app(job)->roles; role->key; role++)
        if (role->kind == RONDO_ROLE_VECTOR && role->labels_of && strcmp(role->labels_of, matrix->key) == 0
            && path_of(job, role->key))
            return true;
    return false;
}

/* Who the ratings of another role are, once they are loaded. */
static const struct rondo_ids *known_to(const struct rondo_job *job, const struct rondo_role *role)
{
    const struct loaded *loaded = job_bound(job);
    int of = role->labels_of ? role_at(job_app(job), role->labels_of) : -1;
    return loaded && of >= 0 && loaded->set[of] ? loaded->set[of]->ids : NULL;
}

int host_options(const struct rondo_job *job, int index, struct data_options *options,
                 struct rondo_error *err)
{
    const struct rondo_role *role = &job_app(job)->roles[index];
    *options = (struct data_options){ .index_base = (int)job_integer(job, "data.index_base"),
                                      .vector = role->kind == RONDO_ROLE_VECTOR,
                                      .packed = role->kind == RONDO_ROLE_PACKED,
                                      .counts = role->kind == RONDO_ROLE_COUNTS,
                                      .ratings = role->kind == RONDO_ROLE_RATINGS,
                                      .resident = job_resident_bytes(job) };
    if (options->ratings)
        return RONDO_OK;
    if (has_other_labels(job, role))
        options->labels = DATA_LABELS_UNUSED;
    const char *bearer = role->labels_of ? path_of(job, role->labels_of) : NULL;
    if (!bearer)
        return RONDO_OK;
    if (data_is_bed(bearer))
        options->people = bearer;
    const char *key = role->kind == RONDO_ROLE_VECTOR ? "data.phenotype" : "data.covariate_names";
    if (!job_given(job, key))
        return RONDO_OK;
    options->column = job_text(job, key);
    if (path_of(job, role->key))
        return RONDO_OK;
    char where[256];
    job_where(job, key, where, sizeof where);
    return rondo_error_set(err, RONDO_EINPUT, where, NULL,
                           "it names a column of data.%s, which is not given", role->key);
}

/* Nobody is told of a vector: it is a column. */
static void say_copied(const struct rondo_job *job, const char *key)
{
    char text[256];
    snprintf(text, sizeof text,
             "%s is copied into memory, whatever limits.resident says: mapped are .bed and plain .npy of "
             "<f8 in Fortran order", key);
    say(job, text);
}

struct remark {
    const struct rondo_job *job;
    const char *key;
};

static void say_remark(void *context, const char *text)
{
    const struct remark *remark = context;
    char line[256];
    snprintf(line, sizeof line, "%.80s: %s", remark->key, text);
    say(remark->job, line);
}

static int load_role(const struct rondo_job *job, struct loaded *loaded, int index,
                     const char *shelf, struct rondo_error *err)
{
    const struct rondo_role *role = &job_app(job)->roles[index];
    char key[128];
    keys_of_role(role->key, key, sizeof key);
    struct data_options options;
    int code = host_options(job, index, &options, err);
    if (code || !job_is_file(job, key))
        return code;
    bool words = role->kind == RONDO_ROLE_WORDS, checked = options.counts || options.ratings;
    options.known = options.ratings ? known_to(job, role) : NULL;
    code = words ? vocabulary_load(job_text(job, key), &loaded->words[index], err)
                 : shelf_load(shelf, job_text(job, key), &options, &loaded->set[index], err);
    if (code)
        host_place(job, key, err);
    else if (options.resident && !options.vector && !words && !checked && !loaded->set[index]->info.mapped)
        say_copied(job, key);
    if (!code && checked)
        code = data_remarks(loaded->set[index], say_remark, &(struct remark){ job, key }, err);
    return code;
}

/* Half of the machine's memory where a role's counts as a matrix would take more, else 0.  A small file is not
 * looked at: none has less than a byte for an entry of twelve. */
static int64_t cap_of_machine(const struct rondo_job *job, int index)
{
    int64_t half = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE) / 2;
    char key[128];
    struct stat file;
    struct data_options options;
    struct data_info info;
    keys_of_role(job_app(job)->roles[index].key, key, sizeof key);
    const char *path = job_is_file(job, key) ? job_text(job, key) : NULL;
    if (!path || stat(path, &file) != 0 || file.st_size < half / 12 || host_options(job, index, &options, NULL)
        || data_inspect(path, &options, &info, NULL))
        return 0;
    return (int64_t)info.bytes > half ? half : 0;
}

/* Counts are never pages of their file: a cap on them is a cap on what is made of them. */
static int begin_spill(const struct rondo_job *job, struct loaded *loaded, const char *disk,
                       struct rondo_error *err)
{
    int64_t cap = 0;
    for (int i = 0; job_app(job)->roles[i].key && !cap; i++)
        if (job_app(job)->roles[i].kind == RONDO_ROLE_COUNTS)
            cap = job_given(job, "limits.resident") ? job_resident_bytes(job) : cap_of_machine(job, i);
    if (!cap)
        return RONDO_OK;
    if (!disk) {
        say(job, "limits.resident: there is no folder for what is beyond it, all stays in memory");
        return RONDO_OK;
    }
    int code = spill_begin(disk, cap, err);
    loaded->spills = !code;
    return code;
}

/* Ratings whose numbers are another role's come behind it. */
static int load_roles(const struct rondo_job *job, struct loaded *loaded, const char *shelf, struct rondo_error *err)
{
    int roles = roles_of(job_app(job)), code = RONDO_OK;
    for (int i = 0; i < roles; i++)
        if (job_app(job)->roles[i].kind == RONDO_ROLE_RATINGS)
            mem_give_back(); /* they are parsed by way of as much memory again */
    for (int turn = 0; turn < 2; turn++)
        for (int i = 0; i < roles && !code; i++) {
            const struct rondo_role *role = &job_app(job)->roles[i];
            bool later = role->kind == RONDO_ROLE_RATINGS && role->labels_of;
            if (later == (turn == 1))
                code = load_role(job, loaded, i, shelf, err);
        }
    return code;
}

int host_load(struct rondo_job *job, const char *shelf, const char *disk, struct rondo_error *err)
{
    struct loaded *loaded = mem_calloc(1, sizeof *loaded);
    if (!loaded)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for a job");
    team_init(&loaded->team);
    job_bind(job, loaded);
    int code = roles_of(job_app(job)) <= ROLES_MOST
                   ? choose_isa(job, loaded, err)
                   : rondo_error_set(err, RONDO_EAPP, NULL, NULL, "the app has too many roles");
    if (!code)
        code = begin_spill(job, loaded, disk, err);
    if (!code)
        code = load_roles(job, loaded, shelf, err);
    if (code) {
        host_unload(job);
        return rondo_error_set(err, code, NULL, NULL, "the data cannot be loaded: %s",
                               rondo_strerror(code));
    }
    return RONDO_OK;
}

void host_unload(struct rondo_job *job)
{
    struct loaded *loaded = job_bound(job);
    if (!loaded)
        return;
    for (int i = 0; i < ROLES_MOST; i++) {
        data_free(loaded->set[i]);
        vocabulary_free(loaded->words[i]);
    }
    for (int i = 0; i < loaded->notes; i++)
        mem_free(loaded->note[i]);
    team_fini(&loaded->team);
    if (loaded->spills)
        spill_end();
    mem_free(loaded);
    job_bind(job, NULL);
}

const char *const *host_notes(const struct rondo_job *job)
{
    struct loaded *loaded = job_bound(job);
    return (const char *const *)loaded->note;
}

const char *host_isa(const struct rondo_job *job)
{
    const struct loaded *loaded = job_bound(job);
    return loaded->isa;
}

/* ---- whether the data are the same -------------------------------------------------------------------- */

uint64_t host_fingerprint(const struct rondo_job *job)
{
    struct loaded *loaded = job_bound(job);
    uint64_t hash = FINGERPRINT_BEGIN;
    for (int i = 0; i < ROLES_MOST && !loaded->known; i++)
        if (loaded->set[i])
            hash = fingerprint_set(hash, loaded->set[i]);
        else if (loaded->words[i])
            hash = vocabulary_digest(hash, loaded->words[i]);
    loaded->fingerprint = loaded->known ? loaded->fingerprint : hash;
    loaded->known = true;
    return loaded->fingerprint;
}

/* A worker asks after each task, of some microseconds: there is no word made but of what is wrong. */
int host_intact(const struct rondo_job *job, struct rondo_error *err)
{
    const struct loaded *loaded = job_bound(job);
    int i = 0;
    while (i < ROLES_MOST && (!loaded->set[i] || !data_intact(loaded->set[i], NULL, NULL)))
        i++;
    if (i == ROLES_MOST)
        return RONDO_OK;
    char key[128];
    keys_of_role(job_app(job)->roles[i].key, key, sizeof key);
    int code = data_intact(loaded->set[i], job_text(job, key), err);
    host_place(job, key, err);
    return code;
}

/* ---- upcalls ------------------------------------------------------------------------------------------- */

static void touch(const struct rondo_job *job, const void *at, size_t bytes)
{
    const struct loaded *loaded = job_bound(job);
    for (int i = 0; i < ROLES_MOST; i++)
        if (loaded->set[i] && loaded->set[i]->map && mapping_holds(loaded->set[i]->map, at)) {
            mapping_touch(loaded->set[i]->map, at, bytes);
            return;
        }
    spill_said(bytes);
}

static const struct rondo_matrix *matrix(const struct rondo_job *job, const char *key)
{
    const struct loaded *loaded = job_bound(job);
    const struct rondo_app *app = job_app(job);
    int index = role_at(app, key);
    if (index < 0)
        return NULL;
    if (loaded->set[index])
        return &loaded->set[index]->x;
    const char *of = app->roles[index].kind == RONDO_ROLE_VECTOR ? app->roles[index].labels_of : NULL;
    int bearer = of ? role_at(app, of) : -1;
    if (bearer < 0 || !loaded->set[bearer] || !loaded->set[bearer]->info.labels)
        return NULL;
    return &loaded->set[bearer]->labels;
}

static const struct rondo_words *words(const struct rondo_job *job, const char *key)
{
    const struct loaded *loaded = job_bound(job);
    int index = role_at(job_app(job), key);
    return index < 0 ? NULL : loaded->words[index];
}

static const struct rondo_ids *ids(const struct rondo_job *job, const char *key)
{
    const struct loaded *loaded = job_bound(job);
    int index = role_at(job_app(job), key);
    return index < 0 || !loaded->set[index] ? NULL : loaded->set[index]->ids;
}

/* The fingerprint is of what will be gone. */
static void release(const struct rondo_job *job, const char *key)
{
    struct loaded *loaded = job_bound(job);
    int index = role_at(job_app(job), key);
    if (index < 0 || !loaded->set[index])
        return;
    (void)host_fingerprint(job);
    data_release(loaded->set[index]);
}

void host_threads(struct rondo_job *job, int32_t threads)
{
    struct loaded *loaded = job_bound(job);
    loaded->threads = threads;
}

struct team *host_team(const struct rondo_job *job)
{
    struct loaded *loaded = job_bound(job);
    return &loaded->team;
}

static int each(const struct rondo_job *job, int64_t parts, int (*part)(void *context, int64_t index),
                void *context)
{
    struct loaded *loaded = job_bound(job);
    return loaded->threads > 0 ? each_part(loaded->threads, parts, part, context)
                               : team_each(&loaded->team, parts, part, context);
}

void host_init(struct rondo_host *host, const struct host_upcalls *upcalls)
{
    *host = (struct rondo_host){
        .abi = RONDO_APP_ABI, .size = sizeof *host,
        .alloc = mem_alloc, .zalloc = mem_calloc, .free = mem_free, .reserve = buf_reserve,
        .given = job_given, .real = job_real, .integer = job_integer, .flag = job_flag,
        .text = job_text, .where = job_where, .matrix = matrix, .isa = host_isa, .say = say,
        .feed = upcalls->feed, .feed_all = upcalls->feed_all,
        .block = upcalls->block, .shard = upcalls->shard, .create = upcalls->create, .each = each,
        .memory = job_memory_bytes, .touch = touch, .words = words, .release = release,
        .ids = ids,
    };
}

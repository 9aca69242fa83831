#include "workers/fetch.h"

#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/tidy.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

struct fetch {
    struct fetch_options options;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t wake;
    struct rondo_buf part[FETCH_AHEAD]; /* a ring of bodies that have come */
    uint32_t head, count;
    bool given_up, too_many;
};

int fetch_create(const struct fetch_options *options, struct fetch **out, struct rondo_error *err)
{
    struct fetch *fetch = mem_calloc(1, sizeof *fetch);
    if (!fetch)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "no memory for a job");
    fetch->options = *options;
    pthread_mutex_init(&fetch->mutex, NULL);
    pthread_cond_init(&fetch->wake, NULL);
    *out = fetch;
    return RONDO_OK;
}

void fetch_destroy(struct fetch *fetch)
{
    if (!fetch)
        return;
    for (int i = 0; i < FETCH_AHEAD; i++)
        buf_fini(&fetch->part[i]);
    pthread_cond_destroy(&fetch->wake);
    pthread_mutex_destroy(&fetch->mutex);
    mem_free(fetch);
}

/* ---- parts ----------------------------------------------------------------------------------------- */

void fetch_part(struct fetch *fetch, struct rondo_buf *body)
{
    pthread_mutex_lock(&fetch->mutex);
    if (fetch->count < FETCH_AHEAD && !fetch->given_up) {
        fetch->part[(fetch->head + fetch->count++) % FETCH_AHEAD] = *body;
        *body = (struct rondo_buf){ 0 };
    } else {
        fetch->too_many = true;
    }
    pthread_cond_signal(&fetch->wake);
    pthread_mutex_unlock(&fetch->mutex);
    buf_fini(body);
}

void fetch_give_up(struct fetch *fetch)
{
    pthread_mutex_lock(&fetch->mutex);
    fetch->given_up = true;
    pthread_cond_signal(&fetch->wake);
    pthread_mutex_unlock(&fetch->mutex);
}

static int next_part(struct fetch *fetch, struct rondo_buf *body)
{
    pthread_mutex_lock(&fetch->mutex);
    while (!fetch->count && !fetch->given_up && !fetch->too_many)
        pthread_cond_wait(&fetch->wake, &fetch->mutex);
    int code = fetch->given_up ? RONDO_ECANCELED : fetch->too_many ? RONDO_ESTATE : RONDO_OK;
    if (!code) {
        *body = fetch->part[fetch->head];
        fetch->part[fetch->head] = (struct rondo_buf){ 0 };
        fetch->head = (fetch->head + 1) % FETCH_AHEAD;
        fetch->count--;
    }
    pthread_mutex_unlock(&fetch->mutex);
    return code;
}

static int ask(struct fetch *fetch, uint32_t file, uint64_t offset, uint64_t size)
{
    struct rondo_buf body = { 0 };
    struct session_get get = { file, offset, size < SESSION_PART ? (uint32_t)size : SESSION_PART };
    struct frame frame = { .type = FRAME_GET, .session = fetch->options.session };
    int code = session_put_get(&get, &body);
    if (!code)
        code = conn_send(fetch->options.conn, &frame, &(struct rondo_bytes){ body.data, body.size },
                         1);
    buf_fini(&body);
    return code;
}

/* Writes one part, which must be the one that comes next. */
static int take(struct fetch *fetch, uint32_t file, uint64_t at, FILE *into, uint64_t *got)
{
    struct rondo_buf body = { 0 };
    struct session_part part;
    int code = next_part(fetch, &body);
    if (!code)
        code = session_get_part((struct rondo_bytes){ body.data, body.size }, &part);
    if (!code && (part.file != file || part.offset != at || !part.bytes.size))
        code = RONDO_EIO; /* the coordinator cannot read it any more, or it was cut short */
    if (!code && fwrite(part.bytes.data, 1, part.bytes.size, into) != part.bytes.size)
        code = RONDO_EIO;
    *got = code ? 0 : part.bytes.size;
    buf_fini(&body);
    return code;
}

static int transfer(struct fetch *fetch, uint32_t file, FILE *into, struct rondo_error *err)
{
    const struct session_file *what = &fetch->options.open->file[file];
    uint64_t asked = 0, have = 0;
    int code = RONDO_OK;
    while (have < what->size && !code) {
        errno = 0;
        while (asked < what->size && asked - have < (uint64_t)FETCH_AHEAD * SESSION_PART && !code) {
            code = ask(fetch, file, asked, what->size - asked);
            asked += what->size - asked < SESSION_PART ? what->size - asked : SESSION_PART;
        }
        uint64_t got = 0;
        if (!code)
            code = take(fetch, file, have, into, &got);
        have += got;
    }
    if (code && code != RONDO_ECANCELED)
        rondo_error_set(err, code, what->path.data, NULL, "it cannot be fetched: %s",
                        errno ? strerror(errno) : rondo_strerror(code));
    return code;
}

/* ---- places ---------------------------------------------------------------------------------------- */

static bool is_here(const char *path, uint64_t size)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode) && (uint64_t)info.st_size == size;
}

/* Behind the last file that belongs to the first. */
static int32_t group_end(const struct session_open *open, int32_t first)
{
    int32_t end = first + 1;
    while (end < open->files && *(const char *)open->file[end].key.data == 0)
        end++;
    return end;
}

static const char *name_of(const struct session_file *file)
{
    const char *path = file->path.data, *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* CACHE/HASH of path, size and time of each file of a group: there they lie under their own names,
 * which say the format and what belongs together. */
static int place(const struct fetch *fetch, int32_t first, int32_t end, char *dir,
                 struct rondo_error *err)
{
    char hex[65] = "";
    for (int32_t i = first; i < end; i++) {
        const struct session_file *file = &fetch->options.open->file[i];
        const char *path = file->path.data, *name = name_of(file);
        char word[FETCH_PATH + 192];
        int length = snprintf(word, sizeof word, "%s%s\n%llu\n%llu", hex, path,
                              (unsigned long long)file->size, (unsigned long long)file->stamp);
        if (length < 0 || (size_t)length >= sizeof word || !*name || *name == '.')
            return rondo_error_set(err, RONDO_EINPUT, path, NULL, "no name for a data file");
        file_sha256_of(word, (size_t)length, hex);
        length = snprintf(dir, FETCH_PATH, "%s/%.32s", fetch->options.cache, hex);
        if (length < 0 || (size_t)length + strlen(name) + 2 > FETCH_PATH)
            return rondo_error_set(err, RONDO_EINPUT, path, NULL, "its name is too long");
    }
    return RONDO_OK;
}

static int bring(struct fetch *fetch, int32_t number, const char *dir, char *path,
                 struct rondo_error *err)
{
    const struct session_file *file = &fetch->options.open->file[number];
    const char *name = name_of(file);
    snprintf(path, FETCH_PATH, "%.3500s/%.500s", dir, name);
    if (!fetch->options.open->fetch && is_here(path, file->size)) {
        tidy_used(dir);
        return RONDO_OK;
    }
    (void)tidy_room(fetch->options.cache, file->size, 0); /* it is needed whether it fits or not */
    log_line(LOG_INFO, "fetching %s, %llu bytes", (const char *)file->path.data,
             (unsigned long long)file->size);
    struct file_atomic out;
    int code = file_make_own_dir(dir, err);
    if (!code)
        code = file_begin(&out, dir, name, err);
    if (code)
        return code;
    code = transfer(fetch, (uint32_t)number, out.stream, err);
    if (!code)
        return file_commit(&out, err);
    file_abandon(&out);
    return code;
}

/* A group is read where the coordinator sees it, if all of it is here, else from the cache. */
static int bring_group(struct fetch *fetch, int32_t first, int32_t end,
                       struct fetch_places *places, struct rondo_error *err)
{
    const struct session_open *open = fetch->options.open;
    char dir[FETCH_PATH];
    bool here = !open->fetch;
    for (int32_t i = first; i < end; i++) {
        if (open->file[i].path.size >= FETCH_PATH)
            return rondo_error_set(err, RONDO_EINPUT, NULL, NULL, "a data file's name is too long");
        here = here && is_here(open->file[i].path.data, open->file[i].size);
    }
    int code = here ? RONDO_OK : place(fetch, first, end, dir, err);
    for (int32_t i = first; i < end && !code; i++)
        if (here)
            snprintf(places->path[i], sizeof places->path[i], "%s",
                     (const char *)open->file[i].path.data);
        else
            code = bring(fetch, i, dir, places->path[i], err);
    return code;
}

int fetch_files(struct fetch *fetch, struct fetch_places *places, struct rondo_error *err)
{
    const struct session_open *open = fetch->options.open;
    int code = RONDO_OK;
    for (int32_t first = 0, end; first < open->files && !code; first = end) {
        end = group_end(open, first);
        code = bring_group(fetch, first, end, places, err);
    }
    return code;
}

#include "core/job/paths.h"

#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/job/jsonout.h"
#include "core/job/keys.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef PATH_MAX
#define PATH_MAX 4096
#endif

/* The folder as the system knows it; where it is not there, as it is written. */
static bool whole_base(const char *base, char out[PATH_MAX])
{
    if (realpath(*base ? base : ".", out))
        return true;
    if (*base == '/')
        return snprintf(out, PATH_MAX, "%s", base) < PATH_MAX;
    char here[PATH_MAX];
    if (!getcwd(here, sizeof here))
        return false;
    size_t used = strlen(here), length = strlen(base);
    if (used + length + 2 > PATH_MAX)
        return false;
    memcpy(out, here, used);
    out[used] = '/';
    memcpy(out + used + 1, base, length + 1);
    return true;
}

/* Drops "." and empty parts in place; ".." stays, since a link may stand before it. */
static void tidy(char *path)
{
    char *to = path;
    for (const char *at = path; *at;) {
        at += strspn(at, "/");
        size_t length = strcspn(at, "/");
        if (length > 0 && !(length == 1 && *at == '.')) {
            *to++ = '/';
            memmove(to, at, length);
            to += length;
        }
        at += length;
    }
    if (to == path)
        *to++ = '/';
    *to = 0;
}

static bool is_utf8(const char *text)
{
    while (*text) {
        int count = jsonout_utf8(text);
        if (!count)
            return false;
        text += count;
    }
    return true;
}

static int make_absolute(struct field *field, const char *base)
{
    size_t size = strlen(base) + strlen(field->text) + 3;
    char *path = mem_alloc(size);
    if (!path)
        return RONDO_ENOMEM;
    if (field->text[0] == '/')
        snprintf(path, size, "%s", field->text);
    else
        snprintf(path, size, "/%s/%s", base, field->text);
    tidy(path);
    field->relative = field->text[0] != '/';
    mem_free(field->text);
    field->text = path;
    return RONDO_OK;
}

/* A file in a folder, behind which it stands in the table.  Where it is optional and not there, it is not given. */
static int find_inside(const struct rondo_job *job, struct field *field)
{
    char key[FIELD_KEY_MAX];
    struct stat info;
    bool is = field_folder_key(field->key, key);
    const struct field *folder = is ? field_find(job, key) : NULL;
    if (!folder || !folder->text)
        return RONDO_OK;
    const char *name = field->key + strlen(key);
    size_t size = strlen(folder->text) + strlen(name) + 1;
    char *path = mem_alloc(size);
    if (!path)
        return RONDO_ENOMEM;
    field->source = folder->source;
    field->line = folder->line;
    field->column = folder->column;
    field->set_length = folder->set_length;
    field->relative = folder->relative;
    snprintf(path, size, "%s%s", folder->text, name);
    field->text = path;
    char *member = path + (file_member(path) ? file_member(path) - path : 0);
    if (member > path)
        member[-1] = 0;
    if (!field->role->required && stat(path, &info) != 0)
        field->source = FIELD_ABSENT;
    if (member > path)
        member[-1] = '/';
    return RONDO_OK;
}

int paths_absolute(struct rondo_job *job, const char *base, struct rondo_error *err)
{
    char whole[PATH_MAX];
    if (!whole_base(base, whole) || !is_utf8(whole))
        return rondo_error_set(err, RONDO_EINPUT, job->origin, NULL,
                               "the name of the spec's folder is too long or not UTF-8");
    for (int i = 0; i < job->count; i++) {
        struct field *field = &job->fields[i];
        bool path = field->text && (field->role || keys_extra(field->key)->path);
        int code = field->inside ? find_inside(job, field) : path ? make_absolute(field, whole) : RONDO_OK;
        if (code)
            return code;
    }
    return RONDO_OK;
}

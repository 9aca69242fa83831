/* scratch.h - a folder of files for one test, and the two questions asked of a reader.
 *
 * Place:   tests/unit/core_data, header only.
 * Threads: one.
 * Memory:  scratch_load gives owned data (data_free); paths are static, two at a time.
 */
#ifndef SCRATCH_H
#define SCRATCH_H

#include "core/base/mem.h"
#include "core/data/data.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char scratch_dir[512];

static inline void scratch_begin(void)
{
    const char *base = getenv("TMPDIR");
    snprintf(scratch_dir, sizeof scratch_dir, "%.400s/rondo-data-XXXXXX", base ? base : "/tmp");
    cr_assert(mkdtemp(scratch_dir) != NULL);
}

static inline void scratch_end(void)
{
    char path[1024];
    DIR *dir = opendir(scratch_dir);
    for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;) {
        snprintf(path, sizeof path, "%s/%s", scratch_dir, entry->d_name);
        if (entry->d_name[0] != '.')
            remove(path);
    }
    if (dir)
        closedir(dir);
    rmdir(scratch_dir);
}

/* Skips the running test, which then never comes to its end. */
#define scratch_skip(why)                                                                          \
    do {                                                                                           \
        scratch_end();                                                                             \
        cr_skip_test(why);                                                                         \
    } while (0)

/* DIR/NAME; one of two buffers, so that two names can be held at once. */
static inline const char *scratch_path(const char *name)
{
    static char paths[2][1024];
    static int next;
    next = !next;
    snprintf(paths[next], sizeof paths[next], "%s/%s", scratch_dir, name);
    return paths[next];
}

static inline const char *scratch_bytes(const char *name, const void *bytes, size_t size)
{
    const char *path = scratch_path(name);
    FILE *file = fopen(path, "wb");
    cr_assert(file != NULL);
    cr_assert_eq(fwrite(bytes, 1, size, file), size);
    cr_assert_eq(fclose(file), 0);
    return path;
}

static inline const char *scratch_text(const char *name, const char *text)
{
    return scratch_bytes(name, text, strlen(text));
}

static const struct data_options scratch_one = { .index_base = 1 };
static const struct data_options scratch_zero = { .index_base = 0 };
static const struct data_options scratch_vector = { .index_base = 1, .vector = true };

/* Loads what must load, and looks at it first: both must tell the same shape. */
static inline struct data_set *scratch_load(const char *path, const struct data_options *options)
{
    struct rondo_error err = { 0 };
    struct data_info info;
    struct data_set *set = NULL;
    cr_assert_eq(data_inspect(path, options, &info, &err), RONDO_OK, "%s: %s", err.where, err.what);
    cr_assert_eq(data_load(path, options, &set, &err), RONDO_OK, "%s: %s", err.where, err.what);
    cr_assert_eq(info.rows, set->x.rows);
    cr_assert_eq(info.cols, set->x.cols);
    cr_assert_eq(info.nnz, set->x.nnz);
    cr_assert_eq(info.sparse, set->x.sparse);
    cr_assert_eq(info.labels, set->labels.rows > 0);
    cr_assert_eq(info.bytes, set->x.bytes);
    cr_assert_eq(info.format, set->info.format);
    cr_assert_eq(info.bytes, set->info.bytes);
    return set;
}

/* Loading must fail with these words (and hint, unless NULL), at the file's `line` (0: the file as
 * a whole), and leave no block behind. */
static inline void scratch_refuses(const char *path, const struct data_options *options, int line,
                                   const char *words, const char *hint)
{
    char where[1100];
    struct rondo_error err = { 0 };
    struct data_set *set = NULL;
    int64_t live = mem_live();
    snprintf(where, sizeof where, line ? "%s:%d" : "%s", path, line);
    cr_assert_eq(data_load(path, options, &set, &err), RONDO_EINPUT, "%s was read", path);
    cr_assert_eq(err.code, RONDO_EINPUT);
    cr_assert_null(set);
    cr_expect_str_eq(err.where, where);
    cr_expect(strstr(err.what, words) != NULL, "\"%s\" lacks \"%s\"", err.what, words);
    if (hint)
        cr_expect(strstr(err.hint, hint) != NULL, "\"%s\" lacks \"%s\"", err.hint, hint);
    cr_expect_eq(mem_live(), live);
}

/* Entry (i, j), whichever way it is stored. */
static inline double scratch_at(const struct rondo_matrix *x, int64_t i, int64_t j)
{
    if (!x->sparse)
        return x->dense[i + j * x->ld];
    for (int64_t at = x->colptr[j]; at < x->colptr[j + 1]; at++)
        if (x->rowidx[at] == i)
            return x->values[at];
    return 0;
}

#endif

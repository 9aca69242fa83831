/* ratings_mtx.c - a matrix as ratings: Matrix Market's coordinates, whose ids are their numbers from 1, and ratings
 * that shall have the numbers of others. */
#include "core/base/mem.h"
#include "core/data/ids.h"
#include "core/data/mapping.h"
#include "core/data/matrix.h"
#include "core/data/readers.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* The known ids, then its own, NULL: 1 to count, but for those that are known; number [count]: which each has. */
static int name_side(const struct rondo_words *known, const struct rondo_words *own, int64_t count, struct ids *ids, int32_t *number)
{
    char text[24];
    for (int64_t i = 0; known && i < known->count; i++) {
        size_t size = strlen(known->word[i]);
        if (ids_add(ids, ids_key(known->word[i], size), known->word[i], size))
            return RONDO_ENOMEM;
    }
    for (int64_t i = 0; i < count; i++) {
        const char *name = own ? own->word[i] : text;
        size_t size = own ? strlen(name) : (size_t)snprintf(text, sizeof text, "%lld", (long long)i + 1);
        uint64_t key = ids_key(name, size);
        int64_t found = known ? ids_find(ids, key, name, size) : -1;
        if (found < 0 && ids_add(ids, key, name, size))
            return RONDO_ENOMEM;
        number[i] = (int32_t)(found < 0 ? ids->count - 1 : found);
    }
    return RONDO_OK;
}

/* x with row i at user[i] and column j at item[j], of rows x cols; values become floats. */
static int renumber(const struct rondo_matrix *x, int64_t rows, int64_t cols, const int32_t *user,
                    const int32_t *item, struct rondo_matrix *out, const char *path, struct rondo_error *err)
{
    struct matrix_counts counts;
    struct matrix_sparse to = { 0 };
    int code = matrix_counts_init(&counts);
    counts.settled = true; /* there is a name for each column */
    for (int64_t j = 0; j < x->cols && !code; j++)
        for (int64_t at = x->colptr[j]; at < x->colptr[j + 1] && !code; at++)
            code = matrix_count(&counts, item[j]);
    if (code)
        rondo_error_set(err, code, path, NULL, "out of memory");
    else
        code = matrix_sparse_begin(&to, &counts, rows, cols, path, err);
    for (int64_t j = 0; j < x->cols && !code; j++)
        for (int64_t at = x->colptr[j]; at < x->colptr[j + 1] && !code; at++)
            if (!matrix_put(&to, user[x->rowidx[at]], item[j], (double)(float)x->values[at]))
                code = matrix_changed(path, err);
    if (!code)
        code = matrix_sparse_end(&to, out, path, err);
    matrix_counts_fini(&counts);
    matrix_sparse_fini(&to);
    return code;
}

static int check(const struct rondo_matrix *x, const char *path, struct rondo_error *err)
{
    if (x->nnz == 0)
        return rondo_error_set(err, RONDO_EINPUT, path, NULL, "no entry of it is a rating");
    if (!matrix_believes(x->rows, x->nnz) || !matrix_believes(x->cols, x->nnz))
        return rondo_error_set(err, RONDO_EINPUT, path, NULL, "%lld x %lld for %lld ratings: a mistaken header",
                               (long long)x->rows, (long long)x->cols, (long long)x->nnz);
    for (int64_t at = 0; at < x->nnz; at++)
        if (fabs(x->values[at]) > (double)FLT_MAX)
            return rondo_error_set(err, RONDO_EINPUT, path, NULL, "the rating %g is not finite as a float",
                                   x->values[at]);
    return RONDO_OK;
}

static int name_both(struct data_set *set, const struct rondo_ids *known, const char *path, struct rondo_error *err)
{
    struct rondo_matrix *x = &set->x, named;
    struct rondo_ids *own = set->ids, *ids = NULL;
    struct ids user = { 0 }, item = { 0 };
    int32_t *number = mem_alloc((size_t)(x->rows + x->cols) * sizeof *number);
    int code = number ? RONDO_OK : RONDO_ENOMEM;
    if (!code)
        code = name_side(known ? &known->user : NULL, own ? &own->user : NULL, x->rows, &user, number);
    if (!code)
        code = name_side(known ? &known->item : NULL, own ? &own->item : NULL, x->cols, &item, number + x->rows);
    if (!code && !(ids = ids_join(&user, &item)))
        code = RONDO_ENOMEM;
    if (code)
        rondo_error_set(err, code, path, NULL, "out of memory");
    else
        code = renumber(x, user.count, item.count, number, number + x->rows, &named, path, err);
    if (!code) {
        if (set->map) /* what was mapped goes with the last that is in it */
            mapping_destroy(set->map);
        else
            matrix_free(x);
        *x = named;
        ids->negative_line = own ? own->negative_line : 0;
        set->map = NULL;
        set->digest = 0;
        set->ids = ids;
        set->ids->known_users = known ? known->user.count : 0;
        set->ids->known_items = known ? known->item.count : 0;
        set->info.lines = own ? set->info.lines : x->nnz;
    }
    mem_free(code ? ids : own);
    mem_free(number);
    ids_fini(&user);
    ids_fini(&item);
    return code;
}

int ratings_of_matrix(struct data_set *set, const struct rondo_ids *known, int64_t negative_line, const char *path,
                      struct rondo_error *err)
{
    int code = check(&set->x, path, err);
    if (!code)
        code = name_both(set, known, path, err);
    if (!code)
        set->ids->negative_line = negative_line;
    return code;
}

int ratings_renumber(struct data_set *set, const struct rondo_ids *known, const char *path, struct rondo_error *err)
{
    return name_both(set, known, path, err);
}

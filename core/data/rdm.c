/* rdm.c - .rdm, a matrix or ratings as they lie in memory (slab.h), given as data: mapped, and looked at once.
 *
 * Its digest finds what was damaged by mistake; since anybody may have made it, what the arrays say is proven
 * too: rows ascend within a column and are in the matrix, every value is finite, an id is one. */
#include "core/base/mem.h"
#include "core/data/ids.h"
#include "core/data/matrix.h"
#include "core/data/readers.h"
#include "core/data/slab.h"

#include <float.h>
#include <math.h>
#include <string.h>

bool rdm_is(const struct stream *s)
{
    return s->end - s->at >= 8 && memcmp(s->at, SLAB_MAGIC, 8) == 0;
}

static bool are_finite(const double *x, int64_t count)
{
    double sum = 0; /* x * 0 is NaN for every x that is not finite */
    for (int64_t i = 0; i < count; i++)
        sum += x[i] * 0;
    return sum == 0;
}

static bool ascend(const struct rondo_matrix *m)
{
    if (m->colptr[0] != 0 || m->colptr[m->cols] != m->nnz)
        return false;
    for (int64_t j = 0; j < m->cols; j++)
        if (m->colptr[j + 1] < m->colptr[j] || m->colptr[j + 1] > m->nnz)
            return false;
    for (int64_t j = 0; j < m->cols; j++) {
        int64_t before = -1;
        for (int64_t at = m->colptr[j]; at < m->colptr[j + 1]; at++) {
            if (m->rowidx[at] <= before || m->rowidx[at] >= m->rows)
                return false;
            before = m->rowidx[at];
        }
    }
    return true;
}

static bool is_sound(const struct rondo_matrix *m)
{
    bool sound = !m->sparse || (ascend(m) && are_finite(m->values, m->nnz));
    for (int64_t j = 0; !m->sparse && m->dense && j < m->cols && sound; j++)
        sound = are_finite(m->dense + j * m->ld, m->rows);
    return sound;
}

static bool are_words(const struct rondo_words *words)
{
    for (int64_t i = 0; i < words->count; i++) {
        const char *at = words->word[i];
        while ((unsigned char)*at >= ' ' && *at != 127)
            at++;
        if (*at || at - words->word[i] > IDS_TEXT_MOST)
            return false;
    }
    return true;
}

static int refuse(const struct stream *s, const char *what, const char *hint, struct rondo_error *err)
{
    return rondo_error_set(err, RONDO_EINPUT, s->path, hint, "%s", what);
}

/* What is said of the file that it was made of: it has known none, and a line that is below 0 if any is. */
static bool fits(const struct rondo_ids *ids, const struct rondo_matrix *x)
{
    bool negative = false;
    for (int64_t at = 0; at < x->nnz && !ids->negative_line; at++)
        negative |= x->values[at] < 0;
    return !negative && ids->known_users == 0 && ids->known_items == 0 && x->nnz > 0;
}

/* Is it what is wanted, as far as its header tells? */
static int check_kind(const struct stream *s, const struct data_options *options, const struct data_info *info,
                      bool ids, struct rondo_error *err)
{
    if (s->coding != STREAM_PLAIN)
        return refuse(s, "a .rdm is mapped as it lies: not compressed", NULL, err);
    if (options->ratings && options->pairs)
        return refuse(s, "pairs are read from lines of user and item", NULL, err);
    if (options->ratings && !ids)
        return refuse(s, "it holds a matrix, and ratings are wanted", "rondo data convert --ratings FILE OUT.rdm", err);
    if (options->vector && (info->sparse || info->cols != 1))
        return refuse(s, "a vector is wanted, which a .rdm holds as a dense column alone", NULL, err);
    return data_check_sparse(s->path, options, info->sparse, err);
}

static int check_values(const struct stream *s, const struct data_options *options, const struct rondo_matrix *x,
                        struct rondo_error *err)
{
    for (int64_t at = 0; options->counts && at < x->nnz; at++)
        if (!(x->values[at] >= 0 && x->values[at] <= INT32_MAX && x->values[at] == floor(x->values[at])))
            return refuse(s, "counts are whole numbers from 0 to 2147483647, and it has others", NULL, err);
    for (int64_t at = 0; options->ratings && at < x->nnz; at++)
        if (fabs(x->values[at]) > (double)FLT_MAX)
            return refuse(s, "it has a rating that is not finite as a float", NULL, err);
    return RONDO_OK;
}

int rdm_inspect(struct stream *s, const struct data_options *options, struct data_info *info,
                struct rondo_error *err)
{
    struct data_info read = { .sparse = false };
    bool ids = false;
    int code = s->coding == STREAM_PLAIN ? slab_look(s->fd, s->path, &read, &ids, err) : RONDO_OK;
    if (!code)
        code = check_kind(s, options, &read, ids, err);
    if (code)
        return code;
    read.format = info->format;
    read.compression = info->compression;
    *info = read;
    return RONDO_OK;
}

int rdm_load(struct stream *s, const struct data_options *options, struct data_set *set, struct rondo_error *err)
{
    struct data_set *made = NULL;
    struct data_info info = set->info;
    int code = rdm_inspect(s, options, &info, err);
    if (!code)
        code = slab_open(s->fd, s->path, &made, err);
    if (code)
        return code;
    *set = *made;
    mem_free(made);
    set->info = info;
    if (!is_sound(&set->x) || !is_sound(&set->labels))
        return refuse(s, "its matrix is damaged: rows that do not ascend, or values that are not finite", NULL, err);
    if (set->ids && !(are_words(&set->ids->user) && are_words(&set->ids->item)))
        return refuse(s, "it has an id of more than 4096 bytes, or with a control character", NULL, err);
    code = check_values(s, options, &set->x, err);
    if (!code && set->ids && !fits(set->ids, &set->x))
        code = refuse(s, "its ratings are damaged: they are not what is said of them, or none", NULL, err);
    if (!code && options->ratings && options->known)
        code = ratings_renumber(set, options->known, s->path, err);
    return code;
}

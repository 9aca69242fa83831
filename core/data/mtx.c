/* mtx.c - Matrix Market: coordinate files become compressed columns, array files dense ones.
 *
 * Format: Boisvert, Pozo, Remington, "The Matrix Market exchange formats", NISTIR 5935, 1996.
 * The first pass checks every entry and counts, so that a header that lies is found before
 * anything of its size is allocated. */
#include "core/base/mem.h"
#include "core/data/matrix.h"
#include "core/data/number.h"
#include "core/data/readers.h"

#include <math.h>
#include <string.h>
#include <strings.h>

struct mtx {
    struct stream *s;
    const struct data_options *options;
    bool coordinate, pattern, symmetric;
    int64_t rows, cols, entries; /* as stated; array: entries is what must follow */
    int64_t negative_line;       /* the first one whose value is below 0 */
    int64_t row, col;            /* array: where the next value belongs, from 0 */
};

struct entry {
    int64_t row, col; /* from 0 */
    double value;
};

/* ---- the header ---------------------------------------------------------------------------- */

/* The next word of the banner in lower case; what cannot be a word is shortened. */
static int banner_word(struct stream *s, char word[32], struct rondo_error *err)
{
    size_t size = 0;
    int code = stream_skip_blanks(s, err);
    for (; !code && !stream_is_break(s, s->at) && s->at < s->end; s->at++)
        if (size < 31)
            word[size++] = (char)(*s->at >= 'A' && *s->at <= 'Z' ? *s->at + 32 : *s->at);
    word[size] = 0;
    return code;
}

static int choose(const struct stream *s, const char *word, const char *const *known, int *index,
                  struct rondo_error *err)
{
    char list[128] = "";
    for (int i = 0; known[i]; i++) {
        if (strcmp(word, known[i]) == 0) {
            *index = i;
            return RONDO_OK;
        }
        strcat(strcat(list, i ? ", " : ""), known[i]);
    }
    return stream_error(s, err, NULL, "a \"%s\" Matrix Market file is not read; what is: %s", word,
                        list);
}

static int read_banner(struct mtx *mtx, struct rondo_error *err)
{
    static const char *const objects[] = { "matrix", NULL };
    static const char *const layouts[] = { "array", "coordinate", NULL };
    static const char *const fields[] = { "real", "integer", "pattern", "double", NULL };
    static const char *const symmetries[] = { "general", "symmetric", NULL };
    static const char *const *const lists[] = { objects, layouts, fields, symmetries };
    char word[32];
    int chosen[4] = { 0 };
    int code = banner_word(mtx->s, word, err);
    if (!code && strcmp(word, "%%matrixmarket") != 0)
        return stream_error(mtx->s, err, NULL,
                            "expected %%%%MatrixMarket matrix coordinate|array, found \"%s\"",
                            word);
    for (int i = 0; !code && i < 4; i++) {
        code = banner_word(mtx->s, word, err);
        if (!code)
            code = choose(mtx->s, word, lists[i], &chosen[i], err);
    }
    if (code)
        return code;
    mtx->coordinate = chosen[1] == 1;
    mtx->pattern = chosen[2] == 2;
    mtx->symmetric = chosen[3] == 1;
    if (mtx->pattern && !mtx->coordinate)
        return stream_error(mtx->s, err, NULL, "an array cannot be a pattern");
    return stream_skip_line(mtx->s, err);
}

/* Passes comments and blank lines; the stream is then at a line's first token or at the end. */
static int next_line(struct stream *s, struct rondo_error *err)
{
    for (;;) {
        int code = stream_skip_blanks(s, err);
        if (code || stream_at_end(s) || (*s->at != '\n' && *s->at != '%'))
            return code;
        code = stream_skip_line(s, err);
        if (code)
            return code;
    }
}

/* Each entry takes at least two bytes in an array, four as coordinates (the last end of line may
 * be missing). */
static int check_entries(const struct mtx *mtx, struct rondo_error *err)
{
    int64_t least = mtx->coordinate ? 4 : 2, limit = stream_limit(mtx->s);
    if (mtx->coordinate && mtx->entries > mtx->rows * mtx->cols)
        return stream_error(mtx->s, err, NULL,
                            "%lld entries are stated, a %lld x %lld matrix has %lld",
                            (long long)mtx->entries, (long long)mtx->rows, (long long)mtx->cols,
                            (long long)(mtx->rows * mtx->cols));
    if (mtx->entries > limit / least + 1)
        return stream_error(mtx->s, err, NULL,
                            "%lld entries are stated, more than a file of %lld bytes can hold",
                            (long long)mtx->entries, (long long)mtx->s->size);
    return RONDO_OK;
}

static int read_header(struct mtx *mtx, struct rondo_error *err)
{
    const struct data_options *options = mtx->options;
    struct stream *s = mtx->s;
    int code = read_banner(mtx, err);
    if (!code)
        code = next_line(s, err);
    if (!code)
        code = stream_index(s, "the number of rows", &mtx->rows, err);
    if (!code)
        code = stream_index(s, "the number of columns", &mtx->cols, err);
    if (!code && mtx->coordinate)
        code = stream_index(s, "the number of entries", &mtx->entries, err);
    if (!code)
        code = data_check_shape(s->path, options, mtx->rows, mtx->cols, err);
    if (!code)
        code = data_check_sparse(s->path, options, mtx->coordinate, err);
    if (!code && mtx->symmetric && mtx->rows != mtx->cols)
        code = stream_error(s, err, NULL, "a symmetric matrix cannot be %lld x %lld",
                            (long long)mtx->rows, (long long)mtx->cols);
    if (code)
        return code;
    if (!mtx->coordinate)
        mtx->entries = mtx->symmetric ? mtx->rows * (mtx->rows + 1) / 2 : mtx->rows * mtx->cols;
    code = check_entries(mtx, err);
    return code ? code : stream_end_line(s, err);
}

/* ---- entries ------------------------------------------------------------------------------- */

static int read_value(const struct mtx *mtx, double *value, struct rondo_error *err)
{
    struct stream *s = mtx->s;
    char found[STREAM_TOKEN];
    int code = stream_skip_blanks(s, err);
    if (code)
        return code;
    const char *end = number_real(s->at, value);
    if (!end || !stream_is_break(s, end))
        return stream_unexpected(s, "a value", err);
    if (!isfinite(*value))
        return stream_error(s, err, NULL, "the value \"%s\" is not finite", stream_token(s, found));
    code = data_check_count(s, mtx->options, *value, err);
    s->at = code ? s->at : end;
    return code;
}

static int check_place(const struct mtx *mtx, const char *what, int64_t index, int64_t stated,
                       struct rondo_error *err)
{
    if (index >= 1 && index <= stated)
        return RONDO_OK;
    return stream_error(mtx->s, err, NULL, "%s %lld is outside the 1 to %lld of the header", what,
                        (long long)index, (long long)stated);
}

static int read_place(struct mtx *mtx, struct entry *entry, struct rondo_error *err)
{
    int64_t row, col;
    int code = stream_index(mtx->s, "a row", &row, err);
    if (!code)
        code = check_place(mtx, "row", row, mtx->rows, err);
    if (!code)
        code = stream_index(mtx->s, "a column", &col, err);
    if (!code)
        code = check_place(mtx, "column", col, mtx->cols, err);
    if (code)
        return code;
    entry->row = row - 1;
    entry->col = col - 1;
    return RONDO_OK;
}

static void array_place(struct mtx *mtx, struct entry *entry)
{
    entry->row = mtx->row;
    entry->col = mtx->col;
    if (++mtx->row == mtx->rows) {
        mtx->col++;
        mtx->row = mtx->symmetric ? mtx->col : 0;
    }
}

/* The next entry: 1, 0 at the end of the file, or an error.  `done` entries came before it. */
static int next_entry(struct mtx *mtx, int64_t done, struct entry *entry, struct rondo_error *err)
{
    struct stream *s = mtx->s;
    int code = next_line(s, err);
    if (code)
        return code;
    if (stream_at_end(s) && done == mtx->entries)
        return 0;
    if (stream_at_end(s))
        return stream_error(s, err, NULL,
                            "the file ends after %lld entries; the header states %lld",
                            (long long)done, (long long)mtx->entries);
    if (done == mtx->entries)
        return stream_error(s, err, NULL, "more entries than the %lld that the header states",
                            (long long)mtx->entries);
    entry->value = 1;
    if (mtx->coordinate)
        code = read_place(mtx, entry, err);
    else
        array_place(mtx, entry);
    if (!code && !mtx->pattern)
        code = read_value(mtx, &entry->value, err);
    if (!code && entry->value < 0 && !mtx->negative_line)
        mtx->negative_line = s->line;
    if (!code && mtx->coordinate)
        code = stream_end_line(s, err);
    return code ? code : 1;
}

/* The first pass: all is read and checked; coordinates are counted by column. */
static int count(struct mtx *mtx, struct matrix_counts *counts, struct rondo_error *err)
{
    struct entry entry;
    int found;
    for (int64_t done = 0; (found = next_entry(mtx, done, &entry, err)) > 0; done++) {
        if (!mtx->coordinate)
            continue;
        bool mirrored = mtx->symmetric && entry.row != entry.col;
        if (matrix_count(counts, entry.col) || (mirrored && matrix_count(counts, entry.row)))
            return rondo_error_set(err, RONDO_ENOMEM, mtx->s->path, NULL, "out of memory");
    }
    return found;
}

static int again(struct mtx *mtx, struct rondo_error *err)
{
    struct mtx first = *mtx;
    int code = stream_rewind(mtx->s, err);
    mtx->row = mtx->col = 0;
    if (!code)
        code = read_header(mtx, err);
    if (!code && (first.rows != mtx->rows || first.cols != mtx->cols ||
                  first.entries != mtx->entries || first.coordinate != mtx->coordinate))
        code = matrix_changed(mtx->s->path, err);
    return code;
}

static int fill_sparse(struct mtx *mtx, struct matrix_sparse *x, struct rondo_error *err)
{
    struct entry e;
    int found;
    for (int64_t done = 0; (found = next_entry(mtx, done, &e, err)) > 0; done++) {
        bool mirrored = mtx->symmetric && e.row != e.col;
        if (!matrix_put(x, e.row, e.col, e.value) ||
            (mirrored && !matrix_put(x, e.col, e.row, e.value)))
            return matrix_changed(mtx->s->path, err);
    }
    return found;
}

static int fill_dense(struct mtx *mtx, double *dense, int64_t ld, struct rondo_error *err)
{
    struct entry e;
    int found;
    for (int64_t done = 0; (found = next_entry(mtx, done, &e, err)) > 0; done++) {
        dense[e.row + e.col * ld] = e.value;
        if (mtx->symmetric)
            dense[e.col + e.row * ld] = e.value;
    }
    return found;
}

/* ---- the doors ----------------------------------------------------------------------------- */

int mtx_inspect(struct stream *s, const struct data_options *options, struct data_info *info,
                struct rondo_error *err)
{
    if (options->ratings)
        return data_inspect_whole(mtx_load, s, options, info, err);
    struct mtx mtx = { .s = s, .options = options };
    struct matrix_counts counts = { 0 };
    int code = read_header(&mtx, err);
    if (code)
        return code;
    info->rows = mtx.rows;
    info->cols = mtx.cols;
    info->sparse = mtx.coordinate && !options->vector;
    info->nnz = mtx.coordinate ? mtx.entries : mtx.rows * mtx.cols;
    if (mtx.coordinate && mtx.symmetric) {
        code = matrix_counts_init(&counts);
        if (code)
            rondo_error_set(err, code, s->path, NULL, "out of memory");
        else
            code = count(&mtx, &counts, err);
        info->nnz = counts.total;
        matrix_counts_fini(&counts);
    }
    if (options->vector) {
        info->nnz = info->rows = mtx.rows * mtx.cols;
        info->cols = 1;
    }
    info->bytes = info->sparse ? matrix_sparse_bytes(info->cols, info->nnz)
                               : matrix_dense_bytes(info->rows, info->cols);
    return code;
}

static int load_array(struct mtx *mtx, struct data_set *set, struct rondo_error *err)
{
    double *dense;
    bool turned = mtx->options->vector && mtx->rows == 1;
    int code = count(mtx, NULL, err);
    if (!code)
        code = matrix_dense(&set->x, turned ? mtx->cols : mtx->rows, turned ? 1 : mtx->cols, &dense,
                            mtx->s->path, err);
    if (!code)
        code = again(mtx, err);
    if (!code)
        code = fill_dense(mtx, dense, turned ? 1 : set->x.ld, err);
    return code;
}

static int load_coordinates(struct mtx *mtx, struct data_set *set, struct rondo_error *err)
{
    struct matrix_counts counts;
    struct matrix_sparse x = { 0 };
    const char *path = mtx->s->path;
    int code = matrix_counts_init(&counts);
    if (code)
        return rondo_error_set(err, code, path, NULL, "out of memory");
    code = count(mtx, &counts, err);
    if (!code)
        code = matrix_counts_settle(&counts, mtx->cols, path, err);
    if (code == MATRIX_AGAIN) {
        code = again(mtx, err);
        if (!code)
            code = count(mtx, &counts, err);
    }
    if (!code)
        code = matrix_sparse_begin(&x, &counts, mtx->rows, mtx->cols, path, err);
    if (!code)
        code = again(mtx, err);
    if (!code)
        code = fill_sparse(mtx, &x, err);
    if (!code)
        code = matrix_sparse_end(&x, &set->x, path, err);
    if (!code && mtx->options->vector)
        code = matrix_vector(&set->x, path, err);
    matrix_counts_fini(&counts);
    matrix_sparse_fini(&x);
    return code;
}

int mtx_load(struct stream *s, const struct data_options *options, struct data_set *set,
             struct rondo_error *err)
{
    struct mtx mtx = { .s = s, .options = options };
    int code = read_header(&mtx, err);
    if (!code && options->ratings && (!mtx.coordinate || options->pairs))
        return rondo_error_set(err, RONDO_EINPUT, s->path, NULL,
                               options->pairs ? "pairs are read from lines of user and item"
                                              : "ratings are read from coordinates, not from an array");
    if (!code)
        code = mtx.coordinate ? load_coordinates(&mtx, set, err) : load_array(&mtx, set, err);
    return !code && options->ratings ? ratings_of_matrix(set, options->known, mtx.negative_line, s->path, err) : code;
}

/* npy.c - NumPy's .npy: a header in Python's words, then the values.
 *
 * A large plain matrix of <f8 in Fortran order stays in its file, mapped, and is looked at once where it lies,
 * for its values to be proven finite and its digest taken.  Else Fortran order is read straight into the columns.
 * C order comes in strips of eight rows, which become whole cache lines of each column: no second copy of
 * the matrix is held. */
#include "core/base/mem.h"
#include "core/data/fingerprint.h"
#include "core/data/mapping.h"
#include "core/data/matrix.h"
#include "core/data/number.h"
#include "core/data/readers.h"

#include <math.h>
#include <string.h>

enum { PREFIX = 10, HEADER_MAX = 65536, STRIP_ROWS = 8, STRIP_BYTES = 8 << 20, STRIP_SHARE = 20 };
enum { MAPPED_LEAST = 1 << 20 };   /* bytes of values; a smaller file may change once it is read */
enum { PIECE = 32768 };            /* values of a mapped file that are said to be read together */
enum { BELIEVED = 64 << 20, BELIEVED_RATIO = 16 }; /* of a compressed file's claim */

struct npy {
    int64_t rows, cols;
    bool fortran;
    char kind;      /* 'f', 'i', 'u' or 'b' */
    int width;      /* bytes of a value */
    int64_t offset; /* bytes before the values */
};

/* Of the values as they lie in the file. */
static size_t matrix_bytes(const struct npy *npy)
{
    return (size_t)(npy->rows * npy->cols) * (size_t)npy->width;
}

static const char cast_hint[] = "in Python: numpy.save(file, array.astype('<f8'))";

static int bad_header(const struct stream *s, struct rondo_error *err, const char *what)
{
    return rondo_error_set(err, RONDO_EINPUT, s->path, NULL, "bad .npy header: %s", what);
}

/* ---- the header ---------------------------------------------------------------------------- */

static const char *after_spaces(const char *at)
{
    return at + strspn(at, " \t\n");
}

/* Where the value of a key of the header's dict begins; NULL where it has none. */
static const char *value_of(const char *header, const char *key)
{
    size_t length = strlen(key);
    for (const char *at = header; (at = strstr(at, key)) != NULL; at++) {
        const char *colon = at + length + 1;
        if (at == header || (at[-1] != '\'' && at[-1] != '"') || at[length] != at[-1])
            continue;
        colon = after_spaces(colon);
        if (*colon == ':')
            return after_spaces(colon + 1);
    }
    return NULL;
}

static int read_type(const struct stream *s, const char *at, struct npy *npy,
                     struct rondo_error *err)
{
    char name[32];
    size_t size = 0;
    if (!at)
        return bad_header(s, err, "no 'descr'");
    for (; *at && *at != ',' && *at != '}' && size < sizeof name - 1; at++)
        if (*at != '\'' && *at != '"')
            name[size++] = *at;
    name[size] = 0;
    static const char *const types[] = { "<f8", "<f4", "<i8", "<i4", "<i2", "|i1", "<u8", "<u4", "<u2",
                                         "|u1", "|b1" };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(name, types[i]) == 0) {
            npy->kind = name[1];
            npy->width = name[2] - '0';
            return RONDO_OK;
        }
    return rondo_error_set(err, RONDO_EINPUT, s->path, cast_hint,
                           "values of type %s are not read; <f4, <f8 and whole numbers are", name);
}

static int read_shape(const struct stream *s, const char *at, struct npy *npy,
                      struct rondo_error *err)
{
    int64_t shape[2] = { 1, 1 };
    int dimensions = 0;
    if (!at || *at != '(')
        return bad_header(s, err, "no 'shape'");
    for (at = after_spaces(at + 1); *at != ')'; at = after_spaces(at)) {
        int64_t length;
        at = number_index(at, &length);
        if (!at)
            return bad_header(s, err, "the shape is not a tuple of whole numbers");
        if (dimensions < 2)
            shape[dimensions] = length;
        dimensions++;
        at = after_spaces(at);
        if (*at != ',' && *at != ')')
            return bad_header(s, err, "the shape is not a tuple of whole numbers");
        at += *at == ',';
    }
    if (dimensions < 1 || dimensions > 2)
        return rondo_error_set(err, RONDO_EINPUT, s->path, NULL,
                               "an array of %d dimensions is not read; one and two are",
                               dimensions);
    npy->rows = shape[0];
    npy->cols = shape[1];
    return RONDO_OK;
}

static int read_order(const struct stream *s, const char *at, struct npy *npy,
                      struct rondo_error *err)
{
    if (!at || (strncmp(at, "True", 4) != 0 && strncmp(at, "False", 5) != 0))
        return bad_header(s, err, "no 'fortran_order'");
    npy->fortran = *at == 'T';
    return RONDO_OK;
}

static int read_dict(const struct stream *s, const char *header, struct npy *npy,
                     struct rondo_error *err)
{
    int code = read_type(s, value_of(header, "descr"), npy, err);
    if (!code)
        code = read_order(s, value_of(header, "fortran_order"), npy, err);
    if (!code)
        code = read_shape(s, value_of(header, "shape"), npy, err);
    return code;
}

static int cut_short(const struct stream *s, struct rondo_error *err)
{
    return bad_header(s, err, "the file ends within it");
}

/* Reads magic, version, length and dict; leaves the stream at the first value. */
static int read_header(struct stream *s, struct npy *npy, struct rondo_error *err)
{
    unsigned char prefix[PREFIX + 2];
    size_t got = 0, length = 0, width = 2;
    int code = stream_read(s, prefix, PREFIX, &got, err);
    if (code)
        return code;
    if (got < 6 || memcmp(prefix, "\x93NUMPY", 6) != 0)
        return rondo_error_set(err, RONDO_EINPUT, s->path, NULL,
                               "is not a NumPy file: it does not begin with \\x93NUMPY");
    if (got < PREFIX)
        return cut_short(s, err);
    if (prefix[6] < 1 || prefix[6] > 3)
        return bad_header(s, err, "versions 1, 2 and 3 are read");
    if (prefix[6] > 1) {
        width = 4;
        code = stream_read(s, prefix + PREFIX, 2, &got, err);
        if (code || got < 2)
            return code ? code : cut_short(s, err);
    }
    for (size_t i = width; i-- > 0;)
        length = length << 8 | prefix[8 + i];
    if (length > HEADER_MAX)
        return bad_header(s, err, "it is longer than 65536 bytes");
    npy->offset = (int64_t)(8 + width + length);
    char *header = mem_alloc(length + 1);
    if (!header)
        return rondo_error_set(err, RONDO_ENOMEM, s->path, NULL, "out of memory");
    code = stream_read(s, header, length, &got, err);
    header[got] = 0;
    if (!code)
        code = got < length ? cut_short(s, err) : read_dict(s, header, npy, err);
    mem_free(header);
    return code;
}

static int truncated(const struct stream *s, const struct npy *npy, int64_t have, int64_t need,
                     struct rondo_error *err)
{
    return rondo_error_set(err, RONDO_EINPUT, s->path, NULL,
                           "the file is truncated: %lld x %lld values of %d bytes need %lld bytes, "
                           "there are %lld",
                           (long long)npy->rows, (long long)npy->cols, npy->width,
                           (long long)need, (long long)have);
}

/* The header, its shape checked against what the file can hold, a row made a column if wanted. */
static int open_npy(struct stream *s, const struct data_options *options, struct npy *npy,
                    struct rondo_error *err)
{
    int code = read_header(s, npy, err);
    if (!code)
        code = data_check_shape(s->path, options, npy->rows, npy->cols, err);
    if (code)
        return code;
    int64_t width = npy->width, need, limit = stream_limit(s);
    if (__builtin_mul_overflow(npy->rows * npy->cols, width, &need) ||
        __builtin_add_overflow(need, npy->offset, &need))
        need = INT64_MAX;
    if (need > limit)
        return truncated(s, npy, s->coding == STREAM_PLAIN ? s->size : limit, need, err);
    if (s->coding == STREAM_PLAIN && s->size > need)
        return rondo_error_set(err, RONDO_EINPUT, s->path, NULL,
                               "the shape %lld x %lld takes %lld bytes, the file has %lld",
                               (long long)npy->rows, (long long)npy->cols, (long long)need,
                               (long long)s->size);
    if (options->vector && npy->rows == 1) {
        npy->rows = npy->cols;
        npy->cols = 1;
    }
    npy->fortran = npy->fortran || npy->cols == 1;
    return RONDO_OK;
}

/* A compressed file that claims much is decoded once to see whether it holds as much, before memory
 * is taken for it; then the stream is at the first value again. */
static int measure(struct stream *s, const struct npy *npy, struct rondo_error *err)
{
    int64_t need = npy->offset + npy->rows * npy->cols * npy->width;
    if (s->coding == STREAM_PLAIN || need < BELIEVED || need / BELIEVED_RATIO < s->size)
        return RONDO_OK;
    struct npy again;
    int64_t have = npy->offset + (s->end - s->at);
    int code = RONDO_OK;
    while (!code && !s->ended && have < need) {
        s->at = s->end;
        code = stream_fill(s, err);
        have += s->end - s->at;
    }
    if (!code && have < need)
        code = truncated(s, npy, have, need, err);
    if (!code)
        code = stream_rewind(s, err);
    return code ? code : read_header(s, &again, err);
}

/* ---- the values ---------------------------------------------------------------------------- */

struct values {
    struct stream *s;
    const struct npy *npy;
    double *dense;
    int64_t ld;
    int64_t read; /* values so far */
};

/* A value as the nearest double. */
static double value_at(const char *bytes, char kind, int width)
{
    float single;
    double value;
    int64_t whole = 0;
    uint64_t natural = 0;
    if (kind == 'f' && width == 4) {
        memcpy(&single, bytes, sizeof single);
        return (double)single;
    }
    if (kind == 'f') {
        memcpy(&value, bytes, sizeof value);
        return value;
    }
    memcpy(&natural, bytes, (size_t)width); /* the low bytes come first */
    if (kind != 'i')
        return (double)natural;
    int shift = 8 * (8 - width);
    natural <<= shift;
    memcpy(&whole, &natural, sizeof whole);
    return (double)(whole >> shift);
}

/* The next `count` values as doubles.  Shorter ones come into the upper part and are spread from the front:
 * value i is read before anything is written behind its place. */
static int read_values(struct values *v, double *into, int64_t count, struct rondo_error *err)
{
    const struct npy *npy = v->npy;
    size_t width = (size_t)npy->width, size = (size_t)count * width, got = 0;
    char *bytes = (char *)into + (size_t)count * sizeof *into - size;
    int code = stream_read(v->s, bytes, size, &got, err);
    if (code)
        return code;
    v->read += (int64_t)(got / width);
    if (got < size)
        return truncated(v->s, npy, npy->offset + v->read * (int64_t)width,
                         npy->offset + npy->rows * npy->cols * (int64_t)width, err);
    bool as_it_is = npy->kind == 'f' && width == sizeof(double);
    for (int64_t i = 0; !as_it_is && i < count; i++)
        into[i] = value_at(bytes + (size_t)i * width, npy->kind, npy->width);
    return RONDO_OK;
}

/* x * 0 is NaN for every x that is not finite, and so is their sum. */
static bool all_finite(const double *x, int64_t count)
{
    double sum[4] = { 0 };
    int64_t i = 0;
    for (; i + 4 <= count; i += 4)
        for (int k = 0; k < 4; k++)
            sum[k] += x[i + k] * 0;
    for (; i < count; i++)
        sum[0] += x[i] * 0;
    return sum[0] + sum[1] + sum[2] + sum[3] == 0;
}

static int not_finite(const struct values *v, int64_t row, int64_t col, double value,
                      struct rondo_error *err)
{
    return rondo_error_set(err, RONDO_EINPUT, v->s->path, NULL,
                           "the value in row %lld, column %lld (counted from 0) is %s",
                           (long long)row, (long long)col,
                           isnan(value) ? "not a number" : "infinite");
}

/* Values of a column, from a row on. */
static int check_finite(const struct values *v, const double *x, int64_t count, int64_t row, int64_t col,
                        struct rondo_error *err)
{
    int64_t i = 0;
    if (all_finite(x, count))
        return RONDO_OK;
    while (isfinite(x[i]))
        i++;
    return not_finite(v, row + i, col, x[i], err);
}

static int read_columns(struct values *v, struct rondo_error *err)
{
    int code = RONDO_OK;
    for (int64_t j = 0; j < v->npy->cols && !code; j++) {
        double *column = v->dense + j * v->ld;
        code = read_values(v, column, v->npy->rows, err);
        if (!code)
            code = check_finite(v, column, v->npy->rows, 0, j, err);
    }
    return code;
}

/* rows x cols values, row by row in `strip`, to their places from (row, col) on. */
static int spread(const struct values *v, const double *strip, int64_t row, int64_t rows,
                  int64_t col, int64_t cols, struct rondo_error *err)
{
    if (!all_finite(strip, rows * cols))
        for (int64_t i = 0; i < rows * cols; i++)
            if (!isfinite(strip[i]))
                return not_finite(v, row + i / cols, col + i % cols, strip[i], err);
    for (int64_t j = 0; j < cols; j++) {
        double *at = v->dense + (col + j) * v->ld + row;
        for (int64_t i = 0; i < rows; i++)
            at[i] = strip[i * cols + j];
    }
    return RONDO_OK;
}

/* Looks at all values of a mapped file, whole columns or a part of one at a time; the pages are there for who
 * reads them next. */
static int prove(const struct values *v, struct data_set *set, struct rondo_error *err)
{
    int64_t n = set->x.rows, p = set->x.cols;
    int64_t tall = n < PIECE ? n : PIECE, wide = PIECE / tall;
    struct fingerprint digest;
    int code = RONDO_OK;
    fingerprint_begin(&digest, FINGERPRINT_BEGIN, n, p);
    for (int64_t j = 0; j < p && !code; j += wide) {
        int64_t cols = p - j < wide ? p - j : wide;
        for (int64_t i = 0; i < n && !code; i += tall) {
            int64_t rows = n - i < tall ? n - i : tall;
            const double *piece = set->x.dense + j * n + i;
            mapping_touch(set->map, piece, (size_t)(rows * cols) * sizeof *piece);
            for (int64_t k = 0; k < cols && !code; k++) {
                if (!fingerprint_part(&digest, piece + k * n, rows))
                    code = check_finite(v, piece + k * n, rows, i, j + k, err);
                if (i + rows == n)
                    fingerprint_end_column(&digest);
            }
        }
    }
    set->digest = digest.hash;
    return code;
}

static int map_columns(const struct values *v, const struct data_options *options, struct data_set *set,
                       struct rondo_error *err)
{
    const struct npy *npy = v->npy;
    int code = mapping_create(v->s->fd, (size_t)v->s->size, options->resident, v->s->path, &set->map, err);
    if (code)
        return code;
    set->info.mapped = true;
    set->x = (struct rondo_matrix){
        .rows = npy->rows, .cols = npy->cols, .nnz = npy->rows * npy->cols, .ld = npy->rows,
        .dense = (const double *)(const void *)((const char *)mapping_at(set->map) + npy->offset),
        .bytes = matrix_bytes(npy),
    };
    return prove(v, set, err);
}

/* A strip holds eight rows, fewer where the matrix is so wide that they would be a burden, at the
 * worst a piece of one row. */
static int read_rows(struct values *v, struct rondo_error *err)
{
    int64_t n = v->npy->rows, p = v->npy->cols;
    int64_t most = STRIP_BYTES / 8 + n * p / STRIP_SHARE;
    int64_t tall = most / p < STRIP_ROWS ? most / p : STRIP_ROWS, wide = p;
    if (tall == 0) {
        tall = 1;
        wide = most;
    }
    double *strip = mem_alloc((size_t)(tall * wide) * sizeof *strip);
    if (!strip)
        return rondo_error_set(err, RONDO_ENOMEM, v->s->path, NULL, "out of memory");
    int code = RONDO_OK;
    for (int64_t i = 0; !code && i < n; i += tall) {
        int64_t rows = n - i < tall ? n - i : tall;
        for (int64_t j = 0; !code && j < p; j += wide) {
            int64_t cols = p - j < wide ? p - j : wide;
            code = read_values(v, strip, rows * cols, err);
            if (!code)
                code = spread(v, strip, i, rows, j, cols, err);
        }
    }
    mem_free(strip);
    return code;
}

static bool is_mapped(const struct stream *s, const struct npy *npy, const struct data_options *options)
{
    return s->coding == STREAM_PLAIN && s->begin == 0 && npy->fortran && npy->kind == 'f' && npy->width == 8 && npy->cols > 1
           && !options->vector && npy->offset % (int64_t)sizeof(double) == 0
           && matrix_bytes(npy) >= MAPPED_LEAST;
}

int npy_inspect(struct stream *s, const struct data_options *options, struct data_info *info,
                struct rondo_error *err)
{
    struct npy npy;
    int code = open_npy(s, options, &npy, err);
    if (code)
        return code;
    info->rows = npy.rows;
    info->cols = npy.cols;
    info->nnz = npy.rows * npy.cols;
    info->mapped = is_mapped(s, &npy, options);
    info->bytes = info->mapped ? matrix_bytes(&npy) : matrix_dense_bytes(npy.rows, npy.cols);
    return RONDO_OK;
}

int npy_load(struct stream *s, const struct data_options *options, struct data_set *set,
             struct rondo_error *err)
{
    struct npy npy;
    struct values values = { .s = s, .npy = &npy };
    int code = open_npy(s, options, &npy, err);
    if (!code)
        code = measure(s, &npy, err);
    if (!code && is_mapped(s, &npy, options))
        return map_columns(&values, options, set, err);
    if (!code)
        code = matrix_dense(&set->x, npy.rows, npy.cols, &values.dense, s->path, err);
    if (code)
        return code;
    values.ld = set->x.ld;
    code = npy.fortran ? read_columns(&values, err) : read_rows(&values, err);
    if (!code && s->coding != STREAM_PLAIN) {
        char more;
        size_t got = 0;
        code = stream_read(s, &more, 1, &got, err);
        if (!code && got)
            code = bad_header(s, err, "more values follow than its shape tells");
    }
    return code;
}

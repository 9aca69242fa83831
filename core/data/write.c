/* write.c - a matrix as .npy, .mtx, svmlight or docword, perhaps gzipped; whole or not at all. */
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/data/bedfile.h"
#include "core/data/data.h"
#include "core/data/number.h"

#include <locale.h>
#include <math.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <zlib.h>

enum { SINK = 64 * 1024, ROOM = 64, NPY_ALIGN = 64 };

/* Where the bytes go.  A failure sticks and is seen at the end. */
struct sink {
    struct file_atomic file;
    gzFile gz; /* NULL: plain */
    bool failed;
    size_t size;
    char bytes[SINK];
};

static void flush(struct sink *out)
{
    if (out->size == 0)
        return;
    if (out->gz)
        out->failed |= gzwrite(out->gz, out->bytes, (unsigned)out->size) != (int)out->size;
    else
        out->failed |= fwrite(out->bytes, 1, out->size, out->file.stream) != out->size;
    out->size = 0;
}

static void put(struct sink *out, const void *bytes, size_t size)
{
    while (size) {
        if (out->size == SINK)
            flush(out);
        size_t part = size < SINK - out->size ? size : SINK - out->size;
        memcpy(out->bytes + out->size, bytes, part);
        out->size += part;
        bytes = (const char *)bytes + part;
        size -= part;
    }
}

/* Room for a number and what stands around it. */
static char *room(struct sink *out)
{
    if (SINK - out->size < ROOM)
        flush(out);
    return out->bytes + out->size;
}

static void put_char(struct sink *out, char c)
{
    *room(out) = c;
    out->size++;
}

static void put_index(struct sink *out, int64_t value)
{
    char digits[20];
    int at = 20;
    do
        digits[--at] = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    put(out, digits + at, (size_t)(20 - at));
}

static void put_real(struct sink *out, double value)
{
    if (value > 0 && value < 1e15 && value == floor(value))
        put_index(out, (int64_t)value);
    else
        out->size += (size_t)number_print(room(out), value);
}

static int sink_open(struct sink *out, const char *path, bool compressed, struct rondo_error *err)
{
    out->gz = NULL;
    out->failed = false;
    out->size = 0;
    int code = file_begin_at(&out->file, path, err);
    if (code || !compressed)
        return code;
    int copy = dup(fileno(out->file.stream));
    out->gz = copy >= 0 ? gzdopen(copy, "wb") : NULL;
    if (out->gz)
        return RONDO_OK;
    if (copy >= 0)
        close(copy);
    file_abandon(&out->file);
    return rondo_error_set(err, RONDO_ENOMEM, path, NULL, "out of memory");
}

static int sink_close(struct sink *out, int code, const char *path, struct rondo_error *err)
{
    flush(out);
    if (out->gz)
        out->failed |= gzclose(out->gz) != Z_OK;
    if (!code && out->failed)
        code = rondo_error_set(err, RONDO_EIO, path, NULL, "cannot write: is the disk full?");
    if (!code)
        return file_commit(&out->file, err);
    file_abandon(&out->file);
    return code;
}

/* Column j as [rows] numbers, in place or in `room`, which a dense matrix does not need. */
static const double *column_of(const struct rondo_matrix *x, int64_t j, double *room)
{
    if (x->dense)
        return x->dense + j * x->ld;
    if (x->packed) {
        bedfile_expand(x, j, room);
        return room;
    }
    memset(room, 0, (size_t)x->rows * sizeof *room);
    for (int64_t at = x->colptr[j]; at < x->colptr[j + 1]; at++)
        room[x->rowidx[at]] = x->values[at];
    return room;
}

/* ---- the formats --------------------------------------------------------------------------- */

/* One column is written as one dimension, as NumPy's users expect a vector. */
static int write_npy(struct sink *out, const struct rondo_matrix *x)
{
    char header[192], shape[64];
    if (x->cols == 1)
        snprintf(shape, sizeof shape, "(%lld,)", (long long)x->rows);
    else
        snprintf(shape, sizeof shape, "(%lld, %lld)", (long long)x->rows, (long long)x->cols);
    int length = snprintf(header, sizeof header,
                          "{'descr': '<f8', 'fortran_order': True, 'shape': %s, }", shape);
    int padded = (10 + length + 1 + NPY_ALIGN - 1) / NPY_ALIGN * NPY_ALIGN - 10;
    memset(header + length, ' ', (size_t)(padded - length));
    header[padded - 1] = '\n';
    const char prefix[] = { '\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0, (char)padded,
                            (char)(padded >> 8) };
    put(out, prefix, sizeof prefix);
    put(out, header, (size_t)padded);

    size_t bytes = (size_t)x->rows * sizeof(double);
    double *room = mem_alloc(bytes);
    if (!room)
        return RONDO_ENOMEM;
    for (int64_t j = 0; j < x->cols; j++)
        put(out, column_of(x, j, room), bytes);
    mem_free(room);
    return RONDO_OK;
}

static void put_entry(struct sink *out, int64_t row, int64_t col, double value)
{
    put_index(out, row + 1);
    put_char(out, ' ');
    put_index(out, col + 1);
    put_char(out, ' ');
    put_real(out, value);
    put_char(out, '\n');
}

static int write_mtx(struct sink *out, const struct rondo_matrix *x)
{
    char header[160];
    int size = snprintf(header, sizeof header, "%%%%MatrixMarket matrix %s real general\n%lld %lld",
                        x->sparse ? "coordinate" : "array", (long long)x->rows, (long long)x->cols);
    put(out, header, (size_t)size);
    if (x->sparse) {
        put_char(out, ' ');
        put_index(out, x->nnz);
    }
    put_char(out, '\n');
    for (int64_t j = 0; x->sparse && j < x->cols; j++)
        for (int64_t at = x->colptr[j]; at < x->colptr[j + 1]; at++)
            put_entry(out, x->rowidx[at], j, x->values[at]);
    double *room = mem_alloc((size_t)x->rows * sizeof *room);
    if (!room)
        return RONDO_ENOMEM;
    for (int64_t j = 0; !x->sparse && j < x->cols; j++) {
        const double *column = column_of(x, j, room);
        for (int64_t i = 0; i < x->rows; i++) {
            put_real(out, column[i]);
            put_char(out, '\n');
        }
    }
    mem_free(room);
    return RONDO_OK;
}

/* ---- svmlight, by rows --------------------------------------------------------------------- */

/* A sparse matrix by rows: the entries of row i are [ptr[i], ptr[i + 1]). */
struct by_rows {
    int64_t *ptr;
    int32_t *col;
    double *value;
};

static void by_rows_free(struct by_rows *t)
{
    mem_free(t->ptr);
    mem_free(t->col);
    mem_free(t->value);
    *t = (struct by_rows){ 0 };
}

static int by_rows_make(struct by_rows *t, const struct rondo_matrix *x)
{
    *t = (struct by_rows){ mem_calloc((size_t)x->rows + 2, sizeof *t->ptr),
                           mem_alloc((size_t)x->nnz * sizeof *t->col),
                           mem_alloc((size_t)x->nnz * sizeof *t->value) };
    if (!t->ptr || !t->col || !t->value) {
        by_rows_free(t);
        return RONDO_ENOMEM;
    }
    /* ptr[i + 2] counts row i; summed up, ptr[i + 1] is where row i's next entry goes */
    for (int64_t at = 0; at < x->nnz; at++)
        t->ptr[x->rowidx[at] + 2]++;
    for (int64_t i = 0; i < x->rows; i++)
        t->ptr[i + 2] += t->ptr[i + 1];
    for (int64_t j = 0; j < x->cols; j++)
        for (int64_t at = x->colptr[j]; at < x->colptr[j + 1]; at++) {
            int64_t to = t->ptr[x->rowidx[at] + 1]++;
            t->col[to] = (int32_t)j;
            t->value[to] = x->values[at];
        }
    return RONDO_OK;
}

static void put_pair(struct sink *out, int64_t col, double value)
{
    put_char(out, ' ');
    put_index(out, col + 1);
    put_char(out, ':');
    put_real(out, value);
}

/* What a missing genotype is written as, for each column; NULL where none can be. */
static int means_of(const struct rondo_matrix *x, double **means)
{
    *means = NULL;
    if (!x->packed)
        return RONDO_OK;
    *means = mem_alloc((size_t)x->cols * sizeof **means);
    for (int64_t j = 0; *means && j < x->cols; j++)
        (*means)[j] = bedfile_mean(x, j);
    return *means ? RONDO_OK : RONDO_ENOMEM;
}

/* Entry (i, j) of a dense or a packed matrix. */
static double entry(const struct rondo_matrix *x, const double *means, int64_t i, int64_t j)
{
    static const double values[4] = { [RONDO_HOM_A1] = 2, [RONDO_HET] = 1 };
    if (!x->packed)
        return x->dense[i + j * x->ld];
    enum rondo_genotype code = rondo_genotype_at(x->packed + j * x->stride, i);
    return code == RONDO_MISSING ? means[j] : values[code];
}

/* Whether the last column has no entry that will be written: svmlight knows the number of columns
 * by its largest index alone, so the first line then bears an explicit zero there. */
static bool last_is_empty(const struct rondo_matrix *x, const double *means)
{
    if (x->sparse)
        return x->cols > 0 && x->colptr[x->cols] == x->colptr[x->cols - 1];
    for (int64_t i = 0; x->cols > 0 && i < x->rows; i++)
        if (entry(x, means, i, x->cols - 1) != 0)
            return false;
    return x->cols > 0;
}

static int write_svmlight(struct sink *out, const struct rondo_matrix *x, const double *labels)
{
    struct by_rows t = { 0 };
    double *means;
    int code = x->sparse ? by_rows_make(&t, x) : RONDO_OK;
    code = code ? code : means_of(x, &means);
    if (code)
        return code;
    for (int64_t i = 0; i < x->rows; i++) {
        put_real(out, labels ? labels[i] : 0);
        for (int64_t at = x->sparse ? t.ptr[i] : 0; x->sparse && at < t.ptr[i + 1]; at++)
            put_pair(out, t.col[at], t.value[at]);
        for (int64_t j = 0; !x->sparse && j < x->cols; j++) {
            double value = entry(x, means, i, j);
            if (value != 0)
                put_pair(out, j, value);
        }
        if (i == 0 && last_is_empty(x, means))
            put_pair(out, x->cols - 1, 0);
        put_char(out, '\n');
    }
    by_rows_free(&t);
    mem_free(means);
    return RONDO_OK;
}

/* ---- docword, by rows ------------------------------------------------------------------------ */

/* Refuses what is no count, and counts the others but zeros. */
static int check_counts(const struct rondo_matrix *x, const double *means, const char *path, int64_t *entries,
                        struct rondo_error *err)
{
    *entries = 0;
    for (int64_t j = 0; j < x->cols; j++) {
        int64_t at = x->sparse ? x->colptr[j] : 0, end = x->sparse ? x->colptr[j + 1] : x->rows;
        for (; at < end; at++) {
            double value = x->sparse ? x->values[at] : entry(x, means, at, j);
            if (!(value >= 0 && value <= INT32_MAX && value == floor(value)))
                return rondo_error_set(err, RONDO_EINPUT, path, NULL,
                                       "a docword has whole numbers from 0 to 2147483647; row %lld, column %lld "
                                       "(counted from 1) has %g",
                                       (long long)(x->sparse ? x->rowidx[at] : at) + 1, (long long)j + 1, value);
            *entries += value != 0;
        }
    }
    return RONDO_OK;
}

static void put_count(struct sink *out, int64_t row, int64_t col, double value)
{
    if (value != 0)
        put_entry(out, row, col, value);
}

static int write_docword(struct sink *out, const struct rondo_matrix *x, const char *path,
                         struct rondo_error *err)
{
    struct by_rows t = { 0 };
    double *means;
    int64_t stated[3] = { x->rows, x->cols, 0 };
    int code = means_of(x, &means);
    if (!code)
        code = check_counts(x, means, path, &stated[2], err);
    if (!code && x->sparse)
        code = by_rows_make(&t, x);
    for (int i = 0; i < 3 && !code; i++) {
        put_index(out, stated[i]);
        put_char(out, '\n');
    }
    for (int64_t i = 0; i < x->rows && !code; i++) {
        for (int64_t at = x->sparse ? t.ptr[i] : 0; x->sparse && at < t.ptr[i + 1]; at++)
            put_count(out, i, t.col[at], t.value[at]);
        for (int64_t j = 0; !x->sparse && j < x->cols; j++)
            put_count(out, i, j, entry(x, means, i, j));
    }
    by_rows_free(&t);
    mem_free(means);
    return code;
}

static bool ends_with(const char *path, const char *suffix)
{
    size_t length = strlen(path), size = strlen(suffix);
    return length > size && strcasecmp(path + length - size, suffix) == 0;
}

int data_write(const char *path, const struct rondo_matrix *x, const double *labels,
               struct rondo_error *err)
{
    enum data_format format = data_format_by_name(path);
    if (format == DATA_BED && ends_with(path, ".bed"))
        return bedfile_write(path, x, labels, err);
    if (format == DATA_UNKNOWN || format == DATA_RATINGS || format == DATA_RDM || format == DATA_BED || ends_with(path, ".zst"))
        return rondo_error_set(err, RONDO_EINPUT, path, NULL,
                               "the name does not tell a format that is written: .npy, .mtx, .svm, "
                               "docword.*, with or without .gz, .bed or .rdm");
    struct sink *out = mem_alloc(sizeof *out);
    if (!out)
        return rondo_error_set(err, RONDO_ENOMEM, path, NULL, "out of memory");
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0), kept = uselocale(plain);
    int code = sink_open(out, path, ends_with(path, ".gz"), err);
    if (!code) {
        code = format == DATA_NPY       ? write_npy(out, x)
               : format == DATA_MTX     ? write_mtx(out, x)
               : format == DATA_DOCWORD ? write_docword(out, x, path, err)
                                        : write_svmlight(out, x, labels);
        if (code)
            rondo_error_set(err, code, path, NULL, "%s", rondo_strerror(code));
        code = sink_close(out, code, path, err);
    }
    uselocale(kept);
    if (plain)
        freelocale(plain);
    mem_free(out);
    return code;
}

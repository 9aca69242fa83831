#include "core/data/matrix.h"

#include "core/base/mem.h"
#include "core/base/spill.h"

#include <string.h>
#include <unistd.h>

enum { LINE = 8 };                /* doubles in 64 bytes */
enum { SHORT_COLUMN = 64 };       /* below it columns are not padded */
/* So many columns, or rows of a vector, are believed as they are, and so many with each entry. */
enum { BELIEVED = 1 << 24, PER_ENTRY = 256, ROWS_PER_ENTRY = 4096 };

size_t matrix_sparse_bytes(int64_t cols, int64_t nnz)
{
    return ((size_t)cols + 1) * sizeof(int64_t) +
           (size_t)nnz * (sizeof(int32_t) + sizeof(double));
}

static int64_t leading(int64_t rows)
{
    return rows < SHORT_COLUMN ? rows : (rows + LINE - 1) / LINE * LINE;
}

size_t matrix_dense_bytes(int64_t rows, int64_t cols)
{
    uint64_t ld = (uint64_t)leading(rows);
    if (cols > 0 && ld > SIZE_MAX / sizeof(double) / (uint64_t)cols)
        return SIZE_MAX;
    return ld * (uint64_t)cols * sizeof(double);
}

int matrix_enough_memory(size_t bytes, const char *name, struct rondo_error *err)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    double have = pages > 0 && page > 0 ? (double)pages * (double)page : 0;
    if (have == 0 || (double)bytes < have)
        return RONDO_OK;
    return rondo_error_set(err, RONDO_ENOMEM, name, NULL,
                           "the matrix needs %.1f GiB, this machine has %.1f",
                           (double)bytes / 0x1p30, have / 0x1p30);
}

static int short_of(size_t bytes, const char *name, struct rondo_error *err)
{
    return rondo_error_set(err, RONDO_ENOMEM, name, NULL, "out of memory: %zu bytes are needed",
                           bytes);
}

int matrix_dense(struct rondo_matrix *m, int64_t rows, int64_t cols, double **values,
                 const char *name, struct rondo_error *err)
{
    int64_t ld = leading(rows);
    size_t bytes = matrix_dense_bytes(rows, cols);
    int code = matrix_enough_memory(bytes, name, err);
    if (code)
        return code;
    double *dense = mem_alloc(bytes);
    if (!dense)
        return short_of(bytes, name, err);
    for (int64_t j = 0; ld > rows && j < cols; j++)
        memset(dense + j * ld + rows, 0, (size_t)(ld - rows) * sizeof *dense);
    *m = (struct rondo_matrix){ .rows = rows, .cols = cols, .nnz = rows * cols, .ld = ld,
                                .dense = dense, .bytes = bytes };
    *values = dense;
    return RONDO_OK;
}

/* ---- counts -------------------------------------------------------------------------------- */

int matrix_counts_init(struct matrix_counts *counts)
{
    *counts = (struct matrix_counts){ .page = mem_calloc(MATRIX_PAGES, sizeof *counts->page) };
    return counts->page ? RONDO_OK : RONDO_ENOMEM;
}

/* More pages than the entries so far bear out? */
static bool skips(const struct matrix_counts *counts)
{
    return !counts->settled && counts->pages >= BELIEVED / MATRIX_PAGE
           && counts->pages > counts->total / (MATRIX_PAGE / PER_ENTRY);
}

int matrix_counts_page(struct matrix_counts *counts, int64_t page)
{
    bool skip = skips(counts);
    uint32_t *made = skip ? counts->skipped : NULL;
    if (!made)
        made = mem_calloc(MATRIX_PAGE, sizeof *made);
    if (!made)
        return RONDO_ENOMEM;
    counts->page[page] = made;
    counts->top = page >= counts->top ? page + 1 : counts->top;
    if (skip)
        counts->skipped = made;
    else
        counts->pages++;
    return RONDO_OK;
}

static void drop_pages(struct matrix_counts *counts)
{
    for (int64_t i = 0; i < counts->top; i++) {
        if (counts->page[i] != counts->skipped)
            mem_free(counts->page[i]);
        counts->page[i] = NULL;
    }
    mem_free(counts->skipped);
}

void matrix_counts_fini(struct matrix_counts *counts)
{
    drop_pages(counts);
    mem_free(counts->page);
    *counts = (struct matrix_counts){ 0 };
}

bool matrix_believes(int64_t claimed, int64_t entries)
{
    return claimed <= BELIEVED || claimed / PER_ENTRY <= entries;
}

int matrix_counts_settle(struct matrix_counts *counts, int64_t cols, const char *name,
                         struct rondo_error *err)
{
    if (!matrix_believes(cols, counts->total))
        return rondo_error_set(err, RONDO_EINPUT, name, NULL,
                               "%lld columns for %lld entries: a mistaken header or index",
                               (long long)cols, (long long)counts->total);
    if (!counts->skipped)
        return RONDO_OK;
    drop_pages(counts);
    *counts = (struct matrix_counts){ .page = counts->page, .settled = true };
    return MATRIX_AGAIN;
}

/* colptr[j + 1] = the entries in columns before j: where column j begins. */
static void sum_up(const struct matrix_counts *counts, int64_t cols, int64_t *colptr)
{
    int64_t sum = 0;
    colptr[0] = 0;
    for (int64_t j = 0; j < cols; j++) {
        const uint32_t *page = counts->page[j / MATRIX_PAGE];
        colptr[j + 1] = sum;
        sum += page ? page[j % MATRIX_PAGE] : 0;
    }
}

/* ---- sparse -------------------------------------------------------------------------------- */

int matrix_sparse_begin(struct matrix_sparse *m, struct matrix_counts *counts, int64_t rows,
                        int64_t cols, const char *name, struct rondo_error *err)
{
    int64_t nnz = counts->total;
    size_t bytes = matrix_sparse_bytes(cols, nnz);
    *m = (struct matrix_sparse){ .rows = rows, .cols = cols, .nnz = nnz };
    int code = matrix_enough_memory(bytes, name, err);
    if (code)
        return code;
    m->colptr = mem_alloc(((size_t)cols + 1) * sizeof *m->colptr);
    if (m->colptr)
        sum_up(counts, cols, m->colptr);
    matrix_counts_fini(counts);
    m->rowidx = mem_alloc((size_t)nnz * sizeof *m->rowidx);
    m->values = mem_alloc((size_t)nnz * sizeof *m->values);
    if (m->colptr && m->rowidx && m->values)
        return RONDO_OK;
    matrix_sparse_fini(m);
    return short_of(bytes, name, err);
}

void matrix_sparse_fini(struct matrix_sparse *m)
{
    mem_free(m->colptr);
    mem_free(m->rowidx);
    mem_free(m->values);
    *m = (struct matrix_sparse){ 0 };
}

static void swap(int32_t *rows, double *values, int64_t a, int64_t b)
{
    int32_t row = rows[a];
    double value = values[a];
    rows[a] = rows[b];
    values[a] = values[b];
    rows[b] = row;
    values[b] = value;
}

static void sift(int32_t *rows, double *values, int64_t root, int64_t count)
{
    for (int64_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && rows[child + 1] > rows[child])
            child++;
        if (rows[root] >= rows[child])
            return;
        swap(rows, values, root, child);
    }
}

/* Heapsort of both arrays by row: no memory, no bad case. */
static void sort(int32_t *rows, double *values, int64_t count)
{
    for (int64_t root = count / 2; root-- > 0;)
        sift(rows, values, root, count);
    for (int64_t last = count; last-- > 1;) {
        swap(rows, values, 0, last);
        sift(rows, values, 0, last);
    }
}

/* Sorts one column where it needs it; false where it was sorted, and no row stands twice. */
static bool sort_column(int32_t *rows, double *values, int64_t count)
{
    int64_t i = 1;
    while (i < count && rows[i - 1] < rows[i])
        i++;
    if (i >= count)
        return false;
    sort(rows, values, count);
    return true;
}

/* Returns the place of a row that stands twice, or -1. */
static int64_t settle_column(int32_t *rows, double *values, int64_t count)
{
    bool look = sort_column(rows, values, count);
    for (int64_t i = 1; look && i < count; i++)
        if (rows[i - 1] == rows[i])
            return i;
    return -1;
}

int matrix_sparse_end(struct matrix_sparse *m, struct rondo_matrix *out, const char *name,
                      struct rondo_error *err)
{
    if (m->filled != m->nnz || m->colptr[m->cols] != m->nnz)
        return matrix_changed(name, err);
    for (int64_t j = 0; j < m->cols; j++) {
        int64_t at = m->colptr[j], count = m->colptr[j + 1] - at;
        if (count < 0)
            return matrix_changed(name, err);
        spill_said((size_t)count * (sizeof *m->rowidx + sizeof *m->values));
        int64_t twice = settle_column(m->rowidx + at, m->values + at, count);
        if (twice >= 0)
            return rondo_error_set(err, RONDO_EINPUT, name, NULL,
                                   "the entry in row %lld, column %lld (counted from 1) stands "
                                   "twice",
                                   (long long)m->rowidx[at + twice] + 1, (long long)j + 1);
    }
    *out = (struct rondo_matrix){ .rows = m->rows, .cols = m->cols, .nnz = m->nnz, .sparse = true,
                                  .colptr = m->colptr, .rowidx = m->rowidx, .values = m->values,
                                  .bytes = matrix_sparse_bytes(m->cols, m->nnz) };
    *m = (struct matrix_sparse){ 0 };
    return RONDO_OK;
}

int matrix_sparse_sum(struct matrix_sparse *m, double most, int64_t *summed, const char *name,
                      struct rondo_error *err)
{
    int64_t begin = 0, to = 0;
    if (m->filled != m->nnz || m->colptr[m->cols] != m->nnz)
        return matrix_changed(name, err);
    for (int64_t j = 0; j < m->cols; j++) {
        int64_t end = m->colptr[j + 1], first = to;
        if (end < begin)
            return matrix_changed(name, err);
        spill_said((size_t)(end - begin) * (sizeof *m->rowidx + sizeof *m->values));
        sort_column(m->rowidx + begin, m->values + begin, end - begin);
        for (int64_t at = begin; at < end; at++) {
            bool again = to > first && m->rowidx[to - 1] == m->rowidx[at];
            m->rowidx[again ? to - 1 : to] = m->rowidx[at];
            m->values[again ? to - 1 : to] = (again ? m->values[to - 1] : 0) + m->values[at];
            to += !again;
            if (m->values[to - 1] > most)
                return rondo_error_set(err, RONDO_EINPUT, name, NULL,
                                       "the entries in row %lld, column %lld (counted from 1) come to more than "
                                       "%.0f", (long long)m->rowidx[to - 1] + 1, (long long)j + 1, most);
        }
        m->colptr[j + 1] = to;
        begin = end;
    }
    *summed = m->nnz - to;
    m->nnz = m->filled = to;
    return RONDO_OK;
}

int matrix_vector(struct rondo_matrix *m, const char *name, struct rondo_error *err)
{
    struct rondo_matrix dense;
    double *values;
    int64_t n = m->rows * m->cols;
    if (n > BELIEVED && n / ROWS_PER_ENTRY > m->nnz)
        return rondo_error_set(err, RONDO_EINPUT, name, NULL,
                               "a vector of %lld for %lld entries: a mistaken header",
                               (long long)n, (long long)m->nnz);
    int code = matrix_dense(&dense, n, 1, &values, name, err);
    if (code)
        return code;
    memset(values, 0, (size_t)n * sizeof *values);
    for (int64_t j = 0; j < m->cols; j++)
        for (int64_t at = m->colptr[j]; at < m->colptr[j + 1]; at++)
            values[m->cols > 1 ? j : m->rowidx[at]] = m->values[at];
    matrix_free(m);
    *m = dense;
    return RONDO_OK;
}

/* What is const for those who read is ours to free. */
static void release(const void *block)
{
    mem_free((void *)(uintptr_t)block);
}

void matrix_unmap(struct rondo_matrix *m)
{
    release(m->position);
    m->position = NULL;
}

void matrix_free(struct rondo_matrix *m)
{
    release(m->dense);
    release(m->colptr);
    release(m->rowidx);
    release(m->values);
    release(m->position);
    *m = (struct rondo_matrix){ 0 };
}

int matrix_changed(const char *name, struct rondo_error *err)
{
    return rondo_error_set(err, RONDO_EINPUT, name, NULL, "the file changed while it was read");
}

/* matrix.h - how a matrix comes into memory: dense at once, sparse by count and fill.
 *
 * Place:   core/data, floor 1; used by the readers and by generate.c.
 * Threads: each struct belongs to one thread until the matrix is done; then it is immutable.
 * Memory:  what a struct rondo_matrix points to is owned by it and freed by matrix_free.
 *
 * Sparse: one pass counts the entries of each column (struct matrix_counts), the next puts them
 * where they belong (struct matrix_sparse).  Beside the matrix only the counts are held, 4 bytes a
 * column in pages that exist where a column was seen, and gone before values are allocated.
 *
 * What a file claims is believed as far as its entries bear it out: 2^24 columns, or 256 with each
 * entry.  While pages come faster than that they are not made; matrix_counts_settle then says at the
 * end whether the file is refused or counted once more.
 */
#ifndef MATRIX_H
#define MATRIX_H

#include <rondo/err.h>
#include <rondo/matrix.h>

enum { MATRIX_PAGE = 1 << 16, MATRIX_PAGES = (1 << 15) + 1 };

/* The most rows; columns reach one further, since an index that counts from 0 may be INT32_MAX. */
#define MATRIX_ROWS_MAX ((int64_t)INT32_MAX)
#define MATRIX_COLS_MAX ((int64_t)INT32_MAX + 1)

struct matrix_counts {
    uint32_t **page; /* [MATRIX_PAGES], each [MATRIX_PAGE] or NULL */
    uint32_t *skipped; /* the one that stands for all pages that were not made; NULL: none */
    int64_t pages, top; /* made; the last one's number, plus 1 */
    int64_t cols;    /* the largest column seen, plus 1 */
    int64_t total;
    bool settled;    /* every page is made */
};

struct matrix_sparse {
    int64_t rows, cols, nnz;
    int64_t *colptr; /* while filling, colptr[j + 1] is where column j's next entry goes */
    int32_t *rowidx;
    double *values;
    int64_t filled;
};

/* Bytes of a dense rows x cols matrix as stored, and of a sparse one. */
size_t matrix_dense_bytes(int64_t rows, int64_t cols);
size_t matrix_sparse_bytes(int64_t cols, int64_t nnz);

/* Refuses more than the machine has (RONDO_ENOMEM), before the kernel says so by killing. */
int matrix_enough_memory(size_t bytes, const char *name, struct rondo_error *err) RONDO_MUST_CHECK;

/* A dense matrix, its padding zeroed and its values not; *values is where to write them.  `name`
 * stands in errors: RONDO_ENOMEM. */
int matrix_dense(struct rondo_matrix *m, int64_t rows, int64_t cols, double **values,
                 const char *name, struct rondo_error *err) RONDO_MUST_CHECK;

int matrix_counts_init(struct matrix_counts *counts) RONDO_MUST_CHECK;
void matrix_counts_fini(struct matrix_counts *counts);
int matrix_counts_page(struct matrix_counts *counts, int64_t page) RONDO_MUST_CHECK;

/* One more entry in column `col`, 0 <= col < MATRIX_COLS_MAX.  0 or RONDO_ENOMEM. */
static inline int matrix_count(struct matrix_counts *counts, int64_t col)
{
    int64_t page = col / MATRIX_PAGE;
    if (!counts->page[page] && matrix_counts_page(counts, page))
        return RONDO_ENOMEM;
    counts->page[page][col % MATRIX_PAGE]++;
    counts->cols = col >= counts->cols ? col + 1 : counts->cols;
    counts->total++;
    return RONDO_OK;
}

/* So many columns, or rows, for so many entries?  2^24, or 256 for each. */
bool matrix_believes(int64_t claimed, int64_t entries);

/* After the first pass.  Far more columns than entries, a mistaken header or index: RONDO_EINPUT.
 * MATRIX_AGAIN: the columns are right, but pages were not made; the counts begin anew. */
enum { MATRIX_AGAIN = 1 };
int matrix_counts_settle(struct matrix_counts *counts, int64_t cols, const char *name,
                         struct rondo_error *err) RONDO_MUST_CHECK;

/* Allocates a matrix of as many entries as were counted; the counts are gone afterwards. */
int matrix_sparse_begin(struct matrix_sparse *m, struct matrix_counts *counts, int64_t rows,
                        int64_t cols, const char *name, struct rondo_error *err) RONDO_MUST_CHECK;

/* Puts an entry; false where there is no place for it, since the file changed after the count. */
static inline bool matrix_put(struct matrix_sparse *m, int64_t row, int64_t col, double value)
{
    if (row >= m->rows || col >= m->cols || m->colptr[col + 1] >= m->nnz)
        return false;
    int64_t at = m->colptr[col + 1]++;
    m->rowidx[at] = (int32_t)row;
    m->values[at] = value;
    m->filled++;
    return true;
}

/* Before the end, where a row may stand twice in a column: what stands in one place is added up, to `most`
 * at most (else RONDO_EINPUT); *summed entries are gone by that. */
int matrix_sparse_sum(struct matrix_sparse *m, double most, int64_t *summed, const char *name,
                      struct rondo_error *err) RONDO_MUST_CHECK;
/* Sorts columns that need it, refuses a row that stands twice in a column, and moves the matrix. */
int matrix_sparse_end(struct matrix_sparse *m, struct rondo_matrix *out, const char *name,
                      struct rondo_error *err) RONDO_MUST_CHECK;
void matrix_sparse_fini(struct matrix_sparse *m); /* harmless after the end */

/* A sparse n x 1 or 1 x n matrix made dense n x 1; far fewer entries than n: RONDO_EINPUT. */
int matrix_vector(struct rondo_matrix *m, const char *name,
                  struct rondo_error *err) RONDO_MUST_CHECK;

void matrix_free(struct rondo_matrix *m);
/* What is beside the pages of a mapped file. */
void matrix_unmap(struct rondo_matrix *m);

/* "the file changed while it was read" */
int matrix_changed(const char *name, struct rondo_error *err);

#endif

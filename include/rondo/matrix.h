/* matrix.h - the data as an app sees them: an immutable matrix by columns.
 *
 * Place:   include/rondo, visible to all.
 * Threads: immutable once loaded, shared by all threads of a process.
 * Memory:  owned by the host's data store; an app borrows it from open to close.
 *
 * Dense: n x p column-major, entry (i,j) at dense[i + j * ld], ld >= n, each column aligned to 64
 * bytes where ld is a multiple of 8.  Rows n to ld-1 of a column are zero.
 * Sparse: compressed columns; the entries of column j are [colptr[j], colptr[j+1]), rows ascending,
 * no row twice.  Explicit zeros may occur.
 * Every value is finite.
 */
#ifndef RONDO_MATRIX_H
#define RONDO_MATRIX_H

#include <rondo/types.h>

RONDO_C_BEGIN

struct rondo_matrix {
    int64_t rows, cols;   /* n, p; both >= 0 */
    int64_t nnz;          /* stored entries: n * p where dense */
    bool sparse;
    int64_t ld;           /* dense: leading dimension, in values */
    const double *dense;  /* dense: [ld * p] */
    const int64_t *colptr; /* sparse: [p + 1] */
    const int32_t *rowidx; /* sparse: [nnz] */
    const double *values;  /* sparse: [nnz] */
    size_t bytes;          /* values, indices and pointers as stored */
};

RONDO_C_END

#endif

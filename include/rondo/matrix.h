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
 * Packed: genotypes, 2 bits each, as PLINK's .bed has them: row i of column j is the code in bits
 * 2 (i mod 4) and up of packed[i / 4 + j * stride].  A value is the number of A1 alleles, 2, 1 or 0;
 * a missing one is the app's to impute.  Bits behind row n - 1 in a column's last byte may be set.
 * Columns are not aligned.  Given to a role of kind RONDO_ROLE_PACKED (app.h) alone.  position[j] is where
 * variant j lies: its base pair, plus a multiple of RONDO_CHROMOSOME that is that of its chromosome's name.
 * Every value is finite.
 */
#ifndef RONDO_MATRIX_H
#define RONDO_MATRIX_H

#include <rondo/types.h>

RONDO_C_BEGIN

/* What two bits of a packed column say, the lower-numbered bit being the code's lower one. */
enum rondo_genotype {
    RONDO_HOM_A1 = 0,  /* homozygous A1: 2 */
    RONDO_MISSING = 1,
    RONDO_HET = 2,     /* heterozygous: 1 */
    RONDO_HOM_A2 = 3,  /* homozygous A2: 0 */
};

/* Base pairs: longer than any chromosome.  Two names seldom have one multiple of it. */
#define RONDO_CHROMOSOME (INT64_C(1) << 40)

struct rondo_matrix {
    int64_t rows, cols;   /* n, p; both >= 0 */
    int64_t nnz;          /* stored entries: n * p where dense or packed */
    bool sparse;
    int64_t ld;           /* dense: leading dimension, in values */
    const double *dense;  /* dense: [ld * p] */
    const int64_t *colptr; /* sparse: [p + 1] */
    const int32_t *rowidx; /* sparse: [nnz] */
    const double *values;  /* sparse: [nnz] */
    size_t bytes;          /* values, indices and pointers as stored */
    const uint8_t *packed; /* packed: [stride * p]; else NULL */
    int64_t stride;        /* packed: bytes from one column to the next, (n + 3) / 4 at the least */
    const int64_t *position; /* packed: [p], or NULL; in no order */
};

/* A text by its lines, in their order: a vocabulary has the word of column j at j. */
struct rondo_words {
    int64_t count;
    const char *const *word; /* [count], each ends with NUL; never empty, bytes as they stand in the file */
};

/* Who the rows and columns of ratings are.  Numbers go by first appearance in the file, behind those of the
 * ids that were known before. */
struct rondo_ids {
    struct rondo_words user, item;     /* of row i, of column j; bytes as they stand in the file */
    int64_t known_users, known_items;  /* those that came with other ratings (app.h, labels_of) or a model; 0
                                        * where there are none */
    int64_t negative_line;             /* the first line of the file whose rating is below 0; 0: none */
};

/* Lines of ratings as they stand in a file, one behind the other; users and items by their numbers. */
struct rondo_lines {
    int64_t count;
    const uint32_t *user, *item; /* [count] */
    const float *rating;         /* [count]; NULL where lines are pairs alone */
};

/* The code of row i in a packed column. */
static inline enum rondo_genotype rondo_genotype_at(const uint8_t *column, int64_t i)
{
    return (enum rondo_genotype)(column[i / 4] >> (i % 4 * 2) & 3);
}

RONDO_C_END

#endif

/* bedfile.h - PLINK 1 files, written a variant at a time; and genotypes made numbers.
 *
 * Place:   core/data, floor 1; used by write.c and haplotype.c.
 * Threads: a struct bedfile belongs to one thread.
 * Memory:  the files' buffers; nothing for a variant.
 *
 * Individuals are called i1, i2, ..., variants s1, s2, ...; alleles are A and G.  All three files
 * appear at the end, the .bed last.
 */
#ifndef BEDFILE_H
#define BEDFILE_H

#include "core/base/file.h"
#include "core/data/data.h"

struct bedfile {
    struct file_atomic bed, bim, fam;
    const char *path; /* borrowed */
    int64_t rows, cols; /* cols: so far */
    bool failed;
};

/* path ends with .bed.  On failure nothing is left. */
int bedfile_begin(struct bedfile *file, const char *path, int64_t rows,
                  struct rondo_error *err) RONDO_MUST_CHECK;
/* column: [(rows + 3) / 4], zero bits behind the last row.  A failure is told at the end. */
void bedfile_put(struct bedfile *file, const uint8_t *column, int chromosome, int64_t position);
/* phenotypes: [rows], NULL: missing (-9).  code: what the caller came to; the files are given up where
 * it is an error, and it is returned. */
int bedfile_end(struct bedfile *file, const double *phenotypes, int code,
                struct rondo_error *err) RONDO_MUST_CHECK;

/* A matrix of the values 0, 1 and 2 as PLINK 1 files: RONDO_EINPUT names the first that is another. */
int bedfile_write(const char *path, const struct rondo_matrix *x, const double *labels,
                  struct rondo_error *err) RONDO_MUST_CHECK;

/* The mean of a packed column's values that are not missing; 0 where all are. */
double bedfile_mean(const struct rondo_matrix *x, int64_t j);
/* A packed column as numbers, the mean where one is missing; out: [rows]. */
void bedfile_expand(const struct rondo_matrix *x, int64_t j, double *out);

#endif

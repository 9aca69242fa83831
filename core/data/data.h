/* data.h - from a file's name to an immutable matrix.
 *
 * Place:   core/data, floor 1; used by core/job's callers, coordinator, workers and tools.
 * Threads: loading is one thread's, who takes others for ratings; what was loaded is immutable and shared.
 * Memory:  data_load gives owned data, freed by data_free.  Peak memory while loading is at most
 *          1.1 times the matrix as stored plus 16 MiB: text is read twice (count, then fill).  Of a
 *          docword that is as it was before entries were summed; of ratings 12 bytes a rating, 16 or
 *          20 where there are times, and the ids more; of a row in coordinates that is wanted as a
 *          vector twice that.
 *
 * Formats, told by content first and by name second, plain or gzip or zstd:
 *   svmlight (.svm .libsvm .txt)   "label index:value ... # comment", indices ascending
 *   Matrix Market (.mtx)           coordinate or array; real, integer or pattern; general, symmetric
 *   NumPy (.npy)                   <f4 <f8, whole numbers, C or Fortran order, one or two dimensions;
 *                                  matrices of <f8 in Fortran order are mapped where large and plain
 *   UCI bag of words (docword.*)   three lines D, W, NNZ, then "document word count" from 1: counts
 *   ratings (.uir .csv .dat .tsv)  "user item rating [time]" by blanks, commas, semicolons or "::", perhaps a
 *                                  header: read once, by all threads; each kept as the nearest float
 *   PLINK 1 (.bed .bim .fam)       genotypes by variants; mapped, never compressed
 *   .rdm (rondo data convert)      a matrix or ratings as they lie in memory: mapped, and looked at once
 *   tables (FID IID value ...)     phenotypes, matched to a .fam: options.people
 */
#ifndef DATA_H
#define DATA_H

#include <rondo/err.h>
#include <rondo/matrix.h>

enum data_format { DATA_UNKNOWN, DATA_SVMLIGHT, DATA_MTX, DATA_NPY, DATA_BED, DATA_TABLE, DATA_DOCWORD, DATA_RATINGS,
                   DATA_RDM };

/* A .fam's phenotypes: missing ones are refused; they are not looked at; they are the labels where
 * none is missing. */
enum data_labels { DATA_LABELS_WANTED, DATA_LABELS_UNUSED, DATA_LABELS_IF_WHOLE };

struct data_options {
    int index_base; /* svmlight: 0 or 1 (the first column's index); Matrix Market is always 1 */
    bool vector;    /* the file must hold one column (or one row, which is turned) */
    bool packed;    /* genotypes may come packed; else a .bed is refused */
    bool counts;    /* every value must be a whole number from 0 to 2147483647; dense files are refused */
    enum data_labels labels; /* of a .bed */
    const char *people; /* a .bed: a table's rows come in the order of its .fam; NULL: no tables */
    const char *column; /* the table's column that is wanted, of a matrix those, "age,sex"; NULL: it has one, or
                         * all are */
    bool ratings;     /* lines of user, item, rating and perhaps time: users by items, sparse, of two equal cells the
                       * latest, else the last line */
    bool pairs;       /* with ratings: every line for itself, in the file's order: data_set.lines, without ratings
                       * where the first line has none; x is empty */
    bool told;        /* ratings may be told by content and name where they are not asked for */
    const struct rondo_ids *known; /* with ratings: ids that have these numbers already; NULL: none */
    int64_t resident; /* bytes of a mapped file that may be resident; 0: all */
};

/* What a header, or for svmlight one pass over the text, tells. */
struct data_info {
    enum data_format format;
    const char *compression; /* "none", "gzip", "zstd" */
    int64_t rows, cols, nnz; /* nnz: stored entries */
    bool sparse, packed;
    bool mapped;             /* the matrix is pages of the file itself */
    bool labels;             /* the file bears y (svmlight, .fam) */
    size_t bytes;            /* of the matrix once loaded */
    int64_t lines, replaced; /* ratings, once loaded: lines that are ratings; those that another of the same cell
                              * took the place of */
    bool header, times;      /* ratings: the first line is a header; there is a column of times */
    int64_t unsorted, summed; /* docword, once loaded: entries whose document comes before that of the one
                               * before; entries that were added to another of their document and word */
};

struct data_set {
    struct data_info info;
    struct rondo_matrix x;
    struct rondo_matrix labels; /* rows x 1 where info.labels; else rows = 0 */
    struct rondo_ids *ids;      /* ratings: who they are, in one block; else NULL */
    struct rondo_lines lines;   /* of pairs; else none */
    uint64_t digest;            /* of all: fingerprint.h; 0: nobody has asked */
    /* Both lie in it: shelf.h; of a data file x alone.  NULL: in memory of their own. */
    struct mapping *map;
};

const char *data_format_name(enum data_format format);
/* The format that a name tells, .gz and .zst left aside. */
enum data_format data_format_by_name(const char *path);

/* Does it begin as a PLINK 1 .bed does? */
bool data_is_bed(const char *path);
/* The files without which this one says nothing, 0, 1, ...: a .bed's .bim and .fam; false behind the
 * last, or where it does not fit.  They lie beside it. */
bool data_companion(const char *path, int index, char *out, size_t size);

/* The names of a .bed's columns, from its .bim: of each the variant's own and A1, the allele that is counted,
 * "rs123_A"; or those in the first line of a table.  Borrowed until `each` returns.  RONDO_EINPUT; also where
 * the path is neither, or the table has no such line. */
int data_names(const char *path, void (*each)(void *context, int64_t column, const char *name), void *context,
               struct rondo_error *err) RONDO_MUST_CHECK;

/* Reads as little as tells the shape, of ratings all; a docword's nnz is what its header states.  Errors: RONDO_EINPUT with
 * "file" or "file:line". */
int data_inspect(const char *path, const struct data_options *options, struct data_info *info,
                 struct rondo_error *err) RONDO_MUST_CHECK;

/* Reads the whole file, or maps it: such a matrix is pages of the file, which must not change while they
 * are used (mapping.h); it has ld = rows.  Every value is checked to be finite.  Cost: two passes over
 * text, one over ratings, one over a .npy that is mapped, none over a .bed. */
int data_load(const char *path, const struct data_options *options, struct data_set **set,
              struct rondo_error *err) RONDO_MUST_CHECK;
void data_free(struct data_set *set); /* NULL allowed */
/* What was accepted of counts or ratings and may be a mistake, a line each: entries out of order, or summed;
 * documents without a word; a header; ratings that others took the place of.  One pass over the rows' numbers.
 * Borrowed until `each` returns.  RONDO_ENOMEM. */
int data_remarks(const struct data_set *set, void (*each)(void *context, const char *text), void *context,
                 struct rondo_error *err) RONDO_MUST_CHECK;
/* x is read no more: its memory is given back.  Mapped pages would come again; else x is gone. */
void data_release(struct data_set *set);
/* RONDO_EINPUT where the mapped file was cut short, or could not be read, since it was loaded: what was
 * computed meanwhile is worth nothing. */
int data_intact(const struct data_set *set, const char *path, struct rondo_error *err) RONDO_MUST_CHECK;

/* Writes a matrix as .npy (Fortran order, f8), .mtx, .svm (with labels [rows], or NULL) or docword.* (whole
 * numbers alone: else RONDO_EINPUT), chosen by the name; a trailing .gz compresses.  The file appears whole or
 * not at all. */
int data_write(const char *path, const struct rondo_matrix *x, const double *labels,
               struct rondo_error *err) RONDO_MUST_CHECK;

/* The same as .rdm: the whole set, labels and ids too, as it lies in memory, to be mapped.  RONDO_EINPUT: packed
 * genotypes. */
int data_save(const char *path, const struct data_set *set, struct rondo_error *err) RONDO_MUST_CHECK;

/* ---- made data -------------------------------------------------------------------------- */

enum data_design { DATA_DESIGN_AR, DATA_DESIGN_GENOTYPE, DATA_DESIGN_SPARSE };

struct data_recipe {
    enum data_design design;
    int64_t rows, cols;
    double rho;        /* ar: correlation of neighbours within a block */
    int64_t block;     /* ar: columns in a block; cols: one block */
    double density;    /* sparse: share of non-zeros */
    int64_t causes;    /* columns with a true coefficient */
    double amplitude;  /* of true coefficients (ar, sparse) */
    double noise;      /* standard deviation of the noise (ar, sparse) */
    double heritability; /* genotype: share of y's variance that the causes explain */
    double missing;    /* genotype, in a .bed: share of genotypes that are missing */
    uint64_t seed;
};

/* Makes X, y and the true coefficients; a pure function of the recipe. */
int data_generate(const struct data_recipe *recipe, struct data_set **set, double **truth,
                  struct rondo_error *err) RONDO_MUST_CHECK;
/* The genotype design as PLINK 1 files, y as the .fam's phenotype; path ends with .bed.  The same
 * values, in memory that does not grow with cols but for *truth [cols]. */
int data_generate_bed(const struct data_recipe *recipe, const char *path, double **truth,
                      struct rondo_error *err) RONDO_MUST_CHECK;

#endif

/* rowfile.h - rows of numbers as they come, into a file that appears whole.
 *
 * Place:   core/data, floor 1; used by apps/model.c and tools/cmd_predict.c.
 * Threads: a struct rowfile belongs to one thread.
 * Memory:  64 KiB, whatever the number of rows.
 *
 * Formats, told by the name: .txt, a line for each row and blanks between numbers; .tsv, tabs; .csv,
 * commas; .npy, <f8 in C order, one dimension where rows have one number.  Text has the fewest of 15 to 17 digits
 * that read back as the same double.  In text a column of words has the word in the number's place, in .csv in
 * quotes where it needs them; .npy has the numbers.
 */
#ifndef ROWFILE_H
#define ROWFILE_H

#include "core/base/file.h"

#include <rondo/matrix.h>

enum { ROWFILE_WORDS = 8 }; /* columns, the first ones, that may be of words */

enum rowfile_format { ROWFILE_UNKNOWN, ROWFILE_TXT, ROWFILE_TSV, ROWFILE_CSV, ROWFILE_NPY };

struct rowfile {
    struct file_atomic file;
    enum rowfile_format format;
    int64_t rows, width; /* so far; of each */
    const struct rondo_words *words[ROWFILE_WORDS]; /* of a column, whose numbers are theirs; set before the first
                                                     * row; borrowed.  NULL: numbers */
    char *bytes;
    size_t size;
    bool failed;
};

enum rowfile_format rowfile_format_by_name(const char *path);

/* RONDO_EINPUT where the name tells no format that is written. */
int rowfile_check_name(const char *path, struct rondo_error *err) RONDO_MUST_CHECK;

/* RONDO_EINPUT where the name tells no format, RONDO_EIO where it cannot be written. */
int rowfile_open(struct rowfile *out, const char *path, struct rondo_error *err) RONDO_MUST_CHECK;
/* [count x width] row-major, the width the same as before, and numbers of words theirs: else it asserts.  A failure to write
 * sticks and is said at the end, or by the next call. */
int rowfile_put(struct rowfile *out, const double *rows, int64_t count, int64_t width,
                struct rondo_error *err) RONDO_MUST_CHECK;
int rowfile_commit(struct rowfile *out, struct rondo_error *err) RONDO_MUST_CHECK;
/* Gives the file up; harmless after a commit, or where it was never opened but zeroed. */
void rowfile_abandon(struct rowfile *out);

#endif

/* svmlight.c - "label index:value ... # comment", by rows, into compressed columns.
 *
 * Both passes read and check everything: the first counts the entries of each column, the second
 * puts them.  Rows come in order, so that each column's rows ascend by themselves. */
#include "core/base/mem.h"
#include "core/data/matrix.h"
#include "core/data/number.h"
#include "core/data/readers.h"

#include <math.h>
#include <string.h>

struct svmlight {
    struct stream *s;
    const struct data_options *options;
    int64_t base;     /* the first column's index */
    int64_t rows;
    int64_t previous; /* the last index in this line, base - 1 at its beginning */
};

static const char base_hint[] = "data.index_base: 0 accepts it";

static int not_finite(const struct stream *s, struct rondo_error *err)
{
    char found[STREAM_TOKEN];
    return stream_error(s, err, NULL, "the value \"%s\" is not finite", stream_token(s, found));
}

static bool ends_value(const struct stream *s, const char *at)
{
    return stream_is_break(s, at) || *at == '#';
}

/* The label of the next line that has one: 1, 0 at the end of the file, or an error. */
static int next_label(struct svmlight *svm, double *label, struct rondo_error *err)
{
    struct stream *s = svm->s;
    for (;;) {
        int code = stream_skip_blanks(s, err);
        if (code)
            return code;
        if (stream_at_end(s))
            return 0;
        if (*s->at != '\n' && *s->at != '#')
            break;
        code = stream_skip_line(s, err);
        if (code)
            return code;
    }
    const char *end = number_real(s->at, label);
    if (!end || !ends_value(s, end))
        return stream_unexpected(s, "a label", err);
    if (!isfinite(*label))
        return not_finite(s, err);
    if (svm->rows == MATRIX_ROWS_MAX)
        return stream_error(s, err, NULL, "more than 2147483647 rows");
    s->at = end;
    svm->rows++;
    svm->previous = svm->base - 1;
    return 1;
}

static int check_index(struct svmlight *svm, int64_t index, struct rondo_error *err)
{
    if (index < svm->base)
        return stream_error(svm->s, err, base_hint,
                            "the index 0 stands in a file whose indices count from 1");
    if (index > INT32_MAX)
        return stream_error(svm->s, err, NULL, "the index %lld is beyond 2147483647",
                            (long long)index);
    if (index == svm->previous)
        return stream_error(svm->s, err, NULL, "the index %lld stands twice in a line",
                            (long long)index);
    return stream_error(svm->s, err, NULL,
                        "the index %lld comes after %lld: indices must ascend in a line",
                        (long long)index, (long long)svm->previous);
}

/* Passes "qid:NUMBER"; false where that is not what stands here. */
static bool pass_query(struct stream *s)
{
    int64_t number;
    if (strncmp(s->at, "qid:", 4) != 0)
        return false;
    const char *end = number_index(s->at + 4, &number);
    if (!end || !ends_value(s, end))
        return false;
    s->at = end;
    return true;
}

/* The line's next entry: 1, 0 at the end of the line, or an error.  *col counts from 0. */
static int next_entry(struct svmlight *svm, int64_t *col, double *value, struct rondo_error *err)
{
    struct stream *s = svm->s;
    do {
        int code = stream_skip_blanks(s, err);
        if (code)
            return code;
    } while (*s->at == 'q' && pass_query(s));
    if (*s->at == '\n' || *s->at == '#' || stream_at_end(s))
        return stream_skip_line(s, err);

    int64_t index;
    const char *end = number_index(s->at, &index);
    if (end && *end == ':')
        end = number_real(end + 1, value);
    else
        end = NULL;
    if (!end || !ends_value(s, end))
        return stream_unexpected(s, "index:value", err);
    if (index <= svm->previous || index > INT32_MAX)
        return check_index(svm, index, err);
    if (!isfinite(*value))
        return not_finite(s, err);
    if (data_check_count(s, svm->options, *value, err))
        return RONDO_EINPUT;
    s->at = end;
    svm->previous = index;
    *col = index - svm->base;
    return 1;
}

static int count_lines(struct svmlight *svm, struct matrix_counts *counts, struct rondo_error *err)
{
    double label, value;
    int64_t col;
    int found;
    while ((found = next_label(svm, &label, err)) > 0) {
        while ((found = next_entry(svm, &col, &value, err)) > 0)
            if (matrix_count(counts, col))
                return rondo_error_set(err, RONDO_ENOMEM, svm->s->path, NULL, "out of memory");
        if (found < 0)
            break;
    }
    return found;
}

static int fill_lines(struct svmlight *svm, struct matrix_sparse *x, double *labels,
                      struct rondo_error *err)
{
    double label, value;
    int64_t col;
    int found;
    while ((found = next_label(svm, &label, err)) > 0) {
        int64_t row = svm->rows - 1;
        if (row >= x->rows)
            return matrix_changed(svm->s->path, err);
        labels[row] = label;
        while ((found = next_entry(svm, &col, &value, err)) > 0)
            if (!matrix_put(x, row, col, value))
                return matrix_changed(svm->s->path, err);
        if (found < 0)
            break;
    }
    if (found == 0 && svm->rows != x->rows)
        found = matrix_changed(svm->s->path, err);
    return found;
}

/* After the first pass: is it to be believed?  Where memory waited for the answer, a second one. */
static int settle(struct stream *s, const struct data_options *options,
                  struct matrix_counts *counts, struct rondo_error *err)
{
    struct svmlight svm = { .s = s, .options = options, .base = options->index_base };
    int code = matrix_counts_settle(counts, counts->cols, s->path, err);
    if (code != MATRIX_AGAIN)
        return code;
    code = stream_rewind(s, err);
    return code ? code : count_lines(&svm, counts, err);
}

/* The first pass.  A file of labels alone is a vector, one number to a line. */
static int count(struct stream *s, const struct data_options *options, int64_t *rows,
                 struct matrix_counts *counts, struct rondo_error *err)
{
    struct svmlight svm = { .s = s, .options = options, .base = options->index_base };
    if (matrix_counts_init(counts))
        return rondo_error_set(err, RONDO_ENOMEM, s->path, NULL, "out of memory");
    int code = count_lines(&svm, counts, err);
    *rows = svm.rows;
    if (!code && svm.rows == 0)
        code = rondo_error_set(err, RONDO_EINPUT, s->path, NULL, "no line bears data");
    if (!code && options->vector && counts->cols > 0)
        code = rondo_error_set(err, RONDO_EINPUT, s->path, NULL,
                               "a vector is wanted, the file holds a %lld x %lld matrix",
                               (long long)svm.rows, (long long)counts->cols);
    if (!code && !options->vector)
        code = data_check_shape(s->path, options, svm.rows, counts->cols, err);
    return code;
}

int svmlight_inspect(struct stream *s, const struct data_options *options, struct data_info *info,
                     struct rondo_error *err)
{
    struct matrix_counts counts;
    int code = count(s, options, &info->rows, &counts, err);
    info->sparse = info->labels = !options->vector;
    info->cols = options->vector ? 1 : counts.cols;
    info->nnz = options->vector ? info->rows : counts.total;
    info->bytes = options->vector ? matrix_dense_bytes(info->rows, 1)
                                  : matrix_sparse_bytes(counts.cols, counts.total);
    matrix_counts_fini(&counts);
    return code;
}

int svmlight_load(struct stream *s, const struct data_options *options, struct data_set *set,
                  struct rondo_error *err)
{
    struct matrix_counts counts;
    struct matrix_sparse x = { 0 };
    struct svmlight svm = { .s = s, .options = options, .base = options->index_base };
    double *labels;
    int64_t rows = 0;
    int code = count(s, options, &rows, &counts, err);
    if (!code)
        code = settle(s, options, &counts, err);
    if (!code)
        code = matrix_sparse_begin(&x, &counts, rows, counts.cols, s->path, err);
    if (!code)
        code = matrix_dense(&set->labels, rows, 1, &labels, s->path, err);
    if (!code)
        code = stream_rewind(s, err);
    if (!code)
        code = fill_lines(&svm, &x, labels, err);
    if (!code)
        code = matrix_sparse_end(&x, &set->x, s->path, err);
    if (!code && options->vector) {
        matrix_free(&set->x);
        set->x = set->labels;
        set->labels = (struct rondo_matrix){ 0 };
    }
    matrix_counts_fini(&counts);
    matrix_sparse_fini(&x);
    return code;
}

/* docword.c - the UCI bag of words: documents by words, as compressed columns of counts.
 *
 *     D
 *     W
 *     NNZ
 *     document word count      NNZ times, both numbered from 1
 *
 * Format: Newman, "Bag of Words", UCI Machine Learning Repository, 2008.  Documents come in order in a
 * file as it should be; what is not in order is sorted, and what stands twice is added up. */
#include "core/base/spill.h"
#include "core/data/matrix.h"
#include "core/data/number.h"
#include "core/data/readers.h"

#include <stdio.h>
#include <string.h>

enum { ENTRY = sizeof(double) + sizeof(int32_t) }; /* bytes of one in the matrix */

struct docword {
    struct stream *s;
    int64_t documents, words, entries; /* as stated */
    int64_t before;                    /* the document of the entry before */
    int64_t unsorted;                  /* entries whose document comes before that */
};

struct entry {
    int64_t document, word, count; /* from 1 */
};

/* ---- is it one? ------------------------------------------------------------------------------- */

static const char *pass_blanks(const char *at)
{
    while (stream_is_blank(*at))
        at++;
    return at;
}

/* Behind a number that is a word by itself; NULL where there is none. */
static const char *pass_number(const char *at)
{
    int64_t value;
    at = number_index(pass_blanks(at), &value);
    return at && (stream_is_blank(*at) || *at == '\n') ? at : NULL;
}

/* Three lines of one number each, and a line of two and a word that is no index:value. */
bool docword_is(const struct stream *s)
{
    const char *at = s->at;
    for (int line = 0; line < 3 && at; line++) {
        at = pass_number(at);
        at = at ? pass_blanks(at) : NULL;
        at = at && *at == '\n' ? at + 1 : NULL;
    }
    for (int word = 0; word < 2 && at; word++)
        at = pass_number(at);
    if (!at)
        return false;
    at = pass_blanks(at);
    size_t size = strcspn(at, " \t\r\n");
    return size > 0 && !memchr(at, ':', size);
}

/* ---- the header --------------------------------------------------------------------------------- */

/* Passes blank lines; the stream is then at a line's first word or at the end. */
static int next_line(struct stream *s, struct rondo_error *err)
{
    int code;
    while (!(code = stream_skip_blanks(s, err)) && *s->at == '\n')
        if ((code = stream_skip_line(s, err)))
            break;
    return code;
}

/* Each entry takes six bytes at least; the last end of line may be missing. */
static int check_stated(const struct docword *d, int number, int64_t value, const char *what,
                        struct rondo_error *err)
{
    enum { LEAST = 6 };
    if (number < 2 && (value < 1 || value > MATRIX_ROWS_MAX))
        return stream_error(d->s, err, NULL, "%lld stands for %s: from 1 to 2147483647 are read", (long long)value,
                            what);
    if (number == 2 && value > stream_limit(d->s) / LEAST + 1)
        return stream_error(d->s, err, NULL, "%lld entries are stated, more than a file of %lld bytes can hold",
                            (long long)value, (long long)d->s->size);
    return RONDO_OK;
}

static int read_header(struct docword *d, const struct data_options *options, struct rondo_error *err)
{
    static const char *const names[] = { "the number of documents", "the number of words",
                                         "the number of entries" };
    int64_t *const stated[] = { &d->documents, &d->words, &d->entries };
    for (int i = 0; i < 3; i++) {
        int code = next_line(d->s, err);
        if (!code)
            code = stream_index(d->s, names[i], stated[i], err);
        if (!code)
            code = check_stated(d, i, *stated[i], names[i], err);
        if (!code)
            code = stream_end_line(d->s, err);
        if (code)
            return code;
    }
    return data_check_shape(d->s->path, options, d->documents, d->words, err);
}

/* ---- entries ------------------------------------------------------------------------------------ */

static bool is_good(const struct docword *d, const struct entry *e)
{
    return e->document >= 1 && e->document <= d->documents && e->word >= 1 && e->word <= d->words
           && e->count >= 1 && e->count <= INT32_MAX;
}

/* The whole line where it is in the window, as it should be and as nearly all are; else false, and
 * nothing is passed. */
static bool take_line(struct docword *d, struct entry *e)
{
    struct stream *s = d->s;
    int64_t *const number[] = { &e->document, &e->word, &e->count };
    const char *at = s->at;
    for (int i = 0; i < 3; i++) {
        const char *end = number_index(at, number[i]);
        if (!end || (i < 2 && *end != ' ' && *end != '\t'))
            return false;
        at = end + (i < 2);
    }
    at += *at == '\r';
    if (*at != '\n' || !is_good(d, e))
        return false;
    s->at = at + 1;
    s->line++;
    return true;
}

/* A number within its range; the error is at its place. */
static int read_within(struct docword *d, const char *what, int64_t most, int64_t *value, struct rondo_error *err)
{
    struct stream *s = d->s;
    char wanted[48];
    snprintf(wanted, sizeof wanted, "a %s", what);
    int code = stream_index(s, wanted, value, err);
    if (code || (*value >= 1 && *value <= most))
        return code;
    return stream_error(s, err, *value == 0 && most != INT32_MAX ? "documents and words count from 1" : NULL,
                        "the %s %lld is not from 1 to %lld", what, (long long)*value, (long long)most);
}

/* Why the line cannot be taken as it stands, or that it can all the same. */
static int read_line(struct docword *d, struct entry *e, struct rondo_error *err)
{
    int code = read_within(d, "document", d->documents, &e->document, err);
    if (!code)
        code = read_within(d, "word", d->words, &e->word, err);
    if (!code)
        code = read_within(d, "count", INT32_MAX, &e->count, err);
    return code ? code : stream_end_line(d->s, err);
}

/* The next entry: 1, 0 at the end of the file, or an error.  `done` entries came before it. */
static int next_entry(struct docword *d, int64_t done, struct entry *e, struct rondo_error *err)
{
    struct stream *s = d->s;
    int code = next_line(s, err);
    if (code)
        return code;
    bool ends = stream_at_end(s);
    if (ends && done < d->entries)
        return stream_error(s, err, NULL, "the file ends after %lld entries; the header states %lld",
                            (long long)done, (long long)d->entries);
    if (ends)
        return 0;
    if (done == d->entries)
        return stream_error(s, err, NULL, "more entries than the %lld that the header states",
                            (long long)d->entries);
    code = take_line(d, e) ? RONDO_OK : read_line(d, e, err);
    if (code)
        return code;
    d->unsorted += e->document < d->before;
    d->before = e->document;
    return 1;
}

static int count(struct docword *d, struct matrix_counts *counts, struct rondo_error *err)
{
    struct entry e;
    int found;
    for (int64_t done = 0; (found = next_entry(d, done, &e, err)) > 0; done++)
        if (matrix_count(counts, e.word - 1))
            return rondo_error_set(err, RONDO_ENOMEM, d->s->path, NULL, "out of memory");
    if (!found && !matrix_believes(d->documents, d->entries))
        found = rondo_error_set(err, RONDO_EINPUT, d->s->path, NULL,
                                "%lld documents for %lld entries: a mistaken header", (long long)d->documents,
                                (long long)d->entries);
    return found;
}

static int again(struct docword *d, const struct data_options *options, struct rondo_error *err)
{
    struct docword first = *d;
    *d = (struct docword){ .s = first.s };
    int code = stream_rewind(d->s, err);
    if (!code)
        code = read_header(d, options, err);
    if (!code && (first.documents != d->documents || first.words != d->words || first.entries != d->entries))
        code = matrix_changed(d->s->path, err);
    return code;
}

/* The entries of words [first, last). */
static int fill(struct docword *d, struct matrix_sparse *x, int64_t first, int64_t last, struct rondo_error *err)
{
    enum { SAID = 1 << 15 };
    struct entry e;
    int found;
    for (int64_t done = 0; (found = next_entry(d, done, &e, err)) > 0; done++) {
        if (e.word <= first || e.word > last)
            continue;
        if (!matrix_put(x, e.document - 1, e.word - 1, (double)e.count))
            return matrix_changed(d->s->path, err);
        if (x->filled % SAID == 0)
            spill_said(SAID * ENTRY);
    }
    return found;
}

/* As often as it takes, some tens of times at most: what is filled together, words here and there, is to stay
 * resident. */
static int fill_all(struct docword *d, const struct data_options *options, struct matrix_sparse *x,
                    struct rondo_error *err)
{
    enum { PASSES = 32 };
    int64_t most = spill_cap() ? spill_cap() / 2 / ENTRY : INT64_MAX, before = 0;
    int code = RONDO_OK;
    most = most > x->nnz / PASSES ? most : x->nnz / PASSES;
    for (int64_t first = 0, last = 0; first < x->cols && !code; first = last) {
        int64_t begin = before; /* colptr[j + 1] is where column j begins */
        for (; last < x->cols && (last == first || x->colptr[last + 1] - begin <= most); last++)
            before = x->colptr[last + 1];
        last = last < x->cols ? last : x->cols;
        code = again(d, options, err);
        if (!code)
            code = fill(d, x, first, last, err);
    }
    return code;
}

/* ---- the doors ---------------------------------------------------------------------------------- */

int docword_inspect(struct stream *s, const struct data_options *options, struct data_info *info,
                    struct rondo_error *err)
{
    struct docword d = { .s = s };
    int code = read_header(&d, options, err);
    if (code)
        return code;
    info->rows = options->vector ? d.documents * d.words : d.documents;
    info->cols = options->vector ? 1 : d.words;
    info->nnz = options->vector ? info->rows : d.entries;
    info->sparse = !options->vector;
    info->bytes = info->sparse ? matrix_sparse_bytes(info->cols, info->nnz)
                               : matrix_dense_bytes(info->rows, info->cols);
    return RONDO_OK;
}

int docword_load(struct stream *s, const struct data_options *options, struct data_set *set,
                 struct rondo_error *err)
{
    struct docword d = { .s = s };
    struct matrix_counts counts;
    struct matrix_sparse x = { 0 };
    if (matrix_counts_init(&counts))
        return rondo_error_set(err, RONDO_ENOMEM, s->path, NULL, "out of memory");
    int code = read_header(&d, options, err);
    if (!code)
        code = count(&d, &counts, err);
    if (!code)
        code = matrix_counts_settle(&counts, d.words, s->path, err);
    if (code == MATRIX_AGAIN) {
        code = again(&d, options, err);
        if (!code)
            code = count(&d, &counts, err);
    }
    if (!code)
        code = matrix_sparse_begin(&x, &counts, d.documents, d.words, s->path, err);
    if (!code)
        code = fill_all(&d, options, &x, err);
    if (!code)
        code = matrix_sparse_sum(&x, INT32_MAX, &set->info.summed, s->path, err);
    if (!code)
        code = matrix_sparse_end(&x, &set->x, s->path, err);
    if (!code && options->vector)
        code = matrix_vector(&set->x, s->path, err);
    set->info.unsorted = d.unsorted;
    matrix_counts_fini(&counts);
    matrix_sparse_fini(&x);
    return code;
}

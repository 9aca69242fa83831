#include "core/data/data.h"

#include "core/base/bitset.h"
#include "core/base/mem.h"
#include "core/base/spill.h"
#include "core/data/mapping.h"
#include "core/data/matrix.h"
#include "core/data/readers.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct reader {
    enum data_format format;
    const char *name;
    const char *suffixes; /* each ends with a space */
    int (*inspect)(struct stream *, const struct data_options *, struct data_info *,
                   struct rondo_error *);
    int (*load)(struct stream *, const struct data_options *, struct data_set *,
                struct rondo_error *);
} readers[] = {
    { DATA_NPY, "npy", ".npy ", npy_inspect, npy_load },
    { DATA_MTX, "mtx", ".mtx ", mtx_inspect, mtx_load },
    { DATA_DOCWORD, "docword", "", docword_inspect, docword_load },
    { DATA_RDM, "rdm", ".rdm ", rdm_inspect, rdm_load },
    { DATA_BED, "bed", ".bed ", bed_inspect, bed_load },
    { DATA_TABLE, "table", "", phenotype_inspect, phenotype_load },
    { DATA_RATINGS, "ratings", ".uir .ratings .csv .dat .tsv ", ratings_inspect, ratings_load },
    { DATA_SVMLIGHT, "svmlight", ".svm .libsvm .svmlight .txt ", svmlight_inspect, svmlight_load },
};
enum { READERS = sizeof readers / sizeof readers[0] };

static const struct reader *reader_of(enum data_format format)
{
    for (int i = 0; i < READERS; i++)
        if (readers[i].format == format)
            return &readers[i];
    return NULL;
}

const char *data_format_name(enum data_format format)
{
    const struct reader *reader = reader_of(format);
    return reader ? reader->name : "unknown";
}

/* ---- which format -------------------------------------------------------------------------- */

/* docword.* is one, but where it has the suffix of another format. */
enum data_format data_format_by_name(const char *path)
{
    const char *name = strrchr(path, '/');
    bool docword = strncasecmp(name ? name + 1 : path, "docword.", 8) == 0;
    size_t length = strlen(path);
    if (length > 3 && strcasecmp(path + length - 3, ".gz") == 0)
        length -= 3;
    else if (length > 4 && strcasecmp(path + length - 4, ".zst") == 0)
        length -= 4;
    for (int i = 0; i < READERS; i++)
        for (const char *suffix = readers[i].suffixes; *suffix;) {
            size_t size = strcspn(suffix, " ");
            bool text = strncmp(suffix, ".txt", size) == 0;
            if (length > size && strncasecmp(path + length - size, suffix, size) == 0 && !(docword && text))
                return readers[i].format;
            suffix += size + 1;
        }
    return docword ? DATA_DOCWORD : DATA_UNKNOWN;
}

/* The first line that says anything. */
static const char *first_line(const struct stream *s)
{
    const char *at = s->at;
    while (stream_is_blank(*at) || *at == '\n' || *at == '#')
        if (*at++ == '#')
            at += strcspn(at, "\n");
    return at;
}

/* Words between commas, where svmlight has index:value. */
static bool looks_like_csv(const struct stream *s)
{
    const char *at = first_line(s);
    size_t length = strcspn(at, "#\n");
    return memchr(at, ',', length) && !memchr(at, ':', length);
}

/* Whether the first line begins as a number does. */
static bool looks_numeric(const struct stream *s)
{
    const char *at = first_line(s);
    if (*at == '+' || *at == '-')
        at++;
    at += *at == '.';
    return *at >= '0' && *at <= '9';
}

/* Whether the first line has more than one word. */
static bool has_fields(const struct stream *s)
{
    const char *at = first_line(s);
    at += strcspn(at, " \t\r,;:\n");
    at += strspn(at, " \t\r");
    return *at && *at != '\n';
}

static enum data_format by_content(const struct stream *s, const struct data_options *options)
{
    size_t size = (size_t)(s->end - s->at);
    if (size >= 2 && memcmp(s->at, "\x6c\x1b", 2) == 0)
        return DATA_BED;
    if (size >= 6 && memcmp(s->at, "\x93NUMPY", 6) == 0)
        return DATA_NPY;
    if (rdm_is(s))
        return DATA_RDM;
    if (size >= 14 && strncasecmp(s->at, "%%MatrixMarket", 14) == 0)
        return DATA_MTX;
    if (options->ratings)
        return DATA_RATINGS;
    if (phenotype_is_table(s, options))
        return DATA_TABLE;
    if (docword_is(s))
        return DATA_DOCWORD;
    enum data_format format = data_format_by_name(s->path);
    if (options->told && (ratings_is(s) || (format == DATA_RATINGS && has_fields(s))))
        return DATA_RATINGS;
    if (format == DATA_RATINGS)
        format = DATA_UNKNOWN;
    if (format == DATA_UNKNOWN && looks_numeric(s))
        format = DATA_SVMLIGHT;
    return format;
}

int data_check_sparse(const char *path, const struct data_options *options, bool sparse,
                      struct rondo_error *err)
{
    if (!options->counts || sparse)
        return RONDO_OK;
    return rondo_error_set(err, RONDO_EINPUT, path, "rondo data convert FILE docword.txt makes one of it",
                           "counts are read from sparse files: docword, svmlight, Matrix Market coordinates");
}

static int open_reader(struct stream *s, const char *path, const struct data_options *options,
                       const struct reader **reader, struct rondo_error *err)
{
    int code = stream_open(s, path, err);
    if (code)
        return code;
    *reader = reader_of(by_content(s, options));
    if (s->begin && (!*reader || (*reader)->format != DATA_NPY)) {
        stream_close(s);
        return rondo_error_set(err, RONDO_EINPUT, path, NULL, "the member of the .npz archive is no array");
    }
    if ((!*reader || (*reader)->format == DATA_SVMLIGHT) && looks_like_csv(s)) {
        const char *hint = options->people ? "a table has blanks or tabs between FID, IID and values"
                           : looks_numeric(s)
                               ? "in Python: numpy.save(\"x.npy\", numpy.loadtxt(\"x.csv\", delimiter=\",\"))"
                               : "in Python: numpy.save(\"x.npy\", numpy.loadtxt(\"x.csv\", delimiter=\",\", "
                                 "skiprows=1))";
        stream_close(s);
        return rondo_error_set(err, RONDO_EINPUT, path, hint, "looks like CSV, which is not read");
    }
    if (options->ratings && (*reader)->format != DATA_RATINGS && (*reader)->format != DATA_MTX
        && (*reader)->format != DATA_RDM) {
        stream_close(s);
        return rondo_error_set(err, RONDO_EINPUT, path, NULL,
                               "ratings are read from lines of user, item and rating, from .rdm and from Matrix "
                               "Market coordinates, not from %s", (*reader)->name);
    }
    bool columns = *reader && (*reader)->format == DATA_TABLE;
    if (*reader && (columns || !options->column)) {
        enum data_format format = (*reader)->format;
        bool sparse = format == DATA_SVMLIGHT || format == DATA_MTX || format == DATA_DOCWORD || format == DATA_RDM;
        code = data_check_sparse(path, options, sparse, err);
        if (code)
            stream_close(s);
        return code;
    }
    stream_close(s);
    if (*reader)
        return rondo_error_set(err, RONDO_EINPUT, path, NULL,
                               "the %s \"%s\" is asked for, and this is no table of them: "
                               "lines of FID, IID and values, for genotypes in a .bed",
                               options->vector ? "phenotype" : "covariate", options->column);
    return rondo_error_set(err, RONDO_EINPUT, path, NULL,
                           "the format is not known: looked for NumPy (.npy), Matrix Market "
                           "(%%%%MatrixMarket), svmlight (label index:value ...), UCI docword, "
                           "plain or gzip or zstd, and PLINK 1 (.bed)");
}

int data_check_shape(const char *path, const struct data_options *options, int64_t rows,
                     int64_t cols, struct rondo_error *err)
{
    if (rows == 0 || cols == 0)
        return rondo_error_set(err, RONDO_EINPUT, path, NULL, "the matrix is empty (%lld x %lld)",
                               (long long)rows, (long long)cols);
    if (options->vector ? rows > MATRIX_ROWS_MAX || cols > MATRIX_ROWS_MAX
                        : rows > MATRIX_ROWS_MAX || cols > MATRIX_COLS_MAX)
        return rondo_error_set(err, RONDO_EINPUT, path, NULL,
                               "%lld x %lld is too large: at most 2147483647 rows and columns are "
                               "read",
                               (long long)rows, (long long)cols);
    if (options->vector && rows != 1 && cols != 1)
        return rondo_error_set(err, RONDO_EINPUT, path, NULL,
                               "a vector is wanted, the file holds a %lld x %lld matrix",
                               (long long)rows, (long long)cols);
    return RONDO_OK;
}

int data_check_count(const struct stream *s, const struct data_options *options, double value,
                     struct rondo_error *err)
{
    char found[STREAM_TOKEN];
    if (!options->counts || (value >= 0 && value <= INT32_MAX && value == floor(value)))
        return RONDO_OK;
    return stream_error(s, err, NULL, "counts are whole numbers from 0 to 2147483647, found \"%s\"",
                        stream_token(s, found));
}

/* ---- the doors ----------------------------------------------------------------------------- */

static const struct data_options usual = { .index_base = 1, .packed = true, .told = true };

static void begin_info(struct data_info *info, const struct reader *reader, const struct stream *s)
{
    *info = (struct data_info){ .format = reader->format,
                                .compression = stream_coding_name(s->coding) };
}

int data_inspect(const char *path, const struct data_options *options, struct data_info *info,
                 struct rondo_error *err)
{
    struct stream s;
    const struct reader *reader;
    options = options ? options : &usual;
    int code = open_reader(&s, path, options, &reader, err);
    if (code)
        return code;
    begin_info(info, reader, &s);
    code = reader->inspect(&s, options, info, err);
    stream_close(&s);
    return code;
}

int data_inspect_whole(int (*load)(struct stream *, const struct data_options *, struct data_set *,
                                   struct rondo_error *),
                       struct stream *s, const struct data_options *options, struct data_info *info,
                       struct rondo_error *err)
{
    struct data_set *set = mem_calloc(1, sizeof *set);
    if (!set)
        return rondo_error_set(err, RONDO_ENOMEM, s->path, NULL, "out of memory");
    set->info = *info;
    int code = load(s, options, set, err);
    data_describe(set);
    if (!code)
        *info = set->info;
    data_free(set);
    return code;
}

int data_load(const char *path, const struct data_options *options, struct data_set **set,
              struct rondo_error *err)
{
    struct stream s;
    const struct reader *reader;
    struct data_set *loaded = NULL;
    options = options ? options : &usual;
    int code = open_reader(&s, path, options, &reader, err);
    if (code)
        return code;
    loaded = mem_calloc(1, sizeof *loaded);
    if (!loaded) {
        code = rondo_error_set(err, RONDO_ENOMEM, path, NULL, "out of memory");
        goto out;
    }
    begin_info(&loaded->info, reader, &s);
    code = reader->load(&s, options, loaded, err);
    if (code)
        goto out;
    data_describe(loaded);
    *set = loaded;
    loaded = NULL;
out:
    data_free(loaded);
    stream_close(&s);
    return code;
}

void data_describe(struct data_set *set)
{
    set->info.rows = set->x.rows;
    set->info.cols = set->x.cols;
    set->info.nnz = set->x.nnz;
    set->info.sparse = set->x.sparse;
    set->info.packed = set->x.packed != NULL;
    set->info.labels = set->labels.rows > 0;
    set->info.bytes = set->x.bytes;
}

int data_intact(const struct data_set *set, const char *path, struct rondo_error *err)
{
    if (!set->map || mapping_intact(set->map))
        return RONDO_OK;
    return rondo_error_set(err, RONDO_EINPUT, path, NULL,
                           "the file was cut short, or cannot be read any more, while it was used");
}

/* ---- what is to be said ---------------------------------------------------------------------- */

static int64_t empty_rows(const struct rondo_matrix *x, uint64_t *seen)
{
    enum { SAID = 1 << 15 };
    int64_t empty = x->rows;
    for (int64_t at = 0; at < x->nnz; at++) {
        if (at % SAID == 0)
            spill_said(SAID * (sizeof *x->values + sizeof *x->rowidx));
        if (x->values[at] != 0 && !bitset_has(seen, x->rowidx[at])) {
            bitset_add(seen, x->rowidx[at]);
            empty--;
        }
    }
    return empty;
}

int data_remarks(const struct data_set *set, void (*each)(void *context, const char *text), void *context,
                 struct rondo_error *err)
{
    const struct rondo_matrix *x = &set->x;
    char text[160];
    if (set->info.unsorted) {
        snprintf(text, sizeof text, "documents are out of order in %lld places: sorted",
                 (long long)set->info.unsorted);
        each(context, text);
    }
    if (set->info.summed) {
        snprintf(text, sizeof text, "%lld entries are of a document and word that were there before: summed",
                 (long long)set->info.summed);
        each(context, text);
    }
    if (set->info.header)
        each(context, "line 1 is taken as a header");
    if (set->info.replaced) {
        bool one = set->info.replaced == 1;
        snprintf(text, sizeof text, "%lld rating%s of %s that come%s again later %s replaced",
                 (long long)set->info.replaced, one ? "" : "s", one ? "a cell" : "cells", one ? "s" : "",
                 one ? "was" : "were");
        each(context, text);
    }
    if (!x->sparse || set->ids)
        return RONDO_OK;
    uint64_t *seen = mem_calloc(bitset_words(x->rows), sizeof *seen);
    if (!seen)
        return rondo_error_set(err, RONDO_ENOMEM, NULL, NULL, "out of memory");
    int64_t empty = empty_rows(x, seen);
    mem_free(seen);
    if (empty) {
        snprintf(text, sizeof text, "%lld of %lld documents are empty: kept", (long long)empty,
                 (long long)x->rows);
        each(context, text);
    }
    return RONDO_OK;
}

void data_release(struct data_set *set)
{
    if (set->map)
        mapping_release(set->map);
    else
        matrix_free(&set->x);
}

void data_free(struct data_set *set)
{
    if (!set)
        return;
    if (!set->map)
        matrix_free(&set->x);
    if (!set->map || set->info.mapped)
        matrix_free(&set->labels);
    if (set->info.mapped)
        matrix_unmap(&set->x);
    mem_free(set->ids);
    mem_free((void *)(uintptr_t)set->lines.user);
    mem_free((void *)(uintptr_t)set->lines.item);
    mem_free((void *)(uintptr_t)set->lines.rating);
    mapping_destroy(set->map);
    mem_free(set);
}

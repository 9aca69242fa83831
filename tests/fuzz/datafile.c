#include "tests/fuzz/datafile.h"

#include "core/data/data.h"
#include "core/data/stream.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

/* What a reader may take.  USUAL: window, decoder, strip, first page of counts.  WIDE: 2^24 columns
 * are believed without an entry, 12 bytes each, or 16 of a row that shall be a vector, and 256 columns with
 * each entry. */
#define USUAL_BYTES ((size_t)16 << 20)
#define WIDE_BYTES ((size_t)272 << 20)
enum { BYTES_PER_BYTE = 1024, LARGE_SELDOM = 64 };
enum { TEXT_MOST = 1 << 20 };

/* ---- what was loaded -------------------------------------------------------------------------- */

static void check_sparse(const struct rondo_matrix *x)
{
    fuzz_check(x->colptr[0] == 0 && x->colptr[x->cols] == x->nnz, "columns do not fill the matrix");
    for (int64_t j = 0; j < x->cols; j++) {
        fuzz_check(x->colptr[j] <= x->colptr[j + 1], "column %lld is negative", (long long)j);
        for (int64_t at = x->colptr[j]; at < x->colptr[j + 1]; at++) {
            int32_t row = x->rowidx[at];
            fuzz_check(row >= 0 && row < x->rows, "row %d", row);
            fuzz_check(at == x->colptr[j] || x->rowidx[at - 1] < row, "rows do not ascend");
            fuzz_check(isfinite(x->values[at]), "a value is not finite");
        }
    }
}

static void check_dense(const struct rondo_matrix *x)
{
    fuzz_check(x->ld >= x->rows && x->nnz == x->rows * x->cols, "ld %lld", (long long)x->ld);
    for (int64_t j = 0; j < x->cols; j++)
        for (int64_t i = 0; i < x->ld; i++) {
            double value = x->dense[i + j * x->ld];
            fuzz_check(i < x->rows ? isfinite(value) : value == 0, "the value %g", value);
        }
}

static void check_matrix(const struct rondo_matrix *x)
{
    fuzz_check(x->rows > 0 && x->cols > 0, "an empty matrix");
    if (x->sparse)
        check_sparse(x);
    else
        check_dense(x);
}

static void check_counts(const struct rondo_matrix *x)
{
    for (int64_t at = 0; x->sparse && at < x->nnz; at++)
        fuzz_check(x->values[at] >= 0 && x->values[at] <= INT32_MAX && x->values[at] == floor(x->values[at]),
                   "the count %g", x->values[at]);
}

static void check_set(const struct data_set *set, const struct data_info *told,
                      const struct data_options *options)
{
    int64_t summed = set->info.summed, gone = set->x.sparse ? summed : 0; /* a docword's header counts them */
    fuzz_check(set->x.rows == told->rows && set->x.cols == told->cols && set->x.nnz + gone == told->nnz
                   && set->x.sparse == told->sparse
                   && (gone ? set->x.bytes < told->bytes : set->x.bytes == told->bytes),
               "another shape than inspect told");
    fuzz_check(summed >= 0 && set->info.unsorted >= 0 && (told->format == DATA_DOCWORD || !summed), "remarks");
    fuzz_check((set->labels.rows > 0) == told->labels, "labels");
    fuzz_check(!options->vector || (set->x.cols == 1 && !set->x.sparse), "not a vector");
    check_matrix(&set->x);
    if (options->counts)
        check_counts(&set->x);
    if (set->labels.rows)
        check_matrix(&set->labels);
    fuzz_check(!set->labels.rows || set->labels.rows == set->x.rows, "labels of other rows");
}

static bool same_dense(const struct rondo_matrix *a, const struct rondo_matrix *b)
{
    for (int64_t j = 0; j < a->cols; j++)
        if (memcmp(a->dense + j * a->ld, b->dense + j * b->ld, (size_t)a->rows * sizeof(double)))
            return false;
    return true;
}

static bool same_sparse(const struct rondo_matrix *a, const struct rondo_matrix *b)
{
    size_t nnz = (size_t)a->nnz;
    return memcmp(a->colptr, b->colptr, ((size_t)a->cols + 1) * sizeof *a->colptr) == 0
           && memcmp(a->rowidx, b->rowidx, nnz * sizeof *a->rowidx) == 0
           && memcmp(a->values, b->values, nnz * sizeof *a->values) == 0;
}

static bool same_matrix(const struct rondo_matrix *a, const struct rondo_matrix *b)
{
    if (a->rows != b->rows || a->cols != b->cols || a->nnz != b->nnz || a->sparse != b->sparse)
        return false;
    return a->sparse ? same_sparse(a, b) : same_dense(a, b);
}

/* ---- compressed -------------------------------------------------------------------------------- */

static size_t gzip(const uint8_t *data, size_t size, uint8_t *out, size_t room)
{
    static z_stream z;
    static bool begun;
    int state = begun ? deflateReset(&z)
                      : deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    fuzz_check(state == Z_OK, "no deflate");
    begun = true;
    z.next_in = (Bytef *)(uintptr_t)data; /* only read */
    z.avail_in = (uInt)size;
    z.next_out = out;
    z.avail_out = (uInt)room;
    fuzz_check(deflate(&z, Z_FINISH) == Z_STREAM_END, "no room");
    return room - z.avail_out;
}

static size_t zstd(const uint8_t *data, size_t size, uint8_t *out, size_t room)
{
    static ZSTD_CCtx *context;
    if (!context)
        context = ZSTD_createCCtx();
    size_t written = ZSTD_compressCCtx(context, out, room, data, size, 1);
    fuzz_check(!ZSTD_isError(written), "no zstd");
    return written;
}

/* ---- one file ---------------------------------------------------------------------------------- */

bool datafile_compressed(const uint8_t *data, size_t size)
{
    return size >= 4 && (memcmp(data, "\x1f\x8b", 2) == 0 || memcmp(data, "\x28\xb5\x2f\xfd", 4) == 0);
}

size_t datafile_text(const char *path, size_t most, char head[DATAFILE_HEAD + 1])
{
    struct stream s;
    size_t size = 0;
    memset(head, 0, DATAFILE_HEAD + 1);
    int code = stream_open(&s, path, NULL);
    if (code)
        return 0;
    memcpy(head, s.at, s.end - s.at < DATAFILE_HEAD ? (size_t)(s.end - s.at) : DATAFILE_HEAD);
    while (!code && size <= most && !stream_at_end(&s)) {
        size += (size_t)(s.end - s.at);
        s.at = s.end;
        code = stream_fill(&s, NULL);
    }
    stream_close(&s);
    return size <= most ? size : DATAFILE_MUCH;
}

/* The whole of a first look, and of a load where the look told of `bytes`. */
static size_t bound(size_t text, size_t bytes)
{
    size_t most = USUAL_BYTES + WIDE_BYTES + BYTES_PER_BYTE * text;
    size_t fair = bytes < most ? USUAL_BYTES + bytes * 2 + 8 * text : most;
    return fair < most ? fair : most;
}

/* Inspects and loads; returns the code of the load. */
static int try_path(const char *path, size_t text, const struct data_options *options, bool seldom,
                    struct data_set **set)
{
    struct data_info told = { 0 };
    struct rondo_error err = { 0 }, inspected = { 0 };
    fuzz_limit(bound(text, WIDE_BYTES));
    int look = data_inspect(path, options, &told, &inspected);
    fuzz_says(look, &inspected);
    if (!look && told.bytes > USUAL_BYTES / 4 && !seldom)
        return RONDO_ECANCELED; /* true, and slow */
    fuzz_limit(bound(text, look ? WIDE_BYTES : told.bytes));
    int code = data_load(path, options, set, &err);
    fuzz_says(code, &err);
    fuzz_check(code || !look, "loaded, and not inspected: %s", inspected.what);
    fuzz_check(!code == !!*set, "code %d", code);
    if (!code)
        check_set(*set, &told, options);
    return code;
}

static void try_compressed(const uint8_t *file, size_t size, bool by_zstd, bool seldom,
                           const struct data_options *options, int wanted,
                           const struct data_set *like)
{
    struct data_set *set = NULL;
    size_t room = size + size / 8 + 1024;
    uint8_t *packed = fuzz_copy(NULL, room);
    size_t length = by_zstd ? zstd(file, size, packed, room) : gzip(file, size, packed, room);
    const char *path = fuzz_file(1, packed, length);
    fuzz_drop(packed);
    int code = try_path(path, size, options, seldom, &set);
    if (code == RONDO_ECANCELED)
        return; /* more entries fit in it, for all that its size says: what was refused by that is true, and slow */
    fuzz_check(code == wanted, "%s: the code is %d, %d where plain", by_zstd ? "zstd" : "gzip", code,
               wanted);
    fuzz_check(code || (same_matrix(&set->x, &like->x)
                        && set->labels.rows == like->labels.rows
                        && (!set->labels.rows || same_matrix(&set->labels, &like->labels))),
               "other values than plain");
    data_free(set);
}

void datafile_try(const uint8_t *data, size_t size)
{
    char head[DATAFILE_HEAD + 1];
    if (size < 2 || size > TEXT_MOST)
        return;
    struct data_set *set = NULL;
    struct data_options options = { .index_base = !(data[0] & 1), .vector = data[0] & 2, .counts = data[0] & 64 };
    int coding = data[0] >> 2 & 3;
    const uint8_t *file = data + 1;
    size--;
    unsigned mix = 0;
    for (size_t i = 0; i < size; i++)
        mix = mix * 31 + file[i];
    bool seldom = mix % LARGE_SELDOM == 0;
    const char *path = fuzz_file(0, file, size);
    size_t text = datafile_text(path, TEXT_MOST, head);
    if (text == DATAFILE_MUCH || memcmp(head, "RONDOMTX", 8) == 0) /* .rdm has a target of its own, and is never compressed */
        return;
    fuzz_begin(0);
    int code = try_path(path, text, &options, seldom, &set);
    if (coding >= 2 && !datafile_compressed(file, size))
        try_compressed(file, size, coding == 3, seldom, &options, code, set);
    data_free(set);
    fuzz_end();
}

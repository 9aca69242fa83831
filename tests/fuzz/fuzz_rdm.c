/* A .rdm, which anybody may have made.  The first byte: bit 0: its digest is put right, so that what comes behind
 * it is reached; bit 1: ratings are wanted; bit 2: some are known; bit 3: counts; bit 4: a vector. */
#include "core/data/fingerprint.h"
#include "core/data/ids.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>
#include <string.h>

enum { USUAL_BYTES = 4 << 20, BYTES_PER_BYTE = 256, SIZE_MOST = 1 << 16, NAMES_MOST = 1 << 10 };
enum { HEADER = 352, AT_BYTES = 16, AT_DIGEST = 24, AT_PARTS = 104, AT_NAMES = 232, AT_SAID = 280, SAID = 9 };

/* ---- the digest, from docs/formats/data.md ---------------------------------------------------------------- */

struct part {
    int64_t rows, cols, nnz, ld;
    uint64_t sparse, offset[3];
};

struct names {
    int64_t count;
    uint64_t bytes, offset;
};

/* So many numbers at an offset, or NULL: they are not all in the file. */
static const void *array(const uint8_t *file, size_t size, uint64_t offset, uint64_t count, size_t each)
{
    bool there = offset % 8 == 0 && offset <= size && count <= (size - offset) / each;
    return there ? file + offset : NULL;
}

static bool find_matrix(const uint8_t *file, size_t size, size_t at, struct rondo_matrix *m)
{
    struct part p;
    memcpy(&p, file + at, sizeof p);
    if (p.rows < 0 || p.cols < 0 || p.nnz < 0 || p.ld < p.rows * !p.sparse || p.cols > SIZE_MOST || p.ld > SIZE_MOST)
        return false;
    *m = (struct rondo_matrix){ .rows = p.rows, .cols = p.cols, .nnz = p.nnz, .ld = p.ld, .sparse = p.sparse != 0 };
    if (!m->sparse) {
        m->dense = array(file, size, p.offset[0], (uint64_t)(p.ld * p.cols), sizeof(double));
        return m->dense != NULL;
    }
    m->colptr = array(file, size, p.offset[0], (uint64_t)p.cols + 1, sizeof(int64_t));
    m->rowidx = array(file, size, p.offset[1], (uint64_t)p.nnz, sizeof(int32_t));
    m->values = array(file, size, p.offset[2], (uint64_t)p.nnz, sizeof(double));
    return m->colptr && m->rowidx && m->values;
}

static bool find_names(const uint8_t *file, size_t size, size_t at, const char **word, struct rondo_words *words)
{
    struct names n;
    memcpy(&n, file + at, sizeof n);
    const char *text = array(file, size, n.offset, n.bytes, 1), *end = text ? text + n.bytes : NULL;
    if (!text || n.count < 0 || n.count > NAMES_MOST)
        return false;
    *words = (struct rondo_words){ n.count, word };
    for (int64_t i = 0; i < n.count; i++) {
        const char *nul = memchr(text, 0, (size_t)(end - text));
        if (!nul)
            return false;
        word[i] = text;
        text = nul + 1;
    }
    return true;
}

static void put_right(uint8_t *file, size_t size)
{
    static const char *word[2][NAMES_MOST];
    struct rondo_ids ids = { .known_users = 0 };
    struct data_set set = { .ids = NULL };
    uint64_t bytes = size, digest, said[SAID];
    if (size < HEADER || !find_matrix(file, size, AT_PARTS, &set.x)
        || !find_matrix(file, size, AT_PARTS + sizeof(struct part), &set.labels)
        || !find_names(file, size, AT_NAMES, word[0], &ids.user)
        || !find_names(file, size, AT_NAMES + sizeof(struct names), word[1], &ids.item))
        return;
    memcpy(said, file + AT_SAID, sizeof said);
    ids.known_users = (int64_t)said[6];
    ids.known_items = (int64_t)said[7];
    set.ids = ids.user.count ? &ids : NULL;
    set.info.labels = set.labels.rows > 0;
    digest = fingerprint_set(FINGERPRINT_BEGIN, &set);
    for (int i = 0; i < SAID; i++)
        digest = (digest ^ said[i]) * UINT64_C(0x100000001b3);
    memcpy(file + AT_BYTES, &bytes, sizeof bytes);
    memcpy(file + AT_DIGEST, &digest, sizeof digest);
}

/* ---- what was loaded -------------------------------------------------------------------------------------- */

static void check_dense(const struct rondo_matrix *x)
{
    fuzz_check(x->ld >= x->rows, "ld %lld", (long long)x->ld);
    for (int64_t j = 0; j < x->cols; j++)
        for (int64_t i = 0; i < x->ld; i++) {
            double value = x->dense[i + j * x->ld];
            fuzz_check(i < x->rows ? isfinite(value) : value == 0, "the value %g", value);
        }
}

static void check_sparse(const struct rondo_matrix *x, bool counts)
{
    fuzz_check(x->colptr[0] == 0 && x->colptr[x->cols] == x->nnz, "%lld entries", (long long)x->nnz);
    for (int64_t j = 0; j < x->cols; j++)
        for (int64_t at = x->colptr[j]; at < x->colptr[j + 1]; at++)
            fuzz_check(x->rowidx[at] >= 0 && x->rowidx[at] < x->rows && isfinite(x->values[at])
                           && (at == x->colptr[j] || x->rowidx[at - 1] < x->rowidx[at])
                           && (!counts || (x->values[at] >= 0 && x->values[at] == floor(x->values[at]))),
                       "column %lld", (long long)j);
}

static void check_words(const struct rondo_words *words, int64_t count, int64_t known)
{
    fuzz_check(words->count == count && known >= 0 && known <= count, "%lld names, %lld known, of %lld",
               (long long)words->count, (long long)known, (long long)count);
    for (int64_t i = 0; i < count; i++) {
        const char *at = words->word[i];
        size_t size = strlen(at);
        fuzz_check(size >= 1 && size <= IDS_TEXT_MOST, "a name of %zu bytes", size);
        for (; *at; at++)
            fuzz_check((unsigned char)*at >= ' ' && *at != 127, "a control character");
    }
}

static void check_set(const struct data_set *set, const struct data_info *told, const struct data_options *options)
{
    const struct rondo_matrix *x = &set->x, *y = &set->labels;
    fuzz_check(x->rows > 0 && x->cols > 0, "an empty matrix");
    fuzz_check(options->known || (told->rows == x->rows && told->cols == x->cols && told->nnz == x->nnz
                                  && told->bytes == x->bytes && told->labels == (y->rows > 0)),
               "another shape than inspect told");
    fuzz_check(!options->vector || (x->cols == 1 && !x->sparse), "not a vector");
    fuzz_check(!options->ratings || (set->ids && x->sparse), "no ratings");
    if (x->sparse)
        check_sparse(x, options->counts);
    else
        check_dense(x);
    fuzz_check(!y->rows || (y->rows == x->rows && y->cols == 1 && !y->sparse), "labels of other rows");
    if (y->rows)
        check_dense(y);
    if (set->ids) {
        check_words(&set->ids->user, x->rows, set->ids->known_users);
        check_words(&set->ids->item, x->cols, set->ids->known_items);
    }
}

static void try_file(const char *path, const struct data_options *options)
{
    struct data_set *set = NULL;
    struct data_info told = { 0 };
    struct rondo_error err = { 0 }, inspected = { 0 };
    int look = data_inspect(path, options, &told, &inspected), code = data_load(path, options, &set, &err);
    fuzz_says(look, &inspected);
    fuzz_says(code, &err);
    fuzz_check(code || !look, "loaded, and not inspected: %s", inspected.what);
    if (!code)
        check_set(set, &told, options);
    data_free(set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const words[] = { "ann", "jam" };
    static const struct rondo_ids known = { .user = { 1, words }, .item = { 1, words + 1 } };
    if (size < 9 || size > SIZE_MOST || memcmp(data + 1, "RONDOMTX", 8) != 0)
        return 0; /* the other formats have targets of their own */
    struct data_options options = { .index_base = 1, .ratings = data[0] & 2, .counts = data[0] & 8,
                                    .known = data[0] & 4 && data[0] & 2 ? &known : NULL, .vector = data[0] & 16 };
    uint8_t *file = fuzz_copy(data + 1, size - 1);
    if (data[0] & 1)
        put_right(file, size - 1);
    const char *path = fuzz_file(0, file, size - 1);
    fuzz_begin(USUAL_BYTES + BYTES_PER_BYTE * size);
    try_file(path, &options);
    fuzz_end();
    fuzz_drop(file);
    return 0;
}

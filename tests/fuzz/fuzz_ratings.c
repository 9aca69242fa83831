/* Lines of ratings: whatever the batches and the threads, the same ratings or the same words about the same
 * line.  The first byte: bit 0: pairs; bit 1: some are known; bit 2: told by data_load, perhaps compressed. */
#include "core/base/mem.h"
#include "core/data/fingerprint.h"
#include "core/data/ratings.h"
#include "tests/fuzz/datafile.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>
#include <string.h>

enum { USUAL_BYTES = 24 << 20, BYTES_PER_BYTE = 256, SIZE_MOST = 1 << 16, TEXT_MOST = 1 << 20 };

static size_t longest_line(const uint8_t *text, size_t size)
{
    size_t longest = 0, length = 0;
    for (size_t i = 0; i < size; i++) {
        length = text[i] == '\n' ? 0 : length + 1;
        longest = length > longest ? length : longest;
    }
    return longest;
}

static void check_words(const struct rondo_words *words, int64_t count)
{
    fuzz_check(words->count == count, "%lld names for %lld", (long long)words->count, (long long)count);
    for (int64_t i = 0; i < count; i++) {
        size_t size = strlen(words->word[i]);
        fuzz_check(size >= 1 && size <= IDS_TEXT_MOST, "a name of %zu bytes", size);
    }
}

static void check_set(const struct data_set *set, const struct data_options *options)
{
    const struct rondo_matrix *x = &set->x;
    int64_t users = options->pairs ? set->ids->user.count : x->rows;
    int64_t items = options->pairs ? set->ids->item.count : x->cols;
    check_words(&set->ids->user, users);
    check_words(&set->ids->item, items);
    fuzz_check(set->info.lines >= 1, "no line");
    if (options->pairs) {
        const struct rondo_lines *lines = &set->lines;
        fuzz_check(lines->count == set->info.lines, "%lld", (long long)lines->count);
        for (int64_t i = 0; i < lines->count; i++)
            fuzz_check(lines->user[i] < users && lines->item[i] < items && (!lines->rating || isfinite(lines->rating[i])),
                       "line %lld", (long long)i);
        return;
    }
    fuzz_check(x->colptr[0] == 0 && x->colptr[x->cols] == x->nnz && x->nnz + set->info.replaced == set->info.lines,
               "%lld of %lld", (long long)x->nnz, (long long)set->info.lines);
    for (int64_t j = 0; j < x->cols; j++)
        for (int64_t at = x->colptr[j]; at < x->colptr[j + 1]; at++)
            fuzz_check(x->rowidx[at] >= 0 && x->rowidx[at] < x->rows && isfinite(x->values[at])
                           && (at == x->colptr[j] || x->rowidx[at - 1] < x->rowidx[at]),
                       "column %lld", (long long)j);
}

static int load_by(const char *path, const struct data_options *options, int32_t threads, size_t batch,
                   struct data_set **set, struct rondo_error *err)
{
    struct stream s;
    int code = stream_open(&s, path, err);
    *set = mem_calloc(1, sizeof **set);
    if (code)
        return code;
    code = ratings_load_by(&s, options, threads, batch, *set, err);
    stream_close(&s);
    data_describe(*set);
    fuzz_says(code, err);
    return code;
}

static void try_text(const uint8_t *text, size_t size, const struct data_options *options)
{
    const char *path = fuzz_file(0, text, size);
    struct data_set *whole, *cut;
    struct rondo_error err = { 0 }, other = { 0 };
    int code = load_by(path, options, 1, size + 1, &whole, &err);
    int again = load_by(path, options, 3, longest_line(text, size) + 2, &cut, &other);
    fuzz_check(code == again && strcmp(err.where, other.where) == 0 && strcmp(err.what, other.what) == 0,
               "\"%s: %s\" and \"%s: %s\"", err.where, err.what, other.where, other.what);
    if (!code) {
        check_set(whole, options);
        fuzz_check(fingerprint_set(FINGERPRINT_BEGIN, whole) == fingerprint_set(FINGERPRINT_BEGIN, cut)
                       && whole->info.lines == cut->info.lines && whole->info.header == cut->info.header
                       && whole->ids->negative_line == cut->ids->negative_line,
                   "other ratings by small batches");
    }
    data_free(whole);
    data_free(cut);
}

/* The usual way in. */
static void try_file(const char *path, const struct data_options *options)
{
    struct data_set *set = NULL;
    struct rondo_error err = { 0 };
    int code = data_load(path, options, &set, &err);
    fuzz_says(code, &err);
    if (!code)
        check_set(set, options);
    data_free(set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const words[] = { "1", "u" };
    static const struct rondo_ids known = { .user = { 2, words }, .item = { 1, words } };
    if (size < 2 || size > SIZE_MOST)
        return 0;
    struct data_options options = { .index_base = 1, .ratings = true, .pairs = data[0] & 1,
                                    .known = data[0] & 2 ? &known : NULL };
    char head[DATAFILE_HEAD + 1];
    const char *path = fuzz_file(0, data + 1, size - 1);
    size_t text = datafile_text(path, TEXT_MOST, head);
    if (text == DATAFILE_MUCH)
        return 0;
    fuzz_begin(USUAL_BYTES + BYTES_PER_BYTE * text);
    if (!(data[0] & 4) && !datafile_compressed(data + 1, size - 1))
        try_text(data + 1, size - 1, &options);
    else if (memcmp(head, "%%", 2) != 0) /* Matrix Market claims as much as a few bytes can */
        try_file(path, &options);
    fuzz_end();
    return 0;
}

#include "core/data/rowfile.h"

#include "core/base/mem.h"
#include "core/data/number.h"

#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { ROOM = 65536, NUMBER = 40, HEADER = 128, PREFIX = 10 };

static const struct {
    const char *suffix;
    enum rowfile_format format;
} formats[] = { { ".txt", ROWFILE_TXT }, { ".tsv", ROWFILE_TSV }, { ".csv", ROWFILE_CSV },
                { ".npy", ROWFILE_NPY } };

enum rowfile_format rowfile_format_by_name(const char *path)
{
    size_t length = strlen(path);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (length > 4 && strcasecmp(path + length - 4, formats[i].suffix) == 0)
            return formats[i].format;
    return ROWFILE_UNKNOWN;
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static void flush(struct rowfile *out)
{
    if (out->size)
        out->failed |= fwrite(out->bytes, 1, out->size, out->file.stream) != out->size;
    out->size = 0;
}

/* Of one length whatever the shape, so that it can be written again when the shape is known. */
static void put_header(struct rowfile *out)
{
    static const char prefix[PREFIX] = { '\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0, HEADER - PREFIX, 0 };
    char header[HEADER], second[24] = "";
    if (out->width > 1)
        snprintf(second, sizeof second, " %" PRId64, out->width);
    memset(header, ' ', sizeof header);
    memcpy(header, prefix, sizeof prefix);
    int length = snprintf(header + PREFIX, sizeof header - PREFIX,
                          "{'descr': '<f8', 'fortran_order': False, 'shape': (%" PRId64 ",%s), }",
                          out->rows, second);
    header[PREFIX + length] = ' '; /* where snprintf ended the text */
    header[HEADER - 1] = '\n';
    out->failed |= fwrite(header, 1, sizeof header, out->file.stream) != sizeof header;
}

static void put_number(struct rowfile *out, double value, char behind)
{
    if (ROOM - out->size < NUMBER)
        flush(out);
    if (out->format == ROWFILE_NPY) {
        memcpy(out->bytes + out->size, &value, sizeof value);
        out->size += sizeof value;
        return;
    }
    out->size += (size_t)number_print(out->bytes + out->size, value);
    out->bytes[out->size++] = behind;
}

static void put_bytes(struct rowfile *out, const char *bytes, size_t size)
{
    if (ROOM - out->size < size)
        flush(out);
    memcpy(out->bytes + out->size, bytes, size);
    out->size += size;
}

/* A quote within quotes is doubled (RFC 4180). */
static void put_word(struct rowfile *out, const char *word, char behind)
{
    bool quoted = out->format == ROWFILE_CSV && strpbrk(word, ",\"");
    if (quoted)
        put_bytes(out, "\"", 1);
    for (size_t length; *word; word += length) {
        length = strcspn(word + 1, quoted ? "\"" : "") + 1;
        length = length < ROOM / 2 ? length : ROOM / 2;
        if (quoted && *word == '"')
            put_bytes(out, "\"", 1);
        put_bytes(out, word, length);
    }
    if (quoted)
        put_bytes(out, "\"", 1);
    put_bytes(out, &behind, 1);
}

static void put_value(struct rowfile *out, int64_t column, double value, char behind)
{
    const struct rondo_words *words = column < ROWFILE_WORDS ? out->words[column] : NULL;
    if (!words || out->format == ROWFILE_NPY) {
        put_number(out, value, behind);
        return;
    }
    if (!(value >= 0 && value < (double)words->count)) {
        fprintf(stderr, "rondo: programmer's error: a number of no word\n");
        abort();
    }
    put_word(out, words->word[(int64_t)value], behind);
}

static void put_rows(struct rowfile *out, const double *rows, int64_t count)
{
    char between = out->format == ROWFILE_TSV ? '\t' : out->format == ROWFILE_CSV ? ',' : ' ';
    for (int64_t i = 0; i < count; i++)
        for (int64_t l = 0; l < out->width; l++)
            put_value(out, l, *rows++, l + 1 < out->width ? between : '\n');
}

/* ---- a file's life ------------------------------------------------------------------------------ */

int rowfile_check_name(const char *path, struct rondo_error *err)
{
    if (rowfile_format_by_name(path) != ROWFILE_UNKNOWN)
        return RONDO_OK;
    return rondo_error_set(err, RONDO_EINPUT, path, NULL,
                           "the name does not tell a format that is written: .txt, .tsv, .csv, .npy");
}

int rowfile_open(struct rowfile *out, const char *path, struct rondo_error *err)
{
    *out = (struct rowfile){ .format = rowfile_format_by_name(path) };
    if (rowfile_check_name(path, err))
        return RONDO_EINPUT;
    out->bytes = mem_alloc(ROOM);
    if (!out->bytes)
        return rondo_error_set(err, RONDO_ENOMEM, path, NULL, "out of memory");
    int code = file_begin_at(&out->file, path, err);
    if (code)
        rowfile_abandon(out);
    return code;
}

static int cannot(const struct rowfile *out, struct rondo_error *err)
{
    return rondo_error_set(err, RONDO_EIO, out->file.path, NULL, "cannot write%s%s",
                           errno ? ": " : "", errno ? strerror(errno) : "");
}

int rowfile_put(struct rowfile *out, const double *rows, int64_t count, int64_t width,
                struct rondo_error *err)
{
    if (out->width && out->width != width) {
        fprintf(stderr, "rondo: programmer's error: rows of two widths\n");
        abort();
    }
    errno = 0;
    bool first = out->width == 0;
    out->width = width;
    if (first && out->format == ROWFILE_NPY)
        put_header(out);
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0), kept = uselocale(plain);
    put_rows(out, rows, count);
    uselocale(kept);
    if (plain)
        freelocale(plain);
    out->rows += count;
    return out->failed ? cannot(out, err) : RONDO_OK;
}

int rowfile_commit(struct rowfile *out, struct rondo_error *err)
{
    errno = 0;
    flush(out);
    if (out->format == ROWFILE_NPY && !out->failed) {
        out->failed = fseek(out->file.stream, 0, SEEK_SET) != 0;
        put_header(out);
    }
    int code = out->failed ? cannot(out, err) : file_commit(&out->file, err);
    rowfile_abandon(out);
    return code;
}

void rowfile_abandon(struct rowfile *out)
{
    file_abandon(&out->file);
    mem_free(out->bytes);
    out->bytes = NULL;
}

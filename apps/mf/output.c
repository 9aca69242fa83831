/* output.c - arrays as NumPy reads them, an archive of such, ids and a word on the model. */
#include "output.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- .npy, format 1.0 ------------------------------------------------------------------------------------- */

enum { NPY_HEADER = 128, NPY_LENGTH_AT = 8, NPY_DICT_AT = 10 };

struct array {
    const char *type, *shape; /* as they stand in the header */
    const void *data;
    size_t bytes;
};

/* The whole header is a multiple of 64 bytes, blanks before its last. */
static void npy_header(const struct array *array, char out[NPY_HEADER])
{
    char dict[NPY_HEADER];
    const int used = snprintf(dict, sizeof dict, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }",
                              array->type, array->shape);
    memset(out, ' ', NPY_HEADER);
    memcpy(out, "\x93NUMPY\x01\x00", NPY_LENGTH_AT);
    out[NPY_LENGTH_AT] = NPY_HEADER - NPY_DICT_AT;
    out[NPY_LENGTH_AT + 1] = 0;
    memcpy(out + NPY_DICT_AT, dict, (size_t)used);
    out[NPY_HEADER - 1] = '\n';
}

static void write_array(const struct array *array, FILE *out)
{
    char header[NPY_HEADER];
    npy_header(array, header);
    fwrite(header, 1, sizeof header, out);
    fwrite(array->data, 1, array->bytes, out);
}

static void write_matrix(const float *data, int64_t rows, int32_t cols, FILE *out)
{
    char shape[64];
    snprintf(shape, sizeof shape, "(%" PRId64 ", %" PRId32 ")", rows, cols);
    const struct array array = { "<f4", shape, data, (size_t)rows * (size_t)cols * sizeof *data };
    write_array(&array, out);
}

/* ---- .npz: a ZIP archive whose members are stored as they are ------------------------------------------------ */

enum { LOCAL = 30, ENTRY = 46, END = 22, MEMBERS = 3 };

struct member {
    const char *name;
    struct array array;
    uint32_t crc, size, offset;
};

static unsigned char *put_little(unsigned char *at, uint64_t value, int bytes)
{
    for (; bytes--; value >>= 8)
        *at++ = (unsigned char)value;
    return at;
}

/* CRC-32 of IEEE 802.3, polynomial 0xEDB88320, four bits at a time. */
static uint32_t crc32_more(uint32_t crc, const void *data, size_t size)
{
    uint32_t table[16];
    for (uint32_t i = 0; i < 16; i++) {
        table[i] = i;
        for (int bit = 0; bit < 4; bit++)
            table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320U : 0);
    }
    crc = ~crc;
    for (const unsigned char *at = data; size--; at++) {
        crc = crc >> 4 ^ table[(crc ^ *at) & 15];
        crc = crc >> 4 ^ table[(crc ^ (uint32_t)*at >> 4) & 15];
    }
    return ~crc;
}

/* What a member's own head and its entry in the directory share: version 2.0, no flags, stored, 1980-01-01. */
static unsigned char *put_common(unsigned char *at, const struct member *member)
{
    at = put_little(at, 20, 2);
    at = put_little(at, 0, 2 + 2);
    at = put_little(at, 0, 2);
    at = put_little(at, 1 << 5 | 1, 2);
    at = put_little(at, member->crc, 4);
    at = put_little(at, member->size, 4);
    at = put_little(at, member->size, 4);
    at = put_little(at, strlen(member->name), 2);
    return put_little(at, 0, 2);
}

static void write_member(struct member *member, uint32_t offset, FILE *out)
{
    unsigned char head[LOCAL];
    char header[NPY_HEADER];
    npy_header(&member->array, header);
    member->crc = crc32_more(crc32_more(0, header, sizeof header), member->array.data, member->array.bytes);
    member->size = (uint32_t)(sizeof header + member->array.bytes);
    member->offset = offset;
    put_common(put_little(head, 0x04034b50, 4), member);
    fwrite(head, 1, sizeof head, out);
    fputs(member->name, out);
    write_array(&member->array, out);
}

static void write_entry(const struct member *member, FILE *out)
{
    unsigned char entry[ENTRY], *at = put_little(entry, 0x02014b50, 4);
    at = put_little(at, 20, 2);
    at = put_common(at, member);
    at = put_little(at, 0, 2 + 2 + 2); /* no comment, disk 0, no attributes */
    at = put_little(at, 0, 4);
    put_little(at, member->offset, 4);
    fwrite(entry, 1, sizeof entry, out);
    fputs(member->name, out);
}

static void write_archive(struct member *member, FILE *out)
{
    unsigned char end[END], *at = put_little(end, 0x06054b50, 4);
    uint32_t offset = 0, directory = 0;
    for (int i = 0; i < MEMBERS; i++) {
        write_member(&member[i], offset, out);
        offset += LOCAL + (uint32_t)strlen(member[i].name) + member[i].size;
        directory += ENTRY + (uint32_t)strlen(member[i].name);
    }
    for (int i = 0; i < MEMBERS; i++)
        write_entry(&member[i], out);
    at = put_little(at, 0, 4);
    at = put_little(at, MEMBERS, 2);
    at = put_little(at, MEMBERS, 2);
    at = put_little(at, directory, 4);
    at = put_little(at, offset, 4);
    put_little(at, 0, 2);
    fwrite(end, 1, sizeof end, out);
}

/* ---- the files ------------------------------------------------------------------------------------------------ */

struct writing {
    const struct problem *problem;
    const struct factors *factors;
};

static void write_users(const struct writing *w, FILE *out)
{
    write_matrix(w->factors->user, w->factors->users, w->factors->rank, out);
}

static void write_items(const struct writing *w, FILE *out)
{
    write_matrix(w->factors->item, w->factors->items, w->factors->rank, out);
}

static void write_biases(const struct writing *w, FILE *out)
{
    const struct factors *f = w->factors;
    char users[32], items[32];
    snprintf(users, sizeof users, "(%" PRId64 ",)", f->users);
    snprintf(items, sizeof items, "(%" PRId64 ",)", f->items);
    struct member member[MEMBERS] = {
        { .name = "mean.npy", .array = { "<f8", "()", &f->mean, sizeof f->mean } },
        { .name = "user.npy", .array = { "<f4", users, f->user_bias, (size_t)f->users * sizeof(float) } },
        { .name = "item.npy", .array = { "<f4", items, f->item_bias, (size_t)f->items * sizeof(float) } },
    };
    write_archive(member, out);
}

static bool trained(const struct cells *cells, int64_t row)
{
    return cells->first[row + 1] > cells->first[row];
}

static void write_words(const struct rondo_words *words, const struct cells *cells, FILE *out)
{
    for (int64_t i = 0; i < cells->rows; i++)
        if (trained(cells, i)) {
            fputs(words->word[i], out);
            fputc('\n', out);
        }
}

static void write_user_ids(const struct writing *w, FILE *out)
{
    write_words(&w->problem->ids->user, &w->problem->by_user, out);
}

static void write_item_ids(const struct writing *w, FILE *out)
{
    write_words(&w->problem->ids->item, &w->problem->by_item, out);
}

/* The fewest of 15 to 17 digits that read back as the same. */
static void write_real(const char *key, double value, FILE *out)
{
    char text[32];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    fprintf(out, " \"%s\": %s,\n", key, text);
}

static void write_model(const struct writing *w, FILE *out)
{
    const struct problem *p = w->problem;
    fprintf(out, "{\"users\": %" PRId64 ",\n \"items\": %" PRId64 ",\n \"rank\": %" PRId32 ",\n", w->factors->users,
            w->factors->items, w->factors->rank);
    write_real("mean", p->biases ? w->factors->mean : p->mean, out);
    write_real("lambda", p->lambda, out);
    write_real("alpha", p->alpha, out);
    fprintf(out, " \"biases\": %d,\n \"implicit\": %d,\n \"nonnegative\": %d,\n \"weighted\": %d,\n", p->biases,
            p->implicit, p->nonnegative, p->weighted);
    fprintf(out, " \"solver\": \"%s\",\n \"seed\": %" PRIu64 "}\n", p->solver->name, p->seed);
}

static const struct {
    const char *name;
    void (*write)(const struct writing *writing, FILE *out);
    bool biases; /* only of a model that has them */
} files[] = {
    { "user_factors.npy", write_users, false },   { "item_factors.npy", write_items, false },
    { "biases.npz", write_biases, true },         { "users.txt", write_user_ids, false },
    { "items.txt", write_item_ids, false },       { "model.json", write_model, false },
};

/* ---- all ------------------------------------------------------------------------------------------------------- */

static bool finite_all(const float *value, int64_t count)
{
    for (int64_t i = 0; value && i < count; i++)
        if (!isfinite(value[i]))
            return false;
    return true;
}

static int check(const struct factors *f, struct rondo_error *err)
{
    const int64_t most = (UINT32_MAX - 4096) / sizeof(float); /* of both biases: what an archive without zip64 has */
    if (!finite_all(f->user, f->users * f->rank) || !finite_all(f->item, f->items * f->rank)
        || !finite_all(f->user_bias, f->users) || !finite_all(f->item_bias, f->items) || !isfinite(f->mean))
        return rondo_error_set(err, RONDO_EAPP, NULL, NULL, "the model has numbers that are not finite");
    if (f->user_bias && f->users + f->items > most)
        return rondo_error_set(err, RONDO_EAPP, NULL, NULL, "biases.npz would have more than 4 GiB");
    return RONDO_OK;
}

/* Rows move up in place; returns how many there are. */
static int64_t keep_trained(const struct cells *cells, int32_t rank, float *rows, float *bias)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < cells->rows; i++) {
        if (!trained(cells, i))
            continue;
        if (kept < i)
            memcpy(rows + kept * rank, rows + i * rank, (size_t)rank * sizeof *rows);
        if (bias)
            bias[kept] = bias[i];
        kept++;
    }
    return kept;
}

int factors_save(const struct problem *problem, struct factors *factors, struct rondo_output *output,
                 struct rondo_error *err)
{
    const struct writing writing = { problem, factors };
    factors->users = keep_trained(&problem->by_user, factors->rank, factors->user, factors->user_bias);
    factors->items = keep_trained(&problem->by_item, factors->rank, factors->item, factors->item_bias);
    int code = check(factors, err);
    for (size_t i = 0; i < sizeof files / sizeof *files && !code; i++) {
        FILE *out;
        if (files[i].biases && !factors->user_bias)
            continue;
        code = problem->host->create(output, files[i].name, &out, err);
        if (code)
            break;
        files[i].write(&writing, out);
        code = ferror(out) ? RONDO_EIO : RONDO_OK;
    }
    return code;
}

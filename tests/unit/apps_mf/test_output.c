/* The model's files, read back by core/data and by their bytes.  NumPy and zipfile read them in e2e.mf_files. */
#include "apps/mf/output.h"

#include "tests/unit/apps_mf/small.h"
#include "tests/unit/core_data/scratch.h"

#include <jansson.h>
#include <zlib.h>

TestSuite(output, .init = scratch_begin, .fini = scratch_end);

enum { FILES = 6, ID = 16 };

static const char *const names[FILES] = { "user_factors.npy", "item_factors.npy", "biases.npz",
                                          "users.txt", "items.txt", "model.json" };
static const struct solver solver = { .name = "als" };

/* Where files go, each once and in order. */
struct rondo_output {
    FILE *stream[FILES];
    const char *refused, *full; /* names that fail */
    int count;
};

static int create(struct rondo_output *output, const char *name, FILE **stream, struct rondo_error *err)
{
    cr_assert(output->count < FILES);
    if (output->refused && strcmp(output->refused, name) == 0)
        return rondo_error_set(err, RONDO_EIO, name, NULL, "refused");
    const bool full = output->full && strcmp(output->full, name) == 0;
    *stream = fopen(full ? "/dev/full" : scratch_path(name), "wb");
    cr_assert(*stream);
    if (full)
        setvbuf(*stream, NULL, _IONBF, 0);
    output->stream[output->count++] = *stream;
    return RONDO_OK;
}

static void make(struct small *small, struct rondo_ids *ids, bool biases)
{
    small_make(small, 6, biases, false, true);
    small->host.create = create;
    small->problem.solver = &solver;
    small->problem.ids = ids;
    struct rondo_words *words[] = { &ids->user, &ids->item };
    for (int side = 0; side < 2; side++) {
        const int64_t count = side ? SMALL_ITEMS + 9 : SMALL_USERS; /* nine that training does not have */
        const char **word = small_keep(small, (size_t)count, sizeof *word);
        char(*text)[ID] = small_keep(small, (size_t)count, sizeof *text);
        for (int64_t i = 0; i < count; i++) {
            snprintf(text[i], ID, "%s%d", side ? "i \xff" : "u\t", (int)i);
            word[i] = text[i];
        }
        *words[side] = (struct rondo_words){ count, word };
    }
}

static int save(struct small *small, struct rondo_output *output, struct rondo_error *err)
{
    int code = factors_save(&small->problem, &small->factors, output, err);
    for (int i = 0; i < output->count; i++)
        fclose(output->stream[i]);
    return code;
}

static size_t bytes_of(const char *name, char **out)
{
    FILE *in = fopen(scratch_path(name), "rb");
    cr_assert(in, "%s", name);
    *out = malloc(1 << 20);
    size_t size = fread(*out, 1, 1 << 20, in);
    fclose(in);
    return size;
}

/* ---- arrays ------------------------------------------------------------------------------------------------ */

static void expect_array(const char *name, const float *wanted, int64_t rows, int64_t cols)
{
    const struct data_options options = { .index_base = 1 };
    struct data_set *set = NULL;
    struct rondo_error err = { 0 };
    cr_assert_eq(data_load(scratch_path(name), &options, &set, &err), RONDO_OK, "%s: %s", name, err.what);
    cr_assert(set->x.rows == rows && set->x.cols == cols, "%s", name);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
            cr_assert_eq(set->x.dense[i + j * set->x.ld], (double)wanted[i * cols + j]);
    data_free(set);
}

Test(output, arrays_have_every_number)
{
    for (int biases = 0; biases < 2; biases++) {
        struct small small;
        struct rondo_ids ids = { 0 };
        struct rondo_output output = { .count = 0 };
        make(&small, &ids, biases);
        cr_assert_eq(save(&small, &output, NULL), RONDO_OK);
        cr_assert_eq(output.count, FILES - !biases);
        expect_array("user_factors.npy", small.factors.user, SMALL_USERS, 6);
        expect_array("item_factors.npy", small.factors.item, SMALL_ITEMS, 6);
        if (biases) {
            expect_array("biases.npz/user", small.factors.user_bias, SMALL_USERS, 1);
            expect_array("biases.npz/item", small.factors.item_bias, SMALL_ITEMS, 1);
        }
        cr_expect_eq(access(scratch_path("biases.npz"), F_OK) == 0, biases);
        small_fini(&small);
    }
}

Test(output, an_array_is_of_32_bits_and_by_rows)
{
    struct small small;
    struct rondo_ids ids = { 0 };
    struct rondo_output output = { .count = 0 };
    char *text;
    make(&small, &ids, false);
    cr_assert_eq(save(&small, &output, NULL), RONDO_OK);
    cr_assert_eq(bytes_of("item_factors.npy", &text), 128 + SMALL_ITEMS * 6 * sizeof(float));
    cr_expect_eq(memcmp(text, "\x93NUMPY\1\0\x76\0{'descr': '<f4', 'fortran_order': False, 'shape': (307, 6), } ", 72), 0);
    cr_expect_eq(text[127], '\n');
    cr_expect_eq(memcmp(text + 128, small.factors.item, SMALL_ITEMS * 6 * sizeof(float)), 0);
    free(text);
    small_fini(&small);
}

/* Every member's CRC-32 by zlib, in its own head and in the directory. */
Test(output, the_archive_of_biases_tells_its_checksums)
{
    struct small small;
    struct rondo_ids ids = { 0 };
    struct rondo_output output = { .count = 0 };
    char *text;
    make(&small, &ids, true);
    cr_assert_eq(save(&small, &output, NULL), RONDO_OK);
    const size_t size = bytes_of("biases.npz", &text);
    uint32_t directory, crc, listed, bytes;
    memcpy(&directory, text + size - 6, 4);
    const char *at = text, *entry = text + directory;
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(memcmp(at, "PK\3\4", 4), 0);
        cr_assert_eq(memcmp(entry, "PK\1\2", 4), 0);
        memcpy(&crc, at + 14, 4);
        memcpy(&bytes, at + 18, 4);
        memcpy(&listed, entry + 16, 4);
        cr_expect_eq(memcmp(at + 30, entry + 46, 8), 0);
        cr_expect_eq(crc, (uint32_t)crc32(0, (const unsigned char *)at + 38, bytes));
        cr_expect_eq(listed, crc);
        at += 38 + bytes;
        entry += 46 + 8;
    }
    cr_expect_eq(at, text + directory);
    double mean;
    memcpy(&mean, text + 38 + 128, sizeof mean);
    cr_expect_eq(mean, small.factors.mean);
    free(text);
    small_fini(&small);
}

/* ---- words ---------------------------------------------------------------------------------------------------- */

Test(output, a_line_says_whose_row_it_is)
{
    struct small small;
    struct rondo_ids ids = { 0 };
    struct rondo_output output = { .count = 0 };
    make(&small, &ids, false);
    cr_assert_eq(save(&small, &output, NULL), RONDO_OK);
    for (int side = 0; side < 2; side++) {
        const struct rondo_words *words = side ? &ids.item : &ids.user;
        char *text;
        const size_t size = bytes_of(side ? "items.txt" : "users.txt", &text);
        const char *at = text;
        for (int64_t i = 0; i < (side ? SMALL_ITEMS : SMALL_USERS); i++) {
            const size_t length = strlen(words->word[i]);
            cr_assert_eq(memcmp(at, words->word[i], length), 0);
            cr_assert_eq(at[length], '\n');
            at += length + 1;
        }
        cr_expect_eq(at, text + size, "those whom training does not have are left out");
        free(text);
    }
    small_fini(&small);
}

Test(output, the_model_says_what_predictions_need)
{
    for (int biases = 0; biases < 2; biases++) {
        struct small small;
        struct rondo_ids ids = { 0 };
        struct rondo_output output = { .count = 0 };
        make(&small, &ids, biases);
        if (biases)
            small.factors.mean = 3.5625;
        cr_assert_eq(save(&small, &output, NULL), RONDO_OK);
        json_t *root = json_load_file(scratch_path("model.json"), 0, NULL);
        cr_assert(root);
        cr_expect_eq(json_number_value(json_object_get(root, "mean")), biases ? 3.5625 : 3.25);
        cr_expect_eq(json_number_value(json_object_get(root, "lambda")), 0.07);
        cr_expect_eq(json_integer_value(json_object_get(root, "rank")), 6);
        cr_expect_eq(json_integer_value(json_object_get(root, "items")), SMALL_ITEMS);
        cr_expect_eq(json_integer_value(json_object_get(root, "biases")), biases);
        cr_expect_eq(json_integer_value(json_object_get(root, "weighted")), 1);
        cr_expect_str_eq(json_string_value(json_object_get(root, "solver")), "als");
        json_decref(root);
        small_fini(&small);
    }
}

/* ---- what goes wrong ---------------------------------------------------------------------------------------- */

Test(output, a_number_that_is_not_finite_leaves_no_file)
{
    for (int place = 0; place < 5; place++) {
        struct small small;
        struct rondo_ids ids = { 0 };
        struct rondo_output output = { .count = 0 };
        struct rondo_error err = { 0 };
        make(&small, &ids, true);
        struct factors *f = &small.factors;
        float *const last[] = { f->user + SMALL_USERS * 6 - 1, f->item + SMALL_ITEMS * 6 - 1,
                                f->user_bias + SMALL_USERS - 1, f->item_bias + SMALL_ITEMS - 1 };
        if (place < 4)
            *last[place] = place % 2 ? INFINITY : NAN;
        else
            f->mean = (double)NAN;
        cr_expect_eq(save(&small, &output, &err), RONDO_EAPP);
        cr_expect(strstr(err.what, "finite"));
        cr_expect_eq(output.count, 0);
        small_fini(&small);
    }
}

Test(output, a_file_that_cannot_be_written_is_said)
{
    for (int i = 0; i < FILES; i++)
        for (int full = 0; full < 2; full++) {
            struct small small;
            struct rondo_ids ids = { 0 };
            struct rondo_output output = { .refused = full ? NULL : names[i], .full = full ? names[i] : NULL };
            make(&small, &ids, true);
            cr_expect_eq(save(&small, &output, NULL), RONDO_EIO, "%s", names[i]);
            cr_expect_eq(output.count, i + full);
            small_fini(&small);
        }
}

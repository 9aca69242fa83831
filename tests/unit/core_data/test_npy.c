#include "tests/unit/core_data/scratch.h"

#include <math.h>
#include <zlib.h>
#include <zstd.h>

TestSuite(npy, .init = scratch_begin, .fini = scratch_end);

/* A .npy file with this dict and these bytes behind it, as NumPy writes version `version`. */
static const char *npy(const char *name, int version, const char *dict, const void *values,
                       size_t size)
{
    static unsigned char bytes[1 << 20];
    size_t length = strlen(dict), at = 8;
    memcpy(bytes, "\x93NUMPY", 6);
    bytes[6] = (unsigned char)version;
    bytes[7] = 0;
    for (int i = 0; i < (version > 1 ? 4 : 2); i++)
        bytes[at++] = (unsigned char)(length >> 8 * i);
    memcpy(bytes + at, dict, length);
    if (size)
        memcpy(bytes + at + length, values, size);
    return scratch_bytes(name, bytes, at + length + size);
}

static void dict(char out[128], const char *type, bool fortran, const char *shape)
{
    snprintf(out, 128, "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }\n", type,
             fortran ? "True" : "False", shape);
}

static const double six[] = { 1, 2, 3, 4, 5, 6 };

static void refuses(const char *path, const char *words)
{
    scratch_refuses(path, &scratch_one, 0, words, NULL);
}

Test(npy, reads_both_orders_and_both_types_in_all_versions)
{
    float six4[6];
    for (int i = 0; i < 6; i++)
        six4[i] = (float)six[i];
    for (int k = 0; k < 12; k++) {
        bool fortran = k & 1, single = k & 2;
        char text[128];
        dict(text, single ? "<f4" : "<f8", fortran, "(2, 3)");
        const char *path = npy("a.npy", 1 + k / 4, text, single ? (const void *)six4 : six,
                               single ? sizeof six4 : sizeof six);
        struct data_set *set = scratch_load(path, &scratch_one);
        cr_assert(!set->x.sparse && set->x.rows == 2 && set->x.cols == 3 && set->x.nnz == 6);
        for (int i = 0; i < 2; i++)
            for (int j = 0; j < 3; j++)
                cr_expect_eq(scratch_at(&set->x, i, j), fortran ? six[i + 2 * j] : six[3 * i + j]);
        data_free(set);
    }
    cr_expect_eq(mem_live(), 0);
}

Test(npy, whole_numbers_are_read_as_they_are)
{
    static const struct {
        const char *type;
        size_t width;
        unsigned char bytes[16];
        double value[2];
    } rows[] = {
        { "|b1", 1, { 1, 0 }, { 1, 0 } },
        { "|i1", 1, { 0xff, 0x7f }, { -1, 127 } },
        { "|u1", 1, { 0xff, 0x7f }, { 255, 127 } },
        { "<i2", 2, { 0x00, 0x80, 0x01, 0x00 }, { -32768, 1 } },
        { "<u2", 2, { 0x00, 0x80, 0x01, 0x00 }, { 32768, 1 } },
        { "<i4", 4, { 0xfe, 0xff, 0xff, 0xff, 7, 0, 0, 0 }, { -2, 7 } },
        { "<u4", 4, { 0xfe, 0xff, 0xff, 0xff, 7, 0, 0, 0 }, { 4294967294.0, 7 } },
        { "<i8", 8, { 0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 1 },
          { -3, 4294967296.0 } },
        { "<u8", 8, { 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80 }, { 5, 0x1p63 } },
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        char text[128];
        dict(text, rows[k].type, 0, "(2, 1)");
        struct data_set *set = scratch_load(npy("a.npy", 1, text, rows[k].bytes, 2 * rows[k].width),
                                            &scratch_one);
        for (int i = 0; i < 2; i++)
            cr_expect_eq(scratch_at(&set->x, i, 0), rows[k].value[i], "%s", rows[k].type);
        data_free(set);
    }
}

Test(npy, long_columns_are_aligned_and_padded_with_zeros)
{
    enum { N = 101, P = 7 };
    static double values[N * P];
    char text[128];
    for (int k = 0; k < N * P; k++)
        values[k] = k + 1;
    for (int fortran = 0; fortran < 2; fortran++) {
        dict(text, "<f8", fortran, "(101, 7)");
        struct data_set *set = scratch_load(npy("a.npy", 1, text, values, sizeof values),
                                            &scratch_one);
        cr_assert_eq(set->x.ld, 104);
        cr_expect_eq(set->x.bytes, 104 * P * 8);
        cr_expect_eq((uintptr_t)set->x.dense % 64, 0);
        for (int j = 0; j < P; j++)
            for (int i = 0; i < 104; i++)
                cr_assert_eq(set->x.dense[i + j * 104],
                             i >= N ? 0 : fortran ? values[i + j * N] : values[i * P + j]);
        data_free(set);
    }
}

Test(npy, a_matrix_too_wide_for_a_strip_is_turned_in_pieces)
{
    /* wider than a strip may be: 2 x 1500000 in <f4, C order */
    enum { P = 1500000 };
    float *values = mem_alloc(2 * P * sizeof *values);
    const char *path = scratch_path("wide.npy");
    FILE *file = fopen(path, "wb");
    cr_assert(values && file);
    for (int k = 0; k < 2 * P; k++)
        values[k] = (float)(k % 100003);
    fwrite("\x93NUMPY\x01\x00\x4a\x00", 1, 10, file);
    fprintf(file, "%-74s", "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1500000), }");
    fwrite(values, sizeof *values, 2 * P, file);
    fclose(file);
    struct data_set *set = scratch_load(path, &scratch_one);
    for (int j = 0; j < P; j++)
        for (int i = 0; i < 2; i++)
            cr_assert_eq(set->x.dense[i + 2 * j], (i * P + j) % 100003);
    data_free(set);
    mem_free(values);
}

Test(npy, one_dimension_a_row_and_a_column_are_vectors)
{
    static const char *const shapes[] = { "(6,)", "(6, 1)", "(1, 6)" };
    char text[128];
    for (int k = 0; k < 6; k++) {
        dict(text, "<f8", k & 1, shapes[k / 2]);
        struct data_set *set = scratch_load(npy("y.npy", 1, text, six, sizeof six), &scratch_vector);
        cr_assert(set->x.rows == 6 && set->x.cols == 1);
        cr_expect(memcmp(set->x.dense, six, sizeof six) == 0);
        data_free(set);
    }
    dict(text, "<f8", true, "(2, 3)");
    scratch_refuses(npy("y.npy", 1, text, six, sizeof six), &scratch_vector, 0, "a vector is wanted",
                    NULL);
}

Test(npy, a_truncated_file_says_how_many_bytes_there_should_be)
{
    char text[128];
    dict(text, "<f8", true, "(2, 3)");
    size_t need = 10 + strlen(text) + sizeof six;
    char words[64];
    snprintf(words, sizeof words, "need %zu bytes, there are %zu", need, need - 1);
    refuses(npy("t.npy", 1, text, six, sizeof six - 1), words);
    refuses(npy("t.npy", 1, text, six, 0), "truncated");
}

Test(npy, what_a_small_compressed_file_claims_is_counted_before_memory_is_taken)
{
    enum { NOISE = 1 << 16, OPENING = 4 }; /* window, decoder, set, header */
    static unsigned char bytes[NOISE + 256], packed[2 * NOISE];
    char text[128];
    dict(text, "<f8", true, "(64000000, 2)"); /* 1 GB */
    size_t length = 10 + strlen(text);
    memcpy(bytes, "\x93NUMPY\x01\x00", 8);
    bytes[8] = (unsigned char)strlen(text);
    memcpy(bytes + 10, text, strlen(text));
    uint64_t noise = 1;
    for (size_t i = 0; i < NOISE; i++, noise = noise * 6364136223846793005u + 1)
        bytes[length + i] = (unsigned char)(noise >> 56);
    size_t size = ZSTD_compress(packed, sizeof packed, bytes, length + NOISE, 1);
    const char *path = scratch_bytes("c.npy.zst", packed, size);
    uint64_t before = mem_count();
    refuses(path, "the file is truncated: 64000000 x 2 values of 8 bytes need");
    cr_expect_leq(mem_count() - before, OPENING);
}

Test(npy, a_matrix_of_many_zeros_is_read_from_a_small_compressed_file)
{
    enum { ROWS = 1 << 20, COLS = 9 }; /* 72 MiB */
    char text[128];
    double *zeros = calloc(ROWS, sizeof *zeros);
    cr_assert(zeros != NULL);
    dict(text, "<f8", true, "(1048576, 9)");
    const char *path = scratch_path("z.npy.gz");
    unsigned char prefix[10] = "\x93NUMPY\x01";
    prefix[8] = (unsigned char)strlen(text);
    gzFile file = gzopen(path, "wb1");
    cr_assert(file != NULL);
    cr_assert_eq(gzwrite(file, prefix, 10), 10);
    cr_assert_eq(gzwrite(file, text, (unsigned)strlen(text)), (int)strlen(text));
    for (int j = 0; j < COLS; j++) {
        zeros[j] = 1;
        cr_assert_eq(gzwrite(file, zeros, ROWS * sizeof *zeros), ROWS * (int)sizeof *zeros);
        zeros[j] = 0;
    }
    cr_assert_eq(gzclose(file), Z_OK);
    free(zeros);
    struct data_set *set = scratch_load(path, &scratch_one);
    cr_assert(set->x.rows == ROWS && set->x.cols == COLS);
    for (int i = 0; i < COLS; i++)
        for (int j = 0; j < COLS; j++)
            cr_expect_eq(scratch_at(&set->x, i, j), i == j);
    data_free(set);
    cr_expect_eq(mem_live(), 0);
}

Test(npy, a_file_longer_than_its_shape_is_told)
{
    char text[128];
    dict(text, "<f8", true, "(2, 2)");
    refuses(npy("l.npy", 1, text, six, sizeof six), "the shape 2 x 2 takes");
}

Test(npy, a_file_cut_within_its_header_is_told)
{
    char text[128];
    dict(text, "<f8", true, "(2, 3)");
    const char *path = npy("h.npy", 1, text, NULL, 0);
    for (off_t size = 6; size < (off_t)(10 + strlen(text)); size += 3) {
        npy("h.npy", 1, text, NULL, 0);
        cr_assert_eq(truncate(path, size), 0);
        refuses(path, "the file ends within it");
    }
}

Test(npy, other_types_are_refused_with_those_that_are_read)
{
    static const char *const types[] = { ">i8", ">f8", "<f2", "<c16", "<U1", "|O" };
    char text[128];
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        dict(text, types[i], true, "(2, 3)");
        scratch_refuses(npy("t.npy", 1, text, six, sizeof six), &scratch_one, 0,
                        "are not read; <f4, <f8 and whole numbers are", "astype");
    }
}

Test(npy, other_shapes_and_headers_are_refused)
{
    static const struct {
        const char *shape, *words;
    } cases[] = { { "()", "0 dimensions" },
                  { "(1, 2, 3)", "3 dimensions" },
                  { "(2, x)", "not a tuple" },
                  { "2", "no 'shape'" },
                  { "(-2, 3)", "not a tuple" },
                  { "(0, 3)", "the matrix is empty (0 x 3)" },
                  { "(1000000000000000000, 3)", "too large" },
                  { "(99999999999999999999999, 3)", "too large" },
                  { "(2000000000, 2000000000)", "truncated" },
                  { "(2147483647, 2147483647)", "truncated" } };
    char text[128];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dict(text, "<f8", true, cases[i].shape);
        refuses(npy("s.npy", 1, text, six, sizeof six), cases[i].words);
    }
    refuses(npy("s.npy", 1, "{'descr': '<f8'}", six, sizeof six), "no 'fortran_order'");
    refuses(npy("s.npy", 1, "garbage", six, sizeof six), "no 'descr'");
    refuses(npy("s.npy", 9, "garbage", six, sizeof six), "versions 1, 2 and 3");
    refuses(scratch_text("s.npy", "not numpy at all"), "does not begin with");
}

Test(npy, a_value_that_is_not_finite_is_told_with_row_and_column)
{
    char text[128];
    for (int fortran = 0; fortran < 2; fortran++) {
        double bad[] = { 1, 2, 3, 4, 5, 6 };
        bad[4] = (double)NAN;
        dict(text, "<f8", fortran, "(2, 3)");
        refuses(npy("n.npy", 1, text, bad, sizeof bad),
                fortran ? "row 0, column 2 (counted from 0) is not a number"
                        : "row 1, column 1 (counted from 0) is not a number");
        bad[4] = -HUGE_VAL;
        refuses(npy("n.npy", 1, text, bad, sizeof bad), "is infinite");
    }
}

#include "tests/unit/core_data/scratch.h"

TestSuite(mtx, .init = scratch_begin, .fini = scratch_end);

#define REAL "%%MatrixMarket matrix coordinate real general\n"

static struct data_set *load(const char *text, const struct data_options *options)
{
    return scratch_load(scratch_text("a.mtx", text), options);
}

static void refuses(const char *text, int line, const char *words)
{
    scratch_refuses(scratch_text("bad.mtx", text), &scratch_one, line, words, NULL);
}

Test(mtx, coordinates_become_columns_sorted_by_row)
{
    struct data_set *set = load(REAL "% a comment\n\n4 3 5\n4 1 4.5\n1 3 1e2\r\n2 1 2\n1 1 0\n3 3 -1\n\n",
                                &scratch_one);
    static const int64_t colptr[] = { 0, 3, 3, 5 };
    static const int32_t rowidx[] = { 0, 1, 3, 0, 2 };
    static const double values[] = { 0, 2, 4.5, 100, -1 };
    cr_assert(set->x.sparse && set->x.rows == 4 && set->x.cols == 3 && set->x.nnz == 5);
    cr_expect(memcmp(set->x.colptr, colptr, sizeof colptr) == 0);
    cr_expect(memcmp(set->x.rowidx, rowidx, sizeof rowidx) == 0);
    cr_expect(memcmp(set->x.values, values, sizeof values) == 0);
    cr_expect(!set->info.labels);
    data_free(set);
}

Test(mtx, a_long_column_in_any_order_is_sorted)
{
    struct rondo_buf buf = { 0 };
    enum { N = 5003 };
    char line[96];
    int size = snprintf(line, sizeof line, "%s%d 1 %d\n", REAL, N, N);
    cr_assert_eq(buf_append(&buf, line, (size_t)size), RONDO_OK);
    for (int i = 0; i < N; i++) {
        int row = (int)((int64_t)i * 1999 % N);
        size = snprintf(line, sizeof line, "%d 1 %d\n", row + 1, row);
        cr_assert_eq(buf_append(&buf, line, (size_t)size), RONDO_OK);
    }
    struct data_set *set = scratch_load(scratch_bytes("a.mtx", buf.data, buf.size), &scratch_one);
    for (int i = 0; i < N; i++)
        cr_assert(set->x.rowidx[i] == i && set->x.values[i] == i);
    data_free(set);
    buf_fini(&buf);
}

Test(mtx, pattern_integer_and_symmetric_are_read)
{
    struct data_set *set = load("%%matrixmarket MATRIX Coordinate Pattern General\n2 2 2\n1 2\n2 1\n",
                                &scratch_one);
    cr_expect(scratch_at(&set->x, 0, 1) == 1 && scratch_at(&set->x, 1, 0) == 1);
    data_free(set);
    set = load("%%MatrixMarket matrix coordinate integer symmetric\n3 3 3\n1 1 7\n3 1 5\n2 2 0\n",
               &scratch_one);
    cr_expect_eq(set->x.nnz, 4);
    cr_expect(scratch_at(&set->x, 0, 2) == 5 && scratch_at(&set->x, 2, 0) == 5);
    cr_expect_eq(scratch_at(&set->x, 0, 0), 7);
    data_free(set);
}

Test(mtx, an_array_becomes_dense_by_columns)
{
    struct data_set *set = load("%%MatrixMarket matrix array real general\n2 3\n1\n2\n3\n4\n5\n6\n",
                                &scratch_one);
    cr_assert(!set->x.sparse && set->x.rows == 2 && set->x.cols == 3);
    for (int k = 0; k < 6; k++)
        cr_expect_eq(scratch_at(&set->x, k % 2, k / 2), k + 1);
    data_free(set);
    set = load("%%MatrixMarket matrix array real symmetric\n3 3\n1\n2\n3\n4\n5\n6\n", &scratch_one);
    static const double full[] = { 1, 2, 3, 2, 4, 5, 3, 5, 6 };
    for (int k = 0; k < 9; k++)
        cr_expect_eq(scratch_at(&set->x, k % 3, k / 3), full[k]);
    data_free(set);
}

Test(mtx, vectors_come_as_columns_rows_arrays_or_coordinates)
{
    static const char *const texts[] = {
        "%%MatrixMarket matrix array real general\n3 1\n5\n0\n7\n",
        "%%MatrixMarket matrix array real general\n1 3\n5\n0\n7\n",
        REAL "3 1 2\n3 1 7\n1 1 5\n",
        REAL "1 3 2\n1 3 7\n1 1 5\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct data_set *set = load(texts[i], &scratch_vector);
        cr_assert(!set->x.sparse && set->x.rows == 3 && set->x.cols == 1, "text %zu", i);
        cr_expect(set->x.dense[0] == 5 && set->x.dense[1] == 0 && set->x.dense[2] == 7);
        data_free(set);
    }
    scratch_refuses(scratch_text("m.mtx", REAL "3 2 1\n1 1 1\n"), &scratch_vector, 0,
                    "a vector is wanted, the file holds a 3 x 2 matrix", NULL);
    cr_expect_eq(mem_live(), 0);
}

Test(mtx, a_header_that_lies_about_its_count_is_told_with_the_line)
{
    refuses(REAL "2 2 3\n1 1 1\n2 2 1\n", 5, "the file ends after 2 entries; the header states 3");
    refuses(REAL "2 2 1\n1 1 1\n2 2 1\n", 4, "more entries than the 1 that the header states");
    refuses("%%MatrixMarket matrix array real general\n2 2\n1\n2\n3\n", 6, "ends after 3 entries");
    refuses("%%MatrixMarket matrix array real general\n1 2\n1\n2\n3\n", 5, "more entries than the 2");
}

Test(mtx, an_index_outside_the_stated_range_is_told_with_the_line)
{
    refuses(REAL "2 2 2\n1 1 1\n3 1 1\n", 4, "row 3 is outside the 1 to 2");
    refuses(REAL "2 2 2\n1 1 1\n1 3 1\n", 4, "column 3 is outside the 1 to 2");
    refuses(REAL "2 2 1\n0 1 1\n", 3, "row 0 is outside");
}

Test(mtx, a_place_that_stands_twice_is_told)
{
    refuses(REAL "3 3 3\n2 3 1\n1 1 1\n2 3 1\n", 0, "row 2, column 3 (counted from 1) stands twice");
    refuses("%%MatrixMarket matrix coordinate real symmetric\n2 2 2\n2 1 1\n1 2 1\n", 0, "stands twice");
}

Test(mtx, huge_counts_are_refused_before_memory_is_asked_for)
{
    refuses(REAL "1000000000000000000 5 3\n", 0, "is too large");
    refuses(REAL "99999999999999999999999 5 3\n", 0, "is too large");
    refuses(REAL "5 5 1000000000000000000\n1 1 1\n", 2, "1000000000000000000 entries are stated");
    refuses(REAL "2000000000 2000000000 1000000000000000000\n1 1 1\n", 2, "than a file of");
    refuses(REAL "5 2000000000 1\n1 1 1\n", 0, "2000000000 columns for 1 entries");
    refuses("%%MatrixMarket matrix array real general\n2000000000 2000000000\n1\n", 2, "than a file of");
}

Test(mtx, a_vector_much_longer_than_its_entries_is_refused_before_it_is_made)
{
    const char *path = scratch_text("y.mtx", "%%MatrixMarket matrix coordinate real general\n"
                                             "2000000000 1 1\n5 1 2.5\n");
    scratch_refuses(path, &scratch_vector, 0, "a vector of 2000000000 for 1 entries", NULL);
    struct data_set *set = scratch_load(path, &scratch_one); /* as a matrix it takes nothing */
    cr_expect(set->x.rows == 2000000000 && set->x.nnz == 1);
    data_free(set);
}

Test(mtx, columns_far_apart_are_read_where_entries_bear_them_out)
{
    enum { APART = 300, STEP = 65536, MORE = APART * STEP / 256 };
    FILE *file = fopen(scratch_path("x.mtx"), "w");
    cr_assert(file != NULL);
    fprintf(file, "%%%%MatrixMarket matrix coordinate pattern general\n%d %d %d\n", MORE,
            APART * STEP, APART + MORE);
    for (int i = 1; i <= APART; i++)
        fprintf(file, "7 %d\n", i * STEP);
    for (int i = 1; i <= MORE; i++)
        fprintf(file, "%d 1\n", i);
    cr_assert_eq(fclose(file), 0);
    struct data_set *set = scratch_load(scratch_path("x.mtx"), &scratch_one);
    cr_expect_eq(set->x.colptr[1], MORE);
    for (int64_t j = 1; j <= APART; j++)
        cr_assert(set->x.rowidx[set->x.colptr[j * STEP - 1]] == 6);
    data_free(set);
    cr_expect_eq(mem_live(), 0);
}

Test(mtx, complex_hermitian_and_skew_are_refused_with_what_is_read)
{
    refuses("%%MatrixMarket matrix coordinate complex general\n1 1 1\n1 1 1 0\n", 1,
            "a \"complex\" Matrix Market file is not read; what is: real, integer, pattern");
    refuses("%%MatrixMarket matrix coordinate real hermitian\n1 1 1\n1 1 1\n", 1, "\"hermitian\"");
    refuses("%%MatrixMarket matrix coordinate real skew-symmetric\n1 1 1\n", 1, "skew-symmetric");
    refuses("%%MatrixMarket vector coordinate real general\n1 1 1\n", 1, "\"vector\"");
}

Test(mtx, garbage_is_told_with_its_line)
{
    refuses("1 1 1\n", 1, "expected %%MatrixMarket");
    refuses("%%MatrixMarket matrix coordinate real\n1 1 1\n", 1, "\"\" Matrix Market");
    refuses(REAL "% only comments\n", 3, "expected the number of rows");
    refuses(REAL "2 x 1\n", 2, "expected the number of columns, found \"x\"");
    refuses(REAL "2 2\n1 1 1\n", 2, "expected the number of entries");
    refuses(REAL "2 2 1 9\n1 1 1\n", 2, "expected the end of the line, found \"9\"");
    refuses(REAL "2 2 1\n1 1 abc\n", 3, "expected a value, found \"abc\"");
    refuses(REAL "2 2 1\n1 1\n", 3, "expected a value");
    refuses(REAL "2 2 1\n1.5 1 1\n", 3, "expected a row, found \"1.5\"");
    refuses(REAL "2 2 1\n1 1 nan\n", 3, "\"nan\" is not finite");
    refuses(REAL "2 2 1\n1 1 1 7\n", 3, "expected the end of the line, found \"7\"");
    refuses(REAL "0 2 0\n", 0, "the matrix is empty (0 x 2)");
    refuses("%%MatrixMarket matrix coordinate real symmetric\n2 3 1\n1 1 1\n", 2, "cannot be 2 x 3");
}

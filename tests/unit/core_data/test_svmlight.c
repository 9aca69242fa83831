#include "tests/unit/core_data/scratch.h"

TestSuite(svmlight, .init = scratch_begin, .fini = scratch_end);

static void refuses(const char *text, int line, const char *words)
{
    scratch_refuses(scratch_text("bad.svm", text), &scratch_one, line, words, NULL);
}

Test(svmlight, becomes_compressed_columns_with_labels)
{
    struct data_set *set = scratch_load(
        scratch_text("a.svm", "+1 1:0.5 4:-2e1\n-1 2:3\n2.5\n1 1:7 2:8 4:9\n"), &scratch_one);
    const struct rondo_matrix *x = &set->x;
    static const int64_t colptr[] = { 0, 2, 4, 4, 6 };
    static const int32_t rowidx[] = { 0, 3, 1, 3, 0, 3 };
    static const double values[] = { 0.5, 7, 3, 8, -20, 9 }, labels[] = { 1, -1, 2.5, 1 };
    cr_assert(x->sparse && x->rows == 4 && x->cols == 4 && x->nnz == 6);
    cr_expect(memcmp(x->colptr, colptr, sizeof colptr) == 0);
    cr_expect(memcmp(x->rowidx, rowidx, sizeof rowidx) == 0);
    cr_expect(memcmp(x->values, values, sizeof values) == 0);
    cr_expect_eq(x->bytes, 5 * 8 + 6 * 12);
    cr_assert(set->info.labels && set->labels.rows == 4 && set->labels.cols == 1);
    cr_expect(memcmp(set->labels.dense, labels, sizeof labels) == 0);
    data_free(set);
    cr_expect_eq(mem_live(), 0);
}

Test(svmlight, accepts_comments_blank_lines_crlf_qid_explicit_zeros_and_no_last_newline)
{
    struct data_set *set = scratch_load(
        scratch_text("a.svm", "# a comment\r\n\r\n1 qid:3 1:2 3:0 # 9:9\r\n\n2\tqid:3\t2:4#x\n"
                              "  \n3  1:1  "),
        &scratch_one);
    cr_assert(set->x.rows == 3 && set->x.cols == 3 && set->x.nnz == 4);
    cr_expect_eq(scratch_at(&set->x, 0, 0), 2);
    cr_expect_eq(scratch_at(&set->x, 1, 1), 4);
    cr_expect_eq(scratch_at(&set->x, 2, 0), 1);
    cr_expect_eq(set->x.colptr[3] - set->x.colptr[2], 1, "the explicit zero is stored");
    data_free(set);
}

Test(svmlight, accepts_trailing_blank_lines)
{
    struct data_set *set = scratch_load(scratch_text("a.svm", "1 1:2\n\n\r\n\n"), &scratch_one);
    cr_expect_eq(set->x.rows, 1);
    data_free(set);
}

Test(svmlight, index_zero_names_the_line_and_the_key_that_accepts_it)
{
    const char *path = scratch_text("zero.svm", "1 1:1\n1 0:1 1:2\n");
    scratch_refuses(path, &scratch_one, 2, "the index 0 stands", "data.index_base: 0");
    struct data_set *set = scratch_load(path, &scratch_zero);
    cr_assert(set->x.rows == 2 && set->x.cols == 2);
    cr_expect_eq(scratch_at(&set->x, 1, 0), 1);
    cr_expect_eq(scratch_at(&set->x, 1, 1), 2);
    data_free(set);
}

Test(svmlight, refuses_descending_and_repeated_indices)
{
    refuses("1 1:1\n1 5:1 3:1\n", 2, "the index 3 comes after 5");
    refuses("1 1:1\n\n1 2:1 2:1\n", 3, "the index 2 stands twice");
}

Test(svmlight, refuses_an_index_beyond_31_bits)
{
    refuses("1 2147483648:1\n", 1, "the index 2147483648 is beyond 2147483647");
    refuses("1 99999999999999999999999:1\n", 1, "is beyond 2147483647");
}

Test(svmlight, refuses_far_more_columns_than_entries_before_allocating_them)
{
    refuses("1 2147483647:1\n", 0, "2147483647 columns for 1 entries");
}

/* One entry in each `step`-th column of the first line, then `more` lines with an entry in column 1. */
static const char *far_apart(const char *name, int entries, int step, int more)
{
    const char *path = scratch_path(name);
    FILE *file = fopen(path, "w");
    cr_assert(file != NULL);
    fputs("1", file);
    for (int i = 1; i <= entries; i++)
        fprintf(file, " %lld:1", (long long)i * step);
    for (int i = 0; i < more; i++)
        fputs("\n2 1:3", file);
    cr_assert_eq(fclose(file), 0);
    return path;
}

Test(svmlight, columns_far_apart_take_no_memory_until_entries_bear_them_out)
{
    enum { BELIEVED_PAGES = 256, OTHERS = 64 };
    const char *path = far_apart("x.svm", 30000, 65536, 0);
    uint64_t before = mem_count();
    scratch_refuses(path, &scratch_one, 0, "1966080000 columns for 30000 entries", NULL);
    cr_expect(mem_count() - before < BELIEVED_PAGES + OTHERS, "%llu allocations",
              (unsigned long long)(mem_count() - before));
}

Test(svmlight, columns_far_apart_are_read_where_entries_bear_them_out)
{
    enum { APART = 300, STEP = 65536, MORE = APART * STEP / 256 };
    struct data_set *set = scratch_load(far_apart("x.svm", APART, STEP, MORE), &scratch_one);
    cr_expect_eq(set->x.cols, APART * STEP);
    cr_expect_eq(set->x.rows, MORE + 1);
    cr_expect_eq(set->x.nnz, APART + MORE);
    cr_expect_eq(set->x.colptr[1], MORE);
    for (int64_t j = 1; j <= APART; j++) {
        int64_t at = set->x.colptr[j * STEP - 1];
        cr_assert(at == MORE + j - 1 && set->x.colptr[j * STEP] == at + 1);
        cr_assert(set->x.rowidx[at] == 0 && set->x.values[at] == 1);
    }
    data_free(set);
    cr_expect_eq(mem_live(), 0);
}

Test(svmlight, refuses_values_and_labels_that_are_not_finite)
{
    refuses("1 1:1\n1 1:nan\n", 2, "\"1:nan\" is not finite");
    refuses("1 1:-inf\n", 1, "not finite");
    refuses("1 1:1e999\n", 1, "not finite");
    refuses("NaN 1:1\n", 1, "\"NaN\" is not finite");
}

Test(svmlight, refuses_garbage_with_its_line_and_words)
{
    refuses("1 1:1\n1 1:1\n1 1:1\n1 1:1\n1 1:1\n1 1:1\n1 abc\n", 7,
            "expected index:value, found \"abc\"");
    refuses("1 1:2x\n", 1, "expected index:value, found \"1:2x\"");
    refuses("1 1:\n", 1, "expected index:value, found \"1:\"");
    refuses("1 -1:2\n", 1, "expected index:value, found \"-1:2\"");
    refuses("1 qid:x 1:2\n", 1, "expected index:value, found \"qid:x\"");
    refuses("1:2 2:3\n", 1, "expected a label, found \"1:2\"");
    refuses("1;2;3\n", 1, "expected a label, found \"1;2;3\"");
    refuses("1 1:1 \x01\x02\n", 1, "found \"??\"");
}

Test(svmlight, refuses_a_file_without_data)
{
    refuses("# nothing\n\n", 0, "no line bears data");
    refuses("1\n2\n", 0, "the matrix is empty (2 x 0)");
}

Test(svmlight, a_number_a_line_is_a_vector)
{
    struct data_set *set = scratch_load(scratch_text("y.txt", "1.5\n-2\n\n3 # last\n"),
                                        &scratch_vector);
    cr_assert(!set->x.sparse && set->x.rows == 3 && set->x.cols == 1);
    cr_expect(set->x.dense[0] == 1.5 && set->x.dense[1] == -2 && set->x.dense[2] == 3);
    data_free(set);
    scratch_refuses(scratch_text("x.svm", "1 1:2\n"), &scratch_vector, 0, "a vector is wanted", NULL);
    cr_expect_eq(mem_live(), 0);
}

Test(svmlight, a_file_of_no_known_format_says_what_was_looked_for)
{
    scratch_refuses(scratch_text("x.dat", "hello\n"), &scratch_one, 0, "svmlight", NULL);
    scratch_refuses(scratch_text("x.svm", "hello\n"), &scratch_one, 1,
                    "expected a label, found \"hello\"", NULL);
}

Test(svmlight, is_told_by_content_where_the_name_says_nothing)
{
    struct data_set *set = scratch_load(scratch_text("train", "# c\n-1 1:2\n"), &scratch_one);
    cr_expect_eq(set->info.format, DATA_SVMLIGHT);
    data_free(set);
}

#include "tests/unit/core_data/scratch.h"

#include <zlib.h>

TestSuite(docword, .init = scratch_begin, .fini = scratch_end);

static struct data_set *load(const char *text)
{
    return scratch_load(scratch_text("a.txt", text), &scratch_one);
}

/* Of a file whose entries are summed, inspect tells what its header states. */
static struct data_set *load_only(const char *path)
{
    struct data_set *set = NULL;
    struct rondo_error err = { 0 };
    cr_assert_eq(data_load(path, &scratch_one, &set, &err), RONDO_OK, "%s: %s", err.where, err.what);
    return set;
}

/* By its name, whatever its content looks like. */
static void refuses(const char *text, int line, const char *words)
{
    scratch_refuses(scratch_text("docword.bad.txt", text), &scratch_one, line, words, NULL);
}

static void remember(void *context, const char *text)
{
    char *all = context;
    size_t size = strlen(all);
    snprintf(all + size, 600 - size, "%s\n", text);
}

static void says(const struct data_set *set, const char *wanted)
{
    char all[600] = "";
    struct rondo_error err = { 0 };
    cr_assert_eq(data_remarks(set, remember, all, &err), RONDO_OK);
    cr_expect_str_eq(all, wanted);
}

Test(docword, documents_are_rows_and_words_are_columns)
{
    struct data_set *set = load("3\n4\n5\n1 2 1\n1 4 2147483647\n2 1 10\n3 2 7\n3 4 1\n");
    static const int64_t colptr[] = { 0, 1, 3, 3, 5 };
    static const int32_t rowidx[] = { 1, 0, 2, 0, 2 };
    static const double values[] = { 10, 1, 7, 2147483647, 1 };
    cr_assert(set->x.sparse && set->x.rows == 3 && set->x.cols == 4 && set->x.nnz == 5);
    cr_expect_eq(set->info.format, DATA_DOCWORD);
    cr_expect_not(set->info.labels);
    cr_expect(memcmp(set->x.colptr, colptr, sizeof colptr) == 0);
    cr_expect(memcmp(set->x.rowidx, rowidx, sizeof rowidx) == 0);
    cr_expect(memcmp(set->x.values, values, sizeof values) == 0);
    cr_expect(set->info.unsorted == 0 && set->info.summed == 0);
    says(set, "");
    data_free(set);
}

Test(docword, blanks_and_other_ends_of_lines_change_nothing)
{
    static const char *const texts[] = { "2\n3\n2\n1 3 4\n2 1 5\n", "2\r\n3\r\n2\r\n1 3 4\r\n2 1 5\r\n",
                                         "2\n3\n2\n1\t3\t4\n2  1 5", " 2 \n3\n2\n\n 1   3 4  \n\n2 1 5 \n\n \n" };
    for (int i = 0; i < 4; i++) {
        struct data_set *set = load_only(scratch_text("docword.a.txt", texts[i]));
        cr_expect(set->x.rows == 2 && set->x.cols == 3 && set->x.nnz == 2, "text %d", i);
        cr_expect(scratch_at(&set->x, 0, 2) == 4 && scratch_at(&set->x, 1, 0) == 5, "text %d", i);
        data_free(set);
    }
}

Test(docword, the_content_tells_it_whatever_the_name)
{
    struct data_info info;
    struct rondo_error err = { 0 };
    static const char *const names[] = { "a", "a.txt", "a.svm", "docword.a.txt", "a.mtx" };
    for (int i = 0; i < 5; i++) {
        cr_assert_eq(data_inspect(scratch_text(names[i], "2\n3\n1\n1 3 4\n"), NULL, &info, &err), RONDO_OK);
        cr_expect_eq(info.format, DATA_DOCWORD, "%s", names[i]);
    }
    cr_assert_eq(data_inspect(scratch_text("a.svm", "2\n3\n1\n1 3:4\n"), NULL, &info, &err), RONDO_OK);
    cr_expect_eq(info.format, DATA_SVMLIGHT);
    cr_assert_eq(data_inspect(scratch_text("y.txt", "2\n3\n1\n1\n"), &scratch_vector, &info, &err), RONDO_OK);
    cr_expect_eq(info.format, DATA_SVMLIGHT, "a vector of four");
}

Test(docword, a_name_tells_what_is_written)
{
    cr_expect_eq(data_format_by_name("docword.news.txt.gz"), DATA_DOCWORD);
    cr_expect_eq(data_format_by_name("/some/where/docword.news"), DATA_DOCWORD);
    cr_expect_eq(data_format_by_name("DocWord.txt"), DATA_DOCWORD);
    cr_expect_eq(data_format_by_name("docword.news.mtx"), DATA_MTX);
    cr_expect_eq(data_format_by_name("docword.news.svm.gz"), DATA_SVMLIGHT);
    cr_expect_eq(data_format_by_name("docword.d/news.txt"), DATA_SVMLIGHT);
    cr_expect_eq(data_format_by_name("mydocword.txt"), DATA_SVMLIGHT);
    cr_expect_eq(data_format_by_name("docword"), DATA_UNKNOWN);
}

Test(docword, what_is_out_of_order_is_sorted_and_said)
{
    struct data_set *set = load("3\n2\n5\n3 1 3\n1 2 4\n1 1 1\n3 2 6\n2 1 2\n");
    static const int32_t rowidx[] = { 0, 1, 2, 0, 2 };
    static const double values[] = { 1, 2, 3, 4, 6 };
    cr_expect(memcmp(set->x.rowidx, rowidx, sizeof rowidx) == 0);
    cr_expect(memcmp(set->x.values, values, sizeof values) == 0);
    says(set, "documents are out of order in 2 places: sorted\n");
    data_free(set);
}

Test(docword, what_stands_twice_is_summed_and_said)
{
    struct data_set *set = load_only(scratch_text("a.txt", "3\n3\n7\n1 1 1\n1 1 2\n1 3 5\n3 3 1\n1 1 4\n3 3 1\n"
                                                           "1 3 2\n"));
    static const int64_t colptr[] = { 0, 1, 1, 3 };
    cr_assert(set->x.nnz == 3 && set->x.rows == 3 && set->x.cols == 3);
    cr_expect(memcmp(set->x.colptr, colptr, sizeof colptr) == 0);
    cr_expect(scratch_at(&set->x, 0, 0) == 7 && scratch_at(&set->x, 0, 2) == 7 && scratch_at(&set->x, 2, 2) == 2);
    cr_expect_eq(set->info.nnz, 3);
    cr_expect_eq(set->info.bytes, set->x.bytes);
    says(set, "documents are out of order in 2 places: sorted\n"
              "4 entries are of a document and word that were there before: summed\n"
              "1 of 3 documents are empty: kept\n");
    data_free(set);
    refuses("1\n1\n2\n1 1 2147483647\n1 1 1\n", 0, "row 1, column 1 (counted from 1) come to more than 2147483647");
}

Test(docword, a_header_that_is_none_has_its_place)
{
    refuses("x\n2\n3\n1 1 1\n", 1, "expected the number of documents, found \"x\"");
    refuses("-1\n2\n3\n1 1 1\n", 1, "expected the number of documents, found \"-1\"");
    refuses("2.5\n2\n3\n1 1 1\n", 1, "expected the number of documents, found \"2.5\"");
    refuses("0\n2\n3\n1 1 1\n", 1, "0 stands for the number of documents");
    refuses("2147483648\n2\n3\n1 1 1\n", 1, "2147483648 stands for the number of documents");
    refuses("2\n99999999999999999999\n3\n1 1 1\n", 2, "9223372036854775807 stands for the number of words");
    refuses("2\n0\n3\n1 1 1\n", 2, "0 stands for the number of words");
    refuses("2\n-3\n3\n1 1 1\n", 2, "expected the number of words, found \"-3\"");
    refuses("2\n3 1\n1\n1 1 1\n", 2, "expected the end of the line, found \"1\"");
    refuses("2\n3\nmany\n1 1 1\n", 3, "expected the number of entries, found \"many\"");
    refuses("2\n3\n", 3, "expected the number of entries, found \"the end of the line\"");
    refuses("2\n3\n4000000000\n1 1 1\n", 3, "4000000000 entries are stated, more than a file of 21 bytes can hold");
    refuses("2\n3\n7\n1 1 1\n", 3, "7 entries are stated, more than a file of 12 bytes");
}

Test(docword, a_header_that_lies_is_told)
{
    refuses("2\n3\n3\n1 1 1\n2 2 2\n", 6, "the file ends after 2 entries; the header states 3");
    refuses("2\n3\n1\n1 1 1\n2 2 2\n", 5, "more entries than the 1 that the header states");
    refuses("2\n3\n1\n1 1 1\nnoise\n", 5, "more entries than the 1");
    refuses("2000000000\n3\n1\n1 1 1\n", 0, "2000000000 documents for 1 entries: a mistaken header");
    refuses("3\n2000000000\n1\n1 1 1\n", 0, "2000000000 columns for 1 entries: a mistaken header");
}

Test(docword, an_entry_that_is_none_has_its_place)
{
    refuses("2\n3\n2\n1 1 1\n3 1 1\n", 5, "the document 3 is not from 1 to 2");
    refuses("2\n3\n2\n1 1 1\n0 1 1\n", 5, "the document 0 is not from 1 to 2");
    refuses("2\n3\n2\n1 1 1\n2 4 1\n", 5, "the word 4 is not from 1 to 3");
    refuses("2\n3\n2\n1 1 1\n2 0 1\n", 5, "the word 0 is not from 1 to 3");
    scratch_refuses(scratch_text("a.txt", "2\n3\n1\n2 0 1\n"), &scratch_one, 4, "the word 0", "count from 1");
    refuses("2\n3\n2\n1 1 1\n2 2 0\n", 5, "the count 0 is not from 1 to 2147483647");
    refuses("2\n3\n2\n1 1 1\n2 2 2147483648\n", 5, "the count 2147483648 is not from 1");
    refuses("2\n3\n2\n1 1 1\n2 2 -4\n", 5, "expected a count, found \"-4\"");
    refuses("2\n3\n2\n1 1 1\n2 2 1.5\n", 5, "expected a count, found \"1.5\"");
    refuses("2\n3\n2\n1 1 1\n2 2\n", 5, "expected a count, found \"the end of the line\"");
    refuses("2\n3\n2\n1 1 1\n2 2 1 1\n", 5, "expected the end of the line, found \"1\"");
    refuses("2\n3\n2\n1 1 1\n-2 2 1\n", 5, "expected a document, found \"-2\"");
    refuses("2\n3\n2\n1 1 1\n2 two 1\n", 5, "expected a word, found \"two\"");
    refuses("2\n3\n2\n1 1 1\n99999999999999999999 2 1\n", 5, "the document 9223372036854775807 is not");
}

static const char *gzipped(size_t *size)
{
    static unsigned char bytes[1 << 16];
    const char *path = scratch_path("whole.gz");
    gzFile gz = gzopen(path, "wb");
    gzputs(gz, "3000\n3000\n3000\n");
    for (int i = 1; i <= 3000; i++)
        gzprintf(gz, "%d %d %d\n", i, (i * 7919) % 3000 + 1, i % 17 + 1);
    gzclose(gz);
    FILE *file = fopen(path, "rb");
    *size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    return (const char *)bytes;
}

Test(docword, a_compressed_one_must_be_whole)
{
    size_t size;
    const char *bytes = gzipped(&size);
    struct data_set *set = scratch_load(scratch_bytes("docword.a.txt.gz", bytes, size), &scratch_one);
    cr_expect(set->x.nnz == 3000 && strcmp(set->info.compression, "gzip") == 0);
    data_free(set);
    for (size_t cut = size - 1; cut > size / 2; cut -= size / 7)
        scratch_refuses(scratch_bytes("docword.cut.txt.gz", bytes, cut), &scratch_one, 0,
                        "the gzip data are truncated", NULL);
}

Test(docword, a_long_document_and_a_word_in_all_of_them)
{
    enum { N = 300000 };
    const char *path = scratch_path("docword.big.txt");
    FILE *file = fopen(path, "w");
    fprintf(file, "%d\n%d\n%d\n", N, N, 2 * N - 1);
    for (int i = 2; i <= N; i++) /* out of order at the widest column's end */
        fprintf(file, "%d 7 1\n", i);
    for (int j = 1; j <= N; j++)
        fprintf(file, "1 %d 1000000\n", j);
    fclose(file);
    struct data_set *set = scratch_load(path, &scratch_one);
    cr_expect_eq(set->x.colptr[7] - set->x.colptr[6], N);
    cr_expect(set->x.rowidx[set->x.colptr[6]] == 0 && set->x.values[set->x.colptr[6]] == 1000000);
    says(set, "documents are out of order in 1 places: sorted\n");
    data_free(set);
}

Test(docword, one_column_is_a_vector_where_one_is_wanted)
{
    struct data_set *set = scratch_load(scratch_text("docword.v.txt", "4\n1\n2\n2 1 3\n4 1 5\n"), &scratch_vector);
    static const double wanted[] = { 0, 3, 0, 5 };
    cr_assert(set->x.rows == 4 && set->x.cols == 1 && !set->x.sparse);
    cr_expect(memcmp(set->x.dense, wanted, sizeof wanted) == 0);
    data_free(set);
    scratch_refuses(scratch_text("docword.v.txt", "4\n2\n1\n2 1 3\n"), &scratch_vector, 0, "a vector is wanted", NULL);
}

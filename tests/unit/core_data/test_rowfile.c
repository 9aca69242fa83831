#include "core/data/rowfile.h"
#include "tests/unit/core_data/scratch.h"

#include <float.h>
#include <locale.h>

TestSuite(rowfile, .init = scratch_begin, .fini = scratch_end);

static const double rows[] = { 1,     -0.1,           1.0 / 3, 0.1 + 0.2, 5e-324, DBL_MAX,
                               1e22, -123456789.125, -0.0,    7,         1e-17,  DBL_MIN };

static void begin(struct rowfile *out, const char *path)
{
    struct rondo_error err = { 0 };
    cr_assert_eq(rowfile_open(out, path, &err), RONDO_OK, "%s", err.what);
}

static void finish(struct rowfile *out)
{
    struct rondo_error err = { 0 };
    cr_assert_eq(rowfile_commit(out, &err), RONDO_OK, "%s", err.what);
    cr_expect_eq(mem_live(), 0);
}

/* Six rows of two, put as one, two and three. */
static void put_in_parts(struct rowfile *out)
{
    struct rondo_error err = { 0 };
    cr_assert_eq(rowfile_put(out, rows, 1, 2, &err), RONDO_OK);
    cr_assert_eq(rowfile_put(out, rows + 2, 2, 2, &err), RONDO_OK);
    cr_assert_eq(rowfile_put(out, rows + 6, 3, 2, &err), RONDO_OK);
    cr_expect(out->rows == 6 && out->width == 2);
}

static void text_reads_back(const char *name, char between)
{
    struct rowfile out;
    begin(&out, scratch_path(name));
    put_in_parts(&out);
    finish(&out);
    FILE *file = fopen(scratch_path(name), "r");
    cr_assert_not_null(file);
    for (int i = 0; i < 12; i++) {
        char word[64];
        double value;
        cr_assert_eq(fscanf(file, "%60[^ \t\n]", word), 1);
        value = strtod(word, NULL);
        cr_expect(memcmp(&value, &rows[i], sizeof value) == 0, "%s", word);
        cr_expect_eq(fgetc(file), i % 2 ? '\n' : between);
    }
    cr_expect_eq(fgetc(file), EOF);
    fclose(file);
}

Test(rowfile, text_gives_the_bits_back)
{
    text_reads_back("a.txt", ' ');
    text_reads_back("a.TSV", '\t');
}

Test(rowfile, a_locale_with_a_comma_changes_nothing)
{
    setlocale(LC_ALL, "de_DE.UTF-8"); /* where there is one */
    struct rowfile out;
    begin(&out, scratch_path("a.txt"));
    put_in_parts(&out);
    finish(&out);
    setlocale(LC_ALL, "C");
    char text[4] = "";
    FILE *file = fopen(scratch_path("a.txt"), "r");
    cr_assert_not_null(file);
    cr_assert_eq(fread(text, 1, 4, file), 4);
    cr_expect(memcmp(text, "1 -0", 4) == 0);
    fclose(file);
}

Test(rowfile, npy_is_what_our_reader_reads)
{
    struct rowfile out;
    begin(&out, scratch_path("a.npy"));
    put_in_parts(&out);
    finish(&out);
    struct data_set *set = scratch_load(scratch_path("a.npy"), &scratch_one);
    cr_assert(set->x.rows == 6 && set->x.cols == 2);
    for (int i = 0; i < 12; i++)
        cr_expect_eq(scratch_at(&set->x, i / 2, i % 2), rows[i]);
    data_free(set);
    begin(&out, scratch_path("b.npy"));
    cr_assert_eq(rowfile_put(&out, rows, 12, 1, NULL), RONDO_OK);
    finish(&out);
    set = scratch_load(scratch_path("b.npy"), &scratch_vector);
    cr_assert(set->x.rows == 12 && set->x.cols == 1);
    cr_expect(memcmp(set->x.dense, rows, sizeof rows) == 0);
    data_free(set);
}

Test(rowfile, more_rows_than_its_buffer_holds)
{
    struct rowfile out;
    enum { N = 50000 };
    begin(&out, scratch_path("a.npy"));
    for (int i = 0; i < N; i++) {
        double value = i / 7.0;
        cr_assert_eq(rowfile_put(&out, &value, 1, 1, NULL), RONDO_OK);
    }
    finish(&out);
    struct data_set *set = scratch_load(scratch_path("a.npy"), &scratch_one);
    cr_assert_eq(set->x.rows, N);
    for (int i = 0; i < N; i++)
        cr_assert_eq(set->x.dense[i], i / 7.0);
    data_free(set);
}

static int files(void)
{
    int count = 0;
    DIR *dir = opendir(scratch_dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

Test(rowfile, what_is_given_up_leaves_nothing)
{
    struct rowfile out = { 0 };
    rowfile_abandon(&out);
    begin(&out, scratch_path("a.txt"));
    put_in_parts(&out);
    cr_expect_eq(files(), 1);
    rowfile_abandon(&out);
    rowfile_abandon(&out);
    cr_expect_eq(files(), 0);
    cr_expect_eq(mem_live(), 0);
}

Test(rowfile, a_name_without_a_format_is_refused)
{
    static const char *const names[] = { "a", "a.json", ".txt", "a.npy.gz", "" };
    struct rowfile out;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct rondo_error err = { 0 };
        cr_expect_eq(rowfile_open(&out, names[i], &err), RONDO_EINPUT, "%s", names[i]);
        cr_expect_str_eq(err.where, names[i]);
    }
}

Test(rowfile, what_cannot_be_written_is_said)
{
    struct rondo_error err = { 0 };
    struct rowfile out;
    cr_expect_eq(rowfile_open(&out, scratch_path("none/a.txt"), &err), RONDO_EIO);
    cr_expect(strstr(err.what, "cannot write"));
    cr_expect_eq(mem_live(), 0);
}

static const char *const ids[] = { "u1", "a \"b\", c", "\"" };
static const struct rondo_words names = { 3, ids };

/* Rows of number, word, number. */
static void words_are(const char *name, const char *wanted)
{
    static const double mixed[] = { 7, 1, 0.5, 8, 0, 1.5, 9, 2, 2.5 };
    struct rowfile out;
    struct rondo_error err = { 0 };
    char text[128] = "";
    begin(&out, scratch_path(name));
    out.words[1] = &names;
    cr_assert_eq(rowfile_put(&out, mixed, 3, 3, &err), RONDO_OK);
    finish(&out);
    FILE *file = fopen(scratch_path(name), "r");
    cr_assert_not_null(file);
    cr_expect_gt(fread(text, 1, sizeof text - 1, file), 0);
    fclose(file);
    cr_expect_str_eq(text, wanted);
}

Test(rowfile, a_column_of_words_has_them_in_text)
{
    words_are("w.txt", "7 a \"b\", c 0.5\n8 u1 1.5\n9 \" 2.5\n");
    words_are("w.tsv", "7\ta \"b\", c\t0.5\n8\tu1\t1.5\n9\t\"\t2.5\n");
    words_are("w.csv", "7,\"a \"\"b\"\", c\",0.5\n8,u1,1.5\n9,\"\"\"\",2.5\n");
}

Test(rowfile, a_column_of_words_has_their_numbers_in_npy)
{
    struct rowfile out;
    struct rondo_error err = { 0 };
    begin(&out, scratch_path("w.npy"));
    out.words[0] = &names;
    cr_assert_eq(rowfile_put(&out, (const double[]){ 2, 0.5 }, 1, 2, &err), RONDO_OK);
    finish(&out);
    struct data_set *set = scratch_load(scratch_path("w.npy"), &scratch_one);
    cr_expect(scratch_at(&set->x, 0, 0) == 2 && scratch_at(&set->x, 0, 1) == 0.5);
    data_free(set);
}

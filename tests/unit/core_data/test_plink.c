/* PLINK 1 files and tables of phenotypes, against files written by hand. */
#include "core/data/fingerprint.h"
#include "tests/unit/core_data/scratch.h"

#include <math.h>

/* 5 people, 3 variants: the second byte of a column holds the fifth person, and bits that are none's. */
static const unsigned char bed[] = { 0x6c, 0x1b, 0x01,
                                     0xe4, 0xf0,   /* 2 missing 1 0 | 2 */
                                     0xff, 0x02,   /* 0 0 0 0 | 1 */
                                     0x55, 0xfd }; /* all missing */
static const char bim[] = "1\trs1\t0\t1000\tA\tG\n1 rs2 0 2000 A G\r\n23 rs3 0.5 3000 0 T";
static const char fam[] = "f1 a 0 0 1 2\nf1 b 0 0 2 1\n\nf2 a 0 0 0 1.5\nf2 c 0 0 1 -3\nf3 d 0 0 0 1e2\n";
static const char fam_unknown[] = "f1 a 0 0 1 2\nf1 b 0 0 2 -9\nf2 a 0 0 0 NA\nf2 c 0 0 1 1\nf3 d 0 0 0 2\n";

static const struct data_options takes = { .index_base = 1, .packed = true };
static const struct data_options unlabelled = { .index_base = 1, .packed = true,
                                                .labels = DATA_LABELS_UNUSED };
static const struct data_options maybe = { .index_base = 1, .packed = true,
                                           .labels = DATA_LABELS_IF_WHOLE };

static const char *trio(const char *people)
{
    scratch_text("s.bim", bim);
    scratch_text("s.fam", people);
    return scratch_bytes("s.bed", bed, sizeof bed);
}

#define PLINK_TEST(name) Test(plink, name, .init = scratch_begin, .fini = scratch_end)

PLINK_TEST(genotypes_are_mapped_as_they_lie)
{
    static const int codes[3][5] = { { 0, 1, 2, 3, 0 }, { 3, 3, 3, 3, 2 }, { 1, 1, 1, 1, 1 } };
    struct data_set *set = scratch_load(trio(fam), &takes);
    cr_assert(set->x.rows == 5 && set->x.cols == 3 && set->x.nnz == 15 && set->x.stride == 2);
    cr_assert(set->info.packed && !set->x.sparse && !set->x.dense && set->x.bytes == 6);
    for (int j = 0; j < 3; j++)
        for (int i = 0; i < 5; i++)
            cr_expect_eq((int)rondo_genotype_at(set->x.packed + j * set->x.stride, i), codes[j][i]);
    const double y[] = { 2, 1, 1.5, -3, 100 };
    cr_assert_arr_eq(set->labels.dense, y, sizeof y);
    data_free(set);
}

static void note_name(void *context, int64_t column, const char *name)
{
    char *text = context;
    size_t used = strlen(text);
    snprintf(text + used, 200 - used, "%d %s;", (int)column, name);
}

PLINK_TEST(columns_have_the_names_of_variants_and_the_allele_that_counts)
{
    struct rondo_error err = { 0 };
    char text[200] = "";
    cr_assert_eq(data_names(trio(fam), note_name, text, &err), RONDO_OK, "%s", err.what);
    cr_expect_str_eq(text, "0 rs1_A;1 rs2_A;2 rs3_0;");
    cr_expect_eq(data_names(scratch_text("x.svm", "1 1:1\n"), note_name, text, &err), RONDO_EINPUT);
    err = (struct rondo_error){ 0 };
    text[0] = 0;
    cr_expect_eq(data_names(scratch_text("c.txt", "FID IID age sex\nf1 a 1 2\n"), note_name, text, &err), RONDO_OK);
    cr_expect_str_eq(text, "0 age;1 sex;");
    cr_expect_eq(data_names(scratch_text("c.txt", "f1 a 1 2\n"), note_name, text, &err), RONDO_EINPUT);
    cr_expect_eq(data_names(scratch_text("c.txt", ""), note_name, text, &err), RONDO_EINPUT);
    trio(fam);
    scratch_text("s.bim", "1 rs1 0 1000 A G\n1 rs2\n");
    err = (struct rondo_error){ 0 };
    cr_expect_eq(data_names(scratch_path("s.bed"), note_name, text, &err), RONDO_EINPUT);
    cr_expect(strstr(err.where, "s.bim:2"), "%s", err.where);
    cr_expect_eq(mem_live(), 0);
}

PLINK_TEST(a_digest_sees_genotypes_and_y_and_no_padding)
{
    unsigned char other[sizeof bed];
    struct data_set *set = scratch_load(trio(fam), &takes);
    uint64_t digest = fingerprint_set(FINGERPRINT_BEGIN, set);
    data_free(set);
    memcpy(other, bed, sizeof bed);
    other[4] = 0x30;
    set = scratch_load(scratch_bytes("s.bed", other, sizeof other), &takes);
    cr_expect_eq(fingerprint_set(FINGERPRINT_BEGIN, set), digest);
    data_free(set);
    other[4] = 0x31;
    set = scratch_load(scratch_bytes("s.bed", other, sizeof other), &takes);
    cr_expect_neq(fingerprint_set(FINGERPRINT_BEGIN, set), digest);
    data_free(set);
    set = scratch_load(trio("f1 a 0 0 1 3\nf1 b 0 0 2 1\nf2 a 0 0 0 1.5\nf2 c 0 0 1 -3\n"
                            "f3 d 0 0 0 1e2\n"), &takes);
    cr_expect_neq(fingerprint_set(FINGERPRINT_BEGIN, set), digest);
    data_free(set);
}

PLINK_TEST(missing_phenotypes_are_an_error_where_they_are_wanted)
{
    struct rondo_error err = { 0 };
    struct data_set *set = NULL;
    char where[1100];
    const char *path = trio(fam_unknown);
    cr_assert_eq(data_load(path, &takes, &set, &err), RONDO_EINPUT);
    snprintf(where, sizeof where, "%s:2", scratch_path("s.fam"));
    cr_expect_str_eq(err.where, where);
    cr_expect(strstr(err.what, "f1 b is missing, the first of 2 of 5"), "%s", err.what);
    cr_expect(strstr(err.hint, "/data/y"), "%s", err.hint);
    set = scratch_load(scratch_path("s.bed"), &unlabelled);
    cr_expect(!set->info.labels);
    data_free(set);
    set = scratch_load(scratch_path("s.bed"), &maybe);
    cr_expect(!set->info.labels);
    data_free(set);
    set = scratch_load(trio(fam), &unlabelled);
    cr_expect(!set->info.labels);
    data_free(set);
}

PLINK_TEST(what_is_no_bed_is_refused)
{
    unsigned char other[sizeof bed + 1] = { 0 };
    const char *path = trio(fam);
    memcpy(other, bed, sizeof bed);
    other[2] = 0;
    scratch_bytes("s.bed", other, sizeof bed);
    scratch_refuses(path, &takes, 0, "by individuals", "--make-bed");
    other[2] = 7;
    scratch_bytes("s.bed", other, sizeof bed);
    scratch_refuses(path, &takes, 0, "third byte is not 01", NULL);
    other[2] = 1;
    scratch_bytes("s.bed", other, sizeof bed + 1);
    scratch_refuses(path, &takes, 0, "10 bytes, but 3 variants (.bim) of 5 individuals (.fam) take 9",
                    "belong");
    scratch_bytes("s.bed", other, sizeof bed - 1);
    scratch_refuses(path, &takes, 0, "8 bytes", NULL);
    scratch_text("s.bed", "chr1\t100\t200\n");
    scratch_refuses(path, &takes, 0, "does not begin with 6c 1b", NULL);
    scratch_refuses(scratch_bytes("s.genotypes", bed, sizeof bed), &takes, 0, "must end with .bed", NULL);
}

PLINK_TEST(it_is_refused_where_something_else_is_wanted)
{
    const char *path = trio(fam);
    scratch_refuses(path, &scratch_one, 0, "are not taken by this app", "convert");
    scratch_refuses(path, &scratch_vector, 0, "a vector is wanted", NULL);
}

/* The error of a load, at NAME:line. */
static void refuses_at(const char *name, int line, const char *words)
{
    char where[1100];
    struct rondo_error err = { 0 };
    struct data_set *set = NULL;
    int64_t live = mem_live();
    cr_assert_eq(data_load(scratch_path("s.bed"), &takes, &set, &err), RONDO_EINPUT);
    snprintf(where, sizeof where, line ? "%s:%d" : "%s", scratch_path(name), line);
    cr_expect_str_eq(err.where, where);
    cr_expect(strstr(err.what, words), "\"%s\" lacks \"%s\"", err.what, words);
    cr_expect_eq(mem_live(), live);
}

PLINK_TEST(bad_lines_beside_it_are_named)
{
    trio(fam);
    scratch_text("s.bim", "1 rs1 0 1000 A G\n\n1 rs2 0 2000 A\n1 rs3 0 3000 A G\n");
    refuses_at("s.bim", 3, "expected 6 columns, found 5");
    scratch_text("s.bim", "1 rs1 0 here A G\n");
    refuses_at("s.bim", 1, "expected a position, found \"here\"");
    scratch_text("s.bim", "1 rs1 0 1 A G\n");
    refuses_at("s.bed", 0, "1 variants");
    scratch_text("s.bim", bim);
    scratch_text("s.fam", "f1 a 0 0 1 2\nf1 b 0 0 1 ill\n");
    refuses_at("s.fam", 2, "expected a phenotype, found \"ill\"");
    scratch_text("s.fam", "f1 a 0 0 1 inf\n");
    refuses_at("s.fam", 1, "expected a phenotype");
    scratch_text("s.fam", "f1 a 0 0 1 2 3\n");
    refuses_at("s.fam", 1, "expected 6 columns, found 7");
}

PLINK_TEST(a_file_that_is_not_there_is_named)
{
    struct rondo_error err = { 0 };
    struct data_set *set = NULL;
    const char *path = trio(fam);
    remove(scratch_path("s.fam"));
    cr_assert(data_load(path, &takes, &set, &err) != RONDO_OK);
    cr_expect_str_eq(err.where, scratch_path("s.fam"));
}

PLINK_TEST(companions_are_told)
{
    char beside[1100];
    const char *path = trio(fam);
    cr_assert(data_companion(path, 0, beside, sizeof beside));
    cr_expect_str_eq(beside, scratch_path("s.bim"));
    cr_assert(data_companion(path, 1, beside, sizeof beside));
    cr_expect_str_eq(beside, scratch_path("s.fam"));
    cr_expect(!data_companion(path, 2, beside, sizeof beside));
    cr_expect(!data_companion(path, 0, beside, strlen(path)));
    cr_expect(!data_companion(scratch_path("s.fam"), 0, beside, sizeof beside));
    cr_expect(!data_companion(scratch_text("t.bed", "chr1 1 2\n"), 0, beside, sizeof beside));
}

/* ---- tables ------------------------------------------------------------------------------------- */

static struct data_options table_options(const char *column)
{
    static char path[1024];
    snprintf(path, sizeof path, "%s", trio(fam_unknown));
    return (struct data_options){ .index_base = 1, .vector = true, .people = path, .column = column };
}

PLINK_TEST(a_table_is_read_in_the_order_of_the_people)
{
    static const char text[] = "f3 d 5\nf2 a 3\nf9 z -9\nf1 b 2\nf2 c 4\nf1 a 1\n";
    const double y[] = { 1, 2, 3, 4, 5 };
    struct data_options options = table_options(NULL);
    struct data_set *set = scratch_load(scratch_text("p.txt", text), &options);
    cr_assert(set->info.format == DATA_TABLE && set->x.rows == 5 && set->x.cols == 1);
    cr_assert_arr_eq(set->x.dense, y, sizeof y);
    data_free(set);
}

PLINK_TEST(a_column_is_chosen_by_name_or_number)
{
    static const char lines[] = "f1 a 1 10\nf1 b 2 20\nf2 a 3 30\nf2 c 4 40\nf3 d 5 50\n";
    char text[256];
    const double y[] = { 10, 20, 30, 40, 50 };
    struct data_options options = table_options("bmi");
    snprintf(text, sizeof text, "FID\tIID\theight\tbmi\n%s", lines);
    struct data_set *set = scratch_load(scratch_text("p.txt", text), &options);
    cr_assert_arr_eq(set->x.dense, y, sizeof y);
    data_free(set);
    scratch_refuses(scratch_path("p.txt"), (options.column = "age", &options), 1,
                    "called \"age\"; the table has height, bmi", NULL);
    scratch_refuses(scratch_path("p.txt"), (options.column = NULL, &options), 1,
                    "2 phenotypes: height, bmi", "/data/phenotype");
    scratch_text("p.txt", lines);
    set = scratch_load(scratch_path("p.txt"), (options.column = "2", &options));
    cr_assert_arr_eq(set->x.dense, y, sizeof y);
    data_free(set);
    scratch_refuses(scratch_path("p.txt"), (options.column = "3", &options), 1, "1 to 2", NULL);
}

PLINK_TEST(all_columns_are_a_matrix)
{
    struct data_options options = table_options(NULL);
    options.vector = false;
    struct data_set *set = scratch_load(
        scratch_text("p.txt", "#FID IID a b\nf1 a 1 10\nf1 b 2 20\nf2 a 3 30\nf2 c 4 40\nf3 d 5 50"),
        &options);
    cr_assert(set->x.cols == 2 && scratch_at(&set->x, 2, 1) == 30 && scratch_at(&set->x, 4, 0) == 5);
    data_free(set);
}

PLINK_TEST(some_columns_are_a_matrix_in_their_order)
{
    static const char lines[] = "f1 a 1 10 NA\nf1 b 2 20 7\nf2 a 3 30 7\nf2 c 4 40 7\nf3 d 5 50 7\n";
    char text[256];
    static const char *const lists[] = { "b,a", "2,1", "2,a" };
    struct data_options options = table_options(NULL);
    options.vector = false;
    snprintf(text, sizeof text, "FID IID a b c\n%s", lines);
    for (int i = 0; i < 3; i++) { /* what is missing in another column is not asked for */
        options.column = lists[i];
        struct data_set *set = scratch_load(scratch_text("p.txt", i == 1 ? lines : text), &options);
        cr_assert(set->x.rows == 5 && set->x.cols == 2);
        for (int row = 0; row < 5; row++)
            cr_expect(scratch_at(&set->x, row, 0) == 10 * (row + 1) && scratch_at(&set->x, row, 1) == row + 1);
        data_free(set);
    }
    scratch_text("p.txt", text);
    scratch_refuses(scratch_path("p.txt"), (options.column = "a,sex", &options), 1,
                    "no covariate is called \"sex\"; the table has a, b, c", NULL);
    scratch_refuses(scratch_path("p.txt"), (options.column = "a,,b", &options), 1, "called \"\"", NULL);
    scratch_refuses(scratch_path("p.txt"), (options.column = "a,2,a", &options), 1,
                    "the covariate \"a\" is asked for twice", NULL);
    scratch_refuses(scratch_path("p.txt"), (options.column = "b,2", &options), 1, "\"2\" is asked for twice", NULL);
    scratch_refuses(scratch_path("p.txt"), (options.column = "4", &options), 1, "called \"4\"", NULL);
}

PLINK_TEST(bad_tables_are_refused)
{
    struct data_options options = table_options(NULL);
    const char *path = scratch_text("p.txt", "f1 a 1\nf1 b 2\nf2 c 4\n");
    scratch_refuses(path, &options, 0, "f2 a is not in it, the first of 2 of the .fam's 5", NULL);
    scratch_text("p.txt", "f1 a 1\nf1 b 2\nf2 c 4\nf3 d 5\n");
    scratch_refuses(path, &options, 0, "f2 a is not in it", NULL);
    scratch_text("p.txt", "a 1 3\nb 2 3\n");
    scratch_refuses(path, &options, 0, "f1 a is not in it, the first of 5", "begins with FID and IID");
    scratch_text("p.txt", "FID,IID,age\nf1,a,1\n");
    scratch_refuses(path, &options, 0, "looks like CSV", "blanks or tabs");
    scratch_text("p.txt", "f1 a 1\nf1 b NA\nf2 a 3\nf2 c 4\nf3 d 5\n");
    scratch_refuses(path, &options, 2, "the value of f1 b is missing", NULL);
    scratch_text("p.txt", "f1 a 1\nf1 b NA\nf2 a -9\nf2 c 4\nf3 d 5\n");
    scratch_refuses(path, &options, 2, "the value of f1 b is missing, the first of 2", NULL);
    scratch_text("p.txt", "f1 a 1\nf1 b 2\nf1 a 3\n");
    scratch_refuses(path, &options, 3, "f1 a stands twice", NULL);
    scratch_text("p.txt", "f1 a 1\nf1 b 2 3\n");
    scratch_refuses(path, &options, 2, "expected 3 columns, found 4", NULL);
    scratch_text("p.txt", "f1 a 1\nf1 b tall\n");
    scratch_refuses(path, &options, 2, "expected a number, found \"tall\"", NULL);
    scratch_text("s.fam", "f1 a 0 0 0 1\nf1 b 0 0 0 1\nf1 a 0 0 0 1\n");
    struct rondo_error err = { 0 };
    struct data_set *set = NULL;
    cr_assert_eq(data_load(path, &options, &set, &err), RONDO_EINPUT);
    cr_expect(strstr(err.what, "f1 a stands twice"), "%s", err.what);
}

PLINK_TEST(a_vector_that_is_no_table_is_read_as_ever)
{
    struct data_options options = table_options(NULL);
    struct data_set *set = scratch_load(scratch_text("y.txt", "1\n2\n3\n4\n5\n"), &options);
    cr_assert(set->info.format == DATA_SVMLIGHT && set->x.rows == 5);
    data_free(set);
    options.column = "bmi";
    scratch_refuses(scratch_path("y.txt"), &options, 0, "no table", NULL);
}

/* ---- writing ------------------------------------------------------------------------------------ */

PLINK_TEST(what_is_written_reads_back)
{
    static const char text[] = "1.5 1:2 3:1\n-2 2:1\n0 1:1 2:2 3:0\n7 3:2\n4 1:2\n";
    struct rondo_error err = { 0 };
    struct data_set *set = scratch_load(scratch_text("a.svm", text), &scratch_one);
    cr_assert_eq(data_write(scratch_path("b.bed"), &set->x, set->labels.dense, &err), RONDO_OK);
    struct data_set *back = scratch_load(scratch_path("b.bed"), &takes);
    cr_assert_eq(data_write(scratch_path("c.svm"), &back->x, back->labels.dense, &err), RONDO_OK);
    cr_assert_eq(data_write(scratch_path("c.npy"), &back->x, NULL, &err), RONDO_OK);
    cr_assert_eq(data_write(scratch_path("c.mtx"), &back->x, NULL, &err), RONDO_OK);
    static const char *const names[] = { "c.svm", "c.npy", "c.mtx" };
    for (int k = 0; k < 3; k++) {
        struct data_set *plain = scratch_load(scratch_path(names[k]), &scratch_one);
        cr_assert(plain->x.rows == 5 && plain->x.cols == 3);
        for (int i = 0; i < 5; i++)
            for (int j = 0; j < 3; j++)
                cr_expect_eq(scratch_at(&plain->x, i, j), scratch_at(&set->x, i, j));
        cr_expect(k || memcmp(plain->labels.dense, set->labels.dense, 5 * sizeof(double)) == 0);
        data_free(plain);
    }
    cr_expect_eq(data_write(scratch_path("d.bed"), &back->x, NULL, &err), RONDO_EINPUT);
    data_free(back);
    data_free(set);
}

PLINK_TEST(a_missing_genotype_is_written_as_the_mean)
{
    struct rondo_error err = { 0 };
    struct data_set *set = scratch_load(trio(fam), &takes);
    cr_assert_eq(data_write(scratch_path("m.npy"), &set->x, NULL, &err), RONDO_OK);
    cr_assert_eq(data_write(scratch_path("m.svm"), &set->x, NULL, &err), RONDO_OK);
    struct data_set *dense = scratch_load(scratch_path("m.npy"), &scratch_one);
    struct data_set *sparse = scratch_load(scratch_path("m.svm"), &scratch_one);
    cr_expect_eq(scratch_at(&dense->x, 1, 0), 1.25);
    cr_expect_eq(scratch_at(&sparse->x, 1, 0), 1.25);
    cr_expect(scratch_at(&dense->x, 3, 2) == 0 && sparse->x.cols == 3);
    data_free(dense);
    data_free(sparse);
    data_free(set);
}

PLINK_TEST(what_is_no_genotype_is_not_written)
{
    struct rondo_error err = { 0 };
    struct data_set *set = scratch_load(scratch_text("a.svm", "1 1:2 2:1\n1 1:1 2:0.5\n"),
                                        &scratch_one);
    cr_assert_eq(data_write(scratch_path("n.bed"), &set->x, NULL, &err), RONDO_EINPUT);
    cr_expect(strstr(err.what, "row 2, column 2 is 0.5"), "%s", err.what);
    cr_expect(access(scratch_path("n.bed"), F_OK) && access(scratch_path("n.bim"), F_OK));
    data_free(set);
}

/* ---- made genotypes ----------------------------------------------------------------------------- */

PLINK_TEST(made_files_hold_what_is_made_in_memory)
{
    struct data_recipe recipe = { .design = DATA_DESIGN_GENOTYPE, .rows = 203, .cols = 300,
                                  .causes = 7, .heritability = 0.5, .seed = 5 };
    struct rondo_error err = { 0 };
    struct data_set *set;
    double *truth, *again;
    cr_assert_eq(data_generate(&recipe, &set, &truth, &err), RONDO_OK, "%s", err.what);
    recipe.missing = 0.1;
    cr_assert_eq(data_generate_bed(&recipe, scratch_path("g.bed"), &again, &err), RONDO_OK);
    cr_assert_arr_eq(truth, again, 300 * sizeof *truth);
    struct data_set *packed = scratch_load(scratch_path("g.bed"), &takes);
    cr_assert_arr_eq(packed->labels.dense, set->labels.dense, 203 * sizeof(double));
    static const double value[4] = { 2, -1, 1, 0 };
    int64_t missing = 0;
    for (int64_t j = 0; j < 300; j++)
        for (int64_t i = 0; i < 203; i++) {
            double x = value[rondo_genotype_at(packed->x.packed + j * packed->x.stride, i)];
            missing += x < 0;
            cr_assert(x < 0 || x == scratch_at(&set->x, i, j));
        }
    cr_expect(fabs((double)missing / (203 * 300) - 0.1) < 0.01, "%lld", (long long)missing);
    data_free(packed);
    data_free(set);
    mem_free(truth);
    mem_free(again);
}

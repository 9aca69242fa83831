/* What all readers and writers share: they survive the failure of any allocation, and keep within
 * the memory that data.h promises. */
#include "tests/support/brutal.h"
#include "tests/unit/core_data/scratch.h"

TestSuite(data, .init = scratch_begin, .fini = scratch_end);

struct file {
    const char *path;
    const struct data_options *options;
};

static int load(void *what)
{
    const struct file *file = what;
    struct data_set *set = NULL;
    struct rondo_error err = { 0 };
    int code = data_load(file->path, file->options, &set, &err);
    cr_assert_eq(err.code, code);
    cr_assert_eq(set != NULL, code == RONDO_OK);
    data_free(set);
    return code;
}

static int inspect(void *what)
{
    const struct file *file = what;
    struct data_info info;
    struct rondo_error err = { 0 };
    int code = data_inspect(file->path, file->options, &info, &err);
    cr_assert_eq(err.code, code);
    return code;
}

static void survives(const char *path, const struct data_options *options)
{
    struct file file = { path, options };
    cr_expect_geq(brutal_run(load, &file), 3);
    cr_expect_geq(brutal_run(inspect, &file), 1);
}

/* Writes a small made matrix under a name and loads it with every allocation failing. */
static void survives_name(const char *name)
{
    const struct data_recipe recipe = { .design = DATA_DESIGN_SPARSE, .rows = 9, .cols = 5,
                                        .density = 0.5, .causes = 2, .amplitude = 1, .noise = 1 };
    struct data_set *set;
    double *truth;
    struct rondo_error err = { 0 };
    const char *path = scratch_path(name);
    cr_assert_eq(data_generate(&recipe, &set, &truth, &err), RONDO_OK);
    cr_assert_eq(data_write(path, &set->x, set->labels.dense, &err), RONDO_OK);
    data_free(set);
    mem_free(truth);
    survives(path, &scratch_one);
}

Test(data, loading_svmlight_survives_every_failing_allocation)
{
    survives_name("a.svm");
    survives_name("a.svm.gz");
    survives(scratch_text("y.txt", "1\n2\n"), &scratch_vector);
}

Test(data, loading_matrix_market_survives_every_failing_allocation)
{
    survives_name("a.mtx");
    survives_name("a.mtx.gz");
    survives(scratch_text("s.mtx", "%%MatrixMarket matrix coordinate real symmetric\n2 2 2\n"
                                   "2 1 3\n1 1 4\n"),
             &scratch_one);
    survives(scratch_text("v.mtx", "%%MatrixMarket matrix coordinate real general\n3 1 1\n2 1 3\n"),
             &scratch_vector);
}

Test(data, loading_docword_survives_every_failing_allocation)
{
    survives(scratch_text("a.txt", "2\n3\n3\n2 3 1\n1 1 4\n1 1 4\n"), &scratch_one);
    survives(scratch_text("v.txt", "3\n1\n1\n2 1 3\n"), &scratch_vector);
}

Test(data, loading_ratings_survives_every_failing_allocation)
{
    static const struct data_options ratings = { .ratings = true }, pairs = { .ratings = true, .pairs = true };
    const char *path = scratch_text("a.csv", "u,1,3,9\nv,2,4,8\nv,1,4,8\nu,1,5,8\nv,1,1,9\n");
    survives(path, &ratings);
    survives(path, &pairs);
    survives(scratch_text("r.mtx", "%%MatrixMarket matrix coordinate real general\n2 2 2\n2 1 3\n1 1 4\n"),
             &ratings);
}

Test(data, loading_npy_survives_every_failing_allocation)
{
    survives_name("a.npy");
    survives_name("a.npy.gz");
    static const char dict[] = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), }";
    unsigned char bytes[10 + sizeof dict - 1 + 32] = "\x93NUMPY\x01";
    bytes[8] = sizeof dict - 1;
    memcpy(bytes + 10, dict, sizeof dict - 1);
    survives(scratch_bytes("c.npy", bytes, sizeof bytes), &scratch_one);
}

static int generate(void *what)
{
    struct data_set *set = NULL;
    double *truth = NULL;
    struct rondo_error err = { 0 };
    int code = data_generate(what, &set, &truth, &err);
    cr_assert_eq(err.code, code);
    data_free(set);
    mem_free(truth);
    return code;
}

Test(data, generating_survives_every_failing_allocation)
{
    for (int design = DATA_DESIGN_AR; design <= DATA_DESIGN_SPARSE; design++) {
        struct data_recipe recipe = { .design = (enum data_design)design, .rows = 9, .cols = 5,
                                      .block = 5, .density = 0.5, .causes = 2, .amplitude = 1,
                                      .noise = 1, .heritability = 0.5 };
        cr_expect_geq(brutal_run(generate, &recipe), 5);
    }
}

static int write_one(void *what)
{
    static const int64_t colptr[] = { 0, 1, 2 };
    static const int32_t rowidx[] = { 0, 1 };
    static const double values[] = { 1, 2 };
    const struct rondo_matrix x = { .rows = 2, .cols = 2, .nnz = 2, .sparse = true,
                                    .colptr = colptr, .rowidx = rowidx, .values = values };
    struct rondo_error err = { 0 };
    int code = data_write(what, &x, NULL, &err);
    cr_assert_eq(err.code, code);
    cr_assert_eq(access(what, F_OK) == 0, code == RONDO_OK, "a file was left by a failed write");
    unlink(what);
    return code;
}

Test(data, writing_survives_every_failing_allocation_and_leaves_no_file)
{
    static const char *const names[] = { "w.npy", "w.mtx", "w.svm", "w.svm.gz", "docword.w.txt" };
    for (int i = 0; i < 5; i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s", scratch_path(names[i]));
        cr_expect_geq(brutal_run(write_one, path), 1);
    }
}

/* The peak of a load in this process, which has done nothing large before. */
static void stays_within(const char *path, const struct data_options *options)
{
    int64_t before = mem_peak_rss_bytes();
    struct data_set *set = scratch_load(path, options);
    int64_t grown = mem_peak_rss_bytes() - before;
    double most = 1.1 * (double)(set->x.bytes + set->labels.bytes) + 16 * 0x1p20;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    cr_expect((double)grown <= most, "%lld bytes, at most %g", (long long)grown, most);
#endif
    (void)grown;
    (void)most;
    data_free(set);
}

Test(data, loading_a_large_npy_in_c_order_holds_no_second_copy)
{
    enum { N = 1000, P = 16000 };
    const char *path = scratch_path("c.npy");
    FILE *file = fopen(path, "wb");
    double row[1000];
    cr_assert(file != NULL);
    for (int i = 0; i < 1000; i++)
        row[i] = i;
    fwrite("\x93NUMPY\x01\x00\x4a\x00", 1, 10, file);
    fprintf(file, "%-74s", "{'descr': '<f8', 'fortran_order': False, 'shape': (1000, 16000), }");
    for (int i = 0; i < N; i++)
        for (int j = 0; j < P / 1000; j++)
            fwrite(row, sizeof row, 1, file);
    cr_assert_eq(fclose(file), 0);
    stays_within(path, &scratch_one);
}

Test(data, loading_a_large_svmlight_text_holds_no_second_copy)
{
    const char *path = scratch_path("l.svm");
    FILE *file = fopen(path, "wb");
    cr_assert(file != NULL);
    for (int i = 0; i < 40000; i++) {
        fputs("1", file);
        for (int j = 0; j < 40; j++)
            fprintf(file, " %d:%d.25", j * 500 + (i * 7 + j) % 500 + 1, i % 100);
        fputc('\n', file);
    }
    cr_assert_eq(fclose(file), 0);
    stays_within(path, &scratch_one);
}

Test(data, loading_a_large_docword_holds_no_second_copy)
{
    const char *path = scratch_path("docword.l.txt");
    FILE *file = fopen(path, "wb");
    cr_assert(file != NULL);
    fputs("40000\n20000\n1600000\n", file);
    for (int i = 0; i < 40000; i++)
        for (int j = 0; j < 40; j++)
            fprintf(file, "%d %d %d\n", i + 1, j * 500 + (i * 7 + j) % 500 + 1, i % 100 + 1);
    cr_assert_eq(fclose(file), 0);
    stays_within(path, &scratch_one);
}

Test(data, null_options_count_from_one)
{
    struct data_set *set = scratch_load(scratch_text("a.svm", "1 1:2\n"), NULL);
    cr_expect_eq(set->x.cols, 1);
    data_free(set);
}

Test(data, freeing_nothing_is_allowed)
{
    data_free(NULL);
    cr_expect_str_eq(data_format_name(DATA_UNKNOWN), "unknown");
    cr_expect_str_eq(data_format_name(DATA_MTX), "mtx");
}

/* Real files, where RONDO_SHARED names the folder that has them; the sums come from NumPy and
 * scikit-learn. */
static const struct shared {
    const char *name;
    int64_t rows, cols, nnz;
    double sum;
} files[] = {
    { "news20.svm.gz", 15935, 62061, 1272569, 1852082 },
    { "leukemia.X.npy", 72, 7129, 513288, 318124975 },
    { "leukemia.y.npy", 72, 1, 72, 25 },
    { "lasso500by1K.X.mtx", 500, 1000, 20000, 0 },
};

Test(data, real_files_have_the_shapes_and_sums_that_others_read)
{
    const char *folder = getenv("RONDO_SHARED");
    char path[1024];
    for (size_t k = 0; k < sizeof files / sizeof files[0]; k++) {
        snprintf(path, sizeof path, "%s/data/lasso/%s", folder ? folder : "", files[k].name);
        if (!folder || access(path, R_OK))
            scratch_skip("RONDO_SHARED names no folder with the real data");
        struct data_set *set = scratch_load(path, &scratch_one);
        double sum = 0;
        cr_expect(set->x.rows == files[k].rows && set->x.cols == files[k].cols);
        cr_expect_eq(set->x.nnz, files[k].nnz);
        for (int64_t j = 0; j < set->x.cols; j++)
            for (int64_t i = 0; i < (set->x.sparse ? set->x.colptr[j + 1] - set->x.colptr[j]
                                                   : set->x.rows); i++)
                sum += set->x.sparse ? set->x.values[set->x.colptr[j] + i]
                                     : set->x.dense[i + j * set->x.ld];
        cr_expect_float_eq(sum, files[k].sum, 1e-9, "%s: %.17g", files[k].name, sum);
        data_free(set);
    }
}

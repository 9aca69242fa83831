#include "tests/unit/core_data/scratch.h"

#include <locale.h>
#include <math.h>

TestSuite(write, .init = scratch_begin, .fini = scratch_end);

static const double dense_values[] = { 1.5,     0,   -0.1, 1e-300, 3,      1e22, 0.1 + 0.2, 1e15, 7,
                                       -1e-5,   0,   0,    4e17,   -123456 };
static const struct rondo_matrix dense = { .rows = 5, .cols = 2, .nnz = 10, .ld = 7,
                                           .dense = dense_values };
static const int64_t colptr[] = { 0, 2, 2, 5, 5 };
static const int32_t rowidx[] = { 1, 4, 0, 1, 3 };
static const double sparse_values[] = { 0.1, -7, 1.0 / 3, 0, 2e-310 };
static const struct rondo_matrix sparse = { .rows = 5, .cols = 4, .nnz = 5, .sparse = true,
                                            .colptr = colptr, .rowidx = rowidx,
                                            .values = sparse_values };
static const double labels[] = { 1, -1, 0.1, 1e-17, 1234567890123456.5 };

/* Writes, loads, and compares the bits of every place, and of the labels where the format has them. */
static void returns(const char *name, const struct rondo_matrix *x, bool stays_sparse)
{
    struct rondo_error err = { 0 };
    const char *path = scratch_path(name);
    cr_assert_eq(data_write(path, x, labels, &err), RONDO_OK, "%s: %s", name, err.what);
    struct data_set *set = scratch_load(path, &scratch_one);
    cr_assert(set->x.rows == x->rows && set->x.cols == x->cols, "%s", name);
    cr_expect_eq(set->x.sparse, stays_sparse, "%s", name);
    for (int64_t j = 0; j < x->cols; j++)
        for (int64_t i = 0; i < x->rows; i++)
            cr_expect_eq(scratch_at(&set->x, i, j), scratch_at(x, i, j), "%s at %d, %d", name, (int)i,
                         (int)j);
    if (set->info.labels)
        cr_expect(memcmp(set->labels.dense, labels, sizeof labels) == 0, "%s", name);
    data_free(set);
    cr_expect_eq(mem_live(), 0);
}

Test(write, every_format_gives_a_dense_matrix_back)
{
    static const char *const names[] = { "a.npy", "a.mtx", "a.npy.gz", "a.mtx.gz" };
    for (int i = 0; i < 4; i++)
        returns(names[i], &dense, false);
    returns("a.svm", &dense, true);
    returns("a.libsvm.gz", &dense, true);
}

Test(write, every_format_gives_a_sparse_matrix_back)
{
    static const char *const names[] = { "a.mtx", "a.svm", "a.txt", "a.mtx.gz", "a.svm.gz" };
    for (int i = 0; i < 5; i++)
        returns(names[i], &sparse, true);
    returns("a.npy", &sparse, false);
    returns("a.npy.gz", &sparse, false);
}

Test(write, counts_come_back_from_a_docword)
{
    static const double counts[] = { 3, 0, 2147483647, 1, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0 };
    const struct rondo_matrix full = { .rows = 5, .cols = 2, .nnz = 10, .ld = 7, .dense = counts };
    static const double some[] = { 1, 12, 5, 2147483647, 4 };
    const struct rondo_matrix few = { .rows = 5, .cols = 4, .nnz = 5, .sparse = true, .colptr = colptr,
                                      .rowidx = rowidx, .values = some };
    static const char *const names[] = { "docword.a.txt", "docword.a.txt.gz", "docword.a" };
    for (int i = 0; i < 3; i++) {
        returns(names[i], &few, true);
        returns(names[i], &full, true);
    }
}

Test(write, a_docword_has_no_other_numbers)
{
    struct rondo_error err = { 0 };
    const char *path = scratch_path("docword.a.txt");
    cr_expect_eq(data_write(path, &sparse, NULL, &err), RONDO_EINPUT);
    cr_expect(strstr(err.what, "row 2, column 1 (counted from 1) has 0.1") != NULL, "%s", err.what);
    err = (struct rondo_error){ 0 };
    cr_expect_eq(data_write(path, &dense, NULL, &err), RONDO_EINPUT);
    cr_expect(strstr(err.what, "row 1, column 1 (counted from 1) has 1.5") != NULL, "%s", err.what);
    cr_expect_neq(access(path, F_OK), 0);
}

Test(write, a_vector_comes_back_as_a_vector)
{
    static const char *const names[] = { "y.npy", "y.mtx", "y.npy.gz" };
    const struct rondo_matrix y = { .rows = 5, .cols = 1, .nnz = 5, .ld = 5, .dense = labels };
    struct rondo_error err = { 0 };
    for (int i = 0; i < 3; i++) {
        const char *path = scratch_path(names[i]);
        cr_assert_eq(data_write(path, &y, NULL, &err), RONDO_OK);
        struct data_set *set = scratch_load(path, &scratch_vector);
        cr_expect(set->x.rows == 5 && memcmp(set->x.dense, labels, sizeof labels) == 0);
        data_free(set);
    }
}

Test(write, explicit_zeros_survive)
{
    struct rondo_error err = { 0 };
    const char *path = scratch_path("z.mtx");
    cr_assert_eq(data_write(path, &sparse, NULL, &err), RONDO_OK);
    struct data_set *set = scratch_load(path, &scratch_one);
    cr_expect_eq(set->x.nnz, 5);
    data_free(set);
}

Test(write, a_large_matrix_passes_the_buffers_edges)
{
    const struct data_recipe recipe = { .design = DATA_DESIGN_SPARSE, .rows = 700, .cols = 900,
                                        .density = 0.05, .causes = 9, .amplitude = 1, .noise = 1 };
    static const char *const names[] = { "l.svm.gz", "l.mtx", "l.npy" };
    struct rondo_error err = { 0 };
    struct data_set *made;
    double *truth;
    cr_assert_eq(data_generate(&recipe, &made, &truth, &err), RONDO_OK);
    for (int k = 0; k < 3; k++) {
        const char *path = scratch_path(names[k]);
        cr_assert_eq(data_write(path, &made->x, made->labels.dense, &err), RONDO_OK);
        struct data_set *set = scratch_load(path, &scratch_one);
        for (int64_t j = 0; j < 900; j++)
            for (int64_t at = made->x.colptr[j]; at < made->x.colptr[j + 1]; at++)
                cr_assert_eq(scratch_at(&set->x, made->x.rowidx[at], j), made->x.values[at]);
        data_free(set);
    }
    data_free(made);
    mem_free(truth);
}

Test(write, a_name_of_no_format_and_a_missing_folder_are_told)
{
    static const char *const names[] = { "a", "a.csv", "a.npy.zst", "a.gz" };
    struct rondo_error err = { 0 };
    for (int i = 0; i < 4; i++, err = (struct rondo_error){ 0 }) {
        cr_expect_eq(data_write(scratch_path(names[i]), &dense, NULL, &err), RONDO_EINPUT);
        cr_expect(strstr(err.what, ".npy, .mtx, .svm") != NULL, "%s", err.what);
    }
    cr_expect_eq(data_write(scratch_path("none/a.npy"), &dense, NULL, &err), RONDO_EIO);
}

Test(write, the_locale_of_the_program_changes_nothing)
{
    static const char *const locales[] = { "de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "fr_FR" };
    bool found = false;
    for (int i = 0; !found && i < 4; i++)
        found = setlocale(LC_ALL, locales[i]) != NULL;
    if (!found)
        scratch_skip("no locale with a decimal comma is installed");
    returns("a.mtx", &dense, false);
    returns("a.svm", &sparse, true);
}
